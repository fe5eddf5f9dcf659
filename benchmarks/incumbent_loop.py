"""The incumbent's published rule as public Python implementations have it: a loop over bars.

In:  `Bars`.   Out: a picture, columns × bins. [USD]
Each bar's volume is taken to open positions at four leverages; a level stands until price touches
it. No open interest, no closing, no calibration. Free of compiled code.
"""

from __future__ import annotations

import numpy as np

from forcedflow.positions import Bars

LEVERAGES = np.array([10.0, 25.0, 50.0, 100.0])
COLUMNS = 1_000
BIN = 0.0005
REACH = 0.25


def incumbent_picture(bars: Bars) -> np.ndarray:
    """Return the levels that stand at the end of each of `COLUMNS` spans of bars."""
    lowest = float(bars.low.min()) * (1 - REACH)
    n_bins = int(np.log(float(bars.high.max()) * (1 + REACH) / lowest) / BIN) + 1
    standing = np.zeros(n_bins)
    shown = np.zeros((COLUMNS, n_bins))
    edges = np.linspace(0, bars.size, COLUMNS + 1).astype(np.int64)[1:] - 1
    column = 0

    def bin_of(price: np.ndarray | float) -> np.ndarray:
        return (np.log(np.asarray(price) / lowest) / BIN).astype(np.int64)

    for t in range(bars.size):
        first, last = bin_of(bars.low[t]), bin_of(bars.high[t])
        standing[first : last + 1] = 0.0
        usd = bars.volume[t] * bars.close[t] / (2 * LEVERAGES.size)
        for entry in (bars.low[t], bars.close[t], bars.high[t]):
            np.add.at(standing, bin_of(entry * (1 - 1 / LEVERAGES)), usd / 3)
            np.add.at(standing, bin_of(entry * (1 + 1 / LEVERAGES)), usd / 3)
        if t == edges[column]:
            shown[column] = standing
            column += 1
    return shown

"""Opponents of the map: the same machinery with the information taken out, one piece at a time.

In:  the bars and flows that our map is made of.   Out: flows or expectations of each opponent.
Pure: values in, values out; no I/O, no clock.

- ``unif``: equal opens in every bar, `forcedflow.positions.price_history`: price history without
  any open interest or volume.
- ``roll7``: our opens as they were seven days earlier: real flows at the wrong time.
- ``net``: only net rises of open interest, for both sides alike.
- the incumbent rule of public tools: a rise of open interest goes to one side by the colour of the
  candle, at fixed leverages; a fall takes from every level alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forcedflow.positions import Bars, Flows
from forcedflow.units import DAY_MS, F8x2

_INCUMBENT_TIERS = (5.0, 10.0, 25.0, 50.0, 100.0)
_INCUMBENT_SHARES = (0.15, 0.30, 0.25, 0.20, 0.10)
_INCUMBENT_RATE = 0.005
_BIN = 5e-4
_FARTHEST = 0.3


def shifted_flows(bars: Bars, flows: Flows, days: int = 7) -> Flows:
    """Return each bar's opens as they were ``days`` earlier; the first days have their mean so far.

    The causal form of a rolled series: nothing is taken from the end of the sample.
    """
    earlier = np.searchsorted(bars.end_ms, bars.end_ms - days * DAY_MS, side="right") - 1
    seen = earlier >= 0
    counted = np.arange(1, bars.size + 1)[:, None]

    def shift(opens: F8x2) -> F8x2:
        so_far = np.cumsum(opens, axis=0) / counted
        return np.where(seen[:, None], opens[np.maximum(earlier, 0)], so_far)

    return replace(flows, opens_long=shift(flows.opens_long), opens_short=shift(flows.opens_short))


def net_flows(bars: Bars, flows: Flows) -> Flows:
    """Return flows that open only where open interest rose, both sides alike."""
    rise = np.maximum(bars.change, 0.0)[:, None] / len(flows.roles)
    both = np.repeat(rise, len(flows.roles), axis=1)
    return replace(flows, opens_long=both, opens_short=both.copy())


@dataclass(frozen=True, slots=True)
class IncumbentSweep:
    """What the incumbent rule says each bar liquidates, shape ``(n, 2)``. [USD]"""

    usd: F8x2


def incumbent_rule(bars: Bars) -> IncumbentSweep:
    """Return the liquidations that the public rule expects given each bar's range.

    Parameters
    ----------
    bars : Bars

    Returns
    -------
    IncumbentSweep

    Notes
    -----
    A rise of open interest over a bar goes to longs where the bar rose and to shorts where it
    fell, at 5, 10, 25, 50 and 100 times with fixed shares, at ``entry · (1 ∓ 1/L ± m/L)`` with
    ``m`` half a percent as the public code writes it; a fall takes the same share of every level
    of both sides; a touched level is gone.
    """
    # The lattice is absolute, so the window's size, which later prices set, moves no level.
    lows, highs = (
        np.floor(np.log(price) / _BIN).astype(np.int64) for price in (bars.low, bars.high)
    )
    reach = int(np.ceil(_FARTHEST / _BIN))
    first = int(lows.min()) - reach
    size = int(highs.max()) + reach + 1 - first
    standing = np.zeros((2, size))
    usd = np.zeros((bars.size, 2))
    before = bars.close[0]
    held = float(bars.open_interest[0] - bars.change[0])
    distance = (1 - _INCUMBENT_RATE) / np.asarray(_INCUMBENT_TIERS)
    for t in range(bars.size):
        touched = (
            standing[0, lows[t] - first :],
            standing[1, : highs[t] - first + 1],
        )
        for side, levels in enumerate(touched):
            # Zeros left out, a sum does not depend on the window's size, not even in its last bit.
            usd[t, side] = levels[levels > 0].sum() * bars.close[t]
            levels[:] = 0.0
        change = float(bars.change[t])
        if change > 0:
            rose = bars.close[t] >= before
            side, sign = (0, -1.0) if rose else (1, 1.0)
            level = np.log(bars.close[t] * (1 + sign * distance))
            place = np.floor(level / _BIN).astype(np.int64) - first
            np.add.at(standing[side], place, change * np.asarray(_INCUMBENT_SHARES))
        elif held > 0:
            standing *= max(0.0, 1.0 + change / held)
        held = float(bars.open_interest[t])
        before = bars.close[t]
    return IncumbentSweep(usd)

"""Snapshots of the fitted map: what was known to stand at every full hour.

In:  bars, flows, atoms, a fitted mixture, when each bar's inputs were published. [UTC ms]
Out: `Snapshot` values, one an hour. [USD]
Pure: values in, values out; no I/O, no clock.

At an hour only those bars count whose open interest had been published by then: the ladder is of
the last of them, the mark of the hour itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forcedflow.evaluate.standing import PER_CANVAS, paint
from forcedflow.positions import Atoms, Bars, Flows, LiquidationLadder, PriceGrid
from forcedflow.positions.mixture import Mixture
from forcedflow.positions.trained import shares_of
from forcedflow.units import HOUR_MS, I8, F8x2
from forcedflow.volatility import ewma_volatility

OLDEST_MS = HOUR_MS
"""Age above which what was last known of the ladder is not taken for an hour. [ms]"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was known at one full hour.

    Parameters
    ----------
    hour_ms : int
        The moment. [UTC ms]
    bar : int
        Last bar that ended by then: the mark is its close.
    price : float
        Mark price. [quote per base]
    sigma_day : float
        Standard deviation of the log return over 24 h. [1]
    open_interest : float
        One-sided, of the last bar whose inputs were known. [base coins]
    seen_price : float
        Mark at the end of that bar, of which the ladder is. [quote per base]
    grid : PriceGrid
        ``p`` bins.
    usd : ndarray, shape (2, p)
        Standing notional, longs then shorts, scaled to the open interest. [USD]
    expected : ndarray, shape (2, p)
        Liquidations that the mixture expects of each bin once swept; no background. [USD]
    """

    hour_ms: int
    bar: int
    price: float
    sigma_day: float
    open_interest: float
    seen_price: float
    grid: PriceGrid
    usd: F8x2
    expected: F8x2


def hourly_snapshots(
    bars: Bars,
    flows: Flows,
    atoms: Atoms,
    width: float,
    mixture: Mixture,
    known_ms: I8,
    from_ms: int,
    to_ms: int,
) -> Iterator[Snapshot]:
    """Yield what was known to stand at every full hour of ``[from, to)``, from one replay.

    Parameters
    ----------
    bars : Bars
    flows : Flows
        Inferred flows of the same bars, one role per role of the atoms.
    atoms : Atoms
    width : float
        Lattice bin width in log price. [1]
    mixture : Mixture
        Weights as fitted; nothing is learned on the way.
    known_ms : ndarray of int, shape (t,)
        When what stood at the end of each bar could be known, increasing. [UTC ms]
    from_ms, to_ms : int
        [UTC ms]

    Yields
    ------
    Snapshot
        Hours for which nothing newer than `OLDEST_MS`, or nothing new, was known are left out.
    """
    hour, at = _known_bars(bars.end_ms, known_ms, from_ms, to_ms)
    now = np.searchsorted(bars.end_ms, hour, side="right") - 1
    ladder = LiquidationLadder(atoms, width, shares_of(mixture))
    ladder.seed(float(bars.open_interest[0] - bars.change[0]), float(bars.close[0]))
    sigma = ewma_volatility(bars.close, bars.end_ms)
    # The ladder holds shares of opens; a weight is its side's sum of weights times its share.
    per_share = mixture.weight.sum(axis=1)[:, None]
    start = 0
    for first in range(0, at.size, PER_CANVAS):
        seen = at[first : first + PER_CANVAS]
        stop = int(seen[-1]) + 1
        grid, contracts, scale = paint(
            ladder, bars.cut(start, stop), flows.cut(start, stop), seen - start
        )
        for i, bar in enumerate(seen.tolist()):
            notional = contracts[i] * grid.prices
            last = int(now[first + i])
            yield Snapshot(
                hour_ms=int(hour[first + i]),
                bar=last,
                price=float(bars.close[last]),
                sigma_day=float(sigma[bar]),
                open_interest=float(bars.open_interest[bar]),
                seen_price=float(bars.close[bar]),
                grid=grid,
                usd=notional * scale[i][:, None],
                expected=notional * per_share,
            )
        start = stop


def _known_bars(end_ms: I8, known_ms: I8, from_ms: int, to_ms: int) -> tuple[I8, I8]:
    """Full hours, and the last bar known by each; a bar is looked at once."""
    hour = np.arange(-(-from_ms // HOUR_MS) * HOUR_MS, to_ms, HOUR_MS, dtype=np.int64)
    bar = np.searchsorted(known_ms, hour, side="right") - 1
    fresh = (bar >= 0) & (hour - end_ms[np.maximum(bar, 0)] <= OLDEST_MS)
    hour, bar = hour[fresh], bar[fresh]
    new = np.diff(bar, prepend=-1) > 0
    return hour[new], bar[new]

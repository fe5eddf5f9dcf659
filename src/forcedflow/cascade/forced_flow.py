"""Forced flow: what of the map would really be sold if price went there.

In:  a `LiquidationMap`, a direction, bins of log distance from its mark.
Out: `ForcedFlow`: notional by bin, its uncertainty, and in words what it rests on. [USD]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

The map is scaled to all open interest, and much of that is never liquidated near by: market makers,
hedges, accounts with margin to spare. A mixture that was fitted to a feed says how much of the map
that feed then showed; without one, the share known from the simulated exchange is assumed, and its
width with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forcedflow.depth.curve import DIRECTION_OF, Direction
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.units import F8, Side

LIVE_SHARE = 0.3
"""Share of the map that is real positions, where no feed was fitted. [1]

True over mapped notional on the simulated exchange has its median between 0.2 and 0.4 by distance
and side; nothing says that a real venue is alike. See ``docs/theory/calibration.md``."""

LIVE_SHARE_LOG_SD = 0.7
"""Standard deviation of the log of that share. [1]"""

_BAND_WIDTHS = 2.5631
"""Standard deviations between the 10 and the 90 % of a normal."""


@dataclass(frozen=True, slots=True)
class ForcedFlow:
    """Forced flow of one side of one market.

    Parameters
    ----------
    direction : {"down", "up"}
    usd : ndarray, shape (p,)
        By bin of log distance from the mark. [USD]
    log_sd : float
        Standard deviation of the log of true over stated. [1]
    words : str
        What it rests on.
    """

    direction: Direction
    usd: F8
    log_sd: float
    words: str


def forced_flow(
    mapped: LiquidationMap, side: Side, edges: F8, complete_feed: bool = False
) -> ForcedFlow:
    """Return what would be force-closed by distance if the mark price went there.

    Parameters
    ----------
    mapped : LiquidationMap
    side : {"long", "short"}
        Side of the positions; longs are closed on the way down.
    edges : ndarray, shape (p + 1,)
        Borders of the bins in log distance from the mark, from 0 up. [1]
    complete_feed : bool
        Whether the feed that a mixture was fitted to prints every forced close. One that does not
        says how much there is at least; the middle between that and `LIVE_SHARE` is taken then.

    Returns
    -------
    ForcedFlow
    """
    reach = float(edges[-1])
    # Some bins more than the window, so that its border touches nothing.
    grid = mapped.grid(min(0.95, math.expm1(reach) + 8 * mapped.ladder.width))
    mass = mapped.mass(grid, side)
    cumulative = np.concatenate([[0.0], np.cumsum(mass.by_atom_usd.sum(axis=0))])
    sign = -1.0 if side == "long" else 1.0
    at = np.interp(np.log(mapped.mark) + sign * edges, np.log(grid.edges), cumulative, left=0.0)
    standing = np.maximum(sign * np.diff(at), 0.0)
    band = mass.band(np.ones(grid.size))
    spread = math.log(max(band.high, 1.0) / max(band.low, 1.0)) / _BAND_WIDTHS
    seen = None if mapped.trained is None else mapped.realised_per_usd(side)
    if seen is None or mapped.trained is None or not seen > 0:
        share, log_sd = LIVE_SHARE, max(spread, LIVE_SHARE_LOG_SD)
        words = "as on the simulated exchange; no feed was fitted"
    elif complete_feed or seen >= LIVE_SHARE:
        share, log_sd = seen, spread
        words = f"as {mapped.trained.targets} showed"
    else:
        share = math.sqrt(seen * LIVE_SHARE)
        log_sd = math.hypot(spread, math.log(LIVE_SHARE / seen) / _BAND_WIDTHS)
        words = (
            f"between the {seen:.0%} that {mapped.trained.targets} showed, a lower bound, and the "
            f"{LIVE_SHARE:.0%} of the simulated exchange"
        )
    usd = standing * share
    return ForcedFlow(DIRECTION_OF[side], usd, log_sd, f"{share:.0%} of the map, {words}")

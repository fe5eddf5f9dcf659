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
from forcedflow.positions import PriceGrid
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
    mapped: LiquidationMap, side: Side, edges: F8, complete_feed: bool | None = None
) -> ForcedFlow:
    """Return what would be force-closed by distance if the mark price went there.

    Parameters
    ----------
    mapped : LiquidationMap
    side : {"long", "short"}
        Side of the positions; longs are closed on the way down.
    edges : ndarray, shape (p + 1,)
        Borders of the bins in log distance from the mark, from 0 up. [1]
    complete_feed : bool, optional
        Whether the feed that a mixture was fitted to prints every forced close; by default as the
        mixture states. One that does not says how much there is at least; the middle between that
        and `LIVE_SHARE` is taken then.

    Returns
    -------
    ForcedFlow
    """
    grid = _window(mapped, edges)
    mass = mapped.mass(grid, side)
    standing = _by_distance(mapped, mass.by_atom_usd.sum(axis=0), grid, side, edges)
    band = mass.band(np.ones(grid.size))
    spread = math.log(max(band.high, 1.0) / max(band.low, 1.0)) / _BAND_WIDTHS
    share, seen, is_told = _share(mapped, side, complete_feed)
    if seen is None or mapped.trained is None:
        log_sd = max(spread, LIVE_SHARE_LOG_SD)
        words = "as on the simulated exchange; no feed was fitted"
    elif is_told:
        log_sd = spread
        words = f"as {mapped.trained.targets} showed"
    else:
        log_sd = math.hypot(spread, math.log(LIVE_SHARE / seen) / _BAND_WIDTHS)
        words = (
            f"between the {seen:.0%} that {mapped.trained.targets} showed, a lower bound, and the "
            f"{LIVE_SHARE:.0%} of the simulated exchange"
        )
    usd = standing * share
    return ForcedFlow(DIRECTION_OF[side], usd, log_sd, f"{share:.0%} of the map, {words}")


def forced_usd(
    mapped: LiquidationMap, side: Side, edges: F8, complete_feed: bool | None = None
) -> F8:
    """Return the notional of `forced_flow` alone: its uncertainty takes most of the time.

    Parameters
    ----------
    mapped : LiquidationMap
    side : {"long", "short"}
    edges : ndarray, shape (p + 1,)
        Borders of the bins in log distance from the mark, from 0 up. [1]
    complete_feed : bool, optional
        As of `forced_flow`.

    Returns
    -------
    ndarray, shape (p,)
        [USD]
    """
    grid = _window(mapped, edges)
    usd: F8 = mapped.profile_usd(grid, side).sum(axis=0)
    share, _, _ = _share(mapped, side, complete_feed)
    return np.asarray(_by_distance(mapped, usd, grid, side, edges) * share)


def _window(mapped: LiquidationMap, edges: F8) -> PriceGrid:
    # Some bins more than the window, so that its border touches nothing.
    return mapped.grid(min(0.95, math.expm1(float(edges[-1])) + 8 * mapped.ladder.width))


def _by_distance(mapped: LiquidationMap, usd: F8, grid: PriceGrid, side: Side, edges: F8) -> F8:
    cumulative = np.concatenate([[0.0], np.cumsum(usd)])
    sign = -1.0 if side == "long" else 1.0
    at = np.interp(np.log(mapped.mark) + sign * edges, np.log(grid.edges), cumulative, left=0.0)
    standing: F8 = np.maximum(sign * np.diff(at), 0.0)
    return standing


def _share(
    mapped: LiquidationMap, side: Side, complete_feed: bool | None
) -> tuple[float, float | None, bool]:
    """Share of the map that is forced, what the feed showed of it, whether the one is the other."""
    if mapped.trained is None:
        return LIVE_SHARE, None, False
    seen = mapped.realised_per_usd(side)
    if not seen > 0:
        return LIVE_SHARE, None, False
    told = mapped.trained.complete_feed if complete_feed is None else complete_feed
    if told or seen >= LIVE_SHARE:
        return seen, seen, True
    return math.sqrt(seen * LIVE_SHARE), seen, False

"""Zones as they stood: what the ladder showed at each snapshot, before anything that came after.

In:  bars, flows, atoms and the bars to look at. [quote per base, base coins]
Out: `Standing`: price, volatility, every near zone and the largest on each side. [USD]
Pure: values in, values out; no I/O, no clock.

One replay, painted at each snapshot. Side 0 is long (below the price), side 1 short (above).
What stood can only be known once its open interest is published, so the price is followed from the
first bar that starts by then, at the mark of that moment, and never from the snapshot itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from forcedflow.errors import NoDataError
from forcedflow.pipeline import scale_to_open_interest
from forcedflow.positions import Atoms, Bars, Canvas, Flows, LiquidationLadder, PriceGrid, view
from forcedflow.units import F8, HOUR_MS, I8, SIDES, F8x2
from forcedflow.volatility import ewma_volatility
from forcedflow.zones import SideProfile, Zone, find_zones
from forcedflow.zones.find import REACH

NEAREST, FARTHEST = 0.003, 0.04
"""Distances looked at, as fractions of price: what lies nearer is all but touched already."""

BAND = 0.005
"""Width in log price of the band that stands in for a zone where the rule finds none. [1]"""

LATEST_MS = HOUR_MS
"""Time after what stood is known by which a bar must start to follow the price from. [ms]"""

PER_CANVAS = 168
"""Snapshots painted at a time: a canvas over all of a year would span every price of it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What stood at ``n`` snapshots: ``m`` zones in all, and the largest cluster on each side.

    Parameters
    ----------
    taken : ndarray of int, shape (n,)
        Bar at whose end each snapshot was taken; clusters are those of that moment.
    bar : ndarray of int, shape (n,)
        First bar that ends when the snapshot was known, or later: the price is followed from there.
    end_ms : ndarray of int, shape (n,)
        Its end. [UTC ms]
    price : ndarray, shape (n,)
        Mark price then. [quote per base]
    sigma_day : ndarray, shape (n,)
        Standard deviation of the log return over 24 h, as known at the snapshot. [1]
    level : ndarray, shape (n, 2)
        Densest price of the largest cluster below and above; NaN where there is none.
        [quote per base]
    mass : ndarray, shape (n, 2)
        What those clusters hold; 0 where there is none. [USD]
    by_rule : ndarray of bool, shape (n, 2)
        Whether that cluster is a zone; else it is the heaviest band of half a percent.
    snapshot, side : ndarray of int, shape (m,)
        Snapshot and side of each zone.
    low, high : ndarray, shape (m,)
        Its borders. [quote per base]
    share : ndarray, shape (m,)
        Contracts in it over one side's open interest. [1]
    """

    taken: I8
    bar: I8
    end_ms: I8
    price: F8
    sigma_day: F8
    level: F8x2
    mass: F8x2
    by_rule: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
    snapshot: I8
    side: I8
    low: F8
    high: F8
    share: F8

    @property
    def border(self) -> F8:
        """Return the border of each zone that the price meets first. [quote per base]"""
        return np.where(self.side == 0, self.high, self.low)


def snapshot_bars(end_ms: I8, from_ms: int, to_ms: int, every_ms: int) -> I8:
    """Return the last bar at each multiple of ``every_ms`` in ``[from, to)``, gaps left out."""
    first = -(-from_ms // every_ms) * every_ms
    wanted = np.arange(first, to_ms, every_ms, dtype=np.int64)
    bar = np.searchsorted(end_ms, wanted, side="right") - 1
    held = bar >= 0
    fresh = held & (wanted - end_ms[np.maximum(bar, 0)] < every_ms)
    return np.unique(bar[fresh])


def known_times(open_interest: pl.DataFrame, end_ms: I8) -> I8:
    """Return when everything that a ladder rests on at the end of each bar was published.

    Parameters
    ----------
    open_interest : polars.DataFrame
        Rows of the table of that name that the bars were built from.
    end_ms : ndarray of int, shape (t,)
        Ends of the bars. [UTC ms]

    Returns
    -------
    ndarray of int, shape (t,)
        Never before the end of the bar, and never before what an earlier bar needs. [UTC ms]

    Raises
    ------
    ValueError
        If a bar ends where there is no row.
    """
    rows = open_interest.group_by("event_time").agg(pl.col("available_time").max())
    rows = rows.sort("event_time")
    event = rows["event_time"].dt.epoch("ms").to_numpy()
    row = np.searchsorted(event, end_ms)
    if (row == event.size).any() or (event[row] != end_ms).any():
        raise ValueError("a bar ends where no open interest was observed")
    available = rows["available_time"].dt.epoch("ms").to_numpy()[row]
    known: I8 = np.maximum.accumulate(np.maximum(available, end_ms))
    return known


def follow_zones(
    bars: Bars, flows: Flows, atoms: Atoms, width: float, at: I8, known_ms: I8
) -> Standing:
    """Return what stood at the ends of some bars, from one replay of all of them.

    Parameters
    ----------
    bars : Bars
    flows : Flows
        Inferred flows of the same bars, one role per role of the atoms.
    atoms : Atoms
    width : float
        Lattice bin width in log price. [1]
    at : ndarray of int, shape (n,)
        Bars to look at, increasing.
    known_ms : ndarray of int, shape (t,)
        When what stood at the end of each bar could be known, as from `known_times`. [UTC ms]

    Returns
    -------
    Standing
        Without the snapshots after which no bar starts within `LATEST_MS` of their being known.

    Raises
    ------
    NoDataError
        If there is no bar to look at.
    """
    start_bar = np.searchsorted(bars.end_ms, known_ms[at], side="left")
    late = bars.end_ms[np.minimum(start_bar, bars.size - 1)] - known_ms[at]
    followed = (start_bar < bars.size) & (late <= LATEST_MS)
    at, start_bar = at[followed], start_bar[followed]
    if not at.size:
        raise NoDataError(
            "no bar of open interest lies in the scored span\nhint: forcedflow coverage"
        )
    ladder = LiquidationLadder(atoms, width)
    ladder.seed(float(bars.open_interest[0] - bars.change[0]), float(bars.close[0]))
    sigma = ewma_volatility(bars.close, bars.end_ms)
    level, mass = np.full((at.size, 2), np.nan), np.zeros((at.size, 2))
    by_rule = np.zeros((at.size, 2), dtype=np.bool_)
    near: list[tuple[int, Zone]] = []
    start = 0
    for first in range(0, at.size, PER_CANVAS):
        seen = at[first : first + PER_CANVAS]
        stop = int(seen[-1]) + 1
        grid, contracts, scale = paint(
            ladder, bars.cut(start, stop), flows.cut(start, stop), seen - start
        )
        usd = contracts * scale[:, :, None] * grid.prices
        for i, bar in enumerate(seen, start=first):
            mark = float(bars.close[bar])
            profiles = side_profiles(usd[i - first], grid, float(bars.open_interest[bar]))
            zones = find_zones(profiles, mark, float(sigma[bar]), int(bars.end_ms[bar]))
            near += [(i, zone) for zone in zones if _near(zone.distance_pct / 100)]
            for s, profile in enumerate(profiles):
                peaks = [
                    zone
                    for zone in zones
                    if zone.side == profile.side and _near(zone.peak / mark - 1)
                ]
                by_rule[i, s] = bool(peaks)
                if peaks:
                    largest = max(peaks, key=lambda zone: zone.notional_usd)
                    level[i, s], mass[i, s] = largest.peak, largest.notional_usd
                else:
                    level[i, s], mass[i, s] = _heaviest_band(profile, mark)
        start = stop
    return Standing(
        taken=at,
        bar=start_bar,
        end_ms=bars.end_ms[start_bar],
        price=bars.close[start_bar],
        sigma_day=sigma[at],
        level=level,
        mass=mass,
        by_rule=by_rule,
        snapshot=np.array([i for i, _ in near], dtype=np.int64),
        side=np.array([SIDES.index(zone.side) for _, zone in near], dtype=np.int64),
        low=np.array([zone.low for _, zone in near]),
        high=np.array([zone.high for _, zone in near]),
        share=np.array([zone.share_of_oi for _, zone in near]),
    )


def _near(distance: float) -> bool:
    return NEAREST <= abs(distance) <= FARTHEST


def paint(
    ladder: LiquidationLadder, bars: Bars, flows: Flows, seen: I8
) -> tuple[PriceGrid, np.ndarray[tuple[int, int, int], np.dtype[np.float64]], F8x2]:
    """Advance a ladder over the next bars; return what stood at the ends of some.

    Parameters
    ----------
    ladder : LiquidationLadder
        Advanced in place.
    bars : Bars
    flows : Flows
        Of the same bars.
    seen : ndarray of int, shape (n,)
        Bars to look at, increasing.

    Returns
    -------
    grid : PriceGrid
        ``p`` bins, a little wider than the zones' rule looks, so that its edge decides nothing.
    contracts : ndarray, shape (n, 2, p)
        Contracts standing, longs then shorts. [base coins]
    scale : ndarray, shape (n, 2)
        Factor that brings them to the open interest. [1]
    """
    price = bars.close[seen]
    reach = float(np.exp(1.05 * REACH))
    grid = view(float(price.min()) / reach, float(price.max()) * reach, ladder.width)
    column_of = np.full(bars.size, -1, dtype=np.int64)
    column_of[seen] = np.arange(seen.size)
    replay = ladder.replay(bars, flows, canvas=Canvas(column_of, int(seen.size), grid))
    if replay.image is None:
        raise AssertionError("a replay with a canvas paints it")
    scale = scale_to_open_interest(replay.alive[seen], bars.open_interest[seen][:, None])
    return grid, replay.image.sum(axis=2, dtype=np.float64), scale


def side_profiles(usd: F8x2, grid: PriceGrid, open_interest: float) -> list[SideProfile]:
    """Return both sides as the zones' rule takes them, without ages and alternative priors.

    Parameters
    ----------
    usd : ndarray, shape (2, p)
        Notional, longs then shorts. [USD]
    grid : PriceGrid
    open_interest : float
        One-sided. [base coins]
    """
    unknown = np.full(grid.size, np.nan)
    none = np.zeros((0, grid.size))
    return [
        SideProfile(side, grid, usd[s], none, unknown, open_interest)
        for s, side in enumerate(SIDES)
    ]


def _heaviest_band(profile: SideProfile, mark: float) -> tuple[float, float]:
    """Middle and content of the heaviest half percent of price; NaN and 0 where nothing stands."""
    grid = profile.grid
    distance = (grid.prices / mark - 1) * (-1 if profile.side == "long" else 1)
    window = (distance >= NEAREST) & (distance <= FARTHEST)
    usd = np.where(window, profile.notional_usd, 0.0)
    held = np.convolve(usd, np.ones(max(1, round(BAND / (grid.width * grid.step)))), mode="same")
    heaviest = int(np.argmax(held))
    if not held[heaviest] > 0:
        return float("nan"), 0.0
    # The middle of what stands in a band at the window's edge may lie outside the window.
    least, most = np.flatnonzero(window)[[0, -1]]
    return float(grid.prices[np.clip(heaviest, least, most)]), float(held[heaviest])

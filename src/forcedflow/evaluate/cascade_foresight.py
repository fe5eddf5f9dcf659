r"""Foresight: what the engine says of a push, from nothing but what was published by then.

In:  markets of one coin, their depth curves, moments and shocks. [UTC ms, 1]
Out: `Foresight`: where the move ends, what is forced, with bands; simpler rules too. [1, USD]
Pure: values in, values out; no I/O, no clock; randomness is a seed.

The shock is given to all rules alike: they are asked what follows *if* price is pushed so far.

The square-root law moves price by :math:`Y \sigma \sqrt{Q / V}` for a flow :math:`Q`, with
:math:`\sigma` and volume :math:`V` of a day. Its infinite slope at nothing is kept, as it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forcedflow.cascade.criticality import SHOCKS, assess
from forcedflow.cascade.fixed_point import solve
from forcedflow.cascade.stage import Stage
from forcedflow.cascade.waves import assumed_rules, run
from forcedflow.errors import NoDataError
from forcedflow.evaluate.standing import known_times, side_profiles
from forcedflow.liquidation_map import LiquidationMap, Market
from forcedflow.pipeline import scale_to_open_interest
from forcedflow.positions import (
    LiquidationLadder,
    bin_width,
    build_bars,
    infer_flows,
    prior_atoms,
)
from forcedflow.positions.trained import TrainedMixture, shares_of
from forcedflow.units import DAY_MS, F8, I8, SIDES, Side
from forcedflow.volatility import ewma_volatility
from forcedflow.zones import find_zones

DRAWS = 400
"""Draws of forced flow and depth behind a band."""

BAND = 0.8
"""Probability that a band is to hold."""

NEAR = 0.02
"""Distance within which criticality, depth and ladder are summed up as predictors. [1]"""

SQUARE_ROOT = 1.0
"""Prefactor ``Y`` of the square-root law: 0.3 to 1.5 where it was fitted, about 1 for bitcoin."""

RAMP_S, FOLLOWED_S = 300, 1_800
"""Time in which waves are pushed as far as the shock, and for which they are followed. [s]"""

_SEED = 20_260_201


@dataclass(frozen=True, slots=True)
class Foresight:
    """What was said of one push.

    Parameters
    ----------
    end, end_low, end_high : float
        Distance at which the fixed point ends, and its band. [1]
    forced, forced_low, forced_high : float
        Closed by force on the first venue on the way there, and its band. [USD]
    end_waves : float
        Furthest distance of the waves. [1]
    end_square_root : float
        Distance at which the square-root law ends. [1]
    forced_unamplified : float
        Closed by force on the first venue if the move ended with the shock. [USD]
    swept : float
        Forced on the way, all venues, over open interest. [1]
    peak : float
        Largest branching number within `NEAR`. [1]
    over_critical : float
        Shock over the critical shock; over the largest shock looked at where there is none. [1]
    thinness : float
        Open interest over depth within `NEAR`: depth alone. [1]
    loading : float
        Forced flow within `NEAR` over open interest: the ladder alone. [1]
    next_zone : float
        Distance of the second zone's nearer border; infinite where there is none. [1]
    first_zone : float
        Of the first one. [1]
    nearest_is_ahead : bool
        Whether of all zones but the first the one nearest to it lies on its own side.
    """

    end: float
    end_low: float
    end_high: float
    forced: float
    forced_low: float
    forced_high: float
    end_waves: float
    end_square_root: float
    forced_unamplified: float
    swept: float
    peak: float
    over_critical: float
    thinness: float
    loading: float
    first_zone: float
    next_zone: float
    nearest_is_ahead: bool


def maps_at(
    market: Market, trained: TrainedMixture | None, moments: I8, marks: F8
) -> Iterator[LiquidationMap]:
    """Yield the map as it was known at moments, from one replay.

    Parameters
    ----------
    market : Market
        May hold later rows; a map sees bars whose open interest had been published by its moment.
    trained : TrainedMixture, optional
    moments : ndarray of int, shape (n,)
        Not decreasing. [UTC ms]
    marks : ndarray, shape (n,)
        Mark prices then: what lies between them and the last bar is behind the price already.
        [quote per base]

    Yields
    ------
    LiquidationMap
        Each shares its ladder with the next: use it before going on.

    Raises
    ------
    NoDataError
        If nothing had been published by a moment.
    DataError
        If the mixture was fitted to data from after the first moment.
    """
    bars = build_bars(market.open_interest, market.mark_klines, market.trade_klines, market.funding)
    flows = infer_flows(bars).joined()
    atoms = prior_atoms(market.schedule, market.rule, roles=flows.roles)
    width = bin_width(float(bars.close[0]), market.instrument.tick_size)
    weights = None
    if trained is not None and moments.size:
        trained.check_known_by(int(moments[0]))
        weights = trained.on(atoms)
    ladder = LiquidationLadder(atoms, width, None if weights is None else shares_of(weights))
    ladder.seed(float(bars.open_interest[0] - bars.change[0]), float(bars.close[0]))
    sigma = ewma_volatility(bars.close, bars.end_ms)
    last = np.searchsorted(known_times(market.open_interest, bars.end_ms), moments, "right") - 1
    start, seen = 0, None
    for moment, mark, bar in zip(moments.tolist(), marks.tolist(), last.tolist(), strict=True):
        if bar < 0:
            raise NoDataError(f"no open interest of {market.instrument.venue} was known by then")
        stop = bar + 1
        if stop > start or seen is None:
            seen = ladder.replay(bars.cut(start, stop), flows.cut(start, stop))
            start = stop
        close = bars.close[:stop].copy()
        close[-1] = mark
        yield LiquidationMap(
            market=replace(market, at_ms=moment),
            bars=replace(bars.cut(0, stop), close=close),
            flows=flows.cut(0, stop),
            ladder=ladder,
            replay=seen,
            scale=scale_to_open_interest(
                seen.alive, bars.open_interest[stop - seen.alive.shape[0] : stop, None]
            ),
            sigma_day=float(sigma[bar]),
            trained=trained,
            weights=weights,
        )


def foresee(
    stage: Stage, shock: float, sigma_day: float, volume_usd: float, zones: tuple[F8, F8]
) -> Foresight:
    """Return what the engine and simpler rules say of a push.

    Parameters
    ----------
    stage : Stage
        Its first venue is the one whose forced flow is told.
    shock : float
        Distance price is pushed for other reasons. [1]
    sigma_day : float
        Standard deviation of the log return over 24 h. [1]
    volume_usd : float
        Traded over the last 24 h, all venues. [USD]
    zones : tuple of ndarray
        Distances of the nearer borders of zones ahead, and behind the price, ascending. [1]

    Returns
    -------
    Foresight
    """
    rng = np.random.default_rng(_SEED)
    forced_factor, depth_factor = (
        np.exp(sd * rng.standard_normal(DRAWS)) for sd in (stage.forced_log_sd, stage.depth_log_sd)
    )
    point = solve(stage, np.array([shock]))
    drawn = solve(stage, np.full(DRAWS, shock), 0.0, forced_factor, depth_factor)
    own = np.concatenate([[0.0], np.cumsum(stage.forced[0])])

    def swept(distance: F8) -> F8:
        return np.asarray(np.interp(distance, stage.edges, own))

    tails = [(1 - BAND) / 2, (1 + BAND) / 2]
    end = float(point.end[0])
    end_low, end_high = np.quantile(drawn.end, tails).tolist()
    forced_low, forced_high = np.quantile(forced_factor * swept(drawn.end), tails).tolist()
    path = shock * np.minimum(np.arange(1, FOLLOWED_S + 1) / RAMP_S, 1.0)
    critical = assess(stage)
    near = max(1, round(NEAR / stage.width))
    depth = float(stage.depth[:, :near].sum())
    ahead, behind = zones
    return Foresight(
        end=end,
        end_low=end_low,
        end_high=end_high,
        forced=float(swept(point.end)[0]),
        forced_low=forced_low,
        forced_high=forced_high,
        end_waves=float(run(stage, assumed_rules(stage), path[None, :]).furthest[0]),
        end_square_root=_square_root(stage, shock, sigma_day, volume_usd),
        forced_unamplified=float(swept(np.array([shock]))[0]),
        swept=float(point.forced[0]) / stage.open_interest_usd,
        peak=float(critical.number[:near].max()),
        over_critical=shock / (critical.critical_shock or float(SHOCKS[-1])),
        thinness=stage.open_interest_usd / depth if depth > 0 else np.inf,
        loading=float(stage.forced[:, :near].sum()) / stage.open_interest_usd,
        first_zone=float(ahead[0]) if ahead.size else np.inf,
        next_zone=float(ahead[1]) if ahead.size > 1 else np.inf,
        nearest_is_ahead=_nearest_is_ahead(ahead, behind),
    )


def zone_distances(mapped: LiquidationMap, side: Side) -> tuple[F8, F8]:
    """Return log distances of the zones' nearer borders: ahead of a move, then behind. [1]"""
    grid = mapped.grid()
    usd = np.stack([mapped.mass(grid, name).by_atom_usd.sum(axis=0) for name in SIDES])
    profiles = side_profiles(usd, grid, float(mapped.bars.open_interest[-1]))
    distances: dict[Side, list[float]] = {name: [] for name in SIDES}
    for zone in find_zones(profiles, mapped.mark, mapped.sigma_day, mapped.known_ms):
        distances[zone.side].append(abs(float(np.log1p(zone.distance_pct / 100))))
    other: Side = "short" if side == "long" else "long"
    return np.sort(np.array(distances[side])), np.sort(np.array(distances[other]))


def foresee_all(
    markets: Sequence[Market],
    trained: TrainedMixture | None,
    pushes: Sequence[tuple[int, Side, float, float]],
    build: Callable[[Sequence[LiquidationMap], Side], Stage],
) -> list[Foresight]:
    """Return what is said of pushes, each as of its moment.

    Parameters
    ----------
    markets : sequence of Market
        Of one coin, one per venue; the first is the one that is scored.
    trained : TrainedMixture, optional
        Lent to all venues.
    pushes : sequence of (moment, side, mark, shock)
        Moments do not decrease. [UTC ms, -, quote per base, 1]
    build : callable
        Makes the stage from the maps of one moment.

    Returns
    -------
    list of Foresight

    Raises
    ------
    NoDataError
        If a venue had published nothing by a moment.
    """
    moments = np.array([moment for moment, _, _, _ in pushes], dtype=np.int64)
    marks = np.array([mark for _, _, mark, _ in pushes])
    said: list[Foresight] = []
    # Marks of other venues differ by a basis of some basis points: their ladders stand at theirs.
    walks = [maps_at(market, trained, moments, marks) for market in markets]
    for push, maps in zip(pushes, zip(*walks, strict=True), strict=True):
        moment, side, _, shock = push
        volume = sum(_volume_usd(mapped, moment) for mapped in maps)
        zones = zone_distances(maps[0], side)
        said.append(foresee(build(maps, side), shock, maps[0].sigma_day, volume, zones))
    return said


def _volume_usd(mapped: LiquidationMap, at_ms: int) -> float:
    """Return what was traded over the last 24 h. [USD]"""
    recent = mapped.bars.end_ms > at_ms - DAY_MS
    return float(np.nansum(mapped.bars.volume[recent])) * mapped.mark


def _square_root(stage: Stage, shock: float, sigma_day: float, volume_usd: float) -> float:
    """Return the least distance at which the law's own impact of what was forced ends. [1]"""
    reached = np.asarray(
        shock + SQUARE_ROOT * sigma_day * np.sqrt(stage.supply / max(volume_usd, 1.0))
    )
    stops = (stage.edges >= shock) & (stage.edges >= reached)
    return float(stage.edges[np.argmax(stops)]) if stops.any() else float(stage.edges[-1])


def _nearest_is_ahead(ahead: F8, behind: F8) -> bool:
    if not ahead.size or not behind.size:
        return bool(ahead.size > 1)
    return bool(ahead.size > 1 and ahead[1] - ahead[0] <= ahead[0] + behind[0])

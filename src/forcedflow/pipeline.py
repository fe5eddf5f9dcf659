"""The journey of a row, in code: tables in, ladder, heatmap and zones out.

In:  `Market`: what the lake may show of one instrument at one moment.
Out: `LiquidationMap`: the ladder with its zones, pictures, assumptions and ages.
Pure: frames in, values out; no I/O, no clock, no global state.

Read this file first. Each call below is one stage, and each stage is one folder:

    open interest, mark, volume ─▶ bars ─▶ flows ─▶ LiquidationLadder ─▶ heatmap ─▶ zones
                                   order book, depth bands ─▶ DepthCurve ─▶ Stage ─▶ cascade
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import numpy as np

from forcedflow.cascade.base_rate import WITHIN_MS, count_growth
from forcedflow.cascade.cascade import Cascade
from forcedflow.cascade.chain import Chain, build_chain
from forcedflow.cascade.forced_flow import forced_flow
from forcedflow.cascade.hawkes.timing import Timing
from forcedflow.cascade.montecarlo import SCENARIOS, Simulation, Spread, simulate
from forcedflow.cascade.record_bound import PastPrices, longest_record
from forcedflow.cascade.stage import BIN, REACHING, Stage, lay_edges
from forcedflow.cascade.start import Start
from forcedflow.cascade.waves import (
    SIMULATED_REFILL_HALF_LIFE_S,
    WaveRules,
    assumed_rules,
)
from forcedflow.depth.curve import DIRECTION_OF, DepthCurve, Direction, merge
from forcedflow.depth.resilience import MEASURED, SIMULATED, Resilience
from forcedflow.features import map_table
from forcedflow.features.map_history import map_columns
from forcedflow.features.map_table import Shocks, critical_shocks
from forcedflow.forecast import reach
from forcedflow.forecast.reach import reach_reader
from forcedflow.heatmap import build_heatmap, lay_canvas, lay_columns, lay_prices
from forcedflow.liquidation_map import LiquidationMap, Market
from forcedflow.liquidation_map import (
    scale_to_open_interest as scale_to_open_interest,  # noqa: PLC0414 - evaluation imports it here
)
from forcedflow.positions import (
    LiquidationLadder,
    bin_width,
    build_bars,
    infer_flows,
    prior_atoms,
)
from forcedflow.positions.price_history import equal_flows
from forcedflow.positions.trained import TrainedMixture, shares_of
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, SIDES, Side
from forcedflow.volatility import ewma_volatility
from forcedflow.volatility.filtered_history import filter_history

HORIZONS_MS = (HOUR_MS, 4 * HOUR_MS, DAY_MS)
"""Horizons that a structural probability is given for. [ms]"""

DepthAt: TypeAlias = Callable[[int], tuple[DepthCurve, DepthCurve] | None]
"""From a moment to depth down and up as it was known then; None where it was not. [UTC ms]"""

_DIRECTIONS: tuple[Direction, Direction] = ("down", "up")


def build_map(
    market: Market, picture_span_ms: int | None = None, trained: TrainedMixture | None = None
) -> LiquidationMap:
    """Return the estimated ladder of a market.

    Parameters
    ----------
    market : Market
    picture_span_ms : int, optional
        Also paint the heatmap of this span before the last bar. [ms]
    trained : TrainedMixture, optional
        Split opens by learned weights per side instead of the stated prior.

    Returns
    -------
    LiquidationMap

    Raises
    ------
    NoDataError
        If there is too little open interest to begin.
    DataError
        If the learned weights are of none of this market's atoms, or were fitted to data from
        after the moment.
    """
    bars = build_bars(market.open_interest, market.mark_klines, market.trade_klines, market.funding)
    # Neither mixture tells the roles apart, so one ladder holds both.
    flows = infer_flows(bars).joined()
    atoms = prior_atoms(market.schedule, market.rule, roles=flows.roles)
    # The first close fixes the lattice, so that no later price can move it.
    width = bin_width(float(bars.close[0]), market.instrument.tick_size)
    weights = None
    if trained is not None:
        trained.check_known_by(market.at_ms)
        weights = trained.on(atoms)
    ladder = LiquidationLadder(atoms, width, None if weights is None else shares_of(weights))
    ladder.seed(float(bars.open_interest[0] - bars.change[0]), float(bars.close[0]))
    canvas = None
    if picture_span_ms is not None:
        # A span longer than what is held would only make the columns coarser.
        held_from = int(bars.end_ms[0] - bars.elapsed_ms[0])
        columns = lay_columns(bars, max(int(bars.end_ms[-1]) - picture_span_ms, held_from))
        grid = lay_prices(bars, columns, width)
        canvas = lay_canvas(bars, columns, grid)
    seen = ladder.replay(bars, flows, canvas=canvas)
    scale = scale_to_open_interest(seen.alive, bars.open_interest[:, None])
    sigma = ewma_volatility(bars.close, bars.end_ms)
    heatmap = None
    if seen.image is not None:
        heatmap = build_heatmap(seen.image, bars, columns, grid, scale)
    return LiquidationMap(
        market, bars, flows, ladder, seen, scale, float(sigma[-1]), heatmap, trained, weights
    )


def build_stage(
    maps: Sequence[LiquidationMap],
    depths: Sequence[DepthCurve],
    side: Side,
    reaching: float = REACHING,
    complete_feeds: bool | None = None,
) -> Stage:
    """Return what stands in the way of a move: forced flow of some venues against their depth.

    Parameters
    ----------
    maps : sequence of LiquidationMap
        Of one coin, one per venue; the first one's mark is the origin.
    depths : sequence of DepthCurve
        Of the same venues, in the same order and of the direction in which the side is closed.
    side : {"long", "short"}
        Side of the positions: longs are closed on the way down.
    reaching : float
        Share of forced flow that reaches the book. [1]
    complete_feeds : bool, optional
        Whether the feeds that mixtures were fitted to print every forced close; by default as each
        mixture states.

    Returns
    -------
    Stage

    Raises
    ------
    ValueError
        If there is not one curve per map, or a curve is of the other direction.
    """
    if not maps or len(maps) != len(depths):
        raise ValueError("a stage needs one depth curve per map")
    if any(curve.direction != DIRECTION_OF[side] for curve in depths):
        raise ValueError(f"closing {side}s moves price {DIRECTION_OF[side]}; a curve is not of it")
    edges = lay_edges()
    flows = [forced_flow(mapped, side, edges, complete_feeds) for mapped in maps]
    forced = np.stack([flow.usd for flow in flows])
    by_flow = forced.sum(axis=1)
    total = float(by_flow.sum())
    spreads = np.array([flow.log_sd for flow in flows])
    return Stage(
        direction=DIRECTION_OF[side],
        mark=maps[0].mark,
        width=BIN,
        venues=tuple(mapped.market.instrument.venue for mapped in maps),
        forced=forced,
        depth=np.stack([curve.on(edges) for curve in depths]),
        reaching=reaching,
        # Maps err alike: one model made them all, so errors add up rather than cancel.
        forced_log_sd=float(by_flow @ spreads / total) if total > 0 else float(spreads.max()),
        depth_log_sd=merge(depths).log_sd,
        open_interest_usd=sum(mapped.open_interest_usd for mapped in maps),
        simulated=any(mapped.simulated for mapped in maps),
        notes=tuple(
            f"{mapped.market.instrument.venue}: {flow.words}; depth: {curve.source}"
            for mapped, flow, curve in zip(maps, flows, depths, strict=True)
        ),
    )


def build_cascade(
    maps: Sequence[LiquidationMap],
    depths: Sequence[tuple[DepthCurve, DepthCurve]],
    *,
    seed: int,
    start: Start | None = None,
    horizon_ms: int = 4 * HOUR_MS,
    scenarios: int = SCENARIOS,
    reaching: float = REACHING,
    complete_feeds: bool | None = None,
    resilience: Resilience | None = None,
    rules: tuple[WaveRules, WaveRules] | None = None,
    past: PastPrices | None = None,
    timing: Timing | None = None,
    spread: Spread = map,
) -> Cascade:
    """Return what would fall if price moved, both ways.

    Parameters
    ----------
    maps : sequence of LiquidationMap
        Of one coin, one per venue; the first one's mark is the origin, its bars the history that
        paths are made of.
    depths : sequence of pairs of DepthCurve
        Of the same venues, in the same order: down, up.
    seed : int
        Of the scenarios.
    start : Start, optional
        A move, a price or an order to begin with; by default the mark.
    horizon_ms : int
        Horizon of the dominoes' shares. [ms]
    scenarios : int
        Over that horizon; the other horizons' structural probabilities, and the same horizon with
        books that give way or come back otherwise, take a quarter of them.
    reaching : float
        Share of forced flow that reaches the book. [1]
    complete_feeds : bool, optional
        Whether the feeds that mixtures were fitted to print every forced close; by default as each
        mixture states.
    resilience : Resilience, optional
        How the books give way; by default as recorded ones did, or as the simulated exchange's do
        where anything is simulated.
    rules : pair of WaveRules, optional
        Down, up; by default `assumed_rules` with the maps' own maintenance margins.
    past : PastPrices, optional
        A longer record of the same coin's price than the bars, all known by the moment. The bars'
        own bounds how far scenarios go where it is the longer, or there is none.
    timing : Timing, optional
        What the times of past prints say; it stands beside the answer and changes nothing in it.
    spread : callable, optional
        Runs pieces of the scenarios elsewhere; see `forcedflow.cascade.montecarlo.simulate`.

    Returns
    -------
    Cascade

    Raises
    ------
    NoDataError
        If the bars are too few to make paths of.
    ValueError
        If maps and curves do not match, the start is beyond the stage, or a figure is out of its
        range.
    """
    if not maps or len(maps) != len(depths):
        raise ValueError("a cascade needs one pair of depth curves per map")
    start = start or Start()
    if resilience is None:
        resilience = SIMULATED if any(mapped.simulated for mapped in maps) else MEASURED
    bars = maps[0].bars
    history = filter_history(bars.low, bars.high, bars.close, bars.end_ms)
    own = PastPrices(bars.low, bars.high, bars.close, bars.end_ms, "these bars")
    held = [own] if past is None else [own, past]
    record = {span: longest_record(held, span) for span in {horizon_ms, *HORIZONS_MS}}
    zones = [mapped.zones() for mapped in maps]
    fewer = max(1, scenarios // 4)

    def one_way(place: int) -> tuple[Chain, WaveRules]:
        side = SIDES[place]
        stage = build_stage(maps, [pair[place] for pair in depths], side, reaching, complete_feeds)
        margins = [_maintenance_rate(mapped, side) for mapped in maps]
        taken = assumed_rules(stage, margins) if rules is None else rules[place]
        ran = partial(simulate, stage, history=history, seed=seed, start=start, spread=spread)
        simulations = _carried(
            seed,
            *(
                ran(
                    taken,
                    horizon_ms=horizon,
                    scenarios=scenarios if horizon == horizon_ms else fewer,
                    withdrawal=resilience.omega,
                    past=record[horizon],
                )
                for horizon in sorted({horizon_ms, *HORIZONS_MS})
            ),
        )
        others = [
            (
                words,
                ran(
                    under,
                    horizon_ms=horizon_ms,
                    scenarios=fewer,
                    withdrawal=omega,
                    past=record[horizon_ms],
                ),
            )
            for words, under, omega in _alternatives(resilience, taken)
        ]
        seen, sigma = start.seen_from(stage), maps[0].sigma_day
        chain = build_chain(seen, stage.mark, zones, simulations, horizon_ms, sigma, others)
        return chain, taken

    # The ways share nothing but what they read, and their loops let go of the interpreter. Whoever
    # spreads the scenarios has all workers busy with one way.
    with ThreadPoolExecutor(len(SIDES) if spread is map else 1) as pool:
        (down, ruled), (up, _) = pool.map(one_way, range(len(SIDES)))
    base_rates = tuple(
        count_growth(bars.low, bars.high, bars.close, bars.end_ms, direction, within_ms)
        for direction in _DIRECTIONS
        for within_ms in WITHIN_MS
    )
    return Cascade(
        maps=tuple(maps),
        depths=tuple(depths),
        start=start,
        horizon_ms=horizon_ms,
        scenarios=scenarios,
        seed=seed,
        resilience=resilience,
        rules=ruled,
        history=history,
        down=down,
        up=up,
        base_rates=base_rates,
        timing=timing,
    )


def build_map_features(
    market: Market,
    times_ms: I8,
    trained: TrainedMixture | None = None,
    step_ms: int = HOUR_MS,
    depth_at: DepthAt | None = None,
) -> dict[str, F8]:
    """Return the map's features at moments of the feature grid, what it lets expect among them.

    Parameters
    ----------
    market : Market
    times_ms : ndarray of int, shape (n,)
        Moments, increasing, on the feature grid. [UTC ms]
    trained : TrainedMixture, optional
        Before the end of its fit every figure is unknown.
    step_ms : int
        The map is read at multiples of this, and held between. [ms]
    depth_at : callable, optional
        Depth known at a moment; without it critical shocks are unknown.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        By the names of `forcedflow.features.map_table` and `forcedflow.forecast.reach`; all NaN
        where there is too little open interest.

    Raises
    ------
    ValueError
        If a moment is later than the market's.
    """

    def shocks_of(mapped: LiquidationMap) -> Shocks | None:
        depths = None if depth_at is None else depth_at(mapped.market.at_ms)
        return None if depths is None else critical_shocks(mapped, depths)

    columns = map_columns(market, times_ms, trained, step_ms, shocks_of, reach_reader)
    unknown = np.full(times_ms.size, np.nan)
    return {name: columns.get(name, unknown) for name in (*map_table.NAMES, *reach.NAMES)}


def build_placebo_features(market: Market, times_ms: I8, step_ms: int = HOUR_MS) -> dict[str, F8]:
    """Return the same reach of the map that knows the price history alone.

    Parameters
    ----------
    market : Market
    times_ms : ndarray of int, shape (n,)
        Moments, increasing, on the feature grid. [UTC ms]
    step_ms : int
        The map is read at multiples of this, and held between. [ms]

    Returns
    -------
    dict of str to ndarray, shape (n,)
        By the names of `forcedflow.forecast.reach` after `PLACEBO`: the stated prior with equal
        opens in every bar, so that neither open interest nor volume is in it.

    Raises
    ------
    ValueError
        If a moment is later than the market's.
    """
    columns = map_columns(
        market, times_ms, step_ms=step_ms, reader_of=reach_reader, flows_of=equal_flows
    )
    unknown = np.full(times_ms.size, np.nan)
    return {f"{reach.PLACEBO}{name}": columns.get(name, unknown) for name in reach.NAMES}


def _carried(seed: int, *simulations: Simulation) -> list[Simulation]:
    """Scenarios over rising horizons, long ones with the draws that shorter ones left.

    The record of a long horizon may reach beyond the stage and judge nothing; draws that the record
    of a shorter one contradicts are no likelier for that.
    """
    found: list[Simulation] = []
    for ran in simulations:
        bound = found[-1].bound if found else None
        found.append(ran.thinned(bound, seed) if ran.bound is None and bound is not None else ran)
    return found


def _alternatives(
    resilience: Resilience, taken: WaveRules
) -> tuple[tuple[str, WaveRules, float], ...]:
    """Books that come back or give way otherwise: in words, the rules, the withdrawal."""
    leaving = resilience.omega_range[1]
    # Both ends of what is known of the refill, where they are not what is taken anyway.
    ends = {resilience.refill_half_life_s, SIMULATED_REFILL_HALF_LIFE_S}
    return (
        *(
            (
                f"books refill by half in {refill_s:g} s, not {taken.refill_half_life_s:g}",
                replace(taken, refill_half_life_s=refill_s),
                resilience.omega,
            )
            for refill_s in sorted(ends - {taken.refill_half_life_s})
        ),
        (f"makers leave with ω {leaving:g}, not {resilience.omega:g}", taken, leaving),
    )


def _maintenance_rate(mapped: LiquidationMap, side: Side) -> float:
    # Mean over what stands on the side; of the atoms themselves where nothing does.
    held = mapped.ladder.standing_by_atom(side)
    rates = mapped.ladder.atoms.maintenance_margin_rate
    return float(held @ rates / held.sum()) if held.sum() > 0 else float(rates.mean())

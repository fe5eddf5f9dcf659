"""The trial of second legs: every plan that was stated, what it came to, and random times alike.

In:  `Market`, klines and bands that depth is taken from.   Out: `LegTrial`.
Pure: values in, values out; randomness is a seed; no I/O, no clock.

A random time is matched to a plan: the same hour of the week on another day, or an hour beside it
where there are too few, volatility at most one decile away, no impulse running. There the same
plan is laid, its distances from the market in deviations of that time, the same way, the same
lapse; what it came to is what such a plan comes to when nothing has happened. Deciles are of the
whole span: they choose what is compared, and nobody acts upon them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from forcedflow.depth.curve import DepthCurve
from forcedflow.liquidation_map import Market
from forcedflow.playbook.clusters import follow_clusters, map_moments
from forcedflow.playbook.ignition import BARS, SIGN, Ignition, IgnitionRule, find_ignitions
from forcedflow.playbook.leg_outcome import SIZES_USD, LegOutcome, cost_bps, resolve
from forcedflow.playbook.past_legs import (
    FOLLOWED_MS,
    LEAST_PLANS,
    PastLegs,
    joined,
    to_extreme_ms,
)
from forcedflow.playbook.price_series import PriceSeries
from forcedflow.playbook.second_leg import RULE, LegPlan, SecondLeg, SecondLegRule, follow_legs
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, F8x2

DepthOf: TypeAlias = Callable[[int], tuple[DepthCurve, DepthCurve] | None]
"""Depth down and up as known at a moment; None where nothing was known."""

CONTROLS = 20
"""Random times laid beside each plan, at most."""

LEAST_CONTROLS = 5
"""A plan with fewer of them has no match."""

SEED = 20_260_701
_DECILES = 10
_WEEK_HOURS = 168


@dataclass(frozen=True, slots=True)
class LegTrial:
    """What came of one instrument's ``n`` plans, and of its legs and impulses.

    Parameters
    ----------
    placed_ms : ndarray of int, shape (n,)
        When each plan could be stated. [UTC ms]
    over_ms : ndarray of int, shape (n,)
        When what it came to was known. [UTC ms]
    filled : ndarray of bool, shape (n,)
    gross_bps : ndarray, shape (n,)
        Before costs, unfilled ones 0. [bps]
    cost_bps : ndarray, shape (n, k)
        By size, unfilled ones 0; NaN where depth is unknown. [bps]
    matched_bps, matched_cost_bps : ndarray, shape (n,), (n, k)
        Means of the same at matched random times; NaN where there are too few. [bps]
    past : PastLegs
        Every leg that hit a cluster, with what its plan came to at the first size.
    ignitions : tuple of Ignition
        Every impulse.
    step_ms : int
        Usual length of a bar. [ms]
    latency_bars : ndarray, shape (m,)
        Bars from the true beginning of each move to when the impulse was known. [1]
    """

    placed_ms: I8
    over_ms: I8
    filled: np.ndarray[tuple[int], np.dtype[np.bool_]]
    gross_bps: F8
    cost_bps: F8x2
    matched_bps: F8
    matched_cost_bps: F8x2
    past: PastLegs
    ignitions: tuple[Ignition, ...]
    step_ms: int
    latency_bars: F8


def hold_trial(
    market: Market,
    series: PriceSeries,
    depth_of: DepthOf,
    from_ms: int,
    *,
    ignition: IgnitionRule = BARS,
    rule: SecondLegRule = RULE,
    sizes_usd: Sequence[float] = SIZES_USD,
) -> LegTrial:
    """Return what every plan from a moment on came to.

    Parameters
    ----------
    market : Market
        Everything known by the end.
    series : PriceSeries
        Of that market.
    depth_of : callable
    from_ms : int
        Impulses seen from then on count; what lies before is history for thresholds. [UTC ms]
    ignition : IgnitionRule
    rule : SecondLegRule
    sizes_usd : sequence of float
        [USD]

    Returns
    -------
    LegTrial
        Without the plans that the series ends before.
    """
    ignitions = tuple(g for g in find_ignitions(series, ignition) if g.impulse_ms >= from_ms)
    legs: tuple[SecondLeg, ...] = ()
    if ignitions:
        moments = _moments_of(ignitions, rule, market.at_ms)
        legs = follow_legs(series, ignitions, follow_clusters(market, moments), rule)
    stated = [
        (leg, leg.plan, outcome)
        for leg in legs
        if leg.plan is not None and (outcome := resolve(series, leg.plan)).end != "open"
    ]
    rng = np.random.default_rng(SEED)
    times = _Times.of(series, ignitions, from_ms)
    costs = np.array([_costs(depth_of, p.placed_ms, o, sizes_usd) for _, p, o in stated])
    gross = np.array([1e4 * outcome.gross for _, _, outcome in stated])
    beside = [_beside(series, times, plan, depth_of, sizes_usd, rng) for _, plan, _ in stated]
    k = len(sizes_usd)
    return LegTrial(
        placed_ms=np.array([plan.placed_ms for _, plan, _ in stated], dtype=np.int64),
        over_ms=np.array([plan.expires_ms for _, plan, _ in stated], dtype=np.int64),
        filled=np.array([outcome.filled for _, _, outcome in stated], dtype=np.bool_),
        gross_bps=gross,
        cost_bps=costs.reshape(-1, k),
        matched_bps=np.array([bps for bps, _ in beside]),
        matched_cost_bps=np.array([cost for _, cost in beside]).reshape(-1, k),
        past=_past(series, legs, stated, gross - costs.reshape(-1, k)[:, 0], sizes_usd[0]),
        ignitions=ignitions,
        step_ms=series.step_ms,
        latency_bars=_latencies(series, ignitions),
    )


def _moments_of(ignitions: Sequence[Ignition], rule: SecondLegRule, at_ms: int) -> I8:
    """Whole hours around every impulse: those at which a map may be looked at."""
    after = rule.wait_ms + rule.life_ms + HOUR_MS
    spans = [map_moments(g.start_ms - HOUR_MS, min(g.impulse_ms + after, at_ms)) for g in ignitions]
    return np.unique(np.concatenate(spans))


def _costs(
    depth_of: DepthOf, placed_ms: int, outcome: LegOutcome, sizes_usd: Sequence[float]
) -> list[float]:
    """Costs by size; where they are unknown, also of what was not filled: no choice by outcome."""
    depths = depth_of(placed_ms)
    if depths is None:
        return [float("nan")] * len(sizes_usd)
    costs = [cost_bps(depths, size) for size in sizes_usd]
    return costs if outcome.filled else [0.0 * cost for cost in costs]


@dataclass(frozen=True, slots=True)
class _Times:
    """Bars at which a random plan may be laid: where they are, their hour, decile and day."""

    place: I8
    hour: I8
    decile: I8
    edges: F8

    @classmethod
    def of(cls, series: PriceSeries, ignitions: Sequence[Ignition], from_ms: int) -> _Times:
        free = (series.event_ms >= from_ms) & np.isfinite(series.sigma_day)
        for ignition in ignitions:
            began = int(series.event_ms[ignition.start])
            until = int(series.event_ms[ignition.seen]) + FOLLOWED_MS
            free &= (series.event_ms < began) | (series.event_ms > until)
        place = np.flatnonzero(free).astype(np.int64)
        sigma = series.sigma_day[place]
        edges = np.quantile(sigma, np.linspace(0, 1, _DECILES + 1)[1:-1]) if place.size else sigma
        return cls(
            place,
            series.event_ms[place] // HOUR_MS % _WEEK_HOURS,
            np.searchsorted(edges, sigma, side="right"),
            edges,
        )

    def like(self, plan: LegPlan, event_ms: I8, rng: np.random.Generator) -> I8:
        """Return places like the plan's time, on other days, the same hour of the week first."""
        decile = int(np.searchsorted(self.edges, plan.sigma_day, side="right"))
        calm = np.abs(self.decile - decile) <= 1
        calm &= event_ms[self.place] // DAY_MS != plan.placed_ms // DAY_MS
        hour = plan.placed_ms // HOUR_MS % _WEEK_HOURS
        apart = np.abs(self.hour - hour)
        apart = np.minimum(apart, _WEEK_HOURS - apart)
        for width in (0, 1, 2):
            alike = self.place[calm & (apart <= width)]
            if alike.size >= CONTROLS:
                break
        return rng.permutation(alike)[:CONTROLS]


def _beside(
    series: PriceSeries,
    times: _Times,
    plan: LegPlan,
    depth_of: DepthOf,
    sizes_usd: Sequence[float],
    rng: np.random.Generator,
) -> tuple[float, list[float]]:
    """Mean of the same plan at random times, before costs, and its mean costs."""
    # Where the market stood when the plan was stated, in deviations from its entry.
    at = int(np.searchsorted(series.event_ms, plan.placed_ms, side="left"))
    nothing = float("nan"), [float("nan")] * len(sizes_usd)
    if at >= series.size:
        return nothing
    outcomes = []
    for place in times.like(plan, series.event_ms, rng).tolist():
        laid = lay_plan_at(plan, float(series.close[at]), series, place)
        outcome = resolve(series, laid)
        if outcome.end != "open":
            outcomes.append((laid, outcome))
    if len(outcomes) < LEAST_CONTROLS:
        return nothing
    costs = np.array([_costs(depth_of, laid.placed_ms, o, sizes_usd) for laid, o in outcomes])
    return (
        float(np.mean([1e4 * outcome.gross for _, outcome in outcomes])),
        costs.mean(axis=0).tolist(),
    )


def lay_plan_at(plan: LegPlan, market_price: float, series: PriceSeries, place: int) -> LegPlan:
    """Return the plan as it would be at another time: the same distances in deviations.

    Parameters
    ----------
    plan : LegPlan
    market_price : float
        Where the market stood when the plan could be acted upon. [quote per base]
    series : PriceSeries
    place : int
        Bar at whose end it is laid instead.

    Returns
    -------
    LegPlan
    """
    sigma, price = float(series.sigma_day[place]), float(series.close[place])
    scale = sigma / plan.sigma_day
    entry, invalidation, target = (
        price * float(np.exp(scale * np.log(level / market_price)))
        for level in (plan.entry, plan.invalidation, plan.target)
    )
    at_ms = int(series.event_ms[place])
    return replace(
        plan,
        placed_ms=at_ms,
        entry=entry,
        invalidation=invalidation,
        target=target,
        expires_ms=at_ms + plan.expires_ms - plan.placed_ms,
        sigma_day=sigma,
    )


def _past(
    series: PriceSeries,
    legs: Sequence[SecondLeg],
    stated: Sequence[tuple[SecondLeg, LegPlan, LegOutcome]],
    net_bps: F8,
    size_usd: float,
) -> PastLegs:
    net = {leg.ignition: value for (leg, _, _), value in zip(stated, net_bps.tolist(), strict=True)}
    rows = []
    for leg in legs:
        if not leg.transitions or (way := to_extreme_ms(series, leg.ignition)) is None:
            continue
        lapse = 0 if leg.plan is None else leg.plan.expires_ms
        seen_ms = int(series.event_ms[leg.ignition.seen])
        over = max(seen_ms + FOLLOWED_MS, lapse)
        known = int(
            series.known_ms[min(int(np.searchsorted(series.event_ms, over)), series.size - 1)]
        )
        rows.append((known, leg.ignition.impulse_ms, way, net.get(leg.ignition, float("nan"))))
    rows.sort()
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4)
    known_ms, impulse_ms, way_ms = (columns[:, i].astype(np.int64) for i in range(3))
    return PastLegs(known_ms, impulse_ms, way_ms, columns[:, 3], size_usd)


def _latencies(series: PriceSeries, ignitions: Sequence[Ignition]) -> F8:
    """Bars from the true beginning of each move, seen in hindsight, to when it was known.

    In hindsight a move begins at the furthest opposite price within four hours before its extreme,
    and its extreme is the furthest price within four hours after it was seen.
    """
    bars = []
    for ignition in ignitions:
        seen_ms = int(series.event_ms[ignition.seen])
        if seen_ms + FOLLOWED_MS > series.event_ms[-1]:
            continue
        sign = SIGN[ignition.direction]
        first, stop = np.searchsorted(series.event_ms, [seen_ms, seen_ms + FOLLOWED_MS], "right")
        down = ignition.direction == "down"
        ahead = sign * np.log((series.low if down else series.high)[first - 1 : stop])
        extreme = int(first) - 1 + int(np.argmax(ahead))
        back = int(np.searchsorted(series.event_ms, int(series.event_ms[extreme]) - FOLLOWED_MS))
        behind = sign * np.log((series.high if down else series.low)[back : ignition.seen + 1])
        if behind.size:
            begun = back + behind.size - 1 - int(np.argmin(behind[::-1]))
            bars.append((ignition.impulse_ms - int(series.event_ms[begun])) / series.step_ms)
    return np.array(bars)


def taken(trials: Sequence[LegTrial]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which plans the record of their time would have let pass, walking forward.

    Parameters
    ----------
    trials : sequence of LegTrial
        Their legs make one record.

    Returns
    -------
    ndarray of bool, shape (n,)
        Of the plans of all trials, one after the other. A plan passes where the mean of the plans
        that were over when it was stated, after costs, is above zero with its whole interval;
        until there are `LEAST_PLANS` of them, none does.
    """
    record = joined([trial.past for trial in trials])
    passed = [
        before.net_rate().above_zero
        if np.isfinite((before := record.known_by(at_ms)).net_bps).sum() >= LEAST_PLANS
        else False
        for trial in trials
        for at_ms in trial.placed_ms.tolist()
    ]
    return np.array(passed, dtype=np.bool_)

r"""Monte Carlo: the cascade over many paths, and over all that is uncertain of ladder and book.

In:  a `Stage`, `WaveRules`, a `FilteredHistory`, a `Start`, a seed.
Out: `Simulation`: where each scenario went with the ladder and without it. [1, USD]
Pure: NumPy in, NumPy out; no I/O, no clock; randomness is a seed.

Each scenario draws a path of price for other reasons from filtered history, one factor on forced
flow and one on depth, common to all venues because one model made them all, and lets makers leave
with the volatility realised on the way,

.. math:: d = d_0 \, e^{-\omega \max(\sigma_{RV}/\sigma_{now} - 1,\ 0)}.

The same path without the ladder is the null: what volatility alone does. Whatever is said to be
likely is said beside it. Shares of scenarios are structural probabilities, uncalibrated: they
describe this model, and nothing yet says how often the market agrees. Past moves hold past cascades
already, so what the ladder adds is to that extent counted twice.

Draws under which price goes further than it ever did in the record, more often than the record
allows, are thinned; see `forcedflow.cascade.record_bound`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from forcedflow.cascade import waves
from forcedflow.cascade.criticality import DOUBLED, SHOCKS, SWEPT_SHARE
from forcedflow.cascade.record_bound import B1, Bound, PastWindows, bound_draws
from forcedflow.cascade.stage import Stage
from forcedflow.cascade.start import Start
from forcedflow.cascade.waves import WaveRules
from forcedflow.depth.resilience import MEASURED
from forcedflow.units import DAY_MS, F8, MINUTE_MS, SECOND_MS, F8x2
from forcedflow.volatility.filtered_history import LEGS, FilteredHistory

SCENARIOS = 10_000
"""Scenarios: a share of one percent is then known to a tenth of itself."""

WITHDRAWAL = MEASURED.omega
"""Depth that makers take away per multiple of ordinary volatility, as recorded books did. [1]"""

LEAST_LEFT = 0.02
"""Share of depth that stays whatever happens, assumed. [1]"""

MEMORY_MS = 10 * MINUTE_MS
"""Half-life of the volatility that makers watch, assumed. [ms]"""

LABEL = "structural, uncalibrated"
"""What every share of scenarios is called."""

LONGEST_MS = 7 * DAY_MS
"""Longest horizon: ladder and book of the moment say nothing of what stands there later. [ms]"""

Spread: TypeAlias = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
"""Runs a task on items and returns results in their order, as ``map`` does."""

_STEPS = 1_728
_LEAST_STEP_S = 10.0
_CHUNK = 1_000
_JUDGES = 2_500


class Probability(NamedTuple):
    """Share of scenarios.

    ``value`` [1], its Monte Carlo ``standard_error`` [1], and ``n`` scenarios it is a share of.
    """

    value: float
    standard_error: float
    n: int


class Quantiles(NamedTuple):
    """The 10, 50 and 90 % of scenarios."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Simulation:
    """Scenarios of one direction over one horizon, each array of shape (s,).

    Parameters
    ----------
    stage : Stage
        Seen from the start.
    horizon_ms : int
        [ms]
    step_s : float
        Length of a step; latency is at least one. [s]
    furthest, last : ndarray
        Largest and final distance of the last price. [1]
    alone : ndarray
        Largest distance of the same path, shock and order with nothing forced. [1]
    forced_usd : ndarray
        Forced flow set off that reaches the book. [USD]
    least_left : ndarray
        Least share of depth that makers left on the way. [1]
    forced_factor, depth_factor : ndarray
        True over stated forced flow, and depth. [1]
    exhausted : ndarray of bool
        Whether a book was asked for more than the stage holds.
    bound : Bound, optional
        What the record took away; None where it was not asked.
    """

    stage: Stage
    horizon_ms: int
    step_s: float
    furthest: F8
    last: F8
    alone: F8
    forced_usd: F8
    least_left: F8
    forced_factor: F8
    depth_factor: F8
    exhausted: B1
    bound: Bound | None = None

    @property
    def size(self) -> int:
        """Return the number of scenarios."""
        return int(self.furthest.size)

    @property
    def log_ratio(self) -> F8:
        """Return the log of forced over depth factor: what a draw's amplification rests on. [1]"""
        return np.asarray(np.log(self.forced_factor / self.depth_factor))

    def thinned(self, bound: Bound, seed: int) -> Simulation:
        """Return the scenarios whose draws a bound lets stand; all of them if it leaves none."""
        left = bound.keep(self.log_ratio, seed)
        if not left.any():
            return self
        return replace(
            self,
            furthest=self.furthest[left],
            last=self.last[left],
            alone=self.alone[left],
            forced_usd=self.forced_usd[left],
            least_left=self.least_left[left],
            forced_factor=self.forced_factor[left],
            depth_factor=self.depth_factor[left],
            exhausted=self.exhausted[left],
            bound=bound,
        )

    @property
    def doubled(self) -> B1:
        """Return which scenarios went more than twice as far as without the ladder.

        Ways shorter than the least shock of the fragility curve are not judged.
        """
        return np.asarray((self.alone >= SHOCKS[0]) & (self.furthest > DOUBLED * self.alone))

    @property
    def swept(self) -> B1:
        """Return which scenarios forced more than one percent of open interest."""
        return np.asarray(self.forced_usd > SWEPT_SHARE * self.stage.open_interest_usd)

    def structural_probability(self) -> Probability:
        """Return the share of scenarios that are cascades by either rule; uncalibrated."""
        return share(self.doubled | self.swept)

    def structural_probability_volatility_only(self) -> Probability:
        """Return the share that would sweep as much open interest if nothing forced moved price.

        The null of the second rule; without the ladder nothing goes twice as far.
        """
        stage = self.stage
        met = self.forced_factor * np.interp(self.alone, stage.edges, stage.supply)
        return share(met > SWEPT_SHARE * stage.open_interest_usd)

    def p_reach(self, distance: float) -> Probability:
        """Return the share of scenarios that reach a distance."""
        return share(self.furthest >= distance)

    def p_reach_volatility_only(self, distance: float) -> Probability:
        """Return the share that would reach it with nothing forced: the null."""
        return share(self.alone >= distance)

    def amplification(self, among: B1 | None = None) -> Quantiles | None:
        """Return the way gone over the way without the ladder, where that is judged. [1]"""
        judged = self.alone >= SHOCKS[0]
        if among is not None:
            judged = judged & among
        if not judged.any():
            return None
        return quantiles(self.furthest[judged] / self.alone[judged])

    def explained(self, among: B1 | None = None) -> float | None:
        """Return the forced part of the whole way of scenarios, summed over them; below 1. [1]"""
        whole, alone = self.furthest, self.alone
        if among is not None:
            whole, alone = whole[among], alone[among]
        total = float(whole.sum())
        return 1.0 - float(alone.sum()) / total if total > 0 else None

    def slippage(self, order_usd: float, stressed: bool = False) -> Quantiles:
        """Return the mean distance that a market order pays over the uncertainty of depth. [1]

        Parameters
        ----------
        order_usd : float
            Its size, in the direction of the stage. [USD]
        stressed : bool
            Whether makers have left as far as they do at worst on each path. What the cascade
            itself takes from the book comes on top.

        Returns
        -------
        Quantiles
            Infinite where the stage does not hold as much.

        Raises
        ------
        ValueError
            If the size is not positive.
        """
        if not order_usd > 0:
            raise ValueError(f"an order has a positive size, was {order_usd}")
        depth = self.depth_factor * (self.least_left if stressed else 1.0)
        return quantiles(_mean_fill(self.stage, order_usd / depth))


def simulate(
    stage: Stage,
    rules: WaveRules,
    history: FilteredHistory,
    horizon_ms: int,
    *,
    seed: int,
    start: Start | None = None,
    scenarios: int = SCENARIOS,
    withdrawal: float = WITHDRAWAL,
    past: PastWindows | None = None,
    spread: Spread = map,
) -> Simulation:
    """Return what becomes of many scenarios in one direction.

    Parameters
    ----------
    stage : Stage
        As it is at the mark; it is seen from the start here.
    rules : WaveRules
        Of its venues. Their step gives way to one that fits the horizon.
    history : FilteredHistory
        Of bars known at the moment.
    horizon_ms : int
        [ms]
    seed : int
        One seed gives both directions and all horizons the same paths of price.
    start : Start, optional
        The mark by default.
    scenarios : int
    withdrawal : float
        Depth that makers take away per multiple of ordinary volatility. [1]
    past : PastWindows, optional
        Past windows of the horizon, which bound how often price may go further than it ever did.
    spread : callable, optional
        Runs a task on each of many items and returns the results in their order, as ``map`` does:
        whoever knows of other processes lets them take part. The scenarios are the same.

    Returns
    -------
    Simulation

    Raises
    ------
    ValueError
        If the horizon, the number of scenarios or the withdrawal is out of its range, or the past
        windows are of another horizon.

    Notes
    -----
    Steps are ten seconds within the hour and 50 s within a day of five-minute bars; waves follow
    one another as slowly, while the book refills, so that long horizons rather understate cascades.

    The record is of windows that began anywhere, so draws are judged by scenarios that begin at the
    mark with no shock and no order; a start then meets the draws that these left.
    """
    if not (0 < horizon_ms <= LONGEST_MS and scenarios > 0 and 0 <= withdrawal < math.inf):
        raise ValueError(
            f"a horizon is at most {LONGEST_MS // DAY_MS} days, scenarios are positive and a "
            "withdrawal is not negative"
        )
    start = start or Start()
    if past is not None and past.horizon_ms != horizon_ms:
        raise ValueError(f"past windows are of {past.horizon_ms} ms, the horizon of {horizon_ms}")
    judged = None
    if past is not None and start != Start():
        judged = simulate(
            stage,
            rules,
            history,
            horizon_ms,
            seed=seed,
            scenarios=min(scenarios, _JUDGES),
            withdrawal=withdrawal,
            past=past,
            spread=spread,
        ).bound
    shock, order = start.along(stage.direction)
    stage = start.seen_from(stage)
    bars = history.bars_in(horizon_ms)
    leg_s = history.step_ms / SECOND_MS / LEGS
    refine = max(1, min(_STEPS // (bars * LEGS), int(leg_s / _LEAST_STEP_S)))
    step_s = leg_s / refine
    rules = replace(rules, step_s=step_s)
    draws = [
        (min(_CHUNK, scenarios - first), spawned)
        for first, spawned in zip(
            range(0, scenarios, _CHUNK),
            np.random.SeedSequence(seed).spawn(-(-scenarios // _CHUNK)),
            strict=True,
        )
    ]
    run = partial(_draw, stage, rules, history, bars, refine, shock, start.shock, order, withdrawal)
    found = list(spread(run, draws))
    furthest, last, alone, forced, least, forced_factor, depth_factor, exhausted = (
        np.concatenate(parts) for parts in zip(*found, strict=True)
    )
    whole = Simulation(
        stage=stage,
        horizon_ms=horizon_ms,
        step_s=step_s,
        furthest=furthest,
        last=last,
        alone=alone,
        forced_usd=forced,
        least_left=least,
        forced_factor=forced_factor,
        depth_factor=depth_factor,
        exhausted=exhausted,
    )
    return whole if past is None else _bounded(whole, past, judged, history, seed)


def _draw(
    stage: Stage,
    rules: WaveRules,
    history: FilteredHistory,
    bars: int,
    refine: int,
    shock: float,
    stated_shock: float,
    order: float,
    withdrawal: float,
    draw: tuple[int, np.random.SeedSequence],
) -> tuple[np.ndarray[Any, Any], ...]:
    """Return the columns of `Simulation` for so many scenarios of one seed."""
    size, seed = draw
    generator = np.random.default_rng(seed)
    forced_factor = np.exp(stage.forced_log_sd * generator.standard_normal(size))
    depth_factor = np.exp(stage.depth_log_sd * generator.standard_normal(size))
    picked = history.pick(size, bars, generator)
    sign = -1.0 if stage.direction == "down" else 1.0
    path = shock + sign * history.paths(picked, refine)
    left = _left(history, history.moves(picked), stated_shock, withdrawal)
    left_steps = np.repeat(left, LEGS * refine, axis=1)
    ran = waves.run(stage, rules, path, left_steps, order, forced_factor, depth_factor)
    alone = np.maximum(path.max(axis=1), 0.0)
    if order > 0:
        # An order moves price by itself; that is no merit of the ladder.
        alone = waves.run(stage, rules, path, left_steps, order, 0.0, depth_factor).furthest
    return (
        np.maximum(ran.furthest, alone),
        ran.last,
        alone,
        ran.triggered.sum(axis=1),
        left.min(axis=1),
        forced_factor,
        depth_factor,
        np.asarray(ran.exhausted.any(axis=1)),
    )


def share(hits: B1) -> Probability:
    """Return the share of hits with its standard error, which is above 0 even where all agree."""
    n = int(hits.size)
    value = float(hits.mean()) if n else math.nan
    # Half a hit and half a miss more: a share of none out of many is not known to be zero.
    mended = (value * n + 0.5) / (n + 1) if n else math.nan
    return Probability(value, math.sqrt(mended * (1 - mended) / n) if n else math.nan, n)


def quantiles(values: F8) -> Quantiles:
    """Return the 10, 50 and 90 % of values; there is at least one."""
    # Taken from the values themselves, because nothing lies between a finite one and infinity.
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9), method="inverted_cdf").tolist()
    return Quantiles(low, middle, high)


def _bounded(
    ran: Simulation, past: PastWindows, judged: Bound | None, history: FilteredHistory, seed: int
) -> Simulation:
    if judged is None:
        sigma = history.sigma * math.sqrt(ran.horizon_ms / history.step_ms)
        distance = past.furthest(ran.stage.direction, sigma)
        # What goes beyond the stage counts as being at its end, and cannot be told from there.
        if past.n and distance < ran.stage.edges[-1] - ran.stage.width:
            judged = bound_draws(past, distance, ran.log_ratio, ran.furthest, ran.alone, seed)
    if judged is None:
        return ran
    return ran.thinned(judged, seed)


def _left(history: FilteredHistory, moves: F8x2, shock: float, withdrawal: float) -> F8x2:
    # Share of depth left in each bar, after the volatility of the bars so far and this one.
    kept = 2.0 ** (-history.step_ms / MEMORY_MS)
    squares = moves**2
    squares[:, 0] = (moves[:, 0] + shock) ** 2
    now = history.sigma**2
    variance = np.full(moves.shape[0], now)
    left = np.empty_like(moves)
    for bar in range(moves.shape[1]):
        variance = kept * variance + (1 - kept) * squares[:, bar]
        excess = np.maximum(np.sqrt(variance / now) - 1.0, 0.0)
        left[:, bar] = np.exp(-withdrawal * excess)
    return np.maximum(left, LEAST_LEFT)


def _mean_fill(stage: Stage, order_usd: F8) -> F8:
    # Mean distance paid: what has been paid up to each bin, and the part of the last one.
    demand, edges, width = stage.demand, stage.edges, stage.width
    held = np.diff(demand)
    paid = np.concatenate([[0.0], np.cumsum(held * (edges[:-1] + width / 2))])
    b = np.clip(np.searchsorted(demand, order_usd, side="left") - 1, 0, held.size - 1)
    inside = order_usd - demand[b]
    # A bin that an order ends in holds something, unless the order is larger than the stage.
    slope = width / np.where(held[b] > 0, held[b], 1.0)
    cost = paid[b] + inside * (edges[b] + 0.5 * slope * inside)
    return np.where(order_usd <= demand[-1], cost / order_usd, np.inf)

r"""Waves: the cascade through time, with latency, refill, lagging venues and insurance funds.

In:  a `Stage`, `WaveRules`, paths of distance that price takes for other reasons. [1]
Out: `WaveResult`: where each scenario ends, what was sold, deleveraged, lost. [1, USD]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

Each step, on every venue: what was triggered a latency ago is sold into what is left of the book;
what was taken refills; arbitrage draws last prices towards their depth-weighted mean, the index;
the mark price follows half the venue's own last price and half the index; a new furthest mark
triggers what stands between it and the one before.

Selling beyond bankruptcy costs the venue's insurance fund; once that is empty the rest is closed
against winners and never reaches the book. The fill of an order is taken as the mean of the prices
before and after it, its positions as spread evenly over the stretch that triggered it.

Left out: liquidation in parts (a bracket at a time, or a fifth and then a pause), margin left over
that feeds the funds, positions topped up or closed by choice on the way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from forcedflow.cascade._kernels import B1x2, Ends, F8x3, Scenarios, Venues, waves
from forcedflow.cascade.stage import Stage
from forcedflow.depth.curve import Direction
from forcedflow.units import F8, F8x2

STEP_S = 1.0
"""One step: what a liquidation engine and a mark price are published by. [s]"""

MARK_HALF_LIFE_S = 1.0
"""Half-life of a mark price's gap to what it follows, assumed. [s]

Binance publishes marks every second, Hyperliquid's oracle every three; the simulated exchange moves
its marks by nine tenths of a move within a second."""

ARBITRAGE_HALF_LIFE_S = 2.0
"""Half-life of a venue's gap to the index, assumed: the simulated exchange's own. [s]"""

SIMULATED_REFILL_HALF_LIFE_S = 1_200.0
"""Half-life of what was taken from a book of the simulated exchange. [s]

Between its depth, which is back by half in eight minutes, and its price impact, which has faded by
half in 45."""

REFILL_HALF_LIFE_S = 130.0
"""Half-life of what was taken from a book, assumed. [s]

The geometric middle of two ends, because neither is of a cascade: 15 s, as recorded books came back
near the touch on calm days, and the 1,200 s of the simulated exchange. A book that refills slowly
lengthens a cascade, so both ends are shown beside it."""

LATENCY_S = 1.0
"""From trigger to order where a venue's is not known, assumed; no venue publishes it. [s]"""

MAINTENANCE_RATE = 0.005
"""Maintenance margin rate where no schedule is at hand, assumed: BTC's lower brackets on Binance
ask 0.4 to 0.5 %. [1]"""

NEVER_EMPTY = math.inf
"""Insurance fund of a venue that publishes none per contract: nothing is deleveraged, so a cascade
is rather over- than understated. [USD]"""

_KNOWN_LATENCY_S = {"sandbox": 1.0, "sandbox-sampled": 2.0, "sandbox-dark": 1.0}


@dataclass(frozen=True, slots=True)
class WaveRules:
    """How venues behave while price falls or rises.

    Parameters
    ----------
    latency_s : tuple of float
        From trigger to order, one per venue of the stage, rounded to steps, at least one. [s]
    insurance_usd : tuple of float
        Insurance funds, one per venue of the stage; infinite where never empty. [USD]
    buffer : tuple of float
        From a trigger to bankruptcy in log price, one per venue; see `bankruptcy_distance`. [1]
    step_s : float
        Length of a step. [s]
    mark_half_life_s : float
        Half-life of a mark price's gap to what it follows; 0 follows at once. [s]
    arbitrage_half_life_s : float
        Half-life of a venue's gap to the index; infinite without arbitrage. [s]
    refill_half_life_s : float
        Half-life of what was taken from a book; infinite without refill. [s]
    source : str
        What the figures rest on, in words.

    Raises
    ------
    ValueError
        If a figure is negative or no number, or the step is not positive and finite.
    """

    latency_s: tuple[float, ...]
    insurance_usd: tuple[float, ...]
    buffer: tuple[float, ...]
    step_s: float = STEP_S
    mark_half_life_s: float = MARK_HALF_LIFE_S
    arbitrage_half_life_s: float = ARBITRAGE_HALF_LIFE_S
    refill_half_life_s: float = REFILL_HALF_LIFE_S
    source: str = "assumed"

    def __post_init__(self) -> None:
        if not 0 < self.step_s < math.inf:
            raise ValueError(f"a step has a positive length, was {self.step_s}")
        for field in fields(self):
            stated = getattr(self, field.name)
            if isinstance(stated, str):
                continue
            for value in stated if isinstance(stated, tuple) else (stated,):
                if not value >= 0:
                    raise ValueError(f"{field.name} is not negative, was {value}")
        for name, values in (("latency_s", self.latency_s), ("buffer", self.buffer)):
            if not all(map(math.isfinite, values)):
                raise ValueError(f"{name} is finite, was {values}")
        if not len(self.latency_s) == len(self.insurance_usd) == len(self.buffer):
            raise ValueError("latency, insurance fund and buffer have one figure per venue each")

    def closed_per_step(self, half_life_s: float) -> float:
        """Return the share of a gap that closes within a step. [1]"""
        return 1.0 if half_life_s == 0 else -math.expm1(-math.log(2) * self.step_s / half_life_s)


@dataclass(frozen=True, slots=True)
class WaveResult:
    """What became of ``s`` scenarios on ``v`` venues.

    Parameters
    ----------
    last : ndarray, shape (s,)
        Final distance of the depth-weighted last price. [1]
    furthest : ndarray, shape (s,)
        Its largest, never below 0. [1]
    sold : ndarray, shape (s, v)
        Forced flow that the book took. [USD]
    deleveraged : ndarray, shape (s, v)
        Forced flow closed against winners, because the fund was empty. [USD]
    waiting : ndarray, shape (s, v)
        Forced flow triggered, but not at the book when time was up. [USD]
    lost : ndarray, shape (s, v)
        What the insurance funds paid. [USD]
    exhausted : ndarray of bool, shape (s, v)
        Whether a book was ever asked for more than the stage holds.
    """

    last: F8
    furthest: F8
    sold: F8x2
    deleveraged: F8x2
    waiting: F8x2
    lost: F8x2
    exhausted: B1x2

    @property
    def triggered(self) -> F8x2:
        """Return all forced flow that was set off, shape (s, v). [USD]"""
        return np.asarray(self.sold + self.deleveraged + self.waiting)


@dataclass(frozen=True, slots=True)
class WaveTrace:
    """One scenario step by step, for pictures.

    Parameters
    ----------
    time_s : ndarray, shape (t,)
        Ends of the steps, from the start of the scenario. [s]
    last, mark : ndarray, shape (t, v)
        Distance of last and mark price. [1]
    sold : ndarray, shape (t, v)
        Forced flow that the book has taken so far. [USD]
    result : WaveResult
        The same scenario's end; its arrays have one row.
    """

    time_s: F8
    last: F8x2
    mark: F8x2
    sold: F8x2
    result: WaveResult


def bankruptcy_distance(maintenance_rate: float, direction: Direction) -> float:
    r"""Return how far a liquidated position is from bankruptcy, in log price. [1]

    .. math:: \ln\frac{p_{liq}}{p_{bankrupt}} = \mp\ln(1 \mp m)

    Parameters
    ----------
    maintenance_rate : float
        Maintenance margin rate ``m`` of its bracket, fees left out. [1]
    direction : {"down", "up"}
        Way of the move: down for longs, up for shorts.

    Raises
    ------
    ValueError
        If the rate is not in [0, 1).

    Examples
    --------
    >>> round(bankruptcy_distance(0.005, "down"), 6), round(bankruptcy_distance(0.005, "up"), 6)
    (0.005013, 0.004988)
    """
    if not 0 <= maintenance_rate < 1:
        raise ValueError(f"a maintenance margin rate lies in [0, 1), was {maintenance_rate}")
    return -math.log1p(-maintenance_rate) if direction == "down" else math.log1p(maintenance_rate)


def assumed_rules(
    stage: Stage,
    maintenance_rates: Sequence[float] | None = None,
    insurance_usd: Sequence[float] | None = None,
) -> WaveRules:
    """Return the rules of a stage's venues as far as they are known, assumptions otherwise.

    Parameters
    ----------
    stage : Stage
    maintenance_rates : sequence of float, optional
        One per venue, typical for what stands there; `MAINTENANCE_RATE` otherwise. [1]
    insurance_usd : sequence of float, optional
        One per venue; `NEVER_EMPTY` otherwise. [USD]
    """
    venues = stage.venues
    rates = maintenance_rates if maintenance_rates is not None else [MAINTENANCE_RATE] * len(venues)
    funds = insurance_usd if insurance_usd is not None else [NEVER_EMPTY] * len(venues)
    unknown = [venue for venue in venues if venue not in _KNOWN_LATENCY_S]
    words = [f"latency of {', '.join(unknown)} assumed"] if unknown else []
    words += ["maintenance margin assumed"] if maintenance_rates is None else []
    words += ["insurance funds taken as never empty"] if insurance_usd is None else []
    return WaveRules(
        latency_s=tuple(_KNOWN_LATENCY_S.get(venue, LATENCY_S) for venue in venues),
        insurance_usd=tuple(funds),
        buffer=tuple(bankruptcy_distance(rate, stage.direction) for rate in rates),
        refill_half_life_s=SIMULATED_REFILL_HALF_LIFE_S if stage.simulated else REFILL_HALF_LIFE_S,
        source="; ".join([*words, "mark, arbitrage and refill speeds assumed"]),
    )


def run(
    stage: Stage,
    rules: WaveRules,
    path: npt.ArrayLike,
    left: npt.ArrayLike = 1.0,
    order_usd: npt.ArrayLike = 0.0,
    forced_factor: npt.ArrayLike = 1.0,
    depth_factor: npt.ArrayLike = 1.0,
) -> WaveResult:
    """Return what becomes of scenarios.

    Parameters
    ----------
    stage : Stage
        ``v`` venues.
    rules : WaveRules
        Of the same venues.
    path : array_like, shape (s, t)
        Distance that price has moved for other reasons by each step, in the stage's direction;
        negative on the other side of the mark. [1]
    left : array_like, broadcast to (s, t)
        Share of depth that makers leave in the book, above 0. [1]
    order_usd : array_like, broadcast to (s,)
        Extra market flow at the first step, split over venues by depth. [USD]
    forced_factor, depth_factor : array_like, broadcast to (s,)
        Factors on forced flow, and on depth, above 0. [1]

    Returns
    -------
    WaveResult

    Raises
    ------
    ValueError
        If shapes disagree, or a figure is out of its range.

    Notes
    -----
    O(s·t·v·log p). Memory beyond the arguments is their copies and the result.
    """
    return _run(stage, rules, path, left, order_usd, forced_factor, depth_factor, traced=False)[0]


def trace(
    stage: Stage,
    rules: WaveRules,
    path: npt.ArrayLike,
    left: npt.ArrayLike = 1.0,
    order_usd: float = 0.0,
    forced_factor: float = 1.0,
    depth_factor: float = 1.0,
) -> WaveTrace:
    """Return one scenario step by step.

    Parameters
    ----------
    stage, rules, order_usd, forced_factor, depth_factor
        As for `run`.
    path : array_like, shape (t,)
        Distance that price has moved for other reasons by each step. [1]
    left : array_like, broadcast to (t,)
        Share of depth that makers leave in the book. [1]

    Raises
    ------
    ValueError
        As `run` does.
    """
    one = np.atleast_2d(np.asarray(path, dtype=np.float64))
    if one.shape[0] != 1:
        raise ValueError(f"a trace is of one path, found shape {one.shape}")
    result, steps = _run(
        stage, rules, one, left, order_usd, forced_factor, depth_factor, traced=True
    )
    time_s: F8 = np.asarray(np.arange(1, one.shape[1] + 1) * rules.step_s)
    return WaveTrace(time_s, steps[:, :, 0], steps[:, :, 1], steps[:, :, 2], result)


def _run(
    stage: Stage,
    rules: WaveRules,
    path: npt.ArrayLike,
    left: npt.ArrayLike,
    order_usd: npt.ArrayLike,
    forced_factor: npt.ArrayLike,
    depth_factor: npt.ArrayLike,
    *,
    traced: bool,
) -> tuple[WaveResult, F8x3]:
    n = len(stage.venues)
    if len(rules.latency_s) != n:
        raise ValueError(f"rules are of {len(rules.latency_s)} venues, the stage of {n}")
    paths = np.array(path, dtype=np.float64, order="C")
    if paths.ndim != 2 or paths.shape[1] == 0:
        raise ValueError(f"paths have shape (scenarios, steps), found {paths.shape}")
    if not np.isfinite(paths).all():
        raise ValueError("a path is finite")
    s, t = paths.shape
    scenarios = Scenarios(
        path=paths,
        left=_in_range("share of depth left", left, (s, t), above_zero=True),
        order=_in_range("order", order_usd, (s,), above_zero=False),
        forced_factor=_in_range("factor of forced flow", forced_factor, (s,), above_zero=False),
        depth_factor=_in_range("factor of depth", depth_factor, (s,), above_zero=True),
    )
    ends = Ends(
        last=np.zeros(s),
        furthest=np.zeros(s),
        sold=np.zeros((s, n)),
        deleveraged=np.zeros((s, n)),
        waiting=np.zeros((s, n)),
        lost=np.zeros((s, n)),
        exhausted=np.zeros((s, n), dtype=np.bool_),
        trace=np.zeros((t if traced else 0, n, 3)),
    )
    waves(_venues(stage, rules), scenarios, ends)
    result = WaveResult(
        ends.last,
        ends.furthest,
        ends.sold,
        ends.deleveraged,
        ends.waiting,
        ends.lost,
        ends.exhausted,
    )
    return result, ends.trace


def _venues(stage: Stage, rules: WaveRules) -> Venues:
    held = stage.depth.sum(axis=1)
    total = float(held.sum())
    n = len(stage.venues)
    return Venues(
        supply=_cumulated(stage.reaching * stage.forced),
        demand=_cumulated(stage.depth),
        # Without any depth there is nothing to weigh venues by.
        share=held / total if total > 0 else np.full(n, 1.0 / n),
        fund=np.array(rules.insurance_usd, dtype=np.float64),
        delay=np.array(
            [max(1, round(wait / rules.step_s)) for wait in rules.latency_s], dtype=np.int64
        ),
        buffer=np.array(rules.buffer, dtype=np.float64),
        width=float(stage.width),
        mark_gain=rules.closed_per_step(rules.mark_half_life_s),
        coupling=rules.closed_per_step(rules.arbitrage_half_life_s),
        kept=1.0 - rules.closed_per_step(rules.refill_half_life_s),
    )


def _cumulated(usd: F8x2) -> F8x2:
    return np.concatenate([np.zeros((usd.shape[0], 1)), np.cumsum(usd, axis=1)], axis=1)


def _in_range(
    name: str, values: npt.ArrayLike, shape: tuple[int, ...], *, above_zero: bool
) -> npt.NDArray[np.float64]:
    # A copy, because the kernel is compiled for arrays that may be written to.
    numbers = np.array(np.broadcast_to(np.asarray(values), shape), dtype=np.float64, order="C")
    low_enough = (numbers > 0) if above_zero else (numbers >= 0)
    if not (np.isfinite(numbers).all() and low_enough.all()):
        raise ValueError(f"a {name} is finite and {'above 0' if above_zero else 'not negative'}")
    return numbers

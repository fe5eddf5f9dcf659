"""The trial of regimes: what came after each began, and after moments alike without it.

In:  `FeatureTable` of one market, a span. [UTC ms]   Out: `Trial` per claim.
Pure: NumPy in, values out; randomness is a seed; no I/O, no clock.

A moment is alike if it lies at the same minute, at the same hour of the week or within three hours
of it, in the same decile of expected volatility or one beside it, a whole horizon apart, and the
rule was judged there and did not hold. Where a claim names a covariate its decile must fit too.
Deciles are of the whole span: they choose what is compared, and nobody acts upon them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.rows import Bools
from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.playbook.regime import judge_regimes
from forcedflow.playbook.regime_rules import Regime, RuleStates
from forcedflow.signals.signal import DOWN, OFF, ON, UP
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8

CONTROLS, LEAST_CONTROLS = 20, 5
"""Moments alike laid beside each beginning, at most; one with fewer has no match."""

WIDTHS_H = (0, 1, 2, 3)
"""How far the hour of the week may be off, the nearest that gives enough. [h]"""

SEED = 20_260_801

# A multiple of every block that days are drawn in, and longer than any simulation.
_APART_MS = 3_600 * DAY_MS

_DECILES = 10
_WEEK_HOURS = 168
_PER_HOUR = HOUR_MS // STEP_MS

Outcome: TypeAlias = Callable[[F8, float, float], float]
"""From prices at each step of a horizon, the moment itself first, the deviation expected of a day
and a sign to what came. [quote per base, 1, 1]"""


def log_volatility(price: F8, sigma_day: float, sign: float) -> float:  # noqa: ARG001 - one form
    """Return the log of the deviation realised over that expected, by hours. [1]"""
    moves = _hourly(price)
    expected = sigma_day * np.sqrt(moves.size / 24)
    realised = float(np.sqrt((moves**2).sum()))
    return float(np.log(realised / expected)) if realised > 0 else float("nan")


def net_move(price: F8, sigma_day: float, sign: float) -> float:  # noqa: ARG001 - one form
    """Return the size of the net move in deviations of the horizon. [σ]"""
    hours = (price.size - 1) / _PER_HOUR
    return abs(float(np.log(price[-1] / price[0]))) / (sigma_day * float(np.sqrt(hours / 24)))


def efficiency(price: F8, sigma_day: float, sign: float) -> float:  # noqa: ARG001 - one form
    """Return the net move over the way there, by hours: 1 is a straight line. [1]"""
    moves = _hourly(price)
    way = float(np.abs(moves).sum())
    return abs(float(moves.sum())) / way if way > 0 else float("nan")


def signed_move(price: F8, sigma_day: float, sign: float) -> float:
    """Return the net move the way of a sign, in deviations of the horizon. [σ]"""
    hours = (price.size - 1) / _PER_HOUR
    return sign * float(np.log(price[-1] / price[0])) / (sigma_day * float(np.sqrt(hours / 24)))


def hours_to_extreme(price: F8, sigma_day: float, sign: float) -> float:  # noqa: ARG001 - one form
    """Return how long until the furthest price the way of a sign. [h]"""
    return float(np.argmax(sign * price)) / _PER_HOUR


def skew(price: F8, sigma_day: float, sign: float) -> float:  # noqa: ARG001 - one form
    """Return the skew of hourly returns about zero, the way of a sign. [1]"""
    moves = _hourly(price)
    spread = float((moves**2).mean()) ** 1.5
    return sign * float((moves**3).mean()) / spread if spread > 0 else float("nan")


def speed(price: F8, sigma_day: float, sign: float) -> float:  # noqa: ARG001 - one form
    """Return the log of the mean hour that way over the mean hour against it. [1]"""
    moves = sign * _hourly(price)
    ahead, against = moves[moves > 0], -moves[moves < 0]
    if not ahead.size or not against.size:
        return float("nan")
    return float(np.log(ahead.mean() / against.mean()))


def _hourly(price: F8) -> F8:
    moves: F8 = np.diff(np.log(price[::_PER_HOUR]))
    return moves


@dataclass(frozen=True, slots=True)
class Claim:
    """What is said to follow a regime, in a form that can be wrong.

    Parameters
    ----------
    regime : str
    metric : str
    outcome : callable
    horizon_ms : int
        [ms]
    more : bool
        Whether more of it than at moments alike is what is said, rather than less.
    sign : float
        Way of the outcome: 1 up, -1 down, 0 that of the move that began it.
    direction : int, optional
        Only beginnings that way, as judged rows hold it.
    covariate : str
        Further feature whose decile must fit, over expected volatility; empty for none.
    """

    regime: Regime
    metric: str
    outcome: Outcome
    horizon_ms: int
    more: bool = True
    sign: float = 1.0
    direction: int | None = None
    covariate: str = ""

    @property
    def baseline(self) -> str:
        """Return the name of what it is compared with."""
        return f"matched+{self.covariate}" if self.covariate else "matched"


_DAY, _LONG = 24 * HOUR_MS, 72 * HOUR_MS


def _extreme_of(direction: int) -> Claim:
    """Say that moves that way reach their extreme sooner than moments alike reach theirs."""
    return Claim(
        "mechanical_move",
        "hours_to_extreme",
        hours_to_extreme,
        _DAY,
        more=False,
        sign=1.0 if direction == UP else -1.0,
        direction=direction,
    )


CLAIMS: tuple[Claim, ...] = (
    Claim("reload_after_flush", "log_volatility", log_volatility, _DAY),
    Claim("reload_after_flush", "log_volatility", log_volatility, _DAY, covariate="range_4h"),
    Claim("both_sides_hunted", "net_move", net_move, _DAY),
    Claim("both_sides_hunted", "efficiency", efficiency, _DAY),
    Claim("mechanical_move", "signed_move", signed_move, 4 * HOUR_MS, sign=0.0),
    _extreme_of(UP),
    _extreme_of(DOWN),
    Claim("crowded_longs", "skew", skew, _LONG, sign=-1.0),
    Claim("crowded_longs", "speed", speed, _LONG, sign=-1.0),
    Claim("crowded_shorts", "skew", skew, _LONG),
    Claim("crowded_shorts", "speed", speed, _LONG),
)
"""Every claim, stated before it was scored. Skew and speed are taken the way of the crowd's forced
closing, so more of it is what is said on either side."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came after ``n`` beginnings of a regime, and after moments alike.

    Parameters
    ----------
    claim : Claim
    at_ms : ndarray of int, shape (n,)
        When each could be known. [UTC ms]
    ours, theirs : ndarray, shape (n,)
        Outcome, and its mean over moments alike; NaN where there are too few of those.
    """

    claim: Claim
    at_ms: I8
    ours: F8
    theirs: F8


def spot_alone(inputs: FeatureInputs) -> FeatureInputs:
    """Return inputs in which spot bars are all that is known, in place of the perpetual's.

    Parameters
    ----------
    inputs : FeatureInputs

    Returns
    -------
    FeatureInputs

    Raises
    ------
    NoDataError
        If no spot bar of an hour or less is held.
    """
    if not inputs.rows("spot_klines").fine().size:
        raise NoDataError("no spot bars of an hour or less\nhint: forcedflow import candles PATH")
    none = inputs.spot_klines.clear()
    return replace(
        inputs,
        trade_klines=inputs.spot_klines,
        mark_klines=none,
        spot_klines=none,
        open_interest=inputs.open_interest.clear(),
        funding=inputs.funding.clear(),
        long_short_ratio=inputs.long_short_ratio.clear(),
        liquidation_totals=inputs.liquidation_totals.clear(),
        depth_bands=inputs.depth_bands.clear(),
        calendar_events=inputs.calendar_events.clear(),
    )


def hold_trials(table: FeatureTable, from_ms: int, to_ms: int) -> tuple[Trial, ...]:
    """Return what came of every claim on one market.

    Parameters
    ----------
    table : FeatureTable
        With its warm-up, so that thresholds of the span know the month before it.
    from_ms, to_ms : int
        Beginnings counted, and moments alike, with their whole horizons; end exclusive. [UTC ms]

    Returns
    -------
    tuple of Trial
        In the order of `CLAIMS`; empty ones included.
    """
    judged = judge_regimes(table)
    return tuple(_trial(table, judged, claim, from_ms, to_ms) for claim in CLAIMS)


def _trial(
    table: FeatureTable,
    judged: Mapping[Regime, RuleStates],
    claim: Claim,
    from_ms: int,
    to_ms: int,
) -> Trial:
    state = judged[claim.regime]
    times, price = table.times_ms, table["price"]
    ahead = claim.horizon_ms // STEP_MS
    inside = (times >= from_ms) & (times + claim.horizon_ms < to_ms)
    inside &= _whole(price, ahead) & ~np.isnan(table["sigma_day"])
    begun = beginnings(state, inside, claim.direction, ahead)
    free = np.flatnonzero(inside & (state.verdict == OFF)).astype(np.int64)
    alike = _Alike.of(table, free, claim)
    rng = np.random.default_rng(SEED)
    sigma = table["sigma_day"]

    def came(place: int, sign: float) -> float:
        return claim.outcome(price[place : place + ahead + 1], float(sigma[place]), sign)

    ours, theirs = [], []
    for place in begun.tolist():
        sign = claim.sign or (1.0 if state.direction[place] == UP else -1.0)
        ours.append(came(place, sign))
        beside = [came(other, sign) for other in alike.like(place, rng).tolist()]
        known = [value for value in beside if np.isfinite(value)]
        theirs.append(float(np.mean(known)) if len(known) >= LEAST_CONTROLS else float("nan"))
    return Trial(claim, times[begun], np.array(ours), np.array(theirs))


def laid_apart(trials: Sequence[Trial], place: int) -> tuple[Trial, ...]:
    """Return trials of a market that shares no world with others, at years of its own.

    Days of one world are drawn together; those of independent simulations, which all have the same
    calendar, must not be.

    Parameters
    ----------
    trials : sequence of Trial
    place : int
        Of the market among the others.
    """
    return tuple(replace(t, at_ms=t.at_ms + place * _APART_MS) for t in trials)


def beginnings(state: RuleStates, inside: Bools, direction: int | None, apart: int) -> I8:
    """Return the places at which a regime began, no two nearer than a horizon.

    Parameters
    ----------
    state : RuleStates
    inside : ndarray of bool, shape (n,)
        Where a beginning may be counted.
    direction : int, optional
        Only those that way.
    apart : int
        Least distance of two that are counted; of nearer ones the first is. [steps]

    Returns
    -------
    ndarray of int
        One that comes out of the unknown is none: nobody knows when it began.
    """
    before = np.concatenate([state.verdict[:1], state.verdict[:-1]])
    begun = inside & (state.verdict == ON) & (before == OFF)
    if direction is not None:
        begun &= state.direction == direction
    kept: list[int] = []
    for place in np.flatnonzero(begun).tolist():
        if not kept or place - kept[-1] >= apart:
            kept.append(place)
    return np.array(kept, dtype=np.int64)


def _whole(price: F8, ahead: int) -> Bools:
    """Whether every price from each moment to the end of its horizon is known."""
    unknown = np.concatenate([[0], np.cumsum(np.isnan(price))])
    whole = np.zeros(price.size, dtype=np.bool_)
    if price.size > ahead:
        whole[: price.size - ahead] = unknown[ahead + 1 :] == unknown[: -ahead - 1]
    return whole


@dataclass(frozen=True, slots=True)
class _Alike:
    """Moments that a beginning may be compared with, and by what."""

    times_ms: I8
    free: Mapping[int, I8]
    deciles: tuple[I8, ...]
    horizon_ms: int

    @classmethod
    def of(cls, table: FeatureTable, free: I8, claim: Claim) -> _Alike:
        compared = [table["sigma_day"]]
        if claim.covariate:
            compared.append(table[claim.covariate] / table["sigma_day"])
        deciles = tuple(_deciles(figure, free) for figure in compared)
        minute = table.times_ms[free] % HOUR_MS
        by_minute = {at: free[minute == at] for at in np.unique(minute).tolist()}
        return cls(table.times_ms, by_minute, deciles, claim.horizon_ms)

    def like(self, place: int, rng: np.random.Generator) -> I8:
        """Return up to `CONTROLS` of them, the same hour of the week first."""
        at = int(self.times_ms[place])
        free = self.free.get(at % HOUR_MS, np.empty(0, dtype=np.int64))
        own = self.times_ms[free]
        fits = np.abs(own - at) >= max(self.horizon_ms, DAY_MS)
        for decile in self.deciles:
            fits &= (np.abs(decile[free] - decile[place]) <= 1) & (decile[place] >= 0)
        apart = np.abs(own // HOUR_MS % _WEEK_HOURS - at // HOUR_MS % _WEEK_HOURS)
        apart = np.minimum(apart, _WEEK_HOURS - apart)
        found = free[:0]
        for width in WIDTHS_H:
            found = free[fits & (apart <= width)]
            if found.size >= CONTROLS:
                break
        return rng.permutation(found)[:CONTROLS]


def _deciles(figure: F8, free: I8) -> I8:
    """Decile of every moment among the free ones; far below zero where it is unknown."""
    known = figure[free][np.isfinite(figure[free])]
    if not known.size:
        return np.full(figure.size, -_DECILES, dtype=np.int64)
    edges = np.quantile(known, np.linspace(0, 1, _DECILES + 1)[1:-1])
    decile = np.searchsorted(edges, figure, side="right")
    return np.where(np.isfinite(figure), decile, -_DECILES).astype(np.int64)

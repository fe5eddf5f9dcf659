"""Scores of signals: what followed where one fired, against moments alike at which nobody looked.

In:  `Judged` rows, `Outcomes`, moments. [UTC ms]   Out: `Sample`, `Contrast`. [1, σ]
Pure: NumPy in, NumPy out; randomness is a seed; no I/O, no clock.

A signal fires where it turns on; six hours must pass before it may fire again. Each time is
compared with every moment of its class whose own horizon does not overlap. Classes are of one
market, decile of volatility and hour of the week; where those hold too few days, the hour gives way
step by step, the volatility never. Every moment is of one class, so that firings at random times
come out even: were weekends compared with all days and other days with their like, they would not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forcedflow.evaluate.map_scores import day_counts
from forcedflow.evaluate.scorecard import SEED
from forcedflow.features.grid import steps
from forcedflow.features.rows import Bools
from forcedflow.signals.score import LEAST_KNOWN, WEIGHTS
from forcedflow.signals.signal import BOTH, DOWN, NONE, OFF, ON, UNKNOWN, UP, Judged, judged
from forcedflow.signals.threshold import EXTREME, trailing_quantile
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, F8x2

REFRACTORY_MS = 6 * HOUR_MS
"""Least time from one firing to the next. [ms]"""

APART_MS = DAY_MS
"""Least time between a firing and the moments it is compared with. [ms]"""

LEAST_MATCHES, LEAST_MATCH_DAYS = 20, 5
"""Moments alike, and days among them, without which a firing is not scored."""

DECILES = 10

DRAWS = 10_000
"""Sets of days drawn: a scorecard has more rows than a p of one in two thousand could outlast."""

_DRAWN_AT_ONCE = 1_000

LEVELS = ("hour of the week", "hour and part of the week", "hour", "quarter of the day")
"""What moments of a class have in common besides the decile of volatility, the strictest first."""

# A firing takes its own day and both beside it out of its class.
_LEAST_CLASS_DAYS = LEAST_MATCH_DAYS + 3


@dataclass(frozen=True, slots=True)
class Fired:
    """Where a signal turned on, ``n`` times.

    Parameters
    ----------
    at : ndarray of int, shape (n,)
        Moments, as places in the table.
    direction : ndarray of int, shape (n,)
        `DOWN`, `UP` or `BOTH`.
    """

    at: I8
    direction: I8


@dataclass(frozen=True, slots=True)
class Matched:
    """Moments alike, for each of ``n`` firings.

    Parameters
    ----------
    fired : Fired
        Those that have enough of them.
    pools : tuple of ndarray of int
        Moments alike.
    weight : ndarray, shape (n,)
        Share of its class that lies far enough away. [1]
    by_level : mapping of str to int
        How many firings were matched by what; under ``none`` how many were not.
    """

    fired: Fired
    pools: tuple[I8, ...]
    weight: F8
    by_level: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """One outcome of ``n`` firings and of their matches, by day.

    Parameters
    ----------
    outcome, weight : ndarray, shape (n,)
        Of each firing. [1 or σ, 1]
    day : ndarray of int, shape (n,)
        Days since the epoch.
    matched_sum, matched_count : ndarray, shape (n, d)
        Sum and number of the matches' outcomes on each day of the calendar.
    calendar : ndarray of int, shape (d,)
        Days since the epoch, one after the other; the same for every sample that is pooled.
    """

    outcome: F8
    weight: F8
    day: I8
    matched_sum: F8x2
    matched_count: F8x2
    calendar: I8


@dataclass(frozen=True, slots=True)
class Contrast:
    """Mean outcome of firings and of moments alike, with the difference over days drawn again.

    Parameters
    ----------
    value, matched, gain : float
        Ours, theirs, and ours less theirs.
    drawn : ndarray, shape (draws,)
        The difference in every draw.
    """

    value: float
    matched: float
    gain: float
    drawn: F8


def fire(found: Judged) -> Fired:
    """Return where a signal fired.

    Parameters
    ----------
    found : Judged

    Returns
    -------
    Fired
        Moments at which it is on and was known to be off the moment before, each at least
        `REFRACTORY_MS` after the last. When it comes out of the unknown nobody knows since when.
    """
    verdict = found.verdict
    rises = np.flatnonzero((verdict[1:] == ON) & (verdict[:-1] == OFF)) + 1
    kept: list[int] = []
    for at in rises.tolist():
        if not kept or at - kept[-1] >= steps(REFRACTORY_MS):
            kept.append(at)
    chosen = np.array(kept, dtype=np.int64)
    return Fired(chosen, found.direction[chosen].astype(np.int64))


def judge_loading(found: Mapping[str, Judged], weights: Mapping[str, float] = WEIGHTS) -> Judged:
    """Return the loading score at every moment, judged by its own trailing past.

    Parameters
    ----------
    found : mapping of str to Judged
        By signal, of one table.
    weights : mapping of str to float

    Returns
    -------
    Judged
        The value is what `forcedflow.signals.score.load` makes of the readings of that moment. On
        where it is above zero and not below its own quantile of the trailing thirty days; unknown
        where there is no score.
    """
    weight = np.array([weights[name] for name in found])[:, None]
    verdict = np.stack([one.verdict for one in found.values()])
    risk = np.stack([one.direction for one in found.values()])
    known_weight = (weight * (verdict != UNKNOWN)).sum(axis=0)
    enough = known_weight >= LEAST_KNOWN * weight.sum()

    def share(*risks: int) -> F8:
        on = (weight * ((verdict == ON) & np.isin(risk, risks))).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(enough, 100.0 * on / known_weight, np.nan)

    score, down, up = share(NONE, DOWN, UP, BOTH), share(DOWN, BOTH), share(UP, BOTH)
    threshold = trailing_quantile(score, EXTREME)
    return judged(
        score,
        threshold,
        ~np.isnan(score) & ~np.isnan(threshold),
        (score >= threshold) & (score > 0),
        np.where(down == up, BOTH, np.where(down > up, DOWN, UP)),
    )


def shift(found: Judged, moments: int) -> Judged:
    """Return what was judged so many moments earlier: the placebo, real readings at a wrong time.

    Unknown before the first.
    """
    kept = max(found.verdict.size - moments, 0)
    lead = found.verdict.size - kept
    nothing = np.full(lead, np.nan)
    return Judged(
        np.concatenate([nothing, found.value[:kept]]),
        np.concatenate([nothing, found.threshold[:kept]]),
        np.concatenate([np.full(lead, UNKNOWN, np.int8), found.verdict[:kept]]),
        np.concatenate([np.full(lead, NONE, np.int8), found.direction[:kept]]),
    )


def match(fired: Fired, times_ms: I8, volatility: F8, usable: Bools) -> Matched:
    """Return moments alike for every firing.

    Parameters
    ----------
    fired : Fired
    times_ms : ndarray of int, shape (n,)
        Moments. [UTC ms]
    volatility : ndarray, shape (n,)
        Of each moment; known where it is usable. [1]
    usable : ndarray of bool, shape (n,)
        Moments whose outcome and verdict are known. Firings at others are left out.

    Returns
    -------
    Matched
    """
    by_level = dict.fromkeys((*LEVELS, "none"), 0)
    chosen = np.flatnonzero(usable)
    if not chosen.size:
        return Matched(Fired(fired.at[:0], fired.direction[:0]), (), np.zeros(0), by_level)
    own_class, level = _classes(times_ms, volatility, usable)
    day = times_ms // DAY_MS
    kept, pools, weights = [], [], []
    for place, at in enumerate(fired.at.tolist()):
        if not usable[at]:
            continue
        alike = chosen[own_class[chosen] == own_class[at]]
        apart = alike[np.abs(times_ms[alike] - times_ms[at]) >= APART_MS]
        enough = apart.size >= LEAST_MATCHES and np.unique(day[apart]).size >= LEAST_MATCH_DAYS
        if level[at] < 0 or not enough:
            by_level["none"] += 1
            continue
        by_level[LEVELS[level[at]]] += 1
        kept.append(place)
        pools.append(apart)
        weights.append(apart.size / alike.size)
    own = np.array(kept, dtype=np.int64)
    return Matched(
        Fired(fired.at[own], fired.direction[own]), tuple(pools), np.array(weights), by_level
    )


def _classes(times_ms: I8, volatility: F8, usable: Bools) -> tuple[I8, I8]:
    """Class of every moment and the level it is made at; -1 where none holds enough days."""
    n = times_ms.size
    edges = np.quantile(volatility[usable], np.linspace(0, 1, DECILES + 1)[1:-1])
    decile = np.searchsorted(edges, volatility, side="right")
    hour, day = times_ms // HOUR_MS % 24, times_ms // DAY_MS
    weekday = (day + 3) % 7  # the epoch began on a Thursday; 0 is Monday
    weekend = weekday >= 5
    keys = (weekday * 24 + hour, weekend * 24 + hour, hour, hour // 6)
    own_class, level = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    left, classes = usable.copy(), 0
    for place, key in enumerate(keys):
        at = np.flatnonzero(left)
        if not at.size:
            break
        _, which = np.unique(key[at] * DECILES + decile[at], return_inverse=True)
        days = np.unique(np.stack([which, day[at]]), axis=1)[0]
        enough = (np.bincount(days) >= _LEAST_CLASS_DAYS)[which]
        own_class[at[enough]] = classes + which[enough]
        level[at[enough]] = place
        left[at[enough]] = False
        classes += int(which.max()) + 1
    return own_class, level


def sample(matched: Matched, times_ms: I8, outcome: F8, calendar: I8) -> Sample:
    """Return one outcome of firings and their matches.

    Parameters
    ----------
    matched : Matched
    times_ms : ndarray of int, shape (n,)
        Moments. [UTC ms]
    outcome : ndarray, shape (n,)
        Known at every firing and match.
    calendar : ndarray of int, shape (d,)
        Days since the epoch that hold every moment.
    """
    at, day = matched.fired.at, times_ms // DAY_MS
    place = day - calendar[0]
    sums = np.zeros((at.size, calendar.size))
    counts = np.zeros_like(sums)
    for row, pool in enumerate(matched.pools):
        sums[row] = np.bincount(place[pool], outcome[pool], calendar.size)
        counts[row] = np.bincount(place[pool], minlength=calendar.size)
    return Sample(outcome[at], matched.weight, day[at], sums, counts, calendar)


def signed(one: Sample, sign: F8) -> Sample:
    """Return a sample whose outcomes, and their matches', are taken times a sign per firing."""
    turned = one.matched_sum * sign[:, None]
    return replace(one, outcome=one.outcome * sign, matched_sum=turned)


def select(one: Sample, chosen: Bools) -> Sample:
    """Return the chosen firings of a sample."""
    return Sample(
        one.outcome[chosen],
        one.weight[chosen],
        one.day[chosen],
        one.matched_sum[chosen],
        one.matched_count[chosen],
        one.calendar,
    )


def pool(samples: Sequence[Sample]) -> Sample:
    """Return several markets' samples as one: their days are the same days."""
    return Sample(
        np.concatenate([one.outcome for one in samples]),
        np.concatenate([one.weight for one in samples]),
        np.concatenate([one.day for one in samples]),
        np.concatenate([one.matched_sum for one in samples]),
        np.concatenate([one.matched_count for one in samples]),
        samples[0].calendar,
    )


def contrast(one: Sample, block_days: int = 1, *, seed: int = SEED, draws: int = DRAWS) -> Contrast:
    """Return the mean difference between firings and their matches.

    Parameters
    ----------
    one : Sample
        At least one firing.
    block_days : int
        Days drawn together: at least as many as an outcome touches. [d]
    seed, draws : int
        The same seed and calendar draw the same days, so that contrasts can be compared.

    Returns
    -------
    Contrast
        Means over firings by their weight. Days are drawn for firings and matches at once, because
        both lie on them; a firing none of whose matches was drawn is left out of that draw.

    Notes
    -----
    Without the weight firings at random times would not come out even either: a day that makes up
    much of its class, as days of steady volatility do, is compared with the others alone. With it a
    pair of moments counts the same whichever of the two fired.
    """
    block = (one.calendar - one.calendar[0]) // block_days
    weight = day_counts(int(block[-1]) + 1, seed=seed, draws=draws)[:, block]
    # Not all at once: a draw has as many figures as there are firings.
    parts = np.split(weight, range(_DRAWN_AT_ONCE, draws, _DRAWN_AT_ONCE))
    drawn = np.concatenate([_mean_gains(one, part) for part in parts])
    theirs = one.matched_sum.sum(axis=1) / one.matched_count.sum(axis=1)
    value, matched = (float(np.average(part, weights=one.weight)) for part in (one.outcome, theirs))
    return Contrast(value, matched, value - matched, drawn)


def _mean_gains(one: Sample, weight: F8x2) -> F8:
    """Mean difference in every draw, given how often each day of the calendar was drawn."""
    count = weight @ one.matched_count.T
    own = np.where(count > 0, weight[:, one.day - one.calendar[0]] * one.weight, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        theirs = (weight @ one.matched_sum.T) / count
        gains = np.where(count > 0, one.outcome - theirs, 0.0)
        mean: F8 = (own * gains).sum(axis=1) / own.sum(axis=1)
    return mean

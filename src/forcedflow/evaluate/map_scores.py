"""Scores of a map: how much of the liquidations' deviance an expectation explains.

In:  realised, expected and reference liquidations per row and side [USD], the day of each row.
Out: D², predicted over actual and gains, each with an interval from whole days drawn again.
Free of I/O and clocks; randomness is a seed.

Rows of one day share its storms, so days, not rows, are what is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcedflow.units import DAY_MS, F8, I8, F8x2

DRAWS = 2_000
LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the interval that days drawn again give it.

    Parameters
    ----------
    value : float
    low, high : float
        Ends of the interval; NaN where none was drawn.
    n : int
        Observations behind it.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class MapScore:
    """What an expectation was worth.

    Parameters
    ----------
    d2 : Estimate
        Share of the reference's deviance that is explained. [1]
    predicted_over_actual : Estimate
        Sum of the expected over sum of the realised. [1]
    n_days : int
        Days that rows lie in.
    first_ms, last_ms : int
        First and last row. [UTC ms]
    """

    d2: Estimate
    predicted_over_actual: Estimate
    n_days: int
    first_ms: int
    last_ms: int


def quasi_poisson_deviance(target: F8x2, predicted: F8x2) -> F8x2:
    r"""Return the deviance of every element.

    .. math:: d = 2 \, [\, Y \ln (Y / \lambda) - (Y - \lambda) \,]

    Parameters
    ----------
    target, predicted : ndarray, same shape
        Realised and expected. [USD]

    Returns
    -------
    ndarray
        Not negative; infinite where something happened that was expected never to. [USD]

    Raises
    ------
    ValueError
        If shapes differ, or a value is negative or NaN.

    References
    ----------
    .. [1] McCullagh and Nelder, Generalized linear models, 2nd ed. 1989, section 2.3 and chapter 9.
    """
    if target.shape != predicted.shape:
        raise ValueError(f"one expectation per row: shapes {target.shape}, {predicted.shape}")
    if not ((target >= 0).all() and (predicted >= 0).all()):
        raise ValueError("liquidations, realised and expected, must be numbers and not negative")
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(target > 0, target * np.log(target / predicted), 0.0)
    deviance: F8x2 = np.maximum(2.0 * (logs - (target - predicted)), 0.0)
    return deviance


def score_map(
    target: F8x2,
    predicted: F8x2,
    reference: F8x2,
    end_ms: I8,
    *,
    seed: int,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> MapScore:
    r"""Return D² of an expectation against a stated reference.

    .. math:: D^2 = 1 - \sum d(Y, \lambda) / \sum d(Y, \lambda_{ref})

    Parameters
    ----------
    target, predicted : ndarray, shape (n, 2)
        Realised and expected liquidations per side. [USD]
    reference : ndarray, shape (2,) or (n, 2)
        What is to be beaten, such as the mean per side of the rows that were fitted. [USD]
    end_ms : ndarray of int, shape (n,)
        End of each row's bar; a bar that ends at midnight is of the day gone. [UTC ms]
    seed : int
        Seed of the draws.
    draws : int
        Sets of days drawn; 0 for none.
    level : float
        Coverage of the intervals. [1]

    Returns
    -------
    MapScore

    Raises
    ------
    ValueError
        If a shape is not the stated one, a value is negative or NaN, nothing was liquidated, or
        the reference leaves no deviance to explain.
    """
    ours = quasi_poisson_deviance(target, predicted)
    theirs = quasi_poisson_deviance(target, np.broadcast_to(reference, target.shape))
    columns = np.stack(
        [ours.sum(axis=1), theirs.sum(axis=1), predicted.sum(axis=1), target.sum(axis=1)], axis=1
    )
    total = columns.sum(axis=0)
    if not (total[1] > 0 and total[3] > 0):
        raise ValueError("nothing to score: no liquidations, or none that the reference misses")
    day = days_of(end_ms)
    drawn = resampled_sums(columns, day, seed=seed, draws=draws)
    with np.errstate(divide="ignore", invalid="ignore"):
        d2, ratio = 1.0 - drawn[:, 0] / drawn[:, 1], drawn[:, 2] / drawn[:, 3]
    n = target.size
    return MapScore(
        d2=Estimate(float(1.0 - total[0] / total[1]), *interval(d2, level), n),
        predicted_over_actual=Estimate(float(total[2] / total[3]), *interval(ratio, level), n),
        n_days=int(np.unique(day).size),
        first_ms=int(end_ms[0]),
        last_ms=int(end_ms[-1]),
    )


def score_gain(
    target: F8x2,
    predicted: F8x2,
    opponent: F8x2,
    reference: F8x2,
    end_ms: I8,
    *,
    seed: int,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Estimate:
    """Return D² of an expectation minus D² of its opponent, on the same days in every draw.

    Parameters
    ----------
    target, predicted, opponent : ndarray, shape (n, 2)
        Realised, expected, and expected by the opponent. [USD]
    reference : ndarray, shape (2,) or (n, 2)
        Reference of both. [USD]
    end_ms : ndarray of int, shape (n,)
        End of each row's bar. [UTC ms]
    seed : int
        Seed of the draws.
    draws : int
        Sets of days drawn; 0 for none.
    level : float
        Coverage of the interval. [1]

    Returns
    -------
    Estimate
        Positive where the expectation explains more than the opponent. [1]

    Raises
    ------
    ValueError
        As `score_map`.
    """
    gained = quasi_poisson_deviance(target, opponent) - quasi_poisson_deviance(target, predicted)
    theirs = quasi_poisson_deviance(target, np.broadcast_to(reference, target.shape))
    columns = np.stack([gained.sum(axis=1), theirs.sum(axis=1)], axis=1)
    total = columns.sum(axis=0)
    if not total[1] > 0:
        raise ValueError("nothing to score: the reference misses nothing")
    drawn = resampled_sums(columns, days_of(end_ms), seed=seed, draws=draws)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = interval(drawn[:, 0] / drawn[:, 1], level)
    return Estimate(float(total[0] / total[1]), *ends, target.size)


def days_of(end_ms: I8) -> I8:
    """Return the UTC day of each bar by its end: a bar that ends at midnight is of the day gone."""
    days: I8 = (end_ms - 1) // DAY_MS
    return days


def day_counts(n_days: int, *, seed: int, draws: int) -> F8x2:
    """Return how often each day is drawn, shape ``(draws, n_days)``, with replacement."""
    counts = np.random.default_rng(seed).multinomial(n_days, np.full(n_days, 1 / n_days), draws)
    return counts.astype(np.float64)


def resampled_sums(columns: F8x2, day: I8, *, seed: int, draws: int) -> F8x2:
    """Return sums over rows of whole days drawn again.

    Parameters
    ----------
    columns : ndarray, shape (n, k)
        What is summed.
    day : ndarray of int, shape (n,)
        Day of each row.
    seed : int
        Seed of the draws.
    draws : int
        Sets of days.

    Returns
    -------
    ndarray, shape (draws, k)
    """
    days, which = np.unique(day, return_inverse=True)
    daily = np.zeros((days.size, columns.shape[1]))
    np.add.at(daily, which, columns)
    return day_counts(days.size, seed=seed, draws=draws) @ daily


def interval(drawn: F8, level: float) -> tuple[float, float]:
    """Return the central interval of drawn figures; NaN twice where none is a number."""
    known = drawn[np.isfinite(drawn)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

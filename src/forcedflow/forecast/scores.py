"""Scores of probabilities and of quantiles, each proper, each beside what makes it readable.

In:  forecasts and what happened. [1, USD]   Out: losses per row, and what they add up to.
Pure: NumPy in, values out; randomness is a seed; no I/O, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.forecast.log_odds import LEAST, fit_line, log_odds
from forcedflow.units import F8, I8, F8x2

CONSISTENT = 0.9
"""Share of draws inside the band that a reliable forecast stays within. [1]"""

_DRAWS = 400


@dataclass(frozen=True, slots=True)
class Corp:
    """A Brier score in its three parts: score = miscalibration - discrimination + uncertainty.

    References
    ----------
    .. [1] T. Dimitriadis, T. Gneiting, A. Jordan, "Stable reliability diagrams for probabilistic
       classifiers", PNAS 118 (2021), e2016191118.
    """

    score: float
    miscalibration: float
    discrimination: float
    uncertainty: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often it happened when so much was said, in ``k`` bins of like probability.

    Parameters
    ----------
    said, happened : ndarray, shape (k,)
        Mean probability and share of moments at which it happened. [1]
    low, high : ndarray, shape (k,)
        Where the share lies if what was said is true, neighbouring moments counted as one event
        where their labels overlap. [1]
    n : ndarray of int, shape (k,)
    slope : float
        Of the log odds that fit best on the log odds said: 1 is right, below 1 too sure. [1]
    """

    said: F8
    happened: F8
    low: F8
    high: F8
    n: I8
    slope: float


def log_loss(probability: F8, happened: F8) -> F8:
    """Return what each forecast cost. [bits]"""
    p = np.clip(probability, LEAST, 1 - LEAST)
    return -np.log2(np.where(happened > 0, p, 1 - p))


def brier(probability: F8, happened: F8) -> F8:
    """Return the squared error of each forecast. [1]"""
    squared: F8 = (probability - happened) ** 2
    return squared


def corp(probability: F8, happened: F8) -> Corp:
    """Return the Brier score in its parts, by isotonic recalibration.

    Raises
    ------
    ValueError
        If there is no forecast.
    """
    if probability.size == 0:
        raise ValueError("no forecast to score")
    again = pooled(probability, happened)
    base = float(happened.mean())
    score = float(brier(probability, happened).mean())
    best = float(brier(again, happened).mean())
    uncertainty = base * (1 - base)
    return Corp(score, score - best, uncertainty - best, uncertainty)


def pooled(probability: F8, happened: F8) -> F8:
    """Return the isotonic regression of what happened on what was said, shape (n,).

    Pool adjacent violators; forecasts of one probability are one block.
    """
    values, place, count = np.unique(probability, return_inverse=True, return_counts=True)
    means = (np.bincount(place, happened, values.size) / count).tolist()
    level: list[float] = []
    weight: list[float] = []
    blocks: list[int] = []
    for mean, n in zip(means, count.tolist(), strict=True):
        own_level, own_weight, own_blocks = float(mean), float(n), 1
        while level and level[-1] >= own_level:
            total = weight[-1] + own_weight
            own_level = (level.pop() * weight[-1] + own_level * own_weight) / total
            weight.pop()
            own_weight = total
            own_blocks += blocks.pop()
        level.append(own_level)
        weight.append(own_weight)
        blocks.append(own_blocks)
    return np.asarray(np.repeat(level, blocks)[place], dtype=np.float64)


def reliability(
    probability: F8, happened: F8, bins: int = 10, overlap: int = 1, seed: int = 0
) -> Reliability:
    """Return how often it happened when so much was said.

    Parameters
    ----------
    probability, happened : ndarray, shape (n,)
    bins : int
        Of about equal numbers of forecasts; fewer where many say the same.
    overlap : int
        Moments whose labels share an hour: so many count as one when the band is drawn.
    seed : int

    Returns
    -------
    Reliability

    Raises
    ------
    ValueError
        If there is no forecast.
    """
    if probability.size == 0:
        raise ValueError("no forecast to score")
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1]))
    cell = np.searchsorted(edges, probability, side="right")
    found = np.unique(cell)
    generator = np.random.default_rng(seed)
    said, share, low, high, count = [], [], [], [], []
    for one in found.tolist():
        inside = cell == one
        n, p = int(inside.sum()), float(probability[inside].mean())
        effective = max(1, round(n / overlap))
        drawn = generator.binomial(effective, min(max(p, 0.0), 1.0), _DRAWS) / effective
        ends = np.quantile(drawn, [(1 - CONSISTENT) / 2, (1 + CONSISTENT) / 2])
        said.append(p)
        share.append(float(happened[inside].mean()))
        low.append(float(ends[0]))
        high.append(float(ends[1]))
        count.append(n)
    return Reliability(
        np.array(said),
        np.array(share),
        np.array(low),
        np.array(high),
        np.array(count, dtype=np.int64),
        fit_line(log_odds(probability), happened)[1],
    )


def roc_auc(score: F8, happened: F8) -> float:
    """Return the chance that what happened scored above what did not; NaN without both."""
    positive = happened > 0
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return math.nan
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    # Equal scores share their mean rank.
    rank = (np.cumsum(count) - 0.5 * (count - 1))[place]
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * m))


def average_precision(score: F8, happened: F8) -> float:
    """Return the area under precision by recall; the base rate is what chance would have."""
    positives = float(happened.sum())
    if not positives:
        return math.nan
    order = np.argsort(-score, kind="stable")
    ordered, hit = score[order], np.cumsum(happened[order])
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    recall = hit[last] / positives
    precision = hit[last] / (last + 1)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def pinball(quantiles: F8x2, levels: Sequence[float], actual: F8) -> F8x2:
    """Return the loss of every quantile, shape (n, k).

    Parameters
    ----------
    quantiles : ndarray, shape (n, k)
    levels : sequence of float, length k
        [1]
    actual : ndarray, shape (n,)
    """
    error = actual[:, None] - quantiles
    tau = np.asarray(levels)
    return np.asarray(np.maximum(tau * error, (tau - 1) * error))


def crps_of_quantiles(quantiles: F8x2, levels: Sequence[float], actual: F8) -> F8:
    """Return the continuous ranked probability score as the quantiles know it, shape (n,).

    Twice the pinball loss, integrated over the levels by the trapezoid rule; the tails beyond the
    first and last level count with the loss there.
    """
    tau = np.asarray(levels)
    edges = np.concatenate([[0.0], 0.5 * (tau[1:] + tau[:-1]), [1.0]])
    return np.asarray(2 * pinball(quantiles, levels, actual) @ np.diff(edges))


def coverage(quantiles: F8x2, actual: F8) -> F8:
    """Return the share of what happened that lay at or below each quantile, shape (k,)."""
    return np.asarray((actual[:, None] <= quantiles).mean(axis=0))

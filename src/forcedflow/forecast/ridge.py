"""Ridge regression whose penalties are chosen on blocks of time.

In:  standardised inputs, what is fitted, times.   Out: `Line`; penalties; predictions unseen.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from forcedflow.forecast.rows import Bools
from forcedflow.units import F8, HOUR_MS, I8, F8x2

BLOCKS, FIRST = 6, 2
"""Blocks of time; the penalty of all inputs is chosen, and innovations are measured, on each as the
others predict it, and what a group is worth on those from the third on, as earlier ones do: a slow
input tells the time, and so looks good between blocks."""

_PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_FACTORS = (1.0, 10.0, 100.0, 1e4)


@dataclass(frozen=True, slots=True)
class Line:
    """A linear function of ``k`` standardised inputs, for each of ``m`` outputs.

    Parameters
    ----------
    intercept : ndarray, shape (m,)
    slope : ndarray, shape (m, k)
    """

    intercept: F8
    slope: F8x2

    def at(self, inputs: F8x2) -> F8x2:
        """Return its values, shape (n, m)."""
        return np.asarray(inputs @ self.slope.T + self.intercept)

    def to_plain(self) -> dict[str, Any]:
        """Return it as lists."""
        return {"intercept": self.intercept.tolist(), "slope": self.slope.tolist()}

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Line:
        """Return what `to_plain` wrote."""
        return Line(
            np.array(plain["intercept"], dtype=np.float64),
            np.array(plain["slope"], dtype=np.float64),
        )


@dataclass(frozen=True, slots=True)
class Block:
    """One block of time among the moments of a fit.

    Parameters
    ----------
    held : ndarray of bool, shape (n,)
        Moments inside.
    read : ndarray of bool, shape (n,)
        Moments that may be read to speak about it.
    before : ndarray of bool, shape (n,)
        Those of them whose horizon was over when it began.
    """

    held: Bools
    read: Bools
    before: Bools


@dataclass(frozen=True, slots=True)
class Equations:
    """Normal equations of a weighted least-squares fit, before any penalty.

    Parameters
    ----------
    centre : ndarray, shape (k,)
        Mean of the inputs.
    mean : float
        Mean of what is fitted.
    gram : ndarray, shape (k, k)
        Covariance of the inputs.
    cross : ndarray, shape (k,)
        Their covariance with what is fitted.
    """

    centre: F8
    mean: float
    gram: F8x2
    cross: F8

    @staticmethod
    def of(inputs: F8x2, y: F8, weight: F8) -> Equations:
        """Return the equations of some moments."""
        total = weight.sum()
        centre, mean = weight @ inputs / total, float(weight @ y / total)
        apart = inputs - centre
        weighted = (apart * weight[:, None]).T / total
        return Equations(centre, mean, weighted @ apart, weighted @ (y - mean))

    def solve(self, penalty: F8) -> Line:
        """Return the line under a penalty per input; none on the mean."""
        slope = np.asarray(
            np.linalg.solve(self.gram + np.diag(penalty), self.cross), dtype=np.float64
        )
        return Line(np.array([self.mean - float(self.centre @ slope)]), slope.reshape(1, -1))


@dataclass(frozen=True, slots=True)
class Asked:
    """A block that is predicted: its moments, their inputs, and the equations of what was read."""

    held: Bools
    inputs: F8x2
    equations: Equations


def ask(inputs: F8x2, y: F8, weight: F8, blocks: Sequence[tuple[Bools, Bools]]) -> list[Asked]:
    """Return blocks to predict, each with what may be read to do so.

    Parameters
    ----------
    inputs : ndarray, shape (n, k)
    y, weight : ndarray, shape (n,)
    blocks : sequence of tuple of ndarray of bool, shape (n,)
        Moments held, and moments read.
    """
    return [
        Asked(held, inputs[held], Equations.of(inputs[read], y[read], weight[read]))
        for held, read in blocks
    ]


def unseen(n: int, asked: Sequence[Asked], penalty: F8) -> F8:
    """Return the prediction of moments by coefficients that have not seen them, shape (n,).

    Parameters
    ----------
    n : int
        Moments in all; those in no block are NaN.
    asked : sequence of Asked
    penalty : ndarray, shape (k,)
    """
    found = np.full(n, np.nan)
    for one in asked:
        found[one.held] = one.equations.solve(penalty).at(one.inputs)[:, 0]
    return found


def blocks_of(times_ms: I8, horizon_h: int) -> list[Block]:
    """Return blocks of time, of about equal numbers of moments.

    Parameters
    ----------
    times_ms : ndarray of int, shape (n,)
        Of all markets together. [UTC ms]
    horizon_h : int
        What lies within a horizon of a block is not read to speak about it. [h]

    Returns
    -------
    list of Block
    """
    edges = np.quantile(times_ms, np.linspace(0, 1, BLOCKS + 1)).astype(np.int64)
    edges[-1] += 1
    apart = horizon_h * HOUR_MS
    found = []
    for first, stop in pairwise(edges.tolist()):
        before = times_ms <= first - apart
        held = (times_ms >= first) & (times_ms < stop)
        found.append(Block(held, before | (times_ms >= stop + apart), before))
    return found


def choose_penalty(
    y: F8, around: Sequence[Asked], later: Sequence[Asked], names: Sequence[Sequence[str]]
) -> F8:
    """Return a penalty per input: one for all, then a factor per further group, each in turn.

    Parameters
    ----------
    y : ndarray, shape (n,)
    around : sequence of Asked
        Every block, as the others predict it: chooses the penalty of all.
    later : sequence of Asked
        Later blocks, as those before predict them: what a group is worth.
    names : sequence of sequence of str
        Inputs by group, in the order of the columns.

    Returns
    -------
    ndarray, shape (k,)
        Of factors that do equally well within a standard error over blocks, the largest.
    """
    group_of = np.repeat(np.arange(len(names)), [len(own) for own in names])
    factors = np.ones(len(names))

    def losses(penalty: float, asked: Sequence[Asked]) -> F8:
        squared = (y - unseen(y.size, asked, penalty * factors[group_of])) ** 2
        return np.array([squared[one.held].mean() for one in asked])

    best = min(_PENALTIES, key=lambda penalty: float(losses(penalty, around).mean()))
    for group in range(1, len(names)):
        tried = []
        for factor in _FACTORS:
            factors[group] = factor
            tried.append(losses(best, later))
        factors[group] = _FACTORS[most_shrunk(tried)]
    return np.asarray(best * factors[group_of])


def most_shrunk(tried: Sequence[F8]) -> int:
    """Return the last of the losses by block that is within a standard error of the best."""
    best = tried[int(np.argmin([loss.mean() for loss in tried]))]
    fine = 0
    for place, loss in enumerate(tried):
        worse = loss - best
        if worse.mean() <= worse.std(ddof=1) / len(worse) ** 0.5:
            fine = place
    return fine


def joined(lines: Sequence[Line]) -> Line:
    """Return several lines on the same inputs as one of several outputs."""
    return Line(
        np.concatenate([line.intercept for line in lines]),
        np.concatenate([line.slope for line in lines]),
    )

"""The baseline of self-excitation: how often events come that no earlier event caused.

In:  a window, hours of the week, volatility as it was known. [UTC ms, 1]   Out: `Baseline`.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

A baseline is a step function: in each step every factor has one level, and the rate is the product
of a series' level and its factors' (fitted elsewhere). What a baseline leaves out, excitation
takes: events that come together because an hour is busy look as if they caused each other, and
the branching ratio is pushed towards 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from forcedflow.units import DAY_MS, F8, HOUR_MS, I8

I8x2: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.int64]]

HOURS_OF_WEEK = 168
HOURS_OF_DAY = 24

_MONDAY_MS = 3 * DAY_MS
"""The epoch began on a Thursday, three days into its week."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A window cut into steps, each with one level of every factor.

    Parameters
    ----------
    edges_ms : ndarray of int, shape (m + 1,)
        Borders of the steps, increasing. [UTC ms]
    codes : ndarray of int, shape (f, m)
        Level of each factor in each step, from 0.
    factors : tuple of str
        What the factors are, ``f`` names.

    Raises
    ------
    ValueError
        If there is no step, borders do not increase, shapes disagree or a level is negative.
    """

    edges_ms: I8
    codes: I8x2
    factors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.edges_ms.size < 2 or not (np.diff(self.edges_ms) > 0).all():
            raise ValueError("a baseline has at least one step, and its borders increase")
        if self.codes.shape != (len(self.factors), self.edges_ms.size - 1):
            raise ValueError("a baseline has one row of levels per factor, one column per step")
        if (self.codes < 0).any():
            raise ValueError("levels are counted from 0")

    @property
    def steps(self) -> int:
        """Return the number of steps."""
        return int(self.edges_ms.size - 1)

    @property
    def span_s(self) -> float:
        """Return the length of the window. [s]"""
        return float(self.edges_ms[-1] - self.edges_ms[0]) / 1_000

    def blocks(self, block_ms: int = DAY_MS) -> I8:
        """Return the block of time each step lies in, counted from 0, shape (m,).

        Raises
        ------
        ValueError
            If a step reaches over the border of a block.
        """
        first = self.edges_ms[:-1] // block_ms
        if ((self.edges_ms[1:] - 1) // block_ms != first).any():
            raise ValueError("a step reaches over the border of a block: lay shorter steps")
        return np.unique(first, return_inverse=True)[1].astype(np.int64)


def flat_baseline(start_ms: int, end_ms: int, step_ms: int = HOUR_MS) -> Baseline:
    """Return a baseline whose rate never changes, in steps that begin on whole ``step_ms``.

    Raises
    ------
    ValueError
        If the window is empty.
    """
    inner = np.arange(start_ms // step_ms + 1, -(-end_ms // step_ms), dtype=np.int64) * step_ms
    edges = np.concatenate([[start_ms], inner, [end_ms]]).astype(np.int64)
    return Baseline(edges, np.zeros((0, edges.size - 1), dtype=np.int64))


def with_hours(baseline: Baseline, hours: int = HOURS_OF_WEEK) -> Baseline:
    """Return the baseline with a factor for the hour of the week, or of the day.

    Parameters
    ----------
    baseline : Baseline
        In steps of an hour or less.
    hours : int
        `HOURS_OF_WEEK`, counted from Monday 00:00 UTC, or `HOURS_OF_DAY`.
    """
    code = (baseline.edges_ms[:-1] + _MONDAY_MS) // HOUR_MS % hours
    name = "hour of the week" if hours == HOURS_OF_WEEK else f"hour of {hours}"
    return _with(baseline, code, name)


def with_volatility(baseline: Baseline, time_ms: I8, sigma: F8, borders: F8) -> Baseline:
    """Return the baseline with a factor for volatility as it was known when each step began.

    Parameters
    ----------
    baseline : Baseline
    time_ms : ndarray of int, shape (v,)
        When each value became known, increasing. [UTC ms]
    sigma : ndarray, shape (v,)
        Volatility, from the past alone. [1]
    borders : ndarray, shape (b,)
        Between the ``b + 1`` levels, increasing. [1]

    Raises
    ------
    ValueError
        If volatility is not known when the first step begins, or is not finite.
    """
    last = np.searchsorted(time_ms, baseline.edges_ms[:-1], side="right") - 1
    if last[0] < 0 or not np.isfinite(sigma[last]).all():
        raise ValueError("volatility is known, and finite, when each step begins")
    return _with(baseline, np.searchsorted(borders, sigma[last]).astype(np.int64), "volatility")


def _with(baseline: Baseline, code: I8, name: str) -> Baseline:
    return Baseline(
        baseline.edges_ms, np.vstack([baseline.codes, code[None, :]]), (*baseline.factors, name)
    )

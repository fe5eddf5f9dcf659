r"""A self-exciting process: events, its parameters, and its branching ratio.

In:  event times and sizes by series. [UTC ms]   Out: `Events`, `HawkesModel`.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

.. math:: \lambda_s(t) = \mu_s(t) + \sum_{s'} \sum_k A_{ss'k}
   \sum_{t_i < t} g(m_i)\,\beta_k e^{-\beta_k (t - t_i)},
   \qquad g(m) = (m / \mathrm{median})^\gamma

:math:`A_{ss'k}` is the mean number of direct offspring in series ``s`` of one event of median size
in ``s'``, within a memory of :math:`1/\beta_k`. The *branching ratio* is the spectral radius of the
integrated kernel: below 1 every chain ends; at 0.5 a chain has two events on average.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from forcedflow.cascade.hawkes.baseline import Baseline
from forcedflow.units import F8, I8, F8x2

F8x3: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]

MEMORIES_S: tuple[float, ...] = (1.0, 30.0, 600.0)
"""Memories of the kernel: an engine's reaction, a burst, a bad quarter of an hour. [s]"""


@dataclass(frozen=True, slots=True)
class Events:
    """Forced closes as points in time.

    Parameters
    ----------
    time_ms : ndarray of int, shape (n,)
        When each was printed, never decreasing. [UTC ms]
    series : ndarray of int, shape (n,)
        Which series it belongs to, from 0.
    size : ndarray, shape (n,)
        Its size, in whatever unit; only ratios to the series' median are used.
    names : tuple of str
        The series: a venue, a side, a symbol.

    Raises
    ------
    ValueError
        If shapes disagree, time goes back, a series has no name or a size is not positive.
    """

    time_ms: I8
    series: I8
    size: F8
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.time_ms.shape == self.series.shape == self.size.shape:
            raise ValueError("events have one time, one series and one size each")
        if (np.diff(self.time_ms) < 0).any():
            raise ValueError("events are in the order of their time")
        if self.series.size and not 0 <= self.series.min() <= self.series.max() < len(self.names):
            raise ValueError(f"series are numbered 0 to {len(self.names) - 1}")
        if not (np.isfinite(self.size) & (self.size > 0)).all():
            raise ValueError("a size is positive and finite")

    @property
    def tied_share(self) -> float:
        """Return the share of events at the same millisecond as the one before. [1]

        Events at one instant cannot be told apart into causes and effects: above a few percent, fit
        counts of the clock's resolution instead of times.
        """
        return float((np.diff(self.time_ms) == 0).mean()) if self.time_ms.size > 1 else 0.0

    def pooled(self) -> Events:
        """Return the same events as one series."""
        name = "+".join(self.names)
        return Events(self.time_ms, np.zeros_like(self.series), self.size, (name,))

    def marks(self, size_exponent: float) -> F8:
        """Return (size / median of its series) to a power, shape (n,). [1]"""
        mark = np.ones(self.size.size)
        for s in range(len(self.names)):
            own = self.series == s
            if own.any():
                mark[own] = (self.size[own] / np.median(self.size[own])) ** size_exponent
        return mark

    def inside(self, baseline: Baseline) -> None:
        """Refuse a baseline that does not cover the events.

        Raises
        ------
        ValueError
            If there is no event, or one lies outside the baseline's window.
        """
        if not self.time_ms.size:
            raise ValueError("there is no event")
        if self.time_ms[0] < baseline.edges_ms[0] or self.time_ms[-1] >= baseline.edges_ms[-1]:
            raise ValueError("an event lies outside the window of the baseline")


@dataclass(frozen=True, slots=True)
class HawkesModel:
    """The parameters of a self-exciting process.

    Parameters
    ----------
    names : tuple of str
        The ``s`` series.
    rate : ndarray, shape (s,)
        Baseline rate, averaged over the window. [1/s]
    factors : ndarray, shape (f, c)
        What the baseline's factors multiply it by, by level; averages 1. [1]
    mass : ndarray, shape (s, s, k)
        Mean direct offspring in the row's series of an event of median size in the column's. [1]
    memories_s : tuple of float
        ``k`` memories, 1/β. [s]
    size_exponent : float
        γ: 0 where size does not matter, 1 where a close of twice the size has twice the offspring.
    mean_mark : ndarray, shape (s,)
        Mean of g over the events fitted. [1]
    """

    names: tuple[str, ...]
    rate: F8
    factors: F8x2
    mass: F8x3
    memories_s: tuple[float, ...] = MEMORIES_S
    size_exponent: float = 0.0
    mean_mark: F8 | None = None

    @property
    def decay(self) -> F8:
        """Return β, shape (k,). [1/s]"""
        return np.asarray(1.0 / np.array(self.memories_s))

    @property
    def branching_matrix(self) -> F8x2:
        """Return mean direct offspring in the row's series of an event of the column's. [1]"""
        total: F8x2 = self.mass.sum(axis=2)
        return total if self.mean_mark is None else np.asarray(total * self.mean_mark[None, :])

    @property
    def branching_ratio(self) -> float:
        """Return the spectral radius of the branching matrix. [1]"""
        return float(np.abs(np.linalg.eigvals(self.branching_matrix)).max())

    @property
    def branching_by_memory(self) -> F8:
        """Return what each memory holds of the offspring of an average event, shape (k,). [1]"""
        mark = np.ones(len(self.names)) if self.mean_mark is None else self.mean_mark
        return np.asarray((self.mass * mark[None, :, None]).sum(axis=0).mean(axis=0))

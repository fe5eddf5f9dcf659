"""Splits in time: what a fit may read, what it is asked about, and the gap between the two.

In:  spans, moments. [UTC ms]   Out: `Fold` values and masks.
Pure: values in, values out; no I/O, no clock, no global state.

A row's label speaks of the hours after it. A row belongs to a fit only where all of that time was
over when the fit was made, whatever its label looks ahead by included: that is the purge. What is
asked about begins at the end of the fit, and no fit reads across it, so no embargo after it is
needed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from forcedflow.units import DAY_MS, I8

WEEK_MS = 7 * DAY_MS

Bools: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Fold:
    """One fit and what it is asked about.

    Parameters
    ----------
    fit_to_ms : int
        Everything that the fit rests on was known by then. [UTC ms]
    from_ms, to_ms : int
        Moments it is asked about, from inclusive, to exclusive. [UTC ms]

    Raises
    ------
    ValueError
        If it is asked about a moment before the end of its fit, or about none.
    """

    fit_to_ms: int
    from_ms: int
    to_ms: int

    def __post_init__(self) -> None:
        if not self.fit_to_ms <= self.from_ms < self.to_ms:
            raise ValueError(
                f"a fit to {self.fit_to_ms} cannot be asked about {self.from_ms} to {self.to_ms}"
            )

    def fits(self, times_ms: I8, label_ms: int) -> Bools:
        """Return which moments belong to the fit: those whose label was known by its end.

        Parameters
        ----------
        times_ms : ndarray of int, shape (n,)
            [UTC ms]
        label_ms : int
            How far a label looks ahead of its moment, everything included. [ms]
        """
        return np.asarray(times_ms + label_ms <= self.fit_to_ms)

    def asks(self, times_ms: I8) -> Bools:
        """Return which moments are asked about."""
        return np.asarray((times_ms >= self.from_ms) & (times_ms < self.to_ms))


def walk_forward(
    fit_to_ms: int, from_ms: int, to_ms: int, refit_ms: int = WEEK_MS
) -> tuple[Fold, ...]:
    """Return fits one after the other, each asked about the time until the next.

    Parameters
    ----------
    fit_to_ms : int
        End of the first fit. [UTC ms]
    from_ms, to_ms : int
        Span asked about, from inclusive, to exclusive. [UTC ms]
    refit_ms : int
        Time between fits. [ms]

    Returns
    -------
    tuple of Fold
        The first fit ends at ``fit_to_ms``; each later one where the span it is asked about begins.

    Raises
    ------
    ValueError
        If the span is empty or begins before the end of the first fit.
    """
    if refit_ms <= 0:
        raise ValueError(f"time between fits was {refit_ms} ms; it must be above zero")
    if not fit_to_ms <= from_ms < to_ms:
        raise ValueError(f"a fit to {fit_to_ms} cannot be asked about {from_ms} to {to_ms}")
    starts = range(from_ms, to_ms, refit_ms)
    return tuple(
        Fold(fit_to_ms if start == from_ms else start, start, min(start + refit_ms, to_ms))
        for start in starts
    )


def inner_folds(times_ms: I8, fold: Fold, label_ms: int, parts: int = 3) -> tuple[Fold, ...]:
    """Return folds inside a fit, for choosing a penalty or a model without looking beyond it.

    Parameters
    ----------
    times_ms : ndarray of int
        Moments of the fit. [UTC ms]
    fold : Fold
    label_ms : int
        How far labels look ahead. [ms]
    parts : int
        Folds wanted.

    Returns
    -------
    tuple of Fold
        In time order; the first is fitted on half of the moments, none reads beyond ``fit_to_ms``.
        Empty where the fit holds too few moments.
    """
    own = times_ms[fold.fits(times_ms, label_ms)]
    if own.size < 2 * parts:
        return ()
    edges = np.quantile(own, np.linspace(0.5, 1.0, parts + 1)).astype(np.int64)
    edges[-1] = int(own.max()) + 1
    return tuple(
        Fold(start, start, end) for start, end in itertools.pairwise(edges.tolist()) if end > start
    )

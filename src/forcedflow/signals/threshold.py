"""Thresholds out of a figure's own past: what is a lot for this market, of late.

In:  a column on the grid of moments.   Out: columns. [the unit of the column]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

A quantile of the trailing thirty days is one of the figures themselves, not a mean of two, so that
it is the same to the last byte whatever stands outside its window.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import polars as pl

from forcedflow.features.feature import RANK_MS
from forcedflow.features.grid import LEAST_RANKED_MS, steps
from forcedflow.units import DAY_MS, F8

Quantile: TypeAlias = Callable[[F8, float], F8]
"""From a column and a share to the figure below which that share of the trailing window lies."""

EXTREME = 0.9
"""From this share of the trailing window on a figure is a lot; one minus it, little. [1]"""

EXTREME_WORDS = f"{100 * EXTREME:g} %"

WINDOW_WORDS = f"trailing {RANK_MS // DAY_MS} days"


def trailing_quantile(column: F8, share: float) -> F8:
    """Return below which figure a share of the trailing window lies, this moment included.

    Parameters
    ----------
    column : ndarray, shape (n,)
    share : float
        Between 0 and 1. [1]

    Returns
    -------
    ndarray, shape (n,)
        NaN where fewer than `LEAST_RANKED_MS` of moments are known.
    """
    if np.isnan(column).all():
        return column
    found = pl.Series(column, nan_to_null=True).rolling_quantile(
        share,
        interpolation="nearest",
        window_size=steps(RANK_MS),
        min_samples=steps(LEAST_RANKED_MS),
    )
    # Of zeros with either sign one stands there, whichever the sorting came upon.
    return found.to_numpy() + 0.0


def newest_quantile(column: F8, share: float) -> F8:
    """Return `trailing_quantile` at the last moment, to the byte, and NaN at all others.

    It takes a tenth of the time, and a reading asks for no other moment.
    """
    found = np.full(column.size, np.nan)
    window = column[-steps(RANK_MS) :]
    known = window[~np.isnan(window)]
    if known.size >= steps(LEAST_RANKED_MS):
        # Halves go away from zero, unlike Python's own rounding.
        place = int(share * (known.size - 1) + 0.5)
        known.partition(place)
        found[-1] = known[place] + 0.0
    return found


def rank_now(column: F8) -> float:
    """Return `forcedflow.features.grid.trailing_rank` of the last moment alone.

    Of a whole column it takes a hundred times as long, and a reading asks for one.
    """
    window = column[-steps(RANK_MS) :]
    known = window[~np.isnan(window)]
    if np.isnan(column[-1]) or known.size < steps(LEAST_RANKED_MS):
        return float("nan")
    below, same = int((known < column[-1]).sum()), int((known == column[-1]).sum())
    return (below + same / 2.0) / known.size


def ordinal(share: float) -> str:
    """Return a rank for people: how much of the trailing window lies below.

    Examples
    --------
    >>> ordinal(0.934)
    'above 93 % of the trailing 30 days'
    """
    # Rounded down, so that 89.9 % never reads as the 90 % it did not reach.
    return f"above {int(100 * share + 1e-9)} % of the {WINDOW_WORDS}"

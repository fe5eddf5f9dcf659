"""Tracking's one loop, compiled: quantiles moved by whether those before them held.

In:  what was left over at every moment [spreads], how many moments were over by each.
Out: the quantiles, moved and put in order in place.
Free of everything but arrays. Its readable twin is ``tests/reference/forecast_size.py``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from forcedflow.units import F8, I8, F8x2


@njit(cache=True, nogil=True)
def follow_quantiles(
    left: F8x2,
    over: I8,
    levels: F8,
    step: float,
    shape: np.ndarray[tuple[int, int, int], np.dtype[np.float64]],
) -> None:
    n, n_sides, n_levels = shape.shape
    moved = np.zeros((n_sides, n_levels))
    learned = 0
    for t in range(n):
        for i in range(learned, over[t]):
            for s in range(n_sides):
                if np.isnan(left[i, s]):
                    continue
                for q in range(n_levels):
                    held = 1.0 if left[i, s] <= shape[i, s, q] else 0.0
                    moved[s, q] += step * (levels[q] - held)
        learned = over[t]
        for s in range(n_sides):
            for q in range(n_levels):
                value = shape[t, s, q] + moved[s, q]
                # Put where it belongs among those before it; what is unknown stays last.
                p = q
                while p > 0 and (
                    shape[t, s, p - 1] > value
                    or (np.isnan(shape[t, s, p - 1]) and not np.isnan(value))
                ):
                    shape[t, s, p] = shape[t, s, p - 1]
                    p -= 1
                shape[t, s, p] = value

"""The alignment of ladders' one loop, compiled: mass of two profiles paired from one end.

In:  two profiles' mass by bin, changed in place; how many bins apart a pair may be.
Out: the mass that was paired.
Free of everything but arrays. Its readable twin is ``tests/reference/alignment.py``.
"""

from __future__ import annotations

from numba import njit

from forcedflow.units import F8


@njit(cache=True, nogil=True)
def pair(first: F8, second: F8, reach: int) -> float:
    paired, i, j = 0.0, 0, 0
    while i < first.size and j < second.size:
        if first[i] <= 0 or j > i + reach:
            i += 1
        elif second[j] <= 0 or i > j + reach:
            j += 1
        else:
            mass = min(first[i], second[j])
            paired += mass
            first[i] -= mass
            second[j] -= mass
    return paired

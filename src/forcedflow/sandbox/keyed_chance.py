"""Chance by key: numbers that depend on what they are for, not on who drew before.

In:  a seed, a purpose, integer keys.   Out: uniform or normal numbers, one per key. [1]
Pure: NumPy in, NumPy out; no I/O, no clock, no state.

A generator that is drawn from in turn gives other numbers when a run is cut elsewhere. Here the
number of a row is a hash of the row's own key, so that every cut gives the same rows.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Keys = npt.NDArray[np.int64]

_WORD = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def keyed_uniform(seed: int, purpose: str, *keys: Keys) -> Numbers:
    """Return numbers in (0, 1), one per key.

    Parameters
    ----------
    seed : int
    purpose : str
        Two purposes give unrelated numbers.
    *keys : ndarray of int64, shapes that broadcast
        Together they name what each number is for.

    Returns
    -------
    ndarray, broadcast shape

    References
    ----------
    .. [1] G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014:
       the finalizer of SplitMix64, applied once per key.

    Examples
    --------
    >>> keys = np.array([1, 2, 3])
    >>> bool((keyed_uniform(7, "gap", keys)[1:] == keyed_uniform(7, "gap", keys[1:])).all())
    True
    """
    start = (seed * _GOLDEN + zlib.crc32(purpose.encode())) & _WORD
    hashed = _mix(np.full(np.broadcast_shapes(*(key.shape for key in keys)), start, np.uint64))
    for key in keys:
        hashed = _mix(hashed ^ key.astype(np.uint64))
    # The upper 53 bits, in the middle of their cell: never exactly 0 or 1.
    return np.asarray(((hashed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)


def keyed_normal(seed: int, purpose: str, *keys: Keys) -> Numbers:
    """Return standard normal numbers, one per key, as `keyed_uniform` (Box and Muller)."""
    radius = np.sqrt(-2.0 * np.log(keyed_uniform(seed, f"{purpose}: radius", *keys)))
    return np.asarray(radius * np.cos(2 * np.pi * keyed_uniform(seed, f"{purpose}: angle", *keys)))


def _mix(word: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    # Overflow is the point; arrays wrap without a warning, so ``word`` is never a scalar.
    word = np.atleast_1d(word) + np.uint64(_GOLDEN)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))

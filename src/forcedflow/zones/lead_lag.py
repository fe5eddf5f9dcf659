r"""Lead and lag: which of two venues moves first, and which reaches its clusters first.

In:  two series on one row of times; times of touches. [1, UTC ms]
Out: `LeadLag`, `FirstTouches`, each with its number of observations and its interval.
Pure: NumPy in, NumPy out; randomness is a seed; no I/O, no clock, no global state.

With :math:`\rho_k` the correlation of the first series at :math:`t - k` with the second at
:math:`t`, the *lead* is :math:`\sum_{k=1}^{K} \rho_k - \rho_{-k}`: above zero the first goes ahead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forcedflow.units import F8, I8, F8x2

I8x2 = np.ndarray[tuple[int, int], np.dtype[np.int64]]

MOST_LAG = 3
"""Steps looked ahead and back."""

LEVEL = 0.95
"""Coverage of every interval here. [1]"""

DRAWS = 1_000
"""Block bootstrap draws."""

_Z = 1.959964  # two-sided 95 % of a normal


@dataclass(frozen=True, slots=True)
class LeadLag:
    """Cross-correlation of two series, and what it says of who leads.

    Parameters
    ----------
    lags : ndarray, shape (2K + 1,)
        Steps by which the first goes ahead of the second; negative: behind.
    correlation : ndarray, shape (2K + 1,)
        [1]
    lead : float
        Sum over lags ahead less sum over lags behind; above zero the first leads. [1]
    low, high : float
        95 % interval of the lead, from moving blocks. [1]
    n : int
        Steps at which both are known.
    """

    lags: I8
    correlation: F8
    lead: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class FirstTouches:
    """Which of two venues reached its own one of two matching clusters first.

    Parameters
    ----------
    first, second, together : int
        Pairs that one or the other reached first, and that both reached in the same bar.
    neither : int
        Pairs that no venue reached.
    share : float
        Of the pairs reached apart, the share the first venue reached first; NaN without any. [1]
    low, high : float
        Its 95 % interval by Wilson. [1]
    """

    first: int
    second: int
    together: int
    neither: int
    share: float
    low: float
    high: float


def lead_lag(first: F8, second: F8, *, seed: int, most: int = MOST_LAG, block: int = 24) -> LeadLag:
    """Return the cross-correlation of two series with its asymmetry.

    Parameters
    ----------
    first, second : ndarray, shape (n,)
        Returns, or changes of a cluster's place, on one row of equal steps; NaN where unknown.
    seed : int
        Of the bootstrap.
    most : int
        Largest lag ``K``. [steps]
    block : int
        Length of a block; longer than the series remember. [steps]

    Returns
    -------
    LeadLag
        Figures are NaN where a series is constant or fewer than two blocks are known.

    Raises
    ------
    ValueError
        If shapes differ, or ``most`` or ``block`` is below 1.
    """
    if first.shape != second.shape:
        raise ValueError(f"two series on one row of times, found {first.size} and {second.size}")
    if most < 1 or block < 1:
        raise ValueError(f"lag and block are at least one step, were {most}, {block}")
    lags = np.arange(-most, most + 1, dtype=np.int64)
    both = ~np.isnan(first) & ~np.isnan(second)
    n = int(both.sum())
    x, y = _standard(first, both), _standard(second, both)
    if n < 2 * block or x is None or y is None:
        unknown = np.full(lags.size, np.nan)
        return LeadLag(lags, unknown, math.nan, math.nan, math.nan, n)
    products = np.stack([_product(x, y, int(lag)) for lag in lags])
    known = ~np.isnan(products)
    sums = np.nan_to_num(products)
    correlation = np.asarray(sums.sum(axis=1) / np.maximum(known.sum(axis=1), 1))
    sign = np.sign(lags).astype(np.float64)
    drawn = _drawn(sums, known, block, seed) @ sign
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return LeadLag(lags, correlation, float(correlation @ sign), float(low), float(high), n)


def first_touches(first_ms: F8, second_ms: F8) -> FirstTouches:
    """Return which venue reached matching clusters first.

    Parameters
    ----------
    first_ms, second_ms : ndarray, shape (n,)
        Ends of the bars in which each venue's price reached its own cluster; NaN where it did not
        within the horizon. Of bars of one length. [UTC ms]

    Returns
    -------
    FirstTouches

    Raises
    ------
    ValueError
        If shapes differ.
    """
    if first_ms.shape != second_ms.shape:
        raise ValueError(f"one pair of times per cluster, found {first_ms.size}, {second_ms.size}")
    never = np.isnan(first_ms) & np.isnan(second_ms)
    a, b = (np.where(np.isnan(times), np.inf, times) for times in (first_ms, second_ms))
    ahead, behind = int((a < b).sum()), int((b < a).sum())
    share, low, high = wilson(ahead, ahead + behind)
    together = int(((a == b) & ~never).sum())
    return FirstTouches(ahead, behind, together, int(never.sum()), share, low, high)


def wilson(hits: int, n: int) -> tuple[float, float, float]:
    """Return a share with its 95 % interval by Wilson (1927); NaN where ``n`` is 0. [1]"""
    if n == 0:
        return math.nan, math.nan, math.nan
    share, z2 = hits / n, _Z**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n**2)) / (1 + z2 / n)
    return share, max(0.0, middle - half), min(1.0, middle + half)


def _standard(values: F8, both: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> F8 | None:
    known = values[both]
    spread = float(known.std()) if known.size else 0.0
    if not spread > 0:
        return None
    return np.where(both, (values - known.mean()) / spread, np.nan)


def _product(first: F8, second: F8, lag: int) -> F8:
    """First at ``t - lag`` times second at ``t``; NaN where there is none."""
    n = first.size
    moved = np.full(n, np.nan)
    if lag >= 0:
        moved[lag:] = first[: n - lag]
    else:
        moved[:lag] = first[-lag:]
    return moved * second


def _drawn(
    sums: F8x2, known: np.ndarray[tuple[int, int], np.dtype[np.bool_]], block: int, seed: int
) -> F8x2:
    """Correlations of moving blocks drawn again, shape (draws, lags)."""
    n = sums.shape[1]
    starts = np.random.default_rng(seed).integers(0, n - block + 1, (DRAWS, -(-n // block)))
    drawn, held = _block_sums(sums, starts, block), _block_sums(known.astype(float), starts, block)
    return np.asarray((drawn / np.maximum(held, 1)).T)


def _block_sums(values: F8x2, starts: I8x2, block: int) -> F8x2:
    running = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=running[:, 1:])
    return np.asarray((running[:, starts + block] - running[:, starts]).sum(axis=2))

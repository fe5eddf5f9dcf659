"""How well the branching ratio is known: days drawn again.

In:  a prepared fit.   Out: `Interval`.
Pure: NumPy in, NumPy out; no I/O, no clock; chance comes from the caller's generator.

A day drawn twice counts twice in the likelihood. What its events feel is what they felt in the real
past, across midnight too, so nothing is cut or glued.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcedflow.cascade.hawkes.fit import HawkesFit, refit
from forcedflow.cascade.hawkes.prepared import Prepared
from forcedflow.units import DAY_MS, F8

DRAWS = 200
LEAST_BLOCKS = 5


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of the branching ratio, blocks of time drawn again.

    Parameters
    ----------
    low, high : float
        Its ends. [1]
    level : float
        Share of draws inside. [1]
    blocks : int
        Blocks there were to draw from.
    draws : ndarray, shape (d,)
        Branching ratio of each draw. [1]
    """

    low: float
    high: float
    level: float
    blocks: int
    draws: F8


def branching_interval(
    prepared: Prepared,
    fit: HawkesFit,
    rng: np.random.Generator,
    draws: int = DRAWS,
    level: float = 0.90,
    block_ms: int = DAY_MS,
) -> Interval:
    """Return an interval of the branching ratio.

    Parameters
    ----------
    prepared : Prepared
        What the fit was made of.
    fit : HawkesFit
        Where each draw's updates begin.
    rng : numpy.random.Generator
    draws : int
    level : float
        Share of draws inside. [1]
    block_ms : int
        Length of a block; blocks are taken to be independent. [ms]

    Raises
    ------
    ValueError
        If there are fewer than `LEAST_BLOCKS` blocks, or a step of the baseline reaches over one.

    Notes
    -----
    The size exponent is held. Few blocks make intervals too narrow.
    """
    block = prepared.baseline.blocks(block_ms)
    n = int(block.max()) + 1
    if n < LEAST_BLOCKS:
        raise ValueError(f"{n} blocks are too few to draw from; {LEAST_BLOCKS} are needed")
    seen = np.bincount(block[prepared.rows.step], minlength=n)
    found: list[float] = []
    while len(found) < draws:
        times = np.bincount(rng.integers(n, size=n), minlength=n).astype(float)
        # A draw of silent blocks alone says nothing of how events follow each other.
        if (times * seen).sum() > 0:
            found.append(refit(prepared, times[block], fit.model).model.branching_ratio)
    ratios = np.array(found)
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level, n, ratios)

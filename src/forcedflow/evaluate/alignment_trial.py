"""What venues' alignment is worth: overlap beside stale and mirrored ladders of the other venue.

In:  two venues' ladders at the same moments. [1, UTC ms]
Out: `Contrast`: the measure, each null, and the difference with its interval over days. [1]
Pure: values in, values out; no I/O, no clock; draws have a fixed seed.

Both ladders are built around one price, and nothing stands where the price has been: they overlap
whatever traders did. A *stale* ladder is the other venue's own of earlier, at its distances then;
a *mirrored* one its other side. What is left above both is agreement about where, not about shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from forcedflow.evaluate.map_scores import days_of, interval, resampled_sums
from forcedflow.units import F8, I8, SIDES, Side
from forcedflow.zones.alignment import VenueLadder, apart, overlap

SEED, DRAWS, LEVEL = 0, 2_000, 0.95

Null: TypeAlias = Literal["stale", "mirrored"]
NULLS: tuple[Null, ...] = ("stale", "mirrored")

Measure: TypeAlias = Callable[[F8, F8], float]


@dataclass(frozen=True, slots=True)
class Contrast:
    """A measure of alignment on one side, beside one null.

    Parameters
    ----------
    measure : str
        ``overlap``, where more is alike, or ``apart``, where less is.
    side : {"long", "short"}
    null : {"stale", "mirrored"}
    n, n_days : int
        Moments with a figure and a null's, and days they are of.
    value, null_value : float
        Means over the moments. [1, log price]
    difference : float
        Value less null.
    low, high : float
        Its 95 % interval, days drawn again; NaN with fewer than two days.
    """

    measure: str
    side: Side
    null: Null
    n: int
    n_days: int
    value: float
    null_value: float
    difference: float
    low: float
    high: float


def contrast(
    own: Sequence[VenueLadder],
    other: Sequence[VenueLadder],
    at_ms: I8,
    stale_ms: int,
    within: float,
) -> list[Contrast]:
    """Return overlap and distance of two venues' ladders beside both nulls.

    Parameters
    ----------
    own, other : sequence of VenueLadder, length n
        At the same moments.
    at_ms : ndarray of int, shape (n,)
        Moments, increasing. [UTC ms]
    stale_ms : int
        Age of a stale ladder, at least; the newest as old as this is taken. [ms]
    within : float
        Tolerance in log price. [1]

    Returns
    -------
    list of Contrast
        By measure, side and null; moments at which either ladder holds nothing are left out.

    Raises
    ------
    ValueError
        If lengths differ.
    """
    if not len(own) == len(other) == at_ms.size:
        raise ValueError(f"{len(own)} and {len(other)} ladders at {at_ms.size} moments")
    measures: dict[str, Measure] = {"overlap": lambda a, b: overlap(a, b, within), "apart": apart}
    earlier = np.searchsorted(at_ms, at_ms - stale_ms, side="right") - 1
    found = []
    for name, measure in measures.items():
        for s in range(len(SIDES)):
            value = _each(
                measure, [(a.share[s], b.share[s]) for a, b in zip(own, other, strict=True)]
            )
            stale = _each(
                measure,
                [
                    (a.share[s], other[j].share[s] if j >= 0 else np.zeros_like(a.share[s]))
                    for a, j in zip(own, earlier.tolist(), strict=True)
                ],
            )
            mirrored = _each(
                measure, [(a.share[s], b.share[1 - s]) for a, b in zip(own, other, strict=True)]
            )
            for null, against in zip(NULLS, (stale, mirrored), strict=True):
                found.append(_beside(name, SIDES[s], null, value, against, days_of(at_ms)))
    return found


def _each(measure: Measure, pairs: Sequence[tuple[F8, F8]]) -> F8:
    return np.array([measure(first, second) for first, second in pairs])


def _beside(measure: str, side: Side, null: Null, value: F8, against: F8, day: I8) -> Contrast:
    known = ~np.isnan(value) & ~np.isnan(against)
    value, against, day = value[known], against[known], day[known]
    n, n_days = int(known.sum()), int(np.unique(day).size)
    low = high = mean = null_mean = float("nan")
    if n:
        mean, null_mean = float(value.mean()), float(against.mean())
    if n_days > 1:
        columns = np.stack([value - against, np.ones(n)], axis=1)
        drawn = resampled_sums(columns, day, seed=SEED, draws=DRAWS)
        low, high = interval(drawn[:, 0] / drawn[:, 1], LEVEL)
    return Contrast(measure, side, null, n, n_days, mean, null_mean, mean - null_mean, low, high)

"""Labels of event timing: in which stretch of the coming day the next event begins, per direction.

In:  a `FeatureTable`, `Onsets`, moments. [UTC ms]   Out: `Labels`. [1]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

The day ahead is cut into four stretches. Each has a hazard: the chance that the event begins within
it, given that it has not begun before. Probabilities of longer horizons are made of them, so a
longer horizon is never less probable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from forcedflow.features.grid import COVERED, steps
from forcedflow.features.rows import Bools
from forcedflow.features.table import FeatureTable
from forcedflow.forecast.events import EventRule, Onsets
from forcedflow.forecast.rows import HORIZONS_H
from forcedflow.units import F8, HOUR_MS, I8, F8x2

STRETCHES_H: tuple[tuple[int, int], ...] = tuple(
    zip((0, *HORIZONS_H[:-1]), HORIZONS_H, strict=True)
)
"""Hours ahead that each hazard is of, from exclusive, to inclusive. [h]"""

WIDTHS_H: F8 = np.array([end - begin for begin, end in STRETCHES_H], dtype=np.float64)
"""Their lengths. [h]"""

DIRECTIONS: tuple[str, str] = ("down", "up")
SIGNS: tuple[int, int] = (-1, 1)

F8x3: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Labels:
    """What came after ``n`` moments of one market, for both directions.

    Parameters
    ----------
    times_ms : ndarray of int, shape (n,)
        [UTC ms]
    hazard : ndarray, shape (2, n, 4)
        By direction and stretch: 1 where the next event begins in it, 0 where none has by its end,
        NaN after the stretch it began in, inside a running event, and where it is not known.
    events_ms : ndarray of int, shape (k,)
        When events began. [UTC ms]
    sign : ndarray of int, shape (k,)
        -1 where the price fell, 1 where it rose.
    ahead_ms : int
        How far after a moment rows are read for its label. [ms]
    """

    times_ms: I8
    hazard: F8x3
    events_ms: I8
    sign: I8
    ahead_ms: int

    @property
    def known(self) -> Bools:
        """Return which moments have a label of some stretch in some direction, shape (n,)."""
        return np.asarray(~np.isnan(self.hazard).all(axis=(0, 2)))

    def within(self, direction: int) -> F8x2:
        """Return whether an event began within each horizon, shape (n, 4); NaN where unknown."""
        hazard = self.hazard[direction]
        began = np.maximum.accumulate(np.nan_to_num(hazard), axis=1)
        return np.where((began > 0) | ~np.isnan(hazard), began, np.nan)

    def cut(self, chosen: Bools) -> Labels:
        """Return the labels of the chosen moments."""
        return Labels(
            self.times_ms[chosen], self.hazard[:, chosen], self.events_ms, self.sign, self.ahead_ms
        )


def lay_labels(table: FeatureTable, onsets: Onsets, times_ms: I8, rule: EventRule) -> Labels:
    """Return what came after moments.

    Parameters
    ----------
    table : FeatureTable
        The one that onsets were found on.
    onsets : Onsets
    times_ms : ndarray of int, shape (n,)
        Moments of the table. [UTC ms]
    rule : EventRule
        That they were found by.

    Returns
    -------
    Labels

    Raises
    ------
    ValueError
        If a moment is none of the table's.
    """
    at = np.searchsorted(table.times_ms, times_ms)
    if not np.array_equal(table.times_ms[np.minimum(at, table.size - 1)], times_ms):
        raise ValueError("labels were asked for at moments that the table does not hold")
    known = np.concatenate([[0.0], np.cumsum(onsets.known)])
    running = onsets.running[at]
    hazard = np.full((len(SIGNS), times_ms.size, len(STRETCHES_H)), np.nan)
    for way, sign in enumerate(SIGNS):
        began = onsets.first[onsets.sign == sign]
        following = np.append(began, np.iinfo(np.int64).max)[
            np.searchsorted(began, at, side="right")
        ]
        for k, (begin, end) in enumerate(STRETCHES_H):
            first, last = at + steps(begin * HOUR_MS), at + steps(end * HOUR_MS)
            seen = known[np.minimum(last + 1, table.size)] - known[np.minimum(at + 1, table.size)]
            covered = (last < table.size) & (seen >= COVERED * (last - at))
            at_risk = (following > first) & covered & ~running
            hazard[way, :, k] = np.where(at_risk, following <= last, np.nan)
    return Labels(
        times_ms=times_ms,
        hazard=hazard,
        events_ms=table.times_ms[onsets.first],
        sign=onsets.sign,
        ahead_ms=HORIZONS_H[-1] * HOUR_MS + rule.ahead_ms,
    )


def cumulate(hazard: F8x2) -> F8x2:
    r"""Return the probability by the end of each stretch from hazards, shape (n, 4).

    .. math:: P_h = 1 - \prod_{k \le h} (1 - \lambda_k)
    """
    return np.asarray(1.0 - np.cumprod(1.0 - hazard, axis=1))


def permuted(labels: Labels, block_ms: int, seed: int) -> Labels:
    """Return the labels with whole blocks of time put elsewhere: the same events, no meaning.

    Parameters
    ----------
    labels : Labels
        At moments of equal distance.
    block_ms : int
        Length of a block. [ms]
    seed : int

    Returns
    -------
    Labels
        Events are where their block went.
    """
    block = (labels.times_ms - labels.times_ms[0]) // block_ms
    order = np.random.default_rng(seed).permutation(int(block[-1]) + 1)
    taken = np.concatenate([np.flatnonzero(block == one) for one in order])
    # Events move with the first moment of the hour that they began in.
    place = np.empty(taken.size, dtype=np.int64)
    place[taken] = np.arange(taken.size)
    hour = np.searchsorted(labels.times_ms, labels.events_ms, side="right") - 1
    inside = (hour >= 0) & (labels.events_ms < labels.times_ms[-1] + HOUR_MS)
    moved = labels.times_ms[place[hour[inside]]] + (
        labels.events_ms[inside] - labels.times_ms[hour[inside]]
    )
    by_time = np.argsort(moved, kind="stable")
    return Labels(
        labels.times_ms,
        labels.hazard[:, taken],
        moved[by_time],
        labels.sign[inside][by_time],
        labels.ahead_ms,
    )


def event_days(labels: Sequence[Labels], from_ms: int, to_ms: int, day_ms: int) -> int:
    """Return on how many calendar days of a span events began, over markets together."""
    days = [
        one.events_ms[(one.events_ms >= from_ms) & (one.events_ms < to_ms)] // day_ms
        for one in labels
    ]
    return int(np.unique(np.concatenate(days)).size) if days else 0

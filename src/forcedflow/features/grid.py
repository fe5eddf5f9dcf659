"""The grid of moments: rows brought onto it when they become known, and windows over its past.

In:  rows with event and available times, moments five minutes apart. [UTC ms]   Out: columns.
Pure: frames in, NumPy out; no I/O, no clock, no global state.

A column at a moment holds only what was available by then, so whatever is computed from a column's
own past is causal too. Every window has a fixed order of summation: a figure depends on the rows
inside its window and on nothing else, to the last byte, wherever the grid begins or ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from forcedflow.features.feature import RANK_MS
from forcedflow.features.rows import Column, Rows
from forcedflow.features.table import STEP_MS
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8

COVERED = 0.9
"""A window of which less is known has no figure. [1]"""

LEAST_RANKED_MS = 7 * DAY_MS
"""A rank among less than this is unknown. [ms]"""

# What is told later than this is history, not news of the moment it is told.
_LATEST_MS = HOUR_MS


class Newest(NamedTuple):
    """The newest row known at every moment: its value and its event time; NaN and -1 for none."""

    value: F8
    event_ms: I8


def lay_times(start_ms: int, at_ms: int) -> I8:
    """Return the moments from the first at or after ``start_ms`` to the last by ``at_ms``."""
    return np.arange(-(-start_ms // STEP_MS) * STEP_MS, at_ms + 1, STEP_MS, dtype=np.int64)


def steps(window_ms: int) -> int:
    """Return a span in moments."""
    return window_ms // STEP_MS


def known_ms(rows: pl.DataFrame) -> I8:
    """Return when each row became known. [UTC ms]"""
    return _milliseconds(rows["available_time"])


def event_ms(rows: pl.DataFrame) -> I8:
    """Return when each row happened. [UTC ms]"""
    return _milliseconds(rows["event_time"])


def _milliseconds(times: pl.Series) -> I8:
    # A view, where the table engine would be asked for a column a thousand times per table.
    milliseconds: I8 = times.to_numpy().view(np.int64)
    return milliseconds


def where(rows: pl.DataFrame, column: str, said: str) -> pl.DataFrame:
    """Return the rows whose column says so, without the table engine's planner."""
    which = (rows[column] == said).to_numpy()
    return rows if which.all() else rows[np.flatnonzero(which)]


def newest_known(rows: Rows, column: str, times_ms: I8, max_age_ms: int) -> Newest:
    """Return the figure of the newest row that was known, at every moment.

    Parameters
    ----------
    rows : Rows
        In any order; with an event and an available time. Of bars that end together the finest
        counts.
    column : str
        What is not told is passed over.
    times_ms : ndarray, shape (n,)
        Moments. [UTC ms]
    max_age_ms : int
        A row older than this is not used. [ms]

    Returns
    -------
    Newest
        Shape (n,) each.
    """
    rows = rows.since(int(times_ms[0]) - max_age_ms).told(column)
    return newest_of(
        rows.event_ms,
        rows.known_ms,
        rows[column],
        times_ms,
        max_age_ms,
        longest_first=-rows["interval_ms"] if rows.has("interval_ms") else None,
    )


def newest_of(
    event: I8,
    known: I8,
    values: F8,
    times_ms: I8,
    max_age_ms: int,
    *,
    longest_first: I8 | None = None,
) -> Newest:
    """Return what `newest_known` does, of columns: event and known times [UTC ms], values."""
    row = newest_rows(event, known, times_ms, max_age_ms, longest_first=longest_first)
    return Newest(looked_up(values, row, np.nan), looked_up(event, row, -1))


def newest_rows(
    event: I8, known: I8, times_ms: I8, max_age_ms: int, *, longest_first: I8 | None = None
) -> I8:
    """Return which row is the newest that was known, at every moment; -1 where none is."""
    if not event.size:
        return np.full(times_ms.size, -1, dtype=np.int64)
    keys = [event, known] if longest_first is None else [longest_first, event, known]
    order = _in_order(*keys)
    if order is not None:
        event, known = event[order], known[order]
    # A row that arrives after a newer one changes nothing.
    is_newest = event == np.maximum.accumulate(event)
    newest = np.maximum.accumulate(np.where(is_newest, np.arange(event.size), 0))
    last = np.searchsorted(known, times_ms, side="right") - 1
    row = newest[np.maximum(last, 0)]
    fresh = (last >= 0) & (times_ms - event[row] <= max_age_ms)
    return np.where(fresh, row if order is None else order[row], -1)


def looked_up(column: Column, row: I8, none: float) -> Column:
    """Return what a column holds in some rows, and something else where a row is -1."""
    return np.where(row >= 0, column[row], none) if column.size else np.full(row.size, none)


class News:
    """Rows that were news when they came, by the step ``(t - step, t]`` that they came in.

    Parameters
    ----------
    rows : Rows
    times_ms : ndarray, shape (n,)
        Moments, a step apart. [UTC ms]
    """

    __slots__ = ("_order", "_rows", "_size", "_step")

    def __init__(self, rows: Rows, times_ms: I8) -> None:
        after_ms, last_ms = int(times_ms[0]) - STEP_MS, int(times_ms[-1])
        rows = rows.since(after_ms - _LATEST_MS)
        known = rows.known_ms
        kept = (known - rows.event_ms <= _LATEST_MS) & (known > after_ms) & (known <= last_ms)
        self._rows = rows.chosen(kept)
        self._order = _in_order(self._rows.event_ms, self._rows.known_ms)
        self._step = -((int(times_ms[0]) - self._of("available_time")) // STEP_MS)
        self._size = times_ms.size

    def _of(self, column: str) -> Column:
        found = self._rows[column]
        return found if self._order is None else found[self._order]

    def summed(self, column: str) -> F8:
        """Return the sum of what became known in each step, shape (n,); zero where nothing."""
        return np.bincount(self._step, self._of(column), self._size).astype(np.float64, copy=False)

    def extreme(self, column: str, pick: np.ufunc) -> F8:
        """Return the highest or lowest of each step, shape (n,); NaN where nothing became known.

        Parameters
        ----------
        column : str
        pick : numpy.ufunc
            `numpy.fmax` or `numpy.fmin`.
        """
        found = np.full(self._size, np.nan)
        pick.at(found, self._step, self._of(column))
        return found


def _in_order(*keys: I8) -> I8 | None:
    """Order of rows by the last key, then the one before; None where they stand so already."""
    equal = np.ones(max(keys[0].size - 1, 0), dtype=np.bool_)
    for key in reversed(keys):
        step = np.diff(key)
        if (equal & (step < 0)).any():
            order: I8 = np.lexsort(keys)
            return order
        equal &= step == 0
        if not equal.any():
            break
    return None


def lagged(column: F8, n: int) -> F8:
    """Return a column as it was ``n`` moments before; NaN before it began."""
    return np.concatenate([np.full(min(n, column.size), np.nan), column[: max(column.size - n, 0)]])


def trailing(column: F8, window: int, combine: np.ufunc, empty: float) -> F8:
    """Return a running sum or extreme over the last ``window`` moments, this one included.

    Parameters
    ----------
    column : ndarray, shape (n,)
    window : int
        Moments, at least 1.
    combine : numpy.ufunc
        `numpy.add`, `numpy.fmax` or `numpy.fmin`.
    empty : float
        What stands before the first moment: what changes nothing when combined.

    Returns
    -------
    ndarray, shape (n,)

    Notes
    -----
    Blocks of 1, 2, 4, … moments are combined by the window's binary digits, so that every figure
    is made by the same operations in the same order.
    """
    total = np.full(column.size, empty)
    block, size, behind = column, 1, 0
    while size <= window:
        if window & size:
            total = _combined(total, block, behind, combine, empty)
            behind += size
        if 2 * size <= window:
            block = _combined(block, block, size, combine, empty)
        size *= 2
    return total


def _combined(column: F8, other: F8, behind: int, combine: np.ufunc, empty: float) -> F8:
    """Return a column combined with another as it was some moments before."""
    n = min(behind, column.size)
    found = np.empty(column.size)
    combine(column[:n], empty, out=found[:n])
    combine(column[n:], other[: column.size - n], out=found[n:])
    return found


def trailing_sum(column: F8, window: int) -> F8:
    """Return the sum of what is known of the last ``window`` moments; NaN counts as nothing."""
    return trailing(np.nan_to_num(column), window, np.add, 0.0)


def trailing_count(column: F8, window: int) -> F8:
    """Return how many of the last ``window`` moments are known."""
    return trailing((~np.isnan(column)).astype(np.float64), window, np.add, 0.0)


def trailing_mean(column: F8, window: int) -> F8:
    """Return the mean of what is known of a window; NaN as for an extreme."""
    count = trailing_count(column, window)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = trailing_sum(column, window) / count
    return np.where((count >= COVERED * window) & ~np.isnan(column), mean, np.nan)


def trailing_extreme(column: F8, window: int, pick: np.ufunc) -> F8:
    """Return the extreme of a window; NaN where less than `COVERED` is known or not now."""
    count = trailing_count(column, window)
    known = (count >= COVERED * window) & ~np.isnan(column)
    return np.where(known, trailing(column, window, pick, np.nan), np.nan)


def trailing_rank(column: F8, window_ms: int = RANK_MS) -> F8:
    """Return the share of the trailing window that lies below each figure.

    Parameters
    ----------
    column : ndarray, shape (n,)
    window_ms : int
        This moment included. [ms]

    Returns
    -------
    ndarray, shape (n,)
        Between 0 and 1; of equals half count as below. NaN where the figure is unknown, or fewer
        than `LEAST_RANKED_MS` of moments are known. [1]
    """
    window = steps(window_ms)
    if column.size < steps(LEAST_RANKED_MS):
        return np.full(column.size, np.nan)
    values = pl.Series(column).fill_nan(None)
    rank = values.rolling_rank(window, method="average", min_samples=steps(LEAST_RANKED_MS))
    place = rank.cast(pl.Float64).fill_null(np.nan).to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        return (place - 0.5) / trailing_count(column, window)


def newest_rank(column: F8, window_ms: int = RANK_MS) -> float:
    """Return what `trailing_rank` says of the last moment, without the moments before."""
    window = column[-steps(window_ms) :]
    known = int(np.count_nonzero(~np.isnan(window)))
    if np.isnan(window[-1]) or known < steps(LEAST_RANKED_MS):
        return np.nan
    below = int(np.count_nonzero(window < window[-1]))
    equal = int(np.count_nonzero(window == window[-1]))
    return (below + (equal + 1) / 2 - 0.5) / known


def totals(
    rows: Rows, columns: Sequence[str], times_ms: I8, add_up: Callable[[F8], F8], span_ms: F8
) -> list[F8]:
    """Return what bars add up to over a span, from the finest bars that cover it.

    Parameters
    ----------
    rows : Rows
        Bars of several lengths; only those of an hour or less count.
    columns : sequence of str
        A bar of which one is not told is passed over and covers nothing.
    times_ms : ndarray, shape (n,)
        Moments, a step apart. [UTC ms]
    add_up : callable
        From what came in each step to what came in each moment's span.
    span_ms : ndarray, shape (n,)
        Length of the span that bars must cover to `COVERED`. [ms]

    Returns
    -------
    list of ndarray, shape (n,)
        By column; NaN where no one length of bars covers the span.
    """
    rows = rows.since(int(times_ms[0]) - STEP_MS - _LATEST_MS).fine()
    for column in columns:
        rows = rows.told(column)
    found = [np.full(times_ms.size, np.nan) for _ in columns]
    lengths = rows["interval_ms"]
    # Nearly always all of one length.
    intervals = np.unique(lengths) if (lengths != lengths[:1]).any() else lengths[:1]
    unknown = np.ones(times_ms.size, dtype=np.bool_)
    for interval in intervals:
        news = News(rows.chosen(lengths == interval), times_ms)
        covered = add_up(news.summed("interval_ms"))
        fill = unknown & (covered >= COVERED * span_ms) & (covered > 0)
        unknown &= ~fill
        for column, total in zip(columns, found, strict=True):
            total[fill] = add_up(news.summed(column))[fill]
    return found


def trailing_totals(rows: Rows, columns: Sequence[str], times_ms: I8, window_ms: int) -> list[F8]:
    """Return what bars add up to over the last ``window_ms``; as `totals`."""
    window = steps(window_ms)
    span = np.full(times_ms.size, float(window_ms))
    return totals(rows, columns, times_ms, lambda cells: trailing_sum(cells, window), span)


def trailing_total(rows: Rows, column: str, times_ms: I8, window_ms: int) -> F8:
    """Return `trailing_totals` of one column."""
    return trailing_totals(rows, [column], times_ms, window_ms)[0]


def periods(times_ms: I8, length_ms: int, offset_ms: int = 0) -> I8:
    """Return the period each moment belongs to; the moment between two belongs to the earlier."""
    return (times_ms - 1 - offset_ms) // length_ms


def since_period_began(cells: F8, period: I8) -> F8:
    """Return running sums that begin anew with every period."""
    starts = np.flatnonzero(np.diff(period, prepend=period[0] - 1))
    return np.concatenate([np.cumsum(part) for part in np.split(cells, starts[1:])])

"""Rows of one table as columns of NumPy, each taken out of the frame when first asked for.

In:  frames with event and available times.   Out: `Rows`. [UTC ms]
Pure: frames in, NumPy out; no I/O, no clock, no global state.

A feature looks at a few columns of few rows, and many features at the same ones. Frames are asked
for a column once; to choose among rows then costs what it costs in NumPy, which for a few thousand
rows is a hundredth of what the table engine needs to begin.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import polars as pl

from forcedflow.units import HOUR_MS, I8

COARSEST_MS = HOUR_MS
"""Longest bar that says something about a moment. [ms]"""

NEVER_MS = int(np.iinfo(np.int64).min)
"""What a time that is not told reads as. [UTC ms]"""

Bools: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]
Column: TypeAlias = np.ndarray[tuple[int], np.dtype[Any]]


class Rows:
    """Rows of a table, or some of them.

    Parameters
    ----------
    source : polars.DataFrame or Rows
    which : slice or ndarray of bool, optional
        Those of the source that these are; all by default.
    """

    __slots__ = ("_columns", "_source", "_which")

    def __init__(self, source: pl.DataFrame | Rows, which: slice | Bools = slice(None)) -> None:
        self._source = source
        self._which = which
        self._columns: dict[str | tuple[str, str], Column] = {}

    def __getitem__(self, name: str) -> Column:
        """Return a column of numbers, NaN for null, or of times, `NEVER_MS` for null."""
        return self._column(name)

    @property
    def event_ms(self) -> I8:
        """When each row happened. [UTC ms]"""
        return self._column("event_time")

    @property
    def known_ms(self) -> I8:
        """When each row became known. [UTC ms]"""
        return self._column("available_time")

    @property
    def size(self) -> int:
        """How many rows there are."""
        return self.event_ms.size

    def has(self, name: str) -> bool:
        """Return whether there is such a column."""
        if isinstance(self._source, Rows):
            return name in self._columns or self._source.has(name)
        return name in self._source.columns

    def says(self, name: str, word: str) -> Bools:
        """Return which rows hold a word in a column."""
        return self._column((name, word))

    def chosen(self, which: Bools) -> Rows:
        """Return some of the rows."""
        return self if which.all() else Rows(self, which)

    def fine(self) -> Rows:
        """Return the bars of an hour or less: coarser ones say nothing about a moment."""
        return self.chosen(self["interval_ms"] <= COARSEST_MS)

    def told(self, name: str) -> Rows:
        """Return the rows that hold a figure in a column."""
        return self.chosen(~np.isnan(self[name]))

    def since(self, start_ms: int) -> Rows:
        """Return rows without any before the first that happened at a moment or later.

        Only what stands in the order of events, as it is read, can be cut; else they all remain.
        """
        event = self.event_ms
        if not event.size or event[0] >= start_ms or (event[1:] < event[:-1]).any():
            return self
        return Rows(self, slice(int(np.searchsorted(event, start_ms)), None))

    def joined(self, name: str, column: Column) -> Rows:
        """Return the rows with one more column."""
        more = Rows(self)
        more._columns[name] = column
        return more

    def _column(self, asked: str | tuple[str, str]) -> Column:
        if asked not in self._columns:
            self._columns[asked] = self._taken(asked)
        return self._columns[asked]

    def _taken(self, asked: str | tuple[str, str]) -> Column:
        if isinstance(self._source, Rows):
            whole = self._source._column(asked)  # noqa: SLF001 - of its own kind
            return whole[self._which]
        if isinstance(asked, tuple):
            name, word = asked
            return (self._source.get_column(name) == word).to_numpy()
        column = self._source.get_column(asked).to_numpy()
        return column.view(np.int64) if column.dtype.kind == "M" else column


def picked(frame: pl.DataFrame, which: Bools) -> pl.DataFrame:
    """Return some rows of a frame, without the table engine's planner, and itself where all are."""
    return frame if which.all() else frame[np.flatnonzero(which)]

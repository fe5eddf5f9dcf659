"""Rows on their way from messages to frames: cheap to add to, turned into columns at once.

In:  values of one row in the declared order of its table.   Out: frames of declared tables.
Free of sockets, files and the clock.

A frame of columns costs a tenth of a millisecond however short it is, and a stream may bring
twenty thousand rows a second. So parsers add tuples, and the buffer's owner takes frames at times.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from forcedflow.errors import SchemaError
from forcedflow.tables import TABLES, Column, check, empty
from forcedflow.venues.base import Rows


class RowBuffer:
    """Rows of one venue that were parsed and not yet taken, by table.

    Parameters
    ----------
    venue : str
        Lower-case venue id, the first column of every row.

    Attributes
    ----------
    last_event_ms : int or None
        Event time of the row added last; whoever wants to know whether a message gave rows sets it
        to None before. [UTC ms]
    """

    def __init__(self, venue: str) -> None:
        self.venue: Final = venue
        self.last_event_ms: int | None = None
        self._rows: dict[str, list[tuple[object, ...]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def add(
        self,
        table: str,
        symbol: str,
        event_ms: int,
        available_ms: int,
        *columns: object,
        source: str,
        precedence: int,
    ) -> None:
        """Add one row.

        Parameters
        ----------
        table : str
            Name of a declared table.
        symbol : str
            Unified symbol.
        event_ms, available_ms : int
            When it happened and when it could first be known. [UTC ms]
        *columns
            The table's own columns, in their declared order and units.
        source : str
            Endpoint or stream, such as ``binance:forceOrder``.
        precedence : int
            `forcedflow.venues.base.PRECEDENCE_REST` or its like.
        """
        row = (self.venue, symbol, event_ms, available_ms, *columns, source, precedence)
        self._rows.setdefault(table, []).append(row)
        self.last_event_ms = event_ms

    def take(self) -> Rows:
        """Return every row as checked frames, and forget them.

        Raises
        ------
        SchemaError
            If a row does not fit its table; the rows are forgotten all the same.
        """
        taken, self._rows = self._rows, {}
        return {table: check(table, _frame(table, rows)) for table, rows in taken.items()}

    def take_sound(self) -> tuple[Rows, tuple[SchemaError, ...]]:
        """Return every row that fits its table, and what is wrong with each that does not.

        For whoever records without anybody watching: one row that a venue should not have sent
        must not cost the others.
        """
        taken, self._rows = self._rows, {}
        refused: list[SchemaError] = []
        sound = {table: _sound(table, rows, refused) for table, rows in taken.items()}
        return {table: frame for table, frame in sound.items() if frame.height}, tuple(refused)


def _sound(table: str, rows: list[tuple[object, ...]], refused: list[SchemaError]) -> pl.DataFrame:
    try:
        return check(table, _frame(table, rows))
    except SchemaError as error:
        if len(rows) == 1:
            refused.append(error)
            return empty(table)
    half = len(rows) // 2
    return pl.concat([_sound(table, rows[:half], refused), _sound(table, rows[half:], refused)])


def _frame(table: str, rows: list[tuple[object, ...]]) -> pl.DataFrame:
    columns = zip(*rows, strict=True)
    return pl.DataFrame(
        [
            _series(table, column, values)
            for column, values in zip(TABLES[table].columns, columns, strict=True)
        ]
    )


def _series(table: str, column: Column, values: tuple[object, ...]) -> pl.Series:
    try:
        return pl.Series(column.name, values, dtype=column.dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise SchemaError(table, column.name, str(error)) from error

"""Partitions: which folder of the lake a row belongs to.

In:  checked rows.   Out: the same rows, split by table, venue, symbol and UTC day or month.
Free of I/O and of the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

import polars as pl

from forcedflow.errors import SchemaError
from forcedflow.tables import TABLES

_PERIOD_FORMAT = {"day": "%Y-%m-%d", "month": "%Y-%m"}
_PERIOD = "date"


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One folder of the lake.

    Parameters
    ----------
    table : str
        Name of a declared table.
    venue, symbol : str
        As in the rows.
    period : str
        ``YYYY-MM-DD`` or ``YYYY-MM`` in UTC, of the event time.
    """

    table: str
    venue: str
    symbol: str
    period: str

    @property
    def folder(self) -> PurePosixPath:
        """Return the folder, relative to the lake."""
        # A symbol holds slashes and colons, which mean something else to file systems.
        return PurePosixPath(
            self.table,
            f"venue={quote(self.venue, safe='+')}",
            f"symbol={quote(self.symbol, safe='')}",
            f"{_PERIOD}={self.period}",
        )


def split(table: str, frame: pl.DataFrame) -> Iterator[tuple[Partition, pl.DataFrame]]:
    """Yield the rows of each partition, in the order in which they came.

    Parameters
    ----------
    table : str
        Name of a declared table.
    frame : polars.DataFrame
        Rows that `forcedflow.tables.check` has let in.

    Yields
    ------
    Partition, polars.DataFrame
        Partitions in the order of their names.

    Raises
    ------
    SchemaError
        If a venue or a symbol is an empty text, which names no folder.
    """
    for name in ("venue", "symbol"):
        empty = frame.get_column(name) == ""
        if empty.any():
            raise SchemaError(table, name, "value is an empty text", row=empty.arg_max())
    period = pl.col("event_time").dt.strftime(_PERIOD_FORMAT[TABLES[table].period])
    pieces = frame.with_columns(period.alias(_PERIOD)).partition_by(
        "venue", "symbol", _PERIOD, as_dict=True, maintain_order=True
    )
    for venue, symbol, date in sorted(pieces):
        rows = pieces[venue, symbol, date].drop(_PERIOD)
        yield Partition(table, str(venue), str(symbol), str(date)), rows

"""What one file became: frames of declared tables, and what had to be said about it.

In:  candidate frames.   Out: a `Parsed` whose frames are checked, sorted and unique by key.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from forcedflow.errors import DamagedFileError, SchemaError
from forcedflow.tables import TABLES, check


@dataclass(frozen=True, slots=True)
class Parsed:
    """One file's rows by table, and the warnings it earned."""

    frames: dict[str, pl.DataFrame]
    warnings: tuple[str, ...] = ()


def rows(
    frame: pl.DataFrame,
    *,
    venue: str | pl.Expr,
    symbol: str | pl.Expr,
    event_time: pl.Expr,
    source: str | pl.Expr,
    precedence: int,
    available_time: pl.Expr | None = None,
    **columns: pl.Expr | str | int,
) -> pl.DataFrame:
    """Return ``frame`` as rows of a table.

    Parameters
    ----------
    frame : polars.DataFrame
        Typed columns of the file.
    venue, symbol, event_time, source, precedence, available_time
        The columns that every table has. ``available_time`` defaults to ``event_time``.
    **columns : polars.Expr or constant
        The table's own columns.

    Returns
    -------
    polars.DataFrame
    """
    head = {"venue": venue, "symbol": symbol, "source": source}
    expressions = [
        (pl.lit(value) if isinstance(value, str | int) else value).alias(name)
        for name, value in (head | columns).items()
    ]
    return frame.select(
        event_time.alias("event_time"),
        (event_time if available_time is None else available_time).alias("available_time"),
        *expressions,
        pl.lit(precedence, dtype=pl.Int8).alias("precedence"),
    )


def settle(
    file: str, frames: Mapping[str, Sequence[pl.DataFrame]], warnings: Sequence[str] = ()
) -> Parsed:
    """Return what a file became once its rows are checked, unique by key and in order.

    Identical duplicates collapse. Of rows that share a key and differ, the last is kept, and a
    warning says how many there were. So does one where nothing is left and nobody said why.

    Parameters
    ----------
    file : str
        Name for messages.
    frames : mapping of str to sequence of polars.DataFrame
        Rows by table; empty frames are dropped.
    warnings : sequence of str
        What the reader had to say.

    Returns
    -------
    Parsed

    Raises
    ------
    DamagedFileError
        If a row does not fit its table.
    """
    settled: dict[str, pl.DataFrame] = {}
    said = list(warnings)
    for table, parts in frames.items():
        full = [part for part in parts if part.height]
        if not full:
            continue
        try:
            frame = pl.concat([check(table, part) for part in full])
        except SchemaError as error:
            raise DamagedFileError(file, f"{table}: {error.problem}", field=error.field) from error
        key = list(TABLES[table].key)
        if frame.select(pl.struct(key).is_duplicated().any()).item():
            distinct = frame.unique(keep="last", maintain_order=True)
            frame = distinct.unique(subset=key, keep="last", maintain_order=True)
            if conflicts := distinct.height - frame.height:
                said.append(
                    f"{file}: {conflicts} rows of {table} repeat a key with other values; "
                    "the last of each was kept"
                )
        settled[table] = frame.sort("event_time", maintain_order=True)
    if not settled and not said:
        said.append(f"{file}: holds no rows")
    return Parsed(settled, tuple(said))

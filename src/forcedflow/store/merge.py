"""Merging: which row is kept where two have one key.

In:  stored rows and incoming rows of one partition.   Out: the rows to add and to replace.
Pure: frames in, frames out; no I/O, no clock.

The rule, row after row in the order of arrival: a higher precedence replaces a lower one, a lower
one is dropped; between equals an identical row changes nothing and a different one replaces.
Identical means every column, ``source`` and ``available_time`` included: a row that says where it
came from, or when it could be known, says so about itself alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from forcedflow.tables import TABLES

_STORED = "_stored"


@dataclass(frozen=True, slots=True)
class Merge:
    """What incoming rows change.

    Parameters
    ----------
    added : polars.DataFrame
        Rows whose key was not stored.
    replacing : polars.DataFrame
        Rows that take the place of a stored row of the same key.
    unchanged : int
        Incoming rows that change nothing.
    """

    added: pl.DataFrame
    replacing: pl.DataFrame
    unchanged: int


def merge(table: str, stored: pl.DataFrame, incoming: pl.DataFrame) -> Merge:
    """Return what incoming rows change.

    Parameters
    ----------
    table : str
        Name of a declared table.
    stored : polars.DataFrame
        Every stored row that may share a key with an incoming one; no key twice.
    incoming : polars.DataFrame
        Rows in the order of their arrival; a key may come twice.

    Returns
    -------
    Merge
        ``added``, ``replacing`` and ``unchanged`` count every incoming row once.
    """
    key = list(TABLES[table].key)
    # Stable, so that the last of the highest precedence is the later arrival.
    winners = incoming.sort("precedence", maintain_order=True).unique(
        subset=key, keep="last", maintain_order=True
    )
    if stored.is_empty():
        # What is newer than all that is held, as most rows of a feed are.
        return Merge(winners, winners.clear(), incoming.height - winners.height)
    added = winners.join(stored, on=key, how="anti")
    replacing = (
        winners.join(stored, on=key, how="inner", suffix=_STORED)
        .filter(_replaces([name for name in incoming.columns if name not in key]))
        .select(incoming.columns)
    )
    return Merge(added, replacing, incoming.height - added.height - replacing.height)


def apply(table: str, stored: pl.DataFrame, change: Merge) -> pl.DataFrame:
    """Return a whole partition's rows after a merge, each key once."""
    kept = stored.join(change.replacing, on=list(TABLES[table].key), how="anti")
    return pl.concat([kept, change.added, change.replacing])


def _replaces(values: list[str]) -> pl.Expr:
    rank, stored_rank = pl.col("precedence"), pl.col(f"precedence{_STORED}")
    differs = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(f"{name}{_STORED}")) for name in values
    )
    return (rank > stored_rank) | ((rank == stored_rank) & differs)

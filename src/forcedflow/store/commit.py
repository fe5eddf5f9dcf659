"""Committing: rows into one partition, under the writer's lock.

In:  incoming rows, the manifest's open transaction.   Out: new files, and those they outdate.
Free of the clock. Nothing here counts until the transaction commits.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from forcedflow import tables
from forcedflow.errors import DamagedFileError
from forcedflow.store.home import Home
from forcedflow.store.manifest import ManifestChange
from forcedflow.store.merge import apply, merge
from forcedflow.store.partitions import Partition
from forcedflow.store.parts import (
    REMEDY,
    Part,
    check_parts,
    read_parts,
    write_part,
)

MAX_PARTS = 64
"""Files of one partition at which a write merges them; bounds what a reader must open."""


@dataclass(frozen=True, slots=True)
class TableChange:
    """What a write did to one table.

    Parameters
    ----------
    added : int
        Rows whose key was new.
    replaced : int
        Rows that took the place of a stored one.
    unchanged : int
        Rows that changed nothing: held already, outranked, or outdone within the same write.
    """

    added: int = 0
    replaced: int = 0
    unchanged: int = 0

    def __add__(self, other: TableChange) -> TableChange:
        return TableChange(
            self.added + other.added,
            self.replaced + other.replaced,
            self.unchanged + other.unchanged,
        )


def store_rows(
    home: Home, turn: ManifestChange, partition: Partition, incoming: pl.DataFrame
) -> tuple[TableChange, list[Part]]:
    """Put rows into one partition.

    A new file is appended where no stored row is replaced; otherwise the partition is written
    anew, so that live files never hold a key twice.

    Parameters
    ----------
    home : Home
        Where the lake is kept.
    turn : ManifestChange
        Of the writer.
    partition : Partition
        Where the rows belong.
    incoming : polars.DataFrame
        Checked rows in the order of their arrival, at least one.

    Returns
    -------
    TableChange
        Every incoming row is counted once.
    list of Part
        Files to unlink once the transaction is committed.

    Raises
    ------
    DamagedFileError
        If a stored file is missing or is not what was written.
    """
    home.sweep(turn, partition)
    parts = _parts_of(turn, partition)
    first, last = incoming.select(
        pl.col("event_time").min().dt.epoch("ms").alias("first"),
        pl.col("event_time").max().dt.epoch("ms").alias("last"),
    ).row(0)
    # The event time is part of every key: only files of the same span can hold the same key.
    near = [part for part in parts if part.min_event_ms <= last and part.max_event_ms >= first]
    stored = _read_all(home, partition, near)
    merged = merge(partition.table, stored, incoming)
    change = TableChange(merged.added.height, merged.replacing.height, merged.unchanged)
    if not change.added and not change.replaced:
        return change, []
    if change.replaced or len(parts) >= MAX_PARTS:
        everything = stored if len(near) == len(parts) else _read_all(home, partition, parts)
        rows = apply(partition.table, everything, merged)
        return change, _rewrite(home, turn, partition, parts, rows)
    part = write_part(home.root, partition, turn.next_sequence(partition), merged.added)
    turn.insert_part(part)
    return change, []


def merge_parts(home: Home, turn: ManifestChange, partition: Partition) -> list[Part]:
    """Merge a partition into one file and return the files it outdates, none where it was one.

    Raises
    ------
    DamagedFileError
        If a stored file is missing or is not what was written.
    """
    parts = _parts_of(turn, partition)
    if len(parts) < 2:
        return []
    rows = _read_all(home, partition, parts)
    return _rewrite(home, turn, partition, parts, rows)


def _rewrite(
    home: Home,
    turn: ManifestChange,
    partition: Partition,
    parts: list[Part],
    rows: pl.DataFrame,
) -> list[Part]:
    part = write_part(home.root, partition, turn.next_sequence(partition), rows)
    turn.insert_part(part)
    turn.delete_parts(parts)
    return parts


def _parts_of(turn: ManifestChange, partition: Partition) -> list[Part]:
    return turn.parts(
        partition.table,
        venues=(partition.venue,),
        symbols=(partition.symbol,),
        periods=(partition.period,),
    )


def _read_all(home: Home, partition: Partition, parts: list[Part]) -> pl.DataFrame:
    if not parts:
        return tables.empty(partition.table)
    try:
        # Checked every time: a rewrite would give damage a checksum of its own.
        home.bring(parts)
        check_parts(home.root, parts)
        return read_parts(home.root, partition.table, parts)
    except FileNotFoundError as error:
        # The writer reads under its lock: nobody else can have superseded the file. Of a bucket one
        # can, and the manifest then has the change made again.
        raise DamagedFileError(str(error.filename), f"is missing\n{REMEDY}") from error

"""Committing: rows into one partition, under the writer's lock.

In:  incoming rows, the manifest's open transaction.   Out: new files, and those they outdate.
Free of the clock. Nothing here counts until the transaction commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from forcedflow import tables
from forcedflow.errors import DamagedFileError
from forcedflow.store import manifest
from forcedflow.store.merge import apply, merge
from forcedflow.store.partitions import Partition
from forcedflow.store.parts import (
    REMEDY,
    Part,
    check_parts,
    list_part_files,
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
    root: Path, connection: sqlite3.Connection, partition: Partition, incoming: pl.DataFrame
) -> tuple[TableChange, list[Part]]:
    """Put rows into one partition.

    A new file is appended where no stored row is replaced; otherwise the partition is written
    anew, so that live files never hold a key twice.

    Parameters
    ----------
    root : Path
        Folder of the lake.
    connection : sqlite3.Connection
        Of the only writer.
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
    sweep(connection, root / partition.folder)
    parts = _parts_of(connection, partition)
    first, last = incoming.select(
        pl.col("event_time").min().dt.epoch("ms").alias("first"),
        pl.col("event_time").max().dt.epoch("ms").alias("last"),
    ).row(0)
    # The event time is part of every key: only files of the same span can hold the same key.
    near = [part for part in parts if part.min_event_ms <= last and part.max_event_ms >= first]
    stored = _read_all(root, partition, near)
    merged = merge(partition.table, stored, incoming)
    change = TableChange(merged.added.height, merged.replacing.height, merged.unchanged)
    if not change.added and not change.replaced:
        return change, []
    if change.replaced or len(parts) >= MAX_PARTS:
        everything = stored if len(near) == len(parts) else _read_all(root, partition, parts)
        rows = apply(partition.table, everything, merged)
        return change, _rewrite(root, connection, partition, parts, rows)
    part = write_part(root, partition, manifest.next_sequence(connection), merged.added)
    manifest.insert_part(connection, part)
    return change, []


def merge_parts(root: Path, connection: sqlite3.Connection, partition: Partition) -> list[Part]:
    """Merge a partition into one file and return the files it outdates, none where it was one.

    Raises
    ------
    DamagedFileError
        If a stored file is missing or is not what was written.
    """
    parts = _parts_of(connection, partition)
    if len(parts) < 2:
        return []
    rows = _read_all(root, partition, parts)
    return _rewrite(root, connection, partition, parts, rows)


def sweep(connection: sqlite3.Connection, folder: Path) -> int:
    """Unlink what killed writers left in a partition's folder and return how many files."""
    # By number and name, not by path: on a file system that ignores case, two symbols that
    # differ in case share a folder.
    orphans = [
        path
        for sequence, path in list_part_files(folder)
        if not manifest.is_live(connection, sequence, path.name)
    ]
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


def unlink(root: Path, outdated: Iterable[Part]) -> None:
    """Remove files that the committed manifest no longer names."""
    for part in outdated:
        (root / part.path).unlink(missing_ok=True)


def _rewrite(
    root: Path,
    connection: sqlite3.Connection,
    partition: Partition,
    parts: list[Part],
    rows: pl.DataFrame,
) -> list[Part]:
    part = write_part(root, partition, manifest.next_sequence(connection), rows)
    manifest.insert_part(connection, part)
    manifest.delete_parts(connection, parts)
    return parts


def _parts_of(connection: sqlite3.Connection, partition: Partition) -> list[Part]:
    return manifest.select_parts(
        connection,
        partition.table,
        venues=(partition.venue,),
        symbols=(partition.symbol,),
        periods=(partition.period,),
    )


def _read_all(root: Path, partition: Partition, parts: list[Part]) -> pl.DataFrame:
    if not parts:
        return tables.empty(partition.table)
    try:
        # Checked every time: a rewrite would give damage a checksum of its own.
        check_parts(root, parts)
        return read_parts(root, partition.table, parts)
    except FileNotFoundError as error:
        # The writer reads under its lock: nobody else can have superseded the file.
        raise DamagedFileError(str(error.filename), f"is missing\n{REMEDY}") from error

"""Parts: the Parquet files of a partition, written so that no half file is ever seen.

In:  rows of one partition.   Out: one file with its checksum, or the rows of several files.
Free of the manifest: a part written here is no part of the lake until the manifest says so.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl

from forcedflow.errors import DamagedFileError
from forcedflow.store.partitions import Partition
from forcedflow.tables import TABLES

REMEDY = (
    "hint: restore it from a backup, or drop it with Lake(...).discard_damaged() and import again"
)

_PART_NAME = re.compile(r"\.?part-(\d+)-[0-9a-f]+\.parquet")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the lake.

    Parameters
    ----------
    sequence : int
        Counts the files the lake ever held; never used twice for a live file.
    partition : Partition
        Where the rows belong.
    path : str
        Relative to the lake, with forward slashes.
    rows : int
        Number of rows, at least 1.
    min_event_ms, max_event_ms : int
        First and last event time, both inclusive. [UTC ms]
    max_available_ms : int
        Latest available time. [UTC ms]
    sha256 : str
        Checksum of the file's bytes, hexadecimal.
    size : int
        Length of the file. [bytes]
    """

    sequence: int
    partition: Partition
    path: str
    rows: int
    min_event_ms: int
    max_event_ms: int
    max_available_ms: int
    sha256: str
    size: int


def write_part(root: Path, partition: Partition, sequence: int, rows: pl.DataFrame) -> Part:
    """Write rows as a new file and return it, all of it on the disk.

    Parameters
    ----------
    root : Path
        Folder of the lake.
    partition : Partition
        Where the rows belong.
    sequence : int
        Number of the file.
    rows : polars.DataFrame
        At least one row; sorted here.

    Returns
    -------
    Part
    """
    buffer = io.BytesIO()
    rows.sort(row_order(partition.table)).write_parquet(buffer, compression="zstd")
    content = buffer.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    name = f"part-{sequence:08d}-{sha256[:12]}.parquet"
    folder = root / partition.folder
    _make_folder(root, folder)
    unfinished = folder / f".{name}"
    with unfinished.open("wb") as file:
        _write_content(file, content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / name)
    _sync_folder(folder)
    event_ms = rows.get_column("event_time").dt.epoch("ms")
    available_ms = rows.get_column("available_time").dt.epoch("ms")
    return Part(
        sequence=sequence,
        partition=partition,
        path=str(partition.folder / name),
        rows=rows.height,
        min_event_ms=_whole(event_ms.min()),
        max_event_ms=_whole(event_ms.max()),
        max_available_ms=_whole(available_ms.max()),
        sha256=sha256,
        size=len(content),
    )


def read_parts(
    root: Path, table: str, parts: Sequence[Part], filters: Sequence[pl.Expr] = ()
) -> pl.DataFrame:
    """Return the rows of the files that pass every filter, in no particular order.

    Raises
    ------
    FileNotFoundError
        If a file is gone: the caller knows whether that is damage or a newer manifest.
    DamagedFileError
        If a file is not the one that was written.
    """
    for part in parts:
        found = (root / part.path).stat().st_size
        if found != part.size:
            problem = f"holds {found} bytes, the manifest says {part.size}\n{REMEDY}"
            raise DamagedFileError(str(root / part.path), problem)
    try:
        return _scan(root, table, parts, filters)
    except pl.exceptions.PolarsError as error:
        raise _name_the_damage(root, table, parts, filters, error) from error


def is_intact(root: Path, part: Part) -> bool:
    """Return whether the file is there, byte for byte as it was written."""
    try:
        with (root / part.path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == part.sha256
    except FileNotFoundError:
        return False


def list_part_files(folder: Path) -> list[tuple[int, Path]]:
    """Return the files in a partition's folder that the lake wrote, finished or not.

    A file of any other name is somebody else's and is never listed.
    """
    if not folder.is_dir():
        return []
    return [
        (int(matched[1]), path)
        for path in folder.iterdir()
        if (matched := _PART_NAME.fullmatch(path.name))
    ]


def row_order(table: str) -> list[str]:
    """Return the columns that rows are sorted by: event time, then the rest of the key."""
    return ["event_time", *(name for name in TABLES[table].key if name != "event_time")]


def _scan(
    root: Path, table: str, parts: Sequence[Part], filters: Sequence[pl.Expr]
) -> pl.DataFrame:
    schema = TABLES[table].schema
    paths = [root / part.path for part in parts]
    # Folder names repeat what the columns say; a bracket in a path is no pattern.
    scan = pl.scan_parquet(paths, hive_partitioning=False, glob=False, schema=schema)
    return scan.filter(*filters).collect()


def _name_the_damage(
    root: Path,
    table: str,
    parts: Sequence[Part],
    filters: Sequence[pl.Expr],
    error: pl.exceptions.PolarsError,
) -> DamagedFileError:
    # Polars does not say which of many files it stumbled over.
    for part in parts:
        try:
            _scan(root, table, [part], filters)
        except pl.exceptions.PolarsError as cause:
            problem = f"is not readable as {table}: {cause}\n{REMEDY}"
            return DamagedFileError(str(root / part.path), problem)
    return DamagedFileError(str(root / table), f"is not readable: {error}\n{REMEDY}")


def _write_content(file: BinaryIO, content: bytes) -> None:
    file.write(content)


def _make_folder(root: Path, folder: Path) -> None:
    missing = [path for path in (folder, *folder.parents) if root in path.parents]
    for path in reversed(missing):
        if not path.is_dir():
            path.mkdir(exist_ok=True)
            _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # A rename is durable only once the folder that records it is on the disk.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a part holds at least one row with a time, found {value!r}")
    return value

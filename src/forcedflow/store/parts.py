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

from forcedflow.errors import DamagedFileError, DataError
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
        If a file that cannot be read is not what was written.
    DataError
        If intact files do not hold the columns that the table declares.
    """
    paths = [root / part.path for part in parts]
    # Folder names repeat what the columns say; a bracket in a path is no pattern.
    scan = pl.scan_parquet(paths, hive_partitioning=False, glob=False, schema=TABLES[table].schema)
    try:
        return scan.filter(*filters).collect()
    except pl.exceptions.PolarsError as error:
        check_parts(root, parts)  # a file damaged after it was first checked is named here
        raise DataError(
            f"{root / table}: the files do not hold the columns of {table}: {error}\n"
            "hint: another version of forcedflow wrote them; import again into a new lake"
        ) from error


def check_parts(root: Path, parts: Sequence[Part]) -> None:
    """Return if every file is, byte for byte, what was written.

    Raises
    ------
    FileNotFoundError
        If a file is gone: the caller knows whether that is damage or a newer manifest.
    DamagedFileError
        If a file's content is another; names it and the remedy.
    """
    for part in parts:
        with (root / part.path).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != part.sha256:
            problem = f"its checksum is {found[:12]}…, the manifest says {part.sha256[:12]}…"
            raise DamagedFileError(str(root / part.path), f"{problem}\n{REMEDY}")


def is_intact(root: Path, part: Part) -> bool:
    """Return whether the file is there, byte for byte as it was written."""
    try:
        check_parts(root, [part])
    except (FileNotFoundError, DamagedFileError):
        return False
    return True


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

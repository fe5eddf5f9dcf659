"""The lake: rows in Parquet files, and the manifest that says which files count.

In:  frames of the declared tables.   Out: rows by table, venue, symbol and time; each key once.
Free of analysis and of the clock.

A write is all or nothing. Its files are finished and on the disk before the manifest names them;
files that it supersedes are unlinked after. A file that the manifest does not name is no part of
the lake, whoever left it there.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from forcedflow import tables
from forcedflow.errors import DamagedFileError, NoDataError, SchemaError, UsageError
from forcedflow.store import manifest
from forcedflow.store.commit import TableChange, merge_parts, store_rows, sweep, unlink
from forcedflow.store.manifest import Manifest, Receipt
from forcedflow.store.partitions import split
from forcedflow.store.parts import REMEDY, Part, check_parts, is_intact, read_parts, row_order


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a write did, table by table.

    Parameters
    ----------
    tables : dict of str to TableChange
        One entry per table that was given, in the order given.
    """

    tables: dict[str, TableChange] = field(default_factory=dict)

    @property
    def total(self) -> TableChange:
        """Return the sum over the tables."""
        return sum(self.tables.values(), TableChange())


@dataclass(frozen=True, slots=True)
class CompactResult:
    """What compacting did.

    Parameters
    ----------
    partitions : int
        Partitions that were merged into one file.
    merged_files : int
        Files that those had before.
    orphans : int
        Files removed that were no part of the lake.
    """

    partitions: int
    merged_files: int
    orphans: int


class Lake:
    """A folder of tables.

    Any number of processes may read and write one lake at the same time: writers take turns,
    readers never wait.

    Parameters
    ----------
    root : Path
        Folder of the lake.
    create : bool
        Whether to make the lake where there is none.

    Raises
    ------
    NoDataError
        If there is no lake and ``create`` is false.
    UsageError
        If ``root`` is a file.
    DataError
        If a newer program wrote the manifest, or it is no manifest.
    """

    def __init__(self, root: Path, create: bool = False) -> None:
        self.root = Path(root).absolute()
        self._manifest = Manifest(self.root / "manifest.sqlite")
        self._checked: set[str] = set()
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(f"{self.root} is a file; a lake is a folder")
        if create:
            self.root.mkdir(parents=True, exist_ok=True)
            self._manifest.create()
        elif not self._manifest.exists():
            raise NoDataError(
                f"there is no lake at {self.root}\n"
                "hint: forcedflow fetch VENUE SYMBOL --from DAY, or forcedflow import KIND PATH"
            )
        with self._manifest.reading():
            pass  # says now, not at the first read, that the manifest is too new

    def write(
        self, frames: Mapping[str, pl.DataFrame], receipts: Sequence[Receipt] = ()
    ) -> WriteResult:
        """Store rows and remember imports, all of it or nothing.

        When this returns, the rows are on the disk. Where a key is stored already, the higher
        precedence stays; between equals a different row replaces the stored one.

        Parameters
        ----------
        frames : mapping of str to polars.DataFrame
            Rows by table, in the order of their arrival; a key may come twice.
        receipts : sequence of Receipt
            Imports that these rows are the whole content of.

        Returns
        -------
        WriteResult
            Every row is counted once.

        Raises
        ------
        SchemaError
            If a frame is not what its table declares; nothing is stored then.
        DamagedFileError
            If stored rows that must be compared are missing or damaged; nothing is stored then.
        """
        checked = {table: tables.check(table, frame) for table, frame in frames.items()}
        pieces = [piece for table, frame in checked.items() for piece in split(table, frame)]
        changes = dict.fromkeys(checked, TableChange())
        superseded: list[Part] = []
        if pieces or receipts:
            with self._manifest.writing() as connection:
                for partition, rows in pieces:
                    change, outdated = store_rows(self.root, connection, partition, rows)
                    changes[partition.table] += change
                    superseded += outdated
                result = WriteResult(changes)
                for receipt in receipts:
                    manifest.insert_receipt(connection, receipt, result.total.added)
        unlink(self.root, superseded)
        return WriteResult(changes)

    def read(
        self,
        table: str,
        *,
        venue: str | Sequence[str] | None = None,
        symbol: str | Sequence[str] | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        available_by_ms: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return stored rows, sorted by event time and then by the rest of the key.

        One call sees one state of the lake: a write is in it wholly or not at all. Each file's
        checksum is compared the first time that this object reads it.

        Parameters
        ----------
        table : str
            Name of a declared table.
        venue, symbol : str or sequence of str, optional
            Rows of these alone.
        start_ms, end_ms : int, optional
            Rows with ``start_ms <= event_time < end_ms``. [UTC ms]
        available_by_ms : int, optional
            Rows with ``available_time <= available_by_ms``. [UTC ms]
        columns : sequence of str, optional
            Columns wanted, in this order; all of them by default.

        Returns
        -------
        polars.DataFrame
            With the table's schema; no rows where nothing is held.

        Raises
        ------
        SchemaError
            If the table or a column is not declared.
        DamagedFileError
            If a file is missing or is not what was written; names the file and the remedy.
        """
        wanted = _declared_columns(table, columns)
        filters = _filters(start_ms, end_ms, available_by_ms)
        outdated: set[str] = set()
        while True:
            parts = self._parts(table, venue, symbol, start_ms, end_ms)
            if not parts:
                return tables.empty(table).select(wanted)
            # A file that the fresh manifest still names was not superseded under our hands.
            if lost := [part for part in parts if part.path in outdated]:
                raise DamagedFileError(str(self.root / lost[0].path), f"is missing\n{REMEDY}")
            try:
                self._check_once(parts)
                rows = read_parts(self.root, table, parts, filters)
            except FileNotFoundError:
                outdated = {p.path for p in parts if not (self.root / p.path).exists()}
                continue
            return rows.sort(row_order(table)).select(wanted)

    def files(
        self,
        table: str,
        *,
        venue: str | Sequence[str] | None = None,
        symbol: str | Sequence[str] | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Path]:
        """Return the files that hold a table now, for other programs that read Parquet.

        A later write may supersede and unlink any of them; `read` copes with that, others list
        anew.

        Raises
        ------
        SchemaError
            If the table is not declared.
        """
        _declared_columns(table, None)
        parts = self._parts(table, venue, symbol, start_ms, end_ms)
        return [self.root / part.path for part in parts]

    def series(self) -> list[tuple[str, str, str]]:
        """Return every (table, venue, symbol) held, sorted."""
        with self._manifest.reading() as connection:
            return manifest.select_series(connection)

    def spans(self) -> list[tuple[str, str, str, int, int]]:
        """Return every (table, venue, symbol) held with its first and last event time, sorted.

        Times are UTC ms, both inclusive.
        """
        with self._manifest.reading() as connection:
            return manifest.select_spans(connection)

    def version(self) -> str:
        """Return a name of what the lake holds now, which changes with every write.

        Rows, artefacts and what recordings did not hear all count: what was answered under the
        same name is answered alike again.
        """
        with self._manifest.reading() as connection:
            state = manifest.select_state(connection)
        learned = sorted(str(path) for path in self.root.glob("artefacts/**/*.json"))
        unheard = [
            (str(path), path.stat().st_size) for path in sorted(self.root.glob("raw/*/gaps.jsonl"))
        ]
        return hashlib.sha256(repr((state, learned, unheard)).encode()).hexdigest()[:16]

    def receipt(self, sha256: str, kind: str, options: str) -> Receipt | None:
        """Return the receipt of an import, or None where this content was not imported so."""
        with self._manifest.reading() as connection:
            return manifest.select_receipt(connection, sha256, kind, options)

    def compact(self) -> CompactResult:
        """Merge each partition into one file and remove files that are no part of the lake.

        Raises
        ------
        DamagedFileError
            If a file to be merged is damaged; partitions merged before stay merged.
        """
        with self._manifest.reading() as connection:
            counted = Counter(part.partition for part in manifest.select_parts(connection))
        partitions = merged_files = 0
        for partition in sorted(home for home, files in counted.items() if files > 1):
            # One transaction each, so that a writer waits for one partition at most.
            with self._manifest.writing() as connection:
                outdated = merge_parts(self.root, connection, partition)
            unlink(self.root, outdated)
            partitions += bool(outdated)
            merged_files += len(outdated)
        with self._manifest.writing() as connection:
            orphans = sum(
                sweep(connection, folder)
                for table in tables.TABLES
                for folder in sorted(self.root.glob(f"{table}/venue=*/symbol=*/date=*"))
            )
        return CompactResult(partitions, merged_files, orphans)

    def verify(self) -> list[Path]:
        """Return the files that are missing or not, byte for byte, what was written."""
        with self._manifest.reading() as connection:
            suspects = manifest.select_parts(connection)
        damaged = [part for part in suspects if not is_intact(self.root, part)]
        with self._manifest.reading() as connection:
            # A file superseded while it was being hashed is gone for a good reason.
            live = {part.path for part in manifest.select_parts(connection)}
        return [self.root / part.path for part in damaged if part.path in live]

    def discard_damaged(self) -> list[Path]:
        """Drop damaged files from the lake and return them.

        Every receipt is forgotten too, since none says which rows are lost: importing the same
        files again brings back exactly what is missing.
        """
        with self._manifest.writing() as connection:
            parts = manifest.select_parts(connection)
            damaged = [part for part in parts if not is_intact(self.root, part)]
            if damaged:
                manifest.delete_parts(connection, damaged)
                manifest.delete_receipts(connection)
        unlink(self.root, damaged)
        return [self.root / part.path for part in damaged]

    def _check_once(self, parts: Sequence[Part]) -> None:
        fresh = [part for part in parts if part.path not in self._checked]
        check_parts(self.root, fresh)
        self._checked.update(part.path for part in fresh)

    def _parts(
        self,
        table: str,
        venue: str | Sequence[str] | None,
        symbol: str | Sequence[str] | None,
        start_ms: int | None,
        end_ms: int | None,
    ) -> list[Part]:
        with self._manifest.reading() as connection:
            return manifest.select_parts(
                connection,
                table,
                venues=_sequence(venue),
                symbols=_sequence(symbol),
                start_ms=start_ms,
                end_ms=end_ms,
            )


def _sequence(chosen: str | Sequence[str] | None) -> Sequence[str] | None:
    return (chosen,) if isinstance(chosen, str) else chosen


def _declared_columns(table: str, columns: Sequence[str] | None) -> list[str]:
    declared = list(tables.empty(table).columns) if table in tables.TABLES else None
    if declared is None:
        raise SchemaError(table, "-", f"no such table; declared are {', '.join(tables.TABLES)}")
    if columns is None:
        return declared
    for name in columns:
        if name not in declared:
            raise SchemaError(table, name, f"no such column; declared are {', '.join(declared)}")
    return list(columns)


def _filters(
    start_ms: int | None, end_ms: int | None, available_by_ms: int | None
) -> list[pl.Expr]:
    event, available = pl.col("event_time"), pl.col("available_time")
    filters = []
    if start_ms is not None:
        filters.append(event >= _time(start_ms))
    if end_ms is not None:
        filters.append(event < _time(end_ms))
    if available_by_ms is not None:
        filters.append(available <= _time(available_by_ms))
    return filters


def _time(ms: int) -> pl.Expr:
    return pl.lit(ms, dtype=tables.TIME)

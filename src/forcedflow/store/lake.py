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
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from forcedflow import tables
from forcedflow.errors import DamagedFileError, NoDataError, SchemaError
from forcedflow.store.commit import TableChange, merge_parts, store_rows
from forcedflow.store.conditional import Conditional
from forcedflow.store.home import FolderHome, Home
from forcedflow.store.manifest import ManifestChange, Receipt
from forcedflow.store.partitions import Partition, split
from forcedflow.store.parts import REMEDY, Part, check_parts, read_parts, row_order


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
    """A folder of tables, or the same in a bucket.

    Any number of processes may read and write one lake at the same time: writers take turns,
    readers never wait. A lake sent to another process travels as its address.

    Parameters
    ----------
    address : Path or str
        Folder of the lake, or ``s3://bucket/prefix``.
    create : bool
        Whether to make the lake where there is none.
    local : Path, optional
        Of a lake in a bucket: folder of this machine for copies of what is read, for raw messages
        and for alerts; one below ``~/.local/share/forcedflow/buckets`` by default.

    Raises
    ------
    NoDataError
        If there is no lake and ``create`` is false.
    UsageError
        If ``address`` is a file, or is of a bucket and the extra for it is not installed.
    StorageError
        If a bucket does not answer as asked.
    DataError
        If a newer program wrote the manifest, or it is no manifest.
    """

    def __init__(
        self, address: Path | str, create: bool = False, *, local: Path | None = None
    ) -> None:
        self._home = _home_at(address, local)
        self._manifest = self._home.manifest
        self._checked: set[str] = set()
        if create:
            self._home.create()
        elif not self._manifest.exists():
            raise NoDataError(
                f"there is no lake at {self.address}\n"
                "hint: forcedflow fetch VENUE SYMBOL --from DAY, or forcedflow import KIND PATH"
            )
        self.root.mkdir(parents=True, exist_ok=True)  # of a bucket this machine may have none yet
        with self._manifest.reading():
            pass  # says now, not at the first read, that the manifest is too new

    def __reduce__(self) -> tuple[object, ...]:
        return _reopened, (self.address, self._home.root if self.in_bucket else None)

    @property
    def address(self) -> str:
        """Return where it is: its folder, or ``s3://bucket/prefix``."""
        return self._home.address

    @property
    def in_bucket(self) -> bool:
        """Return whether it is in a bucket, which other machines see too."""
        return not isinstance(self._home, FolderHome)

    @property
    def root(self) -> Path:
        """Return its folder; of a lake in a bucket that of what stays on this machine."""
        return self._home.root

    @property
    def conditional(self) -> Conditional:
        """Return what puts small files of the lake on condition that nobody else did."""
        return self._home.conditional

    def publish(self, path: Path) -> str:
        """Let everybody who reads the lake have a file below `root`, and return where it is.

        Such a file is never written again: its name says what is in it.
        """
        return self._home.publish(path)

    def refreshed(self, folder: str) -> Path:
        """Return `root`, with everything in it that was published below a folder by anybody."""
        self._home.refresh(folder)
        return self._home.root

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
        if not pieces and not receipts:
            return WriteResult(dict.fromkeys(checked, TableChange()))

        def store(turn: ManifestChange) -> tuple[WriteResult, list[Part]]:
            changes = dict.fromkeys(checked, TableChange())
            superseded: list[Part] = []
            for partition, rows in pieces:
                change, outdated = store_rows(self._home, turn, partition, rows)
                changes[partition.table] += change
                superseded += outdated
            result = WriteResult(changes)
            for receipt in receipts:
                turn.insert_receipt(receipt, result.total.added)
            return result, superseded

        result, superseded = self._manifest.write(store)
        self._home.unlink(superseded)
        return result

    def read(
        self,
        table: str,
        *,
        venue: str | Sequence[str] | None = None,
        symbol: str | Sequence[str] | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        available_by_ms: int | None = None,
        price_type: str | None = None,
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
        price_type : str, optional
            Bars of this price alone, of a table that says which.
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
        if price_type is not None:
            filters.append(pl.col(*_declared_columns(table, ["price_type"])) == price_type)
        outdated: set[str] = set()
        while True:
            parts = self._parts(table, venue, symbol, start_ms, end_ms)
            if not parts:
                return tables.empty(table).select(wanted)
            # A file that the fresh manifest still names was not superseded under our hands.
            if lost := [part for part in parts if part.path in outdated]:
                raise DamagedFileError(str(self.root / lost[0].path), f"is missing\n{REMEDY}")
            try:
                self._home.bring(parts)
                self._check_once(parts)
                rows = read_parts(self.root, table, parts, filters)
            except FileNotFoundError:
                outdated = {p.path for p in parts if not self._home.holds(p)}
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
        self._home.bring(parts)
        return [self.root / part.path for part in parts]

    def series(self) -> list[tuple[str, str, str]]:
        """Return every (table, venue, symbol) held, sorted."""
        with self._manifest.reading() as view:
            return view.series()

    def spans(self) -> list[tuple[str, str, str, int, int]]:
        """Return every (table, venue, symbol) held with its first and last event time, sorted.

        Times are UTC ms, both inclusive.
        """
        with self._manifest.reading() as view:
            return view.spans()

    def version(self) -> str:
        """Return a name of what the lake holds now, which changes with every write.

        Rows, artefacts and what recordings did not hear all count: what was answered under the
        same name is answered alike again.
        """
        with self._manifest.reading() as view:
            state = view.state()
        for folder in ("artefacts", "raw"):
            self.refreshed(folder)
        learned = sorted(str(path) for path in self.root.glob("artefacts/**/*.json"))
        unheard = [
            (str(path), path.stat().st_size)
            for pattern in ("raw/*/gaps.jsonl", "raw/*/gaps/*.json")
            for path in sorted(self.root.glob(pattern))
        ]
        return hashlib.sha256(repr((state, learned, unheard)).encode()).hexdigest()[:16]

    def receipt(self, sha256: str, kind: str, options: str) -> Receipt | None:
        """Return the receipt of an import, or None where this content was not imported so."""
        with self._manifest.reading() as view:
            return view.receipt(sha256, kind, options)

    def compact(self, series: Collection[tuple[str, str]] | None = None) -> CompactResult:
        """Merge each partition into one file and remove files that are no part of the lake.

        Parameters
        ----------
        series : collection of (venue, symbol), optional
            Partitions of these alone; whatever else is there is then left as it is.

        Raises
        ------
        DamagedFileError
            If a file to be merged is damaged; partitions merged before stay merged.
        """
        with self._manifest.reading() as view:
            counted = Counter(part.partition for part in view.parts())
        partitions = merged_files = 0
        for partition in sorted(home for home, files in counted.items() if files > 1):
            if series is not None and (partition.venue, partition.symbol) not in series:
                continue
            # One change each, so that a writer waits for one partition at most.
            outdated = self._merge(partition)
            partitions += bool(outdated)
            merged_files += len(outdated)
        orphans = self._home.remove_orphans() if series is None else 0
        return CompactResult(partitions, merged_files, orphans)

    def verify(self) -> list[Path]:
        """Return the files that are missing or not, byte for byte, what was written.

        Of a lake in a bucket it is the bucket's own that are read again, all of them.
        """
        with self._manifest.reading() as view:
            suspects = view.parts()
        damaged = [part for part in suspects if not self._home.is_intact(part)]
        with self._manifest.reading() as view:
            # A file superseded while it was being hashed is gone for a good reason.
            live = {part.path for part in view.parts()}
        return [self.root / part.path for part in damaged if part.path in live]

    def discard_damaged(self) -> list[Path]:
        """Drop damaged files from the lake and return them.

        Every receipt is forgotten too, since none says which rows are lost: importing the same
        files again brings back exactly what is missing.
        """

        def discard(turn: ManifestChange) -> list[Part]:
            damaged = [part for part in turn.parts() if not self._home.is_intact(part)]
            if damaged:
                turn.delete_parts(damaged)
                turn.delete_receipts()
            return damaged

        damaged = self._manifest.write(discard)
        self._home.unlink(damaged)
        return [self.root / part.path for part in damaged]

    def _merge(self, partition: Partition) -> list[Part]:
        outdated = self._manifest.write(lambda turn: merge_parts(self._home, turn, partition))
        self._home.unlink(outdated)
        return outdated

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
        with self._manifest.reading() as view:
            return view.parts(
                table,
                venues=_sequence(venue),
                symbols=_sequence(symbol),
                start_ms=start_ms,
                end_ms=end_ms,
            )


def _home_at(address: Path | str, local: Path | None) -> Home:
    # A path folds the two slashes of an address into one; both are meant.
    if not str(address).startswith("s3:/"):
        return FolderHome(Path(address).absolute())
    from forcedflow.store.bucket_home import BucketHome  # noqa: PLC0415 - an extra

    return BucketHome("s3://" + str(address).removeprefix("s3:").strip("/"), local)


def local_folder(address: Path | str) -> Path:
    """Return the folder of this machine that belongs to a lake, whether or not there is one yet."""
    return _home_at(address, None).root


def _reopened(address: str, local: Path | None) -> Lake:
    return Lake(address, local=local)


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

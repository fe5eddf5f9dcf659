"""The manifest of a folder: one SQLite file beside the tables.

In:  parts and receipts.   Out: the same, by table, venue, symbol and time.
In WAL mode: writers take turns, readers never wait. No rows of tables are here.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from forcedflow.errors import DamagedFileError, DataError, ForcedflowError, UsageError
from forcedflow.store.manifest import Changed, ManifestChange, Receipt
from forcedflow.store.partitions import Partition
from forcedflow.store.parts import Part

VERSION = 1
"""Version of the manifest's own schema, kept in SQLite's ``user_version``."""

BUSY_S = 120.0
"""How long a writer waits for its turn. [s]"""

_SCHEMA = (
    """
    CREATE TABLE files (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        "table" TEXT NOT NULL,
        venue TEXT NOT NULL,
        symbol TEXT NOT NULL,
        period TEXT NOT NULL,
        path TEXT NOT NULL UNIQUE,
        rows INTEGER NOT NULL,
        min_event_ms INTEGER NOT NULL,
        max_event_ms INTEGER NOT NULL,
        max_available_ms INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT
    """,
    'CREATE INDEX files_by_partition ON files ("table", venue, symbol, period)',
    """
    CREATE TABLE imports (
        sha256 TEXT NOT NULL,
        kind TEXT NOT NULL,
        options TEXT NOT NULL,
        file_name TEXT NOT NULL,
        rows_added INTEGER NOT NULL,
        imported_ms INTEGER NOT NULL,
        PRIMARY KEY (sha256, kind, options)
    ) STRICT
    """,
)

_FILE_COLUMNS = (
    'sequence, "table", venue, symbol, period, path, rows, '
    "min_event_ms, max_event_ms, max_available_ms, sha256, bytes"
)


class SqliteManifest:
    """The manifest of one folder; every operation opens its own connection.

    Parameters
    ----------
    path : Path
        The SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def exists(self) -> bool:
        """Return whether the manifest was made; a file left by a killed creation was not."""
        if not self.path.is_file():
            return False
        with self._connected(self._reading_mode()) as connection:
            return _version(connection) > 0

    def create(self) -> None:
        """Make the manifest, unless it is there already."""
        with self._connected("rwc") as connection:
            connection.execute("BEGIN IMMEDIATE")
            if _version(connection) == 0:
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
            _turn_on_wal(connection)

    @contextmanager
    def reading(self) -> Iterator[SqliteTurn]:
        """Yield what sees one state of the manifest per question."""
        with self._connected(self._reading_mode()) as connection:
            self._check_version(connection)
            yield SqliteTurn(connection)

    def write(self, change: Callable[[ManifestChange], Changed]) -> Changed:
        """Let the only writer change the manifest: all that it does is committed, or nothing.

        Raises
        ------
        UsageError
            If the lake may be read but not written.
        """
        with self._connected() as connection:
            self._check_version(connection)
            connection.execute("BEGIN IMMEDIATE")
            try:
                changed = change(SqliteTurn(connection))
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            return changed

    def _reading_mode(self) -> str:
        """Return how to open for reading: a lake that nobody may write needs another way.

        SQLite makes a file beside one in WAL mode even to read it. Where it may not, and no
        writer is there or left a log behind, the manifest itself is all there is.
        """
        if os.access(self.path.parent, os.W_OK) and os.access(self.path, os.W_OK):
            return "rw"
        log, index = (self.path.with_name(self.path.name + end) for end in ("-wal", "-shm"))
        in_use = index.exists() or (log.is_file() and log.stat().st_size > 0)
        return "ro" if in_use else "ro&immutable=1"

    @contextmanager
    def _connected(self, mode: str = "rw") -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(
                f"{self.path.as_uri()}?mode={mode}", uri=True, timeout=BUSY_S, isolation_level=None
            )
            try:
                # FULL: a write that returned has survived a power cut, not only a crash.
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
            finally:
                connection.close()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise ForcedflowError(
                    f"{self.path}: another process has been writing for more than {BUSY_S:.0f} s; "
                    "nothing was stored\nhint: wait until it is done and run this again"
                ) from error
            if error.sqlite_errorname.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
                raise UsageError(
                    f"{self.path.parent}: may not be written\n"
                    "hint: a lake that you may write to: --lake PATH"
                ) from error
            raise DamagedFileError(str(self.path), f"SQLite says: {error}") from error

    def _check_version(self, connection: sqlite3.Connection) -> None:
        version = _version(connection)
        if version > VERSION:
            raise DataError(
                f"{self.path} has schema version {version}, this program knows {VERSION}\n"
                "hint: upgrade forcedflow; the lake was written by a newer one"
            )


class SqliteTurn:
    """Questions and changes on one connection; see `forcedflow.store.manifest.ManifestChange`.

    Parameters
    ----------
    connection : sqlite3.Connection
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def parts(
        self,
        table: str | None = None,
        *,
        venues: Sequence[str] | None = None,
        symbols: Sequence[str] | None = None,
        periods: Sequence[str] | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> list[Part]:
        """Return the live files that may hold rows of ``[start_ms, end_ms)``, oldest file first."""
        clauses, values = ["TRUE"], list[str | int]()
        chosen = (
            ('"table"', None if table is None else (table,)),
            ("venue", venues),
            ("symbol", symbols),
            ("period", periods),
        )
        for column, wanted in chosen:
            if wanted is not None:
                clauses.append(f"{column} IN ({', '.join('?' * len(wanted))})")
                values.extend(wanted)
        if start_ms is not None:
            clauses.append("max_event_ms >= ?")
            values.append(start_ms)
        if end_ms is not None:
            clauses.append("min_event_ms < ?")
            values.append(end_ms)
        query = f"SELECT {_FILE_COLUMNS} FROM files WHERE {' AND '.join(clauses)} ORDER BY sequence"  # noqa: S608 - column names are ours, values are bound
        return [
            Part(row[0], Partition(*row[1:5]), *row[5:])
            for row in self._connection.execute(query, values)
        ]

    def series(self) -> list[tuple[str, str, str]]:
        """Return every table, venue and symbol held, sorted."""
        query = 'SELECT DISTINCT "table", venue, symbol FROM files ORDER BY 1, 2, 3'
        return list(self._connection.execute(query))

    def spans(self) -> list[tuple[str, str, str, int, int]]:
        """Return every table, venue and symbol held with its first and last event time, sorted."""
        query = (
            'SELECT "table", venue, symbol, MIN(min_event_ms), MAX(max_event_ms) FROM files '
            "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
        return list(self._connection.execute(query))

    def state(self) -> tuple[int, int, int]:
        """Return figures that change with every change of which files are live."""
        query = "SELECT COUNT(*), COALESCE(MAX(sequence), 0), COALESCE(SUM(sequence), 0) FROM files"
        count, newest, total = self._connection.execute(query).fetchone()
        return int(count), int(newest), int(total)

    def next_sequence(self, partition: Partition) -> int:  # noqa: ARG002 - a bucket counts by series
        """Return the number of the next file; here it counts the files of the whole lake."""
        row = self._connection.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'files'"
        ).fetchone()
        return 1 if row is None else row[0] + 1

    def insert_part(self, part: Part) -> None:
        """Make a written file part of the lake."""
        home = part.partition
        self._connection.execute(
            f"INSERT INTO files ({_FILE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - column names are ours
            (
                part.sequence,
                home.table,
                home.venue,
                home.symbol,
                home.period,
                part.path,
                part.rows,
                part.min_event_ms,
                part.max_event_ms,
                part.max_available_ms,
                part.sha256,
                part.size,
            ),
        )

    def delete_parts(self, parts: Sequence[Part]) -> None:
        """Take files out of the lake; they stay on the disk until they are unlinked."""
        rows = [(part.sequence,) for part in parts]
        self._connection.executemany("DELETE FROM files WHERE sequence = ?", rows)

    def is_live(self, sequence: int, name: str) -> bool:
        """Return whether a file of this number and name is part of the lake."""
        query = "SELECT path FROM files WHERE sequence = ?"
        row = self._connection.execute(query, (sequence,)).fetchone()
        return row is not None and row[0].rpartition("/")[2] == name

    def insert_receipt(self, receipt: Receipt, rows_added: int) -> None:
        """Remember an import; the first receipt of a content stays."""
        stated = rows_added if receipt.rows_added is None else receipt.rows_added
        self._connection.execute(
            "INSERT INTO imports (sha256, kind, options, file_name, rows_added, imported_ms) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                receipt.sha256,
                receipt.kind,
                receipt.options,
                receipt.file_name,
                stated,
                receipt.imported_ms,
            ),
        )

    def receipt(self, sha256: str, kind: str, options: str) -> Receipt | None:
        """Return the receipt of a content, read by this importer with these options."""
        row = self._connection.execute(
            "SELECT sha256, kind, options, file_name, imported_ms, rows_added FROM imports "
            "WHERE sha256 = ? AND kind = ? AND options = ?",
            (sha256, kind, options),
        ).fetchone()
        return None if row is None else Receipt(*row)

    def delete_receipts(self) -> None:
        """Forget every import, so that each file may be imported again."""
        self._connection.execute("DELETE FROM imports")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _turn_on_wal(connection: sqlite3.Connection) -> None:
    # SQLite does not wait here by itself when two processes make the same lake at once.
    give_up = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return

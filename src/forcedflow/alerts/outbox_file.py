"""The file that an outbox is kept in: its schema, who may send from it, transactions.

In:  a path, or none for one in memory.   Out: `OutboxFile`, an open database.
One SQLite file (WAL), free of the network.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from forcedflow.errors import DamagedFileError, UsageError

_VERSION: Final = 1
_SCHEMA = """
CREATE TABLE alerts (
  id TEXT PRIMARY KEY, rule TEXT NOT NULL, subject TEXT NOT NULL, key TEXT NOT NULL,
  fired_ms INTEGER NOT NULL, suppressed TEXT, alert BLOB NOT NULL
) STRICT;
CREATE INDEX alerts_by_key ON alerts (rule, subject, key, fired_ms);
CREATE INDEX alerts_by_time ON alerts (fired_ms);
CREATE TABLE deliveries (
  alert_id TEXT NOT NULL REFERENCES alerts (id), target TEXT NOT NULL,
  state TEXT NOT NULL, repeated INTEGER NOT NULL, attempts INTEGER NOT NULL,
  not_before_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, problem TEXT,
  PRIMARY KEY (alert_id, target)
) STRICT;
CREATE INDEX deliveries_by_state ON deliveries (state, not_before_ms);
CREATE TABLE rule_states (
  rule TEXT NOT NULL, subject TEXT NOT NULL, state BLOB NOT NULL, PRIMARY KEY (rule, subject)
) STRICT;
CREATE TABLE targets (
  name TEXT PRIMARY KEY, failures INTEGER NOT NULL, disabled_ms INTEGER
) STRICT;
CREATE TABLE follow_ups (
  alert_id TEXT PRIMARY KEY REFERENCES alerts (id), subject TEXT NOT NULL,
  due_ms INTEGER NOT NULL, path BLOB NOT NULL, done INTEGER NOT NULL
) STRICT;
"""


class OutboxFile:
    """One open outbox file, or one in memory.

    Parameters and errors are those of `forcedflow.alerts.outbox.Outbox`.

    Attributes
    ----------
    db : sqlite3.Connection
        Shared by threads that hold the lock.
    lock : threading.RLock
    """

    def __init__(
        self, path: Path | None = None, *, exclusive: bool = True, read_only: bool = False
    ) -> None:
        self.lock = threading.RLock()
        self._claim: sqlite3.Connection | None = None
        place = uri = ":memory:"
        if path is not None and not read_only:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UsageError(f"{path}: cannot hold an outbox: {error.strerror}") from error
            place = uri = str(path)
            if exclusive:
                self._claim = _claim(path)
        elif path is not None:
            place, uri = str(path), f"{path.absolute().as_uri()}?mode=ro"
        try:
            self.db = sqlite3.connect(
                uri, isolation_level=None, check_same_thread=False, uri=read_only
            )
        except sqlite3.OperationalError as error:
            self._let_go()
            raise _unusable(place, error) from error
        try:
            if read_only:
                self._check_version(place)
                return
            self.db.execute("PRAGMA journal_mode=WAL")
            # A power cut must not lose what was said to be sent, nor send it again.
            self.db.execute("PRAGMA synchronous=FULL")
            self._prepare(place)
        except sqlite3.OperationalError as error:
            self.close()
            raise _unusable(place, error) from error
        except sqlite3.DatabaseError as error:
            self.close()
            raise DamagedFileError(place, f"is no outbox: {error}") from error
        except DamagedFileError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file and let another process send."""
        self.db.close()
        self._let_go()

    def _let_go(self) -> None:
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do all of it or nothing, one thread at a time."""
        with self.lock:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
            except BaseException:
                self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")

    def _prepare(self, place: str) -> None:
        with self.transaction() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                # One statement at a time: a script would commit what came before it.
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {_VERSION}")
            else:
                self._check_version(place)

    def _check_version(self, place: str) -> None:
        version = self.db.execute("PRAGMA user_version").fetchone()[0]
        if version != _VERSION:
            raise DamagedFileError(place, f"is an outbox of version {version}, not {_VERSION}")


def _claim(path: Path) -> sqlite3.Connection:
    """Hold a lock that ends with this process, however it ends."""
    place = path.with_name(f"{path.name}.sender")
    try:
        held = sqlite3.connect(place, isolation_level=None, check_same_thread=False, timeout=0.2)
    except sqlite3.OperationalError as error:
        raise _unusable(str(path), error) from error
    try:
        held.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        held.close()
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise _unusable(str(path), error) from error
        raise UsageError(
            f"{path}: another process sends from this outbox\nhint: end it, or name another "
            "with --outbox PATH"
        ) from error
    return held


def _unusable(place: str, error: sqlite3.OperationalError) -> UsageError:
    """Return why a file cannot serve as an outbox: its folder, its rights, its disk."""
    return UsageError(
        f"{place}: cannot hold an outbox: {error}\nhint: name another file with --outbox PATH"
    )

"""The outbox: what fired, how far its deliveries have come, and what rules remember.

In:  alerts and decisions. [UTC ms]   Out: deliveries that are due; rows for a person.
One SQLite file (WAL), free of the network.

What fires and what its rule remembers from then on are one transaction, so a kill at any moment
loses both or neither. A delivery goes *queued* → *sending* → *sent* or *failed*; *sending* is
written before the first byte leaves. Who finds *sending* at the start was killed in between and
cannot know whether it arrived: where the receiver is told the id apart (a webhook), it is queued
again under the same id, which the receiver drops if it has it; elsewhere it is sent once more with
the same id in a text that says so, and if that is cut off too, it stays *maybe_sent*.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec

from forcedflow.alerts.alert import Alert
from forcedflow.alerts.message import Message
from forcedflow.alerts.outbox_file import OutboxFile
from forcedflow.alerts.outbox_rows import Due, Entry, FollowUp, Listed, PathSince
from forcedflow.alerts.rule_state import RuleState
from forcedflow.units import DAY_MS

_Held = TypeVar("_Held", bound=msgspec.Struct)

DeliveryState: TypeAlias = Literal["queued", "sending", "sent", "failed", "maybe_sent"]

_BACKOFF_MS: Final = (5_000, 20_000, 80_000, 320_000, 1_280_000)
"""Pauses between attempts at one delivery; after the last it has failed. [ms]"""

STALE_MS: Final = DAY_MS
"""An alert older than this is not delivered any more. [ms]"""

KEPT_MS: Final = 90 * DAY_MS
"""How long alerts stay listed. [ms]"""


class Outbox:
    """One outbox file, or one in memory for a look at the past.

    Parameters
    ----------
    path : Path, optional
        File to keep it in; in memory and gone at the end without.
    exclusive : bool
        Whether this process sends; another that would is refused.
    read_only : bool
        Whether it is only looked at, whoever sends from it; the file must exist.

    Raises
    ------
    UsageError
        If another process sends from this outbox, or its file cannot be opened or written.
    DamagedFileError
        If the file is no outbox.
    """

    def __init__(
        self, path: Path | None = None, *, exclusive: bool = True, read_only: bool = False
    ) -> None:
        self._file = OutboxFile(path, exclusive=exclusive, read_only=read_only)
        self._lock, self._db = self._file.lock, self._file.db
        self._transaction = self._file.transaction

    def close(self) -> None:
        """Close the file and let another process send."""
        self._file.close()

    def recover(self, knows_ids: Mapping[str, bool], now_ms: int) -> int:
        """Take up deliveries that a killed process left in the middle.

        Parameters
        ----------
        knows_ids : mapping of str to bool
            By target, whether its receiver is told the id apart.
        now_ms : int
            [UTC ms]

        Returns
        -------
        int
            How many were found.
        """
        with self._transaction() as db:
            rows = db.execute(
                "SELECT alert_id, target, repeated FROM deliveries WHERE state = 'sending'"
            ).fetchall()
            for alert_id, target, repeated in rows:
                # Once more with a warning; twice would be a habit. An id makes it harmless.
                again = knows_ids.get(target, False) or not repeated
                db.execute(
                    "UPDATE deliveries SET state = ?, repeated = 1, updated_ms = ?, problem = ? "
                    "WHERE alert_id = ? AND target = ?",
                    (
                        "queued" if again else "maybe_sent",
                        now_ms,
                        "cut off while it was being sent",
                        alert_id,
                        target,
                    ),
                )
        return len(rows)

    def states(self) -> dict[tuple[str, str], RuleState]:
        """Return what rules remember, by rule and market."""
        with self._lock:
            rows = self._db.execute("SELECT rule, subject, state FROM rule_states").fetchall()
        return {(rule, subject): _decode(state, RuleState) for rule, subject, state in rows}

    def commit(
        self,
        entries: Sequence[Entry],
        states: Mapping[tuple[str, str], RuleState],
        paths: Mapping[str, PathSince],
        done: Collection[str],
        now_ms: int,
    ) -> list[Entry]:
        """Write what one observation changed, all of it or nothing.

        Parameters
        ----------
        entries : sequence of Entry
            An alert whose id is held already is left as it is.
        states : mapping
            What rules remember from now on.
        paths : mapping of str to PathSince
            Aftermath so far, by alert.
        done : collection of str
            Alerts whose aftermath was told.
        now_ms : int
            [UTC ms]

        Returns
        -------
        list of Entry
            Those that were not held yet.
        """
        with self._transaction() as db:
            new = [entry for entry in entries if self._insert(db, entry, now_ms)]
            for (rule, subject), state in states.items():
                db.execute(
                    "INSERT INTO rule_states VALUES (?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET state = excluded.state",
                    (rule, subject, msgspec.json.encode(state)),
                )
            for alert_id, path in paths.items():
                db.execute(
                    "UPDATE follow_ups SET path = ? WHERE alert_id = ?",
                    (msgspec.json.encode(path), alert_id),
                )
            for alert_id in done:
                db.execute("UPDATE follow_ups SET done = 1 WHERE alert_id = ?", (alert_id,))
        return new

    def last_fired(self, alert: Alert) -> int | None:
        """Return when the same alert, or a neighbour of it, was last let through. [UTC ms]"""
        keys = [alert.key, *alert.near_keys]
        marks = ", ".join("?" * len(keys))
        with self._lock:
            row = self._db.execute(
                "SELECT MAX(fired_ms) FROM alerts WHERE suppressed IS NULL AND rule = ? "  # noqa: S608 - question marks only
                f"AND subject = ? AND key IN ({marks})",
                (alert.rule, alert.subject, *keys),
            ).fetchone()
        return None if row[0] is None else int(row[0])

    def count_since(self, start_ms: int) -> int:
        """Return how many alerts were let through since a moment; follow-ups are none of them."""
        with self._lock:
            row = self._db.execute(
                "SELECT COUNT(*) FROM alerts WHERE suppressed IS NULL AND fired_ms >= ? "
                "AND key NOT LIKE 'after:%'",
                (start_ms,),
            ).fetchone()
        return int(row[0])

    def follow_ups(self, subject: str | None = None) -> list[FollowUp]:
        """Return alerts whose aftermath was not told yet, of one market or of all."""
        with self._lock:
            rows = self._db.execute(
                "SELECT a.id, a.alert, f.due_ms, f.path FROM follow_ups f JOIN alerts a "
                "ON a.id = f.alert_id WHERE f.done = 0 AND (?1 IS NULL OR f.subject = ?1) "
                "ORDER BY f.due_ms, a.id",
                (subject,),
            ).fetchall()
            return [
                FollowUp(
                    _decode(alert, Alert),
                    due_ms,
                    _decode(path, PathSince),
                    tuple(
                        name
                        for (name,) in self._db.execute(
                            "SELECT target FROM deliveries WHERE alert_id = ? ORDER BY target",
                            (alert_id,),
                        )
                    ),
                )
                for alert_id, alert, due_ms, path in rows
            ]

    def due(self, now_ms: int) -> list[Due]:
        """Return deliveries whose time has come, oldest first; those of disabled targets wait."""
        with self._lock:
            rows = self._db.execute(
                "SELECT d.target, a.alert, d.repeated, d.attempts FROM deliveries d "
                "JOIN alerts a ON a.id = d.alert_id LEFT JOIN targets t ON t.name = d.target "
                "WHERE d.state = 'queued' AND d.not_before_ms <= ? AND t.disabled_ms IS NULL "
                "ORDER BY a.fired_ms, a.id, d.target",
                (now_ms,),
            ).fetchall()
        return [
            Due(target, Message(_decode(alert, Alert), repeated=bool(repeated)), attempts)
            for target, alert, repeated, attempts in rows
        ]

    def begin(self, due: Due, now_ms: int) -> bool:
        """Mark a delivery as being sent; False where somebody else already does."""
        with self._transaction() as db:
            changed = db.execute(
                "UPDATE deliveries SET state = 'sending', attempts = attempts + 1, updated_ms = ? "
                "WHERE alert_id = ? AND target = ? AND state = 'queued'",
                (now_ms, due.message.alert.id, due.target),
            ).rowcount
        return changed == 1

    def succeed(self, due: Due, now_ms: int) -> None:
        """Mark a delivery as sent; its target has no failures in a row any more."""
        with self._transaction() as db:
            self._settle(db, due, "sent", now_ms, None, repeated=due.message.repeated)
            db.execute("DELETE FROM targets WHERE name = ?", (due.target,))

    def fail(
        self,
        due: Due,
        now_ms: int,
        problem: str,
        disable_after: int,
        *,
        is_final: bool,
        may_have_arrived: bool,
        knows_ids: bool,
    ) -> bool:
        """Mark an attempt as failed and queue the next, if there is one.

        Parameters
        ----------
        due : Due
        now_ms : int
            [UTC ms]
        problem : str
            Without secrets.
        disable_after : int
            Failed attempts in a row after which the target is disabled.
        is_final : bool
            No attempt follows.
        may_have_arrived : bool
            What follows says so; where the receiver is not told ids, one attempt at most.
        knows_ids : bool
            Whether the receiver is told the id apart.

        Returns
        -------
        bool
            Whether this disabled the target.
        """
        repeated = due.message.repeated or may_have_arrived
        with self._transaction() as db:
            if is_final or due.attempts >= len(_BACKOFF_MS):
                self._settle(db, due, "failed", now_ms, problem, repeated=repeated)
            elif may_have_arrived and due.message.repeated and not knows_ids:
                self._settle(db, due, "maybe_sent", now_ms, problem, repeated=True)
            else:
                self._settle(db, due, "queued", now_ms, problem, repeated=repeated)
                db.execute(
                    "UPDATE deliveries SET not_before_ms = ? WHERE alert_id = ? AND target = ?",
                    (now_ms + _BACKOFF_MS[due.attempts], due.message.alert.id, due.target),
                )
            db.execute(
                "INSERT INTO targets VALUES (?, 1, NULL) "
                "ON CONFLICT DO UPDATE SET failures = failures + 1",
                (due.target,),
            )
            return (
                db.execute(
                    "UPDATE targets SET disabled_ms = ? WHERE name = ? AND failures >= ? "
                    "AND disabled_ms IS NULL",
                    (now_ms, due.target, disable_after),
                ).rowcount
                == 1
            )

    def expire(self, now_ms: int) -> None:
        """Give up what is too old to act upon, and let go of what nobody asks for any more.

        Parameters
        ----------
        now_ms : int
            [UTC ms]
        """
        with self._transaction() as db:
            db.execute(
                "UPDATE deliveries SET state = 'failed', updated_ms = ?1, problem = ?2 "
                "WHERE state = 'queued' "
                "AND alert_id IN (SELECT id FROM alerts WHERE fired_ms < ?3)",
                (now_ms, "too old when its turn came", now_ms - STALE_MS),
            )
            old = "(SELECT id FROM alerts WHERE fired_ms < ?)"
            for table in ("deliveries", "follow_ups"):
                db.execute(f"DELETE FROM {table} WHERE alert_id IN {old}", (now_ms - KEPT_MS,))  # noqa: S608 - two names of our own
            db.execute("DELETE FROM alerts WHERE fired_ms < ?", (now_ms - KEPT_MS,))

    def enable(self, target: str) -> None:
        """Send to a target again, also what waited meanwhile."""
        with self._transaction() as db:
            db.execute("DELETE FROM targets WHERE name = ?", (target,))

    def disabled(self) -> dict[str, int]:
        """Return when each disabled target was disabled. [UTC ms]"""
        with self._lock:
            rows = self._db.execute(
                "SELECT name, disabled_ms FROM targets WHERE disabled_ms IS NOT NULL ORDER BY name"
            ).fetchall()
        return dict(rows)

    def progress(self) -> dict[str, int]:
        """Return how many deliveries have come how far, by state."""
        with self._lock:
            rows = self._db.execute(
                "SELECT state, COUNT(*) FROM deliveries GROUP BY state ORDER BY state"
            ).fetchall()
        return dict(rows)

    def listed(self, limit: int | None = None, by_ms: int | None = None) -> list[Listed]:
        """Return alerts and what became of them, newest first.

        Parameters
        ----------
        limit : int, optional
            How many at most.
        by_ms : int, optional
            Only what had fired by then. [UTC ms]
        """
        with self._lock:
            rows = self._db.execute(
                "SELECT id, alert, suppressed FROM alerts WHERE ?1 IS NULL OR fired_ms <= ?1 "
                "ORDER BY fired_ms DESC, rowid DESC LIMIT ?2",
                (by_ms, -1 if limit is None else limit),
            ).fetchall()
            return [
                Listed(
                    _decode(alert, Alert),
                    suppressed,
                    {
                        target: {
                            "state": state,
                            "attempts": attempts,
                            "not_before_ms": not_before_ms,
                            "problem": problem,
                        }
                        for target, state, attempts, not_before_ms, problem in self._db.execute(
                            "SELECT target, state, attempts, not_before_ms, problem "
                            "FROM deliveries WHERE alert_id = ? ORDER BY target",
                            (alert_id,),
                        )
                    },
                )
                for alert_id, alert, suppressed in rows
            ]

    @staticmethod
    def _insert(db: sqlite3.Connection, entry: Entry, now_ms: int) -> bool:
        alert = entry.alert
        is_new = db.execute(
            "INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                alert.id,
                alert.rule,
                alert.subject,
                alert.key,
                alert.at_ms,
                entry.suppressed,
                msgspec.json.encode(alert),
            ),
        ).rowcount
        if not is_new:
            return False
        for target in entry.targets:
            db.execute(
                "INSERT INTO deliveries VALUES (?, ?, 'queued', 0, 0, ?, ?, NULL)",
                (alert.id, target, entry.not_before_ms, now_ms),
            )
        if entry.follow_up_ms is not None:
            path = PathSince(alert.mark, alert.mark, alert.mark, alert.at_ms)
            db.execute(
                "INSERT INTO follow_ups VALUES (?, ?, ?, ?, 0)",
                (alert.id, alert.subject, entry.follow_up_ms, msgspec.json.encode(path)),
            )
        return True

    @staticmethod
    def _settle(
        db: sqlite3.Connection,
        due: Due,
        state: DeliveryState,
        now_ms: int,
        problem: str | None,
        *,
        repeated: bool,
    ) -> None:
        db.execute(
            "UPDATE deliveries SET state = ?, updated_ms = ?, problem = ?, repeated = ? "
            "WHERE alert_id = ? AND target = ?",
            (state, now_ms, problem, int(repeated), due.message.alert.id, due.target),
        )


def _decode(raw: bytes, kind: type[_Held]) -> _Held:
    return msgspec.json.decode(raw, type=kind)

"""An archive of level snapshots in which nothing can be changed later without being seen.

In:  snapshots as plain values, a folder, the moment of archiving. [UTC ms]
Out: one line per snapshot in ``levels.jsonl``, each with a SHA-256 over itself and the line before.
Free of any clock: the caller says what time it is.

A line holds ``sequence``, ``archived_at_ms``, ``previous`` (the link of the line before; 64 zeros
in the first), ``link`` and ``snapshot``. ``link`` is the SHA-256 of the other four as compact JSON
with sorted keys. Whoever changes, drops, inserts or reorders a line breaks every link from there
on. Lines cut off at the end break none: publish the newest link, or note it elsewhere, to pin them.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from forcedflow.errors import DamagedFileError, NoDataError, UsageError
from forcedflow.units import DAY_MS

NAME = "levels.jsonl"

FIRST = "0" * 64
"""What the first line names as the link before it."""

_FIELDS = {"sequence", "archived_at_ms", "previous", "link", "snapshot"}
_NAMED = ("venue", "symbol", "known_to_ms")


@dataclass(frozen=True, slots=True)
class Link:
    """One line of the archive.

    Parameters
    ----------
    sequence : int
        Counts from 1.
    archived_at_ms : int
        When it was archived, by the clock of whoever did. [UTC ms]
    previous, link : str
        SHA-256 of the line before and of this one, hexadecimal.
    snapshot : dict
        With at least ``venue``, ``symbol`` and ``known_to_ms``.
    """

    sequence: int
    archived_at_ms: int
    previous: str
    link: str
    snapshot: dict[str, Any]

    @property
    def day(self) -> tuple[str, str, int]:
        """Return venue, symbol and the UTC day that the snapshot is of."""
        known = self.snapshot
        return known["venue"], known["symbol"], int(known["known_to_ms"]) // DAY_MS


def archive_levels(folder: Path, snapshot: dict[str, Any], now_ms: int) -> tuple[Link, bool]:
    """Append a snapshot, unless its market's day is there already; return the line of that day.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    snapshot : dict
        Plain values for JSON; ``venue``, ``symbol`` and ``known_to_ms`` are needed.
    now_ms : int
        The moment of archiving; it is in the line, so that a snapshot made later than its day says
        so. [UTC ms]

    Returns
    -------
    link : Link
    added : bool
        False where the day was held: what is archived is never repainted.

    Raises
    ------
    UsageError
        If the snapshot lacks what names its market and day, or holds what JSON does not.
    DamagedFileError
        If the archive is broken before this line; nothing is appended to it then.
    """
    if missing := [name for name in _NAMED if name not in snapshot]:
        raise UsageError(f"a snapshot needs {', '.join(missing)}")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        links = list(_links(folder / NAME, _drop_unfinished(file)))
        previous = links[-1].link if links else FIRST
        added = _link(len(links) + 1, now_ms, previous, snapshot)
        held = next((link for link in links if link.day == added.day), None)
        if held is not None:
            return held, False
        file.write(_line(added))
        file.flush()
        os.fsync(file.fileno())
    return added, True


def verify_archive(folder: Path) -> list[Link]:
    """Return every line of an archive, each compared with its link and the line before.

    Raises
    ------
    NoDataError
        If there is no archive.
    DamagedFileError
        At the first line that is not what was archived; names the line and what is wrong.
    """
    path = folder / NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise NoDataError(
            f"there is no archive at {path}\nhint: forcedflow levels SYMBOL --archive {folder}"
        ) from error
    # What follows the last line's end was being written when somebody died, or is right now.
    return list(_links(path, content[: content.rfind(b"\n") + 1]))


def _links(path: Path, content: bytes) -> Iterator[Link]:
    previous, days = FIRST, set()
    for row, line in enumerate(content.splitlines(), start=1):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DamagedFileError(str(path), "is no JSON", row=row) from error
        if not _is_line(found):
            raise DamagedFileError(str(path), "is no line of an archive", row=row)
        link = Link(**found)
        if link.sequence != row:
            problem = f"says it is line {link.sequence}: lines were dropped, added or reordered"
            raise DamagedFileError(str(path), problem, row=row, field="sequence")
        if link.previous != previous:
            problem = "does not follow from the line before it"
            raise DamagedFileError(str(path), problem, row=row, field="previous")
        try:
            right = _line(_link(link.sequence, link.archived_at_ms, previous, link.snapshot))
        except UsageError as error:
            raise DamagedFileError(str(path), str(error), row=row, field="snapshot") from error
        if line + b"\n" != right:
            problem = "was changed after it was archived: its SHA-256 is another"
            raise DamagedFileError(str(path), problem, row=row, field="link")
        if link.day in days:
            problem = f"archives {link.day[0]} {link.day[1]} a second time for one day"
            raise DamagedFileError(str(path), problem, row=row, field="snapshot")
        days.add(link.day)
        previous = link.link
        yield link


def _is_line(found: Any) -> bool:
    if not isinstance(found, dict) or set(found) != _FIELDS:
        return False
    known = found["snapshot"]
    return (
        isinstance(known, dict)
        and all(isinstance(known.get(name), str) for name in ("venue", "symbol"))
        and all(
            type(number) is int
            for number in (known.get("known_to_ms"), found["sequence"], found["archived_at_ms"])
        )
    )


def _drop_unfinished(file: BinaryIO) -> bytes:
    """Cut off a line that was never finished, hence never said to be archived; return the rest."""
    content = file.read()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        file.truncate(whole)
    return content[:whole]


def _link(sequence: int, now_ms: int, previous: str, snapshot: dict[str, Any]) -> Link:
    said = {
        "sequence": sequence,
        "archived_at_ms": now_ms,
        "previous": previous,
        "snapshot": snapshot,
    }
    return Link(sequence, now_ms, previous, hashlib.sha256(_json(said)).hexdigest(), snapshot)


def _line(link: Link) -> bytes:
    return _json({name: getattr(link, name) for name in _FIELDS}) + b"\n"


def _json(value: Any) -> bytes:
    try:
        return json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        ).encode()
    except (ValueError, TypeError) as error:
        raise UsageError(f"a snapshot holds plain values alone: {error}") from error

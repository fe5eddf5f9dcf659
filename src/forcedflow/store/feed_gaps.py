"""Gaps of feeds: spans in which a connection was down, and what became of the rows due in them.

In:  gaps as they are found.   Out: the same, from ``<lake>/raw/venue=<venue>/gaps.jsonl``.
Free of the clock.

A series that merely has no rows shows no gap where its rows come when something happens, as
liquidations do. So what was not heard is written down when it is known.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

import msgspec

from forcedflow.errors import DamagedFileError
from forcedflow.store.artefacts import write_whole
from forcedflow.store.lake import Lake
from forcedflow.store.raw_log import raw_folder


class FeedGap(msgspec.Struct, frozen=True):
    """A span of which a connection told us nothing.

    Parameters
    ----------
    venue : str
        Lower-case venue id.
    connection : str
        Name of the feed.
    tables : tuple of str
        Tables that rows were due in.
    symbols : tuple of str
        Unified symbols that rows were due of.
    start_ms, end_ms : int
        From the last message before to the connection anew, half-open. [UTC ms, our clock]
    reason : str
        Why it was down, in words.
    repaired : bool
        Whether these tables' rows were asked for over HTTP since, and came.
    problem : str
        Why they were not; empty where they were.
    """

    venue: str
    connection: str
    tables: tuple[str, ...]
    symbols: tuple[str, ...]
    start_ms: int
    end_ms: int
    reason: str
    repaired: bool
    problem: str = ""


def append_gap(root: Path, gap: FeedGap) -> None:
    """Write a gap down, so that it is on the disk when this returns.

    Parameters
    ----------
    root : Path
        Folder of the lake.
    gap : FeedGap
    """
    path = _path(root, gap.venue)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.truncate(_whole_lines(path))
        file.write(msgspec.json.encode(gap) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def keep_gap(lake: Lake, gap: FeedGap) -> None:
    """Write a gap down where everybody who reads the lake finds it.

    Of a lake in a bucket each gap is an object of its own, because nothing there can be added to.
    """
    if not lake.in_bucket:
        append_gap(lake.root, gap)
        return
    line = msgspec.json.encode(gap)
    digest = hashlib.sha256(line).hexdigest()[:12]
    path = _path(lake.root, gap.venue).parent / "gaps" / f"{gap.start_ms}-{digest}.json"
    lake.publish(write_whole(path, line))


def held_gaps(lake: Lake, venue: str) -> tuple[FeedGap, ...]:
    """Return a venue's gaps, whoever recorded them; see `read_gaps`."""
    if not lake.in_bucket:
        return read_gaps(lake.root, venue)
    folder = _path(lake.root, venue).parent / "gaps"
    lake.refreshed(folder.relative_to(lake.root).as_posix())
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    try:
        return tuple(_decoder.decode(path.read_bytes()) for path in paths)
    except msgspec.MsgspecError as error:
        raise DamagedFileError(str(folder), f"not gaps: {error}") from error


def read_gaps(root: Path, venue: str) -> tuple[FeedGap, ...]:
    """Return a venue's gaps in the order in which they were written down.

    A last line that a killed writer did not finish is left out.

    Raises
    ------
    DamagedFileError
        If a whole line is no gap.
    """
    path = _path(root, venue)
    if not path.exists():
        return ()
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    try:
        return tuple(_decoder.decode_lines(whole))
    except ValueError as error:
        raise DamagedFileError(str(path), f"not lines of gaps: {error}") from error


_decoder = msgspec.json.Decoder(FeedGap)


def _whole_lines(path: Path) -> int:
    """Return where the last whole line ends: a killed writer may have left half of one. [bytes]"""
    return path.read_bytes().rfind(b"\n") + 1


def _path(root: Path, venue: str) -> Path:
    return raw_folder(root) / f"venue={quote(venue, safe='+')}" / "gaps.jsonl"

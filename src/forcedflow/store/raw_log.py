"""Raw messages as they came, kept so that any later parser can read them again.

In:  frames of a venue's connections.   Out: the same frames, in order, from compressed files.
Free of parsing and of the clock: a message is bytes here.

``<lake>/raw/venue=<venue>/date=<day>/<hour>-<run>.jsonl.zst`` holds one hour (UTC) of one run, the
number being the run's first moment. [ns] Its first line is the run's `RawHeader`, every other line
one frame: ``{"recv_ns":…,"conn":"…","kind":"…","raw":"…"}``, or ``raw_base64`` where the message is
no UTF-8.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final, Literal, TypeAlias
from urllib.parse import quote

import msgspec

from forcedflow.errors import DamagedFileError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_block import TornTail, encode_block, read_blocks

FrameKind: TypeAlias = Literal["opened", "message", "response", "closed"]
"""``opened`` and ``closed`` mark a connection's life; ``response`` answers a request over HTTP."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One thing that came from a venue, or happened to a connection with it.

    Parameters
    ----------
    received_ns : int
        Local clock when it came. [UTC ns]
    connection : str
        Name of the feed or of the request that it belongs to.
    kind : {"opened", "message", "response", "closed"}
        What it is.
    raw : bytes
        The message; for ``closed`` the reason in words.
    """

    received_ns: int
    connection: str
    kind: FrameKind
    raw: bytes

    @property
    def received_ms(self) -> int:
        """Local clock when it came. [UTC ms]"""
        return self.received_ns // 1_000_000


class RawHeader(msgspec.Struct, frozen=True):
    """What one must know to read a run's frames again without asking the venue.

    Parameters
    ----------
    venue : str
        Lower-case venue id.
    tables : tuple of str
        Tables that were followed.
    instruments : tuple of Instrument
        Contracts that were followed, with the tick and contract sizes of then.
    interval_ms : int
        Length of price bars. [ms]
    """

    venue: str
    tables: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    interval_ms: int


class _Line(msgspec.Struct, omit_defaults=True, gc=False):
    recv_ns: int
    conn: str
    kind: FrameKind
    raw: str | None = None
    raw_base64: bytes | None = None


class _FirstLine(msgspec.Struct):
    header: RawHeader


@dataclass(frozen=True, slots=True)
class RawRun:
    """The files of one recording of one venue.

    Parameters
    ----------
    header : RawHeader
    started_ns : int
        When its first frame came. [UTC ns]
    files : tuple of Path
        In the order of time.
    """

    header: RawHeader
    started_ns: int
    files: tuple[Path, ...]


_HOUR_NS: Final = 3_600_000_000_000
_BLOCK_BYTES: Final = 1 << 20
_FILE_NAME: Final = re.compile(r"(\d{2})-(\d+)\.jsonl\.zst")
_encode = msgspec.json.Encoder().encode
_decode_line: Final = msgspec.json.Decoder(_Line)
_decode_first: Final = msgspec.json.Decoder(_FirstLine)


class RawLog:
    """Where one run's frames are kept. `append` from one thread, `flush` from any.

    A flush ends in a whole block that is on the disk, so that a crash loses what was appended
    since and nothing before. Where a flush fails, what it could not write waits for the next.

    Parameters
    ----------
    root : Path
        Folder of the lake.
    header : RawHeader
        What the frames are.
    """

    def __init__(self, root: Path, header: RawHeader) -> None:
        self._folder = raw_folder(root) / f"venue={quote(header.venue, safe='+')}"
        self._first_line = msgspec.json.encode(_FirstLine(header)) + b"\n"
        self._pending: deque[Frame] = deque()
        self._pending_bytes = 0
        self._counting, self._flushing = Lock(), Lock()
        self._file: BinaryIO | None = None
        self._hour = self._run_ns = -1
        self.written_bytes = 0

    @property
    def pending_bytes(self) -> int:
        """Return how much waits for the next flush, about. [bytes]"""
        return self._pending_bytes

    def append(self, frames: Sequence[Frame]) -> None:
        """Take frames in; nothing is written yet."""
        self._pending.extend(frames)
        self._count(sum(map(_cost, frames)))

    def flush(self) -> None:
        """Write what was appended.

        Raises
        ------
        OSError
            If it cannot be written, such as on a full disk; what was not written is still there.
        """
        with self._flushing:
            while block := self._next_block():
                try:
                    self._write(block)
                except OSError:
                    self._pending.extendleft(reversed(block))
                    raise
                self._count(-sum(map(_cost, block)))
            if self._file is not None:
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write what was appended, and let go of the file."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _count(self, change: int) -> None:
        with self._counting:
            self._pending_bytes += change

    def _next_block(self) -> list[Frame]:
        """Return waiting frames of one hour, as many as make a block."""
        block: list[Frame] = []
        size = 0
        while self._pending and size < _BLOCK_BYTES:
            # A clock that was set back does not reopen an hour: the order of lines is the order
            # of arrival.
            if block and self._pending[0].received_ns // _HOUR_NS > self._hour:
                break
            frame = self._pending.popleft()
            self._hour = max(self._hour, frame.received_ns // _HOUR_NS)
            size += _cost(frame)
            block.append(frame)
        return block

    def _write(self, block: Sequence[Frame]) -> None:
        file = self._open(block[0].received_ns)
        whole = file.tell()
        content = b"".join(map(_to_line, block))
        try:
            if whole == 0:
                _write_all(file, encode_block(self._first_line))
            _write_all(file, encode_block(content))
        except OSError:
            self._cut(file, whole)
            raise
        self.written_bytes += file.tell() - whole

    def _open(self, first_ns: int) -> BinaryIO:
        if self._run_ns < 0:
            self._run_ns = first_ns
        begun = datetime.fromtimestamp(self._hour * 3600, UTC)
        folder = self._folder / f"date={begun:%Y-%m-%d}"
        path = folder / f"{begun:%H}-{self._run_ns}.jsonl.zst"
        if self._file is not None and self._file.name != str(path):
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None
        if self._file is None:
            folder.mkdir(parents=True, exist_ok=True)
            # Unbuffered: what fails to be written must fail here, not at a later call.
            self._file = path.open("xb", buffering=0)
            _sync_folders(path, self._folder)
        return self._file

    def _cut(self, file: BinaryIO, whole: int) -> None:
        """Cut off half a block, so that what is written next follows a whole one."""
        try:
            file.truncate(whole)
            file.seek(whole)
        except OSError:
            # What cannot be cut stays the torn tail of this run; the next block opens another.
            file.close()
            self._file, self._run_ns = None, -1


def raw_folder(root: Path) -> Path:
    """Return where a lake keeps its raw messages."""
    return root / "raw"


def list_runs(folder: Path, on_torn: Callable[[TornTail], None]) -> tuple[RawRun, ...]:
    """Return the runs whose files lie anywhere below a folder, the first begun first.

    Parameters
    ----------
    folder : Path
        ``<lake>/raw``, or any folder in or above it.
    on_torn : callable
        Told of each file without one whole line, which is left out.

    Raises
    ------
    DamagedFileError
        If a file does not begin as a raw log does.
    """
    found: dict[tuple[str, int], list[Path]] = {}
    headers: dict[tuple[str, int], RawHeader] = {}
    for path in sorted(folder.rglob("*.jsonl.zst"), key=_place_in_time):
        header = _read_header(path, on_torn)
        if header is not None:
            run = (header.venue, _started_ns(path))
            headers.setdefault(run, header)
            found.setdefault(run, []).append(path)
    runs = [RawRun(headers[run], run[1], tuple(files)) for run, files in found.items()]
    return tuple(sorted(runs, key=lambda run: (run.started_ns, run.header.venue)))


def read_raw_log(
    paths: Iterable[Path],
    *,
    on_torn: Callable[[TornTail], None],
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> Iterator[Frame]:
    """Yield the frames of files, in the order in which they came.

    Parameters
    ----------
    paths : iterable of Path
        Files of one run, as `RawRun.files` has them.
    on_torn : callable
        Told of each file that ends within a block; its whole lines are yielded.
    start_ms, end_ms : int, optional
        Frames received in ``[start_ms, end_ms)`` alone. [UTC ms]

    Yields
    ------
    Frame

    Raises
    ------
    DamagedFileError
        If a file is damaged before its end; names file and offset.
    """
    for path in paths:
        for offset, content in read_blocks(path, on_torn):
            if offset == 0:
                continue  # the header
            try:
                lines = _decode_line.decode_lines(content)
            except msgspec.MsgspecError as error:
                problem = f"damaged at byte {offset:,}: not lines of frames: {error}"
                raise DamagedFileError(str(path), problem) from error
            for line in lines:
                frame = _to_frame(line)
                if (start_ms is None or frame.received_ms >= start_ms) and (
                    end_ms is None or frame.received_ms < end_ms
                ):
                    yield frame


def _read_header(path: Path, on_torn: Callable[[TornTail], None]) -> RawHeader | None:
    for _, content in read_blocks(path, on_torn):
        try:
            return _decode_first.decode(content).header
        except msgspec.MsgspecError as error:
            problem = f"damaged at byte 0: no header of a raw log: {error}"
            raise DamagedFileError(str(path), problem) from error
    return None


def _write_all(file: BinaryIO, content: bytes) -> None:
    # A full disk takes a part before it refuses.
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def _cost(frame: Frame) -> int:
    # About what a frame takes beside its message, in memory as in the file.
    return len(frame.raw) + 128


def _to_line(frame: Frame) -> bytes:
    line = _Line(frame.received_ns, frame.connection, frame.kind)
    try:
        line.raw = frame.raw.decode()
    except UnicodeDecodeError:
        line.raw_base64 = frame.raw
    return _encode(line) + b"\n"


def _to_frame(line: _Line) -> Frame:
    raw = line.raw_base64 if line.raw is None else line.raw.encode()
    return Frame(line.recv_ns, line.conn, line.kind, raw or b"")


def _place_in_time(path: Path) -> tuple[int, str, str]:
    return _started_ns(path), path.parent.name, path.name


def _started_ns(path: Path) -> int:
    matched = _FILE_NAME.fullmatch(path.name)
    if matched is None:
        raise DamagedFileError(str(path), "its name is not <hour>-<nanoseconds>.jsonl.zst")
    return int(matched[2])


def _sync_folders(path: Path, top: Path) -> None:
    # A new file is found after a crash only once the folders that record it are on the disk.
    for folder in path.parents:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if folder == top:
            return

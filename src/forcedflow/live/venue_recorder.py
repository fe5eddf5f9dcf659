"""One venue's messages as they come: kept raw, read into rows, watched for gaps and trouble.

In:  frames, in batches.   Out: a raw log, rows in a buffer, requests to make, outages to repair.
Free of sockets and threads; whoever calls does the talking and the writing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forcedflow.errors import FrameError, SchemaError
from forcedflow.instruments import Instrument
from forcedflow.live.clock_skew import ClockSkew
from forcedflow.live.gap_watch import GapWatch, Outage
from forcedflow.live.health import ConnectionWatch, VenueHealth, VenueState
from forcedflow.log import get_logger
from forcedflow.store.feed_gaps import FeedGap
from forcedflow.store.raw_log import Frame, RawHeader, RawLog
from forcedflow.venues.connector import Connector, Request, family_of
from forcedflow.venues.row_buffer import RowBuffer

SAID_EVERY_NS: Final = 60_000_000_000
"""One kind of trouble is logged at most so often. [ns]"""

GAPS_SHOWN: Final = 1_000
"""Gaps that a health report lists, the latest; all of them are written down."""

_log = get_logger("live")


@dataclass(frozen=True, slots=True)
class Taken:
    """What follows from a batch of frames.

    Parameters
    ----------
    requests : tuple of Request
        What readers must ask for, such as a book's snapshot.
    outages : tuple of Outage
        What feeds did not tell us, and may tell when asked.
    """

    requests: tuple[Request, ...]
    outages: tuple[Outage, ...]


class VenueRecorder:
    """Records one venue. For one thread, but for `raw`'s flushes.

    Parameters
    ----------
    connector : Connector
        The venue, described.
    instruments : sequence of Instrument
        Contracts to follow.
    tables : sequence of str
        Tables to follow.
    interval_ms : int
        Length of price bars. [ms]
    root : Path
        Folder of the lake.
    """

    def __init__(
        self,
        connector: Connector,
        instruments: Sequence[Instrument],
        tables: Sequence[str],
        interval_ms: int,
        root: Path,
    ) -> None:
        self.connector: Final = connector
        self.instruments: Final = tuple(instruments)
        self.tables: Final = tuple(tables)
        self.interval_ms: Final = interval_ms
        header = RawHeader(connector.name, self.tables, self.instruments, interval_ms)
        self.raw: Final = RawLog(root, header)
        self.state: VenueState = "starting"
        self.problem = ""
        self.skew: ClockSkew | None = None
        self.refused_rows = 0
        self._gaps: list[FeedGap] = []
        self._reader = connector.reader(self.instruments)
        self._buffer = RowBuffer(connector.name)
        feeds, polls = connector.feeds(self.tables, self.instruments, interval_ms)
        carries = {feed.name: feed.carries for feed in feeds}
        carries |= {poll.request.connection: poll.carries for poll in polls}
        self._outages = GapWatch(carries)
        self._watches = {name: ConnectionWatch(name) for name in carries}
        self._asked: dict[str, ConnectionWatch] = {}
        self.leaving = False
        self._said_ns: dict[str, int] = {}

    @property
    def name(self) -> str:
        """Return the lower-case venue id."""
        return self.connector.name

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return the unified symbols that are followed."""
        return tuple(instrument.symbol for instrument in self.instruments)

    @property
    def waiting_rows(self) -> int:
        """Return how many rows were read and not yet taken."""
        return len(self._buffer)

    def take(self, frames: Sequence[Frame]) -> Taken:
        """Keep frames raw and read them into rows.

        A message that cannot be read is counted, kept raw and said once a minute per kind; the
        others are read.
        """
        self.raw.append(frames)
        requests: list[Request] = []
        outages: list[Outage] = []
        buffer = self._buffer
        for frame in frames:
            if not self.leaving and (outage := self._outages.see(frame)):
                outages.append(outage)
            watch = self._watch(frame.connection)
            buffer.last_event_ms = None
            try:
                requests += self._reader.read(frame, buffer)
            except FrameError as error:
                watch.refused += 1
                self._say(frame.received_ns, error.what, str(error))
            watch.see(frame, buffer.last_event_ms)
        return Taken(tuple(requests), tuple(outages))

    def take_buffer(self) -> RowBuffer:
        """Return the rows read since the last call; nobody adds to that buffer any more."""
        buffer, self._buffer = self._buffer, RowBuffer(self.name)
        return buffer

    def refuse_rows(self, errors: Sequence[SchemaError], now_ns: int) -> None:
        """Count rows that do not fit their tables."""
        for error in errors:
            self.refused_rows += 1
            self._say(now_ns, f"row of {error.table}", str(error))

    def leave(self, now_ms: int) -> tuple[Outage, ...]:
        """Return the outages that have not ended by now. [UTC ms]

        What is closed from here on is closed by us.
        """
        self.leaving = True
        return self._outages.end(now_ms)

    def add_gap(self, gap: FeedGap) -> None:
        """Take note of what became of an outage."""
        self._gaps.append(gap)
        del self._gaps[:-GAPS_SHOWN]

    def tick(self, now_ns: int) -> None:
        """Bring rates up to date; called every second or so."""
        for watch in (*self._watches.values(), *self._asked.values()):
            watch.tick(now_ns)

    def health(
        self, now_ns: int, dropped: Mapping[str, int], rows: Mapping[str, int]
    ) -> VenueHealth:
        """Return how the venue is heard.

        Parameters
        ----------
        now_ns : int
            Our clock. [UTC ns]
        dropped : mapping of str to int
            Messages given up before they came here, by connection.
        rows : mapping of str to int
            Rows read so far, by table.
        """
        return VenueHealth(
            venue=self.name,
            state=self.state,
            problem=self.problem,
            symbols=self.symbols,
            tables=self.tables,
            rows=rows,
            refused_rows=self.refused_rows,
            connections=tuple(
                watch.health(now_ns, dropped.get(watch.name, 0))
                for watch in (*self._watches.values(), *self._asked.values())
            ),
            skew=self.skew,
            gaps=tuple(self._gaps),
            raw_bytes=self.raw.written_bytes,
        )

    def _watch(self, connection: str) -> ConnectionWatch:
        watch = self._watches.get(connection)
        if watch is not None:
            return watch
        # What readers ask for themselves, of thousands of accounts perhaps: counted by kind.
        name = family_of(connection)
        watch = self._asked.get(name)
        if watch is None:
            watch = self._asked[name] = ConnectionWatch(name)
        return watch

    def _say(self, now_ns: int, kind: str, problem: str) -> None:
        if now_ns - self._said_ns.get(kind, -SAID_EVERY_NS) >= SAID_EVERY_NS:
            self._said_ns[kind] = now_ns
            _log.warning("not readable", venue=self.name, kind=kind, problem=problem)

"""Health of a recording: what each connection has brought, how late, and what went wrong.

In:  messages as they come, with times [ns, ms], and what became of each.
Out: `RecordHealth`, a value that is also JSON.
Free of any clock but the times given; lags are as measured, never corrected for clock skew.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from forcedflow.live.clock_skew import ClockSkew
from forcedflow.store.feed_gaps import FeedGap
from forcedflow.store.raw_log import Frame

VenueState: TypeAlias = Literal["starting", "recording", "ended", "failed"]

RATE_SPAN_S: Final = 10.0
"""Time constant of the message rate's moving average. [s]"""

LAGS_KEPT: Final = 1_000
"""Lags that the percentiles are of, the latest."""


class ConnectionHealth(msgspec.Struct, frozen=True):
    """What one connection or poll has brought, or all requests of one kind.

    Parameters
    ----------
    connection : str
        Its name; of requests what is asked, not of whom.
    connected : bool
        Whether it is up.
    messages : int
        Messages and answers so far.
    rate_per_s : float
        Messages per second, averaged over about ten seconds. [1/s]
    age_s : float, optional
        Since the last message; None before the first. [s]
    lag_p50_ms, lag_p99_ms : float, optional
        From the event to our hearing of it, by the venue's clock and ours; None before the first
        row. [ms]
    reconnects : int
        Connections after the first.
    refused : int
        Messages that could not be read; they are kept raw.
    dropped : int
        Messages given up for want of memory: book changes before anything else.
    """

    connection: str
    connected: bool
    messages: int
    rate_per_s: float
    age_s: float | None
    lag_p50_ms: float | None
    lag_p99_ms: float | None
    reconnects: int
    refused: int
    dropped: int


class VenueHealth(msgspec.Struct, frozen=True):
    """How one venue is heard.

    Parameters
    ----------
    venue : str
        Lower-case venue id.
    state : {"starting", "recording", "ended", "failed"}
    problem : str
        What went wrong last and has not mended; empty otherwise.
    symbols, tables : tuple of str
        What is followed.
    rows : mapping of str to int
        Rows read, by table.
    refused_rows : int
        Rows that do not fit their table.
    connections : tuple of ConnectionHealth
    skew : ClockSkew, optional
        The venue's clock against ours.
    gaps : tuple of FeedGap
        What was not heard, repaired or not.
    raw_bytes : int
        Raw messages on the disk, compressed. [bytes]
    """

    venue: str
    state: VenueState
    problem: str
    symbols: tuple[str, ...]
    tables: tuple[str, ...]
    rows: Mapping[str, int]
    refused_rows: int
    connections: tuple[ConnectionHealth, ...]
    skew: ClockSkew | None
    gaps: tuple[FeedGap, ...]
    raw_bytes: int


class TableHealth(msgspec.Struct, frozen=True):
    """What became of a table's rows in the lake; counts as in a write."""

    added: int
    replaced: int
    unchanged: int


class RecordHealth(msgspec.Struct, frozen=True):
    """How a recording goes.

    Parameters
    ----------
    started_ms, now_ms : int
        When it began, and when this was true. [UTC ms]
    venues : tuple of VenueHealth
        In the order in which they were asked for.
    tables : mapping of str to TableHealth
        What is in the lake by now.
    waiting_rows : int
        Rows on their way there.
    problem : str
        Why the lake cannot be written to; empty where it can.
    """

    started_ms: int
    now_ms: int
    venues: tuple[VenueHealth, ...]
    tables: Mapping[str, TableHealth]
    waiting_rows: int
    problem: str

    @property
    def all_failed(self) -> bool:
        """Return whether no venue was heard."""
        return all(venue.state == "failed" for venue in self.venues)


class ConnectionWatch:
    """What is remembered of one connection while it is followed.

    Parameters
    ----------
    name : str
        The connection.
    """

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.connected = False
        self.messages = self.refused = 0
        self._opened = 0
        self._last_ns: int | None = None
        self._counted_ns: int | None = None
        self._counted = 0
        self._rate = 0.0
        self._lags_ms: deque[int] = deque(maxlen=LAGS_KEPT)

    def see(self, frame: Frame, event_ms: int | None) -> None:
        """Take note of a frame.

        Parameters
        ----------
        frame : Frame
        event_ms : int, optional
            Event time of its last row; None where it gave none. [UTC ms]
        """
        if frame.kind == "closed":
            self.connected = False
            return
        self.connected = True
        if frame.kind == "opened":
            self._opened += 1
            return
        self.messages += 1
        self._last_ns = frame.received_ns
        if event_ms is not None and frame.kind == "message":
            self._lags_ms.append(frame.received_ms - event_ms)

    def tick(self, now_ns: int) -> None:
        """Bring the rate up to date; called every second or so."""
        if self._counted_ns is not None and now_ns > self._counted_ns:
            span_s = (now_ns - self._counted_ns) / 1e9
            fresh = (self.messages - self._counted) / span_s
            self._rate += (1 - math.exp(-span_s / RATE_SPAN_S)) * (fresh - self._rate)
        self._counted_ns, self._counted = now_ns, self.messages

    def health(self, now_ns: int, dropped: int) -> ConnectionHealth:
        """Return what is known.

        Parameters
        ----------
        now_ns : int
            Our clock. [UTC ns]
        dropped : int
            Messages of it that were given up before they came here.
        """
        lags = sorted(self._lags_ms)
        return ConnectionHealth(
            connection=self.name,
            connected=self.connected,
            messages=self.messages,
            rate_per_s=self._rate,
            age_s=None if self._last_ns is None else (now_ns - self._last_ns) / 1e9,
            lag_p50_ms=_percentile(lags, 0.5),
            lag_p99_ms=_percentile(lags, 0.99),
            reconnects=max(0, self._opened - 1),
            refused=self.refused,
            dropped=dropped,
        )


def _percentile(ordered: Sequence[int], share: float) -> float | None:
    # The smallest value that so many are not above: always one that was measured.
    if not ordered:
        return None
    return float(ordered[max(0, math.ceil(share * len(ordered)) - 1)])

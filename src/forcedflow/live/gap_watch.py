"""Gaps as they open and close: from the frames of a venue's connections.

In:  frames in the order in which they came.   Out: spans in which a feed told us nothing.
Free of any clock: a gap is measured between frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forcedflow.store.raw_log import Frame
from forcedflow.venues.websocket import SUCCEEDED

_SUCCEEDED = SUCCEEDED.encode()


@dataclass(frozen=True, slots=True)
class Outage:
    """A span in which a feed told us nothing.

    Parameters
    ----------
    connection : str
        Name of the feed.
    tables : frozenset of str
        Tables that it feeds.
    start_ms, end_ms : int
        From its last message before to its return, half-open. [UTC ms, our clock]
    reason : str
        Why it was down, in words.
    """

    connection: str
    tables: frozenset[str]
    start_ms: int
    end_ms: int
    reason: str


@dataclass(slots=True)
class _Down:
    since_ms: int
    reason: str


class GapWatch:
    """Which of a venue's feeds are down.

    Parameters
    ----------
    carries : mapping of str to frozenset of str
        Tables of each connection; any other connection is a question of a reader's own, and one
        that fails is no gap.
    """

    def __init__(self, carries: Mapping[str, frozenset[str]]) -> None:
        self._carries = dict(carries)
        self._last_ms: dict[str, int] = {}
        self._down: dict[str, _Down] = {}

    def see(self, frame: Frame) -> Outage | None:
        """Take note of a frame, and return the outage that it ends, if any.

        An outage begins with the last message before it: what a half-open connection was sent is
        lost, though nobody knew.
        """
        name = frame.connection
        if name not in self._carries:
            return None
        if frame.kind == "closed":
            if frame.raw == _SUCCEEDED:
                return None  # the connection that follows was heard before this one ended
            since_ms = self._last_ms.get(name, frame.received_ms)
            self._down.setdefault(name, _Down(since_ms, frame.raw.decode(errors="replace")))
            return None
        self._last_ms[name] = frame.received_ms
        down = self._down.pop(name, None)
        return None if down is None else self._outage(name, down, frame.received_ms)

    def end(self, now_ms: int) -> tuple[Outage, ...]:
        """Return the outages of feeds that have not come back, up to now. [UTC ms]"""
        ended = tuple(self._outage(name, down, now_ms) for name, down in self._down.items())
        self._down.clear()
        return ended

    def _outage(self, name: str, down: _Down, end_ms: int) -> Outage:
        # A clock that was set back between the two must not turn the span around.
        end_ms = max(end_ms, down.since_ms)
        return Outage(name, self._carries[name], down.since_ms, end_ms, down.reason)

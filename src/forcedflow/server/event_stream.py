"""The event stream: what happens live, encoded once and fanned out to every listener.

In:  events: a kind, a market, a payload.   Out: bytes of Server-Sent Events, one queue a listener.
Free of HTTP and of any clock. Publishing never waits: a listener that cannot keep up loses what its
queue does not hold, is told to read everything again, and slows nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from forcedflow.errors import UsageError

RING = 2_048
"""Events that can be asked for again."""

QUEUE = 256
"""Events that a listener may lag behind."""

MOST_LISTENERS = 256


class Market(msgspec.Struct, frozen=True):
    """Whose event it is.

    Parameters
    ----------
    venue, symbol : str
    """

    venue: str
    symbol: str

    @property
    def key(self) -> str:
        """Return the name that listeners choose markets by."""
        return f"{self.venue}:{self.symbol}"


class TooManyListenersError(Exception):
    """The stream has as many listeners as it takes."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event, ready to be sent.

    Parameters
    ----------
    number : int
        Place in the stream, from 1.
    kind : str
    market : str
        ``venue:symbol``; empty for events of no one market.
    wire : bytes
    """

    number: int
    kind: str
    market: str
    wire: bytes


@dataclass(frozen=True, slots=True)
class Choice:
    """What a listener wants to hear; without any of either, everything.

    Parameters
    ----------
    markets : frozenset of str
        ``venue:symbol`` each. Events of no one market are always heard.
    kinds : frozenset of str
    """

    markets: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()

    def wants(self, event: Event) -> bool:
        """Return whether the listener is to hear an event."""
        if self.kinds and event.kind not in self.kinds:
            return False
        return not self.markets or not event.market or event.market in self.markets


@dataclass(eq=False, slots=True)
class Listener:
    """One connection's queue.

    Parameters
    ----------
    choice : Choice
    loop : asyncio.AbstractEventLoop
        Loop that the connection is served by.
    """

    choice: Choice
    loop: asyncio.AbstractEventLoop
    waiting: deque[bytes] = field(default_factory=deque)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    overflows: int = 0


class EventStream:
    """Events of this process, numbered, and who listens.

    Parameters
    ----------
    ring : int
        Events kept for those who come back.
    queue : int
        Events that a listener may lag behind before it is told to read everything again.
    most_listeners : int
    boot : str, optional
        Name of this run; an id of another run is not known here. Random by default.
    """

    def __init__(
        self,
        ring: int = RING,
        queue: int = QUEUE,
        most_listeners: int = MOST_LISTENERS,
        boot: str | None = None,
    ) -> None:
        self.boot = secrets.token_hex(4) if boot is None else boot
        if not self.boot.isalnum():
            raise UsageError(f"{self.boot!r} is no name of a run: letters and digits")
        self._queue, self._most = queue, most_listeners
        self._ring: deque[Event] = deque(maxlen=ring)
        self._listeners: set[Listener] = set()
        self._number = 0
        self._overflows = 0
        self.closed = False
        # Publishers may run in any thread; what is held here is short and never waits.
        self._lock = threading.Lock()

    @property
    def last_id(self) -> str:
        """Return the id of the newest event; ``<boot>-0`` before the first."""
        return f"{self.boot}-{self._number}"

    @property
    def listeners(self) -> int:
        """Return how many listen."""
        return len(self._listeners)

    @property
    def published(self) -> int:
        """Return how many events there were."""
        return self._number

    @property
    def overflows(self) -> int:
        """Return how often a listener's queue overflowed."""
        return self._overflows

    def publish(self, kind: str, market: Market | None, payload: Mapping[str, Any]) -> str:
        """Send an event to everybody who wants it; return its id. Safe from any thread.

        Parameters
        ----------
        kind : str
            Such as ``update``, ``alert``, ``liquidation`` or ``health``.
        market : Market, optional
            None for what is of no one market.
        payload : mapping
            Plain values for JSON.

        Raises
        ------
        UsageError
            If the kind is no single word.
        """
        if not kind.replace("_", "").isalnum():
            raise UsageError(f"{kind!r} is no kind of event: letters, digits and _")
        data = msgspec.json.encode({"market": market, "payload": payload})
        with self._lock:
            self._number += 1
            event = Event(
                self._number,
                kind,
                "" if market is None else market.key,
                _wire(kind, data, self.last_id),
            )
            self._ring.append(event)
            loops: dict[asyncio.AbstractEventLoop, list[Listener]] = {}
            for listener in self._listeners:
                if listener.choice.wants(event):
                    self._put(listener, event)
                    loops.setdefault(listener.loop, []).append(listener)
            number = self.last_id
        for loop, woken in loops.items():
            _wake(loop, woken)
        return number

    def listen(self, choice: Choice, last_id: str | None = None) -> Listener:
        """Begin to listen; must be called in the loop that serves the connection.

        Parameters
        ----------
        choice : Choice
        last_id : str, optional
            Id of the last event heard: what came since is heard first, where it is still held;
            else the listener is told to read everything again.

        Raises
        ------
        TooManyListenersError
            If there are too many.
        """
        listener = Listener(choice, asyncio.get_running_loop())
        with self._lock:
            if len(self._listeners) >= self._most:
                raise TooManyListenersError(f"{self._most} listen already")
            missed = self._missed(last_id)
            hello = {"boot": self.boot, "last_id": self.last_id, "retry_ms": 2_000}
            listener.waiting.append(b"retry: 2000\n" + _wire("hello", msgspec.json.encode(hello)))
            if missed is None:
                listener.waiting.append(self._resync("unknown id"))
            else:
                wanted = [event for event in missed if choice.wants(event)]
                if len(wanted) > self._queue:
                    listener.waiting.append(self._resync("overflow"))
                else:
                    listener.waiting.extend(event.wire for event in wanted)
            listener.ready.set()
            self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Stop listening."""
        with self._lock:
            self._listeners.discard(listener)

    def comment(self, listener: Listener) -> None:
        """Put a comment into a queue, so that whatever is between does not take it for dead."""
        with self._lock:
            listener.waiting.append(b": keep-alive\n\n")
        listener.ready.set()

    def close(self) -> None:
        """Let every listener go: the server ends."""
        with self._lock:
            self.closed = True
            loops: dict[asyncio.AbstractEventLoop, list[Listener]] = {}
            for listener in self._listeners:
                loops.setdefault(listener.loop, []).append(listener)
        for loop, woken in loops.items():
            _wake(loop, woken)

    def take(self, listener: Listener) -> bytes:
        """Return what waits for a listener as one piece, and empty its queue."""
        with self._lock:
            listener.ready.clear()
            piece = b"".join(listener.waiting)
            listener.waiting.clear()
        return piece

    def _put(self, listener: Listener, event: Event) -> None:
        if len(listener.waiting) >= self._queue:
            # All of it goes: half of what happened is worse than being told to look again.
            listener.waiting.clear()
            listener.waiting.append(self._resync("overflow"))
            listener.overflows += 1
            self._overflows += 1
        else:
            listener.waiting.append(event.wire)

    def _missed(self, last_id: str | None) -> list[Event] | None:
        """Return the events after an id; None where that cannot be told."""
        if last_id is None:
            return []
        boot, _, number = last_id.rpartition("-")
        if boot != self.boot or not (number.isascii() and number.isdigit() and len(number) < 20):
            return None
        seen = int(number)
        oldest = self._ring[0].number if self._ring else self._number + 1
        if seen > self._number or seen < oldest - 1:
            return None
        return [event for event in self._ring if event.number > seen]

    def _resync(self, reason: str) -> bytes:
        data = msgspec.json.encode({"market": None, "payload": {"reason": reason}})
        return _wire("resync", data, self.last_id)


def _wire(kind: str, data: bytes, number: str = "") -> bytes:
    head = f"id: {number}\nevent: {kind}\ndata: " if number else f"event: {kind}\ndata: "
    return head.encode() + data + b"\n\n"


def _wake(loop: asyncio.AbstractEventLoop, listeners: list[Listener]) -> None:
    def ring() -> None:
        for listener in listeners:
            listener.ready.set()

    # A loop that was closed served listeners who are gone.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(ring)

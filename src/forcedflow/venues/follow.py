"""Every feed and poll of a connector at once, as one sequence of frames.

In:  a connector, tables, instruments.   Out: batches of `Frame`s in the order in which they came.
Free of what frames say; clock and chance are passed in.

One feed that fails does not stop the others: what happens to a connection is a frame among its
messages, and `Follower.health` has the numbers.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from forcedflow.errors import BlockedError, NotThereError, VenueError
from forcedflow.instruments import Instrument
from forcedflow.log import get_logger
from forcedflow.store.raw_log import Frame
from forcedflow.venues.connector import Connector, Feed, Http, Poll, Request, family_of
from forcedflow.venues.inbox import DROPPED, Inbox
from forcedflow.venues.websocket import Patience, listen

LIVE_INTERVAL_MS: Final = 60_000
"""Length of the price bars of a stream."""

# How long feeds may take to close and hand over what they hold before they are cut.
_LEAVE_S: Final = 5.0

_log = get_logger("venues")


@dataclass(frozen=True, slots=True)
class ConnectionHealth:
    """How one connection or poll fares, or the requests of one kind.

    Parameters
    ----------
    connection : str
        Name that its frames carry; of requests as `forcedflow.venues.connector.family_of` says.
    is_open : bool
        Whether it is connected; for a poll or request, whether the last one was answered.
    messages : int
        Messages and answers that came.
    bytes_received : int
        Their size. [bytes]
    drops : int
        Messages given up because more came than could be read.
    reconnects : int
        How often it was opened again, planned renewals included.
    last_received_ns : int, optional
        When the last message came. [UTC ns]
    queued : int
        Frames that wait to be read.
    problem : str
        Why it was closed last; empty if it never was.
    """

    connection: str
    is_open: bool
    messages: int
    bytes_received: int
    drops: int
    reconnects: int
    last_received_ns: int | None
    queued: int
    problem: str


class _Tally:
    """What is counted of one connection."""

    __slots__ = ("bytes_received", "is_open", "last_ns", "messages", "opened", "problem")

    def __init__(self) -> None:
        self.is_open, self.problem = False, ""
        self.messages = self.bytes_received = self.opened = 0
        self.last_ns: int | None = None

    def count(self, frame: Frame) -> None:
        if frame.kind == "opened":
            self.is_open = True
            self.opened += 1
        elif frame.kind == "closed":
            self.is_open = False
            self.problem = frame.raw.decode()
        else:
            self.is_open = self.is_open or frame.kind == "response"
            self.messages += 1
            self.bytes_received += len(frame.raw)
            self.last_ns = frame.received_ns


class Follower:
    """Follows a venue while its context is entered.

    Parameters
    ----------
    connector : Connector
        The venue, described.
    tables : sequence of str
        What to follow, among `Capabilities.streamed`.
    instruments : sequence of Instrument
        Of which contracts.
    http : Http
        Who asks for polls and requests, in threads.
    interval_ms : int
        Length of price bars. [ms]
    proxy : str, optional
        Address of an HTTP proxy for the websockets.
    now_ns : callable
        Local clock. [UTC ns]
    rng : random.Random, optional
        Spreads reconnections.
    inbox : Inbox, optional
        Where frames wait; its size bounds the memory.
    patience : Patience, optional
        How long to wait for what.

    Examples
    --------
    >>> async def follow(connector, tables, instruments, http):
    ...     reader, rows = connector.reader(instruments), RowBuffer(connector.name)
    ...     async with Follower(connector, tables, instruments, http) as follower:
    ...         async for batch in follower.batches():
    ...             for frame in batch:
    ...                 for request in reader.read(frame, rows):
    ...                     follower.ask(request)
    """

    def __init__(
        self,
        connector: Connector,
        tables: Sequence[str],
        instruments: Sequence[Instrument],
        http: Http,
        interval_ms: int = LIVE_INTERVAL_MS,
        *,
        proxy: str | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        rng: random.Random | None = None,
        inbox: Inbox | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._venue, self._http, self._proxy, self._now_ns = connector.name, http, proxy, now_ns
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self._patience = patience or Patience()
        # An empty inbox is false.
        self._inbox = Inbox() if inbox is None else inbox
        self.feeds, self.polls = connector.feeds(tables, instruments, interval_ms)
        self._leave = asyncio.Event()
        self._renew = {feed.name: asyncio.Event() for feed in self.feeds}
        self._own_names = {feed.name for feed in self.feeds}
        self._own_names |= {poll.request.connection for poll in self.polls}
        self._tallies: dict[str, _Tally] = {}
        self._blocked: dict[str, BlockedError] = {}
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._group: asyncio.TaskGroup | None = None
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        started = asyncio.Event()
        self._running = asyncio.create_task(self._run(started))
        await started.wait()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running is not None:
            self._running.cancel()
            (outcome,) = await asyncio.gather(self._running, return_exceptions=True)
            # Where the reader stopped on its own, nobody else would learn of a failure.
            if isinstance(outcome, Exception) and error is None:
                raise outcome

    async def batches(self) -> AsyncGenerator[list[Frame], None]:
        """Yield frames as they come, all that wait at once, until `stop`.

        Raises
        ------
        BlockedError
            If the venue refuses every feed.
        """
        while batch := await self._inbox.get_batch():
            for frame in batch:
                if frame.raw == DROPPED and frame.kind == "closed":
                    self._renew[frame.connection].set()
            yield batch
        if self._running is not None:
            running, self._running = self._running, None
            await running
        if self.feeds and len(self._blocked) == len(self.feeds):
            raise next(iter(self._blocked.values()))

    def rest(self) -> list[Frame]:
        """Return what came and was not yielded, for whoever ended before `batches` did."""
        return self._inbox.take()

    def ask(self, request: Request) -> None:
        """Ask over HTTP; the answer comes as a ``response`` frame of the request's connection.

        While one of that connection is under way, another is not made. One that fails is reported
        as a ``closed`` frame and made again, unless the venue says that it does not hold it.
        """
        if request.connection in self._asked or self._group is None or self._leave.is_set():
            return
        task = self._group.create_task(self._guard(self._request(request)))
        self._asked[request.connection] = task
        task.add_done_callback(lambda _: self._asked.pop(request.connection, None))

    def stop(self) -> None:
        """Leave the venue; `batches` gives what has come, and ends."""
        if self._leave.is_set():
            return
        self._leave.set()
        for task in self._asked.values():
            task.cancel()
        for task in self._tasks[len(self.feeds) :]:
            task.cancel()
        loop = asyncio.get_running_loop()
        for task in self._tasks[: len(self.feeds)]:
            loop.call_later(_LEAVE_S, task.cancel)

    def health(self) -> Mapping[str, ConnectionHealth]:
        """Return the numbers of every connection that said anything, by name."""
        queued: Counter[str] = Counter()
        for connection, count in self._inbox.queued().items():
            queued[self._name_of(connection)] += count
        return {
            name: ConnectionHealth(
                connection=name,
                is_open=tally.is_open,
                messages=tally.messages,
                bytes_received=tally.bytes_received,
                drops=self._inbox.dropped[name],
                reconnects=max(0, tally.opened - 1),
                last_received_ns=tally.last_ns,
                queued=queued[name],
                problem=tally.problem,
            )
            for name, tally in sorted(self._tallies.items())
        }

    async def _run(self, started: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                work = [*map(self._listen, self.feeds), *map(self._poll, self.polls)]
                self._tasks = [group.create_task(self._guard(task)) for task in work]
                started.set()
        except* Exception as failed:  # noqa: BLE001 - what one task raised is raised by itself
            raise failed.exceptions[0] from None
        finally:
            self._group = None
            self._inbox.close()

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:
            # A group that comes down takes no more tasks, and `ask` must not hide why.
            self._group = None
            raise

    async def _put(self, frame: Frame, *, droppable: bool = False) -> None:
        self._tally(frame.connection).count(frame)
        await self._inbox.put(frame, droppable=droppable)

    def _tally(self, connection: str) -> _Tally:
        name = self._name_of(connection)
        if (tally := self._tallies.get(name)) is None:
            tally = self._tallies[name] = _Tally()
        return tally

    def _name_of(self, connection: str) -> str:
        return connection if connection in self._own_names else family_of(connection)

    async def _listen(self, feed: Feed) -> None:
        frames = (feed.listen or listen)(
            feed,
            now_ns=self._now_ns,
            http=self._http,
            proxy=self._proxy,
            rng=self._rng,
            patience=self._patience,
            leave=self._leave,
            renew=self._renew[feed.name],
        )
        tally, put = self._tally(feed.name), self._inbox.put
        try:
            async with aclosing(frames):
                async for frame in frames:
                    tally.count(frame)
                    await put(frame, droppable=feed.droppable)
        except BlockedError as error:
            _log.warning("blocked", feed=feed.name, reason=error.problem)
            self._blocked[feed.name] = BlockedError(self._venue, error.problem)
            if len(self._blocked) == len(self.feeds):
                self.stop()

    async def _poll(self, poll: Poll) -> None:
        # The first at once, as nothing is known yet; then on the multiples of the period.
        while True:
            await self._answer(poll.request)
            now_s = self._now_ns() / 1e9
            await asyncio.sleep(poll.every_s - now_s % poll.every_s)

    async def _request(self, request: Request) -> None:
        failures = 0
        while isinstance(error := await self._answer(request), VenueError):
            if isinstance(error, NotThereError):
                return
            # The client has repeated it at once already; what still fails takes longer to mend.
            await asyncio.sleep(self._patience.after(failures + 3, self._rng))
            failures += 1

    async def _answer(self, request: Request) -> VenueError | None:
        try:
            body = await asyncio.to_thread(request.send, self._http)
        except VenueError as error:
            _log.warning("not answered", request=request.connection, reason=error.problem)
            reason = error.problem.encode()
            await self._put(Frame(self._now_ns(), request.connection, "closed", reason))
            return error
        await self._put(Frame(self._now_ns(), request.connection, "response", body))
        return None

"""One websocket connection, kept for as long as it is wanted: opened, subscribed, watched, renewed.

In:  a `Feed`.   Out: `Frame`s with the time at which each came. [UTC ns]
Free of what messages say; clock and chance are passed in.

A planned renewal opens the new connection and waits for its first message before the old one is
closed, so that nothing is missed; what both carried comes twice, which keyed rows tolerate.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
)

from forcedflow.errors import BlockedError, FrameError, UsageError, VenueError
from forcedflow.log import get_logger
from forcedflow.store.raw_log import Frame
from forcedflow.venues.connector import Feed, Http
from forcedflow.venues.http import blocked, check_proxy, retry_after_s

SUCCEEDED: Final = "renewed before the venue would cut it"
"""Reason on the ``closed`` frame of a connection whose successor was there already: no gap."""

_MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
_TEXT_BELOW: Final = 0x7F
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_DEFLATE: Final = -zlib.MAX_WBITS

_log = get_logger("venues")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection's keeper waits for what. All in seconds.

    Parameters
    ----------
    first_s, longest_s : float
        Wait after the first failure in a row, doubled for each further one up to the longest.
    healthy_s : float
        A connection that lived so long was none of these failures.
    open_s : float
        For the handshake.
    close_s : float
        For the other side's part in closing.
    first_message_s : float
        For a new connection's first message before the old one is closed.
    refused_s : float
        Before another handshake where a venue counts too many and does not say how long.
    between_messages_s : float
        Between two messages that we send; venues cut who sends more than five a second.
    """

    first_s: float = 0.5
    longest_s: float = 60.0
    healthy_s: float = 30.0
    open_s: float = 10.0
    close_s: float = 2.0
    first_message_s: float = 5.0
    refused_s: float = 60.0
    between_messages_s: float = 0.21

    def after(self, failures: int, rng: random.Random) -> float:
        """Return the wait after so many failures in a row, at least half of it certain. [s]"""
        longest = min(self.longest_s, self.first_s * 2.0 ** min(failures, 30))
        return rng.uniform(longest / 2, longest)


async def listen(
    feed: Feed,
    *,
    now_ns: Callable[[], int] = time.time_ns,
    http: Http | None = None,
    proxy: str | None = None,
    rng: random.Random | None = None,
    patience: Patience | None = None,
    leave: asyncio.Event | None = None,
    renew: asyncio.Event | None = None,
) -> AsyncGenerator[Frame, None]:
    """Yield what a feed sends, across reconnections, until closed or told to leave.

    Every connection gives one ``opened`` frame, its messages, and one ``closed`` frame with the
    reason; an attempt that failed gives a ``closed`` frame alone. What arrived before a connection
    ended is yielded before its ``closed`` frame.

    Parameters
    ----------
    feed : Feed
    now_ns : callable
        Local clock. [UTC ns]
    http : Http, optional
        Who asks for the address of a feed that has one handed out.
    proxy : str, optional
        Address of an HTTP proxy; without one, what the system's variables say.
    rng : random.Random, optional
        Spreads reconnections, so that not all clients return at once.
    patience : Patience, optional
    leave : asyncio.Event, optional
        Once set, the connection is closed, what it still holds is yielded, and the frames end.
    renew : asyncio.Event, optional
        Once set, the connection is made anew; cleared when that is under way.

    Raises
    ------
    BlockedError
        If the venue refuses this address or this country; a ``closed`` frame precedes it.
    UsageError
        If the feed's address or the proxy cannot be used.
    """
    check_proxy(proxy)
    rng = rng or random.Random()  # noqa: S311 - jitter
    caller = _Caller(feed, http, proxy, rng, patience or Patience())
    leave, renew = leave or asyncio.Event(), renew or asyncio.Event()
    loop = asyncio.get_running_loop()
    line: _Line | None = None
    failures = 0

    def mark(reason: str) -> Frame:
        _log.info("closed", feed=feed.name, reason=reason)
        return Frame(now_ns(), feed.name, "closed", reason.encode())

    try:
        while not leave.is_set():
            if line is None:
                try:
                    line = await caller.call()
                except _RefusedError as error:
                    yield mark(str(error))
                    if error.blocked:
                        raise BlockedError(feed.name, str(error)) from error
                    wait_s = error.wait_s or caller.patience.after(failures, caller.rng)
                    failures += 1
                    await _pass(wait_s, leave)
                    continue
            opened = loop.time()
            yield Frame(now_ns(), feed.name, "opened", b"")
            _log.info("opened", feed=feed.name)
            line.keep(leave, renew)
            while (raw := await line.receive()) is not None:
                yield Frame(now_ns(), feed.name, "message", raw)
            yield mark(line.reason)
            failures = 0 if loop.time() - opened >= caller.patience.healthy_s else failures + 1
            ended, line = line, line.take_successor()
            await ended.end()
            if line is None:
                await _pass(caller.patience.after(max(failures - 1, 0), caller.rng), leave)
    finally:
        if line is not None:
            await line.end()


class _RefusedError(Exception):
    """A handshake that failed."""

    def __init__(self, problem: str, *, blocked: bool = False, wait_s: float | None = None) -> None:
        self.blocked, self.wait_s = blocked, wait_s
        super().__init__(problem)


class _Socket(ClientConnection):
    """A connection that remembers when its last byte came, pongs included."""

    last_byte_s = -math.inf

    def data_received(self, data: bytes) -> None:
        self.last_byte_s = self.loop.time()
        super().data_received(data)


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        # Market data from a host that nobody named is worth nothing.
        return exc


class _Caller:
    """Makes connections of one feed."""

    def __init__(
        self,
        feed: Feed,
        http: Http | None,
        proxy: str | None,
        rng: random.Random,
        patience: Patience,
    ) -> None:
        self.feed, self.http, self.proxy = feed, http, proxy
        self.rng, self.patience = rng, patience

    async def call(self) -> _Line:
        feed, patience = self.feed, self.patience
        address = await self._address()
        try:
            socket = await _Connect(
                address,
                additional_headers=dict(feed.headers),
                proxy=self.proxy or True,
                create_connection=_Socket,
                open_timeout=patience.open_s,
                close_timeout=patience.close_s,
                # The answer to a ping is a byte that came; who is silent is our own watch's matter.
                ping_interval=feed.silence_s / 3,
                ping_timeout=None,
                max_size=_MAX_MESSAGE_BYTES,
                max_queue=1024,
            )
        except (InvalidURI, InvalidProxy) as error:
            raise UsageError(f"{feed.name}: cannot connect to {feed.url}") from error
        except InvalidStatus as error:
            raise self._refusal(error) from error
        except (OSError, InvalidHandshake) as error:
            problem = f"{type(error).__name__}: {error}"
            raise _RefusedError(f"cannot connect: {problem}") from error
        # What was asked for is what the class was told to make.
        assert isinstance(socket, _Socket)  # noqa: S101
        return _Line(self, socket)

    async def _address(self) -> str:
        ask, http = self.feed.address, self.http
        if ask is None:
            return self.feed.url
        if http is None:
            raise UsageError(f"{self.feed.name}: nobody to ask for the address of {self.feed.url}")
        try:
            return await asyncio.to_thread(ask, http)
        except BlockedError as error:
            raise _RefusedError(error.problem, blocked=True) from error
        except (VenueError, FrameError) as error:
            raise _RefusedError(f"no address to connect to: {error}") from error

    def _refusal(self, error: InvalidStatus) -> _RefusedError:
        status = error.response.status_code
        if status in {403, 451}:
            return _RefusedError(blocked(self.feed.url, status), blocked=True)
        problem = f"cannot connect: status {status}"
        if status in {418, 429}:
            wait_s = retry_after_s(error.response.headers, self.patience.refused_s)
            return _RefusedError(f"{problem}, asks for a pause of {wait_s:.0f} s", wait_s=wait_s)
        return _RefusedError(problem)


class _Line:
    """One connection while it lives, and the one that will follow it."""

    def __init__(self, caller: _Caller, socket: _Socket) -> None:
        self._caller, self._socket = caller, socket
        self._loop = asyncio.get_running_loop()
        self._asked_s = math.inf
        self._first: bytes | None = None
        self._keeper: list[asyncio.Task[None]] = []
        self._subscribed = asyncio.Event()
        self._speaker = asyncio.create_task(self._speak())
        self._successor: _Line | None = None
        self.reason = ""

    def keep(self, leave: asyncio.Event, renew: asyncio.Event) -> None:
        """Watch over it from now on: silence, age, and what its owner wants."""
        renew.clear()
        watches = [
            self._watch_silence(),
            self._end_on(leave, "left"),
            self._end_on(renew, "renewed"),
        ]
        if self._caller.feed.lifetime_s is not None:
            watches.append(self._succeed(self._caller.feed.lifetime_s))
        self._keeper = [asyncio.create_task(watch) for watch in watches]

    async def receive(self) -> bytes | None:
        """Return the next message, or None once there will be none; then `reason` says why."""
        if (first := self._first) is not None:
            self._first = None
            return first
        self._asked_s = self._loop.time()
        try:
            raw = await self._socket.recv(decode=False)
        except ConnectionClosed as error:
            if self.reason == SUCCEEDED and error.rcvd is None:
                # Without the venue's closing frame nobody knows whether that was its last message.
                self.reason = f"renewed, but cut before its end: {_reason(error)}"
            self.reason = self.reason or _reason(error)
            return None
        self._asked_s = math.inf
        return _inflated(raw)

    def take_successor(self) -> _Line | None:
        """Return the connection that follows, if one was made."""
        successor, self._successor = self._successor, None
        return successor

    async def end(self) -> None:
        """Close it and everything that watches over it."""
        tasks = [self._speaker, *self._keeper]
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        if self._successor is not None:
            await self._successor.end()
        await self._socket.close()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _speak(self) -> None:
        feed, between_s = self._caller.feed, self._caller.patience.between_messages_s
        with suppress(ConnectionClosed):  # whoever receives learns of it
            try:
                for message in feed.subscribe:
                    await self._socket.send(message)
                    await asyncio.sleep(between_s)
            finally:
                self._subscribed.set()
            while feed.ping is not None:
                await asyncio.sleep(feed.ping_every_s)
                await self._socket.send(feed.ping)

    async def _watch_silence(self) -> None:
        silence_s = self._caller.feed.silence_s
        while True:
            # While nobody asks for the next message, reading may be paused: no sign of silence.
            heard_s = max(self._socket.last_byte_s, self._asked_s)
            left_s = heard_s + silence_s - self._loop.time()
            if left_s <= 0:
                self.reason = f"no byte for {silence_s:g} s"
                self._socket.transport.abort()
                return
            await asyncio.sleep(min(left_s, silence_s))

    async def _end_on(self, event: asyncio.Event, reason: str) -> None:
        await event.wait()
        self.reason = reason
        await self._socket.close()

    async def _succeed(self, lifetime_s: float) -> None:
        caller = self._caller
        # Connections opened together need not be renewed together.
        await asyncio.sleep(lifetime_s * caller.rng.uniform(0.95, 1.0))
        failures = 0
        while self._successor is None:
            try:
                self._successor = await caller.call()
            except _RefusedError as error:
                _log.warning("renewal failed", feed=caller.feed.name, reason=str(error))
                await asyncio.sleep(error.wait_s or caller.patience.after(failures, caller.rng))
                failures += 1
        await self._successor.await_first()
        self.reason = SUCCEEDED
        await self._socket.close()

    async def await_first(self) -> None:
        """Return once all is asked for and it has a message to give, or had the time for one."""
        # An answer to the first subscription says nothing of the last.
        await self._subscribed.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._caller.patience.first_message_s):
                self._first = await self.receive()


def _reason(error: ConnectionClosed) -> str:
    if error.rcvd is not None:
        return f"closed by the venue: {error.rcvd.code} {error.rcvd.reason}".rstrip()
    cause = error.__cause__
    return "connection lost" if cause is None else f"connection lost: {cause}"


def _inflated(raw: bytes) -> bytes:
    # Text never begins with a control character other than a space or a line end, nor above ASCII.
    if not raw or raw[0] in b"{[" or (0x20 <= raw[0] < _TEXT_BELOW and raw[0] != 0x78):
        return raw
    for bits in (_GZIP_OR_ZLIB, _DEFLATE):
        stream = zlib.decompressobj(bits)
        try:
            inflated = stream.decompress(raw, _MAX_MESSAGE_BYTES)
        except zlib.error:
            continue
        if stream.eof:
            return inflated
    return raw


async def _pass(seconds: float, leave: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await leave.wait()

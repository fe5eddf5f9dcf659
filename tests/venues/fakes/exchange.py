"""A venue on loopback: real HTTP, real websockets, and every misfortune that can befall them.

In:  facts, and what is to go wrong with them.   Out: the venue's own messages, over sockets.
Free of the connectors: what is spoken here was written from the venues' documentation.
"""

from __future__ import annotations

import abc
import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import msgspec
from aiohttp import WSMsgType, web
from tests.venues.fakes.facts import BookChange, Fact, Kind, TrueBook

from forcedflow.venues.connector import Endpoints

Json: TypeAlias = Any
Wire: TypeAlias = str | bytes
Passage: TypeAlias = Callable[[list[str]], Sequence[Wire]]
"""What becomes of messages on their way to one connection: some are doubled, shuffled, torn."""

PATIENCE_S = 15.0


class PlainText(str):
    """An answer that is no JSON: some venues say the bare word."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a channel, before it is wrapped for a connection."""

    channel: str
    body: Json


@dataclass(slots=True)
class HttpFault:
    """An answer given instead of the right one, so many times."""

    status: int
    times: int
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(eq=False, slots=True)
class Connection:
    """One websocket that a client holds."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    path: str
    channels: set[str] = field(default_factory=set)
    deaf: asyncio.Event = field(default_factory=asyncio.Event)


class FakeExchange(abc.ABC):
    """One venue. Use as a context manager; it answers from its own thread.

    Attributes
    ----------
    history : list of Fact
        Everything that happened, whether or not a socket carried it: HTTP answers from it.
    requests : list of str
        Paths asked for over HTTP (on Hyperliquid the type of the question).
    asked_at_s : list of float
        When each was asked. [s, monotonic]
    said : int
        Messages sent over websockets, replies included.
    compressed : int
        Connections that agreed to permessage-deflate.
    recalled : list of Fact
        What fresh subscribers were told of the past, where a venue repeats its last prints.
    """

    venue: str

    def __init__(self) -> None:
        self.history: list[Fact] = []
        self.requests: list[str] = []
        self.asked_at_s: list[float] = []
        self.said = 0
        self.compressed = 0
        self.recalled: list[Fact] = []
        self.books: dict[Kind, TrueBook] = {"linear": TrueBook(), "inverse": TrueBook()}
        self.handshakes = 0
        self._faults: list[HttpFault] = []
        self._connections: set[Connection] = set()
        self._refused: int | None = None
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"fake {self.venue}", daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(PATIENCE_S):
            raise TimeoutError("the fake exchange did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            raise TimeoutError("the fake exchange did not stop")

    # What a venue says ------------------------------------------------------------------------

    @property
    @abc.abstractmethod
    def endpoints(self) -> Endpoints:
        """Return where it answers."""

    @abc.abstractmethod
    def answer(self, path: str, query: dict[str, str], body: Json) -> Json:
        """Return the answer to a question over HTTP, or None where there is nothing (404)."""

    @abc.abstractmethod
    def control(self, connection: Connection, message: str) -> Iterable[Json]:
        """Take what a client says on a websocket, and return what is said back."""

    @abc.abstractmethod
    def tell(self, fact: Fact) -> Iterable[Message]:
        """Return the messages that a fact causes."""

    def bundle(self, messages: list[Message]) -> list[Message]:
        """Return messages as the venue puts several into one."""
        return messages

    def greet(self, channel: str) -> Iterable[Message]:
        """Return what a fresh subscriber to a channel hears first."""
        del channel
        return ()

    def wrap(self, connection: Connection, message: Message) -> str:
        """Return a message as this connection hears it."""
        del connection
        return msgspec.json.encode(message.body).decode()

    def opened(self, connection: Connection, query: dict[str, str]) -> None:  # noqa: B027 - optional
        """Take what the address of a new connection asks for."""

    # What a test does -------------------------------------------------------------------------

    def publish(
        self, facts: Iterable[Fact], passage: Passage = list, *, unsaid: bool = False
    ) -> None:
        """Let facts happen, and tell them to whoever listens.

        Parameters
        ----------
        facts : iterable of Fact
        passage : callable
            What becomes of the messages on their way to each connection.
        unsaid : bool
            Whether no socket carries them: they are then only in the history.
        """
        self._call(self._publish(list(facts), passage, unsaid))

    def say(self, channel: str, wire: Sequence[Wire]) -> None:
        """Send bytes as they are to whoever listens to a channel."""
        self._call(self._say(channel, wire))

    def cut(self) -> None:
        """Reset every websocket once what was said has left, without a closing frame."""
        self._call(self._cut())

    def go_silent(self) -> None:
        """Leave every websocket open and dead: nothing more is read, said or answered on it."""
        self._call(self._go_silent())

    def refuse_sockets(self, status: int | None) -> None:
        """Answer handshakes with a status from now on; None accepts them again."""
        self._refused = status

    def fail(self, fault: HttpFault) -> None:
        """Give a wrong answer over HTTP."""
        self._faults.append(fault)

    @abc.abstractmethod
    def empties(self) -> Sequence[tuple[str, str]]:
        """Return messages that hold no entry, with their channels."""

    def listeners(self, channel: str) -> int:
        """Return how many live connections hear a channel, or one whose name begins so."""
        return sum(
            any(heard.startswith(channel) for heard in tuple(connection.channels))
            and not connection.deaf.is_set()
            for connection in tuple(self._connections)
        )

    def wait_for(self, *channels: str) -> None:
        """Return once every channel is heard by someone; the beginning of a name will do."""
        self.wait_until(lambda: all(map(self.listeners, channels)), f"subscriptions to {channels}")

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Return once something holds, or say what did not come about."""
        until = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > until:
                heard = sorted({c for x in tuple(self._connections) for c in x.channels})
                raise TimeoutError(f"{self.venue}: no {what}; heard are {heard}")
            time.sleep(0.005)

    # Inside -----------------------------------------------------------------------------------

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        # A dead socket must not hold the test up at its end.
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        for connection in tuple(self._connections):
            connection.transport.abort()
            connection.deaf.set()
        await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._listen(request)
        body = await request.read()
        asked = msgspec.json.decode(body) if body else None
        name = asked["type"] if isinstance(asked, dict) and "type" in asked else request.path
        self.requests.append(name)
        self.asked_at_s.append(time.monotonic())
        for fault in self._faults:
            if fault.times and name.startswith(fault.path):
                fault.times -= 1
                return web.Response(status=fault.status, headers=fault.headers, body=fault.body)
        found = self.answer(request.path, dict(request.query), asked)
        if found is None:
            return web.Response(status=404, text="not found")
        if isinstance(found, web.Response):
            return found
        response = web.Response(
            body=msgspec.json.encode(found), content_type="application/json", status=200
        )
        response.enable_compression()
        return response

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        self.handshakes += 1
        if self._refused is not None:
            return web.Response(status=self._refused, text="refused")
        socket = web.WebSocketResponse(compress=True, max_msg_size=0)
        await socket.prepare(request)
        transport = request.transport
        if not isinstance(transport, asyncio.Transport):
            return socket
        connection = Connection(socket, transport, request.path)
        self.compressed += bool(socket.compress)
        self._connections.add(connection)
        try:
            self.opened(connection, dict(request.query))
            await self._greet(connection, connection.channels)
            await self._converse(connection)
        finally:
            self._connections.discard(connection)
        return socket

    async def _converse(self, connection: Connection) -> None:
        deaf = asyncio.ensure_future(connection.deaf.wait())
        while True:
            heard = asyncio.ensure_future(connection.socket.receive())
            await asyncio.wait({heard, deaf}, return_when=asyncio.FIRST_COMPLETED)
            if deaf.done():
                heard.cancel()
                # Pings are answered inside ``receive``; without it the socket is half-open.
                await self._stop.wait()
                return
            said = heard.result()
            if said.type is not WSMsgType.TEXT:
                deaf.cancel()
                return
            before = set(connection.channels)
            for reply in self.control(connection, said.data):
                is_plain = isinstance(reply, PlainText)
                wire = reply if is_plain else msgspec.json.encode(reply).decode()
                await self._send(connection, [wire])
            await self._greet(connection, connection.channels - before)

    async def _greet(self, connection: Connection, channels: Iterable[str]) -> None:
        for channel in sorted(channels):
            for message in self.greet(channel):
                await self._send(connection, [self.wrap(connection, message)])

    async def _publish(self, facts: list[Fact], passage: Passage, unsaid: bool) -> None:
        told: list[Message] = []
        for fact in facts:
            self.history.append(fact)
            if isinstance(fact, BookChange):
                self.books[fact.kind].apply(fact)
            told.extend(self.tell(fact))
        if unsaid:
            return
        told = self.bundle(told)
        for connection in tuple(self._connections):
            heard = [
                self.wrap(connection, message)
                for message in told
                if message.channel in connection.channels
            ]
            if heard:
                await self._send(connection, passage(heard))

    async def _say(self, channel: str, wire: Sequence[Wire]) -> None:
        for connection in tuple(self._connections):
            if channel in connection.channels:
                await self._send(connection, wire)

    async def _send(self, connection: Connection, wire: Sequence[Wire]) -> None:
        if connection.deaf.is_set():
            return
        for message in wire:
            try:
                if isinstance(message, str):
                    await connection.socket.send_str(message)
                else:
                    await connection.socket.send_bytes(message)
            except ConnectionError:
                return  # the client has left: nobody is there to hear the rest
            self.said += 1

    async def _cut(self) -> None:
        for connection in tuple(self._connections):
            while connection.transport.get_write_buffer_size():  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.001)
            connection.transport.abort()
            self._connections.discard(connection)

    async def _go_silent(self) -> None:
        for connection in tuple(self._connections):
            connection.deaf.set()

"""Feeds, polls and requests of a made-up venue, followed on loopback as one sequence."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from contextlib import aclosing, asynccontextmanager

import polars as pl
import pytest
from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.http11 import Response

from forcedflow.errors import (
    BlockedError,
    FrameError,
    NotThereError,
    UsageError,
    VenueError,
)
from forcedflow.instruments import Instrument
from forcedflow.venues.base import PRECEDENCE_STREAM, Capabilities
from forcedflow.venues.connector import Endpoints, Feed, Poll, RateLimit, Request
from forcedflow.venues.follow import Follower
from forcedflow.venues.inbox import DROPPED, Inbox
from forcedflow.venues.network import NetworkVenue
from forcedflow.venues.websocket import Patience

BTC = Instrument("loop", "BTC", "USDT", "USDT", 0.1)
TABLE = "liquidations"
QUICK = Patience(0.01, 0.05, 0.2, 1.0, 0.2, 0.3, 0.05, 0.0)


class Http:
    """Answers from a function, on any thread."""

    def __init__(self, answer=lambda url: url.encode()):
        self.answer, self.asked, self.threads = answer, [], set()

    def get(self, url, params=None, *, weight=1):
        del params, weight
        self.asked.append((time.monotonic(), url))
        self.threads.add(threading.get_ident())
        return self.answer(url)

    def post(self, url, body, *, weight=1):
        raise AssertionError(f"nobody posts {body} to {url} for {weight}")


class LoopReader:
    """Reads ``time,price`` as a long's liquidation of one coin; ``ask`` asks."""

    def read(self, frame, rows):
        if frame.kind != "message":
            return ()
        if frame.raw == b"ask":
            return (Request("rest:book", lambda http: http.get("book")),)
        try:
            time_ms, price = map(int, frame.raw.split(b","))
        except ValueError as error:
            raise FrameError("loop", "liquidation", "no two numbers", frame.raw) from error
        liquidation = ("long", float(price), "fill", 1.0, float(price), "", "complete")
        rows.add(
            TABLE,
            BTC.symbol,
            time_ms,
            time_ms,
            *liquidation,
            source="loop:test",
            precedence=PRECEDENCE_STREAM,
        )
        return ()


class LoopConnector:
    name = "loop"
    capabilities = Capabilities(
        ("linear",), frozenset({TABLE}), frozenset({TABLE}), "complete", False
    )
    endpoints = Endpoints("http://localhost", "ws://localhost")
    rate_limit = RateLimit(100, 1.0)

    def __init__(self, feeds=(), polls=()):
        self._feeds, self._polls = tuple(feeds), tuple(polls)

    def instruments(self, http):
        http.get("instruments")
        return (BTC,)

    def server_time_ms(self, http):
        del http
        return 0

    def pieces(self, *_):
        return ()

    def feeds(self, tables, instruments, interval_ms):
        assert (tuple(tables), tuple(instruments), interval_ms) == ((TABLE,), (BTC,), 60_000)
        return self._feeds, self._polls

    def reader(self, instruments):
        assert tuple(instruments) == (BTC,)
        return LoopReader()


def feed_at(url, name="feed", **changes):
    return Feed(name, url, ("subscribe",), frozenset({TABLE}), **changes)


def poll_of(name, every_s=0.05):
    return Poll(Request(name, lambda http: http.get(name)), every_s, frozenset({TABLE}))


@asynccontextmanager
async def serving(handler, **options):
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def following(feeds=(), polls=(), http=None, **options):
    connector = LoopConnector(feeds, polls)
    options = {"patience": QUICK} | options
    async with (
        asyncio.timeout(5),
        Follower(connector, [TABLE], [BTC], http or Http(), **options) as follower,
    ):
        yield follower


async def collect(follower, done):
    found = []
    async with aclosing(follower.batches()) as batches:
        async for batch in batches:
            found.extend(batch)
            if done(found):
                break
    return found


def has(n, kind="message"):
    return lambda frames: sum(frame.kind == kind for frame in frames) >= n


def counting(n):
    async def handler(socket):
        await socket.recv()
        for number in range(n):
            await socket.send(str(number))
        await socket.wait_closed()

    return handler


def test_a_burst_on_two_feeds_arrives_whole_once_and_in_the_order_of_each():
    async def run():
        async with (
            serving(counting(5000)) as url,
            following([feed_at(url, "a"), feed_at(url, "b")]) as follower,
        ):
            frames = await collect(follower, has(10_000))
            return frames, follower.health()

    frames, health = asyncio.run(run())
    for name in "ab":
        own = [f.raw for f in frames if f.connection == name and f.kind == "message"]
        assert own == [str(n).encode() for n in range(5000)]
        assert (health[name].messages, health[name].is_open) == (5000, True)
        assert health[name].bytes_received == sum(map(len, own))
        assert (health[name].drops, health[name].reconnects, health[name].queued) == (0, 0, 0)


def test_one_dead_feed_does_not_stop_the_others():
    def refuse(_connection, request):
        return Response(451, "No", Headers(), b"") if "dead" in request.path else None

    async def run():
        async with (
            serving(counting(3), process_request=refuse) as url,
            following([feed_at(f"{url}/dead", "dead"), feed_at(url, "alive")]) as follower,
        ):
            frames = await collect(follower, lambda f: has(3)(f) and has(1, "closed")(f))
            return frames, follower.health()

    frames, health = asyncio.run(run())
    assert [f.connection for f in frames if f.kind == "closed"] == ["dead"]
    assert "status 451" in health["dead"].problem
    assert not health["dead"].is_open
    assert health["alive"].is_open


def test_a_venue_that_refuses_every_feed_is_an_error_of_that_venue():
    def refuse(*_):
        return Response(403, "No", Headers(), b"")

    async def run():
        async with (
            serving(None, process_request=refuse) as url,
            following([feed_at(url, "a"), feed_at(url, "b")], [poll_of("poll")]) as follower,
        ):
            await collect(follower, lambda _: False)

    with pytest.raises(BlockedError) as raised:
        asyncio.run(run())
    assert raised.value.venue == "loop"


def test_a_poll_is_asked_at_once_and_then_on_its_multiples_off_the_loops_thread():
    http = Http()

    async def run():
        async with following(polls=[poll_of("oi", 0.2)], http=http) as follower:
            return await collect(follower, has(3, "response"))

    began = time.monotonic()
    frames = asyncio.run(run())
    assert [(f.connection, f.kind, f.raw) for f in frames] == [("oi", "response", b"oi")] * 3
    assert http.asked[0][0] - began < 0.15
    for frame in frames[1:]:
        assert frame.received_ns % 200_000_000 < 100_000_000
    assert threading.get_ident() not in http.threads


def test_a_poll_that_fails_is_reported_and_made_again_at_its_next_time():
    number = itertools.count()

    def answer(_url):
        if next(number) == 1:
            raise VenueError("loop", "no answer")
        return b"ok"

    async def run():
        async with following(polls=[poll_of("oi")], http=Http(answer)) as follower:
            frames = await collect(follower, has(2, "response"))
            return frames, follower.health()["oi"]

    frames, health = asyncio.run(run())
    assert [(f.kind, f.raw) for f in frames] == [
        ("response", b"ok"),
        ("closed", b"no answer"),
        ("response", b"ok"),
    ]
    assert health.is_open


def test_a_request_is_made_once_while_under_way_and_again_when_it_fails():
    number = itertools.count()

    def answer(_url):
        time.sleep(0.02)
        if next(number) == 0:
            raise VenueError("loop", "busy")
        return b"snapshot"

    http = Http(answer)
    request = Request("rest:book", lambda asked: asked.get("book"))

    async def run():
        async with serving(counting(0)) as url, following([feed_at(url)], http=http) as follower:
            for _ in range(3):
                follower.ask(request)
            frames = await collect(follower, has(1, "response"))
            await asyncio.sleep(0)
            follower.ask(request)
            return frames + await collect(follower, has(1, "response"))

    frames = [f for f in asyncio.run(run()) if f.connection == "rest:book"]
    assert [(f.kind, f.raw) for f in frames] == [
        ("closed", b"busy"),
        ("response", b"snapshot"),
        ("response", b"snapshot"),
    ]
    assert len(http.asked) == 3


def test_requests_of_one_kind_are_counted_together_and_feeds_and_polls_by_their_own_names():
    polls = [poll_of("rest:open:BTC", 60.0), poll_of("rest:open:ETH", 60.0)]

    async def run():
        async with (
            serving(counting(0)) as url,
            following([feed_at(url, "book:0")], polls, Http(lambda _: b"{}")) as follower,
        ):
            for number in range(40):
                name = f"rest:state:{number}"
                follower.ask(Request(name, lambda asked: asked.get("state")))
            await collect(follower, has(42, "response"))
            return {name: one.messages for name, one in follower.health().items()}

    assert asyncio.run(run()) == {
        "book:0": 0,
        "rest:open:BTC": 1,
        "rest:open:ETH": 1,
        "rest:state": 40,
    }


def test_a_request_for_what_is_not_there_is_not_repeated():
    def answer(_url):
        raise NotThereError("loop", "no such contract")

    http = Http(answer)

    async def run():
        async with serving(counting(0)) as url, following([feed_at(url)], http=http) as follower:
            follower.ask(Request("rest:book", lambda asked: asked.get("book")))
            await collect(follower, has(1, "closed"))
            await asyncio.sleep(0.2)

    asyncio.run(run())
    assert len(http.asked) == 1


def test_a_mistake_in_a_connector_ends_everything_and_is_seen():
    def answer(_url):
        raise ZeroDivisionError("a bug")

    async def read_on():
        async with (
            serving(counting(1)) as url,
            following([feed_at(url)], [poll_of("oi")], Http(answer)) as follower,
        ):
            await collect(follower, lambda _: False)

    async def stop_reading():
        async with (
            serving(counting(1)) as url,
            following([feed_at(url)], [poll_of("oi")], Http(answer)),
        ):
            await asyncio.sleep(0.1)

    for run in (read_on, stop_reading):
        with pytest.raises(ZeroDivisionError, match="a bug"):
            asyncio.run(run())


def test_a_settings_mistake_is_seen():
    async def run():
        async with following([feed_at("https://not-a-websocket")]) as follower:
            await collect(follower, lambda _: False)

    with pytest.raises(UsageError, match="cannot connect"):
        asyncio.run(run())


def test_stopping_gives_what_has_come_then_ends():
    async def run():
        async with (
            serving(counting(500)) as url,
            following([feed_at(url)], [poll_of("oi", 60)]) as follower,
        ):
            frames = await collect(follower, has(1))
            await asyncio.sleep(0.1)
            follower.stop()
            follower.stop()
            follower.ask(Request("late", lambda http: http.get("late")))
            return frames + await collect(follower, lambda _: False)

    frames = asyncio.run(run())
    own = [f for f in frames if f.connection == "feed"]
    assert [f.raw for f in own[1:-1]] == [str(n).encode() for n in range(500)]
    assert (own[-1].kind, own[-1].raw) == ("closed", b"left")
    assert "late" not in {f.connection for f in frames}


def test_dropped_book_deltas_are_marked_and_the_book_is_asked_for_anew():
    connections = []

    async def handler(socket):
        connections.append(1)
        await socket.recv()
        for n in range(1000 if len(connections) == 1 else 3):
            await socket.send(str(n))
        await socket.wait_closed()

    async def run():
        async with (
            serving(handler) as url,
            following([feed_at(url, droppable=True)], inbox=Inbox(max_frames=100)) as follower,
        ):
            await asyncio.sleep(0.3)
            waiting = follower.health()["feed"]
            frames = await collect(follower, has(100))
            return waiting, frames, follower.health()["feed"]

    waiting, frames, health = asyncio.run(run())
    assert waiting.queued == 100
    story = [(f.kind, f.raw) for f in frames]
    assert story[:2] == [("opened", b""), ("closed", DROPPED)]
    assert story[2:101] == [("message", str(n).encode()) for n in range(901, 1000)]
    assert story[101:104] == [("closed", b"renewed"), ("opened", b""), ("message", b"0")]
    assert (health.drops, health.reconnects) == (901, 1)


def test_what_must_not_be_lost_holds_the_venue_back_instead():
    async def run():
        inbox = Inbox(max_frames=50)
        async with (
            serving(counting(5000)) as url,
            following([feed_at(url)], inbox=inbox) as follower,
        ):
            await asyncio.sleep(0.2)
            held = len(inbox)
            return held, await collect(follower, has(5000)), inbox

    held, frames, inbox = asyncio.run(run())
    assert held == 50
    assert [f.raw for f in frames[1:]] == [str(n).encode() for n in range(5000)]
    assert inbox.waits > 0
    assert not inbox.dropped


def test_a_stream_gives_rows_asks_what_its_reader_wants_and_passes_over_what_is_unreadable(caplog):
    async def run():
        loop, book_asked = asyncio.get_running_loop(), asyncio.Event()

        def answer(url):
            if url == "book":
                loop.call_soon_threadsafe(book_asked.set)
            return b""

        async def handler(socket):
            await socket.recv()
            for message in ("1000,50", "ask", "nonsense"):
                await socket.send(message)
            await book_asked.wait()
            await socket.send("2000,51")
            await socket.wait_closed()

        async with serving(handler) as url, asyncio.timeout(5):
            venue = NetworkVenue(LoopConnector([feed_at(url)]), Http(answer))
            async with aclosing(venue.stream([TABLE], BTC.symbol)) as stream:
                return [(await anext(stream))[TABLE] for _ in range(2)]

    rows = pl.concat(asyncio.run(run()))
    assert rows["price"].to_list() == [50.0, 51.0]
    assert "nonsense" in caplog.text


def test_a_stream_of_what_a_venue_does_not_give_is_refused_at_once():
    venue = NetworkVenue(LoopConnector(), Http())
    with pytest.raises(UsageError, match="does not give klines"):
        venue.stream(["klines"], BTC.symbol)
    with pytest.raises(UsageError, match="does not list"):
        venue.stream([TABLE], "ETH/USDT:USDT")

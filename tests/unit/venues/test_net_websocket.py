"""A websocket feed against real servers on loopback: nothing lost, every end told."""

from __future__ import annotations

import asyncio
import gzip
import http
import itertools
import random
import time
import zlib
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest
from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.http11 import Response

from forcedflow.errors import BlockedError, UsageError, VenueError
from forcedflow.venues.connector import Feed
from forcedflow.venues.websocket import Patience, listen

QUICK = Patience(
    first_s=0.01,
    longest_s=0.05,
    healthy_s=0.2,
    open_s=1.0,
    close_s=0.2,
    first_message_s=0.3,
    refused_s=0.05,
    between_messages_s=0.0,
)


@asynccontextmanager
async def serving(handler, **options):
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/feed"


def feed_at(url, **changes):
    values = {"subscribe": ('{"op":"subscribe"}',), "carries": frozenset({"trades"})} | changes
    return Feed("test:feed", url, **values)


def told(frames):
    return [(frame.kind, frame.raw) for frame in frames]


async def frames_until(feed, done, **options):
    """Return frames up to the first at which ``done`` holds of all that came."""
    found = []
    counter = itertools.count(1)
    settings = {"now_ns": lambda: next(counter), "patience": QUICK}
    async with asyncio.timeout(5), aclosing(listen(feed, **(settings | options))) as frames:
        async for frame in frames:
            found.append(frame)
            if done(found):
                return found
    return found


def count_of(kind, n):
    return lambda frames: sum(frame.kind == kind for frame in frames) >= n


def test_subscriptions_are_sent_in_order_after_every_connection_and_the_life_is_framed():
    heard = []

    async def handler(socket):
        said = [await socket.recv(), await socket.recv()]
        heard.append(said)
        await socket.send(f'{{"n":{len(heard)}}}')
        await socket.close(1001, "restart")

    async def run():
        async with serving(handler) as url:
            feed = feed_at(url, subscribe=("first", "second"))
            return await frames_until(feed, count_of("closed", 2))

    frames = asyncio.run(run())
    assert heard == [["first", "second"]] * 2
    assert told(frames) == [
        ("opened", b""),
        ("message", b'{"n":1}'),
        ("closed", b"closed by the venue: 1001 restart"),
        ("opened", b""),
        ("message", b'{"n":2}'),
        ("closed", b"closed by the venue: 1001 restart"),
    ]
    assert {frame.connection for frame in frames} == {"test:feed"}
    assert [frame.received_ns for frame in frames] == sorted(f.received_ns for f in frames)


@pytest.mark.parametrize("abrupt", [False, True], ids=["closed", "cut"])
def test_a_burst_cut_off_at_its_end_arrives_whole_once_and_in_order(abrupt):
    async def handler(socket):
        await socket.recv()
        for n in range(5000):
            await socket.send(f'{{"n":{n}}}')
        if abrupt:
            # Everything is in the kernel before the socket dies without a closing handshake.
            while socket.transport.get_write_buffer_size():  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.001)
            socket.transport.close()
        else:
            await socket.close()

    async def run():
        async with serving(handler) as url:
            return await frames_until(feed_at(url), count_of("closed", 1))

    frames = asyncio.run(run())
    assert [frame.raw for frame in frames[1:-1]] == [f'{{"n":{n}}}'.encode() for n in range(5000)]
    assert frames[0].kind == "opened"
    assert frames[-1].raw.startswith(b"connection lost" if abrupt else b"closed by the venue: 1000")


def test_a_server_that_stops_answering_is_left_and_called_again():
    connections = []
    released = asyncio.Event()

    async def handler(socket):
        connections.append(socket)
        await socket.send("{}")
        if len(connections) == 1:
            # Half-open: it stays connected and answers nothing, not even a ping.
            socket.transport.pause_reading()
            await released.wait()
            socket.transport.abort()
            return
        await socket.wait_closed()

    async def run():
        async with serving(handler, ping_interval=None, close_timeout=0.1) as url:
            began = time.monotonic()
            frames = await frames_until(feed_at(url, silence_s=0.2), count_of("message", 2))
            released.set()
            return frames, time.monotonic() - began

    frames, took_s = asyncio.run(run())
    assert told(frames)[2] == ("closed", b"no byte for 0.2 s")
    assert took_s < 1.5


def test_a_quiet_server_that_answers_pings_is_kept():
    async def handler(socket):
        await socket.recv()
        await asyncio.sleep(0.5)
        await socket.send("{}")
        await socket.wait_closed()

    async def run():
        async with serving(handler) as url:
            return await frames_until(feed_at(url, silence_s=0.15), count_of("message", 1))

    assert [frame.kind for frame in asyncio.run(run())] == ["opened", "message"]


def test_a_reader_that_takes_its_time_is_not_mistaken_for_a_silent_server():
    async def handler(socket):
        await socket.recv()
        for _ in range(5000):
            await socket.send("x" * 200)
        await socket.wait_closed()

    async def run():
        async with serving(handler, ping_interval=None) as url:
            kinds = []
            feed = feed_at(url, silence_s=0.1)
            async with asyncio.timeout(5), aclosing(listen(feed, patience=QUICK)) as frames:
                async for frame in frames:
                    kinds.append(frame.kind)
                    if len(kinds) == 10:
                        await asyncio.sleep(0.4)
                    if len(kinds) == 5001:
                        break
        return kinds

    assert set(asyncio.run(run())) == {"opened", "message"}


def test_the_feeds_own_ping_is_sent_as_often_as_asked():
    heard = []

    async def handler(socket):
        async for message in socket:
            heard.append(message)
            if len(heard) == 4:
                await socket.send("done")

    async def run():
        async with serving(handler) as url:
            feed = feed_at(url, ping='{"op":"ping"}', ping_every_s=0.02)
            await frames_until(feed, count_of("message", 1))

    asyncio.run(run())
    assert heard[:4] == ['{"op":"subscribe"}'] + ['{"op":"ping"}'] * 3


TEXT = b'{"trades":' + b"[1,2,3]," * 50 + b"}"
deflater = zlib.compressobj(wbits=-15)
DEFLATED = deflater.compress(TEXT) + deflater.flush()


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (gzip.compress(TEXT), TEXT),
        (zlib.compress(TEXT), TEXT),
        (DEFLATED, TEXT),
        (b"\x1f\x8bbroken", b"\x1f\x8bbroken"),
        (gzip.compress(TEXT)[:-5], gzip.compress(TEXT)[:-5]),
        (b"xyz", b"xyz"),
        (b"", b""),
        (TEXT, TEXT),
        ("text\n", b"text\n"),
    ],
    ids=["gzip", "zlib", "deflate", "broken", "cut", "text", "empty", "plain binary", "word"],
)
def test_compressed_messages_are_read_and_others_are_left_as_they_are(sent, read):
    async def handler(socket):
        await socket.send(sent)
        await socket.wait_closed()

    async def run():
        async with serving(handler) as url:
            return await frames_until(feed_at(url), count_of("message", 1))

    assert asyncio.run(run())[-1].raw == read


def test_a_planned_renewal_loses_nothing_and_tells_of_itself():
    number = itertools.count()
    sockets = set()
    most = 0

    async def handler(socket):
        nonlocal most
        await socket.recv()
        sockets.add(socket)
        most = max(most, len(sockets))
        await socket.wait_closed()
        sockets.discard(socket)

    async def tick():
        while True:
            n = next(number)
            for socket in tuple(sockets):
                await socket.send(str(n))
            await asyncio.sleep(0.002)

    async def run():
        async with serving(handler) as url:
            ticking = asyncio.create_task(tick())
            frames = await frames_until(feed_at(url, lifetime_s=0.15), count_of("opened", 4))
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            return frames

    frames = asyncio.run(run())
    kinds = [frame.kind for frame in frames if frame.kind != "message"]
    assert kinds == ["opened", "closed"] * 3 + ["opened"]
    assert {f.raw for f in frames if f.kind == "closed"} == {
        b"renewed before the venue would cut it"
    }
    seen = [int(frame.raw) for frame in frames if frame.kind == "message"]
    assert set(seen) == set(range(seen[0], max(seen) + 1))
    assert most == 2


def test_a_renewal_waits_until_the_new_connection_has_asked_for_everything():
    alive = []

    async def handler(socket):
        own = object()
        alive.append(own)
        for heard in range(3):
            await socket.recv()
            await socket.send(f"answer {heard}")
        # The old connection ends only after the new one was asked for all three.
        complete.append(len(alive))
        await socket.wait_closed()
        alive.remove(own)

    complete = []

    async def run():
        async with serving(handler) as url:
            feed = feed_at(url, subscribe=("a", "b", "c"), lifetime_s=0.2)
            patience = replace(QUICK, between_messages_s=0.03)
            return await frames_until(feed, count_of("opened", 3), patience=patience)

    frames = asyncio.run(run())
    assert [f.kind for f in frames if f.kind != "message"] == ["opened", "closed"] * 2 + ["opened"]
    assert complete == [1, 2, 2]


def test_a_renewal_whose_old_connection_is_cut_is_no_clean_succession():
    served = []

    async def handler(socket):
        served.append(socket)
        await socket.recv()
        await socket.send("first")
        if len(served) == 1:
            # Never learns that we close, so never says that it has sent everything.
            socket.transport.pause_reading()
            await asyncio.sleep(1.0)
            socket.transport.abort()
        await socket.wait_closed()

    async def run():
        async with serving(handler) as url:
            return await frames_until(feed_at(url, lifetime_s=0.1), count_of("closed", 1))

    (closed,) = (frame for frame in asyncio.run(run()) if frame.kind == "closed")
    assert closed.raw.startswith(b"renewed, but cut before its end: connection lost")


def test_while_a_renewal_is_refused_the_old_connection_goes_on():
    served = []

    def admit(_connection, _request):
        served.append(1)
        return Response(503, "busy", Headers(), b"") if len(served) in {2, 3} else None

    async def handler(socket):
        own = len(served)
        for n in itertools.count():
            await socket.send(f"{own}:{n}")
            await asyncio.sleep(0.01)

    async def run():
        async with serving(handler, process_request=admit) as url:
            return await frames_until(feed_at(url, lifetime_s=0.1), count_of("opened", 2))

    frames = asyncio.run(run())
    assert [f.kind for f in frames if f.kind != "message"] == ["opened", "closed", "opened"]
    assert len(served) == 4


@pytest.mark.parametrize("status", [403, 451])
def test_a_venue_that_refuses_the_address_is_reported_and_not_called_again(status):
    calls = []

    def refuse(_connection, _request):
        calls.append(1)
        return Response(status, http.HTTPStatus(status).phrase, Headers(), b"no")

    async def run():
        frames = []
        async with serving(None, process_request=refuse) as url:
            with pytest.raises(BlockedError, match="FORCEDFLOW_PROXY"):  # noqa: PT012 - a stream
                async for frame in listen(feed_at(url), patience=QUICK):
                    frames.append(frame)  # noqa: PERF401 - what came before the error counts
        return frames

    frames = asyncio.run(run())
    assert [frame.kind for frame in frames] == ["closed"]
    assert f"status {status}".encode() in frames[0].raw
    assert len(calls) == 1


@pytest.mark.parametrize(("headers", "least_s"), [({"Retry-After": "1"}, 1.0), ({}, 0.05)])
def test_a_venue_that_counts_too_many_is_given_the_pause_it_asks_for(headers, least_s):
    calls = []

    def admit(_connection, _request):
        calls.append(time.monotonic())
        return Response(429, "Too Many", Headers(headers), b"") if len(calls) == 1 else None

    async def handler(socket):
        await socket.wait_closed()

    async def run():
        async with serving(handler, process_request=admit) as url:
            return await frames_until(feed_at(url), count_of("opened", 1))

    frames = asyncio.run(run())
    assert [frame.kind for frame in frames] == ["closed", "opened"]
    assert least_s <= calls[1] - calls[0] < least_s + 0.6


def test_an_address_that_nobody_listens_on_is_called_until_somebody_does():
    async def run():
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        return await frames_until(feed_at(f"ws://127.0.0.1:{port}"), count_of("closed", 3))

    frames = asyncio.run(run())
    assert all(frame.raw.startswith(b"cannot connect: ") for frame in frames)


def test_a_redirect_is_not_followed():
    def redirect(_connection, _request):
        return Response(302, "Found", Headers({"Location": "ws://127.0.0.1:9/"}), b"")

    async def run():
        async with serving(None, process_request=redirect) as url:
            return await frames_until(feed_at(url), count_of("closed", 1))

    assert told(asyncio.run(run())) == [("closed", b"cannot connect: status 302")]


@pytest.mark.parametrize(
    ("url", "proxy"), [("https://x", None), ("ws://x", "socks5://x:1"), ("ws://x", "nonsense")]
)
def test_an_address_that_cannot_be_used_is_a_mistake_in_the_settings(url, proxy):
    async def run():
        await anext(listen(feed_at(url), proxy=proxy))

    with pytest.raises(UsageError):
        asyncio.run(run())


def test_leaving_hands_over_what_has_come_and_says_goodbye():
    gone = []

    async def handler(socket):
        await socket.recv()
        for n in range(100):
            await socket.send(str(n))
        await socket.wait_closed()
        gone.append(socket.close_code)

    async def run():
        leave = asyncio.Event()
        frames = []
        async with serving(handler) as url, asyncio.timeout(5):
            async for frame in listen(feed_at(url), patience=QUICK, leave=leave):
                frames.append(frame)
                if frame.raw == b"50":
                    leave.set()
                    await asyncio.sleep(0.05)
        return frames

    frames = asyncio.run(run())
    assert [frame.raw for frame in frames[1:-1]] == [str(n).encode() for n in range(100)]
    assert told(frames)[-1] == ("closed", b"left")
    assert gone == [1000]


def test_asking_for_a_renewal_makes_the_connection_anew():
    async def handler(socket):
        await socket.send("{}")
        await socket.wait_closed()

    async def run():
        renew = asyncio.Event()
        renew.set()  # an ask from before the connection is met by making it

        def done(frames):
            if count_of("message", 1)(frames):
                renew.set()
            return count_of("message", 3)(frames)

        async with serving(handler) as url:
            return await frames_until(feed_at(url), done, renew=renew)

    frames = asyncio.run(run())
    assert [f.raw for f in frames if f.kind == "closed"] == [b"renewed", b"renewed"]


def test_waits_double_up_to_the_longest_and_half_of_each_is_certain():
    patience = Patience(first_s=1.0, longest_s=8.0)
    rng = random.Random(3)  # noqa: S311 - jitter
    for failures, longest in enumerate([1, 2, 4, 8, 8, 8]):
        waits = [patience.after(failures, rng) for _ in range(200)]
        assert longest / 2 <= min(waits) < max(waits) <= longest
    assert patience.after(10**6, rng) <= 8


def test_headers_of_a_feed_go_with_its_handshake():
    heard = []

    async def handler(socket):
        heard.append(socket.request.headers["X-Size"])
        await socket.close(1001, "restart")

    async def run():
        async with serving(handler) as url:
            return await frames_until(feed_at(url, headers={"X-Size": "1"}), count_of("closed", 2))

    asyncio.run(run())
    assert heard == ["1"] * len(heard)
    assert len(heard) >= 2


class Desk:
    """Whoever hands out addresses: what it was asked, and what it says in turn."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    def address(self, http):
        assert http is self
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_an_address_is_asked_for_before_every_connection():
    paths = []

    async def handler(socket):
        paths.append(socket.request.path)
        await socket.close(1001, "restart")

    async def run():
        async with serving(handler) as url:
            desk = Desk(f"{url}?token=1", f"{url}?token=2")
            feed = feed_at("ws://named.example", address=desk.address)
            await frames_until(feed, count_of("closed", 2), http=desk)

    asyncio.run(run())
    assert paths == ["/feed?token=1", "/feed?token=2"]


def test_an_address_that_is_not_given_is_asked_for_again_and_a_refusal_is_not():
    async def run(*answers):
        async def handler(socket):
            await socket.wait_closed()

        async with serving(handler) as url:
            desk = Desk(*answers, url)
            feed = feed_at("ws://named.example", address=desk.address)
            return await frames_until(feed, count_of("opened", 1), http=desk)

    failed = VenueError("kucoin", "no answer")
    found = told(asyncio.run(run(failed, failed)))
    assert found[-1] == ("opened", b"")
    assert found[0] == ("closed", b"no address to connect to: kucoin: no answer")
    with pytest.raises(BlockedError):
        asyncio.run(run(BlockedError("kucoin", "refused")))


def test_a_feed_with_an_address_to_ask_for_and_nobody_to_ask_is_a_mistake():
    async def run():
        feed = feed_at("ws://named.example", address=Desk("ws://x").address)
        await anext(listen(feed, patience=QUICK))

    with pytest.raises(UsageError, match="nobody to ask"):
        asyncio.run(run())

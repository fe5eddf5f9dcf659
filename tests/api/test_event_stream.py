"""Events: encoded once, heard in order, resumed by id; a slow listener slows nobody."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time

import pytest

from forcedflow.errors import UsageError
from forcedflow.server.event_stream import Choice, EventStream, Market, TooManyListenersError

SIM = Market("sandbox", "SIM/USDT:USDT")
DARK = Market("sandbox-dark", "SIM/USDT:USDT")


def parse(wire):
    """Return (id, kind, data) of each event in a piece of the wire."""
    found = []
    for block in wire.decode().split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":")
        )
        if "event" in fields:
            found.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
    return found


def heard(stream, listener):
    return [(number, kind) for number, kind, _ in parse(stream.take(listener))]


def in_a_loop(test):
    def run():
        asyncio.run(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@in_a_loop
async def test_events_are_heard_in_order_with_their_market_and_payload():
    stream = EventStream(boot="b")
    listener = stream.listen(Choice())
    assert stream.publish("update", SIM, {"mark_price": 1.5}) == "b-1"
    assert stream.publish("alert", None, {"title": "x\ny"}) == "b-2"
    hello, update, alert = parse(stream.take(listener))
    assert hello == (None, "hello", {"boot": "b", "last_id": "b-0", "retry_ms": 2000})
    own = {"venue": "sandbox", "symbol": "SIM/USDT:USDT"}
    assert update == ("b-1", "update", {"market": own, "payload": {"mark_price": 1.5}})
    assert alert == ("b-2", "alert", {"market": None, "payload": {"title": "x\ny"}})
    assert stream.take(listener) == b""


@in_a_loop
async def test_a_listener_hears_the_markets_and_kinds_it_chose():
    stream = EventStream(boot="b")
    one = stream.listen(Choice(markets=frozenset({SIM.key})))
    other = stream.listen(Choice(kinds=frozenset({"alert"})))
    for kind, market in (("update", SIM), ("update", DARK), ("alert", DARK), ("health", None)):
        stream.publish(kind, market, {})
    assert heard(stream, one)[1:] == [("b-1", "update"), ("b-4", "health")]
    assert heard(stream, other)[1:] == [("b-3", "alert")]


@in_a_loop
async def test_who_comes_back_hears_what_was_missed_once():
    stream = EventStream(boot="b")
    for _ in range(5):
        stream.publish("update", SIM, {})
    listener = stream.listen(Choice(), "b-3")
    assert heard(stream, listener)[1:] == [("b-4", "update"), ("b-5", "update")]
    stream.publish("update", SIM, {})
    assert heard(stream, listener) == [("b-6", "update")]
    nothing = stream.listen(Choice(), "b-6")
    assert heard(stream, nothing)[1:] == []


@pytest.mark.parametrize("unknown", ["a-3", "b-99", "b-1", "b-", "-", "", "b-x", "b--1", "é-²"])
def test_what_cannot_be_resumed_is_read_again(unknown):
    @in_a_loop
    async def check():
        stream = EventStream(ring=3, boot="b")
        for _ in range(6):
            stream.publish("update", SIM, {})
        listener = stream.listen(Choice(), unknown)
        found = parse(stream.take(listener))[1:]
        assert found == [("b-6", "resync", {"market": None, "payload": {"reason": "unknown id"}})]
        assert heard(stream, stream.listen(Choice(), "b-3"))[1:] == [
            (f"b-{number}", "update") for number in (4, 5, 6)
        ]

    check()


@in_a_loop
async def test_a_full_queue_is_emptied_and_its_listener_told_and_can_go_on():
    stream = EventStream(queue=4, boot="b")
    slow, quick = stream.listen(Choice()), stream.listen(Choice())
    stream.take(slow)
    for number in range(1, 8):
        stream.publish("update", SIM, {})
        assert heard(stream, quick)[-1] == (f"b-{number}", "update")
    assert heard(stream, slow) == [("b-5", "resync"), ("b-6", "update"), ("b-7", "update")]
    assert (slow.overflows, quick.overflows, stream.overflows) == (1, 0, 1)
    again = stream.listen(Choice(), "b-5")
    assert heard(stream, again)[1:] == [("b-6", "update"), ("b-7", "update")]


@in_a_loop
async def test_more_was_missed_than_a_queue_holds():
    stream = EventStream(queue=4, boot="b")
    for _ in range(6):
        stream.publish("update", SIM, {})
    assert heard(stream, stream.listen(Choice(), "b-1"))[1:] == [("b-6", "resync")]


@in_a_loop
async def test_there_are_only_so_many_listeners():
    stream = EventStream(most_listeners=1)
    first = stream.listen(Choice())
    with pytest.raises(TooManyListenersError):
        stream.listen(Choice())
    stream.leave(first)
    stream.leave(first)
    assert stream.listeners == 0
    stream.listen(Choice())


@pytest.mark.parametrize("kind", ["", "two words", "line\nbreak", "a: b"])
def test_a_kind_that_would_break_the_wire_is_refused(kind):
    with pytest.raises(UsageError):
        EventStream().publish(kind, None, {})


def test_threads_may_publish_while_others_listen():
    @in_a_loop
    async def check():
        stream = EventStream(queue=10_000, boot="b")
        listener = stream.listen(Choice())
        threads = [
            threading.Thread(target=lambda: [stream.publish("update", SIM, {}) for _ in range(500)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        found = []
        while len(found) < 2_001:
            await asyncio.wait_for(listener.ready.wait(), 5)
            found += heard(stream, listener)
        assert [number for number, _ in found[1:]] == [f"b-{n}" for n in range(1, 2_001)]

    check()


def connect(port, query="", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", f"/api/v1/events{query}", headers=headers)
    return connection, connection.getresponse()


def read_events(reply, count):
    found, block = [], b""
    while len(found) < count:
        line = reply.readline()
        assert line, "the stream ended"
        block += line
        if line == b"\n":
            found += parse(block)
            block = b""
    return found


def test_a_stream_is_heard_and_resumed_over_a_socket(on_socket):
    port, stream = on_socket(events=EventStream(boot="b"))
    connection, reply = connect(port)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["cache-control"] == "no-store"
    assert read_events(reply, 1)[0][1] == "hello"
    stream.publish("update", SIM, {"n": 1})
    assert read_events(reply, 1)[0][::2] == (
        "b-1",
        {"market": {"venue": "sandbox", "symbol": SIM.symbol}, "payload": {"n": 1}},
    )
    connection.close()
    for _ in range(200):
        if stream.listeners == 0:
            break
        time.sleep(0.01)
    assert stream.listeners == 0  # who leaves is noticed at once
    stream.publish("update", SIM, {"n": 2})
    connection, reply = connect(port, **{"Last-Event-ID": "b-1"})
    assert [event[0] for event in read_events(reply, 2)] == [None, "b-2"]
    connection.close()
    connection, reply = connect(port, "?last_event_id=b-0&kinds=update")
    assert [event[0] for event in read_events(reply, 3)] == [None, "b-1", "b-2"]
    connection.close()


def test_silence_is_filled_with_comments(on_socket, monkeypatch):
    monkeypatch.setattr("forcedflow.server.live_routes.EventResponse.keep_alive_s", 0.05)
    port, _ = on_socket()
    connection, reply = connect(port)
    read_events(reply, 1)
    assert reply.readline() == b": keep-alive\n"
    connection.close()


def test_a_listener_that_reads_nothing_delays_nobody_and_is_told_to_read_again(on_socket):
    port, stream = on_socket(events=EventStream(queue=50, boot="b"))
    with socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        stuck.connect(("127.0.0.1", port))
        stuck.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        connection, reply = connect(port)
        read_events(reply, 1)
        while stream.listeners < 2:
            time.sleep(0.01)
        lags = []
        for number in range(1, 401):
            started = time.perf_counter()
            stream.publish("update", SIM, {"text": "x" * 20_000})
            assert read_events(reply, 1)[0][0] == f"b-{number}"
            lags.append(time.perf_counter() - started)
        assert stream.overflows >= 1
        assert sorted(lags)[len(lags) // 2] < 0.05
        connection.close()
        # What waits in the socket comes first, then the word that something is missing.
        stuck.settimeout(5)
        piece = b""
        while b"event: resync" not in piece:
            piece = piece[-100:] + stuck.recv(65_536)


def test_a_server_that_ends_lets_its_listeners_go(on_socket):
    port, stream = on_socket()
    connection, reply = connect(port)
    read_events(reply, 1)
    stream.close()
    assert reply.read() == b""
    connection.close()


def test_too_many_listeners_are_refused_in_the_one_shape(on_socket):
    port, _ = on_socket(events=EventStream(most_listeners=1))
    first, reply = connect(port)
    read_events(reply, 1)
    second, refused = connect(port)
    assert refused.status == 503
    assert json.loads(refused.read())["error"]["code"] == "busy"
    first.close()
    second.close()

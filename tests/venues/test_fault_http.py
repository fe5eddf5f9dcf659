"""Refusals over HTTP and in handshakes: waited for, reported, never argued with."""

from __future__ import annotations

import time

import pytest
from tests.venues.fakes import promises
from tests.venues.fakes.exchange import FakeExchange, HttpFault
from tests.venues.faults import VENUES, fault
from tests.venues.market_day import TRADE, Day, assert_true_books
from tests.venues.recording import Recording, assert_rows, fake_exchange

# Hyperliquid says it in JSON that says nothing.
BODIES = {
    "binance": b'{"code":-1003,"msg":"Too many requests."}',
    "bitget": b'{"code":"429","msg":"Too Many Requests","requestTime":1790000000000,"data":null}',
    "bybit": b'{"retCode":10006,"retMsg":"Too many visits!"}',
    "gate": b'{"label":"TOO_MANY_REQUESTS","message":"Request Rate limit Exceeded"}',
    "hyperliquid": b"null",
    "mexc": b'{"success":false,"code":510,"message":"Requests are too frequent"}',
    "kucoin": b'{"code":"429000","msg":"Too many requests"}',
    "dydx": b'{"errors":[{"msg":"Too many requests"}]}',
    "okx": b'{"code":"50011","msg":"Too Many Requests","data":[]}',
}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _trade(day: Day, run: Recording) -> None:
    """Tell some trades and wait until they are read."""
    run.wait_for(day.fake, "trades")
    day.tell(day.tape.trades([day.now_ms + number for number in range(50)]))
    run.settle()


def _assert_trades(run: Recording, day: Day) -> None:
    expected = promises.trades(day.fake.venue, day.told)
    assert expected
    assert_rows(run.rows("trades", day.fake), expected, *TRADE)


@fault("429 with Retry-After")
def test_a_pause_that_is_asked_for_is_kept_and_then_all_goes_on(venue, tmp_path):
    with fake_exchange(venue) as fake:
        day = Day(fake, _now_ms())
        day.open()
        fake.fail(HttpFault(429, 1, "", {"Retry-After": "1"}, BODIES[venue]))
        with Recording(tmp_path, fake, tables=["trades"]) as run:
            _trade(day, run)
    refused_s, *later_s = fake.asked_at_s
    assert min(later_s) - refused_s >= 1.0
    _assert_trades(run, day)


@fault("418")
def test_a_ban_is_reported_and_not_argued_with(venue, tmp_path):
    with fake_exchange(venue) as fake:
        Day(fake, _now_ms()).open()
        fake.fail(HttpFault(418, 99, "", {"Retry-After": "600"}, BODIES[venue]))
        with Recording(tmp_path, fake, tables=["trades"]) as run:
            run.wait_for_end()
    health = run.venue(fake)
    assert health.state == "failed"
    assert "a pause of 600 s" in health.problem
    assert len(fake.requests) == 1
    assert fake.handshakes == 0


@fault("418")
def test_a_ban_during_a_recording_stops_no_stream(venue, tmp_path):
    with fake_exchange(venue) as fake:
        day = Day(fake, _now_ms())
        day.open()
        books = ["order_book"] if promises.TERMS[venue].prints_books else []
        with Recording(tmp_path, fake, tables=["trades", *books]) as run:
            run.wait_for(fake, "trades", *books)
            day.start_book(run)
            asked = len(fake.requests)
            fake.fail(HttpFault(418, 99, "", {"Retry-After": "600"}, BODIES[venue]))
            # A change that never comes makes the reader ask for a snapshot, which is refused.
            fake.publish(day.book(1), unsaid=True)
            day.tell(day.book(5))
            _trade(day, run)
    assert len(fake.requests) - asked <= 1
    assert_true_books(run, fake)
    _assert_trades(run, day)


def _record_beside(refused: FakeExchange, root) -> Recording:
    """Record a venue that refuses us beside one that does not; hold the other's rows exact."""
    other = VENUES[(VENUES.index(refused.venue) + 1) % len(VENUES)]
    with refused, fake_exchange(other) as fake:
        Day(refused, _now_ms()).open()
        day = Day(fake, _now_ms())
        day.open()
        with Recording(root, refused, fake, tables=["trades"]) as run:
            _trade(day, run)
            run.wait_until(lambda: run.venue(refused).state == "failed", "report of the refusal")
    _assert_trades(run, day)
    assert run.venue(fake).state == "ended"
    assert "it refuses this address or this country" in run.venue(refused).problem
    assert run.rows("trades", refused) == []
    return run


@fault("451")
def test_a_country_refused_over_http_is_said_and_others_go_on(venue, tmp_path):
    refused = fake_exchange(venue)
    refused.fail(HttpFault(451, 99, body=b"restricted location"))
    run = _record_beside(refused, tmp_path)
    assert "(status 451)" in run.venue(refused).problem
    assert len(refused.requests) == 1


@fault("403")
def test_an_address_refused_over_http_is_said_and_others_go_on(venue, tmp_path):
    refused = fake_exchange(venue)
    refused.fail(HttpFault(403, 99, body=b"forbidden"))
    run = _record_beside(refused, tmp_path)
    assert "(status 403)" in run.venue(refused).problem
    assert len(refused.requests) == 1


@pytest.mark.parametrize("status", [403, 451])
@pytest.mark.parametrize("venue", VENUES)
def test_a_handshake_refused_is_said_and_others_go_on(venue, status, tmp_path):
    refused = fake_exchange(venue)
    refused.refuse_sockets(status)
    run = _record_beside(refused, tmp_path)
    assert f"(status {status})" in run.venue(refused).problem

"""Exchanges without a connector, fetched and recorded by way of ccxt from loopback."""

from __future__ import annotations

import asyncio
import json
import random
import time

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.venues.fakes.bridged import FakeBingx, FakeKrakenFutures
from tests.venues.fakes.exchange import HttpFault
from tests.venues.fakes.facts import Bar, Mark, OpenInterest, Settlement, Trade

from forcedflow.cli.app import run
from forcedflow.live.recorder import record
from forcedflow.settings import read_settings
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.host_guard import HostGuard
from forcedflow.venues.http import HttpClient
from forcedflow.venues.network import connect_venue

DAY = 1_790_035_200_000  # 2026-09-22T00:00Z
BAR_MS = 5 * MINUTE_MS
FAKES = {"bingx": FakeBingx, "kraken": FakeKrakenFutures}
SYMBOLS = {"bingx": "BTC", "kraken": "BTC/USD:USD"}
CHANNELS = {"bingx": "BTC-USDT@trade", "kraken": "trade PF_XBTUSD"}
ANSWERS = {"bingx": 9, "kraken": 6}  # lists of contracts, clock, and each poll once
PRICES = {"bingx": {"last", "mark"}, "kraken": {"last", "mark", "index"}}

pytestmark = pytest.mark.slow

both = pytest.mark.parametrize("which", sorted(FAKES))


@pytest.fixture
def fake_of(tmp_path, monkeypatch):
    """Return a running exchange that the settings point at."""
    running = []

    def start(which):
        fake = FAKES[which]().__enter__()
        running.append(fake)
        there = fake.endpoints
        config = tmp_path / "config.toml"
        config.write_text(
            f'[venues."{fake.venue}"]\nrest = "{there.rest}"\nstream = "{there.stream}"\n'
        )
        monkeypatch.setenv("FORCEDFLOW_CONFIG", str(config))
        return fake

    yield start
    for fake in running:
        fake.__exit__()


def bars(count, interval_ms, end_ms):
    return [
        Bar(
            end_ms - back * interval_ms,
            *(100.0 + back, 102.0 + back, 99.0, 101.0),
            *(1.5 + back, 0.0, 0.0, 0.0, 0),
            price_type=price_type,
            interval_ms=interval_ms,
        )
        for back in range(count - 1, -1, -1)
        for price_type in ("last", "mark", "index")
    ]


def settlements(count, end_ms):
    return [Settlement(end_ms - back * HOUR_MS, 1e-5 * (back + 1)) for back in range(count)][::-1]


@both
def test_the_past_is_fetched_whole_over_several_pages_and_asked_for_once(
    which, fake_of, tmp_path, capsys
):
    fake = fake_of(which)
    known = bars(2 * DAY_MS // BAR_MS, BAR_MS, DAY + 2 * DAY_MS)
    paid = settlements(40, DAY + 2 * DAY_MS - HOUR_MS)
    fake.publish([*known, *paid])
    words = ["fetch", fake.venue, SYMBOLS[which], "--from", "2026-09-22", "--to", "2026-09-24"]
    words += ["--lake", str(tmp_path / "lake"), "--json"]
    assert run(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["venue"] == fake.venue
    lake = Lake(tmp_path / "lake")
    held = lake.read("klines").sort("price_type", "event_time")
    end = pl.col("event_time").dt.timestamp("ms")
    rows = held.select(end, "price_type", "open", "high", "low", "close", "volume").rows()
    wanted = sorted(
        (one.price_type, one.end_ms, one.open, one.high, one.volume)
        for one in known
        if one.price_type in PRICES[which] and one.end_ms < DAY + 2 * DAY_MS
    )
    assert [(row[1], row[0], row[2], row[3]) for row in rows] == [row[:4] for row in wanted]
    volumes = held.filter(pl.col("price_type") == "last")["volume"].to_list()
    assert volumes == [row[4] for row in wanted if row[0] == "last"]
    assert held.filter(pl.col("price_type") != "last")["volume"].is_null().all()
    assert set(held["source"]) == {f"{fake.venue}:ohlcv-{name}" for name in PRICES[which]}
    funding = lake.read("funding").sort("event_time")
    assert funding["funding_rate"].to_list() == [one.funding_rate for one in paid]
    assert funding["interval_hours"].to_list() == [None, *[1.0] * 39]

    asked = len(fake.requests)
    assert run(words) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["pieces"]["held"] == told["pieces"]["read"]
    assert len(fake.requests) - asked <= 3  # the list of contracts


def now_ms():
    return time.time_ns() // 1_000_000


def trades(count, from_ms):
    rng = random.Random(count)  # noqa: S311 - made-up trades
    return [
        # Many are equal in everything but their number.
        Trade(
            from_ms + number // 8,
            number,
            70_000.0,
            rng.choice([0.5, 1.0]),
            rng.choice(["buy", "sell"]),
            *("", ""),
        )
        for number in range(count)
    ]


@both
def test_the_present_is_recorded_without_losing_a_trade_of_a_burst(which, fake_of, tmp_path):
    fake, root = fake_of(which), tmp_path / "lake"
    started = now_ms()
    minute, hour = started - started % MINUTE_MS, started - started % HOUR_MS
    interest = OpenInterest(started, 1_234_567.0)
    mark = Mark(started, 70_000.0, 69_990.0, 1e-4, started + HOUR_MS)
    fake.publish([*bars(6, MINUTE_MS, minute), *settlements(4, hour), interest, mark])
    first, second = [], []

    def happen():
        fake.wait_for(CHANNELS[which])
        fake.wait_until(lambda: len(fake.requests) >= ANSWERS[which], "answers to every poll")
        first.extend(trades(300, now_ms()))
        fake.publish(first)
        time.sleep(0.5)
        fake.cut()
        fake.wait_until(lambda: fake.handshakes == 2, "second connection")
        fake.wait_for(CHANNELS[which])
        second.extend(trades(200, now_ms()))
        fake.publish(second)
        time.sleep(0.5)

    async def follow():
        stop = asyncio.Event()
        recording = asyncio.create_task(
            record([venue], [SYMBOLS[which]], Lake(root, create=True), stop=stop)
        )
        try:
            await asyncio.to_thread(happen)
        finally:
            stop.set()
        return await recording

    venue = connect_venue(fake.venue, read_settings())
    health = asyncio.run(follow())
    venue.http.close()
    (gap,) = health.venues[0].gaps
    assert gap.tables == ("trades",)

    lake = Lake(root)
    held = lake.read("trades")
    assert held.height == 500
    for side in ("buy", "sell"):
        amount = sum(one.size for one in [*first, *second] if one.taker_side == side)
        assert held.filter(pl.col("taker_side") == side)["amount"].sum() == amount
    klines = lake.read("klines")
    assert set(klines["price_type"]) == PRICES[which]
    ends = klines["event_time"].dt.timestamp("ms")
    assert ends.max() <= now_ms()
    assert klines.filter(klines["available_time"] < klines["event_time"]).is_empty()
    predicted = lake.read("funding").filter(pl.col("kind") == "predicted")
    assert predicted["funding_rate"].to_list() == pytest.approx([1e-4] * predicted.height)
    assert predicted.height
    if which == "bingx":
        row = lake.read("open_interest").row(0, named=True)
        assert (row["open_interest"], row["open_interest_usd"]) == (None, interest.size)

    again = tmp_path / "again"
    assert run(["record", "--from-raw", str(root), "--lake", str(again)]) == 0
    order = ["event_time", "trade_id"]
    assert_frame_equal(Lake(again).read("trades").sort(order), held.sort(order))
    assert Lake(again).read("klines").height == klines.height


def test_an_exchange_that_refuses_this_address_is_said_to(fake_of, tmp_path, capsys):
    fake = fake_of("bingx")
    fake.fail(HttpFault(451, times=100))
    words = ["fetch", fake.venue, "BTC", "--from", "2026-09-22", "--to", "2026-09-23"]
    assert run([*words, "--lake", str(tmp_path / "lake")]) == 4
    assert "refuses this address" in capsys.readouterr().err


def test_an_exchange_that_refuses_in_an_answer_of_its_own_is_quoted(fake_of, tmp_path, capsys):
    fake = fake_of("bingx")
    fake.publish(bars(3, BAR_MS, DAY + HOUR_MS))
    refusal = b'{"code": 80014, "msg": "Invalid parameters", "data": {}}'
    fake.fail(HttpFault(200, times=9, path="/openApi/swap/v2/quote/fundingRate", body=refusal))
    words = ["fetch", fake.venue, "BTC", "--from", "2026-09-22", "--to", "2026-09-23"]
    assert run([*words, "--lake", str(tmp_path / "lake")]) == 4
    said = capsys.readouterr()
    assert "Invalid parameters" in said.err
    assert (
        Lake(tmp_path / "lake").read("klines").height == 3 * 2
    )  # last and mark, of the other table


def test_a_reply_of_another_shape_is_no_crash(fake_of, tmp_path, capsys):
    fake = fake_of("kraken")
    fake.fail(HttpFault(200, times=9, path="/derivatives", body=b'{"instruments": [{}]}'))
    words = ["fetch", fake.venue, "BTC", "--from", "2026-09-22", "--to", "2026-09-23"]
    assert run([*words, "--lake", str(tmp_path / "lake")]) in {4, 5}
    assert "ccxt cannot read the reply" in capsys.readouterr().err


def test_coin_margined_contracts_are_not_listed_and_the_clock_is_told(fake_of):
    fake_of("kraken")
    venue = connect_venue("ccxt:krakenfutures", read_settings())
    assert [one.symbol for one in venue.instruments()] == ["BTC/USD:USD"]
    assert venue.instruments()[0].tick_size == 0.5
    assert isinstance(venue.http, HttpClient)
    venue.http.close()
    fake_of("bingx")
    venue = connect_venue("ccxt:bingx", read_settings())
    assert isinstance(venue.http, HttpClient)
    guard = HostGuard(venue.name, venue.http)
    assert venue.connector.server_time_ms(guard) == 1_790_000_000_000
    venue.http.close()

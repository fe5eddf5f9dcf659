"""Which connections and polls Bybit's connector asks for, and what the whole of it promises."""

from __future__ import annotations

import json

import pytest
from tests.unit.venues.bybit.hand_written import (
    INVERSE,
    LINEAR,
    MINUTE,
    NOON,
    SPOT,
    USDC,
    Answers,
    frame,
    reply,
)

from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument
from forcedflow.venues.bybit import BybitConnector
from forcedflow.venues.connector import Connector, Endpoints
from forcedflow.venues.row_buffer import RowBuffer

CONNECTOR: Connector = BybitConnector(
    Endpoints("http://bybit.test", "ws://bybit.test", "http://files.test")
)
EVERYTHING = sorted(CONNECTOR.capabilities.streamed)


def topics(feed):
    messages = [json.loads(message) for message in feed.subscribe]
    assert {message["op"] for message in messages} == {"subscribe"}
    return [topic for message in messages for topic in message["args"]]


def test_the_venue_is_where_it_says_unless_told_otherwise():
    endpoints = BybitConnector().endpoints
    assert endpoints.rest == "https://api.bybit.com"
    assert endpoints.stream == "wss://stream.bybit.com"
    assert endpoints.archive == "https://public.bybit.com"


def test_its_liquidations_are_complete_and_its_positions_private():
    assert CONNECTOR.name == "bybit"
    assert CONNECTOR.capabilities.liquidations == "complete"
    assert not CONNECTOR.capabilities.public_positions
    assert (CONNECTOR.rate_limit.weight, CONNECTOR.rate_limit.window_s) == (600, 5.0)


def test_every_table_of_a_perpetual_is_carried_by_some_feed_or_poll():
    feeds, polls = CONNECTOR.feeds(EVERYTHING, [LINEAR], MINUTE)
    carried = {table for one in (*feeds, *polls) for table in one.carries}
    assert carried == set(EVERYTHING)


def test_books_have_a_connection_of_their_own_which_alone_may_drop():
    feeds, _ = CONNECTOR.feeds(EVERYTHING, [LINEAR], MINUTE)
    assert [(feed.name, feed.droppable) for feed in feeds] == [
        ("linear:1", False),
        ("linear-book:1", True),
    ]
    assert topics(feeds[1]) == ["orderbook.1000.BTCUSDT"]
    assert feeds[1].carries == {"order_book", "depth_bands"}


def test_a_perpetuals_topics():
    feeds, _ = CONNECTOR.feeds(EVERYTHING, [LINEAR], MINUTE)
    assert sorted(topics(feeds[0])) == [
        "allLiquidation.BTCUSDT",
        "kline.1.BTCUSDT",
        "publicTrade.BTCUSDT",
        "tickers.BTCUSDT",
    ]


def test_each_kind_of_contract_has_its_own_address():
    feeds, _ = CONNECTOR.feeds(["trades"], [SPOT, LINEAR, INVERSE, USDC], MINUTE)
    assert {feed.name: feed.url for feed in feeds} == {
        "linear:1": "ws://bybit.test/v5/public/linear",
        "inverse:1": "ws://bybit.test/v5/public/inverse",
        "spot:1": "ws://bybit.test/v5/public/spot",
    }
    assert topics(feeds[0]) == ["publicTrade.BTCUSDT", "publicTrade.BTCPERP"]


def test_a_spot_pair_is_asked_for_what_it_has():
    feeds, polls = CONNECTOR.feeds(EVERYTHING, [SPOT], MINUTE)
    assert [sorted(topics(feed)) for feed in feeds] == [
        ["kline.1.BTCUSDT", "publicTrade.BTCUSDT"],
        ["orderbook.1000.BTCUSDT"],
    ]
    assert polls == ()


def test_what_nobody_asked_for_is_not_connected_to():
    assert CONNECTOR.feeds(["liquidations"], [SPOT], MINUTE) == ((), ())
    feeds, polls = CONNECTOR.feeds(["liquidations"], [LINEAR], MINUTE)
    assert [topics(feed) for feed in feeds] == [["allLiquidation.BTCUSDT"]]
    assert polls == ()


def test_connections_are_kept_alive_by_a_ping_every_twenty_seconds():
    feeds, _ = CONNECTOR.feeds(["trades"], [LINEAR], MINUTE)
    assert (feeds[0].ping, feeds[0].ping_every_s) == ('{"op":"ping"}', 20.0)


def test_a_request_holds_ten_topics_and_a_connection_less_than_21000_characters():
    many = [Instrument("bybit", f"COIN{number:04}", "USDT", "USDT") for number in range(805)]
    feeds, _ = CONNECTOR.feeds(["liquidations"], many, MINUTE)
    assert [feed.name for feed in feeds] == ["linear:1", "linear:2"]
    assert sum(len(topics(feed)) for feed in feeds) == 805
    for feed in feeds:
        assert len(json.dumps(topics(feed), separators=(",", ":"))) < 21_000
        assert {len(json.loads(message)["args"]) for message in feed.subscribe[:-1]} == {10}


def test_what_is_not_streamed_is_polled():
    _, polls = CONNECTOR.feeds(EVERYTHING, [LINEAR], 5 * MINUTE)
    assert {(poll.request.connection, poll.every_s) for poll in polls} == {
        ("rest:mark-price-kline-5:linear:BTCUSDT", 300.0),
        ("rest:index-price-kline-5:linear:BTCUSDT", 300.0),
        ("rest:account-ratio:linear:BTCUSDT", 60.0),
        ("rest:funding:linear:BTCUSDT", 300.0),
        ("rest:risk-limit:linear:BTCUSDT", 3600.0),
    }


def test_polls_ask_what_they_are_named_for():
    _, polls = CONNECTOR.feeds(EVERYTHING, [INVERSE], MINUTE)
    http = Answers(*[b"body"] * len(polls))
    assert {poll.request.send(http) for poll in polls} == {b"body"}
    named = {"category": "inverse", "symbol": "BTCUSD"}
    assert dict(http.asked) == {
        "http://bybit.test/v5/market/mark-price-kline": named | {"interval": "1", "limit": 3},
        "http://bybit.test/v5/market/index-price-kline": named | {"interval": "1", "limit": 3},
        "http://bybit.test/v5/market/account-ratio": named | {"period": "5min", "limit": 3},
        "http://bybit.test/v5/market/funding/history": named | {"limit": 3},
        "http://bybit.test/v5/market/risk-limit": named,
    }


def test_a_usdc_contract_has_no_ratio_to_poll():
    assert CONNECTOR.feeds(["long_short_ratio"], [USDC], MINUTE) == ((), ())


def test_bars_of_a_length_the_venue_does_not_have_are_refused():
    with pytest.raises(UsageError, match="no bars of 2 min"):
        CONNECTOR.feeds(["klines"], [LINEAR], 2 * MINUTE)


def test_trades_come_from_the_archive_and_the_day_under_way_over_http():
    day = 86_400_000
    midnight = NOON - day // 2
    found = CONNECTOR.pieces(Answers(), ["trades"], LINEAR, midnight - day, NOON, NOON, 5 * MINUTE)
    assert [(piece.host, piece.lasting) for piece in found] == [
        ("archive", True),
        ("rest", False),
    ]


def test_each_table_asked_for_is_planned_once():
    tables = ["klines", "klines", "open_interest"]
    found = CONNECTOR.pieces(Answers(), tables, LINEAR, NOON - 1, NOON, NOON, 5 * MINUTE)
    assert len({piece.name for piece in found}) == len(found) == 4


def test_a_reply_to_nobody_is_left_alone():
    rows = RowBuffer("bybit")
    for name in ("rest:funding:linear:ETHUSDT", "rest:time", "rest:other:linear:BTCUSDT"):
        came = frame(reply({"list": []}), name, "response")
        assert CONNECTOR.reader([LINEAR]).read(came, rows) == ()
    assert not len(rows)

"""The connector says what can be asked, plans the past in whole pieces and names its feeds."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.unit.venues.hyperliquid.hyperliquid_frames import (
    ALICE,
    BOB,
    COINS,
    META,
    ROOT,
    T0,
    Asked,
    book,
    candle,
    fill,
    read,
    response,
)

from forcedflow.errors import NotThereError, UsageError
from forcedflow.venues.base import Capabilities
from forcedflow.venues.connector import Endpoints
from forcedflow.venues.hyperliquid import HyperliquidConnector
from forcedflow.venues.hyperliquid.spec import instrument

DAY, HOUR, MINUTE = 86_400_000, 3_600_000, 60_000
NOW = int(datetime(2026, 11, 23, 12, 30, tzinfo=UTC).timestamp()) * 1000
BTC = COINS[0]


def _connector(*accounts):
    return HyperliquidConnector(Endpoints(ROOT, "wss://venue.test"), accounts)


def _pieces(http, tables, start_ms, end_ms, interval_ms=5 * MINUTE, accounts=()):
    plan = _connector(*accounts).pieces
    return plan(http, tables, BTC, start_ms, end_ms, NOW, interval_ms)


def _subscriptions(feed):
    return [json.loads(one)["subscription"] for one in feed.subscribe]


def test_there_is_no_market_wide_feed_of_liquidations_but_positions_are_public():
    found = _connector().capabilities
    assert isinstance(found, Capabilities)
    assert (found.liquidations, found.public_positions, found.kinds) == ("none", True, ("linear",))
    assert "positions" in found.streamed - found.backfilled
    assert "open_interest" not in found.backfilled
    assert "liquidations" not in found.streamed | found.backfilled


def test_fills_of_named_accounts_are_a_lower_bound_of_liquidations():
    found = _connector(ALICE).capabilities
    assert found.liquidations == "sampled lower bound"
    assert "liquidations" in found.streamed & found.backfilled


def test_instruments_and_the_clock_are_one_question_each():
    http = Asked(META, book())
    connector = _connector()
    assert [one.symbol for one in connector.instruments(http)] == [
        "BTC/USDC:USDC",
        "kPEPE/USDC:USDC",
    ]
    assert connector.server_time_ms(http) == T0
    assert http.bodies == [{"type": "meta"}, {"type": "l2Book", "coin": "BTC"}]
    assert http.weights == [20, 2]


def test_bars_of_five_minutes_come_by_the_day_and_are_asked_for_by_their_start():
    start = NOW - NOW % DAY - DAY
    http = Asked([candle(start + n * 5 * MINUTE, interval="5m", length_ms=300_000) for n in (0, 1)])
    yesterday, today = _pieces(http, ["klines"], start + HOUR, NOW)
    assert (yesterday.name, yesterday.start_ms, yesterday.end_ms, yesterday.lasting) == (
        "candleSnapshot/BTC/5m/2026-11-22",
        start,
        start + DAY,
        True,
    )
    assert (today.start_ms, today.end_ms, today.lasting) == (start + DAY, NOW, False)
    assert http.bodies == []
    rows = yesterday.read()
    assert rows["klines"]["event_time"].dt.epoch("ms").to_list() == [
        start + 5 * MINUTE,
        start + 10 * MINUTE,
    ]
    (body,) = http.bodies
    assert body == {
        "type": "candleSnapshot",
        "req": {
            "coin": "BTC",
            "interval": "5m",
            "startTime": start - 5 * MINUTE,
            "endTime": start + DAY - 5 * MINUTE - 1,
        },
    }
    assert http.weights == [25]


def test_bars_of_an_hour_come_by_the_month():
    names = [piece.name for piece in _pieces(Asked(), ["klines"], NOW - 40 * DAY, NOW, HOUR)]
    assert names == ["candleSnapshot/BTC/1h/2026-10", "candleSnapshot/BTC/1h/2026-11"]


def test_bars_that_the_venue_has_dropped_are_not_there_and_not_asked_for():
    http = Asked([])
    first, *_, last = _pieces(http, ["klines"], NOW - 30 * DAY, NOW)
    with pytest.raises(NotThereError, match="holds no bars of 5m before 2026-11-06"):
        first.read()
    assert http.bodies == []
    with pytest.raises(NotThereError, match="holds no bars of BTC"):
        last.read()


def test_funding_is_paged_and_says_how_long_its_interval_was():
    start = int(datetime(2023, 6, 1, tzinfo=UTC).timestamp()) * 1000
    hours = [
        {"coin": "BTC", "fundingRate": "-0.0001", "premium": "0", "time": start + n * HOUR + 66}
        for n in range(501)
    ]
    http = Asked(hours[:500], hours[500:])
    (piece,) = _pieces(http, ["funding"], start, start + 30 * DAY)
    rows = piece.read()["funding"]
    assert (piece.name, piece.lasting, rows.height) == ("fundingHistory/BTC/2023-06", True, 501)
    assert http.bodies[1]["startTime"] == hours[499]["time"] + 1
    assert set(rows["kind"]) == {"settled"}
    assert rows["event_time"].equals(rows["available_time"])
    # Eight hours until 8 June 2023, one since.
    assert rows.filter(rows["interval_hours"] == 8.0).height == 7 * 24
    assert rows["funding_rate"][0] == -0.0001


def test_funding_from_before_the_listing_is_not_there():
    (piece,) = _pieces(Asked([]), ["funding"], NOW - NOW % DAY, NOW)
    with pytest.raises(NotThereError):
        piece.read()


def test_brackets_are_todays_alone():
    (piece,) = _pieces(Asked(META), ["leverage_brackets"], NOW - 9 * DAY, NOW)
    assert (piece.name, piece.start_ms, piece.lasting) == (
        "meta/BTC/2026-11-23",
        NOW - NOW % DAY,
        False,
    )
    assert piece.read()["leverage_brackets"].height == 2
    assert _pieces(Asked(), ["leverage_brackets"], NOW - 9 * DAY, NOW - DAY) == ()


def test_fills_of_named_accounts_are_paged_without_losing_those_of_one_millisecond():
    many = [fill(time=NOW - 5000 + n // 2, tid=n) for n in range(2000)]
    http = Asked(many, many[-2:])
    (piece,) = _pieces(http, ["liquidations"], NOW - HOUR, NOW, accounts=[ALICE])
    assert piece.name == f"userFillsByTime/{ALICE}/BTC/2026-11"
    assert piece.read()["liquidations"]["event_id"].n_unique() == 2000
    assert http.bodies[1]["startTime"] == many[-1]["time"]


def test_an_account_without_fills_is_an_answer_and_no_gap():
    (piece,) = _pieces(Asked([]), ["liquidations"], NOW - HOUR, NOW, accounts=[ALICE])
    assert piece.read() == {}


def test_nothing_is_planned_beyond_now():
    tables = ["klines", "funding", "leverage_brackets"]
    assert _pieces(Asked(), tables, NOW, NOW + DAY) == ()
    assert max(piece.end_ms for piece in _pieces(Asked(), tables, NOW - DAY, NOW + DAY)) == NOW


def test_bars_of_a_length_that_the_venue_lacks_are_refused():
    with pytest.raises(UsageError, match="no bars of 420000 ms"):
        _pieces(Asked(), ["klines"], NOW - DAY, NOW, 7 * MINUTE)
    with pytest.raises(UsageError, match="no bars of 420000 ms"):
        _connector().feeds(["klines"], COINS, 7 * MINUTE)


def test_feeds_carry_what_was_asked_for_and_no_more():
    streams, polled = _connector().feeds(["trades", "order_book"], COINS, MINUTE)
    assert polled == ()
    trades, books = streams
    assert (trades.name, trades.carries, trades.droppable) == ("trades", {"trades"}, False)
    assert (books.name, books.carries, books.droppable) == ("books", {"order_book"}, True)
    assert {feed.url for feed in streams} == {"wss://venue.test/ws"}
    assert {feed.ping for feed in streams} == {'{"method":"ping"}'}
    assert _subscriptions(books) == [
        {"type": "l2Book", "coin": "BTC"},
        {"type": "l2Book", "coin": "kPEPE"},
    ]


def test_wanting_positions_subscribes_to_trades_under_another_name():
    ((feed,), _) = _connector().feeds(["positions"], COINS, MINUTE)
    assert (feed.name, feed.carries) == ("trades+positions", {"positions"})
    assert {one["type"] for one in _subscriptions(feed)} == {"trades"}


def test_bars_bring_the_state_of_the_market_along_and_state_no_bars():
    ((bars,), no_polls) = _connector().feeds(["klines"], COINS[:1], 5 * MINUTE)
    assert no_polls == ()
    assert _subscriptions(bars) == [
        {"type": "candle", "coin": "BTC", "interval": "5m"},
        {"type": "activeAssetCtx", "coin": "BTC"},
    ]
    ((state,), (poll,)) = _connector().feeds(["open_interest"], COINS[:1], 5 * MINUTE)
    assert _subscriptions(state) == [{"type": "activeAssetCtx", "coin": "BTC"}]
    assert (poll.every_s, poll.carries) == (300.0, {"open_interest"})


def test_the_poll_asks_for_every_coin_at_once():
    (_, (poll,)) = _connector().feeds(["leverage_brackets"], COINS, MINUTE)
    http = Asked([META, []])
    poll.request.send(http)
    assert (http.bodies, http.weights) == ([{"type": "metaAndAssetCtxs"}], [20])


def test_at_most_ten_accounts_are_followed_by_their_fills():
    accounts = [f"0x{number:040x}" for number in range(12)]
    ((feed,), _) = _connector(*accounts).feeds(["liquidations"], COINS, MINUTE)
    assert [one["user"] for one in _subscriptions(feed)] == accounts[:10]
    ((), _) = _connector().feeds(["liquidations"], COINS, MINUTE)


def test_more_subscriptions_than_the_venue_allows_are_refused():
    coins = [instrument(f"C{number}") for number in range(600)]
    with pytest.raises(UsageError, match="allows 1000 subscriptions"):
        _connector().feeds(["klines"], coins, MINUTE)


def test_a_reader_follows_the_named_accounts():
    own = _connector(BOB).reader(COINS)
    read(own, response(f"clearinghouseState:{BOB}", {"assetPositions": []}))
    assert own.wallets.ranking() == [BOB]

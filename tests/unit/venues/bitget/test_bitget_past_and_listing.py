"""Bitget's past over HTTP, its contracts and their tiers: rows, spans and what is asked for."""

from __future__ import annotations

import json

import pytest
from tests.unit.venues.bitget.bitget_frames import (
    DAY,
    HOUR,
    LINEAR,
    MINUTE,
    NOON,
    SPOT,
    USDC,
    frame,
    reader,
    reply,
    taken,
)
from tests.unit.venues.okx.okx_frames import Answers, plain

from forcedflow.errors import FrameError, RateLimitedError, UsageError, VenueError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.venues.asked import asked_before, asked_now
from forcedflow.venues.bitget import BitgetConnector
from forcedflow.venues.bitget.parse_history import (
    parse_account_ratio,
    parse_funding,
    parse_klines,
    parse_trades,
)
from forcedflow.venues.bitget.parse_listing import (
    parse_instruments,
    parse_position_tiers,
    parse_time,
)
from forcedflow.venues.row_buffer import RowBuffer

BITGET = BitgetConnector()


def rows_of(parse, data, *more, instrument=LINEAR, span=(0, 2**42), time_ms=NOON + DAY):
    rows = RowBuffer("bitget")
    parse(reply(data, time_ms), asked_before(instrument, *span, 2**42), *more, rows)
    return [row for found in taken(rows).values() for row in found]


def bar(start, *more):
    return [str(start), "60000", "60010", "59990", "60005", "7", "420000", *more]


@pytest.mark.parametrize(
    ("instrument", "price", "price_type", "volume"),
    [
        (LINEAR, "last", "last", 7),
        (LINEAR, "mark", "mark", None),
        (LINEAR, "index", "index", None),
        (SPOT, "last", "spot", 7),
    ],
)
def test_bars_are_in_coins_and_those_of_mark_and_index_have_no_volume(
    instrument, price, price_type, volume
):
    (row,) = rows_of(parse_klines, [bar(NOON, "420000")], price, MINUTE, instrument=instrument)
    assert (row["price_type"], row["volume"], row["close"]) == (price_type, volume, 60_005)
    assert row["event_time"] == row["available_time"] == NOON + MINUTE


def test_a_bar_is_closed_by_the_venues_clock_and_kept_within_the_span():
    data = [bar(NOON - MINUTE), bar(NOON), bar(NOON + MINUTE)]
    rows = rows_of(parse_klines, data, "last", MINUTE, time_ms=NOON + 2 * MINUTE - 1)
    assert [row["event_time"] for row in rows] == [NOON, NOON + MINUTE]
    rows = rows_of(parse_klines, data, "last", MINUTE, span=(NOON, NOON + MINUTE))
    assert [row["event_time"] for row in rows] == [NOON]


@pytest.mark.parametrize("columns", [bar(NOON)[:6], [*bar(NOON)[:4], "nan", "1", "1"], []])
def test_a_page_with_one_bad_bar_is_refused_whole(columns):
    rows = RowBuffer("bitget")
    asked = asked_before(LINEAR, 0, 2**42, 2**42)
    with pytest.raises(FrameError):
        parse_klines(reply([bar(NOON), columns], NOON + DAY), asked, "last", MINUTE, rows)
    assert not len(rows)


def test_settlements_are_as_long_as_the_time_since_the_one_before():
    data = [
        {"symbol": "BTCUSDT", "fundingRate": rate, "fundingTime": str(NOON + hours * HOUR)}
        for rate, hours in (("0.0002", 4), ("-0.0001", 0), ("0.0003", -8))
    ]
    rows = rows_of(parse_funding, data, span=(NOON, NOON + DAY))
    assert [(row["funding_rate"], row["interval_hours"]) for row in rows] == [
        (-0.0001, 8),
        (0.0002, 4),
    ]
    assert {row["kind"] for row in rows} == {"settled"}


def test_account_ratios_are_of_their_shares_and_known_when_they_came():
    data = [
        {"longAccountRatio": "0.6", "shortAccountRatio": "0.4", "longShortAccountRatio": "0.01"},
        {"longAccountRatio": "1", "shortAccountRatio": "0", "longShortAccountRatio": "0"},
    ]
    rows = RowBuffer("bitget")
    body = reply([one | {"ts": str(NOON)} for one in data])
    parse_account_ratio(body, asked_now(LINEAR, NOON + 70_000), rows)
    (row,) = taken(rows)["long_short_ratio"]
    assert (row["kind"], row["ratio"]) == ("accounts", pytest.approx(1.5))
    assert row["available_time"] == NOON + 70_000


def contract(symbol="BTCUSDT", **more):
    body = {"symbol": symbol, "baseCoin": "BTC", "quoteCoin": "USDT", "symbolType": "perpetual"}
    return body | {"symbolStatus": "normal", "pricePlace": "1", "priceEndStep": "5"} | more


def test_contracts_are_listed_by_their_product_with_their_tick():
    found = parse_instruments(reply([contract()]), "USDT-FUTURES")
    assert found == (Instrument("bitget", "BTC", "USDT", "USDT", pytest.approx(0.5)),)
    usdc = contract("BTCPERP", quoteCoin="USDC")
    (listed,) = parse_instruments(reply([usdc]), "USDC-FUTURES")
    assert (listed.symbol, listed.venue_symbol) == ("BTC/USDC:USDC", "BTCPERP")
    pair = {"symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "status": "online"}
    (spot,) = parse_instruments(reply([pair | {"pricePrecision": "2"}]), "SPOT")
    assert (spot.symbol, spot.tick_size) == ("BTC/USDT", pytest.approx(0.01))


@pytest.mark.parametrize(
    "other",
    [
        contract(symbolStatus="maintain"),
        contract("BTCUSDTZ26", symbolType="delivery"),
        contract("BTCUSDT2"),
        contract("BTCPERP"),
    ],
    ids=["not trading", "with expiry", "other name", "of another product"],
)
def test_contracts_that_are_not_ours_are_left_out(other):
    assert parse_instruments(reply([other]), "USDT-FUTURES") == ()


def tier(floor, cap, rate, leverage="100", symbol="BTCUSDT"):
    body = {"symbol": symbol, "startUnit": floor, "endUnit": cap, "leverage": leverage}
    return body | {"keepMarginRate": rate, "level": "1"}


def test_tiers_are_in_quote_and_margin_stays_continuous():
    rows = RowBuffer("bitget")
    data = [tier("150000", "900000", "0.005", "75"), tier("0", "150000", "0.004", "125")]
    parse_position_tiers(reply([*data, tier("0", "5", "0.1", symbol="X")]), LINEAR, 9, rows)
    first, second = taken(rows)["leverage_brackets"]
    assert (first["notional_cap"], second["notional_floor"]) == (150_000, 150_000)
    assert (second["max_leverage"], second["maintenance_margin_rate"]) == (75, 0.005)
    assert second["maintenance_amount"] == pytest.approx(150_000 * 0.001)
    assert first["event_time"] == first["available_time"] == NOON - 12 * HOUR


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ([tier("0", "5", "0.1"), tier("9", "20", "0.2")], "begins at 9, expected 5"),
        ([tier("0", "5", "0.2"), tier("5", "20", "0.1")], "rates must rise"),
        ([tier("0", "5", "1.2")], "rates must rise"),
    ],
)
def test_tiers_that_cannot_be_true_are_refused(data, problem):
    rows = RowBuffer("bitget")
    with pytest.raises(FrameError, match=problem):
        parse_position_tiers(reply(data), LINEAR, 9, rows)
    assert not len(rows)


def test_refusals_are_the_venues_words_and_too_fast_is_told_apart():
    assert parse_time(reply({"serverTime": str(NOON)})) == NOON
    fast = Answers(b'{"code":"429","msg":"Too Many Requests","requestTime":5,"data":null}')
    with pytest.raises(RateLimitedError, match="Too Many Requests"):
        BITGET.server_time_ms(fast)
    http = Answers(b'{"code":"40034","msg":"Parameter does not exist","data":null}')
    with pytest.raises(VenueError, match=r"does not exist \(code 40034\)"):
        BITGET.server_time_ms(http)


def pieces(tables, instrument=LINEAR, back=0, http=None, interval_ms=5 * MINUTE):
    start = NOON - NOON % DAY - back * DAY
    http = http or Answers()
    return BITGET.pieces(http, tables, instrument, start, start + DAY, NOON, interval_ms)


def test_bars_are_asked_for_page_by_page_around_their_starts():
    http = Answers(*[reply([])] * 9)
    (piece,) = [one for one in pieces(["klines"], http=http) if "mark" in one.name]
    assert piece.read() == {}
    url, params = http.asked[0]
    assert url == "https://api.bitget.com/api/v2/mix/market/history-mark-candles"
    first = NOON - NOON % DAY - 5 * MINUTE
    assert (params["startTime"], params["limit"]) == (first - 1, 200)
    assert (params["symbol"], params["productType"]) == ("BTCUSDT", "USDT-FUTURES")
    assert [(p["startTime"] + 1) % (5 * MINUTE) for _, p in http.asked] == [0] * len(http.asked)
    assert http.asked[-1][1]["endTime"] == NOON - 5 * MINUTE - 1


def test_bars_of_spot_are_of_the_last_price_and_have_names_of_their_own():
    http = Answers(*[reply([])] * 9)
    (piece,) = pieces(["klines"], SPOT, http=http)
    piece.read()
    url, params = http.asked[0]
    assert url.endswith("/api/v2/spot/market/history-candles")
    assert (params["granularity"], "productType" in params) == ("5min", False)


def test_of_open_interest_and_ratios_there_is_no_past():
    assert pieces(["open_interest", "long_short_ratio", "liquidations"]) == ()
    assert not {"open_interest", "long_short_ratio"} & BITGET.capabilities.backfilled
    assert {"open_interest", "long_short_ratio"} <= BITGET.capabilities.streamed
    assert pieces(["leverage_brackets"], back=1) == ()
    assert pieces(["funding", "leverage_brackets"], SPOT) == ()
    assert pieces(["trades"], back=91) == ()


def test_settlements_are_paged_back_to_the_first_that_is_wanted():
    def page(*hours):
        return reply([{"fundingRate": "0.1", "fundingTime": str(NOON + h * HOUR)} for h in hours])

    http = Answers(page(-4, -12), page(-20, -28), page(-36, -44))
    (piece,) = pieces(["funding"], back=1, http=http)
    rows = plain(piece.read()["funding"])
    assert [params["pageNo"] for _, params in http.asked] == [1, 2, 3]
    assert sorted((row["event_time"] - NOON) // HOUR for row in rows) == [-36, -28, -20]
    assert all(piece.start_ms <= row["event_time"] < piece.end_ms for row in rows)


def trade(number, at, side="Buy"):
    body = {"tradeId": str(number), "price": "60000", "size": "0.5", "side": side}
    return body | {"ts": str(at), "symbol": "BTCUSDT"}


def test_trades_of_a_day_are_paged_by_ids_until_they_are_older():
    today = NOON - NOON % DAY
    http = Answers(
        reply([trade(9, today + HOUR), trade(8, today + 5, "Sell")]),
        reply([trade(7, today), trade(6, today - 1)]),
    )
    (piece,) = pieces(["trades"], http=http)
    rows = plain(piece.read()["trades"])
    assert [(row["trade_id"], row["taker_side"]) for row in rows] == [
        ("9", "buy"),
        ("8", "sell"),
        ("7", "buy"),
    ]
    assert http.asked[1][1]["idLessThan"] == "8"
    assert http.weights == [2, 2]


def test_a_page_that_comes_again_ends_the_asking():
    page = reply([trade(9, NOON)])
    rows = plain(BITGET.trades_between(Answers(page, page), LINEAR, NOON - 9, NOON + 9)["trades"])
    assert {row["trade_id"] for row in rows} == {"9"}


def test_no_trades_are_no_rows():
    assert BITGET.trades_between(Answers(reply([])), LINEAR, NOON, NOON + 9) == {}


def test_a_bar_length_that_the_venue_lacks_or_begins_at_another_midnight_is_refused():
    for interval_ms in (7 * MINUTE, DAY, 12 * HOUR):
        with pytest.raises(UsageError, match="has no bars of"):
            pieces(["klines"], interval_ms=interval_ms)


def arguments(feed):
    (said,) = map(json.loads, feed.subscribe)
    return said["args"]


def test_one_topic_carries_the_liquidations_of_a_product_and_none_of_spot():
    feeds, _ = BITGET.feeds(["liquidations"], [LINEAR, USDC, SPOT], MINUTE)
    (feed,) = feeds
    assert arguments(feed) == [
        {"instType": "usdt-futures", "topic": "liquidation"},
        {"instType": "usdc-futures", "topic": "liquidation"},
    ]
    assert feed.url == "wss://ws.bitget.com/v3/ws/public"
    assert (feed.ping, feed.lifetime_s) == ("ping", 23 * 3600)


def test_bars_name_their_length_and_books_may_lose_messages():
    feeds, _ = BITGET.feeds(["klines", "order_book", "open_interest"], [LINEAR, SPOT], MINUTE)
    public, book = feeds
    assert (public.droppable, book.droppable) == (False, True)
    klines = [one for one in arguments(public) if one["topic"] == "kline"]
    assert [(one["instType"], one["interval"]) for one in klines] == [
        ("usdt-futures", "1m"),
        ("spot", "1m"),
    ]
    assert [one["instType"] for one in arguments(public) if one["topic"] == "ticker"] == [
        "usdt-futures"
    ]


def test_a_connection_holds_fifty_topics():
    many = [Instrument("bitget", f"C{i}", "USDT", "USDT", 0.1) for i in range(60)]
    feeds, _ = BITGET.feeds(["trades"], many, MINUTE)
    assert [len(arguments(feed)) for feed in feeds] == [50, 10]


def test_polls_are_read_by_the_name_that_they_are_asked_under():
    tables = ["klines", "long_short_ratio", "funding", "leverage_brackets"]
    _, polls = BITGET.feeds(tables, [LINEAR], MINUTE)
    ratio = {"longAccountRatio": "0.6", "shortAccountRatio": "0.4", "ts": str(NOON - HOUR)}
    settled = {"fundingRate": "0.1", "fundingTime": str(NOON - HOUR)}
    answers = {
        "last-candles-1m": [bar(NOON - HOUR)],
        "mark-candles-1m": [bar(NOON - HOUR)],
        "index-candles-1m": [bar(NOON - HOUR)],
        "account-long-short": [ratio],
        "history-fund-rate": [settled],
        "query-position-lever": [tier("0", "5", "0.1")],
    }
    bitget = reader()
    for poll in polls:
        _, name, sort, symbol = poll.request.connection.split(":")
        assert (sort, symbol) == ("usdt-futures", "BTCUSDT")
        rows = RowBuffer("bitget")
        body = poll.request.send(Answers(reply(answers.pop(name))))
        bitget.read(frame(body, poll.request.connection, "response"), rows)
        assert set(taken(rows)) == set(poll.carries)
    assert not answers


def test_a_refused_poll_is_an_error_and_one_of_another_contract_nothing():
    rows = RowBuffer("bitget")
    body = b'{"code":"40034","msg":"no","data":null}'
    with pytest.raises(FrameError, match="no"):
        reader().read(frame(body, "rest:history-fund-rate:usdt-futures:BTCUSDT", "response"), rows)
    reader().read(frame(body, "rest:history-fund-rate:usdt-futures:ETHUSDT", "response"), rows)
    assert not len(rows)


def test_trades_are_told_with_either_spelling_of_their_side():
    found = rows_of(parse_trades, [trade(1, NOON, "sell"), trade(2, NOON, "Sell")])
    assert [row["taker_side"] for row in found] == ["sell", "sell"]


@pytest.mark.parametrize(
    ("name", "symbol", "own"),
    [
        ("BTC", "BTC/USDT:USDT", "BTCUSDT"),
        ("BTCPERP", "BTC/USDC:USDC", "BTCPERP"),
        ("BTC/USDC:USDC", "BTC/USDC:USDC", "BTCPERP"),
        ("BTC/USDC", "BTC/USDC", "BTCUSDC"),
    ],
)
def test_a_contract_in_usdc_is_called_perp_and_a_pair_is_not(name, symbol, own):
    instrument = parse_symbol(name, "bitget")
    assert (instrument.symbol, instrument.venue_symbol) == (symbol, own)

"""Market messages of Hyperliquid become rows in our units, sides and times."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from tests.unit.venues.hyperliquid.hyperliquid_frames import (
    META,
    SYMBOLS,
    T0,
    book,
    candle,
    closed,
    context,
    message,
    opened,
    raw,
    read,
    reader,
    response,
    trade,
)

from forcedflow.errors import FrameError
from forcedflow.margin.brackets import schedules_from_table
from forcedflow.store.raw_log import Frame
from forcedflow.venues.hyperliquid.parse import parse_brackets, parse_candles, parse_instruments
from forcedflow.venues.row_buffer import RowBuffer

MINUTE = 60_000


def _at(ms):
    return datetime.fromtimestamp(ms / 1000, tz=UTC)


@pytest.mark.parametrize(("side", "taker"), [("B", "buy"), ("A", "sell")])
def test_a_trade_has_the_side_of_its_taker(side, taker):
    rows, requests = read(reader(), message("trades", [trade(side)], T0 + 90, "trades"))
    assert requests == []
    assert rows == {
        "trades": [
            {
                "venue": "hyperliquid",
                "symbol": "BTC/USDC:USDC",
                "event_time": _at(T0),
                "available_time": _at(T0),
                "trade_id": "7",
                "price": 64000.0,
                "amount": 0.5,
                "taker_side": taker,
                "source": "hyperliquid:trades",
                "precedence": 8,
            }
        ]
    }


def test_coins_keep_their_case_and_others_give_no_rows():
    trades = [trade(coin=coin) for coin in ("kPEPE", "KPEPE", "ETH", "xyz:BTC", "@1")]
    rows, _ = read(reader(), message("trades", trades))
    assert [row["symbol"] for row in rows["trades"]] == ["kPEPE/USDC:USDC"]


def test_open_interest_is_one_sided_and_thinned_to_a_row_a_minute():
    def state(second, oi):
        data = {"coin": "BTC", "ctx": context(open_interest=oi)}
        return message("activeAssetCtx", data, T0 + second * 1000)

    rows, _ = read(reader(), state(1, "31000.0"), state(30, "32000.0"), state(61, "33000.0"))
    found = [
        (row["event_time"], row["available_time"], row["open_interest"], row["open_interest_usd"])
        for row in rows["open_interest"]
    ]
    assert found == [
        (_at(T0), _at(T0 + 1000), 15_500.0, 15_500.0 * 64_000),
        (_at(T0 + MINUTE), _at(T0 + 61_000), 16_500.0, 16_500.0 * 64_000),
    ]
    funding = rows["funding"]
    assert [(row["kind"], row["funding_rate"], row["interval_hours"]) for row in funding] == [
        ("predicted", 0.0000125, 1.0)
    ] * 2


def test_a_minute_of_marks_is_a_bar_once_the_next_begins_and_the_first_is_left_out():
    own = reader()

    def mark(second, price):
        data = {"coin": "BTC", "ctx": context(mark=price)}
        return message("activeAssetCtx", data, T0 + second * 1000)

    ticks = [mark(50, "1"), mark(61, "10"), mark(70, "14"), mark(80, "9"), mark(119, "11")]
    assert "klines" not in read(own, *ticks)[0]
    rows, _ = read(own, mark(120, "12"))
    (bar,) = rows["klines"]
    assert (bar["price_type"], bar["interval_ms"]) == ("mark", MINUTE)
    assert bar["event_time"] == bar["available_time"] == _at(T0 + 2 * MINUTE)
    assert [bar[name] for name in ("open", "high", "low", "close")] == [10, 14, 9, 11]
    assert bar["volume"] is None
    # A cut leaves a minute of which not all was seen.
    rows, _ = read(own, closed("market"), opened("market"), mark(130, "13"), mark(180, "14"))
    assert "klines" not in rows


def test_a_clock_that_was_set_back_does_not_end_open_interest_and_bars_of_the_mark():
    def mark(second):
        return message("activeAssetCtx", {"coin": "BTC", "ctx": context()}, T0 + second * 1000)

    day = 86_400
    own = reader()
    read(own, mark(day), mark(day + 61))
    rows, _ = read(own, *(mark(second) for second in (10, 61, 121, 181)))
    assert [row["event_time"] for row in rows["open_interest"]] == [
        _at(T0 + minute * MINUTE) for minute in range(4)
    ]
    # The minute in which it was set back was not heard from its beginning.
    assert [row["event_time"] for row in rows["klines"]] == [
        _at(T0 + 2 * MINUTE),
        _at(T0 + 3 * MINUTE),
    ]


def test_a_book_from_far_ahead_is_the_last_only_until_the_connection_is_made_anew():
    own = reader()
    read(own, message("l2Book", book(time=T0 + 10**9), connection="books"))
    late = message("l2Book", book(time=T0), connection="books")
    assert read(own, late) == ({}, [])
    rows, _ = read(own, closed("books"), opened("books"), late)
    assert {row["event_time"] for row in rows["order_book"]} == {_at(T0)}


def test_a_bar_is_closed_once_a_later_one_has_begun():
    own = reader()
    running = [message("candle", candle(c=c, v=v)) for c, v in (("64001.0", "1"), ("64005.0", "2"))]
    assert read(own, *running)[0] == {}
    rows, _ = read(own, message("candle", [candle(T0 + MINUTE)]))
    (bar,) = rows["klines"]
    assert (bar["event_time"], bar["available_time"]) == (_at(T0 + MINUTE), _at(T0 + MINUTE))
    assert (bar["price_type"], bar["close"], bar["volume"], bar["trade_count"]) == (
        "last",
        64005.0,
        2.0,
        12,
    )
    # A late repetition of the closed bar changes nothing.
    assert read(own, message("candle", candle(T0)))[0] == {}


def test_bars_that_ended_while_the_connection_was_down_are_asked_for():
    own = reader()
    lost = [message("candle", candle(T0)), closed("market")]
    assert read(own, opened("market"), *lost) == ({}, [])
    back_ms = T0 + 5 * MINUTE
    _, (request,) = read(own, opened("market", back_ms))
    assert request.connection == "rest:candleSnapshot:BTC"
    bars = [candle(T0 + n * MINUTE) for n in range(6)]
    rows, _ = read(own, response("candleSnapshot:BTC", bars, back_ms + 500))
    assert [row["event_time"] for row in rows["klines"]] == [
        _at(T0 + n * MINUTE) for n in range(1, 6)
    ]
    # The held bar was begun before the cut: it is not said twice, and not from half of it.
    assert read(own, message("candle", candle(T0 + 5 * MINUTE)))[0] == {}


def test_the_last_bar_of_an_answer_counts_only_once_its_time_is_surely_up():
    for now_ms, bars in ((T0 + MINUTE - 1, 0), (T0 + MINUTE + 1999, 0), (T0 + MINUTE + 2000, 1)):
        assert parse_candles(raw([candle()]), SYMBOLS, now_ms, RowBuffer("hyperliquid")) == bars


def test_last_trades_are_asked_for_after_a_cut_and_carry_the_same_ids():
    own = reader()
    _, requests = read(own, opened("trades"), closed("trades"), opened("trades"))
    assert [one.connection for one in requests] == [
        "rest:recentTrades:BTC",
        "rest:recentTrades:kPEPE",
    ]
    rows, _ = read(own, response("recentTrades:BTC", [trade(tid=8), trade(tid=7)]))
    assert [row["trade_id"] for row in rows["trades"]] == ["8", "7"]
    assert {row["precedence"] for row in rows["trades"]} == {9}


def test_a_book_is_taken_whole_and_an_older_one_is_passed_over():
    own = reader()
    newer, older = book(T0 + 2000), book(T0 + 1000, bid="1.0")
    rows, _ = read(own, message("l2Book", newer), message("l2Book", older))
    levels = rows["order_book"]
    assert [(row["side"], row["level"], row["price"], row["amount"]) for row in levels] == [
        ("bid", 0, 63999.0, 1.5),
        ("bid", 1, 63000.0, 4.0),
        ("ask", 0, 64001.0, 2.5),
    ]
    assert {row["event_time"] for row in levels} == {_at(T0 + 2000)}
    # Bids reach 1.56 % below: the bands up to there are kept, and no further.
    assert [(row["distance_pct"], row["amount"]) for row in rows["depth_bands"]] == [
        (-0.2, 1.5),
        (-1.0, 1.5),
    ]


def test_a_question_that_failed_is_no_cut():
    own, name = reader(), "rest:recentTrades:BTC"
    assert read(own, opened("trades"), closed(name), opened("trades")) == ({}, [])


def test_an_empty_book_is_no_row_and_no_error():
    empty = {"coin": "BTC", "time": T0, "levels": [[], []]}
    assert read(reader(), message("l2Book", empty)) == ({}, [])


def test_a_cut_forgets_the_book():
    own = reader()
    read(own, message("l2Book", book(), connection="books"), closed("books"))
    assert not any(kept.ready for kept in own._books.values())


def test_the_state_of_all_coins_gives_open_interest_funding_and_todays_brackets_once():
    own, contexts = reader(), [context(), context(open_interest="0"), context(), context()]
    rows, _ = read(own, response("metaAndAssetCtxs", [META, contexts], T0 + 400))
    assert [(row["symbol"], row["open_interest"]) for row in rows["open_interest"]] == [
        ("BTC/USDC:USDC", 15_500.25),
        ("kPEPE/USDC:USDC", 0.0),
    ]
    assert {row["event_time"] for row in rows["open_interest"]} == {_at(T0)}
    assert len(rows["leverage_brackets"]) == 3
    again, _ = read(own, response("metaAndAssetCtxs", [META, contexts], T0 + MINUTE))
    assert "leverage_brackets" not in again
    tomorrow, _ = read(own, response("metaAndAssetCtxs", [META, contexts], T0 + 86_400_000))
    assert len(tomorrow["leverage_brackets"]) == 3


def test_brackets_keep_half_the_initial_margin_and_are_continuous():
    rows = RowBuffer("hyperliquid")
    parse_brackets(raw(META), SYMBOLS, T0, rows)
    table = rows.take()["leverage_brackets"]
    assert set(table["event_time"]) == set(table["available_time"]) == {_at(T0 - T0 % 86_400_000)}
    schedules = {one.symbol: one for one in schedules_from_table(table)}
    first, second = schedules["BTC/USDC:USDC"].brackets
    assert (first.maintenance_margin_rate, first.maintenance_amount) == (1 / 80, 0.0)
    assert (second.maintenance_margin_rate, second.maintenance_amount) == (1 / 40, 1_875_000.0)
    assert first.notional_cap == second.notional_floor == 150e6
    assert first.maintenance_margin(150e6) == second.maintenance_margin(150e6)
    # Table 10 is not sent: one tier of ten times.
    (flat,) = schedules["kPEPE/USDC:USDC"].brackets
    assert (flat.max_leverage, flat.maintenance_margin_rate) == (10, 1 / 20)


@pytest.mark.parametrize(
    "tiers",
    [
        [{"lowerBound": "5.0", "maxLeverage": 40}],
        [{"lowerBound": "0.0", "maxLeverage": 40}, {"lowerBound": "0.0", "maxLeverage": 20}],
        [],
    ],
)
def test_tiers_that_do_not_ascend_from_zero_are_refused(tiers):
    broken = {**META, "marginTables": [[56, {"marginTiers": tiers}]]}
    rows = RowBuffer("hyperliquid")
    with pytest.raises(FrameError):
        parse_brackets(raw(broken), SYMBOLS, T0, rows)
    assert not len(rows)


def test_instruments_are_the_listed_perpetuals_of_the_venue_itself():
    found = parse_instruments(raw(META))
    assert [(one.symbol, one.tick_size, one.contract_size) for one in found] == [
        ("BTC/USDC:USDC", 0.1, 1.0),
        ("kPEPE/USDC:USDC", 1e-6, 1.0),
    ]
    assert [one.venue_symbol for one in found] == ["BTC", "kPEPE"]


@pytest.mark.parametrize(
    "quiet",
    [
        b'{"channel":"pong"}',
        b'{"channel":"subscriptionResponse","data":{"method":"subscribe"}}',
        b'{"channel":"allMids","data":{"mids":{"BTC":"1"}}}',
        b"Websocket connection established.",
    ],
)
def test_a_message_that_is_not_ours_is_no_row_and_no_error(quiet):
    assert read(reader(), Frame(T0 * 1_000_000, "market", "message", quiet)) == ({}, [])


def test_a_refused_subscription_is_an_error_that_quotes_the_venue():
    with pytest.raises(FrameError, match="refused: Invalid subscription"):
        read(reader(), message("error", "Invalid subscription"))


@pytest.mark.parametrize(
    "broken",
    [
        message("trades", [trade(), trade(px="nan")]),
        message("trades", [trade(), trade(px="-1")]),
        message("trades", [trade(), trade(side="X")]),
        message("trades", [trade(), trade(time="soon")]),
        message("candle", [candle(), candle(length_ms=59_000)]),
        message("candle", [candle(), candle(c="1.0")]),
        message("l2Book", {"coin": "BTC", "time": T0, "levels": [[]]}),
        message("activeAssetCtx", {"coin": "BTC", "ctx": {}}),
        message("activeAssetCtx", {"coin": "BTC", "ctx": context(open_interest="inf")}),
        response("metaAndAssetCtxs", [META, [context()]]),
        response("clearinghouseState:0x1", None),
        response("recentTrades:BTC", {"error": "no"}),
        Frame(T0 * 1_000_000, "market", "message", b"[" * 100_000),
        Frame(T0 * 1_000_000, "market", "message", b"\xff\xfe"),
    ],
)
def test_a_broken_frame_gives_none_of_its_rows_and_leaves_the_reader_usable(broken):
    own, rows = reader(), RowBuffer("hyperliquid")
    with pytest.raises(FrameError) as caught:
        own.read(broken, rows)
    assert broken.raw[:20].decode(errors="replace") in str(caught.value)
    assert not len(rows)
    assert len(read(own, message("trades", [trade()]))[0]["trades"]) == 1


@pytest.mark.real_data
@pytest.mark.parametrize("tape", ["AVAX_20260614", "DOGE_20260613"])
def test_a_single_trade_moves_the_recorded_open_interest_by_twice_its_size(real_data, tape):
    def lines(kind):
        path = real_data / "hyperliquid" / "tape" / f"{kind}_{tape}.jsonl.gz"
        return [json.loads(line) for line in gzip.open(path, "rt")]

    states, trades = lines("ctx"), lines("trades")
    moved = []
    for before, after in pairwise(states):
        between = [one["sz"] for one in trades if before["ts"] <= one["ts"] < after["ts"]]
        if len(between) == 1 and after["oi"] != before["oi"]:
            moved.append(abs(after["oi"] - before["oi"]) / between[0])
    twice = sum(abs(ratio - 2) < 1e-6 for ratio in moved)
    once = sum(abs(ratio - 1) < 1e-6 for ratio in moved)
    assert len(moved) >= 40
    assert twice / len(moved) > 0.8
    assert once == 0

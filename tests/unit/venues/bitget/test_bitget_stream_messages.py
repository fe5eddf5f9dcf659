"""What Bitget's topics print becomes rows: sides of positions, values in coins, whole minutes."""

from __future__ import annotations

import pytest
from tests.unit.venues.bitget.bitget_frames import (
    MINUTE,
    NOON,
    SPOT,
    frame,
    message,
    read,
    reader,
    reply,
    taken,
)

from forcedflow.errors import FrameError
from forcedflow.venues.row_buffer import RowBuffer


def liquidation(side="buy", price="60000", amount="30000", at=NOON, symbol="BTCUSDT"):
    return {"symbol": symbol, "side": side, "price": price, "amount": amount, "ts": str(at)}


def liquidations(*data, ts=NOON, sort="usdt-futures"):
    return message("liquidation", list(data), "", ts=ts, sort=sort)


@pytest.mark.parametrize(("side", "held"), [("buy", "long"), ("sell", "short")])
def test_the_side_of_a_liquidation_is_already_that_of_the_position(side, held):
    (row,) = read(liquidations(liquidation(side)))["liquidations"]
    assert row["side"] == held


def test_the_amount_of_a_liquidation_is_a_value_and_becomes_coins_at_its_price():
    (row,) = read(liquidations(liquidation(price="60000", amount="30000")))["liquidations"]
    assert (row["amount"], row["notional_usd"]) == (0.5, 30_000)
    assert (row["price"], row["price_kind"]) == (60_000, "bankruptcy")
    assert row["completeness"] == "sampled lower bound"


def test_a_liquidation_is_available_when_it_was_pushed():
    (row,) = read(liquidations(liquidation(at=NOON - 20_000), ts=NOON))["liquidations"]
    assert (row["event_time"], row["available_time"]) == (NOON - 20_000, NOON)


def test_twins_within_a_message_are_numbered_and_a_repeated_message_adds_no_key():
    told = liquidations(liquidation(), liquidation(), liquidation("sell"))
    rows = read(told, told)["liquidations"]
    assert [row["event_id"] for row in rows] == ["", "2", ""] * 2


def test_liquidations_of_other_contracts_and_products_are_left_out():
    other = liquidations(liquidation(symbol="APEUSDT"))
    coins = liquidations(liquidation(), sort="coin-futures")
    assert read(other, coins) == {}
    usdc = liquidations(liquidation(symbol="BTCPERP"), sort="usdc-futures")
    (row,) = read(usdc)["liquidations"]
    assert row["symbol"] == "BTC/USDC:USDC"


@pytest.mark.parametrize(
    ("sort", "symbol", "unified"),
    [
        ("usdt-futures", "BTCUSDT", "BTC/USDT:USDT"),
        ("usdc-futures", "BTCPERP", "BTC/USDC:USDC"),
        ("spot", "BTCUSDT", "BTC/USDT"),
    ],
)
def test_a_trade_is_in_coins_with_the_takers_side_and_products_are_told_apart(
    sort, symbol, unified
):
    trade = {"i": "7", "p": "60000", "v": "0.5", "S": "sell", "T": str(NOON), "L": "8"}
    (row,) = read(message("publicTrade", [trade], symbol, sort=sort))["trades"]
    assert (row["symbol"], row["trade_id"]) == (unified, "7")
    assert (row["amount"], row["taker_side"]) == (0.5, "sell")


def bar(start, close="60005", volume="7"):
    body = {"start": str(start), "open": "60000", "high": "60010", "low": "59990"}
    return body | {"close": close, "volume": volume, "turnover": "420000"}


def bars(*told, sort="usdt-futures"):
    return message("kline", list(told), interval="1m", sort=sort)


def test_a_bar_is_a_row_once_the_next_one_begins_and_as_it_stood_last():
    rows = read(
        bars(bar(NOON, "60001", "3")), bars(bar(NOON, "60002", "9")), bars(bar(NOON + MINUTE))
    )["klines"]
    (row,) = rows
    assert (row["event_time"], row["available_time"]) == (NOON + MINUTE, NOON + MINUTE)
    assert (row["close"], row["volume"], row["quote_volume"]) == (60_002, 9, 420_000)
    assert row["price_type"] == "last"
    (row,) = read(bars(bar(NOON), bar(NOON + MINUTE), sort="spot"))["klines"]
    assert row["price_type"] == "spot"


def test_bars_that_come_out_of_order_in_one_message_are_put_in_order():
    rows = read(bars(bar(NOON + 2 * MINUTE), bar(NOON), bar(NOON + MINUTE)))["klines"]
    assert [row["event_time"] for row in rows] == [NOON + MINUTE, NOON + 2 * MINUTE]


def test_a_bar_whose_end_was_not_heard_is_forgotten_with_its_connection():
    told = (bars(bar(NOON)), frame(b"", kind="closed"), bars(bar(NOON + 5 * MINUTE)))
    assert read(*told) == {}


def test_a_polled_bar_takes_the_place_of_the_streamed_one():
    rows, bitget = RowBuffer("bitget"), reader()
    for body in (bars(bar(NOON)), bars(bar(NOON + MINUTE))):
        bitget.read(frame(body), rows)
    columns = [str(NOON), "60000", "60010", "59990", "60005", "8", "480000"]
    body = reply([columns], NOON + MINUTE)
    name = "rest:last-candles-1m:usdt-futures:BTCUSDT"
    bitget.read(frame(body, name, "response", NOON + MINUTE), rows)
    streamed, polled = taken(rows)["klines"]
    assert polled["precedence"] > streamed["precedence"]
    assert (streamed["volume"], polled["volume"]) == (7, 8)


def ticker(held="29539.5", rate="-0.00003", mark="60000"):
    return [{"markPrice": mark, "openInterest": held, "fundingRate": rate, "lastPrice": "1"}]


def test_a_ticker_gives_open_interest_and_the_estimate_once_a_minute():
    rows = read(
        frame(message("ticker", ticker(), ts=NOON), received_ms=NOON + 40),
        message("ticker", ticker("1"), ts=NOON + 30_000),
        frame(message("ticker", ticker("2"), ts=NOON + MINUTE), received_ms=NOON + MINUTE + 9),
    )
    held, funding = rows["open_interest"], rows["funding"]
    assert [row["open_interest"] for row in held] == [29_539.5, 2]
    assert held[0]["open_interest_usd"] == 29_539.5 * 60_000
    assert [row["available_time"] for row in held] == [NOON + 40, NOON + MINUTE + 9]
    assert {(row["kind"], row["funding_rate"], row["interval_hours"]) for row in funding} == {
        ("predicted", -0.00003, None)
    }


@pytest.mark.parametrize(
    "body",
    [
        b"pong",
        {"event": "subscribe", "arg": {"instType": "usdt-futures", "topic": "books"}},
        message("books1", [{}]),
        message("ticker", [{}], "ETHUSDT"),
        message("ticker", [{}], sort="spot"),
        message("kline", [{}], interval="1D"),
        message("publicTrade", []),
    ],
    ids=lambda body: str(body)[:40],
)
def test_answers_and_topics_that_are_not_ours_pass_without_rows(body):
    assert read(body) == {}


@pytest.mark.parametrize("code", [30001, "30001"])
def test_a_refused_subscription_is_an_error_in_the_venues_words(code):
    with pytest.raises(FrameError, match=r"refused: topic doesn't exist \(code 30001\)"):
        read({"event": "error", "code": code, "msg": "topic doesn't exist"})


@pytest.mark.parametrize("body", [b"{}", b"[]", b"pong!", b"", b'{"data":[]}'])
def test_what_has_neither_a_topic_nor_an_answer_is_refused(body):
    with pytest.raises(FrameError):
        read(body)


def test_a_ticker_without_its_time_is_refused():
    with pytest.raises(FrameError, match="has no ts"):
        read(message("ticker", ticker(), ts=0))


def book(action, before, number, at, bids=(("60000", "1"),), asks=(("60010", "2"),)):
    body = {"b": list(bids), "a": list(asks), "seq": str(number), "pseq": before, "ts": str(at)}
    return frame(message("books", [body], action=action), "book:1")


def best_bids(rows):
    found = taken(rows).get("order_book", [])
    return [row["price"] for row in found if row["side"] == "bid" and row["level"] == 0]


def test_the_first_change_may_begin_before_the_snapshot_and_the_next_must_follow():
    bitget, rows = reader(), RowBuffer("bitget")
    bitget.read(book("snapshot", 0, 100, NOON), rows)
    bitget.read(book("update", 90, 120, NOON + 1_000, [("60001", "1")], ()), rows)
    bitget.read(book("update", 120, 130, NOON + 2_000, [("60002", "1")], ()), rows)
    assert best_bids(rows) == [60_000, 60_001, 60_002]
    bitget.read(book("update", 125, 140, NOON + 3_000, [("60003", "1")], ()), rows)
    assert best_bids(rows) == []
    assert bitget.gaps == 1


def test_a_sequence_that_begins_anew_empties_the_book():
    bitget, rows = reader(), RowBuffer("bitget")
    bitget.read(book("snapshot", 0, 100, NOON), rows)
    bitget.read(book("update", 0, 120, NOON + 1_000), rows)
    assert bitget.gaps == 1
    assert best_bids(rows) == [60_000]


def test_after_a_gap_the_book_reaches_no_further_than_the_snapshot_that_healed_it():
    bitget, rows = reader(), RowBuffer("bitget")
    bitget.read(book("update", 1, 2, NOON), rows)
    (request,) = bitget.read(book("update", 2, 3, NOON + 1_000, [("50000", "9")], ()), rows)
    assert request.connection == "rest:orderbook:usdt-futures:BTCUSDT"
    snapshot = {"b": [[59_999.0, 4.0]], "a": [[60_010.0, 2.0]], "ts": str(NOON + 1_100)}
    bitget.read(frame(reply(snapshot), request.connection, "response"), rows)
    bitget.read(book("update", 3, 4, NOON + 1_200, (), [("70000", "9")]), rows)
    found = taken(rows)["order_book"]
    assert [(row["side"], row["price"]) for row in found] == [
        ("bid", 60_000),
        ("bid", 59_999),
        ("ask", 60_010),
    ]


def test_a_spot_pair_has_a_book_of_its_own():
    bitget, rows = reader(SPOT), RowBuffer("bitget")
    body = {"b": [["5", "1"]], "a": [["6", "1"]], "seq": 5, "pseq": 0, "ts": str(NOON)}
    for sort in ("spot", "usdt-futures"):
        bitget.read(frame(message("books", [body], sort=sort, action="snapshot")), rows)
    assert {row["symbol"] for row in taken(rows)["order_book"]} == {"BTC/USDT"}

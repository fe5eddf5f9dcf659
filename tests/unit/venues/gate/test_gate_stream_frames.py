"""What Gate's streams say: sides of orders turned into sides of positions, contracts into coins."""

from __future__ import annotations

import json

import pytest
from tests.unit.venues.gate.gate_frames import BTC, MINUTE, NOON, frame, plain, read, reader, told

from forcedflow.errors import FrameError
from forcedflow.venues.gate import GateConnector
from forcedflow.venues.row_buffer import RowBuffer

LIQUIDATION = {"price": "215.1", "size": -124, "time": NOON + 5, "contract": "BTC_USDT"}


def test_an_order_that_sells_liquidated_a_long_and_one_that_buys_a_short():
    orders = [LIQUIDATION, LIQUIDATION | {"size": 10, "time": NOON + 6}]
    long, short = read(frame(told("public_liquidates", orders)))["liquidations"]
    assert (long["side"], short["side"]) == ("long", "short")
    assert long["amount"] == pytest.approx(0.0124)
    assert long["notional_usd"] == pytest.approx(0.0124 * 215.1)
    assert (long["price"], long["price_kind"]) == (215.1, "order")
    assert long["event_time"] == long["available_time"] == NOON + 5
    assert long["completeness"] == "complete"


def test_sizes_are_contracts_of_each_contract_s_own_multiplier_and_may_be_fractions():
    orders = [LIQUIDATION | {"contract": "ETH_USDT", "size": "-124.5"}]
    (row,) = read(frame(told("public_liquidates", orders)))["liquidations"]
    assert row["symbol"] == "ETH/USDT:USDT"
    assert row["amount"] == pytest.approx(1.245)


def test_a_liquidation_told_alone_and_in_seconds_is_of_the_time_of_samples():
    early = LIQUIDATION | {"time": 1_541_486_601}
    (row,) = read(frame(told("public_liquidates", early)))["liquidations"]
    assert row["event_time"] == 1_541_486_601_000
    assert row["completeness"] == "sampled lower bound"


def test_twins_within_a_message_are_two_and_a_message_that_comes_twice_adds_nothing():
    message = frame(told("public_liquidates", [LIQUIDATION] * 3))
    rows = read(message, message)["liquidations"]
    assert [row["event_id"] for row in rows] == ["", "2", "3"] * 2


def test_liquidations_of_other_contracts_and_without_a_side_give_no_rows():
    orders = [LIQUIDATION | {"contract": "XRP_USDT"}, LIQUIDATION | {"size": 0}]
    assert read(frame(told("public_liquidates", orders))) == {}


def test_a_trade_bears_the_taker_s_side_its_millisecond_and_coins():
    trade = {
        "size": "-0.25",
        "id": 17,
        "create_time": NOON // 1000,
        "create_time_ms": NOON + 399,
        "price": "2171.44",
        "contract": "ETH_USDT",
    }
    sold, bought = read(frame(told("trades", [trade, trade | {"size": 4, "id": 18}])))["trades"]
    assert (sold["taker_side"], bought["taker_side"]) == ("sell", "buy")
    assert sold["amount"] == pytest.approx(0.0025)
    assert sold["event_time"] == NOON + 399
    assert (sold["trade_id"], bought["trade_id"]) == ("17", "18")


def test_a_trade_whose_size_was_cut_off_to_nothing_has_no_side_and_is_left_out():
    trade = {"size": 0, "id": 1, "create_time": 1, "price": "1", "contract": "BTC_USDT"}
    assert read(frame(told("trades", [trade]))) == {}


def bar(start_ms, close="95.4", **more):
    prices = {"o": "94.3", "h": "96.9", "l": "89.5", "c": close}
    return {"t": start_ms // 1000, "v": 20_000, "n": "1m_BTC_USDT"} | prices | more


def test_a_bar_that_is_said_to_be_closed_is_a_row_at_its_end_in_coins():
    rows = read(
        frame(told("candlesticks", [bar(NOON, "94.0", w=False)])),
        frame(told("candlesticks", [bar(NOON, w=True)])),
        frame(told("candlesticks", [bar(NOON + MINUTE, w=False)])),
    )
    (row,) = rows["klines"]
    assert row["event_time"] == row["available_time"] == NOON + MINUTE
    assert (row["close"], row["interval_ms"], row["price_type"]) == (95.4, MINUTE, "last")
    assert row["volume"] == pytest.approx(2.0)
    assert row["quote_volume"] is None


def test_a_bar_of_which_the_venue_does_not_say_is_closed_by_the_next_one():
    rows = read(
        frame(told("candlesticks", [bar(NOON, "94.0")])),
        frame(told("candlesticks", [bar(NOON), bar(NOON + MINUTE)])),
        frame(told("candlesticks", bar(NOON + MINUTE, "90.0"))),
    )
    (row,) = rows["klines"]
    assert (row["event_time"], row["close"]) == (NOON + MINUTE, 95.4)


def test_the_venue_s_word_that_a_bar_is_closed_stands_though_it_comes_late():
    rows = read(
        frame(told("candlesticks", [bar(NOON, "94.0")])),
        frame(told("candlesticks", [bar(NOON + MINUTE)])),
        frame(told("candlesticks", [bar(NOON, w=True)])),
        frame(told("candlesticks", [bar(NOON)])),
    )
    assert [(row["event_time"], row["close"]) for row in rows["klines"]] == [
        (NOON + MINUTE, 94.0),
        (NOON + MINUTE, 95.4),
    ]


def test_a_bar_whose_connection_broke_is_not_taken_for_closed():
    rows = read(
        frame(told("candlesticks", [bar(NOON)])),
        frame(b"reset", kind="closed"),
        frame(told("candlesticks", [bar(NOON + MINUTE)])),
    )
    assert rows == {}


def ticker(at_ms, rate="0.000072"):
    return {
        "contract": "BTC_USDT",
        "mark_price": "77183.5",
        "funding_rate": rate,
        "funding_rate_indicative": "0.5",
        "funding_interval": 28_800,
        "t": at_ms,
    }


def test_the_first_ticker_of_each_minute_is_the_estimate_of_funding():
    rows = read(
        frame(told("tickers", [ticker(NOON + 802)]), received_ms=NOON + 900),
        frame(told("tickers", [ticker(NOON + 900, "0.1")])),
        frame(told("tickers", [ticker(NOON + MINUTE, "-0.0001")]), received_ms=NOON),
    )
    first, second = rows["funding"]
    assert (first["event_time"], first["available_time"]) == (NOON + 802, NOON + 900)
    assert (first["kind"], first["funding_rate"]) == ("predicted", 0.000072)
    assert first["interval_hours"] == 8
    assert (second["event_time"], second["available_time"]) == (NOON + MINUTE,) * 2
    assert second["funding_rate"] == -0.0001


def test_a_ticker_that_says_nothing_of_funding_gives_no_rows():
    assert read(frame(told("tickers", [{"contract": "BTC_USDT", "last": "1"}]))) == {}


@pytest.mark.parametrize(
    "message",
    [
        {"time": 1, "channel": "futures.pong", "event": "", "result": None},
        told("trades", {"status": "success"}, event="subscribe"),
        told("order_book_update", {"s": "BTC_USDT"}),
        told("system", {"type": "upgrade"}),
        told("obu", {"t": NOON, "s": "ob.XRP_USDT.50", "U": 2, "u": 2}),
    ],
)
def test_answers_and_channels_that_are_not_ours_give_no_rows_and_no_error(message):
    assert read(frame(message)) == {}


def test_a_refused_subscription_is_an_error_in_the_venue_s_words():
    error = {"code": 2, "message": "unknown currency pair: NOPE_USDT"}
    message = told("trades", {"status": "fail"}, event="subscribe") | {"error": error}
    with pytest.raises(FrameError, match="unknown currency pair: NOPE_USDT"):
        read(frame(message))


def test_a_message_that_cannot_be_read_quotes_itself_and_gives_none_of_its_rows():
    rows = RowBuffer("gate")
    bad = [LIQUIDATION, LIQUIDATION | {"price": "NaN"}]
    with pytest.raises(FrameError, match=r"public_liquidates: .*the message reads: \{\"time\""):
        reader().read(frame(told("public_liquidates", bad)), rows)
    assert not len(rows)


# Books ------------------------------------------------------------------------------------------


def obu(last, first=None, bids=(), asks=(), at_ms=NOON, **more):
    levels = {
        name: [list(one) for one in side] for name, side in (("b", bids), ("a", asks)) if side
    }
    counted = {"u": last} | ({} if first is None else {"U": first})
    result = {"t": at_ms, "s": "ob.BTC_USDT.50"} | counted | levels | more
    return frame(told("obu", result, at_ms), "usdt-book:1")


WHOLE = obu(10, bids=[("100", "20000")], asks=[("101", "5000.5")], full=True)


def test_a_book_begins_whole_in_coins_and_goes_on_by_its_numbers():
    rows = read(WHOLE, obu(12, 11, bids=[("99", "10000")], at_ms=NOON + 1_000))["order_book"]
    assert [row["amount"] for row in rows[:2]] == [pytest.approx(2.0), pytest.approx(0.50005)]
    later = [(row["price"], row["side"]) for row in rows if row["event_time"] == NOON + 1_000]
    assert later == [(100.0, "bid"), (99.0, "bid"), (101.0, "ask")]


def test_a_gap_asks_for_a_snapshot_over_http_which_heals_with_what_came_meanwhile():
    gate, rows = reader(), RowBuffer("gate")
    assert gate.read(WHOLE, rows) == ()
    assert gate.read(obu(13, 11), rows) == ()
    (request,) = gate.read(obu(20, 16, bids=[("98", "10000")], at_ms=NOON + 1_000), rows)
    assert request.connection == "rest:order_book:BTC_USDT"
    assert gate.gaps == 1
    rows.take()
    snapshot = {
        "id": 15,
        "current": 1.5,
        "asks": [{"p": "101", "s": 10_000}],
        "bids": [{"p": "100", "s": "30000"}],
    }
    answer = frame(snapshot, request.connection, "response")
    assert gate.read(answer, rows) == ()
    gate.read(obu(21, 21, at_ms=NOON + 3_000), rows)
    held = plain(rows)["order_book"]
    assert [(row["price"], round(row["amount"], 9)) for row in held] == [
        (100.0, 3.0),
        (98.0, 1.0),
        (101.0, 1.0),
    ]


def test_a_snapshot_older_than_the_gap_is_asked_for_again():
    gate, rows = reader(), RowBuffer("gate")
    (request,) = gate.read(obu(20, 16), rows)
    stale = {"id": 3, "asks": [], "bids": []}
    assert gate.read(frame(stale, request.connection, "response"), rows)


def test_a_connection_that_ends_takes_its_book_along():
    gate, rows = reader(), RowBuffer("gate")
    gate.read(WHOLE, rows)
    gate.read(frame(b"reset", "usdt-book:1", "closed"), rows)
    assert gate.read(obu(11, 11), rows)


# Connections ------------------------------------------------------------------------------------


def test_every_connection_asks_for_sizes_in_full_and_subscribes_to_what_is_wanted():
    gate = GateConnector()
    feeds, polls = gate.feeds(sorted(gate.capabilities.streamed), (BTC,), MINUTE)
    assert [feed.name for feed in feeds] == ["usdt:1", "usdt-book:1"]
    assert {feed.url for feed in feeds} == {"wss://fx-ws.gateio.ws/v4/ws/usdt"}
    assert {feed.headers["X-Gate-Size-Decimal"] for feed in feeds} == {"1"}
    assert [feed.droppable for feed in feeds] == [False, True]
    said = [json.loads(one) for feed in feeds for one in feed.subscribe]
    assert {one["channel"]: one["payload"] for one in said} == {
        "futures.public_liquidates": ["BTC_USDT"],
        "futures.trades": ["BTC_USDT"],
        "futures.tickers": ["BTC_USDT"],
        "futures.candlesticks": ["1m", "BTC_USDT"],
        "futures.obu": ["ob.BTC_USDT.50"],
    }
    carried = [part.carries for part in (*feeds, *polls)]
    assert frozenset().union(*carried) == gate.capabilities.streamed


def test_only_what_is_wanted_is_connected_to():
    feeds, polls = GateConnector().feeds(["liquidations"], (BTC,), MINUTE)
    assert [feed.carries for feed in feeds] == [{"liquidations"}]
    assert polls == ()

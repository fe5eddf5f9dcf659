"""What Bybit's stream prints, message by message: sides, units, what is closed, what is refused."""

from __future__ import annotations

import pytest
from tests.unit.venues.bybit.hand_written import MINUTE, NOON, frame, read, reader, taken, topic

from forcedflow.errors import FrameError
from forcedflow.venues.row_buffer import RowBuffer


def liquidation(side="Buy", price="50000", size="0.5", at=NOON - 300):
    return {"T": at, "s": "BTCUSDT", "S": side, "v": size, "p": price}


def liquidations(*prints, symbol="BTCUSDT", connection="linear:1"):
    return frame(topic(f"allLiquidation.{symbol}", list(prints)), connection)


def trade(side="Buy", price="50000", size="0.5", ident="a-1"):
    return {"T": NOON - 3, "s": "BTCUSDT", "S": side, "v": size, "p": price, "i": ident}


def bar(*, confirm=True, volume="2", turnover="100010"):
    return {
        "start": NOON - MINUTE,
        "end": NOON - 1,
        "interval": "1",
        "open": "50000",
        "close": "50010.5",
        "high": "50020",
        "low": "49990",
        "volume": volume,
        "turnover": turnover,
        "confirm": confirm,
        "timestamp": NOON - 5,
    }


def test_a_buy_print_is_a_long_that_was_liquidated():
    (row,) = taken(read(liquidations(liquidation("Buy"))), "liquidations")
    assert row["side"] == "long"


def test_a_sell_print_is_a_short_that_was_liquidated():
    (row,) = taken(read(liquidations(liquidation("Sell"))), "liquidations")
    assert row["side"] == "short"


def test_a_liquidation_is_printed_at_its_bankruptcy_price_in_coins_by_a_complete_feed():
    (row,) = taken(read(liquidations(liquidation(price="50000", size="0.5"))), "liquidations")
    assert row == {
        "venue": "bybit",
        "symbol": "BTC/USDT:USDT",
        "event_time": NOON - 300,
        "available_time": NOON - 300,
        "side": "long",
        "price": 50_000.0,
        "price_kind": "bankruptcy",
        "amount": 0.5,
        "notional_usd": 25_000.0,
        "event_id": "",
        "completeness": "complete",
        "source": "bybit:allLiquidation",
        "precedence": 8,
    }


def test_an_inverse_liquidation_is_printed_in_dollars():
    shown = liquidations(
        liquidation(price="50000", size="25000"), symbol="BTCUSD", connection="inverse:1"
    )
    (row,) = taken(read(shown), "liquidations")
    assert (row["symbol"], row["amount"], row["notional_usd"]) == ("BTC/USD:BTC", 0.5, 25_000.0)


def test_twins_within_one_batch_are_numbered_and_others_are_not():
    batch = liquidations(
        liquidation(), liquidation(size="0.7"), liquidation(), liquidation(), liquidation("Sell")
    )
    rows = taken(read(batch), "liquidations")
    assert [row["event_id"] for row in rows] == ["", "", "2", "3", ""]


def test_a_batch_delivered_twice_gives_the_same_keys():
    batch = liquidations(liquidation(), liquidation())
    once, twice = taken(read(batch), "liquidations"), taken(read(batch, batch), "liquidations")
    keys = {(row["event_time"], row["side"], row["price"], row["event_id"]) for row in twice}
    assert len(once) == len(keys) == 2


@pytest.mark.parametrize("name", ["allLiquidation", "publicTrade", "kline.1"])
def test_an_empty_batch_gives_no_rows(name):
    assert not len(read(frame(topic(f"{name}.BTCUSDT", []))))


def test_a_trade_carries_the_side_of_its_taker_and_the_venues_id():
    rows = taken(
        read(frame(topic("publicTrade.BTCUSDT", [trade("Buy"), trade("Sell", ident="a-2")]))),
        "trades",
    )
    assert [(row["trade_id"], row["taker_side"], row["amount"]) for row in rows] == [
        ("a-1", "buy", 0.5),
        ("a-2", "sell", 0.5),
    ]
    assert {row["event_time"] for row in rows} == {row["available_time"] for row in rows}


def test_an_inverse_trade_is_written_in_dollars():
    shown = frame(topic("publicTrade.BTCUSD", [trade(size="100")]), "inverse:1")
    (row,) = taken(read(shown), "trades")
    assert row["amount"] == 0.002


def test_a_spot_trade_and_a_linear_one_of_the_same_name_are_told_apart_by_their_connection():
    shown = topic("publicTrade.BTCUSDT", [trade()])
    rows = taken(read(frame(shown, "spot:1"), frame(shown, "linear:2")), "trades")
    assert [row["symbol"] for row in rows] == ["BTC/USDT", "BTC/USDT:USDT"]


def test_a_closed_bar_is_stamped_with_its_end():
    (row,) = taken(read(frame(topic("kline.1.BTCUSDT", [bar()]))), "klines")
    assert (row["event_time"], row["available_time"], row["interval_ms"]) == (NOON, NOON, MINUTE)
    assert (row["price_type"], row["open"], row["high"], row["low"], row["close"]) == (
        "last",
        50_000.0,
        50_020.0,
        49_990.0,
        50_010.5,
    )
    assert (row["volume"], row["quote_volume"]) == (2.0, 100_010.0)


def test_a_bar_under_way_gives_no_row():
    assert not len(read(frame(topic("kline.1.BTCUSDT", [bar(confirm=False)]))))


def test_an_inverse_bar_has_its_volume_in_dollars_and_its_turnover_in_coins():
    shown = frame(topic("kline.1.BTCUSD", [bar(volume="100010", turnover="2")]), "inverse:1")
    (row,) = taken(read(shown), "klines")
    assert (row["volume"], row["quote_volume"]) == (2.0, 100_010.0)


def test_a_bar_of_a_spot_pair_has_the_spot_price():
    (row,) = taken(read(frame(topic("kline.1.BTCUSDT", [bar()]), "spot:1")), "klines")
    assert (row["symbol"], row["price_type"]) == ("BTC/USDT", "spot")


@pytest.mark.parametrize(
    "said",
    [
        {"success": True, "ret_msg": "pong", "conn_id": "c", "op": "ping"},
        {"op": "pong", "args": ["1790000000000"], "conn_id": "c"},
        {"success": True, "ret_msg": "", "conn_id": "c", "req_id": "1", "op": "subscribe"},
        topic("adlAlert.USDT", [{"c": "USDT", "s": "BTCUSDT", "b": 1.5}]),
        topic("insurance.USDT", [{"coin": "USDT", "symbols": "BTCUSDT", "balance": "1"}]),
        topic("publicTrade.ETHUSDT", [trade()]),
        topic("orderbook.50.BTCUSDT", {"s": "BTCUSDT", "b": [], "a": [], "u": 5}),
        topic("tickers_lt.BTCUSDT", {"symbol": "BTCUSDT"}),
        topic("kline.W.BTCUSDT", [bar()]),
        topic("maintenance", []),
        topic("BTCUSDT", []),
    ],
)
def test_what_is_not_ours_gives_neither_rows_nor_errors(said):
    assert not len(read(frame(said)))


def test_a_refused_subscription_is_an_error_in_the_venues_words():
    said = {"success": False, "ret_msg": "error:handler not found", "op": "subscribe"}
    with pytest.raises(FrameError, match="subscribe: refused: error:handler not found"):
        read(frame(said))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"pong",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"topic":"publicTrade.BTCUSDT"}',
        b'{"topic":"publicTrade.BTCUSDT","data":{"T":1}}',
    ],
)
def test_what_is_no_message_is_refused_and_quoted(raw):
    with pytest.raises(FrameError) as caught:
        read(frame(raw))
    assert raw[:20].decode(errors="replace") in str(caught.value)


@pytest.mark.parametrize("price", ["0", "-1", "nan", "inf", "", "1e400", "abc"])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(FrameError, match="allLiquidation"):
        read(liquidations(liquidation(price=price)))


def test_a_batch_with_one_bad_row_gives_none_of_its_rows():
    rows, bybit = RowBuffer("bybit"), reader()
    with pytest.raises(FrameError):
        bybit.read(liquidations(liquidation(), liquidation("Long")), rows)
    assert not len(rows)
    bybit.read(liquidations(liquidation()), rows)
    assert len(rows) == 1


def test_the_whole_message_is_quoted_not_only_its_data():
    with pytest.raises(FrameError, match=r'"topic": "publicTrade\.BTCUSDT"'):
        read(frame(topic("publicTrade.BTCUSDT", [{"T": 1}])))

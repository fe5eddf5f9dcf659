"""Answers of ccxt as rows: units that are known, names of trades, intervals of funding."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.units import HOUR_MS, MINUTE_MS
from forcedflow.venues.asked import asked_before, asked_now
from forcedflow.venues.ccxt_bridge.parse import (
    parse_bars,
    parse_funding,
    parse_interest,
    parse_past_interest,
    parse_settlements,
)
from forcedflow.venues.ccxt_bridge.reader import CcxtReader
from forcedflow.venues.row_buffer import RowBuffer

DAY = 1_790_035_200_000


def contract(exchange="bingx", size=1.0):
    return Instrument(f"ccxt:{exchange}", "BTC", "USDT", "USDT", tick_size=0.1, contract_size=size)


def rows_of(table, parse, value, asked, *more):
    rows = RowBuffer(asked.instrument.venue)
    parse(json.dumps(value).encode(), asked, *more, rows)
    frame = rows.take().get(table)
    return [] if frame is None else frame.rows(named=True)


def history(instrument):
    return asked_before(instrument, DAY, DAY + HOUR_MS, DAY + HOUR_MS)


@pytest.mark.parametrize(
    ("exchange", "size", "volume"),
    [
        ("bingx", 1.0, 8.0),  # a contract is one coin: both readings are the same
        ("blofin", 0.001, 0.008),  # contracts, as its source says
        ("htx", 0.001, None),  # nobody knows
        ("phemex", 0.001, None),
    ],
)
def test_volume_is_in_coins_or_left_out(exchange, size, volume):
    bars = [[DAY, 1.0, 2.0, 0.5, 1.5, 8.0]]
    asked = history(contract(exchange, size))
    (row,) = rows_of("klines", parse_bars, bars, asked, "last", MINUTE_MS)
    assert row["volume"] == (None if volume is None else pytest.approx(volume))
    assert row["close"] == 1.5


def test_only_bars_that_are_over_and_whole_and_asked_for_are_taken():
    bars = [
        [DAY - 2 * MINUTE_MS, 1, 2, 1, 2, 1],  # ends before the span
        [DAY, 1, 2, 1, 2, 1],
        [DAY + MINUTE_MS, None, None, None, None, 0],  # nobody traded
        [DAY + 2 * MINUTE_MS, 1, 2, 1, 2, 1],  # under way
    ]
    asked = asked_before(contract(), DAY, DAY + HOUR_MS, DAY + 2 * MINUTE_MS + 30_000)
    told = rows_of("klines", parse_bars, bars, asked, "last", MINUTE_MS)
    assert [row["event_time"].timestamp() * 1000 for row in told] == [DAY + MINUTE_MS]


def test_a_page_with_a_bar_off_the_grid_is_refused_whole():
    bars = [[DAY, 1, 2, 1, 2, 1], [DAY + MINUTE_MS - 1, 1, 2, 1, 2, 1]]
    rows = RowBuffer("ccxt:bingx")
    with pytest.raises(FrameError, match="not on a multiple"):
        parse_bars(json.dumps(bars).encode(), history(contract()), "last", MINUTE_MS, rows)
    assert len(rows) == 0


def test_open_interest_of_htx_is_contracts_now_and_coins_in_the_past():
    htx = contract("htx", 0.001)
    told = {"timestamp": DAY, "openInterestAmount": 4000.0, "openInterestValue": "240000"}
    (now,) = rows_of("open_interest", parse_interest, told, asked_now(htx, DAY + 5))
    assert (now["open_interest"], now["open_interest_usd"]) == (4.0, 240_000.0)
    (past,) = rows_of("open_interest", parse_past_interest, [told], history(htx), HOUR_MS)
    assert past["open_interest"] == 4000.0
    assert (past["available_time"] - past["event_time"]).total_seconds() == 3600


def test_an_amount_of_nobody_knows_what_is_no_row_and_dollars_alone_are_one():
    unknown = asked_now(contract("phemex", 0.001), DAY)
    amount = {"timestamp": None, "openInterestAmount": 4000.0, "openInterestValue": None}
    assert rows_of("open_interest", parse_interest, amount, unknown) == []
    (row,) = rows_of("open_interest", parse_interest, amount | {"openInterestValue": 9.0}, unknown)
    assert (row["open_interest"], row["open_interest_usd"]) == (None, 9.0)


def test_the_interval_of_a_settlement_is_that_since_the_one_before():
    times = (DAY - 8 * HOUR_MS, DAY + 1500, DAY + 30 * 60_000)
    told = [{"timestamp": at, "fundingRate": "0.0001"} for at in reversed(times)]
    first, second = rows_of("funding", parse_settlements, told, history(contract()))
    assert (first["interval_hours"], first["kind"]) == (8.0, "settled")
    assert second["interval_hours"] is None  # half an hour is no interval


@pytest.mark.parametrize(("interval", "hours"), [("8h", 8.0), ("1d", None), (None, None)])
def test_an_estimate_is_of_the_moment_at_which_it_was_told(interval, hours):
    told = {"fundingRate": -0.0002, "timestamp": DAY - HOUR_MS, "interval": interval}
    (row,) = rows_of("funding", parse_funding, told, asked_now(contract(), DAY))
    assert row["event_time"].timestamp() * 1000 == DAY
    assert (row["kind"], row["funding_rate"], row["interval_hours"]) == (
        "predicted",
        -0.0002,
        hours,
    )


def trade(**other):
    told = {"symbol": "BTC/USDT:USDT", "timestamp": DAY, "side": "buy", "price": 7.0, "amount": 3}
    return told | {"id": None, "info": {}} | other


def heard(reader, rows, *trades, kind="message"):
    reader.read(Frame(DAY * 1_000_000, "trades", kind, json.dumps(trades).encode()), rows)


def test_equal_trades_without_ids_are_told_apart_across_messages_until_a_fresh_connection():
    reader, rows = CcxtReader("ccxt:htx", [contract("htx", 0.001)]), RowBuffer("ccxt:htx")
    heard(reader, rows, trade(), trade())
    heard(reader, rows, trade(), trade(id="x"))
    told = rows.take()["trades"]
    made = f"{DAY}:buy:7.0:3.0"
    assert told["trade_id"].to_list() == [f"{made}:0", f"{made}:1", f"{made}:2", "x"]
    assert told["amount"].to_list() == pytest.approx([0.003] * 4)
    heard(reader, rows, kind="opened")
    heard(reader, rows, trade())
    assert rows.take()["trades"]["trade_id"].to_list() == [f"{made}:0"]


@pytest.mark.parametrize("other", [{"side": None}, {"amount": 0}, {"symbol": "ETH/USDT:USDT"}])
def test_a_message_with_a_trade_that_cannot_be_read_gives_nothing(other):
    reader, rows = CcxtReader("ccxt:htx", [contract("htx", 0.001)]), RowBuffer("ccxt:htx")
    with pytest.raises(FrameError):
        heard(reader, rows, trade(), trade(**other))
    assert len(rows) == 0


@settings(deadline=None, max_examples=60)
@given(
    raw=st.binary(max_size=60), name=st.sampled_from(["ohlcv-last-1m", "funding", "settlements"])
)
def test_no_answer_however_torn_is_more_than_a_refusal(raw, name):
    reader, rows = CcxtReader("ccxt:bingx", [contract()]), RowBuffer("ccxt:bingx")
    with suppress(FrameError):
        reader.read(Frame(DAY * 1_000_000, f"rest:{name}:BTCUSDT", "response", raw), rows)
    assert len(rows) == 0

"""Whatever bytes come, Bitget's reader gives rows that fit their tables or says what is wrong."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.venues.bitget.bitget_frames import LINEAR, NOON, SPOT, frame, message, reader
from tests.unit.venues.bybit.test_bybit_mutated_frames import mutated

from forcedflow.errors import FrameError, VenueError
from forcedflow.venues.asked import asked_before
from forcedflow.venues.bitget.parse_history import (
    parse_account_ratio,
    parse_funding,
    parse_klines,
    parse_trades,
)
from forcedflow.venues.bitget.parse_listing import parse_instruments, parse_time
from forcedflow.venues.row_buffer import RowBuffer

PRINT = {"symbol": "BTCUSDT", "side": "buy", "price": "5", "amount": "9", "ts": str(NOON)}
BOOK = {"b": [["5", "1"]], "a": [["6", "1"]], "seq": 2, "pseq": 1, "ts": str(NOON)}
BAR = {"start": "0", "open": "5", "high": "7", "low": "4", "close": "6"}
BAR |= {"volume": "9", "turnover": "45"}
MESSAGES = (
    message("liquidation", [PRINT, PRINT], ""),
    message("publicTrade", [{"i": "7", "p": "5", "v": "3", "S": "buy", "T": str(NOON)}]),
    message("kline", [BAR, BAR | {"start": str(NOON)}], interval="1m"),
    message("books", [BOOK], action="snapshot"),
    message("books", [BOOK]),
    message("ticker", [{"markPrice": "5", "openInterest": "9", "fundingRate": "0.1"}]),
    {"event": "subscribe", "arg": {"instType": "usdt-futures", "topic": "books"}},
)
DATA = (
    [[str(NOON), "5", "7", "4", "6", "9", "45"]],
    [{"fundingRate": "0.1", "fundingTime": str(NOON)}],
    [{"longAccountRatio": "0.6", "shortAccountRatio": "0.4", "ts": str(NOON)}],
    [{"tradeId": "7", "price": "5", "size": "3", "side": "Buy", "ts": str(NOON)}],
    {"b": [["5", "1"]], "a": [["6", "1"]], "ts": str(NOON)},
    {"serverTime": str(NOON)},
    [
        {
            "symbol": "BTCUSDT",
            "level": "1",
            "startUnit": "0",
            "endUnit": "5",
            "leverage": "9",
            "keepMarginRate": "0.1",
        }
    ],
    [
        {
            "symbol": "BTCUSDT",
            "baseCoin": "BTC",
            "quoteCoin": "USDT",
            "symbolType": "perpetual",
            "symbolStatus": "normal",
            "pricePlace": "1",
            "priceEndStep": "1",
        }
    ],
)
RESPONSES = (
    "last-candles-1m",
    "account-long-short",
    "history-fund-rate",
    "query-position-lever",
    "orderbook",
)


def envelopes():
    return [{"code": "00000", "msg": "", "requestTime": NOON, "data": one} for one in DATA]


def anything(bodies):
    return st.one_of(st.binary(max_size=60), mutated(bodies))


@settings(deadline=None, max_examples=300)
@given(st.lists(anything(MESSAGES), min_size=1, max_size=4))
def test_any_message_gives_sound_rows_or_is_refused(raws):
    bitget, rows = reader(), RowBuffer("bitget")
    for raw in raws:
        before = len(rows)
        try:
            bitget.read(frame(raw), rows)
        except FrameError:
            assert len(rows) == before
    rows.take()


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(RESPONSES), anything(envelopes()))
def test_any_answer_to_a_poll_gives_sound_rows_or_is_refused(name, raw):
    bitget, rows = reader(), RowBuffer("bitget")
    try:
        bitget.read(frame(raw, f"rest:{name}:usdt-futures:BTCUSDT", "response"), rows)
    except FrameError:
        assert not len(rows)
    rows.take()


@pytest.mark.parametrize(
    "parse",
    [
        lambda raw, asked, rows: parse_klines(raw, asked, "last", 60_000, rows),
        parse_funding,
        parse_account_ratio,
        parse_trades,
    ],
    ids=["klines", "funding", "account_ratio", "trades"],
)
@settings(deadline=None, max_examples=100)
@given(raw=anything(envelopes()))
def test_any_page_of_history_gives_sound_rows_or_is_refused(parse, raw):
    for instrument in (LINEAR, SPOT):
        rows = RowBuffer("bitget")
        try:
            parse(raw, asked_before(instrument, 0, 2**42, 2**42), rows)
        except (FrameError, VenueError):
            assert not len(rows)
        rows.take()


@settings(deadline=None, max_examples=100)
@given(raw=anything(envelopes()))
def test_any_listing_is_read_or_refused(raw):
    for parse in (
        parse_time,
        lambda body: parse_instruments(body, "USDT-FUTURES"),
        lambda body: parse_instruments(body, "SPOT"),
    ):
        with suppress(FrameError, VenueError):
            assert parse(raw) is not None

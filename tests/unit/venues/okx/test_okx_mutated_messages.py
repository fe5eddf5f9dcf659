"""Whatever bytes come, OKX's reader gives rows that fit their tables or says what is wrong."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.venues.bybit.test_bybit_mutated_frames import mutated
from tests.unit.venues.okx.okx_frames import INVERSE, LINEAR, NOON, SPOT, frame, message, reader

from forcedflow.errors import DamagedFileError, FrameError, VenueError
from forcedflow.venues.okx.archive import parse_funding as parse_funding_file
from forcedflow.venues.okx.archive import parse_trades as parse_trades_file
from forcedflow.venues.okx.parse import Asked
from forcedflow.venues.okx.parse_history import (
    parse_account_ratio,
    parse_funding,
    parse_klines,
    parse_open_interest,
    parse_trades,
)
from forcedflow.venues.okx.parse_listing import parse_instruments, parse_time
from forcedflow.venues.row_buffer import RowBuffer

NAME = "BTC-USD-SWAP"
DETAIL = {"bkPx": "5", "posSide": "long", "side": "sell", "sz": "3", "ts": str(NOON)}
TRADE = {"tradeId": "7", "px": "5", "sz": "3", "side": "buy", "ts": str(NOON)}
BOOK = {
    "bids": [["5", "1", "0", "1"], ["4", "2", "0", "1"]],
    "asks": [["6", "1", "0", "1"]],
    "ts": str(NOON),
    "prevSeqId": 1,
    "seqId": 2,
}
BAR = [str(NOON), "5", "7", "4", "6", "9", "3", "15", "1"]
MESSAGES = (
    message("liquidation-orders", [{"instId": NAME, "details": [DETAIL, DETAIL]}], ""),
    message("trades-all", [TRADE], NAME),
    message("candle1m", [BAR], NAME),
    message("books", [BOOK], NAME, action="snapshot"),
    message("books", [BOOK], NAME, action="update"),
    message("open-interest", [{"oi": "9", "oiCcy": "5", "oiUsd": "", "ts": str(NOON)}], NAME),
    message(
        "funding-rate",
        [{"fundingRate": "0.1", "fundingTime": "5", "prevFundingTime": "4", "ts": str(NOON)}],
        NAME,
    ),
    {"event": "subscribe", "arg": {"channel": "books", "instId": NAME}},
)
DATA = (
    [BAR],
    [[*BAR[:5], "1"]],
    [[str(NOON), "5", "6", "7"]],
    [[str(NOON), "5"]],
    [{"realizedRate": "0.1", "fundingRate": "0.2", "fundingTime": str(NOON)}],
    [TRADE],
    [BOOK],
    [{"ts": str(NOON)}],
    [
        {
            "instType": "SWAP",
            "instId": NAME,
            "instFamily": "BTC-USD",
            "settleCcy": "BTC",
            "ctType": "inverse",
            "ctVal": "100",
            "ctValCcy": "USD",
            "tickSz": "0.1",
            "state": "live",
        }
    ],
)
TIERS = {
    "tiers": {"code": "0", "data": [{"maxSz": "5", "mmr": "0.1", "maxLever": "5"}]},
    "mark": {"code": "0", "data": [{"instId": NAME, "markPx": "5", "ts": str(NOON)}]},
}
RESPONSES = ("mark-price-candles-1m", "account-ratio", "funding", "position-tiers", "books")


def envelopes():
    return [{"code": "0", "msg": "", "data": one} for one in DATA]


def anything(bodies):
    return st.one_of(st.binary(max_size=60), mutated(bodies))


@settings(deadline=None, max_examples=300)
@given(st.lists(anything(MESSAGES), min_size=1, max_size=4))
def test_any_message_gives_sound_rows_or_is_refused(raws):
    okx, rows = reader(), RowBuffer("okx")
    for raw in raws:
        before = len(rows)
        try:
            okx.read(frame(raw, "public:1"), rows)
        except FrameError:
            assert len(rows) == before
    rows.take()


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(RESPONSES), anything([*envelopes(), TIERS]))
def test_any_answer_to_a_poll_gives_sound_rows_or_is_refused(name, raw):
    okx, rows = reader(), RowBuffer("okx")
    try:
        okx.read(frame(raw, f"rest:{name}:{NAME}", "response"), rows)
    except FrameError:
        assert not len(rows)
    rows.take()


@pytest.mark.parametrize(
    "parse",
    [
        lambda raw, asked, rows: parse_klines(raw, asked, 60_000, rows),
        parse_open_interest,
        parse_funding,
        parse_account_ratio,
        parse_trades,
    ],
    ids=["klines", "open_interest", "funding", "account_ratio", "trades"],
)
@settings(deadline=None, max_examples=100)
@given(raw=anything(envelopes()))
def test_any_page_of_history_gives_sound_rows_or_is_refused(parse, raw):
    for instrument in (LINEAR, INVERSE, SPOT):
        rows = RowBuffer("okx")
        try:
            parse(raw, Asked(instrument, 0, 2**42, 9), rows)
        except (FrameError, VenueError):
            assert not len(rows)
        rows.take()


@settings(deadline=None, max_examples=100)
@given(raw=anything(envelopes()))
def test_any_listing_is_read_or_refused(raw):
    for parse in (parse_time, parse_instruments):
        with suppress(FrameError, VenueError):
            assert parse(raw) is not None


@settings(deadline=None, max_examples=60)
@given(raw=st.binary(max_size=80))
def test_any_file_is_read_or_refused(raw):
    for parse in (parse_trades_file, parse_funding_file):
        with pytest.raises(DamagedFileError):
            parse("file", raw, LINEAR)

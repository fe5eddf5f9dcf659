"""Whatever bytes come, Bybit's reader gives rows that fit their tables or says what is wrong."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.venues.bybit.hand_written import INVERSE, LINEAR, NOON, SPOT, frame, reader, topic

from forcedflow.errors import FrameError, VenueError
from forcedflow.venues.bybit.parse_history import (
    Asked,
    parse_account_ratio,
    parse_funding,
    parse_klines,
    parse_mark_opens,
    parse_open_interest,
    parse_recent_trades,
)
from forcedflow.venues.bybit.parse_listing import parse_cursor, parse_instruments, parse_time
from forcedflow.venues.row_buffer import RowBuffer

LEVELS = [["50000", "1"], ["49999", "2"]]
MESSAGES = (
    topic(
        "allLiquidation.BTCUSD",
        [{"T": NOON, "s": "BTCUSD", "S": "Buy", "v": "100", "p": "50000"}] * 2,
    ),
    topic(
        "publicTrade.BTCUSD",
        [{"T": NOON, "s": "BTCUSD", "S": "Sell", "v": "100", "p": "50000", "i": "a"}],
    ),
    topic(
        "kline.1.BTCUSD",
        [
            {
                "start": NOON,
                "open": "1",
                "high": "2",
                "low": "1",
                "close": "2",
                "volume": "3",
                "turnover": "4",
                "confirm": True,
            }
        ],
    ),
    topic("orderbook.1000.BTCUSD", {"s": "BTCUSD", "b": LEVELS, "a": [["50001", "1"]], "u": 2}),
    topic(
        "tickers.BTCUSD",
        {"markPrice": "50000", "openInterest": "9", "singleOpenInterest": "5", "fundingRate": "1"},
    ),
    {"success": True, "op": "subscribe", "ret_msg": ""},
)
RESULTS = (
    {"list": [[str(NOON), "1", "2", "1", "2", "3", "4"]]},
    {"list": [[str(NOON), "1", "2", "1", "2"]]},
    {"list": [{"openInterest": "4", "singleOpenInterest": "2", "timestamp": str(NOON)}]},
    {"list": [{"fundingRate": "0.1", "fundingRateTimestamp": str(NOON)}]},
    {"list": [{"buyRatio": "0.4", "sellRatio": "0.6", "timestamp": str(NOON)}]},
    {"list": [{"execId": "a", "price": "5", "size": "5", "side": "Buy", "time": str(NOON)}]},
    {
        "list": [
            {
                "symbol": "BTCUSD",
                "riskLimitValue": "150",
                "maintenanceMargin": "0.5",
                "initialMargin": "1",
                "maxLeverage": "100",
                "mmDeduction": "",
            }
        ]
    },
    {"s": "BTCUSD", "b": LEVELS, "a": LEVELS, "u": 7, "ts": NOON},
)
RESPONSES = (
    "rest:mark-price-kline-1:inverse:BTCUSD",
    "rest:account-ratio:inverse:BTCUSD",
    "rest:funding:inverse:BTCUSD",
    "rest:risk-limit:inverse:BTCUSD",
    "rest:orderbook:inverse:BTCUSD",
)

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["", "nan", "-inf", "1e400", "0", "-1", "1e-320", "9" * 40, "Buy", "é\ud800"]),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
)


def paths(node, here=()):
    yield here
    children = node.items() if isinstance(node, dict) else enumerate(node)
    if isinstance(node, dict | list):
        for key, child in children:
            yield from (
                paths(child, (*here, key)) if isinstance(child, dict | list) else [(*here, key)]
            )


def replaced(node, path, value):
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = replaced(copy[path[0]], path[1:], value)
    return copy


@st.composite
def mutated(draw, bodies):
    body = draw(st.sampled_from(bodies))
    for _ in range(draw(st.integers(0, 2))):
        path = draw(st.sampled_from(list(paths(body))))
        body = replaced(body, path, draw(ODD))
        if not isinstance(body, dict | list):
            break
    raw = json.dumps(body).encode("utf-8", "surrogatepass")
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(raw)))
        raw = raw[:cut] + draw(st.binary(max_size=3)) + raw[draw(st.integers(cut, len(raw))) :]
    return raw


def envelopes():
    return [{"retCode": 0, "retMsg": "OK", "result": one, "time": NOON} for one in RESULTS]


@settings(deadline=None, max_examples=400)
@given(st.lists(st.one_of(st.binary(max_size=60), mutated(MESSAGES)), min_size=1, max_size=4))
def test_any_message_gives_sound_rows_or_is_refused(raws):
    bybit, rows = reader(), RowBuffer("bybit")
    for raw in raws:
        before = len(rows)
        try:
            bybit.read(frame(raw, "inverse:1"), rows)
        except FrameError:
            assert len(rows) == before
    rows.take()


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(RESPONSES), st.one_of(st.binary(max_size=60), mutated(envelopes()))
        ),
        min_size=1,
        max_size=3,
    )
)
def test_any_answer_to_a_poll_gives_sound_rows_or_is_refused(answers):
    bybit, rows = reader(), RowBuffer("bybit")
    for name, raw in answers:
        before = len(rows)
        try:
            bybit.read(frame(raw, name, "response"), rows)
        except FrameError:
            assert len(rows) == before
    rows.take()


@pytest.mark.parametrize(
    "parse",
    [
        lambda raw, asked, rows: parse_klines(raw, asked, 60_000, rows),
        lambda raw, asked, rows: parse_open_interest(raw, asked, {NOON: 5.0}, rows),
        parse_funding,
        parse_account_ratio,
        parse_recent_trades,
    ],
    ids=["klines", "open_interest", "funding", "account_ratio", "recent_trades"],
)
@settings(deadline=None, max_examples=150)
@given(raw=st.one_of(st.binary(max_size=60), mutated(envelopes())))
def test_any_page_of_history_gives_sound_rows_or_is_refused(parse, raw):
    for instrument in (LINEAR, INVERSE, SPOT):
        rows = RowBuffer("bybit")
        try:
            parse(raw, Asked(instrument, 0, 2**42, 9), rows)
        except (FrameError, VenueError):
            assert not len(rows)
        rows.take()


@settings(deadline=None, max_examples=150)
@given(raw=st.one_of(st.binary(max_size=60), mutated(envelopes())))
def test_any_listing_is_read_or_refused(raw):
    for parse in (
        parse_time,
        parse_cursor,
        parse_mark_opens,
        lambda body: parse_instruments(body, "linear"),
    ):
        with suppress(FrameError, VenueError):
            assert parse(raw) is not None

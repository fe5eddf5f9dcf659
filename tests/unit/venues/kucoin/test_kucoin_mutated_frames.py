"""Whatever bytes come, KuCoin's reader gives rows that fit their tables or says what is wrong."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.venues.kucoin.kucoin_messages import (
    BTC,
    ETH,
    NOON,
    candle,
    change,
    estimate,
    frame,
    prices,
    trade,
)

from forcedflow.errors import FrameError, VenueError
from forcedflow.venues.kucoin.parse_history import (
    Asked,
    parse_funding,
    parse_klines,
    parse_open_interest,
    parse_recent_trades,
    parse_reference_klines,
)
from forcedflow.venues.kucoin.parse_listing import parse_address, parse_instruments, parse_time
from forcedflow.venues.kucoin.reader import KucoinReader
from forcedflow.venues.row_buffer import RowBuffer

MESSAGES = (
    trade(),
    change(3, "50000,buy,1"),
    candle(NOON, "1", "2", "3", "1", "4", "5"),
    prices(NOON),
    estimate(NOON, 0.1),
    {"id": "1", "type": "error", "code": 404, "data": "no"},
)
DATA = (
    [[NOON, 1, 2, 1, 2, 3]],
    {"list": [[str(NOON // 1000), "1", "2", "2", "1", "0", "0"]]},
    [{"symbol": "XBTUSDTM", "openInterest": "1", "ts": NOON}],
    [{"symbol": "XBTUSDTM", "fundingRate": "0.1", "timepoint": NOON}],
    [{"tradeId": "1", "ts": NOON * 10**6, "size": 1, "price": "1", "side": "buy"}],
    {"token": "x", "instanceServers": [{"endpoint": "wss://a.kucoin.com"}]},
    NOON,
)

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=6),
    st.lists(st.integers(0, 3), max_size=3),
    st.just({}),
)


@st.composite
def mutated(draw, messages):
    """Return one of the messages with some value somewhere in it replaced or removed."""
    message = json.loads(json.dumps(draw(st.sampled_from(messages))))
    here = holder = {"": message}
    key: object = ""
    while isinstance(here, dict | list) and here:
        if holder is not here and draw(st.integers(0, 2)) == 0:
            break
        holder, key = (
            here,
            draw(st.sampled_from(list(here) if isinstance(here, dict) else list(range(len(here))))),
        )
        here = holder[key]
    if draw(st.booleans()):
        holder[key] = draw(VALUES)
    else:
        del holder[key]
    return json.dumps(message.get("", message) if isinstance(message, dict) else message).encode()


def check(raw: bytes, connection: str, kind) -> None:
    reader, rows = KucoinReader((BTC, ETH), "http://kucoin.test"), RowBuffer("kucoin")
    is_read = False
    with suppress(FrameError):
        reader.read(frame(raw, connection, kind), rows)
        is_read = True
    assert is_read or not len(rows)
    rows.take()


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.binary(max_size=60), mutated(MESSAGES)))
def test_any_message_gives_sound_rows_or_is_refused_whole(raw):
    check(raw, "prints:1", "message")


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(st.binary(max_size=60), mutated([{"code": "200000", "data": data} for data in DATA])),
    st.sampled_from(["level2", "contract", "risk-limit"]),
)
def test_any_answer_gives_sound_rows_or_is_refused_whole(raw, endpoint):
    check(raw, f"rest:{endpoint}:XBTUSDTM", "response")


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(st.binary(max_size=60), mutated([{"code": "200000", "data": data} for data in DATA]))
)
def test_any_reply_gives_sound_rows_or_a_venue_or_frame_error(raw):
    asked = Asked(BTC, 0, 1 << 42, 1 << 42, 9)
    for parse in (parse_open_interest, parse_funding, parse_recent_trades):
        rows = RowBuffer("kucoin")
        with suppress(FrameError, VenueError):
            parse(raw, asked, rows)
        rows.take()
    rows = RowBuffer("kucoin")
    with suppress(FrameError, VenueError):
        parse_klines(raw, asked, 300_000, rows)
    with suppress(FrameError, VenueError):
        parse_reference_klines(raw, asked, "mark", 300_000, rows)
    rows.take()
    for parse_one in (parse_instruments, parse_time):
        with suppress(FrameError, VenueError):
            parse_one(raw)
    with suppress(FrameError, VenueError):
        parse_address(raw, "wss://ws-api-futures.kucoin.com")

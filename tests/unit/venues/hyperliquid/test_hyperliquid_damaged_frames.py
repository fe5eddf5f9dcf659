"""Whatever bytes come, the reader gives rows that fit their tables or says what is wrong."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.venues.hyperliquid.hyperliquid_frames import (
    META,
    SYMBOLS,
    T0,
    account,
    book,
    candle,
    context,
    fill,
    message,
    position,
    raw,
    reader,
    response,
    trade,
)

from forcedflow.errors import FrameError
from forcedflow.store.raw_log import Frame
from forcedflow.venues.hyperliquid import parse, parse_accounts
from forcedflow.venues.row_buffer import RowBuffer

WHOLE = [
    message("trades", [trade(), trade(tid=8)], connection="trades+positions"),
    message("l2Book", book()),
    message("candle", candle()),
    message("candle", candle(T0 + 60_000)),
    message("activeAssetCtx", {"coin": "BTC", "ctx": context()}),
    message("userFills", {"user": "0x1", "fills": [fill()]}),
    response("metaAndAssetCtxs", [META, [context()] * 4]),
    response("clearinghouseState:0x1", account(position())),
    response("candleSnapshot:BTC", [candle(), candle(T0 + 60_000)]),
    response("recentTrades:BTC", [trade()]),
]
KINDS = [(frame.connection, frame.kind) for frame in WHOLE]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True),
    st.text(max_size=8),
    st.sampled_from(["nan", "-inf", "1e999", "-1", "0", "", [], {}, [[]]]),
)


def _read(own, frame):
    """Read a frame as the recorder does: all rows or none, and rows that their table lets in."""
    rows = RowBuffer("hyperliquid")
    try:
        own.read(frame, rows)
    except FrameError:
        assert not len(rows)
    rows.take()


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(KINDS), st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_in_words_or_ignored(kind, data):
    _read(reader(), Frame(T0 * 1_000_000, *kind, data))


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(WHOLE), st.data())
def test_frames_with_bytes_changed_are_refused_or_give_rows_that_fit(frame, data):
    changed = bytearray(frame.raw)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(changed)))
    for damaged in (bytes(changed), bytes(changed[:cut])):
        _read(reader(), Frame(frame.received_ns, frame.connection, frame.kind, damaged))


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(WHOLE), st.data())
def test_frames_with_values_changed_are_refused_or_give_rows_that_fit(frame, data):
    value = json.loads(frame.raw)
    node = value
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        deeper = isinstance(node[key], dict | list) and len(node[key]) > 0
        if not deeper or data.draw(st.integers(0, 9)) == 0:
            break
        node = node[key]
    node[key] = data.draw(ODD)
    own = reader()
    for _ in range(2):
        _read(own, Frame(frame.received_ns, frame.connection, frame.kind, raw(value)))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=100))
def test_answers_of_every_kind_are_refused_in_words(data):
    def rows():
        return RowBuffer("hyperliquid")

    readings = [
        lambda: parse.parse_instruments(data),
        lambda: parse.parse_brackets(data, SYMBOLS, T0, rows()),
        lambda: parse.parse_candles(data, SYMBOLS, T0, rows()),
        lambda: parse.parse_funding(data, SYMBOLS, rows()),
        lambda: parse.parse_book(data),
        lambda: parse.times_of(data, "fundingHistory"),
        lambda: parse_accounts.parse_account(data, SYMBOLS),
        lambda: parse_accounts.parse_fills(data, "0x1", SYMBOLS, rows()),
    ]
    for reading in readings:
        try:
            found = reading()
        except FrameError:
            continue
        else:
            # Only a list of nothing can be read as an answer.
            assert data.strip()[:1] == b"["
            assert not found


def test_the_same_frames_give_the_same_rows_and_requests():
    def run():
        own, rows, asked = reader(), RowBuffer("hyperliquid"), []
        for frame in WHOLE:
            asked += [request.connection for request in own.read(frame, rows)]
        return {table: frame.to_dicts() for table, frame in rows.take().items()}, asked

    assert run() == run()
    assert len(run()[0]) == 8


@pytest.mark.slow
def test_a_message_is_read_in_far_less_than_twenty_microseconds_of_a_busy_market():
    own, rows = reader(), RowBuffer("hyperliquid")
    frames = [
        message("trades", [trade(tid=n, time=T0 + n)], connection="trades+positions")
        for n in range(20_000)
    ]
    start = time.process_time()
    for frame in frames:
        own.read(frame, rows)
    assert time.process_time() - start < 1.0
    assert rows.take()["trades"].height == 20_000

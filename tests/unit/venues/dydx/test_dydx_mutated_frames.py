"""Whatever bytes come, dYdX's reader gives rows that fit their tables or says what is wrong."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.venues.dydx.dydx_messages import (
    ADDRESS,
    BTC,
    ETH,
    NOON,
    all_markets,
    candle,
    data,
    frame,
    iso,
    market,
    match,
    oracle,
)

from forcedflow.errors import FrameError
from forcedflow.venues.dydx import parse
from forcedflow.venues.dydx.reader import DydxReader
from forcedflow.venues.row_buffer import RowBuffer

POSITION = {
    "market": "BTC-USD",
    "side": "LONG",
    "size": "1",
    "entryPrice": "1",
    "unrealizedPnl": "0",
}
MESSAGES = (
    data("v4_trades", {"trades": [match(type="LIQUIDATED")]}),
    data("v4_candles", candle(NOON), "BTC-USD/1MIN"),
    json.loads(oracle(NOON).raw),
    data("v4_markets", {"trading": {"BTC-USD": {"openInterest": "1"}}}, ""),
    json.loads(all_markets().raw),
    {"type": "error", "message": "no"},
)
REPLIES = (
    (
        "funding:BTC-USD",
        {"historicalFunding": [{"ticker": "BTC-USD", "rate": "0", "effectiveAt": iso(NOON)}]},
    ),
    ("markets", {"markets": {"BTC-USD": market()}}),
    (
        f"address:{ADDRESS}",
        {
            "subaccounts": [
                {
                    "address": ADDRESS,
                    "subaccountNumber": 0,
                    "equity": "1",
                    "openPerpetualPositions": {"BTC-USD": POSITION},
                }
            ]
        },
    ),
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["NaN", "-1", "1e400", "2026-01-01T00:00:00", "0001-01-01T00:00:00Z"]),
    st.lists(st.integers(0, 3), max_size=3),
    st.just({}),
)


@st.composite
def mutated(draw, messages):
    """Return one of the messages with some value somewhere in it replaced or removed."""
    root = {"": json.loads(json.dumps(draw(st.sampled_from(messages))))}
    holder, key = root, ""
    depth = draw(st.integers(1, 6))
    while depth and isinstance(inner := holder[key], dict | list) and inner:
        names = sorted(inner) if isinstance(inner, dict) else range(len(inner))
        holder, key, depth = inner, draw(st.sampled_from(list(names))), depth - 1
    if draw(st.booleans()) and holder is not root:
        del holder[key]
    else:
        holder[key] = draw(VALUES)
    return json.dumps(root[""]).encode()


def check(raw: bytes, connection: str, kind) -> None:
    reader, rows = DydxReader((BTC, ETH)), RowBuffer("dydx")
    for one in (all_markets(), oracle(NOON - 60_000)):
        reader.read(one, rows)
    rows.take()
    is_read = False
    with suppress(FrameError):
        reader.read(frame(raw, connection, kind), rows)
        is_read = True
    assert is_read or not len(rows)
    rows.take()


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.binary(max_size=60), mutated(MESSAGES)))
def test_any_message_gives_sound_rows_or_is_refused_whole(raw):
    check(raw, "markets", "message")


@settings(deadline=None, max_examples=200)
@given(st.data(), st.sampled_from(REPLIES))
def test_any_answer_gives_sound_rows_or_is_refused_whole(given_data, named):
    name, body = named
    raw = given_data.draw(st.one_of(st.binary(max_size=60), mutated([body])))
    check(raw, f"rest:{name}", "response")


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(
        st.binary(max_size=60),
        mutated(
            [{"trades": [match()]}, {"candles": [candle(NOON)]}, {"markets": {"BTC-USD": market()}}]
        ),
    )
)
def test_any_page_gives_sound_rows_or_is_refused(raw):
    rows, asked = RowBuffer("dydx"), parse.Asked(BTC, 9)
    for read in (
        lambda: parse.parse_trades(raw, asked, "trades", rows),
        lambda: parse.parse_candles(raw, asked, rows),
        lambda: parse.parse_instruments(raw),
        lambda: parse.oldest_trade(raw),
        lambda: parse.parse_time(raw),
    ):
        with suppress(FrameError):
            read()
    rows.take()

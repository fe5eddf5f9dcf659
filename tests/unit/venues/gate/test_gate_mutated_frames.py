"""Whatever bytes come, Gate's reader gives rows that fit their tables or says what is wrong."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.venues.gate.gate_frames import BTC, MINUTE, NOON, frame, reader, told

from forcedflow.errors import FrameError
from forcedflow.venues.asked import asked_before
from forcedflow.venues.gate.parse_history import parse_trade_seconds, parse_trades
from forcedflow.venues.gate.parse_listing import parse_contracts, parse_time
from forcedflow.venues.row_buffer import RowBuffer

PRICES = {"o": "1", "h": "2", "l": "1", "c": "2", "v": "3", "sum": "4"}
ORDER = {"price": "215.1", "size": -124, "time": NOON, "contract": "BTC_USDT"}
TRADE = {"size": 4, "id": 1, "create_time": NOON / 1000, "price": "5", "contract": "BTC_USDT"}
LEVELS = [["100", "2"], ["99", "3"]]
MESSAGES = (
    told("public_liquidates", [ORDER] * 2),
    told("public_liquidates", ORDER),
    told("trades", [TRADE | {"create_time_ms": NOON}]),
    told("candlesticks", [PRICES | {"t": NOON // 1000, "n": "1m_BTC_USDT", "w": True}]),
    told("candlesticks", [PRICES | {"t": NOON // 1000 + 60, "n": "1m_BTC_USDT"}]),
    told("tickers", [{"contract": "BTC_USDT", "funding_rate": "0.1", "t": NOON}]),
    told(
        "obu",
        {"t": NOON, "full": True, "s": "ob.BTC_USDT.50", "u": 9, "b": LEVELS, "a": [["101", "1"]]},
    ),
    told("obu", {"t": NOON, "s": "ob.BTC_USDT.50", "U": 10, "u": 10, "b": LEVELS}),
    {"time": 1, "channel": "futures.pong", "event": "", "result": None},
)
STATISTICS = {
    "time": NOON // 1000 - 900,
    "open_interest": "28517250",
    "open_interest_usd": 21.5,
    "lsr_account": 3.25,
    "long_liq_usd": 231.5,
    "short_liq_usd": 1,
}
TIER = {"risk_limit": "100", "maintenance_rate": "0.004", "leverage_max": "125", "deduction": "0"}
REPLIES = (
    [PRICES | {"t": NOON // 1000 - 600}],
    [STATISTICS],
    [{"t": NOON // 1000, "r": "0.0001"}],
    [{"contract": "BTC_USDT", "total_size": "15", "mark_price": "2"}],
    [TIER, TIER | {"risk_limit": "200"}],
    [TRADE | {"create_time_ms": "1739814676.707"}],
    [
        {
            "name": "BTC_USDT",
            "type": "direct",
            "quanto_multiplier": "0.1",
            "order_price_round": "1",
        }
    ],
    {"id": 5, "bids": [{"p": "1", "s": 2}], "asks": [{"p": "2", "s": 2}]},
    {"server_time": NOON},
)
ENDPOINTS = (
    "mark-1m",
    "contract_stats",
    "funding_rate",
    "tickers",
    "risk_limit_tiers",
    "order_book",
)

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["", "nan", "-inf", "1e400", "0", "-1", "1e-320", "9" * 40, "é\ud800"]),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
)


def paths(node, here=()):
    yield here
    if isinstance(node, dict | list):
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from paths(child, (*here, key))


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
        body = replaced(body, draw(st.sampled_from(list(paths(body)))), draw(ODD))
    raw = json.dumps(body).encode("utf-8", "surrogatepass")
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(raw)))
        raw = raw[:cut] + draw(st.binary(max_size=3)) + raw[draw(st.integers(cut, len(raw))) :]
    return raw


@settings(deadline=None, max_examples=400)
@given(st.lists(st.one_of(st.binary(max_size=60), mutated(MESSAGES)), min_size=1, max_size=4))
def test_any_message_gives_sound_rows_or_is_refused(raws):
    gate, rows = reader(), RowBuffer("gate")
    for raw in raws:
        before = len(rows)
        try:
            gate.read(frame(raw), rows)
        except FrameError:
            assert len(rows) == before
    rows.take()


@settings(deadline=None, max_examples=400)
@given(
    st.lists(
        st.tuples(st.sampled_from(ENDPOINTS), st.one_of(st.binary(max_size=60), mutated(REPLIES))),
        min_size=1,
        max_size=3,
    )
)
def test_any_answer_gives_sound_rows_or_is_refused(answers):
    gate, rows = reader(), RowBuffer("gate")
    for endpoint, raw in answers:
        before = len(rows)
        try:
            gate.read(frame(raw, f"rest:{endpoint}:BTC_USDT", "response", NOON + MINUTE), rows)
        except FrameError:
            assert len(rows) == before
    rows.take()


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.binary(max_size=60), mutated(REPLIES)))
def test_any_listing_or_page_of_trades_is_read_or_refused(raw):
    for parse in (parse_contracts, parse_time, parse_trade_seconds):
        with suppress(FrameError):
            assert parse(raw) is not None
    rows = RowBuffer("gate")
    with suppress(FrameError):
        parse_trades(raw, asked_before(BTC, 0, 2 * NOON, 2 * NOON), rows)
    rows.take()

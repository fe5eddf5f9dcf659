"""Whatever bytes come, MEXC's reader gives rows that fit their tables or says what is wrong."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.venues.mexc.mexc_frames import BTC, MINUTE, NOON, frame, push, reader

from forcedflow.errors import FrameError, VenueError
from forcedflow.venues.asked import asked_before
from forcedflow.venues.mexc.parse_history import parse_funding_page, parse_recent_trades
from forcedflow.venues.mexc.parse_listing import parse_contracts, parse_time
from forcedflow.venues.row_buffer import RowBuffer

DEAL = {"p": 115309.8, "v": 55, "T": 2, "t": NOON, "i": "1"}
LEVELS = [[100, 2, 1], [99, 3]]
BAR = {"interval": "Min1", "q": 8, "a": 3.5, "o": 1, "h": 2, "l": 1, "c": 2}
MESSAGES = (
    push("deal", [DEAL, {key: one for key, one in DEAL.items() if key != "i"}]),
    push("kline", BAR | {"t": NOON // 1000}),
    push("kline", BAR | {"t": NOON // 1000 + 60}),
    push("ticker", {"holdVol": 5, "fairPrice": 6.5, "fundingRate": 0.1, "timestamp": NOON}),
    push("depth", {"cts": NOON, "bids": LEVELS, "asks": [], "begin": 1, "version": 2}),
    {"channel": "rs.sub.deal", "data": "success", "ts": str(NOON)},
)
TIER = {"level": 1, "maxVol": 50, "mmr": 0.001, "maxLeverage": 500}
LIMITS = {"symbol": "BTC_USDT", "riskLimitMode": "CUSTOM", "riskLimitCustom": [TIER]}
STEPS = {
    "symbol": "BTC_USDT",
    "riskBaseVol": 5,
    "riskIncrVol": 5,
    "riskLevelLimit": 3,
    "maintenanceMarginRate": 0.004,
    "riskIncrMmr": 0.004,
    "initialMarginRate": 0.008,
    "riskIncrImr": 0.004,
}
COLUMNS = ("open", "high", "low", "close", "vol", "amount")


def reply(data):
    return {"success": True, "code": 0, "data": data}


REPLIES = (
    reply({name: [1.0] for name in COLUMNS} | {"time": [NOON // 1000 - 600]}),
    reply({"totalPage": 1, "resultList": [{"settleTime": NOON, "fundingRate": 0.1}]}),
    [reply(LIMITS), reply({"fairPrice": 5.5})],
    [reply([STEPS]), reply({"fairPrice": 5.5})],
    reply({"bids": LEVELS, "asks": LEVELS, "version": 5}),
    reply([DEAL]),
    reply(NOON),
    reply(
        [
            {
                "symbol": "BTC_USDT",
                "baseCoin": "BTC",
                "quoteCoin": "USDT",
                "settleCoin": "USDT",
                "contractSize": 1,
                "priceUnit": 1,
            }
        ]
    ),
)
ENDPOINTS = ("mark-Min1", "last-Min1", "funding_rate", "brackets", "depth")

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
    raw = json.dumps(body).encode("utf-8", "surromexcpass")
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(raw)))
        raw = raw[:cut] + draw(st.binary(max_size=3)) + raw[draw(st.integers(cut, len(raw))) :]
    return raw


@settings(deadline=None, max_examples=400)
@given(st.lists(st.one_of(st.binary(max_size=60), mutated(MESSAGES)), min_size=1, max_size=4))
def test_any_message_gives_sound_rows_or_is_refused(raws):
    mexc, rows = reader(), RowBuffer("mexc")
    for raw in raws:
        before = len(rows)
        try:
            mexc.read(frame(raw), rows)
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
    mexc, rows = reader(), RowBuffer("mexc")
    for endpoint, raw in answers:
        before = len(rows)
        try:
            mexc.read(frame(raw, f"rest:{endpoint}:BTC_USDT", "response", NOON + MINUTE), rows)
        except FrameError:
            assert len(rows) == before
    rows.take()


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.binary(max_size=60), mutated(REPLIES)))
def test_any_listing_or_page_is_read_or_refused(raw):
    for parse in (parse_contracts, parse_time, parse_funding_page):
        with suppress(FrameError, VenueError):
            assert parse(raw) is not None
    rows = RowBuffer("mexc")
    with suppress(FrameError, VenueError):
        parse_recent_trades(raw, asked_before(BTC, 0, 2 * NOON, 2 * NOON), rows)
    rows.take()

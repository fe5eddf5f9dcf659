"""Whatever bytes come, a reader gives rows that fit their tables or refuses the frame, whole."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.venues.binance import BinanceConnector
from forcedflow.venues.row_buffer import RowBuffer

INSTRUMENTS = [
    Instrument("binance", "BTC", "USDT", "USDT", 0.1),
    Instrument("binance", "BTC", "USD", "BTC", 0.1, 100.0),
    Instrument("binance", "BTC", "USDT", None, 0.01),
]
NOON = 1_791_374_400_000
_ORDER = {"s": "BTCUSD_PERP", "S": "SELL", "ap": "50000", "z": "3", "T": NOON, "st": 2}
_BAR = {"t": NOON, "T": NOON + 59_999, "i": "1m", "o": "1", "h": "2", "l": "1", "c": "2", "n": 3}
_BAR |= {"x": True, "v": "5", "q": "6", "V": "1", "Q": "2"}
_DEPTH = {"U": 5, "u": 6, "pu": 4, "T": NOON, "b": [["9", "1"]], "a": [["10", "1"]]}
_BRACKET = {"bs": 1, "bnf": 0, "bnc": 5000, "mmr": 0.01, "cf": 0, "mi": 1, "ma": 50}
_TRADE = {"s": "BTCUSDT", "a": 1, "p": "5", "q": "1", "T": NOON, "m": False}
EVENTS = [
    {"e": "forceOrder", "E": NOON, "o": _ORDER},
    {"e": "aggTrade", "E": NOON, **_TRADE},
    {"e": "kline", "E": NOON, "s": "BTCUSDT", "k": _BAR},
    {"e": "markPriceUpdate", "E": NOON, "s": "BTCUSDT", "p": "5", "r": "0.0001", "T": NOON},
    {"e": "depthUpdate", "E": NOON, "s": "BTCUSDT", **_DEPTH},
    {"e": "contractInfo", "E": NOON, "s": "BTCUSDT", "bks": [_BRACKET]},
]
REPLIES = {
    "rest:um:depth:BTCUSDT": {"lastUpdateId": 5, "T": NOON, "bids": [["9", "1"]], "asks": []},
    "rest:um:openInterest:BTCUSDT": {"symbol": "BTCUSDT", "openInterest": "5", "time": NOON},
    "rest:cm:premiumIndex:BTCUSD_PERP": [
        {"symbol": "BTCUSD_PERP", "markPrice": "5", "lastFundingRate": "0.1", "time": NOON}
    ],
    "rest:um:fundingInfo": [{"symbol": "BTCUSDT", "fundingIntervalHours": 4}],
    "rest:um:markPriceKlines:BTCUSDT:1m": [
        [start, "1", "2", "1", "2", "0", start + 59_999, "0", 60, "0", "0", "0"]
        for start in (NOON, NOON + 60_000)
    ],
    "rest:um:takerlongshortRatio:BTCUSDT": [{"buySellRatio": "1.5", "timestamp": NOON}],
    "rest:cm:takerBuySellVol:BTCUSD_PERP": [
        {"pair": "BTCUSD", "takerBuyVol": "5", "takerSellVol": "4", "timestamp": NOON}
    ],
    "rest:um:brackets": {"data": {"brackets": [{"symbol": "BTCUSDT", "riskBrackets": []}]}},
}
MESSAGES = [
    *(("market:0", "message", {"stream": "x", "data": event}) for event in EVENTS),
    *(("spot:0", "message", {"stream": "x", "data": event}) for event in EVENTS),
    *((name, "response", body) for name, body in REPLIES.items()),
]


def survives(connection, kind, raw):
    """Return whether a frame was taken; fail if rows of a refused one or unfit rows are left."""
    reader, rows = BinanceConnector().reader(INSTRUMENTS), RowBuffer("binance")
    try:
        reader.read(Frame(NOON * 1_000_000, connection, kind, raw), rows)
    except FrameError as error:
        refusal = str(error)
    else:
        rows.take()
        return True
    assert raw[:20].decode(errors="replace")[:5] in refusal
    assert len(rows) == 0
    return False


@pytest.mark.parametrize(("connection", "kind", "body"), MESSAGES)
def test_the_frames_that_are_damaged_below_are_sound(connection, kind, body):
    assert survives(connection, kind, msgspec.json.encode(body))


@given(message=st.sampled_from(MESSAGES), raw=st.binary(max_size=200))
@settings(deadline=None)
def test_arbitrary_bytes_are_refused_or_read(message, raw):
    survives(message[0], message[1], raw)


@given(
    message=st.sampled_from(MESSAGES),
    place=st.floats(0, 1, exclude_max=True),
    cut=st.integers(0, 12),
    patch=st.binary(max_size=12)
    | st.sampled_from([b"-", b"0", b"null", b"1e400", b'"nan"', b"9" * 30]),
)
@settings(deadline=None, max_examples=600)
def test_a_mutated_frame_is_refused_or_read(message, place, cut, patch):
    connection, kind, body = message
    raw = msgspec.json.encode(body)
    at = int(place * len(raw))
    survives(connection, kind, raw[:at] + patch + raw[at + cut :])


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(["", "0", "-1", "nan", "inf", "1e300", "1e-300", "1e18", "BTCUSDT", "5m"])
)


def with_value(body, path, value):
    """Return ``body`` with the scalar that ``path`` leads to replaced."""
    if isinstance(body, dict) and body:
        key = sorted(body)[path[0] % len(body)]
        return body | {key: with_value(body[key], path[1:] or [0], value)}
    if isinstance(body, list) and body:
        place = path[0] % len(body)
        return [*body[:place], with_value(body[place], path[1:] or [0], value), *body[place + 1 :]]
    return value


@given(
    message=st.sampled_from(MESSAGES),
    path=st.lists(st.integers(0, 30), min_size=4, max_size=4),
    value=_SCALARS,
)
@settings(deadline=None, max_examples=600)
def test_a_frame_with_another_value_is_refused_or_read(message, path, value):
    connection, kind, body = message
    survives(connection, kind, msgspec.json.encode(with_value(body, path, value)))


def test_a_frame_that_is_nested_beyond_reason_is_refused():
    assert not survives("market:0", "message", b'{"stream":"x","u":' + b"[" * 100_000)
    assert not survives("rest:um:fundingInfo", "response", b"[" * 100_000)

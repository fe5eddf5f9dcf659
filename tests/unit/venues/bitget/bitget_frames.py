"""Messages of Bitget written by hand, and what is needed to read them."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.venues.okx.okx_frames import plain

from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame, FrameKind
from forcedflow.venues.bitget.reader import BitgetReader
from forcedflow.venues.row_buffer import RowBuffer

LINEAR = Instrument("bitget", "BTC", "USDT", "USDT", 0.1)
USDC = Instrument("bitget", "BTC", "USDC", "USDC", 0.5)
SPOT = Instrument("bitget", "BTC", "USDT", None, 0.01)

NOON = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 43_200_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def frame(
    body: object, connection: str = "public:1", kind: FrameKind = "message", received_ms: int = 0
) -> Frame:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Frame((received_ms or NOON) * 1_000_000, connection, kind, raw)


def message(
    topic: str,
    data: object,
    symbol: str = "BTCUSDT",
    *,
    sort: str = "usdt-futures",
    ts: int = NOON,
    action: str = "update",
    **more: str,
) -> Any:
    arg = {"instType": sort, "topic": topic} | ({"symbol": symbol} if symbol else {}) | more
    return {"action": action, "arg": arg, "data": data, "ts": ts}


def reply(data: object, time_ms: int = NOON) -> bytes:
    body = {"code": "00000", "msg": "success", "requestTime": time_ms, "data": data}
    return json.dumps(body).encode()


def reader(*instruments: Instrument) -> BitgetReader:
    return BitgetReader(instruments or (LINEAR, USDC, SPOT), "http://bitget.test")


def read(*bodies: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of messages by table, times in milliseconds."""
    rows, bitget = RowBuffer("bitget"), reader()
    for body in bodies:
        bitget.read(body if isinstance(body, Frame) else frame(body), rows)
    return taken(rows)


def taken(rows: RowBuffer) -> dict[str, list[dict[str, Any]]]:
    return {table: plain(found) for table, found in rows.take().items()}

"""Messages of Bybit written by hand, and what is needed to read them."""

from __future__ import annotations

import json
from typing import Any

from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame, FrameKind
from forcedflow.venues.bybit.reader import BybitReader
from forcedflow.venues.row_buffer import RowBuffer

LINEAR = Instrument("bybit", "BTC", "USDT", "USDT", 0.1, 1.0)
INVERSE = Instrument("bybit", "BTC", "USD", "BTC", 0.5, 1.0)
SPOT = Instrument("bybit", "BTC", "USDT", None, 0.1, 1.0)
USDC = Instrument("bybit", "BTC", "USDC", "USDC", 0.1, 1.0)

NOON = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 43_200_000
MINUTE = 60_000


def frame(
    body: object, connection: str = "linear:1", kind: FrameKind = "message", received_ms: int = 0
) -> Frame:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Frame((received_ms or NOON) * 1_000_000, connection, kind, raw)


def topic(name: str, data: object, ts: int = NOON, sort: str = "snapshot", **more: int) -> Any:
    return {"topic": name, "type": sort, "ts": ts, "data": data} | more


def reply(result: object, time_ms: int = NOON) -> bytes:
    body = {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": time_ms}
    return json.dumps(body).encode()


def reader() -> BybitReader:
    return BybitReader((LINEAR, INVERSE, SPOT, USDC), "http://bybit.test")


def taken(rows: RowBuffer, table: str) -> list[dict[str, Any]]:
    """Return the rows of the only table that has any, times in milliseconds."""
    frames = rows.take()
    assert set(frames) <= {table}
    if not frames:
        return []
    return plain(frames[table])


def plain(frame) -> list[dict[str, Any]]:
    found = frame.to_dicts()
    for row in found:
        for name in ("event_time", "available_time"):
            row[name] = round(row[name].timestamp() * 1000)
    return found


def read(*frames: Frame) -> RowBuffer:
    rows, bybit = RowBuffer("bybit"), reader()
    for one in frames:
        bybit.read(one, rows)
    return rows


class Answers:
    """An HTTP client that gives prepared answers in turn and notes what it was asked."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str | int]]] = []

    def get(self, url, params=None, *, weight=1):
        assert weight == 1
        self.asked.append((url, dict(params or {})))
        return self.answers.pop(0)

    def post(self, url, body, *, weight=1):
        raise AssertionError(f"posted to {url}: {body}, {weight}")

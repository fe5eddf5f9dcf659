"""Messages of MEXC written by hand, and what is needed to read them."""

from __future__ import annotations

import json
from typing import Any

from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame, FrameKind
from forcedflow.venues.mexc.reader import MexcReader
from forcedflow.venues.row_buffer import RowBuffer

BTC = Instrument("mexc", "BTC", "USDT", "USDT", 0.1, 0.0001)
ETH = Instrument("mexc", "ETH", "USDT", "USDT", 0.01, 0.01)

NOON = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 43_200_000
MINUTE = 60_000
ROOT = "http://mexc.test"


def frame(
    body: object, connection: str = "edge:1", kind: FrameKind = "message", received_ms: int = 0
) -> Frame:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Frame((received_ms or NOON) * 1_000_000, connection, kind, raw)


def push(channel: str, data: object, ts: int = NOON, symbol: str = "BTC_USDT") -> Any:
    return {"symbol": symbol, "data": data, "channel": f"push.{channel}", "ts": ts}


def reply(data: object) -> bytes:
    return json.dumps({"success": True, "code": 0, "data": data}).encode()


def reader() -> MexcReader:
    return MexcReader((BTC, ETH), ROOT)


def read(*frames: Frame) -> dict[str, list[dict[str, Any]]]:
    rows, mexc = RowBuffer("mexc"), reader()
    for one in frames:
        mexc.read(one, rows)
    return plain(rows)


def plain(rows: RowBuffer) -> dict[str, list[dict[str, Any]]]:
    """Return the rows by table, times in milliseconds."""
    found = {table: frame.to_dicts() for table, frame in rows.take().items()}
    for table in found.values():
        for row in table:
            for name in ("event_time", "available_time"):
                row[name] = round(row[name].timestamp() * 1000)
    return found


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

"""Messages of Gate written by hand, and what is needed to read them."""

from __future__ import annotations

import json
from typing import Any

from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame, FrameKind
from forcedflow.venues.gate.reader import GateReader
from forcedflow.venues.row_buffer import RowBuffer

BTC = Instrument("gate", "BTC", "USDT", "USDT", 0.1, 0.0001)
ETH = Instrument("gate", "ETH", "USDT", "USDT", 0.01, 0.01)

NOON = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 43_200_000
MINUTE = 60_000
ROOT = "http://gate.test"


def frame(
    body: object, connection: str = "usdt:1", kind: FrameKind = "message", received_ms: int = 0
) -> Frame:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Frame((received_ms or NOON) * 1_000_000, connection, kind, raw)


def told(channel: str, result: object, time_ms: int = NOON, event: str = "update") -> Any:
    return {
        "time": time_ms // 1_000,
        "time_ms": time_ms,
        "channel": f"futures.{channel}",
        "event": event,
        "result": result,
    }


def reader() -> GateReader:
    return GateReader((BTC, ETH), ROOT)


def read(*frames: Frame) -> dict[str, list[dict[str, Any]]]:
    rows, gate = RowBuffer("gate"), reader()
    for one in frames:
        gate.read(one, rows)
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

    def __init__(self, *answers: object) -> None:
        self.answers = [
            one if isinstance(one, bytes | Exception) else json.dumps(one).encode()
            for one in answers
        ]
        self.asked: list[tuple[str, dict[str, str | int]]] = []

    def get(self, url, params=None, *, weight=1):
        assert weight in {0, 1}
        self.asked.append((url, dict(params or {})))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def post(self, url, body, *, weight=1):
        raise AssertionError(f"posted to {url}: {body}, {weight}")

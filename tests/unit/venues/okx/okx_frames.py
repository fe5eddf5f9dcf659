"""Messages of OKX written by hand, and what is needed to read them."""

from __future__ import annotations

import json
from typing import Any

from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame, FrameKind
from forcedflow.venues.okx.reader import OkxReader
from forcedflow.venues.row_buffer import RowBuffer

LINEAR = Instrument("okx", "BTC", "USDT", "USDT", 0.1, 0.01)
INVERSE = Instrument("okx", "BTC", "USD", "BTC", 0.1, 100.0)
SPOT = Instrument("okx", "BTC", "USDT", None, 0.1, 1.0)

NOON = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 43_200_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def frame(
    body: object, connection: str = "public:1", kind: FrameKind = "message", received_ms: int = 0
) -> Frame:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Frame((received_ms or NOON) * 1_000_000, connection, kind, raw)


def message(channel: str, data: object, name: str = "BTC-USDT-SWAP", **more: Any) -> Any:
    arg = {"channel": channel} | ({"instId": name} if name else {"instType": "SWAP"})
    return {"arg": arg, "data": data} | more


def reply(data: object) -> bytes:
    return json.dumps({"code": "0", "msg": "", "data": data}).encode()


def reader(*instruments: Instrument) -> OkxReader:
    return OkxReader(instruments or (LINEAR, INVERSE, SPOT), "http://okx.test")


def read(*bodies: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of messages by table, times in milliseconds."""
    rows, okx = RowBuffer("okx"), reader()
    for body in bodies:
        okx.read(body if isinstance(body, Frame) else frame(body), rows)
    return taken(rows)


def taken(rows: RowBuffer) -> dict[str, list[dict[str, Any]]]:
    return {table: plain(found) for table, found in rows.take().items()}


def plain(found) -> list[dict[str, Any]]:
    listed = found.to_dicts()
    for row in listed:
        for name in ("event_time", "available_time"):
            row[name] = round(row[name].timestamp() * 1000)
    return listed


class Answers:
    """An HTTP client that gives prepared answers in turn and notes what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str | int]]] = []
        self.weights: list[int] = []

    def get(self, url, params=None, *, weight=1):
        self.asked.append((url, dict(params or {})))
        self.weights.append(weight)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def post(self, url, body, *, weight=1):
        raise AssertionError(f"posted to {url}: {body}, {weight}")

"""Messages of KuCoin written by hand, and what is needed to read them."""

from __future__ import annotations

import json
from typing import Any

from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame, FrameKind
from forcedflow.venues.kucoin.reader import KucoinReader
from forcedflow.venues.row_buffer import RowBuffer

BTC = Instrument("kucoin", "BTC", "USDT", "USDT", 0.1, 0.001)
ETH = Instrument("kucoin", "ETH", "USDT", "USDT", 0.05, 0.01)
NOON = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 43_200_000
MINUTE, DAY = 60_000, 86_400_000


def frame(
    body: object, connection: str = "prints:1", kind: FrameKind = "message", received_ms: int = 0
) -> Frame:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Frame((received_ms or NOON) * 1_000_000, connection, kind, raw)


def told(topic: str, data: object, subject: str = "match") -> dict[str, Any]:
    return {"topic": topic, "type": "message", "subject": subject, "data": data}


def trade(at_ns: int = NOON * 1_000_000, **more: object) -> dict[str, Any]:
    data = {"symbol": "XBTUSDTM", "side": "buy", "size": 2, "price": "90503.9", "tradeId": "7"}
    return told("/contractMarket/execution:XBTUSDTM", data | {"ts": at_ns} | more)


def change(sequence: int, text: str, at_ms: int = NOON) -> dict[str, Any]:
    data = {"sequence": sequence, "change": text, "timestamp": at_ms}
    return told("/contractMarket/level2:XBTUSDTM", data, "level2")


def candle(start_ms: int, *numbers: str, bar: str = "1min") -> dict[str, Any]:
    data = {"symbol": "XBTUSDTM", "candles": [str(start_ms // 1_000), *numbers], "time": start_ms}
    return told(f"/contractMarket/limitCandle:XBTUSDTM_{bar}", data, "candle.stick")


def prices(at_ms: int, mark: float = 50_000.0, index: float = 49_990.0) -> dict[str, Any]:
    data = {"markPrice": mark, "indexPrice": index, "granularity": 1000, "timestamp": at_ms}
    return told("/contract/instrument:XBTUSDTM", data, "mark.index.price")


def estimate(at_ms: int, rate: float, granularity: int = 60_000) -> dict[str, Any]:
    data = {"granularity": granularity, "fundingRate": rate, "timestamp": at_ms}
    return told("/contract/instrument:XBTUSDTM", data, "funding.rate")


def reply(data: object) -> bytes:
    return json.dumps({"code": "200000", "data": data}).encode()


def plain(found) -> list[dict[str, Any]]:
    rows = found.to_dicts()
    for row in rows:
        for name in ("event_time", "available_time"):
            row[name] = round(row[name].timestamp() * 1000)
    return rows


def read(*frames: Frame) -> dict[str, list[dict[str, Any]]]:
    """Return the rows that frames give, by table."""
    rows, kucoin = RowBuffer("kucoin"), KucoinReader((BTC, ETH), "http://kucoin.test")
    for one in frames:
        kucoin.read(one, rows)
    return {table: plain(found) for table, found in rows.take().items()}

"""Messages of dYdX written by hand, and what is needed to read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame, FrameKind
from forcedflow.venues.dydx.reader import DydxReader
from forcedflow.venues.row_buffer import RowBuffer

BTC = Instrument("dydx", "BTC", "USDC", "USDC", 1.0, 1.0)
ETH = Instrument("dydx", "ETH", "USDC", "USDC", 0.1, 1.0)
NOON = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 43_200_000
MINUTE, DAY = 60_000, 86_400_000
ADDRESS = "dydx1" + "q" * 38


def iso(at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def frame(
    body: object, connection: str = "trades:1", kind: FrameKind = "message", received_ms: int = 0
) -> Frame:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Frame((received_ms or NOON) * 1_000_000, connection, kind, raw)


def data(channel: str, contents: object, market: str = "BTC-USD") -> dict[str, Any]:
    head = {"type": "channel_data", "connection_id": "c", "message_id": 3, "version": "2.1.0"}
    return head | {"channel": channel, "id": market, "contents": contents}


def match(**more: object) -> dict[str, Any]:
    return {
        "id": "0165e5e4",
        "size": "0.002",
        "price": "60397",
        "side": "BUY",
        "createdAt": iso(NOON),
        "createdAtHeight": "77",
        "type": "LIMIT",
    } | more


def candle(start_ms: int, **more: object) -> dict[str, Any]:
    return {
        "startedAt": iso(start_ms),
        "ticker": "BTC-USD",
        "resolution": "1MIN",
        "low": "90",
        "high": "110",
        "open": "100",
        "close": "105",
        "baseTokenVolume": "3.5",
        "usdVolume": "350",
        "trades": 4,
        "startingOpenInterest": "381.7",
    } | more


def market(**more: object) -> dict[str, Any]:
    return {
        "ticker": "BTC-USD",
        "status": "ACTIVE",
        "oraclePrice": "50000",
        "nextFundingRate": "0.0001",
        "initialMarginFraction": "0.02",
        "maintenanceMarginFraction": "0.012",
        "openInterest": "400",
        "tickSize": "1",
    } | more


def all_markets(**markets: dict[str, Any]) -> Frame:
    named = {name.replace("_", "-"): one for name, one in markets.items()} or {"BTC-USD": market()}
    body = {"type": "subscribed", "channel": "v4_markets", "contents": {"markets": named}}
    return frame(body, "markets")


def oracle(at_ms: int, price: float = 50_000.0, received_ms: int = 0) -> Frame:
    prices = {"BTC-USD": {"oraclePrice": str(price), "effectiveAt": iso(at_ms)}}
    body = data("v4_markets", {"oraclePrices": prices}, "")
    return frame(body, "markets", received_ms=received_ms or at_ms)


def plain(found) -> list[dict[str, Any]]:
    rows = found.to_dicts()
    for row in rows:
        for name in ("event_time", "available_time"):
            row[name] = round(row[name].timestamp() * 1000)
    return rows


def read(*frames: Frame) -> dict[str, list[dict[str, Any]]]:
    """Return the rows that frames give, by table."""
    rows, dydx = RowBuffer("dydx"), DydxReader((BTC, ETH))
    for one in frames:
        dydx.read(one, rows)
    return {table: plain(found) for table, found in rows.take().items()}

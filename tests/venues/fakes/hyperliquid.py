"""Hyperliquid on loopback: the questions of `/info` and the socket `/ws`.

In:  facts.   Out: the messages of a venue that publishes accounts instead of liquidations.
Free of the connector; written from the exchange's documentation.

What it is like: trades name the buyer and the seller; the book comes whole each time, so it has no
sequence, and merged to fewer digits where that is asked for, which no message says; candles are
told while they grow and never said to be closed; a context has no time and counts both sides of
open interest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec
from tests.venues.fakes.exchange import Connection, FakeExchange, Json, Message
from tests.venues.fakes.facts import (
    Bar,
    BookChange,
    Fact,
    Level,
    Mark,
    OpenInterest,
    Position,
    Settlement,
    Trade,
    text,
    with_forming,
)

from forcedflow.venues.connector import Endpoints

_F = TypeVar("_F", bound="Fact")

COIN = "BTC"
_BOOK_LEVELS = 20
_BOOKS = {"l2Book": None, "l2Book 4": 4, "l2Book 3": 3}


class FakeHyperliquid(FakeExchange):
    venue = "hyperliquid"

    def __init__(self) -> None:
        super().__init__()
        self.accounts_asked: set[str] = set()

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(rest=f"http://127.0.0.1:{self.port}", stream=f"ws://127.0.0.1:{self.port}")

    # Websocket --------------------------------------------------------------------------------

    def control(self, connection: Connection, message: str) -> Iterable[Json]:
        asked = msgspec.json.decode(message)
        if asked["method"] == "ping":
            return ({"channel": "pong"},)
        subscription = asked["subscription"]
        name = _channel(subscription)
        if subscription.get("coin", COIN) != COIN:
            return ({"channel": "error", "data": f"Invalid subscription {message}"},)
        if name in connection.channels:
            return ({"channel": "error", "data": f"Already subscribed: {message}"},)
        connection.channels.add(name)
        return ({"channel": "subscriptionResponse", "data": asked},)

    def greet(self, channel: str) -> Iterable[Message]:
        if channel in _BOOKS and self.books["linear"].past:
            yield self._book_message(channel)
        if channel == "activeAssetCtx" and self._facts(Mark):
            yield self._context_message()

    def tell(self, fact: Fact) -> Iterable[Message]:
        if isinstance(fact, Trade):
            yield Message("trades", {"channel": "trades", "data": [_trade(fact)]})
        elif isinstance(fact, Bar) and fact.price_type == "last":
            name = _interval(fact.interval_ms)
            grown, begun = _candle(fact), _candle(fact.following())
            for candle in (grown, begun):
                yield Message(f"candle {name}", {"channel": "candle", "data": candle})
        elif isinstance(fact, OpenInterest | Mark) and self._facts(Mark):
            yield self._context_message()
        elif isinstance(fact, BookChange):
            yield from map(self._book_message, _BOOKS)

    def bundle(self, messages: list[Message]) -> list[Message]:
        # What one block traded comes together.
        found: list[Message] = []
        for message in messages:
            trades = message.body["data"]
            if message.channel == "trades" and found and found[-1].channel == "trades":
                earlier = found[-1].body["data"]
                if earlier[-1]["time"] == trades[0]["time"]:
                    earlier.extend(trades)
                    continue
            found.append(message)
        return found

    def _book_message(self, channel: str) -> Message:
        return Message(channel, {"channel": "l2Book", "data": self._book(_BOOKS[channel])})

    def _book(self, digits: int | None = None) -> Json:
        book = self.books["linear"]
        bids, asks = book.levels()
        if digits is not None:
            bids, asks = _merged(bids, digits, math.floor), _merged(asks, digits, math.ceil)
        return {
            "coin": COIN,
            "time": max(book.past, default=0),
            "levels": [_levels(bids), _levels(asks)],
        }

    def _context_message(self) -> Message:
        data = {"coin": COIN, "ctx": self._context()}
        return Message("activeAssetCtx", {"channel": "activeAssetCtx", "data": data})

    def _context(self) -> Json:
        interests, marks = self._facts(OpenInterest), self._facts(Mark)
        mark = marks[-1]
        return {
            "funding": text(mark.funding_rate),
            # Both sides are counted.
            "openInterest": text(2 * (interests[-1].size if interests else 80_000.0)),
            "prevDayPx": "49000.0",
            "dayNtlVlm": "1000000.0",
            "premium": "0.0001",
            "oraclePx": text(mark.index_price),
            "markPx": text(mark.mark_price),
            "midPx": text(mark.mark_price),
            "impactPxs": [text(mark.mark_price), text(mark.mark_price)],
            "dayBaseVlm": "20.0",
        }

    def empties(self) -> Sequence[tuple[str, str]]:
        time_ms = max(self.books["linear"].past, default=0) + 1
        book = f'{{"coin":"BTC","time":{time_ms},"levels":[[],[]]}}'
        return (
            ("trades", '{"channel":"trades","data":[]}'),
            ("l2Book", f'{{"channel":"l2Book","data":{book}}}'),
        )

    # HTTP -------------------------------------------------------------------------------------

    def answer(self, path: str, query: dict[str, str], body: Json) -> Json:
        del query
        if path != "/info" or not isinstance(body, dict):
            return None
        match body["type"]:
            case "meta":
                return _meta()
            case "metaAndAssetCtxs":
                return [_meta(), [self._context()]] if self._facts(Mark) else [_meta(), [{}]]
            case "allMids":
                return {COIN: "50000.0"}
            case "l2Book":
                return self._book()
            case "recentTrades":
                return [_trade(fact) for fact in self._facts(Trade)[:-11:-1]]
            case "candleSnapshot":
                return self._candles(body["req"])
            case "fundingHistory":
                return self._funding(body)
            case "clearinghouseState":
                return self._account(body["user"])
            case "userFills" | "userFillsByTime":
                return []
            case "exchangeStatus":
                return {"time": self._now()}
        return None

    def _candles(self, asked: Json) -> Json:
        start, end = asked["startTime"], asked.get("endTime", 2**62)
        bars = [
            bar
            for bar in self._facts(Bar)
            if bar.price_type == "last" and _interval(bar.interval_ms) == asked["interval"]
        ]
        return [_candle(bar) for bar in with_forming(bars) if start <= bar.start_ms <= end]

    def _funding(self, asked: Json) -> Json:
        start, end = asked["startTime"], asked.get("endTime", 2**62)
        return [
            {
                "coin": COIN,
                "fundingRate": text(fact.funding_rate),
                "premium": "0.0003",
                "time": fact.time_ms,
            }
            for fact in self._facts(Settlement)
            if start <= fact.time_ms <= end
        ][:500]

    def _account(self, user: str) -> Json:
        self.accounts_asked.add(user)
        held = [fact for fact in self._facts(Position) if fact.account == user]
        held = [fact for fact in held if fact.time_ms == held[-1].time_ms]
        value = text(held[-1].account_value_usd) if held else "0.0"
        summary = {
            "accountValue": value,
            "totalNtlPos": text(sum((f.size * f.mark_price for f in held), 0.0)),
            "totalRawUsd": value,
            "totalMarginUsed": "0.0",
        }
        return {
            "marginSummary": summary,
            "crossMarginSummary": summary,
            "crossMaintenanceMarginUsed": "0.0",
            "withdrawable": "0.0",
            "assetPositions": [{"type": "oneWay", "position": _position(fact)} for fact in held],
            "time": held[-1].time_ms if held else self._now(),
        }

    def _now(self) -> int:
        return max((fact.time_ms for fact in self.history), default=0)

    def _facts(self, of: type[_F]) -> list[_F]:
        return [fact for fact in self.history if isinstance(fact, of)]


def _channel(subscription: dict[str, str]) -> str:
    if subscription["type"] == "candle":
        return f"candle {subscription['interval']}"
    if "nSigFigs" in subscription:
        return f"{subscription['type']} {subscription['nSigFigs']}"
    return subscription["type"]


def _interval(interval_ms: int) -> str:
    minutes = interval_ms // 60_000
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h"


def _merged(
    levels: tuple[Level, ...], digits: int, rounded: Callable[[float], int]
) -> tuple[Level, ...]:
    sizes: dict[float, float] = {}
    for price, size in levels:
        step = 10.0 ** (math.floor(math.log10(price)) + 1 - digits)
        edge = rounded(price / step) * step
        sizes[edge] = round(sizes.get(edge, 0.0) + size, 8)
    return tuple(sizes.items())


def _levels(levels: tuple[Level, ...]) -> Json:
    return [{"px": text(price), "sz": text(size), "n": 1} for price, size in levels[:_BOOK_LEVELS]]


def _trade(fact: Trade) -> Json:
    return {
        "coin": COIN,
        "side": "B" if fact.taker_side == "buy" else "A",
        "px": text(fact.price),
        "sz": text(fact.size),
        "time": fact.time_ms,
        "hash": f"0x{fact.number:064x}",
        "tid": fact.number,
        "users": [fact.buyer, fact.seller],
    }


def _candle(bar: Bar) -> Json:
    return {
        "t": bar.start_ms,
        "T": bar.end_ms - 1,
        "s": COIN,
        "i": _interval(bar.interval_ms),
        "o": text(bar.open),
        "c": text(bar.close),
        "h": text(bar.high),
        "l": text(bar.low),
        "v": text(bar.volume),
        "n": bar.trade_count,
    }


def _position(fact: Position) -> Json:
    sign = 1 if fact.side == "long" else -1
    return {
        "coin": COIN,
        "szi": text(sign * fact.size),
        "leverage": {"type": fact.margin_mode, "value": fact.leverage},
        "entryPx": text(fact.entry_price),
        "positionValue": text(round(fact.size * fact.mark_price, 6)),
        "unrealizedPnl": text(fact.unrealized_pnl_usd),
        "returnOnEquity": "0.0",
        "liquidationPx": None if fact.liquidation_price is None else text(fact.liquidation_price),
        "marginUsed": "0.0",
        "maxLeverage": 40,
    }


def _meta() -> Json:
    return {
        "universe": [{"szDecimals": 5, "name": COIN, "maxLeverage": 40, "marginTableId": 56}],
        "marginTables": [
            [
                56,
                {
                    "description": "tiered 40x",
                    "marginTiers": [
                        {"lowerBound": "0.0", "maxLeverage": 40},
                        {"lowerBound": "150000000.0", "maxLeverage": 20},
                    ],
                },
            ]
        ],
        "collateralToken": 0,
    }

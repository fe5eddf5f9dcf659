"""Bitget on loopback: pages of its second interface and the public socket of its third.

In:  facts.   Out: the messages of `/api/v2/*`, `/api/v3/market/orderbook` and `/v3/ws/public`.
Free of the connector; written from the exchange's documentation.

What it is like: a liquidation carries the side of the *position*, its bankruptcy price and its
value in quote coins; the topic is one for all contracts of a product. A bar does not say that it is
closed: the next one begins. Tickers are told whole. A ping is the bare word, and so is the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import msgspec
from tests.venues.fakes.exchange import Connection, FakeExchange, Json, Message, PlainText
from tests.venues.fakes.facts import (
    Bar,
    BookChange,
    Fact,
    Liquidation,
    Mark,
    OpenInterest,
    Settlement,
    Trade,
    text,
    with_forming,
)

from forcedflow.venues.connector import Endpoints

_F = TypeVar("_F", bound="Fact")

NAME: Final = "BTCUSDT"
PRODUCT: Final = "usdt-futures"

_TOPICS = ("liquidation", "ticker", "publicTrade", "kline", "books")
_MIX = "/api/v2/mix/market/"
_BAR_PAGES = {
    "history-candles": "last",
    "history-mark-candles": "mark",
    "history-index-candles": "index",
}
_SORTS = {"MARKET": "last", "MARK": "mark", "INDEX": "index"}
_BARS = {"1m": 60_000, "5m": 300_000}


class FakeBitget(FakeExchange):
    venue = "bitget"

    def __init__(self) -> None:
        super().__init__()
        self._number = 483_000_000_000

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(f"http://127.0.0.1:{self.port}", f"ws://127.0.0.1:{self.port}")

    # Websockets -------------------------------------------------------------------------------

    def control(self, connection: Connection, message: str) -> Iterable[Json]:
        if message == "ping":
            yield PlainText("pong")
            return
        for arg in msgspec.json.decode(message)["args"]:
            is_known = arg["topic"] in _TOPICS and arg.get("symbol", NAME) == NAME
            if not is_known or arg["instType"] != PRODUCT:
                yield {"event": "error", "arg": arg, "code": 30001, "msg": "topic doesn't exist"}
                continue
            connection.channels.add(_channel(arg))
            yield {"event": "subscribe", "arg": arg, "connId": "9f3c"}

    def greet(self, channel: str) -> Iterable[Message]:
        if channel == f"books {NAME}" and self.books["linear"].past:
            bids, asks = self.books["linear"].levels()
            time_ms = max(self.books["linear"].past)
            yield self._book("snapshot", 0, time_ms, bids, asks)
        if channel == f"ticker {NAME}" and self._facts(Mark):
            yield self._ticker(max(fact.time_ms for fact in self._facts(Mark)))

    def tell(self, fact: Fact) -> Iterable[Message]:
        if getattr(fact, "kind", "linear") != "linear":
            return
        if isinstance(fact, Trade):
            yield _message(
                "publicTrade",
                [
                    {
                        "i": str(fact.number),
                        "p": text(fact.price),
                        "v": text(fact.size),
                        "S": fact.taker_side,
                        "T": str(fact.time_ms),
                        "L": str(fact.number + 1),
                        "isRPI": "no",
                    }
                ],
                fact.time_ms,
            )
        elif isinstance(fact, Liquidation):
            yield liquidations([fact])
        elif isinstance(fact, Bar) and fact.price_type == "last":
            for bar in (fact, fact.following()):
                yield _message("kline", [_bar(bar)], bar.start_ms + 1, interval="1m")
        elif isinstance(fact, OpenInterest | Mark) and self._facts(Mark):
            yield self._ticker(fact.time_ms)
        elif isinstance(fact, BookChange):
            before = self._number
            self._number += 7_993
            yield self._book("update", before, fact.time_ms, fact.bids, fact.asks)

    def _book(
        self,
        action: str,
        before: int,
        time_ms: int,
        bids: Iterable[tuple[float, float]],
        asks: Iterable[tuple[float, float]],
    ) -> Message:
        body = _levels(bids, asks) | {
            "checksum": 0,
            "seq": self._number,
            "pseq": before,
            "ts": str(time_ms),
        }
        return _message("books", [body], time_ms + 2, action=action)

    def _ticker(self, time_ms: int) -> Message:
        marks, held = self._facts(Mark), self._facts(OpenInterest)
        body = {
            "lastPrice": "50000",
            "indexPrice": text(marks[-1].index_price),
            "markPrice": text(marks[-1].mark_price),
            "fundingRate": text(marks[-1].funding_rate),
            "openInterest": text(held[-1].size if held else 0.0),
            "nextFundingTime": str(marks[-1].next_funding_ms),
            "deliveryTime": "",
        }
        return _message("ticker", [body], time_ms, action="snapshot")

    def empties(self) -> Sequence[tuple[str, str]]:
        told = [_message(topic, [], 1_790_000_000_000) for topic in ("publicTrade", "liquidation")]
        told.append(_message("kline", [], 1_790_000_000_000, interval="1m"))
        return [(one.channel, msgspec.json.encode(one.body).decode()) for one in told]

    # HTTP -------------------------------------------------------------------------------------

    def answer(self, path: str, query: dict[str, str], body: Json) -> Json:
        del body
        now = max((fact.time_ms for fact in self.history), default=0)
        data = self._data(path, query, now)
        if data is None:
            return None
        return {"code": "00000", "msg": "success", "requestTime": now, "data": data}

    def _data(self, path: str, query: dict[str, str], now: int) -> Json:
        match path:
            case "/api/v2/public/time":
                return {"serverTime": str(now)}
            case "/api/v2/spot/public/symbols":
                return []
            case "/api/v3/market/orderbook":
                bids, asks = self.books["linear"].levels()
                time_ms = max(self.books["linear"].past, default=now)
                depth = int(query.get("limit", 5))
                return _levels(bids[:depth], asks[:depth]) | {"ts": str(time_ms)}
        page = path.removeprefix(_MIX)
        if page == "contracts":
            return [_contract()] if query["productType"] == "USDT-FUTURES" else []
        if page == "candles":
            return self._bars(_SORTS[query.get("kLineType", "MARKET")], query)
        if page in _BAR_PAGES:
            return self._bars(_BAR_PAGES[page], query)
        match page:
            case "fills-history":
                start, end = int(query["startTime"]), int(query["endTime"])
                before = int(query.get("idLessThan", 2**62))
                newest = [
                    fact
                    for fact in self._facts(Trade)[::-1]
                    if start <= fact.time_ms <= end and fact.number < before
                ]
                return [_recent(fact) for fact in newest[: int(query.get("limit", 500))]]
            case "history-fund-rate":
                size = int(query.get("pageSize", 20))
                first = size * (int(query.get("pageNo", 1)) - 1)
                newest = sorted(self._facts(Settlement), key=lambda fact: -fact.time_ms)
                return [
                    {
                        "symbol": NAME,
                        "fundingRate": text(fact.funding_rate),
                        "fundingTime": str(fact.time_ms),
                    }
                    for fact in newest[first : first + size]
                ]
            case "account-long-short":
                return []
            case "query-position-lever":
                return [
                    {
                        "symbol": NAME,
                        "level": level,
                        "startUnit": floor,
                        "endUnit": cap,
                        "leverage": leverage,
                        "keepMarginRate": rate,
                    }
                    for level, floor, cap, leverage, rate in (
                        ("1", "0", "150000", "125", "0.004"),
                        ("2", "150000", "900000", "100", "0.005"),
                    )
                ]
        return None

    def _bars(self, price_type: str, query: dict[str, str]) -> list[list[str]]:
        length = _BARS[query["granularity"]]
        bars = [
            bar
            for bar in self._facts(Bar)
            if bar.price_type == price_type and bar.interval_ms == length
        ]
        start, end = int(query.get("startTime", 0)), int(query.get("endTime", 2**62))
        found = []
        for bar in with_forming(bars):
            if start <= bar.start_ms < end:
                sizes = (bar.volume, bar.turnover) if price_type == "last" else (0.0, 0.0)
                values = (bar.open, bar.high, bar.low, bar.close, *sizes)
                found.append([str(bar.start_ms), *map(text, values)])
        return found[-int(query.get("limit", 100)) :]

    def _facts(self, of: type[_F]) -> list[_F]:
        return [fact for fact in self.history if isinstance(fact, of) and fact.kind == "linear"]


def liquidations(facts: Sequence[Liquidation]) -> Message:
    """Return one message of liquidations."""
    data = [
        {
            "symbol": NAME,
            "side": "buy" if fact.side == "long" else "sell",
            "price": text(fact.price),
            "amount": text(fact.size * fact.price),
            "ts": str(fact.time_ms),
        }
        for fact in facts
    ]
    return _message("liquidation", data, max((fact.time_ms for fact in facts), default=0))


def _channel(arg: dict[str, str]) -> str:
    return f"{arg['topic']} {arg.get('symbol', '')}".strip()


def _message(
    topic: str, data: Json, time_ms: int, *, action: str = "update", interval: str = ""
) -> Message:
    arg = {"instType": PRODUCT, "topic": topic}
    arg |= {"symbol": NAME} if topic != "liquidation" else {}
    arg |= {"interval": interval} if interval else {}
    return Message(_channel(arg), {"action": action, "arg": arg, "data": data, "ts": time_ms})


def _bar(bar: Bar) -> Json:
    return {
        "start": str(bar.start_ms),
        "open": text(bar.open),
        "close": text(bar.close),
        "high": text(bar.high),
        "low": text(bar.low),
        "volume": text(bar.volume),
        "turnover": text(bar.turnover),
    }


def _recent(fact: Trade) -> Json:
    return {
        "tradeId": str(fact.number),
        "price": text(fact.price),
        "size": text(fact.size),
        "side": fact.taker_side.capitalize(),
        "ts": str(fact.time_ms),
        "symbol": NAME,
    }


def _levels(
    bids: Iterable[tuple[float, float]], asks: Iterable[tuple[float, float]]
) -> dict[str, Json]:
    return {
        "a": [[text(price), text(size)] for price, size in asks],
        "b": [[text(price), text(size)] for price, size in bids],
    }


def _contract() -> Json:
    return {
        "symbol": NAME,
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "supportMarginCoins": ["USDT"],
        "minTradeNum": "0.0001",
        "priceEndStep": "1",
        "volumePlace": "4",
        "pricePlace": "1",
        "sizeMultiplier": "0.0001",
        "symbolType": "perpetual",
        "symbolStatus": "normal",
        "fundInterval": "8",
        "minLever": "1",
        "maxLever": "125",
    }

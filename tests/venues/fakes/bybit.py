"""Bybit on loopback: v5 market pages and the public linear and inverse sockets.

In:  facts.   Out: the messages of `/v5/market/*` and `/v5/public/*`.
Free of the connector; written from the exchange's documentation.

What it is like: a liquidation carries the side of the *position* and its bankruptcy price; several
come in one message. Open interest is printed as the sum of both sides, and one-sided beside it.
Inverse sizes are USD. Lists over HTTP begin with the newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar
from uuid import UUID

import msgspec
from tests.venues.fakes.exchange import Connection, FakeExchange, Json, Message
from tests.venues.fakes.facts import (
    Bar,
    BookChange,
    Fact,
    Kind,
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

SYMBOLS: Final[dict[Kind, str]] = {"linear": "BTCUSDT", "inverse": "BTCUSD"}
_KINDS: Final[dict[str, Kind]] = {"BTCUSDT": "linear", "BTCUSD": "inverse"}
_TOPICS = ("allLiquidation", "publicTrade", "kline", "orderbook", "tickers", "adlAlert")
_DEPTHS = (1, 50, 200, 500, 1000)
_BAR_PAGES = {"kline": "last", "mark-price-kline": "mark", "index-price-kline": "index"}


def trade_id(number: int) -> str:
    """Return the id under which a trade is printed."""
    return str(UUID(int=number))


class FakeBybit(FakeExchange):
    venue = "bybit"

    def __init__(self) -> None:
        super().__init__()
        self._update: dict[Kind, int] = {"linear": 18_000, "inverse": 9_000}

    @property
    def endpoints(self) -> Endpoints:
        root = f"http://127.0.0.1:{self.port}"
        return Endpoints(rest=root, stream=f"ws://127.0.0.1:{self.port}", archive=f"{root}/archive")

    # Websockets -------------------------------------------------------------------------------

    def control(self, connection: Connection, message: str) -> Iterable[Json]:
        asked = msgspec.json.decode(message)
        number = asked.get("req_id", "")
        if asked["op"] == "ping":
            return ({"success": True, "ret_msg": "pong", "conn_id": "c-1", "op": "ping"},)
        kind = connection.path.rpartition("/")[2]
        bad = [
            topic
            for topic in asked["args"]
            if topic.split(".")[0] not in _TOPICS or _KINDS.get(topic.split(".")[-1]) != kind
        ]
        if not bad:
            connection.channels.update(asked["args"])
        said = f"error:handler not found,topic:{bad[0]}" if bad else ""
        reply = {"success": not bad, "ret_msg": said, "conn_id": "c-1", "op": "subscribe"}
        return (reply | {"req_id": number} if number else reply,)

    def greet(self, channel: str) -> Iterable[Message]:
        topic, *_, symbol = channel.split(".")
        kind = _KINDS[symbol]
        if topic == "orderbook" and self.books[kind].past:
            bids, asks = self.books[kind].levels()
            time_ms = max(self.books[kind].past)
            yield self._book_message(channel, "snapshot", kind, time_ms, bids, asks)
        if topic == "tickers":
            state: dict[str, str] = {"symbol": symbol, "lastPrice": "50000.0"}
            latest = [f for f in self.history if isinstance(f, (OpenInterest, Mark))]
            latest = [f for f in latest if f.kind == kind]
            for fact in latest:
                state |= _ticker(fact)
            if latest:
                yield _ticker_message(channel, "snapshot", latest[-1].time_ms, state)

    def tell(self, fact: Fact) -> Iterable[Message]:
        if isinstance(fact, Trade):
            yield _trades(fact)
        elif isinstance(fact, Liquidation):
            yield liquidations([fact])
        elif isinstance(fact, Bar) and fact.price_type == "last":
            yield from _bar(fact)
        elif isinstance(fact, OpenInterest | Mark):
            symbol = SYMBOLS[fact.kind]
            body = {"symbol": symbol} | _ticker(fact)
            yield _ticker_message(f"tickers.{symbol}", "delta", fact.time_ms, body)
        elif isinstance(fact, BookChange):
            self._update[fact.kind] += 1
            for depth in _DEPTHS:
                yield self._book_message(
                    f"orderbook.{depth}.{SYMBOLS[fact.kind]}",
                    "delta",
                    fact.kind,
                    fact.time_ms,
                    fact.bids,
                    fact.asks,
                )

    def _book_message(
        self,
        channel: str,
        sort: str,
        kind: Kind,
        time_ms: int,
        bids: Iterable[tuple[float, float]],
        asks: Iterable[tuple[float, float]],
    ) -> Message:
        return Message(
            channel,
            {
                "topic": channel,
                "type": sort,
                "ts": time_ms + 2,
                "data": self._book(kind, bids, asks),
                "cts": time_ms,
            },
        )

    def _book(
        self,
        kind: Kind,
        bids: Iterable[tuple[float, float]],
        asks: Iterable[tuple[float, float]],
    ) -> dict[str, Json]:
        return {
            "s": SYMBOLS[kind],
            "b": [[text(price), _size(kind, size)] for price, size in bids],
            "a": [[text(price), _size(kind, size)] for price, size in asks],
            "u": self._update[kind],
            "seq": 7_000_000 + self._update[kind] * 5,
        }

    def empties(self) -> Sequence[tuple[str, str]]:
        topics = ("allLiquidation.BTCUSDT", "publicTrade.BTCUSDT", "kline.1.BTCUSDT")
        return [
            (topic, f'{{"topic":"{topic}","type":"snapshot","ts":1790000000000,"data":[]}}')
            for topic in topics
        ]

    # HTTP -------------------------------------------------------------------------------------

    def answer(self, path: str, query: dict[str, str], body: Json) -> Json:
        del body
        page = path.removeprefix("/v5/market/")
        if page == path:
            return None
        now = max((fact.time_ms for fact in self.history), default=0)
        if page == "time":
            result: Json = {"timeSecond": str(now // 1_000), "timeNano": str(now * 1_000_000)}
        else:
            result = self._result(page, query, now)
        if result is None:
            return None
        return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now}

    def _result(self, page: str, query: dict[str, str], now: int) -> Json:
        category = query.get("category", "")
        if page == "instruments-info":
            return _instruments(category)
        if category == "spot":
            return {"category": "spot", "list": [], "nextPageCursor": ""}
        kind: Kind = "inverse" if category == "inverse" else "linear"
        if page in _BAR_PAGES:
            found = self._bars(kind, _BAR_PAGES[page], query)
            return {"symbol": SYMBOLS[kind], "category": category, "list": found}
        if page == "orderbook":
            bids, asks = self.books[kind].levels()
            limit = int(query.get("limit", 25))
            time_ms = max(self.books[kind].past, default=now)
            return self._book(kind, bids[:limit], asks[:limit]) | {"ts": now, "cts": time_ms}
        listed = self._listed(page, kind, query)
        if listed is None:
            return None
        return {
            "symbol": SYMBOLS[kind],
            "category": category,
            "list": listed,
            "nextPageCursor": "",
        }

    def _listed(self, page: str, kind: Kind, query: dict[str, str]) -> Json:
        match page:
            case "open-interest":
                facts = self._spanned(OpenInterest, kind, query)
                return [
                    {
                        "openInterest": text(fact.size * 2),
                        "singleOpenInterest": text(fact.size),
                        "timestamp": str(fact.time_ms),
                    }
                    for fact in facts
                    if fact.time_ms % 300_000 == 0
                ]
            case "funding/history":
                return [
                    {
                        "symbol": SYMBOLS[kind],
                        "fundingRate": text(fact.funding_rate),
                        "fundingRateTimestamp": str(fact.time_ms),
                    }
                    for fact in self._spanned(Settlement, kind, query)
                ]
            case "recent-trade":
                newest = self._facts(Trade, kind)[::-1]
                return [_recent(fact) for fact in newest[: int(query.get("limit", 500))]]
            case "account-ratio" | "risk-limit":
                return []
            case "tickers":
                state = {"symbol": SYMBOLS[kind], "lastPrice": "50000.0"}
                for fact in self._facts(OpenInterest, kind) + self._facts(Mark, kind):
                    state |= _ticker(fact)
                return [state]
        return None

    def _bars(self, kind: Kind, price_type: str, query: dict[str, str]) -> list[list[str]]:
        start, end = int(query.get("start", 0)), int(query.get("end", 2**62))
        bars = [
            bar
            for bar in self._facts(Bar, kind)
            if bar.price_type == price_type and str(bar.interval_ms // 60_000) == query["interval"]
        ]
        found = [
            [
                str(bar.start_ms),
                *map(text, (bar.open, bar.high, bar.low, bar.close)),
                *((text(bar.volume), text(bar.turnover)) if price_type == "last" else ()),
            ]
            for bar in with_forming(bars)
            if start <= bar.start_ms <= end
        ]
        return sorted(found, reverse=True)[: int(query.get("limit", 200))]

    def _facts(self, of: type[_F], kind: Kind) -> list[_F]:
        return [fact for fact in self.history if isinstance(fact, of) and fact.kind == kind]

    def _spanned(self, of: type[_F], kind: Kind, query: dict[str, str]) -> list[_F]:
        start, end = int(query.get("startTime", 0)), int(query.get("endTime", 2**62))
        found = [fact for fact in self._facts(of, kind) if start <= fact.time_ms <= end]
        newest = sorted(found, key=lambda fact: -fact.time_ms)
        return newest[: int(query.get("limit", 50))]


def liquidations(facts: Iterable[Liquidation]) -> Message:
    """Return one message of the liquidations of half a second, none included."""
    prints = list(facts)
    kind = prints[0].kind if prints else "linear"
    channel = f"allLiquidation.{SYMBOLS[kind]}"
    return Message(
        channel,
        {
            "topic": channel,
            "type": "snapshot",
            "ts": max((fact.time_ms for fact in prints), default=0) + 300,
            "data": [
                {
                    "T": fact.time_ms,
                    "s": SYMBOLS[kind],
                    "S": "Buy" if fact.side == "long" else "Sell",
                    "v": _size(kind, fact.size),
                    "p": text(fact.price),
                }
                for fact in prints
            ],
        },
    )


def _size(kind: Kind, size: float) -> str:
    return str(int(size)) if kind == "inverse" else text(size)


def _trades(fact: Trade) -> Message:
    channel = f"publicTrade.{SYMBOLS[fact.kind]}"
    return Message(
        channel,
        {
            "topic": channel,
            "type": "snapshot",
            "ts": fact.time_ms + 3,
            "data": [
                {
                    "T": fact.time_ms,
                    "s": SYMBOLS[fact.kind],
                    "S": fact.taker_side.capitalize(),
                    "v": _size(fact.kind, fact.size),
                    "p": text(fact.price),
                    "L": "PlusTick",
                    "i": trade_id(fact.number),
                    "BT": False,
                    "seq": fact.number,
                }
            ],
        },
    )


def _recent(fact: Trade) -> Json:
    return {
        "execId": trade_id(fact.number),
        "symbol": SYMBOLS[fact.kind],
        "price": text(fact.price),
        "size": _size(fact.kind, fact.size),
        "side": fact.taker_side.capitalize(),
        "time": str(fact.time_ms),
        "isBlockTrade": False,
        "isRPITrade": False,
        "seq": str(fact.number),
    }


def _bar(fact: Bar) -> Iterable[Message]:
    interval = str(fact.interval_ms // 60_000)
    channel = f"kline.{interval}.{SYMBOLS[fact.kind]}"
    for confirm in (False, True):
        time_ms = fact.end_ms if confirm else fact.end_ms - 1_000
        yield Message(
            channel,
            {
                "topic": channel,
                "data": [
                    {
                        "start": fact.start_ms,
                        "end": fact.end_ms - 1,
                        "interval": interval,
                        "open": text(fact.open),
                        "close": text(fact.close if confirm else fact.open),
                        "high": text(fact.high),
                        "low": text(fact.low),
                        "volume": text(fact.volume if confirm else 0.0),
                        "turnover": text(fact.turnover if confirm else 0.0),
                        "confirm": confirm,
                        "timestamp": time_ms,
                    }
                ],
                "ts": time_ms,
                "type": "snapshot",
            },
        )


def _ticker(fact: OpenInterest | Mark) -> dict[str, str]:
    if isinstance(fact, OpenInterest):
        return {
            "openInterest": text(fact.size * 2),
            "openInterestValue": text(fact.size * 2 * 50_000),
            "singleOpenInterest": text(fact.size),
            "singleOpenInterestValue": text(fact.size * 50_000),
        }
    return {
        "markPrice": text(fact.mark_price),
        "indexPrice": text(fact.index_price),
        "fundingRate": text(fact.funding_rate),
        "nextFundingTime": str(fact.next_funding_ms),
        "fundingIntervalHour": "8",
    }


def _ticker_message(channel: str, sort: str, time_ms: int, state: dict[str, str]) -> Message:
    return Message(
        channel,
        {"topic": channel, "type": sort, "data": state, "cs": time_ms * 3, "ts": time_ms},
    )


def _instruments(category: str) -> Json:
    contract: dict[str, Json] = {
        "symbol": "BTCUSD" if category == "inverse" else "BTCUSDT",
        "status": "Trading",
        "baseCoin": "BTC",
        "quoteCoin": "USD" if category == "inverse" else "USDT",
        "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
        "lotSizeFilter": {"minOrderQty": "0.001", "maxOrderQty": "1190.000", "qtyStep": "0.001"},
    }
    if category != "spot":
        contract |= {
            "contractType": "InversePerpetual" if category == "inverse" else "LinearPerpetual",
            "launchTime": "1584230400000",
            "deliveryTime": "0",
            "deliveryFeeRate": "",
            "priceScale": "1",
            "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
            "fundingInterval": 480,
            "settleCoin": "BTC" if category == "inverse" else "USDT",
        }
    return {"category": category, "list": [contract], "nextPageCursor": ""}

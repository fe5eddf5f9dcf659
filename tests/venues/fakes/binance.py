"""Binance on loopback: USD-M and COIN-M futures, and the spot pages that name its pairs.

In:  facts.   Out: the messages of `/fapi`, `/dapi` and the split sockets `/market` and `/public`.
Free of the connector; written from the exchange's documentation.

What it is like: a liquidation carries the side of the closing *order*, its filled size is ``z`` and
its average price ``ap`` (``l`` and ``p`` are the last fill and the limit). COIN-M sizes are
contracts of 100 USD. A stream asked for on the wrong socket is accepted and never heard.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

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

SYMBOLS: Final[dict[Kind, str]] = {"linear": "BTCUSDT", "inverse": "BTCUSD_PERP"}
_ON_MARKET = ("aggTrade", "markPrice", "kline", "forceOrder", "contractInfo", "indexPrice")
_BAR_PAGES = {"klines": "last", "markPriceKlines": "mark", "indexPriceKlines": "index"}


class FakeBinance(FakeExchange):
    venue = "binance"

    def __init__(self) -> None:
        super().__init__()
        self._update: dict[Kind, int] = {"linear": 700_000, "inverse": 300_000}

    @property
    def endpoints(self) -> Endpoints:
        root = f"http://127.0.0.1:{self.port}"
        return Endpoints(
            rest=root,
            stream=f"ws://127.0.0.1:{self.port}",
            archive=f"{root}/archive",
            others={
                "coin_m": root,
                "spot": root,
                "web": root,
                "spot_stream": f"ws://127.0.0.1:{self.port}/spot",
            },
        )

    # Websockets -------------------------------------------------------------------------------

    def opened(self, connection: Connection, query: dict[str, str]) -> None:
        # aiohttp keeps ``?streams=a/b`` whole, as the exchange does.
        named = query.get("streams", "")
        if "/ws/" in connection.path:
            named = connection.path.partition("/ws/")[2]
        self._hear(connection, named.split("/") if named else [])

    def control(self, connection: Connection, message: str) -> Iterable[Json]:
        asked = msgspec.json.decode(message)
        if asked["method"] == "SUBSCRIBE":
            self._hear(connection, asked["params"])
        return ({"result": None, "id": asked["id"]},)

    def _hear(self, connection: Connection, channels: Sequence[str]) -> None:
        for channel in channels:
            kind = channel.partition("@")[2] if "@" in channel else channel
            home = "/market/" if any(name in channel for name in _ON_MARKET) else "/public/"
            if kind and f"{connection.path}/".startswith(home):
                connection.channels.add(channel)

    def wrap(self, connection: Connection, message: Message) -> str:
        if "/stream" not in connection.path:
            return super().wrap(connection, message)
        return msgspec.json.encode({"stream": message.channel, "data": message.body}).decode()

    def tell(self, fact: Fact) -> Iterable[Message]:
        if isinstance(fact, Trade):
            yield from self._trade(fact)
        elif isinstance(fact, Liquidation):
            yield from self._liquidation(fact)
        elif isinstance(fact, Bar) and fact.price_type == "last":
            yield from self._bar(fact)
        elif isinstance(fact, Mark):
            yield from self._mark(fact)
        elif isinstance(fact, BookChange):
            yield from self._book_change(fact)

    def _trade(self, fact: Trade) -> Iterable[Message]:
        yield Message(
            f"{_stream(fact.kind)}@aggTrade",
            {
                "e": "aggTrade",
                "E": fact.time_ms + 2,
                "a": fact.number,
                "s": SYMBOLS[fact.kind],
                "p": text(fact.price),
                "q": _size(fact.kind, fact.size),
                "nq": _size(fact.kind, fact.size),
                "f": fact.number * 10,
                "l": fact.number * 10 + 3,
                "T": fact.time_ms,
                "m": fact.taker_side == "sell",
                "st": _stack(fact.kind),
            },
        )

    def _liquidation(self, fact: Liquidation) -> Iterable[Message]:
        # The last fill and the limit differ from the sums on purpose: they are the wrong fields.
        body = {
            "e": "forceOrder",
            "E": fact.time_ms + 5,
            "o": {
                "s": SYMBOLS[fact.kind],
                "S": "SELL" if fact.side == "long" else "BUY",
                "o": "LIMIT",
                "f": "IOC",
                "q": _size(fact.kind, fact.size),
                "p": text(round(fact.price * 0.99, 1)),
                "ap": text(fact.price),
                "X": "FILLED",
                "l": _size(fact.kind, 1.0 if fact.kind == "inverse" else 0.001),
                "z": _size(fact.kind, fact.size),
                "T": fact.time_ms,
                "ps": "BTCUSD" if fact.kind == "inverse" else "BTCUSDT",
                "st": _stack(fact.kind),
            },
        }
        yield Message(f"{_stream(fact.kind)}@forceOrder", body)
        yield Message("!forceOrder@arr", body)

    def _bar(self, fact: Bar) -> Iterable[Message]:
        name = _interval(fact.interval_ms)
        for closed in (False, True):
            yield Message(
                f"{_stream(fact.kind)}@kline_{name}",
                {
                    "e": "kline",
                    "E": fact.end_ms if closed else fact.end_ms - 1_000,
                    "s": SYMBOLS[fact.kind],
                    "k": {
                        "t": fact.start_ms,
                        "T": fact.end_ms - 1,
                        "s": SYMBOLS[fact.kind],
                        "i": name,
                        "f": 1,
                        "L": fact.trade_count,
                        "o": text(fact.open),
                        "c": text(fact.close if closed else fact.open),
                        "h": text(fact.high),
                        "l": text(fact.low),
                        "v": text(fact.volume if closed else 0.0),
                        "n": fact.trade_count,
                        "x": closed,
                        "q": text(fact.turnover),
                        "V": text(fact.taker_buy_volume),
                        "Q": text(fact.taker_buy_turnover),
                        "B": "0",
                    },
                },
            )

    def _mark(self, fact: Mark) -> Iterable[Message]:
        body = {
            "e": "markPriceUpdate",
            "E": fact.time_ms,
            "s": SYMBOLS[fact.kind],
            "p": text(fact.mark_price),
            "i": text(fact.index_price),
            "P": text(fact.mark_price),
            "r": text(fact.funding_rate),
            "T": fact.next_funding_ms,
            "st": _stack(fact.kind),
        }
        for channel in ("markPrice@1s", "markPrice"):
            yield Message(f"{_stream(fact.kind)}@{channel}", body)

    def _book_change(self, fact: BookChange) -> Iterable[Message]:
        before = self._update[fact.kind]
        # One message stands for several updates of the book, so ids leap.
        self._update[fact.kind] = before + 3
        body = {
            "e": "depthUpdate",
            "E": fact.time_ms + 1,
            "T": fact.time_ms,
            "s": SYMBOLS[fact.kind],
            "U": before + 1,
            "u": before + 3,
            "pu": before,
            "b": _levels(fact.kind, fact.bids),
            "a": _levels(fact.kind, fact.asks),
            "st": _stack(fact.kind),
        }
        for channel in ("depth@100ms", "depth@500ms", "depth"):
            yield Message(f"{_stream(fact.kind)}@{channel}", body)

    def empties(self) -> Sequence[tuple[str, str]]:
        # Its one array is the book's, and an empty change of that is a fact like any other.
        return ()

    # HTTP -------------------------------------------------------------------------------------

    def answer(self, path: str, query: dict[str, str], body: Json) -> Json:
        del body
        kind: Kind = "inverse" if path.startswith("/dapi/") else "linear"
        page = path.rpartition("/")[2]
        if path.startswith(("/archive/", "/bapi/")):
            return None
        if page == "exchangeInfo":
            return _spot_info() if path.startswith("/api/") else _contracts(kind)
        if page == "time":
            return {"serverTime": max((fact.time_ms for fact in self.history), default=0)}
        if path.startswith("/api/"):
            return []
        if page in _BAR_PAGES:
            return self._bars(kind, _BAR_PAGES[page], query)
        return self._market(kind, page, query)

    def _market(self, kind: Kind, page: str, query: dict[str, str]) -> Json:
        match page:
            case "depth":
                return self._snapshot(kind, int(query.get("limit", 500)))
            case "aggTrades":
                return [_agg_trade(kind, t) for t in self._spanned(Trade, kind, query)]
            case "openInterest":
                latest = self._facts(OpenInterest, kind)[-1:]
                return next((_open_interest(kind, fact) for fact in latest), None)
            case "openInterestHist":
                return [
                    {
                        "symbol": SYMBOLS[kind],
                        "sumOpenInterest": text(fact.size),
                        "sumOpenInterestValue": text(fact.size * 50_000),
                        "timestamp": fact.time_ms,
                    }
                    for fact in self._spanned(OpenInterest, kind, query)
                    if fact.time_ms % 300_000 == 0
                ]
            case "fundingRate":
                return [
                    {
                        "symbol": SYMBOLS[kind],
                        "fundingRate": text(fact.funding_rate),
                        "fundingTime": fact.time_ms,
                        "markPrice": "50000.0",
                    }
                    for fact in self._spanned(Settlement, kind, query)
                ]
            case "fundingInfo":
                return []
            case "premiumIndex":
                return self._premium(kind, query)
            case (
                "globalLongShortAccountRatio"
                | "topLongShortAccountRatio"
                | "topLongShortPositionRatio"
                | "takerlongshortRatio"
                | "takerBuySellVol"
            ):
                return []
        return None

    def _snapshot(self, kind: Kind, limit: int) -> Json:
        bids, asks = self.books[kind].levels()
        time_ms = max(self.books[kind].past, default=0)
        return {
            "lastUpdateId": self._update[kind],
            "E": time_ms,
            "T": time_ms,
            "bids": _levels(kind, bids[:limit]),
            "asks": _levels(kind, asks[:limit]),
        }

    def _bars(self, kind: Kind, price_type: str, query: dict[str, str]) -> Json:
        bars = [
            bar
            for bar in self._facts(Bar, kind)
            if bar.price_type == price_type and _interval(bar.interval_ms) == query["interval"]
        ]
        bars = with_forming(bars)
        bars = _in_span(bars, [bar.start_ms for bar in bars], query)
        quiet = price_type != "last"
        return [
            [
                bar.start_ms,
                *map(text, (bar.open, bar.high, bar.low, bar.close)),
                "0" if quiet else text(bar.volume),
                bar.end_ms - 1,
                "0" if quiet else text(bar.turnover),
                bar.trade_count,
                "0" if quiet else text(bar.taker_buy_volume),
                "0" if quiet else text(bar.taker_buy_turnover),
                "0",
            ]
            for bar in bars
        ]

    def _premium(self, kind: Kind, query: dict[str, str]) -> Json:
        found = [
            {
                "symbol": SYMBOLS[kind],
                "markPrice": text(fact.mark_price),
                "indexPrice": text(fact.index_price),
                "estimatedSettlePrice": text(fact.mark_price),
                "lastFundingRate": text(fact.funding_rate),
                "interestRate": "0.00010000",
                "nextFundingTime": fact.next_funding_ms,
                "time": fact.time_ms,
            }
            for fact in self._facts(Mark, kind)[-1:]
        ]
        # COIN-M answers a list even for one symbol.
        return found if kind == "inverse" or "symbol" not in query else next(iter(found), None)

    def _facts(self, of: type[_F], kind: Kind) -> list[_F]:
        return [fact for fact in self.history if isinstance(fact, of) and fact.kind == kind]

    def _spanned(self, of: type[_F], kind: Kind, query: dict[str, str]) -> list[_F]:
        facts = sorted(self._facts(of, kind), key=lambda fact: fact.time_ms)
        if "fromId" in query:
            facts = [f for f in facts if isinstance(f, Trade) and f.number >= int(query["fromId"])]
        return _in_span(facts, [fact.time_ms for fact in facts], query)


def _in_span(facts: list[_F], times: list[int], query: dict[str, str]) -> list[_F]:
    """Return the facts asked for: the first from a start time, else the latest."""
    start, end = int(query.get("startTime", 0)), int(query.get("endTime", 2**62))
    found = [fact for fact, time in zip(facts, times, strict=True) if start <= time <= end]
    limit = int(query.get("limit", 500))
    return found[:limit] if "startTime" in query or "fromId" in query else found[-limit:]


def _stream(kind: Kind) -> str:
    return SYMBOLS[kind].lower()


def _stack(kind: Kind) -> int:
    return 2 if kind == "inverse" else 1


def _size(kind: Kind, size: float) -> str:
    return str(int(size)) if kind == "inverse" else text(size)


def _levels(kind: Kind, levels: Iterable[tuple[float, float]]) -> list[list[str]]:
    return [[text(price), _size(kind, size)] for price, size in levels]


def _interval(interval_ms: int) -> str:
    minutes = interval_ms // 60_000
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h"


def _agg_trade(kind: Kind, fact: Trade) -> Json:
    return {
        "a": fact.number,
        "p": text(fact.price),
        "q": _size(kind, fact.size),
        "f": fact.number * 10,
        "l": fact.number * 10 + 3,
        "T": fact.time_ms,
        "m": fact.taker_side == "sell",
    }


def _open_interest(kind: Kind, fact: OpenInterest) -> Json:
    return {
        "symbol": SYMBOLS[kind],
        "openInterest": _size(kind, fact.size),
        "time": fact.time_ms,
    }


def _contracts(kind: Kind) -> Json:
    linear = kind == "linear"
    contract: dict[str, Json] = {
        "symbol": SYMBOLS[kind],
        "pair": "BTCUSDT" if linear else "BTCUSD",
        "contractType": "PERPETUAL",
        "status" if linear else "contractStatus": "TRADING",
        "deliveryDate": 4_133_404_800_000,
        "onboardDate": 1_569_398_400_000,
        "baseAsset": "BTC",
        "quoteAsset": "USDT" if linear else "USD",
        "marginAsset": "USDT" if linear else "BTC",
        "pricePrecision": 1,
        "quantityPrecision": 3 if linear else 0,
        "underlyingType": "COIN",
        "liquidationFee": "0.012500",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.1",
                "maxPrice": "4529764",
                "tickSize": "0.10",
            },
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        ],
    }
    if not linear:
        contract["contractSize"] = 100
    return {"timezone": "UTC", "serverTime": 0, "rateLimits": [], "symbols": [contract]}


def _spot_info() -> Json:
    return {
        "timezone": "UTC",
        "serverTime": 0,
        "rateLimits": [],
        "symbols": [
            {
                "symbol": "BTCUSDT",
                "status": "TRADING",
                "baseAsset": "BTC",
                "quoteAsset": "USDT",
                "isSpotTradingAllowed": True,
                "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.01"}],
            }
        ],
    }

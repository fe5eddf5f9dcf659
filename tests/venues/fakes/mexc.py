"""MEXC on loopback: contract pages of v1 and the socket of its perpetuals.

In:  facts.   Out: the messages of `/api/v1/contract/*` and of `/edge`.
Free of the connector; written from the exchange's documentation.

What it is like: no liquidation is printed anywhere. Sizes are contracts of a ten-thousandth of a
bitcoin. Success and failure are both status 200. A socket tells changes of the book and never the
whole of it; each counts the versions that it merges. A bar is told while it grows and never said
to be closed. A subscription names one contract, and its answer none.
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
    Level,
    Mark,
    OpenInterest,
    Settlement,
    Trade,
    with_forming,
)

from forcedflow.venues.connector import Endpoints

_F = TypeVar("_F", bound="Fact")

SYMBOL: Final = "BTC_USDT"
SIZE: Final = 0.0001
_CHANNELS: Final = ("sub.deal", "sub.kline", "sub.ticker", "sub.depth")
_PATHS: Final = {"": "last", "fair_price/": "mark", "index_price/": "index"}
_INTERVALS: Final = {60_000: "Min1", 300_000: "Min5"}
_TRADES_TOLD: Final = 100


class FakeMexc(FakeExchange):
    venue = "mexc"

    def __init__(self) -> None:
        super().__init__()
        self._version = 41_770_686_747

    @property
    def endpoints(self) -> Endpoints:
        root = f"http://127.0.0.1:{self.port}"
        return Endpoints(rest=root, stream=f"ws://127.0.0.1:{self.port}")

    # Websocket --------------------------------------------------------------------------------

    def control(self, connection: Connection, message: str) -> Iterable[Json]:
        asked = msgspec.json.decode(message)
        method, now_ms = asked["method"], 1_790_000_000_000
        if method == "ping":
            return ({"channel": "pong", "data": now_ms, "ts": now_ms},)
        if method not in _CHANNELS:
            return ()  # the venue says nothing to what it does not know
        param = asked["param"]
        if param["symbol"] != SYMBOL:
            said = f"Contract [{param['symbol']}] not exists"
            return ({"channel": "rs.error", "data": said, "ts": now_ms},)
        name = f"{method.removeprefix('sub.')} {SYMBOL}"
        connection.channels.add(name if method != "sub.kline" else f"{name} {param['interval']}")
        return ({"channel": f"rs.{method}", "data": "success", "ts": now_ms},)

    def tell(self, fact: Fact) -> Iterable[Message]:
        if isinstance(fact, Trade):
            yield _message("deal", [_deal(fact)], fact.time_ms)
        elif isinstance(fact, Bar) and fact.price_type == "last":
            for bar in (fact, fact.following()):
                yield _bar(bar, fact.end_ms)
        elif isinstance(fact, Mark | OpenInterest):
            yield from self._ticker(fact)
        elif isinstance(fact, BookChange):
            first, self._version = self._version + 1, self._version + 3
            body = {
                "cts": fact.time_ms,
                "bids": _levels(fact.bids),
                "asks": _levels(fact.asks),
                "begin": first,
                "end": self._version,
                "version": self._version,
            }
            yield _message("depth", body, fact.time_ms + 4)

    def _ticker(self, fact: Mark | OpenInterest) -> Iterable[Message]:
        marks, interests = self._facts(Mark), self._facts(OpenInterest)
        if marks and interests:
            mark = marks[-1]
            body = {
                "symbol": SYMBOL,
                "lastPrice": mark.mark_price,
                "fairPrice": mark.mark_price,
                "indexPrice": mark.index_price,
                "fundingRate": mark.funding_rate,
                "holdVol": _contracts(interests[-1].size),
                # When it last traded, which may be long ago.
                "timestamp": fact.time_ms - 4_000,
            }
            yield _message("ticker", body, fact.time_ms)

    def empties(self) -> Sequence[tuple[str, str]]:
        said = f'{{"symbol":"{SYMBOL}","data":[],"channel":"push.deal","ts":1790000000000}}'
        return [(f"deal {SYMBOL}", said)]

    # HTTP -------------------------------------------------------------------------------------

    def answer(self, path: str, query: dict[str, str], body: Json) -> Json:
        del body
        page = path.removeprefix("/api/v1/contract/")
        if page == path:
            return None
        data = self._data(page, query)
        if data is None:
            return {"success": False, "code": 1001, "message": "Contract does not exist"}
        return {"success": True, "code": 0, "data": data}

    def _data(self, page: str, query: dict[str, str]) -> Json:
        now_ms = max((fact.time_ms for fact in self.history), default=0)
        match page.split("/"):
            case ["ping"]:
                return now_ms
            case ["detail"]:
                return _contract() if query.get("symbol") == SYMBOL else [_contract()]
            case ["fair_price", _]:
                marks = self._facts(Mark)
                return {"symbol": SYMBOL, "fairPrice": marks[-1].mark_price} if marks else None
            case ["depth", _]:
                bids, asks = self.books["linear"].levels()
                limit = int(query.get("limit", 1_500))
                return {
                    "bids": _levels(bids[:limit]),
                    "asks": _levels(asks[:limit]),
                    "version": self._version,
                    "cts": None,
                    "timestamp": now_ms,
                }
            case ["deals", _]:
                newest = self._facts(Trade)[::-1]
                return [_deal(fact) for fact in newest[: int(query.get("limit", _TRADES_TOLD))]]
            case ["funding_rate", "history"]:
                return self._settlements(query)
            case ["kline", *_]:
                return self._bars(page.removeprefix("kline/").removesuffix(SYMBOL), query)
        return None

    def _bars(self, price_path: str, query: dict[str, str]) -> Json:
        first, last = int(query.get("start", 0)), int(query.get("end", 2**40))
        told = [
            bar
            for bar in self._facts(Bar)
            if bar.price_type == _PATHS[price_path]
            and _INTERVALS[bar.interval_ms] == query["interval"]
        ]
        bars = [bar for bar in with_forming(told) if first <= bar.start_ms // 1_000 <= last]
        bars = bars[-2_000:]
        has_volume = price_path == ""
        return {
            "time": [bar.start_ms // 1_000 for bar in bars],
            "open": [bar.open for bar in bars],
            "close": [bar.close for bar in bars],
            "high": [bar.high for bar in bars],
            "low": [bar.low for bar in bars],
            "vol": [_contracts(bar.volume) if has_volume else 0.0 for bar in bars],
            "amount": [bar.turnover if has_volume else 0.0 for bar in bars],
        }

    def _settlements(self, query: dict[str, str]) -> Json:
        size, number = int(query["page_size"]), int(query["page_num"])
        newest = sorted(self._facts(Settlement), key=lambda fact: -fact.time_ms)
        return {
            "pageSize": size,
            "totalCount": len(newest),
            "totalPage": -(-len(newest) // size),
            "currentPage": number,
            "resultList": [
                {
                    "symbol": SYMBOL,
                    "fundingRate": fact.funding_rate,
                    "settleTime": fact.time_ms,
                }
                for fact in newest[(number - 1) * size : number * size]
            ],
        }

    def _facts(self, of: type[_F]) -> list[_F]:
        return [fact for fact in self.history if isinstance(fact, of)]


def _message(channel: str, data: Json, time_ms: int) -> Message:
    body = {"symbol": SYMBOL, "data": data, "channel": f"push.{channel}", "ts": time_ms}
    return Message(f"{channel} {SYMBOL}", body)


def _contracts(size: float) -> float:
    return round(size / SIZE, 6)


def _levels(levels: Iterable[Level]) -> list[list[float]]:
    return [[price, _contracts(size), 1 if size else 0] for price, size in levels]


def _deal(fact: Trade) -> Json:
    return {
        "p": fact.price,
        "v": _contracts(fact.size),
        "T": 1 if fact.taker_side == "buy" else 2,
        "O": 3,
        "M": 1,
        "t": fact.time_ms,
        "i": str(fact.number),
    }


def _bar(bar: Bar, time_ms: int) -> Message:
    interval = _INTERVALS[bar.interval_ms]
    body = {
        "symbol": SYMBOL,
        "interval": interval,
        "t": bar.start_ms // 1_000,
        "o": bar.open,
        "c": bar.close,
        "h": bar.high,
        "l": bar.low,
        "a": bar.turnover,
        "q": _contracts(bar.volume),
    }
    told = _message("kline", body, time_ms)
    return Message(f"{told.channel} {interval}", told.body)


def _contract() -> Json:
    return {
        "symbol": SYMBOL,
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "futureType": 1,
        "contractSize": SIZE,
        "priceUnit": 0.1,
        "state": 0,
        "maxLeverage": 500,
        "riskLimitMode": "CUSTOM",
        "riskLimitType": "BY_VOLUME",
        "riskLimitCustom": [
            {"level": 1, "maxVol": 50_000, "mmr": 0.001, "imr": 0.002, "maxLeverage": 500},
            {"level": 2, "maxVol": 310_000, "mmr": 0.0025, "imr": 0.005, "maxLeverage": 200},
        ],
    }

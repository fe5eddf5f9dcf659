"""KuCoin Futures on loopback: the public interface, the token and the socket that it opens.

In:  facts.   Out: the messages of `/api/v1/*`, `/api/ua/v1/market/*` and the classic socket.
Free of the connector; written from the exchange's documentation.

What it is like: a socket opens with a token that is asked for by POST, and the reply names its
host. Sizes are contracts of a thousandth of a bitcoin, which is called XBT. No liquidation is
printed anywhere. Every change of the book is one level and one message. Candles are told while
they grow and never said to be closed; on the socket close stands before high and low.
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
    Mark,
    OpenInterest,
    Settlement,
    Trade,
    TrueBook,
    text,
    with_forming,
)

from forcedflow.venues.connector import Endpoints

_F = TypeVar("_F", bound="Fact")

SYMBOL: Final = "XBTUSDTM"
MULTIPLIER: Final = 0.001
_TOKEN: Final = "2neAiuYvAU61ZDXANAGAsiL4"  # noqa: S105 - opens a socket of this fake alone
_TOPICS: Final = (
    "/contractMarket/execution",
    "/contractMarket/limitCandle",
    "/contractMarket/level2",
    "/contract/instrument",
    "/contract/announcement",
)
_INTERVALS: Final = {60_000: "1min", 300_000: "5min"}
_TRADES_TOLD: Final = 100
_WELCOME: Final = "welcome"


class FakeKucoin(FakeExchange):
    venue = "kucoin"

    def __init__(self) -> None:
        super().__init__()
        self._sequence = 1_709_400_450_000
        self._told = TrueBook()

    @property
    def endpoints(self) -> Endpoints:
        root = f"http://127.0.0.1:{self.port}"
        return Endpoints(
            rest=root,
            stream=f"ws://127.0.0.1:{self.port}",
            archive=f"{root}/archive",
            others={"unified": root},
        )

    # Websocket --------------------------------------------------------------------------------

    def opened(self, connection: Connection, query: dict[str, str]) -> None:
        if query.get("token") != _TOKEN:
            raise ValueError("a socket was opened without the token")
        connection.channels.add(_WELCOME)

    def greet(self, channel: str) -> Iterable[Message]:
        if channel == _WELCOME:
            yield Message(channel, {"id": "hQvf8jkno", "type": "welcome"})

    def control(self, connection: Connection, message: str) -> Iterable[Json]:
        asked = msgspec.json.decode(message)
        if asked["type"] == "ping":
            return ({"id": asked["id"], "type": "pong", "timestamp": 1_790_000_000_000},)
        kind, colon, names = asked["topic"].partition(":")
        if kind not in _TOPICS or any(
            name.split("_")[0] != SYMBOL for name in names.split(",") if name
        ):
            said = f"topic {asked['topic']} is not found"
            return ({"id": asked["id"], "type": "error", "code": 404, "data": said},)
        connection.channels.update(f"{kind}{colon}{name}" for name in names.split(","))
        return ({"id": asked["id"], "type": "ack"},) if asked.get("response") else ()

    def tell(self, fact: Fact) -> Iterable[Message]:
        if isinstance(fact, Trade):
            yield _message(f"/contractMarket/execution:{SYMBOL}", "match", _trade(fact))
        elif isinstance(fact, Bar) and fact.price_type == "last":
            for bar, at_ms in ((fact, fact.end_ms - 200), (fact.following(), fact.end_ms + 300)):
                yield _candle(bar, at_ms)
        elif isinstance(fact, Mark):
            yield from _state(fact)
        elif isinstance(fact, Settlement):
            yield from _announced(fact)
        elif isinstance(fact, BookChange):
            yield from self._levels(fact)

    def _levels(self, fact: BookChange) -> Iterable[Message]:
        """Return one message for each level, a millisecond apart, the last at the fact's time."""
        changes = [("buy", *level) for level in fact.bids] + [
            ("sell", *level) for level in fact.asks
        ]
        if not changes:
            # Nothing new is told as the best bid once more.
            bids, _ = self._told.levels()
            changes = [("buy", *bids[0])]
        for place, (side, price, size) in enumerate(changes):
            time_ms = fact.time_ms - (len(changes) - 1 - place)
            level = ((price, size),)
            bids, asks = (level, ()) if side == "buy" else ((), level)
            self._told.apply(BookChange(time_ms, bids, asks))
            self._sequence += 1
            data = {
                "sequence": self._sequence,
                "change": f"{text(price)},{side},{_lots(size)}",
                "timestamp": time_ms,
            }
            yield _message(f"/contractMarket/level2:{SYMBOL}", "level2", data, self._sequence)
        # What the book was between the levels of one change is as true as what it was after.
        self.books["linear"].past.update(self._told.past)

    def empties(self) -> Sequence[tuple[str, str]]:
        # The venue sends no message without an entry; these say nothing of the market.
        channel = f"/contractMarket/execution:{SYMBOL}"
        return [
            (channel, '{"id":"7","type":"ack"}'),
            (channel, '{"id":"8","type":"pong","timestamp":1790000000000}'),
        ]

    # HTTP -------------------------------------------------------------------------------------

    def answer(self, path: str, query: dict[str, str], body: Json) -> Json:
        del body
        if path.startswith("/archive"):
            return None
        data = self._data(path, query)
        return None if data is None else {"code": "200000", "data": data}

    def _data(self, path: str, query: dict[str, str]) -> Json:
        match path.removeprefix("/api/"):
            case "v1/bullet-public":
                server = {
                    "endpoint": f"ws://127.0.0.1:{self.port}/endpoint",
                    "encrypt": True,
                    "protocol": "websocket",
                    "pingInterval": 18_000,
                    "pingTimeout": 10_000,
                }
                return {"token": _TOKEN, "instanceServers": [server]}
            case "v1/timestamp":
                return max((fact.time_ms for fact in self.history), default=0)
            case "v1/contracts/active":
                return [self._contract()]
            case "v1/contracts/XBTUSDTM":
                return self._contract()
            case "v1/contracts/risk-limit/XBTUSDTM":
                return [
                    _risk_limit(1, 0, 100_000, 125, 0.004),
                    _risk_limit(2, 100_000, 500_000, 100, 0.005),
                ]
            case "v1/level2/snapshot":
                bids, asks = self.books["linear"].levels()
                return {
                    "sequence": self._sequence,
                    "symbol": SYMBOL,
                    "bids": [[price, _lots(size)] for price, size in bids],
                    "asks": [[price, _lots(size)] for price, size in asks],
                    "ts": max(self.books["linear"].past, default=0) * 1_000_000,
                }
            case "v1/trade/history":
                return [_trade(fact) for fact in self._facts(Trade)[::-1][:_TRADES_TOLD]]
        return self._spanned(path, query)

    def _spanned(self, path: str, query: dict[str, str]) -> Json:
        match path.removeprefix("/api/"):
            case "v1/kline/query":
                interval_ms = int(query["granularity"]) * 60_000
                first, last = int(query["from"]), int(query["to"])
                return [
                    [bar.start_ms, bar.open, bar.high, bar.low, bar.close, _lots(bar.volume)]
                    for bar in self._bars("last", interval_ms, first, last)
                ][:200]
            case "ua/v1/market/kline":
                symbol, price_type, _ = query["symbol"].split("-")
                if symbol != SYMBOL:
                    return None
                interval_ms = {name: ms for ms, name in _INTERVALS.items()}[query["interval"]]
                first, last = int(query["startAt"]) * 1_000, int(query["endAt"]) * 1_000
                found = self._bars(price_type, interval_ms, first, last)
                return {
                    "tradeType": "FUTURES",
                    "symbol": query["symbol"],
                    "list": [_told_bar(bar) for bar in found[::-1][:1_500]],
                }
            case "ua/v1/market/open-interest":
                first, last = int(query["startAt"]), int(query["endAt"])
                facts = [
                    fact
                    for fact in self._facts(OpenInterest)
                    if first <= fact.time_ms <= last and fact.time_ms % 300_000 == 0
                ]
                return [
                    {"symbol": SYMBOL, "openInterest": str(_lots(fact.size)), "ts": fact.time_ms}
                    for fact in facts[::-1][: int(query["pageSize"])]
                ]
            case "v1/contract/funding-rates":
                first, last = int(query["from"]), int(query["to"])
                found_settlements = [
                    fact for fact in self._facts(Settlement) if first <= fact.time_ms <= last
                ]
                return [
                    {
                        "symbol": SYMBOL,
                        "fundingRate": fact.funding_rate,
                        "timepoint": fact.time_ms,
                    }
                    for fact in sorted(found_settlements, key=lambda fact: -fact.time_ms)[:100]
                ]
        return None

    def _contract(self) -> Json:
        interest, marks = self._facts(OpenInterest), self._facts(Mark)
        return {
            "symbol": SYMBOL,
            "rootSymbol": "USDT",
            "type": "FFWCSX",
            "baseCurrency": "XBT",
            "quoteCurrency": "USDT",
            "settleCurrency": "USDT",
            "lotSize": 1,
            "tickSize": 0.1,
            "multiplier": MULTIPLIER,
            "isQuanto": True,
            "isInverse": False,
            "status": "Open",
            "fundingRateGranularity": 28_800_000,
            "openInterest": str(_lots(interest[-1].size)) if interest else "0",
            "markPrice": marks[-1].mark_price if marks else 50_000.0,
            "maxLeverage": 125,
        }

    def _bars(self, price_type: str, interval_ms: int, first_ms: int, last_ms: int) -> list[Bar]:
        bars = [
            bar
            for bar in self._facts(Bar)
            if bar.price_type == price_type and bar.interval_ms == interval_ms
        ]
        return [bar for bar in with_forming(bars) if first_ms <= bar.start_ms <= last_ms]

    def _facts(self, of: type[_F]) -> list[_F]:
        return [fact for fact in self.history if isinstance(fact, of)]


def _lots(size: float) -> int:
    return round(size / MULTIPLIER)


def _message(topic: str, subject: str, data: Json, sn: int | None = None) -> Message:
    body = {"topic": topic, "type": "message", "subject": subject, "data": data}
    return Message(topic, body if sn is None else body | {"sn": sn})


def _trade(fact: Trade) -> Json:
    return {
        "symbol": SYMBOL,
        "sequence": fact.number,
        "side": fact.taker_side,
        "size": _lots(fact.size),
        "price": text(fact.price),
        "takerOrderId": f"24782220295780{fact.number}",
        "makerOrderId": f"24782216716355{fact.number}",
        "tradeId": str(fact.number),
        # The matching engine counts nanoseconds.
        "ts": fact.time_ms * 1_000_000 + 520_000,
    }


def _candle(bar: Bar, at_ms: int) -> Message:
    name = f"{SYMBOL}_{_INTERVALS[bar.interval_ms]}"
    prices = [text(price) for price in (bar.open, bar.close, bar.high, bar.low)]
    candles = [str(bar.start_ms // 1_000), *prices, text(bar.turnover), str(_lots(bar.volume))]
    data = {"symbol": SYMBOL, "candles": candles, "time": at_ms}
    return _message(f"/contractMarket/limitCandle:{name}", "candle.stick", data)


def _told_bar(bar: Bar) -> list[str]:
    prices = [text(price) for price in (bar.open, bar.close, bar.high, bar.low)]
    return [str(bar.start_ms // 1_000), *prices, "0", "0"]


def _state(fact: Mark) -> Iterable[Message]:
    topic = f"/contract/instrument:{SYMBOL}"
    prices = {
        "markPrice": fact.mark_price,
        "indexPrice": fact.index_price,
        "granularity": 1_000,
        "timestamp": fact.time_ms,
    }
    yield _message(topic, "mark.index.price", prices)
    for granularity, rate in ((60_000, fact.funding_rate), (28_800_000, 0.0001)):
        data = {"granularity": granularity, "fundingRate": rate, "timestamp": fact.time_ms}
        yield _message(topic, "funding.rate", data)


def _announced(fact: Settlement) -> Iterable[Message]:
    for subject, later_ms in (("funding.begin", 0), ("funding.end", 10_000)):
        data = {
            "symbol": SYMBOL,
            "fundingTime": fact.time_ms,
            "fundingRate": fact.funding_rate,
            "timestamp": fact.time_ms + later_ms,
        }
        yield _message("/contract/announcement", subject, data)


def _risk_limit(level: int, floor: float, cap: float, leverage: int, rate: float) -> Json:
    return {
        "symbol": SYMBOL,
        "level": level,
        "maxRiskLimit": cap,
        "minRiskLimit": floor,
        "maxLeverage": leverage,
        "initialMargin": 1 / leverage,
        "maintainMargin": rate,
    }

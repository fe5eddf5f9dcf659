"""Two exchanges on loopback that have no connector of their own: BingX and Kraken Futures.

In:  facts.   Out: the messages of their public endpoints and sockets, in their own words.
Free of the bridge and of ccxt; written from the samples that stand in ccxt's source.

BingX tells trades without ids, open interest in dollars, and lists spot and coin-margined
contracts beside. Kraken counts in dollars, tells a fresh subscriber the last trades, pays hourly,
and takes no end of a span for funding: it tells all there ever was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
from tests.venues.fakes.exchange import Connection, FakeExchange, Json, Message
from tests.venues.fakes.facts import Bar, Fact, Mark, OpenInterest, Settlement, Trade

from forcedflow.venues.connector import Endpoints


class _Bridged(FakeExchange):
    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(rest=f"http://127.0.0.1:{self.port}", stream=f"ws://127.0.0.1:{self.port}")

    def _told(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.history if isinstance(fact, kind)]

    def empties(self) -> Sequence[tuple[str, str]]:
        return ()


class FakeBingx(_Bridged):
    venue = "ccxt:bingx"

    def answer(self, path: str, query: dict[str, str], body: Json) -> Json:
        del body
        match path.removeprefix("/openApi"):
            case "/swap/v2/quote/contracts":
                data: Json = [_BINGX_CONTRACT]
            case "/cswap/v1/market/contracts":
                data = []
            case "/spot/v1/common/symbols":
                data = {"symbols": []}
            case "/swap/v2/server/time":
                data = {"serverTime": 1_790_000_000_000}
            case "/swap/v3/quote/klines":
                data = self._bars("last", query)
            case "/swap/v1/market/markPriceKlines":
                data = self._bars("mark", query)
            case "/swap/v2/quote/fundingRate":
                data = [
                    {
                        "symbol": "BTC-USDT",
                        "fundingRate": str(one.funding_rate),
                        "fundingTime": one.time_ms,
                    }
                    for one in self._told(Settlement)
                    if _asked(query, one.time_ms)
                ]
            case "/swap/v2/quote/openInterest":
                one = self._told(OpenInterest)[-1]
                data = {"openInterest": str(one.size), "symbol": "BTC-USDT", "time": one.time_ms}
            case "/swap/v2/quote/premiumIndex":
                mark = self._told(Mark)[-1]
                data = {
                    "symbol": "BTC-USDT",
                    "markPrice": str(mark.mark_price),
                    "indexPrice": str(mark.index_price),
                    "lastFundingRate": str(mark.funding_rate),
                    "nextFundingTime": mark.next_funding_ms,
                }
            case _:
                return None
        return {"code": 0, "msg": "", "data": data}

    def control(self, connection: Connection, message: str) -> Iterable[Json]:
        asked = msgspec.json.decode(message)
        connection.channels.add(asked["dataType"])
        return ({"id": asked["id"], "code": 0, "msg": "", "dataType": "", "data": None},)

    def tell(self, fact: Fact) -> Iterable[Message]:
        if isinstance(fact, Trade):
            deal = {
                "q": str(fact.size),
                "p": str(fact.price),
                "T": fact.time_ms,
                "m": fact.taker_side == "sell",
                "s": "BTC-USDT",
            }
            said = {"code": 0, "dataType": "BTC-USDT@trade", "data": [deal]}
            yield Message("BTC-USDT@trade", said)

    def _bars(self, price_type: str, query: dict[str, str]) -> list[Json]:
        bars = [
            {
                "open": str(one.open),
                "close": str(one.close),
                "high": str(one.high),
                "low": str(one.low),
                "volume": str(one.volume) if price_type == "last" else "0.00",
                "time": one.start_ms,
            }
            for one in self._told(Bar)
            if one.price_type == price_type and _asked(query, one.start_ms)
        ]
        return bars[::-1][: int(query.get("limit", "500"))]  # the latest first


class FakeKrakenFutures(_Bridged):
    venue = "ccxt:krakenfutures"

    def answer(self, path: str, query: dict[str, str], body: Json) -> Json:
        del body
        if path == "/derivatives/api/v3/instruments":
            return {"result": "success", "instruments": [_KRAKEN_CONTRACT, _KRAKEN_INVERSE]}
        if path == "/derivatives/api/v4/historicalfundingrates":
            rates = [
                {
                    "timestamp": _iso(one.time_ms),
                    "fundingRate": str(one.funding_rate * 70_000),
                    "relativeFundingRate": str(one.funding_rate),
                }
                for one in self._told(Settlement)
            ]
            return {"result": "success", "rates": rates}
        if path == "/derivatives/api/v3/tickers":
            mark = self._told(Mark)[-1]
            ticker = {
                "symbol": "PF_XBTUSD",
                "tag": "perpetual",
                "markPrice": mark.mark_price,
                "indexPrice": mark.index_price,
                "fundingRate": mark.funding_rate * mark.mark_price,
                "fundingRatePrediction": mark.funding_rate * mark.mark_price,
                "last": mark.mark_price,
            }
            now = _iso(mark.time_ms)
            return {"result": "success", "tickers": [ticker], "serverTime": now}
        if path.startswith("/api/charts/v1/"):
            names = {"trade": "last", "mark": "mark", "spot": "index"}
            price_type = names[path.split("/")[4]]
            span = {"startTime": query["from"] + "000", "endTime": query["to"] + "999"}
            candles = [
                {
                    "time": one.start_ms,
                    "open": str(one.open),
                    "high": str(one.high),
                    "low": str(one.low),
                    "close": str(one.close),
                    "volume": one.volume if price_type == "last" else 0,
                }
                for one in self._told(Bar)
                if one.price_type == price_type and _asked(span, one.start_ms)
            ]
            return {"candles": candles, "more_candles": False}
        return None

    def control(self, connection: Connection, message: str) -> Iterable[Json]:
        asked = msgspec.json.decode(message)
        names = [f"{asked['feed']} {name}" for name in asked["product_ids"]]
        connection.channels.update(names)
        reply = {"event": "subscribed", "feed": asked["feed"], "product_ids": asked["product_ids"]}
        return (reply,)

    def greet(self, channel: str) -> Iterable[Message]:
        # The latest first.
        trades = [_kraken_trade(one) for one in self._told(Trade)[:-101:-1]]
        said = {"feed": "trade_snapshot", "product_id": "PF_XBTUSD", "trades": trades}
        yield Message(channel, said)

    def tell(self, fact: Fact) -> Iterable[Message]:
        if isinstance(fact, Trade):
            yield Message("trade PF_XBTUSD", _kraken_trade(fact))


def _kraken_trade(fact: Trade) -> dict[str, Json]:
    return {
        "feed": "trade",
        "product_id": "PF_XBTUSD",
        "uid": f"kraken-{fact.number}",
        "side": fact.taker_side,
        "type": "fill",
        "seq": fact.number,
        "time": fact.time_ms,
        "qty": fact.size,
        "price": fact.price,
    }


def _asked(query: dict[str, str], time_ms: int) -> bool:
    first, last = int(query.get("startTime", "0")), int(query.get("endTime", str(1 << 60)))
    return first <= time_ms <= last


def _iso(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_BINGX_CONTRACT = {
    "contractId": "100",
    "symbol": "BTC-USDT",
    "size": "0.0001",
    "quantityPrecision": 4,
    "pricePrecision": 1,
    "currency": "USDT",
    "asset": "BTC",
    "status": 1,
    "apiStateOpen": "true",
    "apiStateClose": "true",
}

_KRAKEN_CONTRACT = {
    "symbol": "PF_XBTUSD",
    "type": "flexible_futures",
    "tickSize": 0.5,
    "contractSize": 1,
    "tradeable": True,
    "contractValueTradePrecision": 4,
    "openingDate": "2022-03-22T16:00:00.000Z",
}

_KRAKEN_INVERSE = {
    "symbol": "PI_XBTUSD",
    "type": "futures_inverse",
    "tickSize": 0.5,
    "contractSize": 1,
    "tradeable": True,
    "contractValueTradePrecision": 0,
}

"""Gate on loopback: futures pages of v4 and the socket of contracts settled in USDT.

In:  facts.   Out: the messages of `/api/v4/futures/usdt/*` and of `/v4/ws/usdt`.
Free of the connector; written from the exchange's documentation.

What it is like: sizes are contracts of a ten-thousandth of a bitcoin, as text. A liquidation bears
the size of its *order*: below zero it sells, and a long is gone; over HTTP the size is that of the
position. Moments over HTTP are seconds, even those called milliseconds. A book begins with a whole
one, then counts on without a gap. A change without levels moves the count on all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import msgspec
from aiohttp import web
from tests.venues.fakes.exchange import Connection, FakeExchange, Json, Message
from tests.venues.fakes.facts import (
    Bar,
    BookChange,
    Fact,
    Level,
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

SYMBOL: Final = "BTC_USDT"
MULTIPLIER: Final = 0.0001
_CHANNELS: Final = (
    "futures.trades",
    "futures.public_liquidates",
    "futures.tickers",
    "futures.candlesticks",
    "futures.obu",
)
_LEVELS: Final = 50
_PREFIXES: Final = {"last": "", "mark": "mark_", "index": "index_"}


class FakeGate(FakeExchange):
    venue = "gate"

    def __init__(self) -> None:
        super().__init__()
        self._update = 125_033_675_974
        # Public files by their path below the archive's root.
        self.files: dict[str, bytes] = {}

    @property
    def endpoints(self) -> Endpoints:
        root = f"http://127.0.0.1:{self.port}"
        return Endpoints(rest=root, stream=f"ws://127.0.0.1:{self.port}", archive=f"{root}/archive")

    # Websocket --------------------------------------------------------------------------------

    def control(self, connection: Connection, message: str) -> Iterable[Json]:
        asked = msgspec.json.decode(message)
        channel = asked["channel"]
        if channel == "futures.ping":
            return ({"time": 1, "channel": "futures.pong", "event": "", "result": None},)
        payload = asked["payload"]
        reply = {"time": 1, "channel": channel, "event": "subscribe", "payload": payload}
        # One bad name refuses all of them, but for books, which are silent instead.
        bad = [one for one in _names(channel, payload) if one != SYMBOL]
        if channel not in _CHANNELS or bad:
            said = f"unknown currency pair: {bad[0]}" if bad else f"Unknown channel {channel}"
            error = {"code": 2, "message": said}
            return (reply | {"error": error, "result": {"status": "fail"}},)
        connection.channels.update(_heard(channel, payload))
        return (reply | {"result": {"status": "success"}},)

    def greet(self, channel: str) -> Iterable[Message]:
        book = self.books["linear"]
        if channel.startswith("futures.obu") and book.past:
            bids, asks = book.levels()
            sides = {"b": _levels(bids[:_LEVELS]), "a": _levels(asks[:_LEVELS])}
            body = {"t": max(book.past), "full": True, "u": self._update}
            yield _message(channel, body["t"], body | {"s": channel.split(" ")[1]} | sides)

    def tell(self, fact: Fact) -> Iterable[Message]:
        if isinstance(fact, Trade):
            yield _message(f"futures.trades {SYMBOL}", fact.time_ms, [_trade(fact)])
        elif isinstance(fact, Liquidation):
            yield liquidations([fact])
        elif isinstance(fact, Bar) and fact.price_type == "last":
            yield from _bar(fact)
        elif isinstance(fact, Mark):
            yield _message(f"futures.tickers {SYMBOL}", fact.time_ms, [_ticker(fact)])
        elif isinstance(fact, BookChange):
            self._update += 1
            stream = f"ob.{SYMBOL}.{_LEVELS}"
            body: dict[str, Json] = {"t": fact.time_ms, "s": stream}
            body |= {"U": self._update, "u": self._update}
            body |= {name: _levels(side) for name, side in _sides(fact) if side}
            yield _message(f"futures.obu {stream}", fact.time_ms, body)

    def empties(self) -> Sequence[tuple[str, str]]:
        channels = (
            f"futures.trades {SYMBOL}",
            f"futures.public_liquidates {SYMBOL}",
            f"futures.candlesticks 1m {SYMBOL}",
        )
        return [
            (
                channel,
                f'{{"time":1,"channel":"{channel.split(" ")[0]}","event":"update","result":[]}}',
            )
            for channel in channels
        ]

    # HTTP -------------------------------------------------------------------------------------

    def answer(self, path: str, query: dict[str, str], body: Json) -> Json:
        del body
        now_ms = max((fact.time_ms for fact in self.history), default=0)
        if path == "/api/v4/spot/time":
            return {"server_time": now_ms}
        if path.startswith("/archive/"):
            file = self.files.get(path.removeprefix("/archive/"))
            return None if file is None else web.Response(body=file)
        page = path.removeprefix("/api/v4/futures/usdt/")
        match page:
            case "contracts":
                return [_contract()]
            case "candlesticks":
                # The path alone does not say which bars were asked for.
                self.requests.append(f"{path}/{query['contract']}")
                return self._bars(query)
            case "tickers":
                return self._tickers()
            case "contract_stats" | "risk_limit_tiers":
                return []
            case "funding_rate":
                told = self._spanned(Settlement, query)
                return [{"t": fact.time_ms // 1_000, "r": text(fact.funding_rate)} for fact in told]
            case "trades":
                return self._trades(query)
            case "order_book":
                return self._book(query)
        return None

    def _bars(self, query: dict[str, str]) -> Json:
        bars = [
            bar
            for bar in self._facts(Bar)
            if _PREFIXES[bar.price_type] + SYMBOL == query["contract"]
            and f"{bar.interval_ms // 60_000}m" == query["interval"]
        ]
        first, last = int(query.get("from", 0)), int(query.get("to", 2**40))
        found = [
            {"t": bar.start_ms // 1_000, **_prices(bar)}
            | ({} if bar.price_type != "last" else _volume(bar) | {"sum": text(bar.turnover)})
            for bar in with_forming(bars)
            if first <= bar.start_ms // 1_000 <= last
        ]
        return found[-int(query.get("limit", 1_999)) :]

    def _tickers(self) -> Json:
        interests, marks = self._facts(OpenInterest), self._facts(Mark)
        if not interests or not marks:
            return []
        sizes = {"total_size": _contracts(interests[-1].size)}
        return [_ticker(marks[-1]) | sizes]

    def _trades(self, query: dict[str, str]) -> Json:
        newest = self._spanned(Trade, query, no_limit=True)
        first = int(query.get("offset", 0))
        return [
            {
                "id": fact.number,
                "create_time": fact.time_ms // 1_000,
                "create_time_ms": fact.time_ms / 1_000,
                "contract": SYMBOL,
                "size": _signed(fact),
                "price": text(fact.price),
            }
            for fact in newest[first : first + int(query.get("limit", 100))]
        ]

    def _book(self, query: dict[str, str]) -> Json:
        limit = int(query.get("limit", 10))
        bids, asks = self.books["linear"].levels()
        found: dict[str, Json] = {
            "current": 1_790_000_000.123,
            "update": 1_790_000_000.121,
            "asks": [{"p": text(price), "s": _contracts(size)} for price, size in asks[:limit]],
            "bids": [{"p": text(price), "s": _contracts(size)} for price, size in bids[:limit]],
        }
        return found | ({"id": self._update} if query.get("with_id") == "true" else {})

    def _facts(self, of: type[_F]) -> list[_F]:
        return [fact for fact in self.history if isinstance(fact, of)]

    def _spanned(self, of: type[_F], query: dict[str, str], *, no_limit: bool = False) -> list[_F]:
        first, last = int(query.get("from", 0)), int(query.get("to", 2**40))
        found = [fact for fact in self._facts(of) if first <= fact.time_ms // 1_000 <= last]
        newest = sorted(found, key=lambda fact: -fact.time_ms)
        return newest if no_limit else newest[: int(query.get("limit", 100))]


def liquidations(facts: Iterable[Liquidation]) -> Message:
    """Return one message of the liquidations of a second."""
    prints = list(facts)
    told = [
        {
            "price": text(fact.price),
            "size": ("-" if fact.side == "long" else "") + _contracts(fact.size),
            "time": fact.time_ms,
            "contract": SYMBOL,
        }
        for fact in prints
    ]
    at_ms = max((fact.time_ms for fact in prints), default=0) + 400
    return _message(f"futures.public_liquidates {SYMBOL}", at_ms, told)


def _names(channel: str, payload: list[str]) -> list[str]:
    if channel == "futures.candlesticks":
        return payload[1:]
    return [] if channel == "futures.obu" else payload


def _heard(channel: str, payload: list[str]) -> list[str]:
    if channel == "futures.candlesticks":
        return [f"{channel} {' '.join(payload)}"]
    return [f"{channel} {one}" for one in payload]


def _message(channel: str, time_ms: int, result: Json) -> Message:
    body = {
        "time": time_ms // 1_000,
        "time_ms": time_ms,
        "channel": channel.split(" ", maxsplit=1)[0],
        "event": "update",
        "result": result,
    }
    return Message(channel, body)


def _contracts(size: float) -> str:
    """Return coins as contracts; they may be fractions of one."""
    return text(round(size / MULTIPLIER, 6)).removesuffix(".0")


def _signed(fact: Trade) -> str:
    return ("-" if fact.taker_side == "sell" else "") + _contracts(fact.size)


def _levels(levels: Iterable[Level]) -> list[list[str]]:
    return [[text(price), _contracts(size)] for price, size in levels]


def _sides(fact: BookChange) -> tuple[tuple[str, tuple[Level, ...]], ...]:
    return ("b", fact.bids), ("a", fact.asks)


def _trade(fact: Trade) -> Json:
    return {
        "size": _signed(fact),
        "id": fact.number,
        "create_time": fact.time_ms // 1_000,
        "create_time_ms": fact.time_ms,
        "price": text(fact.price),
        "contract": SYMBOL,
        "is_internal": False,
    }


def _prices(bar: Bar) -> dict[str, str]:
    return {
        "o": text(bar.open),
        "h": text(bar.high),
        "l": text(bar.low),
        "c": text(bar.close),
    }


def _volume(bar: Bar) -> dict[str, str]:
    return {"v": _contracts(bar.volume)}


def _bar(fact: Bar) -> Iterable[Message]:
    channel = f"futures.candlesticks 1m {SYMBOL}"
    for closed in (False, True):
        body = {"t": fact.start_ms // 1_000, "n": f"1m_{SYMBOL}", "w": closed, "a": "0"}
        body |= _prices(fact) | _volume(fact)
        if not closed:
            body |= {"c": text(fact.open), "v": "0"}
        yield _message(channel, fact.end_ms - (0 if closed else 1_000), [body])


def _ticker(fact: Mark) -> dict[str, Json]:
    return {
        "contract": SYMBOL,
        "last": text(fact.mark_price),
        "mark_price": text(fact.mark_price),
        "index_price": text(fact.index_price),
        "funding_rate": text(fact.funding_rate),
        "funding_rate_indicative": text(fact.funding_rate),
        "funding_interval": 28_800,
        "funding_next_apply": fact.next_funding_ms // 1_000,
        "t": fact.time_ms,
    }


def _contract() -> Json:
    return {
        "name": SYMBOL,
        "type": "direct",
        "status": "trading",
        "in_delisting": False,
        "enable_decimal": True,
        "quanto_multiplier": "0.0001",
        "order_price_round": "0.1",
        "mark_price_round": "0.01",
        "funding_interval": 28_800,
        "leverage_max": "125",
        "position_size": 5_223_816,
    }

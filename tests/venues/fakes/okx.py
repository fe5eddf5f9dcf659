"""OKX on loopback: v5 pages and the public and business sockets.

In:  facts.   Out: the messages of `/api/v5/*` and `/ws/v5/*`.
Free of the connector; written from the exchange's documentation.

What it is like: a liquidation carries the side of the order beside that of the position, its
bankruptcy price and a size in contracts, several to a message; the channel is one for all swaps and
begins with what was printed last. A contract is a hundredth of a coin, or a hundred dollars. Lists
over HTTP begin with the newest. A ping is the bare word, and so is the answer.
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

NAMES: Final[dict[Kind, str]] = {"linear": "BTC-USDT-SWAP", "inverse": "BTC-USD-SWAP"}
_KINDS: Final[dict[str, Kind]] = {name: kind for kind, name in NAMES.items()}
_FAMILIES: Final = {"linear": "BTC-USDT", "inverse": "BTC-USD"}

COIN_A_CONTRACT: Final = 0.01
USD_A_CONTRACT: Final = 100.0

_PUBLIC = ("liquidation-orders", "open-interest", "funding-rate", "books", "mark-price")
_BUSINESS = ("trades-all", "candle1m", "candle5m")
_BAR_PAGES = {"candles": "last", "mark-price-candles": "mark", "index-candles": "index"}
_BARS = {"1m": 60_000, "5m": 300_000}


class FakeOkx(FakeExchange):
    venue = "okx"

    def __init__(self) -> None:
        super().__init__()
        self._number: dict[Kind, int] = {"linear": 71_000, "inverse": 3_000}

    @property
    def endpoints(self) -> Endpoints:
        root = f"http://127.0.0.1:{self.port}"
        return Endpoints(rest=root, stream=f"ws://127.0.0.1:{self.port}", archive=f"{root}/files")

    # Websockets -------------------------------------------------------------------------------

    def control(self, connection: Connection, message: str) -> Iterable[Json]:
        if message == "ping":
            yield PlainText("pong")
            return
        asked = msgspec.json.decode(message)
        known = _BUSINESS if connection.path.endswith("/business") else _PUBLIC
        for arg in asked["args"]:
            if arg["channel"] not in known or arg.get("instId", "BTC-USD-SWAP") not in _KINDS:
                said = f"Wrong URL or channel:{arg['channel']} doesn't exist."
                yield {"event": "error", "code": "60018", "msg": said, "connId": "a4d3ae55"}
                continue
            connection.channels.add(_channel(arg))
            yield {"event": "subscribe", "arg": arg, "connId": "a4d3ae55"}

    def greet(self, channel: str) -> Iterable[Message]:
        name, _, symbol = channel.partition(" ")
        if name == "liquidation-orders":
            printed = [fact for fact in self.history if isinstance(fact, Liquidation)]
            if printed:
                self.recalled += printed[-3:]
                yield liquidations(printed[-3:])
            return
        kind = _KINDS[symbol]
        if name == "books" and self.books[kind].past:
            bids, asks = self.books[kind].levels()
            yield self._book(kind, "snapshot", -1, max(self.books[kind].past), bids, asks)
        if name == "funding-rate" and (marks := self._facts(Mark, kind)):
            yield _funding(marks[-1])
        if name == "open-interest" and (held := self._facts(OpenInterest, kind)):
            yield _interest(held[-1])

    def tell(self, fact: Fact) -> Iterable[Message]:
        if isinstance(fact, Trade):
            body = {"instId": NAMES[fact.kind], "source": "0"} | _trade(fact)
            yield _message("trades-all", NAMES[fact.kind], [body])
        elif isinstance(fact, Liquidation):
            yield liquidations([fact])
        elif isinstance(fact, Bar) and fact.price_type == "last":
            for closed in (False, True):
                row = _bar(fact, fact.start_ms, closed=closed)
                yield _message("candle1m", NAMES[fact.kind], [row])
        elif isinstance(fact, OpenInterest):
            yield _interest(fact)
        elif isinstance(fact, Mark):
            yield _funding(fact)
        elif isinstance(fact, BookChange):
            before = self._number[fact.kind]
            self._number[fact.kind] += 3
            yield self._book(fact.kind, "update", before, fact.time_ms, fact.bids, fact.asks)

    def _book(
        self,
        kind: Kind,
        action: str,
        before: int,
        time_ms: int,
        bids: Iterable[tuple[float, float]],
        asks: Iterable[tuple[float, float]],
    ) -> Message:
        body = _levels(kind, bids, asks) | {
            "ts": str(time_ms),
            "checksum": 0,
            "prevSeqId": before,
            "seqId": self._number[kind],
        }
        told = _message("books", NAMES[kind], [body])
        return Message(told.channel, told.body | {"action": action})

    def empties(self) -> Sequence[tuple[str, str]]:
        names = [("liquidation-orders", ""), ("trades-all", NAMES["linear"])]
        names.append(("candle1m", NAMES["linear"]))
        told = [_message(name, symbol, []) for name, symbol in names]
        return [(one.channel, msgspec.json.encode(one.body).decode()) for one in told]

    # HTTP -------------------------------------------------------------------------------------

    def answer(self, path: str, query: dict[str, str], body: Json) -> Json:
        del body
        page = path.removeprefix("/api/v5/")
        if page == path:
            return None
        now = max((fact.time_ms for fact in self.history), default=0)
        data = self._data(page, query, now)
        return None if data is None else {"code": "0", "msg": "", "data": data}

    def _data(self, page: str, query: dict[str, str], now: int) -> Json:
        kind: Kind = "inverse" if query.get("instId", "").startswith("BTC-USD-") else "linear"
        group, _, name = page.partition("/")
        if group == "market" and (bars := name.removeprefix("history-")) in _BAR_PAGES:
            if query["instId"] == "BTC-USD":
                kind = "inverse"
            return self._bars(kind, _BAR_PAGES[bars], query)
        match page:
            case "public/time":
                return [{"ts": str(now)}]
            case "public/instruments":
                return [_contract(one) for one in NAMES] if query["instType"] == "SWAP" else []
            case "public/mark-price":
                marks = self._facts(Mark, kind)
                return [
                    {
                        "instType": "SWAP",
                        "instId": NAMES[kind],
                        "markPx": text(mark.mark_price),
                        "ts": str(mark.time_ms),
                    }
                    for mark in marks[-1:]
                ]
            case "market/books":
                bids, asks = self.books[kind].levels()
                time_ms = max(self.books[kind].past, default=now)
                depth = int(query.get("sz", 1))
                return [_levels(kind, bids[:depth], asks[:depth]) | {"ts": str(time_ms)}]
            case "market/trades" | "market/history-trades":
                trades = self._facts(Trade, kind)[::-1]
                after = int(query.get("after", 2**62))
                older = [fact for fact in trades if fact.number < after]
                return [
                    {"instId": NAMES[kind]} | _trade(fact)
                    for fact in older[: int(query.get("limit", 100))]
                ]
            case "public/funding-rate-history":
                return [
                    {
                        "instType": "SWAP",
                        "instId": NAMES[kind],
                        "fundingRate": text(fact.funding_rate * 2),
                        "realizedRate": text(fact.funding_rate),
                        "fundingTime": str(fact.time_ms),
                        "method": "current_period",
                    }
                    for fact in self._newest(Settlement, kind, query)
                ]
            case "rubik/stat/contracts/open-interest-history":
                begin, end = int(query.get("begin", 0)), int(query.get("end", 2**62))
                held = [
                    fact
                    for fact in self._facts(OpenInterest, kind)[::-1]
                    if begin <= fact.time_ms <= end and fact.time_ms % 300_000 == 0
                ]
                return [_interest_row(fact) for fact in held[:100]]
            case "rubik/stat/contracts/long-short-account-ratio-contract":
                return []
            case "public/position-tiers":
                return [
                    {
                        "tier": str(tier),
                        "instFamily": query["instFamily"],
                        "uly": query["instFamily"],
                        "instId": "",
                        "minSz": str(most - 1_000),
                        "maxSz": str(most),
                        "mmr": rate,
                        "imr": "0.02",
                        "maxLever": leverage,
                        "optMgnFactor": "0",
                    }
                    for tier, most, rate, leverage in (
                        (1, 1_000, "0.004", "100"),
                        (2, 2_000, "0.005", "75"),
                    )
                ]
        return None

    def _bars(self, kind: Kind, price_type: str, query: dict[str, str]) -> list[list[str]]:
        length = _BARS[query["bar"]]
        bars = [
            bar
            for bar in self._facts(Bar, kind)
            if bar.price_type == price_type and bar.interval_ms == length
        ]
        ends = {bar.end_ms for bar in bars}
        before, after = int(query.get("before", -1)), int(query.get("after", 2**62))
        found = [
            _bar(bar, bar.start_ms, closed=bar.end_ms in ends)
            for bar in with_forming(bars)
            if before < bar.start_ms < after
        ]
        if price_type != "last":
            found = [[*row[:5], row[8]] for row in found]
        return sorted(found, reverse=True)[: int(query.get("limit", 100))]

    def _facts(self, of: type[_F], kind: Kind) -> list[_F]:
        return [fact for fact in self.history if isinstance(fact, of) and fact.kind == kind]

    def _newest(self, of: type[_F], kind: Kind, query: dict[str, str]) -> list[_F]:
        before, after = int(query.get("before", -1)), int(query.get("after", 2**62))
        found = [fact for fact in self._facts(of, kind) if before < fact.time_ms < after]
        newest = sorted(found, key=lambda fact: -fact.time_ms)
        return newest[: int(query.get("limit", 100))]


def liquidations(facts: Sequence[Liquidation]) -> Message:
    """Return one message of liquidations, each contract with all of its details."""
    data = []
    for kind in NAMES:
        prints = [fact for fact in facts if fact.kind == kind]
        if not prints:
            continue
        details = [
            {
                "bkLoss": "0",
                "bkPx": text(fact.price),
                "ccy": "",
                "posSide": fact.side,
                "side": "sell" if fact.side == "long" else "buy",
                "sz": contracts(fact.kind, fact.size),
                "ts": str(fact.time_ms),
            }
            for fact in prints
        ]
        data.append(
            {
                "details": details,
                "instFamily": _FAMILIES[kind],
                "instId": NAMES[kind],
                "instType": "SWAP",
                "uly": _FAMILIES[kind],
            }
        )
    return _message("liquidation-orders", "", data)


def contracts(kind: Kind, size: float) -> str:
    """Return a size as the exchange writes it: contracts."""
    return str(int(size)) if kind == "inverse" else text(round(size / COIN_A_CONTRACT, 6))


def _channel(arg: dict[str, str]) -> str:
    return f"{arg['channel']} {arg.get('instId', '')}".strip()


def _message(channel: str, name: str, data: Json) -> Message:
    arg = {"channel": channel} | ({"instId": name} if name else {"instType": "SWAP"})
    return Message(_channel(arg), {"arg": arg, "data": data})


def _trade(fact: Trade) -> dict[str, str]:
    return {
        "tradeId": str(fact.number),
        "px": text(fact.price),
        "sz": contracts(fact.kind, fact.size),
        "side": fact.taker_side,
        "ts": str(fact.time_ms),
    }


def _bar(fact: Bar, start_ms: int, *, closed: bool) -> list[str]:
    inverse = fact.kind == "inverse"
    coins = fact.turnover if inverse else fact.volume
    quote = fact.volume * USD_A_CONTRACT if inverse else fact.turnover
    prices = (fact.open, fact.high, fact.low, fact.close if closed else fact.open)
    volumes = (float(contracts(fact.kind, fact.volume)), coins, quote)
    return [
        str(start_ms),
        *map(text, prices),
        *(text(volume if closed else 0.0) for volume in volumes),
        "1" if closed else "0",
    ]


def _interest_row(fact: OpenInterest) -> list[str]:
    if fact.kind == "inverse":
        held, coins, usd = fact.size, fact.size * USD_A_CONTRACT / 50_000, fact.size * 100
    else:
        held, coins, usd = fact.size / COIN_A_CONTRACT, fact.size, fact.size * 50_000
    return [str(fact.time_ms), text(held), text(coins), text(usd)]


def _interest(fact: OpenInterest) -> Message:
    time_ms, held, coins, usd = _interest_row(fact)
    body = {
        "instId": NAMES[fact.kind],
        "instType": "SWAP",
        "oi": held,
        "oiCcy": coins,
        "oiUsd": usd,
        "ts": time_ms,
    }
    return _message("open-interest", NAMES[fact.kind], [body])


def _funding(fact: Mark) -> Message:
    eight_hours = 8 * 3_600_000
    body = {
        "formulaType": "withRate",
        "fundingRate": text(fact.funding_rate),
        "fundingTime": str(fact.next_funding_ms),
        "instId": NAMES[fact.kind],
        "instType": "SWAP",
        "method": "current_period",
        "nextFundingRate": "",
        "nextFundingTime": str(fact.next_funding_ms + eight_hours),
        "prevFundingTime": str(fact.next_funding_ms - eight_hours),
        "settState": "settled",
        "ts": str(fact.time_ms),
    }
    return _message("funding-rate", NAMES[fact.kind], [body])


def _levels(
    kind: Kind, bids: Iterable[tuple[float, float]], asks: Iterable[tuple[float, float]]
) -> dict[str, Json]:
    return {
        "asks": [[text(price), contracts(kind, size), "0", "1"] for price, size in asks],
        "bids": [[text(price), contracts(kind, size), "0", "1"] for price, size in bids],
    }


def _contract(kind: Kind) -> dict[str, Json]:
    inverse = kind == "inverse"
    return {
        "instType": "SWAP",
        "instId": NAMES[kind],
        "instFamily": _FAMILIES[kind],
        "uly": _FAMILIES[kind],
        "baseCcy": "",
        "quoteCcy": "",
        "settleCcy": "BTC" if inverse else "USDT",
        "ctType": kind,
        "ctVal": "100" if inverse else "0.01",
        "ctMult": "1",
        "ctValCcy": "USD" if inverse else "BTC",
        "tickSz": "0.1",
        "lotSz": "0.01",
        "minSz": "0.01",
        "lever": "100",
        "state": "live",
        "expTime": "",
        "listTime": "1611916828000",
    }

"""dYdX's indexer on loopback: its questions over HTTP and the socket `/v4/ws`.

In:  facts.   Out: the messages of a chain that flags liquidations on its trades.
Free of the connector; written from the exchange's documentation.

What it is like: a liquidation is a match of type LIQUIDATED whose taker is who lost the position,
so it is a trade as well. Moments are ISO 8601. Markets come for all at once, first whole, then what
changed, and the price in them is the oracle's. Candles grow and are never said to be closed; they
carry the open interest with which they began. No match names an account.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec
from tests.venues.fakes.exchange import Connection, FakeExchange, Json, Message
from tests.venues.fakes.facts import (
    Bar,
    Fact,
    Liquidation,
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

TICKER: Final = "BTC-USD"
MAINTENANCE: Final = 0.012
_RESOLUTIONS: Final = {60_000: "1MIN", 300_000: "5MINS"}
_FIRST_HEIGHT_MS: Final = 1_600_000_000_000


def trade_id(number: int) -> str:
    """Return the id under which a match is told."""
    return f"{number:08x}0000000200000002"


def liquidation_id(fact: Liquidation) -> str:
    """Return the id of the match that a liquidation is."""
    return f"{fact.time_ms:x}-{text(fact.price)}-{text(fact.size)}-{fact.side}"


class FakeDydx(FakeExchange):
    venue = "dydx"

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(
            rest=f"http://127.0.0.1:{self.port}/v4", stream=f"ws://127.0.0.1:{self.port}/v4/ws"
        )

    # Websocket --------------------------------------------------------------------------------

    def opened(self, connection: Connection, query: dict[str, str]) -> None:
        del query
        connection.channels.add("connected")

    def greet(self, channel: str) -> Iterable[Message]:
        if channel == "connected":
            yield Message(channel, {"type": "connected", "connection_id": "c", "message_id": 0})
            return
        name, _, market = channel.partition(" ")
        body = {"type": "subscribed", "connection_id": "c", "message_id": 1, "channel": name}
        if name == "v4_markets":
            yield Message(channel, body | {"contents": {"markets": {TICKER: self._market()}}})
            return
        contents: Json = {"trades": [_match(fact) for fact in self._matches()[:100]]}
        if name == "v4_candles":
            contents = {"candles": []}
        yield Message(channel, body | {"id": market, "contents": contents})

    def control(self, connection: Connection, message: str) -> Iterable[Json]:
        asked = msgspec.json.decode(message)
        name, market = asked["channel"], asked.get("id", "")
        known = {
            "v4_markets": [""],
            "v4_trades": [TICKER],
            "v4_candles": [f"{TICKER}/{resolution}" for resolution in _RESOLUTIONS.values()],
        }
        if market not in known.get(name, ()):
            said = f"Invalid subscription: channel '{name}' id '{market}' not found"
            return ({"type": "error", "message": said, "connection_id": "c", "message_id": 1},)
        connection.channels.add(f"{name} {market}".strip())
        return ()

    def tell(self, fact: Fact) -> Iterable[Message]:
        if isinstance(fact, Trade | Liquidation):
            yield _data("v4_trades", TICKER, {"trades": [_match(fact)]})
        elif isinstance(fact, Bar) and fact.price_type == "last":
            name = f"{TICKER}/{_RESOLUTIONS[fact.interval_ms]}"
            for bar in (fact, fact.following()):
                yield _data("v4_candles", name, self._candle(bar))
        elif isinstance(fact, Mark):
            oracle = {
                "oraclePrice": text(fact.mark_price),
                "effectiveAt": _iso(fact.time_ms),
                "effectiveAtHeight": _height(fact.time_ms),
                "marketId": 0,
            }
            yield _data("v4_markets", None, {"oraclePrices": {TICKER: oracle}})
            changed = {"nextFundingRate": text(fact.funding_rate)}
            yield _data("v4_markets", None, {"trading": {TICKER: changed}})
        elif isinstance(fact, OpenInterest):
            changed = {"id": "0", "openInterest": text(fact.size)}
            yield _data("v4_markets", None, {"trading": {TICKER: changed}})

    def empties(self) -> Sequence[tuple[str, str]]:
        messages = [
            _data("v4_trades", TICKER, {"trades": []}),
            _data("v4_markets", None, {"trading": {}}),
            _data("v4_markets", None, {}),
        ]
        return [(one.channel, msgspec.json.encode(one.body).decode()) for one in messages]

    # HTTP -------------------------------------------------------------------------------------

    def answer(self, path: str, query: dict[str, str], body: Json) -> Json:
        del body
        now_ms = max((fact.time_ms for fact in self.history), default=0)
        match path.removeprefix("/v4/"):
            case "time":
                return {"iso": _iso(now_ms), "epoch": now_ms / 1000}
            case "perpetualMarkets":
                return {"markets": {TICKER: self._market()}}
            case "trades/perpetualMarket/BTC-USD":
                return {"trades": self._page(query)}
            case "candles/perpetualMarkets/BTC-USD":
                return {"candles": self._candles(query)}
            case "historicalFunding/BTC-USD":
                before_ms = _millis(query.get("effectiveBeforeOrAt"), 2**62)
                paid = [fact for fact in self._facts(Settlement) if fact.time_ms <= before_ms]
                newest = sorted(paid, key=lambda fact: -fact.time_ms)
                return {"historicalFunding": [_paid(f) for f in newest[: int(query["limit"])]]}
        if path.startswith("/v4/addresses/"):
            return {"subaccounts": self._subaccounts(path.rpartition("/")[2])}
        return None

    def _page(self, query: dict[str, str]) -> Json:
        before_ms = _millis(query.get("createdBeforeOrAt"), 2**62)
        height = int(query.get("createdBeforeOrAtHeight", 2**62))
        found = [
            fact
            for fact in self._matches()
            if fact.time_ms <= before_ms and int(_height(fact.time_ms)) <= height
        ]
        return [_match(fact) for fact in found[: int(query["limit"])]]

    def _candles(self, query: dict[str, str]) -> Json:
        first_ms, last_ms = _millis(query.get("fromISO"), 0), _millis(query.get("toISO"), 2**62)
        interval_ms = {name: ms for ms, name in _RESOLUTIONS.items()}[query["resolution"]]
        bars = [
            bar
            for bar in self._facts(Bar)
            if bar.price_type == "last" and bar.interval_ms == interval_ms
        ]
        found = [bar for bar in with_forming(bars) if first_ms <= bar.start_ms < last_ms]
        return [self._candle(bar) for bar in found[::-1][: int(query["limit"])]]

    def _subaccounts(self, address: str) -> Json:
        held = [fact for fact in self._facts(Position) if fact.account == address]
        if not held:
            return []
        fact = held[-1]
        size = fact.size if fact.side == "long" else -fact.size
        position = {
            "market": TICKER,
            "status": "OPEN",
            "side": fact.side.upper(),
            "size": text(size),
            "entryPrice": text(fact.entry_price),
            "unrealizedPnl": text(fact.unrealized_pnl_usd),
        }
        return [
            {
                "address": address,
                "subaccountNumber": 0,
                "equity": text(fact.account_value_usd),
                "freeCollateral": "0",
                "openPerpetualPositions": {TICKER: position},
            }
        ]

    def _market(self) -> Json:
        interest, marks = self._facts(OpenInterest), self._facts(Mark)
        return {
            "clobPairId": "0",
            "ticker": TICKER,
            "status": "ACTIVE",
            "oraclePrice": text(marks[-1].mark_price) if marks else "50000",
            "nextFundingRate": text(marks[-1].funding_rate) if marks else "0",
            "initialMarginFraction": "0.02",
            "maintenanceMarginFraction": text(MAINTENANCE),
            "openInterest": text(interest[-1].size) if interest else "0",
            "tickSize": "1",
            "stepSize": "0.0001",
            "marketType": "CROSS",
        }

    def _candle(self, bar: Bar) -> Json:
        before = [fact for fact in self._facts(OpenInterest) if fact.time_ms <= bar.start_ms]
        return {
            "startedAt": _iso(bar.start_ms),
            "ticker": TICKER,
            "resolution": _RESOLUTIONS[bar.interval_ms],
            "low": text(bar.low),
            "high": text(bar.high),
            "open": text(bar.open),
            "close": text(bar.close),
            "baseTokenVolume": text(bar.volume),
            "usdVolume": text(bar.turnover),
            "trades": bar.trade_count,
            "startingOpenInterest": text(before[-1].size) if before else "0",
        }

    def _matches(self) -> list[Trade | Liquidation]:
        """Return matches, the newest first."""
        found = [fact for fact in self.history if isinstance(fact, Trade | Liquidation)]
        return sorted(found, key=lambda fact: -fact.time_ms)

    def _facts(self, of: type[_F]) -> list[_F]:
        return [fact for fact in self.history if isinstance(fact, of)]


def _match(fact: Trade | Liquidation) -> Json:
    if isinstance(fact, Trade):
        sort, name, side = "LIMIT", trade_id(fact.number), fact.taker_side.upper()
    else:
        # Whoever is liquidated out of a long sells.
        sort, name = "LIQUIDATED", liquidation_id(fact)
        side = "SELL" if fact.side == "long" else "BUY"
    return {
        "id": name,
        "side": side,
        "size": text(fact.size),
        "price": text(fact.price),
        "type": sort,
        "createdAt": _iso(fact.time_ms),
        "createdAtHeight": _height(fact.time_ms),
    }


def _paid(fact: Settlement) -> Json:
    return {
        "ticker": TICKER,
        "rate": text(fact.funding_rate),
        "price": "50000",
        "effectiveAtHeight": _height(fact.time_ms),
        "effectiveAt": _iso(fact.time_ms),
    }


def _data(channel: str, market: str | None, contents: Json) -> Message:
    body = {"type": "channel_data", "connection_id": "c", "message_id": 7, "channel": channel}
    body |= {"version": "2.1.0", "contents": contents}
    if market is None:
        return Message(channel, body)
    return Message(f"{channel} {market}", body | {"id": market})


def _height(time_ms: int) -> str:
    # A block holds what happened within a millisecond.
    return str(time_ms - _FIRST_HEIGHT_MS)


def _iso(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _millis(text_: str | None, otherwise: int) -> int:
    if text_ is None:
        return otherwise
    return round(datetime.fromisoformat(text_).timestamp() * 1000)

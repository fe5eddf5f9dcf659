"""What each venue's rows must be, computed from the facts alone.

In:  facts.   Out: rows by table, as values of the columns that a fact decides.
Free of the connectors: this is what they are compared with.

The contract, by venue: Binance prints fills and is a sample; Bybit prints bankruptcy prices and is
complete; Hyperliquid prints no liquidations and shows accounts instead. All volumes and sizes are
base coins, open interest is one-sided, a bar belongs to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from tests.venues.fakes import bybit, dydx
from tests.venues.fakes.facts import (
    MINUTE_MS,
    Bar,
    Fact,
    Kind,
    Liquidation,
    Mark,
    OpenInterest,
    Position,
    Settlement,
    Trade,
)

Row: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Terms:
    """How one venue says things."""

    symbols: dict[Kind, str]
    usd_per_contract: float
    trade_id: Callable[[int], str]
    price_kind: str | None
    completeness: str
    has_taker_volume: bool
    has_trade_count: bool
    # None where bars have it over HTTP and not on the stream.
    has_quote_volume: bool | None
    has_reference_bars: bool = True
    repairs_trades: bool = True
    repairs_liquidations: bool = False
    prints_books: bool = True
    # Whether the estimate of a minute is what held when it began.
    estimates_at_minute_start: bool = False
    # Where a liquidation is told as a trade.
    liquidation_trade_id: Callable[[Liquidation], str] | None = None
    polled: tuple[str, ...] = ()

    @property
    def prints_liquidations(self) -> bool:
        """Whether it has a feed of them for everybody."""
        return self.price_kind is not None


TERMS: Final[dict[str, Terms]] = {
    "binance": Terms(
        {"linear": "BTC/USDT:USDT", "inverse": "BTC/USD:BTC"},
        100.0,
        str,
        "fill",
        "sampled lower bound",
        has_taker_volume=True,
        has_trade_count=True,
        has_quote_volume=True,
        polled=("markPriceKlines", "indexPriceKlines", "openInterest"),
    ),
    "bitget": Terms(
        {"linear": "BTC/USDT:USDT"},
        0.0,
        str,
        "bankruptcy",
        "sampled lower bound",
        has_taker_volume=False,
        has_trade_count=False,
        has_quote_volume=True,
        polled=("market/candles",),
    ),
    "bybit": Terms(
        {"linear": "BTC/USDT:USDT", "inverse": "BTC/USD:BTC"},
        1.0,
        bybit.trade_id,
        "bankruptcy",
        "complete",
        has_taker_volume=False,
        has_trade_count=False,
        has_quote_volume=True,
        estimates_at_minute_start=True,
        polled=("mark-price-kline", "index-price-kline"),
    ),
    "gate": Terms(
        {"linear": "BTC/USDT:USDT"},
        0.0,
        str,
        "order",
        "complete",
        has_taker_volume=False,
        has_trade_count=False,
        has_quote_volume=None,
        polled=("candlesticks/mark_BTC_USDT", "candlesticks/index_BTC_USDT", "tickers"),
    ),
    "dydx": Terms(
        {"linear": "BTC/USDC:USDC"},
        0.0,
        dydx.trade_id,
        "fill",
        "complete",
        has_taker_volume=False,
        has_trade_count=True,
        has_quote_volume=True,
        has_reference_bars=False,
        repairs_liquidations=True,
        prints_books=False,
        estimates_at_minute_start=True,
        liquidation_trade_id=dydx.liquidation_id,
    ),
    "hyperliquid": Terms(
        {"linear": "BTC/USDC:USDC"},
        0.0,
        str,
        None,
        "none",
        has_taker_volume=False,
        has_trade_count=True,
        has_quote_volume=False,
        has_reference_bars=False,
        repairs_trades=False,
    ),
    "kucoin": Terms(
        {"linear": "BTC/USDT:USDT"},
        0.0,
        str,
        None,
        "none",
        has_taker_volume=False,
        has_trade_count=False,
        has_quote_volume=False,
        has_reference_bars=False,
        repairs_trades=False,
        polled=("contracts/XBTUSDTM",),
    ),
    "mexc": Terms(
        {"linear": "BTC/USDT:USDT"},
        0.0,
        str,
        None,
        "none",
        has_taker_volume=False,
        has_trade_count=False,
        has_quote_volume=True,
        repairs_trades=False,
        polled=("kline/fair_price/BTC_USDT", "kline/index_price/BTC_USDT"),
    ),
    "okx": Terms(
        {"linear": "BTC/USDT:USDT", "inverse": "BTC/USD:BTC"},
        100.0,
        str,
        "bankruptcy",
        "sampled lower bound",
        has_taker_volume=False,
        has_trade_count=False,
        has_quote_volume=True,
        polled=("mark-price-candles", "index-candles"),
    ),
}


def trades(venue: str, facts: Iterable[Fact]) -> list[Row]:
    """Return a row of each trade; where liquidations are told as trades, of those too."""
    terms = TERMS[venue]
    found: list[Row] = []
    for fact in facts:
        if isinstance(fact, Trade):
            name, taker_side = terms.trade_id(fact.number), fact.taker_side
        elif isinstance(fact, Liquidation) and terms.liquidation_trade_id is not None:
            name = terms.liquidation_trade_id(fact)
            taker_side = "sell" if fact.side == "long" else "buy"
        else:
            continue
        found.append(
            {
                "symbol": terms.symbols[fact.kind],
                "event_time": fact.time_ms,
                "available_time": fact.time_ms,
                "trade_id": name,
                "price": fact.price,
                "amount": _coins(terms, fact.kind, fact.size, fact.price),
                "taker_side": taker_side,
            }
        )
    return found


def liquidations(venue: str, facts: Iterable[Fact]) -> list[Row]:
    """Return a row of each liquidation; none where the venue prints none."""
    terms = TERMS[venue]
    if terms.price_kind is None:
        return []
    rows = []
    for fact in facts:
        if isinstance(fact, Liquidation):
            amount = _coins(terms, fact.kind, fact.size, fact.price)
            rows.append(
                {
                    "symbol": terms.symbols[fact.kind],
                    "event_time": fact.time_ms,
                    "available_time": fact.time_ms,
                    "side": fact.side,
                    "price": fact.price,
                    "price_kind": terms.price_kind,
                    "amount": amount,
                    "notional_usd": amount * fact.price,
                    "completeness": terms.completeness,
                }
            )
    return rows


def klines(venue: str, facts: Iterable[Fact]) -> list[Row]:
    """Return a row of each closed bar of the last price."""
    terms = TERMS[venue]
    rows: list[Row] = []
    for fact in facts:
        if not isinstance(fact, Bar) or fact.price_type != "last":
            continue
        inverse = fact.kind == "inverse"
        usd = fact.volume * terms.usd_per_contract if inverse else fact.turnover
        taken = fact.taker_buy_turnover if inverse else fact.taker_buy_volume
        rows.append(
            {
                "symbol": terms.symbols[fact.kind],
                "event_time": fact.end_ms,
                "available_time": fact.end_ms,
                "price_type": "last",
                "interval_ms": fact.interval_ms,
                "open": fact.open,
                "high": fact.high,
                "low": fact.low,
                "close": fact.close,
                "volume": fact.turnover if inverse else fact.volume,
                "taker_buy_volume": taken if terms.has_taker_volume else None,
                "trade_count": fact.trade_count if terms.has_trade_count else None,
            }
        )
        if terms.has_quote_volume is not None:
            rows[-1]["quote_volume"] = usd if terms.has_quote_volume else None
    return rows


def predicted_funding(venue: str, facts: Iterable[Fact]) -> list[Row]:
    """Return a row per minute: at Bybit and dYdX what held when it began, else its first one."""
    terms = TERMS[venue]
    rows: list[Row] = []
    latest: dict[Kind, Mark] = {}
    for fact in facts:
        if not isinstance(fact, Mark):
            continue
        before, minute = latest.get(fact.kind), fact.time_ms // MINUTE_MS
        latest[fact.kind] = fact
        if before is not None and before.time_ms // MINUTE_MS == minute:
            continue
        if not terms.estimates_at_minute_start:
            rows.append(_estimate(terms, fact, fact.time_ms))
        elif before is not None:
            rows.append(_estimate(terms, before, minute * MINUTE_MS))
    return rows


def _estimate(terms: Terms, fact: Mark, time_ms: int) -> Row:
    return {
        "symbol": terms.symbols[fact.kind],
        "event_time": time_ms,
        "kind": "predicted",
        "funding_rate": fact.funding_rate,
    }


def settled_funding(venue: str, facts: Iterable[Fact]) -> list[Row]:
    """Return a row of each settlement."""
    terms = TERMS[venue]
    return [
        {
            "symbol": terms.symbols[fact.kind],
            "event_time": fact.time_ms,
            "available_time": fact.time_ms,
            "kind": "settled",
            "funding_rate": fact.funding_rate,
        }
        for fact in facts
        if isinstance(fact, Settlement)
    ]


def open_interest(venue: str, facts: Iterable[Fact]) -> list[Row]:
    """Return the one-sided sizes printed, in contracts' coins on a linear market."""
    terms = TERMS[venue]
    return [
        {"symbol": terms.symbols[fact.kind], "open_interest": fact.size}
        for fact in facts
        if isinstance(fact, OpenInterest) and fact.kind == "linear"
    ]


def positions(facts: Iterable[Fact]) -> list[Row]:
    """Return a row of each position shown."""
    return [
        {
            "symbol": "BTC/USDC:USDC",
            "event_time": fact.time_ms,
            "account": fact.account,
            "side": fact.side,
            "amount": fact.size,
            "entry_price": fact.entry_price,
            "notional_usd": fact.size * fact.mark_price,
            "leverage": float(fact.leverage),
            "margin_mode": fact.margin_mode,
            "unrealized_pnl_usd": fact.unrealized_pnl_usd,
            "account_value_usd": fact.account_value_usd,
            "liquidation_price": fact.liquidation_price,
        }
        for fact in facts
        if isinstance(fact, Position)
    ]


def _coins(terms: Terms, kind: Kind, size: float, price: float) -> float:
    return size if kind == "linear" else size * terms.usd_per_contract / price

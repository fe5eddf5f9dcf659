"""dYdX's answers and messages as rows: matches, liquidations, bars, funding, brackets, markets.

In:  bytes, or typed messages.   Out: rows of the declared tables; instruments; the time. [UTC ms]
Pure: no I/O, no clock, no global state.

Every function adds all rows of a reply or none, and only those whose event time lies in the span.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS
from forcedflow.venues.dydx import messages
from forcedflow.venues.dydx.messages import decode, millis
from forcedflow.venues.dydx.spec import (
    BAR_LENGTHS,
    COLLATERAL,
    FUNDING_HOURS,
    NO_CAP_USD,
    VENUE,
)
from forcedflow.venues.row_buffer import RowBuffer

_TIME: Final = msgspec.json.Decoder(messages.Time, strict=False)
_MARKETS: Final = msgspec.json.Decoder(messages.Markets, strict=False)
_MARKET: Final = msgspec.json.Decoder(messages.Market, strict=False)
_TRADES: Final = msgspec.json.Decoder(messages.Trades, strict=False)
_CANDLES: Final = msgspec.json.Decoder(messages.Candles, strict=False)
_CANDLE: Final = msgspec.json.Decoder(messages.Candle, strict=False)
_SETTLEMENTS: Final = msgspec.json.Decoder(messages.Settlements, strict=False)

_FOR_EVER: Final = 1 << 42


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reply or message is read for.

    Parameters
    ----------
    instrument : Instrument
    precedence : int
        Precedence of its rows.
    start_ms, end_ms : int
        Event times wanted, half-open. [UTC ms]
    closed_ms : int
        Bars that end later are still under way. [UTC ms]
    tables : frozenset of str
        Tables wanted.
    """

    instrument: Instrument
    precedence: int
    start_ms: int = 0
    end_ms: int = _FOR_EVER
    closed_ms: int = _FOR_EVER
    tables: frozenset[str] = frozenset({"trades", "liquidations", "klines", "open_interest"})

    def covers(self, event_ms: int) -> bool:
        """Return whether an event time is wanted."""
        return self.start_ms <= event_ms < self.end_ms


def parse_time(raw: bytes) -> int:
    """Return the venue's clock from a reply of ``/time``. [UTC ms]

    Raises
    ------
    FrameError
        If the reply is not what it should be.
    """
    return round(decode(_TIME, "time", raw).epoch_s * 1000)


def parse_markets(raw: bytes) -> dict[str, messages.Market]:
    """Return every market by ticker, from a reply of ``/perpetualMarkets``.

    Raises
    ------
    FrameError
        If the reply is not what it should be.
    """
    named = decode(_MARKETS, "perpetualMarkets", raw).markets
    return messages.by_ticker(_MARKET, "perpetualMarkets", named)


def parse_instruments(raw: bytes) -> tuple[Instrument, ...]:
    """Return the perpetuals that trade now. A contract is one coin, profit is in USDC.

    Markets of a pool of their own bear its address in their name and are left out.

    Raises
    ------
    FrameError
        If the reply is not what it should be.
    """
    listed: list[Instrument] = []
    for ticker, market in parse_markets(raw).items():
        base = ticker.removesuffix("-USD")
        if market.status != "ACTIVE" or not base.isalnum() or market.tick_size is None:
            continue
        instrument = Instrument(VENUE, base, COLLATERAL, COLLATERAL, market.tick_size, 1.0)
        if instrument.venue_symbol == ticker:
            listed.append(instrument)
    return tuple(listed)


def oldest_trade(raw: bytes) -> tuple[int, int] | None:
    """Return the time [UTC ms] and block of the oldest match of a page, None if it is empty.

    Raises
    ------
    FrameError
        If the page is not what it should be, or does not say its blocks.
    """
    trades = decode(_TRADES, "trades", raw).trades
    if not trades:
        return None
    oldest = trades[-1]
    if oldest.height is None or not oldest.height.isdecimal():
        raise FrameError(VENUE, "trades", "a match does not say its block", raw)
    return millis(oldest.at, "trades", raw), int(oldest.height)


def parse_trades(raw: bytes | msgspec.Raw, asked: Asked, name: str, rows: RowBuffer) -> None:
    """Add matches, and of those that are flagged so, liquidations.

    The taker of a flagged match is whose position was closed: sold means that it was long. Price
    and size are those of the fill, and the match's id tells it apart.

    Parameters
    ----------
    raw : bytes
        Reply of ``/trades/perpetualMarket/{ticker}``, or ``contents`` of channel ``v4_trades``.
    asked : Asked
    name : str
        Endpoint or channel, for the source of the rows.
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    symbol, tables = asked.instrument.symbol, asked.tables
    source = f"{VENUE}:{name}"
    found = [(one, millis(one.at, name, raw)) for one in decode(_TRADES, name, raw).trades]
    for trade, at_ms in found:
        if not asked.covers(at_ms):
            continue
        if "trades" in tables:
            rows.add(
                "trades",
                symbol,
                at_ms,
                at_ms,
                trade.id,
                trade.price,
                trade.size,
                "buy" if trade.side == "BUY" else "sell",
                source=source,
                precedence=asked.precedence,
            )
        if trade.is_liquidation and "liquidations" in tables:
            rows.add(
                "liquidations",
                symbol,
                at_ms,
                at_ms,
                "long" if trade.side == "SELL" else "short",
                trade.price,
                "fill",
                trade.size,
                trade.size * trade.price,
                trade.id,
                "complete",
                source=source,
                precedence=asked.precedence,
            )


def parse_candle(raw: msgspec.Raw) -> messages.Candle:
    """Return a bar as far as it has grown, from ``contents`` of channel ``v4_candles``.

    Raises
    ------
    FrameError
        If it is not what it should be, or of a length that is not known.
    """
    candle = decode(_CANDLE, "v4_candles", raw)
    if candle.resolution not in BAR_LENGTHS:
        raise FrameError(VENUE, "v4_candles", f"no bar is {candle.resolution!r} long", bytes(raw))
    millis(candle.started, "v4_candles", raw)
    return candle


def add_candle(candle: messages.Candle, asked: Asked, name: str, rows: RowBuffer) -> None:
    """Add a bar that is closed, and the open interest with which it began.

    The volume is in coins. Open interest is one-sided; we count on it once the bar is over.

    Raises
    ------
    FrameError
        If its start is no moment.
    """
    interval_ms = BAR_LENGTHS[candle.resolution]
    start = millis(candle.started, name, b"")
    end = start + interval_ms
    source = f"{VENUE}:{name}"
    if end > asked.closed_ms:
        return
    if "klines" in asked.tables and asked.covers(end):
        rows.add(
            "klines",
            asked.instrument.symbol,
            end,
            end,
            "last",
            interval_ms,
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume,
            candle.turnover,
            None,
            candle.trades,
            source=source,
            precedence=asked.precedence,
        )
    if "open_interest" in asked.tables and asked.covers(start):
        rows.add(
            "open_interest",
            asked.instrument.symbol,
            start,
            end,
            candle.open_interest,
            None,
            source=source,
            precedence=asked.precedence,
        )


def parse_candles(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add the closed bars of a reply, their open interest, or both, as the tables asked say.

    Parameters
    ----------
    raw : bytes
        Reply of ``/candles/perpetualMarkets/{ticker}``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    candles = decode(_CANDLES, "candles", raw).candles
    for candle in candles:
        millis(candle.started, "candles", raw)
        if candle.resolution not in BAR_LENGTHS:
            raise FrameError(VENUE, "candles", f"no bar is {candle.resolution!r} long", raw)
    for candle in candles:
        add_candle(candle, asked, "candles", rows)


def parse_funding(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add payments of funding, which are made every hour.

    Parameters
    ----------
    raw : bytes
        Reply of ``/historicalFunding/{ticker}``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    name = "historicalFunding"
    paid = decode(_SETTLEMENTS, name, raw).settlements
    found = [
        (one.rate, millis(one.at, name, raw))
        for one in paid
        if one.ticker == asked.instrument.venue_symbol
    ]
    for rate, at_ms in found:
        if asked.covers(at_ms):
            rows.add(
                "funding",
                asked.instrument.symbol,
                at_ms,
                at_ms,
                "settled",
                rate,
                FUNDING_HOURS,
                source=f"{VENUE}:{name}",
                precedence=asked.precedence,
            )


def check_bracket(market: messages.Market, raw: bytes) -> tuple[float, float]:
    """Return a market's initial and maintenance fraction. [1]

    Raises
    ------
    FrameError
        If one is missing, or the maintenance exceeds the initial.
    """
    initial, maintenance = market.initial, market.maintenance
    if initial is None or maintenance is None or not maintenance <= initial:
        problem = f"{market.ticker}: {maintenance} of {initial} is no margin"
        raise FrameError(VENUE, "perpetualMarkets", problem, raw)
    return initial, maintenance


def add_bracket(
    market: messages.Market, asked: Asked, read_ms: int, raw: bytes, rows: RowBuffer
) -> None:
    """Add the one bracket of a market, dated the day it was read.

    The initial fraction rises with a market's open interest; the maintenance fraction does not.

    Raises
    ------
    FrameError
        If the fractions are missing, or the maintenance exceeds the initial.
    """
    initial, maintenance = check_bracket(market, raw)
    day_ms = read_ms - read_ms % DAY_MS
    rows.add(
        "leverage_brackets",
        asked.instrument.symbol,
        day_ms,
        day_ms,
        1,
        0.0,
        NO_CAP_USD,
        1 / initial,
        maintenance,
        0.0,
        source=f"{VENUE}:perpetualMarkets",
        precedence=asked.precedence,
    )

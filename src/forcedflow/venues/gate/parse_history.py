"""Gate's history over HTTP: price bars, statistics, funding, trades.

In:  bodies of replies.
Out: rows of klines, open_interest, long_short_ratio, liquidation_totals, funding, trades.
Pure: no I/O, no clock, no global state.

Moments are the starts of what they name; rows bear its end. Every function adds all rows of a
reply or none, and only those whose event time was asked for and is over.
"""

from __future__ import annotations

from typing import Final

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.units import HOUR_MS, SECOND_MS
from forcedflow.venues.asked import Asked
from forcedflow.venues.gate.parse import (
    Count,
    Moment,
    Price,
    Rate,
    Seconds,
    SignedSize,
    Size,
    decode,
    moment_ms,
)
from forcedflow.venues.gate.spec import STATISTICS_MS, STATISTICS_SETTLE_MS, PriceType
from forcedflow.venues.row_buffer import RowBuffer

_LONGEST_FUNDING_MS: Final = 24 * HOUR_MS

_RATIOS: Final = {
    "lsr_account": "accounts",
    "top_lsr_account": "top_accounts",
    "top_lsr_size": "top_positions",
    "lsr_taker": "taker_volume",
}
"""Which of the statistics are ratios, and what they count."""


class _Bar(msgspec.Struct):
    start: Seconds = msgspec.field(name="t")
    open: Price = msgspec.field(name="o")
    high: Price = msgspec.field(name="h")
    low: Price = msgspec.field(name="l")
    close: Price = msgspec.field(name="c")
    # Bars of the mark and index price have neither.
    volume: Size | None = msgspec.field(name="v", default=None)
    turnover: Size | None = msgspec.field(name="sum", default=None)


class _Statistics(msgspec.Struct):
    start: Seconds = msgspec.field(name="time")
    open_interest: Size | None = None
    open_interest_usd: Size | None = None
    lsr_account: Size | None = None
    top_lsr_account: Size | None = None
    top_lsr_size: Size | None = None
    lsr_taker: Size | None = None
    long_liq_amount: Size | None = None
    long_liq_usd: Size | None = None
    short_liq_amount: Size | None = None
    short_liq_usd: Size | None = None


class _Settlement(msgspec.Struct):
    at: Moment = msgspec.field(name="t")
    rate: Rate = msgspec.field(name="r")


class _Trade(msgspec.Struct):
    id: Count
    # Above zero where the taker bought.
    size: SignedSize
    price: Price
    at: Moment = msgspec.field(name="create_time")
    # Seconds with decimals, whatever its name says.
    at_exactly: Moment | None = msgspec.field(name="create_time_ms", default=None)


_BARS: Final = msgspec.json.Decoder(list[_Bar], strict=False)
_STATISTICS: Final = msgspec.json.Decoder(list[_Statistics], strict=False)
_SETTLEMENTS: Final = msgspec.json.Decoder(list[_Settlement], strict=False)
_TRADES: Final = msgspec.json.Decoder(list[_Trade], strict=False)


def parse_bars(
    raw: bytes, asked: Asked, price_type: PriceType, interval_ms: int, rows: RowBuffer
) -> None:
    """Add bars that are closed. Of a poll, the last one told never counts as that.

    The venue's clock is not ours: what has ended by ours may still grow by its own. That the next
    bar is told says more.

    Parameters
    ----------
    raw : bytes
        Reply of ``/futures/usdt/candlesticks``; volume is in contracts, ``sum`` in USDT.
    asked : Asked
    price_type : {"last", "mark", "index"}
        Which price was asked for.
    interval_ms : int
        Length of the bars. [ms]
    rows : RowBuffer

    Raises
    ------
    FrameError
        If the reply is not what it should be.
    """
    instrument = asked.instrument
    bars = decode(_BARS, "candlesticks", raw)
    newest = max((bar.start for bar in bars), default=0) if asked.is_current else None
    for bar in bars:
        end = bar.start * SECOND_MS + interval_ms
        if not asked.covers(end) or bar.start == newest:
            continue
        volume, turnover = bar.volume, bar.turnover
        if price_type != "last" or volume is None:
            coins, turnover = None, None
        else:
            coins = volume * instrument.contract_size
        rows.add(
            "klines",
            instrument.symbol,
            end,
            end,
            price_type,
            interval_ms,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            coins,
            turnover,
            None,
            None,
            source=f"gate:candlesticks-{price_type}",
            precedence=asked.precedence,
        )


def parse_statistics(raw: bytes, asked: Asked, table: str, rows: RowBuffer) -> None:
    """Add what one table takes of the statistics of five minutes, once those are over.

    Parameters
    ----------
    raw : bytes
        Reply of ``/futures/usdt/contract_stats``: open interest in contracts and in USD, counted
        once (the venue calls it the size of all longs); what was liquidated, by side of the
        position.
    asked : Asked
    table : {"open_interest", "long_short_ratio", "liquidation_totals"}
    rows : RowBuffer

    Raises
    ------
    FrameError
        If the reply is not what it should be.
    """
    for told in decode(_STATISTICS, "contract_stats", raw):
        end = told.start * SECOND_MS + STATISTICS_MS
        if not asked.covers(end) or end + STATISTICS_SETTLE_MS > asked.now_ms:
            continue
        known = asked.known_ms(end, STATISTICS_MS)
        for columns in _columns(told, table, asked.instrument):
            rows.add(
                table,
                asked.instrument.symbol,
                end,
                known,
                *columns,
                source="gate:contract_stats",
                precedence=asked.precedence,
            )


def _columns(told: _Statistics, table: str, instrument: Instrument) -> list[tuple[object, ...]]:
    if table == "open_interest":
        if told.open_interest is None:
            return []
        coins = told.open_interest * instrument.contract_size
        return [(coins, told.open_interest_usd)]
    if table == "long_short_ratio":
        # Zero stands for a ratio that there is not: nobody on one of the sides, or not counted.
        return [
            (kind, STATISTICS_MS, ratio)
            for name, kind in _RATIOS.items()
            if (ratio := getattr(told, name))
        ]
    sides = (
        ("long", told.long_liq_usd, told.long_liq_amount),
        ("short", told.short_liq_usd, told.short_liq_amount),
    )
    return [
        (side, STATISTICS_MS, usd, coins, "unknown")
        for side, usd, coins in sides
        if usd is not None
    ]


def parse_funding(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add settled funding rates.

    The reply does not say how long an interval was: it is the time since the settlement before,
    where the reply holds that one too.

    Parameters
    ----------
    raw : bytes
        Reply of ``/futures/usdt/funding_rate``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    FrameError
        If the reply is not what it should be.
    """
    before: int | None = None
    settlements = decode(_SETTLEMENTS, "funding_rate", raw)
    for at, rate in sorted((moment_ms(one.at), one.rate) for one in settlements):
        length = None if before is None else at - before
        before = at
        if not asked.covers(at):
            continue
        known = length is not None and 0 < length <= _LONGEST_FUNDING_MS
        rows.add(
            "funding",
            asked.instrument.symbol,
            at,
            at,
            "settled",
            rate,
            length / HOUR_MS if known and length is not None else None,
            source="gate:funding_rate",
            precedence=asked.precedence,
        )


def parse_trades(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add trades, each with the side of its taker. Their ids are those of stream and archive.

    Parameters
    ----------
    raw : bytes
        Reply of ``/futures/usdt/trades``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    FrameError
        If the reply is not what it should be.
    """
    for trade in decode(_TRADES, "trades", raw):
        at = moment_ms(trade.at if trade.at_exactly is None else trade.at_exactly)
        # A size that was cut off to nothing has lost its sign: there is no side to tell.
        if not asked.covers(at) or not trade.size:
            continue
        rows.add(
            "trades",
            asked.instrument.symbol,
            at,
            at,
            str(trade.id),
            trade.price,
            abs(trade.size) * asked.instrument.contract_size,
            "buy" if trade.size > 0 else "sell",
            source="gate:trades",
            precedence=asked.precedence,
        )


def parse_trade_seconds(raw: bytes) -> tuple[int, ...]:
    """Return the second of each trade of a page.

    Raises
    ------
    FrameError
        If the reply is not what it should be.
    """
    return tuple(moment_ms(trade.at) // SECOND_MS for trade in decode(_TRADES, "trades", raw))

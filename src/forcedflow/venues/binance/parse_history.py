"""Replies of Binance about the past: bars, settlements, trades.

In:  bodies of HTTP replies.   Out: rows of klines, funding, trades.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from forcedflow.units import HOUR_MS, SECOND_MS
from forcedflow.venues.base import PRECEDENCE_REST
from forcedflow.venues.binance.bars import PriceType, add_bar, problem_of
from forcedflow.venues.binance.contract import Contract
from forcedflow.venues.binance.decoding import (
    Price,
    Quantity,
    Rate,
    Sequence,
    Time,
    decode,
    refuse,
    to_ms,
)
from forcedflow.venues.binance.rest import KLINE_ENDPOINTS
from forcedflow.venues.binance.spec import DEFAULT_FUNDING_HOURS, NAME
from forcedflow.venues.row_buffer import RowBuffer


class _Bar(msgspec.Struct, array_like=True):
    # [open time, open, high, low, close, volume, close time, quote volume, count,
    #  taker buy volume, taker buy quote volume, ignore]
    open_time: Time
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Quantity
    close_time: Time
    quote_volume: Quantity
    count: Annotated[int, Meta(ge=0, lt=2**62)]
    taker_buy: Quantity
    taker_buy_quote: Quantity


class _Settlement(msgspec.Struct):
    symbol: str
    time: Time = msgspec.field(name="fundingTime")
    rate: Rate = msgspec.field(name="fundingRate")


class _Trade(msgspec.Struct):
    trade_id: Sequence = msgspec.field(name="a")
    price: Price = msgspec.field(name="p")
    quantity: Quantity = msgspec.field(name="q")
    time: Time = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")


_BARS: Final = msgspec.json.Decoder(list[_Bar], strict=False)
_SETTLEMENTS: Final = msgspec.json.Decoder(list[_Settlement], strict=False)
_TRADES: Final = msgspec.json.Decoder(list[_Trade], strict=False)


def parse_klines(
    raw: bytes,
    rows: RowBuffer,
    contract: Contract,
    price_type: PriceType,
    interval_ms: int,
    until_ms: int,
) -> None:
    """Add the bars that had ended by ``until_ms``.

    Parameters
    ----------
    raw : bytes
        Body of ``klines``, ``markPriceKlines`` or ``indexPriceKlines``.
    rows : RowBuffer
    contract : Contract
    price_type : {"last", "mark", "index", "spot"}
    interval_ms : int
        Length that was asked for. [ms]
    until_ms : int
        The present when it was asked: later ends are bars under way. [UTC ms]

    Raises
    ------
    FrameError
        If it cannot be read, or a bar has another length or impossible prices.
    """
    closed = [
        bar for bar in _bars(raw, price_type, interval_ms) if _end(bar, interval_ms) <= until_ms
    ]
    _add_bars(closed, rows, contract, price_type, interval_ms, known_ms=0)


def parse_recent_klines(
    raw: bytes,
    rows: RowBuffer,
    contract: Contract,
    price_type: PriceType,
    interval_ms: int,
    *,
    after_ms: int,
    received_ms: int,
) -> int:
    """Add the bars that ended after ``after_ms`` and that a later bar has followed.

    A bar is closed once the venue has begun the next one, whatever a local clock says.

    Parameters
    ----------
    raw, rows, contract, price_type, interval_ms
        As in `parse_klines`.
    after_ms : int
        End of the last bar that was added before. [UTC ms]
    received_ms : int
        When the reply came, from which the bars count as known. [UTC ms]

    Returns
    -------
    int
        End of the last bar added, or ``after_ms``. [UTC ms]

    Raises
    ------
    FrameError
        As in `parse_klines`.
    """
    closed = _bars(raw, price_type, interval_ms)[:-1]
    fresh = [bar for bar in closed if _end(bar, interval_ms) > after_ms]
    _add_bars(fresh, rows, contract, price_type, interval_ms, known_ms=received_ms)
    return max((_end(bar, interval_ms) for bar in fresh), default=after_ms)


def parse_funding_rates(raw: bytes, rows: RowBuffer, contract: Contract, start_ms: int) -> None:
    """Add settlements from ``start_ms`` on; earlier ones only tell the first interval's length.

    The venue stamps a settlement some milliseconds late, never early: the whole second below is
    the settlement itself, as in the archive.

    Raises
    ------
    FrameError
        If it cannot be read or is of another contract.
    """
    what = "fundingRate"
    settlements = decode(_SETTLEMENTS, what, raw)
    settlements.sort(key=lambda settled: settled.time)
    if any(settled.symbol != contract.name for settled in settlements):
        refuse(what, f"is not of {contract.name}", raw)
    before_ms: int | None = None
    for settled in settlements:
        time_ms = settled.time - settled.time % SECOND_MS
        if time_ms >= start_ms:
            rows.add(
                "funding",
                contract.symbol,
                time_ms,
                time_ms,
                "settled",
                settled.rate,
                _interval_hours(before_ms, time_ms),
                source=f"{NAME}:{what}",
                precedence=PRECEDENCE_REST,
            )
        before_ms = time_ms


def parse_agg_trades(
    raw: bytes, rows: RowBuffer, contract: Contract, start_ms: int, end_ms: int
) -> None:
    """Add the aggregated trades of ``[start_ms, end_ms)``; a buyer that waited was sold to.

    Raises
    ------
    FrameError
        If it cannot be read.
    """
    for trade in decode(_TRADES, "aggTrades", raw):
        time_ms = to_ms(trade.time)
        if start_ms <= time_ms < end_ms:
            rows.add(
                "trades",
                contract.symbol,
                time_ms,
                time_ms,
                str(trade.trade_id),
                trade.price,
                contract.coins(trade.quantity, trade.price),
                "sell" if trade.buyer_is_maker else "buy",
                source=f"{NAME}:aggTrades",
                precedence=PRECEDENCE_REST,
            )


def last_trade(raw: bytes) -> tuple[int, int] | None:
    """Return id and time [UTC ms] of the last aggregated trade of a page, None of an empty one.

    Raises
    ------
    FrameError
        If it cannot be read.
    """
    trades = decode(_TRADES, "aggTrades", raw)
    return (trades[-1].trade_id, to_ms(trades[-1].time)) if trades else None


def _bars(raw: bytes, price_type: PriceType, interval_ms: int) -> list[_Bar]:
    what = KLINE_ENDPOINTS[price_type]
    bars = decode(_BARS, what, raw)
    for bar in bars:
        open_ms = to_ms(bar.open_time)
        # A halt of the venue cuts bars short; none is longer, and all begin on their grid.
        if open_ms % interval_ms or not 0 <= to_ms(bar.close_time) - open_ms < interval_ms:
            refuse(what, f"the bar of {open_ms} is not of {interval_ms} ms", raw)
        if problem := problem_of((bar.open, bar.high, bar.low, bar.close)):
            refuse(what, problem, raw)
    return bars


def _end(bar: _Bar, interval_ms: int) -> int:
    return to_ms(bar.open_time) + interval_ms


def _add_bars(
    bars: list[_Bar],
    rows: RowBuffer,
    contract: Contract,
    price_type: PriceType,
    interval_ms: int,
    known_ms: int,
) -> None:
    for bar in bars:
        add_bar(
            rows,
            contract,
            price_type,
            interval_ms,
            to_ms(bar.open_time),
            (bar.open, bar.high, bar.low, bar.close),
            (bar.volume, bar.quote_volume, bar.taker_buy, bar.taker_buy_quote, bar.count),
            known_ms=known_ms,
            source=f"{NAME}:{KLINE_ENDPOINTS[price_type]}",
            precedence=PRECEDENCE_REST,
        )


def _interval_hours(before_ms: int | None, time_ms: int) -> float | None:
    """Return the time since the settlement before, None where one seems to be missing between."""
    if before_ms is None:
        return None
    hours = (time_ms - before_ms) / HOUR_MS
    return hours if 0 < hours <= DEFAULT_FUNDING_HOURS else None

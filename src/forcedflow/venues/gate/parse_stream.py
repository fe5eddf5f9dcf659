"""What Gate's streams print: liquidations, trades, bars, funding estimates, changes of the book.

In:  the ``result`` of a message, and the instruments that are read.
Out: rows of liquidations, trades and funding; bars and steps of books for whoever keeps them.
Pure: no I/O, no clock, no global state.

References
----------
.. [1] Gate Futures WebSocket v4: `futures.public_liquidates`, `futures.trades`,
       `futures.candlesticks`, `futures.tickers`, `futures.obu`; as of 20 August 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.venues.base import PRECEDENCE_STREAM
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
from forcedflow.venues.gate.spec import COMPLETE_SINCE_MS
from forcedflow.venues.row_buffer import RowBuffer
from forcedflow.venues.sequenced_book import BookStep, Levels


class _Liquidation(msgspec.Struct, gc=False):
    contract: str
    # The order's: below zero it sells, and a long was liquidated.
    size: SignedSize
    order_price: Price = msgspec.field(name="price")
    # Milliseconds since August 2026, seconds before.
    at: Moment = msgspec.field(name="time")


class _Trade(msgspec.Struct, gc=False):
    contract: str
    id: Count
    # Above zero where the taker bought.
    size: SignedSize
    price: Price
    at: Moment = msgspec.field(name="create_time")
    at_exactly: Moment | None = msgspec.field(name="create_time_ms", default=None)


class StreamBar(msgspec.Struct, gc=False):
    """A bar of the last price as the stream tells it.

    Parameters
    ----------
    name : str
        Its length and contract, such as ``1m_BTC_USDT``.
    start : int
        [UTC s]
    open, high, low, close : float
        [quote per base]
    volume : float
        [contracts]
    is_closed : bool, optional
        Whether it is; None where the venue does not say.
    """

    name: str = msgspec.field(name="n")
    start: Seconds = msgspec.field(name="t")
    open: Price = msgspec.field(name="o")
    high: Price = msgspec.field(name="h")
    low: Price = msgspec.field(name="l")
    close: Price = msgspec.field(name="c")
    volume: Size = msgspec.field(name="v")
    is_closed: bool | None = msgspec.field(name="w", default=None)


class _Ticker(msgspec.Struct, gc=False):
    contract: str
    # The estimate of the settlement to come.
    funding_rate: Rate | None = None
    funding_interval_s: Size | None = msgspec.field(name="funding_interval", default=None)
    at: Moment | None = msgspec.field(name="t", default=None)


class StreamBook(msgspec.Struct, gc=False):
    """A message of a book: a change, or the whole of it.

    Parameters
    ----------
    stream : str
        Its name, such as ``ob.BTC_USDT.50``.
    first, last : int
        Numbers that it spans.
    at : float
        The matching engine's time. [UTC ms]
    is_whole : bool
        Whether it replaces what came before.
    bids, asks : tuple of (float, float)
        [quote per base, contracts]
    """

    stream: str = msgspec.field(name="s")
    last: Count = msgspec.field(name="u")
    at: Moment = msgspec.field(name="t")
    first: Count = msgspec.field(name="U", default=0)
    is_whole: bool = msgspec.field(name="full", default=False)
    bids: tuple[tuple[Price, Size], ...] = msgspec.field(name="b", default=())
    asks: tuple[tuple[Price, Size], ...] = msgspec.field(name="a", default=())


class _Level(msgspec.Struct, gc=False):
    price: Price = msgspec.field(name="p")
    size: Size = msgspec.field(name="s")


class _Snapshot(msgspec.Struct):
    id: Count
    bids: list[_Level]
    asks: list[_Level]


_LIQUIDATIONS: Final = msgspec.json.Decoder(list[_Liquidation] | _Liquidation, strict=False)
_TRADES: Final = msgspec.json.Decoder(list[_Trade], strict=False)
_BARS: Final = msgspec.json.Decoder(list[StreamBar] | StreamBar, strict=False)
_TICKERS: Final = msgspec.json.Decoder(list[_Ticker] | _Ticker, strict=False)
_BOOK: Final = msgspec.json.Decoder(StreamBook, strict=False)
_SNAPSHOT: Final = msgspec.json.Decoder(_Snapshot, strict=False)


def parse_liquidations(
    result: msgspec.Raw, listed: Mapping[str, Instrument], rows: RowBuffer
) -> None:
    """Add every liquidation of a message: one object, or since August 2026 a list of them.

    The size is that of the liquidation *order*, so its sign is the opposite of the position's; over
    HTTP (``liq_orders``) ``size`` is that of the position, and ``order_size`` this one. The price
    is the order's too, not what it was filled at. The feed is complete, so it may print twins:
    equal liquidations within one message are numbered from the second on, and a message that is
    delivered twice adds nothing.

    Parameters
    ----------
    result : msgspec.Raw
        Of channel ``futures.public_liquidates``.
    listed : mapping of str to Instrument
        By the venue's name; others are passed over.
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    told = decode(_LIQUIDATIONS, "public_liquidates", result)
    seen: dict[tuple[str, int, float, float], int] = {}
    for one in told if isinstance(told, list) else (told,):
        instrument = listed.get(one.contract)
        if instrument is None or not one.size:
            continue
        at = moment_ms(one.at)
        twin = (one.contract, at, one.size, one.order_price)
        seen[twin] = count = seen.get(twin, 0) + 1
        coins = abs(one.size) * instrument.contract_size
        rows.add(
            "liquidations",
            instrument.symbol,
            at,
            at,
            "long" if one.size < 0 else "short",
            one.order_price,
            "order",
            coins,
            coins * one.order_price,
            "" if count == 1 else str(count),
            "complete" if at >= COMPLETE_SINCE_MS else "sampled lower bound",
            source="gate:public_liquidates",
            precedence=PRECEDENCE_STREAM,
        )


def parse_trades(result: msgspec.Raw, listed: Mapping[str, Instrument], rows: RowBuffer) -> None:
    """Add public trades, each with the side of its taker.

    Parameters
    ----------
    result : msgspec.Raw
        Of channel ``futures.trades``.
    listed : mapping of str to Instrument
        By the venue's name; others are passed over.
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    for trade in decode(_TRADES, "trades", result):
        instrument = listed.get(trade.contract)
        # A size that was cut off to nothing has lost its sign: there is no side to tell.
        if instrument is None or not trade.size:
            continue
        at = moment_ms(trade.at if trade.at_exactly is None else trade.at_exactly)
        rows.add(
            "trades",
            instrument.symbol,
            at,
            at,
            str(trade.id),
            trade.price,
            abs(trade.size) * instrument.contract_size,
            "buy" if trade.size > 0 else "sell",
            source="gate:trades",
            precedence=PRECEDENCE_STREAM,
        )


def parse_bars(result: msgspec.Raw) -> list[StreamBar]:
    """Return the bars of a message of ``futures.candlesticks``, as they stand.

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    told = decode(_BARS, "candlesticks", result)
    return told if isinstance(told, list) else [told]


def add_bar(
    bar: StreamBar, start_ms: int, instrument: Instrument, interval_ms: int, rows: RowBuffer
) -> None:
    """Add a bar that is closed. The stream does not tell its turnover.

    Parameters
    ----------
    bar : StreamBar
    start_ms : int
        [UTC ms]
    instrument : Instrument
    interval_ms : int
        Its length. [ms]
    rows : RowBuffer
    """
    end = start_ms + interval_ms
    rows.add(
        "klines",
        instrument.symbol,
        end,
        end,
        "last",
        interval_ms,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.volume * instrument.contract_size,
        None,
        None,
        None,
        source="gate:candlesticks",
        precedence=PRECEDENCE_STREAM,
    )


def parse_estimates(
    result: msgspec.Raw, told_ms: int
) -> list[tuple[str, int, float, float | None]]:
    """Return contract, time [UTC ms], funding rate and interval [h] of each ticker that has one.

    Parameters
    ----------
    result : msgspec.Raw
        Of channel ``futures.tickers``: a list, or before 2023 one object.
    told_ms : int
        Time of the message, for a ticker without one. [UTC ms]

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    told = decode(_TICKERS, "tickers", result)
    return [
        (
            one.contract,
            told_ms if one.at is None else moment_ms(one.at),
            one.funding_rate,
            one.funding_interval_s / 3600 if one.funding_interval_s else None,
        )
        for one in (told if isinstance(told, list) else [told])
        if one.funding_rate is not None
    ]


def parse_book(result: msgspec.Raw) -> StreamBook:
    """Return a message of ``futures.obu``.

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    return decode(_BOOK, "obu", result)


def book_step(book: StreamBook, instrument: Instrument) -> BookStep:
    """Return what a message does to the book, in base coins."""
    unit = instrument.contract_size
    return BookStep(book.first, book.last, _coins(book.bids, unit), _coins(book.asks, unit))


def parse_snapshot(raw: bytes, instrument: Instrument) -> BookStep:
    """Return the book of a reply of ``/futures/usdt/order_book?with_id=true``, in base coins.

    Raises
    ------
    FrameError
        If the reply is not what it should be.
    """
    snapshot = decode(_SNAPSHOT, "order_book", raw)
    bids, asks = (
        _coins(tuple((level.price, level.size) for level in side), instrument.contract_size)
        for side in (snapshot.bids, snapshot.asks)
    )
    return BookStep(snapshot.id, snapshot.id, bids, asks)


def _coins(levels: tuple[tuple[float, float], ...], unit: float) -> Levels:
    return tuple((price, size * unit) for price, size in levels)

"""What MEXC's streams print: trades, bars, tickers, changes of the book.

In:  the ``data`` of a message and the instrument it is of.
Out: rows of trades, klines, open_interest and funding; steps of books for whoever keeps them.
Pure: no I/O, no clock, no global state.

References
----------
.. [1] MEXC Futures API, websocket: ``push.deal``, ``push.kline``, ``push.ticker``, ``push.depth``,
       "Incremental Order Book Maintenance Mechanism".
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.mexc.parse import (
    Count,
    Millis,
    Price,
    Rate,
    Reply,
    Seconds,
    Size,
    decode,
    decode_reply,
)
from forcedflow.venues.row_buffer import RowBuffer
from forcedflow.venues.sequenced_book import BookStep, Levels


class Deal(msgspec.Struct, gc=False):
    """A trade.

    Parameters
    ----------
    price : float
        [quote per base]
    size : float
        [contracts]
    taker : {1, 2}
        Whether the taker bought or sold.
    at : int
        [UTC ms]
    id : str, optional
        Absent where several trades were merged into one.
    """

    price: Price = msgspec.field(name="p")
    size: Size = msgspec.field(name="v")
    taker: Literal[1, 2] = msgspec.field(name="T")
    at: Millis = msgspec.field(name="t")
    id: str | None = msgspec.field(name="i", default=None)


class StreamBar(msgspec.Struct, gc=False):
    """A bar of the last price as the stream tells it; that it is closed only the next one tells.

    Parameters
    ----------
    interval : str
        The venue's name of its length.
    start : int
        [UTC s]
    open, high, low, close : float
        [quote per base]
    volume : float
        [contracts]
    turnover : float
        [quote]
    """

    interval: str
    start: Seconds = msgspec.field(name="t")
    open: Price = msgspec.field(name="o")
    high: Price = msgspec.field(name="h")
    low: Price = msgspec.field(name="l")
    close: Price = msgspec.field(name="c")
    volume: Size = msgspec.field(name="q")
    turnover: Size = msgspec.field(name="a")


class Ticker(msgspec.Struct, gc=False):
    """What a ticker says of open interest and funding.

    Parameters
    ----------
    open_contracts : float
        [contracts]
    mark_price : float
        The venue's fair price. [quote per base]
    funding_rate : float
        The estimate of the settlement to come. [1]
    at : int
        When it last traded. [UTC ms]
    """

    open_contracts: Size = msgspec.field(name="holdVol")
    mark_price: Price = msgspec.field(name="fairPrice")
    funding_rate: Rate = msgspec.field(name="fundingRate")
    at: Millis = msgspec.field(name="timestamp")


class _Level(msgspec.Struct, array_like=True, gc=False):
    price: Price
    size: Size
    orders: Size = 0


class Depth(msgspec.Struct, gc=False):
    """A change of the book, or the whole of it.

    Parameters
    ----------
    version : int
        Where it ends.
    first : int, optional
        Where it begins, of several changes merged into one.
    at : int, optional
        The matching engine's time. [UTC ms]
    bids, asks : list
        Price, contracts, orders.
    """

    version: Count
    first: Count | None = msgspec.field(name="begin", default=None)
    at: Millis | None = msgspec.field(name="cts", default=None)
    bids: list[_Level] = msgspec.field(default_factory=list)
    asks: list[_Level] = msgspec.field(default_factory=list)


_DEALS: Final = msgspec.json.Decoder(list[Deal] | Deal, strict=False)
_BAR: Final = msgspec.json.Decoder(StreamBar)
_TICKER: Final = msgspec.json.Decoder(Ticker)
_DEPTH: Final = msgspec.json.Decoder(Depth)
_SNAPSHOT: Final = msgspec.json.Decoder(Reply[Depth])


def taker_side(deal: Deal) -> str:
    """Return ``buy`` or ``sell``."""
    return "buy" if deal.taker == 1 else "sell"


def parse_deals(data: msgspec.Raw, instrument: Instrument, rows: RowBuffer) -> None:
    """Add trades, each with the side of its taker.

    One without an id is called by what it is, and equal ones within a message are numbered from
    the second on, so that a message that comes twice adds nothing.

    Parameters
    ----------
    data : msgspec.Raw
        Of channel ``push.deal``: a list, or before 2025 one object.
    instrument : Instrument
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    told = decode(_DEALS, "push.deal", data)
    seen: dict[tuple[int, str], int] = {}
    for deal in told if isinstance(told, list) else (told,):
        side, name = taker_side(deal), deal.id
        if name is None:
            name = f"{side}-{deal.price!r}-{deal.size!r}"
            seen[deal.at, name] = count = seen.get((deal.at, name), 0) + 1
            if count > 1:
                name = f"{name}-{count}"
        rows.add(
            "trades",
            instrument.symbol,
            deal.at,
            deal.at,
            name,
            deal.price,
            deal.size * instrument.contract_size,
            side,
            source="mexc:deal",
            precedence=PRECEDENCE_STREAM,
        )


def parse_bar(data: msgspec.Raw) -> StreamBar:
    """Return the bar of a message of ``push.kline``, as it stands.

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    return decode(_BAR, "push.kline", data)


def add_bar(
    bar: StreamBar, start_ms: int, instrument: Instrument, interval_ms: int, rows: RowBuffer
) -> None:
    """Add a bar that is closed.

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
        bar.turnover,
        None,
        None,
        source="mexc:kline",
        precedence=PRECEDENCE_STREAM,
    )


def parse_ticker(data: msgspec.Raw) -> Ticker:
    """Return the ticker of a message of ``push.ticker``.

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    return decode(_TICKER, "push.ticker", data)


def parse_depth(data: msgspec.Raw) -> Depth:
    """Return the change of a message of ``push.depth``.

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    return decode(_DEPTH, "push.depth", data)


def parse_snapshot(raw: bytes) -> Depth:
    """Return the book of a reply of ``/contract/depth``.

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    return decode_reply(_SNAPSHOT, "depth", raw)


def book_step(depth: Depth, instrument: Instrument) -> BookStep:
    """Return what a message does to the book, in base coins."""
    first = depth.version if depth.first is None else depth.first
    unit = instrument.contract_size
    return BookStep(first, depth.version, _coins(depth.bids, unit), _coins(depth.asks, unit))


def _coins(levels: list[_Level], unit: float) -> Levels:
    return tuple((level.price, level.size * unit) for level in levels)

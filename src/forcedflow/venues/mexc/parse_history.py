"""MEXC's history over HTTP: price bars, funding, the last trades.

In:  bodies of replies.   Out: rows of klines, funding and trades.
Pure: no I/O, no clock, no global state.

Every function adds all rows of a reply or none, and only those whose event time was asked for and
is over.
"""

from __future__ import annotations

from typing import Final

import msgspec

from forcedflow.errors import FrameError, NotThereError
from forcedflow.units import HOUR_MS, SECOND_MS
from forcedflow.venues.asked import Asked
from forcedflow.venues.mexc.parse import (
    Count,
    Millis,
    Price,
    Rate,
    Reply,
    Seconds,
    Size,
    decode_reply,
)
from forcedflow.venues.mexc.parse_stream import Deal, taker_side
from forcedflow.venues.mexc.spec import VENUE, PriceType
from forcedflow.venues.row_buffer import RowBuffer

_LONGEST_FUNDING_MS: Final = 24 * HOUR_MS


class _Bars(msgspec.Struct):
    time: list[Seconds]
    open: list[Price]
    high: list[Price]
    low: list[Price]
    close: list[Price]
    # Of the fair and index price both are zero.
    vol: list[Size] = []
    amount: list[Size] = []


class _Settlement(msgspec.Struct):
    at: Millis = msgspec.field(name="settleTime")
    rate: Rate = msgspec.field(name="fundingRate")


class _Settlements(msgspec.Struct):
    settlements: list[_Settlement] = msgspec.field(name="resultList")
    pages: Count = msgspec.field(name="totalPage", default=1)


_BARS: Final = msgspec.json.Decoder(Reply[_Bars])
_SETTLEMENTS: Final = msgspec.json.Decoder(Reply[_Settlements])
_DEALS: Final = msgspec.json.Decoder(Reply[list[Deal]], strict=False)


def parse_bars(
    raw: bytes, asked: Asked, price_type: PriceType, interval_ms: int, rows: RowBuffer
) -> None:
    """Add bars that are closed. Of a poll, the last one told never counts as that.

    The venue's clock is not ours: what has ended by ours may still grow by its own. That the next
    bar is told says more.

    Parameters
    ----------
    raw : bytes
        Reply of ``/contract/kline``: a list for each column; ``vol`` is in contracts, ``amount`` in
        the quote coin.
    asked : Asked
    price_type : {"last", "mark", "index"}
        Which price was asked for.
    interval_ms : int
        Length of the bars. [ms]
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    bars = decode_reply(_BARS, "kline", raw)
    prices = (bars.open, bars.high, bars.low, bars.close)
    volumes: list[tuple[float | None, float | None]]
    if price_type == "last":
        if len(bars.vol) != len(bars.amount):
            raise FrameError(VENUE, "kline", "its lists are not of one length", raw)
        size = asked.instrument.contract_size
        volumes = [
            (contracts * size, quote)
            for contracts, quote in zip(bars.vol, bars.amount, strict=True)
        ]
    else:
        volumes = [(None, None)] * len(bars.time)
    if {len(column) for column in (*prices, volumes)} != {len(bars.time)}:
        raise FrameError(VENUE, "kline", "its lists are not of one length", raw)
    newest = max(bars.time, default=0) if asked.is_current else None
    for start, *columns, volume in zip(bars.time, *prices, volumes, strict=True):
        end = start * SECOND_MS + interval_ms
        if asked.covers(end) and start != newest:
            rows.add(
                "klines",
                asked.instrument.symbol,
                end,
                end,
                price_type,
                interval_ms,
                *columns,
                *volume,
                None,
                None,
                source=f"mexc:kline-{price_type}",
                precedence=asked.precedence,
            )


def parse_funding(pages: list[bytes], asked: Asked, rows: RowBuffer) -> None:
    """Add settled funding rates.

    A reply does not say how long an interval was: it is the time since the settlement before,
    where the pages hold that one too.

    Parameters
    ----------
    pages : list of bytes
        Replies of ``/contract/funding_rate/history``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If a reply is not what it should be.
    """
    told = {
        one.at: one.rate
        for page in pages
        for one in decode_reply(_SETTLEMENTS, "funding_rate/history", page).settlements
    }
    before: int | None = None
    for at, rate in sorted(told.items()):
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
            source="mexc:funding_rate",
            precedence=asked.precedence,
        )


def parse_funding_page(raw: bytes) -> tuple[int, int | None]:
    """Return how many pages there are, and when the oldest settlement of this one was. [UTC ms]

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    told = decode_reply(_SETTLEMENTS, "funding_rate/history", raw)
    return told.pages, min((one.at for one in told.settlements), default=None)


def parse_recent_trades(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add the last trades, if they reach back to the start of the span.

    Parameters
    ----------
    raw : bytes
        Reply of ``/contract/deals``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    NotThereError
        If they do not reach back, or bear no ids by which they could be told from the stream's.
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    deals = decode_reply(_DEALS, "deals", raw)
    symbol = asked.instrument.symbol
    if any(deal.id is None for deal in deals):
        raise NotThereError(VENUE, f"{symbol}: its last trades bear no ids")
    if min((deal.at for deal in deals), default=asked.end_ms) > asked.start_ms:
        raise NotThereError(VENUE, f"{symbol}: its last trades do not reach back so far")
    for deal in deals:
        if asked.covers(deal.at):
            rows.add(
                "trades",
                symbol,
                deal.at,
                deal.at,
                deal.id,
                deal.price,
                deal.size * asked.instrument.contract_size,
                taker_side(deal),
                source="mexc:deals",
                precedence=asked.precedence,
            )

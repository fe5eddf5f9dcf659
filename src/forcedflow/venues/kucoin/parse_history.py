"""KuCoin's history over HTTP: price bars, open interest, funding, the last trades.

In:  bodies of replies.   Out: rows of klines, open_interest, funding and trades.
Pure: no I/O, no clock, no global state.

Replies bear no time of the venue's, so what counts as closed is said by whoever asked. Every
function adds all rows of a reply or none, and only those whose event time lies in the span.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.units import HOUR_MS, SECOND_MS
from forcedflow.venues.kucoin.parse import (
    NANOS_PER_MS,
    Lots,
    Millis,
    Nanos,
    Price,
    Rate,
    Reply,
    Seconds,
    decode_reply,
)
from forcedflow.venues.kucoin.spec import STATISTICS_MS, VENUE, ReferencePrice
from forcedflow.venues.row_buffer import RowBuffer

_LONGEST_FUNDING_MS: Final = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reply is read for.

    Parameters
    ----------
    instrument : Instrument
    start_ms, end_ms : int
        Event times wanted, half-open. [UTC ms]
    closed_ms : int
        Bars that end later are still under way. [UTC ms]
    precedence : int
        Precedence of its rows.
    """

    instrument: Instrument
    start_ms: int
    end_ms: int
    closed_ms: int
    precedence: int

    def covers(self, event_ms: int) -> bool:
        """Return whether an event time is wanted."""
        return self.start_ms <= event_ms < self.end_ms


class _Bar(msgspec.Struct, array_like=True):
    # A row may have grown a turnover behind the volume.
    start: Millis
    open: Price
    high: Price
    low: Price
    close: Price
    lots: Lots


class _ReferenceBar(msgspec.Struct, array_like=True):
    # Behind them stand a volume and a turnover that mean nothing.
    start_s: Seconds
    open: Price
    close: Price
    high: Price
    low: Price


class _ReferenceBars(msgspec.Struct):
    bars: list[_ReferenceBar] = msgspec.field(name="list")


class _Interest(msgspec.Struct):
    symbol: str
    lots: Lots = msgspec.field(name="openInterest")
    at: Millis = msgspec.field(name="ts")


class _Settlement(msgspec.Struct):
    symbol: str
    rate: Rate = msgspec.field(name="fundingRate")
    at: Millis = msgspec.field(name="timepoint")


class _Trade(msgspec.Struct):
    id: str = msgspec.field(name="tradeId")
    at: Nanos = msgspec.field(name="ts")
    lots: Lots = msgspec.field(name="size")
    price: Price
    # The side of the taker.
    side: Literal["buy", "sell"]


_BARS: Final = msgspec.json.Decoder(Reply[list[_Bar]], strict=False)
_REFERENCE_BARS: Final = msgspec.json.Decoder(Reply[_ReferenceBars], strict=False)
_INTERESTS: Final = msgspec.json.Decoder(Reply[list[_Interest]], strict=False)
_SETTLEMENTS: Final = msgspec.json.Decoder(Reply[list[_Settlement]], strict=False)
_TRADES: Final = msgspec.json.Decoder(Reply[list[_Trade]], strict=False)


def parse_klines(raw: bytes, asked: Asked, interval_ms: int, rows: RowBuffer) -> None:
    """Add closed bars of the last price. Their volume is in contracts, their turnover not told.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v1/kline/query``: start, open, high, low, close, contracts.
    asked : Asked
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
    for bar in decode_reply(_BARS, "kline/query", raw):
        prices = (bar.open, bar.high, bar.low, bar.close)
        coins = bar.lots * asked.instrument.contract_size
        end = bar.start + interval_ms
        _add_bar(end, prices, asked, "last", interval_ms, coins, "kline/query", rows)


def parse_reference_klines(
    raw: bytes, asked: Asked, price_type: ReferencePrice, interval_ms: int, rows: RowBuffer
) -> None:
    """Add closed bars of the mark or index price. They have no volume.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/ua/v1/market/kline``: start in seconds, open, close, high, low.
    asked : Asked
    price_type : {"mark", "index"}
        Which of the two.
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
    what = f"{price_type}-price-kline"
    for bar in decode_reply(_REFERENCE_BARS, what, raw).bars:
        prices = (bar.open, bar.high, bar.low, bar.close)
        end = bar.start_s * SECOND_MS + interval_ms
        _add_bar(end, prices, asked, price_type, interval_ms, None, what, rows)


def parse_open_interest(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add open interest, which the venue counts one-sided and in contracts.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/ua/v1/market/open-interest``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    instrument = asked.instrument
    for interest in decode_reply(_INTERESTS, "open-interest", raw):
        if interest.symbol == instrument.venue_symbol and asked.covers(interest.at):
            rows.add(
                "open_interest",
                instrument.symbol,
                interest.at,
                interest.at + STATISTICS_MS,
                interest.lots * instrument.contract_size,
                None,
                source=f"{VENUE}:open-interest",
                precedence=asked.precedence,
            )


def parse_funding(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add settled funding rates.

    The reply does not say how long an interval was: it is the time since the settlement before,
    where the reply holds that one too.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v1/contract/funding-rates``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    own = [
        one
        for one in decode_reply(_SETTLEMENTS, "funding-rates", raw)
        if one.symbol == asked.instrument.venue_symbol
    ]
    before: int | None = None
    for settlement in sorted(own, key=lambda one: one.at):
        length = None if before is None else settlement.at - before
        before = settlement.at
        if not asked.covers(settlement.at):
            continue
        known = length is not None and 0 < length <= _LONGEST_FUNDING_MS
        rows.add(
            "funding",
            asked.instrument.symbol,
            settlement.at,
            settlement.at,
            "settled",
            settlement.rate,
            length / HOUR_MS if known and length is not None else None,
            source=f"{VENUE}:funding-rates",
            precedence=asked.precedence,
        )


def parse_recent_trades(raw: bytes, asked: Asked, rows: RowBuffer) -> int | None:
    """Add the last trades, and return when the first of them was. [UTC ms]

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v1/trade/history``; ``side`` is the taker's, sizes are contracts.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    trades = decode_reply(_TRADES, "trade/history", raw)
    for trade in trades:
        at_ms = trade.at // NANOS_PER_MS
        if asked.covers(at_ms):
            rows.add(
                "trades",
                asked.instrument.symbol,
                at_ms,
                at_ms,
                trade.id,
                trade.price,
                trade.lots * asked.instrument.contract_size,
                trade.side,
                source=f"{VENUE}:trade/history",
                precedence=asked.precedence,
            )
    return min((trade.at // NANOS_PER_MS for trade in trades), default=None)


def _add_bar(
    end: int,
    prices: tuple[float, float, float, float],
    asked: Asked,
    price_type: str,
    interval_ms: int,
    coins: float | None,
    what: str,
    rows: RowBuffer,
) -> None:
    if end > asked.closed_ms or not asked.covers(end):
        return
    rows.add(
        "klines",
        asked.instrument.symbol,
        end,
        end,
        price_type,
        interval_ms,
        *prices,
        coins,
        None,
        None,
        None,
        source=f"{VENUE}:{what}",
        precedence=asked.precedence,
    )

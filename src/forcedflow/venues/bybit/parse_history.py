"""Bybit's history over HTTP: price bars, open interest, funding, account ratios, recent trades.

In:  bodies of replies.   Out: rows of klines, open_interest, funding, long_short_ratio, trades.
Pure: no I/O, no clock but the venue's own in its reply, no global state.

Lists come newest first. Every function adds all rows of a reply or none, and only those whose
event time lies in the span asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.units import HOUR_MS
from forcedflow.venues.bybit.parse import (
    Millis,
    Price,
    Rate,
    Reply,
    Size,
    bar_volume,
    coins_and_usd,
    decode_reply,
)
from forcedflow.venues.bybit.spec import REFERENCE_ENDPOINTS, STATISTICS_MS, ReferencePrice
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
    precedence : int
        Precedence of its rows.
    received_ms : int
        When the reply came, where that is when its values became known: of a poll. Zero for
        history, which was known before we asked. [UTC ms]
    """

    instrument: Instrument
    start_ms: int
    end_ms: int
    precedence: int
    received_ms: int = 0

    def covers(self, event_ms: int) -> bool:
        """Return whether an event time is wanted."""
        return self.start_ms <= event_ms < self.end_ms


class _Bars(msgspec.Struct):
    bars: list[tuple[Millis, Price, Price, Price, Price, Size, Size]] = msgspec.field(name="list")


class _ReferenceBars(msgspec.Struct):
    bars: list[tuple[Millis, Price, Price, Price, Price]] = msgspec.field(name="list")


class _Interest(msgspec.Struct):
    at: Millis = msgspec.field(name="timestamp")
    both_sides: Size = msgspec.field(name="openInterest")
    one_side: Size | None = msgspec.field(name="singleOpenInterest", default=None)


class _InterestList(msgspec.Struct):
    interests: list[_Interest] = msgspec.field(name="list")


class _Settlement(msgspec.Struct):
    at: Millis = msgspec.field(name="fundingRateTimestamp")
    rate: Rate = msgspec.field(name="fundingRate")


class _SettlementList(msgspec.Struct):
    settlements: list[_Settlement] = msgspec.field(name="list")


class _Ratio(msgspec.Struct):
    at: Millis = msgspec.field(name="timestamp")
    long_share: Size = msgspec.field(name="buyRatio")
    short_share: Size = msgspec.field(name="sellRatio")


class _RatioList(msgspec.Struct):
    ratios: list[_Ratio] = msgspec.field(name="list")


class _Trade(msgspec.Struct):
    id: str = msgspec.field(name="execId")
    price: Price
    size: Size
    side: Literal["Buy", "Sell"]
    at: Millis = msgspec.field(name="time")


class _TradeList(msgspec.Struct):
    trades: list[_Trade] = msgspec.field(name="list")


_BARS: Final = msgspec.json.Decoder(Reply[_Bars], strict=False)
_REFERENCE_BARS: Final = msgspec.json.Decoder(Reply[_ReferenceBars], strict=False)
_INTERESTS: Final = msgspec.json.Decoder(Reply[_InterestList], strict=False)
_SETTLEMENTS: Final = msgspec.json.Decoder(Reply[_SettlementList], strict=False)
_RATIOS: Final = msgspec.json.Decoder(Reply[_RatioList], strict=False)
_TRADES: Final = msgspec.json.Decoder(Reply[_TradeList], strict=False)


def parse_klines(raw: bytes, asked: Asked, interval_ms: int, rows: RowBuffer) -> None:
    """Add bars of the last price (of a spot pair: ``spot``), closed by the venue's clock.

    Parameters
    ----------
    raw : bytes
        Reply of ``/v5/market/kline``: start, open, high, low, close, volume, turnover.
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
    reply = decode_reply(_BARS, "kline", raw)
    price_type = "spot" if asked.instrument.kind == "spot" else "last"
    for start, first, high, low, close, volume, turnover in reply.result.bars:
        end = start + interval_ms
        if end > reply.time or not asked.covers(end):
            continue
        rows.add(
            "klines",
            asked.instrument.symbol,
            end,
            end,
            price_type,
            interval_ms,
            first,
            high,
            low,
            close,
            *bar_volume(asked.instrument, volume, turnover),
            None,
            None,
            source="bybit:kline",
            precedence=asked.precedence,
        )


def parse_reference_klines(
    raw: bytes, asked: Asked, price_type: ReferencePrice, interval_ms: int, rows: RowBuffer
) -> None:
    """Add bars of the mark or index price, closed by the venue's clock. They have no volume.

    Parameters
    ----------
    raw : bytes
        Reply of ``/v5/market/mark-price-kline`` or ``index-price-kline``.
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
    endpoint = REFERENCE_ENDPOINTS[price_type]
    reply = decode_reply(_REFERENCE_BARS, endpoint, raw)
    for start, *prices in reply.result.bars:
        end = start + interval_ms
        if end > reply.time or not asked.covers(end):
            continue
        rows.add(
            "klines",
            asked.instrument.symbol,
            end,
            end,
            price_type,
            interval_ms,
            *prices,
            None,
            None,
            None,
            None,
            source=f"bybit:{endpoint}",
            precedence=asked.precedence,
        )


def parse_mark_opens(raw: bytes) -> dict[int, float]:
    """Return the first mark price of each bar by its start: the mark at that moment.

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    reply = decode_reply(_REFERENCE_BARS, "mark-price-kline", raw)
    return {start: first for start, first, *_ in reply.result.bars}


def parse_open_interest(
    raw: bytes, asked: Asked, marks: Mapping[int, float], rows: RowBuffer
) -> None:
    """Add open interest, one-sided.

    ``openInterest`` is the sum of both sides; ``singleOpenInterest`` (since June 2026) is one of
    them, and where it is absent we halve the sum. Of an inverse contract both are in dollars, and
    the coins follow from the mark price of that moment; where that is not known they stay null.

    Parameters
    ----------
    raw : bytes
        Reply of ``/v5/market/open-interest``.
    asked : Asked
    marks : mapping of int to float
        Mark price by moment, for an inverse contract.
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    instrument = asked.instrument
    for interest in decode_reply(_INTERESTS, "open-interest", raw).result.interests:
        if not asked.covers(interest.at):
            continue
        size = interest.both_sides / 2 if interest.one_side is None else interest.one_side
        mark = marks.get(interest.at)
        coins: float | None
        usd: float | None
        if mark is not None:
            coins, usd = coins_and_usd(instrument, size, mark)
        elif instrument.kind == "inverse":
            coins, usd = None, size * instrument.contract_size
        else:
            coins, usd = size * instrument.contract_size, None
        rows.add(
            "open_interest",
            instrument.symbol,
            interest.at,
            interest.at + STATISTICS_MS,
            coins,
            usd,
            source="bybit:open-interest",
            precedence=asked.precedence,
        )


def parse_funding(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add settled funding rates.

    The reply does not say how long an interval was: it is the time since the settlement before,
    where the reply holds that one too.

    Parameters
    ----------
    raw : bytes
        Reply of ``/v5/market/funding/history``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    reply = decode_reply(_SETTLEMENTS, "funding/history", raw)
    before: int | None = None
    for settlement in sorted(reply.result.settlements, key=lambda one: one.at):
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
            source="bybit:funding/history",
            precedence=asked.precedence,
        )


def parse_account_ratio(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add the ratio of accounts that are long to accounts that are short.

    Without a single short account there is no ratio, and no row.

    Parameters
    ----------
    raw : bytes
        Reply of ``/v5/market/account-ratio`` with ``period=5min``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    for ratio in decode_reply(_RATIOS, "account-ratio", raw).result.ratios:
        # A share is published with four digits or fewer; below that it stands for none.
        if ratio.short_share < 1e-9 or not asked.covers(ratio.at):
            continue
        known_ms = max(ratio.at, asked.received_ms or ratio.at + STATISTICS_MS)
        rows.add(
            "long_short_ratio",
            asked.instrument.symbol,
            ratio.at,
            known_ms,
            "accounts",
            STATISTICS_MS,
            ratio.long_share / ratio.short_share,
            source="bybit:account-ratio",
            precedence=asked.precedence,
        )


def parse_recent_trades(raw: bytes, asked: Asked, rows: RowBuffer) -> int | None:
    """Add the last trades, and return when the first of them was. [UTC ms]

    Their ids are those of the stream and of the archive.

    Parameters
    ----------
    raw : bytes
        Reply of ``/v5/market/recent-trade``; ``side`` is the taker's.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    trades = decode_reply(_TRADES, "recent-trade", raw).result.trades
    for trade in trades:
        if not asked.covers(trade.at):
            continue
        coins, _ = coins_and_usd(asked.instrument, trade.size, trade.price)
        rows.add(
            "trades",
            asked.instrument.symbol,
            trade.at,
            trade.at,
            trade.id,
            trade.price,
            coins,
            "buy" if trade.side == "Buy" else "sell",
            source="bybit:recent-trade",
            precedence=asked.precedence,
        )
    return min((trade.at for trade in trades), default=None)

"""Bitget's history over HTTP: price bars, funding, account ratios, trades.

In:  bodies of replies.   Out: rows of klines, funding, long_short_ratio, trades.
Pure: no I/O, no clock but the venue's own in its reply, no global state.

Every function adds all rows of a reply or none, and only those whose event time lies in the span
asked for.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from forcedflow.errors import FrameError
from forcedflow.units import HOUR_MS
from forcedflow.venues.asked import Asked
from forcedflow.venues.bitget.parse import Millis, Price, Rate, Reply, Size, decode_reply
from forcedflow.venues.bitget.spec import STATISTICS_MS, VENUE, BarPrice
from forcedflow.venues.row_buffer import RowBuffer

_LONGEST_FUNDING_MS: Final = 24 * HOUR_MS
# Start, four prices, volume in coins and in quote; a spot pair repeats the last.
_BAR_COLUMNS: Final = 7

_Bar = tuple[Millis, Price, Price, Price, Price, Size, Size]


class _Settlement(msgspec.Struct):
    at: Millis = msgspec.field(name="fundingTime")
    rate: Rate = msgspec.field(name="fundingRate")


class _Ratio(msgspec.Struct):
    at: Millis = msgspec.field(name="ts")
    long_share: Size = msgspec.field(name="longAccountRatio")
    short_share: Size = msgspec.field(name="shortAccountRatio")


class _Trade(msgspec.Struct):
    id: str = msgspec.field(name="tradeId")
    price: Price
    size: Size
    side: Literal["buy", "sell", "Buy", "Sell"]
    at: Millis = msgspec.field(name="ts")


_BARS: Final = msgspec.json.Decoder(Reply[list[list[str]]])
_SETTLEMENTS: Final = msgspec.json.Decoder(Reply[list[_Settlement]], strict=False)
_RATIOS: Final = msgspec.json.Decoder(Reply[list[_Ratio]], strict=False)
_TRADES: Final = msgspec.json.Decoder(Reply[list[_Trade]], strict=False)


def parse_klines(
    raw: bytes, asked: Asked, price: BarPrice, interval_ms: int, rows: RowBuffer
) -> None:
    """Add bars, closed by the venue's clock. Those of mark and index have no volume.

    Parameters
    ----------
    raw : bytes
        Reply of ``candles``, ``history-candles`` or their like of mark and index.
    asked : Asked
    price : {"last", "mark", "index"}
        Which price; of a spot pair ``last`` is called ``spot``.
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
    reply = decode_reply(_BARS, "candles", raw)
    try:
        bars = [
            msgspec.convert(columns[:_BAR_COLUMNS], _Bar, strict=False) for columns in reply.data
        ]
    except msgspec.ValidationError as error:
        raise FrameError(VENUE, "candles", str(error), raw) from error
    is_spot = asked.instrument.kind == "spot"
    for start, first, high, low, close, volume, turnover in bars:
        end = start + interval_ms
        if end > reply.time or not asked.covers(end):
            continue
        volumes = (volume, turnover) if price == "last" else (None, None)
        rows.add(
            "klines",
            asked.instrument.symbol,
            end,
            end,
            "spot" if is_spot else price,
            interval_ms,
            first,
            high,
            low,
            close,
            *volumes,
            None,
            None,
            source="bitget:candles" if price == "last" else f"bitget:{price}-candles",
            precedence=asked.precedence,
        )


def parse_funding(raw: bytes, asked: Asked, rows: RowBuffer) -> int | None:
    """Add settled funding rates, and return when the oldest of the page was. [UTC ms]

    How long an interval was is the time since the settlement before, where the page holds that.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v2/mix/market/history-fund-rate``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    before: int | None = None
    settlements = decode_reply(_SETTLEMENTS, "history-fund-rate", raw).data
    for settlement in sorted(settlements, key=lambda one: one.at):
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
            source="bitget:history-fund-rate",
            precedence=asked.precedence,
        )
    return min((settlement.at for settlement in settlements), default=None)


def parse_account_ratio(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add the ratio of accounts that are long to accounts that are short.

    It is taken from the two shares: the ratio that stands beside them is of another unit. Without
    a single short account there is none, and no row.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v2/mix/market/account-long-short`` with ``period=5m``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    for ratio in decode_reply(_RATIOS, "account-long-short", raw).data:
        # A share is published with four digits or fewer; below that it stands for none.
        if ratio.short_share < 1e-9 or not asked.covers(ratio.at):
            continue
        rows.add(
            "long_short_ratio",
            asked.instrument.symbol,
            ratio.at,
            asked.known_ms(ratio.at, STATISTICS_MS),
            "accounts",
            STATISTICS_MS,
            ratio.long_share / ratio.short_share,
            source="bitget:account-long-short",
            precedence=asked.precedence,
        )


def parse_trades(raw: bytes, asked: Asked, rows: RowBuffer) -> tuple[int, str] | None:
    """Add trades, and return when the oldest of the page was [UTC ms] and its id.

    Parameters
    ----------
    raw : bytes
        Reply of ``fills-history``; ``side`` is the taker's.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    trades = decode_reply(_TRADES, "fills-history", raw).data
    for trade in trades:
        if asked.covers(trade.at):
            rows.add(
                "trades",
                asked.instrument.symbol,
                trade.at,
                trade.at,
                trade.id,
                trade.price,
                trade.size,
                trade.side.lower(),
                source="bitget:fills-history",
                precedence=asked.precedence,
            )
    if not trades:
        return None
    return min(trade.at for trade in trades), trades[-1].id

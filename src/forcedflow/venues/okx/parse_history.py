"""OKX's history over HTTP: price bars, open interest, funding, account ratios, trades.

In:  bodies of replies.   Out: rows of klines, open_interest, funding, long_short_ratio, trades.
Pure: no I/O, no clock, no global state.

Lists come newest first, and a bar says itself whether it is closed. Every function adds all rows of
a reply or none, and only those whose event time lies in the span asked for.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.units import HOUR_MS
from forcedflow.venues.okx.parse import (
    Asked,
    Millis,
    Price,
    Rate,
    Reply,
    Size,
    coins_and_usd,
    decode_reply,
)
from forcedflow.venues.okx.spec import REFERENCE_ENDPOINTS, STATISTICS_MS, ReferencePrice
from forcedflow.venues.row_buffer import RowBuffer

_LONGEST_FUNDING_MS: Final = 24 * HOUR_MS

Bar = tuple[Millis, Price, Price, Price, Price, Size, Size, Size, Literal["0", "1"]]
"""Start, open, high, low, close, volume, volume in coins, volume in quote, whether closed."""

ReferenceBar = tuple[Millis, Price, Price, Price, Price, Literal["0", "1"]]
"""Start, open, high, low, close, whether closed."""


class _Settlement(msgspec.Struct):
    at: Millis = msgspec.field(name="fundingTime")
    # What was paid; the other is what was expected of it. Either may be empty.
    paid: Rate | Literal[""] = msgspec.field(name="realizedRate", default="")
    expected: Rate | Literal[""] = msgspec.field(name="fundingRate", default="")


class _Trade(msgspec.Struct):
    id: str = msgspec.field(name="tradeId")
    price: Price = msgspec.field(name="px")
    size: Size = msgspec.field(name="sz")
    side: Literal["buy", "sell"]
    at: Millis = msgspec.field(name="ts")


_BARS: Final = msgspec.json.Decoder(Reply[list[Bar]], strict=False)
_REFERENCE_BARS: Final = msgspec.json.Decoder(Reply[list[ReferenceBar]], strict=False)
_INTERESTS: Final = msgspec.json.Decoder(Reply[list[tuple[Millis, Size, Size, Size]]], strict=False)
_SETTLEMENTS: Final = msgspec.json.Decoder(Reply[list[_Settlement]], strict=False)
_RATIOS: Final = msgspec.json.Decoder(Reply[list[tuple[Millis, Size]]], strict=False)
_TRADES: Final = msgspec.json.Decoder(Reply[list[_Trade]], strict=False)


def bar_volume(instrument: Instrument, bar: Bar) -> tuple[float, float]:
    """Return a bar's volume in base coins and in quote coins.

    The first volume of a swap is in contracts and its second in coins; of a spot pair the first is
    in coins and the second in quote.

    Examples
    --------
    >>> from forcedflow.instruments import parse_symbol
    >>> bar = (0, 24_324.1, 24_347.6, 24_321.7, 24_341.4, 2565.0, 10.5401, 256_500.0, "1")
    >>> bar_volume(parse_symbol("BTC-USD-SWAP", "okx"), bar)
    (10.5401, 256500.0)
    """
    return (bar[5], bar[7]) if instrument.kind == "spot" else (bar[6], bar[7])


def parse_klines(raw: bytes, asked: Asked, interval_ms: int, rows: RowBuffer) -> None:
    """Add closed bars of the last price (of a spot pair: ``spot``).

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v5/market/candles`` or ``history-candles``.
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
    for bar in decode_reply(_BARS, "candles", raw):
        add_bar(bar, asked, interval_ms, rows)


def add_bar(bar: Bar, asked: Asked, interval_ms: int, rows: RowBuffer) -> None:
    """Add one bar of the last price, if it is closed and wanted."""
    end = bar[0] + interval_ms
    if bar[8] == "0" or not asked.covers(end):
        return
    rows.add(
        "klines",
        asked.instrument.symbol,
        end,
        end,
        "spot" if asked.instrument.kind == "spot" else "last",
        interval_ms,
        *bar[1:5],
        *bar_volume(asked.instrument, bar),
        None,
        None,
        source="okx:candles",
        precedence=asked.precedence,
    )


def parse_reference_klines(
    raw: bytes, asked: Asked, price_type: ReferencePrice, interval_ms: int, rows: RowBuffer
) -> None:
    """Add closed bars of the mark or index price. They have no volume.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v5/market/mark-price-candles`` or ``index-candles``, or of their history.
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
    for start, *prices, confirm in decode_reply(_REFERENCE_BARS, endpoint, raw):
        end = start + interval_ms
        if confirm == "0" or not asked.covers(end):
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
            source=f"okx:{endpoint}",
            precedence=asked.precedence,
        )


def parse_open_interest(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add open interest, one-sided, in the coins and dollars that stand beside contracts.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v5/rubik/stat/contracts/open-interest-history``: time, contracts, coins,
        dollars.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    for at, _, coins, usd in decode_reply(_INTERESTS, "open-interest-history", raw):
        if asked.covers(at):
            rows.add(
                "open_interest",
                asked.instrument.symbol,
                at,
                at + STATISTICS_MS,
                coins,
                usd,
                source="okx:open-interest-history",
                precedence=asked.precedence,
            )


def parse_funding(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add settled funding rates: what was paid, or what was expected where that is not told.

    How long an interval was is the time since the settlement before, where the reply holds that.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v5/public/funding-rate-history``.
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
    settlements = decode_reply(_SETTLEMENTS, "funding-rate-history", raw)
    for settlement in sorted(settlements, key=lambda one: one.at):
        length = None if before is None else settlement.at - before
        before = settlement.at
        rate = settlement.expected if settlement.paid == "" else settlement.paid
        if rate == "" or not asked.covers(settlement.at):
            continue
        known = length is not None and 0 < length <= _LONGEST_FUNDING_MS
        rows.add(
            "funding",
            asked.instrument.symbol,
            settlement.at,
            settlement.at,
            "settled",
            rate,
            length / HOUR_MS if known and length is not None else None,
            source="okx:funding-rate-history",
            precedence=asked.precedence,
        )


def parse_account_ratio(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add the ratio of accounts that are long to accounts that are short.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v5/rubik/stat/contracts/long-short-account-ratio-contract``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    name = "long-short-account-ratio-contract"
    for at, ratio in decode_reply(_RATIOS, name, raw):
        if not asked.covers(at):
            continue
        rows.add(
            "long_short_ratio",
            asked.instrument.symbol,
            at,
            max(at, asked.received_ms or at + STATISTICS_MS),
            "accounts",
            STATISTICS_MS,
            ratio,
            source=f"okx:{name}",
            precedence=asked.precedence,
        )


def parse_trades(raw: bytes, asked: Asked, rows: RowBuffer) -> tuple[int, str] | None:
    """Add trades, and return when the oldest of them was [UTC ms] and its id.

    Their ids are those of the stream of all trades and of the files.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v5/market/trades`` or ``history-trades``; ``side`` is the taker's.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    trades = decode_reply(_TRADES, "trades", raw)
    for trade in trades:
        if asked.covers(trade.at):
            rows.add(
                "trades",
                asked.instrument.symbol,
                trade.at,
                trade.at,
                trade.id,
                trade.price,
                coins_and_usd(asked.instrument, trade.size, trade.price)[0],
                trade.side,
                source="okx:trades",
                precedence=asked.precedence,
            )
    if not trades:
        return None
    return min(trade.at for trade in trades), trades[-1].id

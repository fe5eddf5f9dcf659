"""What Bybit's streams print: liquidations, trades and closed bars.

In:  the ``data`` of a message and the instrument of its topic.
Out: rows of liquidations, trades and klines; event times are the venue's. [UTC ms]
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.bybit.parse import Millis, Price, Size, bar_volume, coins_and_usd, decode
from forcedflow.venues.row_buffer import RowBuffer


class _Liquidation(msgspec.Struct, gc=False):
    at: Millis = msgspec.field(name="T")
    # The side of the position: "Buy" is a long that was liquidated.
    side: Literal["Buy", "Sell"] = msgspec.field(name="S")
    size: Size = msgspec.field(name="v")
    bankruptcy_price: Price = msgspec.field(name="p")


class _Trade(msgspec.Struct, gc=False):
    at: Millis = msgspec.field(name="T")
    # The side of the taker.
    side: Literal["Buy", "Sell"] = msgspec.field(name="S")
    size: Size = msgspec.field(name="v")
    price: Price = msgspec.field(name="p")
    id: str = msgspec.field(name="i")


class _Bar(msgspec.Struct, gc=False):
    start: Millis
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Size
    turnover: Size
    is_closed: bool = msgspec.field(name="confirm")


_LIQUIDATIONS: Final = msgspec.json.Decoder(list[_Liquidation], strict=False)
_TRADES: Final = msgspec.json.Decoder(list[_Trade], strict=False)
_BARS: Final = msgspec.json.Decoder(list[_Bar], strict=False)


def parse_liquidations(data: msgspec.Raw, instrument: Instrument, rows: RowBuffer) -> None:
    """Add every liquidation of a half-second batch; the batch may be empty.

    The feed is complete, so it may print twins: equal liquidations within one batch are numbered
    from the second on, and a batch that is delivered twice adds nothing.

    Parameters
    ----------
    data : msgspec.Raw
        Of topic ``allLiquidation.{symbol}``.
    instrument : Instrument
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.

    References
    ----------
    .. [1] Bybit v5, "All Liquidation": ``S`` is the position's side, "when you receive a Buy
           update, this means that a long position has been liquidated"; ``p`` is the bankruptcy
           price; pushes all liquidations, every 500 ms.
    """
    seen: dict[tuple[int, str, float, float], int] = {}
    for one in decode(_LIQUIDATIONS, "allLiquidation", data):
        price = one.bankruptcy_price
        twin = (one.at, one.side, price, one.size)
        seen[twin] = count = seen.get(twin, 0) + 1
        coins, usd = coins_and_usd(instrument, one.size, price)
        rows.add(
            "liquidations",
            instrument.symbol,
            one.at,
            one.at,
            "long" if one.side == "Buy" else "short",
            price,
            "bankruptcy",
            coins,
            usd,
            "" if count == 1 else str(count),
            "complete",
            source="bybit:allLiquidation",
            precedence=PRECEDENCE_STREAM,
        )


def parse_trades(data: msgspec.Raw, instrument: Instrument, rows: RowBuffer) -> None:
    """Add public trades, each with the side of its taker.

    Parameters
    ----------
    data : msgspec.Raw
        Of topic ``publicTrade.{symbol}``.
    instrument : Instrument
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    for trade in decode(_TRADES, "publicTrade", data):
        rows.add(
            "trades",
            instrument.symbol,
            trade.at,
            trade.at,
            trade.id,
            trade.price,
            coins_and_usd(instrument, trade.size, trade.price)[0],
            "buy" if trade.side == "Buy" else "sell",
            source="bybit:publicTrade",
            precedence=PRECEDENCE_STREAM,
        )


def parse_bars(
    data: msgspec.Raw, instrument: Instrument, interval_ms: int, rows: RowBuffer
) -> None:
    """Add the bars that are closed; one still open is left for a later message.

    Parameters
    ----------
    data : msgspec.Raw
        Of topic ``kline.{interval}.{symbol}``.
    instrument : Instrument
    interval_ms : int
        Length of the bars. [ms]
    rows : RowBuffer

    Raises
    ------
    FrameError
        If it is not what it should be.
    """
    for bar in decode(_BARS, "kline", data):
        if not bar.is_closed:
            continue
        end = bar.start + interval_ms
        rows.add(
            "klines",
            instrument.symbol,
            end,
            end,
            "spot" if instrument.kind == "spot" else "last",
            interval_ms,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            *bar_volume(instrument, bar.volume, bar.turnover),
            None,
            None,
            source="bybit:kline",
            precedence=PRECEDENCE_STREAM,
        )

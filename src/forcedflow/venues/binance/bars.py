"""Bars of Binance: one row, wherever the bar came from.

In:  an open time [UTC ms], prices, volumes in the venue's order.   Out: a row of ``klines``.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from forcedflow.venues.binance.contract import Contract
from forcedflow.venues.row_buffer import RowBuffer

PriceType: TypeAlias = Literal["last", "mark", "index", "spot"]

Volumes: TypeAlias = tuple[float, float, float, float, int]
"""Volume, quote volume, taker buy volume, taker buy quote volume, count, as the venue has them."""


def problem_of(prices: tuple[float, float, float, float]) -> str | None:
    """Return what is impossible about open, high, low and close, or None."""
    open_, high, low, close = prices
    if high < max(open_, close, low):
        return f"the high {high:g} is below another price of its bar"
    if low > min(open_, close):
        return f"the low {low:g} is above another price of its bar"
    return None


def add_bar(
    rows: RowBuffer,
    contract: Contract,
    price_type: PriceType,
    interval_ms: int,
    open_ms: int,
    prices: tuple[float, float, float, float],
    volumes: Volumes,
    *,
    known_ms: int = 0,
    source: str,
    precedence: int,
) -> None:
    """Add a closed bar, stamped with its end.

    COIN-M counts volume in contracts and carries the coins where other markets carry quote value.
    Nothing is traded at mark and index prices, so their volumes are null, not zero.

    Parameters
    ----------
    rows : RowBuffer
    contract : Contract
    price_type : {"last", "mark", "index", "spot"}
    interval_ms : int
        Length of the bar. [ms]
    open_ms : int
        Its start. [UTC ms]
    prices : tuple of float
        Open, high, low, close. [quote per base]
    volumes : tuple
        `Volumes`.
    known_ms : int
        When it came, where it was asked for rather than pushed. [UTC ms]
    source, precedence
        As in `RowBuffer.add`.
    """
    end_ms = open_ms + interval_ms
    traded: tuple[float | None, float | None, float | None, int | None]
    volume, quote_volume, taker_buy, taker_buy_quote, count = volumes
    if price_type in {"mark", "index"}:
        traded = (None, None, None, None)
    elif contract.usd_size is None:
        traded = (volume, quote_volume, taker_buy, count)
    else:
        traded = (quote_volume, volume * contract.usd_size, taker_buy_quote, count)
    rows.add(
        "klines",
        contract.symbol,
        end_ms,
        max(end_ms, known_ms),
        price_type,
        interval_ms,
        *prices,
        *traded,
        source=source,
        precedence=precedence,
    )

"""Replies of Binance about the present: open interest, mark price, funding intervals, the book.

In:  bodies of HTTP replies.   Out: rows, or the values that a reader keeps.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from forcedflow.venues.base import PRECEDENCE_REST
from forcedflow.venues.binance.contract import Contract
from forcedflow.venues.binance.decoding import (
    Level,
    Price,
    Quantity,
    Sequence,
    Time,
    decode,
    refuse,
    to_ms,
)
from forcedflow.venues.binance.spec import NAME
from forcedflow.venues.row_buffer import RowBuffer


class _Clock(msgspec.Struct):
    time: Time = msgspec.field(name="serverTime")


class _OpenInterest(msgspec.Struct):
    symbol: str
    quantity: Quantity = msgspec.field(name="openInterest")
    time: Time


class _Premium(msgspec.Struct):
    symbol: str
    mark_price: Price = msgspec.field(name="markPrice")
    funding_rate: str = msgspec.field(name="lastFundingRate")
    time: Time


class _Interval(msgspec.Struct):
    symbol: str
    hours: Annotated[float, Meta(gt=0, le=24)] = msgspec.field(name="fundingIntervalHours")


class _Depth(msgspec.Struct):
    last_update: Sequence = msgspec.field(name="lastUpdateId")
    bids: list[Level]
    asks: list[Level]
    time: Time | None = msgspec.field(default=None, name="T")


_CLOCK: Final = msgspec.json.Decoder(_Clock, strict=False)
_OPEN_INTEREST: Final = msgspec.json.Decoder(_OpenInterest, strict=False)
_PREMIUM: Final = msgspec.json.Decoder(_Premium | list[_Premium], strict=False)
_INTERVALS: Final = msgspec.json.Decoder(list[_Interval], strict=False)
_DEPTH: Final = msgspec.json.Decoder(_Depth, strict=False)


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """A whole book. [quote per base; quantities as the venue counts them]

    ``time_ms`` is when it last changed, where the venue says so. [UTC ms]
    """

    last_update: int
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]
    time_ms: int | None


def parse_time(raw: bytes) -> int:
    """Return the venue's clock. [UTC ms]

    Raises
    ------
    FrameError
        If it cannot be read.
    """
    return to_ms(decode(_CLOCK, "time", raw).time)


def parse_open_interest(
    raw: bytes, rows: RowBuffer, contract: Contract, mark_price: float | None, received_ms: int
) -> None:
    """Add the current open interest, one-sided.

    The reply holds coins (USD-M) or contracts (COIN-M) and no price: the other unit is null until
    a mark price is known.

    Parameters
    ----------
    raw : bytes
        Body of ``openInterest``.
    rows : RowBuffer
    contract : Contract
    mark_price : float, optional
        The last one known. [quote per base]
    received_ms : int
        When the reply came. [UTC ms]

    Raises
    ------
    FrameError
        If it cannot be read or is of another contract.
    """
    what = "openInterest"
    reading = decode(_OPEN_INTEREST, what, raw)
    if reading.symbol != contract.name:
        refuse(what, f"is not of {contract.name}", raw)
    coins: float | None
    usd: float | None
    if contract.usd_size is None:
        coins = reading.quantity
        usd = None if mark_price is None else coins * mark_price
    else:
        usd = reading.quantity * contract.usd_size
        coins = None if mark_price is None else usd / mark_price
    rows.add(
        "open_interest",
        contract.symbol,
        reading.time,
        max(reading.time, received_ms),
        coins,
        usd,
        source=f"{NAME}:{what}",
        precedence=PRECEDENCE_REST,
    )


def parse_premium_index(
    raw: bytes,
    rows: RowBuffer,
    contract: Contract,
    interval_hours: float | None,
    received_ms: int,
) -> float:
    """Add the predicted funding rate, and return the mark price. [quote per base]

    COIN-M answers with a list, USD-M with one object; ``lastFundingRate`` is the running estimate
    of the next settlement, not the last one.

    Raises
    ------
    FrameError
        If it cannot be read or does not hold the contract.
    """
    what = "premiumIndex"
    reply: _Premium | list[_Premium] = decode(_PREMIUM, what, raw)
    readings = reply if isinstance(reply, list) else [reply]
    own = next((reading for reading in readings if reading.symbol == contract.name), None)
    if own is None:
        refuse(what, f"does not hold {contract.name}", raw)
    rate = to_rate(own.funding_rate)
    if rate is None:
        refuse(what, "its funding rate is no rate", raw)
    rows.add(
        "funding",
        contract.symbol,
        own.time,
        max(own.time, received_ms),
        "predicted",
        rate,
        interval_hours,
        source=f"{NAME}:{what}",
        precedence=PRECEDENCE_REST,
    )
    return own.mark_price


def parse_funding_intervals(raw: bytes) -> dict[str, float]:
    """Return the funding interval of every contract whose interval was adjusted. [h]

    Raises
    ------
    FrameError
        If it cannot be read.
    """
    return {each.symbol: each.hours for each in decode(_INTERVALS, "fundingInfo", raw)}


def parse_depth(raw: bytes) -> BookSnapshot:
    """Return a book's snapshot.

    Raises
    ------
    FrameError
        If it cannot be read.
    """
    depth = decode(_DEPTH, "depth", raw)
    time_ms = None if depth.time is None else to_ms(depth.time)
    return BookSnapshot(depth.last_update, depth.bids, depth.asks, time_ms)


def to_rate(text: str) -> float | None:
    """Return a funding rate from its text, None where it is none.

    Examples
    --------
    >>> to_rate("-0.00012"), to_rate(""), to_rate("nan")
    (-0.00012, None, None)
    """
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if -100 < rate < 100 else None

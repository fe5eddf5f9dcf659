"""What every message of Bybit has in common: bounded numbers, the reply's envelope, sizes.

In:  bytes.   Out: typed values, or an error that quotes the message.
Pure: no I/O, no clock, no global state.

The venue writes numbers as text. They are decoded with bounds, so that a NaN, an infinity or a
price of zero is refused with its message and never reaches a table.
"""

from __future__ import annotations

from typing import Annotated, Final, Generic, TypeAlias, TypeVar

import msgspec

from forcedflow.errors import FrameError, RateLimitedError, VenueError
from forcedflow.instruments import Instrument
from forcedflow.venues.base import UNDECODABLE
from forcedflow.venues.bybit.spec import RATE_LIMIT, VENUE

T = TypeVar("T")

Millis: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 42)]
"""A moment before the year 2109. [UTC ms]"""

Price: TypeAlias = Annotated[float, msgspec.Meta(gt=1e-18, lt=1e18)]
"""A price. [quote per base]"""

Size: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e30)]
"""A size in whatever unit the contract is written in: base coins, or USD if inverse."""

Rate: TypeAlias = Annotated[float, msgspec.Meta(gt=-1e6, lt=1e6)]
"""A rate or ratio. [1]"""

# "10006: too many visits", "10018: exceeded the IP rate limit".
_TOO_FAST: Final = frozenset({10006, 10018})


class _Status(msgspec.Struct):
    code: int = msgspec.field(name="retCode")
    message: str = msgspec.field(name="retMsg", default="")


class Reply(msgspec.Struct, Generic[T]):
    """A reply over HTTP, its result typed.

    Parameters
    ----------
    result : T
        What was asked for.
    time : int
        The venue's clock when it replied. [UTC ms]
    """

    result: T
    time: Millis


_STATUS: Final = msgspec.json.Decoder(_Status, strict=False)


def decode(decoder: msgspec.json.Decoder[T], what: str, raw: bytes | msgspec.Raw) -> T:
    """Return the message as its decoder types it.

    Parameters
    ----------
    decoder : msgspec.json.Decoder
    what : str
        What the message is, for the error.
    raw : bytes
        The message.

    Raises
    ------
    FrameError
        If it is something else.
    """
    try:
        return decoder.decode(raw)
    except UNDECODABLE as error:
        raise FrameError(VENUE, what, str(error), bytes(raw)) from error


def decode_reply(decoder: msgspec.json.Decoder[Reply[T]], what: str, raw: bytes) -> Reply[T]:
    """Return a reply over HTTP, unless the venue says that it failed.

    Parameters
    ----------
    decoder : msgspec.json.Decoder
    what : str
        Endpoint, for the error.
    raw : bytes
        Body.

    Raises
    ------
    RateLimitedError
        If the venue found us too fast.
    VenueError
        If it refuses for another reason, in its own words.
    FrameError
        If the reply is not what it should be.
    """
    status = decode(_STATUS, what, raw)
    if status.code in _TOO_FAST:
        raise RateLimitedError(VENUE, f"{what}: {status.message}", RATE_LIMIT.window_s)
    if status.code:
        raise VenueError(VENUE, f"{what}: {status.message} (retCode {status.code})")
    return decode(decoder, what, raw)


def coins_and_usd(instrument: Instrument, size: float, price: float) -> tuple[float, float]:
    """Return a size in base coins and in USD (quote coins).

    An inverse contract is a fixed number of dollars, any other a fixed number of coins.

    Parameters
    ----------
    instrument : Instrument
    size : float
        Size as the venue writes it. [contracts]
    price : float
        [quote per base]

    Examples
    --------
    >>> from forcedflow.instruments import parse_symbol
    >>> coins_and_usd(parse_symbol("BTCUSDT", "bybit"), 0.5, 50_000)
    (0.5, 25000.0)
    >>> coins_and_usd(parse_symbol("BTCUSD", "bybit"), 25_000, 50_000)
    (0.5, 25000.0)
    """
    amount = size * instrument.contract_size
    if instrument.kind == "inverse":
        return amount / price, amount
    return amount, amount * price


def bar_volume(instrument: Instrument, volume: float, turnover: float) -> tuple[float, float]:
    """Return a bar's volume in base coins and in quote coins.

    An inverse contract's volume is written in dollars and its turnover in base coins, the other
    way round than elsewhere, so that both are exact without a price.

    Parameters
    ----------
    instrument : Instrument
    volume, turnover : float
        As the venue writes them.

    Examples
    --------
    >>> from forcedflow.instruments import parse_symbol
    >>> bar_volume(parse_symbol("BTCUSD", "bybit"), 268_611, 15.74)
    (15.74, 268611.0)
    """
    amount = volume * instrument.contract_size
    return (turnover, amount) if instrument.kind == "inverse" else (amount, turnover)

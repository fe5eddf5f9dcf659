"""What every message of OKX has in common: bounded numbers, the reply's envelope, sizes.

In:  bytes.   Out: typed values, or an error that quotes the message.
Pure: no I/O, no clock, no global state.

The venue writes numbers as text. They are decoded with bounds, so that a NaN, an infinity or a
price of zero is refused with its message and never reaches a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeAlias, TypeVar

import msgspec

from forcedflow.errors import FrameError, RateLimitedError, VenueError
from forcedflow.instruments import Instrument
from forcedflow.venues.base import UNDECODABLE
from forcedflow.venues.okx.spec import RATE_LIMIT, VENUE

T = TypeVar("T")

Millis: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 42)]
"""A moment before the year 2109. [UTC ms]"""

Price: TypeAlias = Annotated[float, msgspec.Meta(gt=1e-18, lt=1e18)]
"""A price. [quote per base]"""

Size: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e30)]
"""A size: contracts of a swap, base coins of a spot pair."""

Rate: TypeAlias = Annotated[float, msgspec.Meta(gt=-1e6, lt=1e6)]
"""A rate or ratio. [1]"""

# "50011: requests too frequent", "50061: order rate limit".
_TOO_FAST: Final = frozenset({"50011", "50061"})


class _Status(msgspec.Struct):
    code: str
    message: str = msgspec.field(name="msg", default="")


class Reply(msgspec.Struct, Generic[T]):
    """A reply over HTTP, its data typed.

    Parameters
    ----------
    data : T
        What was asked for.
    """

    data: T


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


_STATUS: Final = msgspec.json.Decoder(_Status)


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


def decode_reply(decoder: msgspec.json.Decoder[Reply[T]], what: str, raw: bytes | msgspec.Raw) -> T:
    """Return the data of a reply over HTTP, unless the venue says that it failed.

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
    if status.code != "0":
        raise VenueError(VENUE, f"{what}: {status.message} (code {status.code})")
    return decode(decoder, what, raw).data


def coins_and_usd(instrument: Instrument, size: float, price: float) -> tuple[float, float]:
    """Return a size in base coins and in USD (quote coins).

    An inverse contract is a fixed number of dollars, a linear one a fixed number of coins; a spot
    pair is traded in coins.

    Parameters
    ----------
    instrument : Instrument
    size : float
        Size as the venue writes it. [contracts]
    price : float
        [quote per base]

    Examples
    --------
    >>> from forcedflow.instruments import Instrument
    >>> coins_and_usd(Instrument("okx", "BTC", "USDT", "USDT", 0.1, 0.01), 50, 60_000)
    (0.5, 30000.0)
    >>> coins_and_usd(Instrument("okx", "BTC", "USD", "BTC", 0.1, 100.0), 300, 60_000)
    (0.5, 30000.0)
    """
    amount = size * instrument.contract_size
    if instrument.kind == "inverse":
        return amount / price, amount
    return amount, amount * price

"""What every message of Bitget has in common: bounded numbers and the reply's envelope.

In:  bytes.   Out: typed values, or an error that quotes the message.
Pure: no I/O, no clock, no global state.

The venue writes numbers as text, and a few as numbers. They are decoded with bounds, so that a NaN,
an infinity or a price of zero is refused with its message and never reaches a table. Sizes are base
coins.
"""

from __future__ import annotations

from typing import Annotated, Final, Generic, TypeAlias, TypeVar

import msgspec

from forcedflow.errors import FrameError, RateLimitedError, VenueError
from forcedflow.venues.base import UNDECODABLE
from forcedflow.venues.bitget.spec import VENUE

T = TypeVar("T")

Millis: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 42)]
"""A moment before the year 2109. [UTC ms]"""

Price: TypeAlias = Annotated[float, msgspec.Meta(gt=1e-18, lt=1e18)]
"""A price. [quote per base]"""

Size: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e30)]
"""A size in base coins, or a value in quote coins."""

Rate: TypeAlias = Annotated[float, msgspec.Meta(gt=-1e6, lt=1e6)]
"""A rate or ratio. [1]"""

_TOO_FAST: Final = "429"
# The venue does not say how long to wait; its limits are by the second.
_PAUSE_S: Final = 1.0


class _Status(msgspec.Struct):
    code: str
    message: str = msgspec.field(name="msg", default="")


class Reply(msgspec.Struct, Generic[T]):
    """A reply over HTTP, its data typed.

    Parameters
    ----------
    data : T
        What was asked for.
    time : int
        The venue's clock when it was asked. [UTC ms]
    """

    data: T
    time: Millis = msgspec.field(name="requestTime")


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
    if status.code == _TOO_FAST:
        raise RateLimitedError(VENUE, f"{what}: {status.message}", _PAUSE_S)
    if status.code != "00000":
        raise VenueError(VENUE, f"{what}: {status.message} (code {status.code})")
    return decode(decoder, what, raw)

"""What every message of MEXC has in common: bounded numbers and the reply's envelope.

In:  bytes.   Out: typed values, or an error that quotes the message.
Pure: no I/O, no clock, no global state.

Numbers are decoded with bounds, so that a price of zero or a size below it is refused with its
message and never reaches a table. Sizes are contracts.
"""

from __future__ import annotations

from typing import Annotated, Final, Generic, TypeAlias, TypeVar

import msgspec

from forcedflow.errors import FrameError, NotThereError, RateLimitedError, VenueError
from forcedflow.venues.base import UNDECODABLE
from forcedflow.venues.mexc.spec import RATE_LIMIT, VENUE

T = TypeVar("T")

Millis: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 42)]
"""A moment before the year 2109. [UTC ms]"""

Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
"""A moment before the year 2106. [UTC s]"""

Price: TypeAlias = Annotated[float, msgspec.Meta(gt=1e-18, lt=1e18)]
"""A price. [quote per base]"""

Size: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e30)]
"""A size. [contracts]"""

Rate: TypeAlias = Annotated[float, msgspec.Meta(gt=-1e6, lt=1e6)]
"""A rate or ratio. [1]"""

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
"""A number of a sequence, or a count."""

# "Requests are too frequent", "contract does not exist".
_TOO_FAST: Final = 510
_UNKNOWN: Final = 1001


class _Status(msgspec.Struct):
    success: bool
    code: int = 0
    message: str = ""


class Reply(msgspec.Struct, Generic[T]):
    """A reply over HTTP, its data typed.

    Parameters
    ----------
    data : T
        What was asked for.
    """

    data: T


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


def decode_reply(decoder: msgspec.json.Decoder[Reply[T]], what: str, raw: bytes) -> T:
    """Return the data of a reply over HTTP, unless the venue says that it failed.

    The venue refuses with status 200 and says so inside.

    Parameters
    ----------
    decoder : msgspec.json.Decoder
    what : str
        Endpoint, for the error.
    raw : bytes
        Body.

    Raises
    ------
    NotThereError
        If the venue knows no such contract.
    RateLimitedError
        If the venue found us too fast.
    VenueError
        If it refuses for another reason, in its own words.
    FrameError
        If the reply is not what it should be.
    """
    status = decode(_STATUS, what, raw)
    if status.code == _TOO_FAST:
        raise RateLimitedError(VENUE, f"{what}: {status.message}", RATE_LIMIT.window_s)
    if not status.success or status.code:
        problem = f"{what}: {status.message or 'refused'} (code {status.code})"
        raise (NotThereError if status.code == _UNKNOWN else VenueError)(VENUE, problem)
    return decode(decoder, what, raw).data

"""What every message of KuCoin has in common: bounded numbers, moments, the reply's envelope.

In:  bytes.   Out: typed values, or an error that quotes the message.
Pure: no I/O, no clock, no global state.

The venue writes numbers as text or as numbers, and moments in seconds, milliseconds or
nanoseconds, as each endpoint likes. All are decoded with bounds, so that a NaN, an infinity or a
price of zero is refused with its message and never reaches a table.
"""

from __future__ import annotations

from typing import Annotated, Final, Generic, TypeAlias, TypeVar

import msgspec

from forcedflow.errors import FrameError, NotThereError, RateLimitedError, VenueError
from forcedflow.venues.base import UNDECODABLE
from forcedflow.venues.kucoin.spec import RATE_LIMIT, VENUE

T = TypeVar("T")

Millis: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 42)]
"""A moment before the year 2109. [UTC ms]"""

Nanos: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=(1 << 42) * 1_000_000)]
"""A moment before the year 2109. [UTC ns]"""

Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
"""A moment before the year 2106. [UTC s]"""

Price: TypeAlias = Annotated[float, msgspec.Meta(gt=1e-18, lt=1e18)]
"""A price. [quote per base]"""

Lots: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e18)]
"""A number of contracts."""

Rate: TypeAlias = Annotated[float, msgspec.Meta(gt=-1e6, lt=1e6)]
"""A rate or ratio. [1]"""

NANOS_PER_MS: Final = 1_000_000

_SUCCESS: Final = "200000"
_TOO_FAST: Final = frozenset({"429000", "200002"})
_NOT_LISTED: Final = frozenset({"404000", "100001", "404"})


class _Status(msgspec.Struct):
    code: str
    message: str = msgspec.field(name="msg", default="")


class Reply(msgspec.Struct, Generic[T]):
    """A reply over HTTP, its data typed."""

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
    NotThereError
        If it does not know the contract.
    VenueError
        If it refuses for another reason, in its own words.
    FrameError
        If the reply is not what it should be.
    """
    status = decode(_STATUS, what, raw)
    if status.code in _TOO_FAST:
        raise RateLimitedError(VENUE, f"{what}: {status.message}", RATE_LIMIT.window_s)
    if status.code in _NOT_LISTED:
        raise NotThereError(VENUE, f"{what}: {status.message} (code {status.code})")
    if status.code != _SUCCESS:
        raise VenueError(VENUE, f"{what}: {status.message} (code {status.code})")
    return decode(decoder, what, raw).data

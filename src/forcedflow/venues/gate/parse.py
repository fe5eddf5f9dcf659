"""What every message of Gate has in common: bounded numbers, moments, sizes in contracts.

In:  bytes.   Out: typed values, or an error that quotes the message.
Pure: no I/O, no clock, no global state.

The venue writes prices as text, sizes as text or numbers, and moments in seconds, in seconds with
decimals, or in milliseconds, by the field and by the year. Numbers are decoded with bounds, so that
a NaN, an infinity or a price of zero is refused with its message and never reaches a table.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec

from forcedflow.errors import FrameError
from forcedflow.venues.base import UNDECODABLE
from forcedflow.venues.gate.spec import VENUE

T = TypeVar("T")

Price: TypeAlias = Annotated[float, msgspec.Meta(gt=1e-18, lt=1e18)]
"""A price. [quote per base]"""

Size: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e30)]
"""A size. [contracts]"""

SignedSize: TypeAlias = Annotated[float, msgspec.Meta(gt=-1e30, lt=1e30)]
"""A size whose sign says a side. [contracts]"""

Rate: TypeAlias = Annotated[float, msgspec.Meta(gt=-1e6, lt=1e6)]
"""A rate or ratio. [1]"""

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
"""A number of a sequence, or an id."""

Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
"""A moment before the year 2106. [UTC s]"""

Moment: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1 << 42)]
"""A moment in seconds or in milliseconds; `moment_ms` tells which."""

# Seconds until the year 5138, milliseconds since 1973.
_LEAST_MS: Final = 1e11


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


def moment_ms(moment: float) -> int:
    """Return a moment in milliseconds, whichever of the two units it was written in.

    The size of the number decides. Decimals of seconds are cut off as the venue's own streams cut
    them; what a float adds to or takes from a microsecond is less than half of one.

    Examples
    --------
    >>> moment_ms(1_541_486_601), moment_ms(1_541_486_601_123), moment_ms(1_739_814_676.707)
    (1541486601000, 1541486601123, 1739814676707)
    """
    return int(moment) if moment >= _LEAST_MS else int(moment * 1000 + 5e-4)

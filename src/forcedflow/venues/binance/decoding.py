"""Decoding: bytes to typed values, or an error that quotes them.

In:  a message or a body.   Out: values within the bounds that Binance's fields have.
Pure: no I/O, no clock, no global state.

Numbers come as text (``"0.10"``), so decoders are made with ``strict=False``. The bounds let no
infinity, no NaN and no impossible time through, whatever a damaged message holds.
"""

from __future__ import annotations

from typing import Annotated, NoReturn, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from forcedflow.errors import FrameError
from forcedflow.venues.base import UNDECODABLE
from forcedflow.venues.binance.spec import NAME

_T = TypeVar("_T")

# Wider than anything listed, and narrow enough that no product or quotient of two overflows. The
# venue writes an absent limit as the largest 64-bit integer.
_LARGEST = 1e19
_SMALLEST_PRICE, _LARGEST_PRICE = 1e-12, 1e12
# The year 2100: in microseconds, because spot may count those.
_LAST_US = 4_102_444_800_000_000
# What is larger than this are microseconds: as milliseconds it would be the year 5138.
_FIRST_US = 100_000_000_000_000

Price: TypeAlias = Annotated[float, Meta(ge=_SMALLEST_PRICE, lt=_LARGEST_PRICE)]
"""Above zero. [quote per base]"""

Quantity: TypeAlias = Annotated[float, Meta(ge=0, lt=_LARGEST)]
"""Zero or above. [base coins, or contracts of COIN-M]"""

Rate: TypeAlias = Annotated[float, Meta(gt=-100, lt=100)]
"""Either sign. [1]"""

Time: TypeAlias = Annotated[int, Meta(gt=0, lt=_LAST_US)]
"""Of a venue's event. [UTC ms, or µs on spot]"""

Sequence: TypeAlias = Annotated[int, Meta(ge=0, lt=2**62)]
"""Ids and update numbers."""

Level: TypeAlias = tuple[Price, Quantity]
"""Price and size of a book level."""


def decode(
    decoder: msgspec.json.Decoder[_T], what: str, raw: bytes, *, within: bytes | None = None
) -> _T:
    """Return what a decoder makes of bytes.

    Parameters
    ----------
    decoder : msgspec.json.Decoder
    what : str
        What the bytes are read as.
    raw : bytes
    within : bytes, optional
        The whole message, to be quoted, where ``raw`` is a part of it.

    Raises
    ------
    FrameError
        If they are not of its shape, are no JSON, or are nested beyond reason.
    """
    try:
        return decoder.decode(raw)
    except UNDECODABLE as error:
        raise FrameError(NAME, what, str(error), raw if within is None else within) from error


def refuse(what: str, problem: str, raw: bytes) -> NoReturn:
    """Refuse a message that is well-formed and cannot be true.

    Raises
    ------
    FrameError
        Always.
    """
    raise FrameError(NAME, what, problem, raw)


def to_ms(time: int) -> int:
    """Return a time in milliseconds, of whichever unit it came in.

    Examples
    --------
    >>> to_ms(1_791_391_081_874), to_ms(1_791_391_081_874_123)
    (1791391081874, 1791391081874)
    """
    return time // 1000 if time > _FIRST_US else time

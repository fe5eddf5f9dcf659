"""Units, types and the one way a number is written for people.

In:  plain numbers.   Out: plain numbers or short text.
Pure: no I/O, no clock, no global state.

Conventions that hold everywhere
--------------------------------
- Time is UTC milliseconds since the epoch. Intervals are half open, ``[start, end)``.
- A bar is stamped with its *end*: the first moment at which all of it is known.
- ``amount`` and open interest are in base coins, one-sided: one contract is one long and one
  short. Money is ``*_usd``; a stable quote coin counts as one dollar.
- Rates are fractions. ``*_pct`` is percent, ``*_bps`` is basis points.
- A liquidation's ``side`` is the side of the *position*; the order that closes it is the opposite.
"""

from __future__ import annotations

import math
from typing import Literal, NewType, TypeAlias

import numpy as np

Side: TypeAlias = Literal["long", "short"]
SIDES: tuple[Side, Side] = ("long", "short")

TimestampMs = NewType("TimestampMs", int)
"""UTC milliseconds since the epoch."""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

F8: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]
"""One dimension of float64."""

F8x2: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.float64]]
"""Two dimensions of float64."""

I8: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]
"""One dimension of int64."""


def format_usd(value: float) -> str:
    """Return dollars as a person reads them, three significant digits.

    Examples
    --------
    >>> format_usd(12_430), format_usd(3_240_000), format_usd(-1.1e9), format_usd(7)
    ('$12.4K', '$3.24M', '-$1.10B', '$7.00')
    """
    if not math.isfinite(value):
        return "–"
    sign, size = ("-" if value < 0 else ""), abs(value)
    for limit, scale, suffix in (
        (1e3, 1.0, ""),
        (1e6, 1e3, "K"),
        (1e9, 1e6, "M"),
        (1e12, 1e9, "B"),
    ):
        if size < limit * 0.9995:
            return f"{sign}${_three_digits(size / scale)}{suffix}"
    return f"{sign}${_three_digits(size / 1e12)}T"


def format_pct(fraction: float) -> str:
    """Return a signed fraction as percent.

    Examples
    --------
    >>> format_pct(-0.01234), format_pct(0.5)
    ('-1.23 %', '+50.0 %')
    """
    if not math.isfinite(fraction):
        return "–"
    percent = 100.0 * fraction
    digits = 2 if abs(percent) < 10 else 1
    return f"{percent:+.{digits}f} %"


def format_price(price: float, tick_size: float | None = None) -> str:
    """Return a price with the decimals of its tick, or five significant digits without one.

    Examples
    --------
    >>> format_price(73012.37, 0.1), format_price(0.109712), format_price(95.4)
    ('73,012.4', '0.10971', '95.400')
    """
    if not math.isfinite(price):
        return "–"
    if tick_size is not None:
        decimals = max(0, -math.floor(math.log10(tick_size) + 1e-9))
    else:
        decimals = max(0, 4 - math.floor(math.log10(price))) if price > 0 else 2
    return f"{price:,.{decimals}f}"


def format_age(age_ms: float) -> str:
    """Return a span of time in its two largest useful units.

    Examples
    --------
    >>> format_age(42_000), format_age(5 * MINUTE_MS), format_age(27 * HOUR_MS)
    ('42 s', '5 min', '27 h')
    """
    if age_ms < 2 * MINUTE_MS:
        return f"{age_ms / SECOND_MS:.0f} s"
    if age_ms < 2 * HOUR_MS:
        return f"{age_ms / MINUTE_MS:.0f} min"
    if age_ms < 2 * DAY_MS:
        return f"{age_ms / HOUR_MS:.0f} h"
    return f"{age_ms / DAY_MS:.1f} d"


def _three_digits(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"

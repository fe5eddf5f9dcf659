"""Moments and spans as people write them, and as answers state them.

In:  text, or UTC milliseconds.   Out: UTC milliseconds, or ISO 8601.
Free of any clock: what is now is the caller's to say.
"""

from __future__ import annotations

from datetime import UTC, datetime

from forcedflow.errors import UsageError

_DURATIONS_MS = {
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_LONGEST_MS = 100 * _DURATIONS_MS["y"]


def parse_time(text: str) -> int:
    """Return a UTC time in milliseconds.

    Raises
    ------
    UsageError
        If the text is no time.

    Examples
    --------
    >>> parse_time("2026-02-06T00:00Z"), parse_time("2026-02-06")
    (1770336000000, 1770336000000)
    """
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no time\nhint: write 2026-02-06T00:00Z, or 2026-02-06 for midnight"
        ) from error
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return round(parsed.timestamp() * 1000)


def parse_duration(text: str) -> int:
    """Return a span in milliseconds.

    Raises
    ------
    UsageError
        If the text is no span up to a hundred years.

    Examples
    --------
    >>> parse_duration("12h"), parse_duration("7d")
    (43200000, 604800000)
    """
    number, unit = text.strip()[:-1], text.strip()[-1:]
    if unit in _DURATIONS_MS and number.isascii() and number.isdigit() and len(number) < 12:
        span = int(number) * _DURATIONS_MS[unit]
        if 0 < span <= _LONGEST_MS:
            return span
    raise UsageError(
        f"{text!r} is no span of time up to a hundred years\nhint: write 12h, 7d, 4w or 1y"
    )


def iso_time(ms: float) -> str:
    """Return a UTC time in ISO 8601, to the millisecond only where there are any."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    precision = "milliseconds" if ms % 1000 else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")

"""Wall times: what a clock at the publisher shows, as moments in UTC.

In:  dates, times and IANA zones.   Out: UTC milliseconds, and the window of a whole day.
Pure: values in, values out; no clock of our own, and zones come from the IANA data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from forcedflow.units import SECOND_MS

_DAY_ONLY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NOON = time(12)


@dataclass(frozen=True, slots=True)
class WallTime:
    """A moment as a publisher states it: a time, or only a day.

    Parameters
    ----------
    event_ms : int
        The moment; noon where only the day is stated. [UTC ms]
    local_time : str or None
        HH:MM on the wall; None where only the day is stated.
    timezone : str
        IANA zone; UTC where an offset alone was stated.
    day_before_ms, day_after_ms : int
        From the day's beginning to the moment, and from it to the day's end; 0 for a time. [ms]
    """

    event_ms: int
    local_time: str | None
    timezone: str
    day_before_ms: int = 0
    day_after_ms: int = 0


def zone_of(name: str) -> ZoneInfo:
    """Return an IANA zone.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"{name!r} is no time zone; one is written like America/New_York"
        ) from error


def at_wall_time(day: date, clock: time, zone: str) -> WallTime:
    """Return the moment at which a clock in a zone shows a time.

    Raises
    ------
    ValueError
        If clocks skip that time on that day, show it twice, or there is no such zone.

    Examples
    --------
    >>> at_wall_time(date(2026, 3, 6), time(8, 30), "America/New_York").event_ms
    1772803800000
    >>> at_wall_time(date(2026, 3, 9), time(8, 30), "America/New_York").event_ms
    1773059400000
    """
    tz = zone_of(zone)
    first, second = (
        datetime.combine(day, clock, tz).replace(fold=fold).astimezone(UTC) for fold in (0, 1)
    )
    if first != second:
        # Of a time that is shown twice the first reading is the earlier moment.
        problem = "is shown twice" if first < second else "is skipped"
        raise ValueError(f"{day} {clock:%H:%M} {problem} in {zone}: the clocks change then")
    return WallTime(_ms(first), f"{clock:%H:%M}", zone)


def whole_day(day: date, zone: str, days: int = 1) -> WallTime:
    """Return a day of a zone, whose time nobody stated, as noon and the day around it.

    Parameters
    ----------
    day : date
    zone : str
    days : int
        How many days it lasts.

    Raises
    ------
    ValueError
        If there is no such zone.

    Examples
    --------
    >>> day = whole_day(date(2026, 3, 8), "America/New_York")  # an hour short
    >>> (day.day_before_ms + day.day_after_ms) / 3_600_000
    23.0
    """
    tz = zone_of(zone)
    start = _ms(datetime.combine(day, time(), tz))
    noon = _ms(datetime.combine(day, _NOON, tz))
    end = _ms(datetime.combine(day + timedelta(days=days), time(), tz))
    return WallTime(noon, None, zone, noon - start, end - noon)


def from_datetime(moment: datetime, zone: str) -> WallTime:
    """Return a moment; where it names no zone, as a clock in ``zone`` shows it.

    Raises
    ------
    ValueError
        If clocks in its zone skip that time, show it twice, or there is no such zone.
    """
    named = zone if moment.tzinfo is None else getattr(moment.tzinfo, "key", None)
    if named is not None:
        return at_wall_time(moment.date(), moment.time(), named)
    return WallTime(_ms(moment), f"{moment.astimezone(UTC):%H:%M}", "UTC")


def parse_wall_time(text: str, zone: str) -> WallTime:
    """Return what a person wrote: a day, a time with its offset, or a time in ``zone``.

    Raises
    ------
    ValueError
        If it is none of these.

    Examples
    --------
    >>> parse_wall_time("2026-11-25T13:30Z", "UTC").event_ms
    1795613400000
    >>> parse_wall_time("2026-11-25T08:30", "America/New_York").event_ms
    1795613400000
    """
    stripped = text.strip()
    try:
        if _DAY_ONLY.fullmatch(stripped):
            day = date.fromisoformat(stripped)
        else:
            moment = datetime.fromisoformat(stripped)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no time; write 2026-11-25T13:30Z, or 2026-11-25 for the whole day"
        ) from error
    return whole_day(day, zone) if _DAY_ONLY.fullmatch(stripped) else from_datetime(moment, zone)


def to_day(ms: int, zone: str) -> date:
    """Return the date in a zone at a moment."""
    return datetime.fromtimestamp(ms / SECOND_MS, zone_of(zone)).date()


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * SECOND_MS)

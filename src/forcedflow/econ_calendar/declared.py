"""Events that a user declares: a token unlock, a hearing, hours in which headlines are expected.

In:  what was typed, and the moment of typing. [UTC ms]   Out: a `ScheduledEvent`.
Free of the clock and of the lake: both come from the command.
"""

from __future__ import annotations

import math

from forcedflow.econ_calendar.event import KINDS, UNNAMED, Kind, ScheduledEvent, Status
from forcedflow.econ_calendar.wall_time import WallTime, parse_wall_time, to_day
from forcedflow.errors import UsageError
from forcedflow.units import DAY_MS

SOURCE = "calendar:declared"
PRECEDENCE = 3
LONGEST_MS = 31 * DAY_MS
"""Longest half of a window: what lasts longer is no event. [ms]"""


def parse_declared(
    text: str,
    *,
    zone: str,
    now_ms: int,
    before_ms: int | None = None,
    after_ms: int | None = None,
    weight: float | None = None,
) -> ScheduledEvent:
    """Return the event that ``2026-11-25T13:30Z name`` declares.

    Parameters
    ----------
    text : str
        A time or a day, a space, and a name.
    zone : str
        Zone of a time without an offset, and of a day.
    now_ms : int
        It is known from now on, and not before. [UTC ms]
    before_ms, after_ms : int, optional
        Its window; by default the one of its name, or the whole day. [ms]
    weight : float, optional
        Above 0 and at most 1; by default the one of its name.

    Raises
    ------
    UsageError
        If there is no time or no name, or a figure is out of range.
    """
    when_text, _, name = text.strip().partition(" ")
    if not name.strip():
        raise UsageError(
            f"{text!r} needs a time and a name\n"
            'hint: --add "2026-11-25T13:30Z US PCE", or "2026-11-25 token unlock" for a whole day'
        )
    try:
        when = parse_wall_time(when_text, zone)
        kind = window_kind(name.strip(), when, before_ms, after_ms, weight)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return user_event(name.strip(), when, kind, known_ms=now_ms, now_ms=now_ms)


def window_kind(
    name: str, when: WallTime, before_ms: int | None, after_ms: int | None, weight: float | None
) -> Kind:
    """Return weight and window of an added event: what is stated, else what its name gets.

    Raises
    ------
    ValueError
        If a figure is out of range.
    """
    usual = KINDS.get(name, UNNAMED)
    if when.local_time is None:
        usual = Kind(usual.weight, when.day_before_ms, when.day_after_ms)
    chosen = Kind(
        usual.weight if weight is None else weight,
        usual.before_ms if before_ms is None else before_ms,
        usual.after_ms if after_ms is None else after_ms,
    )
    if not (math.isfinite(chosen.weight) and 0 < chosen.weight <= 1):
        raise ValueError(f"{chosen.weight:g} is no weight; it is above 0 and at most 1")
    if not all(0 <= half <= LONGEST_MS for half in (chosen.before_ms, chosen.after_ms)):
        raise ValueError("a window reaches from 0 to 31 days to either side of its event")
    if chosen.before_ms + chosen.after_ms == 0:
        raise ValueError("a window of no length holds no moment")
    return chosen


def user_event(
    name: str,
    when: WallTime,
    kind: Kind,
    *,
    known_ms: int,
    now_ms: int,
    country: str = "user",
    status: Status = "scheduled",
    source: str = SOURCE,
    source_url: str = "declared by the user",
    precedence: int = PRECEDENCE,
) -> ScheduledEvent:
    """Return an event that a user added, by hand or from a file.

    Parameters
    ----------
    name : str
    when : WallTime
    kind : Kind
    known_ms : int
        Since when it was known. [UTC ms]
    now_ms : int
        The day it was read on. [UTC ms]
    country, status, source, source_url, precedence
        As in `ScheduledEvent`.
    """
    return ScheduledEvent(
        name=name,
        country=country,
        event_ms=when.event_ms,
        known_ms=known_ms,
        before_ms=kind.before_ms,
        after_ms=kind.after_ms,
        weight=kind.weight,
        status=status,
        trust="user",
        local_time=when.local_time,
        timezone=when.timezone,
        source=source,
        source_url=source_url,
        read_on=to_day(now_ms, "UTC").isoformat(),
        precedence=precedence,
    )

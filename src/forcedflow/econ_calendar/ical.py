"""iCalendar files: what a calendar program or a publisher exports (RFC 5545).

In:  bytes of a file, and the moment of reading. [UTC ms]   Out: `Entry`s, or `ScheduledEvent`s.
Free of the clock and of the lake. One entry that cannot be read refuses the whole file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import icalendar

from forcedflow.econ_calendar.declared import user_event, window_kind
from forcedflow.econ_calendar.event import ScheduledEvent
from forcedflow.econ_calendar.wall_time import WallTime, from_datetime, whole_day
from forcedflow.errors import DamagedFileError
from forcedflow.units import SECOND_MS

PRECEDENCE = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One VEVENT.

    Parameters
    ----------
    name : str
        Its SUMMARY, blanks put right.
    when : WallTime
        Its DTSTART.
    lasts_ms : int or None
        From DTSTART to DTEND; None where it has no end, or the same. [ms]
    cancelled, tentative : bool
        Its STATUS.
    modified_ms : int or None
        Its LAST-MODIFIED: since then this is what the calendar says. [UTC ms]
    """

    name: str
    when: WallTime
    lasts_ms: int | None
    cancelled: bool
    tentative: bool
    modified_ms: int | None


def parse_entries(data: bytes, file: str, zone: str) -> tuple[Entry, ...]:
    """Return the entries of an iCalendar file in their order.

    Parameters
    ----------
    data : bytes
    file : str
        Name for messages.
    zone : str
        Zone of times that float, and of days.

    Raises
    ------
    DamagedFileError
        If it is no such file, an entry repeats, or one has no name or no readable time.
    """
    # The library keeps zones that files define by name for the whole process: another file may
    # mean something else by the same name.
    icalendar.use_zoneinfo()  # type: ignore[no-untyped-call]
    try:
        calendars = icalendar.Calendar.from_ical(data, multiple=True)
    except (ValueError, KeyError, IndexError) as error:
        raise DamagedFileError(file, f"it is no iCalendar: {error}") from error
    if not calendars:
        raise DamagedFileError(file, "it is no iCalendar: it holds no VCALENDAR")
    found = [event for calendar in calendars for event in calendar.walk("VEVENT")]
    return tuple(_entry(event, file, number, zone) for number, event in enumerate(found, start=1))


def parse_icalendar(
    data: bytes, file: str, *, zone: str, now_ms: int
) -> tuple[ScheduledEvent, ...]:
    """Return the events of a user's calendar, cancelled ones left out.

    An event is known since its LAST-MODIFIED, else from now on. Its window reaches to its end
    where it has one.

    Parameters
    ----------
    data : bytes
    file : str
        Name for messages and for ``source_url``.
    zone : str
        Zone of times that float, and of days.
    now_ms : int
        The moment of import. [UTC ms]

    Raises
    ------
    DamagedFileError
        If it is no such file, an entry repeats, or one has no name or no readable time.
    """
    events = []
    for number, entry in enumerate(parse_entries(data, file, zone), start=1):
        if entry.cancelled:
            continue
        try:
            after_ms = None if entry.when.local_time is None else entry.lasts_ms
            kind = window_kind(entry.name, entry.when, None, after_ms, None)
        except ValueError as error:
            raise DamagedFileError(file, str(error), row=number, field="DTEND") from error
        known_ms = now_ms if entry.modified_ms is None else min(entry.modified_ms, now_ms)
        events.append(
            user_event(
                entry.name,
                entry.when,
                kind,
                known_ms=known_ms,
                now_ms=now_ms,
                status="tentative" if entry.tentative else "scheduled",
                source="calendar:ics",
                source_url=file,
                precedence=PRECEDENCE,
            )
        )
    return tuple(events)


def _entry(event: icalendar.Component, file: str, number: int, zone: str) -> Entry:
    def refuse(field: str, problem: str) -> DamagedFileError:
        return DamagedFileError(file, problem, row=number, field=field)

    name = " ".join(str(event.get("SUMMARY", "")).split())
    if not name:
        raise refuse("SUMMARY", "the entry has no name")
    if "RRULE" in event or "RDATE" in event:
        raise refuse("RRULE", f"{name} repeats; export the single events instead")
    start, end = _moment(event.get("DTSTART")), _moment(event.get("DTEND"))
    if start is None:
        raise refuse("DTSTART", f"{name} has no readable time")
    if _names_unknown_zone(event.get("DTSTART"), start):
        named = event["DTSTART"].params["TZID"]
        raise refuse("DTSTART", f"{name} is in {named!r}, which the file does not define")
    if event.get("DTEND") is not None and end is None:
        raise refuse("DTEND", f"{name} has no readable end")
    try:
        when, lasts_ms = _span(start, end, zone)
    except (ValueError, TypeError) as error:
        raise refuse("DTSTART", f"{name}: {error}") from error
    status = str(event.get("STATUS", "")).upper()
    modified = _moment(event.get("LAST-MODIFIED"))
    return Entry(
        name=name,
        when=when,
        lasts_ms=lasts_ms,
        cancelled=status == "CANCELLED",
        tentative=status == "TENTATIVE",
        modified_ms=(
            round(modified.timestamp() * SECOND_MS)
            if isinstance(modified, datetime) and modified.tzinfo is not None
            else None
        ),
    )


def _span(start: date, end: date | None, zone: str) -> tuple[WallTime, int | None]:
    if not isinstance(start, datetime):
        days = 1 if end is None or isinstance(end, datetime) else max((end - start).days, 1)
        return whole_day(start, zone, days), None
    when = from_datetime(start, zone)
    if not isinstance(end, datetime):
        return when, None
    lasts_ms = from_datetime(end, zone).event_ms - when.event_ms
    if lasts_ms < 0:
        raise ValueError("it ends before it begins")
    return when, lasts_ms or None


def _moment(stated: Any) -> date | None:
    try:
        moment = getattr(stated, "dt", None)
    except icalendar.error.BrokenCalendarProperty:
        return None  # the caller says of which property
    return moment if isinstance(moment, date) else None


def _names_unknown_zone(stated: Any, start: date) -> bool:
    return isinstance(start, datetime) and start.tzinfo is None and "TZID" in stated.params

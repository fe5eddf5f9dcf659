"""The shipped table of facts: central banks and US statistics, as read on one day.

In:  ``events.csv`` beside this file.   Out: `ScheduledEvent`s, each with since when it was known.
Free of the clock and of the network; nothing in the table is from memory.

Since when a date was known is an assumption, because the file holds the day it was read and hardly
ever the day it was published. The rule:

- A date on a regular schedule is taken as known 30 days before, at midnight UTC, or since it was
  read, whichever is earlier. The publishers announce earlier: on 2026-09-29 the schedule of the
  Bureau of Labor Statistics reached to December, on 2026-08-31 that of the Bureau of Economic
  Analysis to 2026-12-23, and central banks state a year at a time.
- A date marked ``late`` in the file was moved at short notice, by a lapse of appropriations. The
  day of its announcement was not read, so it is taken as known only at the event itself: the past
  never expects what nobody could.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, time
from functools import cache
from importlib.resources import files
from typing import cast, get_args

from forcedflow.econ_calendar.event import KINDS, UNNAMED, ScheduledEvent, Status, Trust
from forcedflow.econ_calendar.wall_time import WallTime, at_wall_time, whole_day
from forcedflow.errors import DamagedFileError
from forcedflow.units import DAY_MS, SECOND_MS

FILE = "events.csv"
SOURCE = "calendar:published"
PRECEDENCE = 0

COLUMNS = (
    "event",
    "country",
    "date_local",
    "local_time",
    "timezone",
    "utc",
    "status",
    "trust",
    "announced",
    "note",
    "source_url",
    "read_on",
)

ASSUMED_NOTICE_MS = 30 * DAY_MS
"""How long before a regularly scheduled event its date is taken to have been known. [ms]"""


@cache
def published_events() -> tuple[ScheduledEvent, ...]:
    """Return the shipped events in the file's order.

    Raises
    ------
    DamagedFileError
        If the installed file is not the one that was shipped.
    """
    text = files("forcedflow.econ_calendar").joinpath(FILE).read_text(encoding="utf-8")
    return parse_published(text)


def parse_published(text: str, file: str = FILE) -> tuple[ScheduledEvent, ...]:
    """Return the events of a table of facts.

    Parameters
    ----------
    text : str
        CSV with the columns of `COLUMNS`.
    file : str
        Name for messages.

    Raises
    ------
    DamagedFileError
        If a column is missing, a value is none of those it may be, or a stated moment in UTC is not
        the stated wall time.
    """
    reader = csv.DictReader(io.StringIO(text), strict=True)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise DamagedFileError(file, f"its columns are not {', '.join(COLUMNS)}")
    return tuple(_event(row, file, number) for number, row in enumerate(reader, start=1))


def known_since(day: date, event_ms: int, read_on: date, *, late: bool) -> int:
    """Return since when a date counts as known, by the rule above. [UTC ms]

    Parameters
    ----------
    day : date
        The event's date at the publisher.
    event_ms : int
        The event. [UTC ms]
    read_on : date
        Day on which the date was read.
    late : bool
        Whether it was moved at short notice.
    """
    read_ms = _midnight_ms(read_on)
    assumed = event_ms if late else _midnight_ms(day) - ASSUMED_NOTICE_MS
    return min(assumed, read_ms)


def _event(row: dict[str, str], file: str, number: int) -> ScheduledEvent:
    def refuse(field: str, problem: str) -> DamagedFileError:
        return DamagedFileError(file, problem, row=number, field=field)

    if None in row or None in row.values():
        raise refuse("event", "it has not as many values as there are columns")
    for field, choices in (
        ("status", get_args(Status)),
        ("trust", ("A", "B")),
        ("announced", ("", "late")),
    ):
        if row[field] not in choices:
            raise refuse(field, f"{row[field]!r} is none of {', '.join(map(repr, choices))}")
    try:
        day, read_on = date.fromisoformat(row["date_local"]), date.fromisoformat(row["read_on"])
        when = _moment(day, row["local_time"], row["timezone"])
    except ValueError as error:
        raise refuse("date_local", str(error)) from error
    if row["utc"] and row["utc"] != _iso(when.event_ms):
        raise refuse("utc", f"{row['utc']} is not {_iso(when.event_ms)}, which the wall time gives")
    kind = KINDS.get(row["event"], UNNAMED)
    dated_only = when.local_time is None
    return ScheduledEvent(
        name=row["event"],
        country=row["country"],
        event_ms=when.event_ms,
        known_ms=known_since(day, when.event_ms, read_on, late=row["announced"] == "late"),
        before_ms=when.day_before_ms if dated_only else kind.before_ms,
        after_ms=when.day_after_ms if dated_only else kind.after_ms,
        weight=kind.weight,
        status=cast("Status", row["status"]),
        trust=cast("Trust", row["trust"]),
        local_time=when.local_time,
        timezone=row["timezone"],
        source=SOURCE,
        source_url=row["source_url"],
        read_on=row["read_on"],
        precedence=PRECEDENCE,
    )


def _moment(day: date, clock: str, zone: str) -> WallTime:
    return at_wall_time(day, time.fromisoformat(clock), zone) if clock else whole_day(day, zone)


def _midnight_ms(day: date) -> int:
    return round(datetime.combine(day, time(), UTC).timestamp() * SECOND_MS)


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / SECOND_MS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

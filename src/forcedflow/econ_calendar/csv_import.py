"""A user's CSV of events: token unlocks, ETF-flow days, earnings.

In:  bytes of a file, and the moment of import. [UTC ms]   Out: `ScheduledEvent`s.
Free of the clock and of the lake. One bad row refuses the whole file.

Columns ``time`` and ``event`` are required; ``timezone``, ``country``, ``weight``, ``before_min``,
``after_min``, ``status``, ``known_at`` and ``source_url`` may be left out or empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from forcedflow.econ_calendar.declared import user_event, window_kind
from forcedflow.econ_calendar.event import ScheduledEvent, Status
from forcedflow.econ_calendar.wall_time import WallTime, parse_wall_time
from forcedflow.errors import DamagedFileError
from forcedflow.units import MINUTE_MS

REQUIRED = ("time", "event")
OPTIONAL = (
    "timezone",
    "country",
    "weight",
    "before_min",
    "after_min",
    "status",
    "known_at",
    "source_url",
)
PRECEDENCE = 2

_STATUSES = ("held", "scheduled", "tentative")


def parse_csv(data: bytes, file: str, *, zone: str, now_ms: int) -> tuple[ScheduledEvent, ...]:
    """Return the events of a CSV.

    Parameters
    ----------
    data : bytes
        UTF-8, with a header.
    file : str
        Name for messages and for ``source_url``.
    zone : str
        Zone of times without an offset in rows without a ``timezone``.
    now_ms : int
        Events are known from now on, unless ``known_at`` says since when. [UTC ms]

    Raises
    ------
    DamagedFileError
        If it is no such file; names the row and the field.
    """
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig")), strict=True)
        names = tuple(name.strip() for name in reader.fieldnames or ())
        reader.fieldnames = names
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DamagedFileError(file, f"it is no CSV in UTF-8: {error}") from error
    for name in REQUIRED:
        if name not in names:
            raise DamagedFileError(file, f"column {name} is missing; it has {', '.join(names)}")
    for name in names:
        if name not in REQUIRED + OPTIONAL or names.count(name) > 1:
            known = ", ".join(REQUIRED + OPTIONAL)
            raise DamagedFileError(file, f"column {name!r} is none of {known}, or stands twice")
    return tuple(
        _event(_Row(row, file, number), zone, now_ms) for number, row in enumerate(rows, start=1)
    )


@dataclass(frozen=True, slots=True)
class _Row:
    values: Mapping[str, str | None]
    file: str
    number: int

    def text(self, field: str) -> str:
        return (self.values.get(field) or "").strip()

    def figure(self, field: str) -> float | None:
        text = self.text(field)
        try:
            return float(text) if text else None
        except ValueError as error:
            raise self.refused(field, f"{text!r} is no number") from error

    def minutes_ms(self, field: str) -> int | None:
        minutes = self.figure(field)
        try:
            return None if minutes is None else round(minutes * MINUTE_MS)
        except (ValueError, OverflowError) as error:
            raise self.refused(field, f"{minutes} is no length of time") from error

    def moment(self, field: str, zone: str) -> WallTime:
        try:
            return parse_wall_time(self.text(field), zone)
        except ValueError as error:
            raise self.refused(field, str(error)) from error

    def refused(self, field: str, problem: str) -> DamagedFileError:
        return DamagedFileError(self.file, problem, row=self.number, field=field)


def _event(row: _Row, zone: str, now_ms: int) -> ScheduledEvent:
    name, status = row.text("event"), row.text("status") or "scheduled"
    if None in row.values:
        raise row.refused("event", "the row has more values than there are columns")
    if not name:
        raise row.refused("event", "the name is missing")
    if status not in _STATUSES:
        raise row.refused("status", f"{status!r} is none of {', '.join(_STATUSES)}")
    when = row.moment("time", row.text("timezone") or zone)
    before_ms, after_ms = row.minutes_ms("before_min"), row.minutes_ms("after_min")
    try:
        kind = window_kind(name, when, before_ms, after_ms, row.figure("weight"))
    except ValueError as error:
        raise row.refused("weight, before_min or after_min", str(error)) from error
    known_ms = row.moment("known_at", "UTC").event_ms if row.text("known_at") else now_ms
    if known_ms > now_ms:
        raise row.refused("known_at", f"{row.text('known_at')} has not come yet")
    return user_event(
        name,
        when,
        kind,
        known_ms=known_ms,
        now_ms=now_ms,
        country=row.text("country") or "user",
        status=cast("Status", status),
        source="calendar:csv",
        source_url=row.text("source_url") or row.file,
        precedence=PRECEDENCE,
    )

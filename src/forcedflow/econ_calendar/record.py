"""What was added to the calendar, into the lake.

In:  a lake, `ScheduledEvent`s or rows.   Out: rows written, and how many were new.
Free of the clock; writes the lake alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from forcedflow.econ_calendar.event import VENUE, ScheduledEvent, to_rows
from forcedflow.econ_calendar.known import read_events
from forcedflow.errors import NoDataError
from forcedflow.store import Lake, TableChange
from forcedflow.tables import TIME
from forcedflow.units import MINUTE_MS

_KEY = ["venue", "symbol", "event", "event_time"]
_SAME = ["weight", "before_ms", "after_ms"]


def record_events(lake: Lake, events: Sequence[ScheduledEvent]) -> TableChange:
    """Store events; one that is held already stays known since it first was.

    An event whose window or weight is another than the one held counts as known from its new
    reading on. So does one that had been withdrawn, unless the shipped table holds it.

    Parameters
    ----------
    lake : Lake
    events : sequence of ScheduledEvent

    Raises
    ------
    SchemaError
        If a value is none that the table can hold; nothing is stored then.
    """
    rows = to_rows(events)
    held = lake.read("calendar_events", venue=VENUE).filter(pl.col("withdrawn_time").is_null())
    before = held.select(*_KEY, *_SAME, first_known="available_time")
    known = (
        rows.join(before, on=[*_KEY, *_SAME], how="left", maintain_order="left")
        .with_columns(available_time=pl.min_horizontal("available_time", "first_known"))
        .drop("first_known")
    )
    return lake.write({"calendar_events": known}).total


def withdraw_rows(lake: Lake, rows: pl.DataFrame) -> TableChange:
    """Store rows that say since when an event is no longer expected; its past is kept."""
    return lake.write({"calendar_events": rows}).total


def withdraw_event(lake: Lake, name: str, event_ms: int, now_ms: int) -> TableChange:
    """Withdraw one event from now on.

    Parameters
    ----------
    lake : Lake
    name : str
        As the calendar shows it.
    event_ms : int
        Its time. [UTC ms]
    now_ms : int
        [UTC ms]

    Raises
    ------
    NoDataError
        If no such event is known.
    """
    now = pl.lit(now_ms, pl.Int64).cast(TIME)
    known = read_events(lake, now_ms, event_ms, event_ms + MINUTE_MS).filter(
        pl.col("event") == name, pl.col("withdrawn_time").is_null()
    )
    if known.is_empty():
        raise NoDataError(f"no event {name!r} is known at that time\nhint: forcedflow calendar")
    return withdraw_rows(lake, known.with_columns(withdrawn_time=now))

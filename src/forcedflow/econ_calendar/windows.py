"""Windows: the spans around scheduled events in which a market is not itself.

In:  rows of ``calendar_events`` and a moment. [UTC ms]   Out: `EventWindow`s.
Pure: frames in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from forcedflow.econ_calendar.event import UNNAMED
from forcedflow.tables import TIME
from forcedflow.units import HOUR_MS

HORIZON_MS = 6 * HOUR_MS
"""A window that opens within this is near. [ms]"""


@dataclass(frozen=True, slots=True)
class EventWindow:
    """One event as it was known at a moment.

    Parameters
    ----------
    event, country : str
    event_ms : int
        Noon of the publisher's day where the time is not known. [UTC ms]
    start_ms, end_ms : int
        The window, half open. [UTC ms]
    weight : float
        Above 0 and at most 1.
    status : str
        As known then: an event that lay ahead was not held yet.
    trust : str or None
        A, B, feed, computed or user; None where the row does not say.
    local_time, timezone : str or None
        Wall time at the publisher; no time where only the day is known.
    known_ms : int
        Since when it was known. [UTC ms]
    source_url : str
    """

    event: str
    country: str
    event_ms: int
    start_ms: int
    end_ms: int
    weight: float
    status: str
    trust: str | None
    local_time: str | None
    timezone: str | None
    known_ms: int
    source_url: str

    def contains(self, at_ms: int) -> bool:
        """Return whether a moment lies within the window."""
        return self.start_ms <= at_ms < self.end_ms


def windows_at(rows: pl.DataFrame, at_ms: int) -> tuple[EventWindow, ...]:
    """Return what was expected at a moment, in the order in which windows open.

    Parameters
    ----------
    rows : polars.DataFrame
        Rows of ``calendar_events``.
    at_ms : int
        Rows known by then and not withdrawn by then count. [UTC ms]
    """
    now = pl.lit(at_ms, pl.Int64).cast(TIME)
    standing = rows.filter(
        pl.col("available_time") <= now,
        pl.col("withdrawn_time").is_null() | (pl.col("withdrawn_time") > now),
    ).with_columns(
        pl.col("event_time", "available_time").dt.epoch("ms"),
        pl.col("weight").fill_null(1.0),
        pl.col("before_ms").fill_null(UNNAMED.before_ms),
        pl.col("after_ms").fill_null(UNNAMED.after_ms),
    )
    found = [
        EventWindow(
            event=row["event"],
            country=row["symbol"],
            event_ms=row["event_time"],
            start_ms=row["event_time"] - row["before_ms"],
            end_ms=row["event_time"] + row["after_ms"],
            weight=row["weight"],
            status=_status(row["status"], ahead=row["event_time"] > at_ms),
            trust=row["trust"],
            local_time=row["local_time"],
            timezone=row["timezone"],
            known_ms=row["available_time"],
            source_url=row["source_url"],
        )
        for row in standing.iter_rows(named=True)
    ]
    return tuple(sorted(found, key=lambda window: (window.start_ms, -window.weight, window.event)))


def next_window(
    windows: Sequence[EventWindow], at_ms: int, horizon_ms: int = HORIZON_MS
) -> EventWindow | None:
    """Return the window that is open or opens next within the horizon; None where there is none.

    Of windows that open together the heaviest is returned.

    Parameters
    ----------
    windows : sequence of EventWindow
    at_ms : int
        The moment. [UTC ms]
    horizon_ms : int
        How far to look ahead. [ms]
    """
    near = [w for w in windows if w.end_ms > at_ms and w.start_ms <= at_ms + horizon_ms]
    # Every window that is open already opens "now": the weight decides between them.
    return min(near, key=lambda w: (max(w.start_ms, at_ms), -w.weight, w.event), default=None)


def _status(stored: str, *, ahead: bool) -> str:
    return "scheduled" if ahead and stored == "held" else stored

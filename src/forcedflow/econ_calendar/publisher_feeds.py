"""The publishers' own calendars: the statistical bureaus of the United States over iCalendar.

In:  an `Http`, and the moment of asking. [UTC ms]   Out: `ScheduledEvent`s; rows they withdraw.
Free of the lake and of the clock.

References
----------
.. [1] bls.gov/schedule/news_release/bls.ics and bea.gov/news/schedule/ics/online-calendar-
   subscription.ics, addresses as public programs cite them, read 2026-11-23. The feeds themselves
   have not been read by us: whatever they hold that is none of the titles below is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from forcedflow.econ_calendar.event import CPI, KINDS, PAYROLLS, PCE, ScheduledEvent
from forcedflow.econ_calendar.ical import Entry, parse_entries
from forcedflow.econ_calendar.wall_time import to_day
from forcedflow.errors import DamagedFileError, FrameError
from forcedflow.tables import TIME
from forcedflow.venues.connector import Http, RateLimit

PRECEDENCE = 1
LIMIT: Final = RateLimit(weight=10, window_s=60.0, concurrent=1)
"""A calendar is asked for once; no limit is stated, this one keeps us far from any. [1/min]"""


@dataclass(frozen=True, slots=True)
class Feed:
    """One publisher's calendar.

    Parameters
    ----------
    name : str
        Lower-case id.
    url : str
    zone : str
        IANA zone of times that float.
    titles : mapping of str to str
        Event by the title of the release; a period may follow the title.
    """

    name: str
    url: str
    zone: str
    titles: Mapping[str, str]


FEEDS: Final = {
    feed.name: feed
    for feed in (
        Feed(
            "bls",
            "https://www.bls.gov/schedule/news_release/bls.ics",
            "America/New_York",
            {"Consumer Price Index": CPI, "Employment Situation": PAYROLLS},
        ),
        Feed(
            "bea",
            "https://www.bea.gov/news/schedule/ics/online-calendar-subscription.ics",
            "America/New_York",
            {"Personal Income and Outlays": PCE},
        ),
    )
}


def get_feed(http: Http, feed: Feed, now_ms: int, url: str | None = None) -> list[ScheduledEvent]:
    """Ask a publisher for its calendar and return its events in order.

    Parameters
    ----------
    http : Http
    feed : Feed
    now_ms : int
        Its dates are known from now on. [UTC ms]
    url : str, optional
        Another address of the same calendar.

    Raises
    ------
    VenueError
        If it does not answer.
    FrameError
        If the answer is no iCalendar, or holds none of the titles.
    """
    address = url or feed.url
    return parse_feed(http.get(address), feed, now_ms, address)


def parse_feed(
    data: bytes, feed: Feed, now_ms: int, url: str | None = None
) -> list[ScheduledEvent]:
    """Return the events of a publisher's calendar in order, cancelled ones left out.

    Raises
    ------
    FrameError
        If it is no iCalendar, or holds none of the titles.
    """
    address = url or feed.url
    try:
        entries = parse_entries(data, address, feed.zone)
    except DamagedFileError as error:
        raise FrameError(feed.name, "calendar", error.problem, data) from error
    events = [
        _event(entry, name, feed, now_ms, address)
        for entry in entries
        if (name := _titled(entry.name, feed)) is not None and not entry.cancelled
    ]
    if not events:
        titles = ", ".join(feed.titles)
        raise FrameError(feed.name, "calendar", f"it announces none of {titles}", data)
    return sorted(events, key=lambda event: event.event_ms)


def withdrawn(known: pl.DataFrame, events: Sequence[ScheduledEvent], now_ms: int) -> pl.DataFrame:
    """Return the rows that a publisher's calendar no longer has, as withdrawn from now on.

    A date counts as withdrawn where it lies ahead, before the last that the calendar has of the
    same event, and the calendar has no other time on the same day.

    Parameters
    ----------
    known : polars.DataFrame
        Rows of ``calendar_events`` as known now.
    events : sequence of ScheduledEvent
        All that the calendar has.
    now_ms : int
        [UTC ms]
    """
    last_ms = {event.name: event.event_ms for event in sorted(events, key=lambda e: e.event_ms)}
    held = {(event.name, event.event_ms) for event in events}
    days = {(event.name, to_day(event.event_ms, event.timezone)) for event in events}

    def gone(row: dict[str, object]) -> bool:
        name, ms = str(row["event"]), int(str(row["ms"]))
        if row["trust"] == "user" or row["withdrawn_time"] is not None:
            return False
        if not now_ms < ms < last_ms.get(name, 0) or (name, ms) in held:
            return False
        return (name, to_day(ms, str(row["timezone"]))) not in days or row["local_time"] is not None

    rows = known.with_columns(ms=pl.col("event_time").dt.epoch("ms"))
    chosen = [gone(row) for row in rows.iter_rows(named=True)]
    return known.filter(pl.Series(chosen, dtype=pl.Boolean)).with_columns(
        withdrawn_time=pl.lit(now_ms, pl.Int64).cast(TIME)
    )


def _titled(title: str, feed: Feed) -> str | None:
    for wanted, name in feed.titles.items():
        # "Employment Situation of Veterans" is another release; "…, October 2026" is a period.
        if re.fullmatch(rf"{re.escape(wanted)}(,.*| for .*| \(.*)?", title, re.IGNORECASE):
            return name
    return None


def _event(entry: Entry, name: str, feed: Feed, now_ms: int, url: str) -> ScheduledEvent:
    kind, when = KINDS[name], entry.when
    dated_only = when.local_time is None
    return ScheduledEvent(
        name=name,
        country="US",
        event_ms=when.event_ms,
        known_ms=now_ms,
        before_ms=when.day_before_ms if dated_only else kind.before_ms,
        after_ms=when.day_after_ms if dated_only else kind.after_ms,
        weight=kind.weight,
        status="tentative" if entry.tentative else "scheduled",
        trust="feed",
        local_time=when.local_time,
        timezone=when.timezone,
        source=f"calendar:{feed.name}",
        source_url=url,
        read_on=to_day(now_ms, "UTC").isoformat(),
        precedence=PRECEDENCE,
    )

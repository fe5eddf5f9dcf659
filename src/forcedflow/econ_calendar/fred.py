"""FRED: days of releases from the St. Louis Fed, with the user's own key.

In:  an `Http`, a key, a span of days.   Out: `ScheduledEvent`s of whole days.
Free of the lake and of the clock. The key is in no message, no log line and no row.

FRED knows the day of a release and not its time, so the window is the whole day in New York, until
a source with a time is held for the same day.

References
----------
.. [1] fred.stlouisfed.org/docs/api/fred/releases_dates.html, read 2026-11-23 as reprinted by client
   libraries: up to 1000 dates per answer from an ``offset``; with
   ``include_release_dates_with_no_data`` also those that lie ahead. "Release dates are published by
   data sources and do not necessarily represent when data will be available on the FRED website."
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Final

import msgspec

from forcedflow.econ_calendar.event import CPI, KINDS, PAYROLLS, PCE, ScheduledEvent
from forcedflow.econ_calendar.wall_time import to_day, whole_day
from forcedflow.errors import FrameError, VenueError
from forcedflow.log import ROOT as ROOT_LOGGER
from forcedflow.venues.connector import Http, RateLimit

ROOT: Final = "https://api.stlouisfed.org"
ZONE: Final = "America/New_York"
PRECEDENCE: Final = 1
LIMIT: Final = RateLimit(weight=30, window_s=60.0, concurrent=1)
"""No limit is stated in what we read; a few requests a day stay below any. [1/min]"""

RELEASES: Final = {
    "Consumer Price Index": CPI,
    "Employment Situation": PAYROLLS,
    "Personal Income and Outlays": PCE,
}
"""Event by FRED's name of the release."""

_PAGE: Final = 1000
_MOST_PAGES: Final = 100


class _Date(msgspec.Struct):
    release_name: str
    date: date


class _Answer(msgspec.Struct):
    count: Annotated[int, msgspec.Meta(ge=0)]
    release_dates: list[_Date]


_answer: Final = msgspec.json.Decoder(_Answer)


def get_release_dates(
    http: Http, key: str, first: date, last: date, now_ms: int, root: str = ROOT
) -> list[ScheduledEvent]:
    """Ask FRED for the days of releases and return those of `RELEASES` in order.

    Parameters
    ----------
    http : Http
    key : str
        The user's own.
    first, last : date
        Days wanted, both included.
    now_ms : int
        The days are known from now on. [UTC ms]
    root : str
        Root of the interface.

    Raises
    ------
    VenueError
        If it does not answer as asked, such as for a key that it does not know.
    FrameError
        If an answer is not of the documented shape.
    """
    found: dict[tuple[str, date], ScheduledEvent] = {}
    url = f"{root.rstrip('/')}/fred/releases/dates"
    with _unlogged(key):
        for page in range(_MOST_PAGES):
            raw = _get(http, url, key, first, last, page * _PAGE)
            answer = _decode(raw)
            for dated in answer.release_dates:
                name = RELEASES.get(dated.release_name)
                if name is not None and first <= dated.date <= last:
                    found[name, dated.date] = _event(name, dated.date, now_ms, url)
            if (page + 1) * _PAGE >= answer.count:
                return sorted(found.values(), key=lambda event: (event.event_ms, event.name))
            if not answer.release_dates:
                raise FrameError("fred", "releases/dates", "a page before the last is empty", raw)
    raise VenueError("fred", f"more than {_MOST_PAGES * _PAGE} dates; ask for fewer days")


def _get(http: Http, url: str, key: str, first: date, last: date, offset: int) -> bytes:
    params: dict[str, str | int] = {
        "api_key": key,
        "file_type": "json",
        "realtime_start": first.isoformat(),
        "realtime_end": last.isoformat(),
        "include_release_dates_with_no_data": "true",
        "order_by": "release_date",
        "sort_order": "asc",
        "limit": _PAGE,
        "offset": offset,
    }
    try:
        return http.get(url, params)
    except VenueError as error:
        if key not in str(error):
            raise
        # A server may quote what it was sent. The chain would show it again.
        raise VenueError("fred", error.problem.replace(key, "***")) from None


def _decode(raw: bytes) -> _Answer:
    try:
        return _answer.decode(raw)
    except msgspec.DecodeError as error:
        raise FrameError("fred", "releases/dates", str(error), raw) from error


@contextmanager
def _unlogged(key: str) -> Iterator[None]:
    """Keep the key out of logs: of addresses, and of a server's words when it is asked again."""

    def without_key(record: logging.LogRecord) -> bool:
        return key not in record.getMessage()

    loggers = [logging.getLogger(name) for name in ("httpx2", f"{ROOT_LOGGER}.venues")]
    for logger in loggers:
        logger.addFilter(without_key)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(without_key)


def _event(name: str, day: date, now_ms: int, url: str) -> ScheduledEvent:
    when = whole_day(day, ZONE)
    return ScheduledEvent(
        name=name,
        country="US",
        event_ms=when.event_ms,
        known_ms=now_ms,
        before_ms=when.day_before_ms,
        after_ms=when.day_after_ms,
        weight=KINDS[name].weight,
        status="scheduled",
        trust="feed",
        local_time=None,
        timezone=ZONE,
        source="calendar:fred",
        source_url=url,
        read_on=to_day(now_ms, "UTC").isoformat(),
        precedence=PRECEDENCE,
    )

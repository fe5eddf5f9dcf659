"""What ``forcedflow calendar`` adds: typed, from files, asked of publishers; and what it withdraws.

In:  what a person typed, files, publishers.   Out: rows of the lake, and what each source changed.
The clock comes from the command.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from forcedflow.cli.options import open_lake, parse_duration
from forcedflow.errors import UsageError

if TYPE_CHECKING:
    from forcedflow.econ_calendar import ScheduledEvent
    from forcedflow.settings import Settings
    from forcedflow.store import Lake, TableChange
    from forcedflow.venues.connector import RateLimit
    from forcedflow.venues.http import HttpClient

_FRED_KEY = "FRED_API_KEY"
_FRED_AHEAD = timedelta(days=366)


def read_added(
    declared: Sequence[str],
    files: Sequence[Path],
    zone: str,
    now_ms: int,
    before: str | None,
    after: str | None,
    weight: float | None,
) -> list[tuple[str, list[ScheduledEvent]]]:
    """Return the events of files and of what was typed, by where they came from.

    Parameters
    ----------
    declared : sequence of str
        A time and a name each.
    files : sequence of Path
    zone : str
        Zone of times that state no offset.
    now_ms : int
        [UTC ms]
    before, after : str or None
        Window of what was typed, such as 30m.
    weight : float or None
        Weight of what was typed.

    Raises
    ------
    UsageError
        If what was typed says too little, or a file is of another kind.
    DamagedFileError
        If a file is not what it claims to be.
    """
    from forcedflow.econ_calendar.declared import parse_declared
    from forcedflow.econ_calendar.wall_time import zone_of

    before_ms = None if before is None else parse_duration(before)
    after_ms = None if after is None else parse_duration(after)
    try:
        zone_of(zone)
    except ValueError as error:
        raise UsageError(f"--timezone: {error}") from error
    found = [(path.name, _from_file(path, zone, now_ms)) for path in files]
    stated = [
        parse_declared(
            text,
            zone=zone,
            now_ms=now_ms,
            before_ms=before_ms,
            after_ms=after_ms,
            weight=weight,
        )
        for text in declared
    ]
    return [*found, ("declared", stated)] if stated else found


def _from_file(path: Path, zone: str, now_ms: int) -> list[ScheduledEvent]:
    from forcedflow.econ_calendar.csv_import import parse_csv
    from forcedflow.econ_calendar.ical import parse_icalendar

    readers = {".csv": parse_csv, ".ics": parse_icalendar}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path} is neither .ics nor .csv\nhint: --import FILE.ics")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    return list(reader(data, path.name, zone=zone, now_ms=now_ms))


def apply_changes(
    lake: Path | None,
    events: Sequence[tuple[str, list[ScheduledEvent]]],
    feeds: Sequence[str],
    withdraw: Sequence[str],
    zone: str,
    now_ms: int,
) -> list[tuple[str, TableChange]]:
    """Store what was added, fetched and withdrawn; return what each did to the lake.

    Parameters
    ----------
    lake : Path or None
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default. Made where there is
        none and something to store.
    events : sequence of (str, list of ScheduledEvent)
        As `read_added` returns them.
    feeds : sequence of str
        Publishers to ask.
    withdraw : sequence of str
        A time and a name each.
    zone : str
        Zone of times that state no offset.
    now_ms : int
        [UTC ms]

    Raises
    ------
    UsageError
        If a publisher is not known or needs a key.
    NoDataError
        If an event to withdraw is not known.
    VenueError
        If a publisher does not answer as asked.
    """
    from forcedflow.econ_calendar.declared import parse_declared
    from forcedflow.econ_calendar.record import record_events, withdraw_event

    asked = [(name, _asker(name)) for name in feeds]
    gone = [parse_declared(text, zone=zone, now_ms=now_ms) for text in withdraw]
    if not (events or asked or gone):
        return []
    held = open_lake(lake, create=True)
    changes = [(name, record_events(held, found)) for name, found in events]
    for name, ask in asked:
        changes += ask(held, name, now_ms)
    changes += [
        (f"withdrawn: {event.name}", withdraw_event(held, event.name, event.event_ms, now_ms))
        for event in gone
    ]
    return changes


def _asker(name: str) -> Callable[[Lake, str, int], list[tuple[str, TableChange]]]:
    from forcedflow.econ_calendar.publisher_feeds import FEEDS

    if name == "fred":
        if not os.environ.get(_FRED_KEY):
            raise UsageError(
                f"fred needs a key of your own in the variable {_FRED_KEY}\n"
                "hint: https://fred.stlouisfed.org/docs/api/api_key.html"
            )
        return _fetch_fred
    if name not in FEEDS:
        known = ", ".join([*FEEDS, "fred"])
        raise UsageError(f"{name!r} publishes no calendar known here\nhint: one of {known}")
    return _fetch_feed


def _fetch_fred(held: Lake, name: str, now_ms: int) -> list[tuple[str, TableChange]]:
    from forcedflow.econ_calendar import fred
    from forcedflow.econ_calendar.record import record_events
    from forcedflow.settings import read_settings

    settings = read_settings()
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    with _client(name, fred.LIMIT, settings) as http:
        events = fred.get_release_dates(
            http,
            os.environ[_FRED_KEY],
            today,
            today + _FRED_AHEAD,
            now_ms,
            _root(name, settings) or fred.ROOT,
        )
    return [(name, record_events(held, events))]


def _fetch_feed(held: Lake, name: str, now_ms: int) -> list[tuple[str, TableChange]]:
    from forcedflow.econ_calendar import read_events
    from forcedflow.econ_calendar.publisher_feeds import FEEDS, LIMIT, get_feed, withdrawn
    from forcedflow.econ_calendar.record import record_events, withdraw_rows
    from forcedflow.settings import read_settings

    settings = read_settings()
    with _client(name, LIMIT, settings) as http:
        events = get_feed(http, FEEDS[name], now_ms, _root(name, settings))
    last_ms = max(event.event_ms for event in events)
    known = read_events(held, now_ms, now_ms, max(last_ms, now_ms) + 1)
    gone = withdrawn(known, events, now_ms)
    changes = [(name, record_events(held, events))]
    if gone.height:
        changes.append((f"withdrawn by {name}", withdraw_rows(held, gone)))
    return changes


def _client(name: str, limit: RateLimit, settings: Settings) -> HttpClient:
    from forcedflow.log import report_retries_here
    from forcedflow.venues.http import HttpClient

    report_retries_here()
    own = settings.venues.get(name)
    proxy = own.proxy if own is not None and own.proxy else settings.proxy
    return HttpClient(name, limit, proxy)


def _root(name: str, settings: Settings) -> str | None:
    own = settings.venues.get(name)
    return None if own is None else own.rest

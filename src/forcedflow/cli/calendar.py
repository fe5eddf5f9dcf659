"""``forcedflow calendar``: scheduled events, and what of them was known at a moment.

In:  a moment, a span; events to add.   Out: a table, or JSON with rules and gaps.
What is added goes into the lake; the shipped facts need none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from forcedflow.cli.calendar_changes import apply_changes, read_added
from forcedflow.cli.options import (
    iso_time,
    open_lake,
    parse_moment,
    parse_time,
    print_json,
)
from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from forcedflow.econ_calendar import EventWindow
    from forcedflow.econ_calendar.gaps import Gap
    from forcedflow.store import Lake, TableChange

_SHOWN_MS = 14 * 86_400_000

RULES = {
    "known since": (
        "a regular date counts as known 30 days before, one moved at short notice at the event"
        " itself, an added one since it was added: the days of announcement were not read"
    ),
    "weight": (
        "1 for FOMC, CPI and payrolls, whose hour on recorded prices was 1.6 to 2.6 times as wide"
        " as usual; 0.1 for expiries, whose hour was not; the rest is judgement"
    ),
    "trust": (
        "A official text read; B transcription of an official page, the page itself not read;"
        " feed from the publisher or FRED; computed by a venue's rule; user added by you"
    ),
    "no time of day": "the window is the publisher's whole day",
}
"""What a reader has to know to judge a row."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that the command answers.

    Parameters
    ----------
    at_ms, from_ms, to_ms : int
        The moment, and the span shown. [UTC ms]
    windows : tuple of EventWindow
        Of the span, in order.
    near : EventWindow or None
        The window that is open or opens within six hours of the moment.
    funding_ms : int
        The venue's next funding stamp. [UTC ms]
    venue : str
    gaps : tuple of Gap
        What the calendar does not hold in the span.
    simulated : bool
    """

    at_ms: int
    from_ms: int
    to_ms: int
    windows: tuple[EventWindow, ...]
    near: EventWindow | None
    funding_ms: int
    venue: str
    gaps: tuple[Gap, ...]
    simulated: bool


def run(
    *,
    at: str | None = None,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
    add: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    import_: Annotated[tuple[Path, ...], Parameter(name="--import", negative="")] = (),
    fetch: str | None = None,
    withdraw: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    timezone: str = "UTC",
    before: str | None = None,
    after: str | None = None,
    weight: float | None = None,
    venue: str = "binance",
    lake: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Show scheduled events, and add some.

    Parameters
    ----------
    at
        Show exactly what was known then, such as 2026-02-05T12:00Z; now by default.
    from_
        First moment shown; --at by default.
    to
        Moment at which the list ends, itself not shown; 14 days later by default.
    add
        Declare an event or a headline window, such as "2026-11-25T13:30Z US PCE" or
        "2026-12-01 token unlock" for a whole day; may be repeated.
    import_
        A .ics or .csv file of events; may be repeated.
    fetch
        Ask bls, bea or fred for their calendars, separated by commas. fred needs a key of your own
        in the variable FRED_API_KEY.
    withdraw
        An event that is no longer expected, written as for --add; may be repeated.
    timezone
        Zone of times that state no offset, such as America/New_York.
    before
        How long before an added event its window opens, such as 30m.
    after
        How long after an added event its window closes, such as 2h.
    weight
        Weight of an added event, above 0 and at most 1.
    venue
        Venue whose next funding stamp is shown.
    lake
        Folder of the lake; the setting by default.
    json
        Print as JSON.
    """
    at_ms = parse_moment(at)
    now_ms = parse_moment(None)
    from_ms = at_ms if from_ is None else parse_time(from_)
    to_ms = from_ms + _SHOWN_MS if to is None else parse_time(to)
    if to_ms <= from_ms:
        raise UsageError("the span shown is empty\nhint: --to after --from")
    # All are read before any is stored: a mistake in one keeps all of them out.
    events = read_added(add, import_, timezone, now_ms, before, after, weight)
    feeds = [name.strip().lower() for name in fetch.split(",")] if fetch else []
    changes = apply_changes(lake, events, feeds, withdraw, timezone, now_ms)
    if changes and at is None:
        at_ms = parse_moment(None)  # what was just added is known by now
    shown = _read(_lake_if_any(lake), at_ms, from_ms, to_ms, venue.strip().lower())
    if json:
        print_json(answer(shown, changes))
        return 0
    from forcedflow.cli.calendar_screen import print_calendar

    print_calendar(shown, [_said(name, change) for name, change in changes])
    return 0


def answer(shown: Shown, changes: Sequence[tuple[str, TableChange]]) -> dict[str, Any]:
    """Return the calendar with everything needed to judge it."""
    return {
        "at": iso_time(shown.at_ms),
        "from": iso_time(shown.from_ms),
        "to": iso_time(shown.to_ms),
        "simulated": shown.simulated,
        "next_window": None if shown.near is None else _row(shown.near, shown.at_ms),
        "next_funding": {"venue": shown.venue, "time": iso_time(shown.funding_ms)},
        "events": [_row(window, shown.at_ms) for window in shown.windows],
        "missing": [
            {"event": gap.event, "from": gap.start, "to": gap.end, "why": gap.why}
            for gap in shown.gaps
        ],
        "changes": [
            {"source": name, "added": change.added, "replaced": change.replaced}
            for name, change in changes
        ],
        "rules": RULES,
    }


def _row(window: EventWindow, at_ms: int) -> dict[str, Any]:
    return {
        "event": window.event,
        "country": window.country,
        "time": iso_time(window.event_ms),
        "time_of_day_known": window.local_time is not None,
        "local_time": window.local_time,
        "timezone": window.timezone,
        "window_start": iso_time(window.start_ms),
        "window_end": iso_time(window.end_ms),
        "open": window.contains(at_ms),
        "hours_to_window": round(max(window.start_ms - at_ms, 0) / 3_600_000, 4),
        "weight": window.weight,
        "status": window.status,
        "trust": window.trust,
        "known_since": iso_time(window.known_ms),
        "source_url": window.source_url,
    }


def _read(held: Lake | None, at_ms: int, from_ms: int, to_ms: int, venue: str) -> Shown:
    from forcedflow.econ_calendar import next_window, read_events, windows_at
    from forcedflow.econ_calendar.declared import LONGEST_MS
    from forcedflow.econ_calendar.funding_stamps import USUAL_INTERVAL_HOURS, next_funding
    from forcedflow.econ_calendar.gaps import gaps_within
    from forcedflow.tables import is_simulated

    if venue not in USUAL_INTERVAL_HOURS:
        known = ", ".join(USUAL_INTERVAL_HOURS)
        raise UsageError(f"the funding interval of {venue!r} is not known\nhint: one of {known}")
    # A window may reach into the span, or to the moment, from an event outside it.
    first, last = min(at_ms, from_ms) - LONGEST_MS, max(at_ms, to_ms) + LONGEST_MS
    rows = read_events(held, at_ms, first, last)
    windows = windows_at(rows, at_ms)
    simulated = any(is_simulated(source) for source in rows["source"].unique())
    gaps = gaps_within(from_ms, to_ms, ((window.event, window.event_ms) for window in windows))
    return Shown(
        at_ms=at_ms,
        from_ms=from_ms,
        to_ms=to_ms,
        windows=tuple(w for w in windows if w.start_ms < to_ms and w.end_ms > from_ms),
        near=next_window(windows, at_ms),
        funding_ms=next_funding(at_ms, USUAL_INTERVAL_HOURS[venue]),
        venue=venue,
        gaps=() if simulated else gaps,
        simulated=simulated,
    )


def _lake_if_any(lake: Path | None) -> Lake | None:
    try:
        return open_lake(lake)
    except NoDataError:
        if lake is not None:
            raise
        return None  # nobody named one: the shipped facts need none


def _said(name: str, change: TableChange) -> str:
    return f"{name}: {change.added} new, {change.replaced} changed, {change.unchanged} known before"

"""``forcedflow calendar``: scheduled events, and what of them was known at a moment.

In:  a moment, a span; events to add.   Out: a table, or JSON with rules and gaps.
What is added goes into the lake; the shipped facts need none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from forcedflow.cli.calendar_changes import apply_changes, read_added
from forcedflow.cli.options import (
    open_lake,
    parse_moment,
    parse_time,
    print_json,
)
from forcedflow.errors import NoDataError, UsageError

if TYPE_CHECKING:
    from forcedflow.store import Lake, TableChange


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
        Folder of the lake, or s3://BUCKET/PREFIX; the setting by default.
    json
        Print as JSON.
    """
    from forcedflow.answers import calendar as answers

    at_ms = parse_moment(at)
    now_ms = parse_moment(None)
    from_ms = at_ms if from_ is None else parse_time(from_)
    to_ms = from_ms + answers.SHOWN_MS if to is None else parse_time(to)
    if to_ms <= from_ms:
        raise UsageError("the span shown is empty\nhint: --to after --from")
    # All are read before any is stored: a mistake in one keeps all of them out.
    events = read_added(add, import_, timezone, now_ms, before, after, weight)
    feeds = [name.strip().lower() for name in fetch.split(",")] if fetch else []
    changes = apply_changes(lake, events, feeds, withdraw, timezone, now_ms)
    if changes and at is None:
        at_ms = parse_moment(None)  # what was just added is known by now
    shown = answers.read(_lake_if_any(lake), at_ms, from_ms, to_ms, venue.strip().lower())
    if json:
        print_json(answers.answer(shown, changes))
        return 0
    from forcedflow.cli.calendar_screen import print_calendar

    print_calendar(shown, [_said(name, change) for name, change in changes])
    return 0


def _lake_if_any(lake: Path | None) -> Lake | None:
    try:
        return open_lake(lake)
    except NoDataError:
        if lake is not None:
            raise
        return None  # nobody named one: the shipped facts need none


def _said(name: str, change: TableChange) -> str:
    return f"{name}: {change.added} new, {change.replaced} changed, {change.unchanged} known before"

"""What ``calendar`` answers: scheduled events, and what of them was known at a moment.

In:  a lake or none, a moment, a span.   Out: `Shown`; plain values for JSON.
Free of any clock; the shipped facts need no lake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from forcedflow.answers.times import iso_time
from forcedflow.econ_calendar import EventWindow, next_window, read_events, windows_at
from forcedflow.econ_calendar.declared import LONGEST_MS
from forcedflow.econ_calendar.funding_stamps import USUAL_INTERVAL_HOURS, next_funding
from forcedflow.econ_calendar.gaps import Gap, gaps_within
from forcedflow.errors import UsageError
from forcedflow.store import Lake, TableChange
from forcedflow.tables import is_simulated
from forcedflow.units import DAY_MS

SHOWN_MS = 14 * DAY_MS
"""Span shown by default. [ms]"""

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


def ask(
    lake: Lake | None, at_ms: int, from_ms: int | None, to_ms: int | None, venue: str
) -> dict[str, Any]:
    """Return the calendar; without a span of the two weeks from the moment on.

    Parameters and errors are those of `read`.
    """
    first = at_ms if from_ms is None else from_ms
    return answer(read(lake, at_ms, first, first + SHOWN_MS if to_ms is None else to_ms, venue))


def read(lake: Lake | None, at_ms: int, from_ms: int, to_ms: int, venue: str) -> Shown:
    """Return the calendar of a span as known at a moment.

    Parameters
    ----------
    lake : Lake or None
        None for the shipped facts alone.
    at_ms : int
        The moment. [UTC ms]
    from_ms, to_ms : int
        Span shown, the end exclusive. [UTC ms]
    venue : str
        Whose next funding stamp is shown.

    Raises
    ------
    UsageError
        If the span is empty, or the venue's funding interval is not known.
    """
    if to_ms <= from_ms:
        raise UsageError("the span shown is empty\nhint: --to after --from")
    if venue not in USUAL_INTERVAL_HOURS:
        known = ", ".join(USUAL_INTERVAL_HOURS)
        raise UsageError(f"the funding interval of {venue!r} is not known\nhint: one of {known}")
    # A window may reach into the span, or to the moment, from an event outside it.
    first, last = min(at_ms, from_ms) - LONGEST_MS, max(at_ms, to_ms) + LONGEST_MS
    rows = read_events(lake, at_ms, first, last)
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


def answer(shown: Shown, changes: Sequence[tuple[str, TableChange]] = ()) -> dict[str, Any]:
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
        "assumptions": RULES,
        "freshness": {
            "newest_known_since": iso_time(max(window.known_ms for window in shown.windows))
            if shown.windows
            else None
        },
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

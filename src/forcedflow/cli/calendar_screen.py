"""The calendar for people: what is near, the list, and what is missing.

In:  what the command read.   Out: text on standard output.
Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from forcedflow.cli.options import console, format_time
from forcedflow.units import format_age

if TYPE_CHECKING:
    from forcedflow.answers.calendar import Shown
    from forcedflow.econ_calendar import EventWindow

_WIDE = 110
"""From so many characters on there is room for wall times too."""


def print_calendar(shown: Shown, changes: Sequence[str]) -> None:
    """Print the calendar.

    Parameters
    ----------
    shown : Shown
        What the command read.
    changes : sequence of str
        What was added before, a line each.
    """
    screen = console()
    for line in changes:
        screen.print(line)
    simulated = " · SIMULATED" if shown.simulated else ""
    screen.print(
        f"scheduled events · as known at {format_time(shown.at_ms)}{simulated}\n{_near(shown)}\n"
        f"next funding on {shown.venue}: {format_time(shown.funding_ms)}\n"
    )
    if shown.windows:
        screen.print(_table(shown, screen.width))
    else:
        screen.print("no event is known in this span")
    for gap in shown.gaps:
        since, until = (f"from {gap.start} " if gap.start else ""), gap.end and f"to {gap.end}"
        screen.print(f"missing: {gap.event} {since}{until or 'on'}: {gap.why}")
    if any(window.trust == "B" for window in shown.windows):
        screen.print("B: transcribed from an official page that was not read itself; confirm there")


def _near(shown: Shown) -> str:
    near = shown.near
    if near is None:
        return "no window is open or opens within 6 h"
    if near.contains(shown.at_ms):
        return f"open: {near.event}, until {format_time(near.end_ms)}"
    ahead = format_age(near.start_ms - shown.at_ms)
    return f"next: {near.event} at {_when(near)} UTC, its window opens in {ahead}"


def _table(shown: Shown, width: int) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("event", overflow="fold", min_width=18)
    if width >= _WIDE:
        table.add_column("local", no_wrap=True)
    table.add_column("window", no_wrap=True)
    table.add_column("weight", justify="right")
    table.add_column("status", no_wrap=True)
    table.add_column("trust", no_wrap=True)
    for window in shown.windows:
        cells = [_when(window), window.event]
        if width >= _WIDE:
            cells.append(f"{_local(window)} ({window.country})")
        cells += [_window(window), f"{window.weight:g}", window.status, window.trust or "–"]
        table.add_row(*cells)
    return table


def _when(window: EventWindow) -> str:
    text = format_time(window.event_ms)
    return text[:-1] if window.local_time is not None else f"{text[:10]} (day)"


def _window(window: EventWindow) -> str:
    start, end = format_time(window.start_ms)[:-1], format_time(window.end_ms)[:-1]
    # Of a window within one day the day is said by the event's time.
    return f"{start[11:]} – {end[11:]}" if start[:10] == end[:10] else f"{start[5:]} –\n{end[5:]}"


def _local(window: EventWindow) -> str:
    place = (window.timezone or "UTC").rpartition("/")[2].replace("_", " ")
    return f"{window.local_time or '?'} {place}"

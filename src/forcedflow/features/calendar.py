"""Calendar: how long until the next scheduled event, as it was known.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns. [h, 1]
Pure: frames in, NumPy out; no I/O, no clock, no global state.

An event counts from when its date was known until its window closes, unless it was withdrawn
before. While windows are open the heaviest counts; else the one that opens next.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from forcedflow.features.feature import Feature
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.rows import NEVER_MS
from forcedflow.units import F8, HOUR_MS, I8, MINUTE_MS

_TABLES = ("calendar_events",)

# Of an event that states no window: what any scheduled release gets.
_BEFORE_MS, _AFTER_MS = 30 * MINUTE_MS, 2 * HOUR_MS

FEATURES = (
    Feature(
        "hours_to_event",
        "h",
        "Hours until the window of the next scheduled event opens; 0 inside it.",
        0,
        _TABLES,
        None,
        "calendar",
    ),
    Feature(
        "event_weight",
        "1",
        "Weight of that event; 1 moves the market most.",
        0,
        _TABLES,
        None,
        "calendar",
    ),
)


class _Schedule(NamedTuple):
    """Events by when their windows open; of those that open together the heaviest first."""

    name: list[tuple[str, str]]
    weight: F8
    known: I8
    opens: I8
    ends: I8
    heaviest_last: I8


def compute(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the family's columns, shape (n,) each; NaN where no event was known."""
    schedule = _schedule(inputs)
    if not schedule.name:
        unknown = np.full(times_ms.size, np.nan)
        return {"hours_to_event": unknown, "event_weight": unknown.copy()}
    row = _next(schedule, times_ms)
    hours = np.maximum(schedule.opens[row] - times_ms, 0) / HOUR_MS
    return {
        "hours_to_event": np.where(row >= 0, hours, np.nan),
        "event_weight": np.where(row >= 0, schedule.weight[row], np.nan),
    }


def next_event(inputs: FeatureInputs, at_ms: int) -> str | None:
    """Return the name of the event that the columns count towards at a moment."""
    schedule = _schedule(inputs)
    row = int(_next(schedule, np.array([at_ms], dtype=np.int64))[0])
    if row < 0:
        return None
    event, symbol = schedule.name[row]
    return f"{event} ({symbol})"


def _schedule(inputs: FeatureInputs) -> _Schedule:
    frame, rows = inputs.calendar_events, inputs.rows("calendar_events")
    names = list(zip(frame["event"].to_list(), frame["symbol"].to_list(), strict=True))
    place = {name: i for i, name in enumerate(sorted(set(names)))}
    alphabet = np.array([place[name] for name in names], dtype=np.int64)
    weight = _stated(rows["weight"], 1.0)
    opens = rows.event_ms - _stated(rows["before_ms"], _BEFORE_MS).astype(np.int64)
    closes = rows.event_ms + _stated(rows["after_ms"], _AFTER_MS).astype(np.int64)
    withdrawn = rows["withdrawn_time"]
    ends = np.where(withdrawn == NEVER_MS, closes, np.minimum(closes, withdrawn))
    order = np.lexsort((alphabet, -weight, opens))
    return _Schedule(
        name=[names[row] for row in order],
        weight=weight[order],
        known=rows.known_ms[order],
        opens=opens[order],
        ends=ends[order],
        heaviest_last=np.lexsort((-alphabet[order], weight[order])),
    )


def _stated(column: F8, default: float) -> F8:
    return np.where(np.isnan(column), default, column)


def _next(schedule: _Schedule, times_ms: I8) -> I8:
    """Which row counts at every moment; -1 where none is known."""
    known, opens, ends = (
        np.searchsorted(times_ms, when, side="left").tolist()
        for when in (schedule.known, schedule.opens, schedule.ends)
    )
    found = np.full(times_ms.size, -1, dtype=np.int64)
    # Whoever comes last has the last word: of those to come the next, of those open the heaviest.
    for row in range(len(known) - 1, -1, -1):
        found[known[row] : min(opens[row], ends[row])] = row
    for row in schedule.heaviest_last.tolist():
        found[max(known[row], opens[row]) : ends[row]] = row
    return found

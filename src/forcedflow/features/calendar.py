"""Calendar: how long until the next scheduled event, as it was known.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns. [h, 1]
Pure: frames in, NumPy out; no I/O, no clock, no global state.

An event counts from when its date was known until its window closes, unless it was withdrawn
before. While windows are open the heaviest counts; else the one that opens next.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from forcedflow.features.feature import Feature
from forcedflow.features.grid import event_ms, known_ms
from forcedflow.features.inputs import FeatureInputs
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


def compute(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the family's columns, shape (n,) each; NaN where no event was known."""
    rows = _in_order(inputs.calendar_events)
    if rows.is_empty():
        unknown = np.full(times_ms.size, np.nan)
        return {"hours_to_event": unknown, "event_weight": unknown.copy()}
    row = _next(rows, times_ms)
    hours = np.maximum(_opens(rows)[row] - times_ms, 0) / HOUR_MS
    return {
        "hours_to_event": np.where(row >= 0, hours, np.nan),
        "event_weight": np.where(row >= 0, rows["weight"].to_numpy()[row], np.nan),
    }


def next_event(inputs: FeatureInputs, at_ms: int) -> str | None:
    """Return the name of the event that the columns count towards at a moment."""
    rows = _in_order(inputs.calendar_events)
    row = int(_next(rows, np.array([at_ms], dtype=np.int64))[0])
    return None if row < 0 else f"{rows['event'][row]} ({rows['symbol'][row]})"


def _in_order(events: pl.DataFrame) -> pl.DataFrame:
    """Events by when their windows open; of those that open together the heaviest first."""
    stated = events.with_columns(
        pl.col("weight").fill_null(1.0),
        pl.col("before_ms").fill_null(_BEFORE_MS),
        pl.col("after_ms").fill_null(_AFTER_MS),
    )
    opens = pl.col("event_time").dt.epoch("ms") - pl.col("before_ms")
    return stated.sort(opens, -pl.col("weight"), "event", "symbol")


def _opens(rows: pl.DataFrame) -> I8:
    opens: I8 = event_ms(rows) - rows["before_ms"].to_numpy()
    return opens


def _next(rows: pl.DataFrame, times_ms: I8) -> I8:
    """Which row counts at every moment; -1 where none is known."""
    closes = event_ms(rows) + rows["after_ms"].to_numpy()
    withdrawn = rows["withdrawn_time"].dt.epoch("ms").fill_null(np.iinfo(np.int64).max).to_numpy()
    known, opens, ends = (
        np.searchsorted(times_ms, when, side="left")
        for when in (known_ms(rows), _opens(rows), np.minimum(closes, withdrawn))
    )
    found = np.full(times_ms.size, -1, dtype=np.int64)
    # Whoever comes last has the last word: of those to come the next, of those open the heaviest.
    for row in range(rows.height - 1, -1, -1):
        found[known[row] : min(opens[row], ends[row])] = row
    lightest_first = (
        rows.with_row_index().sort("weight", "event", "symbol", descending=[False, True, True])
    )["index"]
    for row in lightest_first:
        found[max(known[row], opens[row]) : ends[row]] = row
    return found

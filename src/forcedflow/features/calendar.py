"""Calendar: how long until the next scheduled event, as it was known.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns. [h, 1]
Pure: frames in, NumPy out; no I/O, no clock, no global state.

An event counts from when its date was known until its window closes, unless it was withdrawn
before. Where a window is not stated it is the moment itself.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from forcedflow.features.feature import Feature
from forcedflow.features.grid import event_ms, known_ms
from forcedflow.features.inputs import FeatureInputs
from forcedflow.units import F8, HOUR_MS, I8

_TABLES = ("calendar_events",)

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
    row = _next(rows, times_ms)
    is_known = row >= 0
    if rows.is_empty():
        unknown = np.full(times_ms.size, np.nan)
        return {"hours_to_event": unknown, "event_weight": unknown}
    opens = event_ms(rows) - rows["before_ms"].fill_null(0).to_numpy()
    weight = rows["weight"].fill_null(1.0).to_numpy()
    hours = np.maximum(opens[row] - times_ms, 0) / HOUR_MS
    return {
        "hours_to_event": np.where(is_known, hours, np.nan),
        "event_weight": np.where(is_known, weight[row], np.nan),
    }


def next_event(inputs: FeatureInputs, at_ms: int) -> str | None:
    """Return the name of the event that the columns count towards at a moment."""
    rows = _in_order(inputs.calendar_events)
    row = int(_next(rows, np.array([at_ms], dtype=np.int64))[0])
    return None if row < 0 else f"{rows['event'][row]} ({rows['symbol'][row]})"


def _in_order(events: pl.DataFrame) -> pl.DataFrame:
    """Events by when their windows open; of those that open together the weightiest first."""
    opens = pl.col("event_time").dt.epoch("ms") - pl.col("before_ms").fill_null(0)
    return events.sort(
        opens,
        pl.col("weight").fill_null(1.0),
        "event",
        "symbol",
        descending=[False, True, False, False],
    )


def _next(rows: pl.DataFrame, times_ms: I8) -> I8:
    """Which row is next at every moment; -1 where none is known."""
    closes = event_ms(rows) + rows["after_ms"].fill_null(0).to_numpy()
    withdrawn = rows["withdrawn_time"].dt.epoch("ms").fill_null(np.iinfo(np.int64).max).to_numpy()
    found = np.full(times_ms.size, -1, dtype=np.int64)
    first = np.searchsorted(times_ms, known_ms(rows), side="left")
    stop = np.minimum(
        np.searchsorted(times_ms, closes, side="right"),
        np.searchsorted(times_ms, withdrawn, side="left"),
    )
    # From the last to the first, so that the earlier event has the last word.
    for row in range(rows.height - 1, -1, -1):
        found[first[row] : stop[row]] = row
    return found

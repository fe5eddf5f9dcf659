"""Signal 8: a scheduled event is close, or its window has opened.

In:  a `FeatureTable`.   Out: `Judged`, `SIGNAL`.
Pure: NumPy in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import numpy as np

from forcedflow.features.table import FeatureTable
from forcedflow.signals.missing import missing_words
from forcedflow.signals.signal import BOTH, UNKNOWN, Judged, Signal, judged
from forcedflow.signals.threshold import Quantile, trailing_quantile

AHEAD_HOURS = 6.0
"""An event whose window opens within this is close. [h]"""

LEAST_WEIGHT = 0.25
"""A lighter event is passed over: weekly expiries would make every Friday one. [1]"""


def judge(
    table: FeatureTable,
    quantile: Quantile = trailing_quantile,  # noqa: ARG001 - the form of every rule
) -> Judged:
    """Return at every moment whether an event that was known then was close."""
    hours, weight = table["hours_to_event"], table["event_weight"]
    return judged(
        hours,
        np.where(np.isnan(hours), np.nan, AHEAD_HOURS),
        ~np.isnan(hours) & ~np.isnan(weight),
        (hours <= AHEAD_HOURS) & (weight >= LEAST_WEIGHT),
        BOTH,
    )


def why(table: FeatureTable, found: Judged) -> str:
    """Return which event is next, and when."""
    if found.verdict[-1] == UNKNOWN:
        return missing_words(table, "calendar_events")
    name = table.labels.get("next_event", "an event without a name")
    hours, weight = table.last("hours_to_event"), table.last("event_weight")
    if hours == 0:
        return f"the window of {name} is open (weight {weight:g})"
    light = ", too light to count" if weight < LEAST_WEIGHT else ""
    return f"the window of {name} opens in {hours:.1f} h (weight {weight:g}{light})"


SIGNAL = Signal(
    name="volatility_window",
    title="A known volatility window is ahead",
    unit="h",
    tables=("calendar_events",),
    threshold_words=f"within {AHEAD_HOURS:g} h, weight {LEAST_WEIGHT:g} or more",
    judge=judge,
    why=why,
)

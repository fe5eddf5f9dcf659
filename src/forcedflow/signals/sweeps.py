"""Signal 7: highs or lows were swept again and again, and the price came back at once.

In:  a `FeatureTable`.   Out: `Judged`, `SIGNAL`.
Pure: NumPy in, values out; no I/O, no clock, no global state.

Who opened on the break of a high stands wrong as soon as the price is back below it: swept highs
leave longs that would be closed on the way down. Two sweeps of a side within a day are common: the
recorded majors show them every other day. So repeated means, besides, more than this market is used
to.
"""

from __future__ import annotations

import math

import numpy as np

from forcedflow.features.table import FeatureTable
from forcedflow.signals.missing import missing_words
from forcedflow.signals.signal import BOTH, DOWN, UNKNOWN, UP, Judged, Signal, judged
from forcedflow.signals.threshold import (
    EXTREME,
    EXTREME_WORDS,
    WINDOW_WORDS,
    Quantile,
    trailing_quantile,
)

REPEATED = 2.0
"""Fewer sweeps of one side within 24 h are not repeated. [1]"""


def judge(table: FeatureTable, quantile: Quantile = trailing_quantile) -> Judged:
    """Return at every moment whether one side had been swept repeatedly within a day."""
    highs, lows = table["sweeps_high_24h"], table["sweeps_low_24h"]
    value = np.maximum(highs, lows)
    least = np.maximum(quantile(value, EXTREME), REPEATED)
    high, low = highs >= least, lows >= least
    return judged(
        value,
        least,
        ~np.isnan(value) & ~np.isnan(least),
        high | low,
        np.where(high & low, BOTH, np.where(high, DOWN, UP)),
    )


def why(table: FeatureTable, found: Judged) -> str:
    """Return how often which side was swept of late."""
    if found.verdict[-1] == UNKNOWN:
        return missing_words(table, ("mark klines", "open_interest", "perpetual klines"))
    highs, lows = table.last("sweeps_high_24h"), table.last("sweeps_low_24h")
    since = table.last("hours_since_sweep")
    newest = "" if math.isnan(since) else f", the newest {since:.1f} h ago"
    return f"in 24 h {highs:.0f} highs and {lows:.0f} lows were poked and lost at once{newest}"


SIGNAL = Signal(
    name="sweeps",
    title="Repeated sweeps that came back at once",
    unit="sweeps of one side in 24 h",
    tables=("mark klines", "open_interest", "perpetual klines"),
    threshold_words=f"{EXTREME_WORDS} of the {WINDOW_WORDS}, at least {REPEATED:g}",
    judge=judge,
    why=why,
)

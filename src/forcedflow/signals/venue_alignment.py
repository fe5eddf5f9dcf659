"""Signal 6: several venues have the same cluster.

In:  a `FeatureTable` with the columns of alignment.   Out: `Judged`, `SIGNAL`.
Pure: NumPy in, values out; no I/O, no clock, no global state.

A cluster of one venue is closed into one book. Where venues' ladders lie over each other, closing
on one moves the mark of the next into its own cluster.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forcedflow.features.rows import Bools
from forcedflow.features.table import FeatureTable
from forcedflow.signals.missing import missing_words
from forcedflow.signals.signal import BOTH, DOWN, UNKNOWN, UP, Judged, Signal, judged
from forcedflow.signals.threshold import WINDOW_WORDS, Quantile, trailing_quantile
from forcedflow.units import F8

ALIGNED = 0.8
"""Ladders that overlap more than in this share of the trailing window are aligned. [1]"""

LEAST_OVERLAP = 0.5
"""Nor are any that share less than this. [1]"""


@dataclass(frozen=True, slots=True)
class _Side:
    overlap: F8
    least: F8

    @property
    def is_aligned(self) -> Bools:
        aligned: Bools = self.overlap >= self.least
        return aligned


def judge(table: FeatureTable, quantile: Quantile = trailing_quantile) -> Judged:
    """Return at every moment whether venues' ladders were aligned, of the side that is more so."""
    below, above = (_side(table[f"alignment_{name}"], quantile) for name in ("below", "above"))
    is_above = above.overlap - above.least > below.overlap - below.least
    aligned = below.is_aligned, above.is_aligned
    return judged(
        np.where(is_above, above.overlap, below.overlap),
        np.where(is_above, above.least, below.least),
        ~np.isnan(below.least + above.least + below.overlap + above.overlap),
        aligned[0] | aligned[1],
        np.where(aligned[0] & aligned[1], BOTH, np.where(aligned[0], DOWN, UP)),
    )


def _side(overlap: F8, quantile: Quantile) -> _Side:
    return _Side(overlap, np.maximum(quantile(overlap, ALIGNED), LEAST_OVERLAP))


def why(table: FeatureTable, found: Judged) -> str:
    """Return how much of the venues' ladders lies over each other, on both sides."""
    below, above = (table.last(f"alignment_{name}") for name in ("below", "above"))
    if found.verdict[-1] == UNKNOWN:
        if math.isnan(below) or math.isnan(above):
            return "unknown: no ladders of two or more venues; needs open_interest of another venue"
        return missing_words(table, "open_interest", ("mark klines", "perpetual klines"))
    venues = table.labels.get("alignment_of")
    of = f" of {venues}" if venues else ""
    return f"ladders{of} overlap to {below:.2f} below and {above:.2f} above the price"


SIGNAL = Signal(
    name="venue_alignment",
    title="Several venues have the same cluster",
    unit="overlap",
    tables=("open_interest", "mark klines", "perpetual klines"),
    threshold_words=(
        f"{100 * ALIGNED:g} % of the side's {WINDOW_WORDS}, at least {LEAST_OVERLAP:g} of 1"
    ),
    judge=judge,
    why=why,
)

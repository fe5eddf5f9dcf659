"""Signal 1: a large cluster of estimated liquidations stands close to the price.

In:  a `FeatureTable` with the map's columns.   Out: `Judged`, `SIGNAL`.
Pure: NumPy in, values out; no I/O, no clock, no global state.

Near is at most three percent and at most `NEAR_SIGMA` expected daily deviations away: three percent
is an hour of one month and a week of another. Large is measured against what stood near on the same
side in the past, nothing included, and is never less than what makes a cluster major.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forcedflow.features.rows import Bools
from forcedflow.features.table import FeatureTable
from forcedflow.signals.missing import missing_words
from forcedflow.signals.signal import BOTH, DOWN, ON, UNKNOWN, UP, Judged, Signal, judged
from forcedflow.signals.threshold import (
    EXTREME,
    EXTREME_WORDS,
    WINDOW_WORDS,
    Quantile,
    trailing_quantile,
)
from forcedflow.units import F8
from forcedflow.zones.find import MAJOR_SHARE

NEAR_PCT = 3.0
"""A cluster further away is not near. [%]"""

VERY_NEAR_PCT = 1.0
"""Within this it is said to be very near; the verdict is the same. [%]"""

NEAR_SIGMA = 1.5
"""Nor is one further away than this near. [σ of a day]"""


@dataclass(frozen=True, slots=True)
class _Side:
    """Near clusters of one side at ``n`` moments; 0 where none is near. [share of contracts]"""

    size: F8
    least: F8
    is_known: Bools

    @property
    def is_large(self) -> Bools:
        large: Bools = self.size >= self.least
        return large


def judge(table: FeatureTable, quantile: Quantile = trailing_quantile) -> Judged:
    """Return at every moment whether a large cluster was near, of the side that is nearer to it."""
    below, above = (_side(table, name, quantile) for name in ("below", "above"))
    is_above = above.size / above.least > below.size / below.least
    large = below.is_large, above.is_large
    return judged(
        np.where(is_above, above.size, below.size),
        np.where(is_above, above.least, below.least),
        below.is_known & above.is_known,
        large[0] | large[1],
        np.where(large[0] & large[1], BOTH, np.where(large[0], DOWN, UP)),
    )


def _side(table: FeatureTable, name: str, quantile: Quantile) -> _Side:
    # Where the map is known and holds no cluster there is none; that is not missing.
    is_mapped = ~np.isnan(table[f"mass_{name}_3pct"])
    share, sigma = table[f"cluster_{name}_share"], np.abs(table[f"cluster_{name}_sigma"])
    is_found = is_mapped & ~np.isnan(share)
    pct = np.abs(table[f"cluster_{name}_pct"])
    is_near = is_found & (pct <= NEAR_PCT) & (sigma <= NEAR_SIGMA)
    is_told = is_mapped & ~(is_found & np.isnan(sigma))
    size = np.where(is_told, np.where(is_near, share, 0.0), np.nan)
    least = np.maximum(quantile(size, EXTREME), MAJOR_SHARE)
    return _Side(size, least, is_told & ~np.isnan(least))


def why(table: FeatureTable, found: Judged) -> str:
    """Return where the clusters of both sides stand at the last moment."""
    if found.verdict[-1] == UNKNOWN:
        return missing_words(table, "open_interest", ("mark klines", "perpetual klines"))
    words = "; ".join(_words(table, name) for name in ("below", "above"))
    if found.verdict[-1] == ON:
        return f"{words}; near, and large from {100 * found.threshold[-1]:.1f} %"
    return f"{words}; none both near and large"


def _words(table: FeatureTable, name: str) -> str:
    distance = abs(table.last(f"cluster_{name}_pct"))
    if math.isnan(distance):
        return f"no cluster {name}"
    sigma = abs(table.last(f"cluster_{name}_sigma"))
    very = "very near, " if distance <= VERY_NEAR_PCT else ""
    share = 100 * table.last(f"cluster_{name}_share")
    return f"{name}: {share:.1f} % of open interest, {very}{distance:.2f} % ({sigma:.1f} σ) away"


SIGNAL = Signal(
    name="large_cluster",
    title="A large cluster is near the price",
    unit="share of open interest",
    tables=("open_interest", "mark klines", "perpetual klines"),
    threshold_words=(
        f"{EXTREME_WORDS} of the {WINDOW_WORDS}, at least {100 * MAJOR_SHARE:g} %; near is within "
        f"{NEAR_PCT:g} % and {NEAR_SIGMA:g} σ of a day"
    ),
    judge=judge,
    why=why,
)

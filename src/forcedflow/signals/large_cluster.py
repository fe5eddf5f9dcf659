"""Signal 1: a large cluster of estimated liquidations stands close to the price.

In:  a `FeatureTable` with the map's columns.   Out: `Judged`, `SIGNAL`.
Pure: NumPy in, values out; no I/O, no clock, no global state.

Near is at most three percent and at most `NEAR_SIGMA` expected daily deviations away: three percent
is an hour of one month and a week of another. Large is measured against the side's own past, and
never less than what makes a cluster major.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forcedflow.features.grid import Bools
from forcedflow.features.table import FeatureTable
from forcedflow.signals.missing import missing_words
from forcedflow.signals.signal import BOTH, DOWN, ON, UNKNOWN, UP, Judged, Signal, judged
from forcedflow.signals.threshold import WINDOW_WORDS, trailing_quantile
from forcedflow.units import F8
from forcedflow.zones.find import MAJOR_SHARE

NEAR_PCT = 3.0
"""A cluster further away is not near. [%]"""

VERY_NEAR_PCT = 1.0
"""Within this it is said to be very near; the verdict is the same. [%]"""

NEAR_SIGMA = 1.5
"""Nor is one further away than this near. [σ of a day]"""

LARGE = 0.8
"""A cluster above this share of the trailing window is large. [1]"""


@dataclass(frozen=True, slots=True)
class _Side:
    """Clusters of one side at ``n`` moments: size and least large size as shares of contracts."""

    size: F8
    floor: F8
    is_near: Bools
    is_known: Bools

    @property
    def is_large(self) -> Bools:
        large: Bools = self.is_near & (self.size >= self.floor)
        return large


def judge(table: FeatureTable) -> Judged:
    """Return at every moment whether a large cluster was near, of the side that is nearer to it."""
    below, above = (_side(table, name) for name in ("below", "above"))
    with np.errstate(invalid="ignore"):
        excess = [np.where(side.is_near, side.size / side.floor, -1.0) for side in (below, above)]
    is_above = (excess[1] > excess[0]) | (
        (excess[1] == excess[0]) & (_distance(table, "above") < _distance(table, "below"))
    )
    large = below.is_large, above.is_large
    return judged(
        np.where(is_above, above.size, below.size),
        np.where(is_above, above.floor, below.floor),
        below.is_known & above.is_known,
        large[0] | large[1],
        np.where(large[0] & large[1], BOTH, np.where(large[0], DOWN, UP)),
    )


def _side(table: FeatureTable, name: str) -> _Side:
    # Where the map is known and holds no cluster there is none; that is not missing.
    is_mapped = ~np.isnan(table[f"mass_{name}_3pct"])
    share = table[f"cluster_{name}_share"]
    is_found = is_mapped & ~np.isnan(share)
    size = np.where(is_found, share, np.where(is_mapped, 0.0, np.nan))
    floor = np.maximum(trailing_quantile(size, LARGE), MAJOR_SHARE)
    sigma = np.abs(table[f"cluster_{name}_sigma"])
    is_near = is_found & (_distance(table, name) <= NEAR_PCT) & (sigma <= NEAR_SIGMA)
    is_known = is_mapped & ~np.isnan(floor) & ~(is_found & np.isnan(sigma))
    return _Side(size, floor, is_near, is_known)


def _distance(table: FeatureTable, name: str) -> F8:
    return np.abs(table[f"cluster_{name}_pct"])


def why(table: FeatureTable, found: Judged) -> str:
    """Return where the clusters of both sides stand at the last moment."""
    if found.verdict[-1] == UNKNOWN:
        return missing_words(table, "open_interest", ("mark klines", "perpetual klines"))
    words = "; ".join(_words(table, name) for name in ("below", "above"))
    if found.verdict[-1] == ON:
        return f"{words}; large from {100 * found.threshold[-1]:.1f} %"
    return f"{words}; none of them large and within {NEAR_PCT:g} % and {NEAR_SIGMA:g} σ"


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
        f"{LARGE:.0%} of the side's nearest clusters of the {WINDOW_WORDS}, at least "
        f"{MAJOR_SHARE:.0%}; within {NEAR_PCT:g} % and {NEAR_SIGMA:g} σ of a day"
    ),
    judge=judge,
    why=why,
)

"""Alignment's features: how venues' ladders agree, and whether this venue moves first.

In:  an `Alignment`; marks by venue. [quote per base]   Out: figures by name. [1]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

Ladders of one model over one price overlap by construction, so the level means little; a change
against the figure's own past may. See ``docs/theory/alignment.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.features.feature import KLINE_AGE_MS, Feature
from forcedflow.features.grid import COVERED, lagged, steps, trailing_count, trailing_sum
from forcedflow.features.table import STEP_MS
from forcedflow.units import DAY_MS, F8, I8
from forcedflow.zones.alignment import Alignment

LEAD_MS = DAY_MS
"""Window of the lead. [ms]"""

_FAMILY = "venue_alignment"
_TABLES = ("open_interest", "mark klines", "perpetual klines", "funding")


def _feature(name: str, doc: str, window_ms: int = 0) -> Feature:
    return Feature(name, "1", doc, window_ms, _TABLES, KLINE_AGE_MS, _FAMILY)


FEATURES: tuple[Feature, ...] = (
    _feature(
        "alignment_below",
        "Share of the venues' ladders below that pairs within 0.25 % of price or 0.1 σ.",
    ),
    _feature("alignment_above", "The same above."),
    _feature(
        "cluster_match_below",
        "Share of this venue's cluster mass below that lies in clusters of another venue too.",
    ),
    _feature("cluster_match_above", "The same above."),
    _feature("venue_share_of_oi", "This venue's share of the venues' open interest, in contracts."),
    _feature(
        "venue_lead",
        "Correlation of this venue's five-minute returns with the others' next ones, less that "
        "the other way round, over the trailing day: above zero this venue moves first.",
        LEAD_MS,
    ),
)

READ_NAMES: tuple[str, ...] = tuple(f.name for f in FEATURES if f.name != "venue_lead")
"""Columns that are read off an alignment."""


@dataclass(frozen=True, slots=True)
class Marks:
    """A venue's mark prices, as bars end.

    Parameters
    ----------
    end_ms : ndarray of int, shape (t,)
        Ends of bars. [UTC ms]
    price : ndarray, shape (t,)
        [quote per base]
    taken_ms : ndarray of int, shape (t,)
        Moment at which each was known, not decreasing. [UTC ms]
    """

    end_ms: I8
    price: F8
    taken_ms: I8


def read_alignment(alignment: Alignment) -> dict[str, float]:
    """Return the figures of the first venue of an alignment, by name."""
    return {
        "alignment_below": alignment.below.together,
        "alignment_above": alignment.above.together,
        "cluster_match_below": float(alignment.below.matched[0]),
        "cluster_match_above": float(alignment.above.matched[0]),
        "venue_share_of_oi": float(alignment.share_of_oi[0]),
    }


def venue_lead(venues: Sequence[Marks], times_ms: I8) -> F8:
    """Return how much more the first venue goes ahead of the others than behind them.

    Parameters
    ----------
    venues : sequence of Marks
        Of one coin.
    times_ms : ndarray of int, shape (n,)
        Moments, increasing. [UTC ms]

    Returns
    -------
    ndarray, shape (n,)
        Mean over the other venues whose lead is known; NaN where none is. Prices are compared by
        when they stood, and count from when both were known. [1]
    """
    own, *others = venues
    if not others:
        return np.full(times_ms.size, np.nan)
    leads = np.stack([_lead_at(own, other, times_ms) for other in others])
    known = ~np.isnan(leads)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nan_to_num(leads).sum(axis=0) / known.sum(axis=0))


def trailing_lead(first: F8, second: F8, window: int) -> F8:
    r"""Return over a trailing window how much more one series goes ahead by a step than behind.

    Parameters
    ----------
    first, second : ndarray, shape (n,)
        Returns on one row of equal steps; NaN where unknown.
    window : int
        Steps, at least 2.

    Returns
    -------
    ndarray, shape (n,)
        :math:`\rho_1 - \rho_{-1}`, both normed over the window; above zero the first leads. NaN
        where too little is known or a series does not move. [1]
    """
    ahead, behind = lagged(first, 1) * second, first * lagged(second, 1)
    enough = np.minimum(trailing_count(ahead, window), trailing_count(behind, window))
    power = np.sqrt(trailing_sum(first**2, window) * trailing_sum(second**2, window))
    difference = trailing_sum(ahead, window) - trailing_sum(behind, window)
    is_known = (enough >= COVERED * window) & (power > 0)
    return np.where(is_known, difference / np.where(is_known, power, 1.0), np.nan)


def _lead_at(own: Marks, other: Marks, times_ms: I8) -> F8:
    """Lead over one other venue, brought from the times prices stood to when they were known."""
    found = np.full(times_ms.size, np.nan)
    if not (own.end_ms.size and other.end_ms.size and times_ms.size):
        return found
    start = int(times_ms[0]) - LEAD_MS - KLINE_AGE_MS
    events = np.arange(start // STEP_MS * STEP_MS, int(times_ms[-1]) + 1, STEP_MS, dtype=np.int64)
    placed = [_on(marks, events) for marks in (own, other)]
    first, second = (np.log(price / lagged(price, 1)) for price, _ in placed)
    lead = trailing_lead(first, second, steps(LEAD_MS))
    known = np.maximum(placed[0][1], placed[1][1])
    # Where one price is not told yet the figure is of fewer pairs, and would be another later.
    both = ~np.isnan(placed[0][0]) & ~np.isnan(placed[1][0])
    rows = np.flatnonzero(both & ~np.isnan(lead))
    newest = np.searchsorted(known[rows], times_ms, side="right") - 1
    row = rows[np.maximum(newest, 0)] if rows.size else np.zeros(times_ms.size, dtype=np.int64)
    is_known = (newest >= 0) & (times_ms - events[row] <= KLINE_AGE_MS)
    return np.where(is_known, lead[row], np.nan)


def _on(marks: Marks, events: I8) -> tuple[F8, I8]:
    """Prices at times, NaN between bars, and when each was known."""
    row = np.minimum(np.searchsorted(marks.end_ms, events), marks.end_ms.size - 1)
    is_there = marks.end_ms[row] == events
    price = np.where(is_there, marks.price[row], np.nan)
    return price, np.where(is_there, marks.taken_ms[row], np.int64(0))

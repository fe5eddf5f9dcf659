"""The course of a market: its inputs at every hour, its price, and the events known by then.

In:  a `FeatureTable`, an `EventRule`.   Out: `Course`; `Sample` with labels. [log price, UTC ms]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

What timing models read. Nothing in it looks ahead: an event counts from the moment at which it was
known to have been one. Both directions are one question asked twice: `turned` shows a market as if
the direction asked about were down, so that what is learned of falls serves for rises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from forcedflow.features.grid import steps, trailing_extreme
from forcedflow.features.rows import Bools
from forcedflow.features.table import FeatureTable
from forcedflow.forecast.events import WINDOW_MS, EventRule, Onsets, find_onsets, rare_changes
from forcedflow.forecast.labels import SIGNS, Labels, lay_labels
from forcedflow.forecast.rows import Rows
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8

_SWAPPED = (("long", "short"), ("below", "above"), ("down", "up"), ("low", "high"))

_SIGNED = frozenset(
    {
        "liq_imbalance",
        "return_4h",
        "return_24h",
        "funding",
        "funding_rank",
        "funding_streak",
        "basis_rank",
        "perp_lead",
        "accounts_rank",
        "map_asymmetry",
    }
)


@dataclass(frozen=True, slots=True)
class Course:
    """One market at ``n`` moments.

    Parameters
    ----------
    rows : Rows
    price, low, high : ndarray, shape (n,)
        Log price, and its lowest and highest of the last hour. [log price]
    sigma : ndarray, shape (n,)
        Deviation expected of the coming hour. [log price]
    needed : ndarray, shape (n,)
        Least move within an hour that an event takes. [log price]
    events_ms, known_ms : ndarray of int, shape (k,)
        When events began, and from when on it was known that they had. [UTC ms]
    sign : ndarray of int, shape (k,)
        -1 where the price fell, 1 where it rose.
    """

    rows: Rows
    price: F8
    low: F8
    high: F8
    sigma: F8
    needed: F8
    events_ms: I8
    known_ms: I8
    sign: I8

    @property
    def market(self) -> str:
        """Return the venue and symbol."""
        return f"{self.rows.venue} {self.rows.symbol}"

    @property
    def times_ms(self) -> I8:
        """Return the moments. [UTC ms]"""
        return self.rows.times_ms

    def cut(self, chosen: Bools) -> Course:
        """Return the chosen moments, with every event."""
        return Course(
            self.rows.cut(chosen),
            self.price[chosen],
            self.low[chosen],
            self.high[chosen],
            self.sigma[chosen],
            self.needed[chosen],
            self.events_ms,
            self.known_ms,
            self.sign,
        )

    def turned(self, direction: int) -> Rows:
        """Return the inputs as seen by a direction, 0 for down and 1 for up.

        For rises, below and above, longs and shorts change places and what has a sign changes it.
        """
        if SIGNS[direction] < 0:
            return self.rows
        rows = self.rows
        columns = {
            name: -rows.columns[name] if name in _SIGNED else rows.columns[other]
            for name in rows.columns
            if (other := mirrored(name)) in rows.columns
        }
        return Rows(rows.symbol, rows.venue, rows.times_ms, columns, rows.simulated)


@dataclass(frozen=True, slots=True)
class Sample:
    """A market's course and what came after each of its moments."""

    course: Course
    labels: Labels

    def cut(self, chosen: Bools) -> Sample:
        """Return the chosen moments."""
        return Sample(self.course.cut(chosen), self.labels.cut(chosen))


@cache
def mirrored(name: str) -> str:
    """Return the input that stands on the other side of price.

    Examples
    --------
    >>> mirrored("mass_below_3pct"), mirrored("liq_short_rank"), mirrored("sigma_1h")
    ('mass_above_3pct', 'liq_long_rank', 'sigma_1h')
    """
    words = name.split("_")
    for one, other in _SWAPPED:
        words = [{one: other, other: one}.get(word, word) for word in words]
    return "_".join(words)


def lay_course(table: FeatureTable, rows: Rows, rule: EventRule) -> Course:
    """Return the course of a market at every hour of a table.

    Parameters
    ----------
    table : FeatureTable
        With the map's columns where they are known.
    rows : Rows
        Its own, as `forcedflow.forecast.rows.lay_rows` returns them.
    rule : EventRule
        Of the events asked about.

    Returns
    -------
    Course
    """
    return _course(table, rows, rule, find_onsets(table, rule))


def _course(table: FeatureTable, rows: Rows, rule: EventRule, onsets: Onsets) -> Course:
    at = np.searchsorted(table.times_ms, rows.times_ms)
    with np.errstate(invalid="ignore", divide="ignore"):
        price = np.log(table["price"])
    sigma = table["sigma_day"] * np.sqrt(WINDOW_MS / DAY_MS)
    return Course(
        rows=rows,
        price=price[at],
        low=trailing_extreme(price, steps(HOUR_MS), np.fmin)[at],
        high=trailing_extreme(price, steps(HOUR_MS), np.fmax)[at],
        sigma=sigma[at],
        needed=rule.needed(table["sigma_day"])[at],
        events_ms=table.times_ms[onsets.first],
        known_ms=table.times_ms[onsets.first] + rule.ahead_ms,
        sign=onsets.sign,
    )


def lay_sample(table: FeatureTable, rows: Rows, rule: EventRule) -> Sample:
    """Return the course of a market with the labels of its moments; as `lay_course`."""
    return lay_samples(table, rows, (rule,))[0]


def lay_samples(table: FeatureTable, rows: Rows, rules: Sequence[EventRule]) -> tuple[Sample, ...]:
    """Return what `lay_sample` does for each of several rules.

    They share what is rare, which takes longer than all the rest.
    """
    rare = {asked: rare_changes(table, asked) for asked in {rule.trailing_ms for rule in rules}}
    laid = []
    for rule in rules:
        onsets = find_onsets(table, rule, rare[rule.trailing_ms])
        course = _course(table, rows, rule, onsets)
        laid.append(Sample(course, lay_labels(table, onsets, course.times_ms, rule)))
    return tuple(laid)

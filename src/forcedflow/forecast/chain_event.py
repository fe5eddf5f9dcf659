"""The trader's event: price reaches the named cluster, and the chain goes on to the next.

In:  a `FeatureTable` with the map's columns.   Out: `Labels`; `Sample`. [1]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

At every hour the map names the nearest major cluster of each side. The event is that price reaches
it and, within `ON_MS` of that, the cluster that the map names next, as it was read at the first
whole hour after. Where no cluster is named there is nothing to forecast and no label.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forcedflow.features.grid import COVERED, steps
from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.forecast.course import Sample, lay_course
from forcedflow.forecast.events import C2
from forcedflow.forecast.labels import SIGNS, STRETCHES_H, Labels
from forcedflow.forecast.rows import lay_rows
from forcedflow.units import F8, HOUR_MS, I8

NAME = "chain"
"""As scorecards name it."""

ON_MS = 4 * HOUR_MS
"""How long the chain has to reach the next cluster. [ms]"""

AHEAD_MS = STRETCHES_H[-1][1] * HOUR_MS + HOUR_MS + ON_MS
"""How far after a moment rows are read for its label: the map is read anew within an hour. [ms]"""

_COLUMNS = ("cluster_below_pct", "cluster_above_pct")


def lay_chain_labels(table: FeatureTable, times_ms: I8) -> Labels:
    """Return in which stretch the named cluster is reached with the chain going on.

    Parameters
    ----------
    table : FeatureTable
        With ``price``, ``cluster_below_pct`` and ``cluster_above_pct``.
    times_ms : ndarray of int, shape (n,)
        Moments of the table, on whole hours. [UTC ms]

    Returns
    -------
    Labels
        A cluster that is reached without the chain going on is no event, in that stretch and in
        those after it: so that hazards add up to the share of moments that a chain followed.

    References
    ----------
    .. [1] J. Fine, R. Gray, "A proportional hazards model for the subdistribution of a competing
       risk", JASA 94 (1999), 496-509.
    """
    at = np.searchsorted(table.times_ms, times_ms)
    price = table["price"]
    hazard = np.full((len(SIGNS), times_ms.size, len(STRETCHES_H)), np.nan)
    began: dict[tuple[int, int], None] = {}
    for way, sign in enumerate(SIGNS):
        level = _levels(table, way, sign)
        chained: dict[int, float] = {}
        for row, i in enumerate(at.tolist()):
            hit = _first_beyond(price, i + 1, steps(STRETCHES_H[-1][1] * HOUR_MS), level[i], sign)
            if hit is not None and hit not in chained:
                chained[hit] = _goes_on(table, level, hit, level[i], sign)
            for k, (begin, end) in enumerate(STRETCHES_H):
                first, last = i + steps(begin * HOUR_MS), i + steps(end * HOUR_MS)
                if last >= table.size or np.isnan(level[i]):
                    continue
                if hit is not None and hit <= first:
                    # A chain that failed will not begin any more; one that went on has begun.
                    hazard[way, row, k] = 0.0 if chained[hit] == 0.0 else np.nan
                elif hit is not None and hit <= last:
                    hazard[way, row, k] = chained[hit]
                    if chained[hit] == 1.0:
                        began[hit, sign] = None
                elif np.isfinite(price[i + 1 : last + 1]).mean() >= COVERED:
                    hazard[way, row, k] = 0.0
    events = sorted(began)
    return Labels(
        times_ms=times_ms,
        hazard=hazard,
        events_ms=table.times_ms[np.array([hit for hit, _ in events], dtype=np.int64)],
        sign=np.array([sign for _, sign in events], dtype=np.int64),
        ahead_ms=AHEAD_MS,
    )


def lay_chain_sample(table: FeatureTable, symbol: str, venue: str) -> Sample:
    """Return the course of a market with the labels of chains.

    Parameters
    ----------
    table : FeatureTable
    symbol, venue : str

    Returns
    -------
    Sample
        Its past events are chains that were known to have gone on.
    """
    course = lay_course(table, lay_rows(table, symbol, venue), C2)
    labels = lay_chain_labels(table, course.times_ms)
    known_ms = labels.events_ms + HOUR_MS + ON_MS
    own = replace(course, events_ms=labels.events_ms, known_ms=known_ms, sign=labels.sign)
    return Sample(own, labels)


def _levels(table: FeatureTable, way: int, sign: int) -> F8:
    """Return the price of the nearest named cluster at every moment. [quote per base]"""
    return np.asarray(table["price"] * (1 + sign * table[_COLUMNS[way]] / 100))


def _first_beyond(price: F8, first: int, count: int, level: float, sign: int) -> int | None:
    """Return the first moment at which price is at or beyond a level, None where it never is."""
    with np.errstate(invalid="ignore"):
        beyond = sign * (price[first : first + count] - level) >= 0
    return first + int(np.argmax(beyond)) if beyond.any() else None


def _goes_on(table: FeatureTable, level: F8, hit: int, reached: float, sign: int) -> float:
    """Return 1 where the next cluster is reached in time, 0 where not, NaN where not known."""
    wait = int(-(int(table.times_ms[hit]) // STEP_MS) % steps(HOUR_MS))
    named, last = hit + wait, hit + steps(ON_MS)
    if last >= table.size:
        return float("nan")
    # The map names none, or none beyond: there is no chain to go on.
    if np.isnan(level[named]) or sign * (level[named] - reached) <= 0:
        return 0.0
    on = _first_beyond(table["price"], named, last - named + 1, level[named], sign)
    return float(on is not None)

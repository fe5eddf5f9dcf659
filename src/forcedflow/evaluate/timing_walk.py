"""The walk of timing models: fitted week after week, each asked about the week after.

In:  feature tables of markets, a rule, spans. [UTC ms]   Out: `Walked`: forecasts as made then.
Pure: values in, values out; no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forcedflow.features.grid import lagged
from forcedflow.forecast.course import Course, Sample
from forcedflow.forecast.labels import F8x3, permuted
from forcedflow.forecast.rows import FAMILIES, HORIZONS_H, Rows
from forcedflow.forecast.splits import Fold
from forcedflow.forecast.timing import TimingForecast, fit_timings
from forcedflow.units import DAY_MS, HOUR_MS

STALE_MS = DAY_MS
"""How late the shifted map is read. [ms]"""

PERMUTED_BLOCK_MS = 2 * DAY_MS
"""Length of the blocks that labels are permuted in: two days, twice the longest horizon. [ms]"""


@dataclass(frozen=True, slots=True)
class Walked:
    """Forecasts of several models over several folds.

    Parameters
    ----------
    probability : mapping of str to list of ndarray, shape (2, n, 4) each
        By model, per market in the order of the samples; NaN where nothing was asked. [1]
    fits : mapping of str to list of TimingForecast
        By model, per fold.
    folds : tuple of Fold
    """

    probability: Mapping[str, list[F8x3]]
    fits: Mapping[str, list[TimingForecast]]
    folds: tuple[Fold, ...]


def walk_timing(
    samples: Sequence[Sample],
    folds: Sequence[Fold],
    names: Sequence[str],
    learned: Collection[str] | None = None,
) -> Walked:
    """Return what models said, each of the time after its fit.

    Parameters
    ----------
    samples : sequence of Sample
        One per market.
    folds : sequence of Fold
    names : sequence of str
        Models.
    learned : collection of str, optional
        Markets, as venue and symbol, that fits may read; all by default. Others are asked about
        all the same.

    Returns
    -------
    Walked

    Raises
    ------
    NoDataError
        If the first fit has no labelled moment.
    """
    taught = [one for one in samples if learned is None or one.course.market in learned]
    shape = [(2, one.course.times_ms.size, len(HORIZONS_H)) for one in samples]
    said: dict[str, list[F8x3]] = {name: [np.full(s, np.nan) for s in shape] for name in names}
    fits: dict[str, list[TimingForecast]] = {name: [] for name in names}
    for fold in folds:
        for name, fitted in fit_timings(names, taught, fold).items():
            fits[name].append(fitted)
            for own, sample in zip(said[name], samples, strict=True):
                asked = fold.asks(sample.course.times_ms)
                # What was known by the end of the fold: a model may read its market's whole past.
                past = sample.course.cut(sample.course.times_ms < fold.to_ms)
                own[:, asked] = fitted.probability_at(past, asked[: past.times_ms.size])
    return Walked(said, fits, tuple(folds))


def stale_map(samples: Sequence[Sample], late_ms: int = STALE_MS) -> list[Sample]:
    """Return the samples with the map's inputs as they were a while before."""
    return [replace(one, course=_stale(one.course, late_ms // HOUR_MS)) for one in samples]


def _stale(course: Course, hours: int) -> Course:
    rows = course.rows
    columns = {
        name: lagged(column, hours) if name in FAMILIES["map"] else column
        for name, column in rows.columns.items()
    }
    late = Rows(rows.symbol, rows.venue, rows.times_ms, columns, rows.simulated)
    return replace(course, rows=late)


def permuted_labels(
    samples: Sequence[Sample], seed: int, block_ms: int = PERMUTED_BLOCK_MS
) -> list[Sample]:
    """Return the samples with labels permuted in blocks, all markets by the same order.

    Moments without labels stay where they are, so that every market's share of events does too.
    """
    return [_permuted(one, seed, block_ms) for one in samples]


def _permuted(sample: Sample, seed: int, block_ms: int) -> Sample:
    at = np.flatnonzero(sample.labels.known)
    if not at.size:
        return sample
    span = np.zeros(sample.course.times_ms.size, dtype=np.bool_)
    span[at[0] : at[-1] + 1] = True
    inside = permuted(sample.labels.cut(span), block_ms, seed)
    hazard = np.full_like(sample.labels.hazard, np.nan)
    hazard[:, span] = inside.hazard
    labels = replace(sample.labels, hazard=hazard, events_ms=inside.events_ms, sign=inside.sign)
    course = replace(
        sample.course,
        events_ms=inside.events_ms,
        known_ms=inside.events_ms + (labels.ahead_ms - HORIZONS_H[-1] * HOUR_MS),
        sign=inside.sign,
    )
    return Sample(course, labels)

"""Foretold: stretches of the past, each forecast by a fit on what lay before it.

In:  samples of markets, an end of the fit. [UTC ms]   Out: `Foretold`: alarms and records. [1]
Pure: NumPy in, values out; no I/O, no clock, no global state.

What a kept model is said to be worth comes from here: from hours that no fit had seen which spoke
about them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.forecast.alarms import threshold_for
from forcedflow.forecast.course import Sample
from forcedflow.forecast.decision import WATCHED_MS, Standing, weigh
from forcedflow.forecast.forecast import Record
from forcedflow.forecast.labels import DIRECTIONS, SIGNS, STRETCHES_H, F8x3
from forcedflow.forecast.rows import HORIZONS_H
from forcedflow.forecast.scores import log_loss, reliability
from forcedflow.forecast.splits import Fold, inner_folds
from forcedflow.forecast.timing import CHOSEN, fit_timings
from forcedflow.units import DAY_MS, HOUR_MS, I8

PARTS = 3
"""Stretches, over the later half of the past."""

Bools: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]
Key: TypeAlias = tuple[int, int]
"""Direction, and place of the horizon."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """Forecasts of stretches of the past, each by a fit on what lay before it.

    Parameters
    ----------
    market : ndarray of int, shape (n,)
        Market of each moment; in the order of time within a market.
    times_ms : ndarray of int, shape (n,)
        [UTC ms]
    ours, usual, happened : ndarray, shape (2, n, 4)
        Probability, the climatology's of the same fit, and what happened.
    events : tuple of ndarray of int
        When events began, by market. [UTC ms]
    signs : tuple of ndarray of int
        Their directions.
    """

    market: I8
    times_ms: I8
    ours: F8x3
    usual: F8x3
    happened: F8x3
    events: tuple[I8, ...]
    signs: tuple[I8, ...]

    def thresholds(self, key: Key) -> tuple[float, float]:
        """Return the probabilities at which there was one alarm a day, a week, per market."""
        direction, place = key
        if not self.times_ms.size:
            return math.inf, math.inf
        said = self.ours[direction, :, place]
        # Markets lie one after the other: a run must not go on from one into the next.
        ends = np.flatnonzero(np.diff(self.market)) + 1
        apart = np.insert(said, ends, np.nan)
        days = self.times_ms.size * HOUR_MS / DAY_MS
        return threshold_for(apart, days, 1.0), threshold_for(apart, days, 1 / 7)

    def record(self, key: Key) -> Record | None:
        """Return what corrected forecasts were worth; None where nothing could be scored."""
        direction, place = key
        happened = self.happened[direction, :, place]
        seen = ~np.isnan(happened)
        if not seen.any():
            return None
        p, y = self.ours[direction, seen, place], happened[seen]
        events, days = self._events(key, seen)
        curve = reliability(p, y, bins=5, overlap=HORIZONS_H[place])
        gained = log_loss(self.usual[direction, seen, place], y) - log_loss(p, y)
        return Record(
            n=int(seen.sum()),
            events=events,
            days=days,
            from_ms=int(self.times_ms[seen].min()),
            to_ms=int(self.times_ms[seen].max()) + HOUR_MS,
            base_rate=float(y.mean()),
            gain_bits=float(gained.mean()),
            slope=curve.slope,
            said=tuple(curve.said.tolist()),
            happened=tuple(curve.happened.tolist()),
            low=tuple(curve.low.tolist()),
            high=tuple(curve.high.tolist()),
        )

    def standing(self, key: Key) -> Standing:
        """Return whether the last four weeks of all markets together let a chance be shown."""
        direction, place = key
        happened = self.happened[direction, :, place]
        last = int(self.times_ms.max(initial=0))
        seen = ~np.isnan(happened) & (self.times_ms > last - WATCHED_MS)
        days = float(seen.sum()) * HOUR_MS / DAY_MS
        if not seen.any():
            return weigh(days, 0, math.nan, math.nan)
        p, y = self.ours[direction, seen, place], happened[seen]
        gained = log_loss(self.usual[direction, seen, place], y) - log_loss(p, y)
        expected = float(p.sum()) / HORIZONS_H[place]
        events, on_days = self._events(key, seen)
        # Markets fall together: what befell several of them on one day is one thing.
        together = max(1.0, events / on_days) if on_days else 1.0
        return weigh(days, on_days if events else 0, expected / together, float(gained.mean()))

    def _events(self, key: Key, seen: Bools) -> tuple[int, int]:
        """Distinct events that some seen moment was followed by, and the days they fell on."""
        direction, place = key
        count, days = 0, set()
        for market, (events, signs) in enumerate(zip(self.events, self.signs, strict=True)):
            times = self.times_ms[seen & (self.market == market)]
            began = events[signs == SIGNS[direction]]
            horizon = HORIZONS_H[place] * HOUR_MS
            told = np.searchsorted(times, began, side="left") - np.searchsorted(
                times, began - horizon, side="left"
            )
            count += int((told > 0).sum())
            days |= set((began[told > 0] // DAY_MS).tolist())
        return count, len(days)


def foretell(samples: Sequence[Sample], fit_to_ms: int) -> Foretold:
    """Return forecasts of the later half of the past, each by a fit on what lay before it.

    Parameters
    ----------
    samples : sequence of Sample
        Hourly, one per market.
    fit_to_ms : int
        Nothing known later is read. [UTC ms]

    Returns
    -------
    Foretold
        Empty where the past is too short.
    """
    times = np.unique(np.concatenate([one.course.times_ms for one in samples]))
    ahead = max(one.labels.ahead_ms for one in samples)
    folds = inner_folds(times, Fold(fit_to_ms, fit_to_ms, fit_to_ms + 1), ahead, PARTS)
    fits = []
    for fold in folds:
        try:
            fitted = fit_timings((CHOSEN, "climatology"), samples, fold)
        except NoDataError:
            continue  # the first part of a short past may hold too little; later parts do not
        fits.append((fold, fitted[CHOSEN], fitted["climatology"]))
    nothing = np.zeros((len(DIRECTIONS), 0, len(STRETCHES_H)))
    none = np.zeros(0, dtype=np.int64)
    markets, moments = [none], [none]
    ours, usual, happened = [nothing], [nothing], [nothing]
    for market, sample in enumerate(samples):
        for fold, chosen, climatology in fits:
            asked = sample.cut(fold.asks(sample.course.times_ms))
            moments.append(asked.course.times_ms)
            markets.append(np.full(asked.course.times_ms.size, market))
            ours.append(chosen.probability(asked.course))
            usual.append(climatology.probability(asked.course))
            happened.append(np.stack([asked.labels.within(d) for d in range(len(DIRECTIONS))]))
    return Foretold(
        market=np.concatenate(markets),
        times_ms=np.concatenate(moments),
        ours=np.concatenate(ours, axis=1),
        usual=np.concatenate(usual, axis=1),
        happened=np.concatenate(happened, axis=1),
        events=tuple(one.labels.events_ms for one in samples),
        signs=tuple(one.labels.sign for one in samples),
    )

"""Alarms: what a probability is worth once somebody acts on it.

In:  probabilities at moments, when events began. [1, UTC ms]   Out: `AlarmRecord`, curves.
Pure: NumPy in, values out; no I/O, no clock, no global state.

One alarm is a run of moments above a threshold without a gap. It is right where an event begins
within the horizon of one of its moments. Lead time means nothing without the number of alarms, so
the two are always told together, and the threshold is set on earlier forecasts alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forcedflow.units import DAY_MS, F8, I8

TRAILING_MS = 28 * DAY_MS
"""Forecasts that a threshold is set on. [ms]"""

_CANDIDATES = 200


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """What alarms came to.

    Parameters
    ----------
    alarms, right : int
        Runs above the threshold, and those that an event followed.
    events, caught : int
        Events, and those within the horizon of an alarm.
    lead_ms : float
        Median time from the first such moment of an alarm to the event; NaN where none was caught.
        [ms]
    days : float
        Time watched. [d]
    alarmed : float
        Share of that time under alarm. [1]
    """

    alarms: int
    right: int
    events: int
    caught: int
    lead_ms: float
    days: float
    alarmed: float

    @property
    def recall(self) -> float:
        """Return the share of events that were caught; NaN without events."""
        return self.caught / self.events if self.events else math.nan

    @property
    def precision(self) -> float:
        """Return the share of alarms that were right; NaN without alarms."""
        return self.right / self.alarms if self.alarms else math.nan

    @property
    def per_day(self) -> float:
        """Return alarms a day."""
        return self.alarms / self.days if self.days else math.nan


def count_runs(above: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """Return how many runs of true there are."""
    return int((above & ~np.concatenate([[False], above[:-1]])).sum()) if above.size else 0


def threshold_for(probability: F8, days: float, per_day: float) -> float:
    """Return the lowest threshold at which there were no more alarms than a budget allows.

    Parameters
    ----------
    probability : ndarray, shape (n,)
        Earlier forecasts at moments in order; NaN where there was none.
    days : float
        Time they cover. [d]
    per_day : float
        Alarms allowed a day.

    Returns
    -------
    float
        Thresholds are tried from the highest down to the first that would cost more; infinity
        where nothing was forecast.
    """
    known = probability[~np.isnan(probability)]
    if not known.size:
        return math.inf
    best = math.inf
    for candidate in np.unique(np.quantile(known, np.linspace(1, 0.3, _CANDIDATES)))[::-1].tolist():
        if count_runs(np.nan_to_num(probability, nan=-1.0) >= candidate) > per_day * days:
            break
        best = candidate
    return best


def trailing_thresholds(
    probability: F8, times_ms: I8, per_day: float, every_ms: int = 7 * DAY_MS
) -> F8:
    """Return the threshold in force at each moment, set once a week on the four weeks before.

    Parameters
    ----------
    probability : ndarray, shape (n,)
    times_ms : ndarray of int, shape (n,)
        Increasing. [UTC ms]
    per_day : float
    every_ms : int
        How often it is set. [ms]

    Returns
    -------
    ndarray, shape (n,)
        Infinity in the first two weeks: too little to set it on.
    """
    thresholds = np.full(times_ms.size, math.inf)
    if not times_ms.size:
        return thresholds
    first = int(times_ms[0])
    for start in range(first + TRAILING_MS // 2, int(times_ms[-1]) + 1, every_ms):
        before = (times_ms >= start - TRAILING_MS) & (times_ms < start)
        days = (start - max(first, start - TRAILING_MS)) / DAY_MS
        now = (times_ms >= start) & (times_ms < start + every_ms)
        thresholds[now] = threshold_for(probability[before], days, per_day)
    return thresholds


def alarm_record(
    probability: F8, threshold: F8, times_ms: I8, events_ms: I8, horizon_ms: int
) -> AlarmRecord:
    """Return what alarms came to.

    Parameters
    ----------
    probability, threshold : ndarray, shape (n,)
        Moments without either (NaN, infinity) are not watched.
    times_ms : ndarray of int, shape (n,)
        Increasing. [UTC ms]
    events_ms : ndarray of int, shape (k,)
        When events began. [UTC ms]
    horizon_ms : int
        [ms]
    """
    watched = ~np.isnan(probability) & np.isfinite(threshold)
    if not watched.any():
        return AlarmRecord(0, 0, 0, 0, math.nan, 0.0, math.nan)
    times, above = times_ms[watched], probability[watched] >= threshold[watched]
    step = int(np.median(np.diff(times))) if times.size > 1 else horizon_ms
    begins = above & ~(np.concatenate([[False], above[:-1]]) & _follows(times, step))
    run = np.cumsum(begins) - 1
    alarms = int(begins.sum())
    # An event counts where at least one watched moment could have told of it.
    first = np.searchsorted(times, events_ms - horizon_ms, side="left")
    last = np.searchsorted(times, events_ms, side="left")
    right: set[int] = set()
    leads: list[float] = []
    events = 0
    for event, begin, end in zip(events_ms.tolist(), first.tolist(), last.tolist(), strict=True):
        if end <= begin:
            continue
        events += 1
        sounding = begin + np.flatnonzero(above[begin:end])
        if sounding.size:
            leads.append(event - float(times[sounding[0]]))
            right.update(run[sounding].tolist())
    return AlarmRecord(
        alarms,
        len(right),
        events,
        len(leads),
        float(np.median(leads)) if leads else math.nan,
        times.size * step / DAY_MS,
        float(above.mean()),
    )


def _follows(times: I8, step: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which moments stand right after the one before."""
    return np.concatenate([[False], np.diff(times) <= 1.5 * step])


def molchan(probability: F8, happened: F8) -> tuple[F8, F8, float]:
    """Return the share of time under alarm, the share of events missed, and the area's skill.

    Parameters
    ----------
    probability, happened : ndarray, shape (n,)
        An event is a moment whose label is 1.

    Returns
    -------
    tuple
        Curves of n + 1 points from no alarm to all; skill is 0 for chance, 1 for a perfect order.

    References
    ----------
    .. [1] G. Molchan, "Strategies in strong earthquake prediction", Physics of the Earth and
       Planetary Interiors 61 (1990), 84-98.
    """
    positives = float(happened.sum())
    if not positives or positives == happened.size:
        return np.array([0.0, 1.0]), np.array([1.0, 0.0]), math.nan
    order = np.argsort(-probability, kind="stable")
    # Forecasts of one probability are raised together.
    edges = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True)) + 1
    alarmed = np.concatenate([[0.0], edges / happened.size])
    hit = np.concatenate([[0.0], np.cumsum(happened[order])[edges - 1]])
    missed = 1 - hit / positives
    area = float(np.trapezoid(missed, alarmed))
    return alarmed, missed, 1 - 2 * area


def cost_loss_value(probability: F8, happened: F8, ratio: float) -> float:
    """Return how much of what a perfect forecast would save is saved.

    Parameters
    ----------
    probability, happened : ndarray, shape (n,)
    ratio : float
        Cost of protection over the loss it prevents, between 0 and 1.

    Returns
    -------
    float
        1 for perfect, 0 for knowing the base rate alone, below 0 for worse than that; NaN where
        knowing could save nothing.

    References
    ----------
    .. [1] D. Richardson, "Skill and relative economic value of the ECMWF ensemble prediction
       system", Quarterly Journal of the Royal Meteorological Society 126 (2000), 649-667.
    """
    if not 0 < ratio < 1:
        raise ValueError(f"cost over loss was {ratio}; it must lie between 0 and 1")
    base = float(happened.mean())
    without, perfect = min(ratio, base), base * ratio
    acts = probability >= ratio
    paid = float(np.where(acts, ratio, happened).mean())
    return (without - paid) / (without - perfect) if without > perfect else math.nan

"""Climatology: how often events begin at this hour of the week, and nothing else.

In:  samples of markets.   Out: `Climatology`: hazards by the clock alone. [1]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

The baseline that is hardest to beat where an event is measured in the market's own volatility. With
168 hours and few events each hour's rate is drawn to the mean, and so are a market's own level and
the share of falls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forcedflow.forecast.course import Course, Sample
from forcedflow.forecast.labels import STRETCHES_H
from forcedflow.units import F8, HOUR_MS, I8, F8x2

HOURS = 168

PRIOR_EVENTS = 1.0
"""Events that each hour's rate is drawn to the mean by."""

PRIOR_LEVEL_EVENTS = 10.0
"""Events that a market's level and a direction's share are drawn to the mean by."""

_LEAST_RATE = 1e-5


@dataclass(frozen=True, slots=True)
class Climatology:
    """Rates of events by hour of the week.

    Parameters
    ----------
    rate : ndarray, shape (168,)
        Events of either one direction an hour, from Thursday 00:00 UTC on, of the mean market.
        [1/h]
    level : mapping of str to float
        By market: its rate over the mean; 1 for one that was not in the fit. [1]
    way : tuple of float
        Down, up: rate over the mean of both. [1]
    """

    rate: F8
    level: Mapping[str, float]
    way: tuple[float, float]

    def rates(self, course: Course, direction: int) -> F8x2:
        """Return the rate in each of the coming 24 hours, shape (n, 24). [1/h]"""
        ahead = np.arange(STRETCHES_H[-1][1])
        scale = self.level.get(course.market, 1.0) * self.way[direction]
        return np.asarray(scale * self.rate[(_hour(course.times_ms)[:, None] + ahead) % HOURS])

    def hazard(self, course: Course, direction: int) -> F8x2:
        """Return the hazard of every stretch, shape (n, 4)."""
        return hazard_of_rates(self.rates(course, direction))

    def to_plain(self) -> dict[str, Any]:
        """Return it as numbers and lists."""
        return {
            "rate": self.rate.tolist(),
            "level": {name: float(value) for name, value in self.level.items()},
            "way": [float(value) for value in self.way],
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Climatology:
        """Return what `to_plain` wrote."""
        down, up = plain["way"]
        return Climatology(
            np.array(plain["rate"], dtype=np.float64),
            {name: float(value) for name, value in plain["level"].items()},
            (float(down), float(up)),
        )


def hazard_of_rates(rates: F8x2) -> F8x2:
    """Return hazards of the stretches from the rate in each of 24 hours, shape (n, 4)."""
    expected = [rates[:, begin:end].sum(axis=1) for begin, end in STRETCHES_H]
    return np.asarray(-np.expm1(-np.stack(expected, axis=1)))


def fit_climatology(samples: Sequence[Sample]) -> Climatology:
    """Return the rates of events by hour of the week.

    Parameters
    ----------
    samples : sequence of Sample
        Moments of the fit alone.

    Returns
    -------
    Climatology

    Notes
    -----
    Gamma–Poisson: an hour of the week with ``n`` events in ``e`` hours has the rate
    ``(n + 1) / (e + 1 / mean)``.
    """
    events, exposure = np.zeros(HOURS), np.zeros(HOURS)
    by_market: dict[str, tuple[float, float]] = {}
    by_way = np.zeros((2, 2))
    for sample in samples:
        hour = _hour(sample.course.times_ms)
        own = np.zeros(2)
        for direction in (0, 1):
            label = sample.labels.hazard[direction, :, 0]
            known = ~np.isnan(label)
            events += np.bincount(hour[known], label[known], HOURS)
            exposure += np.bincount(hour[known], minlength=HOURS)
            counted = np.array([label[known].sum(), known.sum()])
            own += counted
            by_way[direction] += counted
        market = sample.course.market
        before = by_market.get(market, (0.0, 0.0))
        by_market[market] = (before[0] + float(own[0]), before[1] + float(own[1]))
    # Half an event stands for none: a rate of zero would make every event a surprise without end.
    mean = max((events.sum() + 0.5) / max(exposure.sum(), 1.0), _LEAST_RATE)
    drawn = PRIOR_LEVEL_EVENTS
    down, up = ((n + drawn) / (mean * e + drawn) for n, e in by_way.tolist())
    return Climatology(
        rate=(events + PRIOR_EVENTS) / (exposure + PRIOR_EVENTS / mean),
        level={name: (n + drawn) / (mean * e + drawn) for name, (n, e) in by_market.items()},
        way=(float(down), float(up)),
    )


def _hour(times_ms: I8) -> I8:
    """Return the hour of the week from the epoch's Thursday; the hour that begins at the moment."""
    return np.asarray((times_ms // HOUR_MS) % HOURS)

r"""Excitation: how much likelier an event is for those that have just been, the ETAS baseline.

In:  samples of markets.   Out: `Excitation`: hazards from the clock and past events. [1]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

.. math:: \lambda(t) = \mu \, c(t) + \frac{A}{\tau} \sum_{t_i < t} e^{-(t - t_i)/\tau}

with :math:`c` the climatology. Events to come may excite further ones; that is left out, as they
are declustered by six hours and a day holds hardly two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forcedflow.forecast.climatology import Climatology, fit_climatology, hazard_of_rates
from forcedflow.forecast.course import Course, Sample
from forcedflow.forecast.labels import STRETCHES_H
from forcedflow.units import F8, HOUR_MS, F8x2

DECAYS_H = (6.0, 12.0, 24.0, 48.0, 96.0, 192.0)
"""Memories tried. [h]"""

PRIOR_OWN, PRIOR_EXCITED = 5.0, 0.5
"""Events that the parts not excited and excited are drawn to their start by."""

_ITERATIONS = 100


@dataclass(frozen=True, slots=True)
class Excitation:
    """A fitted model.

    Parameters
    ----------
    climatology : Climatology
    own : float
        What is left of the climatology's rate. [1]
    mass : float
        Events of one direction that one event is followed by. [1]
    decay_h : float
        Memory. [h]
    """

    climatology: Climatology
    own: float
    mass: float
    decay_h: float

    def hazard(self, course: Course, direction: int) -> F8x2:
        """Return the hazard of every stretch, shape (n, 4)."""
        felt = felt_now(course, self.decay_h)
        hours = np.arange(STRETCHES_H[-1][1])
        share = np.exp(-hours / self.decay_h) - np.exp(-(hours + 1) / self.decay_h)
        rates = self.own * self.climatology.rates(course, direction)
        return hazard_of_rates(rates + self.mass * felt[:, None] * share)

    def to_plain(self) -> dict[str, Any]:
        """Return it as numbers and lists."""
        return {
            "climatology": self.climatology.to_plain(),
            "own": self.own,
            "mass": self.mass,
            "decay_h": self.decay_h,
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Excitation:
        """Return what `to_plain` wrote."""
        return Excitation(
            Climatology.from_plain(plain["climatology"]),
            float(plain["own"]),
            float(plain["mass"]),
            float(plain["decay_h"]),
        )


def felt_now(course: Course, decay_h: float) -> F8:
    """Return the sum of exp(-age / decay) over events known by each moment, shape (n,). [1]"""
    felt = np.zeros(course.times_ms.size)
    for began, known in zip(course.events_ms.tolist(), course.known_ms.tolist(), strict=True):
        told = course.times_ms >= known
        felt[told] += np.exp(-(course.times_ms[told] - began) / (decay_h * HOUR_MS))
    return felt


def fit_excitation(samples: Sequence[Sample]) -> Excitation:
    """Return the excitation under which the events of a fit are likeliest.

    Parameters
    ----------
    samples : sequence of Sample
        Moments of the fit alone.

    Returns
    -------
    Excitation
        Over the memories of `DECAYS_H` the likeliest; its masses by expectation-maximisation.

    References
    ----------
    .. [1] Y. Ogata, "Statistical models for earthquake occurrences and residual analysis for point
       processes", JASA 83 (1988), 9-27.
    """
    climatology = fit_climatology(samples)
    base = np.concatenate([climatology.rates(one.course, d)[:, 0] for one, d in _ways(samples)])
    label = np.concatenate([one.labels.hazard[d, :, 0] for one, d in _ways(samples)])
    known = ~np.isnan(label)
    base, label = base[known], label[known]
    best, likeliest = Excitation(climatology, 1.0, 0.0, DECAYS_H[0]), -np.inf
    for decay in DECAYS_H:
        share = -np.expm1(-1 / decay)
        felt = np.concatenate([felt_now(one.course, decay) * share for one, _ in _ways(samples)])
        felt = felt[known]
        own, mass = 1.0, 0.1
        for _ in range(_ITERATIONS):
            rate = own * base + mass * felt
            excited = float((label * mass * felt / rate).sum())
            events = float(label.sum())
            own = (events - excited + PRIOR_OWN) / (float(base.sum()) + PRIOR_OWN)
            mass = (excited + 0.1 * PRIOR_EXCITED) / (float(felt.sum()) + PRIOR_EXCITED)
        rate = own * base + mass * felt
        likelihood = float((label * np.log(rate) - rate).sum())
        if likelihood > likeliest:
            best, likeliest = Excitation(climatology, own, mass, decay), likelihood
    return best


def _ways(samples: Sequence[Sample]) -> list[tuple[Sample, int]]:
    return [(sample, direction) for sample in samples for direction in (0, 1)]

"""Calibration: a probability corrected by what happened when it was said, on a later window.

In:  probabilities and what happened, after the fit that made them. [1]   Out: `Calibration`.
Pure: NumPy in, values out; no I/O, no clock, no global state.

With few events two numbers are all that can be learned: shift and stretch of the log odds, pulled
towards leaving the forecast as it is. From two hundred events on, the shape is learned too, by a
step function that never falls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from forcedflow.forecast.log_odds import LEAST, fit_line, log_odds, probability_of
from forcedflow.forecast.scores import pooled
from forcedflow.units import F8

LEAST_FOR_SHAPE = 200
"""Events from which on the shape is learned."""

LEAST_FOR_LINE = 10
"""Events below which a forecast is left as it is."""

# How firmly shift and stretch are held: about what half an event and five events tell.
_PULL = (0.5, 5.0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a forecast is corrected.

    Parameters
    ----------
    shift, stretch : float
        Of the log odds; 0 and 1 leave it as it is. [1]
    said, corrected : ndarray, shape (k,)
        Steps of the shape, increasing; empty where only a line was learned. [1]
    events : int
        That it was learned on.
    """

    shift: float
    stretch: float
    said: F8
    corrected: F8
    events: int

    def apply(self, probability: F8) -> F8:
        """Return corrected probabilities, same shape."""
        if self.said.size:
            found: F8 = np.interp(probability, self.said, self.corrected)
            return np.clip(found, LEAST, 1 - LEAST)
        return probability_of(self.shift + self.stretch * log_odds(probability))

    @property
    def words(self) -> str:
        """Return how it was corrected, in words."""
        if self.said.size:
            return f"isotonic on {self.events} events after the fit"
        if self.events < LEAST_FOR_LINE:
            return f"not corrected: {self.events} events after the fit"
        return f"shift {self.shift:+.2f}, stretch {self.stretch:.2f} on {self.events} events"

    def to_plain(self) -> dict[str, Any]:
        """Return it as numbers and lists."""
        return {
            "shift": self.shift,
            "stretch": self.stretch,
            "said": self.said.tolist(),
            "corrected": self.corrected.tolist(),
            "events": self.events,
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Calibration:
        """Return what `to_plain` wrote."""
        return Calibration(
            float(plain["shift"]),
            float(plain["stretch"]),
            np.array(plain["said"], dtype=np.float64),
            np.array(plain["corrected"], dtype=np.float64),
            int(plain["events"]),
        )


UNCHANGED = Calibration(0.0, 1.0, np.zeros(0), np.zeros(0), 0)
"""The forecast as it is."""


def calibrate(probability: F8, happened: F8, events: int) -> Calibration:
    """Return the correction that what happened asks for.

    Parameters
    ----------
    probability, happened : ndarray, shape (n,)
        Of moments after the fit.
    events : int
        Distinct events among them; overlapping hours of one event are not several.

    Returns
    -------
    Calibration

    Notes
    -----
    The line is the posterior mode under a normal prior around leaving the forecast alone; moments
    of one event share that event's weight.

    References
    ----------
    .. [1] J. Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    if events < LEAST_FOR_LINE or not 0 < happened.sum() < happened.size:
        return Calibration(0.0, 1.0, np.zeros(0), np.zeros(0), events)
    if events >= LEAST_FOR_SHAPE:
        said, place = np.unique(probability, return_index=True)
        corrected = pooled(probability, happened)[place]
        return Calibration(0.0, 1.0, said, corrected, events)
    weight = min(1.0, events / float(happened.sum()))
    shift, stretch = fit_line(log_odds(probability), happened, weight, _PULL)
    # A line that falls would turn the forecast round: then it is not worth stretching.
    return Calibration(shift, max(0.0, stretch), np.zeros(0), np.zeros(0), events)

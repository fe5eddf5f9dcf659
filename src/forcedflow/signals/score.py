"""The loading score: how many of the reasons for a cascade hold, weighted, and which way.

In:  `Reading`s.   Out: `Loading`.
Pure: values in, values out; no I/O, no clock, no global state.

The score is a count, not a probability: the share of the known weight that is on, times a hundred.
A signal that is unknown is left out of both, and how much was left out is said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forcedflow.signals.reading import Reading

WEIGHTS: Mapping[str, float] = {
    "large_cluster": 1.0,
    "pressure": 1.0,
    "funding_bias": 1.0,
    "spot_confirmation": 1.0,
    "thin_liquidity": 1.0,
    "venue_alignment": 1.0,
    "sweeps": 1.0,
    "volatility_window": 1.0,
}
"""Equal until a record says otherwise: weights fitted to the few dozen cascades that are recorded
would be noise, and equal weights lose little to the best [1]_.

.. [1] R. M. Dawes, "The robust beauty of improper linear models in decision making", American
   Psychologist 34 (1979) 571-582.
"""

LEAST_KNOWN = 0.5
"""Where less of the weight is known there is no score. [1]"""


@dataclass(frozen=True, slots=True)
class Loading:
    """How loaded a market is at one moment.

    Parameters
    ----------
    score : float
        Share of the known weight that is on, times 100; NaN where less than `LEAST_KNOWN` of the
        weight is known. [0–100]
    down, up : float
        The same of signals whose direction at risk is that one, or both. They need not add up to
        the score. [0–100]
    known_weight, weight : float
        Weight of the signals that are known, and of all.
    on, off, unknown : tuple of str
        Names of signals.
    """

    score: float
    down: float
    up: float
    known_weight: float
    weight: float
    on: tuple[str, ...]
    off: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def words(self) -> str:
        """Return what the score rests on, in words that fit beside it."""
        known = len(self.on) + len(self.off)
        if not self.unknown:
            return f"{len(self.on)} of {known} signals on, all known"
        left_out = f"{len(self.unknown)} unknown and left out"
        if math.isnan(self.score):
            return f"no score: {self.known_weight:g} of {self.weight:g} weight known; {left_out}"
        return f"{len(self.on)} of {known} known signals on; {left_out}"

    def row(self) -> dict[str, Any]:
        """Return the score as a plain row; unknown figures are null."""
        return {
            "score": _known(self.score),
            "down": _known(self.down),
            "up": _known(self.up),
            "known_weight": self.known_weight,
            "weight": self.weight,
            "on": list(self.on),
            "off": list(self.off),
            "unknown": list(self.unknown),
            "words": self.words,
        }


def load(readings: Sequence[Reading], weights: Mapping[str, float] = WEIGHTS) -> Loading:
    """Return the loading score of some readings.

    Parameters
    ----------
    readings : sequence of Reading
    weights : mapping of str to float
        Weight by signal, not negative.

    Returns
    -------
    Loading

    Raises
    ------
    ValueError
        If a signal has no weight, or a weight is negative or all are zero.
    """
    unweighted = [r.signal for r in readings if r.signal not in weights]
    if unweighted:
        raise ValueError(f"no weight is stated for {', '.join(unweighted)}")
    own = {reading.signal: weights[reading.signal] for reading in readings}
    total = sum(own.values())
    if min(own.values(), default=0.0) < 0 or not total > 0:
        raise ValueError("weights must not be negative, and not all zero")
    known = [r for r in readings if r.verdict != "unknown"]
    on = [r for r in known if r.verdict == "on"]
    known_weight = sum(own[r.signal] for r in known)
    enough = known_weight >= LEAST_KNOWN * total

    def share(*risks: str) -> float:
        weight = sum(own[r.signal] for r in on if r.direction in risks)
        return 100.0 * weight / known_weight if enough else math.nan

    def names(verdict: str) -> tuple[str, ...]:
        return tuple(r.signal for r in readings if r.verdict == verdict)

    return Loading(
        score=share("down", "up", "both", "none"),
        down=share("down", "both"),
        up=share("up", "both"),
        known_weight=known_weight,
        weight=total,
        on=names("on"),
        off=names("off"),
        unknown=names("unknown"),
    )


def _known(value: float) -> float | None:
    return round(value, 1) if math.isfinite(value) else None

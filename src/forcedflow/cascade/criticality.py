r"""Criticality: how close the market is to a chain that feeds itself.

In:  a `Stage`.   Out: the branching number along the path, the critical shock, the fragility curve.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

:math:`n(y) = \psi\,h(y) / d(y)`: a dollar sold at distance :math:`y` moves price by
:math:`1/d(y)`, which forces :math:`\psi h(y)/d(y)` dollars more. Above 1 on a stretch, that stretch
carries itself. The *critical shock* is the smallest move for other reasons whose whole move is more
than twice as large, or which sweeps more than one percent of open interest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forcedflow.cascade.fixed_point import FixedPoint, solve
from forcedflow.cascade.stage import Stage
from forcedflow.units import F8

STRETCH = 0.0025
"""Distance over which forced flow and depth are averaged: one bin's ratio is noise. [1]"""

DOUBLED = 2.0
"""Amplification from which a move counts as a cascade. [1]"""

SWEPT_SHARE = 0.01
"""Share of open interest forced, from which a move counts as a cascade. [1]"""

SHOCKS: F8 = np.asarray(np.arange(1, 161) * 0.00125)
"""Shocks of the fragility curve: an eighth of a percent to 20 %. [1]"""


@dataclass(frozen=True, slots=True)
class Criticality:
    """What a stage says of itself.

    Parameters
    ----------
    number : ndarray, shape (p,)
        Branching number by bin, averaged over `STRETCH`; infinite where there is no depth. [1]
    peak : float
        Its largest value. [1]
    peak_distance : float
        Where that is. [1]
    critical_shock : float, optional
        Smallest shock that becomes a cascade; none within reach of `SHOCKS`. [1]
    fragility : FixedPoint
        Shock in, move out, at `SHOCKS`.
    """

    number: F8
    peak: float
    peak_distance: float
    critical_shock: float | None
    fragility: FixedPoint

    def structural_probability(self, sigma: float) -> float:
        """Return P(a driftless path of a volatility reaches the critical shock), by reflection.

        Structural and uncalibrated: a feature, not a forecast.

        Parameters
        ----------
        sigma : float
            Standard deviation of the log return over the horizon. [1]
        """
        if self.critical_shock is None or not sigma > 0:
            return 0.0
        return math.erfc(self.critical_shock / sigma / math.sqrt(2.0))


def branching_number(stage: Stage, stretch: float = STRETCH) -> F8:
    """Return forced flow per depth by bin, both averaged over a stretch, shape (p,). [1]"""
    bins = min(max(1, round(stretch / stage.width)), stage.size)
    window = np.ones(bins)
    forced = np.convolve(stage.reaching * stage.forced.sum(axis=0), window, mode="same")
    depth = np.convolve(stage.depth.sum(axis=0), window, mode="same")
    with np.errstate(divide="ignore", invalid="ignore"):
        number = np.where(forced > 0, forced / depth, 0.0)
    return np.asarray(number)


def is_cascade(found: FixedPoint, stage: Stage) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which scenarios are cascades by the two rules, shape (s,)."""
    swept = found.forced > SWEPT_SHARE * stage.open_interest_usd
    return np.asarray((found.amplification > DOUBLED) | swept)


def assess(stage: Stage, within: float = 0.20) -> Criticality:
    """Return how fragile a stage is.

    Parameters
    ----------
    stage : Stage
    within : float
        Distance within which the peak is looked for. [1]

    Returns
    -------
    Criticality
    """
    number = branching_number(stage)
    seen = number[: max(1, round(within / stage.width))]
    peak = int(np.argmax(seen))
    shocks = SHOCKS[stage.edges[-1] > SHOCKS]
    found = solve(stage, shocks)
    broken = np.flatnonzero(is_cascade(found, stage))
    return Criticality(
        number=number,
        peak=float(seen[peak]),
        peak_distance=(peak + 0.5) * stage.width,
        critical_shock=float(shocks[broken[0]]) if broken.size else None,
        fragility=found,
    )

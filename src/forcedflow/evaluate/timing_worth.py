"""Figures of probabilities over hours asked about, each beside an opponent's.

In:  what models said and what happened. [1]   Out: `Worth`: metric, opponent, `Gain`.
Pure: NumPy in, values out; no I/O, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forcedflow.evaluate.scorecard import Gain, ratio_gain
from forcedflow.forecast.alarms import AlarmRecord, cost_loss_value, molchan
from forcedflow.forecast.log_odds import fit_line, log_odds, probability_of
from forcedflow.forecast.scores import average_precision, brier, corp, log_loss
from forcedflow.units import F8, HOUR_MS, I8

LEAST_EVENTS = 3
"""Days with an event below which only losses are stated."""

COST_LOSS = 0.05
"""Cost of protection over the loss it prevents that the value is stated for. [1]"""

# Of the normal distribution, for 95 %.
_TWO_SIDED = 1.96


@dataclass(frozen=True, slots=True)
class Asked:
    """Hours asked about of one or several markets and directions, ``n`` of them, one horizon.

    Parameters
    ----------
    said : mapping of str to ndarray, shape (n,)
        By model.
    happened : ndarray, shape (n,)
    day : ndarray of int, shape (n,)
    event_days : int
    """

    said: Mapping[str, F8]
    happened: F8
    day: I8
    event_days: int


@dataclass(frozen=True, slots=True)
class Worth:
    """One figure beside an opponent's."""

    metric: str
    baseline: str
    gain: Gain


def bits_per_event(asked: Asked, ours: str, baseline: str) -> Gain:
    """Return the log loss per moment that an event followed, and what is saved of it. [bits]"""
    happened = asked.happened
    cost, other = (log_loss(asked.said[name], happened) for name in (ours, baseline))
    return ratio_gain(cost, other, happened, asked.day, rising=False)


def worth(asked: Asked, ours: str, baseline: str) -> list[Worth]:
    """Return Brier skill and, where there are events enough, every other figure.

    Parameters
    ----------
    asked : Asked
    ours, baseline : str
        Models.

    Returns
    -------
    list of Worth
        Miscalibration is over uncertainty; precision by recall stands beside the base rate, the
        slope beside 1.
    """
    mine, base, happened = asked.said[ours], asked.said[baseline], asked.happened
    squared = brier(base, happened)
    skill = ratio_gain(brier(mine, happened), squared, squared, asked.day, rising=True)
    found = [Worth("brier_skill", baseline, skill)]
    if asked.event_days < LEAST_EVENTS:
        return found
    own, other = (
        part.miscalibration / part.uncertainty
        for part in (corp(mine, happened), corp(base, happened))
    )
    area, their_area = (molchan(said, happened)[2] for said in (mine, base))
    value, their_value = (cost_loss_value(said, happened, COST_LOSS) for said in (mine, base))
    precision = average_precision(mine, happened)
    return [
        *found,
        Worth("miscalibration", baseline, _pair(own, other)),
        Worth("reliability_slope", "one", _slope(mine, happened, asked.day)),
        Worth("pr_auc", "base_rate", _pair(precision, float(happened.mean()))),
        Worth("molchan_skill", baseline, _pair(area, their_area)),
        Worth("cost_loss_value", baseline, _pair(value, their_value)),
    ]


def alarm_worth(ours: AlarmRecord, theirs: AlarmRecord, budget: str, baseline: str) -> list[Worth]:
    """Return what alarms came to at a budget: recall, precision, median lead [h], how many a day.

    Parameters
    ----------
    ours, theirs : AlarmRecord
    budget : str
        ``day`` or ``week``.
    baseline : str
        Whose the others are.
    """
    return [
        Worth(f"{name}_1_a_{budget}", baseline, _pair(mine, other))
        for name, mine, other in (
            ("recall", ours.recall, theirs.recall),
            ("precision", ours.precision, theirs.precision),
            ("lead_h", ours.lead_ms / HOUR_MS, theirs.lead_ms / HOUR_MS),
            ("alarms_a_day", ours.per_day, theirs.per_day),
        )
    ]


def _slope(said: F8, happened: F8, day: I8) -> Gain:
    """Return the slope of reliability with its interval, days being independent and hours not.

    By the sandwich of per-day scores: as wide as days drawn again at a hundredth of the time.
    """
    score = log_odds(said)
    intercept, slope = fit_line(score, happened)
    if not math.isfinite(slope):
        return Gain(slope, 1.0, None, math.nan, math.nan, None)
    design = np.stack([np.ones(score.size), score], axis=1)
    p = probability_of(intercept + slope * score)
    curve = np.linalg.pinv((design * (p * (1 - p))[:, None]).T @ design)
    _, which = np.unique(day, return_inverse=True)
    daily = np.zeros((int(which.max()) + 1, 2))
    np.add.at(daily, which, design * (happened - p)[:, None])
    error = math.sqrt(float((curve @ (daily.T @ daily) @ curve)[1, 1]))
    return Gain(slope, 1.0, None, slope - _TWO_SIDED * error, slope + _TWO_SIDED * error, None)


def _pair(ours: float, theirs: float) -> Gain:
    return Gain(ours, theirs, ours - theirs, math.nan, math.nan, None)

"""The right to show a probability: kept while it proved reliable lately, else climatology stands.

In:  the last four weeks' forecasts, the climatology's, and what happened.   Out: `Standing`.
Pure: NumPy in, values out; no I/O, no clock, no global state.

Two things take the right away: as many or as few events as the forecast says are rarer than one
time in twenty, or climatology having cost fewer bits. Where nothing happened and little was said,
nothing speaks against it; where too little was watched, nothing speaks for it, and climatology
stands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forcedflow.forecast.scores import log_loss
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8

WATCHED_MS = 28 * DAY_MS
"""How far back reliability is asked for. [ms]"""

LEAST_DAYS = 14.0
"""Watched time below which nothing speaks for a forecast. [d]"""

RARE = 0.05
"""Counts of events rarer than this under the forecast speak against it. [1]"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a probability may be shown, and why.

    Parameters
    ----------
    holds : bool
    why : str
        In words, with the figures.
    days : float
        Watched. [d]
    events : int
        That began in that time.
    expected : float
        Events that the forecast spoke of.
    gained_bits : float
        What the forecast saved a moment over climatology; NaN where nothing was watched. [bits]
    """

    holds: bool
    why: str
    days: float
    events: int
    expected: float
    gained_bits: float


def judge(
    probability: F8,
    climatology: F8,
    happened: F8,
    times_ms: I8,
    events_ms: I8,
    horizon_ms: int,
    at_ms: int,
) -> Standing:
    """Return whether a probability may be shown at a moment.

    Parameters
    ----------
    probability, climatology : ndarray, shape (n,)
        Forecasts at past moments, each as it was made then; NaN where there was none.
    happened : ndarray, shape (n,)
        1, 0, or NaN where the horizon was not over or the moment is not scored.
    times_ms : ndarray of int, shape (n,)
        Increasing. [UTC ms]
    events_ms : ndarray of int, shape (k,)
        When events began. [UTC ms]
    horizon_ms : int
        [ms]
    at_ms : int
        Nothing later is read. [UTC ms]

    Returns
    -------
    Standing

    Notes
    -----
    An event is foretold by every moment of the horizon before it, so the number of events that
    forecasts speak of is the sum of their probabilities times step over horizon. Counts of such
    rare events are taken for Poisson's.
    """
    over = times_ms + horizon_ms <= at_ms
    recent = over & (times_ms > at_ms - horizon_ms - WATCHED_MS)
    known = recent & np.isfinite(probability) & np.isfinite(climatology) & np.isfinite(happened)
    n = int(known.sum())
    step = int(np.median(np.diff(times_ms))) if times_ms.size > 1 else HOUR_MS
    days = n * step / DAY_MS
    if days < LEAST_DAYS:
        return weigh(days, 0, math.nan, math.nan)
    times = times_ms[known]
    p, base, y = probability[known], climatology[known], happened[known]
    expected = float(p.sum()) * step / horizon_ms
    foretold = np.searchsorted(times, events_ms, side="left") - np.searchsorted(
        times, events_ms - horizon_ms, side="left"
    )
    events = int((foretold > 0).sum())
    gained = float((log_loss(base, y) - log_loss(p, y)).mean())
    return weigh(days, events, expected, gained)


def weigh(days: float, events: int, expected: float, gained: float) -> Standing:
    """Return the standing that counts ask for.

    Parameters
    ----------
    days : float
        Watched, of all markets together. [d]
    events : int
    expected : float
        That forecasts spoke of.
    gained : float
        Saved a moment over climatology. [bits]
    """
    if days < LEAST_DAYS:
        why = f"only {days:.0f} days of hours could be checked, {LEAST_DAYS:.0f} are needed"
        return Standing(False, why, days, events, expected, gained)
    said = f"{events} events where {expected:.1f} were expected, {gained:+.4f} bits a forecast"
    if poisson_tail(events, expected) < RARE / 2:
        return Standing(False, f"unreliable lately: {said}", days, events, expected, gained)
    if gained < 0:
        why = f"climatology was better lately: {said}"
        return Standing(False, why, days, events, expected, gained)
    return Standing(True, f"held over {days:.0f} days: {said}", days, events, expected, gained)


def poisson_tail(count: int, mean: float) -> float:
    """Return the chance of a count at least as far out, on its own side of the mean."""
    if mean <= 0:
        return 1.0 if count == 0 else 0.0
    terms = [
        math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(max(count, 0) + 1)
    ]
    below = math.fsum(terms)
    return min(below, 1 - below + terms[-1])

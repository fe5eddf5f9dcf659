"""Tracking: a distribution's level and coverage, followed from outcomes that were over.

In:  predicted location, spread and shape at moments; what happened.   Out: quantiles. [log levels]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

A static fit of liquidations drifts away within weeks. Two things are corrected at every moment, per
side, from horizons that had ended by then and from nothing else:

- the level, by the fading mean of what was missed by;
- each quantile, by a small step up whenever it was exceeded and a smaller one down whenever it was
  not, so that in the long run it holds as often as it says, whatever the data do [1].

References
----------
.. [1] I. Gibbs, E. Candès, "Adaptive conformal inference under distribution shift", NeurIPS 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from forcedflow.forecast._kernels import follow_quantiles
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, F8x2

TRACKED_MS = 15 * DAY_MS
"""How far before a moment tracking begins, at the latest. [ms]"""

HALF_LIVES_H: tuple[float, ...] = (0.0, 48.0, 168.0)
"""Memories of the level that are tried; 0 corrects nothing. [h]"""

DOUBT_H = 24.0
"""Hours of outcomes that the fitted level counts as, against those since. [h]"""

STEP = 0.1
"""How far a quantile moves in an hour of outcomes that say it is wrong. [spreads]"""

F8x3: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Predicted:
    """A distribution per moment and side, ``n`` moments, ``q`` levels.

    Parameters
    ----------
    times_ms : ndarray of int, shape (n,)
        Increasing. [UTC ms]
    location, spread : ndarray, shape (n, 2)
        [log levels]
    shape : ndarray, shape (n, 2, q)
        Quantiles of what is left over, increasing along the levels. [spreads]
    """

    times_ms: I8
    location: F8x2
    spread: F8x2
    shape: F8x3

    @property
    def quantiles(self) -> F8x3:
        """Return the quantiles, shape (n, 2, q), never crossing. [log levels]"""
        return _laid(self.location, self.spread, self.shape)


def track(
    predicted: Predicted,
    log: F8x2,
    horizon_h: int,
    half_life_h: F8,
    levels: tuple[float, ...],
) -> F8x3:
    """Return quantiles whose level and coverage follow the outcomes that were over.

    Parameters
    ----------
    predicted : Predicted
    log : ndarray, shape (n, 2)
        What happened after each moment; NaN where unknown. [log levels]
    horizon_h : int
        What happened after a moment is known so much later. [h]
    half_life_h : ndarray, shape (2,)
        Memory of the level per side; 0 corrects nothing. [h]
    levels : tuple of float, length q

    Returns
    -------
    ndarray, shape (n, 2, q)
        Never crossing. A moment's depends on outcomes that were over by then alone. [log levels]
    """
    times, tau = predicted.times_ms, np.asarray(levels)
    error = log - predicted.location
    lift = follow_level(times, error, horizon_h, half_life_h)
    left = (error - lift) / predicted.spread
    shape = np.array(predicted.shape)
    over = np.array(_over_by(times, horizon_h), dtype=np.int64)
    # Hours that overlap say the same thing again.
    follow_quantiles(left, over, tau, STEP / horizon_h, shape)
    return _laid(predicted.location + lift, predicted.spread, shape)


def follow_level(times_ms: I8, error: F8x2, horizon_h: int, half_life_h: F8) -> F8x2:
    """Return how far a level must be lifted at every moment, by what was missed by before.

    Parameters
    ----------
    times_ms : ndarray of int, shape (n,)
        Of one market, increasing. [UTC ms]
    error : ndarray, shape (n, m)
        What was missed by at each; NaN where unknown.
    horizon_h : int
        An error is known so much after its moment. [h]
    half_life_h : ndarray, shape (m,)
        Memory; 0 lifts nothing. [h]

    Returns
    -------
    ndarray, shape (n, m)
        Fading mean of the errors known by then, shrunk to none by `DOUBT_H` hours of doubt.
    """
    hours = (times_ms / HOUR_MS).tolist()
    over, doubt = _over_by(times_ms, horizon_h), DOUBT_H * horizon_h**0.5
    lift = np.zeros(error.shape)
    for column, memory in enumerate(half_life_h.tolist()):
        if memory > 0:
            own = error[:, column]
            known = (~np.isnan(own)).astype(np.float64).tolist()
            lift[:, column] = _fade(hours, np.nan_to_num(own).tolist(), known, over, memory, doubt)
    return lift


def _fade(
    hours: list[float],
    value: list[float],
    known: list[float],
    over: list[int],
    memory: float,
    doubt: float,
) -> list[float]:
    """Fading mean of what is over at every hour, of plain numbers because it is long and narrow."""
    lift, learned, last = [], 0, hours[0] if hours else 0.0
    missed, counted = 0.0, 0.0
    for now, stop in zip(hours, over, strict=True):
        kept = 0.5 ** ((now - last) / memory)
        missed, counted, last = missed * kept, counted * kept, now
        for i in range(learned, stop):
            missed, counted = missed + value[i], counted + known[i]
        learned = stop
        lift.append(missed / (counted + doubt))
    return lift


def choose_half_life(times_ms: I8, error: F8, horizon_h: int) -> float:
    """Return the memory of the level that would have missed by least, of those that are tried.

    Parameters
    ----------
    times_ms : ndarray of int, shape (n,)
        Of one market or of several, one after the other. [UTC ms]
    error : ndarray, shape (n,)
        What was missed by at each by a fit that had not seen it.
    horizon_h : int
        [h]

    Returns
    -------
    float
        [h]
    """
    tried = np.asarray(HALF_LIVES_H)
    each = np.repeat(error[:, None], tried.size, axis=1)
    missed = each - np.stack([level_of(times_ms, error, horizon_h, one) for one in tried], axis=1)
    return float(tried[int(np.argmin(np.nansum(missed**2, axis=0)))])


def level_of(times_ms: I8, error: F8, horizon_h: int, half_life_h: float) -> F8:
    """Return the lift of one side at every moment of several markets, one after the other.

    Parameters
    ----------
    times_ms : ndarray of int, shape (n,)
        Falling back where the next market begins. [UTC ms]
    error : ndarray, shape (n,)
        NaN where unknown.
    horizon_h : int
        [h]
    half_life_h : float
        [h]
    """
    begins = np.flatnonzero(np.diff(times_ms) < 0) + 1
    memory = np.array([half_life_h])
    return np.concatenate(
        [
            follow_level(times, own[:, None], horizon_h, memory)[:, 0]
            for times, own in zip(np.split(times_ms, begins), np.split(error, begins), strict=True)
        ]
    )


def _over_by(times_ms: I8, horizon_h: int) -> list[int]:
    """How many of the moments had their horizon behind them at each moment."""
    over_ms = times_ms + horizon_h * HOUR_MS
    return [int(n) for n in np.searchsorted(over_ms, times_ms, side="right")]


def _laid(location: F8x2, spread: F8x2, shape: F8x3) -> F8x3:
    return np.asarray(location[:, :, None] + spread[:, :, None] * shape)

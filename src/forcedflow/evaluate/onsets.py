"""Onsets: where a cascade began, by price and open interest alone, and what followed each moment.

In:  a `FeatureTable`. [UTC ms]   Out: `Onsets`; `Outcomes` of every moment. [1, σ]
Pure: NumPy in, NumPy out; no I/O, no clock.

An onset is a moment whose coming hour holds a move of `MOVE_SIGMA` deviations and ends with fewer
contracts: at least `LEAST_FALL` fewer, and more than in all but one percent of the hours of the
ninety days before. No feed of liquidations is needed, so it is the same event on every market. It
looks ahead by an hour and is for scoring only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from forcedflow.features.grid import COVERED, LEAST_RANKED_MS, Bools, steps, trailing_count
from forcedflow.features.table import FeatureTable
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8

MOVE_SIGMA = 4.0
"""Least move within the hour, by the volatility expected at its beginning. [σ of an hour]"""

LEAST_FALL = 0.015
"""Least relative fall of open interest over the hour. [1]"""

RARE = 0.01
"""Falls of open interest rarer than this among the trailing hours count. [1]"""

QUANTILE_MS = 90 * DAY_MS
"""Those trailing hours. [ms]"""

WINDOW_MS = HOUR_MS
"""How far an onset looks ahead. [ms]"""

APART_MS = 6 * HOUR_MS
"""Onsets closer to each other are one cascade, and so long after it nothing is scored. [ms]"""


@dataclass(frozen=True, slots=True)
class Onsets:
    """Cascades on a table of ``n`` moments, ``k`` of them.

    Parameters
    ----------
    first, last : ndarray of int, shape (k,)
        First and last moment of each whose coming hour qualifies.
    sign : ndarray of int, shape (k,)
        -1 where the price fell, 1 where it rose.
    known : ndarray of bool, shape (n,)
        Moments at which an onset would have been seen.
    """

    first: I8
    last: I8
    sign: I8
    known: Bools

    @property
    def running(self) -> Bools:
        """Return which moments lie inside a cascade or within `APART_MS` after it, shape (n,)."""
        found = np.zeros(self.known.size, dtype=np.bool_)
        after = steps(WINDOW_MS + APART_MS)
        for first, last in zip(self.first.tolist(), self.last.tolist(), strict=True):
            found[first : last + after + 1] = True
        return found


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What followed ``n`` moments within one horizon; NaN where it is not known or not scored.

    Parameters
    ----------
    horizon_ms : int
        [ms]
    cascade : ndarray, shape (n,)
        1 where a cascade began after the moment and within the horizon, else 0. [1]
    move : ndarray, shape (n,)
        Log price at the end of the horizon less that of the moment, by the volatility expected at
        the moment. [σ of the horizon]
    """

    horizon_ms: int
    cascade: F8
    move: F8


def find_onsets(
    table: FeatureTable, move_sigma: float = MOVE_SIGMA, least_fall: float = LEAST_FALL
) -> Onsets:
    """Return where cascades began.

    Parameters
    ----------
    table : FeatureTable
        With ``price``, ``open_interest``, ``oi_change_1h`` and ``sigma_day``.
    move_sigma : float
        [σ of an hour]
    least_fall : float
        [1]

    Returns
    -------
    Onsets
        None before seven days of open interest are held, nor in the last hour.
    """
    price = np.log(table["price"])
    contracts, window = table["open_interest"], steps(WINDOW_MS)
    rare = (
        pl.Series(table["oi_change_1h"])
        .fill_nan(None)
        .rolling_quantile(
            RARE,
            interpolation="nearest",
            window_size=steps(QUANTILE_MS),
            min_samples=steps(LEAST_RANKED_MS),
        )
        .fill_null(np.nan)
        .to_numpy()
    )
    needed = move_sigma * table["sigma_day"] * np.sqrt(WINDOW_MS / DAY_MS)
    sign = np.zeros(table.size, dtype=np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):
        for ahead in range(1, window + 1):
            move = _ahead(price, ahead) - price
            sign = np.where((sign == 0) & (np.abs(move) >= needed), np.sign(move), sign)
        fall = 1.0 - _ahead(contracts, window) / contracts
        fell = fall >= np.maximum(least_fall, -rare)
    known = ~np.isnan(fall + rare + needed + price + _ahead(price, window))
    at = np.flatnonzero(known & (sign != 0) & fell)
    begins = np.flatnonzero(np.diff(at, prepend=-steps(APART_MS)) >= steps(APART_MS))
    ends = np.append(begins[1:], at.size)[: begins.size] - 1
    return Onsets(at[begins], at[ends], sign[at[begins]].astype(np.int64), known)


def outcomes(table: FeatureTable, onsets: Onsets, horizon_ms: int) -> Outcomes:
    """Return what followed every moment.

    Parameters
    ----------
    table : FeatureTable
        The one that onsets were found on.
    onsets : Onsets
    horizon_ms : int
        [ms]

    Returns
    -------
    Outcomes
        Not scored are moments inside a cascade and shortly after it, where a signal would be told
        what has already begun; unknown are those of which less than `COVERED` of the horizon is.
    """
    n, ahead = table.size, steps(horizon_ms)
    began = np.zeros(n + 1)
    began[onsets.first + 1] = 1.0
    total = np.cumsum(began)
    follows = total[np.minimum(np.arange(n) + ahead + 1, n)] - total[np.arange(n) + 1]
    seen = _ahead(trailing_count(np.where(onsets.known, 1.0, np.nan), ahead), ahead)
    left_out = onsets.running | ~(seen >= COVERED * ahead)
    # A horizon whose end lies within the hour that onsets look ahead is not wholly seen.
    left_out |= np.arange(n) + ahead + steps(WINDOW_MS) >= n
    price, sigma = np.log(table["price"]), table["sigma_day"]
    with np.errstate(invalid="ignore", divide="ignore"):
        move = (_ahead(price, ahead) - price) / (sigma * np.sqrt(horizon_ms / DAY_MS))
    left_out |= ~np.isfinite(move)
    return Outcomes(
        horizon_ms,
        np.where(left_out, np.nan, np.minimum(follows, 1.0)),
        np.where(left_out, np.nan, move),
    )


def _ahead(column: F8, n: int) -> F8:
    """Return a column as it will be ``n`` moments later; NaN past its end."""
    n = min(n, column.size)
    return np.concatenate([column[n:], np.full(n, np.nan)])

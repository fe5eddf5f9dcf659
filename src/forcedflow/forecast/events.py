"""Events: where a cascade began, by price, open interest and forced closes, and what followed.

In:  a `FeatureTable`, an `EventRule`. [UTC ms]   Out: `Onsets`; `Outcomes` of every moment. [1, σ]
Pure: NumPy in, NumPy out; no I/O, no clock.

An onset is a moment whose coming hour holds a large move and ends with fewer contracts: at least
`LEAST_FALL` fewer, and more than in all but one percent of the trailing hours. That is C2, the same
event on every market; C1 asks besides that the losing side was closed by force. It looks ahead by
an hour and is for labels and scoring only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from forcedflow.features.grid import COVERED, LEAST_RANKED_MS, steps, trailing_count
from forcedflow.features.rows import Bools
from forcedflow.features.table import FeatureTable
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8

MOVE_SIGMA = 4.0
"""Least move within the hour, by the volatility expected at its beginning. [σ of an hour]"""

MOVE_ABSOLUTE = 0.02
"""Least move within the hour of the event in absolute units. [log price]"""

LEAST_FALL = 0.015
"""Least relative fall of open interest over the hour. [1]"""

RARE = 0.01
"""Falls of open interest rarer than this among the trailing hours count. [1]"""

RARE_LIQUIDATED = 0.005
"""Forced closes of the losing side rarer than this among the trailing hours count. [1]"""

LEAST_LIQUIDATED = 0.001
"""And no fewer than this share of open interest. [1]"""

QUANTILE_MS = 90 * DAY_MS
"""Trailing hours where more than a quarter is held. [ms]"""

SHORT_QUANTILE_MS = 30 * DAY_MS
"""Trailing hours until then. [ms]"""

WINDOW_MS = HOUR_MS
"""How far an onset looks ahead. [ms]"""

APART_MS = 6 * HOUR_MS
"""Onsets closer to each other are one cascade, and so long after it nothing is scored. [ms]"""

SENSITIVITY = 0.25
"""By how much every threshold is varied to see what hangs on it. [1]"""


@dataclass(frozen=True, slots=True)
class EventRule:
    """What counts as the beginning of a cascade.

    Parameters
    ----------
    name : str
        As scorecards name it.
    move : float
        Least move within the hour: deviations of an hour, or log price where ``absolute``.
    absolute : bool
        Whether the move is in log price instead of in deviations.
    least_fall : float
        Least relative fall of open interest over the hour. [1]
    least_liquidated : float, optional
        Least share of open interest that the losing side was closed of; without it forced closes
        play no part. [1]
    trailing_ms : tuple of int
        Windows of the trailing quantiles, the longest first; each but the last counts only where
        that much is held. [ms]
    """

    name: str
    move: float = MOVE_SIGMA
    absolute: bool = False
    least_fall: float = LEAST_FALL
    least_liquidated: float | None = None
    trailing_ms: tuple[int, ...] = (QUANTILE_MS, SHORT_QUANTILE_MS)

    @property
    def ahead_ms(self) -> int:
        """Return how long after a moment it is known whether a cascade began there. [ms]

        An hourly total of forced closes may end up to an hour after the move did.
        """
        return WINDOW_MS if self.least_liquidated is None else 2 * WINDOW_MS

    def needed(self, sigma_day: F8) -> F8:
        """Return the least move within an hour at every moment, shape (n,). [log price]"""
        if self.absolute:
            return np.where(np.isnan(sigma_day), np.nan, self.move)
        size: F8 = self.move * sigma_day * np.sqrt(WINDOW_MS / DAY_MS)
        return size

    def variants(self) -> tuple[EventRule, ...]:
        """Return the rule with its thresholds a quarter lower and a quarter higher."""
        return tuple(
            replace(
                self,
                name=f"{self.name} {100 * (factor - 1):+.0f} %",
                move=self.move * factor,
                least_fall=self.least_fall * factor,
                least_liquidated=None
                if self.least_liquidated is None
                else self.least_liquidated * factor,
            )
            for factor in (1 - SENSITIVITY, 1 + SENSITIVITY)
        )


SIGNAL_RULE = EventRule("onset", trailing_ms=(QUANTILE_MS,))
"""The event that signals are scored by."""

C1 = EventRule("C1", least_liquidated=LEAST_LIQUIDATED)
C2 = EventRule("C2")
C2_ABSOLUTE = EventRule("C2 absolute", move=MOVE_ABSOLUTE, absolute=True)
RULES: dict[str, EventRule] = {rule.name: rule for rule in (C1, C2, C2_ABSOLUTE)}
"""Events that are forecast, by name."""


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
    table: FeatureTable, rule: EventRule = SIGNAL_RULE, rare: F8 | None = None
) -> Onsets:
    """Return where cascades began.

    Parameters
    ----------
    table : FeatureTable
        With ``price``, ``open_interest``, ``oi_change_1h`` and ``sigma_day``, and with
        ``liq_long_1h`` and ``liq_short_1h`` where the rule asks for forced closes.
    rule : EventRule
    rare : ndarray, shape (n,), optional
        What `rare_changes` returns of the table and the rule, where it is at hand.

    Returns
    -------
    Onsets
        None before seven days of open interest are held, nor in the last hour.
    """
    price = np.log(table["price"])
    contracts, window = table["open_interest"], steps(WINDOW_MS)
    rare = rare_changes(table, rule.trailing_ms) if rare is None else rare
    needed = rule.needed(table["sigma_day"])
    with np.errstate(invalid="ignore", divide="ignore"):
        fall = 1.0 - _ahead(contracts, window) / contracts
        fell = fall >= np.maximum(rule.least_fall, -rare)
    known = ~np.isnan(fall + rare + needed + price + _ahead(price, window))
    forced = None
    if rule.least_liquidated is not None:
        forced, told = _forced(table, rule, rule.least_liquidated)
        known &= told
    # Falls are rare: the way that price went is asked of them alone.
    at = np.flatnonzero(known & fell)
    way = np.zeros(at.size, dtype=np.int64)
    for ahead in range(1, window + 1):
        move = price[at + ahead] - price[at]
        with np.errstate(invalid="ignore"):
            way = np.where((way == 0) & (np.abs(move) >= needed[at]), np.sign(move), way)
    happened = way != 0
    if forced is not None:
        happened &= np.where(way < 0, forced[0][at], forced[1][at])
    at, way = at[happened], way[happened].astype(np.int64)
    begins = np.flatnonzero(np.diff(at, prepend=-steps(APART_MS)) >= steps(APART_MS))
    ends = np.append(begins[1:], at.size)[: begins.size] - 1
    return Onsets(at[begins], at[ends], way[begins], known)


def rare_changes(table: FeatureTable, trailing_ms: tuple[int, ...]) -> F8:
    """Return the hourly change of open interest that `RARE` of the trailing ones lie below, (n,).

    Parameters
    ----------
    table : FeatureTable
        With ``oi_change_1h``.
    trailing_ms : tuple of int
        Windows, of which the longest that is held counts. [ms]
    """
    return _trailing_quantile(table["oi_change_1h"], RARE, trailing_ms)


def _forced(
    table: FeatureTable, rule: EventRule, least: float
) -> tuple[tuple[Bools, Bools], Bools]:
    """Return where longs and shorts were closed by force in the coming hour, and where it is known.

    Hourly totals become known at whole hours, so the hour after the coming one is read as well: of
    the two the larger counts.
    """
    window = steps(WINDOW_MS)
    found: list[Bools] = []
    told = np.ones(table.size, dtype=np.bool_)
    for side in ("long", "short"):
        hourly = table[f"liq_{side}_1h"]
        usual = _trailing_quantile(hourly, 1 - RARE_LIQUIDATED, rule.trailing_ms)
        most = np.fmax.reduce([_ahead(hourly, ahead) for ahead in range(window, 2 * window)])
        told &= ~np.isnan(usual + most)
        with np.errstate(invalid="ignore"):
            found.append(most >= np.maximum(least, usual))
    return (found[0], found[1]), told


def _trailing_quantile(column: F8, share: float, windows_ms: tuple[int, ...]) -> F8:
    """Return a trailing quantile over the longest window that is held, at every moment."""
    values = pl.Series(column).fill_nan(None)
    found = np.full(column.size, np.nan)
    for window_ms in windows_ms:
        last = window_ms == windows_ms[-1]
        least = steps(LEAST_RANKED_MS) if last else int(COVERED * steps(window_ms))
        if column.size < least:
            continue
        quantile = values.rolling_quantile(
            share,
            interpolation="nearest",
            window_size=steps(window_ms),
            min_samples=least,
        )
        found = np.where(np.isnan(found), quantile.fill_null(np.nan).to_numpy(), found)
    return found


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

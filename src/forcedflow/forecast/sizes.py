"""Sizes: how much was closed by force in the hours after a moment, free of the feed's level.

In:  hourly liquidations per side [USD], moments. [UTC ms]   Out: `Sizes`; columns of their past.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

Feeds are thinned, change their thinning, and follow their market up and down; so a size is measured
against the median hour of the two weeks before its moment, in logarithms:

    y = log(USD of h hours / (h x level) + FLOOR)

`FLOOR` lets an hour without any liquidation count as a hundredth of the level instead of minus
infinity. Whoever is compared with whom is compared on this scale, with the same floor and level.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, SIDES, F8x2

FLOOR = 0.01
"""What a silent hour counts as. [levels]"""

LEVEL_MS = 14 * DAY_MS
"""How far back the level looks. [ms]"""

LEAST_LEVEL_H = 72
"""Hours that a level needs. [h]"""

HISTORY_H: tuple[int, ...] = (1, 3, 12, 24, 72)
"""Hours whose past sizes are inputs. [h]"""

HISTORY: tuple[str, ...] = tuple(f"size_{side}_{hours}h" for side in SIDES for hours in HISTORY_H)
"""Names of the past sizes, on the scale of the sizes to come."""

_COVERED = 0.75


@dataclass(frozen=True)
class Liquidated:
    """Hourly liquidations of one market, ``n`` hours; hours that the feed missed are absent.

    Parameters
    ----------
    end_ms : ndarray of int, shape (n,)
        Ends of whole hours, increasing; each is known at its end. [UTC ms]
    usd : ndarray, shape (n, 2)
        Longs, then shorts. [USD]
    simulated : bool

    Raises
    ------
    ValueError
        If an end is no whole hour, or they do not increase.
    """

    end_ms: I8
    usd: F8x2
    simulated: bool = False

    def __post_init__(self) -> None:
        if (self.end_ms % HOUR_MS != 0).any() or (np.diff(self.end_ms) <= 0).any():
            raise ValueError("liquidations must be of whole hours, in time order")

    @cached_property
    def hours(self) -> _Hours:
        """Return every hour from the first to the last; its level is found once."""
        return _Hours.of(self)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What was closed by force within a horizon after each of ``n`` moments.

    Parameters
    ----------
    times_ms : ndarray of int, shape (n,)
        Moments on whole hours. [UTC ms]
    horizon_h : int
        [h]
    usd : ndarray, shape (n, 2)
        Longs, then shorts; NaN where an hour of the horizon is unknown. [USD]
    level : ndarray, shape (n,)
        Median hour of one side over the `LEVEL_MS` before; NaN where unknown. [USD per hour]
    """

    times_ms: I8
    horizon_h: int
    usd: F8x2
    level: F8

    @property
    def log(self) -> F8x2:
        """Return the sizes on the scale they are forecast on, shape (n, 2). [log levels]"""
        return np.log(self.usd / (self.horizon_h * self.level)[:, None] + FLOOR)

    def in_usd(self, log: F8x2, at: int) -> F8x2:
        """Return sizes of that scale at one moment in dollars; never below zero. [USD]"""
        levels = np.maximum(np.exp(log) - FLOOR, 0.0)
        return np.asarray(levels * self.horizon_h * self.level[at])

    def in_logs(self, usd: float, at: int) -> float:
        """Return dollars on the scale that sizes are forecast on at one moment."""
        return float(np.log(usd / (self.horizon_h * self.level[at]) + FLOOR))


def lay_sizes(times_ms: I8, liquidated: Liquidated, horizon_h: int) -> Sizes:
    """Return what was closed within a horizon after each moment, beside the level before it.

    Parameters
    ----------
    times_ms : ndarray of int, shape (n,)
        Moments on whole hours, increasing. [UTC ms]
    liquidated : Liquidated
    horizon_h : int
        [h]

    Returns
    -------
    Sizes

    Raises
    ------
    ValueError
        If a moment is no whole hour.
    """
    return lay_all_sizes(times_ms, liquidated, (horizon_h,))[0]


def lay_all_sizes(
    times_ms: I8, liquidated: Liquidated, horizons_h: Sequence[int]
) -> tuple[Sizes, ...]:
    """Return the sizes within each of several horizons, as `lay_sizes` does."""
    hours = liquidated.hours
    place = hours.places(times_ms)
    level = hours.level(place)
    laid = []
    for horizon_h in horizons_h:
        total, known = hours.sums(place, horizon_h)
        usd = np.where((known == horizon_h)[:, None], total, np.nan)
        laid.append(Sizes(times_ms, horizon_h, usd, level))
    return tuple(laid)


def past_sizes(times_ms: I8, liquidated: Liquidated) -> dict[str, F8]:
    """Return the sizes of the hours before each moment, on the scale of those to come.

    Parameters
    ----------
    times_ms : ndarray of int, shape (n,)
        Moments on whole hours, increasing. [UTC ms]
    liquidated : Liquidated

    Returns
    -------
    dict of str to ndarray, shape (n,)
        By `HISTORY`; NaN where less than three quarters of the hours are known.
    """
    hours = liquidated.hours
    place = hours.places(times_ms)
    level = hours.level(place)
    found: dict[str, F8] = {}
    for window in HISTORY_H:
        total, known = hours.sums(place - window, window)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where((known >= _COVERED * window)[:, None], total / known[:, None], np.nan)
        log = np.log(mean / level[:, None] + FLOOR)
        found |= {f"size_{side}_{window}h": log[:, s] for s, side in enumerate(SIDES)}
    return {name: found[name] for name in HISTORY}


@dataclass(frozen=True)
class _Hours:
    """Every hour from the first to the last, ``n`` of them; ``place`` counts hours that ended.

    The place of a moment is also how many hours lie before the next one.
    """

    first_ms: int
    usd: F8x2
    known: F8

    @staticmethod
    def of(liquidated: Liquidated) -> _Hours:
        if not liquidated.end_ms.size:
            return _Hours(0, np.zeros((0, len(SIDES))), np.zeros(0))
        first_ms = int(liquidated.end_ms[0])
        cell = (liquidated.end_ms - first_ms) // HOUR_MS
        usd = np.zeros((int(cell[-1]) + 1, len(SIDES)))
        known = np.zeros(usd.shape[0])
        usd[cell], known[cell] = liquidated.usd, 1.0
        return _Hours(first_ms, usd, known)

    def places(self, times_ms: I8) -> I8:
        if (times_ms % HOUR_MS != 0).any():
            raise ValueError("sizes are of whole hours; a moment is none")
        return np.asarray((times_ms - self.first_ms) // HOUR_MS + 1)

    @cached_property
    def levels(self) -> F8:
        """Median of the known hours of both sides up to each; their mean where it is 0."""
        window = LEVEL_MS // HOUR_MS
        either = pl.Series(np.where(self.known > 0, self.usd.mean(axis=1), np.nan)).fill_nan(None)
        median, mean = (
            of(window, min_samples=LEAST_LEVEL_H).cast(pl.Float64).fill_null(np.nan).to_numpy()
            for of in (either.rolling_median, either.rolling_mean)
        )
        return np.where(median > 0, median, np.where(mean > 0, mean, np.nan))

    def level(self, place: I8) -> F8:
        """Return the level before each place; NaN where it is not known."""
        found = np.full(place.size, np.nan)
        if self.known.size:
            # After the feed has been silent for a day, what it said before is no level.
            last = np.minimum(place - 1, self.known.size - 1)
            fresh = (last >= 0) & (place - 1 - last <= DAY_MS // HOUR_MS)
            found[fresh] = self.levels[last[fresh]]
        return found

    def sums(self, first: I8, hours: int) -> tuple[F8x2, F8]:
        """Return sums and known hours of so many hours after each place; places increase."""
        if not first.size:
            return np.zeros((0, len(SIDES))), np.zeros(0)
        begin, starts = int(first[0]), int(first[-1] - first[0]) + 1
        cells = np.arange(begin, begin + starts + hours - 1)
        held = (cells >= 0) & (cells < self.known.size)
        usd, known = np.zeros((cells.size, len(SIDES))), np.zeros(cells.size)
        usd[held], known[held] = self.usd[cells[held]], self.known[cells[held]]
        total, count = np.zeros((starts, len(SIDES))), np.zeros(starts)
        # Hour by hour, so that a sum depends on its own hours alone, to the last byte.
        for step in range(hours):
            total += usd[step : step + starts]
            count += known[step : step + starts]
        return total[first - begin], count[first - begin]

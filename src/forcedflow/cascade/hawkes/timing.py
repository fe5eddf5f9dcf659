"""Timing: what the times of one market's forced closes say of chains, beside ladder and book.

In:  times and sizes of single prints, a moment. [UTC ms, base coins]
Out: `Timing`: branching ratio of bursts with its interval, and what it is worth, in words. [1]
Pure: NumPy in, values out; no I/O, no clock; randomness is a seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from forcedflow.cascade.hawkes.baseline import HOURS_OF_DAY, flat_baseline, with_hours
from forcedflow.cascade.hawkes.fit import fit_bursts
from forcedflow.cascade.hawkes.model import Events
from forcedflow.cascade.hawkes.prepared import prepare
from forcedflow.cascade.hawkes.uncertainty import branching_interval
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, SECOND_MS

LEAST_MS = DAY_MS
"""Least span of prints that is read at all. [ms]"""

LONGEST_MS = 7 * DAY_MS
"""Most that is read: what came before is of another market. [ms]"""

LEAST_BURSTS = 50
"""Seconds with a print without which nothing is said."""

UNKNOWN = "unknown: no single prints held for a day (hourly totals cannot bear it)"
"""What is said where nothing can be."""

_BLOCK_MS = 4 * HOUR_MS
_DRAWS = 50
_LEVEL = 0.90
_DAYS_FOR_HOURS = 3
_MOST_BURSTS = 2_500


@dataclass(frozen=True, slots=True)
class Timing:
    """What timing alone says.

    Parameters
    ----------
    branching_ratio : float
        Bursts that one burst is followed by, by timing; a burst is a second with a print. [1]
    low, high : float
        Its 90 % interval, blocks of four hours drawn again. [1]
    within_second : float
        The part of it within the one-second memory. [1]
    bursts : int
    from_ms, to_ms : int
        [UTC ms]
    hours : bool
        Whether the baseline knows the hour of the day.
    converged : bool
        Whether the fit came to rest.
    """

    branching_ratio: float
    low: float
    high: float
    within_second: float
    bursts: int
    from_ms: int
    to_ms: int
    hours: bool
    converged: bool

    @property
    def warning(self) -> str:
        """Return what it must not be taken for."""
        baseline = "hour of the day" if self.hours else "a flat baseline"
        rest = "" if self.converged else "; the fit did not come to rest"
        return (
            f"timing only, {baseline}: volatility and unrecorded hours count as excitation; on the "
            f"simulated exchange it lay above the share truly caused{rest}"
        )

    def words(self) -> str:
        """Return it in words."""
        days = (self.to_ms - self.from_ms) / DAY_MS
        return (
            f"timing alone: n {self.branching_ratio:.2f} (90 %: {self.low:.2f}–{self.high:.2f}) of "
            f"{self.bursts:,} seconds with a liquidation in {days:.1f} d; {self.warning}"
        )

    def row(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "branching_ratio": round(self.branching_ratio, 4),
            "interval_90": [round(self.low, 4), round(self.high, 4)],
            "within_second": round(self.within_second, 4),
            "bursts": self.bursts,
            "from_ms": self.from_ms,
            "to_ms": self.to_ms,
            "warning": self.warning,
        }


def read_timing(time_ms: I8, size: F8, at_ms: int, seed: int = 0) -> Timing | None:
    """Return what the prints before a moment say; None where they are too few or too short a time.

    Parameters
    ----------
    time_ms : ndarray of int, shape (n,)
        Of single prints of one market, never decreasing, all known at the moment. [UTC ms]
    size : ndarray, shape (n,)
        Positive. [base coins]
    at_ms : int
        The moment. [UTC ms]
    seed : int
        Of the interval's draws.

    Raises
    ------
    ValueError
        If a print is later than the moment, or prints are no events.

    Notes
    -----
    Of a busy market only the newest whole hours with some thousand seconds of prints are read.
    """
    if time_ms.size and int(time_ms[-1]) > at_ms:
        raise ValueError(f"a print, {time_ms[-1]}, is later than the moment, {at_ms}")
    seconds = np.unique(time_ms // SECOND_MS)
    if seconds.size < LEAST_BURSTS:
        return None
    end = -(-(int(time_ms[-1]) + 1) // HOUR_MS) * HOUR_MS
    begin = max(int(time_ms[0]), end - LONGEST_MS)
    if seconds.size > _MOST_BURSTS:
        newest = int(seconds[-_MOST_BURSTS]) * SECOND_MS
        begin = max(begin, min(newest, end - LEAST_MS))
    begin = begin // HOUR_MS * HOUR_MS
    inside = time_ms >= begin
    bursts = np.unique(time_ms[inside] // SECOND_MS).size
    if end - begin < LEAST_MS or bursts < LEAST_BURSTS:
        return None
    events = Events(
        time_ms[inside], np.zeros(int(inside.sum()), dtype=np.int64), size[inside], ("prints",)
    )
    baseline = flat_baseline(begin, end)
    hours = end - begin >= _DAYS_FOR_HOURS * DAY_MS
    if hours:
        baseline = with_hours(baseline, HOURS_OF_DAY)
    fit = fit_bursts(events, baseline, size_exponents=(0.0,))
    prepared = prepare(events, baseline, "bursts", SECOND_MS, size_exponent=0.0)
    found = branching_interval(
        prepared, fit, np.random.default_rng(seed), _DRAWS, _LEVEL, _BLOCK_MS
    )
    return Timing(
        branching_ratio=fit.model.branching_ratio,
        low=min(found.low, fit.model.branching_ratio),
        high=max(found.high, fit.model.branching_ratio),
        within_second=float(fit.model.branching_by_memory[0]),
        bursts=int(bursts),
        from_ms=begin,
        to_ms=end,
        hours=hours,
        converged=fit.converged,
    )

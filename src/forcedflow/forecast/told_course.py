"""What was told ahead at every hour: chances of one event and sizes, each beside its baseline.

In:  kept models, a market's hours, its liquidations.   Out: `ToldCourse`. [1, USD]
Pure: NumPy in, values out; no I/O, no clock, no global state.

An hour is told by what was known at it: inputs, level and coverage look back alone. Which model
may speak of an hour is for whoever asks to say: one must not be asked of hours that it was fitted
to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.features.rows import Bools
from forcedflow.forecast.course import Course
from forcedflow.forecast.kept_timing import KeptTiming
from forcedflow.forecast.labels import DIRECTIONS
from forcedflow.forecast.rows import HORIZONS_H, Rows
from forcedflow.forecast.size import LEVELS, SizeModel
from forcedflow.forecast.size_forecast import tracked_quantiles
from forcedflow.forecast.sizes import FLOOR, Liquidated, lay_all_sizes
from forcedflow.forecast.tracking import F8x3
from forcedflow.units import F8, I8, SIDES, F8x2

SHOWN: tuple[float, ...] = (0.05, 0.5, 0.95)
"""Quantiles that are told of a size: its range of nine in ten, and its middle."""


@dataclass(frozen=True, slots=True)
class ToldCourse:
    """What was told at ``n`` hours; NaN where nothing was.

    Parameters
    ----------
    times_ms : ndarray of int, shape (n,)
        [UTC ms]
    ours, usual : ndarray, shape (2, n, len(HORIZONS_H))
        Chances of the event down and up within every horizon: the model's, and the usual ones of
        the hour of the week. [1]
    sizes_usd, baseline_usd : dict of int to ndarray, shape (n, 2, len(SHOWN))
        By horizon in hours, quantiles of longs and shorts to be closed by force. [USD]
    """

    times_ms: I8
    ours: F8x3
    usual: F8x3
    sizes_usd: Mapping[int, F8x3]
    baseline_usd: Mapping[int, F8x3]

    def within(self, inside: Bools) -> ToldCourse:
        """Return the same with NaN at hours outside."""
        return ToldCourse(
            self.times_ms,
            np.where(inside[None, :, None], self.ours, np.nan),
            np.where(inside[None, :, None], self.usual, np.nan),
            {h: np.where(inside[:, None, None], one, np.nan) for h, one in self.sizes_usd.items()},
            {
                h: np.where(inside[:, None, None], one, np.nan)
                for h, one in self.baseline_usd.items()
            },
        )

    def since(self, start_ms: int) -> ToldCourse:
        """Return the hours after a moment. [UTC ms]"""
        kept = self.times_ms > start_ms
        return ToldCourse(
            self.times_ms[kept],
            self.ours[:, kept],
            self.usual[:, kept],
            {h: one[kept] for h, one in self.sizes_usd.items()},
            {h: one[kept] for h, one in self.baseline_usd.items()},
        )


def untold(times_ms: I8) -> ToldCourse:
    """Return hours at which nothing is told."""
    nothing = np.full((len(DIRECTIONS), times_ms.size, len(HORIZONS_H)), np.nan)
    return ToldCourse(times_ms, nothing, nothing, {}, {})


def tell_hours(
    times_ms: I8,
    timing: tuple[KeptTiming, Course] | None,
    sizes: tuple[Mapping[int, SizeModel], Mapping[int, SizeModel], Rows, Liquidated] | None,
) -> ToldCourse:
    """Return what some models told at every hour of a market.

    Parameters
    ----------
    times_ms : ndarray of int, shape (n,)
        Hours of both courses. [UTC ms]
    timing : tuple of KeptTiming and Course, optional
        Without it no chances are told.
    sizes : tuple, optional
        Models and their baselines by horizon, rows as
        `forcedflow.forecast.size.with_past_sizes` returns them, and liquidations; without it no
        sizes are told.

    Returns
    -------
    ToldCourse
    """
    found = untold(times_ms)
    ours, usual = found.ours, found.usual
    if timing is not None:
        kept, course = timing
        ours, usual = kept.chosen.probability(course), kept.climatology.probability(course)
    told: tuple[dict[int, F8x3], dict[int, F8x3]] = ({}, {})
    if sizes is not None:
        models, baselines, rows, liquidated = sizes
        for place, by_horizon in enumerate((models, baselines)):
            told[place].update(_quantiles(by_horizon, rows, liquidated))
    return ToldCourse(times_ms, ours, usual, *told)


def joined(times_ms: I8, pieces: Sequence[ToldCourse]) -> ToldCourse:
    """Return one course of several, each hour as the first piece has it that tells anything.

    Parameters
    ----------
    times_ms : ndarray of int, shape (n,)
        The hours of all of them. [UTC ms]
    pieces : sequence of ToldCourse
    """
    ours, usual = untold(times_ms).ours, untold(times_ms).usual
    both: tuple[dict[int, F8x3], dict[int, F8x3]] = ({}, {})
    for one in pieces:
        ours, usual = _first(ours, one.ours), _first(usual, one.usual)
        for mine, theirs in zip(both, (one.sizes_usd, one.baseline_usd), strict=True):
            for hours, usd in theirs.items():
                mine[hours] = _first(mine[hours], usd) if hours in mine else usd
    return ToldCourse(times_ms, ours, usual, *both)


def _first(held: F8x3, other: F8x3) -> F8x3:
    return np.where(np.isnan(held), other, held)


def _quantiles(
    models: Mapping[int, SizeModel], rows: Rows, liquidated: Liquidated
) -> dict[int, F8x3]:
    laid = lay_all_sizes(rows.times_ms, liquidated, list(models))
    places = [LEVELS.index(level) for level in SHOWN]
    found = {}
    for (hours, model), sizes in zip(models.items(), laid, strict=True):
        log = tracked_quantiles(model, rows, sizes)[:, :, places]
        usd = np.maximum(np.exp(log) - FLOOR, 0.0) * hours * _level(sizes.level)
        found[hours] = usd
    return found


def _level(level: F8) -> F8x3:
    """Return the level of every hour, where one is known, for both sides and every quantile."""
    known: F8x2 = np.where(level > 0, level, np.nan)[:, None]
    return np.broadcast_to(known[:, :, None], (level.size, len(SIDES), len(SHOWN)))

"""What is told of sizes at one moment: quantiles in dollars, and how likely more than so much is.

In:  a `SizeModel`, rows and liquidations up to the moment.   Out: `SizeForecast`. [USD, 1]
Pure: NumPy in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.forecast.rows import Rows
from forcedflow.forecast.size import LEVELS, SizeModel
from forcedflow.forecast.size_trees import SizeTrees
from forcedflow.forecast.sizes import FLOOR, Liquidated, Sizes, lay_all_sizes
from forcedflow.forecast.tracking import TRACKED_MS, F8x3, track
from forcedflow.units import F8, SIDES, F8x2, Side


@dataclass(frozen=True, slots=True)
class SizeForecast:
    """The distribution of what is closed by force within a horizon after one moment.

    Parameters
    ----------
    symbol : str
    at_ms : int
        The moment. [UTC ms]
    horizon_h : int
        [h]
    level_usd : float
        Median hour of one side of late: what the distribution is relative to. [USD per hour]
    log : ndarray, shape (2, len(LEVELS))
        Quantiles, longs then shorts, never crossing. [log levels]
    """

    symbol: str
    at_ms: int
    horizon_h: int
    level_usd: float
    log: F8x2

    @property
    def usd(self) -> F8x2:
        """Return the quantiles in dollars, shape (2, len(LEVELS)). [USD]"""
        levels = np.maximum(np.exp(self.log) - FLOOR, 0.0)
        return np.asarray(levels * self.horizon_h * self.level_usd)

    def exceedance(self, side: Side, usd: float) -> float:
        """Return the probability that more than so much of a side is closed. [1]

        Parameters
        ----------
        side : {"long", "short"}
        usd : float
            [USD]

        Notes
        -----
        Straight between the quantiles in log size; beyond the last one exponential, falling as it
        does between the last two.

        Raises
        ------
        ValueError
            If the size is negative.
        """
        if usd < 0:
            raise ValueError(f"a size is not negative, was {usd}")
        place = math.log(usd / (self.horizon_h * self.level_usd) + FLOOR)
        return above(self.log[SIDES.index(side)], place)


def above(quantiles: F8, place: float) -> float:
    """Return the probability beyond a place of a distribution told by its quantiles. [1]

    Parameters
    ----------
    quantiles : ndarray, shape (len(LEVELS),)
        Not decreasing.
    place : float
        On the same scale.
    """
    levels = np.asarray(LEVELS)
    if place > quantiles[-1]:
        fall = (quantiles[-1] - quantiles[-2]) / math.log((1 - levels[-2]) / (1 - levels[-1]))
        left = 1 - levels[-1]
        return float(left * math.exp(-(place - quantiles[-1]) / fall)) if fall > 0 else 0.0
    if place < quantiles[0]:
        rise = (quantiles[1] - quantiles[0]) / math.log(levels[1] / levels[0])
        return float(1 - levels[0] * math.exp((place - quantiles[0]) / rise)) if rise > 0 else 1.0
    return float(1 - np.interp(place, quantiles, levels))


def forecast_size(model: SizeModel | SizeTrees, rows: Rows, liquidated: Liquidated) -> SizeForecast:
    """Return the distribution at the last moment of some rows; as `forecast_sizes`, of one."""
    return forecast_sizes((model,), rows, liquidated)[0]


def forecast_sizes(
    models: Sequence[SizeModel | SizeTrees], rows: Rows, liquidated: Liquidated
) -> tuple[SizeForecast, ...]:
    """Return the distributions at the last moment of some rows, one per model.

    Parameters
    ----------
    models : sequence of SizeModel or SizeTrees
        Of another market or of this one; fitted before the moment.
    rows : Rows
        Hourly, as `forcedflow.forecast.size.with_past_sizes` returns them; `TRACKED_MS` of them
        before the moment are used.
    liquidated : Liquidated
        What was known by the moment.

    Returns
    -------
    tuple of SizeForecast

    Raises
    ------
    NoDataError
        If too little is known of the market's liquidations to say what is much.
    """
    if not rows.size:
        raise NoDataError(f"nothing is known of {rows.symbol} at any hour")
    near = rows.cut(rows.times_ms > rows.times_ms[-1] - TRACKED_MS)
    told = []
    every = lay_all_sizes(near.times_ms, liquidated, [model.horizon_h for model in models])
    for model, sizes in zip(models, every, strict=True):
        level = float(sizes.level[-1])
        if not level > 0:
            raise NoDataError(
                f"too few hours of {rows.symbol}'s liquidations are known to say what is much\n"
                "hint: forcedflow import coinglass PATH, or forcedflow record VENUE SYMBOL"
            )
        quantiles = tracked_quantiles(model, near, sizes)
        told.append(
            SizeForecast(rows.symbol, int(near.times_ms[-1]), model.horizon_h, level, quantiles[-1])
        )
    return tuple(told)


def tracked_quantiles(model: SizeModel | SizeTrees, rows: Rows, sizes: Sizes) -> F8x3:
    """Return quantiles at every moment, shape (n, 2, len(LEVELS)), tracked from the first on."""
    return track(model.predict(rows), sizes.log, model.horizon_h, model.half_life_h, LEVELS)

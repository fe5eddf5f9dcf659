"""Styles: how far ahead a trader looks, and which levels that makes worth waiting at.

In:  a name.   Out: `Style`, a value.
Pure: constants and a look-up; no I/O, no clock, no global state.

A style changes spans and levels, never a figure: map, signals and cascade are the same in all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from forcedflow.playbook.triggers import Kind
from forcedflow.units import DAY_MS, HOUR_MS

StyleName: TypeAlias = Literal["scalp", "intraday", "swing"]


@dataclass(frozen=True, slots=True)
class Style:
    """One way to trade.

    Parameters
    ----------
    name : {"scalp", "intraday", "swing"}
    picture_span_ms : int
        Span of the heatmap. [ms]
    horizon_ms : int
        Time within which a plan is meant to be over. [ms]
    kinds : tuple of str
        Levels that serve as triggers.
    invalidation_sigma : float
        Way back through the trigger at which a plan is void, in deviations of the horizon. [σ]
    buffer_sigma : float
        Way beyond a cluster that a liquidation price keeps clear, likewise. [σ]
    confirmation : str
        What is waited for at a trigger, in words.
    """

    name: StyleName
    picture_span_ms: int
    horizon_ms: int
    kinds: tuple[Kind, ...]
    invalidation_sigma: float
    buffer_sigma: float
    confirmation: str

    def sigma(self, sigma_day: float) -> float:
        """Return the standard deviation of the log return over the horizon. [1]"""
        return sigma_day * math.sqrt(self.horizon_ms / DAY_MS)


STYLES: Final[dict[StyleName, Style]] = {
    "scalp": Style(
        name="scalp",
        picture_span_ms=DAY_MS,
        horizon_ms=HOUR_MS,
        kinds=("range_low_24h", "range_high_24h", "vwap_day"),
        invalidation_sigma=0.5,
        buffer_sigma=1.0,
        confirmation="a finished 5-minute bar beyond it",
    ),
    "intraday": Style(
        name="intraday",
        picture_span_ms=3 * DAY_MS,
        horizon_ms=4 * HOUR_MS,
        kinds=("range_low_24h", "range_high_24h", "vwap_day", "prior_day_low", "prior_day_high"),
        invalidation_sigma=0.5,
        buffer_sigma=1.0,
        confirmation="a finished 15-minute bar beyond it",
    ),
    "swing": Style(
        name="swing",
        picture_span_ms=14 * DAY_MS,
        horizon_ms=DAY_MS,
        kinds=("range_low_24h", "range_high_24h", "vwap_week", "prior_day_low", "prior_day_high"),
        invalidation_sigma=0.5,
        buffer_sigma=1.0,
        confirmation="a finished hour beyond it",
    ),
}
"""Spans and distances are conventions of ours, not fitted to anything: no record says that one
serves better than another."""

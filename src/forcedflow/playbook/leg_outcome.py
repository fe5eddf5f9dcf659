"""What a plan came to: whether it was filled, where it was left, and what that cost.

In:  `LegPlan`, `PriceSeries`, depth, fees. [quote per base, USD, bps]   Out: `LegOutcome`.
Pure: values in, values out; no I/O, no clock, no global state.

A stop order beyond the extreme, known from when the plan was. The first bar that counts is the
first that begins then. Where bars carry highs and lows, orders fill at their level, an entry that
the bar opens beyond at its open; where only closes are told, at the close that is at or beyond the
level, for nobody could have traded at the level then. The bar of the entry is looked at as well,
and where it holds both, the invalidation came first. A bar is taken to open where the last one
closed. A plan that is not filled came to zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from forcedflow.depth.curve import DepthCurve
from forcedflow.playbook.ignition import SIGN
from forcedflow.playbook.price_series import PriceSeries
from forcedflow.playbook.second_leg import LegPlan

TAKER_BPS = 5.0
"""Fee of a taker on Binance's linear perpetuals, lowest tier, 2026; paid at both ends. [bps]"""

SIZES_USD = (10_000.0, 100_000.0, 1_000_000.0)
"""Sizes that the record is told of. [USD]"""

End: TypeAlias = Literal["unfilled", "target", "invalidation", "expired", "open"]


@dataclass(frozen=True, slots=True)
class LegOutcome:
    """What a plan came to, before costs.

    Parameters
    ----------
    end : {"unfilled", "target", "invalidation", "expired", "open"}
        ``open`` where the series ends before the plan does.
    entry, exit : float
        Prices had; NaN where there was none. [quote per base]
    entry_ms, exit_ms : int, optional
        Ends of the bars. [UTC ms]
    gross : float
        Log return in the plan's direction; 0 where it was not filled. [1]
    """

    end: End
    entry: float
    exit: float
    entry_ms: int | None
    exit_ms: int | None
    gross: float

    @property
    def filled(self) -> bool:
        """Return whether there was an entry."""
        return self.entry_ms is not None


UNFILLED = LegOutcome("unfilled", float("nan"), float("nan"), None, None, 0.0)
"""A plan without an entry, which came to zero."""


def resolve(series: PriceSeries, plan: LegPlan) -> LegOutcome:
    """Return what a plan came to on the bars after it.

    Parameters
    ----------
    series : PriceSeries
    plan : LegPlan

    Returns
    -------
    LegOutcome
        A plan is dropped, unfilled, where price has passed the target or the invalidation before
        an order could be placed.
    """
    sign = SIGN[plan.direction]
    first = int(np.searchsorted(series.event_ms, plan.placed_ms, side="left"))
    last = int(np.searchsorted(series.event_ms, plan.expires_ms, side="right")) - 1
    if first > last:
        return _unfilled(series, plan)
    # Away from the entry, in the plan's direction: 0 is the entry. Row 0 is only where bars begin.
    stop, goal = (
        sign * float(np.log(level / plan.entry)) for level in (plan.invalidation, plan.target)
    )
    sides = (series.low, series.high) if plan.direction == "down" else (series.high, series.low)
    close, ahead, behind = (
        (sign * np.log(prices[first : last + 1] / plan.entry)).tolist()
        for prices in (series.close, *sides)
    )
    ranged = series.ranged[first : last + 1].tolist()
    if not stop < close[0] < goal:
        return UNFILLED
    k = next((k for k in range(1, len(close)) if ahead[k] >= 0 or behind[k] <= stop), None)
    if k is None:
        return _unfilled(series, plan)
    if ahead[k] < 0:
        return UNFILLED
    # Beyond the entry already it is filled at the market; else at its level, or at the close.
    at_level = 0.0 if ranged[k] else close[k]
    entered = close[k - 1] if close[k - 1] >= 0 else at_level
    # Where only closes are told, an entry at the close leaves nothing of its bar.
    done = not ranged[k] and close[k - 1] < 0 and entered < goal
    end, at, place = _follow_exit(close, ahead, behind, ranged, k + done, stop, goal)
    entry_ms = int(series.event_ms[first + k])
    price = plan.entry * float(np.exp(sign * entered))
    if end == "expired" and not _is_over(series, plan):
        return LegOutcome("open", price, float("nan"), entry_ms, None, 0.0)
    return LegOutcome(
        end=end,
        entry=price,
        exit=plan.entry * float(np.exp(sign * at)),
        entry_ms=entry_ms,
        exit_ms=int(series.event_ms[first + place]),
        gross=at - entered,
    )


def _follow_exit(
    close: list[float],
    ahead: list[float],
    behind: list[float],
    ranged: list[bool],
    start: int,
    stop: float,
    goal: float,
) -> tuple[End, float, int]:
    """Return how, at which progress and in which bar it is left; the last close at the latest."""
    for k in range(start, len(close)):
        left = _leave(ranged[k], close[k], ahead[k], behind[k], stop, goal)
        if left is not None:
            return *left, k
    return "expired", close[-1], len(close) - 1


def _leave(
    ranged: bool, close: float, ahead: float, behind: float, stop: float, goal: float
) -> tuple[End, float] | None:
    if not ranged:
        if close <= stop:
            return "invalidation", close
        return ("target", close) if close >= goal else None
    if behind <= stop:
        return "invalidation", stop
    return ("target", goal) if ahead >= goal else None


def _unfilled(series: PriceSeries, plan: LegPlan) -> LegOutcome:
    return UNFILLED if _is_over(series, plan) else replace(UNFILLED, end="open")


def _is_over(series: PriceSeries, plan: LegPlan) -> bool:
    return bool(series.size and series.event_ms[-1] >= plan.expires_ms)


def cost_bps(
    depths: tuple[DepthCurve, DepthCurve], size_usd: float, taker_bps: float = TAKER_BPS
) -> float:
    """Return what going in and out costs: the fee twice and the slippage of both books. [bps]

    Parameters
    ----------
    depths : pair of DepthCurve
        Down, up, as known when the plan was stated.
    size_usd : float
        [USD]
    taker_bps : float
        Fee a side. [bps]

    Returns
    -------
    float
        NaN where the order is larger than the book and nothing is known beyond it. [bps]

    Raises
    ------
    ValueError
        If the size is not positive.
    """
    return 2 * taker_bps + sum(slippage_bps(depth, size_usd) for depth in depths)


def slippage_bps(depth: DepthCurve, size_usd: float) -> float:
    """Return the mean distance from the mid at which an order fills; NaN where unknown. [bps]

    Raises
    ------
    ValueError
        If the size is not positive.
    """
    if not size_usd > 0:
        raise ValueError(f"an order has a positive size, was {size_usd}")
    try:
        return 1e4 * depth.slippage(size_usd)
    except ValueError:
        return float("nan")  # more than the book holds: no price can be stated

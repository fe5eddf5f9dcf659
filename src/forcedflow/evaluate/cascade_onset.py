"""Onset: when the first forced order reaches the book, and when the first winner is closed instead.

In:  a `Stage`, `WaveRules`, one path of distance [1]; or a market, a book and what is stated.
Out: `Onset`, alone or over a grid of statements. [s]
Pure: values in, values out; no I/O, no clock.

For crashes of which a venue printed the seconds and nothing else: open interest, books and funds
are then stated, not known, and an onset is a what-if over them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from forcedflow.cascade.stage import Stage
from forcedflow.cascade.waves import WaveResult, WaveRules, assumed_rules, run
from forcedflow.depth.curve import DepthCurve
from forcedflow.errors import NoDataError
from forcedflow.liquidation_map import Market
from forcedflow.pipeline import build_map, build_stage
from forcedflow.tables import check
from forcedflow.units import F8


@dataclass(frozen=True, slots=True)
class Onset:
    """When it began, from the start of the path; None where it never did. [s]

    Parameters
    ----------
    first_order_s : float, optional
        First forced order at the book, or closed against winners in its stead.
    first_deleveraged_s : float, optional
        First close against winners.
    """

    first_order_s: float | None
    first_deleveraged_s: float | None

    @property
    def delay_s(self) -> float | None:
        """Return the time from the first order to the first close against winners. [s]"""
        if self.first_order_s is None or self.first_deleveraged_s is None:
            return None
        return self.first_deleveraged_s - self.first_order_s


def find_onset(stage: Stage, rules: WaveRules, path: F8) -> Onset:
    """Return when forced orders and deleveraging began on a path.

    Parameters
    ----------
    stage : Stage
    rules : WaveRules
    path : ndarray, shape (t,)
        Distance price has moved for other reasons by each step. [1]

    Returns
    -------
    Onset

    Raises
    ------
    ValueError
        As `forcedflow.cascade.waves.run` does.

    Notes
    -----
    What a prefix of the path leads to does not depend on the rest, and both sums only grow, so the
    first step is found by halving: O(log t) runs.
    """
    return Onset(
        first_order_s=_first_s(stage, rules, path, lambda end: end.sold + end.deleveraged),
        first_deleveraged_s=_first_s(stage, rules, path, lambda end: end.deleveraged),
    )


@dataclass(frozen=True, slots=True)
class Stated:
    """What nobody published and had to be stated, and the onset that follows from it.

    Parameters
    ----------
    open_interest_usd : float
        One-sided, at the moment. [USD]
    depth_share : float
        Depth over that of the book at hand. [1]
    path_share : float
        Share of the fall that came for other reasons. [1]
    fund_share : float
        Insurance fund over open interest. [1]
    onset : Onset
    """

    open_interest_usd: float
    depth_share: float
    path_share: float
    fund_share: float
    onset: Onset


def onset_grid(
    market: Market,
    curve: DepthCurve,
    distance: float,
    steps: int,
    open_interests_usd: Sequence[float],
    depth_shares: Sequence[float],
    path_shares: Sequence[float],
    fund_shares: Sequence[float],
) -> list[Stated]:
    """Return the onset of a fall over every combination of statements: a what-if.

    Parameters
    ----------
    market : Market
        Its klines and brackets are used; its open interest may be empty and is not.
    curve : DepthCurve
        Downwards.
    distance : float
        How far price fell, at an even pace. [1]
    steps : int
        In how many steps of `forcedflow.cascade.waves.STEP_S`.
    open_interests_usd, depth_shares, path_shares, fund_shares
        As in `Stated`.

    Notes
    -----
    Open interest is taken to have been the same number of coins throughout, so who stands where
    follows from volume and price alone. The pace is even because nothing finer than the fall's own
    bar was held; a fall that was steeper at first has an earlier onset.
    """
    found: list[Stated] = []
    for open_interest in open_interests_usd:
        mapped = build_map(state_open_interest(market, open_interest))
        for depth_share in depth_shares:
            stage = build_stage([mapped], [curve.scaled(depth_share, "stated")], "long")
            for path_share in path_shares:
                path = path_share * distance * np.arange(1, steps + 1) / steps
                for fund_share in fund_shares:
                    rules = assumed_rules(stage, None, [fund_share * open_interest])
                    onset = find_onset(stage, rules, path)
                    found.append(Stated(open_interest, depth_share, path_share, fund_share, onset))
    return found


def state_open_interest(market: Market, open_interest_usd: float) -> Market:
    """Return a market whose open interest is stated: the same coins at every mark kline's end.

    Parameters
    ----------
    market : Market
    open_interest_usd : float
        At the last mark kline. [USD]

    Raises
    ------
    NoDataError
        If there is no mark kline.
    """
    marks = market.mark_klines.sort("event_time")
    if marks.is_empty():
        raise NoDataError("without mark klines no open interest can be stated")
    held = open_interest_usd / float(marks["close"][-1])
    rows = marks.select(
        *("venue", "symbol", "event_time", "available_time", "precedence"),
        open_interest=pl.lit(held),
        open_interest_usd=held * pl.col("close"),
        source=pl.lit("stated: what-if"),
    )
    note = f"open interest of ${open_interest_usd:,.0f} is stated, not known"
    return replace(market, open_interest=check("open_interest", rows), notes=(*market.notes, note))


def _first_s(
    stage: Stage,
    rules: WaveRules,
    path: F8,
    counted: Callable[[WaveResult], np.ndarray[tuple[int, int], np.dtype[np.float64]]],
) -> float | None:
    def begun(steps: int) -> bool:
        return bool(counted(run(stage, rules, path[None, :steps])).sum() > 0)

    if not begun(path.size):
        return None
    low, high = 0, path.size
    while high - low > 1:
        middle = (low + high) // 2
        if begun(middle):
            high = middle
        else:
            low = middle
    return high * rules.step_s

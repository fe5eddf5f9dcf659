"""The second leg of a situation: where the machine stands now, and why there is no trade.

In:  `Situation`, past legs, the user's size. [USD]   Out: `LegReading`.
Pure: values in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from forcedflow.playbook.clusters import ClusterHistory, follow_clusters, map_moments
from forcedflow.playbook.ignition import Ignition, find_ignitions
from forcedflow.playbook.leg_outcome import TAKER_BPS, slippage_bps
from forcedflow.playbook.past_legs import PastLegs, Verdict, judge, past_impulses
from forcedflow.playbook.price_series import series_of_market
from forcedflow.playbook.second_leg import RULE, LegPlan, SecondLeg, follow_legs
from forcedflow.playbook.situation import Situation
from forcedflow.units import DAY_MS, HOUR_MS

SIZE_USD = 10_000.0
"""Size that slippage is told of where the user states none. [USD]"""


@dataclass(frozen=True, slots=True)
class LegReading:
    """The newest leg, and what there is to say of it.

    Parameters
    ----------
    leg : SecondLeg, optional
        Of the last day: the newest under way that hit a cluster, else the newest that may, else the
        newest that is over; None where there was none.
    ignitions : tuple of Ignition
        Every impulse of the last day, oldest first.
    is_open : bool
        Whether that leg is not over.
    since_ignition_ms : int, optional
        Time since its impulse was known. [ms]
    share_bottomed : float, optional
        Share of past events whose extreme lay behind them by then; None where too few are known.
        [1]
    n_past : int
        Past events known.
    past_of : {"legs", "impulses"}
        What they are: legs that hit a cluster, of a record, or else every impulse of the history.
    size_usd : float
        Size that slippage is of. [USD]
    slippage_bps : float, optional
        Expected of getting in at that size; None without a plan or without depth. [bps]
    round_trip_bps : float, optional
        Both ways, with the fee of a taker twice. [bps]
    verdict : Verdict
    closes_only : bool
        Whether the price is told by closes alone, so that touches are seen late.
    """

    leg: SecondLeg | None
    ignitions: tuple[Ignition, ...]
    is_open: bool
    since_ignition_ms: int | None
    share_bottomed: float | None
    n_past: int
    past_of: Literal["legs", "impulses"]
    size_usd: float
    slippage_bps: float | None
    round_trip_bps: float | None
    verdict: Verdict
    closes_only: bool

    @property
    def plan(self) -> LegPlan | None:
        """Return the plan of the leg, where it gave one."""
        return None if self.leg is None else self.leg.plan

    @property
    def state(self) -> str:
        """Return the state of the leg; ``idle`` where there is none."""
        return "idle" if self.leg is None else self.leg.state


def read_second_leg(
    situation: Situation,
    past: PastLegs | None = None,
    size_usd: float = SIZE_USD,
    liquidations: pl.DataFrame | None = None,
) -> LegReading:
    """Return where the second leg of a situation stands.

    Parameters
    ----------
    situation : Situation
    past : PastLegs, optional
        Legs that were over before; only those known by the moment count. Without them there is no
        base rate, and so no trade, and the share that had bottomed is of impulses.
    size_usd : float
        The user's size. [USD]
    liquidations : polars.DataFrame, optional
        Rows of ``liquidation_totals`` known by the moment.

    Returns
    -------
    LegReading
    """
    market, at_ms = situation.mapped.market, situation.at_ms
    series = series_of_market(market, liquidations)
    trained = situation.mapped.trained
    ignitions = find_ignitions(series)
    recent = tuple(g for g in ignitions if at_ms - DAY_MS <= g.impulse_ms)
    clusters = ClusterHistory(np.zeros(0, dtype=np.int64), ())
    if recent:
        began = min(ignition.start_ms for ignition in recent)
        moments = map_moments(began - HOUR_MS, at_ms)
        clusters = follow_clusters(market, moments, trained)
    legs = follow_legs(series, recent, clusters, RULE)
    leg = _newest(legs)
    known = None if past is None else past.known_by(at_ms)
    before = past_impulses(series, ignitions) if known is None else known
    since = None if leg is None else at_ms - leg.ignition.impulse_ms
    slip, round_trip = _costs(situation, leg, size_usd)
    return LegReading(
        leg=leg,
        ignitions=recent,
        is_open=leg is not None and leg.ended_ms is None,
        since_ignition_ms=since,
        share_bottomed=None if since is None else before.share_bottomed(since),
        n_past=int(before.known_ms.size),
        past_of="impulses" if known is None else "legs",
        size_usd=size_usd,
        slippage_bps=slip,
        round_trip_bps=round_trip,
        verdict=_verdict(leg, known),
        closes_only=not bool(series.ranged[-1]) if series.size else True,
    )


def _newest(legs: Sequence[SecondLeg]) -> SecondLeg | None:
    """Newest leg under way that hit a cluster, else one that may, else one that is over."""
    running = [leg for leg in legs if leg.ended_ms is None]
    hit = [leg for leg in running if leg.transitions]
    over = [leg for leg in legs if leg.transitions]
    first = hit or running or over
    return first[-1] if first else None


def _verdict(leg: SecondLeg | None, past: PastLegs | None) -> Verdict:
    if leg is None or leg.ended_ms is not None:
        return Verdict(no_trade=True, reason="no leg is under way")
    if leg.plan is None:
        return Verdict(no_trade=True, reason=f"no plan can be stated while the leg is {leg.state}")
    if past is None:
        return Verdict(no_trade=True, reason="no record of past legs is at hand, so no base rate")
    return judge(past.net_rate())


def _costs(
    situation: Situation, leg: SecondLeg | None, size_usd: float
) -> tuple[float | None, float | None]:
    if leg is None or leg.plan is None or situation.depth is None:
        return None, None
    down, up = (slippage_bps(curve, size_usd) for curve in situation.depth)
    entry = down if leg.plan.direction == "down" else up
    both = down + up + 2 * TAKER_BPS
    return (
        entry if np.isfinite(entry) else None,
        both if np.isfinite(both) else None,
    )

"""A plan: what would have to happen first, where it is void, how far it may go, what that must pay.

In:  `Situation`, `Style`, the second leg. [quote per base, bps]   Out: `Plan` and `Rule` values.
Pure: NumPy in, values out; no I/O, no clock, no global state.

One plan each way, because neither is forecast. Trigger: the nearest level of the style that price
has not passed; where none is known, the near border of the nearest cluster. Target: the cluster
that comes next beyond it. Invalidation: so many deviations of the horizon back through the trigger.
Beside each stands what a walk without drift would do, and what the way has to be worth to pay its
costs. The answer is *no trade* unless a record of plans says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from forcedflow.depth.curve import DIRECTION_OF, Direction
from forcedflow.playbook.clusters import CLEAR, near_border, way_to
from forcedflow.playbook.leg_outcome import TAKER_BPS, slippage_bps
from forcedflow.playbook.leg_reading import LegReading
from forcedflow.playbook.position import LeverageCap
from forcedflow.playbook.situation import Situation
from forcedflow.playbook.styles import Style
from forcedflow.playbook.triggers import Trigger, find_triggers
from forcedflow.units import format_age
from forcedflow.zones import Zone

DIRECTIONS: tuple[Direction, Direction] = ("down", "up")

THIN_VOLUME = 0.7
"""An hour of the week with less than this share of the usual volume is thin. [1]"""

NEAR_SIGMA = 1.0
"""A major cluster within so many deviations of the horizon is near. [σ]"""

Standing: TypeAlias = Literal["heed", "clear", "unknown"]
"""Whether a rule is to be heeded now, gives no reason for care, or cannot be told."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One way, as a condition and not as a forecast.

    Parameters
    ----------
    direction : {"down", "up"}
    kind : str
        What the trigger is: a feature's name, or ``cluster``.
    trigger, invalidation : float, optional
        [quote per base]
    target : Zone, optional
        The next cluster beyond the trigger.
    after : Zone, optional
        The one beyond that.
    target_price : float, optional
        Its near border. [quote per base]
    distance_pct : float, optional
        From the mark to the trigger, signed. [%]
    reward_pct, risk_pct : float, optional
        From the trigger to target and invalidation, not negative. [%]
    cost_bps : float, optional
        Both ways at the size: a taker's fee twice and slippage. [bps]
    chance_without_drift : float, optional
        That a walk without drift meets the target before the invalidation, in log price. [1]
    chance_to_pay : float, optional
        How often the target has to come first for the plan to pay its costs. [1]
    no_trade : bool
        True unless a record says otherwise.
    reason : str
        Why there is no trade, or no plan.
    """

    direction: Direction
    kind: str
    trigger: float | None
    invalidation: float | None
    target: Zone | None
    after: Zone | None
    target_price: float | None
    distance_pct: float | None
    reward_pct: float | None
    risk_pct: float | None
    cost_bps: float | None
    chance_without_drift: float | None
    chance_to_pay: float | None
    no_trade: bool
    reason: str

    @property
    def complete(self) -> bool:
        """Return whether trigger, invalidation and target are all known."""
        return None not in (self.trigger, self.invalidation, self.target_price)

    @property
    def reward_to_risk(self) -> float | None:
        """Return the way to the target over the way to the invalidation, before costs. [1]"""
        if self.reward_pct is None or not self.risk_pct:
            return None
        return self.reward_pct / self.risk_pct

    def row(self) -> dict[str, Any]:
        """Return the plan as plain values; what is not known is null."""
        return {
            "direction": self.direction,
            "trigger_kind": self.kind,
            "trigger": _rounded(self.trigger),
            "invalidation": _rounded(self.invalidation),
            "target": _rounded(self.target_price),
            "target_cluster": None if self.target is None else self.target.row(),
            "cluster_after": None if self.after is None else self.after.row(),
            "distance_pct": _rounded(self.distance_pct),
            "reward_pct": _rounded(self.reward_pct),
            "risk_pct": _rounded(self.risk_pct),
            "reward_to_risk": _rounded(self.reward_to_risk),
            "cost_bps": _rounded(self.cost_bps),
            "chance_without_drift": _rounded(self.chance_without_drift),
            "chance_to_pay": _rounded(self.chance_to_pay),
            "no_trade": self.no_trade,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """One risk rule as it stands now.

    Parameters
    ----------
    name : str
    title : str
        The rule in words.
    standing : {"heed", "clear", "unknown"}
    words : str
        The figures it was judged by, or why it cannot be.
    """

    name: str
    title: str
    standing: Standing
    words: str

    def row(self) -> dict[str, str]:
        """Return the rule as plain values."""
        return {
            "name": self.name,
            "title": self.title,
            "standing": self.standing,
            "words": self.words,
        }


def build_plans(situation: Situation, style: Style, leg: LegReading) -> tuple[Plan, Plan]:
    """Return the plan down and the plan up.

    Parameters
    ----------
    situation : Situation
    style : Style
    leg : LegReading
        Of the same situation; its record decides whether there is a trade, its size the costs.

    Returns
    -------
    down, up : Plan
    """
    triggers = find_triggers(situation)
    down, up = (_plan(situation, style, leg, triggers, way) for way in DIRECTIONS)
    return down, up


def judge_rules(
    situation: Situation, style: Style, leg: LegReading, caps: tuple[LeverageCap, ...]
) -> tuple[Rule, ...]:
    """Return the risk rules as they stand.

    Parameters
    ----------
    situation : Situation
    style : Style
    leg : LegReading
    caps : tuple of LeverageCap
        Of a long and a short at the mark.

    Returns
    -------
    tuple of Rule
    """
    return (
        _leverage_rule(situation, style, caps),
        _forced_move_rule(leg, style),
        _thin_rule(situation),
        _window_rule(situation),
    )


def _plan(
    situation: Situation,
    style: Style,
    leg: LegReading,
    triggers: tuple[Trigger, ...],
    direction: Direction,
) -> Plan:
    kind, level = _trigger(situation, style, triggers, direction)
    sigma = style.sigma(situation.mapped.sigma_day)
    ahead = [] if level is None else _ahead(situation, direction, level)
    target = ahead[0] if ahead else None
    goal = None if target is None else near_border(target, direction)
    sign = -1.0 if direction == "down" else 1.0
    invalidation = None
    if level is not None and math.isfinite(sigma):
        invalidation = level * math.exp(-sign * style.invalidation_sigma * sigma)
    cost = _cost(situation, leg.size_usd)
    reward, risk = _way(level, goal), _way(level, invalidation)
    no_trade, reason = _verdict(leg, direction)
    missing = _missing(level, invalidation, goal, direction)
    return Plan(
        direction=direction,
        kind=kind,
        trigger=level,
        invalidation=invalidation,
        target=target,
        after=ahead[1] if len(ahead) > 1 else None,
        target_price=goal,
        distance_pct=None if level is None else 100 * (level / situation.mark - 1),
        reward_pct=_pct(level, goal),
        risk_pct=_pct(level, invalidation),
        cost_bps=cost,
        chance_without_drift=None if not reward or not risk else risk / (reward + risk),
        chance_to_pay=None
        if not reward or not risk or cost is None
        else (risk + cost / 1e4) / (reward + risk),
        no_trade=no_trade or bool(missing),
        reason=missing or reason,
    )


def _trigger(
    situation: Situation, style: Style, triggers: tuple[Trigger, ...], direction: Direction
) -> tuple[str, float | None]:
    for trigger in triggers:
        if trigger.kind in style.kinds and trigger.direction == direction and not trigger.passed:
            return trigger.kind, trigger.level
    ahead = _ahead(situation, direction, situation.mark)
    return "cluster", near_border(ahead[0], direction) if ahead else None


def _ahead(situation: Situation, direction: Direction, price: float) -> list[Zone]:
    """Return the clusters clear of a price, nearest first; the major ones where some are."""
    beyond = [
        zone
        for zone in situation.zones
        if DIRECTION_OF[zone.side] == direction and way_to(zone, direction, price) >= CLEAR
    ]
    major = [zone for zone in beyond if zone.major] or beyond
    return sorted(major, key=lambda zone: way_to(zone, direction, price))


def _verdict(leg: LegReading, direction: Direction) -> tuple[bool, str]:
    if leg.plan is None or not leg.is_open or leg.plan.direction != direction:
        return True, "no trade by default: no leg is under way this way, so no record speaks for it"
    return leg.verdict.no_trade, leg.verdict.reason


def _missing(
    level: float | None, invalidation: float | None, goal: float | None, direction: Direction
) -> str:
    where = "below" if direction == "down" else "above"
    if level is None:
        return f"no plan: neither a level nor a cluster is known {where} the price"
    if goal is None:
        return f"no plan: no cluster is known beyond the trigger {where}"
    if invalidation is None:
        return "no plan: the volatility that the invalidation is made of is unknown"
    return ""


def _cost(situation: Situation, size_usd: float) -> float | None:
    if situation.depth is None:
        return None
    cost = 2 * TAKER_BPS + sum(slippage_bps(curve, size_usd) for curve in situation.depth)
    return cost if math.isfinite(cost) else None


def _leverage_rule(situation: Situation, style: Style, caps: tuple[LeverageCap, ...]) -> Rule:
    name, title = "leverage", "No maximum leverage near a cluster"
    horizon = format_age(style.horizon_ms)
    sigma = style.sigma(situation.mapped.sigma_day)
    said = ", ".join(f"{cap.side} ≤ {_times(cap)}" for cap in caps)
    if not math.isfinite(sigma):
        return Rule(name, title, "unknown", "the volatility is unknown")
    ways = [
        abs(math.log1p(zone.distance_pct / 100)) / sigma for zone in situation.zones if zone.major
    ]
    if not ways:
        return Rule(name, title, "clear", f"no major cluster is known; clear of σ alone: {said}")
    near = min(ways)
    standing: Standing = "heed" if near <= NEAR_SIGMA else "clear"
    return Rule(
        name, title, standing, f"nearest major one {near:.1f} σ of {horizon} away; {said} at mark"
    )


def _forced_move_rule(leg: LegReading, style: Style) -> Rule:
    name, title = "forced_move", "Wait for the forced move"
    if leg.leg is None:
        words = f"no impulse has hit a cluster in the last day; wait for {style.confirmation}"
        return Rule(name, title, "heed", words)
    state = leg.state.replace("_", " ")
    if leg.is_open:
        since = "–" if leg.since_ignition_ms is None else format_age(leg.since_ignition_ms)
        return Rule(name, title, "clear", f"a leg is under way: {state}, {since} since its impulse")
    return Rule(
        name, title, "heed", f"the last leg is over ({state}); wait for {style.confirmation}"
    )


def _thin_rule(situation: Situation) -> Rule:
    name, title = "thin_hours", "Less size in thin hours"
    usual = situation.features.last("volume_profile")
    thin = situation.reading("thin_liquidity")
    if math.isnan(usual) and thin.verdict == "unknown":
        return Rule(name, title, "unknown", f"no usual volume is known; {thin.why}")
    said = []
    if not math.isnan(usual):
        said.append(f"this hour usually trades {usual:.0%} of the mean ({THIN_VOLUME:.0%} is thin)")
    if thin.verdict != "unknown":
        said.append(f"thin-liquidity signal {thin.verdict}")
    heed = usual < THIN_VOLUME or thin.verdict == "on"
    return Rule(name, title, "heed" if heed else "clear", "; ".join(said))


def _window_rule(situation: Situation) -> Rule:
    name, title = "volatility_window", "No new risk into a scheduled event"
    window = situation.reading("volatility_window")
    standing: dict[str, Standing] = {"on": "heed", "off": "clear", "unknown": "unknown"}
    return Rule(name, title, standing[window.verdict], window.why)


def _times(cap: LeverageCap) -> str:
    return "none" if cap.leverage is None else f"{cap.leverage:g}×"


def _way(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else abs(math.log(end / start))


def _pct(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else 100 * abs(end / start - 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(f"{value:.7g}")

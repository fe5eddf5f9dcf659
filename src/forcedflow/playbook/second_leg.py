r"""The second leg: first cluster hit, bounce or rejection, continuation, next cluster, or not.

In:  `PriceSeries`, impulses, clusters as they stood. [quote per base, UTC ms]
Out: `SecondLeg` values: states with their times, and the plan that a pause gives.
Pure: values in, values out; no I/O, no clock, no global state.

The machine, the same way down and up. An impulse is `idle` until price has reached the nearest
cluster that stood ahead of where the impulse began: *first cluster hit*. Once price has come back
by `pause` of the way it is a *bounce*, where a close lies back outside the cluster, else a
*rejection*: the broken border holds from the other side. That pause is when a plan can be stated:
entry beyond the extreme, invalidation where `fail` of the way is given back, target at the next
cluster. A price beyond the extreme is the *continuation*; then it reaches the *next cluster*, has
*failed* at the invalidation, or has *timed out*. Where a bar holds both, the worse is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from forcedflow.depth.curve import Direction
from forcedflow.playbook.clusters import ClusterHistory, near_border
from forcedflow.playbook.ignition import SIGN, Ignition
from forcedflow.playbook.price_series import PriceSeries
from forcedflow.units import HOUR_MS
from forcedflow.zones import Zone

State: TypeAlias = Literal[
    "idle",
    "first_cluster_hit",
    "bounce",
    "rejection",
    "continuation",
    "next_cluster",
    "failed",
    "timed_out",
]

ENDED: frozenset[State] = frozenset({"next_cluster", "failed", "timed_out"})
"""States that nothing follows."""


@dataclass(frozen=True, slots=True)
class SecondLegRule:
    """What counts as which state.

    Parameters
    ----------
    wait_ms : int
        Time after the impulse in which the first cluster must be hit. [ms]
    life_ms : int
        Time after the hit for everything else. [ms]
    pause : float
        Share of the way given back that is a pause. [1]
    fail : float
        Share given back that ends it. [1]
    """

    wait_ms: int = 4 * HOUR_MS
    life_ms: int = 4 * HOUR_MS
    pause: float = 0.2
    fail: float = 0.75


RULE = SecondLegRule()
"""The rule that the record is of."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A state and when it was known.

    Parameters
    ----------
    state : str
    known_ms, event_ms : int
        When it could be known, and the end of the bar that made it. [UTC ms]
    price : float
        Close of that bar. [quote per base]
    """

    state: State
    known_ms: int
    event_ms: int
    price: float


@dataclass(frozen=True, slots=True)
class LegPlan:
    """What a pause gives: three prices and an hour at which they lapse. Not an order.

    Parameters
    ----------
    direction : {"down", "up"}
    placed_ms : int
        When it could be stated. [UTC ms]
    entry, invalidation, target : float
        [quote per base]
    expires_ms : int
        [UTC ms]
    sigma_day : float
        Volatility then. [1]
    """

    direction: Direction
    placed_ms: int
    entry: float
    invalidation: float
    target: float
    expires_ms: int
    sigma_day: float

    @property
    def reward_to_risk(self) -> float:
        """Return the way to the target over the way to the invalidation, before costs. [1]"""
        return float(
            abs(np.log(self.target / self.entry)) / abs(np.log(self.entry / self.invalidation))
        )


@dataclass(frozen=True, slots=True)
class SecondLeg:
    """One impulse that hit a cluster, or still may.

    Parameters
    ----------
    ignition : Ignition
    first : Zone, optional
        Cluster that stood first ahead of where the impulse began; None where none was known.
    transitions : tuple of Transition
        In order; empty while idle.
    extreme : float
        Furthest price so far, or until it ended. [quote per base]
    plan : LegPlan, optional
        None before a pause, and where at it no next cluster was known or no time was left.
    end : int
        Last place of the series that belongs to it.
    ended_ms : int, optional
        When it was known to be over, by a state or because no cluster was hit in time. [UTC ms]
    """

    ignition: Ignition
    first: Zone | None
    transitions: tuple[Transition, ...]
    extreme: float
    plan: LegPlan | None
    end: int
    ended_ms: int | None

    @property
    def state(self) -> State:
        """Return the newest state."""
        return self.transitions[-1].state if self.transitions else "idle"

    @property
    def hit_ms(self) -> int | None:
        """Return when the first cluster was known to be hit. [UTC ms]"""
        return self.transitions[0].known_ms if self.transitions else None

    def state_at(self, at_ms: int) -> State:
        """Return the state as it was known at a moment."""
        known = [step.state for step in self.transitions if step.known_ms <= at_ms]
        return known[-1] if known else "idle"


def follow_legs(
    series: PriceSeries,
    ignitions: Sequence[Ignition],
    clusters: ClusterHistory,
    rule: SecondLegRule = RULE,
) -> tuple[SecondLeg, ...]:
    """Return the leg of every impulse, in order; of one direction none overlaps another.

    Parameters
    ----------
    series : PriceSeries
    ignitions : sequence of Ignition
        Of that series.
    clusters : ClusterHistory
        With a map at most two hours old at every impulse and pause; where there is none, no
        cluster is known and no leg begins.
    rule : SecondLegRule

    Returns
    -------
    tuple of SecondLeg
        Those that never hit a cluster stay idle.
    """
    free: dict[Direction, int] = {"down": 0, "up": 0}
    legs = []
    for ignition in ignitions:
        # An impulse inside a running leg is part of that leg.
        if ignition.seen < free[ignition.direction]:
            continue
        leg = _follow(series, ignition, clusters, rule)
        free[ignition.direction] = leg.end + 1
        legs.append(leg)
    return tuple(legs)


def _follow(
    series: PriceSeries, ignition: Ignition, clusters: ClusterHistory, rule: SecondLegRule
) -> SecondLeg:
    standing = clusters.ahead(ignition.start_ms, ignition.direction, ignition.start_price)
    first = standing[0] if standing else None
    machine = _Machine(series, ignition, first, clusters, rule)
    if first is None:
        return machine.leg(ignition.seen, int(series.known_ms[ignition.seen]))
    for i in range(ignition.seen, series.size):
        if machine.step(i):
            return machine.leg(i, int(series.known_ms[i]))
    return machine.leg(series.size - 1, None)


class _Machine:
    """One leg in the making. Progress is log price in its direction from where it began."""

    def __init__(
        self,
        series: PriceSeries,
        ignition: Ignition,
        first: Zone | None,
        clusters: ClusterHistory,
        rule: SecondLegRule,
    ) -> None:
        self._series, self._ignition, self._first = series, ignition, first
        self._clusters, self._rule = clusters, rule
        self._down = ignition.direction == "down"
        self._steps: list[Transition] = []
        self._plan: LegPlan | None = None
        self._furthest = 0.0
        self._paused_at = 0.0  # progress of the extreme at the pause
        self._floor = 0.0  # progress at which it has failed
        self._goal: float | None = None  # progress of the next cluster
        self._lapses_ms = 0

    def step(self, i: int) -> bool:
        """Take one bar; return whether the leg is over."""
        series = self._series
        state = self._steps[-1].state if self._steps else "idle"
        close = self._progress(series.close[i])
        ahead = self._progress(series.low[i] if self._down else series.high[i])
        if state == "idle":
            return self._wait(i, close, ahead)
        if int(series.event_ms[i]) > self._lapses_ms:
            return self._enter("timed_out", i)
        if state == "first_cluster_hit":
            self._furthest = max(self._furthest, ahead)
            return self._look_for_pause(i, close)
        return self._go_on(i, state, close, ahead)

    def _go_on(self, i: int, state: State, close: float, ahead: float) -> bool:
        """Take a bar after the pause: the worse first, then the way on."""
        series = self._series
        if self._progress(series.high[i] if self._down else series.low[i]) <= self._floor:
            return self._enter("failed", i)
        if ahead > self._paused_at:
            if state != "continuation":
                self._enter("continuation", i)
            self._furthest = max(self._furthest, ahead)
            if self._goal is not None and ahead >= self._goal:
                return self._enter("next_cluster", i)
        elif state == "rejection" and self._is_outside(close):
            self._enter("bounce", i)
        return False

    def leg(self, end: int, ended_ms: int | None) -> SecondLeg:
        """Return the leg as it stands."""
        sign = SIGN[self._ignition.direction]
        return SecondLeg(
            ignition=self._ignition,
            first=self._first,
            transitions=tuple(self._steps),
            extreme=float(self._ignition.start_price * np.exp(sign * self._furthest)),
            plan=self._plan,
            end=end,
            ended_ms=ended_ms,
        )

    def _wait(self, i: int, close: float, ahead: float) -> bool:
        since, event = self._ignition.seen, int(self._series.event_ms[i])
        if i == since:
            # The way to where the impulse was seen is part of it.
            series, start = self._series, self._ignition.start
            side = series.low if self._down else series.high
            reached = [self._progress(price) for price in side[start + 1 : i + 1]]
            self._furthest = max(reached)
        self._furthest = max(self._furthest, ahead)
        if self._furthest >= self._border():
            self._lapses_ms = event + self._rule.life_ms
            self._enter("first_cluster_hit", i)
            return self._look_for_pause(i, close)
        given_back = 1 - close / self._furthest
        waited = event - int(self._series.event_ms[since])
        return given_back >= self._rule.fail or waited >= self._rule.wait_ms

    def _look_for_pause(self, i: int, close: float) -> bool:
        given_back = 1 - close / self._furthest
        if given_back >= self._rule.fail:
            return self._enter("failed", i)
        known = int(self._series.known_ms[i])
        direction = self._ignition.direction
        sign = SIGN[direction]
        extreme = float(self._ignition.start_price * np.exp(sign * self._furthest))
        if given_back < self._rule.pause:
            return False
        self._paused_at = self._furthest
        self._floor = self._furthest * (1 - self._rule.fail)
        beyond = self._clusters.ahead(known, direction, extreme)
        if beyond and known < self._lapses_ms:
            target = near_border(beyond[0], direction)
            self._goal = self._progress(target)
            self._plan = LegPlan(
                direction=direction,
                placed_ms=known,
                entry=extreme,
                invalidation=float(self._ignition.start_price * np.exp(sign * self._floor)),
                target=target,
                expires_ms=self._lapses_ms,
                sigma_day=float(self._series.sigma_day[i]),
            )
        self._enter("bounce" if self._is_outside(close) else "rejection", i)
        return False

    def _enter(self, state: State, i: int) -> bool:
        series = self._series
        self._steps.append(
            Transition(
                state, int(series.known_ms[i]), int(series.event_ms[i]), float(series.close[i])
            )
        )
        return state in ENDED

    def _progress(self, price: float) -> float:
        way = float(np.log(price / self._ignition.start_price))
        return -way if self._down else way

    def _border(self) -> float:
        if self._first is None:
            raise AssertionError("a leg without a cluster is not followed")
        return self._progress(near_border(self._first, self._ignition.direction))

    def _is_outside(self, close: float) -> bool:
        return close < self._border()

"""The chain: which clusters stand one behind the other, what each would do, how likely it is hit.

In:  a `Stage`, zones of its direction, simulations over some horizons.
Out: `Chain` of `Domino` values, nearest first. [quote per base, USD, 1]
Pure: NumPy in, values out; no I/O, no clock, no global state.

Beside every share of scenarios that reach a cluster stands the share that would with nothing
forced: only the difference is the ladder's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from forcedflow.cascade.criticality import Criticality, assess
from forcedflow.cascade.fixed_point import solve
from forcedflow.cascade.montecarlo import (
    LABEL,
    Probability,
    Quantiles,
    Simulation,
    quantiles,
    share,
)
from forcedflow.cascade.record_bound import B1
from forcedflow.cascade.stage import Stage
from forcedflow.depth.curve import DIRECTION_OF, Direction
from forcedflow.units import DAY_MS, F8, Side
from forcedflow.zones import Zone

TRIGGER_SHARE = 0.1
"""Share of a cluster's notional at whose price it counts as hit: borders are a matter of a rule,
and at them next to nothing stands. [1]"""

_BAND = 1.2816


@dataclass(frozen=True, slots=True)
class Domino:
    """One cluster in the way of a move.

    Parameters
    ----------
    side : {"long", "short"}
        Side of the positions.
    low, high : float
        Borders. [quote per base]
    trigger_price : float
        Price at which the first tenth of the cluster has been reached. [quote per base]
    trigger_distance : float
        The same in log distance from where price stands at the start. [1]
    notional_usd, notional_usd_low, notional_usd_high : float
        What would be force-closed inside, all venues, and its 10-90 % band. [USD]
    slippage_pct : float
        How far its own flow moves price on from the trigger before depth has absorbed it, all of
        it sold there at once; a wide cluster is met bit by bit and moves price less. [%]
    gap_to_next_pct : float, optional
        From this trigger to the next one's; none behind the last. [%]
    cumulative_move_pct : float
        Where price stops, from the mark, once it has come to the trigger and all that this forces,
        here and beyond, has been absorbed; signed. [%]
    absorbed : bool
        Whether depth absorbs all of that before the stage ends.
    p_reach, p_reach_volatility_only : Probability
        Share of scenarios that reach the trigger within the horizon, and with nothing forced.
    p_next_given_this : Probability, optional
        Share of those that reach this trigger which go on to the next; none behind the last, or
        where no scenario reaches this one.
    p_next_given_this_volatility_only : Probability, optional
        The same with nothing forced.
    """

    side: Side
    low: float
    high: float
    trigger_price: float
    trigger_distance: float
    notional_usd: float
    notional_usd_low: float
    notional_usd_high: float
    slippage_pct: float
    gap_to_next_pct: float | None
    cumulative_move_pct: float
    absorbed: bool
    p_reach: Probability
    p_reach_volatility_only: Probability
    p_next_given_this: Probability | None
    p_next_given_this_volatility_only: Probability | None

    def row(self) -> dict[str, Any]:
        """Return the domino as plain values, numbers rounded to what they can bear."""
        return {
            "side": self.side,
            "low": float(f"{self.low:.7g}"),
            "high": float(f"{self.high:.7g}"),
            "trigger_price": float(f"{self.trigger_price:.7g}"),
            "notional_usd": {
                "usd": round(self.notional_usd),
                "low": round(self.notional_usd_low),
                "high": round(self.notional_usd_high),
            },
            "slippage_pct": round(self.slippage_pct, 3),
            "gap_to_next_pct": None
            if self.gap_to_next_pct is None
            else round(self.gap_to_next_pct, 3),
            "cumulative_move_pct": round(self.cumulative_move_pct, 3),
            "absorbed": self.absorbed,
            "p_reach": _rounded(self.p_reach),
            "p_reach_volatility_only": _rounded(self.p_reach_volatility_only),
            "p_next_given_this": _rounded(self.p_next_given_this),
            "p_next_given_this_volatility_only": _rounded(self.p_next_given_this_volatility_only),
        }


class Structural(NamedTuple):
    """Structural, uncalibrated probability of a cascade within a horizon.

    ``simulated`` share of scenarios; ``volatility_only``, its null; ``reflected``, that a path
    without drift reaches the critical shock, in closed form. [1]
    """

    horizon_ms: int
    simulated: Probability
    volatility_only: Probability
    reflected: float


class Alternative(NamedTuple):
    """The same under another assumption that nothing known decides.

    ``words`` say which; ``structural`` probability over the chain's horizon, and ``p_reach`` of
    each domino, of fewer scenarios.
    """

    words: str
    structural: Probability
    p_reach: tuple[Probability, ...]


class Stop(NamedTuple):
    """Where scenarios end: 10, 50 and 90 % of prices, the lowest first. [quote per base]

    ``furthest`` price on the way, ``last`` price of the horizon, over ``n`` scenarios; ``beyond``,
    the share of them that come to the end of the stage, where prices say at least so far only. [1]
    """

    furthest: Quantiles
    last: Quantiles
    n: int
    beyond: float


@dataclass(frozen=True, slots=True)
class Chain:
    """The chain of one direction.

    Parameters
    ----------
    mark : float
        Mark price, from which moves are counted. [quote per base]
    stage : Stage
        Seen from the start.
    dominoes : tuple of Domino
        Nearest first; none where no cluster stands out.
    criticality : Criticality
    simulation : Simulation
        Over the horizon that the dominoes' shares are of.
    structural : tuple of Structural
        One per horizon, shortest first.
    alternatives : tuple of Alternative
        Under other assumptions, where any were asked for.
    """

    mark: float
    stage: Stage
    dominoes: tuple[Domino, ...]
    criticality: Criticality
    simulation: Simulation
    structural: tuple[Structural, ...]
    alternatives: tuple[Alternative, ...] = ()

    @property
    def direction(self) -> Direction:
        """Return the way of the move."""
        return self.stage.direction

    @property
    def hit(self) -> B1:
        """Return which scenarios hit the first cluster; where there is none, all of them."""
        if not self.dominoes:
            return np.ones(self.simulation.size, dtype=np.bool_)
        return np.asarray(self.simulation.furthest >= self.dominoes[0].trigger_distance)

    def stop(self) -> Stop | None:
        """Return where the scenarios end that hit the first cluster, if any does."""
        hit, ran = self.hit, self.simulation
        if not hit.any():
            return None
        furthest, last = (
            self._prices(quantiles(distance[hit])) for distance in (ran.furthest, ran.last)
        )
        # The stage's end less a hair: distances are sums of floats.
        beyond = ran.furthest[hit] >= self.stage.edges[-1] - self.stage.width / 2
        return Stop(furthest, last, int(hit.sum()), float(beyond.mean()))

    def forced_usd(self) -> Quantiles:
        """Return forced flow over all scenarios. [USD]"""
        return quantiles(self.simulation.forced_usd)

    def expected_forced_usd(self) -> float:
        """Return mean forced flow over all scenarios. [USD]"""
        return float(self.simulation.forced_usd.mean())

    def explained(self) -> float | None:
        """Return the forced part of the way of the scenarios that hit the first cluster. [1]"""
        return self.simulation.explained(self.hit)

    def fallen(self) -> tuple[float, ...]:
        """Return the share of scenarios in which no, one, two … dominoes fall. [1]"""
        triggers = np.array([domino.trigger_distance for domino in self.dominoes])
        count = np.searchsorted(triggers, self.simulation.furthest, side="right")
        met = np.bincount(count, minlength=triggers.size + 1)
        return tuple((met / self.simulation.size).tolist())

    def _prices(self, distance: Quantiles) -> Quantiles:
        return Quantiles(*sorted(map(self.stage.price, distance)))


def build_chain(
    stage: Stage,
    mark: float,
    zones: Sequence[Sequence[Zone]],
    simulations: Sequence[Simulation],
    horizon_ms: int,
    sigma_day: float,
    alternatives: Sequence[tuple[str, Simulation]] = (),
) -> Chain:
    """Return the chain of one direction.

    Parameters
    ----------
    stage : Stage
        Seen from the start.
    mark : float
        Mark price. [quote per base]
    zones : sequence of sequences of Zone
        One per venue of the stage; those of the other side are left out.
    simulations : sequence of Simulation
        On that stage, one per horizon, no horizon twice.
    horizon_ms : int
        Which of them the dominoes' shares are of. [ms]
    sigma_day : float
        Standard deviation of the log return over the coming 24 h. [1]
    alternatives : sequence of pairs
        Another assumption in words, and the simulation under it.

    Returns
    -------
    Chain

    Raises
    ------
    ValueError
        If no simulation is of the horizon.
    """
    ran = {simulation.horizon_ms: simulation for simulation in simulations}
    if horizon_ms not in ran:
        raise ValueError(f"no simulation is of {horizon_ms} ms")
    criticality = assess(stage)
    structural = tuple(
        Structural(
            horizon,
            ran[horizon].structural_probability(),
            ran[horizon].structural_probability_volatility_only(),
            criticality.structural_probability(sigma_day * math.sqrt(horizon / DAY_MS)),
        )
        for horizon in sorted(ran)
    )
    clusters = _clusters(stage, zones)
    dominoes = tuple(
        _domino(stage, mark, clusters, place, ran[horizon_ms]) for place in range(len(clusters))
    )
    others = tuple(
        Alternative(
            words,
            other.structural_probability(),
            tuple(other.p_reach(domino.trigger_distance) for domino in dominoes),
        )
        for words, other in alternatives
    )
    return Chain(mark, stage, dominoes, criticality, ran[horizon_ms], structural, others)


class _Cluster(NamedTuple):
    # Borders and trigger in log distance, notional on the stage.
    near: float
    far: float
    trigger: float
    usd: float


def _clusters(stage: Stage, zones: Sequence[Sequence[Zone]]) -> list[_Cluster]:
    # Venues' clusters of one coin mostly coincide: those of the venue with most to force stand, and
    # others only where they do not touch them.
    order = np.argsort(-stage.forced.sum(axis=1), kind="stable").tolist()
    reach = float(stage.edges[-1])
    spans: list[tuple[float, float]] = []
    for venue in order:
        for zone in zones[venue]:
            if DIRECTION_OF[zone.side] != stage.direction:
                continue
            near, far = sorted((stage.distance(zone.low), stage.distance(zone.high)))
            near, far = max(near, 0.0), min(far, reach)
            if near < far and all(far <= a or near >= b for a, b in spans):
                spans.append((near, far))
    total = stage.forced.sum(axis=0)
    met = np.concatenate([[0.0], np.cumsum(total)])
    found = []
    for near, far in sorted(spans):
        before, after = np.interp([near, far], stage.edges, met).tolist()
        if after > before:
            level = before + TRIGGER_SHARE * (after - before)
            b = int(np.searchsorted(met, level, side="left"))
            inside = (level - met[b - 1]) / (met[b] - met[b - 1])
            trigger = float(stage.edges[b - 1] + stage.width * inside)
            found.append(_Cluster(near, far, trigger, after - before))
    return found


def _domino(
    stage: Stage, mark: float, clusters: list[_Cluster], place: int, ran: Simulation
) -> Domino:
    here = clusters[place]
    following = clusters[place + 1] if place + 1 < len(clusters) else None
    trigger = np.array([here.trigger])
    # The cluster's own flow alone, as if it were an order at its trigger.
    own = solve(stage, trigger, stage.reaching * here.usd, forced_factor=0.0)
    whole = solve(stage, trigger)
    low, high = sorted((stage.price(here.near), stage.price(here.far)))
    width = math.exp(_BAND * stage.forced_log_sd)
    return Domino(
        side="long" if stage.direction == "down" else "short",
        low=low,
        high=high,
        trigger_price=stage.price(here.trigger),
        trigger_distance=here.trigger,
        notional_usd=here.usd,
        notional_usd_low=here.usd / width,
        notional_usd_high=here.usd * width,
        slippage_pct=_pct(stage, here.trigger, float(own.end[0])),
        gap_to_next_pct=None if following is None else _pct(stage, here.trigger, following.trigger),
        cumulative_move_pct=100.0 * (stage.price(float(whole.end[0])) / mark - 1.0),
        absorbed=not bool(whole.exhausted[0]),
        p_reach=ran.p_reach(here.trigger),
        p_reach_volatility_only=ran.p_reach_volatility_only(here.trigger),
        p_next_given_this=_next(ran.furthest, here, following),
        p_next_given_this_volatility_only=_next(ran.alone, here, following),
    )


def _next(furthest: F8, here: _Cluster, following: _Cluster | None) -> Probability | None:
    reached = furthest >= here.trigger
    if following is None or not reached.any():
        return None
    return share(furthest[reached] >= following.trigger)


def _pct(stage: Stage, start: float, end: float) -> float:
    return 100.0 * abs(stage.price(end) / stage.price(start) - 1.0)


def _rounded(probability: Probability | None) -> dict[str, Any] | None:
    if probability is None:
        return None
    return {
        "value": round(probability.value, 4),
        "standard_error": round(probability.standard_error, 4),
        "n": probability.n,
        "kind": LABEL,
    }

"""Rules about clusters: one has come near, one was swept.

In:  a rule, what it remembers, an `Observation`.   Out: alerts, what it remembers next.
Pure: values in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import math

from forcedflow.alerts.alert import Alert, Level, make_alert
from forcedflow.alerts.observation import Observation
from forcedflow.alerts.rule_state import RuleState, Watched
from forcedflow.alerts.rules import ClusterNear, ClusterSwept
from forcedflow.units import format_price, format_usd
from forcedflow.zones import Zone


def judge_near(
    rule: ClusterNear, state: RuleState, seen: Observation
) -> tuple[list[Alert], RuleState]:
    """Return what fires, and the clusters that stay latched until they are far or small again.

    A cluster that already fired is the same one as long as its borders hold the price it fired
    at, or its densest price is within the rule's quantum of that.
    """
    if seen.zones is None:
        return [], state  # no map is no reason to let go
    zones = [zone for zone in seen.zones if rule.side in {"both", zone.side}]
    large = [zone for zone in zones if zone.notional_usd >= rule.least_usd]
    # What only just dropped out on either count has not gone away.
    around = [
        zone
        for zone in zones
        if zone.notional_usd >= rule.least_usd / rule.rearm
        and _distance(rule, zone) <= _within(rule) * rule.rearm
    ]
    latched = {
        key: anchor
        for key, anchor in state.latched.items()
        if any(_is_same(rule.quantum_pct, zone, key, anchor) for zone in around)
    }
    fired = []
    for zone in large:
        known = any(
            _is_same(rule.quantum_pct, zone, key, anchor) for key, anchor in latched.items()
        )
        if known or not _distance(rule, zone) <= _within(rule):
            continue
        key, near_keys = price_keys(zone.side, zone.peak, rule.quantum_pct)
        latched[key] = zone.peak
        unit = "%" if rule.within_pct is not None else "σ"
        fired.append(
            make_alert(
                rule.name,
                rule.kind,
                seen,
                key,
                f"{seen.symbol}: {format_usd(zone.notional_usd)} of {zone.side}s "
                f"{abs(zone.distance_pct):.2f} % {_where(zone.side)}",
                (
                    (
                        f"a cluster of at least {format_usd(rule.least_usd)} within "
                        f"{_within(rule):g} {unit}: {_distance(rule, zone):.2f} {unit}, "
                        f"{100 * zone.share_of_oi:.1f} % of one side's open interest, "
                        f"mean age {zone.age_h:.0f} h"
                    ),
                ),
                level=level_of(zone),
                near_keys=near_keys,
            )
        )
    return fired, RuleState(latched=latched, last_ms=seen.at_ms)


def judge_swept(
    rule: ClusterSwept, state: RuleState, seen: Observation
) -> tuple[list[Alert], RuleState]:
    """Return the clusters whose densest price the mark has reached since they were last seen.

    Of several within one quantum the largest is told.
    """
    fired: dict[str, Alert] = {}
    left = []
    for cluster in sorted(state.watched, key=lambda one: one.usd):
        is_long = cluster.side == "long"
        if seen.low <= cluster.price if is_long else seen.high >= cluster.price:
            alert = _swept(rule, cluster, seen)
            fired[alert.key] = alert
        else:
            left.append(cluster)
    if seen.zones is not None:
        left = [
            Watched(
                zone.side,
                zone.peak,
                zone.low,
                zone.high,
                zone.notional_usd,
                zone.notional_usd_low,
                zone.notional_usd_high,
            )
            for zone in seen.zones
            if rule.side in {"both", zone.side} and zone.notional_usd >= rule.least_usd
        ]
    return list(fired.values()), RuleState(watched=tuple(left), last_ms=seen.at_ms)


def price_keys(side: str, price: float, quantum_pct: float) -> tuple[str, tuple[str, ...]]:
    """Return a price's key and those of its neighbours, on a grid of equal ratios.

    Examples
    --------
    >>> price_keys("long", 70_000.0, 0.25)
    ('long:4468', ('long:4467', 'long:4469'))
    """
    step = round(math.log(price) / math.log1p(quantum_pct / 100))
    return f"{side}:{step}", (f"{side}:{step - 1}", f"{side}:{step + 1}")


def level_of(zone: Zone) -> Level:
    """Return a cluster as an alert tells it."""
    return Level(
        side=zone.side,
        price=zone.peak,
        low=zone.low,
        high=zone.high,
        distance_pct=zone.distance_pct,
        distance_sigma=zone.distance_sigma if math.isfinite(zone.distance_sigma) else None,
        usd=zone.notional_usd,
        usd_low=zone.notional_usd_low,
        usd_high=zone.notional_usd_high,
    )


def _swept(rule: ClusterSwept, cluster: Watched, seen: Observation) -> Alert:
    key, near_keys = price_keys(cluster.side, cluster.price, rule.quantum_pct)
    reached = seen.low if cluster.side == "long" else seen.high
    return make_alert(
        rule.name,
        rule.kind,
        seen,
        key,
        f"{seen.symbol}: {format_usd(cluster.usd)} of {cluster.side}s swept at "
        f"{format_price(cluster.price, seen.tick_size)}",
        (
            (
                f"the mark reached {format_price(reached, seen.tick_size)}, beyond the densest "
                f"price of a cluster of at least {format_usd(rule.least_usd)}; what it held is an "
                "estimate, not what was closed"
            ),
        ),
        level=Level(
            side=cluster.side,
            price=cluster.price,
            low=cluster.low,
            high=cluster.high,
            distance_pct=100 * (cluster.price / seen.mark - 1),
            distance_sigma=None,
            usd=cluster.usd,
            usd_low=cluster.usd_low,
            usd_high=cluster.usd_high,
        ),
        near_keys=near_keys,
    )


def _is_same(quantum_pct: float, zone: Zone, key: str, anchor: float) -> bool:
    if key.partition(":")[0] != zone.side:
        return False
    is_near = abs(math.log(zone.peak / anchor)) <= math.log1p(quantum_pct / 100)
    return is_near or zone.low <= anchor <= zone.high


def _distance(rule: ClusterNear, zone: Zone) -> float:
    """Size of the distance in the rule's unit; NaN, which is never within, where σ is unknown."""
    return abs(zone.distance_pct if rule.within_pct is not None else zone.distance_sigma)


def _within(rule: ClusterNear) -> float:
    within = rule.within_pct if rule.within_pct is not None else rule.within_sigma
    if within is None:
        raise AssertionError("a rule without a distance was refused when it was read")
    return within


def _where(side: str) -> str:
    return "below" if side == "long" else "above"

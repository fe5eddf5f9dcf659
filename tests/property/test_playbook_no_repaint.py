"""Playbook: what comes later changes no impulse, no state and no plan; and the twins agree."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import playbook as reference
from tests.reference.price_series import MONDAY_MS, jumpy

from forcedflow.playbook.clusters import ClusterHistory
from forcedflow.playbook.ignition import BARS, find_ignitions
from forcedflow.playbook.leg_outcome import resolve
from forcedflow.playbook.second_leg import LegPlan, SecondLegRule, follow_legs
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.zones import Zone

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(deadline=None, max_examples=40)
# Small enough that there is something to find in two days.
RULE = replace(BARS, impulse_sigma=2.5, least_history_ms=DAY_MS // 2)
LEG = SecondLegRule(wait_ms=2 * HOUR_MS, life_ms=HOUR_MS)
DELAYS = st.sampled_from([0, 5 * MINUTE_MS])


def random_clusters(series, seed):
    """A map every hour with majors at half-percent steps around the price of that hour."""
    rng = np.random.default_rng(seed)
    known = np.arange(MONDAY_MS, int(series.known_ms[-1]) + 1, HOUR_MS)
    shown = []
    for at in known.tolist():
        mark = series.close[max(0, np.searchsorted(series.known_ms, at, "right") - 1)]
        zones = []
        for side, sign in (("long", -1), ("short", 1)):
            for way in np.cumsum(rng.uniform(0.002, 0.02, 4)):
                edges = sorted((mark * np.exp(sign * way), mark * np.exp(sign * (way + 0.001))))
                zones.append(zone_of(side, *edges, mark, major=bool(rng.random() < 0.7)))
        shown.append(tuple(zones))
    return ClusterHistory(known, tuple(shown))


def zone_of(side, low, high, mark, major=True):
    border = high if side == "long" else low
    distance = 100 * (border / mark - 1)
    middle = (low + high) / 2
    return Zone(side, low, high, middle, 1e7, 1e7, 1e7, distance, 1.0, 5.0, 0.03, 1, major)


def as_known_at(ignition, at_ms):
    """What of an impulse had been said by a moment."""
    said = {
        name: None if (value := getattr(ignition, name)) is None or value > at_ms else value
        for name in ("pause_ms", "oi_drop_ms", "burst_ms", "end_ms")
    }
    return replace(ignition, **said, outcome=ignition.outcome if said["end_ms"] else "impulse")


@FEW
@given(SEEDS, st.booleans(), DELAYS, st.data())
def test_later_bars_change_no_impulse_that_was_seen(seed, ranged, delay_ms, data):
    series = jumpy(seed, ranged=ranged, delay_ms=delay_ms)
    cut = int(series.known_ms[data.draw(st.integers(0, series.size - 1), label="cut")])
    before = find_ignitions(series.known_by(cut), RULE)
    whole = [g for g in find_ignitions(series, RULE) if g.impulse_ms <= cut]
    assert list(before) == [as_known_at(g, cut) for g in whole]


@FEW
@given(SEEDS, st.booleans(), DELAYS, st.data())
def test_later_bars_change_no_state_and_no_plan_of_a_leg(seed, ranged, delay_ms, data):
    series = jumpy(seed, ranged=ranged, delay_ms=delay_ms)
    clusters = random_clusters(series, seed)
    cut = int(series.known_ms[data.draw(st.integers(0, series.size - 1), label="cut")])
    part = series.known_by(cut)
    before = follow_legs(part, find_ignitions(part, RULE), clusters, LEG)
    whole = follow_legs(series, find_ignitions(series, RULE), clusters, LEG)
    seen = [leg for leg in whole if leg.ignition.impulse_ms <= cut]
    assert len(before) == len(seen)
    for early, late in zip(before, seen, strict=True):
        assert early.transitions == tuple(s for s in late.transitions if s.known_ms <= cut)
        assert early.first == late.first
        assert early.state == late.state_at(cut)
        stated = late.plan is not None and late.plan.placed_ms <= cut
        assert early.plan == (late.plan if stated else None)


@FEW
@given(SEEDS, st.booleans(), st.sampled_from(["down", "up"]))
def test_impulses_equal_their_readable_twin(seed, ranged, direction):
    series = jumpy(seed, n=250, ranged=ranged)
    found = [g for g in find_ignitions(series, RULE) if g.direction == direction]
    expected = reference.impulses(series, RULE, direction)
    assert [(g.start, g.seen, g.outcome) for g in found] == [row[:3] for row in expected]
    known = [int(series.known_ms[row[3]]) if row[2] != "impulse" else None for row in expected]
    assert [g.end_ms for g in found] == known


@FEW
@given(SEEDS, st.booleans(), DELAYS)
def test_legs_equal_their_readable_twin(seed, ranged, delay_ms):
    series = jumpy(seed, n=300, ranged=ranged, delay_ms=delay_ms)
    clusters = random_clusters(series, seed)
    for leg in follow_legs(series, find_ignitions(series, RULE), clusters, LEG):
        told, plan = reference.states(series, leg.ignition, clusters, LEG)
        assert [(s.state, s.event_ms) for s in leg.transitions] == [
            (state, int(series.event_ms[i])) for state, i in told
        ]
        assert (leg.plan is None) == (plan is None)
        if leg.plan is not None:
            stated = (leg.plan.entry, leg.plan.invalidation, leg.plan.target)
            assert stated == pytest.approx(plan, rel=1e-12)


@settings(deadline=None, max_examples=120)
@given(
    SEEDS,
    st.booleans(),
    st.sampled_from(["down", "up"]),
    st.integers(0, 150),
    st.floats(0.0001, 0.01),
    st.floats(0.001, 0.03),
    st.floats(0.001, 0.03),
    st.integers(1, 60),
)
def test_what_a_plan_came_to_equals_its_readable_twin(
    seed, ranged, direction, at, offset, risk, reward, bars
):
    series = jumpy(seed, n=180, ranged=ranged)
    sign = -1 if direction == "down" else 1
    # Irrational places, so that no level lies on a price.
    entry = float(series.close[at] * np.exp(sign * offset * np.pi / 3.1))
    placed = int(series.event_ms[at])
    plan = LegPlan(
        direction,
        placed,
        entry,
        float(entry * np.exp(-sign * risk)),
        float(entry * np.exp(sign * reward)),
        placed + bars * 5 * MINUTE_MS,
        0.02,
    )
    found = resolve(series, plan)
    end, had, left = reference.came_to(series, plan)
    assert found.end == end
    assert found.filled == (had is not None)
    if had is not None:
        assert found.entry == pytest.approx(had, rel=1e-12)
    if left is not None:
        assert found.exit == pytest.approx(left, rel=1e-12)
        assert found.gross == pytest.approx(sign * np.log(left / had), abs=1e-12)


def test_the_random_series_hold_something_to_find():
    states, outcomes = set(), set()
    for seed in range(30):
        series = jumpy(seed)
        ignitions = find_ignitions(series, RULE)
        outcomes |= {g.outcome for g in ignitions}
        for leg in follow_legs(series, ignitions, random_clusters(series, seed), LEG):
            states |= {step.state for step in leg.transitions}
    assert outcomes >= {"ignited", "failed", "timed_out"}
    assert states == {
        *("first_cluster_hit", "bounce", "rejection", "continuation"),
        *("next_cluster", "failed", "timed_out"),
    }


def test_a_series_cut_by_time_holds_every_column_cut_alike():
    series = jumpy(7)
    part = series.known_by(int(series.known_ms[99]))
    assert all(len(getattr(part, field.name)) == 100 for field in fields(part))

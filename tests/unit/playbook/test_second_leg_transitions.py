"""Second legs: every transition on a series made by hand, and the plan that a pause gives."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference.price_series import MONDAY_MS, series_of

from forcedflow.playbook.clusters import ClusterHistory
from forcedflow.playbook.ignition import find_ignitions
from forcedflow.playbook.second_leg import RULE, follow_legs
from forcedflow.units import HOUR_MS, MINUTE_MS
from forcedflow.zones import Zone

FIVE = 5 * MINUTE_MS
START = [100.0] * 5
HIT = [*START, 99.4, 98.9]  # the impulse is seen, and the first cluster hit, at the last


def zone(side, low, high, major=True, share=0.03):
    border = high if side == "long" else low
    middle = (low + high) / 2
    return Zone(side, low, high, middle, 1e7, 1e7, 1e7, border - 100, 1.0, 5.0, share, 1, major)


ZONES = (zone("long", 98.8, 99.0), zone("long", 97.0, 97.5), zone("long", 95.0, 95.5))


def clusters(zones=ZONES, hours=12):
    known = MONDAY_MS + HOUR_MS * np.arange(hours)
    return ClusterHistory(known, (tuple(zones),) * hours)


def leg_of(close, zones=ZONES, **columns):
    series = series_of(close, **columns)
    legs = follow_legs(series, find_ignitions(series), clusters(zones), RULE)
    # A sharp way back may be an impulse of its own, the other way.
    own = [leg for leg in legs if leg.ignition.direction == legs[0].ignition.direction]
    assert len(own) == 1
    return own[0]


def path(leg):
    return [step.state for step in leg.transitions]


def test_price_that_reaches_the_nearest_cluster_hits_it():
    leg = leg_of(HIT)
    assert (path(leg), leg.state) == (["first_cluster_hit"], "first_cluster_hit")
    assert leg.first == ZONES[0]
    assert leg.hit_ms == MONDAY_MS + 7 * FIVE
    assert leg.plan is None
    assert leg.extreme == pytest.approx(98.9)


def test_an_impulse_short_of_the_cluster_stays_idle_and_is_given_up_in_time():
    leg = leg_of([*START, 99.1])
    assert (leg.state, leg.transitions, leg.ended_ms) == ("idle", (), None)
    waiting = leg_of([*START, *[99.1] * 49])
    assert waiting.state == "idle"
    assert waiting.ended_ms == MONDAY_MS + 6 * FIVE + RULE.wait_ms
    undone = leg_of([*START, 99.1, 99.9])
    assert undone.ended_ms == MONDAY_MS + 7 * FIVE


def test_a_pause_inside_the_cluster_is_a_rejection_and_outside_a_bounce():
    deep = [*START, 99.4, 98.0]
    assert path(leg_of([*deep, 98.5])) == ["first_cluster_hit", "rejection"]
    assert path(leg_of([*deep, 99.2])) == ["first_cluster_hit", "bounce"]


def test_a_rejection_that_comes_out_of_the_cluster_becomes_a_bounce():
    assert path(leg_of([*START, 99.4, 98.0, 98.5, 99.2])) == [
        *("first_cluster_hit", "rejection", "bounce"),
    ]


def test_a_pause_states_a_plan_of_three_prices():
    plan = leg_of([*HIT, 99.2]).plan
    assert plan is not None
    assert plan.entry == pytest.approx(98.9)
    assert plan.invalidation == pytest.approx(100.0 * (98.9 / 100.0) ** 0.25)
    assert plan.target == 97.5
    assert plan.placed_ms == MONDAY_MS + 8 * FIVE
    assert plan.expires_ms == MONDAY_MS + 7 * FIVE + RULE.life_ms
    assert plan.reward_to_risk == pytest.approx(np.log(98.9 / 97.5) / (0.75 * np.log(100 / 98.9)))


def test_beyond_the_extreme_it_is_the_continuation_and_then_the_next_cluster():
    closes = [*HIT, 99.2, 98.7, 97.4]
    leg = leg_of(closes)
    assert path(leg) == ["first_cluster_hit", "bounce", "continuation", "next_cluster"]
    assert leg.ended_ms == MONDAY_MS + 10 * FIVE
    assert path(leg_of([*HIT, 99.2, 97.4])) == path(leg)


def test_it_fails_where_three_quarters_are_given_back_before_and_after_the_continuation():
    assert path(leg_of([*HIT, 99.2, 99.8])) == ["first_cluster_hit", "bounce", "failed"]
    assert path(leg_of([*HIT, 99.2, 98.7, 99.8])) == [
        *("first_cluster_hit", "bounce", "continuation", "failed"),
    ]
    assert path(leg_of([*HIT, 99.9])) == ["first_cluster_hit", "failed"]


def test_after_four_hours_it_has_timed_out_whatever_it_was():
    for more, last in (
        ([], "first_cluster_hit"),
        ([99.2], "bounce"),
        ([99.2, 98.7], "continuation"),
    ):
        rest = [(more or [98.9])[-1]] * 60
        states = path(leg_of([*HIT, *more, *rest]))
        assert states[-2:] == [last, "timed_out"]


def test_a_bar_that_holds_both_is_taken_for_the_worse():
    closes = [*HIT, 99.2, 99.0]
    high = [*START, 100.0, 99.5, 99.3, 99.9]
    low = [*START, 99.4, 98.9, 98.9, 97.0]
    leg = leg_of(closes, high=high, low=low)
    assert path(leg) == ["first_cluster_hit", "bounce", "failed"]


def test_a_wick_into_the_cluster_hits_it():
    leg = leg_of([*START, 99.1], high=[*START, 100.0], low=[*START, 98.95])
    assert leg.state == "first_cluster_hit"


def test_without_a_next_cluster_a_pause_states_no_plan():
    leg = leg_of([*HIT, 99.2, 98.7], zones=ZONES[:1])
    assert leg.plan is None
    assert path(leg)[-1] == "continuation"


def test_where_no_cluster_is_known_there_is_no_leg():
    leg = leg_of([*HIT, 99.2], zones=())
    assert (leg.first, leg.state) == (None, "idle")
    assert leg.ended_ms == leg.ignition.impulse_ms


def test_minor_clusters_count_only_where_none_is_major():
    minor = zone("long", 99.3, 99.5, major=False)
    assert leg_of(HIT, zones=(minor, *ZONES)).first == ZONES[0]
    assert leg_of(HIT, zones=(minor,)).first == minor


def test_an_old_map_is_not_looked_at():
    history = clusters(hours=1)
    assert history.at(MONDAY_MS + 2 * HOUR_MS) == ZONES
    assert history.at(MONDAY_MS + 2 * HOUR_MS + 1) == ()
    assert history.at(MONDAY_MS - 1) == ()


def test_the_target_is_of_the_map_known_at_the_pause_not_of_a_later_one():
    moved = (zone("long", 96.0, 96.5),)
    series = series_of([*HIT, 99.2])
    found = find_ignitions(series)
    pause_ms = MONDAY_MS + 8 * FIVE
    for known_ms, target in ((pause_ms + 1, 97.5), (pause_ms, 96.5)):
        history = ClusterHistory(np.array([MONDAY_MS - HOUR_MS, known_ms]), (ZONES, moved))
        assert follow_legs(series, found, history)[0].plan.target == target


def test_an_impulse_inside_a_running_leg_is_no_leg_of_its_own():
    closes = [*HIT, 99.2, 99.2, 99.2, 99.2, 98.2]
    series = series_of(closes)
    assert len(follow_legs(series, find_ignitions(series), clusters())) == 1


def test_upwards_it_is_the_mirror_image():
    closes = [*HIT, 99.2, 98.7, 97.4]
    mirrored = tuple(zone("short", 1e4 / z.high, 1e4 / z.low) for z in ZONES)
    up, down = leg_of([1e4 / price for price in closes], zones=mirrored), leg_of(closes)
    assert path(up) == path(down)
    assert up.plan is not None
    assert up.plan.entry == pytest.approx(1e4 / down.plan.entry)
    assert up.plan.target == pytest.approx(1e4 / down.plan.target)

"""Plans: triggers, targets, invalidations and odds by hand; rules as they stand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tests.reference.situations import sandbox_situation, with_columns, with_reading, zone

from forcedflow.playbook.leg_reading import read_second_leg
from forcedflow.playbook.plan import build_plans, judge_rules
from forcedflow.playbook.styles import STYLES

STYLE = STYLES["intraday"]


@pytest.fixture(scope="module")
def situation(tmp_path_factory):
    return sandbox_situation(tmp_path_factory.mktemp("plans") / "lake")


@pytest.fixture(scope="module")
def leg(situation):
    return read_second_leg(situation, size_usd=10_000)


@pytest.fixture
def staged(situation):
    """Levels one percent away on both sides, two clusters beyond each."""
    mark = situation.mark
    levels = {
        "range_low_24h": 0.99 * mark,
        "range_high_24h": 1.01 * mark,
        "vwap_day": math.nan,
        "vwap_week": math.nan,
        "prior_day_low": 0.98 * mark,
        "prior_day_high": 1.02 * mark,
    }
    zones = (
        zone(situation, "long", 0.96, 0.97),
        zone(situation, "long", 0.92, 0.93),
        zone(situation, "short", 1.03, 1.04),
        zone(situation, "short", 1.07, 1.08),
    )
    return replace(with_columns(situation, **levels), zones=zones)


def test_the_trigger_is_the_nearest_level_and_the_target_the_next_cluster_beyond(staged, leg):
    mark = staged.mark
    down, up = build_plans(staged, STYLE, leg)
    assert (down.kind, up.kind) == ("range_low_24h", "range_high_24h")
    assert down.trigger == pytest.approx(0.99 * mark)
    assert down.target_price == pytest.approx(0.97 * mark)
    assert up.target_price == pytest.approx(1.03 * mark)
    assert down.after == staged.zones[1]
    assert up.after == staged.zones[3]
    assert down.distance_pct == pytest.approx(-1)


def test_the_invalidation_lies_half_a_deviation_of_the_horizon_back_through_the_trigger(
    staged, leg
):
    sigma = staged.mapped.sigma_day * math.sqrt(4 / 24)
    down, up = build_plans(staged, STYLE, leg)
    assert down.invalidation == pytest.approx(down.trigger * math.exp(0.5 * sigma))
    assert up.invalidation == pytest.approx(up.trigger * math.exp(-0.5 * sigma))


def test_the_odds_are_those_of_a_walk_without_drift_and_costs_ask_for_more(staged, leg):
    for plan in build_plans(staged, STYLE, leg):
        reward = abs(math.log(plan.target_price / plan.trigger))
        risk = abs(math.log(plan.invalidation / plan.trigger))
        chance = plan.chance_without_drift
        assert chance * reward - (1 - chance) * risk == pytest.approx(0, abs=1e-12)
        paid = plan.chance_to_pay
        assert paid * reward - (1 - paid) * risk == pytest.approx(plan.cost_bps / 1e4)


def test_there_is_no_trade_without_a_leg_under_way_and_a_record(staged, leg):
    for plan in build_plans(staged, STYLE, leg):
        assert plan.no_trade
        assert "no trade by default" in plan.reason


def test_a_level_that_price_has_passed_is_no_trigger(staged, leg):
    passed = with_columns(staged, range_low_24h=1.005 * staged.mark)
    down, _ = build_plans(passed, STYLE, leg)
    assert down.kind == "prior_day_low"


def test_where_no_level_is_known_the_nearest_cluster_is_the_trigger(staged, leg):
    names = ("range_low_24h", "range_high_24h", "prior_day_low", "prior_day_high")
    bare = with_columns(staged, **dict.fromkeys(names, math.nan))
    down, up = build_plans(bare, STYLE, leg)
    assert (down.kind, up.kind) == ("cluster", "cluster")
    assert down.trigger == staged.zones[0].high
    assert down.target == staged.zones[1]


def test_without_clusters_there_is_no_plan_and_the_reason_is_told(staged, leg):
    for plan in build_plans(replace(staged, zones=()), STYLE, leg):
        assert not plan.complete
        assert plan.no_trade
        assert plan.reason.startswith("no plan: no cluster is known beyond the trigger")
        assert plan.row()["chance_to_pay"] is None


def test_without_depth_the_costs_are_unknown_and_not_zero(staged, leg):
    for plan in build_plans(replace(staged, depth=None), STYLE, leg):
        assert plan.cost_bps is None
        assert plan.chance_to_pay is None


def rule(situation, leg, name):
    return next(found for found in judge_rules(situation, STYLE, leg, ()) if found.name == name)


def test_a_major_cluster_within_a_deviation_of_the_horizon_is_a_reason_for_less_leverage(
    staged, leg
):
    near = replace(staged, zones=(zone(staged, "long", 0.99, 0.9999),))
    assert rule(near, leg, "leverage").standing == "heed"
    assert rule(
        replace(near, zones=(zone(staged, "long", 0.5, 0.6),)), leg, "leverage"
    ).standing == ("clear")


def test_thin_hours_are_told_by_volume_or_by_the_signal_and_unknown_without_either(staged, leg):
    off = with_reading(staged, "thin_liquidity", verdict="off")
    usual = with_columns(staged, volume_profile=1.2)
    assert rule(
        with_reading(usual, "thin_liquidity", verdict="off"), leg, "thin_hours"
    ).standing == ("clear")
    quiet = with_columns(staged, volume_profile=0.5)
    quiet = with_reading(quiet, "thin_liquidity", verdict="off")
    assert rule(quiet, leg, "thin_hours").standing == "heed"
    unknown = with_columns(off, volume_profile=math.nan)
    unknown = with_reading(unknown, "thin_liquidity", verdict="unknown", why="nothing held")
    assert rule(unknown, leg, "thin_hours").standing == "unknown"


@pytest.mark.parametrize(
    ("verdict", "standing"), [("on", "heed"), ("off", "clear"), ("unknown", "unknown")]
)
def test_the_window_rule_is_the_signal_of_that_name(staged, leg, verdict, standing):
    told = with_reading(staged, "volatility_window", verdict=verdict)
    assert rule(told, leg, "volatility_window").standing == standing


def test_without_a_leg_the_forced_move_is_waited_for(staged, leg):
    assert leg.leg is None
    found = rule(staged, leg, "forced_move")
    assert found.standing == "heed"
    assert STYLE.confirmation in found.words

"""Every line of the checklist: its value, its verdict by its rule, its evidence, its age."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from tests.reference.situations import sandbox_situation, with_columns, with_reading, zone

from forcedflow.depth.curve import DepthCurve
from forcedflow.playbook.checklist import RULES, fill
from forcedflow.playbook.lean import CLEAR_SIGMA, lean
from forcedflow.units import MINUTE_MS

KEYS = [
    "nearest_cluster_up_pct",
    "nearest_cluster_down_pct",
    "venue_alignment",
    "oi_trend_4h",
    "funding_bias",
    "spot_confirmation",
    "liquidity",
    "volatility_window_6h",
    "next_cluster_after_first",
    "invalidation_level",
    "max_loss",
]
FORBIDDEN = re.compile(r"\bwill\b|\bguaranteed\b|\bmagnets?\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def situation(tmp_path_factory):
    return sandbox_situation(tmp_path_factory.mktemp("checklist") / "lake")


@pytest.fixture(scope="module")
def bare(situation):
    """Without clusters, cascade, depth or anything of the past but prior days."""
    emptied = with_columns(situation, **dict.fromkeys(situation.features.columns, math.nan))
    return replace(emptied, zones=(), cascade=None, depth=None)


def line(situation, key, **asked):
    return fill(situation, **asked).checks[key]


def test_the_keys_are_exactly_these_in_this_order_and_each_has_the_same_fields(situation):
    rows = fill(situation).row()
    assert list(rows) == KEYS == list(RULES)
    for row in rows.values():
        assert list(row) == ["value", "unit", "verdict", "evidence", "age_s"]


def test_every_verdict_has_its_rule_and_no_sentence_promises_anything(situation, bare):
    for judged in (situation, bare, replace(situation, cascade=None)):
        for equity, risk in ((None, None), (10_000, 1)):
            for key, check in fill(judged, equity, risk).checks.items():
                assert check.verdict in RULES[key]
                assert check.evidence
                assert not FORBIDDEN.search(check.evidence)


def test_what_is_unknown_has_a_reason_and_no_figure_is_made_up(bare):
    checks = fill(bare).checks
    unknown = {key for key, check in checks.items() if check.verdict == "unknown"}
    assert unknown >= {"venue_alignment", "oi_trend_4h", "funding_bias", "spot_confirmation"}
    assert unknown >= {"liquidity", "volatility_window_6h", "invalidation_level", "max_loss"}
    assert all("unknown" in checks[key].evidence for key in unknown)
    assert checks["nearest_cluster_up_pct"].verdict == "none"
    assert all(math.isnan(checks[key].value) for key in unknown)
    assert fill(bare).row()["oi_trend_4h"]["value"] is None


@pytest.mark.parametrize(
    ("low", "sigmas", "verdict"),
    [(1.02, 1.0, "near"), (1.02, 2.0, "far"), (1.04, 1.0, "far"), (1.02, math.nan, "near")],
)
def test_a_cluster_is_near_within_three_percent_and_one_and_a_half_sigma(
    situation, low, sigmas, verdict
):
    found = zone(situation, "short", low, low + 0.01, distance_sigma=sigmas)
    check = line(replace(situation, zones=(found,)), "nearest_cluster_up_pct")
    assert check.verdict == verdict
    assert check.value == pytest.approx(100 * (low - 1))
    assert "$1.00M ($500K–$2.00M)" in check.evidence


def test_the_nearest_major_cluster_comes_before_a_nearer_small_one(situation):
    small = zone(situation, "long", 0.985, 0.99, major=False, share_of_oi=0.01)
    major = zone(situation, "long", 0.96, 0.97)
    judged = replace(situation, zones=(small, major))
    assert line(judged, "nearest_cluster_down_pct").value == pytest.approx(-3.0)
    alone = line(replace(situation, zones=(small,)), "nearest_cluster_down_pct")
    assert alone.value == pytest.approx(-1.0)
    assert "below the 2 % of a major one" in alone.evidence


def test_an_old_map_says_nothing_of_now_and_its_age_is_told(situation):
    later = situation.mapped.market.at_ms + 91 * MINUTE_MS
    market = replace(situation.mapped.market, at_ms=later)
    old = replace(situation, mapped=replace(situation.mapped, market=market))
    checks = fill(old).checks
    for key in ("nearest_cluster_up_pct", "next_cluster_after_first", "invalidation_level"):
        assert checks[key].verdict == "unknown"
        assert "the map is 9" in checks[key].evidence
        assert checks[key].age_s >= 91 * 60


@pytest.mark.parametrize(
    ("change", "rank", "verdict"),
    [
        (0.02, 0.85, "rising"),
        (-0.02, 0.15, "falling"),
        (0.02, 0.5, "flat"),
        (-0.001, 0.85, "flat"),
        (0.02, math.nan, "unknown"),
        (math.nan, math.nan, "unknown"),
    ],
)
def test_open_interest_rises_or_falls_by_rank_and_by_sign(situation, change, rank, verdict):
    judged = with_columns(situation, oi_change_4h=change, oi_change_4h_rank_30d=rank)
    check = line(judged, "oi_trend_4h")
    assert check.verdict == verdict
    assert check.value == pytest.approx(100 * change, nan_ok=True)
    if verdict != "unknown":
        assert f"n {min(judged.features.size, 8640):,} moments" in check.evidence


def test_whoever_pays_much_is_the_side_that_funding_leans_to(situation):
    for verdict, risk, expected in (
        ("on", "down", "leans long"),
        ("on", "up", "leans short"),
        ("off", "none", "ordinary"),
        ("unknown", "none", "unknown"),
    ):
        judged = with_reading(
            situation, "funding_bias", verdict=verdict, direction=risk, value=0.0004
        )
        check = line(judged, "funding_bias")
        assert (check.verdict, check.unit) == (expected, "% per 8 h")
        assert check.value == pytest.approx(0.04)


def test_a_small_move_asks_for_no_confirmation_and_a_lead_is_not_confirmed(situation):
    for verdict, sigmas, expected in (
        ("on", 2.0, "not confirmed"),
        ("off", 2.0, "not contradicted"),
        ("off", 0.4, "no move"),
        ("unknown", 0.4, "unknown"),
    ):
        judged = with_columns(situation, sideways_4h=sigmas)
        judged = with_reading(judged, "spot_confirmation", verdict=verdict)
        assert line(judged, "spot_confirmation").verdict == expected


def test_a_window_is_open_ahead_or_clear(situation):
    for verdict, hours, expected in (
        ("on", 0.0, "open"),
        ("on", 3.0, "ahead"),
        ("off", 9, "clear"),
    ):
        judged = with_reading(situation, "volatility_window", verdict=verdict, value=hours)
        assert line(judged, "volatility_window_6h").verdict == expected


def curve(direction, usd, at_ms, source="a book"):
    return DepthCurve(direction, np.array([0.0, 0.01]), np.array([usd]), 0.01, 0.1, source, at_ms)


def test_liquidity_is_what_the_order_pays_on_the_worse_side(situation):
    at_ms = situation.at_ms - 30_000
    judged = replace(
        situation, depth=(curve("down", 1e7, at_ms), curve("up", 1e6, at_ms, "thin asks"))
    )
    # Half of the slice is used, so the mean distance is a quarter of its width.
    check = line(judged, "liquidity", order_usd=5e5)
    assert check.value == pytest.approx(1e4 * math.expm1(0.0025))
    assert "going up" in check.evidence
    assert "by thin asks" in check.evidence
    assert check.age_s >= 30


def test_an_order_larger_than_the_book_has_no_slippage_and_a_market_without_depth_neither(
    situation,
):
    empty = DepthCurve(
        "down", np.array([0.0, 0.01, 0.02]), np.array([1e5, 0.0]), 0.02, 0.1, "a book", 0
    )
    judged = replace(situation, depth=(empty, curve("up", 1e9, 0)))
    check = line(judged, "liquidity", order_usd=1e6)
    assert math.isnan(check.value)
    assert "does not hold $1.00M" in check.evidence
    unknown = replace(situation, depth=None, reasons=(("depth", "nobody told"),))
    assert "nobody told" in line(unknown, "liquidity").evidence
    assert "without slippage, which is unknown" in line(unknown, "max_loss").evidence


def chained(situation, slippage, gap):
    cascade = situation.cascade
    first, *others = cascade.up.dominoes
    assert others
    first = replace(first, slippage_pct=slippage, gap_to_next_pct=gap)
    up = replace(cascade.up, dominoes=(first, *others))
    return replace(situation, cascade=replace(cascade, up=up))


def test_the_first_cluster_reaches_the_next_where_its_own_flow_moves_price_that_far(situation):
    for slippage, expected in ((1.2, "reaches the next"), (0.8, "stops short")):
        check = line(chained(situation, slippage, 1.0), "next_cluster_after_first", side="long")
        assert (check.verdict, check.value) == (expected, 1.0)
        assert "structural, uncalibrated" in check.evidence


def test_a_share_of_few_scenarios_is_not_told(situation):
    judged = chained(situation, 1.0, 1.0)
    first, *others = judged.cascade.up.dominoes
    probability = judged.cascade.up.simulation.structural_probability()._replace(value=1.0, n=12)
    up = replace(
        judged.cascade.up, dominoes=(replace(first, p_next_given_this=probability), *others)
    )
    judged = replace(judged, cascade=replace(judged.cascade, up=up))
    evidence = line(judged, "next_cluster_after_first", side="long").evidence
    assert "12 structural" in evidence
    assert "100 %" not in evidence


def test_without_a_chain_the_gap_is_between_borders_and_what_follows_is_unknown(situation):
    zones = (zone(situation, "short", 1.01, 1.02), zone(situation, "short", 1.05, 1.06))
    judged = replace(situation, zones=zones, cascade=None, reasons=(("cascade", "no depth"),))
    check = line(judged, "next_cluster_after_first", side="long")
    assert check.verdict == "unknown"
    assert check.value == pytest.approx(100 * (1.05 / 1.01 - 1))
    assert "no depth" in check.evidence
    alone = replace(judged, zones=zones[:1])
    assert line(alone, "next_cluster_after_first", side="long").verdict == "no next"
    assert line(alone, "next_cluster_after_first", side="short").verdict == "no first"


def levels(situation, low, high, zones=()):
    sigma = 0.02
    return replace(
        with_columns(
            situation, prior_day_low=low * situation.mark, prior_day_high=high * situation.mark
        ),
        mapped=replace(situation.mapped, sigma_day=sigma),
        zones=zones,
    )


def test_a_reading_is_void_at_the_nearer_of_the_opposite_cluster_and_the_prior_day(situation):
    below = zone(situation, "long", 0.97, 0.98)
    for low, expected, rule in ((0.96, 0.97, "cluster"), (0.985, 0.985, "prior day")):
        check = line(levels(situation, low, 1.2, (below,)), "invalidation_level", side="long")
        assert check.value == pytest.approx(expected * situation.mark)
        assert check.verdict == rule
    above = zone(situation, "short", 1.02, 1.03)
    check = line(levels(situation, 0.9, 1.2, (above,)), "invalidation_level", side="short")
    assert check.value == pytest.approx(1.03 * situation.mark)
    assert "void above" in check.evidence


def test_a_level_next_to_the_price_or_behind_it_voids_nothing(situation):
    least = math.exp(-CLEAR_SIGMA * 0.02)
    judged = levels(situation, least * 1.0001, 1.2)
    assert line(judged, "invalidation_level", side="long").verdict == "unknown"
    behind = levels(situation, 1.01, 1.2)
    assert line(behind, "invalidation_level", side="long").verdict == "unknown"
    clear = levels(situation, least * 0.9999, 1.2)
    assert line(clear, "invalidation_level", side="long").verdict == "prior day"


def test_the_loss_is_of_the_equity_and_the_position_follows_from_the_distance(situation):
    judged = replace(levels(situation, 0.95, 1.2), depth=None)
    asked = line(judged, "max_loss", side="long")
    assert asked.verdict == "needs equity and risk"
    assert asked.value == pytest.approx(5.0)
    stated = line(judged, "max_loss", side="long", equity_usd=10_000, risk_pct=2)
    assert (stated.value, stated.unit, stated.verdict) == (200, "USD", "stated")
    assert "a position of $4.00K, 0.4× equity" in stated.evidence


def test_slippage_in_and_out_makes_the_position_smaller(situation):
    judged = levels(situation, 0.95, 1.2)
    depth = (curve("down", 1e6, situation.at_ms), curve("up", 1e6, situation.at_ms))
    check = line(replace(judged, depth=depth), "max_loss", side="long", order_usd=1e6)
    # The whole slice is used, so half of its width is paid, twice.
    assert check.value == pytest.approx(5.0 + 2 * 100 * math.expm1(0.005))


def test_amounts_that_are_none_are_refused(situation):
    for asked in (
        {"equity_usd": 0.0, "risk_pct": 1},
        {"equity_usd": 100.0, "risk_pct": 101},
        {"order_usd": math.inf},
        {"equity_usd": math.nan},
    ):
        with pytest.raises(ValueError, match=r"equity|risk|order"):
            fill(situation, **asked)


def test_the_way_is_the_stated_sides_then_the_signals_then_the_nearer_clusters(situation):
    off = situation
    for reading in situation.readings:
        off = with_reading(off, reading.signal, verdict="off", direction="none")
    assert lean(off, "short").direction == "down"
    risky = with_reading(off, "funding_bias", verdict="on", direction="down")
    assert lean(risky).direction == "down"
    even = with_reading(risky, "pressure", verdict="on", direction="up")
    zones = (zone(situation, "short", 1.01, 1.02), zone(situation, "long", 0.9, 0.98))
    assert lean(replace(even, zones=zones)).direction == "up"
    nothing = replace(even, zones=())
    assert lean(nothing).direction is None
    assert line(nothing, "invalidation_level").verdict == "unknown"


def test_an_age_is_of_the_oldest_input_that_a_line_rests_on(situation):
    ages = {"funding": 3 * MINUTE_MS, "open_interest": 7 * MINUTE_MS}
    features = replace(situation.features, input_age_ms=ages)
    checks = fill(replace(situation, features=features)).checks
    lag_s = (situation.at_ms - features.at_ms) / 1000
    assert checks["funding_bias"].age_s == 180 + lag_s
    assert checks["oi_trend_4h"].age_s == 420 + lag_s
    assert math.isnan(checks["volatility_window_6h"].age_s)

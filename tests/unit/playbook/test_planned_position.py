"""A planned position: liquidation prices by the venue's rule, and the leverage that is clear."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tests.reference.situations import sandbox_situation, zone

from forcedflow.margin import liquidation_price_by_brackets
from forcedflow.playbook.position import SIZE_USD, cap_leverage, kill_zone, plan_position
from forcedflow.playbook.styles import STYLES

STYLE = STYLES["intraday"]


@pytest.fixture(scope="module")
def situation(tmp_path_factory):
    return sandbox_situation(tmp_path_factory.mktemp("position") / "lake", with_cascade=False)


def with_zones(situation, *zones):
    return replace(situation, zones=zones)


def liquidation(situation, side, entry, size, leverage):
    market = situation.mapped.market
    return float(
        liquidation_price_by_brackets(
            [entry], size, entry * size / leverage, side, market.schedule, market.rule
        )[0]
    )


def test_the_kill_zone_ends_a_buffer_beyond_the_far_border_of_the_nearest_major_cluster(situation):
    near = zone(situation, "long", 0.97, 0.98)
    far = zone(situation, "long", 0.90, 0.92)
    found, edge = kill_zone(with_zones(situation, far, near), STYLE, "long", situation.mark)
    assert found == near
    sigma = situation.mapped.sigma_day * math.sqrt(4 / 24)
    assert edge == pytest.approx(near.low * math.exp(-sigma))


def test_a_cluster_of_the_other_side_or_behind_the_entry_is_not_kept_clear_of(situation):
    behind = zone(situation, "short", 1.02, 1.03)
    found, edge = kill_zone(with_zones(situation, behind), STYLE, "short", 1.05 * situation.mark)
    assert found is None
    assert edge > 1.05 * situation.mark


@pytest.mark.parametrize(("side", "low", "high"), [("long", 0.95, 0.97), ("short", 1.03, 1.06)])
def test_the_largest_leverage_that_is_clear_is_clear_and_a_tenth_more_is_not(
    situation, side, low, high
):
    mark, size = situation.mark, SIZE_USD / situation.mark
    cap = cap_leverage(
        with_zones(situation, zone(situation, side, low, high)), STYLE, side, mark, size
    )
    assert cap.leverage is not None
    sign = 1 if side == "long" else -1
    assert sign * (cap.edge - cap.liquidation) >= 0
    assert cap.liquidation == pytest.approx(liquidation(situation, side, mark, size, cap.leverage))
    beyond = liquidation(situation, side, mark, size, cap.leverage + 0.1)
    assert sign * (cap.edge - beyond) < 0


def test_a_cluster_further_away_allows_less_leverage(situation):
    mark, size = situation.mark, SIZE_USD / situation.mark
    near, far = (
        cap_leverage(
            with_zones(situation, zone(situation, "long", low, low + 0.01)),
            STYLE,
            "long",
            mark,
            size,
        )
        for low in (0.95, 0.85)
    )
    assert far.leverage < near.leverage


def test_a_longer_style_keeps_a_wider_buffer(situation):
    mark, size = situation.mark, SIZE_USD / situation.mark
    leverages = [
        cap_leverage(situation, STYLES[name], "long", mark, size).leverage
        for name in ("scalp", "intraday", "swing")
    ]
    assert leverages == sorted(leverages, reverse=True)


def test_without_volatility_there_is_no_cap_and_the_reason_is_told(situation):
    unknown = replace(situation, mapped=replace(situation.mapped, sigma_day=math.nan))
    cap = cap_leverage(unknown, STYLE, "long", situation.mark, 0.01)
    assert cap.leverage is None
    assert "volatility" in cap.reason
    assert cap.row()["beyond"] is None


def test_a_cluster_that_reaches_to_twice_the_price_leaves_no_leverage_for_a_short(situation):
    wide = zone(situation, "short", 1.02, 2.5)
    cap = cap_leverage(with_zones(situation, wide), STYLE, "short", situation.mark, 0.01)
    assert cap.leverage is None
    assert cap.reason == "not even 1× is liquidated beyond the kill zone"


def test_every_row_of_a_position_is_the_rule_of_the_venue_and_says_whether_it_is_clear(situation):
    found = plan_position(situation, STYLE, "long", situation.mark, 0.02)
    assert [row.leverage for row in found.rows] == sorted(row.leverage for row in found.rows)
    for row in found.rows:
        price = liquidation(situation, "long", situation.mark, 0.02, row.leverage)
        assert row.liquidation == pytest.approx(price)
        assert row.margin == pytest.approx(0.02 * situation.mark / row.leverage)
        assert row.clear == (price <= found.cap.edge)
    assert [row.clear for row in found.rows if row.leverage == found.cap.leverage] == [True]


@pytest.mark.parametrize(("entry", "size"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (1.0, math.inf)])
def test_an_entry_or_a_size_that_is_none_is_refused(situation, entry, size):
    with pytest.raises(ValueError, match="must be positive"):
        cap_leverage(situation, STYLE, "long", entry, size)

"""Dominoes: where each is triggered, what it does, how likely it is hit beside volatility alone."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from tests.reference.histories import history
from tests.reference.stages import stage_of

from forcedflow.cascade.chain import build_chain
from forcedflow.cascade.criticality import assess
from forcedflow.cascade.fixed_point import solve
from forcedflow.cascade.montecarlo import simulate
from forcedflow.cascade.start import Start
from forcedflow.cascade.waves import assumed_rules
from forcedflow.units import DAY_MS, HOUR_MS
from forcedflow.zones import Zone

HISTORY = history()
WIDTH = 5e-4
MARK = 100.0
SIGMA_DAY = 0.03


def _stage(venues=1, bins=200):
    """Three clusters, the second the largest, in an even book; further venues hold a tenth."""
    forced = np.zeros(bins)
    forced[20:40], forced[60:80], forced[110:120] = 1e5, 4e5, 1e5
    scale = np.array([1.0] + [0.1] * (venues - 1))[:, None]
    stage = stage_of(scale * forced, scale * np.full(bins, 5e5), open_interest=1e8)
    return replace(stage, forced_log_sd=0.7, depth_log_sd=0.4)


def _zone(stage, first, last, side="long"):
    low, high = sorted((stage.price(first * WIDTH), stage.price(last * WIDTH)))
    return Zone(side, low, high, low, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.1, 1, True)


def _zones(stage):
    return [_zone(stage, 20, 40), _zone(stage, 60, 80), _zone(stage, 110, 120)]


def _chain(stage=None, zones=None, horizons=(HOUR_MS, 4 * HOUR_MS), horizon_ms=None, start=None):
    stage = stage or _stage()
    start = start or Start()
    zones = [_zones(stage)] * len(stage.venues) if zones is None else zones
    rules = assumed_rules(stage)
    ran = [
        simulate(stage, rules, HISTORY, horizon, seed=1, scenarios=800, start=start)
        for horizon in horizons
    ]
    seen = start.seen_from(stage)
    return build_chain(seen, MARK, zones, ran, horizon_ms or horizons[-1], SIGMA_DAY)


@pytest.fixture(scope="module")
def chain():
    return _chain()


def test_dominoes_stand_nearest_first_at_the_first_tenth_of_each_cluster(chain):
    triggers = [domino.trigger_distance for domino in chain.dominoes]
    np.testing.assert_allclose(triggers, [22 * WIDTH, 62 * WIDTH, 111 * WIDTH])
    assert chain.dominoes[0].trigger_price == pytest.approx(MARK * math.exp(-22 * WIDTH))
    assert all(d.low < d.trigger_price < d.high for d in chain.dominoes)


def test_a_domino_holds_what_would_be_forced_between_its_borders_within_its_band(chain):
    usd = [domino.notional_usd for domino in chain.dominoes]
    np.testing.assert_allclose(usd, [2e6, 8e6, 1e6])
    first = chain.dominoes[0]
    ratio = math.exp(1.2816 * 0.7)
    assert first.notional_usd_high / first.notional_usd == pytest.approx(ratio)
    assert first.notional_usd / first.notional_usd_low == pytest.approx(ratio)


def test_slippage_is_the_way_that_depth_takes_to_absorb_the_cluster_alone(chain):
    # Eight million into half a million a bin: sixteen bins.
    expected = 100 * (1 - math.exp(-16 * WIDTH))
    assert chain.dominoes[1].slippage_pct == pytest.approx(expected)


def test_the_cumulative_move_is_the_fixed_point_from_the_trigger(chain):
    for domino in chain.dominoes:
        end = float(solve(chain.stage, np.array([domino.trigger_distance])).end[0])
        assert domino.cumulative_move_pct == pytest.approx(100 * (math.exp(-end) - 1))
        assert domino.absorbed


def test_the_gap_leads_to_the_next_trigger_and_the_last_has_none(chain):
    gaps = [domino.gap_to_next_pct for domino in chain.dominoes]
    assert gaps[0] == pytest.approx(100 * (1 - math.exp(-40 * WIDTH)))
    assert gaps[-1] is None
    assert chain.dominoes[-1].p_next_given_this is None


def test_farther_dominoes_are_never_likelier_and_never_below_volatility_alone(chain):
    reach = [domino.p_reach.value for domino in chain.dominoes]
    alone = [domino.p_reach_volatility_only.value for domino in chain.dominoes]
    assert reach == sorted(reach, reverse=True)
    assert alone == sorted(alone, reverse=True)
    assert all(a >= b for a, b in zip(reach, alone, strict=True))
    assert reach[-1] > alone[-1]


def test_the_next_one_given_this_is_the_ratio_of_their_shares(chain):
    for this, following in zip(chain.dominoes, chain.dominoes[1:], strict=False):
        ratio = following.p_reach.value / this.p_reach.value
        assert this.p_next_given_this.value == pytest.approx(ratio)
        assert this.p_next_given_this.n == round(this.p_reach.value * 800)


def test_shares_by_dominoes_fallen_add_up_to_all_scenarios(chain):
    fallen = chain.fallen()
    assert len(fallen) == 4
    assert sum(fallen) == pytest.approx(1.0)
    assert 1 - fallen[0] == pytest.approx(chain.dominoes[0].p_reach.value)
    assert fallen[-1] == pytest.approx(chain.dominoes[-1].p_reach.value)


def test_where_it_stops_is_told_of_scenarios_that_hit_the_first_cluster(chain):
    stop = chain.stop()
    assert stop.n == round(chain.dominoes[0].p_reach.value * 800)
    assert stop.furthest.low < stop.furthest.middle < stop.furthest.high
    assert stop.furthest.high <= chain.dominoes[0].trigger_price
    # Price comes back from its furthest.
    assert stop.last.middle > stop.furthest.middle


def test_scenarios_that_come_to_the_end_of_the_stage_are_told_apart():
    stage = _stage()
    thin = replace(stage, depth=0.01 * stage.depth)
    stop = _chain(thin).stop()
    assert stop.beyond > 0.5
    assert stop.furthest.low == pytest.approx(stage.price(0.1))
    assert _chain(replace(stage, depth=100 * stage.depth)).stop().beyond == 0


def test_the_ladder_never_explains_the_whole_way(chain):
    assert 0 < chain.explained() < 1


def test_one_structural_probability_per_horizon_stands_beside_its_null(chain):
    assert [found.horizon_ms for found in chain.structural] == [HOUR_MS, 4 * HOUR_MS]
    for found in chain.structural:
        sigma = SIGMA_DAY * math.sqrt(found.horizon_ms / DAY_MS)
        assert found.reflected == assess(chain.stage).structural_probability(sigma)
        assert 0 <= found.volatility_only.value <= found.simulated.value <= 1


def test_up_is_the_mirror_of_down():
    up = replace(_stage(), direction="up")
    zones = [[_zone(up, 20, 40, "short"), _zone(up, 20, 40, "long")]]
    chain = _chain(up, zones)
    assert [domino.side for domino in chain.dominoes] == ["short"]
    assert chain.dominoes[0].trigger_price == pytest.approx(MARK * math.exp(22 * WIDTH))
    assert chain.dominoes[0].cumulative_move_pct > 0
    stop = chain.stop()
    assert stop.furthest.low >= chain.dominoes[0].trigger_price


def test_without_clusters_the_scenarios_still_speak():
    chain = _chain(zones=[[]])
    assert chain.dominoes == ()
    assert chain.fallen() == (1.0,)
    assert chain.stop().n == 800
    assert chain.forced_usd().high > 0


def test_where_no_scenario_hits_the_first_cluster_nothing_is_said_of_its_end():
    stage = _stage(bins=800)
    forced = np.zeros((1, 800))
    forced[0, 600:610] = 1e6
    chain = _chain(replace(stage, forced=forced), [[_zone(stage, 600, 610)]])
    assert chain.dominoes[0].p_reach.value == 0
    assert chain.stop() is None
    assert chain.explained() is None


def test_venues_clusters_that_coincide_are_one_and_others_are_added():
    stage = _stage(venues=2)
    others = [_zone(stage, 30, 50), _zone(stage, 150, 160)]
    forced = stage.forced.copy()
    forced[1, 150:160] = 3e4
    stage = replace(stage, forced=forced)
    chain = _chain(stage, [_zones(stage), others])
    assert len(chain.dominoes) == 4
    # Everything between the borders counts, whoever's it is.
    np.testing.assert_allclose(
        [domino.notional_usd for domino in chain.dominoes], [2.2e6, 8.8e6, 1.1e6, 3e5]
    )


def test_the_venue_with_most_to_force_sets_the_borders_wherever_it_stands():
    stage = _stage(venues=2)
    turned = replace(stage, forced=stage.forced[::-1], depth=stage.depth[::-1])
    other = [_zone(stage, 18, 45)]
    one = _chain(stage, [_zones(stage), other])
    two = _chain(turned, [other, _zones(stage)])
    assert [d.high for d in one.dominoes] == [d.high for d in two.dominoes]
    assert one.dominoes[0].high == pytest.approx(stage.price(20 * WIDTH))


def test_a_zone_that_holds_nothing_forced_is_no_domino():
    stage = _stage()
    chain = _chain(stage, [[_zone(stage, 90, 100), *_zones(stage)]])
    assert len(chain.dominoes) == 3


def test_from_a_price_within_a_cluster_its_rest_stands_and_moves_count_from_the_mark():
    stage = _stage()
    start = Start.from_price(stage.price(70 * WIDTH), MARK)
    chain = _chain(stage, start=start)
    assert [round(d.notional_usd) for d in chain.dominoes] == [4_000_000, 1_000_000]
    assert chain.dominoes[0].trigger_price == pytest.approx(stage.price(71 * WIDTH))
    assert chain.dominoes[0].cumulative_move_pct < 100 * (math.exp(-71 * WIDTH) - 1) + 1e-9


def test_after_a_shock_what_lies_on_the_way_has_been_reached():
    chain = _chain(start=Start.from_move(-0.02))
    first = chain.dominoes[0]
    assert first.p_reach.value == 1
    assert first.p_reach_volatility_only.value > 0.9


def test_another_assumption_stands_beside_the_one_taken():
    stage = _stage()
    slow = assumed_rules(stage)
    quick = replace(slow, refill_half_life_s=5.0)
    usual, other = (
        simulate(stage, rules, HISTORY, HOUR_MS, seed=1, scenarios=800) for rules in (slow, quick)
    )
    beside = [("quicker", other)]
    chain = build_chain(stage, MARK, [_zones(stage)], [usual], HOUR_MS, SIGMA_DAY, beside)
    (found,) = chain.alternatives
    assert found.words == "quicker"
    assert found.structural == other.structural_probability()
    assert len(found.p_reach) == 3
    # A book that is back sooner lets less fall.
    assert found.p_reach[1].value < chain.dominoes[1].p_reach.value


def test_an_unknown_horizon_is_refused():
    with pytest.raises(ValueError, match="no simulation"):
        _chain(horizon_ms=DAY_MS)


def test_a_row_is_plain_and_says_that_shares_are_uncalibrated(chain):
    row = json.loads(json.dumps(chain.dominoes[0].row(), allow_nan=False))
    assert row["p_reach"]["kind"] == "structural, uncalibrated"
    assert row["notional_usd"]["low"] < row["notional_usd"]["usd"] < row["notional_usd"]["high"]
    assert row["p_reach_volatility_only"]["value"] <= row["p_reach"]["value"]
    assert json.loads(json.dumps(chain.dominoes[-1].row()))["p_next_given_this"] is None

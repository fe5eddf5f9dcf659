"""Scenarios of a cascade beside the same paths without the ladder."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.reference.histories import history
from tests.reference.stages import stage_of

from forcedflow.cascade.criticality import SHOCKS
from forcedflow.cascade.montecarlo import Simulation, quantiles, share, simulate
from forcedflow.cascade.start import Start
from forcedflow.cascade.waves import assumed_rules
from forcedflow.units import DAY_MS, HOUR_MS

HISTORY = history()
N = 400


def _stage(forced_usd=1e6, depth_usd=5e5, *, certain=False, bins=200):
    forced = np.zeros(bins)
    forced[20:30] = forced_usd / 10
    stage = stage_of(forced, np.full(bins, depth_usd), open_interest=1e8)
    return replace(
        stage,
        forced_log_sd=0.0 if certain else 0.7,
        depth_log_sd=0.0 if certain else 0.4,
    )


def _simulate(stage, horizon_ms=HOUR_MS, *, seed=1, scenarios=N, **kwargs):
    rules = assumed_rules(stage)
    return simulate(stage, rules, HISTORY, horizon_ms, seed=seed, scenarios=scenarios, **kwargs)


def test_without_a_ladder_volatility_alone_remains():
    ran = _simulate(_stage(forced_usd=0.0))
    np.testing.assert_array_equal(ran.furthest, ran.alone)
    assert ran.forced_usd.sum() == 0
    assert ran.structural_probability().value == 0
    assert ran.amplification() == (1.0, 1.0, 1.0)
    assert ran.explained() == 0


def test_the_ladder_only_adds_to_the_way():
    ran = _simulate(_stage(forced_usd=2e7))
    assert (ran.furthest >= ran.alone).all()
    assert (ran.furthest > ran.alone).mean() > 0.05
    assert 0 < ran.explained() < 1
    assert ran.p_reach(0.02).value > ran.p_reach_volatility_only(0.02).value


def test_the_same_seed_gives_the_same_scenarios_and_another_gives_others():
    one, two, other = (_simulate(_stage(), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.furthest, two.furthest)
    np.testing.assert_array_equal(one.forced_usd, two.forced_usd)
    assert (one.alone != other.alone).any()


def test_both_directions_are_of_the_same_paths_of_price():
    down = _stage(forced_usd=0.0)
    low, high = _simulate(down), _simulate(replace(down, direction="up"))
    np.testing.assert_allclose(low.last, -high.last, atol=1e-15)


def test_a_longer_horizon_of_the_same_seed_reaches_at_least_as_far_alone():
    hour, four = _simulate(_stage(), HOUR_MS), _simulate(_stage(), 4 * HOUR_MS)
    assert (four.alone >= hour.alone - 1e-15).all()
    assert (four.alone > hour.alone).any()


def test_a_larger_ladder_forces_more():
    # Path by path it need not go further: what is forced earlier is absorbed earlier.
    small, large = (_simulate(_stage(usd), 4 * HOUR_MS) for usd in (1e6, 4e6))
    assert large.furthest.mean() > small.furthest.mean()
    assert large.forced_usd.mean() > small.forced_usd.mean()


def test_a_shock_is_behind_every_path_and_a_way_back_for_the_other_direction():
    stage = _stage(forced_usd=0.0)
    down = _simulate(stage, start=Start.from_move(-0.02))
    calm = _simulate(stage)
    # Every path begins at the shock, so some of each lies near it.
    assert np.median(down.alone) > 0.02
    np.testing.assert_allclose(down.last, calm.last - math.log(0.98), atol=1e-12)
    up = _simulate(replace(stage, direction="up"), start=Start.from_move(-0.02))
    assert up.p_reach(0.005).value < calm.p_reach(0.005).value


def test_an_order_moves_price_with_or_without_the_ladder():
    stage = _stage(forced_usd=0.0, certain=True)
    pushed = _simulate(stage, start=Start.from_order(-1e7), withdrawal=0.0)
    # Twenty bins of half a million each hold it.
    assert (pushed.alone > 0.009).mean() > 0.9
    np.testing.assert_allclose(pushed.furthest, pushed.alone)
    away = _simulate(stage, start=Start.from_order(1e7), withdrawal=0.0)
    np.testing.assert_array_equal(away.furthest, _simulate(stage, withdrawal=0.0).furthest)


def test_makers_who_leave_lengthen_the_way():
    stage = _stage(forced_usd=2e7)
    stay, leave = (_simulate(stage, withdrawal=omega) for omega in (0.0, 1.0))
    assert (stay.least_left == 1).all()
    assert (leave.least_left <= 1).all()
    assert (leave.least_left < 0.9).any()
    assert leave.furthest.mean() > stay.furthest.mean()


def test_a_shock_makes_makers_leave_at_once():
    shocked = _simulate(_stage(), start=Start.from_move(-0.05), withdrawal=0.25)
    assert (shocked.least_left < 0.3).all()


def test_price_that_stands_elsewhere_meets_what_is_left_from_there():
    stage = _stage(forced_usd=2e7)
    past = stage.price(0.02)
    ran = _simulate(stage, start=Start.from_price(past, stage.mark))
    assert ran.stage.mark == past
    assert ran.forced_usd.sum() == 0


def test_slippage_in_an_even_book_is_half_the_way():
    ran = _simulate(_stage(certain=True, depth_usd=5e5))
    # 5e5 in a bin of 5e-4: a million takes two bins.
    np.testing.assert_allclose(ran.slippage(1e6), [5e-4] * 3)


def test_slippage_after_makers_have_left_is_no_less():
    ran = _simulate(_stage(), withdrawal=1.0)
    calm, stressed = ran.slippage(1e6), ran.slippage(1e6, stressed=True)
    assert calm.low < calm.middle < calm.high
    assert stressed.middle > calm.middle


def test_slippage_of_more_than_the_book_holds_is_infinite():
    ran = _simulate(_stage(certain=True, bins=40))
    assert ran.slippage(40 * 5e5).high < math.inf
    assert ran.slippage(41 * 5e5).low == math.inf


def test_slippage_skips_holes_in_the_book():
    ran = _simulate(_stage(certain=True))
    hollow = np.zeros((1, 200))
    hollow[0, [0, 10]] = 100.0
    holed = replace(ran, stage=replace(ran.stage, depth=hollow))
    expected = (100 * 0.5 * 5e-4 + 50 * (10 + 0.25) * 5e-4) / 150
    np.testing.assert_allclose(holed.slippage(150.0), [expected] * 3)


def test_the_two_rules_of_a_cascade_are_applied_to_each_scenario():
    ran = _made(
        furthest=[0.05, 0.03, 0.02, 0.01],
        alone=[0.02, 0.02, 0.02, 0.5 * SHOCKS[0]],
        forced_usd=[0.0, 2e6, 1e6, 0.0],
    )
    assert ran.doubled.tolist() == [True, False, False, False]
    assert ran.swept.tolist() == [False, True, False, False]
    assert ran.structural_probability().value == 0.5


def test_the_null_of_a_cascade_counts_what_paths_alone_would_sweep():
    stage = replace(_stage(forced_usd=4e6), reaching=1.0)
    ran = _made(furthest=[0.03] * 3, alone=[0.03, 0.03, 0.001], forced_usd=[0.0] * 3, stage=stage)
    ran = replace(ran, forced_factor=np.array([1.0, 0.1, 1.0]))
    assert ran.structural_probability_volatility_only().value == pytest.approx(1 / 3)


def test_where_no_path_moves_nothing_is_said_of_amplification():
    ran = _made(furthest=[0.0], alone=[0.0], forced_usd=[0.0])
    assert ran.amplification() is None
    assert ran.explained() is None


def test_the_standard_error_of_a_share_is_that_of_a_binomial_and_never_zero():
    hits = np.arange(10_000) < 2_500
    assert share(hits).value == 0.25
    assert share(hits).standard_error == pytest.approx(math.sqrt(0.25 * 0.75 / 1e4), rel=1e-3)
    assert share(np.zeros(100, dtype=bool)).standard_error > 0


def test_the_standard_error_is_what_seeds_scatter_by():
    seeds = [_simulate(_stage(), seed=seed, scenarios=200).p_reach(0.005) for seed in range(40)]
    scatter = np.std([p.value for p in seeds])
    assert scatter == pytest.approx(np.mean([p.standard_error for p in seeds]), rel=0.5)


def test_quantiles_stay_apart_from_infinity():
    assert quantiles(np.array([1.0] * 60 + [math.inf] * 40)) == (1.0, 1.0, math.inf)


def test_steps_fit_the_horizon_and_stay_within_it():
    hour, day = _simulate(_stage(), HOUR_MS, scenarios=5), _simulate(_stage(), DAY_MS, scenarios=5)
    assert hour.step_s == pytest.approx(10.0)
    assert day.step_s == pytest.approx(50.0)


@pytest.mark.parametrize(
    "wrong",
    [{"horizon_ms": 0}, {"horizon_ms": 8 * DAY_MS}, {"scenarios": 0}, {"withdrawal": -0.1}],
)
def test_figures_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="a horizon is at most 7 days"):
        _simulate(_stage(), **wrong)


def _made(furthest, alone, forced_usd, stage=None):
    ones = np.ones(len(furthest))
    return Simulation(
        stage=stage or _stage(),
        horizon_ms=HOUR_MS,
        step_s=10.0,
        furthest=np.array(furthest),
        last=np.array(furthest),
        alone=np.array(alone),
        forced_usd=np.array(forced_usd),
        least_left=ones,
        forced_factor=ones,
        depth_factor=ones,
        exhausted=np.zeros(len(furthest), dtype=bool),
    )

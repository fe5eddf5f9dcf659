"""Stages and fixed points where they are easy to get wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.reference.stages import WIDTH, stage_of

from forcedflow.cascade._kernels import fixed_points
from forcedflow.cascade.criticality import assess, branching_number
from forcedflow.cascade.fixed_point import solve


def _end(stage, shock, **factors):
    return solve(stage, np.array([shock]), **factors)


def test_without_depth_anything_forced_runs_to_the_edge():
    found = _end(stage_of(np.ones(10), np.zeros(10)), 3 * WIDTH)
    assert found.end[0] == 10 * WIDTH
    assert found.exhausted[0]
    assert found.forced[0] == 10
    assert math.isinf(branching_number(stage_of(np.ones(10), np.zeros(10))).max())


def test_without_depth_and_without_forced_flow_a_move_stays_where_it_was():
    found = _end(stage_of(np.zeros(10), np.zeros(10)), 3 * WIDTH)
    assert found.end[0] == 3 * WIDTH
    assert not found.exhausted[0]
    assert branching_number(stage_of(np.zeros(10), np.zeros(10))).max() == 0


def test_a_hole_in_the_book_is_jumped():
    forced, depth = np.zeros(10), np.full(10, 100.0)
    forced[0] = 150.0
    depth[2:6] = 0.0
    # 150 dollars: 100 of the second bin, nothing in the hole, half of the bin beyond it.
    assert _end(stage_of(forced, depth), WIDTH).end[0] == pytest.approx(6.5 * WIDTH)


def test_depth_that_is_exactly_enough_before_a_hole_ends_there():
    forced, depth = np.zeros(10), np.full(10, 100.0)
    forced[0] = 100.0
    depth[2:6] = 0.0
    assert _end(stage_of(forced, depth), WIDTH).end[0] == pytest.approx(2 * WIDTH)


def test_less_than_a_cent_does_not_jump_a_hole():
    forced = np.zeros(10)
    forced[0] = 0.009
    assert _end(stage_of(forced, np.zeros(10)), WIDTH).end[0] == WIDTH
    assert _end(stage_of(2 * forced, np.zeros(10)), WIDTH).end[0] == 10 * WIDTH


@pytest.mark.parametrize("shock", [10 * WIDTH, 11 * WIDTH, 3.0])
def test_a_shock_beyond_the_stage_ends_no_nearer_than_it_went(shock):
    found = _end(stage_of(np.ones(10), np.full(10, 1e6)), shock)
    assert found.end[0] == shock
    assert found.forced[0] == 10
    assert found.exhausted[0]
    assert found.amplification[0] == 1


def test_a_cluster_within_one_bin_is_spread_over_it():
    forced, depth = np.zeros(10), np.full(10, 1e3)
    forced[4] = 1e3
    half = _end(stage_of(forced, depth), 4.5 * WIDTH)
    # Half of it is forced; supply and depth run in parallel to the bin's far edge.
    assert half.end[0] == pytest.approx(5.5 * WIDTH, rel=0.2)
    assert half.end[0] == pytest.approx(5 * WIDTH + 0.5 * WIDTH)
    before = _end(stage_of(forced, depth), 4 * WIDTH)
    assert before.end[0] == 4 * WIDTH


def test_an_order_without_a_ladder_walks_the_book_and_amplifies_nothing():
    found = _end(stage_of(np.zeros(10), np.full(10, 100.0)), WIDTH, order_usd=250.0)
    assert found.end[0] == pytest.approx(3.5 * WIDTH)
    assert found.unforced[0] == found.end[0]
    assert found.amplification[0] == 1


def test_factors_are_those_of_scaled_stages():
    rng = np.random.default_rng(4)
    forced, depth = rng.gamma(0.5, 1e5, 200), rng.gamma(2.0, 2e5, 200)
    shocks = np.linspace(0, 0.09, 40)
    by_factor = solve(stage_of(forced, depth), shocks, 0.0, 3.0, 0.5)
    by_stage = solve(stage_of(3 * forced, 0.5 * depth), shocks)
    np.testing.assert_allclose(by_factor.end, by_stage.end, rtol=1e-12)
    np.testing.assert_allclose(by_factor.forced, by_stage.forced, rtol=1e-12)


def test_no_scenario_at_all_is_an_empty_answer():
    assert solve(stage_of([1.0], [1.0]), np.zeros(0)).end.size == 0


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize("where", ["shock", "order_usd", "forced_factor", "depth_factor"])
def test_a_scenario_out_of_range_is_refused(bad, where):
    given = {"shock": np.array([0.01]), where: np.array([bad])}
    with pytest.raises(ValueError, match="finite and not negative"):
        solve(stage_of([1.0], [1.0]), **given)


def test_shocks_of_two_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"one dimension, found shape \(2, 2\)"):
        solve(stage_of([1.0], [1.0]), np.zeros((2, 2)))


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_a_stage_with_a_figure_out_of_range_is_refused(bad):
    with pytest.raises(ValueError, match="forced flow is finite and not negative"):
        stage_of([bad, 1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="depth is finite and not negative"):
        stage_of([1.0, 1.0], [bad, 1.0])


def test_a_stage_without_bins_or_width_is_refused():
    with pytest.raises(ValueError, match="at least one venue and one bin"):
        stage_of(np.zeros((1, 0)), np.zeros((1, 0)))
    with pytest.raises(ValueError, match="positive width, was 0"):
        stage_of([1.0], [1.0], width=0.0)


def test_a_stage_shorter_than_the_stretch_has_a_number_for_each_bin():
    assert branching_number(stage_of([1.0, 2.0], [4.0, 4.0])).shape == (2,)


def test_a_cluster_that_no_shock_short_of_it_reaches_sets_the_critical_shock():
    forced, depth = np.zeros(400), np.full(400, 1e5)
    forced[100] = 3e7
    found = assess(stage_of(forced, depth, open_interest=1e9))
    # The cluster fills the bin that begins at 5 %; shocks are an eighth of a percent apart.
    assert found.critical_shock == pytest.approx(0.05125)
    assert found.peak_distance == pytest.approx(0.05, abs=0.00125)
    assert found.peak > 1


def test_arrays_that_may_not_be_written_to_need_no_second_compilation():
    stage = stage_of(np.ones(5), np.ones(5))
    solve(stage, np.array([0.001]))
    compiled = len(fixed_points.signatures)
    shock = np.array([0.001, 0.002])
    shock.flags.writeable = False
    solve(stage, shock, order_usd=np.array([1.0, 2.0]), depth_factor=shock * 0 + 1)
    solve(stage, np.linspace(0, 0.002, 6)[::2])
    assert len(fixed_points.signatures) == compiled == 1

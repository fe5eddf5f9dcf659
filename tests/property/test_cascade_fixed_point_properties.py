"""What holds of every fixed point, whatever the ladder and the book."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import cascade as twin
from tests.reference.stages import stages

from forcedflow.cascade.criticality import assess, branching_number
from forcedflow.cascade.fixed_point import solve
from forcedflow.depth.curve import DepthCurve, merge

_any = settings(deadline=None, max_examples=120)
# Up to twice as far as the longest of the stages reaches.
_shock = st.floats(0.0, 0.03)
_order = st.one_of(st.just(0.0), st.floats(1.0, 1e8))
_factor = st.one_of(st.just(0.0), st.floats(0.01, 100.0))
# A crossing is found by a quotient of sums of dollars: rounding moves it by this much of a stage.
_ROUND = 1e-9


def _end(stage, shock, order=0.0, forced_factor=1.0, depth_factor=1.0):
    return float(solve(stage, np.array([shock]), order, forced_factor, depth_factor).end[0])


@_any
@given(stages(), st.lists(_shock, min_size=1, max_size=5), _order, _factor, _factor)
def test_the_kernel_equals_its_readable_twin(stage, shocks, order, forced_factor, depth_factor):
    found = solve(stage, np.array(shocks), order, forced_factor, depth_factor)
    for row, shock in enumerate(shocks):
        end, forced = twin.fixed_point(
            stage.supply, stage.demand, stage.width, shock, order, forced_factor, depth_factor
        )
        assert abs(found.end[row] - end) <= _ROUND
        assert abs(found.forced[row] - forced) <= 1e-6 * max(1.0, forced_factor * stage.supply[-1])


@_any
@given(stages(), _shock, _order)
def test_depth_has_absorbed_what_was_forced_at_the_end_and_not_before(stage, shock, order):
    found = solve(stage, np.array([shock]), order)
    end = float(found.end[0])
    assert end >= shock
    reach = stage.edges[-1]

    def excess(distance):
        absorbed = np.interp(distance, stage.edges, stage.demand) - np.interp(
            shock, stage.edges, stage.demand
        )
        return order + np.interp(distance, stage.edges, stage.supply) - absorbed

    scale = order + stage.supply[-1] + stage.demand[-1] + 1.0
    if not found.exhausted[0]:
        assert excess(end) <= 1e-8 * scale
    before = np.linspace(min(shock, reach), min(end, reach), 50)[:-1]
    if end > shock:
        assert (excess(before) >= -1e-8 * scale).all()


@_any
@given(stages(), _shock, _order, st.floats(1.0, 10.0))
def test_more_depth_never_lengthens_a_cascade(stage, shock, order, factor):
    deeper = replace(stage, depth=stage.depth * factor)
    assert _end(deeper, shock, order) <= _end(stage, shock, order) + _ROUND
    assert _end(stage, shock, order, depth_factor=factor) <= _end(stage, shock, order) + _ROUND


@_any
@given(stages(), st.data())
def test_depth_added_beyond_the_shock_anywhere_never_lengthens_a_cascade(stage, data):
    at = data.draw(st.integers(0, stage.size - 1))
    shock = data.draw(st.floats(0.0, at * stage.width))
    depth = stage.depth.copy()
    depth[0, at] += data.draw(st.floats(0.0, 1e7))
    assert _end(replace(stage, depth=depth), shock) <= _end(stage, shock) + _ROUND


@_any
@given(stages(), _shock, _order, st.data())
def test_more_ladder_anywhere_never_shortens_a_cascade(stage, shock, order, data):
    forced = stage.forced.copy()
    forced[0, data.draw(st.integers(0, stage.size - 1))] += data.draw(st.floats(0.0, 1e7))
    assert _end(replace(stage, forced=forced), shock, order) >= _end(stage, shock, order) - _ROUND


@_any
@given(stages(), _shock, _shock, _order, _order)
def test_the_end_never_falls_as_shock_or_order_grow(stage, a, b, small, large):
    near, far = sorted((a, b))
    small, large = sorted((small, large))
    assert _end(stage, near, small) <= _end(stage, far, small) + _ROUND
    assert _end(stage, near, small) <= _end(stage, near, large) + _ROUND


@_any
@given(stages(), st.randoms(use_true_random=False), _shock)
def test_the_order_of_venues_changes_nothing(stage, shuffle, shock):
    rows = list(range(len(stage.venues)))
    shuffle.shuffle(rows)
    other = replace(
        stage,
        venues=tuple(stage.venues[row] for row in rows),
        forced=stage.forced[rows],
        depth=stage.depth[rows],
    )
    assert abs(_end(other, shock) - _end(stage, shock)) <= _ROUND


@_any
@given(stages(), _shock, _order)
def test_several_venues_end_where_their_merged_books_do(stage, shock, order):
    curves = [
        DepthCurve("down", stage.edges, usd, float(stage.edges[-1]), 0.1, "made up", 0)
        for usd in stage.depth
    ]
    merged = replace(
        stage,
        venues=("all",),
        forced=stage.forced.sum(axis=0, keepdims=True),
        depth=merge(curves).on(stage.edges)[None, :],
    )
    assert abs(_end(merged, shock, order) - _end(stage, shock, order)) <= 1e-6


@_any
@given(stages(), _shock)
def test_nothing_forced_moves_nothing(stage, shock):
    found = solve(replace(stage, forced=np.zeros_like(stage.forced)), np.array([shock]))
    assert found.end[0] == shock
    assert found.forced[0] == 0
    assert found.amplification[0] == 1


@_any
@given(stages(), _shock, _order)
def test_forced_flow_never_calms_a_move(stage, shock, order):
    found = solve(stage, np.array([shock]), order)
    assert found.amplification[0] >= 1 - 1e-6
    assert found.unforced[0] >= shock


@_any
@given(stages())
def test_the_critical_shock_is_the_first_that_becomes_a_cascade(stage):
    found = assess(stage)
    assert branching_number(stage).shape == (stage.size,)
    assert (found.number >= 0).all()
    cascade = (found.fragility.amplification > 2) | (
        found.fragility.forced > 0.01 * stage.open_interest_usd
    )
    if found.critical_shock is None:
        assert not cascade.any()
    else:
        assert found.critical_shock == found.fragility.shock[int(np.argmax(cascade))]
        assert 0 <= found.structural_probability(0.01) <= 1

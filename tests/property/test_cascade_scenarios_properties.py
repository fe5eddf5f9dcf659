"""Properties of scenarios on any stage: probabilities, order, units, repetition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.histories import history
from tests.reference.stages import stages

from forcedflow.cascade.montecarlo import simulate
from forcedflow.cascade.start import Start
from forcedflow.cascade.waves import assumed_rules
from forcedflow.units import HOUR_MS

HISTORY = history(1_200)

_starts = st.builds(
    Start,
    shock=st.floats(-0.02, 0.02),
    stands=st.sampled_from([0.0, 0.0004]),
    order_usd=st.sampled_from([0.0, -1e6, 1e6]),
)
_cases = st.tuples(
    stages().filter(lambda stage: stage.size > 1), _starts, st.sampled_from(["down", "up"])
)


def _simulate(case, seed=1):
    stage, start, direction = case
    stage = replace(stage, direction=direction, forced_log_sd=0.5, depth_log_sd=0.3)
    rules = assumed_rules(stage)
    return simulate(stage, rules, HISTORY, HOUR_MS, seed=seed, start=start, scenarios=30)


@given(_cases)
@settings(max_examples=60, deadline=None)
def test_shares_are_shares_fall_with_distance_and_are_never_below_the_null(case):
    ran = _simulate(case)
    assert np.isfinite(ran.furthest).all()
    assert (ran.furthest >= ran.alone).all()
    assert (ran.alone >= 0).all()
    assert (ran.forced_usd >= 0).all()
    distances = np.linspace(0, 0.05, 12)
    reach = [ran.p_reach(distance).value for distance in distances]
    null = [ran.p_reach_volatility_only(distance).value for distance in distances]
    assert reach == sorted(reach, reverse=True)
    assert all(0 <= b <= a <= 1 for a, b in zip(reach, null, strict=True))
    assert 0 <= ran.structural_probability().value <= 1
    explained = ran.explained()
    assert explained is None or 0 <= explained < 1


@given(_cases, st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_a_seed_says_everything(case, seed):
    one, two = _simulate(case, seed), _simulate(case, seed)
    np.testing.assert_array_equal(one.furthest, two.furthest)
    np.testing.assert_array_equal(one.last, two.last)
    np.testing.assert_array_equal(one.forced_usd, two.forced_usd)


@given(_cases)
@settings(max_examples=30, deadline=None)
def test_another_unit_of_money_changes_money_only(case):
    stage, start, direction = case
    # A power of two, so that no rounding changes either.
    factor = 2.0**20
    larger = replace(
        stage,
        forced=stage.forced * factor,
        depth=stage.depth * factor,
        open_interest_usd=stage.open_interest_usd * factor,
    )
    one = _simulate(case)
    two = _simulate((larger, replace(start, order_usd=start.order_usd * factor), direction))
    # The least sum that moves price is a cent in any unit; holes in a book make a leap of it.
    if (stage.depth > 0).all():
        np.testing.assert_allclose(two.furthest, one.furthest, atol=1e-6)
        np.testing.assert_allclose(two.forced_usd, one.forced_usd * factor, rtol=1e-4, atol=1e4)
    np.testing.assert_array_equal(two.depth_factor, one.depth_factor)
    np.testing.assert_array_equal(two.least_left, one.least_left)

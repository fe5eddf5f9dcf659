"""D² equals its readable twin, knows perfect from useless, and days are what is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import map_scores as readable

from forcedflow.evaluate import quasi_poisson_deviance, score_gain, score_map
from forcedflow.evaluate.map_scores import days_of, interval, resampled_sums
from forcedflow.units import DAY_MS, HOUR_MS


def sample(seed=0, n=24 * 6):
    rng = np.random.default_rng(seed)
    expected = rng.lognormal(0, 1, (n, 2))
    target = rng.poisson(expected).astype(float)
    return target, expected, np.arange(1, n + 1) * HOUR_MS


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_d2_and_its_interval_equal_their_readable_twin(seed, draw_seed):
    target, expected, end = sample(seed, n=24 * 4)
    reference = target.mean(axis=0)
    score = score_map(target, expected, reference, end, seed=draw_seed, draws=20, level=0.8)
    assert score.d2.value == pytest.approx(readable.d2(target, expected, reference))
    drawn = readable.drawn_d2(target, expected, reference, end, seed=draw_seed, draws=20)
    low, high = np.quantile(drawn, [0.1, 0.9])
    assert (score.d2.low, score.d2.high) == pytest.approx((low, high))


@settings(deadline=None)
@given(st.one_of(st.just(0.0), st.floats(1e-2, 1e9)), st.floats(1e-2, 1e9))  # cents and up
def test_deviance_equals_its_twin_and_is_never_negative(y, rate):
    found = quasi_poisson_deviance(np.array([[y]]), np.array([[rate]])).item()
    assert found == pytest.approx(readable.deviance(y, rate), rel=1e-6, abs=1e-6 * max(y, rate))
    assert found >= 0


def test_perfect_is_one_and_the_reference_is_nothing():
    target, _, end = sample()
    reference = target.mean(axis=0)
    perfect = score_map(target, target, reference, end, seed=1, draws=50)
    assert (perfect.d2.value, perfect.d2.low, perfect.d2.high) == (1.0, 1.0, 1.0)
    assert perfect.predicted_over_actual.value == 1.0
    useless = score_map(
        target, np.broadcast_to(reference, target.shape), reference, end, seed=1, draws=50
    )
    assert useless.d2.value == 0.0


def test_what_was_expected_never_to_happen_and_did_costs_everything():
    target, expected, end = sample()
    expected[np.argmax(target[:, 0]), 0] = 0.0
    assert score_map(target, expected, np.ones(2), end, seed=1, draws=0).d2.value == -math.inf


def test_a_score_says_how_much_where_and_when():
    target, expected, end = sample()
    score = score_map(target, 2 * expected, np.ones(2), end, seed=1, draws=0)
    assert score.predicted_over_actual.value == pytest.approx(2 * expected.sum() / target.sum())
    assert (score.n_days, score.d2.n) == (6, target.size)
    assert (score.first_ms, score.last_ms) == (end[0], end[-1])
    assert math.isnan(score.d2.low)


def test_the_same_seed_draws_the_same_days():
    target, expected, end = sample()
    first, again, other = (
        score_map(target, expected, np.ones(2), end, seed=seed, draws=200).d2 for seed in (5, 5, 6)
    )
    assert first == again
    assert first.value == other.value
    assert first.low != other.low
    assert first.low < first.value < first.high


def test_a_gain_is_the_difference_of_two_d2_on_the_same_days():
    target, expected, end = sample()
    worse = expected * 1.5
    reference = target.mean(axis=0)
    gain = score_gain(target, expected, worse, reference, end, seed=2, draws=200)
    ours, theirs = (
        score_map(target, p, reference, end, seed=2, draws=200).d2 for p in (expected, worse)
    )
    assert gain.value == pytest.approx(ours.value - theirs.value)
    # Paired days share their storms, so the gain is known better than either score.
    assert gain.high - gain.low < ours.high - ours.low
    assert score_gain(target, expected, expected, reference, end, seed=2, draws=9).high == 0.0


def test_days_are_drawn_whole():
    columns = np.array([[1.0], [10.0], [100.0], [1000.0]])
    drawn = resampled_sums(columns, np.array([7, 7, 9, 9]), seed=0, draws=100)
    assert set(drawn[:, 0].tolist()) == {22.0, 1111.0, 2200.0}


def test_a_bar_that_ends_at_midnight_belongs_to_the_day_gone():
    assert days_of(np.array([DAY_MS, DAY_MS + 1, 2 * DAY_MS])).tolist() == [0, 1, 1]


def test_an_interval_of_nothing_is_unknown():
    assert all(math.isnan(end) for end in interval(np.array([np.nan, np.inf]), 0.9))


def test_scores_refuse_what_they_cannot_read():
    target, expected, end = sample()
    with pytest.raises(ValueError, match="shapes"):
        score_map(target, expected[1:], np.ones(2), end, seed=0)
    with pytest.raises(ValueError, match="negative"):
        score_map(target, -expected, np.ones(2), end, seed=0)
    with pytest.raises(ValueError, match="nothing to score"):
        score_map(0 * target, expected, np.zeros(2), end, seed=0)
    with pytest.raises(ValueError, match="nothing to score"):
        score_gain(target, expected, expected, target, end, seed=0)

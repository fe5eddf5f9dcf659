"""Scores against libraries of their own and against what they must be by definition."""

import numpy as np
import pytest
import scoringrules
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from forcedflow.forecast import log_odds, scores


def drawn(seed: int, n: int = 4_000):
    generator = np.random.default_rng(seed)
    p = generator.beta(2, 20, n).round(4)
    return p, (generator.random(n) < p).astype(float)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 60))
def test_pooling_is_isotonic_regression(seed, n):
    p, y = drawn(seed, n)
    expected = IsotonicRegression().fit_transform(p, y)
    assert scores.pooled(p, y) == pytest.approx(expected)


def test_areas_equal_those_of_scikit_learn():
    p, y = drawn(1)
    assert scores.roc_auc(p, y) == pytest.approx(roc_auc_score(y, p))
    assert scores.average_precision(p, y) == pytest.approx(average_precision_score(y, p))


def test_parts_of_the_brier_score_add_up_to_it():
    p, y = drawn(2)
    parts = scores.corp(p, y)
    together = parts.miscalibration - parts.discrimination + parts.uncertainty
    assert parts.score == pytest.approx(together)
    assert parts.score == pytest.approx(scoringrules.brier_score(y, p).mean())
    assert parts.miscalibration >= 0
    assert parts.discrimination >= 0


def test_a_true_probability_is_reliable_and_an_exaggerated_one_is_not():
    p, y = drawn(3, 40_000)
    found = scores.reliability(p, y)
    assert found.slope == pytest.approx(1, abs=0.06)
    inside = (found.happened >= found.low) & (found.happened <= found.high)
    assert inside.mean() >= 0.7
    odds = log_odds.log_odds(p)
    exaggerated = 1 / (1 + np.exp(-2 * odds))
    assert scores.reliability(exaggerated, y).slope == pytest.approx(0.5, abs=0.05)


def test_overlapping_labels_widen_the_band():
    p, y = drawn(4)
    alone, together = scores.reliability(p, y), scores.reliability(p, y, overlap=24)
    assert ((together.high - together.low) >= (alone.high - alone.low)).all()
    assert (together.high - together.low).sum() > 2 * (alone.high - alone.low).sum()


def test_what_never_happened_has_no_slope_and_no_area():
    p, y = np.array([0.1, 0.2, 0.3]), np.zeros(3)
    assert np.isnan(scores.reliability(p, y).slope)
    assert np.isnan(scores.roc_auc(p, y))
    assert np.isnan(scores.average_precision(p, y))


def test_a_surprise_costs_no_more_than_the_limit():
    worst = scores.log_loss(np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    assert worst == pytest.approx([-np.log2(log_odds.LEAST)] * 2)


def test_pinball_equals_the_library_and_is_least_at_the_true_quantile():
    generator = np.random.default_rng(5)
    actual = generator.lognormal(size=50_000)
    levels = (0.1, 0.5, 0.9)
    true = np.quantile(actual, levels)
    quantiles = np.tile(true, (actual.size, 1))
    loss = scores.pinball(quantiles, levels, actual)
    for k, level in enumerate(levels):
        library = scoringrules.quantile_score(actual, quantiles[:, k], level)
        assert loss[:, k] == pytest.approx(library)
    for factor in (0.8, 1.25):
        worse = scores.pinball(factor * quantiles, levels, actual)
        assert (worse.mean(axis=0) > loss.mean(axis=0)).all()
    assert scores.coverage(quantiles, actual) == pytest.approx(levels, abs=1e-3)


def test_many_quantiles_give_the_continuous_score():
    generator = np.random.default_rng(6)
    actual = generator.normal(size=400)
    levels = (np.arange(400) + 0.5) / 400
    sample = np.sort(generator.normal(size=40_000))
    quantiles = np.tile(np.quantile(sample, levels), (actual.size, 1))
    ours = scores.crps_of_quantiles(quantiles, levels.tolist(), actual)
    assert ours.mean() == pytest.approx(scoringrules.crps_normal(actual, 0, 1).mean(), rel=0.01)


def test_no_forecast_cannot_be_scored():
    nothing = np.zeros(0)
    with pytest.raises(ValueError, match="no forecast"):
        scores.corp(nothing, nothing)
    with pytest.raises(ValueError, match="no forecast"):
        scores.reliability(nothing, nothing)

"""The path-only null by hand: what each feature is, what a fit returns, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.reference.markets import bars_of

from forcedflow.errors import DataError
from forcedflow.positions.background import (
    EXCURSION_SPANS_MS,
    background_features,
    fit_background,
    sum_features,
    trailing_level,
)
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

HALF_HOUR = 30 * MINUTE_MS


def half_hours(close, **columns):
    return bars_of(close, elapsed_ms=HALF_HOUR, **columns)


def test_a_fall_beyond_the_last_low_is_an_excursion_of_longs_alone():
    bars = half_hours([100.0, 101.0, 98.0], open_interest=[10.0, 20.0, 30.0])
    excursion, moved, held = background_features(bars, (HALF_HOUR,))[2, 0]
    before = 20.0 * 101.0
    assert excursion == pytest.approx(before * math.log(101 / 98))
    assert moved == pytest.approx(before * math.log(101 / 98))
    assert held == pytest.approx(before / 2)
    assert background_features(bars, (HALF_HOUR,))[2, 1].tolist() == [0.0, 0.0, held]


def test_an_older_low_shortens_the_excursion_of_the_longer_memory():
    bars = half_hours([100.0, 99.0, 101.0, 98.5])
    day = background_features(bars, (HALF_HOUR, 2 * HALF_HOUR))[3, 0] / (1000.0 * 101.0)
    assert day[:3] == pytest.approx(
        [math.log(101 / 98.5), math.log(99 / 98.5), math.log(101 / 98.5)]
    )


def test_a_low_is_forgotten_once_its_bar_ended_a_span_before():
    bars = half_hours([90.0, 100.0, 100.0, 100.0, 95.0])
    beyond = background_features(bars, (HOUR_MS,))[:, 0, 0]
    assert beyond[4] == pytest.approx(1000.0 * 100.0 * math.log(100 / 95))


def test_wicks_count_as_the_path_and_as_the_extreme():
    bars = half_hours([100.0, 100.0, 100.0], low=[100.0, 97.0, 96.0], high=[100.0, 100.0, 103.0])
    features = background_features(bars, (HALF_HOUR,))[2] / 1e5
    assert features[0, 0] == pytest.approx(math.log(97 / 96))
    assert features[0, 1] == pytest.approx(math.log(100 / 96))
    assert features[1, 0] == pytest.approx(math.log(103 / 100))


def test_features_are_unknown_until_the_longest_memory_is_full():
    bars = half_hours(np.linspace(100, 110, 6))
    features = background_features(bars, (HALF_HOUR, 2 * HOUR_MS))
    assert np.isnan(features[:4]).all()
    assert np.isfinite(features[4:]).all()


def test_a_gap_longer_than_every_memory_measures_from_the_last_bar():
    bars = bars_of([100.0, 100.0, 90.0, 80.0], elapsed_ms=[HALF_HOUR, HALF_HOUR, DAY_MS, HALF_HOUR])
    features = background_features(bars, (HALF_HOUR,))
    assert features[3, 0, 0] == pytest.approx(1000.0 * 90.0 * math.log(90 / 80))


def test_one_bar_has_no_features():
    assert np.isnan(background_features(half_hours([100.0]))).all()
    assert background_features(half_hours([100.0])).shape == (1, 2, len(EXCURSION_SPANS_MS) + 2)


@pytest.mark.parametrize("spans", [(), (0,), (HOUR_MS, -1)])
def test_a_memory_that_is_no_span_of_time_is_refused(spans):
    with pytest.raises(ValueError, match="positive"):
        background_features(half_hours([100.0, 101.0]), spans)


def test_sums_are_of_whole_intervals_only():
    bars = bars_of(np.linspace(100, 90, 7), elapsed_ms=[HALF_HOUR] * 5 + [2 * HALF_HOUR, HALF_HOUR])
    features = background_features(bars, (HALF_HOUR,))
    ends = np.array([bars.end_ms[2], bars.end_ms[4], bars.end_ms[6], bars.end_ms[6] + HOUR_MS])
    summed = sum_features(features, bars, ends, HOUR_MS)
    np.testing.assert_allclose(summed[0], features[1:3].sum(axis=0))
    np.testing.assert_allclose(summed[1], features[3:5].sum(axis=0))
    assert np.isnan(summed[2:]).all()


def test_an_interval_with_an_unknown_bar_is_unknown():
    bars = half_hours([100.0, 99.0, 98.0, 97.0])
    features = background_features(bars, (HALF_HOUR,))
    assert np.isnan(sum_features(features, bars, bars.end_ms[1:2], HOUR_MS)).all()


def drawn_market(weights, n=4_000, seed=3):
    rng = np.random.default_rng(seed)
    features = rng.lognormal(0, 1, (n, 2, 3)) * (rng.random((n, 2, 3)) < 0.3)
    features[..., 2] = 1.0
    rate = features @ np.asarray(weights)
    return features, 50.0 * rng.poisson(rate / 50.0), rate


def test_a_fit_finds_the_weights_and_the_dispersion_that_made_the_data():
    features, target, rate = drawn_market([80.0, 20.0, 5.0])
    fit = fit_background(features, target)
    np.testing.assert_allclose(fit.weights, np.tile([80.0, 20.0, 5.0], (2, 1)), rtol=0.15)
    np.testing.assert_allclose(fit.dispersion, 50.0, rtol=0.15)
    np.testing.assert_allclose(fit.predict(features).sum(), rate.sum(), rtol=0.05)


def test_a_feature_that_never_moved_keeps_no_weight():
    features, target, _ = drawn_market([80.0, 20.0, 5.0])
    features[:, 0, 1] = 0.0
    assert fit_background(features, target).weights[0, 1] == 0.0


def test_a_stronger_prior_spreads_the_weights_more_evenly():
    features, target, _ = drawn_market([80.0, 0.0, 5.0], n=200)
    weak, strong = (fit_background(features, target, alpha).weights for alpha in (1.0, 100.0))
    assert (strong[:, 1] > weak[:, 1]).all()


def test_a_target_explained_exactly_is_fitted_exactly():
    features = np.zeros((5, 2, 1)) + np.arange(1, 6)[:, None, None]
    fit = fit_background(features, 3.0 * features[..., 0])
    np.testing.assert_allclose(fit.weights, 3.0)


@pytest.mark.parametrize(
    ("features", "target"),
    [
        (np.ones((9, 2, 3)), np.ones((8, 2))),
        (np.ones((3, 2, 3)), np.ones((3, 2))),
        (np.full((9, 2, 3), np.nan), np.ones((9, 2))),
        (-np.ones((9, 2, 3)), np.ones((9, 2))),
        (np.ones((9, 2, 3)), -np.ones((9, 2))),
    ],
)
def test_a_fit_refuses_what_it_cannot_read(features, target):
    with pytest.raises(ValueError):
        fit_background(features, target)


def test_a_fit_refuses_liquidations_that_no_weight_can_explain():
    features, target = np.ones((9, 2, 3)), np.ones((9, 2))
    with pytest.raises(DataError, match="long"):
        fit_background(features, target * [0.0, 1.0])
    features[4, 1] = 0.0
    with pytest.raises(DataError, match="short"):
        fit_background(features, target)


def test_the_level_is_one_until_enough_rows_lie_behind_and_the_ratio_then():
    n = 24 * 20
    end = np.arange(1, n + 1) * HOUR_MS
    level = trailing_level(np.full(n, 3.0), np.full(n, 2.0), end, half_life_days=14.0)
    assert (level[: 24 * 7] == 1.0).all()
    np.testing.assert_allclose(level[24 * 7 :], 1.5)


def test_the_level_forgets_by_half_in_a_half_life():
    n = 24 * 100
    end = np.arange(1, n + 1) * HOUR_MS
    realised = np.where(np.arange(n) < n - 24 * 14, 1.0, 3.0)
    level = trailing_level(realised, np.ones(n), end, half_life_days=14.0)
    assert level[-1] == pytest.approx(2.0, abs=0.03)


def test_a_level_needs_numbers_and_a_half_life():
    end = np.arange(3) * HOUR_MS
    for target, predicted, half_life in (
        (np.ones(2), np.ones(3), 1.0),
        (np.ones(3), np.full(3, np.nan), 1.0),
        (np.ones(3), np.ones(3), 0.0),
    ):
        with pytest.raises(ValueError):
            trailing_level(target, predicted, end, half_life)

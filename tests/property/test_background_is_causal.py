"""The path-only null reads only the past, has no preferred side and never fits worse by a step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.reference import background as readable
from tests.reference import markets

from forcedflow.positions import background
from forcedflow.positions.background import background_features, fit_background, trailing_level
from forcedflow.units import HOUR_MS, MINUTE_MS, SIDES

FEW = settings(deadline=None, max_examples=60)
SPANS = (10 * MINUTE_MS, HOUR_MS, 7 * HOUR_MS)


@FEW
@given(markets.bars(least=2), st.data())
def test_features_of_a_prefix_are_the_same_bytes(bars, data):
    stop = data.draw(st.integers(1, bars.size))
    whole = background_features(bars, SPANS)
    assert background_features(bars.cut(0, stop), SPANS).tobytes() == whole[:stop].tobytes()


@FEW
@given(markets.bars())
def test_features_equal_their_readable_twin(bars):
    found = background_features(bars, SPANS)
    for t in range(bars.size):
        for column, side in enumerate(SIDES):
            expected = readable.features_of_bar(bars, t, side, SPANS)
            if expected is None:
                assert np.isnan(found[t, column]).all()
            else:
                np.testing.assert_allclose(found[t, column], expected, rtol=1e-12, atol=1e-9)


@FEW
@given(markets.bars(), st.integers(-8, 8))
def test_features_scale_with_open_interest(bars, power):
    scale = 2.0**power
    scaled = replace(bars, open_interest=bars.open_interest * scale, change=bars.change * scale)
    np.testing.assert_array_equal(
        background_features(scaled, SPANS), background_features(bars, SPANS) * scale
    )


@FEW
@given(markets.bars())
def test_a_mirrored_path_swaps_the_sides(bars):
    mirrored = replace(bars, low=1 / bars.high, high=1 / bars.low, close=1 / bars.close)
    straight, swapped = background_features(bars, SPANS), background_features(mirrored, SPANS)
    # In dollars of open interest, which the mirror changes too.
    straight, swapped = straight / straight[..., -1:], swapped / swapped[..., -1:]
    np.testing.assert_allclose(swapped, straight[:, ::-1], rtol=1e-9, atol=1e-12)


@st.composite
def designs(draw, *, rows=24, features=3):
    """Sparse heavy-tailed features and targets as bars give them; some rows saw nothing happen."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    moves = rng.lognormal(0, 2, (rows, 2, features)) * (rng.random((rows, 2, features)) < 0.5)
    moves[..., -1] = 1.0
    scale = draw(st.sampled_from([1e-3, 1.0, 1e6]))
    target = rng.lognormal(0, 2, (rows, 2)) * (rng.random((rows, 2)) < 0.7) * scale
    assume((target.sum(axis=0) > 0).all())
    return moves, target


@FEW
@given(designs(), st.sampled_from([0.0, 0.5, 3.0]), st.integers(0, 2**32 - 1))
def test_no_step_raises_the_penalised_deviance_or_a_weight_below_zero(design, alpha, seed):
    features, target = design[0][:, 0], design[1][:, 0]
    mean = target.sum() / features.sum(axis=0) / features.shape[1]
    phi = float(target.mean())
    weights = mean * np.random.default_rng(seed).lognormal(0, 1, mean.size)
    last = background._penalised(weights, features, target, mean, alpha, phi)
    for _ in range(30):
        twin = readable.step(weights, features, target, mean, alpha, phi)
        weights = background._step(weights, features, target, mean, alpha, phi)
        np.testing.assert_allclose(weights, twin, rtol=1e-10)
        now = background._penalised(weights, features, target, mean, alpha, phi)
        if alpha > 0:
            expected = readable.penalised(weights, features, target, mean, alpha, phi)
            assert now == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert (weights >= 0).all()
        assert now <= last + 1e-9 * abs(last)
        last = now


@FEW
@given(designs())
def test_a_fit_has_no_negative_weight_and_no_neighbour_that_fits_better(design):
    features, target = design
    fit = fit_background(features, target)
    assert (fit.weights >= 0).all()
    assert (fit.dispersion > 0).all()
    assert fit.n == len(target)
    for side in range(2):
        b, y, phi = features[:, side], target[:, side], fit.dispersion[side]
        mean = y.sum() / b.sum(axis=0) / b.shape[1]
        best = readable.penalised(fit.weights[side], b, y, mean, 1.0, phi)
        for j in range(b.shape[1]):
            for factor in (0.97, 1.03):
                weights = fit.weights[side].copy()
                weights[j] *= factor
                assert readable.penalised(weights, b, y, mean, 1.0, phi) > best - 1e-5


@FEW
@given(designs(rows=40), st.sampled_from([0.2, 1.0, 14.0]), st.integers(0, 39))
def test_the_trailing_level_equals_its_twin_and_reads_earlier_rows_only(design, half_life, row):
    features, target = design
    end = np.cumsum(np.resize([1, 1, 3, 24], len(target))) * HOUR_MS
    realised, expected = target[:, 0], features[:, 0].sum(axis=1)
    level = trailing_level(realised, expected, end, half_life)
    twin = readable.trailing_level(realised, expected, end, half_life)
    np.testing.assert_allclose(level, twin, rtol=1e-9)
    realised, expected = realised.copy(), expected.copy()
    realised[row:] *= 7.0
    expected[row:] += 5.0
    changed = trailing_level(realised, expected, end, half_life)
    assert changed[: row + 1].tobytes() == level[: row + 1].tobytes()

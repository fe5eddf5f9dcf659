"""The model error of bands: learned where the truth is known, it makes bands hold what they say."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.standing_bands import BandPair, TrueLadder, coverage, learn_model_error

from forcedflow.positions import PriceGrid
from forcedflow.positions.bands import Band

WIDTH = 5e-4


def _pairs(n, *, bias, scatter, seed):
    """Estimates that are too high by a factor, with bands that know nothing of it."""
    rng = np.random.default_rng(seed)
    usd = rng.lognormal(10.0, 1.0, n)
    true = usd / bias * rng.lognormal(0.0, scatter, n)
    return [BandPair(Band(u, 0.8 * u, 1.3 * u, 0.0), t) for u, t in zip(usd, true, strict=True)]


def _widened(pairs, error):
    out = []
    for pair in pairs:
        band = pair.band
        low, high = (
            float(end[0])
            for end in error.widen(
                np.array([band.usd]), np.array([band.low]), np.array([band.high])
            )
        )
        out.append(BandPair(Band(band.usd, low, high, 0.0), pair.true_usd))
    return out


def test_bands_widened_by_what_was_learned_hold_eighty_percent_of_other_truths():
    taught = _pairs(4000, bias=1.0, scatter=0.9, seed=1)
    asked = _pairs(4000, bias=1.0, scatter=0.9, seed=2)
    assert coverage(asked) < 0.3
    assert coverage(_widened(asked, learn_model_error(taught))) == pytest.approx(0.8, abs=0.02)


def test_an_estimate_far_too_high_leaves_its_band_as_the_upper_end():
    error = learn_model_error(_pairs(4000, bias=10.0, scatter=0.5, seed=3))
    assert error.low < error.high < 1 / 1.3
    asked = _widened(_pairs(4000, bias=10.0, scatter=0.5, seed=4), error)
    assert all(pair.band.high == pair.band.usd for pair in asked)
    assert np.mean([pair.below for pair in asked]) == pytest.approx(0.1, abs=0.02)
    assert not any(pair.above for pair in asked)


def test_a_true_ladder_is_cut_to_a_narrower_window_of_its_lattice_and_to_no_other():
    ladder = TrueLadder(0, PriceGrid(WIDTH, 100, 50), np.arange(100.0).reshape(2, 50))
    np.testing.assert_array_equal(ladder.on(PriceGrid(WIDTH, 110, 3))[1], [60.0, 61.0, 62.0])
    for other in (
        PriceGrid(WIDTH, 99, 3),
        PriceGrid(WIDTH, 148, 3),
        PriceGrid(2 * WIDTH, 110, 3),
        PriceGrid(WIDTH, 110, 3, 2),
    ):
        with pytest.raises(ValueError, match="lattice"):
            ladder.on(other)

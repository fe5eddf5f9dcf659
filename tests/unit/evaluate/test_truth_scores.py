"""Scores against known positions, by hand-made ladders."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forcedflow.evaluate.map_card import Scope
from forcedflow.evaluate.scorecard import part_of
from forcedflow.evaluate.truth_scores import (
    BIN,
    N_BINS,
    LadderPairs,
    by_distance,
    mass_ratio,
    pearson,
    truth_rows,
    wasserstein_bp,
)
from forcedflow.units import DAY_MS

SCOPE = Scope("SIM/USDT:USDT", "sandbox", "known positions", ("simulated",))


def test_mass_is_binned_by_its_distance_on_its_own_side():
    prices = np.array([87.9, 88.1, 99.7, 100.2, 100.7, 112.1])
    usd = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    longs, shorts = (by_distance(usd, prices, 100.0, side) for side in range(2))
    assert (longs[0], longs[-1], longs.sum()) == (4.0, 2.0, 6.0)
    assert (shorts[0], shorts[1], shorts.sum()) == (8.0, 16.0, 24.0)


def test_mass_moved_by_one_bin_is_one_bin_away_whatever_its_amount():
    left = np.eye(N_BINS)[3]
    assert wasserstein_bp(left, 7.0 * np.eye(N_BINS)[4]) == pytest.approx(BIN * 1e4)
    assert wasserstein_bp(left, 3.0 * left) == 0.0
    with pytest.raises(ValueError, match="no shape"):
        wasserstein_bp(left, 0.0 * left)


def test_the_distance_is_that_of_the_cheapest_transport():
    """In one dimension the cheapest transport keeps the order of the grains."""
    rng = np.random.default_rng(2)
    left, right = (rng.integers(0, N_BINS, 500) for _ in range(2))
    grains = np.abs(np.sort(left) - np.sort(right)).mean() * BIN * 1e4
    profiles = [np.bincount(places, minlength=N_BINS).astype(float) for places in (left, right)]
    assert wasserstein_bp(*profiles) == pytest.approx(grains)


def test_correlation_is_numpys_and_there_is_none_with_a_constant():
    rng = np.random.default_rng(3)
    left, right = rng.random((2, N_BINS))
    assert pearson(left, right) == pytest.approx(np.corrcoef(left, right)[0, 1])
    assert math.isnan(pearson(left, np.ones(N_BINS)))


def test_the_mass_ratio_counts_only_what_is_nearer():
    modelled, true = np.full(N_BINS, 2.0), np.ones(N_BINS)
    modelled[4] = 10.0  # the first bin beyond two percent
    assert mass_ratio(modelled, true, 0.02) == pytest.approx(2.0)
    assert mass_ratio(modelled, true, 0.05) == pytest.approx(2.8)
    assert math.isnan(mass_ratio(np.zeros(N_BINS), np.zeros(N_BINS), 0.02))


def pairs_of(modelled, true):
    at_ms = DAY_MS * np.arange(1, len(true) + 1) + 1
    return LadderPairs(at_ms, np.asarray(modelled), np.asarray(true))


@pytest.fixture
def true():
    return np.random.default_rng(4).gamma(0.5, 1e6, (8, 2, N_BINS))


def rows_by(pairs):
    return {
        (row.side, row.metric, part_of(row), row.baseline): row for row in truth_rows(pairs, SCOPE)
    }


def test_the_truth_itself_beats_both_opponents_everywhere(true):
    rows = rows_by(pairs_of(true, true))
    assert {row.side for row in rows.values()} == {"long", "short"}
    for side in ("long", "short"):
        for baseline in ("uniform", "profile"):
            moved = rows[side, "wasserstein_bp", "", baseline]
            assert (moved.value, moved.pass_) == (0.0, True)
            assert moved.gain == pytest.approx(moved.baseline_value)
            for reach in ("within 2%", "within 5%", "within 10%"):
                assert rows[side, "mass_ratio", reach, baseline].value == pytest.approx(1.0)
        assert rows[side, "pearson", "", "profile"].value == pytest.approx(1.0)
        assert (side, "pearson", "", "uniform") not in rows


def test_the_figures_are_means_over_moments_and_the_profile_is_of_other_days(true):
    modelled = true * np.random.default_rng(5).gamma(2.0, 0.5, true.shape)
    rows = rows_by(pairs_of(modelled, true))
    unit = true[:, 0] / true[:, 0].sum(axis=1, keepdims=True)
    others = [np.delete(unit, i, axis=0).mean(axis=0) for i in range(len(unit))]
    row = rows["long", "pearson", "", "profile"]
    ours = [pearson(m, t) for m, t in zip(modelled[:, 0], true[:, 0], strict=True)]
    theirs = [pearson(o, t) for o, t in zip(others, true[:, 0], strict=True)]
    assert row.value == pytest.approx(np.mean(ours))
    assert row.baseline_value == pytest.approx(np.mean(theirs))
    assert row.gain == pytest.approx(np.mean(ours) - np.mean(theirs))
    assert (row.n, row.n_days, row.horizon) == (8, 8, "now")
    moved = rows["long", "wasserstein_bp", "", "profile"]
    assert moved.gain == pytest.approx(
        np.mean([wasserstein_bp(o, t) for o, t in zip(others, true[:, 0], strict=True)])
        - moved.value
    )


def test_the_level_is_told_by_the_ratio_and_not_by_the_opponents(true):
    rows = rows_by(pairs_of(3.0 * true, true))
    near = rows["short", "mass_ratio", "within 5%", "uniform"]
    assert near.value == pytest.approx(3.0)
    assert near.pass_ is False
    assert rows["short", "wasserstein_bp", "", "uniform"].value == pytest.approx(0.0, abs=1e-9)


def test_moments_without_mass_are_left_out_and_one_day_has_no_other(true):
    true = true.copy()
    true[3:, 0] = 0.0
    rows = rows_by(pairs_of(np.ones_like(true), true))
    assert rows["long", "wasserstein_bp", "", "uniform"].n == 3
    assert rows["short", "wasserstein_bp", "", "uniform"].n == 8
    single = rows_by(pairs_of(true[:1], true[:1]))
    assert {key[3] for key in single} == {"uniform"}
    assert rows_by(pairs_of(0.0 * true, true)) == {}

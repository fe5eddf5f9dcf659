"""Inputs are free of a coin's scale, never repaint, and no fit reads a label early."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.forecast.rows import CLIP, FAMILIES, Rows, Standard, lay_rows, names_of, standardise
from forcedflow.forecast.splits import WEEK_MS, Fold, inner_folds, walk_forward
from forcedflow.units import DAY_MS, HOUR_MS


def a_table(n: int = 4_000, scale: float = 1.0, seed: int = 1) -> FeatureTable:
    generator = np.random.default_rng(seed)
    times = np.arange(n, dtype=np.int64) * STEP_MS
    sigma = 0.03 * scale * np.exp(0.1 * generator.normal(size=n))
    noise = generator.normal(size=(4, n))
    columns = {
        "sigma_day": sigma,
        "sigma_1h": sigma * np.exp(0.3 * noise[0]),
        "range_4h": sigma * 0.4 * np.exp(0.3 * noise[1]),
        "return_4h": sigma * 0.4 * noise[2],
        "return_24h": sigma * noise[3],
        "liq_long_1h": np.abs(noise[0]) * 1e-4,
        "hour_of_week": (times // HOUR_MS) % 168.0,
        "session": np.full(n, 2.0),
        "reach_long_4h": np.abs(noise[1]) * 1e-3,
        "mass_below_3pct": np.full(n, 0.1),
        "cluster_below_sigma": np.full(n, np.nan),
    }
    return FeatureTable(times, columns, {}, simulated=True, labels={})


def test_every_declared_input_is_laid_or_missing_and_nothing_else_is():
    rows = lay_rows(a_table(), "BTC/USDT:USDT", "sandbox")
    declared = set(names_of(tuple(FAMILIES)))
    assert set(rows.columns) <= declared
    assert len(names_of(tuple(FAMILIES))) == len(declared)
    assert np.isnan(rows.matrix(["reach_short_1h", "funding"])).all()
    assert (rows.times_ms % HOUR_MS == 0).all()


def test_a_coin_that_moves_ten_times_as_much_has_the_same_inputs():
    calm, wild = (lay_rows(a_table(scale=s), "A", "v") for s in (1.0, 10.0))
    for name in ("sigma_1h", "range_4h", "return_4h", "return_24h", "liq_long_1h"):
        assert calm.columns[name] == pytest.approx(wild.columns[name], nan_ok=True), name


def test_no_cluster_is_a_finding_and_no_map_is_not():
    rows = lay_rows(a_table(), "A", "v")
    assert (rows.columns["cluster_below_near"] == 0).all()
    assert np.isnan(rows.columns["cluster_above_near"]).all()


@given(st.integers(2_100, 3_900))
def test_later_rows_change_no_earlier_input(cut):
    whole = a_table()
    part = FeatureTable(
        whole.times_ms[:cut], {k: v[:cut] for k, v in whole.columns.items()}, {}, True, {}
    )
    early, late = lay_rows(part, "A", "v"), lay_rows(whole, "A", "v")
    for name, column in early.columns.items():
        assert column.tobytes() == late.columns[name][: column.size].tobytes(), name


def test_standardised_inputs_are_bounded_and_unknown_ones_say_nothing():
    column = np.concatenate([np.random.default_rng(1).normal(5, 2, 999), [1e9], [np.nan]])
    rows = Rows("A", "v", np.arange(1001, dtype=np.int64), {"x": column, "flat": column * 0}, False)
    found = standardise([rows], ["x", "flat", "absent"])
    scaled = found.apply(rows)
    assert np.isfinite(scaled).all()
    assert np.abs(scaled).max() == CLIP
    assert scaled[-1].tolist() == [0, 0, 0]
    assert found.centre[0] == pytest.approx(5, abs=0.3)
    again = Standard.from_plain(found.to_plain())
    assert again.apply(rows).tobytes() == scaled.tobytes()


def test_a_fit_never_reads_a_label_that_was_not_over():
    times = np.arange(1000, dtype=np.int64) * HOUR_MS
    fold = Fold(500 * HOUR_MS, 500 * HOUR_MS, 600 * HOUR_MS)
    label = 25 * HOUR_MS
    fit = times[fold.fits(times, label)]
    assert int(fit.max()) + label == fold.fit_to_ms
    asked = times[fold.asks(times)]
    assert (int(asked.min()), int(asked.max())) == (500 * HOUR_MS, 599 * HOUR_MS)


def test_weekly_fits_cover_the_span_once_and_each_ends_where_its_span_begins():
    folds = walk_forward(0, 3 * DAY_MS, 3 * DAY_MS + 3 * WEEK_MS + HOUR_MS)
    assert [fold.fit_to_ms for fold in folds[1:]] == [fold.from_ms for fold in folds[1:]]
    assert folds[0].fit_to_ms == 0
    assert [a.to_ms for a in folds[:-1]] == [b.from_ms for b in folds[1:]]
    assert folds[-1].to_ms - folds[-1].from_ms == HOUR_MS


def test_inner_folds_stay_inside_the_fit():
    times = np.arange(2000, dtype=np.int64) * HOUR_MS
    fold, label = Fold(1500 * HOUR_MS, 1500 * HOUR_MS, 1600 * HOUR_MS), 24 * HOUR_MS
    inner = inner_folds(times, fold, label)
    assert len(inner) == 3
    assert inner[-1].to_ms - 1 + label <= fold.fit_to_ms
    assert all(a.to_ms == b.from_ms for a, b in itertools.pairwise(inner))
    assert inner_folds(times[:4], fold, label) == ()


@pytest.mark.parametrize(("fit", "start", "end"), [(10, 5, 20), (10, 10, 10)])
def test_a_fit_is_not_asked_about_its_own_past(fit, start, end):
    with pytest.raises(ValueError, match="cannot be asked"):
        Fold(fit, start, end)
    with pytest.raises(ValueError, match="cannot be asked"):
        walk_forward(fit, start, end)

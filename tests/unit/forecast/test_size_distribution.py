"""The size forecast: it finds the law it was made by, never crosses, and never reads ahead."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import forecast_size as twin
from tests.reference.size_markets import hourly_market

from forcedflow.errors import NoDataError
from forcedflow.forecast.boosted import Trees, extract_trees
from forcedflow.forecast.ridge import BLOCKS, Equations, blocks_of
from forcedflow.forecast.scores import coverage, pinball
from forcedflow.forecast.size import (
    GROUPS,
    LEVELS,
    SETS,
    SizeModel,
    fit_size,
    shape_of,
    with_past_sizes,
)
from forcedflow.forecast.size_forecast import above, forecast_size, tracked_quantiles
from forcedflow.forecast.size_trees import SizeTrees, grow_size
from forcedflow.forecast.sizes import Liquidated, lay_sizes
from forcedflow.forecast.tracking import DOUBT_H, Predicted, choose_half_life, follow_level, track
from forcedflow.units import DAY_MS, HOUR_MS

MARKET = hourly_market(with_map=0.5)
ROWS, TOLD = with_past_sizes(*MARKET), MARKET[1]
FIT_TO = int(ROWS.times_ms[0]) + 45 * DAY_MS
LATER = ROWS.times_ms >= FIT_TO


@pytest.fixture(scope="module")
def model():
    return fit_size([ROWS], [TOLD], 1, FIT_TO)


def test_the_map_and_its_placebo_differ_in_nothing_but_their_source():
    assert GROUPS["placebo"] == tuple(f"placebo_{name}" for name in GROUPS["map"])
    assert SETS["placebo"][:-1] == SETS["forcedflow"][:-1] == SETS["no_map"]


def test_quantiles_hold_as_often_as_they_say_and_the_map_is_found_where_it_is():
    log = lay_sizes(ROWS.times_ms, TOLD, 1).log
    known = LATER & np.isfinite(log).all(axis=1)
    loss = {}
    for name in ("forcedflow", "placebo"):
        fitted = fit_size([ROWS], [TOLD], 1, FIT_TO, SETS[name])
        said = tracked_quantiles(fitted, ROWS, lay_sizes(ROWS.times_ms, TOLD, 1))[known]
        loss[name] = pinball(said[:, 0], LEVELS, log[known, 0]).mean()
        # Two weeks of hours: five standard errors of a share.
        held = np.mean([coverage(said[:, s], log[known, s]) for s in (0, 1)], axis=0)
        assert np.abs(held - LEVELS).max() < 0.06
    assert loss["forcedflow"] < 0.9 * loss["placebo"]


def test_nothing_after_the_end_of_the_fit_is_read(model):
    early = ROWS.cut(ROWS.times_ms <= FIT_TO)
    known = TOLD.end_ms <= FIT_TO
    then = Liquidated(TOLD.end_ms[known], TOLD.usd[known])
    assert fit_size([early], [then], 1, FIT_TO).to_plain() == model.to_plain()


def test_a_model_is_plain_numbers_and_comes_back(model):
    back = SizeModel.from_plain(json.loads(json.dumps(model.to_plain())))
    assert back.predict(ROWS).quantiles.tobytes() == model.predict(ROWS).quantiles.tobytes()


def test_too_few_hours_are_refused():
    with pytest.raises(NoDataError, match="hours with known liquidations"):
        fit_size([ROWS], [TOLD], 1, int(ROWS.times_ms[200]))
    many = [ROWS.cut(ROWS.times_ms >= int(ROWS.times_ms[0]) + 40 * DAY_MS)] * 4
    with pytest.raises(NoDataError, match=r"span 5\.0 days"):
        fit_size(many, [TOLD] * 4, 1, FIT_TO)


def test_a_forecast_speaks_in_dollars_and_of_more_than_so_much(model):
    now = forecast_size(model, ROWS, TOLD)
    assert (np.diff(now.usd, axis=1) >= 0).all()
    for k, level in enumerate(LEVELS):
        assert now.exceedance("long", float(now.usd[0, k])) == pytest.approx(1 - level, abs=1e-9)
    rising = [now.exceedance("short", usd) for usd in (0.0, 1e3, 1e5, 1e7, 1e9, 1e12)]
    assert rising == sorted(rising, reverse=True)
    assert 0 <= rising[-1] < 0.01 < 0.9 < rising[0] <= 1
    with pytest.raises(ValueError, match="not negative"):
        now.exceedance("long", -1.0)
    nothing = Liquidated(np.zeros(0, np.int64), np.zeros((0, 2)))
    with pytest.raises(NoDataError, match="what is much"):
        forecast_size(model, ROWS, nothing)


def test_beyond_equal_quantiles_nothing_is_left():
    flat = np.zeros(len(LEVELS))
    assert above(flat, 0.1) == 0.0
    assert above(flat, -0.1) == 1.0


@settings(deadline=None, max_examples=30)
@given(st.integers(50, 300), st.integers(0, 1000))
def test_no_later_outcome_changes_a_byte_of_what_was_said(until, seed):
    rng = np.random.default_rng(seed)
    n, horizon = 320, 4
    times = HOUR_MS * np.arange(n, dtype=np.int64)
    shape = np.sort(rng.normal(size=(n, 2, len(LEVELS))), axis=2)
    log = rng.normal(size=(n, 2))
    log[rng.random(n) < 0.1] = np.nan
    said = Predicted(times, rng.normal(size=(n, 2)), np.exp(rng.normal(size=(n, 2))), shape)
    memory = np.array([48.0, 0.0])
    now = track(said, log, horizon, memory, LEVELS)
    # Of the last hours' outcomes nothing was known.
    unknown = log.copy()
    unknown[until - horizon + 1 :] = np.nan
    then = track(said, unknown, horizon, memory, LEVELS)
    assert now[: until + 1].tobytes() == then[: until + 1].tobytes()
    assert (np.diff(now, axis=2) >= 0).all()


def test_the_level_is_followed_by_the_fading_mean_of_what_was_missed():
    rng = np.random.default_rng(3)
    hours = np.sort(rng.choice(200, 90, replace=False))
    error = rng.normal(size=90)
    error[::11] = np.nan
    for horizon in (1, 8):
        found = follow_level(hours * HOUR_MS, error[:, None], horizon, np.array([24.0]))[:, 0]
        told = twin.level_lift(hours.tolist(), error.tolist(), horizon, 24.0, DOUBT_H)
        assert found == pytest.approx(told, abs=1e-12)


def test_a_level_that_moves_is_remembered_and_one_that_does_not_is_left_alone():
    rng = np.random.default_rng(4)
    times = HOUR_MS * np.arange(1500, dtype=np.int64)
    noise = 0.3 * rng.normal(size=1500)
    assert choose_half_life(times, noise, 1) == 0.0
    moving = noise + np.sin(np.arange(1500) / 100)
    assert choose_half_life(times, moving, 1) > 0.0
    # Two markets one after the other: neither learns from the other.
    both = choose_half_life(np.concatenate([times, times]), np.concatenate([moving, moving]), 1)
    assert both > 0.0


def test_coverage_is_mended_where_a_shape_is_wrong():
    rng = np.random.default_rng(5)
    n = 3000
    times = HOUR_MS * np.arange(n, dtype=np.int64)
    narrow = np.broadcast_to(np.linspace(-0.5, 0.5, len(LEVELS)), (n, 2, len(LEVELS)))
    log = rng.normal(size=(n, 2))
    blank = np.zeros((n, 2))
    said = track(Predicted(times, blank, blank + 1, np.array(narrow)), log, 1, np.zeros(2), LEVELS)
    late = slice(1000, None)
    held = coverage(said[late, 0], log[late, 0])
    assert held == pytest.approx(LEVELS, abs=0.03)


def test_thin_tails_are_drawn_from_a_law_and_thick_ones_from_what_happened():
    rng = np.random.default_rng(6)
    many = rng.exponential(size=20_000) * np.where(rng.random(20_000) < 0.5, -1, 1)
    assert shape_of(many, 1) == pytest.approx(np.quantile(many, LEVELS))
    few = many[:500]
    drawn = shape_of(few, 24)
    # One in a hundred of twenty: beyond what an exponential law with a known mean would say.
    assert drawn[-1] > np.quantile(few, 0.75) + np.log(25) * 0.8
    assert (np.diff(drawn) >= 0).all()
    assert shape_of(np.ones(500), 24) == pytest.approx(np.ones(len(LEVELS)))


def test_blocks_read_nothing_within_a_horizon_of_themselves():
    times = np.tile(HOUR_MS * np.arange(600, dtype=np.int64), 2)
    blocks = blocks_of(times, 24)
    assert len(blocks) == BLOCKS
    assert np.stack([block.held for block in blocks]).sum(axis=0).tolist() == [1] * 1200
    for block in blocks:
        gap = np.abs(times[block.held][:, None] - times[block.read][None, :]).min()
        assert gap >= 24 * HOUR_MS
        assert not block.before.any() or times[block.before].max() < times[block.held].min()


def test_without_penalty_a_line_is_least_squares():
    rng = np.random.default_rng(7)
    inputs, weight = rng.normal(size=(200, 3)), rng.random(200)
    y = inputs @ np.array([1.0, -2.0, 0.5]) + 3.0 + rng.normal(size=200)
    line = Equations.of(inputs, y, weight).solve(np.zeros(3))
    design = np.column_stack([np.ones(200), inputs]) * np.sqrt(weight)[:, None]
    told = np.linalg.lstsq(design, y * np.sqrt(weight), rcond=None)[0]
    assert np.append(line.intercept, line.slope) == pytest.approx(told)


def test_trees_predict_as_scikit_learn_does_and_come_back():
    ensemble = pytest.importorskip("sklearn.ensemble")
    rng = np.random.default_rng(8)
    inputs = rng.normal(size=(400, 4))
    inputs[rng.random((400, 4)) < 0.1] = np.nan
    y = np.nan_to_num(inputs[:, 0]) + rng.normal(size=400)
    fitted = ensemble.HistGradientBoostingRegressor(
        loss="quantile", quantile=0.9, max_iter=20, max_depth=3, random_state=0
    ).fit(inputs, y)
    trees = extract_trees(fitted)
    assert trees.raw(inputs) == pytest.approx(fitted.predict(inputs), rel=1e-12)
    back = Trees.from_plain(json.loads(json.dumps(trees.to_plain())))
    assert back.raw(inputs).tobytes() == trees.raw(inputs).tobytes()
    odds = ensemble.HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(inputs, y > 0)
    assert extract_trees(odds).raw(inputs) == pytest.approx(odds.decision_function(inputs))
    three = ensemble.HistGradientBoostingClassifier(max_iter=2, random_state=0)
    with pytest.raises(ValueError, match="several outputs"):
        extract_trees(three.fit(inputs, np.arange(400) % 3))


def test_grown_quantiles_are_in_order_and_the_same_again():
    pytest.importorskip("sklearn")
    grown = grow_size([ROWS], [TOLD], 1, FIT_TO, SETS["volatility"])
    said = grown.predict(ROWS).quantiles
    assert (np.diff(said, axis=2) >= 0).all()
    again = grow_size([ROWS], [TOLD], 1, FIT_TO, SETS["volatility"])
    assert again.to_plain() == grown.to_plain()
    back = SizeTrees.from_plain(json.loads(json.dumps(grown.to_plain())))
    assert back.predict(ROWS).quantiles.tobytes() == said.tobytes()

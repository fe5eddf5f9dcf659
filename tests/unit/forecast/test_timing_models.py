"""Models of event timing, ours and the opponents', on markets whose truth is known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import forecast_timing as twin

from forcedflow.errors import DataError, NoDataError
from forcedflow.evaluate.timing_walk import permuted_labels, stale_map, walk_timing
from forcedflow.forecast.course import mirrored
from forcedflow.forecast.exceedance import fit_exceedance
from forcedflow.forecast.excitation import fit_excitation
from forcedflow.forecast.hazard import fit_ridge
from forcedflow.forecast.labels import cumulate
from forcedflow.forecast.rows import FAMILIES, Rows, names_of
from forcedflow.forecast.scores import log_loss
from forcedflow.forecast.splits import Fold, walk_forward
from forcedflow.forecast.timing import CHOSEN, INPUTS, TimingForecast, fit_timing, fit_timings
from forcedflow.forecast.trees import fit_trees
from forcedflow.units import DAY_MS, HOUR_MS

NAMES = names_of(("volatility", "market", "map"))
MARKETS = (twin.market(1), twin.market(2, symbol="TWO/USDT:USDT"))
FIT_TO = twin.START_MS + 80 * DAY_MS
FOLD = Fold(FIT_TO, FIT_TO, FIT_TO + 30 * DAY_MS)


@pytest.fixture(scope="module")
def fitted():
    return fit_timings((*INPUTS, CHOSEN), MARKETS, FOLD)


def test_every_model_gives_probabilities_that_never_fall_with_the_horizon(fitted):
    for forecast in fitted.values():
        said = forecast.probability(MARKETS[0].course)
        assert said.shape == (2, MARKETS[0].course.times_ms.size, 4)
        assert ((said > 0) & (said < 1)).all()
        assert (np.diff(said, axis=-1) >= 0).all()


def test_every_model_is_the_same_after_it_was_written_down_as_json(fitted):
    for forecast in fitted.values():
        again = TimingForecast.from_plain(json.loads(json.dumps(forecast.to_plain())))
        np.testing.assert_array_equal(
            again.probability(MARKETS[0].course), forecast.probability(MARKETS[0].course)
        )
        assert again.to_plain() == forecast.to_plain()


def test_the_same_rows_give_the_same_bytes(fitted):
    for name in ("garch", "map"):
        again = fit_timing(name, MARKETS, FOLD)
        assert json.dumps(again.to_plain()) == json.dumps(fitted[name].to_plain())


def test_a_market_that_no_fit_has_seen_is_forecast_all_the_same(fitted):
    stranger = twin.market(5, symbol="NEW/USDT:USDT")
    for forecast in fitted.values():
        assert np.isfinite(forecast.probability(stranger.course)).all()


def test_a_model_of_an_unknown_name_is_refused(fitted):
    plain = {**fitted["climatology"].to_plain(), "name": "oracle"}
    with pytest.raises(DataError, match="oracle"):
        TimingForecast.from_plain(plain)


def test_families_and_shift_add_up_to_the_log_odds_of_a_ridge():
    model = fit_ridge(MARKETS, NAMES, 100.0, floored=True)
    for direction in (0, 1):
        parts = model.contributions(MARKETS[1].course, direction)
        hazard = model.hazard(MARKETS[1].course, direction)
        odds = np.log(hazard / (1 - hazard))
        np.testing.assert_allclose(sum(parts.values()) + model.shift, odds, atol=1e-9)
        assert {"volatility", "map", "climatology"} <= set(parts)


def test_families_and_baseline_add_up_to_the_log_odds_of_trees():
    model = fit_trees(MARKETS, NAMES)
    parts = model.contributions(MARKETS[0].course, 0)
    hazard = model.hazard(MARKETS[0].course, 0)
    odds = np.log(hazard / (1 - hazard))
    np.testing.assert_allclose(sum(parts.values()) + model.trees.baseline, odds, atol=1e-9)


def test_more_volatility_never_makes_an_event_less_likely_by_trees():
    model = fit_trees(MARKETS, NAMES)
    course = MARKETS[0].course
    rows = course.rows
    higher = {**rows.columns, "sigma_1h": rows.columns["sigma_1h"] + 0.7}
    raised = replace(course, rows=Rows(rows.symbol, rows.venue, rows.times_ms, higher, True))
    for direction in (0, 1):
        assert (model.hazard(raised, direction) >= model.hazard(course, direction) - 1e-12).all()


def test_a_heavy_penalty_leaves_the_floor():
    model = fit_ridge(MARKETS, NAMES, 1e9, floored=True)
    assert model.floor is not None
    floor = model.floor.hazard(MARKETS[0].course, 0)
    ratio = model.hazard(MARKETS[0].course, 0) / floor
    # What is left are one shift per stretch and the market's own.
    assert (ratio.std(axis=0) < 0.02).all()


def test_the_ridge_finds_what_the_rate_hangs_on_and_little_else():
    model = fit_ridge(MARKETS, NAMES, 10.0, floored=False, hinged=())
    weights = dict(zip(model.standard.names, model.weights.tolist(), strict=True))
    assert weights["sigma_1h"] > 0.5
    assert max(abs(w) for name, w in weights.items() if name != "sigma_1h") < 0.4


def test_what_is_known_gains_on_later_days_and_permuted_labels_gain_nothing():
    folds = walk_forward(FIT_TO, FIT_TO, FIT_TO + 38 * DAY_MS, 19 * DAY_MS)

    def gain(samples):
        walked = walk_timing(samples, folds, ("climatology", "volatility"))
        bits, events = 0.0, 0.0
        for i, sample in enumerate(samples):
            for d in (0, 1):
                label = sample.labels.within(d)[:, 1]
                base, ours = (walked.probability[m][i][d, :, 1] for m in walked.probability)
                known = ~np.isnan(label + ours)
                bits += (
                    log_loss(base[known], label[known]) - log_loss(ours[known], label[known])
                ).sum()
                events += label[known].sum()
        return bits / events

    assert gain(MARKETS) > 0.3
    drawn = [gain(permuted_labels(MARKETS, seed)) for seed in range(2)]
    assert np.mean(drawn) < 0.1
    assert gain(MARKETS) > max(drawn)


def test_what_comes_after_a_fold_changes_none_of_its_forecasts():
    def spoil(sample):
        later = sample.course.times_ms >= FOLD.to_ms
        rows = sample.course.rows
        columns = {name: np.where(later, 9.9, c) for name, c in rows.columns.items()}
        # A label is known once its day is over; what was not by the end of the fit may be anything.
        unknown = sample.course.times_ms + sample.labels.ahead_ms > FOLD.fit_to_ms
        hazard = np.where(unknown[:, None], 1 - sample.labels.hazard, sample.labels.hazard)
        course = replace(
            sample.course,
            rows=Rows(rows.symbol, rows.venue, rows.times_ms, columns, True),
            price=np.where(later, 99.0, sample.course.price),
        )
        return replace(sample, course=course, labels=replace(sample.labels, hazard=hazard))

    names = ("garch", "excitation", "map")
    honest = walk_timing(MARKETS, (FOLD,), names)
    spoiled = walk_timing([spoil(one) for one in MARKETS], (FOLD,), names)
    for name in names:
        for one, other in zip(honest.probability[name], spoiled.probability[name], strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_hold_out_market_is_asked_about_and_not_learned_from():
    walked = walk_timing(MARKETS, (FOLD,), ("map",), learned={"test ONE/USDT:USDT"})
    alone = walk_timing(MARKETS[:1], (FOLD,), ("map",))
    np.testing.assert_array_equal(walked.probability["map"][0], alone.probability["map"][0])
    assert np.isfinite(walked.probability["map"][1]).any()


def test_a_stale_map_is_a_day_old_and_everything_else_is_not():
    late = stale_map(MARKETS)[0].course.rows.columns
    now = MARKETS[0].course.rows.columns
    np.testing.assert_array_equal(late["mass_below_3pct"][24:], now["mass_below_3pct"][:-24])
    np.testing.assert_array_equal(late["sigma_1h"], now["sigma_1h"])


def test_no_labelled_hour_before_the_end_of_the_fit_is_said():
    early = Fold(twin.START_MS, twin.START_MS, FIT_TO)
    with pytest.raises(NoDataError, match="labelled"):
        fit_timing("climatology", MARKETS, early)


def test_events_that_follow_events_are_found_to_excite():
    sample = twin.market(9, days=200, effect=0.0, rate=0.01)
    calm = fit_excitation([sample])
    # Every event is put a second time eight hours later, known and labelled.
    later = sample.labels.events_ms + 8 * HOUR_MS
    hazard = sample.labels.hazard.copy()
    hour = (later - sample.course.times_ms[0]) // HOUR_MS
    inside = hour < hazard.shape[1]
    hazard[0, hour[inside], 0] = 1.0
    echoed = replace(sample, labels=replace(sample.labels, hazard=hazard))
    found = fit_excitation([echoed])
    assert found.mass > calm.mass + 0.15
    assert found.decay_h <= 24


@pytest.mark.parametrize("kind", ["garch", "filtered_history"])
def test_a_smaller_move_is_likelier_by_simulated_paths(kind):
    model = fit_exceedance(MARKETS, kind)
    course = MARKETS[0].course
    nearer = replace(course, needed=0.5 * course.needed)
    assert (model.hazard(nearer, 0) >= model.hazard(course, 0) - 1e-12).all()
    assert (model.hazard(course, 0) > 0).all()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_hazards_make_probabilities_as_the_twin_says(hazards):
    ours = cumulate(np.array([hazards]))[0]
    np.testing.assert_allclose(ours, twin.probability(hazards), atol=1e-12)
    assert (np.diff(ours) >= -1e-15).all()


@given(st.sampled_from(sorted({name for family in FAMILIES.values() for name in family})))
def test_the_mirror_of_the_mirror_is_the_input_itself(name):
    assert mirrored(mirrored(name)) == name


def test_a_rise_is_seen_as_a_fall_in_the_mirror():
    course = MARKETS[0].course
    turned = course.turned(1).columns
    np.testing.assert_array_equal(turned["mass_below_3pct"], course.rows.columns["mass_above_3pct"])
    np.testing.assert_array_equal(turned["funding"], -course.rows.columns["funding"])
    np.testing.assert_array_equal(turned["sigma_1h"], course.rows.columns["sigma_1h"])
    assert course.turned(0) is course.rows

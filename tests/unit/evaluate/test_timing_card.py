"""The scorecard of event timing on small made-up markets: what it states and what it leaves out."""

from __future__ import annotations

import math

import pytest
from tests.reference import forecast_timing as twin

from forcedflow.errors import NoDataError
from forcedflow.evaluate.forecast_timing import LEAST_EVENT_DAYS, score_timing
from forcedflow.evaluate.scorecard import adjust
from forcedflow.evaluate.signal_card import POOLED, Scope
from forcedflow.forecast.events import C1, C2
from forcedflow.forecast.timing import BASELINES, CHOSEN
from forcedflow.units import DAY_MS

FIT_TO = twin.START_MS + 34 * DAY_MS
TO = twin.START_MS + 58 * DAY_MS
TABLES = {
    Scope("ONE/USDT:USDT", "test"): twin.falling_table(1),
    Scope("TWO/USDT:USDT", "test"): twin.falling_table(2),
}


@pytest.fixture(scope="module")
def timed():
    return score_timing(TABLES, FIT_TO, FIT_TO, TO, (C2, C1), refit_ms=30 * DAY_MS)


def test_every_opponent_has_a_row_per_symbol_side_and_horizon(timed):
    found = {
        (row.symbol, row.side, row.horizon, row.baseline)
        for row in timed.rows
        if row.metric == "bits_per_event" and row.model == CHOSEN
    }
    for symbol in ("ONE/USDT:USDT", "TWO/USDT:USDT", POOLED):
        for horizon in ("1h", "4h", "8h", "24h"):
            for baseline in BASELINES:
                assert (symbol, POOLED, horizon, baseline) in found
    assert {"down", "up"} <= {side for _, side, _, _ in found}


def test_ids_are_unique_and_the_product_and_event_are_named(timed):
    ids = [row.id for row in timed.rows]
    assert len(set(ids)) == len(ids)
    assert {row.product for row in timed.rows} == {"timing"}
    # Neither forced closes nor a map are held: no row of C1, none of chains.
    assert {row.event for row in timed.rows} == {"C2"}


def test_nothing_passes_below_a_hundred_event_days(timed):
    assert all(row.n_days < LEAST_EVENT_DAYS for row in timed.rows)
    assert all(row.pass_ is None for row in timed.rows)


def test_a_gain_is_the_difference_of_the_two_costs_per_event(timed):
    for row in timed.rows:
        if row.metric == "bits_per_event":
            assert row.gain == pytest.approx(row.baseline_value - row.value, abs=1e-9)


def test_figures_lie_where_they_can(timed):
    for row in timed.rows:
        if row.value is None:
            continue
        if row.metric.startswith(("recall", "precision")) or row.metric == "pr_auc":
            assert 0 <= row.value <= 1
        if row.metric == "miscalibration":
            assert row.value >= 0
        if row.metric.startswith("lead_h"):
            assert 0 < row.value <= 24
        assert math.isfinite(row.value)


def test_placebos_stand_beside_and_bear_no_p(timed):
    permuted = [row for row in timed.rows if row.model == "permuted labels"]
    assert len(permuted) == 4
    assert all(row.p is None for row in permuted)
    assert {row.baseline for row in timed.rows} >= {"stale_map", "price_history"}
    adjusted = adjust(timed.rows)
    assert all(row.p_adj is None for row in adjusted if row.p is None)


def test_no_labelled_hour_before_the_end_of_the_fit_is_said():
    early = twin.START_MS + DAY_MS
    with pytest.raises(NoDataError, match="labelled"):
        score_timing(TABLES, early, early, TO, (C2,), placebos=False)


def test_what_it_rests_on_is_counted(timed):
    told = timed.counted["C2"]
    assert told["symbols"]["ONE/USDT:USDT"]["events"] > 0
    lower, higher = told["events_at_other_thresholds"].values()
    assert lower >= sum(one["events"] for one in told["symbols"].values()) >= higher
    assert told["fits"] == 1 == len(told["chosen"])
    assert told["power"]["24h"]["half_width_bits"] > 0
    assert set(told["reliability"]) == {"1h", "4h", "8h", "24h"}

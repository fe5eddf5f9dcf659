"""Alarms: runs, budgets, leads, and that a threshold is set on the past alone."""

import math

import numpy as np
import pytest

from forcedflow.forecast import alarms
from forcedflow.units import DAY_MS, HOUR_MS

HOURS = np.arange(24 * 60, dtype=np.int64) * HOUR_MS


def test_a_run_is_one_alarm_and_its_lead_is_told_from_its_first_moment_in_reach():
    p = np.zeros(48)
    p[10:20] = 0.9
    times = HOURS[:48]
    event = np.array([22 * HOUR_MS])
    found = alarms.alarm_record(p, np.full(48, 0.5), times, event, 8 * HOUR_MS)
    assert (found.alarms, found.right, found.events, found.caught) == (1, 1, 1, 1)
    assert found.lead_ms == 8 * HOUR_MS
    assert found.alarmed == pytest.approx(10 / 48)
    assert found.recall == found.precision == 1


def test_an_alarm_at_the_event_itself_is_too_late():
    p = np.zeros(48)
    p[22:] = 0.9
    event = np.array([22 * HOUR_MS])
    found = alarms.alarm_record(p, np.full(48, 0.5), HOURS[:48], event, 8 * HOUR_MS)
    assert (found.caught, found.right, found.alarms) == (0, 0, 1)


def test_a_gap_in_what_is_watched_ends_a_run():
    p = np.full(48, 0.9)
    p[20:30] = np.nan
    found = alarms.alarm_record(p, np.full(48, 0.5), HOURS[:48], np.zeros(0, np.int64), HOUR_MS)
    assert found.alarms == 2


def test_an_event_that_nobody_watched_for_is_not_counted():
    p = np.full(48, np.nan)
    p[:5] = 0.1
    event = np.array([40 * HOUR_MS])
    found = alarms.alarm_record(p, np.full(48, 0.5), HOURS[:48], event, 4 * HOUR_MS)
    assert found.events == 0
    assert math.isnan(found.recall)


def test_nothing_forecast_is_no_record():
    p = np.full(48, np.nan)
    found = alarms.alarm_record(p, np.full(48, 0.5), HOURS[:48], np.zeros(0, np.int64), HOUR_MS)
    assert (found.alarms, found.days) == (0, 0.0)
    assert math.isnan(found.precision)


def test_a_threshold_keeps_to_its_budget_and_uses_it():
    p = np.random.default_rng(1).random(24 * 28)
    threshold = alarms.threshold_for(p, 28, 1 / 7)
    assert alarms.count_runs(p >= threshold) <= 4
    assert alarms.count_runs(p >= threshold) >= 3
    assert alarms.threshold_for(p, 28, 1) < threshold


def test_thresholds_are_of_the_past_alone():
    p = np.random.default_rng(2).random(HOURS.size)
    before = alarms.trailing_thresholds(p, HOURS, 1 / 7)
    changed = p.copy()
    changed[40 * 24 :] = 1 - changed[40 * 24 :]
    after = alarms.trailing_thresholds(changed, HOURS, 1 / 7)
    until = HOURS < 14 * DAY_MS + 4 * 7 * DAY_MS
    assert before[until].tolist() == after[until].tolist()
    assert np.isinf(before[HOURS < 14 * DAY_MS]).all()


def test_a_perfect_order_has_all_of_the_skill_and_a_constant_none():
    y = (np.arange(1000) % 50 == 0).astype(float)
    assert alarms.molchan(y, y)[2] == pytest.approx(1, abs=0.05)
    assert alarms.molchan(np.full(1000, 0.02), y)[2] == pytest.approx(0)
    assert math.isnan(alarms.molchan(np.ones(10), np.zeros(10))[2])


def test_a_perfect_forecast_saves_all_and_the_base_rate_nothing():
    y = (np.arange(1000) % 20 == 0).astype(float)
    assert alarms.cost_loss_value(y, y, 0.2) == pytest.approx(1)
    assert alarms.cost_loss_value(np.full(1000, y.mean()), y, 0.2) == pytest.approx(0)
    assert alarms.cost_loss_value(1 - y, y, 0.2) < 0
    with pytest.raises(ValueError, match="between 0 and 1"):
        alarms.cost_loss_value(y, y, 1.5)

"""Steps, hours of the week, and volatility as it was known."""

from __future__ import annotations

import numpy as np
import pytest

from forcedflow.cascade.hawkes import Baseline, flat_baseline, with_hours, with_volatility
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

MONDAY = 1_704_067_200_000
"""Monday 2024-01-01 00:00 UTC."""


def test_steps_begin_on_whole_hours_and_end_with_the_window():
    baseline = flat_baseline(MONDAY + MINUTE_MS, MONDAY + 2 * HOUR_MS + 5)
    expected = [MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 2 * HOUR_MS + 5]
    np.testing.assert_array_equal(baseline.edges_ms - MONDAY, expected)
    assert baseline.span_s == pytest.approx(7_140.005)


def test_the_week_begins_on_monday():
    baseline = with_hours(flat_baseline(MONDAY, MONDAY + 8 * DAY_MS))
    np.testing.assert_array_equal(baseline.codes[0], np.arange(8 * 24) % 168)
    assert with_hours(flat_baseline(MONDAY, MONDAY + DAY_MS), 24).factors == ("hour of 24",)


def test_volatility_is_the_last_known_when_a_step_begins():
    flat = flat_baseline(MONDAY, MONDAY + 3 * HOUR_MS)
    known = np.array([MONDAY - 1, MONDAY + HOUR_MS, MONDAY + HOUR_MS + 1])
    baseline = with_volatility(flat, known, np.array([0.01, 0.02, 0.09]), np.array([0.015, 0.05]))
    np.testing.assert_array_equal(baseline.codes, [[0, 1, 2]])
    later = with_volatility(flat, known, np.array([0.01, 0.02, 0.01]), np.array([0.015, 0.05]))
    np.testing.assert_array_equal(later.codes[0, :2], baseline.codes[0, :2])


def test_volatility_that_is_not_known_yet_is_refused():
    flat = flat_baseline(MONDAY, MONDAY + 3 * HOUR_MS)
    with pytest.raises(ValueError, match="known"):
        with_volatility(flat, np.array([MONDAY + 1]), np.array([0.01]), np.array([0.015]))
    with pytest.raises(ValueError, match="known"):
        with_volatility(flat, np.array([MONDAY]), np.array([np.nan]), np.array([0.015]))


def test_blocks_are_days_and_a_step_over_midnight_is_refused():
    baseline = flat_baseline(MONDAY + HOUR_MS, MONDAY + 2 * DAY_MS)
    np.testing.assert_array_equal(np.bincount(baseline.blocks()), [23, 24])
    over = flat_baseline(MONDAY + 1, MONDAY + 2 * DAY_MS, 36 * HOUR_MS)
    with pytest.raises(ValueError, match="border of a block"):
        over.blocks()


def test_what_is_no_baseline_is_refused():
    with pytest.raises(ValueError, match="increase"):
        flat_baseline(MONDAY, MONDAY)
    with pytest.raises(ValueError, match="one row"):
        Baseline(np.array([0, 1]), np.zeros((1, 1), np.int64))
    with pytest.raises(ValueError, match="from 0"):
        Baseline(np.array([0, 1]), np.array([[-1]]), ("x",))

"""Volatility on returns that a person can square."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forcedflow.units import DAY_MS, HOUR_MS
from forcedflow.volatility import ewma_volatility


def test_hourly_returns_of_one_percent_are_root_24_percent_a_day():
    close = 100 * np.exp(0.01 * np.array([0, 1, 0, 1, 0]))
    times = HOUR_MS * np.arange(5)
    found = ewma_volatility(close, times)
    assert np.isnan(found[0])
    assert found[1:] == pytest.approx(0.01 * math.sqrt(24))


def test_a_return_weighs_half_after_one_half_life():
    # 4 % in the first day, nothing in the second: (0.0016/2 + 0) / (1/2 + 1) a day.
    close = 100 * np.exp(np.array([0.0, 0.04, 0.04]))
    found = ewma_volatility(close, DAY_MS * np.arange(3), half_life_ms=DAY_MS)
    assert found[2] == pytest.approx(math.sqrt(0.0008 / 1.5))


def test_a_gap_counts_by_its_length_not_as_one_bar():
    close = 100 * np.exp(np.array([0.0, 0.01, 0.03]))
    times = np.array([0, HOUR_MS, 5 * HOUR_MS])
    found = ewma_volatility(close, times, half_life_ms=10**6 * DAY_MS)
    assert found[2] == pytest.approx(math.sqrt(24 * (0.01**2 + 0.02**2) / 5), rel=1e-6)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_prices_have_no_volatility(n):
    found = ewma_volatility(np.full(n, 100.0), np.arange(n))
    assert found.size == n
    assert np.isnan(found).all()

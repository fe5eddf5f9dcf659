"""Lead and lag, on series whose order is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forcedflow.zones.lead_lag import first_touches, lead_lag, wilson


def _pair(n=4000, lag=1, share=0.6, seed=0):
    """A second series that repeats part of the first one's noise ``lag`` steps later."""
    rng = np.random.default_rng(seed)
    first = rng.standard_normal(n)
    late = np.concatenate([np.zeros(lag), first[:-lag]])
    return first, share * late + math.sqrt(1 - share**2) * rng.standard_normal(n)


def test_a_series_that_goes_ahead_is_found_with_its_lag_and_strength():
    first, second = _pair(lag=2)
    found = lead_lag(first, second, seed=1)
    assert found.lags.tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert found.lags[np.argmax(found.correlation)] == 2
    assert found.correlation.max() == pytest.approx(0.6, abs=0.04)
    assert 0 < found.low < found.lead < found.high
    turned = lead_lag(second, first, seed=1)
    assert turned.lead == pytest.approx(-found.lead)
    assert turned.high < 0


def test_the_interval_holds_zero_about_as_often_as_it_says_where_nobody_leads():
    rng = np.random.default_rng(5)
    held = 0
    for seed in range(60):
        first, second = rng.standard_normal((2, 600))
        found = lead_lag(first, second, seed=seed)
        held += found.low <= 0 <= found.high
    assert held >= 51  # of 60, at 95 %


def test_steps_at_which_one_is_unknown_are_passed_over():
    first, second = _pair()
    full = lead_lag(first, second, seed=0)
    first[100:200] = np.nan
    second[150:260] = np.nan
    found = lead_lag(first, second, seed=0)
    assert found.n == full.n - 160
    assert found.lead == pytest.approx(full.lead, abs=0.05)


def test_too_little_or_nothing_that_moves_says_nothing():
    first, second = _pair(n=40)
    assert math.isnan(lead_lag(first, second, seed=0, block=24).lead)
    assert math.isnan(lead_lag(np.ones(400), _pair(n=400)[1], seed=0).low)
    with pytest.raises(ValueError, match="one row of times"):
        lead_lag(first, second[:-1], seed=0)
    with pytest.raises(ValueError, match="at least one step"):
        lead_lag(first, second, seed=0, most=0)


def test_first_touches_are_counted_apart_from_those_together():
    nan = np.nan
    found = first_touches(
        np.array([1.0, 2.0, 5.0, nan, 7.0, nan]), np.array([2.0, 1.0, 5.0, nan, nan, 9.0])
    )
    assert (found.first, found.second, found.together, found.neither) == (2, 2, 1, 1)
    assert found.share == 0.5
    assert found.low < 0.5 < found.high
    with pytest.raises(ValueError, match="pair of times"):
        first_touches(np.zeros(2), np.zeros(3))


def test_wilsons_interval_is_the_published_one():
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.3080, 0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.0, 0.1611), abs=5e-5)
    assert all(math.isnan(figure) for figure in wilson(0, 0))

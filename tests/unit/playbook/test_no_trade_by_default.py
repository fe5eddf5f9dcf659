"""Past legs: how many had bottomed, what plans came to, and no trade unless that says so."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference.price_series import MONDAY_MS, series_of

from forcedflow.playbook.ignition import find_ignitions
from forcedflow.playbook.past_legs import (
    LEAST_PLANS,
    NetRate,
    PastLegs,
    joined,
    judge,
    net_rate,
    past_impulses,
    to_extreme_ms,
)
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

FIVE = 5 * MINUTE_MS


def past(net_bps, to_extreme=0):
    n = len(net_bps)
    at = MONDAY_MS + DAY_MS * np.arange(n)
    ways = np.broadcast_to(np.asarray(to_extreme, dtype=np.int64), n).copy()
    return PastLegs(at + 5 * HOUR_MS, at, ways, np.asarray(net_bps, dtype=float), 1e4)


def test_without_enough_plans_there_is_no_rate_and_so_no_trade():
    verdict = judge(past([50.0] * (LEAST_PLANS - 1)).net_rate())
    assert verdict.no_trade
    assert "29 past plans" in verdict.reason


def test_many_plans_on_few_days_are_no_rate():
    rate = net_rate(np.full(100, 50.0), np.full(100, MONDAY_MS))
    assert np.isnan(rate.low_bps)
    assert judge(rate).no_trade


def test_a_mean_above_zero_whose_interval_is_not_cannot_be_told_from_zero():
    rate = past([200.0, -190.0] * 20).net_rate()
    assert rate.mean_bps == pytest.approx(5.0)
    assert rate.low_bps < 0 < rate.high_bps
    verdict = judge(rate)
    assert verdict.no_trade
    assert "cannot be told from zero" in verdict.reason


def test_plans_that_lost_are_said_to_have_lost():
    verdict = judge(past([-30.0, -10.0] * 20).net_rate())
    assert verdict.no_trade
    assert verdict.reason.startswith("past plans lost")


def test_only_a_whole_interval_above_zero_lifts_no_trade():
    rate = past([30.0, 10.0] * 20).net_rate()
    assert rate.above_zero
    assert not judge(rate).no_trade


def test_a_leg_without_a_plan_is_no_plan_of_zero():
    rate = past([30.0, np.nan] * 40).net_rate()
    assert (rate.n, rate.mean_bps) == (40, 30.0)


def test_only_what_was_over_by_then_is_known():
    legs = past(np.arange(50.0))
    known = legs.known_by(int(legs.known_ms[9]))
    assert known.net_bps.tolist() == list(range(10))


def test_the_share_that_had_bottomed_counts_extremes_behind_a_time():
    legs = past([0.0] * 40, to_extreme=[-FIVE, 0, FIVE, HOUR_MS] * 10)
    assert legs.share_bottomed(0) == 0.5
    assert legs.share_bottomed(FIVE) == 0.75
    assert past([0.0] * 29).share_bottomed(0) is None


def test_the_time_to_the_extreme_is_from_when_the_impulse_was_known():
    falling = [100.0] * 5 + [99.0, 98.0, 97.0, 97.5]
    rest = [98.0] * 60

    def way(closes, delay_ms=0):
        series = series_of(closes, delay_ms=delay_ms)
        return to_extreme_ms(series, find_ignitions(series)[0])

    assert way([*falling, *rest]) == 2 * FIVE
    assert way([*falling, *rest], delay_ms=3 * FIVE) == -FIVE
    assert way(falling) is None


def test_a_rate_is_the_same_whoever_asks():
    values, at = np.array([10.0, -5.0] * 20), MONDAY_MS + DAY_MS * np.arange(40)
    assert net_rate(values, at) == net_rate(values.copy(), at.copy())
    assert isinstance(net_rate(values, at), NetRate)


def test_impulses_are_past_once_four_hours_more_are_known():
    falling = [100.0] * 5 + [99.0, 98.0, 97.0, 97.5]
    series = series_of([*falling, *[98.0] * 60], delay_ms=FIVE)
    ignitions = find_ignitions(series)[:1]  # the way back up is another
    known = past_impulses(series, ignitions)
    assert known.known_ms.tolist() == [ignitions[0].impulse_ms + 4 * HOUR_MS]
    assert known.to_extreme_ms.tolist() == [FIVE]
    assert np.isnan(known.net_bps).all()
    assert past_impulses(series_of(falling), ignitions).known_ms.size == 0


def test_records_are_joined_by_when_each_leg_was_known_and_only_of_one_size():
    one, other = past([1.0, 2.0]), past([3.0, 4.0])
    assert joined([one, other]).net_bps.tolist() == [1.0, 3.0, 2.0, 4.0]
    larger = PastLegs(*(getattr(other, name) for name in PastLegs.__slots__[:4]), 1e6)
    with pytest.raises(ValueError, match="one size"):
        joined([one, larger])

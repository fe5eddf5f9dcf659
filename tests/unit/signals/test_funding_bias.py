"""Funding that is one-sided for long, or turned and stayed: by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.feature_tables import assert_no_repaint, changed, lay, rising

from forcedflow.signals.funding_bias import SIGNAL, crowding

NAMES = ["funding_mean_3d", "funding_same_sign_hours", "funding_flip_hours"]


def _table(**last):
    table = lay(
        {
            "funding_mean_3d": rising(0.0, -1e-4, 1e-4),
            "funding_same_sign_hours": 60.0,
            "funding_flip_hours": 300.0,
        }
    )
    return changed(table, **last)


def _turned(before_hours, since_hours=30.0, sign=1.0):
    """Funding that turned so many hours ago, after so many of the other sign."""
    n = round(since_hours * 12)
    hours = np.full(_table().size, -sign * before_hours)
    hours[-n - 1 :] = sign * np.arange(n + 1) / 12
    return _table().joined(
        {
            "funding_same_sign_hours": hours,
            "funding_flip_hours": np.full(hours.size, since_hours),
        }
    )


def test_longs_who_pay_much_for_two_days_put_the_risk_down():
    reading = SIGNAL.read(_table(funding_mean_3d=9e-5))
    assert (reading.verdict, reading.direction) == ("on", "down")
    assert reading.threshold == pytest.approx(8e-5, rel=0.01)
    assert "mean of 3 days +0.0090 % per 8 h" in reading.why
    assert "longs paid for the last 60 h" in reading.why


def test_shorts_who_pay_much_for_two_days_put_the_risk_up():
    reading = SIGNAL.read(_table(funding_mean_3d=-9e-5, funding_same_sign_hours=-48.0))
    assert (reading.verdict, reading.direction) == ("on", "up")
    assert reading.threshold == pytest.approx(-8e-5, rel=0.01)


@pytest.mark.parametrize(
    "last",
    [
        {"funding_mean_3d": 7e-5},
        {"funding_mean_3d": 9e-5, "funding_same_sign_hours": 47.0},
        {"funding_mean_3d": 9e-5, "funding_same_sign_hours": -60.0},
    ],
    ids=["usual", "for less than two days", "the sign has already changed"],
)
def test_anything_less_is_off(last):
    reading = SIGNAL.read(_table(**last))
    assert (reading.verdict, reading.direction) == ("off", "none")


def test_a_low_rate_that_is_still_positive_is_not_crowded_shorts():
    table = lay(
        {
            "funding_mean_3d": rising(1e-6, 5e-5, 1e-4),
            "funding_same_sign_hours": 200.0,
            "funding_flip_hours": 200.0,
        }
    )
    assert SIGNAL.read(table).verdict == "off"


def test_a_rate_that_stands_at_its_cap_is_not_high_for_being_where_it_always_is():
    table = lay(
        {
            "funding_mean_3d": 1e-4 * (1 + 1e-13 * np.arange(2592) % 7),
            "funding_same_sign_hours": 200.0,
            "funding_flip_hours": 200.0,
        }
    )
    assert SIGNAL.read(table).verdict == "off"


@pytest.mark.parametrize(("sign", "risk"), [(1.0, "down"), (-1.0, "up")])
def test_funding_that_turned_after_two_days_and_stayed_is_on_towards_its_new_payers(sign, risk):
    reading = SIGNAL.read(_turned(before_hours=50.0, sign=sign))
    assert (reading.verdict, reading.direction) == ("on", risk)
    assert "turned 30 h ago and stayed" in reading.why


@pytest.mark.parametrize(
    ("before", "since"),
    [(40.0, 30.0), (50.0, 73.0)],
    ids=["no long sign before", "long ago"],
)
def test_a_turn_that_ends_no_long_sign_or_is_old_is_off(before, since):
    assert SIGNAL.read(_turned(before, since)).verdict == "off"


def test_a_turn_that_did_not_hold_is_off():
    table = changed(_turned(before_hours=50.0), funding_same_sign_hours=-0.5)
    assert SIGNAL.read(table).verdict == "off"


def test_without_funding_it_is_unknown_and_says_so():
    reading = SIGNAL.read(lay({}, absent=["funding"]))
    assert (reading.verdict, reading.why) == (
        "unknown",
        "unknown: no rows of funding were known by then",
    )


def test_crowding_says_who_pays_and_how_much_that_is_for_this_market():
    assert crowding(_table(funding_mean_3d=1.0)) == pytest.approx(1, abs=0.001)
    assert crowding(_table(funding_mean_3d=-1.0)) == pytest.approx(-1, abs=0.001)
    assert crowding(_table(funding_mean_3d=-5e-5)) == pytest.approx(-0.5, abs=0.001)
    assert crowding(_table(funding_mean_3d=0.0)) == 0
    assert np.isnan(crowding(_table(funding_mean_3d=np.nan)))


@given(seed=st.integers(0, 2**32), cut=st.floats(0.01, 0.999))
@settings(deadline=None, max_examples=20)
def test_rows_that_come_later_change_nothing(seed, cut):
    assert_no_repaint(SIGNAL, NAMES, seed, cut)

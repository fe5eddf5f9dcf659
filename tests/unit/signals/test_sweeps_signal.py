"""Repeated sweeps: by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.feature_tables import NINE_DAYS, assert_no_repaint, changed, lay

from forcedflow.signals.sweeps import SIGNAL

NAMES = ["sweeps_high_24h", "sweeps_low_24h"]


def _table(highs, lows, past=None):
    """Return sides as told at the end; ``past`` is what this market is used to."""
    usual = np.zeros(NINE_DAYS) if past is None else np.resize(past, NINE_DAYS)
    table = lay({"sweeps_high_24h": usual, "sweeps_low_24h": 0.0, "hours_since_sweep": 1.5})
    return changed(table, sweeps_high_24h=highs, sweeps_low_24h=lows)


@pytest.mark.parametrize(("highs", "lows", "risk"), [(2, 0, "down"), (1, 3, "up"), (2, 2, "both")])
def test_a_side_swept_twice_in_a_day_puts_those_who_followed_at_risk(highs, lows, risk):
    reading = SIGNAL.read(_table(highs, lows))
    assert (reading.verdict, reading.direction) == ("on", risk)
    assert (reading.value, reading.threshold) == (max(highs, lows), 2)
    assert f"{highs} highs and {lows} lows were poked and lost at once" in reading.why
    assert "the newest 1.5 h ago" in reading.why


def test_once_on_either_side_is_off():
    reading = SIGNAL.read(_table(1, 1))
    assert (reading.verdict, reading.direction) == ("off", "none")


def test_what_this_market_does_every_day_is_off():
    used_to_it = np.array([0.0, 3.0, 3.0])
    assert SIGNAL.read(_table(2, 0, used_to_it)).verdict == "off"
    assert SIGNAL.read(_table(3, 0, used_to_it)).verdict == "on"


def test_without_a_price_it_is_unknown_and_names_the_tables():
    names = ["mark klines", "open_interest", "perpetual klines"]
    reading = SIGNAL.read(lay({}, absent=names))
    assert (reading.verdict, reading.direction) == ("unknown", "none")
    assert "no rows of mark klines or open_interest or perpetual klines" in reading.why


@given(seed=st.integers(0, 2**32), cut=st.floats(0.01, 0.999))
@settings(deadline=None, max_examples=20)
def test_rows_that_come_later_change_nothing(seed, cut):
    assert_no_repaint(SIGNAL, NAMES, seed, cut)

"""Open interest that rises while the price stands still: by hand, with its gauge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.feature_tables import assert_no_repaint, changed, lay, random_table, rising

from forcedflow.signals.pressure import SIGNAL, gauge, gauge_now, pressure

NAMES = ["oi_change_4h", "oi_change_4h_rank_30d", "sideways_4h"]


def _table(**last):
    rank = rising(0.95)
    table = lay(
        {
            "oi_change_4h": rising(0.04, -0.05, 0.05),
            "oi_change_4h_rank_30d": rank,
            "sideways_4h": 0.3,
        }
    )
    return changed(table, **last)


def test_contracts_added_at_a_price_that_stands_still_are_on_both_ways():
    reading = SIGNAL.read(_table())
    assert (reading.verdict, reading.direction) == ("on", "both")
    assert (reading.value, reading.threshold) == (0.95, 0.9)
    assert "+4.00 % in 4 h, above 95 %" in reading.why


@pytest.mark.parametrize(
    "last",
    [
        {"oi_change_4h_rank_30d": 0.89},
        {"sideways_4h": 0.5},
        {"oi_change_4h": -0.001},
    ],
    ids=["an ordinary rise", "a price that moved", "contracts closed, if fewer than ever"],
)
def test_anything_less_is_off(last):
    reading = SIGNAL.read(_table(**last))
    assert (reading.verdict, reading.direction) == ("off", "none")


@pytest.mark.parametrize("name", ["oi_change_4h_rank_30d", "sideways_4h"])
def test_without_open_interest_or_a_price_it_is_unknown(name):
    table = changed(_table(), **{name: np.nan})
    reading = SIGNAL.read(table)
    assert reading.verdict == "unknown"
    assert "too old, or too little of the past is held: open_interest (5 min old)" in reading.why


def test_the_table_that_is_missing_is_named():
    table = lay({"sideways_4h": 0.3}, absent=["open_interest"])
    reading = SIGNAL.read(table)
    assert reading.why == "unknown: no rows of open_interest were known by then"
    assert ("open_interest", None) in reading.inputs


def test_pressure_counts_a_move_of_less_than_half_a_deviation_as_that():
    table = lay({"oi_change_4h": [0.01, 0.01, -0.02], "sideways_4h": [0.1, 2.0, 0.0]}, n=3)
    np.testing.assert_allclose(pressure(table), [0.02, 0.005, -0.04])


@pytest.mark.parametrize("seed", range(8))
def test_the_gauge_of_the_moment_is_the_last_of_its_history(seed):
    table = random_table(NAMES, seed, 2500 if seed % 2 else 9500)
    np.testing.assert_allclose(gauge_now(table), gauge(table)[-1], rtol=1e-12)


def test_the_gauge_is_a_hundred_at_most_and_unknown_in_the_first_week():
    assert 99 < gauge_now(_table(oi_change_4h=1.0)) <= 100
    assert np.isnan(gauge_now(_table().tail(2000)))


@given(seed=st.integers(0, 2**32), cut=st.floats(0.01, 0.999))
@settings(deadline=None, max_examples=20)
def test_rows_that_come_later_change_nothing(seed, cut):
    assert_no_repaint(SIGNAL, NAMES, seed, cut)

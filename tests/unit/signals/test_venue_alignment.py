"""The same cluster on several venues: by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.feature_tables import assert_no_repaint, changed, lay, rising

from forcedflow.signals.venue_alignment import SIGNAL

NAMES = ["alignment_below", "alignment_above"]


def _table(**last):
    table = lay(
        {"alignment_below": rising(0.6, 0.5, 1.0), "alignment_above": rising(0.6, 0.5, 1.0)}
    )
    return changed(table, **last)


@pytest.mark.parametrize(
    ("last", "risk"),
    [
        ({"alignment_below": 0.95}, "down"),
        ({"alignment_above": 0.95}, "up"),
        ({"alignment_below": 0.95, "alignment_above": 0.95}, "both"),
    ],
)
def test_ladders_that_lie_over_each_other_put_the_risk_on_their_side(last, risk):
    reading = SIGNAL.read(_table(**last))
    assert (reading.verdict, reading.direction, reading.value) == ("on", risk, 0.95)
    assert reading.threshold == pytest.approx(0.9, abs=0.001)


def test_a_usual_overlap_is_off():
    reading = SIGNAL.read(_table(alignment_below=0.85))
    assert (reading.verdict, reading.direction) == ("off", "none")
    assert "0.85 below and 0.60 above" in reading.why


def test_the_most_overlap_of_ladders_that_never_share_half_is_off():
    low = lay({name: rising(0.49, 0.0, 0.4) for name in NAMES})
    assert SIGNAL.read(low).verdict == "off"


def test_one_venue_alone_is_unknown_and_the_table_is_named():
    reading = SIGNAL.read(lay({}))
    assert (reading.verdict, reading.direction) == ("unknown", "none")
    assert "needs open_interest of another venue" in reading.why


def test_less_than_a_week_of_both_venues_is_unknown():
    short = np.full(_table().size, np.nan)
    short[-100:] = 0.9
    reading = SIGNAL.read(_table().joined({"alignment_below": short}))
    assert reading.verdict == "unknown"
    assert "too little of the past is held: open_interest" in reading.why


@given(seed=st.integers(0, 2**32), cut=st.floats(0.01, 0.999))
@settings(deadline=None, max_examples=20)
def test_rows_that_come_later_change_nothing(seed, cut):
    assert_no_repaint(SIGNAL, NAMES, seed, cut)

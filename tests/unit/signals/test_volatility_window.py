"""A scheduled event ahead: by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.feature_tables import assert_no_repaint, lay

from forcedflow.signals.volatility_window import SIGNAL

NAMES = ["hours_to_event", "event_weight"]
LABELS = {"next_event": "FOMC decision (US)"}


@pytest.mark.parametrize("hours", [6.0, 0.5, 0.0])
def test_an_event_within_six_hours_or_under_way_is_on_both_ways(hours):
    reading = SIGNAL.read(lay({"hours_to_event": hours, "event_weight": 1.0}, labels=LABELS))
    assert (reading.verdict, reading.direction) == ("on", "both")
    assert (reading.value, reading.threshold) == (hours, 6.0)
    assert "the window of FOMC decision (US)" in reading.why
    assert ("is open" in reading.why) == (hours == 0)


@pytest.mark.parametrize(
    ("hours", "weight"), [(6.1, 1.0), (1.0, 0.1)], ids=["later", "a weekly expiry"]
)
def test_a_later_or_lighter_event_is_off(hours, weight):
    reading = SIGNAL.read(lay({"hours_to_event": hours, "event_weight": weight}, labels=LABELS))
    assert (reading.verdict, reading.direction) == ("off", "none")
    assert ("too light to count" in reading.why) == (weight < 0.25)


def test_without_a_calendar_it_is_unknown_and_names_the_table():
    reading = SIGNAL.read(lay({}, absent=["calendar_events"]))
    assert (reading.verdict, reading.direction) == ("unknown", "none")
    assert "no rows of calendar_events" in reading.why


def test_a_calendar_that_ends_before_the_moment_is_unknown():
    assert SIGNAL.read(lay({"event_weight": 1.0})).verdict == "unknown"


@given(seed=st.integers(0, 2**32), cut=st.floats(0.01, 0.999))
@settings(deadline=None, max_examples=20)
def test_rows_that_come_later_change_nothing(seed, cut):
    assert_no_repaint(SIGNAL, NAMES, seed, cut)

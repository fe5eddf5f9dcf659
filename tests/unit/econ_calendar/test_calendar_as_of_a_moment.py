"""The calendar as known at a moment: merged from every source, and never redrawn."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.econ_calendar import read_events, windows_at
from forcedflow.econ_calendar.declared import parse_declared
from forcedflow.econ_calendar.event import CPI, ScheduledEvent, to_rows
from forcedflow.econ_calendar.record import record_events, withdraw_event
from forcedflow.econ_calendar.wall_time import whole_day
from forcedflow.errors import NoDataError, SchemaError
from forcedflow.store import Lake

_HOUR = 3_600_000
_DAY = 24 * _HOUR


def _ms(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


_NOW = _ms("2026-11-24T00:00Z")
_SPAN = (_ms("2026-11-20T00:00Z"), _ms("2027-02-01T00:00Z"))


def _declared(text, now_ms=_NOW, **options):
    return parse_declared(text, zone="UTC", now_ms=now_ms, **options)


def _feed(name, when, known_ms, **changes):
    event = ScheduledEvent(
        name=name,
        country="US",
        event_ms=_ms(when),
        known_ms=known_ms,
        before_ms=_HOUR // 2,
        after_ms=2 * _HOUR,
        weight=1.0,
        status="scheduled",
        trust="feed",
        local_time="08:30",
        timezone="America/New_York",
        source="calendar:bls",
        source_url="https://x",
        read_on="2026-11-24",
        precedence=1,
    )
    return replace(event, **changes)


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake", create=True)


def _names(lake, at_ms, span=_SPAN):
    return [window.event for window in windows_at(read_events(lake, at_ms, *span), at_ms)]


def test_without_a_lake_the_shipped_facts_and_the_expiries_are_known():
    names = _names(None, _ms("2026-11-22T00:00Z"))
    assert names.count("FOMC decision") == 1  # January's is known thirty days before
    assert "US CPI" in names
    assert "quarterly expiry" in names


def test_a_past_moment_knows_no_date_that_was_moved_after_it():
    at_ms = _ms("2026-02-10T00:00Z")
    span = (at_ms, _ms("2026-02-15T00:00Z"))
    assert set(_names(None, at_ms, span)) == {"weekly expiry"}
    later = _ms("2026-02-14T00:00Z")
    assert {"US CPI", "US employment situation (NFP)"} <= set(_names(None, later, span))


def test_a_declared_event_is_known_since_it_was_declared(lake):
    record_events(lake, [_declared("2026-12-01T12:00Z unlock")])
    assert "unlock" in _names(lake, _NOW)
    assert "unlock" not in _names(lake, _NOW - 1)


def test_declaring_the_same_again_changes_nothing_and_another_window_counts_from_now(lake):
    event = _declared("2026-12-01T12:00Z unlock")
    assert record_events(lake, [event]).added == 1
    again = record_events(lake, [replace(event, known_ms=_NOW + _DAY)])
    assert (again.added, again.replaced, again.unchanged) == (0, 0, 1)
    heavier = replace(event, known_ms=_NOW + _DAY, weight=1.0)
    assert record_events(lake, [heavier]).replaced == 1
    assert "unlock" not in _names(lake, _NOW)
    assert "unlock" in _names(lake, _NOW + _DAY)


def test_a_feed_that_confirms_a_shipped_date_leaves_it_known_since_before(lake):
    before = read_events(lake, _NOW, *_SPAN).filter(pl.col("event") == CPI)
    record_events(lake, [_feed(CPI, "2026-12-10T13:30Z", _NOW)])
    after = read_events(lake, _NOW, *_SPAN).filter(pl.col("event") == CPI)
    assert after.height == before.height
    assert after["available_time"].to_list() == before["available_time"].to_list()
    assert after["trust"].to_list() == ["feed"]


def test_a_feed_does_not_take_back_that_a_release_was_held(lake):
    when = "2026-09-11T12:30Z"
    span = (_ms("2026-09-01T00:00Z"), _ms("2026-10-01T00:00Z"))
    record_events(lake, [_feed(CPI, when, _NOW)])
    rows = read_events(lake, _NOW, *span).filter(pl.col("event") == CPI)
    assert rows["status"].to_list() == ["held"]


def test_a_whole_day_counts_until_a_time_is_known_for_it(lake):
    day = whole_day(datetime.fromisoformat("2027-01-13").date(), "America/New_York")
    dated = _feed(
        CPI,
        "2027-01-13T17:00Z",
        _NOW,
        local_time=None,
        before_ms=day.day_before_ms,
        after_ms=day.day_after_ms,
        source="calendar:fred",
    )
    timed = _feed(CPI, "2027-01-13T13:30Z", _NOW + _DAY)
    record_events(lake, [dated])
    record_events(lake, [timed])
    for at_ms, local_times in ((_NOW, [None]), (_NOW + _DAY, ["08:30"])):
        rows = read_events(lake, _NOW + 2 * _DAY, _ms("2027-01-12T00:00Z"), _SPAN[1])
        shown = [w.local_time for w in windows_at(rows, at_ms) if w.event == CPI]
        assert shown == local_times


def test_withdrawing_an_event_keeps_that_it_was_expected_before(lake):
    withdraw_event(lake, CPI, _ms("2026-12-10T13:30Z"), _NOW)
    assert CPI not in _names(lake, _NOW)
    assert CPI in _names(lake, _NOW - 1)
    rows = read_events(lake, _NOW, *_SPAN)  # and in the rows read later
    assert CPI in {window.event for window in windows_at(rows, _NOW - 1)}


def test_withdrawing_what_is_not_known_is_said(lake):
    with pytest.raises(NoDataError, match="forcedflow calendar"):
        withdraw_event(lake, "no such", _NOW, _NOW)


def test_a_simulated_market_knows_no_real_event(lake):
    simulated = to_rows([_declared("2026-12-01T12:00Z announcement")]).with_columns(
        source=pl.lit("sandbox:test")
    )
    lake.write({"calendar_events": simulated})
    assert _names(lake, _NOW) == ["announcement"]
    # Also where its own events are elsewhere.
    assert _names(lake, _NOW, (_ms("2026-12-05T00:00Z"), _SPAN[1])) == []


def test_an_event_that_the_table_cannot_hold_is_refused():
    with pytest.raises(SchemaError, match="weight"):
        to_rows([replace(_declared("2026-12-01T12:00Z a"), weight=float("nan"))])


_ADDED = st.lists(
    st.tuples(
        st.integers(0, 60 * 24),  # hours after the span's beginning
        st.integers(0, 40),  # declared so many hours after the moment below
        st.sampled_from(["unlock", "hearing", CPI]),
        st.floats(0.1, 1.0),
    ),
    max_size=8,
)


@given(added=_ADDED, back=st.integers(1, 500))
@settings(deadline=None, max_examples=25)
def test_what_is_learned_later_changes_nothing_that_was_known_before(tmp_path_factory, added, back):
    lake = Lake(tmp_path_factory.mktemp("lake") / "lake", create=True)
    record_events(lake, [_declared("2026-12-01T12:00Z unlock", now_ms=_NOW - 20 * _DAY)])
    earlier = _NOW - back * _HOUR
    known = windows_at(read_events(lake, earlier, *_SPAN), earlier)
    for hours, later, name, weight in added:
        when_ms = _SPAN[0] + hours * _HOUR
        event = replace(
            _declared("2026-12-01T12:00Z x", now_ms=_NOW + later * _HOUR, weight=weight),
            name=name,
            event_ms=when_ms,
        )
        record_events(lake, [event])
    withdraw_event(lake, CPI, _ms("2026-12-10T13:30Z"), _NOW)
    until = _NOW + 50 * _HOUR
    assert windows_at(read_events(lake, earlier, *_SPAN), earlier) == known
    assert windows_at(read_events(lake, until, *_SPAN), earlier) == known

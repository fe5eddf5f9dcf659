"""Expiries and funding stamps against the calendar counted out day by day."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.econ_calendar.expiries import expiries, expiry_kind
from forcedflow.econ_calendar.funding_stamps import funding_stamps, next_funding

_EPOCH_MS = 1_704_067_200_000  # 2024-01-01
_HOUR = 3_600_000


def _ms(moment):
    return round(moment.timestamp() * 1000)


def _last_friday(year, month):
    weeks = calendar.monthcalendar(year, month)
    return date(year, month, max(week[calendar.FRIDAY] for week in weeks))


@given(day=st.dates(date(2024, 1, 1), date(2030, 12, 31)))
@settings(deadline=None)
def test_the_largest_expiry_of_a_friday_is_that_of_the_month_or_the_quarter(day):
    friday = day + timedelta(days=(4 - day.weekday()) % 7)
    last = friday == _last_friday(friday.year, friday.month)
    expected = "weekly expiry"
    if last:
        expected = "quarterly expiry" if friday.month in (3, 6, 9, 12) else "monthly expiry"
    assert expiry_kind(friday) == expected


@given(start=st.integers(0, 1000 * 24), hours=st.integers(0, 60 * 24))
@settings(deadline=None)
def test_a_span_holds_every_friday_at_eight_and_no_other_moment(start, hours):
    start_ms, end_ms = _EPOCH_MS + start * _HOUR, _EPOCH_MS + (start + hours) * _HOUR
    counted = [
        ms
        for ms in range(start_ms, end_ms, _HOUR)
        if (at := datetime.fromtimestamp(ms / 1000, UTC)).weekday() == 4 and at.hour == 8
    ]
    found = expiries(start_ms, end_ms)
    assert [event.event_ms for event in found] == counted
    assert all(event.known_ms < event.event_ms - 300 * 24 * _HOUR for event in found)


def test_expiries_do_not_move_with_anybodys_clocks():
    for day in (date(2026, 3, 27), date(2026, 4, 3), date(2026, 10, 30), date(2026, 11, 6)):
        at = _ms(datetime(day.year, day.month, day.day, 8, tzinfo=UTC))
        assert [event.event_ms for event in expiries(at - _HOUR, at + _HOUR)] == [at]


def test_the_window_of_an_expiry_opens_with_the_average_it_settles_at():
    (event,) = expiries(
        _ms(datetime(2026, 12, 25, tzinfo=UTC)), _ms(datetime(2026, 12, 26, tzinfo=UTC))
    )
    assert (event.name, event.before_ms) == ("quarterly expiry", 30 * 60_000)


@given(
    start=st.integers(0, 10**10),
    span=st.integers(0, 10 * 24 * _HOUR),
    interval=st.sampled_from([1, 2, 4, 8]),
)
@settings(deadline=None)
def test_stamps_are_all_multiples_of_the_interval_within_the_span(start, span, interval):
    found = funding_stamps(start, start + span, interval)
    assert all(start <= stamp < start + span for stamp in found)
    assert all(stamp % (interval * _HOUR) == 0 for stamp in found)
    assert len(found) in {span // (interval * _HOUR), span // (interval * _HOUR) + 1}
    following = next_funding(start, interval)
    assert start < following <= start + interval * _HOUR
    assert following % (interval * _HOUR) == 0


def test_the_usual_stamps_are_at_midnight_at_eight_and_at_sixteen():
    day = funding_stamps(_EPOCH_MS, _EPOCH_MS + 24 * _HOUR)
    assert [(stamp - _EPOCH_MS) // _HOUR for stamp in day] == [0, 8, 16]


def test_at_a_stamp_the_next_is_an_interval_away():
    assert next_funding(_EPOCH_MS, 8) == _EPOCH_MS + 8 * _HOUR


@pytest.mark.parametrize("interval", [0, -8, 5, 7])
def test_an_interval_that_does_not_divide_a_day_is_refused(interval):
    with pytest.raises(ValueError, match="whole number of intervals"):
        funding_stamps(0, _HOUR, interval)

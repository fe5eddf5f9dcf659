"""What a clock on the wall shows, as moments, around every change of the clocks that matters."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.econ_calendar.wall_time import (
    at_wall_time,
    parse_wall_time,
    to_day,
    whole_day,
    zone_of,
)

ZONES = ("America/New_York", "Europe/Berlin", "Europe/London", "Asia/Tokyo")


def _utc(wall):
    return datetime.fromtimestamp(wall.event_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("day", "clock", "zone", "expected"),
    [
        # New York changes on 2026-03-08 and 2026-11-01, three weeks before and one after Europe.
        ("2026-03-06", "08:30", "America/New_York", "2026-03-06 13:30"),
        ("2026-03-09", "08:30", "America/New_York", "2026-03-09 12:30"),
        ("2026-10-30", "08:30", "America/New_York", "2026-10-30 12:30"),
        ("2026-11-02", "08:30", "America/New_York", "2026-11-02 13:30"),
        ("2026-03-18", "14:00", "America/New_York", "2026-03-18 18:00"),
        # Frankfurt and London change on 2026-03-29 and 2026-10-25.
        ("2026-03-19", "14:15", "Europe/Berlin", "2026-03-19 13:15"),
        ("2026-03-30", "14:15", "Europe/Berlin", "2026-03-30 12:15"),
        ("2026-10-23", "14:15", "Europe/Berlin", "2026-10-23 12:15"),
        ("2026-10-29", "14:15", "Europe/Berlin", "2026-10-29 13:15"),
        ("2026-03-19", "12:00", "Europe/London", "2026-03-19 12:00"),
        ("2026-03-30", "12:00", "Europe/London", "2026-03-30 11:00"),
        ("2026-11-05", "12:00", "Europe/London", "2026-11-05 12:00"),
        # Tokyo never changes.
        ("2026-03-19", "12:00", "Asia/Tokyo", "2026-03-19 03:00"),
        ("2026-07-31", "12:00", "Asia/Tokyo", "2026-07-31 03:00"),
    ],
)
def test_a_wall_time_is_the_moment_that_the_rules_of_its_zone_give(day, clock, zone, expected):
    wall = at_wall_time(date.fromisoformat(day), time.fromisoformat(clock), zone)
    assert _utc(wall) == expected
    assert (wall.local_time, wall.timezone) == (clock, zone)


@pytest.mark.parametrize(
    ("day", "clock", "zone", "problem"),
    [
        ("2026-03-08", "02:30", "America/New_York", "skipped"),
        ("2026-11-01", "01:30", "America/New_York", "shown twice"),
        ("2026-03-29", "02:30", "Europe/Berlin", "skipped"),
        ("2026-10-25", "02:30", "Europe/Berlin", "shown twice"),
        ("2026-03-29", "01:30", "Europe/London", "skipped"),
        ("2026-10-25", "01:30", "Europe/London", "shown twice"),
    ],
)
def test_a_time_that_clocks_skip_or_show_twice_is_refused(day, clock, zone, problem):
    with pytest.raises(ValueError, match=problem):
        at_wall_time(date.fromisoformat(day), time.fromisoformat(clock), zone)


@given(
    day=st.dates(date(2024, 1, 1), date(2028, 12, 31)),
    minute=st.integers(0, 1439),
    zone=st.sampled_from(ZONES),
)
@settings(deadline=None)
def test_the_moment_of_a_wall_time_shows_that_time_again(day, minute, zone):
    clock = time(*divmod(minute, 60))
    try:
        wall = at_wall_time(day, clock, zone)
    except ValueError:
        # Refused only where going to UTC and back does not come home to one moment.
        moments = {
            datetime.combine(day, clock, ZoneInfo(zone)).replace(fold=fold).astimezone(UTC)
            for fold in (0, 1)
        }
        assert len(moments) == 2
        return
    shown = datetime.fromtimestamp(wall.event_ms / 1000, ZoneInfo(zone))
    assert (shown.date(), shown.time()) == (day, clock)


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-03-08", "America/New_York", 23),
        ("2026-11-01", "America/New_York", 25),
        ("2026-03-29", "Europe/London", 23),
        ("2026-10-25", "Europe/Berlin", 25),
        ("2026-03-29", "Asia/Tokyo", 24),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(day, zone, hours):
    wall = whole_day(date.fromisoformat(day), zone)
    assert (wall.day_before_ms + wall.day_after_ms) / 3_600_000 == hours
    assert wall.local_time is None
    start = datetime.fromtimestamp((wall.event_ms - wall.day_before_ms) / 1000, ZoneInfo(zone))
    end = datetime.fromtimestamp((wall.event_ms + wall.day_after_ms) / 1000, ZoneInfo(zone))
    assert (start.time(), end.time()) == (time(), time())
    assert end.date() - start.date() == timedelta(days=1)
    assert to_day(wall.event_ms, zone).isoformat() == day


def test_an_offset_is_a_moment_whatever_the_zone_beside_it():
    for text in ("2026-11-25T13:30Z", "2026-11-25T08:30-05:00"):
        wall = parse_wall_time(text, "Asia/Tokyo")
        assert (_utc(wall), wall.local_time, wall.timezone) == ("2026-11-25 13:30", "13:30", "UTC")


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30", "2026-11-25T25:00Z"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="is no time"):
        parse_wall_time(text, "UTC")


@pytest.mark.parametrize("name", ["", "New York", "../etc/passwd", "EST5EDT4", "Nowhere/X"])
def test_a_zone_that_does_not_exist_is_refused(name):
    with pytest.raises(ValueError, match="is no time zone"):
        zone_of(name)

"""The shipped table of facts: complete, consistent, honest about since when it was known."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import UTC, date, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest

from forcedflow.econ_calendar.event import BOE, BOJ, CPI, ECB, FOMC, KINDS, PAYROLLS, PCE
from forcedflow.econ_calendar.gaps import GAPS, gaps_within
from forcedflow.econ_calendar.published import (
    ASSUMED_NOTICE_MS,
    COLUMNS,
    known_since,
    parse_published,
    published_events,
)
from forcedflow.errors import DamagedFileError

_TEXT = files("forcedflow.econ_calendar").joinpath("events.csv").read_text(encoding="utf-8")
_ROWS = list(csv.DictReader(_TEXT.splitlines()))


def _ms(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def test_every_row_of_the_file_is_an_event_with_a_known_window():
    events = published_events()
    assert len(events) == len(_ROWS) == 163
    assert {event.name for event in events} == {FOMC, CPI, PAYROLLS, PCE, ECB, BOE, BOJ}
    assert {event.name for event in events} <= set(KINDS)
    assert Counter(event.trust for event in events) == {"A": 32, "B": 131}
    assert all(event.source_url.startswith("http") for event in events)


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: f"{row['event']} {row['date_local']}")
def test_a_stated_moment_in_utc_is_the_wall_time_at_the_publisher(row):
    event = published_events()[_ROWS.index(row)]
    local = datetime.fromtimestamp(event.event_ms / 1000, ZoneInfo(row["timezone"]))
    assert local.date().isoformat() == row["date_local"]
    if row["utc"]:
        assert event.event_ms == _ms(row["utc"])
        assert local.strftime("%H:%M") == row["local_time"] == event.local_time
    else:
        assert event.local_time is None
        assert event.before_ms + event.after_ms == 86_400_000


def test_no_event_is_on_a_weekend_and_none_stands_twice():
    days = [(row["event"], row["date_local"]) for row in _ROWS]
    assert len(set(days)) == len(days)
    assert all(date.fromisoformat(day).weekday() < 5 for _, day in days)


def test_a_regular_date_is_known_thirty_days_before_and_never_later_than_read():
    read_ms = _ms("2026-11-23T00:00Z")
    for row, event in zip(_ROWS, published_events(), strict=True):
        if row["announced"] == "late":
            assert event.known_ms == event.event_ms
        else:
            assert event.known_ms <= read_ms
            midnight = _ms(f"{row['date_local']}T00:00+00:00")
            assert event.known_ms == min(midnight - ASSUMED_NOTICE_MS, read_ms)


def test_dates_moved_by_a_lapse_of_appropriations_are_not_known_before_they_happen():
    late = {(row["event"], row["date_local"]) for row in _ROWS if row["announced"] == "late"}
    assert (CPI, "2025-10-24") in late
    assert (PAYROLLS, "2026-02-11") in late
    assert (PCE, "2025-12-05") in late
    assert len(late) == 10


def test_a_late_date_read_before_it_happened_is_known_since_it_was_read():
    day, event_ms = date(2027, 3, 1), _ms("2027-03-01T13:30Z")
    assert known_since(day, event_ms, date(2026, 11, 23), late=True) == _ms("2026-11-23T00:00Z")


def test_nothing_is_held_after_the_day_it_was_read():
    for event in published_events():
        if event.status == "held":
            assert event.event_ms < _ms(f"{event.read_on}T00:00+00:00")


def test_the_gaps_hold_no_date_of_the_table():
    for gap in GAPS:
        inside = [
            event
            for event in published_events()
            if event.name == gap.event
            and event.event_ms >= gap.start_ms
            and (gap.end_ms is None or event.event_ms < gap.end_ms)
        ]
        assert inside == [], gap


def test_every_year_without_a_date_of_an_event_is_a_gap():
    for name in {event.name for event in published_events()}:
        for year in range(2020, 2032):
            start, end = _ms(f"{year}-01-01T00:00Z"), _ms(f"{year + 1}-01-01T00:00Z")
            held = any(
                event.name == name and start <= event.event_ms < end for event in published_events()
            )
            said = any(gap.event == name for gap in gaps_within(start, end))
            assert held or said, (name, year)


def test_a_gap_is_closed_by_an_event_known_from_elsewhere():
    start, end = _ms("2027-01-01T00:00Z"), _ms("2027-02-01T00:00Z")
    assert CPI in {gap.event for gap in gaps_within(start, end)}
    filled = gaps_within(start, end, [(CPI, _ms("2027-01-13T13:30Z"))])
    assert CPI not in {gap.event for gap in filled}
    assert PAYROLLS in {gap.event for gap in filled}


_GOOD = (
    "US CPI,US,2026-12-10,08:30,America/New_York,2026-12-10T13:30:00Z,scheduled,B,,,https://x,"
    "2026-11-23"
)


def _file(row):
    return ",".join(COLUMNS) + "\n" + row + "\n"


def test_a_sound_row_is_read():
    (event,) = parse_published(_file(_GOOD))
    assert event.event_ms == _ms("2026-12-10T13:30Z")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("T13:30:00Z", "T12:30:00Z", "utc"),
        ("scheduled", "maybe", "status"),
        (",B,", ",C,", "trust"),
        ("2026-12-10,08:30", "2026-12-32,08:30", "date_local"),
        ("08:30", "25:30", "date_local"),
        ("America/New_York", "America/Nowhere", "date_local"),
        (",2026-11-23", "", "event"),
    ],
)
def test_a_damaged_row_is_named_and_refused(old, new, field):
    with pytest.raises(DamagedFileError) as caught:
        parse_published(_file(_GOOD.replace(old, new, 1)))
    assert (caught.value.row, caught.value.field) == (1, field)


def test_a_file_of_other_columns_is_refused():
    with pytest.raises(DamagedFileError, match="columns"):
        parse_published("a,b\n1,2\n")


@pytest.mark.real_data
def test_the_shipped_facts_are_those_that_were_read(real_data):
    read = list(
        csv.DictReader((real_data / "calendar" / "macro_events.csv").read_text().splitlines())
    )
    shipped = [{name: row[name] for name in read[0]} for row in _ROWS]
    assert shipped == read


def test_the_moments_are_the_same_whatever_zone_the_machine_is_in(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    assert parse_published(_file(_GOOD))[0].event_ms == round(
        datetime(2026, 12, 10, 13, 30, tzinfo=UTC).timestamp() * 1000
    )

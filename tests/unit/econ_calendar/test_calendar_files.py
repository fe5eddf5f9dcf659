"""A user's files of events: read whole, or refused by row and field."""

from __future__ import annotations

from datetime import datetime

import pytest
from tests.unit.econ_calendar.loopback_calendar import EASTERN, calendar, entry

from forcedflow.econ_calendar.csv_import import parse_csv
from forcedflow.econ_calendar.declared import parse_declared
from forcedflow.econ_calendar.ical import parse_entries, parse_icalendar
from forcedflow.errors import DamagedFileError, UsageError

_NOW = 1_795_500_000_000  # 2026-11-24
_MIN = 60_000


def _ms(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _csv(*lines):
    return "\n".join(lines).encode()


def _read_csv(*lines, zone="UTC"):
    return parse_csv(_csv(*lines), "mine.csv", zone=zone, now_ms=_NOW)


def _read_ics(*entries, zone="UTC", zones=""):
    return parse_icalendar(calendar(*entries, zones=zones), "mine.ics", zone=zone, now_ms=_NOW)


def test_a_csv_of_two_columns_is_enough():
    (event,) = _read_csv("time,event", "2026-12-01T12:00Z,token unlock")
    assert (event.name, event.event_ms) == ("token unlock", _ms("2026-12-01T12:00Z"))
    assert (event.before_ms, event.after_ms, event.weight) == (30 * _MIN, 120 * _MIN, 0.5)
    assert (event.known_ms, event.country, event.trust) == (_NOW, "user", "user")


def test_every_optional_column_of_a_csv_is_used():
    (event,) = _read_csv(
        "event,time,timezone,country,weight,before_min,after_min,status,known_at,source_url",
        "NVIDIA earnings,2026-12-02T16:20,America/New_York,US,0.7,15,240,tentative,"
        "2026-11-01T00:00Z,https://x",
    )
    assert event.event_ms == _ms("2026-12-02T21:20Z")
    assert (event.before_ms, event.after_ms, event.weight) == (15 * _MIN, 240 * _MIN, 0.7)
    assert (event.country, event.status, event.source_url) == ("US", "tentative", "https://x")
    assert event.known_ms == _ms("2026-11-01T00:00Z")


def test_a_day_in_a_csv_is_a_window_of_that_whole_day():
    (event,) = _read_csv("time,event", "2026-11-01,ETF flows", zone="America/New_York")
    assert event.local_time is None
    assert event.event_ms - event.before_ms == _ms("2026-11-01T04:00Z")
    assert event.event_ms + event.after_ms == _ms("2026-11-02T05:00Z")


def test_a_csv_written_by_a_spreadsheet_has_a_mark_before_its_header():
    data = b"\xef\xbb\xbf" + _csv("time,event", '2026-12-01T12:00Z,"unlock, first"')
    (event,) = parse_csv(data, "mine.csv", zone="UTC", now_ms=_NOW)
    assert event.name == "unlock, first"


@pytest.mark.parametrize(
    ("header", "row", "field"),
    [
        ("time,event", "soon,a", "time"),
        ("time,event", ",a", "time"),
        ("time,event", "2026-12-01,", "event"),
        ("time,event", "2026-12-01,a,b", "event"),
        ("time,event", "2026-12-01", "event"),
        ("time,event,weight", "2026-12-01,a,heavy", "weight"),
        ("time,event,weight", "2026-12-01,a,0", "weight, before_min or after_min"),
        ("time,event,weight", "2026-12-01,a,nan", "weight, before_min or after_min"),
        ("time,event,after_min", "2026-12-01,a,-1", "weight, before_min or after_min"),
        ("time,event,after_min", "2026-12-01,a,inf", "after_min"),
        ("time,event,timezone", "2026-12-01T12:00,a,Mars/Base", "time"),
        ("time,event,timezone", "2026-03-08T02:30,a,America/New_York", "time"),
        ("time,event,status", "2026-12-01,a,maybe", "status"),
        ("time,event,known_at", "2026-12-01,a,2027-01-01", "known_at"),
        ("time,event,known_at", "2026-12-01,a,yesterday", "known_at"),
    ],
)
def test_one_bad_row_of_a_csv_refuses_the_file_and_is_named(header, row, field):
    good = "2026-12-01,fine" + "," * (header.count(",") - 1)
    with pytest.raises(DamagedFileError) as caught:
        _read_csv(header, good, row)
    assert (caught.value.file, caught.value.row, caught.value.field) == ("mine.csv", 2, field)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"when,what\n1,2",
        b"time,event,price\n2026-12-01,a,1",
        b"time,event,event\n2026-12-01,a,b",
        b"\xff\xfe\x00t",
        b'time,event\n2026-12-01,"a',
    ],
)
def test_what_is_no_such_csv_is_refused(data):
    with pytest.raises(DamagedFileError, match=r"mine\.csv"):
        parse_csv(data, "mine.csv", zone="UTC", now_ms=_NOW)


def test_an_icalendar_entry_is_an_event_with_a_window_to_its_end():
    (event,) = _read_ics(entry("Hearing\\, Senate", ":20261202T150000Z", "DTEND:20261202T180000Z"))
    assert event.name == "Hearing, Senate"
    assert (event.event_ms, event.after_ms) == (_ms("2026-12-02T15:00Z"), 180 * _MIN)


@pytest.mark.parametrize("zones", ["", EASTERN])
def test_a_zone_by_its_iana_name_or_as_the_file_defines_it(zones):
    name = "US-Eastern" if zones else "America/New_York"
    summer, winter = _read_ics(
        entry("a", f";TZID={name}:20261030T083000"),
        entry("b", f";TZID={name}:20261102T083000"),
        zones=zones,
    )
    assert summer.event_ms == _ms("2026-10-30T12:30Z")
    assert winter.event_ms == _ms("2026-11-02T13:30Z")


def test_a_zone_that_one_file_defines_means_nothing_in_the_next():
    def fixed(offset):
        return (
            "BEGIN:VTIMEZONE\r\nTZID:Office\r\nBEGIN:STANDARD\r\n"
            f"TZOFFSETFROM:{offset}\r\nTZOFFSETTO:{offset}\r\nDTSTART:19700101T000000\r\n"
            "END:STANDARD\r\nEND:VTIMEZONE\r\n"
        )

    at = ";TZID=Office:20261204T083000"
    (first,) = _read_ics(entry("a", at), zones=fixed("+0100"))
    (second,) = _read_ics(entry("a", at), zones=fixed("+0500"))
    assert first.event_ms - second.event_ms == 4 * 60 * _MIN
    with pytest.raises(DamagedFileError, match="does not define"):
        _read_ics(entry("a", at))


def test_a_floating_time_is_in_the_zone_that_the_user_states():
    (event,) = _read_ics(entry("a", ":20261204T083000"), zone="Asia/Tokyo")
    assert event.event_ms == _ms("2026-12-03T23:30Z")


def test_days_in_an_icalendar_are_windows_of_whole_days():
    (event,) = _read_ics(entry("conference", ";VALUE=DATE:20261204", "DTEND;VALUE=DATE:20261206"))
    assert event.local_time is None
    assert event.event_ms - event.before_ms == _ms("2026-12-04T00:00Z")
    assert event.event_ms + event.after_ms == _ms("2026-12-06T00:00Z")


def test_an_entry_is_known_since_it_was_last_modified_and_never_from_the_future():
    events = _read_ics(
        entry("a", ":20261204T083000Z", "LAST-MODIFIED:20261101T000000Z"),
        entry("b", ":20261204T083000Z", "LAST-MODIFIED:20300101T000000Z"),
        entry("c", ":20261204T083000Z"),
    )
    assert [event.known_ms for event in events] == [_ms("2026-11-01T00:00Z"), _NOW, _NOW]


def test_a_cancelled_entry_is_left_out_and_a_tentative_one_says_so():
    events = _read_ics(
        entry("a", ":20261204T083000Z", "STATUS:CANCELLED"),
        entry("b", ":20261204T083000Z", "STATUS:TENTATIVE"),
    )
    assert [(event.name, event.status) for event in events] == [("b", "tentative")]


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (entry("a", ":2026xx"), "DTSTART"),
        (entry("", ":20261204T083000Z"), "SUMMARY"),
        (entry("a", ":20261204T083000Z", "RRULE:FREQ=DAILY"), "RRULE"),
        (entry("a", ":20261204T083000Z", "DTEND:20261203T083000Z"), "DTSTART"),
        (entry("a", ":20261204T083000Z", "DTEND:later"), "DTEND"),
        (entry("a", ":20261204T083000Z", "DTEND:20280101T000000Z"), "DTEND"),
        (entry("a", ";TZID=Mars/Base:20261204T083000"), "DTSTART"),
        (entry("a", ";TZID=America/New_York:20260308T023000"), "DTSTART"),
    ],
)
def test_one_bad_entry_of_an_icalendar_refuses_the_file_and_is_named(bad, field):
    with pytest.raises(DamagedFileError) as caught:
        _read_ics(entry("fine", ":20261204T083000Z"), bad)
    assert (caught.value.row, caught.value.field) == (2, field)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"BEGIN:VCALENDAR\r\n", b"\xff\xfe\x00", b"<html>log in</html>"]
)
def test_what_is_no_icalendar_is_refused(data):
    with pytest.raises(DamagedFileError, match="is no iCalendar"):
        parse_entries(data, "mine.ics", "UTC")


def test_a_declared_event_takes_its_window_from_what_is_stated_else_from_its_name():
    event = parse_declared("2026-12-10T08:30-05:00 US CPI", zone="UTC", now_ms=_NOW)
    assert (event.event_ms, event.weight) == (_ms("2026-12-10T13:30Z"), 1.0)
    event = parse_declared(
        "2026-12-10T13:30Z headline hours",
        zone="UTC",
        now_ms=_NOW,
        before_ms=0,
        after_ms=5 * _MIN,
        weight=0.2,
    )
    assert (event.name, event.before_ms, event.after_ms) == ("headline hours", 0, 5 * _MIN)
    assert (event.weight, event.known_ms) == (0.2, _NOW)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", {}),
        ("2026-12-10T13:30Z", {}),
        ("soon something", {}),
        ("2026-12-10T13:30Z a", {"weight": 1.5}),
        ("2026-12-10T13:30Z a", {"weight": float("nan")}),
        ("2026-12-10T13:30Z a", {"after_ms": 32 * 86_400_000}),
        ("2026-12-10T13:30Z a", {"before_ms": 0, "after_ms": 0}),
    ],
)
def test_a_declaration_that_says_too_little_or_too_much_is_refused(text, options):
    with pytest.raises(UsageError):
        parse_declared(text, zone="UTC", now_ms=_NOW, **options)

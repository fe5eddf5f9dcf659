"""The publishers' calendars and FRED, against servers on loopback."""

from __future__ import annotations

import json
import logging
from datetime import date, datetime

import pytest
import stamina.instrumentation
from tests.unit.econ_calendar.loopback_calendar import EASTERN, calendar, entry, serving

from forcedflow.econ_calendar import read_events
from forcedflow.econ_calendar.event import CPI, PAYROLLS, PCE
from forcedflow.econ_calendar.fred import get_release_dates
from forcedflow.econ_calendar.publisher_feeds import FEEDS, get_feed, withdrawn
from forcedflow.errors import BlockedError, FrameError, VenueError
from forcedflow.log import report_retries_here
from forcedflow.venues.connector import RateLimit
from forcedflow.venues.http import HttpClient

_NOW = 1_795_500_000_000  # 2026-11-24
_KEY = "0123456789abcdef0123456789abcdef"
_AMPLE = RateLimit(10_000, 0.2)


@pytest.fixture(autouse=True)
def _retries_as_before():
    before = stamina.instrumentation.get_on_retry_hooks()
    stamina.instrumentation.set_on_retry_hooks([])
    yield
    stamina.instrumentation.set_on_retry_hooks(before)


def _ms(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _client(name):
    return HttpClient(name, _AMPLE, timeout_s=2.0, attempts=2, backoff_s=0.01)


def _ask_feed(name, body, status=200):
    with serving(lambda *_: (status, body)) as (root, _), _client(name) as http:
        return get_feed(http, FEEDS[name], _NOW, f"{root}/feed.ics")


def test_the_bureau_of_labor_statistics_announces_prices_and_jobs_and_much_else():
    events = _ask_feed(
        "bls",
        calendar(
            entry("Employment Situation", ";TZID=US-Eastern:20270108T083000"),
            entry("Employment Situation of Veterans", ";TZID=US-Eastern:20270319T100000"),
            entry("Consumer Price Index for December 2026", ";TZID=US-Eastern:20270713T083000"),
            entry("Consumer Price Index", ";TZID=US-Eastern:20270113T083000", "STATUS:CANCELLED"),
            entry("Real Earnings", ";TZID=US-Eastern:20270113T083000"),
            zones=EASTERN,
        ),
    )
    assert [(event.name, event.event_ms) for event in events] == [
        (PAYROLLS, _ms("2027-01-08T13:30Z")),
        (CPI, _ms("2027-07-13T12:30Z")),
    ]
    assert {event.trust for event in events} == {"feed"}
    assert {event.known_ms for event in events} == {_NOW}


def test_the_bureau_of_economic_analysis_announces_outlays_in_utc():
    (event,) = _ask_feed(
        "bea",
        calendar(
            entry("Personal Income and Outlays, December 2026", ":20270129T133000Z"),
            entry("GDP (Advance Estimate), 4th Quarter 2026", ":20270128T133000Z"),
        ),
    )
    assert (event.name, event.event_ms) == (PCE, _ms("2027-01-29T13:30Z"))


@pytest.mark.parametrize(
    "body", [b"<html>checking your browser</html>", b"", calendar(entry("a", ":20270129T133000Z"))]
)
def test_an_answer_that_is_no_such_calendar_is_refused(body):
    with pytest.raises(FrameError):
        _ask_feed("bls", body)


def test_a_publisher_that_refuses_us_is_said():
    with pytest.raises(BlockedError):
        _ask_feed("bls", b"no", status=403)


def test_a_date_that_the_publisher_moved_is_withdrawn_and_its_past_is_kept():
    # The shipped table has prices on 2026-12-10 and jobs on 2026-12-04.
    events = _ask_feed(
        "bls",
        calendar(
            entry("Employment Situation", ";TZID=US-Eastern:20261204T083000"),
            entry("Consumer Price Index", ";TZID=US-Eastern:20261215T083000"),
            entry("Employment Situation", ";TZID=US-Eastern:20270108T083000"),
            entry("Consumer Price Index", ";TZID=US-Eastern:20270113T083000"),
            zones=EASTERN,
        ),
    )
    known = read_events(None, _NOW, _NOW, _ms("2027-02-01T00:00Z"))
    gone = withdrawn(known, events, _NOW)
    assert gone.select("event", "event_time").rows() == [
        (CPI, datetime.fromisoformat("2026-12-10T13:30Z"))
    ]
    assert gone["withdrawn_time"].dt.epoch("ms").to_list() == [_NOW]
    assert gone["available_time"].dt.epoch("ms").to_list() == [_ms("2026-11-10T00:00Z")]


def test_a_calendar_withdraws_nothing_after_its_last_date_and_nothing_of_the_user():
    events = _ask_feed(
        "bls",
        calendar(entry("Consumer Price Index", ";TZID=US-Eastern:20261201T083000"), zones=EASTERN),
    )
    known = read_events(None, _NOW, _NOW, _ms("2027-02-01T00:00Z"))
    assert withdrawn(known, events, _NOW).is_empty()


def _dates(*pairs, count=None):
    rows = [{"release_id": 1, "release_name": name, "date": day} for name, day in pairs]
    total = len(rows) if count is None else count
    return json.dumps({"count": total, "limit": 1000, "release_dates": rows}).encode()


def _ask_fred(answer, first="2026-12-01", last="2027-12-01"):
    with serving(answer) as (root, asked), _client("fred") as http:
        events = get_release_dates(
            http, _KEY, date.fromisoformat(first), date.fromisoformat(last), _NOW, root
        )
    return events, asked


def test_fred_is_asked_for_days_ahead_with_the_key_and_page_by_page():
    filler = [("H.15 Selected Interest Rates", "2026-12-02")] * 999

    def answer(_path, params):
        if params["offset"] == "0":
            return 200, _dates(("Employment Situation", "2026-12-04"), *filler, count=1001)
        return 200, _dates(("Consumer Price Index", "2026-12-10"), count=1001)

    events, asked = _ask_fred(answer)
    assert [event.name for event in events] == [PAYROLLS, CPI]
    assert [path for path, _ in asked] == ["/fred/releases/dates"] * 2
    first = asked[0][1]
    assert (first["api_key"], first["file_type"]) == (_KEY, "json")
    assert first["include_release_dates_with_no_data"] == "true"
    assert (first["realtime_start"], first["realtime_end"]) == ("2026-12-01", "2027-12-01")


def test_a_day_from_fred_is_a_whole_day_in_new_york():
    (event,), _ = _ask_fred(
        lambda *_: (200, _dates(("Consumer Price Index", "2027-03-14")))  # clocks change
    )
    assert event.local_time is None
    assert event.event_ms - event.before_ms == _ms("2027-03-14T05:00Z")
    assert event.event_ms + event.after_ms == _ms("2027-03-15T04:00Z")


def test_releases_of_other_names_and_days_not_asked_for_are_passed_over():
    events, _ = _ask_fred(
        lambda *_: (
            200,
            _dates(
                ("Employment Situation of Veterans", "2026-12-04"),
                ("Consumer Price Index", "2026-11-01"),
                ("Consumer Price Index", "2026-12-10"),
                ("Consumer Price Index", "2026-12-10"),
            ),
        )
    )
    assert [event.name for event in events] == [CPI]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<release_dates/>",
        b'{"count": 1}',
        b'{"count": -1, "release_dates": []}',
        b'{"count": 1, "release_dates": [{"release_name": "a", "date": "soon"}]}',
        b'{"count": 5000, "release_dates": []}',
    ],
)
def test_an_answer_of_another_shape_than_freds_is_refused(body):
    with pytest.raises(FrameError):
        _ask_fred(lambda *_: (200, body))


@pytest.mark.parametrize("status", [400, 403, 500])
def test_the_key_is_in_no_message_even_where_the_server_repeats_it(status):
    with pytest.raises(VenueError) as caught:
        _ask_fred(lambda *_: (status, f"the value {_KEY} for api_key is not registered".encode()))
    shown, error = [], caught.value
    while error is not None:
        shown.append(str(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert _KEY not in " ".join(shown)


def test_the_key_is_in_no_log_line_at_any_level(caplog):
    report_retries_here()
    answers = iter([(500, f"busy, {_KEY}".encode()), (200, _dates())])
    loggers = [logging.getLogger(name) for name in ("httpx2", "forcedflow.venues")]
    before = [list(logger.filters) for logger in loggers]
    with caplog.at_level(logging.DEBUG):
        _ask_fred(lambda *_: next(answers))
    assert _KEY not in caplog.text
    assert [logger.filters for logger in loggers] == before

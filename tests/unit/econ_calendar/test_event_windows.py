"""Which window is open or next, as it was known at a moment."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from forcedflow.econ_calendar import next_window, windows_at
from forcedflow.econ_calendar.event import ScheduledEvent, to_rows
from forcedflow.tables import TIME

_HOUR = 3_600_000
_T = 1_790_000_000_000

_EVENT = ScheduledEvent(
    name="release",
    country="US",
    event_ms=_T,
    known_ms=_T - 30 * 24 * _HOUR,
    before_ms=_HOUR // 2,
    after_ms=2 * _HOUR,
    weight=1.0,
    status="held",
    trust="A",
    local_time="08:30",
    timezone="America/New_York",
    source="calendar:test",
    source_url="https://x",
    read_on="2026-11-23",
    precedence=0,
)


def _windows(at_ms, *events):
    return windows_at(to_rows(events), at_ms)


def test_a_window_is_near_from_six_hours_before_it_opens_until_it_closes():
    opens, closes = _T - _HOUR // 2, _T + 2 * _HOUR
    for at_ms, near in (
        (opens - 6 * _HOUR - 1, False),
        (opens - 6 * _HOUR, True),
        (opens, True),
        (closes - 1, True),
        (closes, False),
    ):
        assert (next_window(_windows(at_ms, _EVENT), at_ms) is not None) is near


def test_a_window_contains_its_first_moment_and_not_its_end():
    (window,) = _windows(_T, _EVENT)
    assert (window.start_ms, window.end_ms) == (_T - _HOUR // 2, _T + 2 * _HOUR)
    assert window.contains(window.start_ms)
    assert not window.contains(window.end_ms)


def test_an_event_is_not_expected_before_it_was_known():
    assert _windows(_EVENT.known_ms - 1, _EVENT) == ()
    assert len(_windows(_EVENT.known_ms, _EVENT)) == 1


def test_an_event_that_lies_ahead_was_not_held_yet():
    assert _windows(_T - 1, _EVENT)[0].status == "scheduled"
    assert _windows(_T, _EVENT)[0].status == "held"
    assert _windows(_T - 1, replace(_EVENT, status="tentative"))[0].status == "tentative"


def test_a_withdrawn_event_was_expected_until_it_was_withdrawn():
    gone_ms = _T - 24 * _HOUR
    rows = to_rows([_EVENT]).with_columns(withdrawn_time=pl.lit(gone_ms, pl.Int64).cast(TIME))
    assert len(windows_at(rows, gone_ms - 1)) == 1
    assert windows_at(rows, gone_ms) == ()


def test_of_open_windows_the_heaviest_counts_and_of_later_ones_the_next():
    light = replace(_EVENT, name="light", weight=0.1)
    sooner = replace(_EVENT, name="sooner", event_ms=_T - _HOUR, weight=0.1)
    at_ms = _T - 5 * _HOUR
    assert next_window(_windows(at_ms, light, _EVENT), at_ms).event == "release"
    assert next_window(_windows(at_ms, sooner, _EVENT), at_ms).event == "sooner"
    assert next_window(_windows(_T, sooner, _EVENT), _T).event == "release"


def test_rows_that_state_no_window_get_the_usual_one_and_full_weight():
    bare = to_rows([_EVENT]).with_columns(
        pl.lit(None, pl.Float64).alias("weight"),
        pl.lit(None, pl.Int64).alias("before_ms"),
        pl.lit(None, pl.Int64).alias("after_ms"),
        pl.lit(None, pl.String).alias("trust"),
    )
    (window,) = windows_at(bare, _T)
    assert (window.weight, window.trust) == (1.0, None)
    assert (window.start_ms, window.end_ms) == (_T - _HOUR // 2, _T + 2 * _HOUR)


def test_windows_come_in_the_order_in_which_they_open():
    events = [replace(_EVENT, name=f"e{h}", event_ms=_T + h * _HOUR) for h in (3, 1, 2)]
    assert [window.event for window in _windows(_T, *events)] == ["e1", "e2", "e3"]


@pytest.mark.parametrize("at_ms", [_T - 7 * _HOUR, _T + 3 * _HOUR])
def test_without_a_near_window_there_is_none(at_ms):
    assert next_window(_windows(at_ms, _EVENT), at_ms) is None
    assert next_window((), at_ms) is None

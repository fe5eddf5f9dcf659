"""Bars under way: closed by the venue's word or the next one, never by a broken connection."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.venues.open_bar import OpenBar

MINUTE = 60_000


def test_the_next_bar_closes_the_one_before_as_it_was_told_last():
    bars = OpenBar[str](MINUTE)
    assert bars.see(0, "first") == ()
    assert bars.see(0, "second") == ()
    assert bars.see(MINUTE, "third") == ((0, "second"),)


def test_a_bar_that_the_venue_says_is_open_is_not_closed_by_the_next():
    bars = OpenBar[str](MINUTE)
    assert bars.see(0, "open", is_closed=False) == ()
    assert bars.see(MINUTE, "open", is_closed=False) == ()
    assert bars.see(MINUTE, "closed", is_closed=True) == ((MINUTE, "closed"),)


def test_what_comes_late_changes_nothing_but_one_stray_time_silences_nobody():
    bars = OpenBar[str](MINUTE)
    bars.see(5 * MINUTE, "now")
    assert bars.see(4 * MINUTE, "late") == ()
    assert bars.see(6 * MINUTE, "next") == ((5 * MINUTE, "now"),)
    bars.see(10**12, "stray")
    assert bars.see(7 * MINUTE, "again") == ()
    assert bars.see(8 * MINUTE, "on") == ((7 * MINUTE, "again"),)


def test_what_a_broken_connection_had_under_way_is_forgotten():
    bars = OpenBar[str](MINUTE)
    bars.see(0, "half")
    bars.clear()
    assert bars.see(MINUTE, "new") == ()


@settings(deadline=None)
@given(st.lists(st.integers(1, 3), max_size=20))
def test_told_in_order_every_bar_but_the_last_is_closed_once_as_it_was_told_last(updates):
    bars = OpenBar[tuple[int, int]](MINUTE)
    closed = [
        bar
        for place, count in enumerate(updates)
        for turn in range(count)
        for _, bar in bars.see(place * MINUTE, (place, turn))
    ]
    assert closed == [(place, count - 1) for place, count in enumerate(updates[:-1])]

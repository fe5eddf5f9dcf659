"""At every bar close the followed market is what reading everything anew gives, to the byte."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from forcedflow import tables
from forcedflow.asof import read_market
from forcedflow.asof.signals import read_signal_table
from forcedflow.errors import DataError
from forcedflow.features.table import STEP_MS
from forcedflow.live.loop import LiveLoop
from forcedflow.live.timed_stage import TimedStage
from forcedflow.pipeline import build_map
from forcedflow.sandbox.market import Pace, SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.signals.registry import read_signals
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

DAYS = 1


@pytest.fixture(scope="module")
def market():
    """A simulated market of three venues with a day of history."""
    return SandboxMarket("calm", 400, 5, pace=Pace(math.inf))


@pytest.fixture(scope="module")
def batches(market):
    """Everything it published, with the names of its venues' perpetuals."""
    end_ms = market.opened_ms + DAYS * DAY_MS + 3 * HOUR_MS
    venues = [SandboxVenue(market, rules.name) for rules in market.parameters.venues]
    found = [{"calendar_events": market.scheduled_events()}]
    for venue in venues:
        for instrument in venue.instruments():
            given = sorted(venue.capabilities.backfilled - {"order_book"})
            found += venue.backfill(given, instrument.symbol, START_MS, end_ms)
    return join(found)


@pytest.fixture(scope="module")
def instruments(market):
    venues = [SandboxVenue(market, rules.name) for rules in market.parameters.venues]
    return tuple(venue.instruments()[0] for venue in venues)


def _between(rows, after_ms, by_ms):
    known = (pl.col("available_time") > _time(after_ms)) & (
        pl.col("available_time") <= _time(by_ms)
    )
    parts = {table: frame.filter(known) for table, frame in rows.items()}
    return {table: frame for table, frame in parts.items() if frame.height}


def _time(ms):
    return pl.lit(ms, dtype=tables.TIME)


def _filled(folder, rows, by_ms):
    lake = Lake(folder / "lake", create=True)
    lake.write(_between(rows, 0, by_ms))
    return lake


def _store(lake, loop, rows):
    lake.write(rows)
    loop.add(rows)


def assert_equals_the_batch(update, lake, loop):
    """Zones, the newest column and readings, against everything read and built anew."""
    at_ms, instrument = update.at_ms, update.instrument
    mapped = build_map(read_market(lake, instrument, at_ms))
    assert repr(update.zones) == repr(tuple(mapped.zones()))
    table = read_signal_table(lake, instrument, at_ms)
    assert repr(update.readings) == repr(read_signals(table))
    assert update.closed.input_age_ms == table.input_age_ms
    followed = loop._followed[instrument].table
    assert followed.labels == table.labels
    np.testing.assert_array_equal(followed.times_ms, table.times_ms)
    for name, column in table.columns.items():
        np.testing.assert_array_equal(followed[name], column, err_msg=name)
    column = update.column
    if column is not None:
        usd = np.stack([mapped.profile_usd(column.grid, side) for side in ("long", "short")])
        np.testing.assert_array_equal(column.usd, usd.astype(np.float32))


def test_every_bar_close_of_three_venues_equals_reading_everything_anew(
    tmp_path, market, batches, instruments
):
    now_ms = market.opened_ms + DAYS * DAY_MS - HOUR_MS
    lake = _filled(tmp_path, batches, now_ms)
    loop = LiveLoop(lake, instruments)
    # Across a midnight, which is a full hour too.
    for step in range(1, 18):
        at_ms = now_ms + step * STEP_MS
        _store(lake, loop, _between(batches, at_ms - STEP_MS, at_ms))
        for update in loop.close_bar(at_ms):
            assert update.problem == ""
            assert update.badge in {"LIVE", "PARTIAL"}
            assert update.simulated
            if step % 8 == 1 or at_ms % HOUR_MS == 0:
                assert_equals_the_batch(update, lake, loop)


def test_a_restart_at_any_bar_goes_on_as_if_it_had_never_stopped(
    tmp_path, market, batches, instruments
):
    now_ms = market.opened_ms + DAYS * DAY_MS - 2 * STEP_MS
    lake = _filled(tmp_path, batches, now_ms)
    unbroken, other = (LiveLoop(lake, instruments) for _ in range(2))
    for step in range(1, 8):
        at_ms = now_ms + step * STEP_MS
        rows = _between(batches, at_ms - STEP_MS, at_ms)
        lake.write(rows)
        unbroken.add(rows)
        other.add(rows)
        if step in {2, 5}:
            other = LiveLoop(lake, instruments)  # killed: whatever it knew is gone
        unbroken.close_bar(at_ms)
        other.close_bar(at_ms)
        assert other.state_hash() == unbroken.state_hash()


def test_rows_that_come_late_count_from_the_next_bar_close_on_and_change_none_before(
    tmp_path, market, batches, instruments
):
    now_ms = market.opened_ms + DAYS * DAY_MS + HOUR_MS // 2
    lake = _filled(tmp_path, batches, now_ms)
    loop = LiveLoop(lake, instruments)
    first = loop.close_bar(now_ms)
    kept = repr(first)
    at_ms = now_ms + STEP_MS
    later = _between(batches, now_ms, at_ms)
    # An outage: twenty minutes of bars and open interest are told an hour later, with the times
    # at which they were known to the venue.
    lost = {"open_interest", "klines"}
    _store(lake, loop, {table: rows for table, rows in later.items() if table not in lost})
    loop.close_bar(at_ms)
    for step in range(2, 12):
        at_ms = now_ms + step * STEP_MS
        rows = _between(batches, at_ms - STEP_MS, at_ms)
        if step < 5:
            rows = {table: frame for table, frame in rows.items() if table not in lost}
        _store(lake, loop, rows)
        if step == 9:
            repaired = _between(batches, now_ms, now_ms + 4 * STEP_MS)
            _store(lake, loop, {table: repaired[table] for table in lost})
        updates = loop.close_bar(at_ms)
        if step in {4, 8, 9, 10}:
            for update in updates:
                assert_equals_the_batch(update, lake, loop)
    assert repr(first) == kept


def test_rows_that_others_wrote_are_found_by_reading_again(tmp_path, market, batches, instruments):
    now_ms = market.opened_ms + DAYS * DAY_MS
    lake = _filled(tmp_path, batches, now_ms)
    loop, told = LiveLoop(lake, instruments), LiveLoop(lake, instruments)
    loop.close_bar(now_ms)
    told.close_bar(now_ms)
    rows = _between(batches, now_ms, now_ms + 2 * STEP_MS)
    _store(lake, told, rows)
    loop.refresh(now_ms - HOUR_MS)
    for at_ms in (now_ms + STEP_MS, now_ms + 2 * STEP_MS):
        loop.close_bar(at_ms)
        told.close_bar(at_ms)
        assert loop.state_hash() == told.state_hash()


def test_hearing_between_bar_closes_changes_no_bar_close(tmp_path, market, batches, instruments):
    now_ms = market.opened_ms + DAYS * DAY_MS
    lake = _filled(tmp_path, batches, now_ms + HOUR_MS)
    plain, hearing = LiveLoop(lake, instruments), LiveLoop(lake, instruments)
    for at_ms in range(now_ms, now_ms + HOUR_MS // 2, STEP_MS):
        for between in range(at_ms - STEP_MS + MINUTE_MS, at_ms, MINUTE_MS):
            hearing.hear(between)
        plain.close_bar(at_ms)
        hearing.close_bar(at_ms)
        assert hearing.state_hash() == plain.state_hash()


@pytest.mark.parametrize("late", ["klines", "open_interest", "funding", "liquidations"])
def test_settled_a_close_is_what_it_would_have_been_had_late_rows_come_in_time(
    tmp_path, market, batches, instruments, late
):
    now_ms = market.opened_ms + DAYS * DAY_MS + HOUR_MS // 2
    lake = _filled(tmp_path, batches, now_ms - STEP_MS)
    loop = LiveLoop(lake, instruments)
    loop.close_bar(now_ms - STEP_MS)
    last = _between(batches, now_ms - STEP_MS, now_ms)
    _store(lake, loop, {table: rows for table, rows in last.items() if table != late})
    told = loop.close_bar(now_ms)
    kept = repr(told)
    # It listens on, beyond the close, before the late ones come.
    _store(lake, loop, _between(batches, now_ms, now_ms + 2 * STEP_MS))
    loop.hear(now_ms + 2 * STEP_MS)
    if late in last:
        _store(lake, loop, {late: last[late]})
    loop.settle()
    anew = LiveLoop(lake, instruments)
    anew.close_bar(now_ms)
    assert loop.state_hash() == anew.state_hash()
    assert repr(told) == kept
    # And it goes on from there.
    for one in (loop, anew):
        one.close_bar(now_ms + STEP_MS)
    assert loop.state_hash() == anew.state_hash()


def test_a_failing_market_is_reported_and_the_others_go_on(
    tmp_path, market, batches, instruments, monkeypatch
):
    now_ms = market.opened_ms + DAYS * DAY_MS
    lake = _filled(tmp_path, batches, now_ms + HOUR_MS)
    loop = LiveLoop(lake, instruments)
    loop.close_bar(now_ms)
    broken = loop._followed[instruments[1]]
    monkeypatch.setattr(type(broken), "close_bar", _failing(broken, type(broken).close_bar))
    updates = loop.close_bar(now_ms + STEP_MS)
    assert [update.closed is None for update in updates] == [False, True, False]
    assert updates[1].problem == "a row is not what it should be"
    assert updates[1].badge == "STALE"
    # Built anew, it is what it would have been.
    for update in loop.close_bar(now_ms + 2 * STEP_MS):
        assert_equals_the_batch(update, lake, loop)


def _failing(broken, close_bar):
    def close(self, at_ms):
        if self is broken:
            raise DataError("a row is not what it should be")
        return close_bar(self, at_ms)

    return close


def test_stages_run_at_their_own_pace_and_a_failing_one_says_why(
    tmp_path, market, batches, instruments
):
    now_ms = market.opened_ms + DAYS * DAY_MS
    lake = _filled(tmp_path, batches, now_ms + HOUR_MS)

    def refuse(_state, _at_ms):
        raise DataError("nothing to go by")

    ran = []

    def count(state, at_ms):
        ran.append(at_ms)
        return state.instrument.symbol

    stages = [
        TimedStage("forecast", 2 * STEP_MS, count),
        TimedStage("cascade", HOUR_MS, refuse),
    ]
    loop = LiveLoop(lake, instruments[:1], stages=stages, is_replay=True)
    told = []
    loop.subscribers += [_raise, told.append]
    moments = range(now_ms, now_ms + 3 * STEP_MS, STEP_MS)
    failing = [loop.close_bar(at_ms)[0] for at_ms in moments]
    assert ran == [now_ms, now_ms + 2 * STEP_MS]
    assert failing[0].forecast == instruments[0].symbol
    assert failing[0].cascade is None
    assert failing[0].stages["cascade"].problem == "nothing to go by"
    assert {update.badge for update in told} == {"REPLAY"}
    # Each bar close is told at once, and again with what its stages found.
    assert [update.at_ms for update in told] == [
        now_ms,
        now_ms,
        now_ms + STEP_MS,
        now_ms + 2 * STEP_MS,
        now_ms + 2 * STEP_MS,
    ]


def test_once_told_to_end_no_further_stage_is_begun(tmp_path, market, batches, instruments):
    now_ms = market.opened_ms + DAYS * DAY_MS
    lake = _filled(tmp_path, batches, now_ms + HOUR_MS)
    ran, whole = [], []

    def first(state, _at_ms):
        ran.append(state.instrument)
        loop.end()

    stages = [TimedStage("cascade", STEP_MS, first), TimedStage("forecast", STEP_MS, first)]
    loop = LiveLoop(lake, instruments[:2], stages=stages, is_replay=True)
    loop.bar_subscribers.append(whole.append)
    updates = loop.close_bar(now_ms)
    # The one that was under way, of the first market alone; every bar itself is closed and told.
    assert ran == [instruments[0]]
    assert [update.instrument for update in updates] == list(instruments[:2])
    assert all(update.closed is not None for update in updates)
    assert whole == [now_ms]


def _raise(_update):
    raise RuntimeError("a subscriber of somebody else's")

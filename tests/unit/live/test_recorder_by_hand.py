"""Recording: what was said is in the lake and in the raw log, whatever went wrong beside it."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from types import SimpleNamespace

import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.unit.live.spoken_venue import (
    BTC,
    START_MS,
    SpokenConnector,
    ToldFollower,
    at,
    liquidation,
    trade,
    venue,
)

from forcedflow.errors import (
    BlockedError,
    ForcedflowError,
    FrameError,
    NotThereError,
    UsageError,
    VenueError,
)
from forcedflow.live import recorder as recorder_module
from forcedflow.live.recorder import Pace, record
from forcedflow.live.row_writer import RowWriter
from forcedflow.live.venue_recorder import VenueRecorder
from forcedflow.store import Lake
from forcedflow.store.feed_gaps import read_gaps
from forcedflow.store.raw_log import Frame, list_runs, read_raw_log
from forcedflow.venues.replay import ReplayVenue, replay_run

QUICK = Pace(raw_s=0.01, rows_s=0.02, skew_s=600.0, repair_after_s=(0.0, 0.0))
OPENED = at(0, "opened")


class _Told:
    """A replay's or a raw log's remarks."""

    def __init__(self):
        self.tails, self.errors = [], []

    def torn(self, tail):
        self.tails.append(tail)


def _record(lake, batches, connector=None, pace=QUICK, until=None, follower=None, **more):
    """Record what one venue says, until ``until`` holds, and return health and follower."""
    told = follower or ToldFollower(batches)

    async def run():
        stop = asyncio.Event()

        async def end():
            await told.said.wait()
            while until is not None and not until():  # noqa: ASYNC110 - any condition of a test
                await asyncio.sleep(0.005)
            stop.set()

        ending = asyncio.create_task(end())
        try:
            async with asyncio.timeout(20):
                return await record(
                    [venue(connector)],
                    ["BTC"],
                    lake,
                    stop=stop,
                    pace=pace,
                    now_ns=lambda: (START_MS + 100_000) * 1_000_000,
                    follow=lambda *_: told,
                    **more,
                )
        finally:
            ending.cancel()

    return asyncio.run(run()), told


def _frames(lake):
    told = _Told()
    runs = list_runs(lake.root, told.torn)
    frames = [frame for run in runs for frame in read_raw_log(run.files, on_torn=told.torn)]
    assert told.tails == []
    return frames


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake", create=True)


def test_every_message_is_kept_raw_and_every_row_is_in_the_lake(lake):
    batches = [[OPENED, trade(1, 1), liquidation(2)], [trade(3, 2), trade(3, 2)]]
    health, _ = _record(lake, batches)
    assert _frames(lake) == [frame for batch in batches for frame in batch]
    assert lake.read("trades").get_column("trade_id").to_list() == ["1", "2"]
    assert lake.read("liquidations").get_column("side").to_list() == ["long"]
    assert msgspec.to_builtins(health.tables) == {
        "liquidations": {"added": 1, "replaced": 0, "unchanged": 0},
        "trades": {"added": 2, "replaced": 0, "unchanged": 1},
    }
    (heard,) = health.venues
    assert (heard.state, heard.rows) == ("ended", {"liquidations": 1, "trades": 3})
    assert heard.raw_bytes == sum(path.stat().st_size for path in lake.root.rglob("*.jsonl.zst"))
    assert health.waiting_rows == 0
    assert len(lake.files("trades")) == 1


def test_what_was_under_way_when_it_was_stopped_is_kept_too(lake):
    told = ToldFollower([[OPENED, trade(1, 1)]], after_stop=[[trade(2, 2)], [at(9, "closed")]])
    health, _ = _record(lake, [], follower=told)
    assert lake.read("trades").height == 2
    assert _frames(lake)[-1].kind == "closed"
    assert health.venues[0].gaps == ()


def test_a_recording_that_is_cancelled_has_written_what_it_had(lake):
    told = ToldFollower([[OPENED, trade(1, 1)]])

    async def run():
        task = asyncio.create_task(
            record([venue()], ["BTC"], lake, pace=Pace(), follow=lambda *_: told)
        )
        await told.said.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert lake.read("trades").height == 1
    assert _frames(lake) == [OPENED, trade(1, 1)]


def test_what_had_come_when_it_was_cancelled_and_was_not_asked_for_is_kept_too(lake):
    told = ToldFollower([[OPENED, trade(1, 1)]])
    told.left = [trade(2, 2)]

    async def run():
        task = asyncio.create_task(
            record([venue()], ["BTC"], lake, pace=Pace(), follow=lambda *_: told)
        )
        await told.said.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert lake.read("trades").height == 2
    assert _frames(lake) == [OPENED, trade(1, 1), trade(2, 2)]


def test_a_message_that_cannot_be_read_is_counted_and_said_once_and_kept(lake, caplog):
    broken = [at(ms, said=b"not json") for ms in range(5)]
    later = at(70_000, said=b"not json either")
    health, _ = _record(lake, [[OPENED, *broken, trade(9, 1), later]])
    assert lake.read("trades").height == 1
    (market,) = [c for c in health.venues[0].connections if c.connection == "market"]
    assert market.refused == 6
    assert [frame.raw for frame in _frames(lake)].count(b"not json") == 5
    assert len([line for line in caplog.messages if "not readable" in line]) == 2


def test_a_row_that_fits_no_table_costs_no_other_row(lake):
    health, _ = _record(lake, [[OPENED, trade(1, 1), trade(2, 2, price=-5.0), trade(3, 3)]])
    assert lake.read("trades").get_column("trade_id").to_list() == ["1", "3"]
    assert health.venues[0].refused_rows == 1


def test_what_a_reader_must_know_is_asked_for(lake):
    _, told = _record(lake, [[OPENED, at(1, said={"book": 7})]])
    assert told.asked == ["rest:book:7"]


def test_a_gap_is_repaired_where_the_venue_keeps_the_rows_and_written_down_where_not(lake):
    connector = SpokenConnector(kept=[(1, START_MS + 1_000, 100.0), (2, START_MS + 5_000, 101.0)])
    batches = [
        [OPENED, trade(1_000, 1)],
        [at(6_000, "closed", b"connection lost"), at(7_000, "opened"), trade(8_000, 3)],
    ]
    known = []
    health, _ = _record(
        lake,
        batches,
        connector,
        until=lambda: known and len(known[-1].venues[0].gaps) == 2,
        on_health=known.append,
    )
    assert lake.read("trades").get_column("trade_id").to_list() == ["1", "2", "3"]
    assert connector.asked == [(START_MS + 1_020 - 2_000, START_MS + 7_000 + 2_000)]
    repaired, lost = health.venues[0].gaps
    for gap in (repaired, lost):
        assert (gap.start_ms, gap.end_ms) == (START_MS + 1_020, START_MS + 7_000)
        assert (gap.connection, gap.reason) == ("market", "connection lost")
        assert gap.symbols == ("BTC/USDT:USDT",)
    assert (repaired.tables, repaired.repaired) == (("trades",), True)
    assert (lost.tables, lost.repaired) == (("liquidations",), False)
    assert "does not keep" in lost.problem
    assert read_gaps(lake.root, "spoken") == (repaired, lost)


def test_a_repair_that_fails_is_tried_again_and_then_written_down(lake):
    connector = SpokenConnector()
    spoken = venue(connector)
    spoken.instruments()  # listed before the venue stops answering
    connector.failure = VenueError("spoken", "does not answer")
    told = ToldFollower([[OPENED, at(1, "closed", b"lost"), at(2, "opened")]])

    async def run():
        stop = asyncio.Event()

        def watch(health):
            if len(health.venues[0].gaps) == 2:
                stop.set()

        return await record(
            [spoken], ["BTC"], lake, stop=stop, pace=QUICK, follow=lambda *_: told, on_health=watch
        )

    lost, unanswered = asyncio.run(run()).venues[0].gaps
    assert (lost.tables, unanswered.tables) == (("liquidations",), ("trades",))
    assert (lost.repaired, unanswered.repaired) == (False, False)
    assert "does not keep" in lost.problem
    assert "does not answer" in unanswered.problem
    assert len(connector.asked) == 2


def test_what_the_venue_does_not_hold_any_more_is_not_asked_for_again(lake):
    connector = SpokenConnector()
    spoken = venue(connector)
    spoken.instruments()
    connector.failure = NotThereError("spoken", "its last trades do not reach back so far")
    told = ToldFollower([[OPENED, at(1, "closed", b"lost"), at(2, "opened")]])

    async def run():
        stop = asyncio.Event()

        def watch(health):
            if health.venues[0].gaps:
                stop.set()

        return await record(
            [spoken], ["BTC"], lake, stop=stop, pace=QUICK, follow=lambda *_: told, on_health=watch
        )

    gaps = asyncio.run(run()).venues[0].gaps
    assert {gap.tables: "reach back" in gap.problem for gap in gaps} == {
        ("liquidations",): False,
        ("trades",): True,
    }
    assert len(connector.asked) == 1


def test_a_write_that_is_cancelled_before_it_began_loses_no_row(tmp_path, monkeypatch):
    take = RowWriter.write

    def slow(self):
        time.sleep(0.05)
        return take(self)

    monkeypatch.setattr(RowWriter, "write", slow)
    for n in range(5):
        # Two threads for the disk: one write under way, the next cancelled while it waits.
        lake = Lake(tmp_path / str(n), create=True)
        _record(lake, [[OPENED, trade(n, n)]], pace=Pace(raw_s=0.001, rows_s=0.001))
        assert lake.read("trades").height == 1


def test_a_feed_that_never_came_back_is_a_gap_up_to_the_end(lake):
    health, _ = _record(lake, [[OPENED, trade(1, 1), at(500, "closed", b"lost")]])
    (gap,) = health.venues[0].gaps
    assert (gap.start_ms, gap.end_ms) == (START_MS + 21, START_MS + 100_000)
    assert not gap.repaired


def test_a_repair_under_way_at_the_end_is_written_down_as_a_gap(lake):
    slow = Pace(raw_s=0.01, rows_s=0.02, repair_after_s=(60.0,))
    batches = [[OPENED, at(1, "closed", b"lost"), at(2, "opened")]]
    health, _ = _record(lake, batches, pace=slow)
    (gap,) = health.venues[0].gaps
    assert "recording ended" in gap.problem


def test_a_venue_that_refuses_us_is_said_and_the_others_are_recorded(lake):
    refusing = venue(SpokenConnector(name="refusing", failure=BlockedError("refusing", "451")))
    told = ToldFollower([[OPENED, trade(1, 1)]])

    async def run():
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.1, stop.set)
        return await record(
            [refusing, venue()], ["BTC"], lake, stop=stop, pace=QUICK, follow=lambda *_: told
        )

    health = asyncio.run(run())
    assert {heard.venue: heard.state for heard in health.venues} == {
        "refusing": "failed",
        "spoken": "ended",
    }
    assert not health.all_failed
    assert lake.read("trades").height == 1


def test_a_venue_that_refuses_us_while_it_is_followed_ends_by_itself(lake):
    told = ToldFollower([[OPENED, trade(1, 1)]], failure=BlockedError("spoken", "status 451"))
    health, _ = _record(lake, [], follower=told)
    assert health.all_failed
    assert "451" in health.venues[0].problem
    assert lake.read("trades").height == 1


@pytest.mark.parametrize("wrong", [{"tables": ["funding"]}, {"symbols": ["XYZ"]}])
def test_what_no_venue_gives_is_refused_before_anything_is_recorded(lake, wrong):
    async def run():
        chosen = {"symbols": ["BTC"], "tables": None, **wrong}
        await record([venue()], chosen["symbols"], lake, tables=chosen["tables"])

    with pytest.raises(UsageError, match="spoken"):
        asyncio.run(run())
    assert not (lake.root / "raw").exists()


def test_rows_wait_for_a_full_disk_to_be_mended(lake, monkeypatch):
    write, failures = lake.write, []

    def full(frames, receipts=()):
        if len(failures) < 3:
            failures.append(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
            raise failures[-1]
        return write(frames, receipts)

    monkeypatch.setattr(lake, "write", full)
    problems = []
    health, _ = _record(
        lake,
        [[OPENED, trade(1, 1)], [trade(2, 2)]],
        until=lambda: len(failures) == 3 and problems[-1] == "",
        on_health=lambda health: problems.append(health.problem),
    )
    assert any("No space left" in problem for problem in problems)
    assert lake.read("trades").height == 2
    assert health.problem == ""


def test_rows_that_never_reach_the_lake_are_an_error_that_says_where_they_are(lake, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(lake, "write", full)
    with pytest.raises(ForcedflowError, match=r"(?s)1 rows could not.*No space.*--from-raw"):
        _record(lake, [[OPENED, trade(1, 1)]])
    assert _frames(lake) == [OPENED, trade(1, 1)]


def test_a_raw_log_that_cannot_be_finished_is_an_error_and_the_rows_are_in_the_lake(
    lake, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "raw")

    monkeypatch.setattr("forcedflow.store.raw_log.RawLog.flush", full)
    with pytest.raises(OSError, match="No space left"):
        _record(lake, [[OPENED, trade(1, 1)]])
    assert lake.read("trades").height == 1


def test_too_many_rows_are_written_before_more_is_read(lake, monkeypatch):
    monkeypatch.setattr(recorder_module, "MOST_ROWS", 10)
    most = []
    batches = [[trade(n * 10 + i, n * 10 + i) for i in range(10)] for n in range(20)]
    _record(
        lake,
        batches,
        pace=Pace(raw_s=0.01, rows_s=600.0),
        on_health=lambda health: most.append(health.waiting_rows),
    )
    # Twice as many and the batch that made them more: once being read, once being written.
    assert max(most, default=0) <= 60
    assert lake.read("trades").height == 200


def test_reading_goes_on_while_many_rows_are_written(lake, monkeypatch):
    monkeypatch.setattr(recorder_module, "MOST_ROWS", 10)
    all_read, waited = threading.Event(), []
    write = lake.write

    def write_slowly(frames):
        waited.append(all_read.wait(5.0))
        return write(frames)

    def said():
        yield [trade(n, n) for n in range(12)]
        yield [trade(n, n) for n in range(12, 17)]
        all_read.set()

    monkeypatch.setattr(lake, "write", write_slowly)
    _record(lake, said(), pace=Pace(raw_s=0.01, rows_s=600.0))
    assert waited[0] is True
    assert lake.read("trades").height == 17


def test_health_says_how_each_connection_fares(lake):
    batches = [[OPENED, *(trade(ms, ms, delay_ms=ms) for ms in range(1, 101))]]
    batches.append(
        [at(300, "closed", b"lost"), at(400, "opened"), at(500, "response", b'{"pong":1}')]
    )
    told = ToldFollower(batches, drops={"market": 4})
    known = []
    health, _ = _record(lake, [], follower=told, until=lambda: bool(known), on_health=known.append)
    (market,) = [c for c in health.venues[0].connections if c.connection == "market"]
    assert (market.connected, market.messages, market.reconnects) == (True, 101, 1)
    assert (market.lag_p50_ms, market.lag_p99_ms, market.dropped) == (50.0, 99.0, 4)
    assert market.age_s == pytest.approx(99.5)
    assert known[0].venues[0].state == "recording"
    assert msgspec.json.decode(msgspec.json.encode(health))["venues"][0]["venue"] == "spoken"


def test_what_was_recorded_replays_to_the_same_rows(lake, tmp_path):
    batches = [
        [OPENED, trade(1, 1), liquidation(2)],
        [at(3, said=b"?"), trade(4, 2), at(5, "closed"), at(6, "opened"), trade(7, 3)],
    ]
    connector = SpokenConnector()
    _record(lake, batches, connector)
    again, told = Lake(tmp_path / "again", create=True), _Told()
    (run,) = list_runs(lake.root, told.torn)
    for rows in replay_run(connector, run, told.torn, told.errors.append):
        again.write(rows)
    for table in ("trades", "liquidations"):
        assert_frame_equal(again.read(table), lake.read(table))
    assert len(told.errors) == 1
    assert lake.write({"trades": again.read("trades")}).total.added == 0


def test_a_recording_is_a_venue_with_a_past_and_a_stream_at_any_speed(lake):
    connector = SpokenConnector()
    batches = [[OPENED, trade(0, 1, delay_ms=0)], [trade(4_000, 2, delay_ms=0), liquidation(6_000)]]
    _record(lake, batches, connector)
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    told = _Told()
    runs = list_runs(lake.root, told.torn)
    replay = ReplayVenue(connector, runs, told.torn, told.errors.append, speed=2.0, sleep=sleep)
    assert replay.instruments() == (BTC,)
    assert replay.capabilities.streamed == {"trades", "liquidations"}

    async def listen():
        return [rows async for rows in replay.stream(["trades"], BTC.symbol)]

    heard = asyncio.run(listen())
    assert [rows["trades"].height for rows in heard] == [1, 1]
    assert waits == pytest.approx([2.0, 1.01])
    (past,) = replay.backfill(["trades"], BTC.symbol, START_MS + 1, START_MS + 9_000)
    assert past["trades"].get_column("trade_id").to_list() == ["2"]
    with pytest.raises(UsageError, match="does not give funding"):
        replay.backfill(["funding"], BTC.symbol, 0, 1)
    with pytest.raises(ForcedflowError, match="no messages of other"):
        ReplayVenue(SpokenConnector(name="other"), runs, told.torn, told.errors.append)


def test_the_clock_of_the_venue_is_compared_with_ours_and_no_row_is_moved(lake):
    known = []
    _record(
        lake,
        [[OPENED, trade(1, 1)]],
        until=lambda: known and known[-1].venues[0].skew is not None,
        on_health=known.append,
    )
    assert known[-1].venues[0].skew.offset_ms == pytest.approx(-100_000 + 0.5)
    (row,) = lake.read("trades").iter_rows(named=True)
    assert row["event_time"].timestamp() * 1000 == START_MS + 1


def test_at_the_change_of_day_files_are_merged(lake):
    clock = SimpleNamespace(ms=START_MS)
    told = ToldFollower([[trade(n, n)] for n in range(3)])
    merged = []
    compact = lake.compact
    lake.compact = lambda: merged.append(compact())

    async def run():
        stop = asyncio.Event()

        def watch(_):
            clock.ms = START_MS + 86_400_000
            if merged:
                stop.set()

        await record(
            [venue()],
            ["BTC"],
            lake,
            stop=stop,
            pace=QUICK,
            now_ns=lambda: clock.ms * 1_000_000,
            follow=lambda *_: told,
            on_health=watch,
        )

    asyncio.run(run())
    assert len(merged) == 2
    assert lake.read("trades").height == 3
    assert lake.read("trades").filter(pl.col("price") != 100.0).is_empty()


def test_a_batch_is_read_in_parts_so_that_others_have_their_turn(lake, monkeypatch):
    monkeypatch.setattr("forcedflow.live.recorder.FRAMES_AT_ONCE", 2)
    turns, taken = [], []
    take = VenueRecorder.take

    def watched(recorder, frames):
        loop = asyncio.get_running_loop()
        loop.call_soon(turns.append, len(taken))
        taken.append(len(frames))
        return take(recorder, frames)

    monkeypatch.setattr(VenueRecorder, "take", watched)
    _record(lake, [[OPENED, *(trade(number, number) for number in range(1, 5))]])
    assert taken[:3] == [2, 2, 1]
    assert turns[:2] == [0, 1]
    assert lake.read("trades").height == 4


def test_a_batch_that_was_half_read_when_it_was_cancelled_is_kept_whole(lake, monkeypatch):
    monkeypatch.setattr("forcedflow.live.recorder.FRAMES_AT_ONCE", 1)
    take = VenueRecorder.take

    def cancelling(recorder, frames):
        if frames[:1] == [trade(1, 1)]:
            recording.cancel()
        return take(recorder, frames)

    monkeypatch.setattr(VenueRecorder, "take", cancelling)
    told = ToldFollower([[OPENED, trade(1, 1), trade(2, 2), trade(3, 3)]])
    told.left = [trade(4, 4)]

    async def run():
        nonlocal recording
        recording = asyncio.create_task(
            record([venue()], ["BTC"], lake, pace=Pace(), follow=lambda *_: told)
        )
        with pytest.raises(asyncio.CancelledError):
            await recording

    recording = None
    asyncio.run(run())
    assert lake.read("trades").get_column("trade_id").to_list() == ["1", "2", "3", "4"]
    assert _frames(lake) == [OPENED, *(trade(number, number) for number in range(1, 5))]


def test_requests_of_one_kind_are_counted_together_however_many_are_asked_about(lake):
    frames = [
        Frame((START_MS + n) * 1_000_000, f"rest:state:0x{n:040x}", "response", b'{"pong": 0}')
        for n in range(500)
    ]
    health, _ = _record(lake, [[OPENED, *frames]])
    counted = {one.connection: one.messages for one in health.venues[0].connections}
    assert counted == {"market": 0, "rest:interest": 0, "rest:state": 500}


def test_another_venues_name_of_a_contract_costs_no_other_symbol(lake, caplog):
    told = ToldFollower([[OPENED]])

    async def run():
        stop = asyncio.Event()
        stop.set()
        return await record(
            [venue()], ["BTC-USDT-SWAP", "BTC"], lake, stop=stop, follow=lambda *_: told
        )

    health = asyncio.run(run())
    assert health.venues[0].symbols == (BTC.symbol,)
    assert "BTC-USDT-SWAP" in caplog.text


class _Garbled(SpokenConnector):
    def server_time_ms(self, *_):
        raise FrameError(self.name, "time", "is no time", b'{"serverTime":0}')


def test_a_clock_that_cannot_be_read_ends_nothing(lake, caplog):
    health, _ = _record(
        lake, [[OPENED, trade(1, 1)]], _Garbled(), until=lambda: "no time" in caplog.text
    )
    assert (health.venues[0].state, health.venues[0].skew) == ("ended", None)
    assert lake.read("trades").height == 1


def test_a_venue_whose_contracts_cannot_be_read_costs_no_other_venue(lake):
    unreadable = FrameError("garbled", "exchangeInfo", "is no list", b"<html>")
    garbled = SpokenConnector(name="garbled", failure=unreadable)
    told = ToldFollower([[OPENED, trade(1, 1)]])

    async def run():
        stop = asyncio.Event()
        stop.set()
        return await record(
            [venue(garbled), venue()], ["BTC"], lake, stop=stop, follow=lambda *_: told
        )

    health = asyncio.run(run())
    states = {one.venue: one.state for one in health.venues}
    assert states == {"spoken": "ended", "garbled": "failed"}

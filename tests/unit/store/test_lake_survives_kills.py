"""A kill at any moment and several processes at once lose nothing and tear nothing."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from tests.unit.store.numbered_writer import STAGES

from forcedflow import tables
from forcedflow.errors import NoDataError
from forcedflow.store import Lake

_WRITER = Path(__file__).with_name("numbered_writer.py")
# Three months of two symbols, and two days of depth.
_FUNDING_ROWS, _BAND_ROWS = 6, 2


def _start(root, *, writer=0, first=0, count=10_000, stop_at=""):
    return subprocess.Popen(
        [sys.executable, str(_WRITER), str(root), str(writer), str(first), str(count), stop_at],
        stdout=subprocess.PIPE,
        text=True,
    )


def _until(process, word):
    """Return the batches finished before the process says ``word``."""
    finished = []
    for line in process.stdout:
        if line.strip() == word:
            return finished
        if line.strip().isdigit():
            finished.append(int(line))
    pytest.fail(f"the writer ended before it said {word}")


def _kill(process):
    process.kill()
    rest, _ = process.communicate()
    return [int(line) for line in rest.splitlines() if line.isdigit()]


def _batches(lake, writer=0):
    """Return the numbers of the batches held; fails where one is there in part."""
    funding = lake.read("funding", venue=f"venue{writer}")
    (latest,) = funding.filter(symbol="latest batch").get_column("funding_rate").to_list() or [None]
    counts = _counts(funding.filter(pl.col("symbol") != "latest batch"), "funding_rate")
    bands = lake.read("depth_bands").filter(distance_pct=float(writer + 1))
    assert set(counts.values()) <= {_FUNDING_ROWS}
    assert _counts(bands, "notional_usd") == dict.fromkeys(counts, _BAND_ROWS)
    # The row that every batch replaces was replaced by the last batch that is held.
    assert latest == max(counts, default=None)
    for number in counts:
        receipt = lake.receipt(f"{writer}:{number}", "numbered", "")
        assert receipt is not None
    assert lake.receipt(f"{writer}:{max(counts, default=-1) + 1}", "numbered", "") is None
    return set(counts)


def _counts(frame, column):
    return dict(frame.get_column(column).cast(pl.Int64).value_counts().iter_rows())


def _assert_sound(lake):
    assert lake.verify() == []
    for table in ("funding", "depth_bands"):
        if files := lake.files(table):
            keys = pl.read_parquet(files, hive_partitioning=False).select(tables.TABLES[table].key)
            assert not keys.is_duplicated().any()


def _unfinished(root):
    return list(root.rglob(".part-*.parquet"))


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_no_finished_write_and_shows_no_half_one(tmp_path):
    finished, first = set(), 0
    for attempt in range(30):
        process = _start(tmp_path, first=first)
        _until(process, "ready")
        # After none, one or two finished batches, and somewhere within the next.
        finished |= {int(process.stdout.readline()) for _ in range(attempt % 3)}
        time.sleep(random.uniform(0, 0.06))  # noqa: S311 - a moment, not a secret
        finished |= set(_kill(process))
        lake = Lake(tmp_path)
        held = _batches(lake)
        # The batch under way may have been committed just before it could be reported.
        assert finished <= held
        assert held <= finished | {max(finished, default=first - 1) + 1}
        _assert_sound(lake)
        finished, first = held, max(held, default=-1) + 1
    assert len(finished) >= 30
    lake.compact()
    assert _batches(lake) == finished
    _assert_sound(lake)
    assert len(list(tmp_path.rglob("*part-*.parquet"))) == len(
        lake.files("funding") + lake.files("depth_bands")
    )


def test_a_kill_while_the_lake_is_being_made_leaves_a_lake_or_none(tmp_path):
    for number in range(5):
        root = tmp_path / str(number)
        process = _start(root)
        while not root.exists():
            time.sleep(0.0005)
        _kill(process)
        try:
            lake = Lake(root)
        except NoDataError:
            lake = Lake(root, create=True)
        _assert_sound(lake)
        _batches(lake)


@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_at_each_stage_of_a_write_is_survived(tmp_path, stage):
    process = _start(tmp_path, stop_at=stage)
    finished = set(_until(process, "stopped"))
    assert not _kill(process)
    lake = Lake(tmp_path)
    under_way = max(finished, default=-1) + 1
    # Only once the manifest is committed are superseded files unlinked.
    committed = {under_way} if stage == "before the unlink" else set()
    assert _batches(lake) == finished | committed
    assert bool(_unfinished(tmp_path)) == (stage in {"half a file written", "before the rename"})
    _assert_sound(lake)
    process = _start(tmp_path, first=under_way, count=2)
    _until(process, str(under_way + 1))
    process.communicate()
    assert _batches(lake) == set(range(under_way + 2))
    _assert_sound(lake)
    assert not _unfinished(tmp_path)


def test_two_writers_and_a_reader_at_once_lose_nothing_and_tear_nothing(tmp_path):
    count = 25
    writers = [_start(tmp_path, writer=number, count=count) for number in (0, 1)]
    for process in writers:
        _until(process, "ready")
    lake, reads = Lake(tmp_path), 0
    seen = [set(), set()]
    while any(process.poll() is None for process in writers):
        funding = lake.read("funding")
        for number in (0, 1):
            own = funding.filter(venue=f"venue{number}")
            latest = own.filter(symbol="latest batch").get_column("funding_rate").to_list()
            counts = _counts(own.filter(pl.col("symbol") != "latest batch"), "funding_rate")
            assert set(counts.values()) <= {_FUNDING_ROWS}
            assert latest == ([max(counts)] if counts else [])
            assert seen[number] <= set(counts)
            seen[number] = set(counts)
        reads += 1
    for process in writers:
        process.communicate()
        assert process.returncode == 0
    assert reads > 5
    assert [_batches(lake, writer) for writer in (0, 1)] == [set(range(count))] * 2
    _assert_sound(lake)


def test_processes_that_make_the_same_lake_at_once_share_it(tmp_path):
    for attempt in range(3):
        root = tmp_path / str(attempt)
        writers = [_start(root, writer=number, count=1) for number in (0, 1)]
        for process in writers:
            process.communicate()
            assert process.returncode == 0
        lake = Lake(root)
        assert [_batches(lake, writer) for writer in (0, 1)] == [{0}, {0}]

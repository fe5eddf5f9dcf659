"""The record command, as a process of its own, at exchanges on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from polars.testing import assert_frame_equal
from tests.venues.fakes.bybit import FakeBybit
from tests.venues.fakes.exchange import HttpFault
from tests.venues.fakes.facts import Tape
from tests.venues.fakes.hyperliquid import FakeHyperliquid

from forcedflow.cli.app import run
from forcedflow.store import Lake
from forcedflow.store.raw_log import list_runs, read_raw_log

TABLES = ("trades", "liquidations")


def _configure(folder, *fakes):
    lines = []
    for fake in fakes:
        endpoints = fake.endpoints
        lines += [
            f"[venues.{fake.venue}]",
            f'rest = "{endpoints.rest}"',
            f'stream = "{endpoints.stream}"',
        ]
    path = folder / "config.toml"
    path.write_text("\n".join(lines))
    return path


def _start(config, *words):
    return subprocess.Popen(
        [sys.executable, "-m", "forcedflow", "record", *map(str, words)],
        env={**os.environ, "FORCEDFLOW_CONFIG": str(config), "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _end(process, number=signal.SIGTERM):
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def _now_ms():
    return time.time_ns() // 1_000_000


def _say(fake):
    """Let trades and liquidations happen, and return them."""
    tape, now_ms = Tape(3), _now_ms()
    trades = tape.trades([now_ms + n for n in range(50)])
    forced = tape.liquidations([now_ms + n for n in range(7)])
    fake.wait_for("publicTrade.BTCUSDT", "allLiquidation.BTCUSDT")
    fake.publish([*trades, *forced])
    return trades, forced


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_a_signal_ends_a_recording_with_everything_in_the_lake_and_kept_raw(tmp_path, number):
    root = tmp_path / "lake"
    with FakeBybit() as fake:
        config = _configure(tmp_path, fake)
        process = _start(
            config, "bybit", "BTC", "--tables", ",".join(TABLES), "--lake", root, "--json"
        )
        trades, forced = _say(fake)
        time.sleep(0.2)
        status, out, err = _end(process, number)
    assert status == 0, err
    said = json.loads(out)
    assert said["tables"]["trades"]["added"] == len(trades)
    assert said["tables"]["liquidations"]["added"] == len(forced)
    assert said["venues"][0]["symbols"] == ["BTC/USDT:USDT"]
    lake = Lake(root)
    sides = lake.read("liquidations").get_column("side").sort().to_list()
    assert sides == sorted(fact.side for fact in forced)
    assert all(len(lake.files(table)) == 1 for table in TABLES)
    (recorded,) = list_runs(root, pytest.fail)
    frames = list(read_raw_log(recorded.files, on_torn=pytest.fail))
    assert sum(frame.kind == "message" for frame in frames) >= 2

    again = tmp_path / "again"
    assert run(["record", "--from-raw", str(root), "--lake", str(again)]) == 0
    for table in TABLES:
        assert_frame_equal(Lake(again).read(table), lake.read(table))
    assert run(["record", "--from-raw", str(root), "--lake", str(root)]) == 0


def test_a_killed_recording_gives_its_rows_from_the_raw_log(tmp_path, capsys):
    root = tmp_path / "lake"
    with FakeBybit() as fake:
        process = _start(_configure(tmp_path, fake), "bybit", "BTC", "--lake", root)
        trades, _ = _say(fake)
        time.sleep(2.5)  # raw messages reach the disk each second
        process.kill()
        process.communicate(timeout=30)
    assert Lake(root).read("trades").height < len(trades)  # not written yet when it was killed
    assert run(["record", "--from-raw", str(root), "bybit", "--lake", str(root)]) == 0
    assert Lake(root).read("trades").height == len(trades)
    capsys.readouterr()
    assert run(["record", "--from-raw", str(root), "--lake", str(root), "--json"]) == 0
    changes = json.loads(capsys.readouterr().out)["tables"]["trades"]
    assert changes == {"added": 0, "replaced": 0, "unchanged": len(trades)}


def test_a_damaged_raw_file_is_named_and_what_stands_before_it_goes_in(tmp_path, capsys):
    root = tmp_path / "lake"
    with FakeBybit() as fake:
        process = _start(_configure(tmp_path, fake), "bybit", "BTC", "--lake", root)
        trades, _ = _say(fake)
        time.sleep(2.5)
        _end(process)
    (path,) = root.rglob("*.jsonl.zst")
    whole = path.read_bytes()
    path.write_bytes(whole + b"no block" * 10 + whole)
    again = tmp_path / "again"
    assert run(["record", "--from-raw", str(root), "--lake", str(again)]) == 5
    said = capsys.readouterr().err
    assert str(path) in said
    assert f"byte {len(whole):,}" in said
    assert Lake(again).read("trades").height == len(trades)


def test_a_venue_that_refuses_us_is_said_while_the_other_is_recorded(tmp_path):
    root = tmp_path / "lake"
    with FakeBybit() as fake, FakeHyperliquid() as refusing:
        refusing.fail(HttpFault(451, times=1_000))
        config = _configure(tmp_path, fake, refusing)
        process = _start(config, "bybit", "hyperliquid", "BTC", "--lake", root)
        _say(fake)
        time.sleep(0.2)
        status, out, err = _end(process)
    assert status == 0, err
    assert "hyperliquid FAILED" in out
    assert "451" in err
    assert set(Lake(root).read("trades").get_column("venue")) == {"bybit"}


def test_a_recording_of_venues_that_all_refuse_us_ends_by_itself_with_status_4(tmp_path):
    with FakeBybit() as fake:
        fake.fail(HttpFault(403, times=1_000))
        config = _configure(tmp_path, fake)
        process = _start(config, "bybit", "BTC", "--lake", tmp_path / "lake")
        out, err = process.communicate(timeout=30)
    assert process.returncode == 4, (out, err)
    assert "403" in err


def test_a_recording_can_be_given_its_length(tmp_path):
    with FakeBybit() as fake:
        words = ["bybit", "BTC", "--for", "1s", "--lake", tmp_path / "lake"]
        process = _start(_configure(tmp_path, fake), *words)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "recorded 1 s into" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["BTC"], "no venue among BTC"),
        (["binance"], "no symbol given"),
        (["binance", "BTC", "--tables", "tradez"], "no such table: tradez"),
        (["binance", "BTC", "--for", "soon"], "no span of time"),
        (["BTC", "--from-raw", "."], "name venues alone"),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_anything_is_asked(words, said, tmp_path, capsys):
    assert run(["record", *words, "--lake", str(tmp_path / "lake")]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_without_raw_messages_is_no_data(tmp_path, capsys):
    assert run(["record", "--from-raw", str(tmp_path), "--lake", str(tmp_path / "lake")]) == 3
    assert "holds no raw messages" in capsys.readouterr().err

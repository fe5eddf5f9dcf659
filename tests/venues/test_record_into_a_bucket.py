"""A recording into a lake in a bucket: rows for everybody, raw messages here, one recorder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from tests.reference.s3_server import BUCKET, SECRET, environment, serving
from tests.venues.fakes.bybit import FakeBybit
from tests.venues.fakes.facts import Tape

from forcedflow.store import Lake
from forcedflow.store.raw_log import list_runs


def _start(config, home, *words):
    return subprocess.Popen(
        [sys.executable, "-m", "forcedflow", "record", *words],
        env={**os.environ, "FORCEDFLOW_CONFIG": str(config), "HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_rows_reach_the_bucket_and_a_second_recorder_is_told_who_records(tmp_path, monkeypatch):
    with serving() as endpoint, FakeBybit() as fake:
        for name, value in environment(endpoint).items():
            monkeypatch.setenv(name, value)
        config = tmp_path / "config.toml"
        rest, stream = fake.endpoints.rest, fake.endpoints.stream
        config.write_text(f'[venues.bybit]\nrest = "{rest}"\nstream = "{stream}"\n')
        address = f"s3://{BUCKET}/recorded"
        words = ("bybit", "BTC", "--tables", "trades,liquidations", "--lake", address, "--json")
        first = _start(config, tmp_path / "desk-1", *words)
        fake.wait_for("publicTrade.BTCUSDT", "allLiquidation.BTCUSDT")

        second = _start(config, tmp_path / "desk-2", *words)
        _, told = second.communicate(timeout=60)
        assert second.returncode == 1
        assert (
            f"bybit BTC/USDT:USDT is being recorded into this lake by process {first.pid}" in told
        )

        tape, now_ms = Tape(3), time.time_ns() // 1_000_000
        trades = tape.trades([now_ms + n for n in range(50)])
        forced = tape.liquidations([now_ms + n for n in range(7)])
        fake.publish([*trades, *forced])
        time.sleep(0.5)
        first.send_signal(signal.SIGTERM)
        out, err = first.communicate(timeout=60)
        assert first.returncode == 0, err
        assert json.loads(out)["tables"]["trades"]["added"] == len(trades)
        assert SECRET not in out + err + told

        elsewhere = Lake(address, local=tmp_path / "desk-3")
        assert elsewhere.read("trades").height == len(trades)
        assert elsewhere.read("liquidations").height == len(forced)
        assert not list((tmp_path / "desk-3").glob("raw/*/date=*"))
        here = next((tmp_path / "desk-1").rglob("raw")).parent
        assert f"raw messages stay on this machine, in {here}/raw" in err
        (run,) = list_runs(here, pytest.fail)
        assert run

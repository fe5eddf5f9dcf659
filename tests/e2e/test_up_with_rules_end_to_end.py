"""Rules beside ``up``: what fires reaches a webhook once, the stream once, and is listed."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from tests.unit.alerts.receiver import Receiver

from forcedflow.cli.app import run
from forcedflow.cli.options import iso_time
from forcedflow.features.table import STEP_MS
from forcedflow.sandbox.market import Pace, SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

pytestmark = pytest.mark.slow

RULES = """
[delivery]
follow_up = false
daily_cap = 1000
[targets.desk]
kind = "webhook"
url_env = "MADE_URL"
secret_env = "MADE_KEY"
allow_private = ["127.0.0.1/32"]
[[rules]]
name = "near"
kind = "cluster_near"
least_usd = 1.0
within_pct = 30.0
cooldown = "1s"
targets = ["desk"]
[[rules]]
name = "swept"
kind = "cluster_swept"
least_usd = 1.0
cooldown = "1s"
targets = ["desk"]
[[rules]]
name = "stale"
kind = "data_stale"
tables = ["open_interest"]
older_than = "1s"
cooldown = "1s"
targets = ["desk"]
"""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A lake of one simulated venue, and the end of its two days."""
    market = SandboxMarket("calm", 400, 2, pace=Pace(float("inf")))
    venue = SandboxVenue(market, "sandbox")
    end_ms = market.opened_ms + 2 * DAY_MS
    rows = [{"calendar_events": market.scheduled_events()}]
    for one in venue.instruments():
        tables = sorted(venue.capabilities.backfilled - {"order_book"})
        rows += venue.backfill(tables, one.symbol, START_MS, end_ms)
    root = tmp_path_factory.mktemp("simulated") / "lake"
    Lake(root, create=True).write(join(rows))
    return root, end_ms


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "alerts.toml"
    path.write_text(RULES)
    return path


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def words(simulated, rules, bars, speed, *more):
    root, end_ms = simulated
    span = ("--replay", iso_time(end_ms - bars * STEP_MS), iso_time(end_ms))
    quiet = ("--cascade", "0", "--forecast", "0", "--json", "--speed", str(speed))
    about = ("up", "SIM", "--venue", "sandbox", "--lake", str(root), "--rules", str(rules))
    return [*about, *span, *quiet, *more]


class Hearing:
    """Hears all events of a server from its first on, and what it lists, until it ends."""

    def __init__(self, port):
        self.port, self.events, self.listed = port, collections.defaultdict(list), None
        self._thread = threading.Thread(target=self._hear)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _ask(self, path):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}", timeout=30)

    def _hear(self):
        boot = self._boot()
        with contextlib.suppress(ConnectionError):
            for line in self._ask(f"events?last_event_id={boot}-0"):
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    self.events[kind].append(json.loads(value))
                    if kind == "alert":
                        with self._ask("alerts?limit=500") as reply:
                            self.listed = json.loads(reply.read())

    def _boot(self):
        until = time.monotonic() + 60
        while True:
            try:
                for line in self._ask("events"):
                    if line.startswith(b"data: "):
                        return json.loads(line[6:])["boot"]
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.05)


def test_what_fires_over_the_past_arrives_once_and_the_stream_says_it_too(
    simulated, rules, free_port, monkeypatch, capsys
):
    with Receiver() as receiver:
        monkeypatch.setenv("MADE_URL", receiver.url)
        monkeypatch.setenv("MADE_KEY", "made")
        with Hearing(free_port) as heard:
            status = run(words(simulated, rules, 24, 3_000, "--port", str(free_port)))
    captured = capsys.readouterr()
    assert status == 0, captured.err
    sent = [json.loads(request.body) for request in receiver.requests]
    ids = [one["id"] for one in sent]
    assert len(ids) == len(set(ids)) > 2
    alerts = [event["payload"] for event in heard.events["alert"]]
    assert sorted(one["key"] for one in alerts) == sorted(ids)
    assert "cluster_near" in {one["kind"] for one in alerts}
    for one, event in zip(alerts, heard.events["alert"], strict=True):
        assert event["market"] == {"venue": "sandbox", "symbol": "SIM/USDT:USDT"}
        assert one["title"].startswith("SIMULATED REPLAY: ")
        assert one["replayed"]
        assert one["key"] in one["text"]
    # Nobody is told later than the receiver's clock allows, however long ago the past was.
    stamps = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
    assert all(abs(stamp - time.time()) < 120 for stamp in stamps)
    assert heard.listed["watched"]
    assert [rule["name"] for rule in heard.listed["rules"]] == ["near", "swept", "stale"]
    assert heard.listed["targets"] == [{"name": "desk", "kind": "webhook"}]
    assert "MADE" not in json.dumps(heard.listed)
    listed = [row["key"] for row in heard.listed["alerts"] if row["suppressed"] is None]
    assert set(listed) <= set(ids)
    assert not (simulated[0] / "alerts").exists()
    # One update a bar, though what rules need is computed at every bar.
    updates = [event["payload"]["at"] for event in heard.events["update"]]
    assert len(updates) == len(set(updates)) == 24
    *bars, last = map(json.loads, captured.out.splitlines())
    assert len(bars) == 24
    assert "prices" not in bars[-1]["stages"]
    assert last["ended"] == simulated[1] - STEP_MS


def test_a_print_of_the_past_is_told_once_with_the_bar_that_knew_it(
    simulated, rules, free_port, monkeypatch
):
    root, _ = simulated
    printed = Lake(root).read("liquidations", venue="sandbox", symbol="SIM/USDT:USDT").tail(1)
    (event_ms,) = printed["event_time"].dt.epoch("ms")
    around = (root, (event_ms // STEP_MS + 4) * STEP_MS)
    monkeypatch.setenv("MADE_KEY", "made")
    with Receiver() as receiver:
        monkeypatch.setenv("MADE_URL", receiver.url)
        with Hearing(free_port) as heard:
            assert run(words(around, rules, 5, 600, "--port", str(free_port))) == 0
    (told,) = [event["payload"] for event in heard.events["liquidation"]]
    assert (told["count"], told["simulated"]) == (1, True)
    (row,) = told["prints"]
    assert row["at"] == iso_time(event_ms)
    assert (row["side"], row["notional_usd"]) == (
        printed["side"].item(),
        printed["notional_usd"].item(),
    )
    assert told["longs_usd"] + told["shorts_usd"] == row["notional_usd"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_and_loses_nothing_that_fired(simulated, rules, tmp_path, number):
    with Receiver() as receiver:
        variables = {"MADE_URL": receiver.url, "MADE_KEY": "made", "HOME": str(tmp_path)}
        running = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "forcedflow",
                *words(simulated, rules, 200, 300, "--no-server"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, **variables},
        )
        assert receiver.arrived.wait(60)
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert "ended" in json.loads(out.splitlines()[-1])
    assert "Traceback" not in err
    ids = [json.loads(request.body)["id"] for request in receiver.requests]
    assert len(ids) == len(set(ids)) == err.count("SIMULATED REPLAY: ")


def test_a_port_that_is_taken_is_said_before_anything_is_judged(
    simulated, rules, monkeypatch, capsys
):
    monkeypatch.setenv("MADE_KEY", "made")
    with Receiver() as receiver, socket.socket() as taken:
        monkeypatch.setenv("MADE_URL", receiver.url)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert run(words(simulated, rules, 3, 1e9, "--port", port)) == 2
    assert "cannot be listened at" in capsys.readouterr().err
    assert not receiver.requests

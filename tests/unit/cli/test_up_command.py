"""The up command over the past of a lake: a line per bar and market, and what it refuses."""

from __future__ import annotations

import json
import math
import socket
import urllib.request

import pytest

from forcedflow.cli import up_server
from forcedflow.cli.app import run
from forcedflow.cli.options import iso_time
from forcedflow.features.table import STEP_MS
from forcedflow.instruments import parse_symbol
from forcedflow.live.loop import LiveLoop
from forcedflow.sandbox.market import Pace, SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

QUIET = ("--cascade", "0", "--forecast", "0", "--no-server")


@pytest.fixture
def free_port():
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A lake of one simulated venue, and the end of its day."""
    market = SandboxMarket("calm", 400, 2, pace=Pace(math.inf))
    venue = SandboxVenue(market, "sandbox")
    end_ms = market.opened_ms + DAY_MS
    rows = [{"calendar_events": market.scheduled_events()}]
    for one in venue.instruments():
        tables = sorted(venue.capabilities.backfilled - {"order_book"})
        rows += venue.backfill(tables, one.symbol, START_MS, end_ms)
    root = tmp_path_factory.mktemp("simulated") / "lake"
    Lake(root, create=True).write(join(rows))
    return root, end_ms


def _replay(root, start_ms, end_ms, *more):
    span = ("--replay", iso_time(start_ms), iso_time(end_ms))
    return run(["up", "SIM", "--venue", "sandbox", "--lake", str(root), *span, *QUIET, *more])


def test_the_past_is_told_bar_by_bar_and_says_that_it_is_the_past(simulated, capsys):
    root, end_ms = simulated
    assert _replay(root, end_ms - 3 * STEP_MS, end_ms) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all("SIMULATED REPLAY sandbox SIM/USDT:USDT" in line for line in lines)
    assert lines[0].startswith(iso_time(end_ms - 3 * STEP_MS))


def test_json_ends_with_the_state_that_whoever_goes_on_from_the_lake_comes_to(simulated, capsys):
    root, end_ms = simulated
    assert _replay(root, end_ms - 2 * STEP_MS, end_ms, "--json") == 0
    *bars, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert [bar["at_ms"] for bar in bars] == [end_ms - 2 * STEP_MS, end_ms - STEP_MS]
    assert {bar["badge"] for bar in bars} == {"REPLAY"}
    assert bars[-1]["zones"]
    assert len(bars[-1]["signals"]) == 8
    assert last["ended"] == end_ms - STEP_MS
    anew = LiveLoop(Lake(root), [parse_symbol("SIM", "sandbox")])
    anew.close_bar(last["ended"])
    assert last["state"] == anew.state_hash()


def test_stages_are_told_with_the_bar_they_ran_at(simulated, capsys):
    root, end_ms = simulated
    words = ["up", "SIM", "--venue", "sandbox", "--lake", str(root), "--json", "--no-server"]
    span = ["--replay", iso_time(end_ms - STEP_MS), iso_time(end_ms)]
    assert run([*words, *span, "--cascade", "5m", "--forecast", "5m"]) == 0
    stages = json.loads(capsys.readouterr().out.splitlines()[-2])["stages"]
    assert set(stages) == {"cascade", "forecast"}
    for told in stages.values():
        assert told["at_ms"] == end_ms - STEP_MS
        # A day is too little for either, and each says so.
        assert (told["answer"] is None) == bool(told["problem"])


def test_the_server_answers_while_markets_are_followed(simulated, free_port):
    root, end_ms = simulated
    lake = Lake(root)
    markets = [parse_symbol("SIM", "sandbox")]
    loop = LiveLoop(lake, markets, is_replay=True)
    with up_server.served(loop, lake, markets, lambda: end_ms, free_port):
        loop.close_bar(end_ms - STEP_MS)
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/api/v1/health") as reply:
            told = json.loads(reply.read())
    assert "REPLAY" in json.dumps(told)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ((), "no symbol given"),
        (("BTC", "--venue", ","), "no venue named"),
        (("BTC", "--speed", "3"), "--replay FROM TO"),
        (("SIM", "--venue", "sandbox,binance"), "the sandbox is followed alone"),
        (("BTC", "--cascade", "7m"), "a multiple of 5m"),
        (("BTC", "--port", "99999"), "from 0 to 65535"),
    ],
)
def test_what_cannot_be_followed_is_refused_before_anything_is_asked(words, hint, capsys):
    assert run(["up", *words]) == 2
    assert hint in capsys.readouterr().err


def test_a_span_in_which_nothing_was_known_says_which_command_tells_what_is_held(simulated, capsys):
    root, end_ms = simulated
    assert _replay(root, end_ms - 40 * DAY_MS, end_ms - 40 * DAY_MS + 2 * STEP_MS) == 3
    assert "forcedflow coverage" in capsys.readouterr().err
    assert _replay(root, end_ms, end_ms) == 2
    assert "FROM before TO" in capsys.readouterr().err

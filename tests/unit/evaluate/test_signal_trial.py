"""The trial of signals: every signal has its inputs, and nothing is taken for a real market."""

from __future__ import annotations

import json

import pytest

from forcedflow.asof.signals import read_signal_table
from forcedflow.cli.app import run
from forcedflow.evaluate import signal_scores, signal_trial
from forcedflow.signals.registry import SIGNALS
from forcedflow.signals.signal import UNKNOWN
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

DAYS = 13


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trial") / "lake"
    return signal_trial.record_market(folder, "news-shock", 1, 600, DAYS)


def test_every_signal_is_known_on_a_simulated_market(recorded):
    table = read_signal_table(recorded.lake, recorded.instrument, recorded.at_ms, DAYS)
    assert table.simulated
    assert recorded.at_ms % DAY_MS == 0
    unknown = [s.name for s in SIGNALS if s.judge(table).verdict[-1] == UNKNOWN]
    assert unknown == []


def test_all_venues_are_recorded_and_only_what_signals_read(recorded):
    held = {(table, venue) for table, venue, _ in recorded.lake.series()}
    venues = {"sandbox", "sandbox-sampled", "sandbox-dark"}
    assert {venue for table, venue in held if table == "open_interest"} == venues
    assert "trades" not in {table for table, _ in held}
    assert "calendar_events" in {table for table, _ in held}


@pytest.mark.slow
def test_the_trial_is_scored_says_simulated_and_is_remembered(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(signal_trial, "MARKETS", (("news-shock", 1), ("both-sides", 1)))
    monkeypatch.setattr(signal_trial, "TRADERS", 600)
    monkeypatch.setattr(signal_trial, "DAYS", 36)
    monkeypatch.setattr(signal_trial, "SCORED_DAYS", 28)
    # A tenth of four weeks holds too few days to compare with; half of them are enough.
    monkeypatch.setattr(signal_scores, "DECILES", 2)
    lake = Lake(tmp_path / "lake", create=True)
    asked = ["scorecard", "signals", "--trial", "--lake", str(lake.root)]
    assert run([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    symbols = {"SIM news-shock 1", "SIM both-sides 1"}
    assert {row["symbol"] for row in found["results"]} <= {*symbols, "pooled"}
    assert {row["venue"] for row in found["results"]} == {"sandbox"}
    assert found["data"]["simulated"] == ["SIM/USDT:USDT"]
    assert set(found["data"]["fired"]) == symbols
    assert all(len(fired) == len(SIGNALS) + 1 for fired in found["data"]["fired"].values())
    # A record of a market that is gone is nothing to quote.
    assert not (lake.root / "artefacts").exists()

    def refuse(*_):
        raise AssertionError("scored again")

    monkeypatch.setattr(signal_trial, "record_market", refuse)
    assert run(asked) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "SIMULATED" in out

"""What ``scorecard cascade`` takes, refuses, prints and remembers."""

from __future__ import annotations

import json

import pytest
from tests.unit.evaluate.cascade_pushes import said, trial

from forcedflow.cli import scorecard_cascade, scorecard_memory
from forcedflow.cli.app import run
from forcedflow.evaluate import cascade_moves, cascade_trial
from forcedflow.sandbox.market import SandboxMarket
from forcedflow.store import Lake

DAYS = 9


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """A lake of a small simulated market."""
    held = Lake(tmp_path_factory.mktemp("cascade") / "lake", create=True)
    market = SandboxMarket("leverage-build-up", 4_000, 1)
    for batch in market.history(0, market.opened_ms + DAYS * 86_400_000):
        held.write(batch)
    return str(held.root)


# The market opens on 2024-01-01 and publishes twelve days later.
CASE = (
    "--venue",
    "sandbox",
    "--symbol",
    "SIM",
    "--from",
    "2024-01-20",
    "--to",
    "2024-01-21T12:00Z",
)


def refusal(capsys, *arguments):
    status = run(["scorecard", *arguments])
    return status, capsys.readouterr().err


def test_a_frozen_case_says_what_stood_and_what_is_not_scored(lake, capsys):
    assert run(["scorecard", "cascade", *CASE, "--lake", lake, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    rows = {row["metric"]: row for row in answer["results"]}
    assert set(rows) == {
        "share_explained",
        "share_explained_by_prints",
        "critical_shock",
        "structural_probability",
    }
    for row in rows.values():
        assert (row["product"], row["n"], row["n_days"], row["p"]) == ("cascade", 1, 1, None)
        assert row["horizon"] == "36h"
        assert row["event"] == "frozen 2024-01-20T00:00:00Z"
    assert 0 <= rows["share_explained"]["value"] <= 1
    assert rows["critical_shock"]["baseline_value"] > 0
    why = " ".join(missing["why"] for missing in answer["data"]["missing"])
    assert "forced flow not scored" in why
    assert "end price not scored" in why
    assert answer["data"]["simulated"] == ["SIM/USDT:USDT"]
    assert "simulated depth bands" in answer["data"]["depth"]["SIM/USDT:USDT"][0]
    assert answer["data"]["ranges"]["SIM/USDT:USDT"]["open_interest"][1] <= "2024-01-20T00:00:00Z"


def test_what_happens_later_changes_only_what_it_is_compared_with(lake, capsys):
    answers = []
    for end in ("2024-01-20T18:00Z", "2024-01-21T12:00Z"):
        case = [*CASE[:-1], end]
        assert run(["scorecard", "cascade", *case, "--lake", lake, "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["results"]
        critical = next(row for row in rows if row["metric"] == "critical_shock")
        answers.append((critical["side"], critical["value"], critical["ci"]))
    assert len({side for side, _, _ in answers}) > 1 or answers[0] == answers[1]


def test_without_a_moment_the_largest_moves_are_frozen_one_by_one(lake, capsys, monkeypatch):
    # The made-up market is calmer than a recorded one.
    found = cascade_moves.large_moves
    monkeypatch.setattr(cascade_moves, "large_moves", lambda bars: found(bars, least=0.008))
    monkeypatch.setattr(scorecard_cascade, "MOST_MOVES", 3)
    whose = ["--venue", "sandbox", "--symbol", "SIM"]
    assert run(["scorecard", "cascade", *whose, "--lake", lake, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    events = {row["event"] for row in answer["results"]}
    why = [missing["why"] for missing in answer["data"]["missing"]]
    assert 0 < len(events) <= 3
    assert len(why) == len(set(why))
    for row in answer["results"]:
        assert row["event"].startswith("frozen ")
        assert row["event"].endswith(":00:00Z")
        assert row["horizon"] == "4h"
    assert answer["data"]["simulated"] in ([], ["SIM/USDT:USDT"])
    for name in answer["data"]["ranges"]:
        last_known = answer["data"]["ranges"][name]["open_interest"][1]
        assert last_known <= name.split(" ")[1]


def test_a_simulated_case_says_so_on_the_screen(lake, capsys):
    assert run(["scorecard", "cascade", *CASE, "--lake", lake]) == 0
    shown = capsys.readouterr().out
    assert "SIMULATED" in shown
    assert "One case each" in shown


def test_the_trial_is_remembered_beside_a_lake(lake, capsys, monkeypatch):
    asked = []

    def record(*conditions):
        asked.append(conditions)

    monkeypatch.setattr(cascade_trial, "record_market", record)
    monkeypatch.setattr(cascade_trial, "hold_trial", lambda *_: trial(said(end=0.012), said()))
    # The code is part of the key; here it is not what is asked about.
    monkeypatch.setattr(scorecard_memory, "_SCORING", ())
    command = ["scorecard", "cascade", "--trial", "--lake", lake, "--json"]
    assert run(command) == 0
    first = json.loads(capsys.readouterr().out)
    assert len(asked) == len(set(asked)) == 12
    assert first["data"]["simulated"] == ["SIM/USDT:USDT"]
    assert first["data"]["trial"]["traders"] == cascade_trial.TRADERS
    assert all(row["venue"] == "sandbox" for row in first["results"])
    assert run(command) == 0
    second = json.loads(capsys.readouterr().out)
    assert len(asked) == 12
    assert second["results"] == first["results"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("cascade", "--from", "2024-01-20"), "its moment and its end"),
        (("cascade", "--from", "2024-01-20", "--to", "2024-01-20"), "end after its moment"),
        (("cascade", "--trial", "--from", "2024-01-20"), "its own days"),
        (("cascade", "--trial", "--walk"), "fits nothing itself"),
        (("cascade", "--horizon", "1h", *CASE), "followed to --to"),
        (
            ("map", "--trial", "--to", "2024-01-20"),
            "--trial is of forecast, cascade, second-leg, signals, regimes alone",
        ),
        (("map", "--fit-to", "2024-01-20"), "needs an end"),
        (("magnet", "--from", "2024-01-20"), "needs an end"),
    ],
)
def test_what_makes_no_sense_is_refused(lake, capsys, arguments, words):
    status, error = refusal(capsys, *arguments, "--lake", lake)
    assert status == 2
    assert words in error


def test_without_a_lake_a_frozen_case_says_how_to_get_one(tmp_path, capsys):
    status, error = refusal(capsys, "cascade", *CASE, "--lake", str(tmp_path / "none"))
    assert status == 3
    assert "hint" in error

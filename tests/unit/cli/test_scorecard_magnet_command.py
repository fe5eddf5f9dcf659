"""What ``scorecard magnet`` takes, refuses and prints."""

from __future__ import annotations

import json

import polars as pl
import pytest
from tests.unit.evaluate.evaluated_market import open_interest

from forcedflow.cli.app import run
from forcedflow.store import Lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("magnet") / "lake", create=True)
    rows = open_interest(days=40).with_columns(venue=pl.lit("binance"))
    lake.write({"open_interest": rows})
    return str(lake.root)


SPAN = ("--from", "2026-01-05", "--to", "2026-02-10")


def refusal(capsys, *arguments):
    status = run(["scorecard", *arguments])
    return status, capsys.readouterr().err


def test_rows_follow_the_contract_and_say_what_is_missing(lake, capsys):
    assert run(["scorecard", "magnet", *SPAN, "--lake", lake, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    rows = {(row["metric"], row["baseline"]): row for row in answer["results"]}
    slope = rows["slope", "zero"]
    assert slope["product"] == "magnet"
    assert (slope["horizon"], slope["model"], slope["venue"]) == ("24h", "prior", "binance")
    assert slope["baseline_value"] == 0
    assert slope["gain"] == slope["value"]
    assert slope["ci"][0] <= slope["value"] <= slope["ci"][1]
    assert slope["n"] > 600
    assert slope["n_days"] >= 34
    hits = rows["hit_rate", "mirrored"]
    assert hits["gain"] == pytest.approx(hits["value"] - hits["baseline_value"])
    for row in rows.values():
        assert row["p"] <= row["p_adj"] <= 1
        assert row["pass"] == (row["ci"][0] > 0)
    metrics = {row["metric"] for row in answer["results"]}
    if "move_sigma" not in metrics:
        assert any("touches" in missing["why"] for missing in answer["data"]["missing"])
    assert set(answer["data"]["hashes"]) == {"BTC/USDT:USDT"}


def test_the_same_command_gives_the_same_rows(lake, capsys):
    answers = []
    for _ in range(2):
        assert run(["scorecard", "magnet", *SPAN, "--lake", lake, "--json"]) == 0
        answers.append(json.loads(capsys.readouterr().out)["results"])
    assert answers[0] == answers[1]


def test_several_symbols_are_also_pooled(lake, capsys):
    twice = ("--symbol", "BTC,BTC", *SPAN, "--lake", lake, "--json")
    assert run(["scorecard", "magnet", *twice]) == 0
    rows = json.loads(capsys.readouterr().out)["results"]
    slopes = {row["symbol"]: row for row in rows if row["metric"] == "slope"}
    # The same market twice: the same slope, and no narrower an interval.
    assert slopes["pooled"]["value"] == pytest.approx(slopes["BTC/USDT:USDT"]["value"])
    assert slopes["pooled"]["ci"] == pytest.approx(slopes["BTC/USDT:USDT"]["ci"])
    assert slopes["pooled"]["n"] == 2 * slopes["BTC/USDT:USDT"]["n"]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("magnet", "--to", "2026-02-10"), "--from 2025-12-15"),
        (("magnet", *SPAN, "--fit-to", "2026-01-04"), "leave out --fit-to"),
        (("magnet", *SPAN, "--walk"), "leave out --fit-to"),
        (("magnet", *SPAN, "--horizon", "90m"), "whole number of hours"),
        (("magnet", "--from", "2026-02-10", "--to", "2026-02-10"), "must end after it begins"),
        (("map", "--to", "2026-02-10"), "--fit-to 2026-01-26"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_hint(lake, capsys, arguments, hint):
    status, said = refusal(capsys, *arguments, "--lake", lake)
    assert status == 2
    assert hint in said


def test_a_span_too_short_for_an_interval_is_said(lake, capsys):
    short = ("--from", "2026-01-05", "--to", "2026-01-12")
    status, said = refusal(capsys, "magnet", *short, "--lake", lake)
    assert status == 3
    assert "blocks of 48 h are needed" in said

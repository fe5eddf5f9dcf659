"""What ``scorecard second-leg`` takes, refuses and prints."""

from __future__ import annotations

import json

import polars as pl
import pytest
from tests.unit.evaluate.test_second_leg_record import blind_market, clusters_on_a_grid

from forcedflow.cli.app import run
from forcedflow.evaluate import second_leg_trial
from forcedflow.store import Lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("second-leg") / "lake", create=True)
    for seed, symbol in ((4, "BTC/USDT:USDT"), (9, "ETH/USDT:USDT")):
        rows = blind_market(seed, days=30).open_interest
        lake.write({"open_interest": rows.with_columns(symbol=pl.lit(symbol))})
    return str(lake.root)


SPAN = ("--from", "2026-02-06", "--to", "2026-03-05")


def test_rows_follow_the_contract_and_say_what_is_missing(lake, capsys, monkeypatch):
    monkeypatch.setattr(second_leg_trial, "follow_clusters", clusters_on_a_grid)
    arguments = ("--symbol", "BTC,ETH", *SPAN, "--lake", lake, "--json")
    assert run(["scorecard", "second-leg", *arguments]) == 0
    answer = json.loads(capsys.readouterr().out)
    rows = [row for row in answer["results"] if row["symbol"] == "pooled"]
    assert {row["product"] for row in rows} == {"second-leg"}
    gross = {row["baseline"]: row for row in rows if row["metric"] == "gross_bps"}
    assert set(gross) == {"zero", "matched"}
    assert set(answer["data"]["hashes"]) == {"BTC/USDT:USDT", "ETH/USDT:USDT"}
    # No book and no volume is held, so slippage is unknown and only gross is told.
    assert not any(row["metric"] == "net_bps" and row["n"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "2026-03-05"), "a beginning and an end"),
        (("--from", "2026-03-05", "--to", "2026-02-06"), "end after it begins"),
        ((*SPAN, "--horizon", "4h"), "leave out --horizon"),
        ((*SPAN, "--walk"), "no fit to place"),
        (("--trial", *SPAN), "its own days"),
    ],
)
def test_what_makes_no_sense_is_refused(lake, capsys, arguments, said):
    assert run(["scorecard", "second-leg", *arguments, "--lake", lake]) == 2
    assert said in capsys.readouterr().err


def test_a_span_without_plans_is_no_scorecard(lake, capsys):
    arguments = ("--from", "2026-03-04", "--to", "2026-03-05", "--lake", lake)
    assert run(["scorecard", "second-leg", *arguments]) == 3
    assert "30 are needed" in capsys.readouterr().err

"""What ``scorecard regimes`` takes, refuses and prints."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from tests.reference import feature_markets as markets

from forcedflow.cli import scorecard_regimes
from forcedflow.cli.app import run
from forcedflow.cli.scorecard_regimes import MARKETS
from forcedflow.evaluate.regime_card import Scope
from forcedflow.evaluate.regime_trial import CLAIMS, Trial
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS

SPAN = ("--from", "2026-02-10", "--to", "2026-07-01")
HOURS = 24 * 160


def bars(seed, price_type):
    """Hours of a market that now and then strikes, on much volume."""
    rng = np.random.default_rng(seed)
    struck = rng.random(HOURS) < 0.02
    moves = 0.004 * rng.standard_normal(HOURS)
    moves[struck] = 0.03 * np.sign(moves[struck])
    close = 100 * np.exp(np.cumsum(moves))
    ends = markets.MONDAY_MS + HOUR_MS * np.arange(1, HOURS + 1)
    volume = np.where(struck, 1e4, rng.uniform(1, 2, HOURS))
    rows = [
        {
            "event_time": int(end),
            "volume": float(traded),
            "open": price,
            "high": price * 1.001,
            "low": price * 0.999,
            "close": price,
        }
        for end, price, traded in zip(ends, close.tolist(), volume, strict=True)
    ]
    return markets.frame("klines", rows, price_type=price_type, interval_ms=HOUR_MS)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("regimes") / "lake", create=True)
    for seed, base in enumerate(("BTC", "ETH")):
        perpetual = bars(seed, "last").with_columns(symbol=pl.lit(f"{base}/USDT:USDT"))
        lake.write({"klines": perpetual})
    lake.write({"klines": bars(7, "spot").with_columns(symbol=pl.lit("BTC/USDT"))})
    return str(lake.root)


def test_rows_are_of_the_perpetual_and_of_spot_alone_and_say_what_is_missing(lake, capsys):
    arguments = ("--symbol", "BTC,ETH", *SPAN, "--lake", lake, "--json")
    assert run(["scorecard", "regimes", *arguments]) == 0
    answer = json.loads(capsys.readouterr().out)
    rows = answer["results"]
    assert {row["product"] for row in rows} == {"regimes"}
    assert {row["symbol"] for row in rows} >= {"BTC/USDT:USDT", "BTC/USDT", "pooled"}
    for row in rows:
        alone = row["symbol"] == "BTC/USDT"
        assert row["id"].endswith(", spot alone") == alone
        assert row["inputs"] == (["spot klines"] if alone else row["inputs"])
    why = {(one["symbol"], one["why"]) for one in answer["data"]["missing"]}
    assert ("ETH/USDT", "no spot bars of an hour or less") in why
    assert any("crowded_longs, skew" in words for _, words in why)
    assert set(answer["data"]["hashes"]) == {"BTC/USDT:USDT", "ETH/USDT:USDT", "BTC/USDT"}
    # Hours of these markets are independent of each other.
    moved = [row for row in rows if row["metric"] == "signed_move" and row["symbol"] == "pooled"]
    assert [row["ci"][0] < 0 < row["ci"][1] for row in moved] == [True]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "2026-03-05"), "scored over a span"),
        (("--from", "2026-03-05", "--to", "2026-02-06"), "end after it begins"),
        ((*SPAN, "--horizon", "4h"), "leave out --horizon"),
        ((*SPAN, "--walk"), "no fit to place"),
        (("--trial", *SPAN), "its own days"),
    ],
)
def test_what_makes_no_sense_is_refused(lake, capsys, arguments, said):
    assert run(["scorecard", "regimes", *arguments, "--lake", lake]) == 2
    assert said in capsys.readouterr().err


def test_a_market_that_is_not_held_is_no_scorecard(lake, capsys):
    assert run(["scorecard", "regimes", "--symbol", "DOGE", *SPAN, "--lake", lake]) == 3
    assert "nothing to score" in capsys.readouterr().err


def test_a_simulated_market_is_tried_by_every_claim(monkeypatch):
    for name, small in (("TRADERS", 200), ("DAYS", 14), ("SCORED_DAYS", 7)):
        monkeypatch.setattr(scorecard_regimes, name, small)
    scope, trials = scorecard_regimes._simulated(0)
    assert [trial.claim for trial in trials] == list(CLAIMS)
    assert scope.symbol == "SIM crowded-longs 1"
    assert {"open_interest", "funding", "perpetual klines"} <= set(scope.inputs)


def test_a_trial_says_that_it_is_simulated_and_pools_its_markets(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORCEDFLOW_LAKE", str(tmp_path / "none"))
    at_ms = markets.MONDAY_MS + 3 * DAY_MS * np.arange(30)
    even = [Trial(claim, at_ms, np.ones(30), np.zeros(30)) for claim in CLAIMS]
    made = Scope("SIM", "sandbox", ("klines",)), tuple(even)
    monkeypatch.setattr(scorecard_regimes, "_simulated", lambda _: made)
    assert run(["scorecard", "regimes", "--trial", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["data"]["simulated"] == ["SIM/USDT:USDT"]
    assert {row["symbol"] for row in answer["results"]} == {"pooled"}
    assert {row["n"] for row in answer["results"]} == {30 * len(MARKETS), 60 * len(MARKETS)}

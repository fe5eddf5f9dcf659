"""Commands over many markets: the same answers whoever works."""

from __future__ import annotations

import hashlib
import json
import shutil

import polars as pl
import pytest

from forcedflow.cli.app import run
from forcedflow.sandbox.feeds import FeedState, tables_of
from forcedflow.sandbox.parameters import parameters
from forcedflow.sandbox.simulate import burn_in, simulate
from forcedflow.sandbox.state import open_market
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

DAYS, FIT_DAYS = 31, 20
TABLES = (
    *("klines", "open_interest", "funding", "leverage_brackets"),
    *("liquidation_totals", "liquidations", "depth_bands"),
)
TWO = ("--executor", "processes", "--workers", "2")


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """Return a lake of one simulated market under two names, end of a fit and of what is scored."""
    chosen = parameters("calm")
    state = open_market(chosen, 3_000, 1)
    burn_in(state)
    feed = FeedState(chosen, 1)
    parts = {name: [] for name in TABLES}
    first_ms = None
    for block in simulate(state, DAYS * 1440):
        first_ms = first_ms or block.start_ms
        for name, frame in tables_of(block, feed).items():
            if name in parts:
                parts[name].append(frame.filter(pl.col("venue") == chosen.venues[0].name))
    lake = Lake(tmp_path_factory.mktemp("markets") / "lake", create=True)
    for symbol in ("SIM/USDT:USDT", "TWIN/USDT:USDT"):
        renamed = {
            name: pl.concat(frames).with_columns(symbol=pl.lit(symbol))
            for name, frames in parts.items()
        }
        lake.write(renamed)
    fit_to_ms = -(-first_ms // DAY_MS) * DAY_MS + FIT_DAYS * DAY_MS
    return lake, fit_to_ms, fit_to_ms + 9 * DAY_MS


@pytest.fixture
def asked(market, capsys):
    """Return what runs a command twice, here and on two workers, and returns both answers."""
    lake, _, _ = market

    def ask(*arguments, expected=0):
        answers = []
        for workers in ((), TWO):
            shutil.rmtree(lake.root / "scorecards", ignore_errors=True)
            command = [*arguments, "--venue", "sandbox", "--lake", str(lake.root), *workers]
            assert run(command) == expected, capsys.readouterr().err
            answers.append(capsys.readouterr())
        return answers

    return ask


def _day(ms):
    return str(pl.Series([ms]).cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%d")[0])


def test_a_folder_of_heatmaps_holds_the_same_bytes(market, asked, tmp_path):
    here, there = asked(
        *("heatmap", "all", "--at", _day(market[1]), "--range", "3d", "--format", "json", "--json"),
        *("--out-dir", str(tmp_path)),
    )
    assert here.out == there.out
    rows = json.loads(here.out)["markets"]
    assert [row["symbol"] for row in rows] == ["SIM/USDT:USDT", "TWIN/USDT:USDT"]
    for row in rows:
        content = (tmp_path / f"sandbox-{row['symbol'][:-10]}-USDT-USDT.json").read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
        assert json.loads(content)["symbol"] == row["symbol"]


def test_a_market_that_cannot_be_drawn_is_named_and_the_others_are_drawn(market, asked, tmp_path):
    here, there = asked(
        *("heatmap", "SIM,NOBODY", "--at", _day(market[2]), "--range", "1d", "--format", "csv"),
        *("--out-dir", str(tmp_path / "new")),
    )
    assert here.err == there.err
    assert "left out: sandbox NOBODY/USDT:USDT" in here.err
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["sandbox-SIM-USDT-USDT.csv"]
    here, _ = asked("heatmap", "NOBODY", "--out-dir", str(tmp_path), expected=3)
    assert "not one market could be drawn" in here.err


def test_one_picture_is_one_piece_of_work(market, capsys):
    lake = str(market[0].root)
    assert run(["heatmap", "SIM", "--venue", "sandbox", "--lake", lake, *TWO]) == 2
    assert "--out-dir" in capsys.readouterr().err


def test_a_scan_ranks_alike(market, asked):
    here, there = asked("scan", "--at", _day(market[1] - 12 * DAY_MS), "--json")
    assert here.out == there.out
    assert len(json.loads(here.out)["markets"]) == 2


def test_scenarios_of_a_cascade_are_the_same(market, asked):
    here, there = asked(
        *(
            "cascade",
            "SIM",
            "--at",
            _day(market[1] - 9 * DAY_MS),
            "--scenarios",
            "2500",
            "--shock",
            "-2%",
        ),
        *("--depth-usd", "3e7", "--json"),
    )
    assert here.out == there.out
    assert json.loads(here.out)["scenarios"] == 2500


@pytest.mark.parametrize("symbols", ["SIM", "SIM,TWIN"])
def test_a_scorecard_says_the_same_of_symbols_and_of_fits(market, asked, symbols):
    _, fit_to_ms, to_ms = market
    here, there = asked(
        *("scorecard", "map", "--symbol", symbols, "--fit-to", _day(fit_to_ms)),
        *("--to", _day(to_ms), "--walk", "--json"),
    )
    first, second = json.loads(here.out), json.loads(there.out)
    assert first["results"] == second["results"]
    assert first["data"] == second["data"]
    assert {row["symbol"] for row in first["results"]} >= {
        f"{name}/USDT:USDT" for name in symbols.split(",")
    }


def test_maps_are_learned_alike_and_kept_one_by_one(market, asked):
    here, there = asked(
        *("train", "map", "--symbol", "SIM,TWIN,NOBODY", "--fit-to", _day(market[1]), "--json"),
    )
    learned = [
        [{**one, "artefact": None} for one in json.loads(answer.out)["maps"]]
        for answer in (here, there)
    ]
    assert learned[0] == learned[1]
    assert [one["symbol"] for one in learned[0]] == ["SIM/USDT:USDT", "TWIN/USDT:USDT"]
    assert "left out: sandbox NOBODY/USDT:USDT" in there.err


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--workers", "2"), "one process is one worker"),
        (("--address", "auto"), "--address is of a Ray cluster"),
        (("--executor", "processes", "--workers", "0"), "0 workers do no work"),
    ],
)
def test_what_says_nothing_of_an_executor_is_refused(market, capsys, more, reason):
    command = ["scan", "--at", _day(market[2]), "--lake", str(market[0].root), *more]
    assert run(command) == 2
    assert reason in capsys.readouterr().err


def test_a_product_that_is_scored_in_one_process_says_so(market, capsys):
    lake = str(market[0].root)
    assert run(["scorecard", "magnet", "--to", "2026-03-01", "--lake", lake, *TWO]) == 2
    assert "runs in one process" in capsys.readouterr().err

"""What scorecards leave in the lake is quoted where it was over, and nowhere else."""

from __future__ import annotations

import json

import polars as pl
import pytest
from tests.unit.evaluate.test_second_leg_record import blind_market, clusters_on_a_grid

from forcedflow.asof.records import read_leg_record
from forcedflow.cli.app import run
from forcedflow.evaluate import second_leg_trial
from forcedflow.instruments import parse_symbol
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

TO_MS = 1_772_668_800_000  # 2026-03-05


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("records") / "lake", create=True)
    for seed, symbol in ((4, "BTC/USDT:USDT"), (9, "ETH/USDT:USDT")):
        rows = blind_market(seed, days=32).open_interest
        lake.write({"open_interest": rows.with_columns(symbol=pl.lit(symbol))})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(second_leg_trial, "follow_clusters", clusters_on_a_grid)
        span = ("--from", "2026-02-06", "--to", "2026-03-05")
        arguments = ("--symbol", "BTC,ETH", *span, "--lake", str(lake.root))
        assert run(["scorecard", "second-leg", *arguments]) == 0
    return lake


def test_the_scorecard_of_second_legs_leaves_its_legs_in_the_lake(lake):
    record = read_leg_record(lake, parse_symbol("BTC"), TO_MS)
    assert record.scored.symbols == ("BTC/USDT:USDT", "ETH/USDT:USDT")
    assert record.past.known_ms.size >= 30
    assert (record.past.known_ms <= TO_MS).all()
    assert record.past.share_bottomed(DAY_MS) == 1.0
    # No depth is held, so no plan's costs are known, and the record is no base rate.
    assert record.past.net_rate().n == 0


@pytest.mark.parametrize(("at", "quoted"), [("2026-03-05", True), ("2026-03-04T23:59Z", False)])
def test_a_page_quotes_a_record_once_its_span_is_over(lake, capsys, at, quoted):
    asked = ("BTC", "--at", at, "--lake", str(lake.root), "--json")
    assert run(["playbook", *asked]) == 0
    answer = json.loads(capsys.readouterr().out)
    told = answer["records"]["second_leg"]
    assert (told is not None) == quoted
    assert answer["records"]["regime"] is None
    assert answer["no_trade"]
    if quoted:
        assert told["words"].startswith("no base rate: 0 plans")
        assert told["to"].startswith("2026-03-05")
        assert answer["second_leg"]["past_of"] == "legs"


def test_the_page_says_so_where_no_record_is_held(lake, capsys):
    asked = ("BTC", "--at", "2026-03-01", "--lake", str(lake.root))
    assert run(["playbook", *asked]) == 0
    page = capsys.readouterr().out
    assert "- Second leg: no record yet" in page
    assert "- Regime: no record yet" in page

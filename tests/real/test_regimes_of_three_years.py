"""Regimes on recorded markets: the fall is named, and nothing that is said to follow is shown."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO

import pytest

from forcedflow.asof.features import read_features
from forcedflow.cli.app import run
from forcedflow.cli.options import choose_instrument, parse_time
from forcedflow.playbook.regime import read_regime

pytestmark = [pytest.mark.real_data, pytest.mark.slow]


def history_of(lake, symbol, at):
    instrument = choose_instrument(lake, symbol, "binance")
    return read_regime(read_features(lake, instrument, parse_time(at))).history


def test_the_fall_of_february_was_mechanical_and_named_while_it_ran(real_lake):
    spans = [
        span
        for span in history_of(real_lake, "BTC", "2026-02-06T12:00Z")
        if span.regime == "mechanical_move" and span.start_ms >= parse_time("2026-02-05T12:00Z")
    ]
    assert spans
    assert all("open interest" in span.why for span in spans)
    assert any("moved -" in span.why for span in spans)


def test_bitcoin_in_late_january_was_crowded_with_longs(real_lake):
    last = history_of(real_lake, "BTC", "2026-01-30T00:00Z")[-1]
    assert last.regime == "crowded_longs"
    assert last.why.startswith("longs paid for")


def test_history_read_a_week_later_says_the_same(real_lake):
    early = history_of(real_lake, "ETH", "2026-02-06T00:00Z")
    late = history_of(real_lake, "ETH", "2026-02-13T00:00Z")
    over = {span for span in early[:-1] if span.start_ms >= parse_time("2026-01-15")}
    assert over
    assert over <= set(late)


def test_three_years_of_spot_hours_show_nothing_after_any_regime(real_lake):
    out = StringIO()
    arguments = ["--symbol", "BTC,ETH,SOL", "--from", "2023-06-22", "--to", "2026-03-15"]
    with redirect_stdout(out):
        lake = ["--lake", str(real_lake.root)]
        assert run(["scorecard", "regimes", *arguments, *lake, "--json"]) == 0
    rows = [row for row in json.loads(out.getvalue())["results"] if row["symbol"] == "pooled"]
    spot = [row for row in rows if row["id"].endswith("spot alone")]
    assert {row["event"] for row in spot} == {
        *("mechanical_move", "reload_after_flush", "both_sides_hunted"),
    }
    assert all(row["n"] >= 190 for row in spot)
    # What is said to follow is said above zero; none stands once all rows are counted.
    assert all(row["p_adj"] > 0.05 for row in rows if row["gain"] > 0)

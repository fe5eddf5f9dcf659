"""Second legs on recorded markets: the fall is seen, and no plan can be told from zero."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO

import pytest

from forcedflow.asof import read_market
from forcedflow.cli.app import run
from forcedflow.cli.options import choose_instrument, parse_time
from forcedflow.playbook.ignition import find_ignitions
from forcedflow.playbook.price_series import series_of_market
from forcedflow.units import MINUTE_MS

pytestmark = [pytest.mark.real_data, pytest.mark.slow]


def test_the_fall_of_february_is_seen_within_half_an_hour_of_each_beginning(real_lake):
    at_ms = parse_time("2026-02-06T12:00Z")
    market = read_market(real_lake, choose_instrument(real_lake, "BTC", "binance"), at_ms)
    day = [
        g
        for g in find_ignitions(series_of_market(market))
        if parse_time("2026-02-05T12:00Z") <= g.start_ms < parse_time("2026-02-06T02:00Z")
    ]
    assert [g.direction for g in day].count("down") >= 1
    assert all(g.latency_ms <= 30 * MINUTE_MS for g in day)
    # Its contracts were closed, which is what makes it a fall by force.
    assert any(g.forced for g in day if g.direction == "down")


def test_plans_after_impulses_cannot_be_told_from_zero(real_lake):
    out = StringIO()
    arguments = ["--symbol", "BTC,ETH,SOL,DOGE", "--from", "2025-12-08", "--to", "2026-03-15"]
    with redirect_stdout(out):
        lake = ["--lake", str(real_lake.root)]
        assert run(["scorecard", "second-leg", *arguments, *lake, "--json"]) == 0
    rows = [
        row
        for row in json.loads(out.getvalue())["results"]
        if row["symbol"] == "pooled" and row["metric"] == "net_bps"
    ]
    compared = [row for row in rows if row["n"]]
    assert compared
    for row in compared:
        low, high = row["ci"]
        assert low < 0 < high, row["id"]
        assert not row["pass"]
    # So the rule lets none pass, and the answer is no trade.
    assert [row["n"] for row in rows if row["id"].endswith("let pass")] == [0]

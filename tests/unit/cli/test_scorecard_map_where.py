"""``scorecard map`` says where liquidations fell: by prints where they are held, else by hours."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from forcedflow.cli.app import run
from forcedflow.sandbox.feeds import FeedState, tables_of
from forcedflow.sandbox.parameters import parameters
from forcedflow.sandbox.simulate import burn_in, simulate
from forcedflow.sandbox.state import open_market
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS

DAYS, FIT_DAYS = 60, 20
TABLES = (
    *("klines", "open_interest", "funding", "leverage_brackets"),
    *("liquidation_totals", "liquidations"),
)


@pytest.fixture(scope="module")
def market():
    chosen = parameters("calm")
    state = open_market(chosen, 6_000, 1)
    burn_in(state)
    feed = FeedState(chosen, 1)
    parts = {name: [] for name in TABLES}
    first_ms = None
    for block in simulate(state, DAYS * 1440):
        first_ms = first_ms or block.start_ms
        for name, frame in tables_of(block, feed).items():
            if name in parts:
                parts[name].append(frame.filter(pl.col("venue") == chosen.venues[0].name))
    fit_to_ms = -(-first_ms // DAY_MS) * DAY_MS + FIT_DAYS * DAY_MS
    return {name: pl.concat(frames) for name, frames in parts.items()}, fit_to_ms


def scorecard(folder, tables, fit_to_ms, capsys, *more):
    lake = Lake(folder / "lake", create=True)
    lake.write(tables)
    to_ms = fit_to_ms + 36 * DAY_MS
    fit_to, to = (str(np.datetime64(ms, "ms").astype("datetime64[D]")) for ms in (fit_to_ms, to_ms))
    asked = ("--symbol", "SIM", "--venue", "sandbox", "--fit-to", fit_to, "--to", to)
    assert run(["scorecard", "map", *asked, "--lake", str(lake.root), "--json", *more]) == 0
    answer = json.loads(capsys.readouterr().out)
    rows = {(row["metric"], row["baseline"], row["side"]): row for row in answer["results"]}
    return rows, answer["data"]["missing"]


def test_with_prints_both_scores_stand_beside_their_opponents(market, tmp_path, capsys):
    tables, fit_to_ms = market
    rows, missing = scorecard(tmp_path, tables, fit_to_ms, capsys)
    assert missing == []
    lift = rows["lift", "matched", "pooled"]
    assert lift["product"] == "map"
    assert lift["horizon"] == "1d"
    assert lift["gain"] == pytest.approx(lift["value"] / lift["baseline_value"] - 1)
    assert lift["n_days"] >= 30
    for baseline in ("uniform", "path_only"):
        for side in ("long", "short", "pooled"):
            row = rows["spatial_bits", baseline, side]
            assert row["gain"] == pytest.approx(row["baseline_value"] - row["value"])
            assert row["ci"][0] <= row["gain"] <= row["ci"][1]


def test_without_prints_there_is_a_lift_and_no_spatial_score(market, tmp_path, capsys):
    tables, fit_to_ms = market
    held = {name: rows for name, rows in tables.items() if name != "liquidations"}
    rows, missing = scorecard(tmp_path, held, fit_to_ms, capsys, "--horizon", "4h", "--walk")
    metrics = {metric for metric, _, _ in rows}
    assert "lift" in metrics
    assert "spatial_bits" not in metrics
    assert missing == []


def peer(rows, fit_to_ms, **told):
    """Return hourly maps of somebody who knows which prices the next day's liquidations print."""
    prints = rows["liquidations"].sort("event_time")
    at, price = prints["event_time"].dt.epoch("ms").to_numpy(), prints["price"].to_numpy()
    parts = []
    for hour_ms in range(fit_to_ms, fit_to_ms + 35 * DAY_MS, HOUR_MS):
        first, stop = np.searchsorted(at, [hour_ms, hour_ms + DAY_MS])
        levels = np.unique(np.round(price[first:stop], -1))
        parts.append(
            pl.DataFrame({"price_low": levels - 5, "price_high": levels + 5}).with_columns(
                event_time=pl.lit(hour_ms), size=pl.lit(1.0)
            )
        )
    moment = pl.col("event_time").cast(pl.Datetime("ms", "UTC"))
    return pl.concat(parts).with_columns(
        event_time=moment,
        available_time=moment,
        source=pl.lit("coinglass:model1"),
        precedence=pl.lit(3, pl.Int8),
        **{name: pl.lit(value) for name, value in told.items()},
    )


def test_a_map_of_somebody_else_stands_beside_ours_on_the_hours_it_was_held(
    market, tmp_path, capsys
):
    tables, fit_to_ms = market
    symbol = tables["open_interest"]["symbol"][0]
    venue = tables["open_interest"]["venue"][0]
    told = {"provider": "coinglass", "model": "model1", "side": "unknown"}
    theirs = peer(tables, fit_to_ms, venue=venue, symbol=symbol, **told)
    few_ms = pl.lit(fit_to_ms + 5 * DAY_MS).cast(pl.Datetime("ms", "UTC"))
    few = theirs.filter(pl.col("event_time") < few_ms).with_columns(
        venue=pl.lit("all"), symbol=pl.lit(symbol.split("/")[0])
    )
    held = tables | {"peer_maps": pl.concat([theirs, few], how="diagonal")}
    rows, missing = scorecard(tmp_path, held, fit_to_ms, capsys)
    assert [entry["why"].split(":")[0] for entry in missing] == [
        "matched_lift beside coinglass model1 (all)"
    ]
    lift = rows["matched_lift", "coinglass model1", "pooled"]
    assert lift["gain"] == pytest.approx(lift["value"] - lift["baseline_value"])
    assert lift["baseline_value"] > lift["value"]
    assert not lift["pass"]
    assert lift["n_days"] >= 30
    bits = rows["spatial_bits", "coinglass model1", "pooled"]
    assert bits["gain"] == pytest.approx(bits["baseline_value"] - bits["value"])
    assert bits["n"] <= rows["spatial_bits", "uniform", "pooled"]["n"]
    fewer = rows["spatial_bits", "coinglass model1 (all)", "pooled"]
    assert 0 < fewer["n"] < bits["n"]

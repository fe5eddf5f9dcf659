"""What rests on the simulated exchange says so on every surface, and nothing else does."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from forcedflow import tables
from forcedflow.asof import read_market
from forcedflow.instruments import parse_symbol
from forcedflow.pipeline import build_map
from forcedflow.store import Lake

FIVE_MS = 300_000
FIRST_MS = 1_767_225_600_000  # 2026-01-01
BARS = 3 * 288
AT_MS = FIRST_MS + BARS * FIVE_MS
AT = datetime.fromtimestamp(AT_MS / 1000, UTC).isoformat().replace("+00:00", "Z")
ASKED = ("BTC", "--at", AT)

SOURCES = {"simulated": "sandbox:open_interest", "real": "binance-vision:metrics"}


def _open_interest(source):
    rng = np.random.default_rng(5)
    price = 60_000 * np.exp(np.cumsum(rng.normal(0, 0.002, BARS)))
    coins = 20_000 + np.cumsum(rng.normal(0, 60, BARS))
    times = pl.Series(FIRST_MS + FIVE_MS * np.arange(1, BARS + 1)).cast(tables.TIME)
    return pl.DataFrame(
        {
            "event_time": times,
            "available_time": times,
            "open_interest": coins,
            "open_interest_usd": coins * price,
        }
    ).with_columns(
        venue=pl.lit("binance"),
        symbol=pl.lit("BTC/USDT:USDT"),
        source=pl.Series([source] * BARS),
        precedence=pl.lit(1),
    )


def _lake(folder, rows):
    lake = Lake(folder, create=True)
    lake.write({"open_interest": rows})
    return lake


@pytest.fixture(scope="module")
def lakes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lakes")
    return {
        name: _lake(folder / name, _open_interest(source)).root for name, source in SOURCES.items()
    }


@pytest.fixture(params=["simulated", "real"])
def case(request, lakes):
    """Whether the market is simulated, and the lake that holds it."""
    return request.param == "simulated", lakes[request.param]


def test_the_terminal_says_it_above_the_map_and_above_the_zones(case, call):
    simulated, lake = case
    for command in ("heatmap", "zones"):
        status, out, err = call(command, *ASKED, "--lake", lake)
        assert status == 0, err
        lines = out.splitlines()
        assert lines[0].strip().startswith("SIMULATED") == simulated
        (title,) = (line for line in lines if "zones: estimated" in line)
        assert title.strip().startswith("SIMULATED") == simulated


def test_the_picture_says_it_across_itself(case, call, tmp_path, monkeypatch):
    figure = pytest.importorskip("matplotlib.figure").Figure
    simulated, lake = case
    written = []
    write = figure.text
    monkeypatch.setattr(
        figure, "text", lambda self, *a, **k: written.append((a[2], k)) or write(self, *a, **k)
    )
    status, _, err = call("heatmap", *ASKED, "--lake", lake, "--out", tmp_path / "map.png")
    assert status == 0, err
    large = [words for words, look in written if look.get("fontsize", 0) > 60]
    assert large == (["SIMULATED"] if simulated else [])
    assert any("no real market" in words for words, _ in written) == simulated


def test_the_picture_of_the_same_map_has_the_same_bytes_and_names_no_program(case, call, tmp_path):
    _, lake = case
    for name in ("one.png", "two.png"):
        assert call("heatmap", *ASKED, "--lake", lake, "--out", tmp_path / name)[0] == 0
    one, two = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert one == two
    assert b"Software" not in one


def test_json_says_it_at_the_top_and_among_the_assumptions(case, answer):
    simulated, lake = case
    for command in ("heatmap", "zones"):
        found = answer(command, *ASKED, "--lake", lake)
        assert found["simulated"] is simulated
        assert found["assumptions"]["simulated"] is simulated


def test_the_coinglass_shape_says_it_beside_its_own_fields(case, call):
    simulated, lake = case
    status, out, _ = call("heatmap", *ASKED, "--lake", lake, "--format", "coinglass")
    assert status == 0
    assert json.loads(out)["simulated"] is simulated


def test_pine_says_it_in_the_title_on_the_chart_and_in_a_comment(case, call):
    simulated, lake = case
    status, out, _ = call("heatmap", *ASKED, "--lake", lake, "--format", "pine")
    assert status == 0
    (name,) = (line for line in out.splitlines() if line.startswith("indicator("))
    assert name.startswith('indicator("SIMULATED ') == simulated
    assert any(line.startswith("// SIMULATED") for line in out.splitlines()) == simulated


def test_csv_says_it_in_every_row(case, call):
    simulated, lake = case
    status, out, _ = call("heatmap", *ASKED, "--lake", lake, "--format", "csv")
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert rows
    assert {row["simulated"] for row in rows} == {str(simulated)}


def test_coverage_says_it_in_the_title_and_in_every_row(case, call, answer):
    simulated, lake = case
    status, out, _ = call("coverage", "--lake", lake)
    assert status == 0
    title, *rows = out.splitlines()
    assert ("SIMULATED" in title) == simulated
    assert any("SIMULATED" in row for row in rows) == simulated
    assert {row["simulated"] for row in answer("coverage", "--lake", lake)["tables"]} == {simulated}


def test_one_simulated_row_among_real_ones_is_enough(tmp_path):
    rows = _open_interest(SOURCES["real"])
    one = pl.int_range(pl.len()) == 400
    source = pl.when(one).then(pl.lit(SOURCES["simulated"])).otherwise("source")
    lake = _lake(tmp_path / "lake", rows.with_columns(source=source))
    instrument = parse_symbol("BTC")
    assert build_map(read_market(lake, instrument, AT_MS)).simulated
    assert not read_market(lake, instrument, FIRST_MS + 399 * FIVE_MS).simulated


def test_brackets_of_the_simulated_exchange_make_a_market_simulated(tmp_path):
    lake = _lake(tmp_path / "lake", _open_interest(SOURCES["real"]))
    opened = pl.Series([FIRST_MS]).cast(tables.TIME)
    lake.write(
        {
            "leverage_brackets": pl.DataFrame(
                {"event_time": opened, "available_time": opened}
            ).with_columns(
                venue=pl.lit("binance"),
                symbol=pl.lit("BTC/USDT:USDT"),
                bracket=pl.lit(1),
                notional_floor=pl.lit(0.0),
                notional_cap=pl.lit(1e9),
                max_leverage=pl.lit(100.0),
                maintenance_margin_rate=pl.lit(0.004),
                maintenance_amount=pl.lit(0.0),
                source=pl.lit("sandbox:rules"),
                precedence=pl.lit(1),
            )
        }
    )
    assert read_market(lake, parse_symbol("BTC"), AT_MS).simulated

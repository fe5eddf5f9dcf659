"""Every kind of vendor file, on the recorded files, against counts made without the importers."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import polars as pl
import pytest

from forcedflow.store import Lake
from forcedflow.tables import TABLES, check
from forcedflow.venues.importers.options import ImportOptions
from forcedflow.venues.importers.registry import KINDS, discover

pytestmark = pytest.mark.real_data

FOLDERS = {
    "binance-vision": "binance-vision",
    "candles": "candles",
    "coinglass": "coinglass",
    "coinalyze": "coinalyze",
    "hyperliquid-positions": "hyperliquid/hyperliquid_positions.parquet",
}


def read_all(kind: str, path: Path) -> tuple[dict[str, pl.DataFrame], list[str]]:
    frames: dict[str, list[pl.DataFrame]] = defaultdict(list)
    warnings: list[str] = []
    for file in discover(kind, [path]).files:
        parsed = KINDS[kind].reader(file, file.read_bytes(), ImportOptions())
        warnings += parsed.warnings
        for table, frame in parsed.frames.items():
            frames[table].append(frame)
    return {table: pl.concat(parts) for table, parts in frames.items()}, warnings


@pytest.fixture(scope="module")
def imported(real_data):
    return {kind: read_all(kind, real_data / folder) for kind, folder in FOLDERS.items()}


def lines_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def archive_rows(folder: Path, dataset: str) -> int:
    """Count data lines of a dataset with the standard library alone."""
    count = 0
    for path in folder.rglob("*.zip"):
        if dataset in path.parts:
            with zipfile.ZipFile(path) as archive:
                text = io.TextIOWrapper(archive.open(archive.namelist()[0]), encoding="utf-8")
                count += sum(1 for line in text if line[:1].isdigit())
    return count


@pytest.mark.parametrize("kind", list(FOLDERS))
def test_every_frame_passes_its_tables_check_and_holds_each_key_once_per_precedence(imported, kind):
    frames, _ = imported[kind]
    assert frames
    for table, frame in frames.items():
        assert check(table, frame).equals(frame)
        unique = [*TABLES[table].key, "precedence"]
        assert not frame.select(pl.struct(unique).is_duplicated().any()).item(), table
        assert (frame["available_time"] >= frame["event_time"]).all()


@pytest.mark.parametrize(
    ("dataset", "table"),
    [
        ("metrics", "open_interest"),
        ("fundingRate", "funding"),
        ("markPriceKlines", "klines"),
        ("bookDepth", "depth_bands"),
    ],
)
def test_every_line_of_the_archive_is_one_row(imported, real_data, dataset, table):
    frames, warnings = imported["binance-vision"]
    assert frames[table].height == archive_rows(real_data / "binance-vision", dataset) > 0
    assert warnings == []
    assert set(frames[table]["precedence"]) == {10}


def test_empty_ratio_columns_yield_no_ratios(imported):
    frames, _ = imported["binance-vision"]
    assert set(frames) == {"open_interest", "funding", "klines", "depth_bands"}


def test_open_interest_value_over_coins_is_the_mark_price_of_the_same_moment(imported):
    frames, _ = imported["binance-vision"]
    mark = frames["klines"].filter(price_type="mark", symbol="BTC/USDT:USDT")
    joined = (
        frames["open_interest"]
        .filter(symbol="BTC/USDT:USDT")
        .join(mark, on="event_time")
        .with_columns(implied=pl.col("open_interest_usd") / pl.col("open_interest"))
    )
    assert joined.height > 8_000
    distance_bps = ((joined["implied"] / joined["close"] - 1).abs() * 1e4).median()
    assert distance_bps < 0.1


def test_every_candle_is_one_row_and_only_stated_units_are_coins(imported, real_data):
    frames, warnings = imported["candles"]
    perpetuals = pl.read_parquet(real_data / "candles/perp_ohlcv_1h.parquet")
    spot_lines = sum(
        len(lines_of(path)) for path in sorted((real_data / "candles").glob("*_spot_1h.csv"))
    )
    counts = Counter(frames["klines"]["price_type"])
    assert counts == {"last": perpetuals.height, "spot": spot_lines}
    assert set(frames["klines"]["interval_ms"]) == {3_600_000}
    last = frames["klines"].filter(price_type="last")
    known = set(last.filter(pl.col("volume").is_not_null())["venue"])
    assert known == {"binance", "bybit"}
    unknown = last.filter(~pl.col("venue").is_in(["binance", "bybit"]))
    assert unknown.height == perpetuals.filter(~pl.col("venue").is_in(["binance", "bybit"])).height
    for venue in set(unknown["venue"]):
        assert any(venue in warning for warning in warnings)


def test_okx_contracts_become_coins_of_the_size_of_binance_once_stated(real_data):
    path = real_data / "candles/perp_ohlcv_1h.parquet"
    options = ImportOptions(contract_sizes=(("okx", "BTC", 0.01),))
    frame = KINDS["candles"].reader(path, path.read_bytes(), options).frames["klines"]
    bitcoin = frame.filter(symbol="BTC/USDT:USDT")
    hours = bitcoin.filter(venue="okx").join(bitcoin.filter(venue="binance"), on="event_time")
    assert hours["volume"].median() == pytest.approx(2_189.87, rel=1e-3)
    assert hours["volume_right"].median() == pytest.approx(4_303, rel=1e-3)


def test_every_hour_of_the_combined_export_is_one_row_or_two(imported, real_data):
    frames, _ = imported["coinglass"]
    hours = len(lines_of(real_data / "coinglass/coinglass_BTC_1h.csv"))
    combined = {
        table: frame.filter(source="coinglass:combined").height for table, frame in frames.items()
    }
    assert combined == {
        "klines": hours,
        "open_interest": hours,
        "funding": hours,
        "liquidation_totals": 2 * hours,
        "long_short_ratio": 0,
    }


def test_every_line_of_the_liquidation_exports_is_two_rows(imported, real_data):
    frames, _ = imported["coinglass"]
    totals = frames["liquidation_totals"].filter(source="coinglass:liquidation")
    counts = Counter(totals["interval_ms"])
    for name, length in (("1h", 3_600_000), ("30m", 1_800_000)):
        lines = lines_of(real_data / f"coinglass/coinglass_BTC_liquidation_{name}.csv")
        assert counts[length] == 2 * len(lines)


def test_the_daily_series_keep_every_day_that_holds_a_value(imported, real_data):
    frames, _ = imported["coinglass"]
    daily = real_data / "coinglass/daily"

    def rows_of(table: str, source: str) -> int:
        return frames[table].filter(source=f"coinglass:{source}").height

    for name in ("spot_ohlcv", "futures_ohlcv"):
        assert rows_of("klines", name) == len(lines_of(daily / f"{name}_1d.csv"))
    funding = lines_of(daily / "funding_oi_weight_1d.csv")
    assert rows_of("funding", "funding_oi_weight") == len(funding)
    interest = lines_of(daily / "futures_oi_agg_1d.csv")
    assert rows_of("open_interest", "futures_oi_agg") == sum(
        1 for line in interest if line["oi_total_close"] and float(line["oi_total_close"]) > 0
    )
    ratios = lines_of(daily / "long_short_all_1d.csv")
    assert rows_of("long_short_ratio", "long_short_all") == sum(
        1 for line in ratios for name, value in line.items() if name.startswith("lsr_") and value
    )
    taker = lines_of(daily / "taker_vol_agg_futures_1d.csv")
    assert rows_of("long_short_ratio", "taker_vol_agg_futures") == sum(
        1 for line in taker if float(line["taker_buy_usd"]) and float(line["taker_sell_usd"])
    )
    closed = lines_of(daily / "liquidation_agg_1d.csv")
    seen: set[str] = set()
    expected = 0
    for line in sorted(closed, key=lambda line: line["ts_utc"]):
        if float(line["liq_long_usd"]) or float(line["liq_short_usd"]):
            seen.add(line["symbol"])
        expected += 2 * (line["symbol"] in seen)
    assert rows_of("liquidation_totals", "liquidation_agg") == expected
    panel = lines_of(real_data / "coinglass/coinglass_daily_7coins.csv")
    assert rows_of("klines", "panel") == len(panel)


def test_vendor_open_interest_is_the_archives_own_at_the_end_of_the_bar(imported):
    archive = imported["binance-vision"][0]["open_interest"].filter(symbol="BTC/USDT:USDT")
    vendor = imported["coinglass"][0]["open_interest"].filter(source="coinglass:combined")

    def distance_bps(shift: str) -> float:
        moved = archive.with_columns(pl.col("event_time").dt.offset_by(shift))
        joined = vendor.join(moved, on="event_time")
        assert joined.height > 2_000
        ratio = joined["open_interest_usd"] / joined["open_interest_usd_right"]
        return ((ratio - 1).abs() * 1e4).median()

    # The vendor samples a moment of its own choosing, so not to the last digit; but any other
    # five minutes of the archive are ten times further away.
    assert distance_bps("0m") < 0.6
    assert min(distance_bps("-5m"), distance_bps("5m")) > 10 * distance_bps("0m")


def test_vendor_spot_prices_are_the_candles_at_the_end_of_the_bar(imported):
    vendor = imported["coinglass"][0]["klines"].filter(source="coinglass:combined")
    candles = imported["candles"][0]["klines"].filter(price_type="spot", symbol="BTC/USDT")
    joined = vendor.join(candles, on="event_time")
    assert joined.height == vendor.height
    assert (joined["close"] == joined["close_right"]).mean() > 0.999


def test_every_hour_of_coinalyze_is_one_row_where_it_holds_a_value(imported, real_data):
    frames, _ = imported["coinalyze"]
    (path,) = (real_data / "coinalyze").glob("*.csv")
    lines = lines_of(path)
    assert frames["klines"].height == frames["open_interest"].height == len(lines)
    assert frames["long_short_ratio"].height == sum(1 for line in lines if line["ls_ratio"])
    present = [line for line in lines if line["liq_row_present"] == "True"]
    totals = frames["liquidation_totals"]
    assert totals.height == 2 * len(present)
    coins = sum(float(line["liq_long_coins"]) for line in present)
    assert totals.filter(side="long")["amount"].sum() == pytest.approx(coins, rel=1e-12)


def test_every_published_position_is_one_row(imported, real_data):
    frames, _ = imported["hyperliquid-positions"]
    raw = pl.read_parquet(real_data / FOLDERS["hyperliquid-positions"])
    positions = frames["positions"]
    assert positions.height == raw.height
    assert positions["liquidation_price"].null_count() == raw["liquidationPx"].null_count()
    assert Counter(positions["side"]) == Counter(raw["direction"].str.to_lowercase())
    assert Counter(positions["source"]) == Counter("hyperliquid-positions:" + raw["source"])


def run_import(*arguments: object) -> tuple[int, dict]:
    done = subprocess.run(
        [sys.executable, "-m", "forcedflow", "import", *map(str, arguments), "--json"],
        capture_output=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def test_a_file_with_a_flipped_byte_is_refused_by_name_and_the_rest_go_in(real_data, tmp_path):
    source = real_data / "binance-vision/data/futures/um/daily/metrics/BTCUSDT"
    folder = tmp_path / "futures/um/daily/metrics/BTCUSDT"
    folder.mkdir(parents=True)
    names = sorted(path.name for path in source.glob("*.zip"))[:5]
    for name in names:
        shutil.copy(source / name, folder / name)
    broken = folder / names[2]
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 0x01
    broken.write_bytes(content)
    lake = tmp_path / "lake"
    status, summary = run_import("binance-vision", tmp_path / "futures", "--lake", lake)
    assert status == 5
    assert [refused["file"] for refused in summary["files"]["refused"]] == [str(broken)]
    assert summary["files"]["read"] == 4
    days = Lake(lake).read("open_interest")["event_time"].dt.date().unique()
    assert len(days) >= 4
    shutil.copy(source / names[2], broken)
    status, summary = run_import("binance-vision", tmp_path / "futures", "--lake", lake)
    assert (status, summary["files"]["read"], summary["files"]["skipped"]) == (0, 1, 4)


def test_the_later_liquidation_export_wins_whatever_the_order_of_import(real_data, tmp_path):
    folder = real_data / "coinglass"
    combined = folder / "coinglass_BTC_1h.csv"
    alone = folder / "coinglass_BTC_liquidation_1h.csv"
    stated = {
        int(line["timestamp"]) + 3_600_000: float(line["longUsd"]) for line in lines_of(alone)
    }
    kept = []
    for number, order in enumerate(((combined, alone), (alone, combined))):
        lake = tmp_path / str(number)
        for path in order:
            assert run_import("coinglass", path, "--lake", lake)[0] == 0
        totals = Lake(lake).read("liquidation_totals", symbol="BTC").filter(side="long")
        ends = totals["event_time"].cast(pl.Int64)
        found = dict(zip(ends, totals["notional_usd"], strict=True))
        assert {end: found[end] for end in stated} == stated
        kept.append(totals)
    assert kept[0].equals(kept[1])

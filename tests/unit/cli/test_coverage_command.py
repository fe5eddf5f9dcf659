"""What the coverage command prints."""

from __future__ import annotations

import json

import polars as pl
import pytest

from forcedflow.cli.app import run
from forcedflow.store import Lake
from forcedflow.store.feed_gaps import FeedGap, append_gap

_FIRST_MS = 1_767_225_600_000  # 2026-01-01


@pytest.fixture
def lake(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    for venue, symbol in (
        ("binance", "BTC/USDT:USDT"),
        ("binance", "BTC"),
        ("okx", "ETH/USDT:USDT"),
    ):
        hours = [0, 1, 2, 5]
        times = pl.Series([_FIRST_MS + 3_600_000 * hour for hour in hours], dtype=pl.Int64)
        frame = pl.DataFrame({"event_time": times.cast(pl.Datetime("ms", "UTC"))}).with_columns(
            available_time=pl.col("event_time"),
            venue=pl.lit(venue),
            symbol=pl.lit(symbol),
            side=pl.lit("long"),
            interval_ms=pl.lit(3_600_000),
            notional_usd=pl.lit(1.0),
            completeness=pl.lit("sampled lower bound"),
            source=pl.lit("coinglass"),
            precedence=pl.lit(1),
        )
        lake.write({"liquidation_totals": frame})
    return lake


def _json(capsys, *arguments):
    assert run(["coverage", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["tables"]


def test_json_names_counts_times_gaps_and_completeness(lake, capsys):
    (row,) = _json(capsys, "BTCUSDT", "--lake", str(lake.root))
    gap = {"start": "2026-01-01T03:00:00Z", "end": "2026-01-01T05:00:00Z", "length_ms": 7_200_000}
    assert row == {
        "table": "liquidation_totals",
        "venue": "binance",
        "symbol": "BTC/USDT:USDT",
        "price_type": None,
        "interval_ms": 3_600_000,
        "kind": None,
        "rows": 4,
        "first_event_time": "2026-01-01T00:00:00Z",
        "last_event_time": "2026-01-01T05:00:00Z",
        "step_ms": 3_600_000,
        "gap_count": 1,
        "longest_gap": gap,
        "gaps": [gap],
        "unheard": None,
        "completeness": ["sampled lower bound"],
        "sources": ["coinglass"],
        "simulated": False,
    }


def test_a_bare_coin_means_all_of_its_series_and_venues_are_cut_by_name(lake, capsys):
    root = str(lake.root)
    assert [row["symbol"] for row in _json(capsys, "btc", "--lake", root)] == [
        "BTC",
        "BTC/USDT:USDT",
    ]
    assert [row["venue"] for row in _json(capsys, "--venue", "okx,bybit", "--lake", root)] == [
        "okx"
    ]
    assert len(_json(capsys, "--lake", root)) == 3


def test_the_table_fits_a_hundred_columns_and_says_what_is_missing(lake, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert run(["coverage", "ETH-USDT-SWAP", "--lake", str(lake.root)]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    for words in (
        "ETH/USDT:USDT · okx",
        "liquidation_totals 1 h",
        "feed: sampled lower bound",
        "2026-01-01 05:00Z",
        "1, longest 2 h",
        "from 2026-01-01 03:00Z",
    ):
        assert words in text


def test_what_a_recording_did_not_hear_is_shown_where_silence_is_no_gap(lake, capsys, monkeypatch):
    event = pl.Series([_FIRST_MS], dtype=pl.Int64).cast(pl.Datetime("ms", "UTC"))
    columns = {
        "venue": "bybit",
        "symbol": "BTC/USDT:USDT",
        "side": "long",
        "price": 60_000.0,
        "price_kind": "bankruptcy",
        "amount": 0.5,
        "notional_usd": 30_000.0,
        "event_id": "",
        "completeness": "complete",
        "source": "bybit:allLiquidation",
        "precedence": 8,
    }
    frame = pl.DataFrame({"event_time": event, "available_time": event})
    lake.write({"liquidations": frame.with_columns(**{n: pl.lit(v) for n, v in columns.items()})})

    def missed(start_s, end_s, *, symbols=("BTC/USDT:USDT",), repaired=False):
        start_ms, end_ms = _FIRST_MS + 1000 * start_s, _FIRST_MS + 1000 * end_s
        reason = "no byte for 60 s"
        tables = ("liquidations", "trades")
        gap = FeedGap("bybit", "linear:0", tables, symbols, start_ms, end_ms, reason, repaired)
        append_gap(lake.root, gap)

    missed(60, 90)
    missed(80, 100)
    missed(200, 210)
    missed(300, 900, repaired=True)
    missed(1000, 2000, symbols=("ETH/USDT:USDT",))
    (row,) = _json(capsys, "--venue", "bybit", "--lake", str(lake.root))
    assert (row["gaps"], row["completeness"]) == (None, ["complete"])
    assert [(gap["start"], gap["length_ms"]) for gap in row["unheard"]] == [
        ("2026-01-01T00:01:00Z", 40_000),
        ("2026-01-01T00:03:20Z", 10_000),
    ]
    monkeypatch.setenv("COLUMNS", "100")
    assert run(["coverage", "--venue", "bybit", "--lake", str(lake.root)]) == 0
    text = capsys.readouterr().out
    for words in ("unheard: 2, longest 40 s", "from 2026-01-01 00:01Z", "feed: complete"):
        assert words in text


def test_a_symbol_that_is_not_held_says_what_is(lake, capsys):
    assert run(["coverage", "XRP", "--lake", str(lake.root)]) == 3
    message = capsys.readouterr().err
    assert "nothing for XRP of any venue" in message
    assert "BTC/USDT:USDT of binance" in message
    assert "or forcedflow import KIND PATH" in message


def test_no_lake_and_an_empty_lake_name_the_command_that_fills_it(tmp_path, capsys):
    assert run(["coverage", "--lake", str(tmp_path / "none")]) == 3
    assert "or forcedflow import KIND PATH" in capsys.readouterr().err
    Lake(tmp_path / "empty", create=True)
    assert run(["coverage", "--lake", str(tmp_path / "empty")]) == 3
    assert "the lake is empty" in capsys.readouterr().err


@pytest.mark.parametrize("width", [45, 60, 80, 100])
def test_a_narrow_terminal_loses_columns_but_never_the_table(lake, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    assert run(["coverage", "BTCUSDT", "--lake", str(lake.root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[0] == "table"
    assert max(map(len, lines)) <= width
    text = "".join(line[1:19].strip() for line in lines[2:])
    assert "liquidation_totals" in text
    assert ("from" in lines[1].split()) == (width >= 100)

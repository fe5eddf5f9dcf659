"""``forcedflow import`` from the command line: exit statuses, repetition, refusals."""

from __future__ import annotations

import json

import pytest

from forcedflow.cli.app import run
from forcedflow.store import Lake

HEADER = "timestamp,open,high,low,close,volume\n"
ROW = "2023-06-22 09:00:00+00:00,100,110,90,105,12.5\n"


@pytest.fixture
def folder(tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    (files / "BTCUSDT_spot_1h.csv").write_text(HEADER + ROW)
    return files


def imported(capsys, lake, *arguments):
    status = run(["import", *map(str, arguments), "--lake", str(lake), "--json"])
    captured = capsys.readouterr()
    return status, json.loads(captured.out) if captured.out else captured.err


def test_a_second_run_reads_nothing_and_adds_nothing(capsys, tmp_path, folder):
    lake = tmp_path / "lake"
    status, first = imported(capsys, lake, "candles", folder)
    assert status == 0
    assert first["files"] == {"read": 1, "skipped": 0, "refused": []}
    assert first["tables"] == {"klines": {"added": 1, "replaced": 0, "unchanged": 0}}
    status, second = imported(capsys, lake, "candles", folder)
    assert (status, second["files"]["skipped"], second["tables"]) == (0, 1, {})
    assert Lake(lake).read("klines").height == 1


def test_a_damaged_file_is_refused_by_name_and_the_others_go_in(capsys, tmp_path, folder):
    (folder / "ETHUSDT_spot_1h.csv").write_text(HEADER + ROW + ROW.replace(",90,", ",x,"))
    lake = tmp_path / "lake"
    status, summary = imported(capsys, lake, "candles", folder)
    assert status == 5
    (refused,) = summary["files"]["refused"]
    assert refused["file"].endswith("ETHUSDT_spot_1h.csv")
    assert (refused["row"], refused["field"]) == (2, "low")
    assert Lake(lake).read("klines")["symbol"].to_list() == ["BTC/USDT"]
    (folder / "ETHUSDT_spot_1h.csv").write_text(HEADER + ROW)
    status, repaired = imported(capsys, lake, "candles", folder)
    assert (status, repaired["files"]["read"], repaired["files"]["skipped"]) == (0, 1, 1)


def test_an_unknown_unit_is_a_warning_and_no_failure(capsys, tmp_path, folder):
    status, summary = imported(capsys, tmp_path / "lake", "candles", folder, "--venue", "kraken")
    assert status == 0
    assert any("kraken's unit is unknown" in text for text in summary["warnings"])
    status, stated = imported(
        capsys, tmp_path / "lake", "candles", folder, "--venue", "kraken",
        "--volume-unit", "kraken=coins",
    )  # fmt: skip
    assert (status, stated["tables"]["klines"]["replaced"]) == (0, 1)
    assert Lake(tmp_path / "lake").read("klines")["volume"].to_list() == [12.5]


def test_the_order_of_import_does_not_decide_which_source_is_kept(capsys, tmp_path):
    alone = tmp_path / "coinglass_BTC_liquidation_1h.csv"
    alone.write_text("timestamp,longUsd,shortUsd,totalUsd\n1764828000000,1,2,3\n")
    panel = tmp_path / "coinglass_BTC_1h.csv"
    panel.write_text(
        "timestamp,price_open,price_high,price_low,price_close,liquidation_long_usd,"
        "liquidation_short_usd,funding_close,oi_close\n1764828000000,1,1,1,1,9,9,0.01,5\n"
    )
    for lake, order in ((tmp_path / "a", (alone, panel)), (tmp_path / "b", (panel, alone))):
        for path in order:
            assert imported(capsys, lake, "coinglass", path)[0] == 0
        assert sorted(Lake(lake).read("liquidation_totals")["notional_usd"]) == [1, 2]


def test_the_text_summary_names_tables_and_counts(capsys, tmp_path, folder):
    assert run(["import", "candles", str(folder), "--lake", str(tmp_path / "lake")]) == 0
    captured = capsys.readouterr()
    assert "1 files read" in captured.out
    assert "klines" in captured.out
    assert "taken as binance" in captured.err


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["candles", "NOWHERE"], 2),
        (["candles"], 2),
        (["postcards", "FOLDER"], 2),
        (["hyperliquid-positions", "FOLDER"], 5),
        (["candles", "FOLDER", "--market", "moon"], 2),
        (["candles", "FOLDER", "--interval", "soon"], 2),
        (["candles", "FOLDER", "--volume-unit", "kraken"], 2),
        (["binance-vision", "FOLDER"], 3),
    ],
)
def test_each_mistake_has_its_exit_status(capsys, tmp_path, folder, arguments, status):
    given = [
        {"FOLDER": str(folder), "NOWHERE": str(tmp_path / "no")}.get(part, part)
        for part in arguments
    ]
    assert run(["import", *given, "--lake", str(tmp_path / "lake")]) == status
    assert capsys.readouterr().err.startswith("refused: " if status == 5 else "error: ")

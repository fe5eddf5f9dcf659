"""Files into the lake and the lake's own account of them, as a user types it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from tests.e2e.conftest import strict_json
from tests.e2e.synthetic_archive import DAY_MS, DAYS, END_MS, METRICS_HEADER, write_archive

from forcedflow.store import Lake

OPEN_INTEREST_ROWS = DAYS * 288 - 1  # the last one is published after the last moment


def files_of(archive, dataset):
    return sorted((archive / "data/futures/um").rglob(f"*-{dataset}-*.zip"))


def test_importing_twice_adds_nothing(command, archive, tmp_path):
    lake = tmp_path / "lake"
    first = command("import", "binance-vision", archive, "--lake", lake, "--json")
    assert (first.returncode, first.stderr) == (0, "")
    summary = strict_json(first.stdout)
    assert set(summary) == {"kind", "files", "tables", "warnings"}
    count = len(list(archive.rglob("*.zip")))
    assert summary["files"] == {"read": count, "skipped": 0, "refused": []}
    assert summary["tables"]["open_interest"] == {
        "added": OPEN_INTEREST_ROWS,
        "replaced": 0,
        "unchanged": 0,
    }
    held = {table: Lake(lake).read(table) for table in summary["tables"]}
    second = command("import", "binance-vision", archive, "--lake", lake, "--json")
    assert second.returncode == 0
    assert strict_json(second.stdout)["files"] == {"read": 0, "skipped": count, "refused": []}
    assert strict_json(second.stdout)["tables"] == {}
    for table, frame in held.items():
        assert Lake(lake).read(table).equals(frame)


def test_the_summary_for_people_counts_files_and_rows(command, archive, tmp_path):
    done = command("import", "binance-vision", archive, "--lake", tmp_path / "lake")
    assert done.returncode == 0
    assert f"{len(list(archive.rglob('*.zip')))} files read, 0 skipped" in done.stdout
    assert re.search(rf"open_interest +{OPEN_INTEREST_ROWS:,} +0 +0", done.stdout)


def test_a_flipped_byte_refuses_its_file_by_name_and_the_rest_go_in(call, archive, tmp_path):
    folder = shutil.copytree(archive, tmp_path / "archive")
    broken = files_of(folder, "metrics")[1]
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 0x10
    broken.write_bytes(content)
    lake = tmp_path / "lake"
    status, out, err = call("import", "binance-vision", folder, "--lake", lake)
    assert status == 5
    assert str(broken) in err
    assert "1 refused" in out
    rows = Lake(lake).read("open_interest").height
    assert rows == OPEN_INTEREST_ROWS - 288
    shutil.copy(files_of(archive, "metrics")[1], broken)
    status, out, _ = call("import", "binance-vision", folder, "--lake", lake)
    assert status == 0
    assert "1 files read" in out
    assert Lake(lake).read("open_interest").height == OPEN_INTEREST_ROWS


def test_a_missing_path_is_a_usage_error_and_makes_no_lake(call, tmp_path):
    lake = tmp_path / "lake"
    status, _, err = call("import", "binance-vision", tmp_path / "nowhere", "--lake", lake)
    assert status == 2
    assert "nowhere: no such file or folder" in err
    assert not lake.exists()


def test_a_folder_without_files_of_the_kind_is_no_data_and_makes_no_lake(call, tmp_path):
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    lake = tmp_path / "lake"
    status, _, err = call("import", "binance-vision", tmp_path, "--lake", lake)
    assert status == 3
    assert "no file of binance-vision" in err
    assert "hint: " in err
    assert not lake.exists()


def test_an_unknown_kind_is_a_usage_error_that_lists_the_kinds(call, tmp_path):
    status, _, err = call("import", "binance", tmp_path, "--lake", tmp_path / "lake")
    assert status == 2
    assert "hint: one of binance-vision, candles" in err


def test_coverage_shows_every_series_within_the_width(command, lake):
    done = command("coverage", "--lake", lake, COLUMNS="100")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "\x1b" not in done.stdout
    for words in ("BTC/USDT:USDT · binance", "open_interest", f"{OPEN_INTEREST_ROWS:,}", "none"):
        assert words in done.stdout


def test_coverage_as_json_states_rows_times_gaps_and_sources(answer, lake):
    tables = answer("coverage", "BTC", "--lake", lake)["tables"]
    (interest,) = [row for row in tables if row["table"] == "open_interest"]
    assert interest == {
        "table": "open_interest",
        "venue": "binance",
        "symbol": "BTC/USDT:USDT",
        "price_type": None,
        "interval_ms": None,
        "kind": None,
        "rows": OPEN_INTEREST_ROWS,
        "first_event_time": "2026-01-01T00:05:00Z",
        "last_event_time": "2026-01-04T23:55:00Z",
        "step_ms": 300_000,
        "gap_count": 0,
        "longest_gap": None,
        "gaps": [],
        "completeness": None,
        "sources": ["binance-vision:metrics"],
        "simulated": False,
        "unheard": None,
    }
    (last,) = [row for row in tables if row["price_type"] == "last"]
    assert last["rows"] == DAYS * 24
    assert last["sources"] == ["binance-vision:klines", "candles"]


def test_coverage_names_the_day_that_is_missing(answer, archive, call, tmp_path):
    folder = shutil.copytree(archive, tmp_path / "archive")
    files_of(folder, "metrics")[1].unlink()
    lake = tmp_path / "lake"
    assert call("import", "binance-vision", folder, "--lake", lake)[0] == 0
    tables = answer("coverage", "--lake", lake)["tables"]
    (interest,) = [row for row in tables if row["table"] == "open_interest"]
    assert interest["gap_count"] == 1
    assert interest["longest_gap"]["length_ms"] == DAY_MS
    assert interest["longest_gap"] == interest["gaps"][0]


@pytest.fixture
def many_files(tmp_path):
    """Hundreds of small days: enough for an import to be met at work."""
    folder = tmp_path / "data/futures/um/daily/metrics/BTCUSDT"
    folder.mkdir(parents=True)
    for number in range(600):
        day = time.strftime("%Y-%m-%d", time.gmtime(1_577_836_800 + 86_400 * number))
        row = f"{day} 00:05:00,BTCUSDT,80000.0,7000000000.0,,,,"
        (folder / f"BTCUSDT-metrics-{day}.csv").write_text(f"{METRICS_HEADER}\n{row}\n")
    return folder


def test_an_interrupted_import_leaves_a_lake_that_opens_and_a_rerun_completes(
    command, many_files, tmp_path
):
    lake = tmp_path / "lake"
    started = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "forcedflow",
            "import",
            "binance-vision",
            many_files,
            "--lake",
            lake,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    # The first write comes last; what shows earlier is that the files are being read.
    manifest = lake / "manifest.sqlite"
    while not (manifest.exists() and manifest.stat().st_size) and started.poll() is None:
        os.sched_yield()
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 130, err
    assert err.splitlines()[-1] == "interrupted; what was finished is kept"
    kept = Lake(lake).read("open_interest").height
    assert kept < 600
    done = command("import", "binance-vision", many_files, "--lake", lake, "--json")
    assert done.returncode == 0, done.stderr
    files = json.loads(done.stdout)["files"]
    assert files["refused"] == []
    assert files["skipped"] == kept
    assert files["read"] == 600 - kept
    assert Lake(lake).read("open_interest").height == 600


def test_an_archive_written_up_to_a_moment_is_a_prefix_of_the_whole(tmp_path, archive, call):
    """The made archive keeps the promise that the tests of ``--at`` rest on."""
    until = END_MS - DAY_MS - 7 * 60_000
    part = write_archive(tmp_path / "part", until_ms=until)
    assert call("import", "binance-vision", part, "--lake", tmp_path / "less")[0] == 0
    assert call("import", "binance-vision", archive, "--lake", tmp_path / "all")[0] == 0
    less, whole = Lake(tmp_path / "less"), Lake(tmp_path / "all")
    for table in ("open_interest", "klines", "funding"):
        known = whole.read(table, available_by_ms=until)
        assert less.read(table).equals(known)
        assert known.height < whole.read(table).height

"""The fetch command against Binance's real archive, served on loopback, and no HTTP interface."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from forcedflow.cli.app import run as run_command
from forcedflow.cli.options import parse_time
from forcedflow.store import Lake

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

FROM, TO = "2025-12-01", "2026-03-15"
SPAN = {"start_ms": parse_time(FROM), "end_ms": parse_time(TO)}
SYMBOL = "BTC/USDT:USDT"
FETCHED = ("open_interest", "funding", "klines")
FETCH = ("fetch", "binance", "BTCUSDT", "--from", FROM, "--to", TO)
KILLS = 10


@pytest.fixture(scope="module")
def archive(real_data):
    """The archive's own layout under ``/data/``; every other address refuses this country."""
    state = SimpleNamespace(asked=[], slow_s=0.0, refused=0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def do_GET(self):
            time.sleep(state.slow_s)
            path = self.path.partition("?")[0]
            if not path.startswith("/data/"):
                state.refused += 1
                self.answer(451, b"Service unavailable from a restricted location")
                return
            state.asked.append(path)
            file = real_data / "binance-vision" / path.lstrip("/")
            if file.is_file():
                self.answer(200, file.read_bytes())
            else:
                self.answer(404, b"<Code>NoSuchKey</Code>")

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *arguments):  # noqa: A002 - the base class's name
            assert format
            assert arguments

        def handle(self):
            try:
                super().handle()
            except (ConnectionError, TimeoutError):
                state.broken = True  # a killed client leaves in the middle of an answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def settings(archive, tmp_path_factory):
    """A settings file that sends every request to loopback: archive and interface apart."""
    elsewhere = archive.url.replace("127.0.0.1", "localhost")
    file = tmp_path_factory.mktemp("settings") / "config.toml"
    file.write_text(
        f"""
        [venues.binance]
        archive = "{archive.url}"
        rest = "{elsewhere}"
        [venues.binance.others]
        coin_m = "{elsewhere}"
        spot = "{elsewhere}"
        web = "{elsewhere}"
        """
    )
    return file


@pytest.fixture
def start(settings, tmp_path):
    def begin(*arguments, lake):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FORCEDFLOW_", "COLUMNS"))}
        return subprocess.Popen(
            [sys.executable, "-m", "forcedflow", *arguments, "--lake", str(lake)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=tmp_path,
            env={**kept, "HOME": str(tmp_path), "FORCEDFLOW_CONFIG": str(settings)},
        )

    return begin


@pytest.fixture
def command(start):
    def run(*arguments, lake):
        process = start(*arguments, lake=lake)
        out, err = process.communicate(timeout=120)
        return SimpleNamespace(status=process.returncode, out=out, err=err)

    return run


@pytest.fixture(scope="module")
def imported(real_data, tmp_path_factory):
    """The lake that importing the same files by hand makes."""
    lake = tmp_path_factory.mktemp("imported") / "lake"
    root = real_data / "binance-vision/data/futures/um"
    folders = [str(folder) for folder in sorted(root.glob("*/*/BTCUSDT"))]
    assert run_command(["import", "binance-vision", *folders, "--lake", str(lake)]) == 0
    return Lake(lake)


def contents(lake, **span):
    tables = {table for table, _, _ in lake.series()}
    return {table: lake.read(table, symbol=SYMBOL, **span) for table in sorted(tables)}


def assert_same_rows(lake, imported):
    """Compare every column of every table in the span, and that nothing else is there."""
    fetched, expected = contents(Lake(lake), **SPAN), contents(imported, **SPAN)
    assert set(fetched) == set(FETCHED)
    for table in FETCHED:
        assert fetched[table].height > 0
        assert fetched[table].equals(expected[table]), table
    assert Lake(lake).verify() == []


def zips(archive):
    return [path for path in archive.asked if path.endswith(".zip")]


def test_fetched_rows_are_those_of_the_same_files_imported_by_hand(
    archive, command, imported, tmp_path
):
    lake = tmp_path / "lake"
    archive.asked.clear()
    archive.refused = 0
    first = command(*FETCH, "--json", lake=lake)
    assert first.status == 0, first.err
    assert_same_rows(lake, imported)

    said = json.loads(first.out)
    days, months, mark_days = 104, 4, 31  # the bar that ends at midnight is filed a day earlier
    assert said["pieces"] == {"read": days + months + mark_days, "held": 0, "failed": []}
    assert len(zips(archive)) == len(set(zips(archive))) == days + months + mark_days
    assert said["tables"]["open_interest"]["added"] == 29_951
    assert said["left_out"] == ["trades"]

    # The interface refuses: that is said once, and it is asked no more often than threads start.
    assert len(said["refusals"]) == 1
    assert "status 451" in said["refusals"][0]
    assert 1 <= archive.refused <= 4

    # What is not served is told as gaps, days side by side as one, with the reason.
    gaps = {
        (gap["name"].partition("daily/")[2], gap["start"], gap["end"], gap["reason"])
        for gap in said["gaps"]
        if "/daily/" in gap["name"]
    }
    start, end = "2025-12-01T00:00:00Z", "2026-03-15T00:00:00Z"
    refused = f"localhost:{archive.url.rpartition(':')[2]} refuses this address"
    assert gaps == {
        ("klines/BTCUSDT/5m", start, end, refused),
        ("indexPriceKlines/BTCUSDT/5m", start, end, refused),
        ("markPriceKlines/BTCUSDT/5m", "2025-12-31T00:00:00Z", end, refused),
        ("bookDepth/BTCUSDT", start, end, "not there"),
    }
    assert ["leverage_brackets"] in [gap["tables"] for gap in said["gaps"]]

    before = contents(Lake(lake))
    archive.asked.clear()
    second = command(*FETCH, "--json", lake=lake)
    assert second.status == 0, second.err
    again = json.loads(second.out)
    assert zips(archive) == []
    assert again["pieces"] == {"read": 0, "held": said["pieces"]["read"], "failed": []}
    assert again["tables"] == {}
    assert again["gaps"] == said["gaps"]
    after = contents(Lake(lake))
    assert all(after[table].equals(frame) for table, frame in before.items())


def test_files_imported_by_hand_are_not_downloaded(archive, command, real_data, tmp_path):
    lake = tmp_path / "lake"
    folder = real_data / "binance-vision/data/futures/um/daily/metrics/BTCUSDT"
    assert command("import", "binance-vision", str(folder), lake=lake).status == 0
    archive.asked.clear()
    done = command(*FETCH, "--tables", "open_interest,funding", "--json", lake=lake)
    assert done.status == 0, done.err
    assert json.loads(done.out)["pieces"]["held"] == 104
    assert len(zips(archive)) == 4
    assert all("fundingRate" in path for path in zips(archive))


def test_the_summary_for_people_names_rows_gaps_and_what_was_left_out(command, tmp_path):
    done = command(
        "fetch", "binance", "BTCUSDT", "--from", "2026-01-30", "--to", "2026-02-02",
        lake=tmp_path / "lake",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "binance: 6 pieces read, 0 held before, 0 failed" in done.out
    assert re.search(r"open_interest +1,152 +0 +0", done.out)
    assert "depth_bands" in done.out
    assert "left out, being large: trades; --tables asks for them" in done.out
    assert "refuses this address or this country (status 451)" in done.err


def test_nothing_found_is_status_three_or_four_where_somebody_refused(command, tmp_path):
    lake = tmp_path / "lake"
    absent = command(
        "fetch", "binance", "XRPUSDT", "--from", "2026-01-30", "--to", "2026-02-02", lake=lake
    )
    assert absent.status == 4
    assert "nothing of XRPUSDT was found on binance" in absent.err
    unknown = command(
        "fetch", "binance", "BTCUSDT", "--tables", "prices", "--from", FROM, lake=lake
    )
    assert unknown.status == 2
    assert "does not give the past of prices" in unknown.err
    assert command("fetch", "nowhere", "BTC", "--from", FROM, lake=lake).status == 2
    assert command("fetch", "binance", "BTC", lake=lake).status == 2
    assert command("fetch", "binance", "--from", FROM, lake=lake).status == 2


def test_killed_at_any_moment_and_run_again_the_lake_holds_the_same(
    archive, start, command, imported, tmp_path
):
    lake = tmp_path / "lake"
    chance = random.Random(20_260_315)  # noqa: S311 - moments to kill at, no secret
    rows = []
    archive.slow_s = 0.02
    try:
        for _ in range(KILLS):
            archive.asked.clear()
            process = start(*FETCH, lake=lake)
            enough = chance.randrange(1, 400)
            deadline = time.monotonic() + 30
            while len(archive.asked) < enough and time.monotonic() < deadline:
                if process.poll() is not None:
                    break
                time.sleep(0.002)
            time.sleep(chance.random() * 0.05)
            process.kill()
            process.communicate()
            held = contents(Lake(lake)) if (lake / "manifest.sqlite").is_file() else {}
            rows.append(sum(frame.height for frame in held.values()))
    finally:
        archive.slow_s = 0.0
    assert rows == sorted(rows)  # what was written stays
    done = command(*FETCH, "--json", lake=lake)
    assert done.status == 0, done.err
    assert_same_rows(lake, imported)
    assert max(rows) > 0


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_an_interrupted_fetch_keeps_what_it_read_and_ends_soon(
    archive, start, command, imported, tmp_path, signal_name
):
    lake = tmp_path / "lake"
    archive.asked.clear()
    archive.slow_s = 0.02
    try:
        process = start(*FETCH, "--tables", "open_interest", lake=lake)
        deadline = time.monotonic() + 30
        while len(zips(archive)) < 40 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(getattr(signal, signal_name))
        begun = time.monotonic()
        _, err = process.communicate(timeout=30)
        assert time.monotonic() - begun < 5
    finally:
        archive.slow_s = 0.0
    assert process.returncode == 130
    assert "interrupted; what was finished is kept" in err
    assert "Traceback" not in err
    held = Lake(lake).read("open_interest").height
    assert 0 < held < 29_951
    archive.asked.clear()
    done = command(*FETCH, "--tables", "open_interest", "--json", lake=lake)
    assert done.status == 0, done.err
    assert json.loads(done.out)["pieces"]["held"] >= held // 288
    expected = imported.read("open_interest", symbol=SYMBOL, **SPAN)
    assert Lake(lake).read("open_interest").equals(expected)

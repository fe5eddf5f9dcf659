"""The ``heatmap`` command in every format: well formed, in range, and nothing on failure."""

from __future__ import annotations

import csv
import io
import re
import struct
import subprocess
import sys
from base64 import b64decode

import numpy as np
import pytest
from matplotlib.image import imread
from tests.e2e.conftest import strict_json
from tests.e2e.synthetic_archive import DAY_MS, HOUR_MS, START_MS, STEP_MS, market

AT = "2026-01-04T12:00Z"
AT_MS = START_MS + 3 * DAY_MS + 12 * HOUR_MS
KNOWN_MS = AT_MS - STEP_MS


@pytest.fixture
def heatmap(call, lake):
    """Run ``heatmap BTC`` on the made market at the usual moment."""

    def drawn(*arguments, at=AT):
        return call("heatmap", "BTC", "--lake", lake, "--at", at, *arguments)

    return drawn


@pytest.fixture
def zones(answer, lake):
    return answer("zones", "BTC", "--lake", lake, "--at", AT)


def test_the_picture_for_a_terminal_fits_and_holds_no_escapes_when_piped(command, lake):
    done = command(
        "heatmap", "BTC", "--lake", lake, "--at", AT, "--range", "3d", COLUMNS="100", TERM="xterm"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "\x1b" not in done.stdout
    for words in ("BTC/USDT:USDT · binance", "not calibrated", "zones:", "5 min before", "•", "█"):
        assert words in done.stdout


def test_the_row_of_the_mark_shows_the_mark(heatmap, zones):
    _, out, _ = heatmap("--range", "3d")
    assert f"{zones['mark_price']:,.0f}"[:6] in out


def test_json_carries_the_zones_and_one_byte_a_cell(heatmap, zones):
    status, out, _ = heatmap("--range", "3d", "--json")
    assert status == 0
    found = strict_json(out)
    picture = found.pop("heatmap")
    assert found == zones
    header, cells = picture["header"], b64decode(picture["cells_base64"], validate=True)
    columns, bins = header["columns"], header["bins"]
    assert len(cells) == columns * bins
    assert len(header["start_ms"]) == len(header["even_usd"]) == columns
    assert len(picture["candles"]) == columns
    assert columns <= 1000
    assert bins <= 600
    assert header["start_ms"] == sorted(set(header["start_ms"]))
    assert header["start_ms"][0] == KNOWN_MS - 3 * DAY_MS
    assert header["start_ms"][-1] < KNOWN_MS <= header["start_ms"][-1] + header["step_ms"]
    assert 0 < header["darkest"] < header["brightest"]
    assert all(even > 0 for even in header["even_usd"])
    top = header["lowest_price"] * np.exp(header["bin_log_width"] * bins)
    for opened, high, low, close in picture["candles"]:
        assert header["lowest_price"] < low <= min(opened, close)
        assert max(opened, close) <= high < top
    assert picture["candles"][-1][3] == pytest.approx(found["mark_price"], rel=1e-12)
    assert np.unique(np.frombuffer(cells, dtype=np.uint8)).size > 50


def test_candles_of_the_picture_are_those_of_the_market(heatmap):
    picture = strict_json(heatmap("--range", "24h", "--json")[1])["heatmap"]
    steps = {s.start_ms: s for s in market()}
    assert picture["header"]["step_ms"] == STEP_MS
    for start, candle in zip(picture["header"]["start_ms"], picture["candles"], strict=True):
        step = steps[start]
        assert candle == pytest.approx([step.open, step.high, step.low, step.close], rel=1e-9)


@pytest.mark.parametrize("range_", ["12h", "24h", "3d", "7d", "30d", "90d", "180d", "1y", "1m"])
def test_every_range_works_however_little_is_held(heatmap, range_):
    status, out, _ = heatmap("--range", range_, "--json")
    assert status == 0
    header = strict_json(out)["heatmap"]["header"]
    assert 1 <= header["columns"] <= 1000
    assert 1 <= header["bins"] <= 600


def test_a_column_once_drawn_never_changes(heatmap):
    """The picture asked for half a day later begins with the same bytes where both show."""
    early = strict_json(heatmap("--range", "24h", "--json", at="2026-01-03T20:00Z")[1])["heatmap"]
    late = strict_json(heatmap("--range", "24h", "--json", at="2026-01-04T04:00Z")[1])["heatmap"]
    assert early["header"]["bin_log_width"] == late["header"]["bin_log_width"]

    def by_place(picture):
        header = picture["header"]
        cells = np.frombuffer(b64decode(picture["cells_base64"]), np.uint8)
        cells = cells.reshape(header["columns"], header["bins"])
        lowest = round(np.log(header["lowest_price"]) / header["bin_log_width"])
        return {
            (start, lowest + b): int(cells[c, b])
            for c, start in enumerate(header["start_ms"])
            for b in range(header["bins"])
        }

    first, second = by_place(early), by_place(late)
    shared = first.keys() & second.keys()
    assert len(shared) > 10_000
    assert {place: first[place] for place in shared} == {place: second[place] for place in shared}


def test_coinglass_shape_points_into_its_own_axes(heatmap):
    status, out, _ = heatmap("--range", "3d", "--format", "coinglass")
    assert status == 0
    reply = strict_json(out)
    assert (reply["code"], reply["msg"]) == ("0", "success")
    prices, candles = reply["data"]["y_axis"], reply["data"]["price_candlesticks"]
    cells = reply["data"]["liquidation_leverage_data"]
    assert prices == sorted(prices)
    assert len(cells) > 1_000
    for x, y, usd in cells:
        assert 0 <= x < len(candles)
        assert 0 <= y < len(prices)
        assert usd > 0
    assert {len(candle) for candle in candles} == {6}
    starts = [candle[0] for candle in candles]
    assert starts == sorted(set(starts))
    assert starts[-1] * 1000 < KNOWN_MS <= AT_MS
    assert starts[0] * 1000 == KNOWN_MS - 3 * DAY_MS
    for _, *numbers in candles:
        assert all(isinstance(number, str) for number in numbers)
        opened, high, low, close, volume = map(float, numbers)
        assert low <= min(opened, close) <= max(opened, close) <= high
        assert volume > 0
    header = strict_json(heatmap("--range", "3d", "--json")[1])["heatmap"]["header"]
    assert len(candles) == header["columns"]
    assert len(prices) == header["bins"]


def test_pine_draws_every_zone_once(heatmap, zones):
    status, out, _ = heatmap("--format", "pine")
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == "//@version=6"
    assert lines[1].startswith('indicator("forcedflow BTC/USDT:USDT 2026-01-04T11:55:00Z"')
    assert "// Model: stated prior mixture, not calibrated." in lines
    calls = [
        re.fullmatch(r'    draw\(([\d.]+), ([\d.]+), "(long|short)s .*", color\.\w+, \w+\)', line)
        for line in lines
        if line.startswith("    draw(")
    ]
    assert all(calls)
    drawn = [(float(found[1]), float(found[2]), found[3]) for found in calls]
    expected = [(zone["low"], zone["high"], zone["side"]) for zone in zones["zones"]]
    assert [side for *_, side in drawn] == [side for *_, side in expected]
    assert [p for *pair, _ in drawn for p in pair] == pytest.approx(
        [p for *pair, _ in expected for p in pair], rel=1e-6
    )


def test_csv_holds_the_zones_of_the_json(heatmap, zones):
    status, out, _ = heatmap("--format", "csv")
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    told = {
        "simulated": zones["simulated"],
        "model": "stated prior mixture, not calibrated",
        "known_to": zones["known_to"],
    }
    listed = [{**zone, **told} for zone in zones["zones"]]
    assert rows == [{key: str(value) for key, value in zone.items()} for zone in listed]


def test_a_moment_that_has_not_come_is_said_beside_the_answer(heatmap):
    status, out, err = heatmap("--format", "csv", at="2999-01-01")
    assert status == 0
    assert out.startswith("side,low,high")
    assert err.startswith("warning: 2999-01-01 has not come yet")
    assert heatmap("--format", "csv")[2] == ""


def test_png_is_a_picture_of_full_size_with_many_colours(heatmap, tmp_path):
    out = tmp_path / "btc.png"
    status, printed, err = heatmap("--range", "3d", "--out", out)
    assert (status, printed) == (0, "")
    assert err == f"wrote {out}\n"
    content = out.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (1920, 1080)
    pixels = (imread(out)[:, :, :3] * 255).round().astype(np.int64) @ (65_536, 256, 1)
    assert np.unique(pixels).size > 500
    # Chart and ladder are both filled in, not one of them alone.
    assert np.unique(pixels[150:900, 150:1400]).size > 100
    assert np.unique(pixels[150:900, 1450:1780]).size > 100


@pytest.mark.parametrize(
    ("name", "stated"),
    [
        ("btc.json", ()),
        ("btc.csv", ()),
        ("btc.pine", ()),
        ("btc.JSON", ()),
        ("levels.txt", ("--format", "csv")),
        ("reply.json", ("--format", "coinglass")),
    ],
)
def test_a_file_holds_what_the_terminal_would_show(heatmap, tmp_path, name, stated):
    out = tmp_path / name
    assert heatmap("--out", out, *stated)[:2] == (0, "")
    format_ = stated or ("--format", out.suffix[1:].lower())
    printed = heatmap(*format_)[1]
    written = out.read_text(encoding="utf-8")
    if name.lower().endswith("json"):
        assert strict_json(written) == strict_json(printed)
    else:
        assert written == printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--out", "{folder}/btc.gif"), "unknown ending '.gif'"),
        (("--out", "{folder}/btc"), "unknown ending ''"),
        (("--out", "{folder}/none/btc.png"), "none does not exist"),
        (("--out", "{folder}/none/btc.csv"), "none does not exist"),
        (("--out", "{folder}"), "is a folder"),
        (("--out", "{folder}/btc.json", "--format", "png"), "png under the ending '.json'"),
        (("--out", "{folder}/btc.png", "--json"), "json under the ending '.png'"),
        (("--format", "png"), "a picture needs a file"),
        (("--format", "svg"), "svg"),
        (("--range", "7"), "'7' is no span of time"),
        (("--range", "0d"), "'0d' is no span of time"),
        (("--range", "²d"), "'²d' is no span of time"),
        (("--range", "-3d"), "--range"),
        (("--range", "99999999999y"), "is no span of time"),
        (("--at", "noon", "--out", "{folder}/btc.csv"), "'noon' is no time"),
        (("--venue", "mtgox", "--out", "{folder}/btc.csv"), "'mtgox' is no venue"),
        (("--out", "/dev/full", "--format", "csv"), "cannot be written: No space left"),
    ],
)
def test_a_mistake_is_a_usage_error_and_writes_nothing(call, lake, tmp_path, arguments, words):
    named = [argument.format(folder=tmp_path) for argument in arguments]
    moment = () if "--at" in named else ("--at", AT)
    status, out, err = call("heatmap", "BTC", "--lake", lake, *moment, *named)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["btc.png", "btc.json", "btc.csv", "btc.pine"])
def test_without_data_no_file_is_written(call, lake, tmp_path, name):
    for arguments in (
        ("XRP", "--lake", lake),
        ("BTC", "--lake", lake, "--at", "2020-01-01"),
        ("BTC", "--lake", tmp_path / "none"),
    ):
        status, out, err = call("heatmap", *arguments, "--out", tmp_path / name)
        assert (status, out) == (3, "")
        assert "forcedflow import " in err
    assert list(tmp_path.iterdir()) == []


def test_a_picture_without_matplotlib_names_the_extra(lake, tmp_path):
    """A process of its own, where the library cannot be found."""

    script = (
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"
        "from forcedflow.cli.app import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    arguments = ["heatmap", "BTC", "--lake", lake, "--at", AT, "--out", tmp_path / "btc.png"]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: pictures need matplotlib\nhint: pip install 'forcedflow[report]'\n"
    )
    assert list(tmp_path.iterdir()) == []

"""The ``levels`` command: the same zones as Pine, CSV, JSON and a line of an archive."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest

from forcedflow.asof import read_market
from forcedflow.instruments import parse_symbol
from forcedflow.integrations.levels import MOST_BOXES, levels_pine
from forcedflow.integrations.levels_archive import verify_archive
from forcedflow.pipeline import build_map
from forcedflow.store import Lake

AT = "2026-01-04T12:00Z"


@pytest.fixture
def levels(call, lake):
    return lambda *arguments: call("levels", "BTC", "--lake", lake, "--at", AT, *arguments)


def test_json_is_the_answer_of_zones(answer, lake):
    asked = ("BTC", "--lake", lake, "--at", AT)
    assert answer("levels", *asked) == answer("zones", *asked)


def test_without_a_format_it_prints_what_zones_prints(call, levels, lake):
    assert levels()[1] == call("zones", "BTC", "--lake", lake, "--at", AT)[1]


def test_pine_and_csv_are_those_of_the_heatmap(call, levels, lake):
    for form in ("pine", "csv"):
        drawn = call("heatmap", "BTC", "--lake", lake, "--at", AT, "--format", form)
        assert levels(f"--{form}") == drawn


def test_pine_says_that_it_is_a_snapshot_of_estimates_and_of_when(levels):
    out = levels("--pine")[1]
    assert "A snapshot: estimated liquidations if touched" in out
    assert out.count("2026-01-04T11:55:00Z") == 2
    assert 'syminfo.basecurrency != "BTC"' in out
    (known,) = re.findall(r"^KNOWN_TO = (\d+)$", out, flags=re.MULTILINE)
    assert int(known) == 1_767_527_700_000


def test_every_row_of_csv_says_of_when_it_is(levels):
    rows = list(csv.DictReader(io.StringIO(levels("--csv")[1])))
    assert {row["known_to"] for row in rows} == {"2026-01-04T11:55:00Z"}


def test_no_more_boxes_are_drawn_than_tradingview_draws(lake):
    mapped = build_map(read_market(Lake(lake), parse_symbol("BTC"), 1_767_528_000_000))
    (zone, *_) = mapped.zones()
    many = [replace(zone, rank=rank) for rank in range(MOST_BOXES + 7)]
    out = levels_pine(many, mapped, "then")
    assert out.count("    draw(") == MOST_BOXES
    assert f"// The nearest {MOST_BOXES} of {MOST_BOXES + 7} zones." in out
    assert "// The nearest" not in levels_pine(many[:MOST_BOXES], mapped, "then")


def test_a_day_is_archived_once_with_the_answer_as_it_was(levels, answer, lake, tmp_path):
    status, out, err = levels("--archive", tmp_path / "archive")
    assert (status, out) == (0, "")
    assert ": archived; link " in err
    assert "held already" in levels("--archive", tmp_path / "archive")[2]
    (link,) = verify_archive(tmp_path / "archive")
    known_ms = link.snapshot.pop("known_to_ms")
    assert known_ms == 1_767_527_700_000
    assert link.snapshot == answer("zones", "BTC", "--lake", lake, "--at", AT)


def test_a_file_is_written_where_it_is_asked_for(levels, tmp_path):
    out = tmp_path / "levels.pine"
    assert levels("--pine", "--out", out)[0] == 0
    assert out.read_text(encoding="utf-8") == levels("--pine")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--pine", "--csv"), "state one of"),
        (("--out", "levels.txt"), "a file needs its format"),
        (("somewhere",), "forcedflow levels verify somewhere"),
        (("--csv", "--out", "none/levels.csv"), "cannot be written"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(levels, arguments, words):
    status, out, err = levels(*arguments)
    assert (status, out) == (2, "")
    assert words in err

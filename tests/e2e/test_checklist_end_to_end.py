"""The ``checklist`` command on the made market and on simulated venues, one without a past."""

from __future__ import annotations

import json
import math

import pytest
from tests.e2e.conftest import strict_json
from tests.reference.situations import sandbox_lake

from forcedflow.cli.options import iso_time
from forcedflow.playbook.checklist import RULES
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

AT = "2026-01-04T12:00Z"
KEYS = {
    "symbol",
    "venue",
    "simulated",
    "at",
    "known_to",
    "mark_price",
    "way_at_risk",
    "checklist",
    "unknown",
    "reasons",
    "assumptions",
    "freshness",
    "records",
}
FEW = ("--scenarios", "200")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """A lake of nine simulated days on two venues, and the moment of their end."""
    folder = tmp_path_factory.mktemp("checklist") / "lake"
    held, end_ms = sandbox_lake(folder, ("sandbox", "sandbox-dark"))
    return held, end_ms


@pytest.fixture(scope="module")
def simulated(sandbox, command):
    held, end_ms = sandbox
    asked = ("checklist", "SIM", "--venue", "sandbox", "--lake", held.root, *FEW)
    done = command(*asked, "--at", iso_time(end_ms), "--json")
    assert done.returncode == 0, done.stderr
    return strict_json(done.stdout)


def test_the_answer_has_exactly_the_documented_keys(answer, lake):
    found = answer("checklist", "BTC", "--lake", lake, "--at", AT, *FEW)
    assert set(found) == KEYS
    assert list(found["checklist"]) == list(RULES)
    for key, line in found["checklist"].items():
        assert list(line) == ["value", "unit", "verdict", "evidence", "age_s"]
        assert line["verdict"] in RULES[key]
        assert line["evidence"]
    assert found["assumptions"]["rules"] == {key: dict(rules) for key, rules in RULES.items()}
    assert found["simulated"] is found["assumptions"]["simulated"] is False


def test_what_four_days_of_one_venue_cannot_tell_is_unknown_with_its_reason(answer, lake):
    found = answer("checklist", "BTC", "--lake", lake, "--at", AT, *FEW)
    lines = found["checklist"]
    assert {"venue_alignment", "oi_trend_4h", "spot_confirmation"} <= set(found["unknown"])
    for key in found["unknown"]:
        assert lines[key]["verdict"] == "unknown"
        assert "unknown" in lines[key]["evidence"]
    assert lines["max_loss"]["verdict"] in {"needs equity and risk", "unknown"}


def test_lines_agree_with_the_commands_that_they_are_read_from(sandbox, simulated, answer):
    held, end_ms = sandbox
    asked = ("SIM", "--venue", "sandbox", "--lake", held.root, "--at", iso_time(end_ms))
    lines = simulated["checklist"]
    zones = answer("zones", *asked)["zones"]
    for key, side in (("nearest_cluster_up_pct", "short"), ("nearest_cluster_down_pct", "long")):
        majors = [z["distance_pct"] for z in zones if z["side"] == side and z["major"]]
        assert lines[key]["value"] == pytest.approx(min(majors, key=abs), abs=1e-3)
    signals = {r["signal"]: r for r in answer("signals", *asked)["signals"]}
    expected = {"on": "aligned", "off": "not aligned", "unknown": "unknown"}
    assert lines["venue_alignment"]["verdict"] == expected[signals["venue_alignment"]["verdict"]]
    assert lines["volatility_window_6h"]["value"] == signals["volatility_window"]["value"]


def test_equity_and_risk_give_the_loss_and_a_side_the_way(sandbox, answer):
    held, end_ms = sandbox
    asked = ("checklist", "SIM", "--venue", "sandbox", "--lake", held.root, *FEW)
    stated = ("--side", "short", "--equity", "20000", "--risk", "0.5")
    found = answer(*asked, "--at", iso_time(end_ms), *stated)
    assert found["way_at_risk"] == {"direction": "down", "why": "for a short"}
    loss = found["checklist"]["max_loss"]
    assert (loss["value"], loss["unit"], loss["verdict"]) == (100, "USD", "stated")
    level = found["checklist"]["invalidation_level"]["value"]
    assert level is None or level > found["mark_price"]


def test_the_text_names_every_line_fits_eighty_columns_and_says_what_it_is(sandbox, command):
    held, end_ms = sandbox
    asked = ("checklist", "SIM", "--venue", "sandbox", "--lake", held.root, *FEW)
    done = command(*asked, "--at", iso_time(end_ms), COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert done.stdout.lstrip().startswith("SIMULATED")
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert all(key in done.stdout for key in RULES)
    flat = " ".join(done.stdout.split())
    assert "never advice; places no orders" in flat
    assert "will" not in flat.split()


def test_markdown_and_json_are_printed_and_written_alike(sandbox, call, tmp_path):
    held, end_ms = sandbox
    asked = ("checklist", "SIM", "--venue", "sandbox", "--lake", held.root, *FEW)
    asked = (*asked, "--at", iso_time(end_ms))
    for ending, option in ((".md", "--markdown"), (".json", "--json")):
        out = tmp_path / f"list{ending}"
        status, printed, err = call(*asked, option)
        assert status == 0, err
        status, nothing, err = call(*asked, "--out", out)
        assert (status, nothing, err) == (0, "", f"wrote {out}\n")
        text = out.read_text(encoding="utf-8")
        if ending == ".json":
            assert strict_json(text) == strict_json(printed)
            continue
        assert text == printed
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        assert [row.split("`")[1] for row in rows] == list(RULES)
        assert "**SIMULATED" in text
        assert "never advice" in text


def test_rows_that_come_later_change_no_line(sandbox, answer, tmp_path):
    held, end_ms = sandbox
    middle_ms = end_ms - DAY_MS
    asked = ("checklist", "SIM", "--venue", "sandbox", "--at", iso_time(middle_ms), *FEW)
    whole = answer(*asked, "--lake", held.root)
    cut = Lake(tmp_path / "cut", create=True)
    for table, venue, symbol in sorted(held.series()):
        rows = held.read(table, venue=venue, symbol=symbol, available_by_ms=middle_ms)
        cut.write({table: rows})
    assert json.dumps(answer(*asked, "--lake", cut.root)) == json.dumps(whole)


def test_a_venue_with_one_open_interest_borrows_its_ladder_and_says_so(sandbox, call, tmp_path):
    held, end_ms = sandbox
    lake = Lake(tmp_path / "lake", create=True)
    for table, venue, symbol in sorted(held.series()):
        rows = held.read(table, venue=venue, symbol=symbol)
        if venue != "sandbox-dark":
            lake.write({table: rows})
        elif table == "open_interest":
            lake.write({table: rows.tail(1)})
    asked = ("checklist", "SIM", "--venue", "sandbox-dark", "--lake", lake.root, *FEW)
    status, out, err = call(*asked, "--at", iso_time(end_ms), "--json")
    assert status == 0, err
    found = strict_json(out)
    assert found["assumptions"]["map"]["ladder_lent_by"] == "sandbox SIM/USDT:USDT"
    assert "ladder borrowed from sandbox" in found["reasons"]["history"]
    nearest = [found["checklist"][f"nearest_cluster_{way}_pct"] for way in ("up", "down")]
    assert all("ladder borrowed from sandbox" in line["evidence"] for line in nearest)
    assert any(line["value"] is not None and math.isfinite(line["value"]) for line in nearest)
    assert {"venue_alignment", "oi_trend_4h", "funding_bias"} <= set(found["unknown"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--equity", "1000"), "go together"),
        (("--equity", "0", "--risk", "1"), "no equity"),
        (("--equity", "1000", "--risk", "101"), "no share"),
        (("--order", "0"), "no order"),
        (("--scenarios", "5"), "--scenarios"),
        (("--json", "--markdown"), "one format"),
        (("--out", "list.txt"), "unknown ending"),
        (("--out", "missing/list.md"), "does not exist"),
        (("--side", "both"), "--side"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_read(options, said, call, tmp_path):
    status, out, err = call("checklist", "BTC", "--lake", tmp_path / "none", *options)
    assert (status, out) == (2, "")
    assert said in err


def test_of_what_is_not_held_there_is_no_answer_and_the_status_says_no_data(sandbox, call):
    held, end_ms = sandbox
    asked = ("checklist", "NONE", "--venue", "sandbox", "--lake", held.root)
    status, out, err = call(*asked, "--at", iso_time(end_ms))
    assert (status, out) == (3, "")
    assert "hint:" in err

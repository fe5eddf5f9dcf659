"""What the calendar command prints, and what it keeps."""

from __future__ import annotations

import json

import pytest
import stamina.instrumentation
from tests.unit.econ_calendar.loopback_calendar import EASTERN, calendar, entry, serving

from forcedflow.cli.app import run

_PCE = "US PCE (Personal Income and Outlays)"
_BEFORE_PCE = ("--at", "2026-11-23T10:00Z", "--to", "2026-11-28")


@pytest.fixture(autouse=True)
def _of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("FORCEDFLOW_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("FORCEDFLOW_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text("")
    monkeypatch.delenv("FRED_API_KEY", raising=False)
    monkeypatch.setenv("COLUMNS", "140")
    hooks = stamina.instrumentation.get_on_retry_hooks()
    yield
    stamina.instrumentation.set_on_retry_hooks(hooks)


def _json(capsys, *arguments):
    assert run(["calendar", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def _error(capsys, status, *arguments):
    assert run(["calendar", *arguments]) == status
    return capsys.readouterr().err


def test_without_a_lake_the_shipped_facts_are_shown_and_no_lake_is_made(capsys, tmp_path):
    answer = _json(capsys, *_BEFORE_PCE)
    assert [(row["event"], row["time"]) for row in answer["events"]] == [
        (_PCE, "2026-11-25T13:30:00Z"),
        ("monthly expiry", "2026-11-27T08:00:00Z"),
    ]
    first = answer["events"][0]
    assert (first["trust"], first["local_time"], first["timezone"]) == (
        "B",
        "08:30",
        "America/New_York",
    )
    assert first["known_since"] == "2026-10-26T00:00:00Z"
    assert answer["next_window"] is None
    assert answer["next_funding"] == {"venue": "binance", "time": "2026-11-23T16:00:00Z"}
    assert "30 days" in answer["rules"]["known since"]
    assert not (tmp_path / "lake").exists()


def test_a_window_within_six_hours_is_named_and_so_is_an_open_one(capsys):
    near = _json(capsys, "--at", "2026-11-25T07:00Z")["next_window"]
    assert (near["event"], near["hours_to_window"], near["open"]) == (_PCE, 6.0, False)
    assert _json(capsys, "--at", "2026-11-25T06:59Z")["next_window"] is None
    assert _json(capsys, "--at", "2026-11-25T14:00Z")["next_window"]["open"] is True


def test_a_window_that_is_open_is_in_the_list_though_its_event_has_passed(capsys):
    shown = _json(capsys, "--at", "2026-11-25T14:00Z", "--to", "2026-11-26")["events"]
    assert [row["event"] for row in shown] == [_PCE]


def test_a_past_moment_shows_what_was_expected_then(capsys):
    before = _json(capsys, "--at", "2026-02-10T00:00Z", "--to", "2026-02-14")
    assert {row["event"] for row in before["events"]} == {"weekly expiry"}
    held = _json(capsys, "--at", "2026-02-20", "--from", "2026-02-10", "--to", "2026-02-14")
    assert {row["status"] for row in held["events"] if row["country"] == "US"} == {"held"}


def test_what_is_missing_is_said(capsys):
    missing = _json(capsys, "--from", "2027-01-01", "--to", "2027-02-01")["missing"]
    assert {gap["event"] for gap in missing} == {"US CPI", "US employment situation (NFP)", _PCE}
    assert run(["calendar", "--from", "2027-01-01", "--to", "2027-02-01"]) == 0
    assert "missing: US CPI from 2027-01-01 on" in capsys.readouterr().out


def test_an_event_is_declared_shown_and_withdrawn(capsys):
    stated = "2026-12-01T12:00Z token unlock"
    span = ("--from", "2026-12-01", "--to", "2026-12-02")
    added = _json(
        capsys, "--add", stated, "--before", "1h", "--after", "3h", "--weight", "0.3", *span
    )
    assert added["changes"] == [{"source": "declared", "added": 1, "replaced": 0}]
    (row,) = added["events"]
    assert (row["event"], row["trust"], row["weight"]) == ("token unlock", "user", 0.3)
    assert (row["window_start"], row["window_end"]) == (
        "2026-12-01T11:00:00Z",
        "2026-12-01T15:00:00Z",
    )
    assert _json(capsys, "--at", "2026-11-01", *span)["events"] == []
    assert _json(capsys, "--withdraw", stated, *span)["events"] == []


def test_files_are_imported_and_one_bad_file_keeps_all_of_them_out(capsys, tmp_path):
    good, bad = tmp_path / "mine.ics", tmp_path / "mine.csv"
    good.write_bytes(calendar(entry("hearing", ":20261201T150000Z")))
    bad.write_text("time,event\nsoon,unlock\n")
    span = ("--from", "2026-12-01", "--to", "2026-12-02")
    err = _error(capsys, 5, "--import", str(good), "--import", str(bad))
    assert "mine.csv, row 1, field time" in err
    assert _json(capsys, *span)["events"] == []
    bad.write_text("time,event\n2026-12-01T09:00,unlock\n")
    shown = _json(
        capsys,
        "--import", str(good), "--import", str(bad), "--timezone", "America/New_York", *span,
    )  # fmt: skip
    assert [(row["event"], row["time"]) for row in shown["events"]] == [
        ("unlock", "2026-12-01T14:00:00Z"),
        ("hearing", "2026-12-01T15:00:00Z"),
    ]


def _point(tmp_path, name, root):
    (tmp_path / "config.toml").write_text(f'[venues.{name}]\nrest = "{root}"\n')


def test_a_publishers_calendar_is_fetched_and_moves_what_it_moved(capsys, tmp_path):
    body = calendar(
        entry("Consumer Price Index", ";TZID=US-Eastern:20370113T083000"),
        entry("Employment Situation", ";TZID=US-Eastern:20370109T083000"),
        zones=EASTERN,
    )
    with serving(lambda *_: (200, body)) as (root, asked):
        _point(tmp_path, "bls", root)
        answer = _json(capsys, "--fetch", "bls", "--from", "2037-01-01", "--to", "2037-02-01")
    assert len(asked) == 1
    shown = {row["event"]: row["time"] for row in answer["events"] if row["country"] == "US"}
    assert shown == {
        "US employment situation (NFP)": "2037-01-09T13:30:00Z",
        "US CPI": "2037-01-13T13:30:00Z",
    }
    assert "US CPI" not in {gap["event"] for gap in answer["missing"]}
    assert answer["changes"][0] == {"source": "bls", "added": 2, "replaced": 0}


def test_fred_is_asked_with_the_users_key_which_is_printed_nowhere(capsys, tmp_path, monkeypatch):
    key = "0123456789abcdef0123456789abcdef"
    monkeypatch.setenv("FRED_API_KEY", key)

    def answer(_path, params):
        return 400, f"the key {params['api_key']} is not registered".encode()

    with serving(answer) as (root, asked):
        _point(tmp_path, "fred", root)
        err = _error(capsys, 4, "--fetch", "fred")
    assert asked[0][1]["api_key"] == key
    assert key not in err
    assert "not registered" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fetch", "fred"), "FRED_API_KEY"),
        (("--fetch", "ecb"), "bls, bea, fred"),
        (("--add", "soon"), "a time and a name"),
        (("--add", "2026-12-01 a", "--weight", "2"), "is no weight"),
        (("--add", "2026-12-01 a", "--timezone", "Mars"), "--timezone"),
        (("--import", "events.txt"), ".ics nor .csv"),
        (("--import", "nowhere.csv"), "cannot be read"),
        (("--from", "2026-12-02", "--to", "2026-12-01"), "empty"),
        (("--venue", "nowhere"), "funding interval"),
    ],
)
def test_a_mistake_is_said_and_nothing_is_kept(capsys, tmp_path, arguments, said):
    assert said in _error(capsys, 2, *arguments)
    assert not (tmp_path / "lake").exists()


def test_a_lake_that_was_named_has_to_exist(capsys, tmp_path):
    assert "there is no lake" in _error(capsys, 3, "--lake", str(tmp_path / "none"))


def test_people_see_the_window_the_trust_and_the_next_funding(capsys):
    assert run(["calendar", *_BEFORE_PCE, "--venue", "hyperliquid"]) == 0
    out = capsys.readouterr().out
    assert "no window is open or opens within 6 h" in out
    assert "next funding on hyperliquid: 2026-11-23 11:00Z" in out
    assert "13:00 – 15:30" in out
    assert "B: transcribed" in out


@pytest.mark.parametrize("width", ["80", "140"])
def test_no_width_of_the_terminal_cuts_a_time(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    assert run(["calendar", *_BEFORE_PCE]) == 0
    out = capsys.readouterr().out
    assert "2026-11-25 13:30" in out
    assert "…" not in out

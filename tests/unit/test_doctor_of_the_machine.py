"""Doctor on a machine that lacks something: named, with what mends it."""

from __future__ import annotations

import json
import socket
import tomllib
from pathlib import Path

import pytest
from tests.docs.worlds import write_settings
from tests.venues.recording import fake_exchange

from forcedflow.cli import doctor
from forcedflow.cli.app import run

ROOT = Path(__file__).resolve().parents[2]


def findings(capsys, *words):
    status = run(["doctor", *map(str, words), "--json"])
    found = json.loads(capsys.readouterr().out)["findings"]
    assert all(one["remedy"] for one in found if one["state"] == "missing")
    return status, {one["what"]: one for one in found}


def test_a_taken_port_is_named_with_the_option_that_takes_another(capsys, tmp_path, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(doctor, "_PORT", port)
        _, found = findings(capsys, "--lake", tmp_path / "none")
    assert found[f"port {port}"]["state"] == "missing"
    assert "serve --port" in found[f"port {port}"]["remedy"]


def test_a_machine_without_a_browser_is_told_that_none_is_needed(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    _, found = findings(capsys, "--lake", tmp_path / "none")
    assert found["browser"]["state"] == "missing"
    assert "none is needed here" in found["browser"]["remedy"]


def test_room_for_the_lake_is_told_where_it_will_be(capsys, tmp_path):
    status, found = findings(capsys, "--lake", tmp_path / "not" / "yet")
    assert status == 0
    assert found["disk"]["detail"].endswith("GB free where the lake is")


def test_little_room_is_a_finding_with_a_remedy(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_LITTLE_DISK_GB", float("inf"))
    _, found = findings(capsys, "--lake", tmp_path)
    assert found["disk"]["state"] == "missing"
    assert "FORCEDFLOW_LAKE" in found["disk"]["remedy"]


def test_a_place_that_cannot_be_written_to_stops_the_lake(capsys, tmp_path):
    place = tmp_path / "a-file"
    place.write_text("")
    status, found = findings(capsys, "--lake", place)
    assert status == 1
    assert found["lake folder"]["state"] == "broken"


def test_a_clock_that_was_never_set_stops_everything(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_RELEASED_MS", 10**15)
    status, found = findings(capsys, "--lake", tmp_path)
    assert status == 1
    assert found["clock"]["state"] == "broken"


@pytest.mark.parametrize(("allowed_ms", "state"), [(10**15, "ok"), (-1_000_000, "broken")])
def test_the_clock_is_compared_with_a_venues(capsys, tmp_path, monkeypatch, allowed_ms, state):
    monkeypatch.setattr(doctor, "_CLOCK_OFF_MS", allowed_ms)
    with fake_exchange("bybit") as fake:
        write_settings(tmp_path / "config.toml", [fake])
        monkeypatch.setenv("FORCEDFLOW_CONFIG", str(tmp_path / "config.toml"))
        _, found = findings(capsys, "--lake", tmp_path, "--clock", "bybit")
    assert found["clock"]["state"] == state
    assert "ms against bybit" in found["clock"]["detail"]


def test_missing_extras_are_named_with_the_commands_that_bring_them(capsys, tmp_path, monkeypatch):
    gone = {module for modules, _ in doctor._EXTRAS.values() for module in modules}
    find = doctor.importlib.util.find_spec
    monkeypatch.setattr(
        doctor.importlib.util, "find_spec", lambda name: None if name in gone else find(name)
    )
    status, found = findings(capsys, "--lake", tmp_path / "none")
    assert status == 0
    for extra in doctor._EXTRAS:
        assert found[f"extra [{extra}]"]["state"] == "missing"
        assert found[f"extra [{extra}]"]["remedy"] == f"pip install 'forcedflow[{extra}]'"


def test_every_extra_of_the_package_is_looked_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(doctor._EXTRAS) == set(project["optional-dependencies"]) - {"all"}

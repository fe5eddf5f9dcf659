"""Trained maps on the disk: whole, dated, and refused where they are not what was written."""

from __future__ import annotations

import json

import msgspec
import pytest

from forcedflow.asof import read_trained
from forcedflow.errors import DamagedFileError, DataError, NoDataError
from forcedflow.store.artefacts import (
    AtomIdentity,
    DataPart,
    MapArtefact,
    newest_artefact,
    read_artefact,
    write_artefact,
)

DAY_MS = 86_400_000
FIT_TO = 1_769_385_600_000  # 2026-01-26T00:00Z
SYMBOL = "BTC/USDT:USDT"


def _artefact(**changed):
    values = {
        "created": "2026-03-01T00:00:00Z",
        "venue": "binance",
        "symbol": SYMBOL,
        "fit_to_ms": FIT_TO,
        "horizon_ms": 3_600_000,
        "n": 1000,
        "targets": "binance+bybit liquidation_totals",
        "inputs": ["open interest"],
        "simulated": False,
        "data": {
            "open_interest": DataPart(10, 1, 2, "ab"),
            "funding": DataPart(0, None, None, "c"),
        },
        "atoms": AtomIdentity([5.0, 25.0], [0.5, 0.5], ["all", "all"]),
        "weight": [[0.1 + 0.2, 1e-300], [0.0, 3.5]],
        "events": [[0.5, 7.25], [1.0, 2.0]],
        "informed": [[0.0, 0.9], [0.1, 1 / 3]],
        "spans_ms": [7_200_000],
        "background": [[0.1, 0.2, 0.3], [0.0, 0.0, 1e-9]],
        "dispersion": [1e6, 2e6],
        "level": 1.04,
        "card": ["a card"],
    }
    return MapArtefact(**values | changed)


def _newest(root, at_ms, venue="binance"):
    return newest_artefact(root, "map", venue, SYMBOL, at_ms)


def test_what_was_written_comes_back_to_the_last_bit(tmp_path):
    path = write_artefact(tmp_path, _artefact())
    found = read_artefact(path)
    assert msgspec.structs.replace(found, content_hash="") == _artefact()
    folder = tmp_path / "artefacts/map/binance/BTC%2FUSDT%3AUSDT"
    assert path == folder / f"2026-01-26-{found.content_hash[:12]}.json"
    assert [p.name for p in folder.iterdir()] == [path.name]  # nothing half-written stays


@pytest.mark.parametrize("stated", [True, False])
def test_whether_the_feed_is_complete_comes_back(tmp_path, stated):
    path = write_artefact(tmp_path, _artefact(complete_feed=stated))
    assert read_artefact(path).complete_feed is stated
    assert read_trained(path, FIT_TO).complete_feed is stated


def test_a_map_stored_before_completeness_was_kept_counts_as_incomplete(tmp_path):
    path = write_artefact(tmp_path, _artefact())
    assert b"complete_feed" not in path.read_bytes()
    assert read_trained(path, FIT_TO).complete_feed is False


def test_the_same_content_has_the_same_name_and_another_has_another(tmp_path):
    first = write_artefact(tmp_path, _artefact())
    assert write_artefact(tmp_path, _artefact()) == first
    assert write_artefact(tmp_path, _artefact(level=1.05)) != first


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("level", 2.0),
        ("fit_to_ms", FIT_TO - DAY_MS),
        ("weight", [[0.1, 0.1], [0.1, 0.1]]),
        ("targets", "better ones"),
        ("content_hash", "0" * 64),
        ("card", ["beats everything"]),
        ("simulated", True),
    ],
)
def test_a_changed_value_is_refused_by_the_files_name(tmp_path, field, value):
    path = write_artefact(tmp_path, _artefact())
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {field: value}))
    with pytest.raises(DamagedFileError, match=path.name):
        read_artefact(path)


@pytest.mark.parametrize("text", ["", "{}", "[1, 2]", '{"kind": "map"', '{"kind": "forecast"}'])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(DamagedFileError, match="no trained map"):
        read_artefact(path)


def test_an_unknown_field_is_refused(tmp_path):
    path = write_artefact(tmp_path, _artefact())
    path.write_text(json.dumps(json.loads(path.read_text()) | {"extra": 1}))
    with pytest.raises(DamagedFileError):
        read_artefact(path)


def test_no_such_file_is_no_data_and_says_which_command_makes_one(tmp_path):
    for missing in (tmp_path / "none.json", tmp_path):
        with pytest.raises(NoDataError, match="forcedflow train map"):
            read_artefact(missing)


@pytest.mark.parametrize(
    "changed",
    [
        {"weight": [[0.1], [0.1, 0.2]]},
        {"weight": [[0.1, 0.2]]},
        {"weight": [[-0.1, 0.1], [0.1, 0.1]]},
        {"events": [[0.0, 1.0], [1.0, 1.0]]},
        {"background": [[0.1, 0.2], [0.1, 0.2]]},
        {"dispersion": [1.0]},
        {"level": 0.0},
        {"informed": [[0.0, float("inf")], [0.0, 0.0]]},
        {"atoms": AtomIdentity([], [], [])},
    ],
    ids=str,
)
def test_numbers_of_a_wrong_shape_are_not_written(tmp_path, changed):
    with pytest.raises(DataError):
        write_artefact(tmp_path, _artefact(**changed))
    assert not list(tmp_path.rglob("*.json"))


def test_the_newest_whose_fit_had_ended_is_chosen(tmp_path):
    assert _newest(tmp_path, FIT_TO) is None
    by_day = {
        days: write_artefact(tmp_path, _artefact(fit_to_ms=FIT_TO + days * DAY_MS))
        for days in (-40, 0, 10)
    }
    assert _newest(tmp_path, FIT_TO - 41 * DAY_MS) is None
    assert _newest(tmp_path, FIT_TO - 1) == by_day[-40]
    assert _newest(tmp_path, FIT_TO) == by_day[0]
    assert _newest(tmp_path, FIT_TO + 10 * DAY_MS - 1) == by_day[0]
    assert _newest(tmp_path, FIT_TO + 400 * DAY_MS) == by_day[10]
    assert _newest(tmp_path, FIT_TO, venue="bybit") is None


def test_within_a_day_the_moment_decides_and_then_when_it_was_made(tmp_path):
    morning = write_artefact(tmp_path, _artefact(fit_to_ms=FIT_TO + 3))
    evening = write_artefact(tmp_path, _artefact(fit_to_ms=FIT_TO + 9))
    again = write_artefact(
        tmp_path, _artefact(fit_to_ms=FIT_TO + 3, created="2026-03-02T00:00:00Z")
    )
    assert _newest(tmp_path, FIT_TO + 9) == evening
    assert _newest(tmp_path, FIT_TO + 8) == again != morning
    assert _newest(tmp_path, FIT_TO + 2) is None


def test_a_damaged_one_is_named_and_not_passed_over(tmp_path):
    write_artefact(tmp_path, _artefact(fit_to_ms=FIT_TO - DAY_MS))
    path = write_artefact(tmp_path, _artefact())
    path.write_text(path.read_text().replace("a card", "my card"))
    with pytest.raises(DamagedFileError, match=path.name):
        _newest(tmp_path, FIT_TO)
    assert _newest(tmp_path, FIT_TO - 1) is not None

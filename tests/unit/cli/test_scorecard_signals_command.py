"""What ``scorecard signals`` takes, refuses, prints, and keeps for readings to quote."""

from __future__ import annotations

import json

import polars as pl
import pytest
from tests.unit.evaluate.evaluated_market import open_interest

from forcedflow.cli.app import run
from forcedflow.errors import DamagedFileError
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

BTC = "BTC/USDT:USDT"
SPAN = ("--from", "2026-01-20", "--to", "2026-03-10")


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("signals") / "lake", create=True)
    rows = open_interest(days=70).with_columns(venue=pl.lit("binance"))
    lake.write({"open_interest": rows})
    return lake


@pytest.fixture(scope="module")
def root(lake):
    return str(lake.root)


def _asked(capsys, *arguments, status=0):
    assert run([*arguments]) == status
    out = capsys.readouterr()
    return json.loads(out.out) if status == 0 else out.err


def test_rows_follow_the_contract_and_say_what_they_rest_on(root, capsys):
    found = _asked(capsys, "scorecard", "signals", *SPAN, "--lake", root, "--json")
    rows, data = found["results"], found["data"]
    assert rows
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert row["product"] == "signals"
        assert (row["symbol"], row["venue"]) == (BTC, "binance")
        assert row["gain"] == pytest.approx(row["value"] - row["baseline_value"])
        assert row["pass"] == (row["ci"][0] > 0)
        tested = row["baseline"] == "matched"
        assert (row["p"] is not None) == tested
        assert (row["p_adj"] is not None) == tested
    assert set(data["cascades"]) == set(data["fired"]) == {BTC}
    assert data["cascades"][BTC]["moments"] > 10_000
    assert "open_interest" in data["hashes"][BTC]
    assert any("unknown throughout" in missing["why"] for missing in data["missing"])


def test_the_same_command_gives_the_same_answer(root, capsys):
    answers = []
    for _ in range(2):
        found = _asked(capsys, "scorecard", "signals", *SPAN, "--lake", root, "--json")
        answers.append((found["results"], found["data"]))
    assert answers[0] == answers[1]


def test_readings_quote_the_record_once_its_span_is_over(lake, root, capsys):
    assert run(["scorecard", "signals", *SPAN, "--lake", root]) == 0
    assert "decile of volatility" in " ".join(capsys.readouterr().out.split())

    def records(at):
        found = _asked(capsys, "signals", "BTC", "--lake", root, "--at", at, "--json")
        told = {reading["signal"]: reading["record"] for reading in found["signals"]}
        return {**told, "loading": found["loading_record"]}

    assert set(records("2026-03-09T23:00Z").values()) == {None}
    told = records("2026-03-10T06:00Z")
    assert told["pressure"].startswith("record 2026-01-20 to 2026-03-10: ")
    assert "moments alike" in told["pressure"]
    assert told["spot_confirmation"] is None
    (path,) = (lake.root / "artefacts" / "signals" / "binance").rglob("2026-03-10-*.json")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"venue"', b'"wenue"'))
    try:
        status = run(["signals", "BTC", "--lake", root, "--at", "2026-03-10T06:00Z"])
        assert status == DamagedFileError.exit_code
        assert "is no record of signals" in capsys.readouterr().err
    finally:
        path.write_bytes(whole)


def test_rows_that_became_known_after_the_span_change_nothing(lake, root, capsys, tmp_path):
    end_ms = 1_773_100_800_000  # 2026-03-10
    rows = lake.read("open_interest")
    cut = rows.filter(pl.col("available_time").dt.epoch("ms") <= end_ms)
    assert rows.height - cut.height > DAY_MS // 300_000 / 2
    other = Lake(tmp_path / "lake", create=True)
    other.write({"open_interest": cut})
    found = [
        _asked(capsys, "scorecard", "signals", *SPAN, "--lake", folder, "--json")["results"]
        for folder in (root, str(other.root))
    ]
    assert found[0] == found[1]


def test_a_symbol_that_is_not_held_is_named_beside_the_others(root, capsys):
    found = _asked(
        capsys, "scorecard", "signals", "--symbol", "BTC,ETH", *SPAN, "--lake", root, "--json"
    )
    missing = [entry for entry in found["data"]["missing"] if entry["symbol"] == "ETH/USDT:USDT"]
    assert len(missing) == 1
    assert {row["symbol"] for row in found["results"]} == {BTC}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "2026-01-20"), "over a span"),
        (("--to", "2026-01-20"), "over a span"),
        (("--from", "2026-01-20", "--to", "2026-01-20"), "end after it begins"),
        ((*SPAN, "--horizon", "1h"), "4 and 24 hours"),
        ((*SPAN, "--walk"), "fits nothing itself"),
        (("--trial", "--from", "2026-01-20"), "its own days"),
    ],
)
def test_what_makes_no_sense_is_refused(root, capsys, arguments, words):
    assert words in _asked(capsys, "scorecard", "signals", *arguments, "--lake", root, status=2)


def test_a_market_that_is_not_held_is_no_data(root, capsys):
    assert "ETH" in _asked(
        capsys, "scorecard", "signals", "--symbol", "ETH", *SPAN, "--lake", root, status=3
    )

"""The ``signals`` and ``scan`` commands on the made market and on two simulated venues."""

from __future__ import annotations

import json

import pytest
from tests.e2e.conftest import strict_json

from forcedflow.cli.options import iso_time
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.signals.registry import SIGNALS
from forcedflow.store import Lake
from forcedflow.store.signal_record import SignalRecord, write_record
from forcedflow.units import DAY_MS

AT = "2026-01-04T12:00Z"
VENUES = ("sandbox", "sandbox-dark")
NAMES = [signal.name for signal in SIGNALS]
KEYS = {
    "symbol",
    "venue",
    "simulated",
    "at",
    "known_to",
    "price",
    "loading",
    "loading_record",
    "pressure_gauge",
    "crowding",
    "signals",
    "assumptions",
    "freshness",
}
READING_KEYS = {
    "signal",
    "title",
    "value",
    "unit",
    "threshold",
    "threshold_words",
    "verdict",
    "direction",
    "why",
    "inputs",
    "record",
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """A lake of nine simulated days on two venues, and the moment of their end."""
    simulated = SandboxMarket("calm", 300, 5)
    end_ms = simulated.opened_ms + 9 * DAY_MS
    held = Lake(tmp_path_factory.mktemp("signals") / "lake", create=True)
    for name in VENUES:
        venue = SandboxVenue(simulated, name)
        tables = sorted(venue.capabilities.backfilled)
        symbol = venue.instruments()[0].symbol
        held.write(join(list(venue.backfill(tables, symbol, START_MS, end_ms))))
    span = START_MS, START_MS + 21 * DAY_MS - 1
    write_record(
        held.root,
        SignalRecord("sandbox", symbol, *span, True, {"sweeps": 3}, {"sweeps": []}, {}),
    )
    return held.root, iso_time(end_ms)


@pytest.fixture(scope="module")
def text(sandbox, command):
    """The page of the simulated market, of which one signal has a record."""
    root, at = sandbox
    done = command("signals", "SIM", "--venue", "sandbox", "--lake", root, "--at", at)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def simulated(sandbox, command):
    root, at = sandbox
    done = command("signals", "SIM", "--venue", "sandbox", "--lake", root, "--at", at, "--json")
    assert done.returncode == 0, done.stderr
    return strict_json(done.stdout)


def _by_name(found):
    return {reading["signal"]: reading for reading in found["signals"]}


def test_the_answer_has_exactly_the_documented_keys(answer, lake):
    found = answer("signals", "BTC", "--lake", lake, "--at", AT)
    assert set(found) == KEYS
    assert [reading["signal"] for reading in found["signals"]] == NAMES
    assert all(set(reading) == READING_KEYS for reading in found["signals"])
    assert (found["symbol"], found["venue"]) == ("BTC/USDT:USDT", "binance")
    assert found["at"] == found["known_to"] == "2026-01-04T12:00:00Z"
    assert found["simulated"] is False


def test_four_days_are_too_few_for_a_month_and_that_is_said_and_not_taken_for_quiet(answer, lake):
    found = answer("signals", "BTC", "--lake", lake, "--at", AT)
    signals = _by_name(found)
    trailing = set(NAMES) - {"volatility_window"}
    assert {signals[name]["verdict"] for name in trailing} == {"unknown"}
    assert {signals[name]["direction"] for name in trailing} == {"none"}
    assert "no rows of spot klines" in signals["spot_confirmation"]["why"]
    assert "open_interest" in signals["pressure"]["why"]
    assert found["loading"]["score"] is None
    assert found["loading"]["unknown"] == [name for name in NAMES if name in trailing]
    assert found["loading"]["words"].startswith("no score: 1 of 8 weight known")


def test_the_calendar_is_known_without_any_lake_of_it(answer, lake):
    window = _by_name(answer("signals", "BTC", "--lake", lake, "--at", AT))["volatility_window"]
    assert window["verdict"] == "off"
    assert window["value"] > 6


def test_nine_days_of_two_venues_tell_of_clusters_and_alignment(simulated):
    signals = _by_name(simulated)
    known = {name for name, reading in signals.items() if reading["verdict"] != "unknown"}
    assert known >= {"large_cluster", "pressure", "thin_liquidity", "venue_alignment", "sweeps"}
    assert "of open interest" in signals["large_cluster"]["why"]
    assert "sandbox, sandbox-dark" in signals["venue_alignment"]["why"]
    assert simulated["assumptions"]["venues_aligned"] == "sandbox, sandbox-dark"
    assert 0 <= simulated["pressure_gauge"] <= 100


def test_a_verdict_agrees_with_its_direction_and_the_score_with_the_verdicts(simulated):
    on = [reading for reading in simulated["signals"] if reading["verdict"] == "on"]
    for reading in simulated["signals"]:
        assert (reading["direction"] != "none") == (reading["verdict"] == "on")
        assert reading["inputs"]
    known = [reading for reading in simulated["signals"] if reading["verdict"] != "unknown"]
    loading = simulated["loading"]
    assert loading["on"] == [reading["signal"] for reading in on]
    assert loading["score"] == pytest.approx(100 * len(on) / len(known), abs=0.05)


def test_what_is_simulated_says_so(simulated, text):
    assert simulated["simulated"] is True
    assert "SIMULATED" in text


def test_rows_that_come_later_change_no_reading(sandbox, answer):
    root, _ = sandbox
    middle = iso_time(START_MS + 20 * DAY_MS)
    asked = ("signals", "SIM", "--venue", "sandbox", "--at", middle)
    whole = answer(*asked, "--lake", root)
    cut = root.parent / "cut"
    if not cut.exists():
        shorter = Lake(cut, create=True)
        full = Lake(root, create=False)
        for table, venue, symbol in sorted(full.series()):
            until = START_MS + 20 * DAY_MS
            rows = full.read(table, venue=venue, symbol=symbol, available_by_ms=until)
            shorter.write({table: rows})
    assert json.dumps(answer(*asked, "--lake", cut)) == json.dumps(whole)
    # The span of the record was not over then.
    assert {reading["record"] for reading in whole["signals"]} == {None}


def test_the_text_names_every_signal_and_its_record_where_there_is_one(text):
    assert all(signal.title in text for signal in SIGNALS)
    flat = " ".join(text.split())
    assert "record 2024-01-01 to 2024-01-21, SIMULATED: fired 3 times, too rarely to say" in flat
    assert flat.count("no record yet") == len(SIGNALS) - 1
    assert "not a probability" in flat
    assert "not advice" in flat


def test_scan_answers_for_every_market_that_is_held_the_most_loaded_first(sandbox, answer):
    root, at = sandbox
    found = answer("scan", "--lake", root, "--at", at)
    assert {market["venue"] for market in found["markets"]} == set(VENUES)
    assert all(set(market) == {*KEYS, "forecast"} for market in found["markets"])
    assert found["left_out"] == []
    assert found["simulated"] is True
    scores = [market["loading"]["score"] for market in found["markets"]]
    assert scores == sorted(scores, reverse=True)


def test_scan_says_what_it_left_out_and_goes_on(sandbox, call):
    root, at = sandbox
    asked = ("scan", "SIM", "NONE", "--venue", "sandbox", "--lake", root, "--at", at)
    status, out, err = call(*asked)
    assert status == 0
    assert "SIM/USDT:USDT" in out
    assert "left out" in err
    assert "NONE/USDT:USDT" in err


def test_of_what_is_not_held_there_is_no_answer_and_the_status_says_no_data(sandbox, call):
    root, at = sandbox
    for name in ("signals", "scan"):
        status, out, err = call(name, "NONE", "--venue", "sandbox", "--lake", root, "--at", at)
        assert (status, out) == (3, "")
        assert "NONE/USDT:USDT" in err
        assert "hint:" in err


def test_an_empty_lake_has_nothing_to_scan(tmp_path, call):
    Lake(tmp_path / "lake", create=True)
    status, _, err = call("scan", "--lake", tmp_path / "lake")
    assert status == 3
    assert "no open interest" in err

"""The ``zones`` command: what it answers, for whom, and as of when."""

from __future__ import annotations

import shutil

import pytest
from tests.e2e.conftest import strict_json
from tests.e2e.synthetic_archive import (
    DAY_MS,
    FALL_START_MS,
    HOUR_MS,
    MINUTE_MS,
    START_MS,
    market,
    write_archive,
    write_candles,
)

from forcedflow.cli.options import iso_time
from forcedflow.store import Lake

AT = "2026-01-04T12:00Z"
KEYS = {
    "symbol",
    "venue",
    "simulated",
    "at",
    "known_to",
    "mark_price",
    "open_interest_usd",
    "sigma_24h",
    "zones",
    "assumptions",
    "freshness",
}
ZONE_KEYS = {
    "side",
    "low",
    "high",
    "peak",
    "notional_usd",
    "notional_usd_low",
    "notional_usd_high",
    "distance_pct",
    "distance_sigma",
    "age_h",
    "share_of_oi",
    "rank",
    "major",
    "prior_share",
}


def test_the_answer_has_exactly_the_documented_keys(answer, lake):
    found = answer("zones", "BTC", "--lake", lake, "--at", AT)
    assert set(found) == KEYS
    assert found["zones"]
    assert all(set(zone) == ZONE_KEYS for zone in found["zones"])
    assert (found["symbol"], found["venue"]) == ("BTC/USDT:USDT", "binance")
    assert (found["at"], found["known_to"]) == ("2026-01-04T12:00:00Z", "2026-01-04T11:55:00Z")
    assert found["assumptions"]["calibrated"] is False
    assert found["simulated"] is found["assumptions"]["simulated"] is False
    assert found["freshness"]["age_s"] == 300


def test_mark_and_open_interest_are_those_of_the_last_known_row(answer, lake):
    found = answer("zones", "BTC", "--lake", lake, "--at", AT)
    (last,) = [s for s in market() if iso_time(s.end_ms) == found["known_to"]]
    assert found["mark_price"] == pytest.approx(last.close, rel=1e-9)
    assert found["open_interest_usd"] == pytest.approx(last.open_interest * last.close, rel=1e-9)


@pytest.mark.parametrize("hour", range(12, 96, 12))
def test_longs_lie_below_the_mark_shorts_above_and_ranks_are_unique_per_side(answer, lake, hour):
    at = iso_time(START_MS + hour * HOUR_MS)
    found = answer("zones", "BTC", "--lake", lake, "--at", at)
    mark = found["mark_price"]
    assert {zone["side"] for zone in found["zones"]} == {"long", "short"}
    for zone in found["zones"]:
        assert zone["low"] <= zone["peak"] <= zone["high"]
        assert zone["high"] <= mark if zone["side"] == "long" else zone["low"] >= mark
        assert (zone["distance_pct"] < 0) == (zone["side"] == "long")
        assert (zone["distance_sigma"] < 0) == (zone["side"] == "long")
        assert 0 < zone["notional_usd_low"] <= zone["notional_usd"] <= zone["notional_usd_high"]
        assert 0 < zone["share_of_oi"] < 1
        assert 0 <= zone["age_h"] <= hour
    for side in ("long", "short"):
        of_side = [zone for zone in found["zones"] if zone["side"] == side]
        assert sorted(z["rank"] for z in of_side) == list(range(1, len(of_side) + 1))
        by_rank = sorted(of_side, key=lambda zone: zone["rank"])
        assert [z["notional_usd"] for z in by_rank] == sorted(
            (z["notional_usd"] for z in of_side), reverse=True
        )
        assert sum(z["notional_usd"] for z in of_side) <= found["open_interest_usd"]
    distances = [abs(zone["distance_pct"]) for zone in found["zones"]]
    assert distances == sorted(distances)


@pytest.mark.parametrize("symbol", ["BTC", "btc", "BTCUSDT", "BTC/USDT:USDT"])
@pytest.mark.parametrize("venue", ["binance", "Binance"])
def test_every_name_of_the_contract_gives_the_same_answer(call, lake, symbol, venue):
    expected = call("zones", "BTCUSDT", "--lake", lake, "--at", AT, "--json")
    found = call("zones", symbol, "--venue", venue, "--lake", lake, "--at", AT, "--json")
    assert found == expected


@pytest.mark.parametrize("at", ["2026-01-04T12:00", "2026-01-04 13:00+01:00", "2026-01-04T12:00Z"])
def test_every_way_to_write_a_moment_gives_the_same_answer(call, lake, at):
    expected = call("zones", "BTC", "--lake", lake, "--at", AT, "--json")
    assert call("zones", "BTC", "--lake", lake, "--at", at, "--json") == expected


def test_two_runs_in_processes_of_their_own_give_the_same_bytes(call, command, lake):
    arguments = ("zones", "BTC", "--lake", lake, "--at", AT, "--json")
    done = command(*arguments)
    assert (done.returncode, done.stdout) == call(*arguments)[:2]


@pytest.mark.parametrize(
    "until",
    [
        START_MS + 90 * MINUTE_MS,
        START_MS + 2 * DAY_MS,
        FALL_START_MS + 67 * MINUTE_MS + 123,
        START_MS + 3 * DAY_MS + 9 * HOUR_MS,
    ],
    ids=["on the first day", "at midnight", "within the fall", "on the last day"],
)
def test_a_moment_shows_exactly_what_a_lake_held_that_had_seen_nothing_later(
    call, lake, tmp_path, until
):
    """Byte for byte, so neither a later file nor a later row can have been read."""
    short = tmp_path / "lake"
    for kind, folder in (
        ("binance-vision", write_archive(tmp_path / "archive", until_ms=until)),
        ("candles", write_candles(tmp_path / "candles", until_ms=until)),
    ):
        assert call("import", kind, folder, "--lake", short)[0] == 0
    for command in (("zones", "BTC"), ("heatmap", "BTC", "--range", "2d")):
        asked = (*command, "--at", iso_time(until), "--json", "--lake")
        assert call(*asked, lake) == call(*asked, short)
        assert call(*asked, lake)[0] == 0
    # Asked about a later moment, the short lake knows no more; only ages grow.
    later = strict_json(
        call("zones", "BTC", "--json", "--at", iso_time(until + DAY_MS), "--lake", short)[1]
    )
    then = strict_json(call("zones", "BTC", "--json", "--at", iso_time(until), "--lake", lake)[1])
    for key in KEYS - {"at", "freshness"}:
        assert later[key] == then[key]


def test_open_interest_is_known_five_minutes_after_its_moment_and_not_before(answer, lake):
    row_ms = START_MS + DAY_MS + 6 * HOUR_MS
    before = answer("zones", "BTC", "--lake", lake, "--at", iso_time(row_ms + 5 * MINUTE_MS - 1))
    after = answer("zones", "BTC", "--lake", lake, "--at", iso_time(row_ms + 5 * MINUTE_MS))
    assert before["known_to"] == iso_time(row_ms - 5 * MINUTE_MS)
    assert after["known_to"] == iso_time(row_ms)
    assert before["mark_price"] != after["mark_price"]


def test_what_is_not_known_yet_is_null_and_not_a_number(answer, lake):
    """Two bars have no volatility; three rows of open interest make two bars."""
    found = answer("zones", "BTC", "--lake", lake, "--at", "2026-01-01T00:16Z")
    assert found["zones"]
    assert (found["sigma_24h"] is None) == all(
        zone["distance_sigma"] is None for zone in found["zones"]
    )
    alone = answer("zones", "BTC", "--lake", lake, "--at", "2026-01-01T00:15Z")
    assert alone["sigma_24h"] is None


def test_before_the_second_observation_there_is_no_data(call, lake):
    for at in ("2025-12-31", "2026-01-01T00:10Z"):
        status, out, err = call("zones", "BTC", "--lake", lake, "--at", at, "--json")
        assert (status, out) == (3, "")
        assert "forcedflow import " in err


def test_an_unknown_symbol_is_no_data_and_says_what_is_held(call, lake):
    status, out, err = call("zones", "XRP", "--lake", lake, "--at", AT)
    assert (status, out) == (3, "")
    assert "the lake has it for binance BTC/USDT:USDT" in err
    assert "hint: forcedflow import" in err


def test_a_known_venue_that_is_not_held_is_no_data(call, lake):
    status, _, err = call("zones", "BTC", "--lake", lake, "--venue", "bybit")
    assert status == 3
    assert "no open interest of bybit BTC/USDT:USDT" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("BTC", "--at", "yesterday"), "'yesterday' is no time"),
        (("BTC", "--at", "2026-13-01"), "'2026-13-01' is no time"),
        (("BTC", "--venue", "binanse"), "'binanse' is no venue"),
        (("B T C",), "'B T C' is no symbol"),
        ((), "requires an argument"),
        (("BTC", "--colour"), "--colour"),
    ],
)
def test_a_mistyped_argument_is_a_usage_error_with_a_hint(call, lake, arguments, words):
    status, out, err = call("zones", *arguments, "--lake", lake)
    assert (status, out) == (2, "")
    assert words in err
    assert "hint: " in err


def test_no_lake_is_no_data_with_the_command_that_makes_one(call, tmp_path):
    status, _, err = call("zones", "BTC", "--lake", tmp_path / "none")
    assert status == 3
    assert "there is no lake at" in err
    assert "or forcedflow import KIND PATH" in err
    assert not (tmp_path / "none").exists()


def test_a_damaged_file_of_the_lake_is_named_and_no_answer_is_given(call, lake, tmp_path):
    copy = shutil.copytree(lake, tmp_path / "lake")
    for part in copy.rglob("*.parquet"):
        if "open_interest" in str(part):
            content = bytearray(part.read_bytes())
            content[len(content) // 2] ^= 0x01
            part.write_bytes(content)
    status, out, err = call("zones", "BTC", "--lake", copy, "--at", AT, "--json")
    assert (status, out) == (5, "")
    assert ".parquet" in err
    assert Lake(copy).verify()


def test_the_environment_names_the_lake(command, lake):
    by_option = command("zones", "BTC", "--at", AT, "--json", "--lake", lake)
    by_variable = command("zones", "BTC", "--at", AT, "--json", FORCEDFLOW_LAKE=str(lake))
    assert by_variable.returncode == 0, by_variable.stderr
    assert by_variable.stdout == by_option.stdout


def test_the_settings_file_names_the_lake_and_the_environment_wins(command, lake, tmp_path):
    settings = tmp_path / "config.toml"
    settings.write_text(f"lake = '{lake}'\n")
    arguments = ("zones", "BTC", "--at", AT, "--json")
    assert command(*arguments, FORCEDFLOW_CONFIG=str(settings)).returncode == 0
    other = command(
        *arguments, FORCEDFLOW_CONFIG=str(settings), FORCEDFLOW_LAKE=str(tmp_path / "none")
    )
    assert other.returncode == 3


@pytest.mark.parametrize("content", [b"lake = ", b"lakes = 'x'\n", b"lake = 5\n", b"\xff\xfe\x00"])
def test_a_corrupted_settings_file_is_a_usage_error_that_names_it(command, tmp_path, content):
    settings = tmp_path / "config.toml"
    settings.write_bytes(content)
    done = command("zones", "BTC", FORCEDFLOW_CONFIG=str(settings))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(settings) in done.stderr
    assert "Traceback" not in done.stderr


def test_the_table_for_people_fits_and_says_what_it_rests_on(command, lake):
    done = command("zones", "BTC", "--lake", lake, "--at", AT, COLUMNS="100")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "\x1b" not in done.stdout
    for words in ("estimated", "not calibrated", "not advice", "major #1", "5 min before"):
        assert words in done.stdout

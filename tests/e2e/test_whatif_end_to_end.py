"""Training a map and asking what a move would liquidate, on the made market."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import polars as pl
import pytest
from tests.e2e.synthetic_archive import END_MS, HOUR_MS, MINUTE_MS, START_MS, market

from forcedflow.cli.options import iso_time
from forcedflow.store import Lake

QUARTER_MS = 15 * MINUTE_MS
FIT_TO = "2026-01-04T06:00Z"
AT = "2026-01-04T12:00Z"
BEFORE = "2026-01-04T05:00Z"
SIDES = ("long", "short")


def _liquidations():
    """Quarters of an hour in which either side lost in proportion to how far the mark went."""
    header = (
        "venue,symbol,event_time,available_time,side,interval_ms,notional_usd,completeness,"
        "source,precedence"
    )
    lines = [header]
    steps = market()
    per_quarter = QUARTER_MS // (5 * MINUTE_MS)
    for first in range(0, len(steps), per_quarter):
        part = steps[first : first + per_quarter]
        fall = math.log(part[0].open / min(s.low for s in part))
        rise = math.log(max(s.high for s in part) / part[0].open)
        for side, far in zip(SIDES, (fall, rise), strict=True):
            usd = 2e8 * far**1.5 + 500 * (1 + first % 7)
            end = iso_time(part[-1].end_ms)
            lines.append(
                f"binance,BTC/USDT:USDT,{end},{end},{side},{QUARTER_MS},{usd:.2f},complete,made,5"
            )
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def fed_lake(lake, tmp_path_factory, command):
    """The made market's lake with liquidations, before anything was trained."""
    folder = tmp_path_factory.mktemp("fed") / "lake"
    shutil.copytree(lake, folder)
    rows = tmp_path_factory.mktemp("rows") / "liquidation_totals.csv"
    rows.write_text(_liquidations())
    done = command("import", "table", rows, "--lake", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def trained(fed_lake, tmp_path_factory, command):
    """The lake with a trained map, and what training said."""
    folder = tmp_path_factory.mktemp("trained") / "lake"
    shutil.copytree(fed_lake, folder)
    asked = ("--symbol", "BTC", "--fit-to", FIT_TO, "--horizon", "15m", "--lake", folder)
    done = command("train", "map", *asked, "--json")
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_training_says_what_it_made_and_from_what(trained):
    folder, said = trained
    path = Path(said["artefact"])
    assert path.is_relative_to(folder / "artefacts" / "map" / "binance" / "BTC%2FUSDT%3AUSDT")
    assert path.name.startswith("2026-01-04-")
    assert said["intervals"] > 100
    assert said["targets"] == "binance liquidation_totals"
    assert said["data"]["liquidations"]["last_ms"] <= START_MS + 78 * HOUR_MS
    assert len(said["data"]["open_interest"]["sha256"]) == 64
    card = " ".join(said["card"])
    for stated in ("binance BTC/USDT:USDT", "prior decides", "below about 5×", "price-history map"):
        assert stated in card


def test_training_for_people_prints_the_card(command, fed_lake, tmp_path):
    folder = tmp_path / "lake"
    shutil.copytree(fed_lake, folder)
    asked = ("--symbol", "BTC", "--fit-to", FIT_TO, "--horizon", "15m", "--lake", folder)
    done = command("train", "map", *asked)
    assert done.returncode == 0, done.stderr
    assert "trained map 2026-01-04-" in done.stdout
    assert "price-history map" in done.stdout


def test_a_fit_before_enough_was_seen_is_no_data(call, fed_lake):
    asked = ("--symbol", "BTC", "--fit-to", "2026-01-03T01:00Z", "--lake", fed_lake)
    status, _, err = call("train", "map", *asked)
    assert status == 3
    assert "intervals" in err


def test_without_liquidations_there_is_nothing_to_learn_from(call, lake):
    status, _, err = call("train", "map", "--symbol", "BTC", "--fit-to", FIT_TO, "--lake", lake)
    assert status == 3
    assert "no liquidations" in err


@pytest.mark.parametrize("move", ["-3%", "-0.5%", "2%", "+2%"])
def test_a_move_is_answered_for_both_sides(answer, trained, move):
    found = answer("whatif", "BTC", "--move", move, "--at", AT, "--lake", trained[0])
    assert found["model"] == "calibrated"
    assert found["move_pct"] == pytest.approx(float(move.rstrip("%")), abs=1e-3)
    hit, spared = SIDES if found["move_pct"] < 0 else SIDES[::-1]
    standing = found["standing_notional_if_touched"]
    feed = found["liquidations_a_feed_would_show"]
    assert standing[spared]["usd"] == 0
    for band in (standing[hit], feed[hit], feed[spared]):
        assert band["low"] <= band["usd"] <= band["high"]
    assert 0 < standing[hit]["usd"] < found["open_interest_usd"]
    assert feed[hit]["usd"] > feed[hit]["background_usd"] > 0
    curve = [point[hit]["usd"] for point in found["curve"]]
    assert curve == sorted(curve)
    assert curve[-1] == standing[hit]["usd"]
    assert found["assumptions"]["calibrated"] is True
    assert "level" in found["assumptions"]["what_if"]["liquidations_a_feed_would_show"]
    assert found["freshness"]["fit_age_s"] == 6 * 3600


def test_a_move_and_the_price_that_it_leads_to_have_one_answer(answer, trained):
    asked = ("whatif", "BTC", "--at", AT, "--lake", trained[0])
    moved = answer(*asked, "--move=-3%")
    priced = answer(*asked, "--to", repr(moved["to_price"]))
    assert priced == moved


def test_without_a_move_nothing_stands_on_the_way(answer, trained):
    found = answer("whatif", "BTC", "--move", "0%", "--at", AT, "--lake", trained[0])
    for side in SIDES:
        assert found["standing_notional_if_touched"][side]["usd"] == 0
        feed = found["liquidations_a_feed_would_show"][side]
        assert feed["usd"] == feed["background_usd"]


def test_before_anything_was_trained_the_prior_answers_and_knows_no_feed(answer, call, trained):
    asked = ("whatif", "BTC", "--move", "-3%", "--lake", trained[0])
    before = answer(*asked, "--at", BEFORE)
    assert before["model"] == "prior"
    assert before["liquidations_a_feed_would_show"] is None
    stated = answer(*asked, "--at", AT, "--model", "prior")
    assert stated["model"] == "prior"
    assert stated["standing_notional_if_touched"]["long"]["prior_share"] == 1
    status, _, err = call(*asked, "--at", BEFORE, "--model", "calibrated")
    assert status == 3
    assert "forcedflow train map" in err


def test_a_map_fitted_after_the_moment_is_refused_with_both_times(call, trained):
    folder, said = trained
    for command in (("whatif", "BTC", "--move", "-3%"), ("zones", "BTC"), ("heatmap", "BTC")):
        asked = (*command, "--at", BEFORE, "--lake", folder, "--model", said["artefact"])
        status, _, err = call(*asked)
        assert status == 5
        assert "2026-01-04T06:00:00Z" in err
        assert "2026-01-04T05:00:00Z" in err


def test_a_changed_map_is_refused_by_name(call, trained, tmp_path):
    folder = tmp_path / "lake"
    shutil.copytree(trained[0], folder)
    (path,) = folder.rglob("2026-01-04-*.json")
    path.write_text(path.read_text().replace('"level":', '"level":1'))
    for model in ((), ("--model", path)):
        status, _, err = call("zones", "BTC", "--at", AT, "--lake", folder, *model)
        assert status == 5
        assert path.name in err
    assert call("zones", "BTC", "--at", AT, "--lake", folder, "--model", "prior")[0] == 0


def test_zones_and_heatmap_use_what_was_trained_and_say_so(answer, call, trained):
    asked = ("BTC", "--at", AT, "--lake", trained[0])
    zones = answer("zones", *asked)
    picture = answer("heatmap", *asked, "--range", "1d")
    assert zones["zones"] == picture["zones"]
    assert zones["assumptions"]["model"] == "calibrated"
    assert zones["assumptions"]["mixture"]["name"].startswith("2026-01-04-")
    for zone in zones["zones"]:
        assert zone["notional_usd_low"] < zone["notional_usd"] < zone["notional_usd_high"]
        assert 0 < zone["prior_share"] <= 1
    prior = answer("zones", *asked, "--model", "prior")
    assert prior["assumptions"]["model"] == "prior"
    assert prior["zones"] != zones["zones"]
    for command in ("zones", "heatmap"):
        status, out, _ = call(command, *asked)
        assert status == 0
        assert "mixture calibrated on realised liquidations" in " ".join(out.split())


def test_a_trained_maps_past_is_not_redrawn_by_later_rows(call, trained):
    """Byte for byte the answer of a lake that holds nothing later."""
    folder, said = trained
    whole = Lake(folder)
    asked = ("whatif", "BTC", "--move", "-3%", "--at", AT, "--json", "--model", said["artefact"])
    expected = call(*asked, "--lake", folder)
    short = Lake(folder.parent / "short", create=True)
    at_ms = END_MS - 12 * HOUR_MS
    assert iso_time(at_ms) == "2026-01-04T12:00:00Z"
    tables = {table for table, _, _ in whole.series()}
    short.write({table: whole.read(table, available_by_ms=at_ms) for table in sorted(tables)})
    assert call(*asked, "--lake", short.root) == expected
    assert expected[0] == 0


def test_another_venues_map_is_borrowed_and_said_to_be(answer, call, trained, tmp_path):
    """The same open interest under another venue's name, scaled to its own."""
    folder, said = trained
    other = Lake(tmp_path / "lake", create=True)
    rows = Lake(folder).read("open_interest", venue="binance")
    other.write({"open_interest": rows.with_columns(venue=pl.lit("bybit"))})
    asked = ("BTC", "--venue", "bybit", "--at", AT, "--lake", other.root)
    found = answer("whatif", *asked, "--move", "-3%", "--model", said["artefact"])
    mixture = found["assumptions"]["mixture"]
    assert mixture["borrowed_from"] == "binance BTC/USDT:USDT"
    assert mixture["level_of"].startswith("the end of the fit")
    assert 0 < found["standing_notional_if_touched"]["long"]["usd"] < found["open_interest_usd"]
    status, out, _ = call("zones", *asked, "--model", said["artefact"])
    assert status == 0
    assert "borrowed from binance BTC/USDT:USDT" in " ".join(out.split())
    assert answer("zones", *asked)["assumptions"]["model"] == "prior"


def test_a_map_of_another_coin_is_not_lent(call, trained, tmp_path):
    folder, said = trained
    other = Lake(tmp_path / "lake", create=True)
    rows = Lake(folder).read("open_interest", venue="binance")
    other.write({"open_interest": rows.with_columns(symbol=pl.lit("ETH/USDT:USDT"))})
    asked = ("ETH", "--at", AT, "--lake", other.root, "--model", said["artefact"])
    status, _, err = call("zones", *asked)
    assert status == 2
    assert "is of BTC" in err


@pytest.mark.parametrize(
    "stated",
    [
        (),
        ("--to", "70000", "--move", "-3%"),
        ("--move", "-3"),
        ("--move", "-95%"),
        ("--move", "down"),
        ("--move", "nan%"),
        ("--to", "-5"),
        ("--to", "0"),
        ("--to", "1"),
        ("--to", "nan"),
    ],
    ids=" ".join,
)
def test_what_is_no_move_is_a_usage_error(call, trained, stated):
    status, out, err = call("whatif", "BTC", *stated, "--at", AT, "--lake", trained[0])
    assert (status, out) == (2, "")
    assert err.startswith("error: ")


def test_the_answer_for_people_names_both_quantities(command, trained):
    asked = ("whatif", "BTC", "--move", "-3%", "--at", AT, "--lake", trained[0])
    done = command(*asked, COLUMNS="100")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    for words in (
        "standing: 10–90 % incl. model error; feed: 10–90 % of what would be realised",
        "(-3.00 %)",
        "standing notional if touched",
        "liquidations a feed would show",
        "level",
        "not advice",
    ):
        assert words in text
    assert max(map(len, done.stdout.splitlines())) <= 100
    prior = command(*asked, "--model", "prior")
    assert "needs a trained map" in " ".join(prior.stdout.split())

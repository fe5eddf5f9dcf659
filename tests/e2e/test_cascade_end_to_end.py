"""The ``cascade`` command on the made market and on the simulated one, in every form."""

from __future__ import annotations

import struct

import pytest
from tests.e2e.conftest import strict_json
from tests.e2e.synthetic_archive import START_MS as FIRST_MS
from tests.e2e.synthetic_archive import write_archive

from forcedflow.asof import read_market
from forcedflow.cli.options import iso_time
from forcedflow.instruments import parse_symbol
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS

AT = "2026-01-04T12:00Z"
AT_MS = FIRST_MS + 3 * DAY_MS + 12 * HOUR_MS
FEW = ("--scenarios", "300")
WAYS = ("down", "up")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """A lake of five simulated days, and the moment of their end."""
    simulated = SandboxMarket("calm", 1_000, 5)
    end_ms = simulated.opened_ms + 5 * DAY_MS
    held = Lake(tmp_path_factory.mktemp("cascade") / "lake", create=True)
    for name in ("sandbox", "sandbox-dark"):
        venue = SandboxVenue(simulated, name)
        tables = sorted(venue.capabilities.backfilled)
        symbol = venue.instruments()[0].symbol
        held.write(join(list(venue.backfill(tables, symbol, START_MS, end_ms))))
    return held.root, iso_time(end_ms)


@pytest.fixture
def cascade(answer, lake):
    """The JSON of ``cascade BTC`` on the made market at the usual moment."""

    def asked(*arguments):
        return answer("cascade", "BTC", "--lake", lake, "--at", AT, *FEW, *arguments)

    return asked


def test_without_a_start_both_ways_are_answered_and_everything_is_beside_it(cascade):
    found = cascade()
    assert found["simulated"] is False
    assert found["mark_price"] == found["start"]["price"]
    for part in ("end_price", "criticality", "bands"):
        assert set(found[part]) == set(WAYS)
    for name in WAYS:
        structural = found["criticality"][name]["structural_probability"]
        assert [at["horizon_ms"] for at in structural] == [3_600_000, 14_400_000, 86_400_000]
        assert {at["kind"] for at in structural} == {"structural, uncalibrated"}
        assert found["end_price"][name]["at_once"] is None
    assert found["order"] is None
    assert found["assumptions"]["label"] == "structural, uncalibrated"
    assert found["freshness"]["depth_age_s"]["binance"] >= 0
    assert {rate["direction"] for rate in found["base_rates"]} == set(WAYS)


def test_a_domino_lies_its_way_from_the_mark_and_no_share_is_below_its_null(cascade):
    found = cascade()
    assert found["dominoes"]
    for domino in found["dominoes"]:
        away = domino["trigger_price"] / found["mark_price"] - 1
        assert (away < 0) == (domino["side"] == "long")
        assert (domino["cumulative_move_pct"] < 0) == (domino["side"] == "long")
        assert abs(domino["cumulative_move_pct"]) >= 100 * abs(away) - 1e-3
        usd = domino["notional_usd"]
        assert 0 < usd["low"] <= usd["usd"] <= usd["high"]
        reach, alone = domino["p_reach"], domino["p_reach_volatility_only"]
        assert 0 <= alone["value"] <= reach["value"] <= 1
        bound = found["record_bound"]["down" if domino["side"] == "long" else "up"]
        assert reach["n"] == round(300 * (1 - bound["draws_taken_away"]))
        assert 0 <= bound["share_beyond"] <= bound["limit"] or not bound["held"]
    for side in ("long", "short"):
        steps = [
            abs(d["trigger_price"] - found["mark_price"])
            for d in found["dominoes"]
            if d["side"] == side
        ]
        assert steps == sorted(steps)


def test_an_unseen_book_is_said_first_everywhere(cascade, call, lake):
    found = cascade()
    assert found["warnings"][0].startswith("depth is not measured: binance")
    assert found["depth"]["binance"]["down"]["measured_to_pct"] == 0
    status, out, _ = call("cascade", "BTC", "--lake", lake, "--at", AT, *FEW)
    assert status == 0
    assert out.index("DEPTH NOT MEASURED") < out.index("trigger")


def test_depth_stated_by_hand_is_exact_and_said_to_be_stated(cascade):
    found = cascade("--depth-usd", "3e7")
    assert "as stated, not as seen" in found["warnings"][0]
    down = found["depth"]["binance"]["down"]
    assert (down["within_one_percent_usd"], down["log_sd"]) == (30_000_000, 0)
    assert "stated" in down["source"]


def test_less_depth_brings_price_at_least_as_far(cascade):
    shock = ("--shock", "-3%")
    thick, thin = (
        cascade(*shock, "--depth-usd", usd)["end_price"]["down"]["at_once"]
        for usd in ("1e9", "1e7")
    )
    assert thin["price"] <= thick["price"]
    assert thin["price_without_forced_flow"] == thick["price_without_forced_flow"]
    assert thin["amplification"] >= thick["amplification"] >= 1


@pytest.mark.parametrize(("shock", "way", "side"), [("-2%", "down", "long"), ("2%", "up", "short")])
def test_a_shock_is_answered_one_way_and_says_where_it_ends_at_once(cascade, shock, way, side):
    found = cascade("--shock", shock)
    assert set(found["end_price"]) == {way}
    assert {domino["side"] for domino in found["dominoes"]} <= {side}
    at_once = found["end_price"][way]["at_once"]
    sign = -1 if way == "down" else 1
    moved = sign * (at_once["price"] / found["mark_price"] - 1)
    alone = sign * (at_once["price_without_forced_flow"] / found["mark_price"] - 1)
    assert alone == pytest.approx(0.02, rel=1e-5)
    assert moved >= alone - 1e-7


def test_an_order_says_what_it_pays_and_stress_makes_it_dearer(cascade):
    found = cascade("--order", "-2000000")
    assert set(found["end_price"]) == {"down"}
    now, stressed = (found["order"][name] for name in ("slippage_pct", "slippage_pct_stressed"))
    assert 0 < now["low"] <= now["middle"] <= now["high"]
    assert stressed["middle"] >= now["middle"]


def test_another_price_to_start_from_moves_the_start_and_not_the_mark(cascade):
    mark = cascade()["mark_price"]
    found = cascade("--from-price", f"{0.97 * mark:.2f}")
    assert found["mark_price"] == mark
    assert found["start"]["price"] == pytest.approx(0.97 * mark, rel=1e-6)
    assert set(found["end_price"]) == set(WAYS)
    longs = [d["trigger_price"] for d in found["dominoes"] if d["side"] == "long"]
    assert all(price <= found["start"]["price"] for price in longs)


def test_a_price_too_far_to_start_from_is_refused(call, lake):
    asked = ("cascade", "BTC", "--lake", lake, "--at", AT, *FEW, "--from-price", "1000")
    status, _, err = call(*asked)
    assert status == 2
    assert "more than 25% away" in err


def test_the_same_seed_gives_the_same_answer_and_another_seed_another(cascade):
    assert cascade() == cascade()
    assert cascade("--seed", "2")["bands"] != cascade()["bands"]


def test_nothing_after_the_moment_changes_the_answer(answer, command, archive, tmp_path):
    known = tmp_path / "known"
    known.mkdir()
    found = []
    for name, folder in (("all", archive), ("then", write_archive(known, until_ms=AT_MS))):
        lake = tmp_path / f"{name} lake"
        done = command("import", "binance-vision", folder, "--lake", lake)
        assert done.returncode == 0, done.stderr
        found.append(answer("cascade", "BTC", "--lake", lake, "--at", AT, *FEW))
    assert found[0] == found[1]


@pytest.mark.parametrize("arguments", [(), ("--shock", "-2%"), ("--order", "1e6")])
def test_the_terminal_fits_eighty_columns_and_says_what_shares_are(command, lake, arguments):
    asked = ("cascade", "BTC", "--lake", lake, "--at", AT, *FEW, *arguments)
    done = command(*asked, COLUMNS="80", TERM="xterm")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout
    said = " ".join(done.stdout.split())
    for words in ("structural, uncalibrated", "volatility alone", "criticality", "not advice"):
        assert words in said
    assert ("at once:" in said) == bool(arguments)


def test_the_picture_is_a_png_and_the_same_cascade_gives_the_same_bytes(call, lake, tmp_path):
    for name in ("one.png", "two.png"):
        asked = ("cascade", "BTC", "--lake", lake, "--at", AT, *FEW, "--out", tmp_path / name)
        status, out, err = call(*asked)
        assert (status, out) == (0, ""), err
    one, two = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert one == two
    assert one[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", one[16:24]) == (1920, 1080)
    assert b"Software" not in one


@pytest.mark.parametrize(
    "arguments",
    [
        ("--shock", "2%"),
        ("--from-price", "80000"),
        ("--depth-usd", "1e4"),
        # Two sums of money in one line are no formula.
        ("--order", "-250000"),
    ],
)
def test_every_start_and_every_depth_can_be_drawn(call, lake, tmp_path, arguments):
    out = tmp_path / "c.png"
    status, _, err = call(
        "cascade", "BTC", "--lake", lake, "--at", AT, *FEW, *arguments, "--out", out
    )
    assert status == 0, err
    assert out.stat().st_size > 50_000


def test_a_file_of_json_holds_what_would_be_printed(call, cascade, lake, tmp_path):
    out = tmp_path / "c.json"
    status, _, err = call("cascade", "BTC", "--lake", lake, "--at", AT, *FEW, "--out", out)
    assert status == 0, err
    assert strict_json(out.read_text()) == cascade()


def test_several_venues_are_taken_together_and_a_venue_twice_is_refused(call, sandbox):
    root, at = sandbox
    asked = ("cascade", "SIM", "--lake", root, "--at", at, *FEW, "--json")
    status, out, err = call(*asked, "--venue", "sandbox,sandbox-dark")
    assert status == 0, err
    found = strict_json(out)
    assert found["venue"] == "sandbox,sandbox-dark"
    assert set(found["depth"]) == {"sandbox", "sandbox-dark"}
    status, _, err = call(*asked, "--venue", "sandbox,sandbox")
    assert (status, "twice" in err) == (2, True)


def test_the_simulated_market_says_so_and_its_book_is_seen(
    call, answer, sandbox, tmp_path, monkeypatch
):
    root, at = sandbox
    asked = ("cascade", "SIM", "--venue", "sandbox", "--lake", root, "--at", at, *FEW)
    found = answer(*asked)
    assert found["simulated"] is True
    assert found["assumptions"]["simulated"] is True
    assert found["warnings"] == []
    assert found["depth"]["sandbox"]["down"]["measured_to_pct"] > 1
    status, out, _ = call(*asked)
    assert status == 0
    assert out.strip().startswith("SIMULATED")
    assert "DEPTH NOT MEASURED" not in out
    figure = pytest.importorskip("matplotlib.figure").Figure
    written, write = [], figure.text
    monkeypatch.setattr(
        figure, "text", lambda self, *a, **k: written.append(a[2]) or write(self, *a, **k)
    )
    assert call(*asked, "--out", tmp_path / "c.png")[0] == 0
    assert "SIMULATED" in written
    assert any("no real market" in words for words in written)


def test_without_any_depth_the_command_says_what_gets_it(call, lake, tmp_path):
    market = read_market(Lake(lake), parse_symbol("BTC"), AT_MS)
    bare = Lake(tmp_path / "bare", create=True)
    bare.write({"open_interest": market.open_interest, "klines": market.mark_klines})
    asked = ("cascade", "BTC", "--lake", bare.root, "--at", AT, *FEW)
    status, _, err = call(*asked)
    assert status == 3
    assert "no depth is known" in err
    assert "hint: forcedflow" in err
    assert call(*asked, "--depth-usd", "3e7")[0] == 0


def test_hours_of_totals_are_not_read_for_their_timing(cascade):
    found = cascade()
    assert found["timing"] is None
    assert found["assumptions"]["timing"].startswith("unknown: no single prints held")

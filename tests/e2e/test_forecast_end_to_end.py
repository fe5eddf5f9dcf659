"""The ``train forecast`` and ``forecast`` commands on a simulated market, from an empty lake on."""

from __future__ import annotations

import pytest
from tests.e2e.conftest import strict_json

from forcedflow.cli.options import iso_time
from forcedflow.sandbox.market import SandboxMarket, join
from forcedflow.sandbox.simulate import START_MS
from forcedflow.sandbox.venue import SandboxVenue
from forcedflow.store import Lake
from forcedflow.store.forecast_artefact import forecast_folder, read_forecast
from forcedflow.units import DAY_MS, HOUR_MS

pytestmark = pytest.mark.slow
pytest.importorskip("sklearn")

DAYS = 60
TABLES = ("klines", "open_interest", "funding", "liquidation_totals", "leverage_brackets")
HORIZONS = [1, 4, 8, 24]


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """A lake of sixty simulated days of news, and their end."""
    market = SandboxMarket("news-shock", 1_500, 31)
    end_ms = (market.opened_ms // DAY_MS + DAYS) * DAY_MS
    venue = SandboxVenue(market, "sandbox")
    lake = Lake(tmp_path_factory.mktemp("forecast") / "lake", create=True)
    symbol = venue.instruments()[0].symbol
    lake.write(join(list(venue.backfill(list(TABLES), symbol, START_MS, end_ms))))
    return lake.root, end_ms


@pytest.fixture(scope="module")
def trained(held, command):
    root, end_ms = held
    done = command(
        *("train", "forecast", "--symbol", "SIM", "--venue", "sandbox", "--lake", root),
        *("--fit-to", iso_time(end_ms - 5 * DAY_MS), "--json"),
    )
    assert done.returncode == 0, done.stderr
    return strict_json(done.stdout)


@pytest.fixture(scope="module")
def told(trained, held, command):  # noqa: ARG001 - what is told is of what was trained
    root, end_ms = held
    done = command(
        *("forecast", "SIM", "--venue", "sandbox", "--lake", root, "--at", iso_time(end_ms)),
        "--json",
    )
    assert done.returncode == 0, done.stderr
    return strict_json(done.stdout)


def test_training_keeps_a_dated_file_that_says_simulated_and_claims_nothing(trained, held):
    root, end_ms = held
    assert trained["simulated"] is True
    (path,) = forecast_folder(root).glob("*.json")
    assert trained["artefact"] == str(path)
    kept = read_forecast(path)
    assert kept.fit_to_ms == end_ms - 5 * DAY_MS
    assert [one.symbol for one in kept.markets] == ["SIM/USDT:USDT"]
    assert kept.markets[0].last_ms <= kept.fit_to_ms
    assert any("none is claimed" in line for line in trained["card"])


def test_every_chance_stands_beside_the_hour_of_the_week_and_grows_with_the_horizon(told):
    assert told["simulated"] is True
    assert told["model"]["is_new_market"] is False
    events = {one["event"] for one in told["chances"]}
    assert "C2" in events
    for event in events:
        for way in ("down", "up"):
            own = [c for c in told["chances"] if (c["event"], c["direction"]) == (event, way)]
            assert [c["horizon_h"] for c in own] == HORIZONS
            assert [c["shown"] for c in own] == sorted(c["shown"] for c in own)
            for chance in own:
                assert 0 < chance["climatology"] < 1
                assert chance["low"] <= chance["probability"] <= chance["high"]
                assert chance["standing"]["why"]
                assert chance["shown_is"] in {"forcedflow", "climatology"}


def test_sizes_rise_with_their_level_and_stand_beside_their_baseline(told):
    assert {(one["side"], one["horizon_h"]) for one in told["sizes"]} == {
        (side, hours) for side in ("long", "short") for hours in HORIZONS
    }
    for size in told["sizes"]:
        values = list(size["quantiles_usd"].values())
        assert values == sorted(values)
        assert size["baseline_quantiles_usd"] is not None
        chances = [one["probability"] for one in size["exceedance"]]
        assert chances == sorted(chances, reverse=True)


def test_what_cannot_be_told_says_why(told):
    assert "no days" in told["missing"]["tomorrow"]
    assert told["freshness"]["age_s"] < 3600


@pytest.mark.usefixtures("trained")
def test_the_page_says_simulated_and_what_the_numbers_are(held, command):
    root, end_ms = held
    done = command(
        *("forecast", "SIM", "--venue", "sandbox", "--lake", root, "--at", iso_time(end_ms)),
        COLUMNS="110",
    )
    assert done.returncode == 0, done.stderr
    page = " ".join(done.stdout.split())
    for words in ("SIMULATED", "this hour of the week", "not advice", "none is claimed"):
        assert words in page


@pytest.mark.usefixtures("trained")
def test_a_moment_before_the_fit_ended_does_not_see_it(held, command):
    root, end_ms = held
    early = iso_time(end_ms - 6 * DAY_MS)
    done = command("forecast", "SIM", "--venue", "sandbox", "--lake", root, "--at", early, "--json")
    # Of a simulated market the model that ships may be told of instead, and says so.
    if done.returncode == 0:
        assert strict_json(done.stdout)["model"]["name"] != ""
        assert strict_json(done.stdout)["model"]["learned_from"] != ["sandbox SIM/USDT:USDT"]
    else:
        assert done.returncode == 3
        assert "train forecast" in done.stderr


@pytest.mark.usefixtures("trained")
def test_a_scan_ranks_by_the_chance(held, command):
    root, end_ms = held
    done = command(
        *("scan", "--lake", root, "--at", iso_time(end_ms - HOUR_MS), "--by", "forecast"), "--json"
    )
    assert done.returncode == 0, done.stderr
    (market,) = strict_json(done.stdout)["markets"]
    assert 0 < market["forecast"]["shown"] < 1


def test_a_map_takes_no_first_day_and_a_forecast_no_horizon(held, command):
    root, _ = held
    common = ("--symbol", "SIM", "--venue", "sandbox", "--lake", root, "--fit-to", "2024-02-01")
    for product, more in (("map", ("--from", "2024-01-20")), ("forecast", ("--horizon", "1h"))):
        done = command("train", product, *common, *more)
        assert done.returncode == 2
        assert "hint: leave out" in done.stderr


def test_without_open_interest_training_names_what_gets_it(held, command):
    root, _ = held
    done = command(
        *("train", "forecast", "--symbol", "NOT", "--venue", "sandbox", "--lake", root),
        *("--fit-to", "2024-02-01"),
    )
    assert done.returncode == 3
    assert "no open interest of sandbox NOT/USDT:USDT" in done.stderr

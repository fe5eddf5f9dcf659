"""What the server answers is what the command prints, with what is needed to judge it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from forcedflow.answers import playbook
from forcedflow.answers.heatmap import tile
from forcedflow.answers.model import read_map
from forcedflow.heatmap.scale import to_bytes
from forcedflow.instruments import parse_symbol
from forcedflow.server import Desk
from forcedflow.server.desk import SourceState
from forcedflow.units import DAY_MS

SIM = {"symbol": "SIM", "venue": "sandbox"}
OF_SIM = ("SIM", "--venue", "sandbox")

QUICK = {
    "markets": {},
    "zones": SIM,
    "ladder": SIM,
    "maxpain": SIM,
    "whatif": SIM | {"move": "-3%"},
    "cascade": SIM | {"scenarios": 200},
    "heatmap.json": SIM | {"range": "24h"},
    "series": SIM,
    "scorecard": SIM,
    "calendar": {},
    "coverage": {},
    "venues": {"symbol": "SIM"},
    "coinglass/heatmap": SIM,
    "coinglass/map": SIM,
    "health": {},
}


def same(reply):
    return msgspec.json.format(reply.content, indent=0).decode()


@pytest.mark.parametrize("path", QUICK)
def test_every_answer_says_that_it_is_simulated_what_it_rests_on_and_how_old_it_is(client, path):
    reply = client.get(f"/api/v1/{path}", params=QUICK[path])
    assert reply.status_code == 200, reply.text
    found = reply.json()
    assert found["simulated"] is True
    assert found["assumptions"]
    assert "freshness" in found


@pytest.mark.parametrize("path", [name for name in QUICK if name != "health"])
def test_an_answer_that_is_known_already_is_not_sent_again(client, path):
    first = client.get(f"/api/v1/{path}", params=QUICK[path])
    tag = first.headers["etag"]
    again = client.get(f"/api/v1/{path}", params=QUICK[path], headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    listed = {"if-none-match": f'"other", W/{tag}'}
    assert client.get(f"/api/v1/{path}", params=QUICK[path], headers=listed).status_code == 304
    other = client.get(f"/api/v1/{path}", params=QUICK[path], headers={"if-none-match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


@pytest.mark.parametrize(
    ("path", "asked", "command"),
    [
        ("zones", SIM, ("zones", *OF_SIM)),
        ("maxpain", SIM | {"reach": 0.2}, ("maxpain", *OF_SIM, "--reach", "20%")),
        ("whatif", SIM | {"to": 100.0}, ("whatif", *OF_SIM, "--to", "100")),
        ("heatmap.json", SIM | {"range": "3d"}, ("heatmap", *OF_SIM, "--range", "3d")),
        (
            "cascade",
            SIM | {"scenarios": 300, "seed": 7},
            ("cascade", *OF_SIM, "--scenarios", 300, "--seed", 7),
        ),
        ("venues", {"symbol": "SIM", "order": 5e4}, ("venues", "SIM", "--order", "50000")),
        ("calendar", {}, ("calendar",)),
    ],
)
def test_the_server_answers_what_the_command_prints(client, at, printed, path, asked, command):
    if path == "whatif":
        mark = client.get("/api/v1/zones", params=SIM | {"at": at}).json()["mark_price"]
        asked, command = asked | {"to": mark * 0.97}, (*command[:-1], repr(mark * 0.97))
    reply = client.get(f"/api/v1/{path}", params=asked | {"at": at})
    assert reply.status_code == 200, reply.text
    assert same(reply) == printed(*command)


def test_whales_of_a_venue_that_publishes_no_accounts_are_no_data(client):
    reply = client.get("/api/v1/whales", params=SIM)
    assert reply.status_code == 404
    assert "no positions of sandbox" in reply.json()["error"]["message"]


def test_the_coverage_is_what_the_command_prints(client, printed):
    assert same(client.get("/api/v1/coverage")) == printed("coverage", timed=False)


@pytest.mark.slow
def test_slow_readings_are_what_the_commands_print(client, at, printed):
    for path, more in (("signals", {}), ("checklist", {"scenarios": 200})):
        asked = SIM | more | {"at": at}
        options = [word for name, value in more.items() for word in (f"--{name}", value)]
        reply = client.get(f"/api/v1/{path}", params=asked)
        assert reply.status_code == 200, reply.text
        assert same(reply) == printed(path, *OF_SIM, *options)


@pytest.mark.slow
def test_the_playbook_is_made_once_and_comes_as_figures_and_as_pages(client, at, monkeypatch):
    made = []
    read = playbook.read
    monkeypatch.setattr(playbook, "read", lambda *asked: made.append(asked) or read(*asked))
    asked = SIM | {"at": at, "scenarios": 200}
    figures = client.get("/api/v1/playbook", params=asked)
    assert figures.json()["style"]["name"] == "intraday"
    assert figures.json()["simulated"] is True
    words = client.get("/api/v1/playbook.md", params=asked)
    assert words.headers["content-type"].startswith("text/markdown")
    assert "SIMULATED" in words.text
    page = client.get("/api/v1/playbook.html", params=asked)
    assert page.headers["content-type"].startswith("text/html")
    assert "SIMULATED" in page.text
    assert "<script" not in page.text  # the policy would refuse it
    assert len(made) == 1


def test_the_past_is_answered_as_it_was_known(client, market):
    earlier = market[1] - 2 * DAY_MS
    by_number = client.get("/api/v1/zones", params=SIM | {"at": earlier}).json()
    assert by_number["freshness"]["at_ms"] == earlier
    assert by_number["known_to"] <= by_number["at"]
    assert by_number["mark_price"] != client.get("/api/v1/zones", params=SIM).json()["mark_price"]
    words = client.get("/api/v1/zones", params=SIM | {"at": by_number["at"]}).json()
    assert words == by_number


def test_without_a_moment_the_minute_that_runs_is_answered(client, at):
    now = client.get("/api/v1/zones", params=SIM)
    assert now.json()["at"] == at
    assert client.get("/api/v1/zones", params=SIM | {"at": at}).content == now.content


def test_a_tile_holds_what_its_header_says(client, market, at):
    held, end_ms = market
    asked = SIM | {"range": "3d", "side": "each", "at": at}
    reply = client.get("/api/v1/heatmap", params=asked)
    assert reply.headers["content-type"] == "application/octet-stream"
    length = int.from_bytes(reply.content[:4], "little")
    header = msgspec.json.decode(reply.content[4 : 4 + length])
    cells = np.frombuffer(reply.content[4 + length :], dtype=np.uint8)
    shape = (len(header["planes"]), header["columns"], header["bins"])
    assert cells.size == np.prod(shape)
    assert (header["planes"], header["simulated"]) == (["long", "short"], True)
    assert len(header["start_ms"]) == len(header["end_ms"]) == header["columns"]
    assert {len(column) for column in header["candles"].values()} == {header["columns"]}
    mapped = read_map(held, parse_symbol("SIM", "sandbox"), end_ms, picture_span_ms=3 * DAY_MS)
    for plane, side in enumerate((0, 1)):
        shown = to_bytes(mapped.heatmap.side(side), mapped.heatmap.even)
        np.testing.assert_array_equal(cells.reshape(shape)[plane], shown)


def test_tiers_of_a_tile_are_parts_of_the_whole(market):
    held, end_ms = market
    mapped = read_map(held, parse_symbol("SIM", "sandbox"), end_ms, picture_span_ms=DAY_MS)
    _, whole = tile(mapped)
    header, one = tile(mapped, "both", [3])
    assert header["tiers"] == ["25–50×"]
    assert (np.frombuffer(one, np.uint8) <= np.frombuffer(whole, np.uint8)).all()
    assert 0 < sum(one) < sum(whole)


def test_the_ladder_adds_up_over_tiers_and_outwards(client):
    found = client.get("/api/v1/ladder", params=SIM | {"bins": 60, "reach": 0.2}).json()
    prices, mark = np.array(found["prices"]), found["mark_price"]
    assert len(found["edges"]) == len(prices) + 1 <= 61
    for side, way in (("long", prices < mark), ("short", prices >= mark)):
        profile = found["sides"][side]
        usd = np.array(profile["usd"])
        np.testing.assert_allclose(np.sum(profile["by_tier_usd"], axis=0), usd, atol=3)
        assert (np.array(profile["low"]) <= usd + 1).all()
        assert (usd <= np.array(profile["high"]) + 1).all()
        assert max(np.array(profile["cumulative_usd"])[way]) == pytest.approx(
            usd[way].sum(), abs=60
        )


def test_series_have_columns_of_one_length_and_say_what_is_missing(client):
    found = client.get("/api/v1/series", params=SIM | {"range": "2d", "step": "15m"}).json()
    assert found["step_ms"] == 900_000
    assert {"candles", "open_interest", "funding", "liquidations", "cvd"} <= found["series"].keys()
    for series in found["series"].values():
        columns = {len(column) for column in series.values() if isinstance(column, list)}
        assert len(columns) == 1
        assert series["time_ms"] == sorted(series["time_ms"])
        assert series["unit"]
    candles = found["series"]["candles"]
    assert len(candles["time_ms"]) == pytest.approx(192, abs=2)
    assert all(
        low <= close <= high
        for low, close, high in zip(candles["low"], candles["close"], candles["high"], strict=True)
    )
    assert not found["series"].keys() & found["missing"].keys()


def test_a_long_series_gets_a_longer_step_and_says_so(client):
    found = client.get(
        "/api/v1/series", params=SIM | {"range": "9d", "step": "1m", "names": "candles"}
    ).json()
    assert found["step_ms"] == 300_000
    assert len(found["series"]["candles"]["time_ms"]) <= 5_000


def test_series_equal_the_rows_of_the_lake(client, market, at):
    held, end_ms = market
    found = client.get(
        "/api/v1/series",
        params=SIM | {"range": "1d", "step": "5m", "names": "liquidations,cvd", "at": at},
    ).json()["series"]
    own = {"venue": "sandbox", "symbol": "SIM/USDT:USDT", "start_ms": end_ms - DAY_MS}
    prints = held.read("liquidations", **own)
    for side in ("long", "short"):
        stated = sum(found["liquidations"][f"{side}_usd"])
        rows = [row["notional_usd"] for row in prints.to_dicts() if row["side"] == side]
        assert stated == pytest.approx(sum(rows))
    bars = [row for row in held.read("klines", **own).to_dicts() if row["price_type"] == "last"]
    flow = sum(2 * row["taker_buy_volume"] - row["volume"] for row in bars)
    assert found["cvd"]["cvd"][-1] == pytest.approx(flow)


def test_metrics_count_paths_and_never_what_was_asked(client):
    client.get("/api/v1/zones", params=SIM)
    text = client.get("/metrics").text
    assert 'forcedflow_requests_total{path="/api/v1/zones",status="200"}' in text
    assert "SIM" not in text


def test_health_says_how_old_what_is_stored_is_at_the_present_moment(serving, market):
    held, end_ms = market
    for ago_ms in (0, DAY_MS):
        client = serving(desk=Desk(held, lambda ago=ago_ms: end_ms - ago))
        (source,) = client.get("/api/v1/health").json()["sources"]
        assert (source["market"], source["badge"]) == ("sandbox SIM/USDT:USDT", "STORED")
        assert 0 <= source["age_s"] < 3_600


def test_health_tells_what_is_followed_live(serving, market):
    held, end_ms = market
    state = SourceState("sandbox SIM/USDT:USDT", "PARTIAL", None)
    client = serving(desk=Desk(held, lambda: end_ms, sources=lambda: [state]))
    found = client.get("/api/v1/health").json()
    assert found["live"] is True
    assert found["sources"] == [
        {"market": "sandbox SIM/USDT:USDT", "badge": "PARTIAL", "age_s": None}
    ]
    assert found["freshness"] == {"age_s": None}

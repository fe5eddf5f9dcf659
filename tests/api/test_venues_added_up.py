"""Heat, profile and clusters of a coin's venues together, over HTTP."""

from __future__ import annotations

import json

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.reference.situations import sandbox_lake

from forcedflow.server import Desk, create_app
from forcedflow.server.guard import Limits

BOTH = {"symbol": "SIM", "venue": "sandbox,sandbox-dark"}
ONE = {"symbol": "SIM", "venue": "sandbox"}
OTHER = {"symbol": "SIM", "venue": "sandbox-dark"}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of a server over a market that two simulated venues list."""
    folder = tmp_path_factory.mktemp("venues") / "lake"
    held, end_ms = sandbox_lake(folder, ("sandbox", "sandbox-dark"))
    app = create_app(Desk(held, lambda: end_ms), limits=Limits(per_second=1e6, burst=10**6))
    with TestClient(app, base_url="http://127.0.0.1") as found:
        yield found


def asked(client, path, params):
    reply = client.get(f"/api/v1/{path}", params=params)
    assert reply.status_code == 200, reply.text
    return reply


def tile(client, params):
    body = asked(client, "heatmap", params | {"range": "24h", "side": "each"}).content
    length = int.from_bytes(body[:4], "little")
    header = json.loads(body[4 : 4 + length])
    shape = (2, header["columns"], header["bins"])
    return header, np.frombuffer(body[4 + length :], np.uint8).reshape(shape)


def test_the_picture_of_venues_has_the_axes_of_the_first_and_says_which_it_adds_up(client):
    joint, cells = tile(client, BOTH)
    one, _ = tile(client, ONE)
    for name in ("columns", "bins", "lowest_price", "start_ms", "candles", "mark_price"):
        assert joint[name] == one[name]
    assert [row["venue"] for row in joint["venues"]] == ["sandbox", "sandbox-dark"]
    assert sum(row["share"] for row in joint["venues"]) == pytest.approx(1, abs=1e-3)
    assert joint["even_usd"][-1] > one["even_usd"][-1]
    assert cells.any()
    assert joint["simulated"] is True


def test_the_profile_of_venues_is_the_sum_of_theirs(client):
    reach = {"reach": 0.05}
    joint, one, other = (
        asked(client, "ladder", params | reach).json() for params in (BOTH, ONE, OTHER)
    )
    for side in ("long", "short"):
        for figure in ("usd", "low", "high"):
            total = sum(sum(found["sides"][side][figure]) for found in (one, other))
            # Windows lie around each venue's own mark, which differ by basis points.
            assert sum(joint["sides"][side][figure]) == pytest.approx(total, rel=0.03)
        tiers = np.array(joint["sides"][side]["by_tier_usd"]).sum(axis=0)
        assert tiers == pytest.approx(np.array(joint["sides"][side]["usd"]), abs=5)


def test_clusters_of_venues_hold_no_less_than_a_venue_alone_and_their_range_holds_them(client):
    joint, one = (asked(client, "zones", params).json() for params in (BOTH, ONE))
    assert joint["open_interest_usd"] > one["open_interest_usd"]
    assert joint["zones"]
    for zone in joint["zones"]:
        assert zone["notional_usd_low"] <= zone["notional_usd"] <= zone["notional_usd_high"]
    largest = [max(zone["notional_usd"] for zone in found["zones"]) for found in (joint, one)]
    assert largest[0] > largest[1]


def test_a_venue_of_which_nothing_is_held_is_left_out_by_name_unless_it_leads(client):
    found = asked(client, "zones", {"symbol": "SIM", "venue": "sandbox,binance"}).json()
    assert [row["venue"] for row in found["venues"]] == ["sandbox"]
    assert "binance" in found["assumptions"]["left_out"]
    led = client.get("/api/v1/zones", params={"symbol": "BTC", "venue": "binance,sandbox"})
    assert led.status_code == 404


@pytest.mark.parametrize("path", ["heatmap", "ladder", "zones"])
def test_a_venue_named_twice_is_refused(client, path):
    params = {"symbol": "SIM", "venue": "sandbox,sandbox"}
    reply = client.get(f"/api/v1/{path}", params=params)
    assert reply.status_code in {400, 422}
    assert "twice" in reply.json()["error"]["message"]

"""Alerts and printed liquidations: events as they happen, and what fired as an answer."""

from __future__ import annotations

import asyncio
import json

import polars as pl
import pytest

from forcedflow.alerts import Outbox
from forcedflow.alerts.alert import Alert, Level
from forcedflow.alerts.outbox_rows import Entry
from forcedflow.answers.alerts import outbox_path
from forcedflow.server import Desk
from forcedflow.server.event_stream import Choice, EventStream, Market
from forcedflow.server.live_routes import EventResponse
from forcedflow.server.market_events import MOST_PRINTS, PrintPublisher, alert_publisher
from forcedflow.store import Lake
from forcedflow.tables import TABLES

BTC = Market("binance", "BTC/USDT:USDT")
START_MS = 1_770_336_000_000


def alert(number=1, **stated):
    told = {
        "id": f"id-{number}",
        "rule": "near",
        "kind": "cluster_near",
        "key": "long:1",
        "at_ms": START_MS + number * 60_000,
        "venue": "binance",
        "symbol": "BTC/USDT:USDT",
        "title": "longs near",
        "mark": 100.0,
        "reasons": ("a cluster is near",),
        "level": Level("long", 99.0, 98.9, 99.1, -1.0, -0.5, 6e7, 3e7, 1.2e8),
    }
    return Alert(**{**told, **stated})


def prints(*rows, symbol=BTC.symbol):
    """Prints of (second, side, notional)."""
    table = TABLES["liquidations"]
    made = [
        {
            "venue": "binance",
            "symbol": symbol,
            "event_time": START_MS + 1000 * second,
            "available_time": START_MS + 1000 * second,
            "side": side,
            "price": 100.0,
            "price_kind": "order",
            "amount": usd / 100,
            "notional_usd": usd,
            "event_id": "",
            "completeness": "sampled lower bound",
            "source": "binance:forceOrder",
            "precedence": 5,
        }
        for second, side, usd in rows
    ]
    frame = pl.DataFrame(made)
    kinds = {"event_time": pl.Datetime("ms", "UTC"), "available_time": pl.Datetime("ms", "UTC")}
    return {
        "liquidations": frame.with_columns(
            pl.col(name).cast(kind) for name, kind in kinds.items()
        ).select(list(table.schema))
    }


def heard(publish, **chosen):
    """What a listener hears of what is published to a stream."""

    async def hear():
        stream = EventStream(boot="b")
        listener = stream.listen(Choice(**chosen))
        publish(stream)
        return stream.take(listener).decode()

    told = []
    for piece in asyncio.run(hear()).split("\n\n"):
        lines = dict(line.split(": ", 1) for line in piece.splitlines() if ": " in line)
        if lines.get("event") not in (None, "hello"):
            told.append((lines["event"], json.loads(lines["data"])))
    return told


def test_an_alert_is_an_event_with_all_that_a_page_shows():
    ((kind, told),) = heard(lambda stream: alert_publisher(stream)(alert(simulated=True)))
    assert kind == "alert"
    assert told["market"] == {"venue": "binance", "symbol": "BTC/USDT:USDT"}
    payload = told["payload"]
    assert (payload["key"], payload["kind"]) == ("id-1", "cluster_near")
    assert payload["title"] == "SIMULATED: longs near"
    assert "a cluster is near" in payload["text"]
    assert (payload["direction"], payload["price"]) == ("down", 99.0)
    assert payload["at"] == "2026-02-06T00:01:00Z"


def test_prints_that_came_together_are_one_event_and_none_is_told_twice():
    first = prints((1, "long", 5e4), (2, "short", 1e4), (2, "long", 2e4))
    again = prints((2, "long", 2e4), (3, "long", 7e4))

    def publish(stream):
        publisher = PrintPublisher(stream, [BTC])
        publisher.publish(first)
        publisher.publish(first)
        publisher.publish(again)
        publisher.publish({"klines": pl.DataFrame()})

    (_, one), (_, two) = heard(publish, kinds=frozenset({"liquidation"}))
    told = one["payload"]
    assert (told["count"], told["longs_usd"], told["shorts_usd"]) == (3, 7e4, 1e4)
    assert [row["at"][-3:] for row in told["prints"]] == ["01Z", "02Z", "02Z"]
    assert told["prints"][0]["side"] == "long"
    assert told["completeness"] == "sampled lower bound"
    assert told["simulated"] is False
    assert [row["notional_usd"] for row in two["payload"]["prints"]] == [7e4]


def test_a_flood_of_prints_is_summed_and_its_largest_are_listed():
    flood = prints(*((n, "long", float(n)) for n in range(1, 3 * MOST_PRINTS)))
    ((_, told),) = heard(lambda stream: PrintPublisher(stream, [BTC]).publish(flood))
    payload = told["payload"]
    assert payload["count"] == 3 * MOST_PRINTS - 1
    assert payload["longs_usd"] == sum(range(1, 3 * MOST_PRINTS))
    assert [row["notional_usd"] for row in payload["prints"]] == [
        float(n) for n in range(2 * MOST_PRINTS, 3 * MOST_PRINTS)
    ]


def test_prints_of_markets_that_are_not_followed_are_passed_over():
    other = prints((1, "long", 5e4), symbol="ETH/USDT:USDT")
    assert heard(lambda stream: PrintPublisher(stream, [BTC]).publish(other)) == []


def test_what_was_published_just_before_the_end_is_heard():
    async def hear():
        stream = EventStream(boot="b")
        response = EventResponse(stream, Choice(), None)
        sent = []

        async def send(message):
            sent.append(message.get("body", b""))
            if len(sent) == 2:  # the first piece: hello
                stream.publish("alert", None, {"said": "last"})
                stream.close()

        async def receive():
            await asyncio.Event().wait()

        await asyncio.wait_for(response({}, receive, send), 10)
        return b"".join(sent)

    assert b'"said":"last"' in asyncio.run(hear())


def test_a_lake_whose_rules_nobody_watched_lists_nothing(client):
    told = client.get("/api/v1/alerts").json()
    assert (told["alerts"], told["rules"], told["watched"]) == ([], [], False)


@pytest.fixture
def stored(tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    outbox = Outbox(outbox_path(lake))
    entries = [
        Entry(alert(1), ("desk",), 0),
        Entry(alert(2), (), 0, suppressed="cooldown"),
        Entry(alert(3), ("desk",), 0),
    ]
    outbox.commit(entries, {}, {}, [], START_MS)
    yield lake, outbox
    outbox.close()


def test_what_fired_is_listed_while_another_process_sends(serving, stored):
    lake, _ = stored
    client = serving(desk=Desk(lake, lambda: START_MS))
    told = client.get("/api/v1/alerts").json()
    assert [row["key"] for row in told["alerts"]] == ["id-3", "id-2", "id-1"]
    assert [row["suppressed"] for row in told["alerts"]] == [None, "cooldown", None]
    assert told["alerts"][0]["deliveries"]["desk"]["state"] == "queued"
    assert told["outbox"] == {"deliveries": {"queued": 2}, "disabled": {}}
    assert told["freshness"] == {"newest": "2026-02-06T00:03:00Z"}
    at = client.get("/api/v1/alerts", params={"at": "2026-02-06T00:02Z"}).json()
    assert [row["key"] for row in at["alerts"]] == ["id-2", "id-1"]
    least = client.get("/api/v1/alerts", params={"limit": 1}).json()
    assert [row["key"] for row in least["alerts"]] == ["id-3"]
    assert client.get("/api/v1/alerts", params={"limit": 0}).status_code == 422


def test_an_outbox_that_is_none_is_an_error_in_the_one_shape(serving, tmp_path):
    lake = Lake(tmp_path / "lake", create=True)
    path = outbox_path(lake)
    path.parent.mkdir()
    path.write_text("no outbox at all, and long enough to be looked at as if it were one" * 20)
    reply = serving(desk=Desk(lake, lambda: START_MS)).get("/api/v1/alerts")
    assert reply.status_code == 500
    assert "is no outbox" in reply.json()["error"]["message"]

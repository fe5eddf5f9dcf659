"""The fakes of OKX and Bitget: what a client that knows nothing of the package hears."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from tests.venues.fakes.bitget import FakeBitget
from tests.venues.fakes.exchange import FakeExchange
from tests.venues.fakes.facts import BookChange, Liquidation, Mark, OpenInterest, Tape
from tests.venues.fakes.okx import FakeOkx

NOW_MS = 1_790_000_000_000
LONG = Liquidation(NOW_MS, "long", 50_000.0, 0.25)
SWAPS = {"channel": "liquidation-orders", "instType": "SWAP"}
FUTURES = {"instType": "usdt-futures", "topic": "liquidation"}


def hear(fake: FakeExchange, path: str, args: list[Any], channel: str, *facts: Any, messages: int):
    """Return what is said to a subscription, to a ping and of some facts, in order."""

    async def listen() -> list[Any]:
        url = fake.endpoints.stream + path
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            await socket.send_str(json.dumps({"op": "subscribe", "args": args}))
            await socket.send_str("ping")
            await asyncio.to_thread(fake.wait_for, channel)
            heard = []
            while "pong" not in heard:
                heard.append((await socket.receive(timeout=5)).data)
            await asyncio.to_thread(fake.publish, facts)
            while len(heard) < messages:
                heard.append((await socket.receive(timeout=5)).data)
            return [one if one == "pong" else json.loads(one) for one in heard]

    return asyncio.run(listen())


def get(fake: FakeExchange, path: str, **query: Any) -> Any:
    async def ask() -> Any:
        async with aiohttp.ClientSession() as session:
            url = fake.endpoints.rest + path
            async with session.get(url, params=query) as response:
                return await response.json()

    return asyncio.run(ask())


def test_okx_prints_both_sides_and_contracts_on_a_channel_of_all_swaps():
    inverse = Liquidation(NOW_MS, "short", 50_000.0, 300.0, "inverse")
    with FakeOkx() as fake:
        path = "/ws/v5/public"
        heard = hear(fake, path, [SWAPS], "liquidation-orders", LONG, inverse, messages=4)
    ack, pong, *told = heard
    assert (ack["event"], pong) == ("subscribe", "pong")
    details = [message["data"][0]["details"][0] for message in told]
    assert [(one["posSide"], one["side"], one["sz"]) for one in details] == [
        ("long", "sell", "25.0"),
        ("short", "buy", "300"),
    ]


def test_okx_begins_with_what_it_printed_last():
    with FakeOkx() as fake:
        fake.publish([LONG])
        heard = hear(fake, "/ws/v5/public", [SWAPS], "liquidation-orders", messages=3)
        recalled = list(fake.recalled)
    assert [message["data"][0]["instId"] for message in heard if "data" in message] == [
        "BTC-USDT-SWAP"
    ]
    assert recalled == [LONG]


def test_okx_refuses_a_channel_on_the_wrong_socket_in_words():
    known = {"channel": "trades-all", "instId": "BTC-USDT-SWAP"}
    with FakeOkx() as fake:
        heard = hear(fake, "/ws/v5/business", [SWAPS, known], "trades-all", messages=3)
    assert [message["event"] for message in heard if message != "pong"] == ["error", "subscribe"]


def test_bitget_prints_the_side_of_the_position_and_its_value():
    with FakeBitget() as fake:
        heard = hear(fake, "/v3/ws/public", [FUTURES], "liquidation", LONG, messages=3)
    ack, pong, told = heard
    assert (ack["event"], pong) == ("subscribe", "pong")
    assert (told["data"][0]["side"], float(told["data"][0]["amount"])) == ("buy", 12_500)
    assert "symbol" not in told["arg"]


def test_bitget_tells_tickers_whole_and_bars_without_saying_that_they_are_closed():
    bar = Tape(1).bar(NOW_MS - NOW_MS % 60_000)
    args = [
        {"instType": "usdt-futures", "topic": topic, "symbol": "BTCUSDT"} | more
        for topic, more in (("ticker", {}), ("kline", {"interval": "1m"}))
    ]
    with FakeBitget() as fake:
        fake.publish([Mark(NOW_MS, 5e4, 5e4, 1e-4, NOW_MS), OpenInterest(NOW_MS, 80_000.0)])
        heard = hear(fake, "/v3/ws/public", args, "kline BTCUSDT", bar, messages=6)
    told = [message for message in heard if message != "pong" and "data" in message]
    (ticker,) = [message for message in told if message["arg"]["topic"] == "ticker"]
    assert {"markPrice", "openInterest", "fundingRate"} <= set(ticker["data"][0])
    bars = [message["data"][0] for message in told if message["arg"]["topic"] == "kline"]
    assert [int(one["start"]) for one in bars] == [bar.start_ms, bar.end_ms]
    assert not {"confirm", "closed"} & set(bars[0])


@pytest.mark.parametrize(
    ("fake_class", "path", "query"),
    [
        (FakeOkx, "/api/v5/market/books", {"instId": "BTC-USDT-SWAP", "sz": 400}),
        (FakeBitget, "/api/v3/market/orderbook", {"symbol": "BTCUSDT", "limit": 200}),
    ],
)
def test_a_snapshot_over_http_has_a_time_and_no_number(fake_class, path, query):
    with fake_class() as fake:
        fake.publish([BookChange(NOW_MS, ((49_999.0, 1.0),), ((50_001.0, 2.0),))])
        data = get(fake, path, **query)["data"]
    book = data[0] if isinstance(data, list) else data
    assert int(book["ts"]) == NOW_MS
    assert not {"seq", "seqId"} & set(book)

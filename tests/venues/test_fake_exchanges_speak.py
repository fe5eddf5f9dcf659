"""The fakes themselves: what a client that knows nothing of the package hears and is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from tests.venues.fakes.binance import FakeBinance
from tests.venues.fakes.bybit import FakeBybit
from tests.venues.fakes.dydx import FakeDydx
from tests.venues.fakes.exchange import FakeExchange, HttpFault
from tests.venues.fakes.facts import BookChange, Liquidation, Mark, OpenInterest, Tape, Trade
from tests.venues.fakes.gate import FakeGate
from tests.venues.fakes.hyperliquid import FakeHyperliquid
from tests.venues.fakes.kucoin import FakeKucoin
from tests.venues.fakes.mexc import FakeMexc

NOW_MS = 1_790_000_000_000
LONG = Liquidation(NOW_MS, "long", 50_000.0, 0.25)


async def _converse(
    fake: FakeExchange, path: str, subscribe: object, channel: str, *facts: Any, messages: int
) -> list[Any]:
    """Return what is heard after subscribing and after some facts, in order."""
    url = fake.endpoints.stream.removesuffix("/ws") + path
    async with aiohttp.ClientSession() as session, session.ws_connect(url, compress=15) as socket:
        await socket.send_str(json.dumps(subscribe))
        await asyncio.to_thread(fake.wait_for, channel)
        fake.publish(facts)
        return [await socket.receive_json(timeout=5) for _ in range(messages)]


def _hear(*args: Any, **kwargs: Any) -> list[Any]:
    return asyncio.run(_converse(*args, **kwargs))


def _get(fake: FakeExchange, path: str, **query: Any) -> tuple[int, Any]:
    async def ask() -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(fake.endpoints.rest + path, params=query) as response,
        ):
            text = await response.text()
            return response.status, json.loads(text) if text.startswith(("{", "[")) else text

    return asyncio.run(ask())


def test_binance_prints_the_side_of_the_order_and_sums_apart_from_the_last_fill():
    with FakeBinance() as fake:
        subscribe = {"method": "SUBSCRIBE", "params": ["btcusdt@forceOrder"], "id": 7}
        ack, told = _hear(fake, "/market/stream", subscribe, "btcusdt@forceOrder", LONG, messages=2)
    order = told["data"]["o"]
    assert ack == {"result": None, "id": 7}
    assert told["stream"] == "btcusdt@forceOrder"
    assert (order["S"], order["z"], order["ap"]) == ("SELL", "0.25", "50000.0")
    assert order["l"] != order["z"]
    assert order["p"] != order["ap"]


def test_binance_accepts_a_stream_on_the_wrong_socket_and_says_nothing_on_it():
    with FakeBinance() as fake:
        subscribe = {
            "method": "SUBSCRIBE",
            "params": ["btcusdt@forceOrder", "btcusdt@depth@100ms"],
            "id": 1,
        }
        change = BookChange(NOW_MS, ((1.0, 2.0),), ())
        _, told = _hear(
            fake, "/public/ws", subscribe, "btcusdt@depth@100ms", LONG, change, messages=2
        )
    assert told["e"] == "depthUpdate"


def test_binance_chains_its_book_to_the_snapshot_by_update_ids():
    with FakeBinance() as fake:
        fake.publish([BookChange(NOW_MS, ((49_999.0, 1.0),), ((50_001.0, 2.0),))])
        _, snapshot = _get(fake, "/fapi/v1/depth", symbol="BTCUSDT", limit=10)
        subscribe = {"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1}
        change = BookChange(NOW_MS + 100, ((49_999.0, 0.0),), ())
        _, told = _hear(fake, "/public/ws", subscribe, "btcusdt@depth@100ms", change, messages=2)
        assert told["pu"] == snapshot["lastUpdateId"] == told["U"] - 1
        assert _get(fake, "/fapi/v1/depth", symbol="BTCUSDT")[1]["bids"] == []


def test_bybit_prints_the_side_of_the_position_and_both_sides_of_open_interest():
    with FakeBybit() as fake:
        fake.publish([OpenInterest(NOW_MS, 80_000.0), Mark(NOW_MS, 5e4, 5e4, 1e-4, NOW_MS)])
        topics = ["allLiquidation.BTCUSDT", "tickers.BTCUSDT"]
        said = _hear(
            fake,
            "/v5/public/linear",
            {"op": "subscribe", "args": topics},
            "tickers.BTCUSDT",
            LONG,
            messages=3,
        )
    by_topic = {message.get("topic", "ack"): message for message in said}
    assert by_topic["ack"]["success"] is True
    assert by_topic["allLiquidation.BTCUSDT"]["data"][0]["S"] == "Buy"
    ticker = by_topic["tickers.BTCUSDT"]
    assert ticker["type"] == "snapshot"
    assert float(ticker["data"]["openInterest"]) == 160_000
    assert float(ticker["data"]["singleOpenInterest"]) == 80_000


def test_bybit_refuses_a_topic_of_another_socket_in_words():
    with FakeBybit() as fake:
        fake.publish([LONG])

        async def ask() -> Any:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(fake.endpoints.stream + "/v5/public/inverse") as socket,
            ):
                await socket.send_json({"op": "subscribe", "args": ["allLiquidation.BTCUSDT"]})
                return await socket.receive_json(timeout=5)

        assert asyncio.run(ask())["success"] is False


def test_hyperliquid_names_both_sides_of_a_trade_and_tells_the_book_whole():
    trade = Trade(NOW_MS, 1, 5e4, 0.5, "sell", "0xb", "0xs")
    with FakeHyperliquid() as fake:
        for subscription, channel, fact in (
            ({"type": "trades", "coin": "BTC"}, "trades", trade),
            ({"type": "l2Book", "coin": "BTC"}, "l2Book", BookChange(NOW_MS, ((1.0, 2.0),), ())),
        ):
            asked = {"method": "subscribe", "subscription": subscription}
            ack, told = _hear(fake, "/ws", asked, channel, fact, messages=2)
            assert ack["channel"] == "subscriptionResponse"
            assert told["channel"] == channel
            if channel == "trades":
                assert told["data"][0]["users"] == ["0xb", "0xs"]
                assert told["data"][0]["side"] == "A"
            else:
                assert told["data"]["levels"] == [[{"px": "1.0", "sz": "2.0", "n": 1}], []]


def test_hyperliquid_merges_bids_down_and_asks_up_and_does_not_say_so():
    book = BookChange(
        NOW_MS,
        ((63_999.5, 1.0), (63_951.0, 2.0), (63_899.0, 4.0)),
        ((64_000.5, 1.0), (64_100.0, 2.0)),
    )
    asked = {
        "method": "subscribe",
        "subscription": {"type": "l2Book", "coin": "BTC", "nSigFigs": 3},
    }
    with FakeHyperliquid() as fake:
        _, told = _hear(fake, "/ws", asked, "l2Book 3", book, messages=2)
    assert told["channel"] == "l2Book"
    sides = [
        [(float(one["px"]), float(one["sz"])) for one in side] for side in told["data"]["levels"]
    ]
    assert sides == [[(63_900, 3), (63_800, 4)], [(64_100, 3)]]


@pytest.mark.parametrize("fake_class", [FakeBinance, FakeBybit])
def test_pages_of_bars_keep_the_order_and_the_span_of_their_venue(fake_class):
    tape = Tape(1)
    with fake_class() as fake:
        fake.publish([tape.bar(NOW_MS - NOW_MS % 60_000 + 60_000 * i) for i in range(5)])
        first = fake.history[1].start_ms
        if fake.venue == "binance":
            _, bars = _get(
                fake, "/fapi/v1/klines", symbol="BTCUSDT", interval="1m", startTime=first, limit=2
            )
            assert [bar[0] for bar in bars] == [first, first + 60_000]
        else:
            _, reply = _get(
                fake, "/v5/market/kline", category="linear", interval="1", start=first, limit=2
            )
            starts = [int(bar[0]) for bar in reply["result"]["list"]]
            assert starts == [first + 240_000, first + 180_000]  # the first is not closed yet


def test_a_fault_is_answered_so_many_times_and_then_no_more():
    with FakeBinance() as fake:
        fake.fail(HttpFault(429, 2, "/fapi", {"Retry-After": "3"}, b"{}"))
        statuses = [_get(fake, "/fapi/v1/exchangeInfo")[0] for _ in range(3)]
        assert statuses == [429, 429, 200]
        assert _get(fake, "/nothing/here")[0] == 404


def test_a_cut_socket_has_delivered_what_was_said_and_a_silent_one_answers_no_ping():
    with FakeBybit() as fake:

        async def listen() -> tuple[int, bool]:
            async with aiohttp.ClientSession() as session:
                url = fake.endpoints.stream + "/v5/public/linear"
                async with session.ws_connect(url) as socket:
                    await socket.send_json({"op": "subscribe", "args": ["publicTrade.BTCUSDT"]})
                    await asyncio.to_thread(fake.wait_for, "publicTrade.BTCUSDT")
                    trades = Tape(3).trades([NOW_MS] * 100)
                    await asyncio.to_thread(fake.publish, trades)
                    await asyncio.to_thread(fake.cut)
                    heard = [message async for message in socket]
                async with session.ws_connect(url) as socket:
                    await socket.send_json({"op": "ping"})
                    await socket.receive_json(timeout=5)
                    await asyncio.to_thread(fake.go_silent)
                    await socket.send_json({"op": "ping"})
                    try:
                        await socket.receive(timeout=0.1)
                    except TimeoutError:
                        return len(heard), True
            return len(heard), False

        assert asyncio.run(listen()) == (101, True)


def test_gate_prints_the_side_of_the_order_in_contracts_and_begins_a_book_whole():
    with FakeGate() as fake:
        fake.publish([BookChange(NOW_MS, ((49_999.0, 1.0),), ((50_001.0, 2.0),))], unsaid=True)
        said = []
        for channel, name in (
            ("futures.public_liquidates", "BTC_USDT"),
            ("futures.obu", "ob.BTC_USDT.50"),
        ):
            subscribe = {"time": 1, "channel": channel, "event": "subscribe", "payload": [name]}
            facts = [LONG, BookChange(NOW_MS + 100, ((49_998.0, 3.0),), ())]
            messages = 2 if name == "BTC_USDT" else 3
            said.append(_hear(fake, "/v4/ws/usdt", subscribe, channel, *facts, messages=messages))
    (ack, (liquidation)), (_, whole, change) = said
    assert ack["result"] == {"status": "success"}
    assert liquidation["result"][0]["size"] == "-2500"
    assert whole["result"]["full"] is True
    assert whole["result"]["b"][0] == ["49999.0", "10000"]
    assert "full" not in change["result"]
    assert change["result"]["U"] > whole["result"]["u"]


def test_gate_refuses_all_of_a_subscription_for_one_name():
    payload = ["BTC_USDT", "NOPE_USDT"]
    subscribe = {"time": 1, "channel": "futures.trades", "event": "subscribe", "payload": payload}
    with FakeGate() as fake:

        async def ask() -> Any:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(fake.endpoints.stream + "/v4/ws/usdt") as socket,
            ):
                await socket.send_json(subscribe)
                return await socket.receive_json(timeout=5)

        assert asyncio.run(ask())["error"]["code"] == 2
        assert fake.listeners("futures.trades") == 0


def test_mexc_tells_changes_of_a_book_in_contracts_and_the_whole_over_http_alone():
    subscribe = {"method": "sub.depth", "param": {"symbol": "BTC_USDT"}}
    with FakeMexc() as fake:
        fake.publish([BookChange(NOW_MS, ((49_999.0, 1.0),), ((50_001.0, 2.0),))], unsaid=True)
        _, before = _get(fake, "/api/v1/contract/depth/BTC_USDT", limit=1000)
        change = BookChange(NOW_MS + 100, ((49_999.0, 0.0),), ())
        ack, told = _hear(fake, "/edge", subscribe, "depth BTC_USDT", change, messages=2)
        assert ack == {"channel": "rs.sub.depth", "data": "success", "ts": 1_790_000_000_000}
        assert before["data"]["bids"] == [[49_999.0, 10_000.0, 1]]
        assert told["data"]["begin"] == before["data"]["version"] + 1
        assert told["data"]["bids"] == [[49_999.0, 0.0, 0]]
        _, unknown = _get(fake, "/api/v1/contract/nothing")
        assert unknown["success"] is False


def test_kucoin_opens_a_socket_by_its_token_and_tells_each_level_alone_in_contracts():
    book = BookChange(NOW_MS, ((49_999.0, 1.0),), ((50_001.0, 2.0),))
    change = BookChange(NOW_MS + 1_000, ((49_999.0, 0.5),), ((50_001.0, 0.0),))
    topic = "/contractMarket/level2:XBTUSDTM"
    with FakeKucoin() as fake:
        fake.publish([book], unsaid=True)
        _, handed = _get(fake, "/api/v1/bullet-public")
        _, snapshot = _get(fake, "/api/v1/level2/snapshot", symbol="XBTUSDTM")
        path = f"/endpoint?token={handed['data']['token']}"
        subscribe = {"id": "1", "type": "subscribe", "topic": topic, "response": True}
        welcome, ack, bid, ask = _hear(fake, path, subscribe, topic, change, messages=4)
    assert handed["data"]["instanceServers"][0]["endpoint"].startswith(fake.endpoints.stream)
    assert (welcome["type"], ack) == ("welcome", {"id": "1", "type": "ack"})
    assert snapshot["data"]["bids"] == [[49_999.0, 1_000]]
    assert [one["data"]["change"] for one in (bid, ask)] == ["49999.0,buy,500", "50001.0,sell,0"]
    numbers = [one["data"]["sequence"] - snapshot["data"]["sequence"] for one in (bid, ask)]
    assert numbers == [1, 2]


def test_dydx_flags_a_liquidation_on_the_trade_of_whoever_lost_the_position():
    subscribe = {"type": "subscribe", "channel": "v4_trades", "id": "BTC-USD"}
    with FakeDydx() as fake:
        connected, first, told = _hear(
            fake, "/ws", subscribe, "v4_trades BTC-USD", LONG, messages=3
        )
        _, page = _get(fake, "/trades/perpetualMarket/BTC-USD", limit=10)
    assert (connected["type"], first["type"]) == ("connected", "subscribed")
    assert first["contents"] == {"trades": []}
    (match,) = told["contents"]["trades"]
    assert (match["type"], match["side"], match["size"]) == ("LIQUIDATED", "SELL", "0.25")
    assert page["trades"] == [match]
    assert match["createdAt"].endswith("Z")

"""Every recorded or documented message of dYdX: the rows it gives, or why it is not ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.venues.dydx.dydx_messages import frame, plain

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.venues.dydx import parse
from forcedflow.venues.dydx.reader import DydxReader
from forcedflow.venues.row_buffer import RowBuffer

pytestmark = pytest.mark.payloads


def listed(base: str) -> Instrument:
    return Instrument("dydx", base, "USDC", "USDC", 1.0, 1.0)


CONTRACTS = tuple(map(listed, ("BTC", "ETH", "SOL", "AVAX", "GRT", "EGLD")))
BTC = CONTRACTS[0]
MINUTE = 60_000

NOT_OURS = {
    "nautilus_http_get_block_height.json": "the height of the chain: no table holds it",
    "nautilus_http_get_orderbook.json": "books cross and bear neither time nor number",
    "nautilus_ws_block_height_subscribed.json": "the height of the chain: no table holds it",
    "nautilus_ws_block_height_update.json": "the height of the chain: no table holds it",
    "nautilus_ws_candles_subscribed.json": "the past of bars, which HTTP gives",
    "nautilus_ws_orderbook_subscribed.json": "books cross and bear neither time nor number",
    "nautilus_ws_orderbook_update.json": "books cross and bear neither time nor number",
    "nautilus_ws_trades_subscribed.json": "the past of matches, which HTTP gives",
}
"""Whole files that give no rows. Where they are websocket messages, the reader lets them pass."""

READ = {
    "ccxt_comment_payloads.json",
    "nautilus_http_get_candles.json",
    "nautilus_http_get_historical_funding.json",
    "nautilus_http_get_perpetual_markets.json",
    "nautilus_http_get_trades.json",
    "nautilus_ws_candles_update.json",
    "nautilus_ws_error.json",
    "nautilus_ws_markets_status_update.json",
    "nautilus_ws_markets_subscribed.json",
    "nautilus_ws_markets_update.json",
    "nautilus_ws_trades_update.json",
    "tardis_ws_dydx_v4.json",
}


@pytest.fixture
def dydx(payloads) -> Path:
    return payloads / "dydx"


def load(file: Path):
    return json.loads(file.read_text())


def result(file: Path) -> bytes:
    """Return the answer inside an envelope that the recording repository put around it."""
    return json.dumps(load(file)["result"]).encode()


def rows_of(*messages, connection="trades:1"):
    reader, rows = DydxReader(CONTRACTS), RowBuffer("dydx")
    for message in messages:
        reader.read(frame(message, connection), rows)
    return {table: plain(found) for table, found in rows.take().items()}


def over_http(read, *args):
    rows = RowBuffer("dydx")
    read(*args, rows)
    return {table: plain(found) for table, found in rows.take().items()}


def test_every_file_is_read_or_listed(dydx):
    assert {file.name for file in dydx.iterdir()} == READ | NOT_OURS.keys()


def test_listed_socket_messages_pass_without_rows(dydx):
    for name in NOT_OURS:
        if "_ws_" in name:
            assert rows_of(load(dydx / name)) == {}, name


def test_recorded_matches_and_the_liquidation_among_them(dydx):
    messages = [one["message"] for one in load(dydx / "tardis_ws_dydx_v4.json")]
    rows = rows_of(*messages)
    assert set(rows) == {"trades", "liquidations"}
    found = [(row["symbol"], row["taker_side"], row["amount"]) for row in rows["trades"]]
    assert found == [
        ("AVAX/USDC:USDC", "buy", 79.2),
        ("BTC/USDC:USDC", "buy", 0.002),
        ("BTC/USDC:USDC", "sell", 3.9),
    ]
    (forced,) = rows["liquidations"]
    assert (forced["side"], forced["price"], forced["amount"]) == ("long", 22.87, 3.9)
    assert forced["event_time"] == 1_722_756_890_628
    assert (forced["event_id"], forced["completeness"]) == ("014f495a0000000200000005", "complete")


def test_recorded_markets_become_minutes_once_the_oracle_says_that_one_is_over(dydx):
    messages = [one["message"] for one in load(dydx / "tardis_ws_dydx_v4.json")]
    of_markets = [one for one in messages if one["channel"] == "v4_markets"]
    later = json.loads(json.dumps(of_markets[-1]))
    later["contents"]["oraclePrices"]["ETH-USD"]["effectiveAt"] = "2024-08-23T00:01:00.301Z"
    rows = rows_of(*of_markets, later, connection="markets")
    (interest,) = rows["open_interest"]
    assert (interest["symbol"], interest["open_interest"]) == ("ETH/USDC:USDC", 15_398.406)
    assert interest["open_interest_usd"] == pytest.approx(15_398.406 * 2_623.3521)
    (funding,) = rows["funding"]
    assert funding["funding_rate"] == 0.00001051666666666667


def test_documented_socket_messages(dydx):
    rows = rows_of(load(dydx / "nautilus_ws_trades_update.json"))
    found = [(row["taker_side"], row["price"]) for row in rows["trades"]]
    assert found == [("sell", 43_248), ("buy", 43_252)]
    grown = load(dydx / "nautilus_ws_candles_update.json")
    later = json.loads(json.dumps(grown))
    later["contents"]["startedAt"] = "2024-01-01T00:02:00.000Z"
    (bar,) = rows_of(grown, later)["klines"]
    assert (bar["close"], bar["volume"], bar["trade_count"]) == (43_550, 8.765, 98)
    assert bar["event_time"] == 1_704_067_320_000
    with pytest.raises(FrameError, match="not found"):
        rows_of(load(dydx / "nautilus_ws_error.json"))
    first = load(dydx / "nautilus_ws_markets_subscribed.json")
    status = load(dydx / "nautilus_ws_markets_status_update.json")
    update = load(dydx / "nautilus_ws_markets_update.json")
    over = json.loads(json.dumps(update))
    over["contents"]["oraclePrices"]["BTC-USD"]["effectiveAt"] = "2024-01-01T00:02:00.000Z"
    rows = rows_of(first, update, status, over, connection="markets")
    (interest,) = rows["open_interest"]
    assert interest["open_interest_usd"] == pytest.approx(987_654_321.0 * 43_300)
    assert [row["funding_rate"] for row in rows["funding"]] == [0.0001]


def test_documented_answers(dydx):
    asked = parse.Asked(BTC, 9, tables=frozenset({"klines", "open_interest"}))
    raw = result(dydx / "nautilus_http_get_candles.json")
    rows = over_http(parse.parse_candles, raw, asked)
    assert [bar["close"] for bar in rows["klines"]] == [89_941, 89_931, 90_035]
    assert rows["klines"][0]["event_time"] == 1_765_210_320_000
    interest = [(row["event_time"], row["open_interest"]) for row in rows["open_interest"]]
    assert interest[0] == (1_765_210_260_000, 381.7348)
    assert rows["open_interest"][0]["available_time"] == 1_765_210_260_000 + MINUTE

    raw = result(dydx / "nautilus_http_get_historical_funding.json")
    rows = over_http(parse.parse_funding, raw, parse.Asked(BTC, 9))
    paid = [(row["event_time"], row["funding_rate"]) for row in rows["funding"]]
    assert paid[0] == (1_765_209_600_219, 2.375e-06)

    raw = result(dydx / "nautilus_http_get_trades.json")
    rows = over_http(parse.parse_trades, raw, parse.Asked(BTC, 9), "trades")
    assert [row["taker_side"] for row in rows["trades"]] == ["buy"] * 3
    assert parse.oldest_trade(raw) == (1_765_210_289_425, 66_624_083)

    raw = result(dydx / "nautilus_http_get_perpetual_markets.json")
    found = parse.parse_instruments(raw)
    assert [one.symbol for one in found] == ["BTC/USDC:USDC", "ETH/USDC:USDC", "SOL/USDC:USDC"]
    rows = RowBuffer("dydx")
    sol = parse.parse_markets(raw)["SOL-USD"]
    parse.add_bracket(sol, parse.Asked(found[2], 9), 1_765_209_600_000, raw, rows)
    (bracket,) = plain(rows.take()["leverage_brackets"])
    assert (bracket["max_leverage"], bracket["maintenance_margin_rate"]) == (20, 0.03)


def test_answers_that_developers_of_ccxt_pasted(dydx):
    pasted = load(dydx / "ccxt_comment_payloads.json")
    raw = {name: [json.dumps(one).encode() for one in found] for name, found in pasted.items()}
    not_ours = {
        "async_support.parse_market": "one market of the listing below",
        "async_support.parse_trade": "one match of the answer below",
        "async_support.parse_ohlcv": "one bar of the answer below",
        "async_support.fetch_order_book": "books cross and bear neither time nor number",
        "pro.parse_ws_trade": "one match without its message",
        "pro.handle_trades": "the past of matches, which HTTP gives",
        "pro.handle_order_book": "books cross and bear neither time nor number",
    }
    read = {
        "async_support.fetch_time",
        "async_support.fetch_markets",
        "async_support.fetch_trades",
        "async_support.fetch_ohlcv",
        "async_support.fetch_funding_rate_history",
        "pro.handle_ohlcv",
    }
    assert not_ours.keys() | read == set(pasted)
    assert parse.parse_time(raw["async_support.fetch_time"][0]) == 1_753_024_333_466
    assert parse.parse_instruments(raw["async_support.fetch_markets"][0]) == (BTC,)
    rows = over_http(
        parse.parse_trades, raw["async_support.fetch_trades"][0], parse.Asked(BTC, 9), "trades"
    )
    assert [(row["price"], row["amount"]) for row in rows["trades"]] == [(115_732, 0.0501)]
    rows = over_http(parse.parse_candles, raw["async_support.fetch_ohlcv"][0], parse.Asked(BTC, 9))
    assert rows["open_interest"][0]["open_interest"] == 54.0594
    rows = over_http(
        parse.parse_funding,
        raw["async_support.fetch_funding_rate_history"][0],
        parse.Asked(BTC, 9),
    )
    assert [row["funding_rate"] for row in rows["funding"]] == [0]
    first, grown = pasted["pro.handle_ohlcv"]
    later = json.loads(json.dumps(grown))
    later["contents"]["startedAt"] = "2025-08-05T03:41:00.000Z"
    (bar,) = rows_of(first, grown, later)["klines"]
    assert (bar["close"], bar["volume"]) == (114_261, 0.4753)

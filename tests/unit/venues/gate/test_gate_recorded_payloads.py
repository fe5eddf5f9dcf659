"""Every recorded or documented message of Gate: the rows it gives, or why it is not ours."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from tests.unit.venues.gate.gate_frames import frame, plain

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.units import MINUTE_MS
from forcedflow.venues.asked import asked_before, asked_now
from forcedflow.venues.gate.parse_history import (
    parse_bars,
    parse_funding,
    parse_statistics,
    parse_trades,
)
from forcedflow.venues.gate.parse_listing import parse_contracts, parse_risk_limits
from forcedflow.venues.gate.parse_stream import parse_snapshot
from forcedflow.venues.gate.reader import GateReader
from forcedflow.venues.row_buffer import RowBuffer

pytestmark = pytest.mark.payloads

FILES = {
    "ccxt_comment_payloads.json",
    "cryptofeed_GATEIO_FUTURES.http.0.0.txt",
    "cryptofeed_GATEIO_FUTURES.ws.1.0.txt",
    "futures_usdt_contracts_sample.json",
    "gct_http.json",
    "gct_wsFutures.jsonl",
    "tardis_ws_gate_futures.json",
    "ws_contract_info_doc_2026-08-20.json",
    "ws_public_liquidates_doc_2026-08-20.json",
}

CHANNELS_NOT_OURS = {
    "futures.auto_deleverages": "of an account",
    "futures.autoorders": "of an account",
    "futures.balances": "of an account",
    "futures.book_ticker": "the best bid and ask, which the book has",
    "futures.contract_info": "risk limits as they change: asked for over HTTP every hour",
    "futures.liquidates": "of an account",
    "futures.order_book": "the book as it was told until it was numbered",
    "futures.order_book_update": "the book in whole contracts; futures.obu has fractions of them",
    "futures.orders": "of an account",
    "futures.pong": "an answer to a ping",
    "futures.position_closes": "of an account",
    "futures.positions": "of an account",
    "futures.reduce_risk_limits": "of an account",
    "futures.usertrades": "of an account",
    "options.liquidates": "options",
    "spot.candlesticks": "spot",
    "spot.tickers": "spot",
    "spot.trades": "spot",
}
"""Channels that give no rows and no error."""

PASTED_NOT_OURS = {
    "async_support.fetch_funding_rate": "contracts; see `test_contracts_are_listed`",
    "async_support.fetch_funding_rates": "contracts; see `test_contracts_are_listed`",
    "async_support.parse_funding_rate": "a contract by itself; asked for are all of them",
    "async_support.fetch_funding_history": "of an account",
    "async_support.fetch_liquidations": "its moments are seconds: the stream's rows beside them"
    " would count each twice",
    "async_support.parse_liquidation": "as above; and of an account, and of options",
    "async_support.parse_open_interest": "statistics by themselves; asked for are lists",
    "pro.parse_ws_liquidation": "of an account",
    "pro.handle_liquidation": "of an account, and of options",
    "pro.handle_ohlcv": "spot",
    "pro.handle_ticker": "spot",
    "pro.handle_trades": "spot",
}
PASTED_READ = {
    "async_support.fetch_funding_rate_history",
    "async_support.fetch_market_leverage_tiers",
    "async_support.fetch_open_interest_history",
    "async_support.fetch_order_book",
    "async_support.fetch_trades",
    "async_support.parse_market_leverage_tiers",
    "async_support.parse_ohlcv",
    "async_support.parse_trade",
}

CONTRACTS = {
    "BTC": 0.0001,
    "ETH": 0.01,
    "COMP": 0.01,
    "ADA": 10.0,
    "XRP": 10.0,
    "BSV": 0.01,
    "RDNT": 1.0,
    "FRONT": 1.0,
}


@pytest.fixture
def gate(payloads) -> Path:
    return payloads / "gate"


@pytest.fixture
def pasted(gate):
    return json.loads((gate / "ccxt_comment_payloads.json").read_text())


def contract(base: str) -> Instrument:
    return Instrument("gate", base, "USDT", "USDT", 0.1, CONTRACTS[base])


def rows_of(*messages):
    reader, rows = GateReader([contract(base) for base in CONTRACTS], "http://x"), RowBuffer("gate")
    for message in messages:
        reader.read(frame(message), rows)
    return plain(rows)


def over_http(parse, body, base, *more):
    rows = RowBuffer("gate")
    asked = asked_before(contract(base), 0, 2**42, 2**42)
    parse(json.dumps(body).encode(), asked, *more, rows)
    return [row for found in plain(rows).values() for row in found]


def messages_of(gate, name):
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in (gate / name).read_text().splitlines() if line.strip()]
    return json.loads((gate / name).read_text())


def test_every_file_and_every_pasted_reply_is_read_or_known_not_to_be_ours(gate, pasted):
    assert {file.name for file in gate.iterdir()} == FILES
    assert not PASTED_READ & set(PASTED_NOT_OURS)
    assert set(pasted) == PASTED_READ | set(PASTED_NOT_OURS)


def test_channels_that_are_not_ours_pass_without_rows_or_errors(gate, pasted):
    told = [one["message"] for one in messages_of(gate, "tardis_ws_gate_futures.json")]
    told += messages_of(gate, "gct_wsFutures.jsonl")
    told += [messages_of(gate, "ws_contract_info_doc_2026-08-20.json")]
    told += [one for name in pasted if name.startswith("pro.") for one in pasted[name]]
    foreign = [one for one in told if one.get("channel") in CHANNELS_NOT_OURS]
    assert len(foreign) == 34
    assert rows_of(*foreign) == {}


def test_documented_liquidations_are_longs_of_orders_that_sold(gate):
    docs = messages_of(gate, "ws_public_liquidates_doc_2026-08-20.json")
    (old,) = rows_of(docs["before_2026-08-20"])["liquidations"]
    assert (old["side"], old["amount"]) == ("long", pytest.approx(0.0124))
    assert old["event_time"] == 1_541_486_601_000
    first, second = rows_of(docs["since_2026-08-20"])["liquidations"]
    assert (first["price"], second["price"]) == (215.1, 215.2)
    assert (first["event_time"], second["event_time"]) == (1_541_486_601_123, 1_541_486_601_456)
    (exact,) = rows_of(docs["with_header_X-Gate-Size-Decimal:1"])["liquidations"]
    assert exact["amount"] == pytest.approx(0.01245)


def test_recorded_trades_bear_sides_and_coins(gate):
    told = [one["message"] for one in messages_of(gate, "tardis_ws_gate_futures.json")]
    trades = rows_of(*(one for one in told if one["channel"] == "futures.trades"))["trades"]
    assert [(row["symbol"][:3], row["taker_side"]) for row in trades] == [
        ("COM", "buy"),
        ("ETH", "sell"),
        *[("BTC", "buy")] * 3,
        ("ETH", "sell"),
    ]
    assert [row["amount"] for row in trades] == pytest.approx(
        [0.01, 0.22, 0.0001, 0.2, 0.0999, 0.0025]
    )
    # The first two, of 2020, have no milliseconds.
    assert [row["event_time"] % 1000 for row in trades] == [0, 0, 860, 860, 860, 399]


def test_recorded_tickers_estimate_funding_and_one_flaw_of_2021_is_refused(gate):
    told = [one["message"] for one in messages_of(gate, "tardis_ws_gate_futures.json")]
    tickers = [one for one in told if one["channel"] == "futures.tickers"]
    assert len(tickers) == 5
    with pytest.raises(FrameError, match="got `array`"):
        rows_of(tickers[2])  # a list in a list
    rows = rows_of(*tickers[:2], *tickers[3:])
    (row,) = rows["funding"]
    assert (row["symbol"], row["funding_rate"]) == ("BTC/USDT:USDT", 0.0001)
    assert row["event_time"] == 1_677_629_168_840


def test_recorded_messages_of_inverse_contracts_give_no_rows(gate):
    told = messages_of(gate, "gct_wsFutures.jsonl")
    ours = [one for one in told if one["channel"] not in CHANNELS_NOT_OURS]
    assert Counter(one["channel"] for one in ours) == {
        "futures.tickers": 1,
        "futures.trades": 1,
        "futures.obu": 1,
        "futures.candlesticks": 1,
    }
    assert rows_of(*ours) == {}


def test_a_recorded_session_gives_no_error_and_its_bar_is_still_open(gate):
    lines = (gate / "cryptofeed_GATEIO_FUTURES.ws.1.0.txt").read_text().splitlines()
    told = [json.loads(line.partition(": ")[2]) for line in lines if line[:1].isdigit()]
    kinds = Counter((one["channel"], one["event"]) for one in told)
    assert kinds["futures.order_book_update", "update"] == 352
    assert kinds["futures.candlesticks", "update"] == 1
    assert sum(kinds.values()) == 450
    assert rows_of(*told) == {}
    (bar,) = [one for one in told if one["channel"] == "futures.candlesticks" and "n" in str(one)][
        -1:
    ]
    later = bar | {"result": [bar["result"][0] | {"t": bar["result"][0]["t"] + 60}]}
    (row,) = rows_of(bar, later)["klines"]
    assert (row["symbol"], row["volume"], row["close"]) == ("FRONT/USDT:USDT", 0.0, 0.1701)
    assert row["event_time"] == 1_684_930_140_000 + MINUTE_MS


def test_recorded_books_over_http_have_their_numbers_and_coins(gate):
    lines = (gate / "cryptofeed_GATEIO_FUTURES.http.0.0.txt").read_text().splitlines()
    books = [line.partition(": {") for line in lines if "order_book" in line]
    assert len(books) == 10
    for _, _, body in books:
        step = parse_snapshot(b"{" + body.encode(), contract("XRP"))
        assert step.last > 1_000_000
        assert step.bids[0][0] < step.asks[0][0]
        assert step.bids == tuple(sorted(step.bids, reverse=True))
        assert step.asks[0][1] >= 10


def test_contracts_are_listed(gate, pasted):
    page = (gate / "futures_usdt_contracts_sample.json").read_bytes()
    listed = {one.base: one for one in parse_contracts(page)}
    assert len(listed) == 5
    assert (listed["ETH"].contract_size, listed["ETH"].tick_size) == (0.01, 0.05)
    for name in ("fetch_funding_rate", "fetch_funding_rates"):
        (only,) = parse_contracts(json.dumps(pasted[f"async_support.{name}"][0]).encode())
        assert (only.symbol, only.contract_size) == ("BTC/USDT:USDT", 0.0001)


def test_recorded_risk_limits_are_continuous(gate, pasted):
    routes = json.loads((gate / "gct_http.json").read_text())["routes"]
    assert set(routes) == {"/api/v4/spot/order_book", "/futures/usdt/risk_limit_table"}
    table = routes["/futures/usdt/risk_limit_table"]["GET"][0]["data"]
    rows = over_http(parse_risk_limits, table, "BTC")
    assert [row["maintenance_amount"] for row in rows] == pytest.approx([0, 500, 1250, 5250, 6750])
    assert [row["max_leverage"] for row in rows] == [125, 111, 100, 75, 66]
    (only,) = over_http(
        parse_risk_limits, pasted["async_support.parse_market_leverage_tiers"][0], "BTC"
    )
    assert (only["notional_cap"], only["maintenance_margin_rate"]) == (1e6, 0.004)


def test_recorded_statistics_agree_with_their_own_dollars(pasted):
    page = pasted["async_support.fetch_open_interest_history"][0]
    (row,) = over_http(parse_statistics, page, "XRP", "open_interest")
    # 2,851,725 contracts of ten coins at 0.34619, to the dollar and once, not both sides.
    assert row["open_interest"] * 0.34619 == pytest.approx(row["open_interest_usd"], rel=1e-6)
    assert row["event_time"] == 1_674_057_300_000
    ratios = over_http(parse_statistics, page, "XRP", "long_short_ratio")
    assert {one["kind"] for one in ratios} == {"accounts", "taker_volume"}
    totals = over_http(parse_statistics, page, "XRP", "liquidation_totals")
    assert [(one["side"], one["notional_usd"]) for one in totals] == [("long", 0), ("short", 0)]


def test_recorded_settlements_are_read_in_either_unit_of_time(pasted):
    page = pasted["async_support.fetch_funding_rate_history"]
    (row,) = over_http(parse_funding, page, "BTC")
    assert (row["event_time"], row["funding_rate"]) == (1_621_267_200_000, 0.00063521)


def test_recorded_trades_over_http_are_to_the_millisecond(pasted):
    spot, linear, option = pasted["async_support.fetch_trades"]
    (row,) = over_http(parse_trades, linear, "ADA")
    assert (row["event_time"], row["taker_side"]) == (1_634_673_380_182, "buy")
    assert row["amount"] == pytest.approx(20)
    with pytest.raises(FrameError, match="size"):
        over_http(parse_trades, spot, "ADA")  # spot counts coins and calls them amount
    assert option[0]["contract"].endswith("-P")
    sold = [one for one in pasted["async_support.parse_trade"] if one.get("contract") == "BTC_USDT"]
    (row,) = over_http(parse_trades, sold[:1], "BTC")
    assert (row["event_time"], row["taker_side"]) == (1_739_814_676_707, "sell")
    assert row["amount"] == pytest.approx(0.0105)


def test_recorded_bars_of_the_mark_price_have_no_volume(pasted):
    spot, mark = pasted["async_support.parse_ohlcv"]
    (row,) = over_http(parse_bars, [mark], "BTC", "mark", MINUTE_MS)
    assert (row["event_time"], row["close"]) == (1_632_873_600_000 + MINUTE_MS, 41776.92)
    assert row["volume"] is None
    with pytest.raises(FrameError, match="got `array`"):
        over_http(parse_bars, [spot], "BTC", "last", MINUTE_MS)


def test_recorded_sides_of_a_book_are_read(pasted):
    spot_asks, spot_bids, asks, bids = pasted["async_support.fetch_order_book"]
    assert {len(level) for level in spot_asks + spot_bids} == {2}
    step = parse_snapshot(
        json.dumps({"id": 1, "asks": asks, "bids": bids}).encode(), contract("BTC")
    )
    assert step.bids[0] == (61264.7, pytest.approx(4.1844))
    assert step.asks[0] == (61264.8, pytest.approx(2.4909))


def test_a_poll_of_recorded_statistics_is_known_when_it_came(pasted):
    rows = RowBuffer("gate")
    page = json.dumps(pasted["async_support.fetch_open_interest_history"][0]).encode()
    asked = asked_now(contract("XRP"), 1_674_057_600_000)
    parse_statistics(page, asked, "liquidation_totals", rows)
    times = {row["available_time"] for row in plain(rows)["liquidation_totals"]}
    assert times == {1_674_057_600_000}

"""Every recorded or documented message of MEXC: the rows it gives, or why it is not ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.venues.mexc.mexc_frames import frame, plain

from forcedflow.errors import FrameError, NotThereError
from forcedflow.instruments import Instrument
from forcedflow.units import MINUTE_MS
from forcedflow.venues.asked import asked_before
from forcedflow.venues.mexc.parse_history import (
    parse_bars,
    parse_funding,
    parse_funding_page,
    parse_recent_trades,
)
from forcedflow.venues.mexc.parse_listing import parse_brackets, parse_contracts, parse_time
from forcedflow.venues.mexc.parse_stream import parse_snapshot
from forcedflow.venues.mexc.reader import MexcReader
from forcedflow.venues.row_buffer import RowBuffer

pytestmark = pytest.mark.payloads

FILES = {
    "ccxt_comment_payloads.json",
    "detail_riskLimitCustom_BTC_USDT_2026.json",
    "doc_contract_v1.json",
    "tardis_ws_mexc.json",
}

CHANNELS_NOT_OURS = {
    "push.depth.snapshot": "made by a vendor; the venue tells it over HTTP",
    "push.fair.price": "the ticker has it, and bars of it are asked for over HTTP",
    "push.funding.rate": "the ticker has it",
    "push.index.price": "bars of it are asked for over HTTP",
    "push.tickers": "all contracts at once, without open interest or funding",
    "rs.sub.deal": "an answer to a subscription",
}
"""Channels that give no rows and no error; so do all whose names begin with ``spot@``."""

DOCUMENTED_NOT_OURS = {
    "Get contract  index price": "bars of it are asked for instead",
    "Get contract funding rate": "the stream's ticker has it",
    "Get contract trend data": "the stream's ticker has it",
    "Get all contract risk fund balance": "insurance fund: no table holds it",
    "Get contract risk fund balance history": "insurance fund: no table holds it",
    "Get details of user‘s funding rate": "of an account",
    "Get order transaction details based on the order ID": "of an account",
    "Get all transaction details of the user’s order": "of an account",
    "Get risk limits": "of an account",
}
DOCUMENTED_READ = {
    "Depth",
    "Fair price",
    "Funding rate",
    "Get K-line data of the fair price",
    "Get K-line data of the index price",
    "Get a snapshot of the latest N depth information of the contract",
    "Get contract fair price",
    "Get contract funding rate history",
    "Get contract transaction data",
    "Get the contract information",
    "Get the contract‘s  depth information",
    "Get the server time",
    "How is depth information maintained",
    "Index price",
    "K-line",
    "K-line data",
    "Ticker",
    "Tickers",
    "Transaction",
}

PASTED_NOT_OURS = {
    "async_support.fetch_funding_history": "of an account",
    "async_support.fetch_funding_rate": "the stream's ticker has it",
    "async_support.parse_funding_rate": "the stream's ticker has it",
    "async_support.parse_trade": "trades by themselves, of spot and of an account too",
    "async_support.parse_market_leverage_tiers": "a contract by itself; see the whole reply",
    "pro.parse_ws_trade": "spot",
}
PASTED_READ = {
    "async_support.fetch_funding_rate_history",
    "async_support.fetch_leverage_tiers",
    "async_support.fetch_ohlcv",
    "async_support.fetch_order_book",
    "async_support.fetch_swap_markets",
    "async_support.fetch_time",
    "async_support.fetch_trades",
    "pro.handle_funding_rate",
    "pro.handle_ohlcv",
    "pro.handle_order_book",
    "pro.handle_ticker",
    "pro.handle_tickers",
    "pro.handle_trades",
}

BTC = Instrument("mexc", "BTC", "USDT", "USDT", 0.1, 0.0001)


@pytest.fixture
def mexc(payloads) -> Path:
    return payloads / "mexc"


@pytest.fixture
def documented(mexc):
    return json.loads((mexc / "doc_contract_v1.json").read_text())


@pytest.fixture
def pasted(mexc):
    return json.loads((mexc / "ccxt_comment_payloads.json").read_text())


@pytest.fixture
def recorded(mexc):
    return [one["message"] for one in json.loads((mexc / "tardis_ws_mexc.json").read_text())]


def rows_of(*messages):
    reader, rows = MexcReader([BTC], "http://x"), RowBuffer("mexc")
    for message in messages:
        reader.read(frame(message), rows)
    return plain(rows)


def over_http(parse, body, *more):
    rows = RowBuffer("mexc")
    parse(json.dumps(body).encode(), asked_before(BTC, 0, 2**42, 2**42), *more, rows)
    return [row for found in plain(rows).values() for row in found]


def on_channel(told, channel):
    return [one for one in told if isinstance(one, dict) and one.get("channel") == channel]


def test_every_file_and_reply_is_read_or_known_not_to_be_ours(mexc, documented, pasted):
    assert {file.name for file in mexc.iterdir()} == FILES
    assert set(documented) == DOCUMENTED_READ | set(DOCUMENTED_NOT_OURS)
    assert set(pasted) == PASTED_READ | set(PASTED_NOT_OURS)
    assert not DOCUMENTED_READ & set(DOCUMENTED_NOT_OURS)
    assert not PASTED_READ & set(PASTED_NOT_OURS)


def test_channels_that_are_not_ours_pass_without_rows_or_errors(recorded, documented, pasted):
    told = [*recorded, *(one for group in documented.values() for one in group)]
    told += [one for name in pasted if name.startswith("pro.") for one in pasted[name]]
    foreign = [
        one
        for one in told
        if isinstance(one, dict)
        and (one.get("channel", "").startswith("spot@") or one.get("channel") in CHANNELS_NOT_OURS)
    ]
    assert len(foreign) == 30
    assert rows_of(*foreign) == {}
    # A subscription to spot, which the other host answers, has no channel.
    spot = [one for one in recorded if "channel" not in one]
    assert len(spot) == 1
    with pytest.raises(FrameError, match="missing required field `channel`"):
        rows_of(*spot)


def test_recorded_deals_are_trades_in_coins(recorded, documented, pasted):
    first, second = rows_of(*on_channel(recorded, "push.deal"))["trades"]
    assert (first["trade_id"], first["taker_side"]) == ("13064218826", "sell")
    assert (second["trade_id"], second["taker_side"]) == ("13064218827", "buy")
    assert [first["amount"], second["amount"]] == pytest.approx([0.0055, 0.0011])
    assert first["event_time"] == 1_755_487_578_276
    (old,) = rows_of(*on_channel(documented["Transaction"], "push.deal"))["trades"]
    assert (old["taker_side"], old["amount"]) == ("buy", pytest.approx(0.2096))
    (bare,) = rows_of(*on_channel(pasted["pro.handle_trades"], "push.deal"))["trades"]
    assert bare["trade_id"] == "sell-114350.4-4.0"


def test_recorded_tickers_are_open_interest_in_coins_and_funding_estimates(
    recorded, documented, pasted
):
    tickers = on_channel(recorded, "push.ticker")
    assert len(tickers) == 2
    (row,) = rows_of(*tickers)["open_interest"]  # both are of one minute
    assert row["open_interest"] == pytest.approx(228.4742)
    assert row["open_interest_usd"] == pytest.approx(228.4742 * 6867.4)
    (newer,) = on_channel(pasted["pro.handle_ticker"], "push.ticker")
    rows = rows_of(newer)
    assert rows["open_interest"][0]["open_interest"] == pytest.approx(9547.9623)
    assert rows["funding"][0]["funding_rate"] == 0.0001
    assert rows["funding"][0]["event_time"] == 1_731_137_509_138
    assert len(rows_of(*on_channel(documented["Ticker"], "push.ticker"))["funding"]) == 1


def test_recorded_changes_of_the_book_ask_for_a_snapshot_and_go_on_from_it(recorded, pasted):
    reader, rows = MexcReader([BTC], "http://x"), RowBuffer("mexc")
    first, second, third = on_channel(recorded, "push.depth")
    (request,) = reader.read(frame(first), rows)
    snapshot = {
        "success": True,
        "code": 0,
        "data": {
            "version": 96_801_926,
            "bids": [[6857.5, 4, 5]],
            "asks": [[6860.5, 2, 3]],
        },
    }
    reader.read(frame(snapshot, request.connection, "response"), rows)
    # Three versions are missing before the second.
    assert reader.read(frame(second), rows)
    assert reader.gaps == 1
    assert not len(rows)
    assert reader.read(frame(third), rows) == ()
    (merged,) = on_channel(pasted["pro.handle_order_book"], "push.depth")
    assert merged["data"]["begin"] < merged["data"]["version"] == merged["data"]["end"]
    assert len(reader.read(frame(merged), rows)) == 1


def test_documented_changes_and_snapshots_of_the_book_are_read(documented, pasted):
    assert rows_of(*on_channel(documented["Depth"], "push.depth")) == {}
    _, futures = pasted["async_support.fetch_order_book"]
    depth = parse_snapshot(json.dumps(futures).encode())
    assert (depth.version, depth.bids[0].price, depth.bids[0].size) == (
        2_827_730_444,
        3445.55,
        44_081,
    )
    # A level may leave out how many orders it is of.
    (bare,) = documented["Get the contract‘s  depth information"]
    body = json.dumps({"success": True, "data": bare}).encode()
    assert [level.price for level in parse_snapshot(body).asks] == [3968.5, 3968.6]
    (commits,) = documented["Get a snapshot of the latest N depth information of the contract"]
    with pytest.raises(FrameError):
        parse_snapshot(json.dumps(commits).encode())  # a list of changes, not a book


def test_recorded_bars_of_the_stream_are_closed_by_the_next(documented, pasted):
    (bar,) = on_channel(pasted["pro.handle_ohlcv"], "push.kline")
    later = bar | {"data": bar["data"] | {"t": bar["data"]["t"] + 60}}
    (row,) = rows_of(bar, later)["klines"]
    assert row["event_time"] == 1_651_230_660_000 + MINUTE_MS
    # Contracts times their size times price are the turnover it states.
    assert row["volume"] * 38_857 == pytest.approx(row["quote_volume"], rel=1e-3)
    hours = on_channel(documented["K-line"], "push.kline")
    assert len(hours) == 1
    assert rows_of(*hours) == {}


def test_the_documented_refusal_is_an_error(documented):
    told = on_channel(documented["How is depth information maintained"], "rs.error")
    with pytest.raises(FrameError, match="Contract doesn't exist!"):
        rows_of(*told)


def test_recorded_bars_over_http_are_in_coins_and_quote(documented, pasted):
    (page,) = documented["K-line data"]
    (row,) = over_http(parse_bars, page, "last", 15 * MINUTE_MS)
    assert row["volume"] == pytest.approx(6.7332)
    assert row["quote_volume"] == 222515.85925
    assert row["event_time"] == 1_609_740_600_000 + 15 * MINUTE_MS
    for name, price_type in (("index", "index"), ("fair", "mark")):
        (page,) = documented[f"Get K-line data of the {name} price"]
        (row,) = over_http(parse_bars, page, price_type, 15 * MINUTE_MS)
        assert (row["price_type"], row["volume"]) == (price_type, None)
    _, page = pasted["async_support.fetch_ohlcv"]
    assert len(over_http(parse_bars, page, "last", MINUTE_MS)) == 3


def test_recorded_settlements_know_their_interval(documented, pasted):
    page = documented["Get contract funding rate history"][0]
    assert page == pasted["async_support.fetch_funding_rate_history"][0]
    raw = json.dumps(page).encode()
    assert parse_funding_page(raw) == (11, 1_609_776_000_000)
    rows = RowBuffer("mexc")
    parse_funding([raw], asked_before(BTC, 0, 2**42, 2**42), rows)
    told = [(row["funding_rate"], row["interval_hours"]) for row in plain(rows)["funding"]]
    assert told == [(0.00029, None), (0.000266, 8.0)]
    account = documented["Get contract funding rate history"][1]
    assert "equity" in account["data"][0]


def test_documented_trades_over_http_bear_no_ids_and_mend_nothing(documented, pasted):
    for page in (
        documented["Get contract transaction data"][0],
        pasted["async_support.fetch_trades"][2],
    ):
        with pytest.raises(NotThereError, match="bear no ids"):
            over_http(parse_recent_trades, page)


def test_recorded_contracts_are_listed_and_the_clock_is_read(documented, pasted):
    for page in (
        documented["Get the contract information"][0],
        pasted["async_support.fetch_swap_markets"][0],
    ):
        (only,) = parse_contracts(json.dumps(page).encode())
        assert (only.symbol, only.contract_size, only.tick_size) == ("BTC/USDT:USDT", 0.0001, 0.5)
    assert (
        parse_time(json.dumps(documented["Get the server time"][0]).encode()) == 1_587_442_022_003
    )
    assert parse_time(json.dumps(pasted["async_support.fetch_time"][0]).encode()) == (
        1_648_124_374_985
    )


def test_recorded_limits_of_equal_steps_are_brackets(documented, pasted):
    price = documented["Get contract fair price"][0]
    detail = pasted["async_support.fetch_leverage_tiers"][0]
    rows = over_http(parse_brackets, [detail, price])
    assert [row["max_leverage"] for row in rows] == pytest.approx(
        [125, 1 / 0.012, 62.5, 50, 1 / 0.024]
    )
    # 10,000 contracts, then 200,000 more each.
    assert rows[0]["notional_cap"] == pytest.approx(10_000 * 0.0001 * 31_103.4)
    assert rows[1]["notional_cap"] == pytest.approx(210_000 * 0.0001 * 31_103.4)


def test_a_recorded_list_of_limits_whose_rates_were_cut_off_is_refused(mexc, documented):
    detail = json.loads((mexc / "detail_riskLimitCustom_BTC_USDT_2026.json").read_text())
    reply = {"success": True, "code": 0, "data": detail}
    price = documented["Get contract fair price"][0]
    with pytest.raises(FrameError, match="level 1 states no maintenance margin rate"):
        over_http(parse_brackets, [reply, price])
    rates = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05]
    for tier, rate in zip(detail["riskLimitCustom"], rates, strict=True):
        tier["mmr"] = rate
    rows = over_http(parse_brackets, [reply, price])
    assert rows[0]["max_leverage"] == 500
    assert rows[0]["notional_cap"] == pytest.approx(5 * 31_103.4)  # five bitcoins

"""Every recorded or documented message of Bitget: the rows it gives, or why it is not ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.venues.bitget.bitget_frames import LINEAR, SPOT, frame, taken

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.venues.asked import asked_before, asked_now
from forcedflow.venues.bitget.parse_history import (
    parse_account_ratio,
    parse_funding,
    parse_klines,
    parse_trades,
)
from forcedflow.venues.bitget.parse_listing import parse_position_tiers, parse_time
from forcedflow.venues.bitget.reader import BitgetReader
from forcedflow.venues.row_buffer import RowBuffer

pytestmark = pytest.mark.payloads

COMMENTS_NOT_OURS = {
    "async_support.fetch_funding_history": "an account's own payments",
    "async_support.fetch_funding_interval": "the estimate over HTTP: the ticker has the same",
    "async_support.fetch_funding_rate": "the estimate over HTTP: the ticker has the same",
    "async_support.fetch_funding_rates": "the estimate over HTTP: the ticker has the same",
    "async_support.fetch_open_interest": "open interest over HTTP: the ticker has the same",
    "async_support.parse_funding_rate": "the estimate over HTTP: the ticker has the same",
    "async_support.parse_market_leverage_tiers": "rows of replies that are read as a whole",
    "async_support.parse_ohlcv": "a row of a reply that is read as a whole",
    "async_support.parse_open_interest": "open interest over HTTP: the ticker has the same",
    "async_support.parse_trade": "trades by themselves, most of an account",
    "pro.handle_order_book_un_subscription": "answers to what we never say",
    "pro.handle_ticker": "tickers of spot pairs, which have no open interest",
    "pro.handle_ticker_un_subscription": "answers to what we never say",
    "pro.handle_trades_un_subscription": "answers to what we never say",
    "pro.parse_ws_trade": "trades by themselves, most of an account",
}
COMMENTS_READ = {
    "async_support.fetch_funding_rate_history",
    "async_support.fetch_long_short_ratio_history",
    "async_support.fetch_market_leverage_tiers",
    "async_support.fetch_ohlcv",
    "async_support.fetch_order_book",
    "async_support.fetch_time",
    "async_support.fetch_trades",
    "pro.handle_ohlcv",
    "pro.handle_order_book",
    "pro.handle_trades",
}

NOT_OUR_TOPICS = {"books1": "best prices alone: the book has them"}


@pytest.fixture
def bitget(payloads) -> Path:
    return payloads / "bitget"


@pytest.fixture
def recorded(bitget):
    listed = json.loads((bitget / "tardis_ws_bitget_futures.json").read_text())
    return [one["message"] for one in listed]


@pytest.fixture
def comments(bitget):
    return json.loads((bitget / "ccxt_comment_payloads.json").read_text())


def rows_of(*messages, instruments=(LINEAR, SPOT)):
    reader, rows = BitgetReader(instruments, "http://bitget.test"), RowBuffer("bitget")
    for message in messages:
        reader.read(frame(message), rows)
    return taken(rows)


def over_http(parse, body, instrument, *more):
    rows = RowBuffer("bitget")
    asked = asked_before(instrument, 0, 2**42, 2**42)
    parse(json.dumps(body).encode(), asked, *more, rows)
    return [row for found in taken(rows).values() for row in found]


def of_topic(recorded, topic, action="update"):
    return [
        one
        for one in recorded
        if one.get("arg", {}).get("topic") == topic and one.get("action") == action
    ]


def test_every_file_is_read(bitget):
    assert {file.name for file in bitget.iterdir()} == {
        "tardis_ws_bitget_futures.json",
        "ccxt_comment_payloads.json",
    }


def test_recorded_messages_are_of_the_third_interface_or_of_the_one_before(recorded):
    assert len(recorded) == 18
    answers = [one for one in recorded if one.get("event")]
    assert len(answers) == 3
    assert rows_of(*answers) == {}
    before = [one for one in recorded if "channel" in one["arg"] and "event" not in one]
    assert len(before) == 8
    for message in before:  # channels are not topics: the streams that we follow never say so
        with pytest.raises(FrameError, match="neither a topic nor an answer"):
            rows_of(message)
    topics = {one["arg"]["topic"] for one in recorded if "topic" in one["arg"]}
    assert topics - set(NOT_OUR_TOPICS) == {"publicTrade", "books", "ticker", "liquidation"}
    assert rows_of(*of_topic(recorded, "books1", "snapshot")) == {}


def test_recorded_liquidations_are_of_longs_and_their_amounts_are_values(recorded):
    (message,) = of_topic(recorded, "liquidation")
    assert rows_of(message) == {}, "neither contract is followed"
    listed = [parse_symbol(name, "bitget") for name in ("APEUSDT", "IPUSDT")]
    ape, ip = rows_of(message, instruments=listed)["liquidations"]
    assert (ape["side"], ip["side"]) == ("long", "long")
    # Only as values do they come to whole lots: 83.1 and 286.5 coins.
    assert ape["amount"] == pytest.approx(83.1, rel=1e-12)
    assert ip["amount"] == pytest.approx(286.5, rel=1e-12)
    assert ip["notional_usd"] == 143.330431857868
    assert ip["available_time"] - ip["event_time"] == 20_184


def test_recorded_trades_come_with_a_snapshot_and_then_by_themselves(recorded):
    told = [*of_topic(recorded, "publicTrade", "snapshot"), *of_topic(recorded, "publicTrade")]
    rows = rows_of(*told)["trades"]
    assert [row["trade_id"] for row in rows] == ["1432912492051054592"] * 2
    assert (rows[0]["price"], rows[0]["amount"], rows[0]["taker_side"]) == (76_631.3, 0.01, "buy")


def test_a_recorded_ticker_gives_open_interest_in_coins_and_the_estimate(recorded):
    rows = rows_of(*of_topic(recorded, "ticker", "snapshot"))
    (held,), (funding,) = rows["open_interest"], rows["funding"]
    assert held["open_interest"] == 29_539.3825
    assert held["open_interest_usd"] == pytest.approx(29_539.3825 * 76_631.3)
    assert (funding["funding_rate"], funding["kind"]) == (-0.00003, "predicted")


def test_a_recorded_snapshot_is_a_book_and_a_change_of_another_time_breaks_it(recorded):
    (snapshot,) = of_topic(recorded, "books", "snapshot")
    (change,) = of_topic(recorded, "books")
    levels = rows_of(snapshot)["order_book"]
    assert [(row["side"], row["price"], row["amount"]) for row in levels] == [
        ("bid", 76_742.8, 2.8986),
        ("bid", 76_742.7, 0.0001),
        ("ask", 76_742.9, 4.2465),
        ("ask", 76_743.0, 0.0001),
    ]
    assert change["data"][0]["seq"] < snapshot["data"][0]["seq"], "recorded an hour before it"
    assert len(rows_of(snapshot, change)["order_book"]) == 4


def test_every_comment_is_read_or_known_not_to_be_ours(comments):
    assert set(comments) == COMMENTS_READ | set(COMMENTS_NOT_OURS)
    assert not COMMENTS_READ & set(COMMENTS_NOT_OURS)


def test_answers_to_what_we_never_say_pass(comments):
    for name, reason in COMMENTS_NOT_OURS.items():
        if reason == "answers to what we never say":
            assert rows_of(*comments[name]) == {}


def test_pages_in_comments_are_read(comments):
    (clock,) = comments["async_support.fetch_time"]
    assert parse_time(json.dumps(clock).encode()) == 1_700_111_073_740
    ((bar,),) = comments["async_support.fetch_ohlcv"]
    page = {"code": "00000", "requestTime": 1_645_912_100_000, "data": [bar]}
    (row,) = over_http(parse_klines, page, LINEAR, "last", 60_000)
    assert (row["event_time"], row["close"]) == (1_645_912_020_000, 39_379)
    assert (row["volume"], row["quote_volume"]) == (35.526, 1_399_132.341)
    third, second = comments["async_support.fetch_funding_rate_history"]
    (row,) = over_http(parse_funding, second, LINEAR)
    assert (row["funding_rate"], row["event_time"]) == (-0.0003, 1_652_396_400_000)
    assert "resultList" in third["data"], "the third interface's page is not the one asked for"


def test_the_ratio_in_a_comment_is_that_of_the_shares(comments):
    accounts, loans = comments["async_support.fetch_long_short_ratio_history"]
    rows = RowBuffer("bitget")
    asked = asked_now(LINEAR, 1_729_321_233_281)
    parse_account_ratio(json.dumps(accounts).encode(), asked, rows)
    (row,) = taken(rows)["long_short_ratio"]
    assert row["ratio"] == pytest.approx(0.58 / 0.42)
    assert "longShortRatio" in loans["data"][0], "loans against spot pairs are not ours"


def test_tiers_in_a_comment_are_those_of_a_contract(comments):
    ours, *loans_and_third = comments["async_support.fetch_market_leverage_tiers"]
    rows = RowBuffer("bitget")
    parse_position_tiers(json.dumps(ours).encode(), LINEAR, 9, rows)
    (row,) = taken(rows)["leverage_brackets"]
    assert (row["notional_cap"], row["max_leverage"]) == (150_000, 125)
    assert row["maintenance_margin_rate"] == 0.004
    for other in loans_and_third:  # tiers of loans, and of the third interface
        with pytest.raises(FrameError, match="missing required field"):
            parse_position_tiers(json.dumps(other).encode(), LINEAR, 9, RowBuffer("bitget"))


def test_trades_in_comments_are_read_in_the_second_interface(comments):
    spot, swap, third = comments["async_support.fetch_trades"]
    for page, instrument, side in ((spot, SPOT, "sell"), (swap, LINEAR, "buy")):
        (row,) = over_http(parse_trades, page, instrument)
        assert row["taker_side"] == side
    assert "execId" in third["data"][0], "the third interface's page is not the one asked for"


def test_messages_in_comments_are_read_in_the_third_interface(comments):
    before, bars = comments["pro.handle_ohlcv"]
    assert "channel" in before["arg"]
    assert rows_of(bars) == {}, "the next bar has not begun"
    later = bars["data"][0] | {"start": "1755564540000"}
    (row,) = rows_of(bars, bars | {"data": [later]})["klines"]
    assert (row["event_time"], row["volume"]) == (1_755_564_540_000, 39.7062)
    old, arg = comments["pro.handle_trades"]
    assert ("channel" in old["arg"], arg["topic"]) == (True, "publicTrade")
    old, arg = comments["pro.handle_order_book"]
    assert ("channel" in old["arg"], arg["topic"]) == (True, "books")


def test_a_snapshot_over_http_is_read_with_bare_numbers(comments):
    (book,) = comments["async_support.fetch_order_book"]
    reader = BitgetReader((LINEAR,), "http://bitget.test")
    body = frame(book, "rest:orderbook:usdt-futures:BTCUSDT", "response")
    assert reader.read(body, RowBuffer("bitget")) == ()


def test_a_contract_of_another_product_never_takes_a_message(recorded):
    usdc = Instrument("bitget", "BTC", "USDC", "USDC", 0.5)
    assert rows_of(*of_topic(recorded, "ticker", "snapshot"), instruments=(usdc,)) == {}

"""Every recorded or documented message of OKX: the rows it gives, or why it is not ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.venues.okx.okx_frames import INVERSE, LINEAR, SPOT, frame, plain

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.venues.okx.parse import Asked
from forcedflow.venues.okx.parse_history import (
    parse_account_ratio,
    parse_funding,
    parse_klines,
    parse_open_interest,
    parse_trades,
)
from forcedflow.venues.okx.parse_listing import parse_instruments, parse_position_tiers, parse_time
from forcedflow.venues.okx.reader import OkxReader
from forcedflow.venues.row_buffer import RowBuffer

pytestmark = pytest.mark.payloads

NOT_OURS = {
    "nautilus_http_get_index_price.json": "index price of the moment: bars of it are read",
    "nautilus_http_transaction_detail.json": "an account's own fill",
    "nautilus_ws_bbo_tbt.json": "best prices alone: the book has them",
    "nautilus_ws_candle.json": "a bar of Hong Kong's day: ours end with UTC's",
    "nautilus_ws_instruments.json": "the listing as a channel: it is asked for over HTTP",
    "nautilus_ws_orders_liquidation.json": "an account's own orders",
    "nautilus_ws_tickers.json": "last prices: bars and trades have them",
    "nautilus_ws_trades.json": "trades several to one: each by itself is read",
}
"""Whole files that give no rows. Where they are websocket messages, the reader lets them pass."""

READ = {
    "ccxt_comment_payloads.json",
    "cryptofeed_OKX.ws.1.0.txt",
    "gct_wsAllTrades.jsonl",
    "nautilus_http_get_candlesticks.json",
    "nautilus_http_get_candlesticks_full.json",
    "nautilus_http_get_funding_rate_history.json",
    "nautilus_http_get_instruments_futures.json",
    "nautilus_http_get_instruments_swap.json",
    "nautilus_http_get_mark_price.json",
    "nautilus_http_get_order_book.json",
    "nautilus_http_get_position_tiers.json",
    "nautilus_http_get_trades.json",
    "nautilus_ws_books_snapshot.json",
    "nautilus_ws_books_update.json",
    "nautilus_ws_funding_rate.json",
    "tardis_ws_okx_swap_futures.json",
    "v5_public_instruments_swap.json",
}

NOT_OUR_CHANNELS = {
    "books-l2-tbt": "every single change of the book: for accounts alone",
    "bbo-tbt": "best prices alone: the book has them",
    "tickers": "last prices: bars and trades have them",
    "index-tickers": "index price of the moment: bars of it are read",
    "mark-price": "mark price of the moment: bars of it are read",
    "price-limit": "bounds of order prices: no table holds them",
    "trades": "trades several to one: each by itself is read",
    "liquidations": "made by the recorder from a page that ended in 2023",
}

COMMENTS_NOT_OURS = {
    "async_support.fetch_funding_history": "an account's own payments",
    "async_support.fetch_funding_rate": "the estimate over HTTP: the channel has the same",
    "async_support.fetch_funding_rates": "the estimate over HTTP: the channel has the same",
    "async_support.fetch_market_leverage_tiers": "limits of loans against a spot pair",
    "async_support.fetch_open_interest": "open interest over HTTP: the channel has the same",
    "async_support.fetch_open_interests": "open interest over HTTP: the channel has the same",
    "async_support.parse_funding_rate": "estimates of 2021 and 2023, of which the channel is read",
    "async_support.parse_market": "a spot pair and an option, by themselves",
    "async_support.parse_market_leverage_tiers": "limits of loans against a spot pair",
    "async_support.parse_ohlcv": "a row of a reply that is read as a whole",
    "async_support.parse_open_interest": "rows of replies that are read as a whole, and an option",
    "async_support.parse_trade": "trades of coins against coins, of an option and of an account",
    "pro.handle_funding_rate": "the data of a message, without its channel",
    "pro.handle_ohlcv": "a bar of 2021, which did not say whether it was closed",
    "pro.handle_order_book": "best prices alone: the book has them",
    "pro.handle_ticker": "last prices: bars and trades have them",
    "pro.parse_ws_liquidation": "the data of a message that is read as a whole",
}
COMMENTS_READ = {
    "async_support.fetch_funding_rate_history",
    "async_support.fetch_long_short_ratio_history",
    "async_support.fetch_ohlcv",
    "async_support.fetch_open_interest_history",
    "async_support.fetch_order_book",
    "async_support.fetch_time",
    "async_support.fetch_trades",
    "pro.handle_liquidation",
    "pro.handle_trades",
}

UNI = Instrument("okx", "UNI", "USD", "UNI", 0.001, 10.0)
ETH_BTC = Instrument("okx", "ETH", "BTC", None, 0.00001, 1.0)


@pytest.fixture
def okx(payloads) -> Path:
    return payloads / "okx"


def load(file: Path):
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    return json.loads(file.read_text())


def swap(name):
    named = parse_symbol(name, "okx")
    return Instrument("okx", named.base, named.quote, named.settle, 0.1, 10.0)


def rows_of(*messages, instruments=(LINEAR, INVERSE, SPOT)):
    reader, rows = OkxReader(instruments, "http://okx.test"), RowBuffer("okx")
    for message in messages:
        reader.read(frame(message), rows)
    return {table: plain(found) for table, found in rows.take().items()}


def over_http(parse, raw, instrument, *more):
    rows = RowBuffer("okx")
    raw = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    parse(raw, Asked(instrument, 0, 2**42, 9), *more, rows)
    return [row for found in rows.take().values() for row in plain(found)]


def by_itself(message):
    """Return a message of several trades as the channel that we follow would name it."""
    return message | {"arg": message["arg"] | {"channel": "trades-all"}}


def test_every_file_is_read_or_known_not_to_be_ours(okx):
    assert {file.name for file in okx.iterdir()} == READ | set(NOT_OURS)
    assert not READ & set(NOT_OURS)


def test_messages_that_are_not_ours_pass_without_rows_or_errors(okx):
    names = [name for name in NOT_OURS if name.startswith("nautilus_ws_")]
    assert len(names) == 6
    assert rows_of(*(load(okx / name) for name in names)) == {}


def test_pages_of_bars_give_the_closed_ones(okx):
    assert (
        over_http(
            parse_klines, (okx / "nautilus_http_get_candlesticks.json").read_bytes(), LINEAR, 60_000
        )
        == []
    )
    later, first = over_http(
        parse_klines,
        (okx / "nautilus_http_get_candlesticks_full.json").read_bytes(),
        LINEAR,
        60_000,
    )
    assert (later["event_time"], first["event_time"]) == (1_747_094_100_000, 1_747_094_040_000)
    assert (later["close"], later["volume"]) == (102_820.4, 10.4037)
    assert later["quote_volume"] == 1_069_603.34883
    # A hundredth of a coin is a contract: the first volume of 1040.37 says the same.
    assert later["volume"] == pytest.approx(1_040.37 * LINEAR.contract_size)


def test_settlements_are_what_was_paid(okx):
    raw = (okx / "nautilus_http_get_funding_rate_history.json").read_bytes()
    first, second = over_http(parse_funding, raw, LINEAR)
    assert [first["funding_rate"], second["funding_rate"]] == [-0.00002, 0.00015]
    assert (first["interval_hours"], second["interval_hours"]) == (None, 8)


def test_listings_hold_swaps_with_their_sizes_and_no_contract_with_an_expiry(okx):
    for name in ("nautilus_http_get_instruments_swap.json", "v5_public_instruments_swap.json"):
        found = parse_instruments((okx / name).read_bytes())
        assert {one.symbol: one.contract_size for one in found} == {
            "BTC/USD:BTC": 100,
            "ETH/USDT:USDT": 0.1,
            "BTC/USDT:USDT": 0.01,
        }
    assert (
        parse_instruments((okx / "nautilus_http_get_instruments_futures.json").read_bytes()) == ()
    )


def test_limits_of_loans_are_no_brackets_of_a_contract(okx):
    tiers = (okx / "nautilus_http_get_position_tiers.json").read_bytes()
    mark = (okx / "nautilus_http_get_mark_price.json").read_bytes()
    rows = RowBuffer("okx")
    parse_position_tiers(b'{"tiers":' + tiers + b',"mark":' + mark + b"}", LINEAR, 9, rows)
    assert not len(rows)


def test_trades_over_http_are_read_with_the_takers_side(okx):
    raw = (okx / "nautilus_http_get_trades.json").read_bytes()
    rows = over_http(parse_trades, raw, SPOT)
    assert [(row["amount"], row["taker_side"]) for row in rows] == [
        (0.00013669, "sell"),
        (0.0000125, "buy"),
    ]


def test_a_snapshot_over_http_is_read_and_needs_changes_to_stand_on(okx):
    reader, rows = OkxReader((SPOT,), "http://okx.test"), RowBuffer("okx")
    raw = (okx / "nautilus_http_get_order_book.json").read_bytes()
    assert reader.read(frame(raw, "rest:books:BTC-USDT", "response"), rows) == ()
    assert not len(rows)


def test_a_book_is_its_snapshot_and_the_change_that_follows_it(okx):
    found = rows_of(
        load(okx / "nautilus_ws_books_snapshot.json"), load(okx / "nautilus_ws_books_update.json")
    )["order_book"]
    assert len(found) == 16, "the second is of the same moment, and one is kept a second"
    assert (found[0]["side"], found[0]["price"], found[0]["amount"]) == ("bid", 8476.97, 256)


def test_the_documented_estimate_of_funding(okx):
    (row,) = rows_of(load(okx / "nautilus_ws_funding_rate.json"))["funding"]
    assert (row["funding_rate"], row["interval_hours"]) == (0.0001, 8)


def test_trades_several_to_one_pass_and_have_the_shape_of_single_ones(okx):
    told = load(okx / "gct_wsAllTrades.jsonl")
    assert rows_of(*told) == {}
    rows = rows_of(*map(by_itself, told))["trades"]
    assert [(row["price"], row["taker_side"]) for row in rows] == [
        (95_634.9, "buy"),
        (95_635.3, "sell"),
    ]


def test_a_session_of_2022_gives_its_trades_and_its_books_are_refused_for_want_of_numbers(okx):
    reader, rows = OkxReader((UNI, SPOT), "http://okx.test"), RowBuffer("okx")
    refused: list[str] = []
    passed = 0
    for line in (okx / "cryptofeed_OKX.ws.1.0.txt").read_text().splitlines():
        head, _, body = line.partition(": ")
        if head.startswith("wss:"):  # what the recorder opened and said
            continue
        message = json.loads(body)
        if message.get("arg", {}).get("channel") == "trades":
            message = by_itself(message)
        try:
            reader.read(frame(message), rows)
            passed += 1
        except FrameError as error:
            refused.append(error.problem)
    # Of 290 books those of a contract with an expiry are not ours; the rest have a checksum only.
    assert (len(refused), passed) == (191, 219)
    assert all("seqId" in problem for problem in refused)
    trades = plain(rows.take()["trades"])
    assert len(trades) == 70
    (uni,) = [row for row in trades if row["symbol"] == "UNI/USD:UNI"]
    assert uni["amount"] == pytest.approx(100 * 10 / 5.123)
    assert uni["taker_side"] == "sell"


def test_recorded_messages_of_five_years_are_read_or_not_ours(okx):
    listed = [message["message"] for message in load(okx / "tardis_ws_okx_swap_futures.json")]
    ended = [message for message in listed if "table" in message]
    assert (len(listed), len(ended)) == (51, 27)  # the third version of the interface ended in 2021
    for message in ended:
        with pytest.raises(FrameError, match="neither a channel nor an answer"):
            rows_of(message)
    followed = [message for message in listed if "table" not in message]
    channels = {message["arg"]["channel"] for message in followed if "event" not in message}
    assert channels - set(NOT_OUR_CHANNELS) == {
        "funding-rate",
        "open-interest",
        "liquidation-orders",
    }
    for message in followed:
        channel = message["arg"]["channel"]
        if channel in NOT_OUR_CHANNELS or "event" in message:
            assert rows_of(message, instruments=(LINEAR, swap("WNCG-USDT-SWAP"))) == {}


def of_channel(okx, channel, kind="SWAP"):
    for message in load(okx / "tardis_ws_okx_swap_futures.json"):
        body = message["message"]
        if body.get("arg", {}).get("channel") == channel and "event" not in body:
            name = body["arg"].get("instId", "")
            if kind in (name.rpartition("-")[2], body["arg"].get("instType")):
                yield body


def test_recorded_open_interest_is_one_sided_in_coins(okx):
    (message,) = of_channel(okx, "open-interest")
    (row,) = rows_of(message, instruments=(swap("WNCG-USDT-SWAP"),))["open_interest"]
    assert (row["open_interest"], row["event_time"]) == (644_195, 1_640_131_258_756)


def test_estimates_of_2021_bear_no_time_and_are_refused(okx):
    names = ("WNCG-USDT-SWAP", "SOS-USDT-SWAP")
    found = list(of_channel(okx, "funding-rate"))
    assert [message["arg"]["instId"] for message in found] == list(names)
    for message in found:
        with pytest.raises(FrameError, match=r"fundingRate|`ts`"):
            rows_of(message, instruments=[swap(name) for name in names])


def test_a_recorded_estimate_of_2026_has_the_fields_of_ours(okx):
    message = next(of_channel(okx, "funding-rate", "310404"))
    assert rows_of(message) == {}, "a contract with an expiry is not ours"
    ours = message | {"arg": message["arg"] | {"instId": "BTC-USD-SWAP"}}
    (row,) = rows_of(ours)["funding"]
    assert (row["funding_rate"], row["interval_hours"]) == (-0.0004270396398519, 8)
    assert row["event_time"] == 1_785_870_855_692


def test_a_recorded_liquidation_of_a_short_is_one_whatever_it_is_of(okx):
    (message,) = of_channel(okx, "liquidation-orders", "FUTURES")
    assert rows_of(message) == {}, "a contract with an expiry is not ours"
    data = [one | {"instId": "XRP-USD-SWAP"} for one in message["data"]]
    xrp = Instrument("okx", "XRP", "USD", "XRP", 0.0001, 10.0)
    (row,) = rows_of(message | {"data": data}, instruments=(xrp,))["liquidations"]
    assert (row["side"], row["price_kind"], row["price"]) == ("short", "bankruptcy", 0.55205)
    assert row["notional_usd"] == 390
    assert row["amount"] == pytest.approx(390 / 0.55205)


def test_every_comment_is_read_or_known_not_to_be_ours(okx):
    found = set(load(okx / "ccxt_comment_payloads.json"))
    assert found == COMMENTS_READ | set(COMMENTS_NOT_OURS)


def test_the_liquidation_in_a_comment_is_of_a_short(okx):
    (message,) = load(okx / "ccxt_comment_payloads.json")["pro.handle_liquidation"]
    iost = Instrument("okx", "IOST", "USDT", "USDT", 0.000001, 1000.0)
    (row,) = rows_of(message, instruments=(iost,))["liquidations"]
    assert (row["side"], row["amount"], row["price"]) == ("short", 13_000, 0.007831)
    assert row["event_time"] == 1_692_266_434_010


def test_trades_in_comments_are_read(okx):
    comments = load(okx / "ccxt_comment_payloads.json")
    bare, message = comments["pro.handle_trades"]
    assert isinstance(bare, list), "the data of a message, without its channel"
    (row,) = rows_of(message)["trades"]
    assert (row["symbol"], row["amount"], row["taker_side"]) == ("BTC/USDT", 0.12060306, "buy")
    page, options = comments["async_support.fetch_trades"]
    rows = over_http(parse_trades, page, ETH_BTC)
    assert [row["taker_side"] for row in rows] == ["sell", "sell", "buy"]
    assert "optType" in options["data"][0], "options are not ours"


def test_pages_in_comments_are_read(okx):
    comments = load(okx / "ccxt_comment_payloads.json")
    (bars,) = comments["async_support.fetch_ohlcv"]
    rows = over_http(parse_klines, bars, INVERSE, 60_000)
    assert [(row["volume"], row["quote_volume"]) for row in rows] == [
        (10.5401, 256_500),
        (13.5937, 330_400),
    ]
    interest, by_coin = comments["async_support.fetch_open_interest_history"]
    (row,) = over_http(parse_open_interest, interest, LINEAR)
    assert (row["open_interest"], row["event_time"]) == (28_006.5419, 1_790_550_000_000)
    assert len(by_coin[0]) == 3, "a sum over all contracts of a coin, which is not asked for"
    (ratios,) = comments["async_support.fetch_long_short_ratio_history"]
    rows = over_http(parse_account_ratio, ratios, LINEAR)
    assert [row["ratio"] for row in rows] == [0.9398602814619824] * 3
    (settled,) = comments["async_support.fetch_funding_rate_history"]
    rows = over_http(parse_funding, settled, LINEAR)
    assert [row["funding_rate"] for row in rows] == [0.017, 0.017]
    (clock,) = comments["async_support.fetch_time"]
    assert parse_time(json.dumps(clock).encode()) == 1_621_247_923_668
    (book,) = comments["async_support.fetch_order_book"]
    reader = OkxReader((ETH_BTC,), "http://okx.test")
    body = frame(book, "rest:books:ETH-BTC", "response")
    assert reader.read(body, RowBuffer("okx")) == ()

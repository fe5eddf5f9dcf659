"""Every recorded or documented message of Bybit: the rows it gives, or why it is not ours."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.unit.venues.bybit.hand_written import MINUTE, frame, plain

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.venues.bybit.parse_history import (
    Asked,
    parse_account_ratio,
    parse_funding,
    parse_klines,
    parse_open_interest,
    parse_recent_trades,
    parse_reference_klines,
)
from forcedflow.venues.bybit.parse_listing import (
    parse_cursor,
    parse_instruments,
    parse_risk_limits,
    parse_time,
)
from forcedflow.venues.bybit.reader import BybitReader
from forcedflow.venues.row_buffer import RowBuffer

pytestmark = pytest.mark.payloads

SYMBOLS = ("BTCUSD", "ETHUSD", "XRPUSD", "BTCUSDT", "BTCPERP", "LTCUSDT", "AAVEUSDT")
CONTRACTS = tuple(
    parse_symbol(name, "bybit") for name in (*SYMBOLS, "GALAUSDT", "ROSEUSDT", "PIPPINUSDT")
)
SPOT = Instrument("bybit", "BTC", "USDT", None)
LINEAR, INVERSE = parse_symbol("BTCUSDT", "bybit"), parse_symbol("BTCUSD", "bybit")

NOT_OURS = {
    "doc_adlAlert.json": "insurance fund and auto-deleveraging: no table holds them",
    "doc_ws_adlAlert.json": "insurance fund and auto-deleveraging: no table holds them",
    "doc_insurance.json": "insurance fund: no table holds it",
    "doc_ws_insurance.json": "insurance fund: no table holds it",
    "doc_price-limit.json": "bounds of order prices: no table holds them",
    "doc_tickers.json": "the ticker over HTTP: the stream has the same, as it changes",
    "doc_ws_tickers.json": "options and spot: neither has open interest or funding for us",
    "nautilus_ws_subscription_ack.json": "an answer to a subscription",
}
"""Whole files that give no rows. Where they are websocket messages, the reader lets them pass."""

READ = {
    "ccxt_comment_payloads.json",
    "doc_account-ratio.json",
    "doc_funding-history.json",
    "doc_instruments-info.json",
    "doc_kline.json",
    "doc_mark-price-kline.json",
    "doc_open-interest.json",
    "doc_orderbook.json",
    "doc_recent-trade.json",
    "doc_risk-limit.json",
    "doc_ws_allLiquidation.json",
    "doc_ws_kline.json",
    "doc_ws_orderbook.json",
    "doc_ws_publicTrade.json",
    "gct_wsTicker.jsonl",
    "nautilus_http_get_funding_history.json",
    "nautilus_http_get_instruments_inverse.json",
    "nautilus_http_get_instruments_inverse_symbol_type.json",
    "nautilus_http_get_instruments_linear.json",
    "nautilus_http_get_instruments_linear_symbol_type.json",
    "nautilus_http_get_klines_linear.json",
    "nautilus_http_get_orderbook.json",
    "nautilus_http_get_trades_recent.json",
    "nautilus_ws_kline.json",
    "nautilus_ws_orderbook_delta.json",
    "nautilus_ws_orderbook_snapshot.json",
    "nautilus_ws_public_trade.json",
    "nautilus_ws_subscription_failure.json",
    "nautilus_ws_ticker_linear.json",
    "tardis_ws_bybit.json",
    "v5_market_instruments-info_linear.json",
    "ws_allLiquidation_frames.json",
    "ws_allLiquidation_recorded.json",
}

# Topics of the interfaces before v5, which ended in 2023, and of old liquidations, ended in 2025.
ENDED = re.compile(r"^(instrument_info|orderBookL2_25|orderBook_200|trade|liquidation)\.")


@pytest.fixture
def bybit(payloads) -> Path:
    return payloads / "bybit"


def load(file: Path):
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    return json.loads(file.read_text())


def connection(name: str) -> str:
    symbol = name.rpartition(".")[2]
    kind = "inverse" if symbol.endswith("USD") else "linear"
    return f"{kind}-book:1" if name.startswith("orderbook.") else f"{kind}:1"


def deepest(message):
    """Return a book's message as the stream that we follow would name it."""
    return message | {"topic": re.sub(r"^orderbook\.\d+\.", "orderbook.1000.", message["topic"])}


def rows_of(*messages, as_connection=None):
    reader, rows = BybitReader((*CONTRACTS, SPOT), "http://bybit.test"), RowBuffer("bybit")
    for message in messages:
        name = as_connection or connection(message.get("topic", ""))
        reader.read(frame(message, name), rows)
    return {table: plain(found) for table, found in rows.take().items()}


def a_minute_later(message):
    return message | {"type": "delta", "data": {}, "ts": message["ts"] + MINUTE}


def over_http(parse, body, instrument, *more, **options):
    rows = RowBuffer("bybit")
    parse(json.dumps(body).encode(), Asked(instrument, 0, 2**42, 9), *more, rows, **options)
    return [row for found in rows.take().values() for row in plain(found)]


def test_every_file_is_read_or_known_not_to_be_ours(bybit):
    assert {file.name for file in bybit.iterdir()} == READ | set(NOT_OURS)
    assert not READ & set(NOT_OURS)


def test_messages_that_are_not_ours_pass_without_rows_or_errors(bybit):
    for name in NOT_OURS:
        found = load(bybit / name)
        for message in found if isinstance(found, list) else [found]:
            if "topic" in message or "op" in message:
                assert rows_of(message) == {}, name


# Liquidations -----------------------------------------------------------------------------------


def test_the_documented_liquidation_is_of_a_short(bybit):
    (row,) = rows_of(load(bybit / "doc_ws_allLiquidation.json"))["liquidations"]
    assert (row["symbol"], row["side"], row["amount"]) == ("ROSE/USDT:USDT", "short", 20_000.0)
    assert (row["price"], row["price_kind"]) == (0.04499, "bankruptcy")
    assert row["notional_usd"] == pytest.approx(899.8)
    assert row["event_time"] == row["available_time"] == 1_739_502_302_929


def test_the_recorded_batches_of_liquidations(bybit):
    frames = load(bybit / "ws_allLiquidation_frames.json")
    rows = rows_of(frames["multi"])["liquidations"]
    assert [row["event_id"] for row in rows] == ["", "2", "3"]
    tardis = load(bybit / "tardis_ws_bybit.json")[52]["message"]
    single = [*frames["recorded"], *load(bybit / "ws_allLiquidation_recorded.json"), tardis]
    assert len(single) == 3
    for message in single:
        (row,) = rows_of(message)["liquidations"]
        assert (row["side"], row["amount"], row["price"]) == ("short", 2_846.0, 0.02456)


# Trades, bars, books ----------------------------------------------------------------------------


def test_recorded_trades(bybit):
    tardis = [entry["message"] for entry in load(bybit / "tardis_ws_bybit.json")]
    inverse = rows_of(tardis[38])["trades"]
    assert [row["amount"] for row in inverse] == pytest.approx(
        [5823 / 28560.5, 3 / 28560.5, 5593 / 28560.5]
    )
    assert {row["taker_side"] for row in inverse} == {"buy"}
    (linear,) = rows_of(tardis[39])["trades"]
    assert (linear["symbol"], linear["amount"], linear["price"]) == ("LTC/USDT:USDT", 0.4, 94.53)
    (documented,) = rows_of(load(bybit / "doc_ws_publicTrade.json"))["trades"]
    assert (documented["trade_id"][:8], documented["amount"]) == ("20f43950", 0.001)


def test_a_trade_under_a_topic_that_does_not_exist_is_read_under_its_own(bybit):
    message = load(bybit / "nautilus_ws_public_trade.json")
    assert message["topic"] == "trade.linear.BTCUSDT"
    assert rows_of(message) == {}
    (row,) = rows_of(message | {"topic": "publicTrade.BTCUSDT"})["trades"]
    assert (row["price"], row["amount"], row["taker_side"]) == (27_451.0, 0.01, "buy")


@pytest.mark.parametrize("name", ["doc_ws_kline.json", "nautilus_ws_kline.json"])
def test_the_documented_bar_is_under_way_and_closes_at_its_end(bybit, name):
    message = load(bybit / name)
    assert rows_of(message) == {}
    message["data"][0]["confirm"] = True
    (row,) = rows_of(message)["klines"]
    assert (row["event_time"], row["interval_ms"]) == (1_672_325_100_000, 5 * MINUTE)
    assert (row["close"], row["volume"], row["quote_volume"]) == (16_677.0, 2.081, 34_666.4005)


def test_recorded_books_have_the_shape_of_the_deepest(bybit):
    tardis = [entry["message"] for entry in load(bybit / "tardis_ws_bybit.json")]
    documented = load(bybit / "doc_ws_orderbook.json")
    recorded = [
        tardis[40],
        tardis[42],
        documented[0],
        load(bybit / "nautilus_ws_orderbook_snapshot.json"),
    ]
    best = []
    for message in recorded:
        assert rows_of(message) == {}, "another depth has another sequence"
        levels = rows_of(deepest(message))["order_book"]
        best.append([(row["price"], row["amount"]) for row in levels if row["level"] == 0])
    assert best == [
        [(28_552.0, 0.047), (28_552.1, 25.433)],
        [(28_555.2, 0.597), (28_555.3, 0.225)],
        [(16_493.5, 0.006), (16_611.0, 0.029)],
        [(27_450.0, 0.5), (27_451.0, 0.75)],
    ]


def test_recorded_changes_follow_their_snapshots(bybit):
    tardis = [entry["message"] for entry in load(bybit / "tardis_ws_bybit.json")]
    nautilus = [
        load(bybit / f"nautilus_ws_orderbook_{kind}.json") for kind in ("snapshot", "delta")
    ]
    reader, rows = BybitReader(CONTRACTS, "http://bybit.test"), RowBuffer("bybit")
    for message in (*map(deepest, tardis[40:44]), *map(deepest, nautilus)):
        assert reader.read(frame(message, "linear-book:1"), rows) == ()
    assert reader.gaps == 0


def test_recorded_changes_without_their_snapshot_ask_for_one(bybit):
    alone = [
        load(bybit / "tardis_ws_bybit.json")[51]["message"],
        load(bybit / "doc_ws_orderbook.json")[1],
    ]
    for message in alone:
        reader, rows = BybitReader(CONTRACTS, "http://bybit.test"), RowBuffer("bybit")
        (request,) = reader.read(frame(deepest(message), "linear-book:1"), rows)
        assert request.connection == "rest:orderbook:linear:BTCUSDT"


# Tickers ----------------------------------------------------------------------------------------


def test_recorded_tickers_of_perpetuals(bybit):
    tardis = [entry["message"] for entry in load(bybit / "tardis_ws_bybit.json")]
    inverse = rows_of(tardis[44], tardis[45], a_minute_later(tardis[45]))
    (interest,) = inverse["open_interest"]
    # 449,736,674 dollars of both sides at a mark of 28,560.
    assert interest["open_interest_usd"] == 449_736_674 / 2
    assert interest["open_interest"] == pytest.approx(15_747.08 / 2, rel=1e-6)
    assert inverse["funding"][0]["funding_rate"] == 0.0001

    linear = rows_of(tardis[48], a_minute_later(tardis[48]))
    assert linear["open_interest"][0]["open_interest"] == 52_774.528 / 2
    assert linear["open_interest"][0]["open_interest_usd"] == pytest.approx(1_506_861_070.82 / 2)

    nautilus = load(bybit / "nautilus_ws_ticker_linear.json")
    (funding,) = rows_of(nautilus, a_minute_later(nautilus))["funding"]
    assert (funding["funding_rate"], funding["interval_hours"]) == (-0.000212, 8.0)


def test_recorded_tickers_of_futures_are_not_ours(bybit):
    tardis = [entry["message"] for entry in load(bybit / "tardis_ws_bybit.json")]
    assert rows_of(tardis[46], tardis[47], a_minute_later(tardis[47])) == {}


def test_recorded_changes_of_tickers(bybit):
    spot, option, *perpetuals = load(bybit / "gct_wsTicker.jsonl")
    assert rows_of(spot) == rows_of(option) == {}
    interests = {}
    for snapshot, change in zip(perpetuals[::2], perpetuals[1::2], strict=True):
        found = rows_of(snapshot, change, a_minute_later(snapshot))["open_interest"]
        interests[found[0]["symbol"]] = found[0]["open_interest"]
    assert interests == {
        "BTC/USDT:USDT": 58_117.022 / 2,
        "BTC/USDC:USDC": 526.806 / 2,
        "BTC/USD:BTC": pytest.approx(931_760_496 / 61_894 / 2),
    }


# What has ended ---------------------------------------------------------------------------------


def test_recorded_messages_of_interfaces_that_ended_pass_without_rows(bybit):
    entries = [entry["message"] for entry in load(bybit / "tardis_ws_bybit.json")]
    ours = {38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 51, 52}
    for number, message in enumerate(entries):
        if number not in ours:
            assert "success" in message or ENDED.match(message["topic"]), message
            assert rows_of(message) == {}


def test_the_recorded_refusal_of_a_subscription_is_an_error(bybit):
    with pytest.raises(FrameError, match=r"Invalid topic: invalid\.topic\.BTCUSDT"):
        rows_of(load(bybit / "nautilus_ws_subscription_failure.json"))


# Over HTTP --------------------------------------------------------------------------------------


def test_documented_bars(bybit):
    rows = over_http(parse_klines, load(bybit / "doc_kline.json"), INVERSE, 60 * MINUTE)
    assert [row["event_time"] for row in rows] == [
        1_670_612_400_000,
        1_670_608_800_000,
        1_670_605_200_000,
    ]
    # 268,611 dollars were 15.74 coins.
    assert (rows[0]["volume"], rows[0]["quote_volume"]) == (15.74462667, 268_611.0)
    (row,) = over_http(
        parse_reference_klines,
        load(bybit / "doc_mark-price-kline.json"),
        LINEAR,
        "mark",
        15 * MINUTE,
    )
    assert (row["price_type"], row["open"], row["volume"]) == ("mark", 17_164.16, None)


def test_a_bar_that_the_venues_clock_has_not_closed_is_none(bybit):
    body = load(bybit / "nautilus_http_get_klines_linear.json")
    assert over_http(parse_klines, body, LINEAR, MINUTE) == []
    body["time"] += MINUTE
    (row,) = over_http(parse_klines, body, LINEAR, MINUTE)
    assert (row["close"], row["volume"], row["quote_volume"]) == (27_455.0, 123.45, 3_390_000.0)


def test_documented_open_interest_is_one_sided(bybit):
    rows = over_http(parse_open_interest, load(bybit / "doc_open-interest.json"), INVERSE, {})
    assert [row["open_interest_usd"] for row in rows] == [
        31_955_346.0,
        31_955_346.0,
        31_955_346.0,
        31_971_156.0,
        31_971_156.0,
    ]
    assert {row["available_time"] - row["event_time"] for row in rows} == {5 * MINUTE}


def test_documented_settlements(bybit):
    (row,) = over_http(
        parse_funding, load(bybit / "doc_funding-history.json"), parse_symbol("ETHPERP", "bybit")
    )
    assert (row["symbol"], row["funding_rate"]) == ("ETH/USDC:USDC", 0.0001)
    rows = over_http(parse_funding, load(bybit / "nautilus_http_get_funding_history.json"), LINEAR)
    assert [(row["funding_rate"], row["interval_hours"]) for row in rows] == [
        (0.00015, None),
        (0.0001, 8.0),
    ]


def test_documented_ratios_of_accounts(bybit):
    body = load(bybit / "doc_account-ratio.json")
    rows = over_http(parse_account_ratio, body, LINEAR)
    assert [row["ratio"] for row in rows] == pytest.approx([0.49 / 0.51, 0.4927 / 0.5073])
    assert parse_cursor(json.dumps(body).encode()) == "lastid%3D0%26lasttime%3D1696258800"


def test_documented_recent_trades(bybit):
    (row,) = over_http(parse_recent_trades, load(bybit / "doc_recent-trade.json"), SPOT)
    assert (row["symbol"], row["amount"], row["taker_side"]) == ("BTC/USDT", 0.00012, "buy")
    body = load(bybit / "nautilus_http_get_trades_recent.json")
    (row,) = over_http(parse_recent_trades, body, LINEAR)
    assert (row["trade_id"][:8], row["price"]) == ("a905d5c3", 27_450.5)


@pytest.mark.parametrize("name", ["doc_orderbook.json", "nautilus_http_get_orderbook.json"])
def test_documented_snapshots_heal_a_book(bybit, name):
    body = load(bybit / name)
    update = body["result"]["u"]
    change = {
        "topic": "orderbook.1000.BTCUSDT",
        "type": "delta",
        "ts": body["time"],
        "data": {"s": "BTCUSDT", "b": [], "a": [], "u": update + 1},
    }
    reader, rows = BybitReader((LINEAR,), "http://bybit.test"), RowBuffer("bybit")
    reader.read(frame(change, "linear-book:1"), rows)
    reader.read(frame(body, "rest:orderbook:linear:BTCUSDT", "response"), rows)
    reader.read(frame(change | {"data": change["data"] | {"u": update + 2}}, "linear-book:1"), rows)
    sides = [row["side"] for row in plain(rows.take()["order_book"])]
    assert len(sides) == len(body["result"]["b"]) + len(body["result"]["a"])


def test_documented_risk_limits_are_in_percent(bybit):
    rows = RowBuffer("bybit")
    parse_risk_limits((bybit / "doc_risk-limit.json").read_bytes(), INVERSE, 9, rows)
    (row,) = plain(rows.take()["leverage_brackets"])
    assert (row["notional_cap"], row["max_leverage"]) == (150.0, 100.0)
    assert (row["maintenance_margin_rate"], row["maintenance_amount"]) == (0.005, 0.0)


@pytest.mark.parametrize(
    ("name", "kind", "symbols"),
    [
        ("v5_market_instruments-info_linear.json", "linear", ["BTC/USDT:USDT", "ETH/USDT:USDT"]),
        ("nautilus_http_get_instruments_linear.json", "linear", ["BTC/USDT:USDT", "ETH/USDT:USDT"]),
        ("nautilus_http_get_instruments_linear_symbol_type.json", "linear", ["TSLA/USDT:USDT"]),
        ("nautilus_http_get_instruments_inverse.json", "inverse", ["BTC/USD:BTC"]),
        ("nautilus_http_get_instruments_inverse_symbol_type.json", "inverse", ["BRENT/USD:BRENT"]),
    ],
)
def test_recorded_listings(bybit, name, kind, symbols):
    found = parse_instruments((bybit / name).read_bytes(), kind)
    assert [instrument.symbol for instrument in found] == symbols
    assert all(instrument.tick_size for instrument in found)


def test_documented_listings_of_options_and_spot(bybit):
    options, spot = load(bybit / "doc_instruments-info.json")
    assert parse_instruments(json.dumps(options).encode(), "linear") == ()
    (pair,) = parse_instruments(json.dumps(spot).encode(), "spot")
    assert (pair.symbol, pair.tick_size) == ("BTC/USDT", 0.1)


# Replies quoted in a client's source ------------------------------------------------------------


QUOTED_NOT_OURS = {
    "async_support.parse_ohlcv": "one bar outside its reply, with seconds of an older interface",
    "async_support.parse_funding_rate": "a ticker over HTTP, outside its reply",
    "async_support.fetch_funding_rates": "the ticker over HTTP: the stream has the same",
    "async_support.parse_trade": "an execution of an account, or a trade outside its reply",
    "async_support.parse_open_interest": "one value outside its reply, as the client keeps it",
    "async_support.parse_liquidation": "an execution of an account",
    "async_support.parse_market_leverage_tiers": "brackets outside their reply",
    "async_support.parse_long_short_ratio": "one ratio outside its reply",
    "pro.parse_ws_trade": "a trade outside its message, or of an older interface",
    "pro.parse_ws_liquidation": "a liquidation outside its message",
}


def test_quoted_replies_give_the_rows_of_documented_ones(bybit):
    quoted = load(bybit / "ccxt_comment_payloads.json")
    left = dict(quoted)
    for name in QUOTED_NOT_OURS:
        del left[name]

    def take(name):
        (body,) = left.pop(f"async_support.{name}")
        return body

    # An older reply wrote its numbers as text.
    assert parse_time(json.dumps(take("fetch_time")).encode()) == 1_666_879_482_792
    listed = parse_instruments(json.dumps(take("fetch_future_markets")).encode(), "linear")
    assert [one.tick_size for one in listed] == [0.5]
    assert len(over_http(parse_klines, take("fetch_ohlcv"), INVERSE, 60 * MINUTE)) == 3
    body = take("fetch_funding_rate_history")
    assert len(over_http(parse_funding, body, parse_symbol("ETHPERP", "bybit"))) == 1
    assert len(over_http(parse_recent_trades, take("fetch_trades"), SPOT)) == 1
    for name in ("fetch_derivatives_open_interest_history", "fetch_open_interest"):
        rows = over_http(parse_open_interest, take(name), INVERSE, {1_669_571_400_000: 16_000.0})
        # Both sides, of before one side was stated.
        assert [row["open_interest_usd"] for row in rows] == [461_134_384 / 2, 461_134_292 / 2]
        assert [row["open_interest"] for row in rows] == [461_134_384 / 2 / 16_000, None]
    rows = over_http(parse_account_ratio, take("fetch_long_short_ratio_history"), LINEAR)
    assert [row["ratio"] for row in rows] == pytest.approx([0.5707 / 0.4293])
    rows = RowBuffer("bybit")
    tiers = json.dumps(take("fetch_derivatives_market_leverage_tiers")).encode()
    parse_risk_limits(tiers, INVERSE, 9, rows)
    assert len(rows) == 1
    assert take("fetch_order_book")["result"]["u"] == 5_277_055

    counts = {}
    for name, messages in left.items():
        assert name.startswith("pro.handle_")
        counts[name] = [rows_of(message) for message in messages]
    assert [list(rows) for rows in counts.pop("pro.handle_trades")] == [["trades"]]
    gone, printed = counts.pop("pro.handle_liquidation")
    assert gone == {}
    assert printed["liquidations"][0]["side"] == "short"
    # A bar under way, a book of another depth, and tickers, which speak at the next minute.
    assert {name: [rows for rows in found if rows] for name, found in counts.items()} == {
        "pro.handle_ticker": [],
        "pro.handle_ohlcv": [],
        "pro.handle_order_book": [],
    }
    perpetual = left["pro.handle_ticker"][0]
    (row,) = rows_of(perpetual, a_minute_later(perpetual))["open_interest"]
    assert row["open_interest"] == 68_744.761 / 2

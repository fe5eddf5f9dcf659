"""Every recorded frame of Hyperliquid becomes the rows stated here or is named as not ours."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from tests.unit.venues.hyperliquid.hyperliquid_frames import ROOT, raw, read

from forcedflow.store.raw_log import Frame
from forcedflow.venues.hyperliquid import parse, parse_accounts
from forcedflow.venues.hyperliquid.reader import HyperliquidReader
from forcedflow.venues.hyperliquid.spec import instrument
from forcedflow.venues.hyperliquid.wallets import WalletBook
from forcedflow.venues.row_buffer import RowBuffer

pytestmark = pytest.mark.payloads

COINS = tuple(map(instrument, ("BTC", "ETH", "FXS", "SOL", "DYDX", "kPEPE", "BANANA", "MOODENG")))
SYMBOLS = {coin.venue_symbol: coin.symbol for coin in COINS}
NOW = 1_800_000_000_000

NOT_OURS = {
    "nautilus_http_all_perp_metas_non_usdc_collateral.json": "other exchanges' perpetuals",
    "nautilus_ws_all_dexs_asset_ctxs.json": "states without the names of their coins",
    "nautilus_ws_allmids.json": "mid prices, which books give",
    "sdk_get_all_mids.json": "mid prices, which books give",
    "sdk_user_funding_history_with_end_time.json": "funding paid by one account",
    "sdk_user_funding_history_without_end_time.json": "funding paid by one account",
}

NOT_OURS_IN_COMMENTS = {
    "async_support.parse_funding_rate": "a coin's listing and state merged by another library",
    "async_support.parse_ohlcv": "one bar of an answer that is read whole",
    "async_support.parse_trade": "one fill of an answer that is read whole",
    "async_support.fetch_funding_history": "funding paid by one account",
    "pro.parse_ws_trade": "one trade of a message that is read whole",
    "pro.handle_order_book_unsubscription": "our own side of the conversation",
}

READ_HERE = {
    "ccxt_comment_payloads.json",
    "nautilus_http_clearinghouse_state_negative_total_raw_usd.json",
    "nautilus_http_funding_history.json",
    "nautilus_http_l2_book_btc.json",
    "nautilus_http_l2_book_snapshot.json",
    "nautilus_http_meta_perp_sample.json",
    "nautilus_http_recent_trades_btc.json",
    "nautilus_ws_book_data.json",
    "nautilus_ws_user_fill_liquidation.json",
    "sdk_get_candles_snapshot.json",
    "sdk_get_funding_history_1684811870000_.json",
    "sdk_get_funding_history_None_.json",
    "sdk_get_info.json",
    "sdk_get_l2_snapshot.json",
    "sdk_get_user_fills.json",
    "sdk_get_user_state.json",
    "tardis_ws_hyperliquid.json",
}


@pytest.fixture
def load(payloads):
    return lambda name: json.loads((payloads / "hyperliquid" / name).read_text(encoding="utf-8"))


@pytest.fixture
def cassette(load):
    """Return the answer of a recorded conversation to one type of question."""
    return lambda name, asked: next(
        one["response"] for one in load(name) if one["request"]["type"] == asked
    )


def _streamed(value, at_ms=NOW, connection="market"):
    return Frame(at_ms * 1_000_000, connection, "message", raw(value))


def _answered(name, value):
    return Frame(NOW * 1_000_000, f"rest:{name}", "response", raw(value))


def _reader():
    return HyperliquidReader(ROOT, COINS, WalletBook())


def _rows(parse_into):
    rows = RowBuffer("hyperliquid")
    parse_into(rows)
    return {table: frame.to_dicts() for table, frame in rows.take().items()}


def test_every_recorded_file_is_read_or_named_as_not_ours(payloads):
    files = {path.name for path in (payloads / "hyperliquid").iterdir()}
    assert files == READ_HERE | NOT_OURS.keys()


def test_every_recorded_comment_is_read_or_named_as_not_ours(load):
    read_below = {
        "async_support.fetch_swap_markets",
        "async_support.fetch_funding_rates",
        "async_support.fetch_order_book",
        "async_support.fetch_ohlcv",
        "async_support.fetch_trades",
        "async_support.fetch_funding_rate_history",
        "pro.handle_order_book",
        "pro.handle_trades",
    }
    assert load("ccxt_comment_payloads.json").keys() == read_below | NOT_OURS_IN_COMMENTS.keys()


@pytest.mark.parametrize(
    "name", ["nautilus_ws_all_dexs_asset_ctxs.json", "nautilus_ws_allmids.json"]
)
def test_channels_that_are_not_ours_give_nothing(load, name):
    assert read(_reader(), _streamed(load(name))) == ({}, [])


def test_streamed_frames_of_october_2024_and_june_2025(load):
    own, found = _reader(), []
    for entry in load("tardis_ws_hyperliquid.json"):
        message = entry["message"]
        rows, requests = read(own, _streamed(message))
        assert requests == []
        found.append((message["channel"], {table: len(kept) for table, kept in rows.items()}))
    assert found == [
        ("trades", {"trades": 1}),
        ("trades", {"trades": 1}),
        ("trades", {"trades": 3}),
        ("trades", {"trades": 1}),
        ("l2Book", {}),  # SHIA, which is not followed
        ("l2Book", {"order_book": 4}),
        ("activeAssetCtx", {"open_interest": 1, "funding": 1}),
        ("activeSpotAssetCtx", {}),
        ("bbo", {}),
        ("bbo", {}),
    ]


def test_recorded_trades_keep_their_takers_and_sizes(load):
    entries = load("tardis_ws_hyperliquid.json")
    rows, _ = read(_reader(), *(_streamed(entries[n]["message"]) for n in (0, 2)))
    assert [(r["symbol"], r["taker_side"], r["price"], r["amount"]) for r in rows["trades"]] == [
        ("FXS/USDC:USDC", "sell", 1.9008, 10.5),
        ("BTC/USDC:USDC", "buy", 69997.0, 0.38111),
        ("BTC/USDC:USDC", "buy", 69997.0, 0.33458),
        ("BTC/USDC:USDC", "buy", 69997.0, 0.83613),
    ]


def test_recorded_open_interest_is_halved_and_valued_at_the_mark(load):
    (entry,) = (
        entry["message"]
        for entry in load("tardis_ws_hyperliquid.json")
        if entry["message"]["channel"] == "activeAssetCtx"
    )
    rows, _ = read(_reader(), _streamed(entry))
    (interest,), (funding,) = rows["open_interest"], rows["funding"]
    assert interest["open_interest"] == 9_308_730.0
    assert interest["open_interest_usd"] == pytest.approx(9_308_730.0 * 0.19963)
    assert (funding["kind"], funding["funding_rate"]) == ("predicted", 0.00004863)


def test_recorded_comments_of_another_library(load):
    comments = load("ccxt_comment_payloads.json")
    for name in ("async_support.fetch_swap_markets", "async_support.fetch_funding_rates"):
        rows, _ = read(_reader(), _answered("metaAndAssetCtxs", comments[name][0]))
        (interest,) = rows["open_interest"]
        assert (interest["symbol"], interest["open_interest"]) == ("SOL/USDC:USDC", 5_382.24)
        (bracket,) = rows["leverage_brackets"]
        assert (bracket["max_leverage"], bracket["maintenance_margin_rate"]) == (50, 0.01)
    book = parse.parse_book(raw(comments["async_support.fetch_order_book"][0]))
    assert (book.time, book.levels[0][0].px, book.levels[1][0].sz) == (
        1704290104840,
        2216.2,
        70.5893,
    )
    bars = raw(comments["async_support.fetch_ohlcv"][0])
    (bar,) = _rows(lambda rows: parse.parse_candles(bars, SYMBOLS, NOW, rows))["klines"]
    assert (bar["interval_ms"], bar["volume"], bar["trade_count"]) == (900_000, 591.6427, 46)
    settled = raw(comments["async_support.fetch_funding_rate_history"][0])
    (rate,) = _rows(lambda rows: parse.parse_funding(settled, SYMBOLS, rows))["funding"]
    assert (rate["kind"], rate["funding_rate"], rate["interval_hours"]) == (
        "settled",
        0.0000125,
        1.0,
    )
    own_fills = raw(comments["async_support.fetch_trades"][0])
    assert not _rows(lambda rows: parse_accounts.parse_fills(own_fills, "0x1", SYMBOLS, rows))
    rows, _ = read(_reader(), _streamed(comments["pro.handle_order_book"][0]))
    assert [(r["side"], r["price"], r["amount"]) for r in rows["order_book"]] == [
        ("bid", 68674.0, 0.97139),
        ("ask", 68675.0, 0.04396),
    ]
    rows, _ = read(_reader(), _streamed(comments["pro.handle_trades"][0]))
    assert [(r["taker_side"], r["trade_id"]) for r in rows["trades"]] == [
        ("sell", "981894269203506")
    ]


@pytest.mark.parametrize(
    ("name", "best_bid", "best_ask", "levels"),
    [
        ("nautilus_http_l2_book_btc.json", 110427.0, 110428.0, 5),
        ("nautilus_http_l2_book_snapshot.json", 98450.5, 98451.0, 5),
        ("nautilus_ws_book_data.json", 98450.5, 98451.0, 5),
    ],
)
def test_recorded_books_of_another_client(load, name, best_bid, best_ask, levels):
    book = load(name)
    rows, _ = read(_reader(), _streamed({"channel": "l2Book", "data": book}))
    bids = [row for row in rows["order_book"] if row["side"] == "bid"]
    asks = [row for row in rows["order_book"] if row["side"] == "ask"]
    assert (bids[0]["price"], asks[0]["price"]) == (best_bid, best_ask)
    assert (len(bids), len(asks)) == (levels, levels)
    assert parse.parse_book(raw(book)).time == book["time"]


def test_recorded_book_of_twenty_levels(cassette):
    book = cassette("sdk_get_l2_snapshot.json", "l2Book")
    rows, _ = read(_reader(), _streamed({"channel": "l2Book", "data": book}))
    assert len(rows["order_book"]) == 40
    assert {row["symbol"] for row in rows["order_book"]} == {"DYDX/USDC:USDC"}
    assert {row["distance_pct"] for row in rows["depth_bands"]} >= {-0.2, 0.2}


def test_recorded_listings_of_2023_have_one_tier_each(cassette, load):
    for name in (
        "sdk_get_info.json",
        "sdk_get_candles_snapshot.json",
        "sdk_get_l2_snapshot.json",
        "sdk_get_funding_history_1684811870000_.json",
        "sdk_get_funding_history_None_.json",
    ):
        meta = cassette(name, "meta")
        found = {one.symbol: one for one in parse.parse_instruments(raw(meta))}
        assert len(found) == len(meta["universe"]) == 28
        assert found["kPEPE/USDC:USDC"].tick_size == 1e-6
        assert found["BTC/USDC:USDC"].tick_size == 0.1
        rows = _rows(lambda rows, meta=meta: parse.parse_brackets(raw(meta), SYMBOLS, NOW, rows))
        brackets = {row["symbol"]: row for row in rows["leverage_brackets"]}
        assert brackets["BTC/USDC:USDC"]["maintenance_margin_rate"] == 0.01
    sample = parse.parse_instruments(raw(load("nautilus_http_meta_perp_sample.json")))
    assert [(one.base, one.tick_size) for one in sample] == [
        ("BTC", 0.1),
        ("ETH", 0.01),
        ("ATOM", 0.0001),
    ]


def test_recorded_bars_end_one_hour_after_they_start(cassette):
    bars = cassette("sdk_get_candles_snapshot.json", "candleSnapshot")
    rows = _rows(lambda rows: parse.parse_candles(raw(bars), SYMBOLS, NOW, rows))["klines"]
    assert len(rows) == 24
    assert {(row["symbol"], row["interval_ms"]) for row in rows} == {("kPEPE/USDC:USDC", 3_600_000)}
    assert rows[-1]["event_time"].timestamp() * 1000 == 1684785600000
    assert (rows[-1]["close"], rows[-1]["volume"]) == (0.00154, 308219489.0)


def test_recorded_settlements_were_eight_hours_apart_and_then_one(cassette):
    early = cassette("sdk_get_funding_history_1684811870000_.json", "fundingHistory")
    every = cassette("sdk_get_funding_history_None_.json", "fundingHistory")
    rows = _rows(lambda rows: parse.parse_funding(raw(early), SYMBOLS, rows))["funding"]
    assert len(rows) == len(early)
    assert {row["interval_hours"] for row in rows} == {8.0}
    rows = _rows(lambda rows: parse.parse_funding(raw(every), SYMBOLS, rows))["funding"]
    assert len(rows) == 1038
    gaps = [
        (after["interval_hours"], round((after["event_time"] - row["event_time"]).seconds / 3600))
        for row, after in pairwise(rows)
    ]
    assert sum(stated == measured for stated, measured in gaps) >= len(gaps) - 2


def test_recorded_settlements_of_2026(load):
    settled = raw(load("nautilus_http_funding_history.json"))
    rows = _rows(lambda rows: parse.parse_funding(settled, SYMBOLS, rows))["funding"]
    assert [row["funding_rate"] for row in rows] == [0.0000125, -0.0000081, 0.0000033]


def test_recorded_last_trades_name_the_buyer_first(load):
    trades = load("nautilus_http_recent_trades_btc.json")
    rows, _ = read(_reader(), _answered("recentTrades:BTC", trades))
    assert [(row["taker_side"], row["amount"]) for row in rows["trades"]] == [
        ("sell", 0.015),
        ("buy", 0.02),
        ("sell", 0.005),
    ]
    own = _reader()
    read(own, _streamed({"channel": "trades", "data": trades}, connection="trades+positions"))
    assert set(own.wallets.ranking()) == {
        f"0x{party}{number}" for party in ("buyer", "seller") for number in (1, 2, 3)
    }


def test_the_recorded_account_of_2023(cassette):
    answer = cassette("sdk_get_user_state.json", "clearinghouseState")
    everything = {one["position"]["coin"]: "-" for one in answer["assetPositions"]}
    state = parse_accounts.parse_account(raw(answer), everything)
    assert state.time_ms is None
    assert len(state.positions) == len(everything)
    short, long = state.positions[:2]
    assert (short.side, short.amount, short.liquidation_price) == (
        "short",
        0.00785,
        173198.69592357,
    )
    assert (long.side, long.amount, long.liquidation_price) == ("long", 0.1334, None)
    assert {one.account_value_usd for one in state.positions} == {1182.312496}
    assert {one.margin_mode for one in state.positions} == {"cross"}


def test_the_recorded_account_without_positions(load):
    answer = load("nautilus_http_clearinghouse_state_negative_total_raw_usd.json")
    state = parse_accounts.parse_account(raw(answer), SYMBOLS)
    assert (state.time_ms, state.positions) == (1700000000000, ())


def test_recorded_fills_of_2023_hold_no_forced_close(cassette):
    fills = raw(cassette("sdk_get_user_fills.json", "userFills"))
    assert len(parse.times_of(fills, "userFills")) == 500
    account = "0xb7b6f3cea3f66bf525f5d8f965f6dbf6d9b017b2"
    assert not _rows(lambda rows: parse_accounts.parse_fills(fills, account, SYMBOLS, rows))


def test_the_recorded_forced_fill_is_of_a_short_told_by_the_one_who_sold_to_it(load):
    message = load("nautilus_ws_user_fill_liquidation.json")
    # The channel of account events does not name its account, so the stream says nothing of it.
    assert read(_reader(), _streamed(message)) == ({}, [])
    fills = message["data"]["fills"]
    assert (fills[0]["dir"], fills[0]["side"]) == ("Open Short", "A")
    rows = _rows(lambda rows: parse_accounts.parse_fills(raw(fills), "0x1", SYMBOLS, rows))
    (row,) = rows["liquidations"]
    # Whoever opened a short sold to an account that had to buy: its position was short too.
    assert (row["side"], row["price"], row["amount"]) == ("short", 66653.0, 0.001)
    assert row["event_id"] == "745210434703679"

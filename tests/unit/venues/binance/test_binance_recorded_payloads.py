"""Every recorded and documented frame of Binance is read as stated here, or is not ours and why."""

import json

import pytest

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.venues.binance import BinanceConnector, parse_listing
from forcedflow.venues.binance import parse_brackets as brackets
from forcedflow.venues.binance import parse_current as current
from forcedflow.venues.binance import parse_history as history
from forcedflow.venues.binance import parse_statistics as statistics
from forcedflow.venues.binance.contract import contract_of
from forcedflow.venues.row_buffer import RowBuffer

pytestmark = pytest.mark.payloads

DAY_MS, FIVE_MS, LATE_MS = 86_400_000, 300_000, 4_000_000_000_000
_COINS = ("BTC", "ETH", "BNB", "IOTA", "ILV", "LTC", "SUSHI", "AKRO", "KEEP", "CTK")
INSTRUMENTS = [
    *(Instrument("binance", coin, "USDT", "USDT") for coin in _COINS),
    Instrument("binance", "BTC", "USD", "BTC", None, 100.0),
    Instrument("binance", "ETH", "USD", "ETH", None, 10.0),
]
CONTRACTS = {each.name: each for each in map(contract_of, INSTRUMENTS)}
BTC, INVERSE = CONTRACTS["BTCUSDT"], CONTRACTS["BTCUSD_PERP"]


@pytest.fixture
def recorded(payloads):
    return payloads / "binance"


def rows_by(parse, raw, *args, **kwargs):
    rows = RowBuffer("binance")
    parse(raw, rows, *args, **kwargs)
    return {table: frame.to_dicts() for table, frame in rows.take().items()}


def read_message(content, connection="market:0"):
    """Return rows of one message by table, and the connections that were asked."""
    rows = RowBuffer("binance")
    frame = Frame(1, connection, "message", json.dumps(content).encode())
    asked = BinanceConnector().reader(INSTRUMENTS).read(frame, rows)
    return (
        {table: taken.to_dicts() for table, taken in rows.take().items()},
        [request.connection for request in asked],
    )


# File: how it is read, table, number of rows, and decisive values of the last row.
REPLIES = {
    "fapi_v1_klines_LTCUSDT_5m.json": (
        (history.parse_klines, CONTRACTS["LTCUSDT"], "last", FIVE_MS, LATE_MS),
        ("klines", 500, {"close": 49.73, "volume": 1845.039, "trade_count": 1111}),
    ),
    "fapi_v1_aggTrades_LTCUSDT.json": (
        (history.parse_agg_trades, CONTRACTS["LTCUSDT"], 0, LATE_MS),
        ("trades", 500, {"trade_id": "19427906", "taker_side": "buy", "amount": 0.061}),
    ),
    "futures_data_openInterestHist_BTCUSDT_5m.json": (
        (statistics.parse_open_interest_history, BTC),
        ("open_interest", 1, {"open_interest": 36316.877, "open_interest_usd": 413220015.26744573}),
    ),
    "futures_data_openInterestHist_LTCUSDT_1d.json": (
        (statistics.parse_open_interest_history, CONTRACTS["LTCUSDT"], DAY_MS),
        ("open_interest", 10, {"open_interest": 378181.602}),
    ),
    "futures_data_globalLongShortAccountRatio_BTCUSDT_4h.json": (
        (statistics.parse_ratios, BTC, "accounts", 4 * 3_600_000),
        ("long_short_ratio", 30, {"ratio": 1.2973, "kind": "accounts", "interval_ms": 14_400_000}),
    ),
    "futures_data_topLongShortAccountRatio_BTCUSDT_5m.json": (
        (statistics.parse_ratios, BTC, "top_accounts"),
        ("long_short_ratio", 2, {"ratio": 1.058, "kind": "top_accounts"}),
    ),
    "futures_data_topLongShortPositionRatio_BTCUSDT_1d.json": (
        (statistics.parse_ratios, BTC, "top_positions", DAY_MS),
        ("long_short_ratio", 30, {"ratio": 1.1444, "kind": "top_positions"}),
    ),
    "futures_data_takerlongshortRatio_BTCUSDT_5m.json": (
        (statistics.parse_ratios, BTC, "taker_volume"),
        ("long_short_ratio", 10, {"ratio": 1.5155, "kind": "taker_volume"}),
    ),
    "fapi_v1_openInterest_BTCUSDT.json": (
        (current.parse_open_interest, BTC, 40_000.0, 0),
        ("open_interest", 1, {"open_interest": 83782.317, "open_interest_usd": 3351292680.0}),
    ),
    "dapi_v1_openInterest_BTCUSD_PERP.json": (
        (current.parse_open_interest, INVERSE, 50_000.0, 0),
        ("open_interest", 1, {"open_interest": 13569.314, "open_interest_usd": 678465700.0}),
    ),
    "fapi_v1_premiumIndex_BTCUSDT.json": (
        (current.parse_premium_index, BTC, None, 0),
        ("funding", 1, {"kind": "predicted", "funding_rate": 0.00001226}),
    ),
    "dapi_v1_premiumIndex_BTCUSD_PERP.json": (
        (current.parse_premium_index, INVERSE, None, 0),
        ("funding", 1, {"kind": "predicted", "funding_rate": 0.00006292}),
    ),
}
# One table, one row, one decisive value.
DOCUMENTED_REPLIES = {
    "compressed_aggregate_trades_list": (
        (history.parse_agg_trades, BTC, 0, LATE_MS),
        ("trades", {"taker_side": "sell"}),
    ),
    "get_funding_rate_history": (
        (history.parse_funding_rates, BTC, 0),
        ("funding", {"kind": "settled", "funding_rate": -0.0375}),
    ),
    "open_interest": (
        (current.parse_open_interest, BTC, None, 0),
        ("open_interest", {"open_interest": 10659.509, "open_interest_usd": None}),
    ),
    "open_interest_statistics": (
        (statistics.parse_open_interest_history, BTC),
        ("open_interest", {"open_interest": 20403.12345678}),
    ),
    "long_short_ratio": (
        (statistics.parse_ratios, BTC, "accounts"),
        ("long_short_ratio", {"ratio": 0.196}),
    ),
    "top_trader_long_short_ratio_accounts": (
        (statistics.parse_ratios, BTC, "top_accounts"),
        ("long_short_ratio", {"ratio": 1.8105}),
    ),
    "top_trader_long_short_ratio_positions": (
        (statistics.parse_ratios, BTC, "top_positions"),
        ("long_short_ratio", {"ratio": 1.4342}),
    ),
    "taker_buy_sell_volume": (
        (statistics.parse_ratios, BTC, "taker_volume"),
        ("long_short_ratio", {"ratio": 1.5586}),
    ),
    "mark_price": (
        (current.parse_premium_index, BTC, None, 0),
        ("funding", {"funding_rate": 0.00038246}),
    ),
}
# Not ours: endpoints that are not asked, and bars that the document cuts to their first field.
NOT_ASKED_REPLIES = {
    "adl_risk",
    "asset_index",
    "basis",
    "composite_index_symbol_information",
    "old_trades_lookup",
    "premium_index_kline_data",
    "quarterly_contract_settlement_price",
    "query_index_price_constituents",
    "query_insurance_fund_balance_snapshot",
    "recent_trades_list",
    "rpi_order_book",
    "symbol_order_book_ticker",
    "symbol_price_ticker",
    "symbol_price_ticker_v2",
    "ticker24hr_price_change_statistics",
    "trading_schedule",
}
CUT_BARS = {
    "continuous_contract_kline_candlestick_data",
    "index_price_kline_candlestick_data",
    "kline_candlestick_data",
    "mark_price_kline_candlestick_data",
}
# File of one message: table and decisive values, or None with the reason.
MESSAGES = {
    "nautilus_agg_trade_stream.json": ("trades", {"taker_side": "sell", "amount": 100.0}),
    "nautilus_kline_stream_closed.json": ("klines", {"close": 0.002, "interval_ms": 60_000}),
    "nautilus_liquidation_stream.json": (
        "liquidations",
        {"side": "long", "price": 9910.12345678, "amount": 0.014},
    ),
    "nautilus_mark_price_stream.json": ("funding", {"funding_rate": 0.00038167}),
    "ws_aggTrade_live_2026-10-08.json": (
        "trades",
        {"trade_id": "3478018549", "price": 83434.4, "amount": 0.016, "taker_side": "sell"},
    ),
    # A bought order liquidates a short; its last fill (0.015) is not its size.
    "ws_forceOrder_frames.json": (
        "liquidations",
        {"side": "short", "price": 4706.04, "amount": 0.014, "symbol": "BTC/USDT:USDT"},
    ),
    # 116.5 were filled in all, of which the last fill is a fifth.
    "ws_forceOrder_live_2026-10-08.json": (
        "liquidations",
        {"side": "long", "price": 3.85642, "amount": 116.5, "symbol": "ILV/USDT:USDT"},
    ),
    "nautilus_depth_update_stream.json": None,  # waits for its snapshot
    "nautilus_kline_stream_open.json": None,  # under way
    "nautilus_book_ticker_stream.json": None,  # not asked for: the book has it
    "nautilus_ticker_stream.json": None,  # not asked for
    "nautilus_trade_stream.json": None,  # not asked for: aggTrade is
}
DOCUMENTED_MESSAGES = {
    "aggregate_trade_streams": ("trades", {"taker_side": "sell", "trade_id": "5933014"}),
    "all_market_liquidation_order_streams": ("liquidations", {"side": "long", "amount": 0.014}),
    "liquidation_order_streams": ("liquidations", {"side": "long", "notional_usd": 138.74}),
    "contract_info_stream": (
        "leverage_brackets",
        {"notional_cap": 5000.0, "max_leverage": 50.0, "maintenance_margin_rate": 0.01},
    ),
    "mark_price_stream": ("funding", {"funding_rate": 0.00038167, "kind": "predicted"}),
    "kline_candlestick_streams": None,  # under way
    "mark_price_stream_for_all_market": None,  # arrays over all symbols are not subscribed
    "all_market_mini_tickers_stream": None,  # the rest is not asked for
    "all_market_tickers_stream": None,
    "all_market_tickers_streams": None,
    "asset_index": None,
    "composite_index_symbol_information_streams": None,
    "continuous_contract_kline_candlestick_streams": None,
    "individual_symbol_mini_ticker_stream": None,
    "individual_symbol_ticker_streams": None,
    "trading_session_stream": None,
}
# Place in the file: table and decisive values; the rest give nothing, for the reasons below.
TARDIS = {
    2: ("funding", {"funding_rate": 0.0001}),
    8: ("funding", {"funding_rate": 0.0001564}),
    11: ("liquidations", {"side": "short", "price": 4706.04, "amount": 0.014}),
}
TARDIS_WITHOUT_ID = {0}  # of 2019, when trades had no id of their aggregate yet
TARDIS_WAITING = {4, 6}  # a book without its snapshot
TARDIS_NOT_OURS = {
    *(1, 3, 9, 10, 13, 24, 25),  # tickers and single trades
    *(5, 7, 15, 21),  # made by the recorder from replies, in no shape of the venue's
    14,  # an acknowledgement
    *(12, 16, 17, 19, 20, 22, 23),  # delivery contracts
    18,  # an index
}
# Function and place: how it is read, table, decisive values.
_FUTURES_TRADE = (history.parse_agg_trades, INVERSE, 0, LATE_MS)
COMMENTS = {
    ("async_support.fetch_ohlcv", 0): (
        (history.parse_klines, BTC, "spot", 60_000, LATE_MS),
        ("klines", {"price_type": "spot"}),
    ),
    ("async_support.parse_ohlcv", 1): (
        (history.parse_klines, BTC, "mark", 60_000, LATE_MS),
        ("klines", {"close": 9653.07367333, "volume": None}),
    ),
    ("async_support.fetch_trades", 0): (
        (history.parse_agg_trades, BTC, 0, LATE_MS),
        ("trades", {"amount": 4.70443515, "taker_side": "sell"}),
    ),
    ("async_support.fetch_trades", 1): (
        _FUTURES_TRADE,
        ("trades", {"trade_id": "269772814", "amount": 300 / 25864.1, "taker_side": "buy"}),
    ),
    ("async_support.fetch_open_interest_history", 0): (
        (statistics.parse_open_interest_history, BTC),
        ("open_interest", {"open_interest": 75375.617}),
    ),
    ("async_support.fetch_open_interest_history", 1): (
        (statistics.parse_open_interest_history, INVERSE),
        ("open_interest", {"open_interest": 15796.96988405, "open_interest_usd": 1306940100.0}),
    ),
    ("async_support.fetch_open_interest", 1): (
        (current.parse_open_interest, CONTRACTS["ETHUSD_PERP"], 1500.0, 0),
        ("open_interest", {"open_interest_usd": 265424360.0}),
    ),
    ("async_support.fetch_long_short_ratio_history", 0): (
        (statistics.parse_ratios, BTC, "accounts"),
        ("long_short_ratio", {"ratio": 0.8376}),
    ),
    ("async_support.fetch_long_short_ratio_history", 1): (
        (statistics.parse_ratios, INVERSE, "accounts"),
        ("long_short_ratio", {"ratio": 2.6523}),
    ),
    ("async_support.fetch_funding_rate", 0): (
        (current.parse_premium_index, BTC, None, 0),
        ("funding", {"funding_rate": 0.00063521}),
    ),
    ("async_support.parse_funding_rate", 0): (
        (current.parse_premium_index, BTC, None, 0),
        ("funding", {"funding_rate": 0.00063521}),
    ),
}
_IN_LISTS = {  # rows that their reply holds in a list
    ("async_support.fetch_funding_rate_history", 0): (
        (history.parse_funding_rates, BTC, 0),
        ("funding", {"funding_rate": 0.00063521}),
    ),
    ("async_support.parse_funding_rate_history", 0): (
        (history.parse_funding_rates, BTC, 0),
        ("funding", {"funding_rate": 0.00063521}),
    ),
    ("async_support.parse_ohlcv", 0): (
        (history.parse_klines, BTC, "spot", 60_000, LATE_MS),
        ("klines", {"close": 0.025, "volume": 22.19}),
    ),
    ("async_support.parse_trade", 0): (
        (history.parse_agg_trades, BTC, 0, LATE_MS),
        ("trades", {"taker_side": "sell"}),
    ),
    ("async_support.parse_trade", 1): (_FUTURES_TRADE, ("trades", {"taker_side": "buy"})),
    ("async_support.parse_long_short_ratio", 0): (
        (statistics.parse_ratios, BTC, "accounts"),
        ("long_short_ratio", {"ratio": 0.8376}),
    ),
    ("async_support.parse_long_short_ratio", 1): (
        (statistics.parse_ratios, INVERSE, "accounts"),
        ("long_short_ratio", {"ratio": 2.6523}),
    ),
}
COMMENTS_NOT_OURS = {
    "async_support.fetch_markets": "excerpts of lists, and options and shares",
    "async_support.fetch_order_book": "checked as a snapshot below; the second is of options",
    "async_support.parse_ohlcv": "the third is of options",
    "async_support.fetch_ohlcv": "the second is of options",
    "async_support.parse_trade": "an account's own trades, options, shares, single trades",
    "async_support.fetch_trades": "single trades and options",
    "async_support.parse_funding_rate": "the second is an interval, checked below",
    "async_support.fetch_leverage_tiers": "checked below; the second is of COIN-M",
    "async_support.parse_market_leverage_tiers": "one element of the above",
    "async_support.fetch_open_interest": "a delivery contract and options",
    "async_support.parse_liquidation": "an account's own orders",
    "async_support.fetch_funding_intervals": "checked below",
    "pro": "messages, checked below",
}
COMMENTED_MESSAGES = {
    ("pro.handle_liquidation", 0): ("liquidations", {"side": "short", "amount": 1.437}),
}


def assert_values(row, values):
    assert {name: row[name] for name in values} == pytest.approx(values)


@pytest.mark.parametrize("name", REPLIES)
def test_a_recorded_reply_gives_its_rows(recorded, name):
    (parse, *args), (table, count, values) = REPLIES[name]
    rows = rows_by(parse, (recorded / name).read_bytes(), *args)
    assert {table: len(found) for table, found in rows.items()} == {table: count}
    assert_values(rows[table][-1], values)


def test_the_other_recorded_replies_are_lists_books_and_refusals(recorded):
    def read(name):
        return (recorded / name).read_bytes()

    linear = parse_listing.parse_instruments(read("fapi_v1_exchangeInfo.json"), "um")
    assert (len(linear), linear[0].symbol, linear[0].tick_size) == (25, "BTC/USDT:USDT", 0.1)
    inverse = parse_listing.parse_instruments(read("dapi_v1_exchangeInfo.json"), "cm")
    sizes = {instrument.symbol: instrument.contract_size for instrument in inverse}
    assert len(sizes) == 24, "one of 25 is delivering"
    assert (sizes["BTC/USD:BTC"], sizes["ETH/USD:ETH"]) == (100.0, 10.0)
    hours = current.parse_funding_intervals(read("fapi_v1_fundingInfo.json"))
    assert (len(hours), hours["GTCUSDT"], hours["LPTUSDT"]) == (25, 8.0, 4.0)
    book = current.parse_depth(read("fapi_v1_depth_BTCUSDT_100.json"))
    assert (len(book.bids), len(book.asks), book.last_update) == (100, 100, 5643869211110)
    assert (book.bids[0], book.asks[0]) == ((69607.7, 7.768), (69607.8, 11.668))
    signed = read("doc_example_leverageBracket.json")
    assert rows_by(brackets.parse_signed_brackets, signed, CONTRACTS, 1) == {}
    # The answer to a time in nanoseconds: nothing at all, where a list is due.
    with pytest.raises(FrameError, match="got `null`"):
        rows_by(history.parse_funding_rates, read("fapi_v1_fundingRate_BTCUSDT.json"), BTC, 0)


def test_documented_replies_give_their_rows(recorded):
    documented = json.loads((recorded / "doc_examples_usdm_market_rest.json").read_bytes())
    encoded = {name: json.dumps(body).encode() for name, body in documented.items()}
    for name, ((parse, *args), (table, values)) in DOCUMENTED_REPLIES.items():
        rows = rows_by(parse, encoded.pop(name), *args)
        assert [*rows] == [table], name
        assert_values(rows[table][0], values)
    for name in CUT_BARS:
        with pytest.raises(FrameError, match="at least length 11, got 1"):
            rows_by(history.parse_klines, encoded.pop(name), BTC, "last", 60_000, LATE_MS)
    assert current.parse_time(encoded.pop("check_server_time")) == 1_499_827_319_559
    assert current.parse_depth(encoded.pop("order_book")).bids == [(4.0, 431.0)]
    intervals = encoded.pop("get_funding_rate_info")
    assert current.parse_funding_intervals(intervals) == {"BLZUSDT": 8.0}
    (listed,) = parse_listing.parse_instruments(encoded.pop("exchange_information"), "um")
    assert (listed.symbol, listed.tick_size) == ("BLZ/USDT:USDT", 0.0001)
    assert encoded.keys() == NOT_ASKED_REPLIES


@pytest.mark.parametrize("name", MESSAGES)
def test_a_recorded_message_gives_its_row(recorded, name):
    content = json.loads((recorded / name).read_bytes())
    rows, asked = read_message(content[0] if isinstance(content, list) else content)
    expected = MESSAGES[name]
    assert [*rows] == ([] if expected is None else [expected[0]])
    if expected is not None:
        (row,) = rows[expected[0]]
        assert_values(row, expected[1])
    hungry = {"nautilus_depth_update_stream.json", "nautilus_mark_price_stream.json"}
    assert bool(asked) == (name in hungry)


def test_documented_messages_give_their_rows(recorded):
    documented = json.loads((recorded / "doc_examples_usdm_market_ws.json").read_bytes())
    seen = set()
    for name, content in documented.items():
        kind = name.partition("_success")[0].removesuffix("_subscription")
        rows, _ = read_message(content)
        expected = DOCUMENTED_MESSAGES[kind]
        seen.add(kind)
        assert [*rows] == ([] if expected is None else [expected[0]]), name
        if expected is not None:
            assert_values(rows[expected[0]][0], expected[1])
    assert len(documented) == 45
    assert {kind for kind, row in DOCUMENTED_MESSAGES.items() if row} <= seen


def test_messages_recorded_since_2019_give_their_rows(recorded):
    frames = json.loads((recorded / "tardis_ws_usdm_coinm.json").read_bytes())
    for place, frame in enumerate(frames):
        if place in TARDIS_WITHOUT_ID:
            with pytest.raises(FrameError, match="missing required field `a`"):
                read_message(frame["message"])
            continue
        rows, asked = read_message(frame["message"])
        expected = TARDIS.get(place)
        assert [*rows] == ([] if expected is None else [expected[0]]), place
        if expected is not None:
            assert_values(rows[expected[0]][0], expected[1])
        assert (asked == ["rest:um:depth:BTCUSDT"]) == (place in TARDIS_WAITING)
    places = TARDIS.keys() | TARDIS_WITHOUT_ID | TARDIS_WAITING | TARDIS_NOT_OURS
    assert places == set(range(len(frames)))


def test_replies_pasted_by_developers_give_their_rows(recorded):
    pasted = json.loads((recorded / "ccxt_comment_payloads.json").read_bytes())
    wanted = {**COMMENTS, **_IN_LISTS}
    for (function, place), ((parse, *args), (table, values)) in wanted.items():
        content = pasted[function][place]
        body = [content] if (function, place) in _IN_LISTS else content
        rows = rows_by(parse, json.dumps(body).encode(), *args)
        assert_values(rows[table][0], values)
    for function, contents in pasted.items():
        read = sum(where[0] == function for where in wanted)
        listed = function in COMMENTS_NOT_OURS or function.startswith("pro.")
        assert read == len(contents) or listed, function
    book = current.parse_depth(json.dumps(pasted["async_support.fetch_order_book"][0]).encode())
    assert (book.bids[0], book.asks[0]) == ((2493.56, 20.189), (2493.57, 0.877))
    hours = json.dumps(pasted["async_support.fetch_funding_intervals"][0]).encode()
    assert current.parse_funding_intervals(hours) == {"BLZUSDT": 4.0}
    sushi = json.dumps(pasted["async_support.fetch_leverage_tiers"][0]).encode()
    (tier,) = rows_by(brackets.parse_signed_brackets, sushi, CONTRACTS, 1)["leverage_brackets"]
    assert (tier["symbol"], tier["max_leverage"]) == ("SUSHI/USDT:USDT", 50.0)


def test_messages_pasted_by_developers_give_their_rows(recorded):
    pasted = json.loads((recorded / "ccxt_comment_payloads.json").read_bytes())
    for function, contents in pasted.items():
        if not function.startswith("pro."):
            continue
        for place, content in enumerate(contents):
            if function == "pro.handle_order_book":
                # Spot books are not followed: their updates have neither T nor pu.
                with pytest.raises(FrameError, match="missing required field"):
                    read_message(content)
                continue
            rows, _ = read_message(content)
            expected = COMMENTED_MESSAGES.get((function, place))
            # Not ours: delivery contracts, spot pairs nobody asked for, an account's own orders.
            assert [*rows] == ([] if expected is None else [expected[0]])
            if expected is not None:
                assert_values(rows[expected[0]][0], expected[1])


def session_frames(recorded):
    """Return the frames of a minute recorded in July 2021, streams and snapshots in order."""
    found = []
    for line in (recorded / "cryptofeed_BINANCE_FUTURES.ws.1.0.txt").read_text().splitlines():
        moment, _, body = line.partition(": ")
        if moment[:1].isdigit():
            found.append((float(moment), "market:0", "message", body))
    replies = (recorded / "cryptofeed_BINANCE_FUTURES.http.0.0.txt").read_text().splitlines()
    for line in filter(None, replies):
        address, _, rest = line.partition(" -> ")
        moment, _, body = rest.partition(": ")
        name = address.partition("symbol=")[2].partition("&")[0]
        found.append((float(moment), f"rest:um:depth:{name}", "response", body))
    return [
        Frame(round(moment * 1e9), connection, kind, body.encode())
        for moment, connection, kind, body in sorted(found)
    ]


def test_a_recorded_minute_keeps_four_books_in_step_without_a_gap(recorded):
    reader, rows, asked = BinanceConnector().reader(INSTRUMENTS), RowBuffer("binance"), []
    frames = session_frames(recorded)
    quotes = {}
    for frame in frames:
        asked += [request.connection for request in reader.read(frame, rows)]
        content = json.loads(frame.raw).get("data", {})
        if content.get("e") == "bookTicker":
            quotes.setdefault(CONTRACTS[content["s"]].symbol, set()).add(
                (float(content["b"]), float(content["a"]))
            )
    taken = rows.take()
    assert len(frames) == 1539
    assert sorted(asked) == [
        f"rest:um:depth:{coin}USDT" for coin in ("AKRO", "CTK", "KEEP", "SUSHI")
    ]
    assert reader.gaps == 0
    assert {table: frame.height for table, frame in taken.items()} == {
        "order_book": 4840,
        "depth_bands": 96,
        "trades": 91,
        "klines": 4,
    }
    # Independent of the updates, the venue also pushed its best prices: the books show no others.
    best = (
        taken["order_book"]
        .filter(level=0)
        .pivot("side", index=["symbol", "event_time"], values="price")
    )
    shown = {(row["symbol"], row["bid"], row["ask"]) for row in best.to_dicts()}
    pushed = {(symbol, *quote) for symbol, found in quotes.items() for quote in found}
    assert shown
    assert shown <= pushed


def test_a_recorded_list_of_2021_is_read(recorded):
    line = (recorded / "cryptofeed_BINANCE_FUTURES.0.txt").read_text().splitlines()[0]
    listed = parse_listing.parse_instruments(line.partition(": ")[2].encode(), "um")
    assert len(listed) == 119


def test_no_file_of_the_folder_is_left_out(recorded):
    elsewhere = {
        "ccxt_comment_payloads.json",
        "cryptofeed_BINANCE_FUTURES.0.txt",
        "cryptofeed_BINANCE_FUTURES.http.0.0.txt",
        "cryptofeed_BINANCE_FUTURES.ws.1.0.txt",
        "dapi_v1_exchangeInfo.json",
        "doc_example_leverageBracket.json",
        "doc_examples_usdm_market_rest.json",
        "doc_examples_usdm_market_ws.json",
        "fapi_v1_depth_BTCUSDT_100.json",
        "fapi_v1_exchangeInfo.json",
        "fapi_v1_fundingInfo.json",
        "fapi_v1_fundingRate_BTCUSDT.json",
        "tardis_ws_usdm_coinm.json",
    }
    not_asked = {"fapi_v1_trades_BTCUSDT.json", "futures_data_basis_BTCUSD_5m.json"}
    known = elsewhere | not_asked | REPLIES.keys() | MESSAGES.keys()
    assert {path.name for path in recorded.iterdir()} == known

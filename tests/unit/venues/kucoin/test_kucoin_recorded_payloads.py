"""Every recorded or documented message of KuCoin: the rows it gives, or why it is not ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.venues.kucoin.kucoin_messages import frame, plain

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.venues.kucoin.parse_history import (
    Asked,
    parse_funding,
    parse_klines,
    parse_open_interest,
    parse_recent_trades,
)
from forcedflow.venues.kucoin.parse_listing import (
    parse_address,
    parse_instruments,
    parse_open_interest_now,
    parse_risk_limits,
    parse_time,
)
from forcedflow.venues.kucoin.parse_stream import parse_snapshot
from forcedflow.venues.kucoin.reader import KucoinReader
from forcedflow.venues.row_buffer import RowBuffer

pytestmark = pytest.mark.payloads


def listed(base, contract_size, quote="USDT"):
    return Instrument("kucoin", base, quote, quote, 0.1, contract_size)


BTC, ETH = listed("BTC", 0.001), listed("ETH", 0.01)
CONTRACTS = (
    BTC,
    ETH,
    listed("SOL", 0.1),
    listed("MYRO", 10.0),
    listed("AUCTION", 0.1),
    listed("ETH", 0.01, "USDC"),
)
MINUTE, EIGHT_HOURS = 60_000, 28_800_000

NOT_OURS = {
    "gct_http.json": "the book of the interface for unified accounts; ours is the classic one",
    "sdk_futures_positions.json": "positions and margin of the user's own account",
}
"""Whole files that give no rows."""

NOT_OURS_OF_MARKET = {
    "get_ticker": "the last trade, which the stream of trades has",
    "get_all_tickers": "the last trades, which the stream of trades has",
    "get_part_order_book": "a part of the book that is read whole",
    "get_mark_price": "one second of the mark price, which the socket sends",
    "get_spot_index_price": "single seconds of the index: no table holds its parts",
    "get_interest_rate_index": "parts of the funding formula: no table holds them",
    "get_premium_index": "parts of the funding formula: no table holds them",
    "get24hr_stats": "turnover of a day: no table holds it",
    "get_service_status": "whether the venue is open",
    "get_private_token": "for the user's own account",
    "get_symbol": "read for its open interest below",
}
"""Answers of the SDK's examples that give no rows."""

NOT_OURS_OF_CCXT = {
    "fetch_markets": "spot pairs",
    "parse_ohlcv": "a spot bar",
    "fetch_utaohlcv": "bars of a spot pair",
    "fetch_order_book": "a book of a spot pair, and one of an inverse contract",
    "fetch_trades": "trades of spot pairs, and of a contract, read below",
    "fetch_funding_rate": "the estimate over HTTP, which the socket sends",
    "fetch_funding_rates": "the estimates over HTTP, which the socket sends",
    "parse_funding_rate": "the estimate over HTTP, which the socket sends",
    "fetch_funding_history": "payments of the user's own account",
    "parse_market_leverage_tiers": "one level of each kind, without a reply around it",
    "fetch_leverage_tiers": "levels of unified accounts, whose bounds are contracts",
    "parse_open_interest": "one row without a reply around it",
    "parse_funding_rate_history": "rows without a reply around them",
    "handle_ticker": "tickers: what they hold, other streams hold better",
    "handle_ohlcv": "a spot bar",
    "handle_trade": "a spot trade",
    "handle_order_book": "spot books",
    "parse_ws_trade": "fills of the user's own orders",
}
"""Functions of ccxt whose pasted answers give no rows."""

READ_OF_CCXT = {
    "fetch_time",
    "fetch_contract_markets",
    "fetch_contract_ohlcv",
    "fetch_funding_rate_history",
    "fetch_market_leverage_tiers",
    "fetch_open_interests",
}


@pytest.fixture
def kucoin(payloads) -> Path:
    return payloads / "kucoin"


def load(file: Path):
    return json.loads(file.read_text())


def rows_of(*messages, connection="prints:1"):
    reader, rows = KucoinReader(CONTRACTS, "http://kucoin.test"), RowBuffer("kucoin")
    for message in messages:
        reader.read(frame(message, connection), rows)
    return {table: plain(found) for table, found in rows.take().items()}


def over_http(parse, body, instrument, *more):
    rows = RowBuffer("kucoin")
    parse(json.dumps(body).encode(), Asked(instrument, 0, 2**42, 2**42, 9), *more, rows)
    return [row for found in rows.take().values() for row in plain(found)]


def test_every_file_is_read_or_listed(kucoin):
    read = {
        "ccxt_comment_payloads.json",
        "gct_wsHandleData.jsonl",
        "sdk_futures_funding.json",
        "sdk_futures_market.json",
        "sdk_futures_ws_public.json",
        "tardis_ws_kucoin_futures.json",
    }
    assert {file.name for file in kucoin.iterdir()} == read | NOT_OURS.keys()


def test_recorded_socket_messages(kucoin):
    recorded = [one["message"] for one in load(kucoin / "tardis_ws_kucoin_futures.json")]
    generated = [message for message in recorded if message.pop("generated", False)]
    # A snapshot and a listing that the recorder asked for over HTTP, in the form of the day.
    assert {message["subject"] for message in generated} == {"level2Snapshot", "contractDetails"}
    sent = [message for message in recorded if message not in generated]
    rows = rows_of(*sent)
    trades = [(r["symbol"], r["taker_side"], r["price"], r["event_time"]) for r in rows["trades"]]
    assert trades == [
        ("SOL/USDT:USDT", "sell", 93.624, 1_705_708_799_998),
        ("BTC/USDT:USDT", "sell", 39_615.0, 1_706_068_863_101),
    ]
    assert [r["amount"] for r in rows["trades"]] == pytest.approx([1.0, 0.001])
    funding = [(r["kind"], r["event_time"], r["funding_rate"]) for r in rows["funding"]]
    assert funding == [("predicted", 1_706_068_800_000, 3.8e-05)]
    # Changes of a book wait for its snapshot; two seconds of a mark are no bar.
    assert set(rows) == {"trades", "funding"}
    snapshot = next(message for message in generated if message["subject"] == "level2Snapshot")
    step = parse_snapshot(json.dumps(snapshot).encode(), listed("MYRO", 10.0))
    assert (step.last, step.bids, step.asks) == (
        1_705_411_242_391,
        ((0.21557, 300.0),),
        ((0.2166, 620.0),),
    )


def test_the_recorded_changes_of_a_book_go_on_from_the_recorded_snapshot(kucoin):
    recorded = [one["message"] for one in load(kucoin / "tardis_ws_kucoin_futures.json")]
    changes = [message for message in recorded if message["subject"] == "level2"]
    snapshot = next(message for message in recorded if message["subject"] == "level2Snapshot")
    reader, rows = KucoinReader(CONTRACTS, "http://kucoin.test"), RowBuffer("kucoin")
    # The first message is of an older sequence; the venue counts on without a hole behind it.
    asked = [request for one in changes[1:3] for request in reader.read(frame(one, "book:1"), rows)]
    assert [request.connection for request in asked] == ["rest:level2:MYROUSDTM"]
    answer = frame(snapshot, "rest:level2:MYROUSDTM", "response")
    assert reader.read(answer, rows) == ()
    reader.read(frame(changes[3], "book:1"), rows)
    book = rows.take().get("order_book")
    # The last one adds a bid above the only ask: a crossed book is kept back.
    assert (reader.gaps, book) == (0, None)


def test_documented_socket_messages(kucoin):
    examples = load(kucoin / "sdk_futures_ws_public.json")
    rows = {name: rows_of(message) for name, message in examples.items()}
    (paid,) = rows.pop("announcement")["funding"]
    assert (paid["kind"], paid["event_time"]) == ("settled", 1_551_770_400_000)
    assert paid["funding_rate"] == -0.002966
    (trade,) = rows.pop("execution")["trades"]
    assert (trade["taker_side"], trade["price"]) == ("buy", 90_503.9)
    assert (trade["amount"], trade["event_time"]) == (pytest.approx(0.002), 1_731_898_619_520)
    # Prices and bars are rows once their minute is over, a change once its snapshot is there;
    # tickers, merged books and statistics of a day are not ours.
    assert set(rows) == {
        "instrument",
        "klines",
        "orderbook_increment",
        "orderbook_level50",
        "orderbook_level5",
        "symbol_snapshot",
        "ticker_v1",
        "ticker_v2",
    }
    assert not any(rows.values())
    candle = examples["klines"]
    later = json.loads(json.dumps(candle))
    later["data"]["candles"][0] = str(int(candle["data"]["candles"][0]) + 60)
    (bar,) = rows_of(candle, later)["klines"]
    assert (bar["event_time"], bar["close"]) == (1_731_898_260_000, 90_638.6)
    assert bar["volume"] == pytest.approx(0.021)


def test_hand_trimmed_socket_messages(kucoin):
    lines = (kucoin / "gct_wsHandleData.jsonl").read_text().splitlines()
    messages = [json.loads(line) for line in lines if line.strip()]
    found: dict[str, int] = {}
    for message in messages:
        if message.get("topic", "").startswith("/contract/announcement"):
            assert rows_of(message)["funding"][0]["funding_rate"] == -0.002966
        for table, rows in rows_of(message).items():
            found[table] = found.get(table, 0) + len(rows)
    # The rest is spot, margin and the user's own account, or waits for more.
    assert found == {"trades": 1, "funding": 3}
    (trade,) = [row for message in messages for row in rows_of(message).get("trades", ())]
    assert (trade["symbol"], trade["price"]) == ("ETH/USDC:USDC", 23_083)
    assert (trade["amount"], trade["taker_side"]) == (pytest.approx(0.35), "buy")


def test_documented_answers_of_the_market(kucoin):
    examples = load(kucoin / "sdk_futures_market.json")
    raw = {name: json.dumps(body).encode() for name, body in examples.items()}
    read = {
        "get_all_symbols",
        "get_full_order_book",
        "get_trade_history",
        "get_klines",
        "get_server_time",
        "get_public_token",
    }
    assert set(examples) == read | NOT_OURS_OF_MARKET.keys()
    assert parse_instruments(raw["get_all_symbols"]) == (BTC,)
    assert parse_time(raw["get_server_time"]) == 1_729_260_030_774
    address = parse_address(raw["get_public_token"], "wss://ws-api-futures.kucoin.com")
    assert address.startswith("wss://ws-api-futures.kucoin.com/?token=2neAiuYv")
    bars = over_http(parse_klines, examples["get_klines"], BTC, EIGHT_HOURS)
    assert [bar["close"] for bar in bars] == [60_300, 60_666.1, 62_255.1]
    assert (bars[0]["high"], bars[0]["low"]) == (61_035, 58_940)
    assert bars[0]["volume"] == pytest.approx(5_501.167)
    assert bars[0]["event_time"] == 1_728_576_000_000 + EIGHT_HOURS
    trades = over_http(parse_recent_trades, examples["get_trade_history"], BTC)
    assert [trade["taker_side"] for trade in trades] == ["sell"] * 3
    assert trades[0]["event_time"] == 1_729_242_032_152
    # The example is of the inverse contract, whose sizes would be dollars.
    with pytest.raises(FrameError, match="is of XBTUSDM"):
        parse_snapshot(raw["get_full_order_book"], BTC)
    rows = RowBuffer("kucoin")
    parse_open_interest_now(raw["get_symbol"], BTC, 1_742_000_000_000, rows)
    (interest,) = plain(rows.take()["open_interest"])
    assert interest["open_interest"] == pytest.approx(6_748.176)
    assert interest["open_interest_usd"] == pytest.approx(6_748.176 * 86_378.69)


def test_documented_settlements(kucoin):
    examples = load(kucoin / "sdk_futures_funding.json")
    # The current rate is what the socket sends; the private one is the user's own.
    assert set(examples) == {
        "get_current_funding_rate",
        "get_public_funding_history",
        "get_private_funding_history",
    }
    settled = over_http(parse_funding, examples["get_public_funding_history"], BTC)
    assert len(settled) == len(examples["get_public_funding_history"]["data"])
    assert settled[-1]["funding_rate"] == 0.00021
    assert settled[-1]["event_time"] == 1_702_296_000_000
    assert {row["interval_hours"] for row in settled[1:]} == {8.0}


def test_answers_that_developers_of_ccxt_pasted(kucoin):
    pasted = load(kucoin / "ccxt_comment_payloads.json")
    names = {name.rpartition(".")[2] for name in pasted}
    assert names == READ_OF_CCXT | NOT_OURS_OF_CCXT.keys()

    def answers(name):
        return pasted[f"async_support.{name}"]

    times = [parse_time(json.dumps(body).encode()) for body in answers("fetch_time")]
    assert times == [1_637_385_119_302, 1_546_837_113_087]
    (contract,) = answers("fetch_contract_markets")
    body = {"code": "200000", "data": [contract["data"]]}
    (found,) = parse_instruments(json.dumps(body).encode())
    assert (found.symbol, found.contract_size, found.tick_size) == ("ETH/USDT:USDT", 0.01, 0.05)
    bars = over_http(parse_klines, answers("fetch_contract_ohlcv")[0], ETH, 15 * MINUTE)
    assert [bar["high"] for bar in bars] == [4_792.1, 4_778.55, 4_791.45]
    assert bars[0]["volume"] == pytest.approx(780.51)
    trades = over_http(parse_recent_trades, answers("fetch_trades")[2], ETH)
    assert [(row["taker_side"], row["event_time"]) for row in trades] == [
        ("buy", 1_640_105_794_099)
    ]
    assert trades[0]["amount"] == pytest.approx(0.39)
    paid = over_http(parse_funding, answers("fetch_funding_rate_history")[1], listed("ID", 1.0))
    assert [row["funding_rate"] for row in paid] == [0.000226]
    rows = RowBuffer("kucoin")
    tiers = json.dumps(answers("fetch_market_leverage_tiers")[0]).encode()
    parse_risk_limits(tiers, ETH, 1_700_000_000_000, 9, rows)
    (tier,) = plain(rows.take()["leverage_brackets"])
    assert (tier["notional_cap"], tier["max_leverage"]) == (300_000, 100)
    assert tier["maintenance_margin_rate"] == 0.005
    (interest,) = over_http(parse_open_interest, answers("fetch_open_interests")[0], ETH)
    assert interest["open_interest"] == pytest.approx(80_539.6)

"""What KuCoin's socket says, one convention a test: contracts, sides, times, books."""

from __future__ import annotations

import pytest
from tests.unit.venues.kucoin.kucoin_messages import (
    BTC,
    ETH,
    MINUTE,
    NOON,
    candle,
    change,
    estimate,
    frame,
    prices,
    read,
    reply,
    told,
    trade,
)

from forcedflow.errors import FrameError
from forcedflow.venues.kucoin import KucoinConnector
from forcedflow.venues.kucoin.reader import KucoinReader
from forcedflow.venues.kucoin.stream import feeds
from forcedflow.venues.row_buffer import RowBuffer


def test_a_trade_is_contracts_times_their_size_at_milliseconds_with_the_takers_side():
    (row,) = read(frame(trade(NOON * 1_000_000 + 999_999)))["trades"]
    assert (row["event_time"], row["available_time"]) == (NOON, NOON)
    assert (row["price"], row["taker_side"], row["trade_id"]) == (90_503.9, "buy", "7")
    assert row["amount"] == pytest.approx(0.002)


def test_another_contract_has_another_size():
    data = {"symbol": "ETHUSDTM", "side": "sell", "size": 35, "price": 2308, "tradeId": "9"}
    data["ts"] = NOON * 1_000_000
    (row,) = read(frame(told("/contractMarket/execution:ETHUSDTM", data)))["trades"]
    assert (row["symbol"], row["amount"]) == ("ETH/USDT:USDT", pytest.approx(0.35))


def test_a_candle_is_a_row_once_the_next_has_begun_and_its_close_stands_before_its_high():
    first = candle(NOON, "100", "101", "110", "90", "999", "5000")
    grown = candle(NOON, "100", "102", "111", "90", "999", "6000")
    begun = candle(NOON + MINUTE, "102", "102", "102", "102", "0", "0")
    assert read(frame(first), frame(grown)) == {}
    (row,) = read(frame(first), frame(grown), frame(begun), frame(first))["klines"]
    assert (row["event_time"], row["available_time"]) == (NOON + MINUTE, NOON + MINUTE)
    assert [row[name] for name in ("open", "high", "low", "close")] == [100, 111, 90, 102]
    assert (row["volume"], row["quote_volume"]) == (pytest.approx(6.0), None)
    assert (row["price_type"], row["interval_ms"]) == ("last", MINUTE)


def test_a_candle_that_a_broken_connection_cut_off_is_no_row():
    first = candle(NOON, "100", "101", "110", "90", "999", "5000")
    begun = candle(NOON + MINUTE, "102", "102", "102", "102", "0", "0")
    assert read(frame(first), frame(b"gone", kind="closed"), frame(begun)) == {}


def test_whole_minutes_of_marks_become_bars_of_mark_and_index_price():
    start = NOON - NOON % MINUTE
    seconds = [start - 1000, *range(start, start + MINUTE + 1000, 1000)]
    told_prices = [frame(prices(at, 50_000.0 + (at - start) / 1000)) for at in seconds]
    rows = read(*told_prices)["klines"]
    bars = {row["price_type"]: row for row in rows}
    assert set(bars) == {"mark", "index"}
    assert bars["mark"]["event_time"] == start + MINUTE
    names = ("open", "high", "low", "close", "volume")
    assert [bars["mark"][name] for name in names] == [50_000, 50_059, 50_000, 50_059, None]
    assert bars["index"]["close"] == 49_990


def test_a_minute_whose_beginning_or_half_was_not_heard_is_no_bar():
    start = NOON - NOON % MINUTE
    late = [frame(prices(at)) for at in range(start + 10_000, start + MINUTE + 1000, 1000)]
    assert read(*late) == {}
    thin = [frame(prices(at)) for at in range(start - 1000, start + MINUTE + 1000, 3000)]
    assert read(*thin) == {}


def test_the_running_estimate_is_kept_once_a_minute_and_the_announced_rate_is_not_it():
    rows = read(
        frame(estimate(NOON, 0.0001)),
        frame(estimate(NOON, 0.0002, 28_800_000)),
        frame(estimate(NOON + 20_000, 0.0003)),
        frame(estimate(NOON + MINUTE, 0.0004)),
    )["funding"]
    found = [(row["event_time"], row["kind"], row["funding_rate"]) for row in rows]
    assert found == [(NOON, "predicted", 0.0001), (NOON + MINUTE, "predicted", 0.0004)]


def test_a_settlement_is_announced_for_every_contract_and_ours_are_kept():
    def announced(symbol, subject="funding.begin"):
        data = {"symbol": symbol, "fundingTime": NOON, "fundingRate": -0.002, "timestamp": NOON}
        return frame(told("/contract/announcement", data, subject))

    rows = read(announced("XBTUSDTM"), announced("SOLUSDTM"), announced("XBTUSDTM", "other"))
    (row,) = rows["funding"]
    assert (row["kind"], row["event_time"], row["funding_rate"]) == ("settled", NOON, -0.002)


def snapshot(sequence: int, lots: int = 1000):
    data = {
        "sequence": sequence,
        "symbol": "XBTUSDTM",
        "bids": [[50_000, lots]],
        "asks": [["50001", lots]],
        "ts": NOON * 1_000_000,
    }
    return frame(reply(data), "rest:level2:XBTUSDTM", "response")


def kept(*frames):
    reader, rows = KucoinReader((BTC, ETH), "http://kucoin.test"), RowBuffer("kucoin")
    asked = [request.connection for one in frames for request in reader.read(one, rows)]
    return reader, rows.take().get("order_book"), asked


def test_a_book_needs_a_snapshot_and_is_kept_in_coins():
    reader, book, asked = kept(
        frame(change(10, "50000,buy,3000"), "book:1"),
        snapshot(9),
        frame(change(11, "50001,sell,0"), "book:1"),
        frame(change(12, "50002,sell,7"), "book:1"),
    )
    assert asked == ["rest:level2:XBTUSDTM"]
    assert reader.gaps == 0
    found = {(row["side"], row["price"]): row["amount"] for row in book.to_dicts()}
    assert found == {("bid", 50_000): pytest.approx(3.0), ("ask", 50_002): pytest.approx(0.007)}


def test_a_lost_change_clears_the_book_and_asks_for_a_snapshot():
    reader, book, asked = kept(
        frame(change(10, "50000,buy,3000"), "book:1"),
        snapshot(10),
        frame(change(12, "49999,buy,1"), "book:1"),
        frame(change(13, "49998,buy,1", NOON + 5000), "book:1"),
    )
    assert reader.gaps == 1
    assert book is None
    assert asked == ["rest:level2:XBTUSDTM"] * 2


def test_a_closed_connection_forgets_its_book():
    _, book, asked = kept(
        frame(change(10, "50000,buy,3000"), "book:1"),
        snapshot(10),
        frame(b"gone", "book:1", "closed"),
        frame(change(11, "49999,buy,1"), "book:1"),
    )
    assert book is None
    assert len(asked) == 2


def test_open_interest_of_now_is_one_sided_contracts_at_the_minute_it_was_received():
    body = reply({"symbol": "XBTUSDTM", "openInterest": "6748176", "markPrice": 86_378.69})
    received = NOON + 1_234
    (row,) = read(frame(body, "rest:contract:XBTUSDTM", "response", received))["open_interest"]
    assert (row["event_time"], row["available_time"]) == (NOON, received)
    assert row["open_interest"] == pytest.approx(6_748.176)
    assert row["open_interest_usd"] == pytest.approx(6_748.176 * 86_378.69)


def test_welcome_acks_and_pongs_say_nothing_and_an_error_is_quoted():
    quiet = [{"id": "1", "type": kind} for kind in ("welcome", "ack", "pong")]
    assert read(*(frame(message) for message in quiet)) == {}
    refused = {"id": "1", "type": "error", "code": 404, "data": "topic /x is not found"}
    with pytest.raises(FrameError, match="topic /x is not found"):
        read(frame(refused))


def test_topics_and_contracts_that_are_not_ours_say_nothing():
    messages = [
        told("/contractMarket/tickerV2:XBTUSDTM", {"bestBidSize": 1}, "tickerV2"),
        told("/contractMarket/execution:SOLUSDTM", {"anything": 1}),
        told("/contractMarket/limitCandle:XBTUSDTM_1week", {"candles": []}),
    ]
    assert read(*(frame(message) for message in messages)) == {}


@pytest.mark.parametrize(
    "text", ["1,buy", "0,buy,1", "nan,buy,1", "1,hold,1", "1,sell,-2", "x,buy,1"]
)
def test_a_change_that_is_no_level_is_refused_with_its_message(text):
    with pytest.raises(FrameError, match="contractMarket/level2:XBTUSDTM"):
        read(frame(change(1, text), "book:1"))


def test_no_liquidations_are_promised():
    capabilities = KucoinConnector().capabilities
    assert capabilities.liquidations == "none"
    assert "liquidations" not in capabilities.streamed | capabilities.backfilled
    assert "long_short_ratio" not in capabilities.streamed | capabilities.backfilled


def test_symbols_share_a_subscription_and_books_have_a_connection_of_their_own():
    tables = ["trades", "klines", "funding", "order_book"]
    prints, book = feeds(KucoinConnector().endpoints, tables, (BTC, ETH), MINUTE)
    topics = [message.split('"topic":"')[1].split('"')[0] for message in prints.subscribe]
    assert topics == [
        "/contractMarket/execution:XBTUSDTM,ETHUSDTM",
        "/contractMarket/limitCandle:XBTUSDTM_1min,ETHUSDTM_1min",
        "/contract/instrument:XBTUSDTM,ETHUSDTM",
        "/contract/announcement",
    ]
    assert prints.carries == {"trades", "klines", "funding"}
    assert book.carries == {"order_book"}
    assert (prints.droppable, book.droppable) == (False, True)

"""What MEXC's streams say: contracts turned into coins, bars closed by the next, books in step."""

from __future__ import annotations

import json

import pytest
from tests.unit.venues.mexc.mexc_frames import (
    BTC,
    MINUTE,
    NOON,
    frame,
    plain,
    push,
    read,
    reader,
    reply,
)

from forcedflow.errors import FrameError
from forcedflow.venues.mexc import MexcConnector
from forcedflow.venues.row_buffer import RowBuffer

DEAL = {"p": 115309.8, "v": 55, "T": 2, "O": 3, "M": 1, "t": NOON + 276, "i": "13064218826"}


def test_a_deal_is_a_trade_in_coins_with_the_side_of_its_taker():
    sold, bought = read(frame(push("deal", [DEAL, DEAL | {"T": 1, "i": "8"}])))["trades"]
    assert (sold["taker_side"], bought["taker_side"]) == ("sell", "buy")
    assert sold["amount"] == pytest.approx(0.0055)
    assert (sold["trade_id"], sold["price"]) == ("13064218826", 115309.8)
    assert sold["event_time"] == sold["available_time"] == NOON + 276


def test_contracts_are_worth_what_each_contract_says():
    (row,) = read(frame(push("deal", [DEAL], symbol="ETH_USDT")))["trades"]
    assert (row["symbol"], row["amount"]) == ("ETH/USDT:USDT", pytest.approx(0.55))


def test_deals_without_ids_are_told_apart_by_what_they_are_and_come_twice_without_harm():
    bare = {key: one for key, one in DEAL.items() if key != "i"}
    message = frame(push("deal", [bare, bare, bare | {"T": 1}]))
    names = [row["trade_id"] for row in read(message, message)["trades"]]
    assert len(set(names)) == 3
    assert names[:3] == names[3:]


def test_a_deal_told_alone_is_read_as_a_list_of_one():
    assert len(read(frame(push("deal", DEAL)))["trades"]) == 1


def bar(start_ms, close=38839.0, **more):
    prices = {"o": 38901.5, "h": 38909.5, "l": 38833, "c": close}
    body = {"interval": "Min1", "t": start_ms // 1000, "q": 83808, "a": 325653.33}
    return push("kline", body | prices | more)


def test_a_bar_is_a_row_at_its_end_once_the_next_one_begins():
    rows = read(
        frame(bar(NOON, 38800.0)),
        frame(bar(NOON)),
        frame(bar(NOON + MINUTE)),
        frame(bar(NOON - MINUTE, 1.0)),
    )
    (row,) = rows["klines"]
    assert row["event_time"] == row["available_time"] == NOON + MINUTE
    assert (row["close"], row["quote_volume"]) == (38839.0, 325653.33)
    assert row["volume"] == pytest.approx(8.3808)


def test_a_bar_whose_connection_broke_is_not_taken_for_closed():
    rows = read(frame(bar(NOON)), frame(b"reset", kind="closed"), frame(bar(NOON + MINUTE)))
    assert rows == {}


def test_bars_of_a_length_that_is_not_ours_are_passed_over():
    assert read(frame(bar(NOON, interval="Week1")), frame(bar(NOON * 2, interval="Week1"))) == {}


def ticker(ts, hold=2_284_742, rate=0.0008):
    body = {
        "symbol": "BTC_USDT",
        "fairPrice": 6867.4,
        "fundingRate": rate,
        "holdVol": hold,
        "timestamp": ts - 4_000,
    }
    return push("ticker", body, ts)


def test_the_first_ticker_of_each_minute_is_open_interest_in_coins_and_the_funding_estimate():
    rows = read(
        frame(ticker(NOON + 5), received_ms=NOON + 90),
        frame(ticker(NOON + 900, 1)),
        frame(ticker(NOON + MINUTE, 10_000, -0.001), received_ms=NOON),
    )
    first, second = rows["open_interest"]
    assert first["open_interest"] == pytest.approx(228.4742)
    assert first["open_interest_usd"] == pytest.approx(228.4742 * 6867.4)
    # The venue's time of the message, not that of the last trade.
    assert (first["event_time"], first["available_time"]) == (NOON + 5, NOON + 90)
    assert (second["event_time"], second["available_time"]) == (NOON + MINUTE,) * 2
    assert [row["funding_rate"] for row in rows["funding"]] == [0.0008, -0.001]
    assert {row["kind"] for row in rows["funding"]} == {"predicted"}


def test_a_ticker_without_a_time_of_its_own_is_of_the_last_trade():
    message = {key: one for key, one in ticker(NOON).items() if key != "ts"}
    assert read(frame(message))["open_interest"][0]["event_time"] == NOON - 4_000


@pytest.mark.parametrize(
    "message",
    [
        {"channel": "pong", "data": NOON, "ts": NOON},
        {"channel": "rs.sub.deal", "data": "success", "ts": str(NOON)},
        push("fair.price", {"price": 6867.5}),
        push("depth.full", {"asks": [], "bids": [], "version": 3}),
        push("deal", [DEAL], symbol="XRP_USDT"),
    ],
)
def test_answers_and_channels_that_are_not_ours_give_no_rows_and_no_error(message):
    assert read(frame(message)) == {}


@pytest.mark.parametrize("channel", ["rs.error", "rs.sub.deal"])
def test_a_refused_subscription_is_an_error_in_the_venue_s_words(channel):
    message = {"channel": channel, "data": "Contract [NOPE_USDT] not exists", "ts": NOON}
    with pytest.raises(FrameError, match=r"Contract \[NOPE_USDT\] not exists"):
        read(frame(message))


def test_a_message_that_cannot_be_read_quotes_itself_and_gives_none_of_its_rows():
    rows = RowBuffer("mexc")
    with pytest.raises(FrameError, match=r"push.deal: .*the message reads: \{\"symbol\""):
        reader().read(frame(push("deal", [DEAL, DEAL | {"p": 0}])), rows)
    assert not len(rows)


# Books ------------------------------------------------------------------------------------------


def depth(last, first=None, bids=(), asks=(), at_ms=NOON, **more):
    counted = {"version": last} | ({} if first is None else {"begin": first, "end": last})
    body = {"cts": at_ms, "bids": list(bids), "asks": list(asks)} | counted | more
    return frame(push("depth", body, at_ms + 4), "edge-book:1")


def snapshot(version):
    levels = {"bids": [[100, 20_000, 3]], "asks": [[101.0, 5_000]]}
    return levels | {"version": version, "timestamp": NOON, "cts": None}


def begun(mexc, rows):
    (request,) = mexc.read(depth(12, 11, bids=[[99, 10_000, 1]]), rows)
    assert request.connection == "rest:depth:BTC_USDT"
    assert mexc.read(frame(reply(snapshot(10)), request.connection, "response"), rows) == ()


def test_a_book_begins_with_a_snapshot_over_http_and_goes_on_by_its_numbers_in_coins():
    mexc, rows = reader(), RowBuffer("mexc")
    begun(mexc, rows)
    assert mexc.read(depth(13, bids=[[99, 0, 0]], at_ms=NOON + 1_000), rows) == ()
    held = [(row["price"], round(row["amount"], 9)) for row in plain(rows)["order_book"]]
    assert held == [(100.0, 2.0), (101.0, 0.5)]
    assert mexc.gaps == 0


def test_a_snapshot_that_lags_behind_the_stream_is_asked_for_again():
    mexc, rows = reader(), RowBuffer("mexc")
    (request,) = mexc.read(depth(420, 416), rows)
    assert mexc.read(frame(reply(snapshot(25)), request.connection, "response"), rows)
    assert mexc.read(frame(reply(snapshot(415)), request.connection, "response"), rows) == ()


def test_a_gap_clears_the_book_and_asks():
    mexc, rows = reader(), RowBuffer("mexc")
    begun(mexc, rows)
    assert mexc.read(depth(20, 16, at_ms=NOON + 1_000), rows)
    assert mexc.gaps == 1
    assert not len(rows)


def test_a_connection_that_ends_takes_its_book_along():
    mexc, rows = reader(), RowBuffer("mexc")
    begun(mexc, rows)
    mexc.read(frame(b"reset", "edge-book:1", "closed"), rows)
    assert mexc.read(depth(13), rows)
    assert not len(rows)


def test_a_snapshot_that_the_venue_refuses_is_an_error_and_leaves_the_reader_usable():
    mexc, rows = reader(), RowBuffer("mexc")
    (request,) = mexc.read(depth(12, 11), rows)
    refused = {"success": False, "code": 510, "message": "Requests are too frequent"}
    with pytest.raises(FrameError, match="Requests are too frequent"):
        mexc.read(frame(refused, request.connection, "response"), rows)
    assert mexc.read(frame(reply(snapshot(10)), request.connection, "response"), rows) == ()


def test_a_change_of_the_book_without_any_time_is_refused():
    message = {"symbol": "BTC_USDT", "channel": "push.depth", "data": {"version": 1}}
    with pytest.raises(FrameError, match="has neither cts nor ts"):
        read(frame(message))


# Connections ------------------------------------------------------------------------------------


def test_one_connection_carries_prints_and_one_the_books_and_trades_come_unmerged():
    mexc = MexcConnector()
    feeds, polls = mexc.feeds(sorted(mexc.capabilities.streamed), (BTC,), MINUTE)
    assert [(feed.name, feed.droppable) for feed in feeds] == [
        ("edge:1", False),
        ("edge-book:1", True),
    ]
    assert {feed.url for feed in feeds} == {"wss://contract.mexc.com/edge"}
    said = [json.loads(one) for feed in feeds for one in feed.subscribe]
    assert {one["method"]: one["param"] for one in said} == {
        "sub.deal": {"symbol": "BTC_USDT", "compress": False},
        "sub.kline": {"symbol": "BTC_USDT", "interval": "Min1"},
        "sub.ticker": {"symbol": "BTC_USDT"},
        "sub.depth": {"symbol": "BTC_USDT"},
    }
    # Without a ping the venue hangs up after a minute.
    assert {(feed.ping, feed.ping_every_s) for feed in feeds} == {('{"method":"ping"}', 15.0)}
    carried = [part.carries for part in (*feeds, *polls)]
    assert frozenset().union(*carried) == mexc.capabilities.streamed


def test_what_does_not_exist_is_not_offered():
    offered = MexcConnector().capabilities
    assert offered.liquidations == "none"
    assert not {"liquidations", "liquidation_totals"} & (offered.streamed | offered.backfilled)
    assert not {"open_interest", "long_short_ratio", "trades"} & offered.backfilled

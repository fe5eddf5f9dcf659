"""What OKX's channels print becomes rows: sides of positions, contracts in coins, whole minutes."""

from __future__ import annotations

import pytest
from tests.unit.venues.okx.okx_frames import (
    HOUR,
    LINEAR,
    MINUTE,
    NOON,
    frame,
    message,
    read,
    reader,
    taken,
)

from forcedflow.errors import FrameError, UsageError
from forcedflow.instruments import Instrument
from forcedflow.venues.okx import OkxConnector
from forcedflow.venues.row_buffer import RowBuffer


def detail(position_side, side, size="50", price="60000", at=NOON):
    return {
        "bkLoss": "0",
        "bkPx": price,
        "ccy": "",
        "posSide": position_side,
        "side": side,
        "sz": size,
        "ts": str(at),
    }


def liquidated(*details, name="BTC-USDT-SWAP"):
    return {"details": list(details), "instId": name, "instType": "SWAP"}


def liquidations(*data):
    return message("liquidation-orders", list(data), "")


@pytest.mark.parametrize(
    ("position_side", "side", "held"),
    [
        ("long", "sell", "long"),
        ("short", "buy", "short"),
        ("net", "sell", "long"),
        ("net", "buy", "short"),
        ("", "sell", "long"),
    ],
)
def test_the_side_is_that_of_the_position_and_netted_ones_follow_from_the_order(
    position_side, side, held
):
    (row,) = read(liquidations(liquidated(detail(position_side, side))))["liquidations"]
    assert row["side"] == held


def test_a_liquidation_is_a_sample_at_its_bankruptcy_price():
    (row,) = read(liquidations(liquidated(detail("long", "sell"))))["liquidations"]
    assert (row["price"], row["price_kind"]) == (60_000, "bankruptcy")
    assert row["completeness"] == "sampled lower bound"
    assert row["event_time"] == row["available_time"] == NOON
    assert row["event_id"] == ""


def test_sizes_of_liquidations_are_contracts_of_coins_or_of_dollars():
    inverse = liquidated(detail("short", "buy", "300"), name="BTC-USD-SWAP")
    rows = read(liquidations(liquidated(detail("long", "sell", "50")), inverse))["liquidations"]
    by_symbol = {row["symbol"]: (row["amount"], row["notional_usd"]) for row in rows}
    assert by_symbol == {"BTC/USDT:USDT": (0.5, 30_000), "BTC/USD:BTC": (0.5, 30_000)}


def test_every_detail_is_a_row_and_twins_within_a_message_are_numbered():
    one = detail("long", "sell")
    later = detail("long", "sell", at=NOON + 1)
    rows = read(liquidations(liquidated(one, one, later), liquidated(one)))["liquidations"]
    assert [(row["event_time"], row["event_id"]) for row in rows] == [
        (NOON, ""),
        (NOON, "2"),
        (NOON + 1, ""),
        (NOON, "3"),
    ]


def test_a_message_that_comes_again_after_a_subscription_repeats_its_keys():
    told = liquidations(liquidated(detail("long", "sell"), detail("short", "buy")))
    rows = read(told, told)["liquidations"]
    assert [row["event_id"] for row in rows] == ["", "", "", ""]


def test_liquidations_of_contracts_that_are_not_followed_are_left_out_unread():
    other = {"details": [{"posSide": "long"}], "instId": "IOST-USDT-SWAP"}
    assert read(liquidations(other)) == {}


def test_one_detail_that_cannot_be_read_refuses_the_whole_message():
    rows, okx = RowBuffer("okx"), reader()
    bad = liquidations(liquidated(detail("long", "sell")), liquidated(detail("both", "sell")))
    with pytest.raises(FrameError, match="posSide"):
        okx.read(frame(bad), rows)
    assert not len(rows)


@pytest.mark.parametrize(
    ("name", "size", "amount"),
    [("BTC-USDT-SWAP", "50", 0.5), ("BTC-USD-SWAP", "300", 0.5), ("BTC-USDT", "0.5", 0.5)],
    ids=["coins a contract", "dollars a contract", "spot"],
)
def test_a_trade_is_in_base_coins_with_the_takers_side(name, size, amount):
    data = [{"instId": name, "tradeId": "7", "px": "60000", "sz": size, "side": "sell"}]
    (row,) = read(message("trades-all", [data[0] | {"ts": str(NOON)}], name))["trades"]
    assert (row["trade_id"], row["amount"], row["taker_side"]) == ("7", amount, "sell")
    assert row["available_time"] == NOON


@pytest.mark.parametrize(
    ("name", "price_type", "volume", "quote"),
    [("BTC-USDT-SWAP", "last", 71.6, 7_364_701.5), ("BTC-USDT", "spot", 7164.0, 7_364_701.5)],
)
def test_a_bar_belongs_to_its_end_and_only_a_closed_one_is_a_row(name, price_type, volume, quote):
    prices = ["60000", "60010", "59990", "60005", "7164", "71.6", "7364701.5"]
    bars = [[str(NOON - MINUTE), *prices, "1"], [str(NOON), *prices, "0"]]
    (row,) = read(message("candle1m", bars, name))["klines"]
    assert (row["event_time"], row["available_time"]) == (NOON, NOON)
    assert (row["price_type"], row["interval_ms"]) == (price_type, MINUTE)
    assert (row["open"], row["high"], row["low"], row["close"]) == (60_000, 60_010, 59_990, 60_005)
    assert (row["volume"], row["quote_volume"]) == (volume, quote)


def test_open_interest_is_the_first_of_each_minute_in_coins_known_when_it_came():
    def held(at, coins):
        return message("open-interest", [{"oi": "9", "oiCcy": coins, "ts": str(at)}])

    late = NOON + MINUTE + 700
    rows = read(
        frame(held(NOON, "28000.5"), received_ms=NOON + 40),
        frame(held(NOON + 3_000, "28001"), received_ms=NOON + 3_040),
        frame(held(NOON + MINUTE + 500, "28002"), received_ms=late),
    )["open_interest"]
    assert [(row["event_time"], row["available_time"]) for row in rows] == [
        (NOON, NOON + 40),
        (NOON + MINUTE + 500, late),
    ]
    assert [row["open_interest"] for row in rows] == [28_000.5, 28_002]
    assert rows[0]["open_interest_usd"] is None


def test_dollars_of_open_interest_are_those_told_or_the_contracts_of_an_inverse_swap():
    data = {"oi": "300", "oiCcy": "0.5", "ts": str(NOON)}
    (told,) = read(message("open-interest", [data | {"oiUsd": "31000"}]))["open_interest"]
    (counted,) = read(message("open-interest", [data], "BTC-USD-SWAP"))["open_interest"]
    assert told["open_interest_usd"] == 31_000
    assert (counted["open_interest"], counted["open_interest_usd"]) == (0.5, 30_000)


def test_the_funding_estimate_has_the_length_of_the_interval_that_it_ends():
    def told(at, **more):
        body = {"fundingRate": "-0.0004", "fundingTime": str(NOON + HOUR), "ts": str(at)}
        return message("funding-rate", [body | more])

    rows = read(
        told(NOON, prevFundingTime=str(NOON - 3 * HOUR), nextFundingTime=str(NOON + 9 * HOUR)),
        told(NOON + 30_000),
        told(NOON + MINUTE, nextFundingTime=str(NOON + 9 * HOUR)),
        told(NOON + 2 * MINUTE, prevFundingTime="", nextFundingTime=""),
    )["funding"]
    assert [row["kind"] for row in rows] == ["predicted"] * 3
    assert [row["funding_rate"] for row in rows] == [-0.0004] * 3
    assert [row["interval_hours"] for row in rows] == [4, 8, None]
    assert [row["event_time"] for row in rows] == [NOON, NOON + MINUTE, NOON + 2 * MINUTE]


@pytest.mark.parametrize(
    "body",
    [
        b"pong",
        {"event": "subscribe", "arg": {"channel": "books", "instId": "BTC-USDT-SWAP"}},
        {"event": "notice", "code": "64008", "msg": "The connection will soon be closed"},
        {"event": "channel-conn-count", "channel": "books", "connCount": "2", "connId": "a"},
        message("tickers", [{"last": "5"}]),
        message("books", [], "IOST-USDT-SWAP"),
        message("funding-rate", [{}], "BTC-USDT"),
        message("candle7m", [[]]),
    ],
    ids=lambda body: str(body)[:40],
)
def test_answers_and_channels_that_are_not_ours_pass_without_rows(body):
    assert read(body) == {}


def test_a_refused_subscription_is_an_error_in_the_venues_words():
    said = {"event": "error", "code": "60018", "msg": "Wrong URL or channel"}
    with pytest.raises(FrameError, match=r"refused: Wrong URL or channel \(code 60018\)"):
        read(said)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"pong!", b"", b'{"data":[]}'])
def test_what_has_neither_a_channel_nor_an_answer_is_refused(body):
    with pytest.raises(FrameError):
        read(body)


def test_a_reconnected_channel_begins_its_minutes_anew():
    told = message("open-interest", [{"oi": "9", "oiCcy": "5", "ts": str(NOON)}])
    okx, rows = reader(), RowBuffer("okx")
    for kind in ("message", "closed", "opened", "message"):
        okx.read(frame(told if kind == "message" else b"", kind=kind), rows)
    assert len(taken(rows)["open_interest"]) == 2


def test_a_contract_whose_size_was_not_fetched_is_not_read():
    with pytest.raises(UsageError, match="contract size of BTC/USDT:USDT on okx is not known"):
        OkxConnector().reader([Instrument("okx", "BTC", "USDT", "USDT")])
    OkxConnector().reader([LINEAR, Instrument("okx", "BTC", "USDT", None)])

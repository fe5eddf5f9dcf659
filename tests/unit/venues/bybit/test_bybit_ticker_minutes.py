"""Bybit's ticker becomes open interest and predicted funding at whole minutes."""

from __future__ import annotations

import pytest
from tests.unit.venues.bybit.hand_written import MINUTE, NOON, frame, plain, read, topic

from forcedflow.errors import FrameError


def ticker(data, ts=NOON, sort="delta", symbol="BTCUSDT", connection="linear:1", late_ms=40):
    return frame(
        topic(f"tickers.{symbol}", {"symbol": symbol} | data, ts, sort),
        connection,
        received_ms=ts + late_ms,
    )


def whole(ts=NOON - 30_000, **changed):
    data = {
        "markPrice": "50000",
        "openInterest": "200",
        "singleOpenInterest": "100",
        "fundingRate": "0.0001",
        "fundingIntervalHour": "8",
    }
    return ticker({key: value for key, value in (data | changed).items() if value}, ts, "snapshot")


def interest_of(*frames):
    return plain(read(*frames).take()["open_interest"])


def test_the_row_of_a_minute_is_what_held_when_it_began():
    (row,) = interest_of(
        whole(),
        ticker({"singleOpenInterest": "110", "openInterest": "220"}, NOON - 1_000),
        ticker({"singleOpenInterest": "120", "openInterest": "240"}, NOON + 5),
        ticker({"singleOpenInterest": "130", "openInterest": "260"}, NOON + 59_000),
    )
    assert (row["event_time"], row["open_interest"]) == (NOON, 110.0)
    assert row["open_interest_usd"] == 110 * 50_000.0
    assert row["available_time"] == NOON + 45
    assert row["source"] == "bybit:tickers"


def test_where_only_both_sides_are_given_one_side_is_half():
    (row,) = interest_of(whole(singleOpenInterest=""), ticker({"bid1Price": "1"}, NOON + 5))
    assert row["open_interest"] == 100.0


def test_one_side_as_stated_goes_before_half_of_both():
    (row,) = interest_of(whole(openInterest="999"), ticker({}, NOON + 5))
    assert row["open_interest"] == 100.0


def test_open_interest_of_an_inverse_contract_is_dollars_over_the_mark():
    shown = {"markPrice": "50000", "openInterest": "2000000", "singleOpenInterest": "1000000"}
    (row,) = interest_of(
        ticker(shown, NOON - 1, "snapshot", "BTCUSD", "inverse:1"),
        ticker({}, NOON + 1, "delta", "BTCUSD", "inverse:1"),
    )
    assert (row["open_interest"], row["open_interest_usd"]) == (20.0, 1_000_000.0)


def test_the_running_funding_rate_is_a_prediction():
    rows = read(whole(), ticker({"fundingRate": "-0.0002"}, NOON + 5)).take()["funding"]
    (row,) = plain(rows)
    assert (row["kind"], row["funding_rate"], row["interval_hours"]) == ("predicted", 0.0001, 8.0)
    assert (row["event_time"], row["available_time"]) == (NOON, NOON + 45)


def test_there_is_one_row_per_minute_however_many_messages_there_are():
    changes = [ticker({"markPrice": "50001"}, NOON + step * 7_000) for step in range(26)]
    rows = interest_of(whole(), *changes)
    assert [row["event_time"] for row in rows] == [NOON + minute * MINUTE for minute in range(3)]


def test_a_silent_minute_is_made_up_for_by_the_last_boundary_alone():
    rows = interest_of(whole(), ticker({}, NOON + 150_000))
    assert [row["event_time"] for row in rows] == [NOON + 2 * MINUTE]


def test_a_change_before_the_first_snapshot_says_nothing():
    assert not len(read(ticker({"markPrice": "1"}, NOON - 1), ticker({}, NOON + 1)))


@pytest.mark.parametrize("kind", ["closed", "opened"])
def test_after_a_reconnection_nothing_is_carried_over(kind):
    gone = frame(b"gone", "linear:1", kind)
    assert not len(read(whole(), gone, ticker({}, NOON + 1)))
    assert not len(read(whole(), gone, whole(NOON + 20_000), ticker({}, NOON + 30_000)))


def test_the_end_of_another_connection_changes_nothing():
    assert len(read(whole(), frame(b"gone", "linear-book:1", "closed"), ticker({}, NOON + 1))) == 2


def test_a_late_message_does_not_write_its_minute_again():
    rows = interest_of(whole(), ticker({}, NOON + 5), ticker({}, NOON - 5), ticker({}, NOON + 9))
    assert len(rows) == 1


def test_without_a_mark_price_there_is_no_open_interest():
    assert set(read(whole(markPrice=""), ticker({}, NOON + 1)).take()) == {"funding"}


@pytest.mark.parametrize("rate", ["nan", "1e9", "high"])
def test_a_bad_value_is_refused_and_the_state_stays(rate):
    with pytest.raises(FrameError, match="tickers"):
        read(whole(), ticker({"fundingRate": rate}, NOON - 1))


def test_a_ticker_without_time_or_of_no_kind_is_refused():
    with pytest.raises(FrameError, match="has no ts"):
        read(frame({"topic": "tickers.BTCUSDT", "type": "snapshot", "data": {}}))
    with pytest.raises(FrameError, match="neither snapshot nor delta"):
        read(frame(topic("tickers.BTCUSDT", {}, NOON, "whole")))


def test_a_spot_ticker_has_nothing_for_us():
    assert not len(read(frame(topic("tickers.BTCUSDT", {"lastPrice": "1"}), "spot:1")))

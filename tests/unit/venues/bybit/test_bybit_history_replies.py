"""Bybit's history over HTTP: units, sides counted once, when a value is known, what is asked."""

from __future__ import annotations

from itertools import pairwise

import pytest
from tests.unit.venues.bybit.hand_written import (
    INVERSE,
    LINEAR,
    MINUTE,
    NOON,
    SPOT,
    USDC,
    Answers,
    frame,
    plain,
    read,
    reply,
    taken,
)

from forcedflow.errors import FrameError, RateLimitedError, UsageError, VenueError
from forcedflow.venues.bybit.history import History
from forcedflow.venues.bybit.parse_history import Asked, parse_klines, parse_open_interest
from forcedflow.venues.row_buffer import RowBuffer

DAY = 86_400_000
MIDNIGHT = NOON - DAY // 2
FIVE = 5 * MINUTE


def bars(*bars, time_ms=NOON):
    return reply({"symbol": "BTCUSDT", "category": "linear", "list": list(bars)}, time_ms)


def bar(start, *, volume="2", turnover="100010"):
    return [str(start), "50000", "50020", "49990", "50010", volume, turnover]


def rows_of(piece, table):
    frames = piece.read()
    assert set(frames) <= {table}
    return plain(frames[table]) if frames else []


def pieces(http, table, start, end, *, instrument=LINEAR, now=NOON, interval=FIVE):
    history = History(http, "http://bybit.test", instrument, now)
    return history.pieces(table, start, end, interval)


def klines(raw, instrument=LINEAR, start=0, end=2**42):
    rows = RowBuffer("bybit")
    parse_klines(raw, Asked(instrument, start, end, 9), FIVE, rows)
    return taken(rows, "klines")


def interests(instrument, marks, *listed):
    rows = RowBuffer("bybit")
    body = reply({"symbol": "x", "category": "x", "list": list(listed), "nextPageCursor": ""})
    parse_open_interest(body, Asked(instrument, 0, 2**42, 9), marks, rows)
    return taken(rows, "open_interest")


# Bars -------------------------------------------------------------------------------------------


def test_a_bar_is_stamped_with_its_end_and_known_then():
    (row,) = klines(bars(bar(NOON - FIVE)))
    assert (row["event_time"], row["available_time"], row["price_type"]) == (NOON, NOON, "last")
    assert (row["volume"], row["quote_volume"], row["source"]) == (2.0, 100_010.0, "bybit:kline")
    assert row["precedence"] == 9


def test_a_bar_under_way_by_the_venues_clock_is_left_out():
    assert klines(bars(bar(NOON - FIVE), time_ms=NOON - 1)) == []


def test_only_bars_that_end_in_the_span_are_taken():
    found = klines(bars(*(bar(NOON - k * FIVE) for k in range(1, 6))), LINEAR, NOON - 10 * MINUTE)
    assert [row["event_time"] for row in found] == [NOON, NOON - FIVE, NOON - 10 * MINUTE]
    end = NOON - FIVE
    assert [row["event_time"] for row in klines(bars(bar(end), bar(end - FIVE)), end=NOON)] == [end]


def test_an_inverse_bar_counts_dollars_and_turns_over_coins():
    (row,) = klines(bars(bar(NOON - FIVE, volume="100010", turnover="2")), INVERSE)
    assert (row["volume"], row["quote_volume"]) == (2.0, 100_010.0)


def test_bars_of_a_spot_pair_are_of_the_spot_price():
    assert klines(bars(bar(NOON - FIVE)), SPOT)[0]["price_type"] == "spot"


# Open interest ----------------------------------------------------------------------------------


def test_one_side_of_open_interest_is_taken_as_stated():
    (row,) = interests(
        LINEAR,
        {},
        {"openInterest": "200.5", "singleOpenInterest": "100.25", "timestamp": str(NOON)},
    )
    assert (row["open_interest"], row["open_interest_usd"]) == (100.25, None)


def test_the_sum_of_both_sides_is_halved_where_one_side_is_not_stated():
    (row,) = interests(LINEAR, {}, {"openInterest": "200.5", "timestamp": str(NOON)})
    assert row["open_interest"] == 100.25


def test_open_interest_is_known_five_minutes_after_its_moment():
    (row,) = interests(LINEAR, {}, {"openInterest": "2", "timestamp": str(NOON)})
    assert (row["event_time"], row["available_time"]) == (NOON, NOON + FIVE)


def test_inverse_open_interest_is_dollars_and_its_coins_follow_from_the_mark():
    shown = {"openInterest": "2000000", "singleOpenInterest": "1000000", "timestamp": str(NOON)}
    (row,) = interests(INVERSE, {NOON: 50_000.0}, shown)
    assert (row["open_interest"], row["open_interest_usd"]) == (20.0, 1_000_000.0)


def test_without_a_mark_inverse_open_interest_has_no_coins():
    (row,) = interests(INVERSE, {}, {"openInterest": "2000000", "timestamp": str(NOON)})
    assert (row["open_interest"], row["open_interest_usd"]) == (None, 1_000_000.0)


def test_a_piece_of_inverse_open_interest_asks_for_the_marks_of_the_same_moments():
    mark = [str(NOON), "50000", "50000", "50000", "50000"]
    listed = [{"openInterest": "2000000", "timestamp": str(NOON)}]
    http = Answers(bars(mark), *[reply({"list": listed})] * 3)
    (piece,) = pieces(
        http, "open_interest", NOON, NOON + 1, instrument=INVERSE, now=NOON + 40 * DAY
    )
    rows = rows_of(piece, "open_interest")
    assert {row["open_interest"] for row in rows} == {20.0}
    (url, first), *_ = http.asked
    assert url.endswith("/v5/market/mark-price-kline")
    assert (first["start"], first["interval"]) == (piece.start_ms, "5")


# Funding and ratios -----------------------------------------------------------------------------


def test_a_settlement_is_known_when_it_happens_and_its_interval_is_the_time_since_the_last():
    listed = [
        {"symbol": "BTCUSDT", "fundingRate": rate, "fundingRateTimestamp": str(at)}
        for rate, at in (("0.0003", NOON), ("-0.0001", NOON - DAY // 6), ("0.1", NOON - DAY // 2))
    ]
    http = Answers(reply({"category": "linear", "list": listed}))
    (piece,) = pieces(http, "funding", NOON, NOON + 1, now=NOON + 30 * DAY)
    found = rows_of(piece, "funding")
    assert [(row["event_time"], row["funding_rate"], row["interval_hours"]) for row in found] == [
        (NOON - DAY // 2, 0.1, None),
        (NOON - DAY // 6, -0.0001, 8.0),
        (NOON, 0.0003, 4.0),
    ]
    assert {row["kind"] for row in found} == {"settled"}
    assert all(row["event_time"] == row["available_time"] for row in found)


def test_funding_is_asked_for_with_a_day_before_it_and_with_both_ends():
    http = Answers(reply({"list": []}))
    (piece,) = pieces(http, "funding", NOON, NOON + 1, now=NOON + 30 * DAY)
    assert piece.read() == {}
    (_, params) = http.asked[0]
    assert params == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "startTime": piece.start_ms - DAY,
        "endTime": piece.end_ms - 1,
        "limit": 200,
    }


def test_a_ratio_of_accounts_is_longs_over_shorts_known_five_minutes_later():
    listed = [
        {"symbol": "BTCUSDT", "buyRatio": "0.6", "sellRatio": "0.4", "timestamp": str(NOON)},
        {"symbol": "BTCUSDT", "buyRatio": "1", "sellRatio": "0", "timestamp": str(NOON - FIVE)},
    ]
    http = Answers(*[reply({"list": listed})] + [reply({"list": []})] * 2)
    (piece,) = pieces(http, "long_short_ratio", NOON, NOON + 1, now=NOON + 30 * DAY)
    (row,) = rows_of(piece, "long_short_ratio")
    assert (row["kind"], row["interval_ms"]) == ("accounts", FIVE)
    assert row["ratio"] == pytest.approx(1.5)
    assert (row["event_time"], row["available_time"]) == (NOON, NOON + FIVE)


def test_usdc_contracts_and_spot_pairs_have_no_ratio_of_accounts():
    for instrument in (USDC, SPOT):
        assert pieces(Answers(), "long_short_ratio", 0, NOON, instrument=instrument) == ()


def test_a_polled_ratio_is_known_when_it_came():
    listed = [{"buyRatio": "0.6", "sellRatio": "0.4", "timestamp": str(NOON)}]
    came = frame(
        reply({"list": listed}), "rest:account-ratio:linear:BTCUSDT", "response", NOON + 42_000
    )
    (row,) = taken(read(came), "long_short_ratio")
    assert (row["event_time"], row["available_time"]) == (NOON, NOON + 42_000)
    assert row["precedence"] == 8


def test_a_polled_settlement_is_known_when_it_happens():
    listed = [{"fundingRate": "0.0001", "fundingRateTimestamp": str(NOON)}]
    came = frame(reply({"list": listed}), "rest:funding:linear:BTCUSDT", "response", NOON + 9_000)
    (row,) = taken(read(came), "funding")
    assert (row["kind"], row["available_time"]) == ("settled", NOON)


@pytest.mark.parametrize("price_type", ["mark", "index"])
def test_polled_bars_of_the_mark_and_index_are_taken_once_they_are_closed(price_type):
    listed = [[str(NOON - step * MINUTE), "50000", "50020", "49990", "50010"] for step in range(3)]
    came = frame(
        bars(*listed, time_ms=NOON + 30),
        f"rest:{price_type}-price-kline-1:linear:BTCUSDT",
        "response",
    )
    found = taken(read(came), "klines")
    assert [(row["event_time"], row["price_type"], row["interval_ms"]) for row in found] == [
        (NOON, price_type, MINUTE),
        (NOON - MINUTE, price_type, MINUTE),
    ]
    assert {row["volume"] for row in found} == {None}


# Trades -----------------------------------------------------------------------------------------


def recent(*moments):
    listed = [
        {
            "execId": f"id-{at}",
            "symbol": "BTCUSD",
            "price": "50000",
            "size": "100",
            "side": "Sell",
            "time": str(at),
            "isBlockTrade": False,
        }
        for at in moments
    ]
    return reply({"category": "inverse", "list": listed})


def test_recent_trades_fill_the_day_under_way_and_say_how_far_they_reach():
    http = Answers(recent(NOON - 10, NOON - 20))
    (piece,) = pieces(http, "trades", MIDNIGHT, NOON, instrument=INVERSE)
    rows = rows_of(piece, "trades")
    assert [(row["trade_id"], row["amount"], row["taker_side"]) for row in rows] == [
        (f"id-{NOON - 10}", 0.002, "sell"),
        (f"id-{NOON - 20}", 0.002, "sell"),
    ]
    assert piece.remarks is not None
    (remark,) = piece.remarks()
    assert "only the last are told" in remark
    assert not piece.lasting


def test_recent_trades_that_reach_back_far_enough_need_no_remark():
    (piece,) = pieces(
        Answers(recent(NOON - 10, MIDNIGHT - 1)), "trades", MIDNIGHT, NOON, instrument=INVERSE
    )
    assert len(rows_of(piece, "trades")) == 1
    assert piece.remarks is not None
    assert piece.remarks() == ()


def test_recent_trades_know_nothing_of_a_day_long_over():
    assert pieces(Answers(), "trades", MIDNIGHT - DAY, MIDNIGHT) == ()


# Pieces -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "days", "pages"),
    [("open_interest", 2, 3), ("long_short_ratio", 5, 3), ("funding", 7, 1), ("klines", 3, 1)],
)
def test_pieces_are_whole_days_on_a_fixed_grid_and_fill_their_pages(table, days, pages):
    now = NOON + 60 * DAY
    http = Answers(*[reply({"list": []}, now)] * 100)
    found = pieces(http, table, NOON, NOON + 20 * DAY, now=now)
    assert {piece.end_ms - piece.start_ms for piece in found} == {days * DAY}
    assert {piece.start_ms % (days * DAY) for piece in found} == {0}
    assert all(piece.lasting for piece in found)
    assert len({piece.name for piece in found}) == len(found)
    found[0].read()
    assert len(http.asked) == pages
    limit = {"open_interest": 200, "long_short_ratio": 500, "funding": 200, "klines": 1000}[table]
    assert {params["limit"] for _, params in http.asked} == {limit}


def test_pages_cover_a_piece_without_gap_or_overlap():
    now = NOON + 60 * DAY
    http = Answers(*[reply({"list": []}, now)] * 3)
    piece = pieces(http, "open_interest", NOON, NOON + 1, now=now)[0]
    piece.read()
    spans = [(params["startTime"], params["endTime"]) for _, params in http.asked]
    assert spans[0][0] == piece.start_ms
    assert spans[-1][1] == piece.end_ms - 1
    assert all(before[1] + 1 == after[0] for before, after in pairwise(spans))
    assert all(end - start < 200 * FIVE for start, end in spans)


def test_two_plans_of_overlapping_spans_share_their_pieces():
    now = NOON + 60 * DAY
    names = [
        {piece.name for piece in pieces(Answers(), "klines", start, NOON + 9 * DAY, now=now)}
        for start in (NOON, NOON + 4 * DAY)
    ]
    assert names[1] < names[0]


def test_the_piece_under_way_ends_now_and_does_not_last():
    found = pieces(Answers(), "open_interest", NOON - 9 * DAY, NOON + 9 * DAY)
    assert found[-1].end_ms == NOON
    assert [piece.lasting for piece in found[-2:]] == [True, False]


def test_a_piece_that_ended_a_moment_ago_does_not_last_yet():
    edge = MIDNIGHT - MIDNIGHT % (2 * DAY)
    found = pieces(Answers(), "open_interest", edge - DAY, edge, now=edge + MINUTE)
    assert not found[-1].lasting


def test_bars_are_asked_for_by_their_starts():
    http = Answers(bars())
    (piece, *others) = pieces(http, "klines", NOON, NOON + 1, now=NOON + 60 * DAY)
    piece.read()
    (url, params) = http.asked[0]
    assert url == "http://bybit.test/v5/market/kline"
    assert params == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "interval": "5",
        "limit": 1000,
        "start": piece.start_ms - FIVE,
        "end": piece.end_ms - FIVE - 1,
    }
    assert ["mark" in others[0].name, "index" in others[1].name] == [True, True]


def test_a_spot_pair_has_bars_of_one_price_and_no_statistics():
    assert len(pieces(Answers(), "klines", NOON - 1, NOON, instrument=SPOT)) == 1
    for table in ("open_interest", "funding", "leverage_brackets"):
        assert pieces(Answers(), table, 0, NOON, instrument=SPOT) == ()


def test_what_lies_ahead_is_not_asked_for():
    for table in ("klines", "open_interest", "trades", "leverage_brackets"):
        assert pieces(Answers(), table, NOON, NOON + DAY) == ()


def test_bars_of_a_length_the_venue_does_not_have_are_refused():
    with pytest.raises(UsageError, match="bybit has no bars of 7 min"):
        pieces(Answers(), "klines", NOON - DAY, NOON, interval=7 * MINUTE)


# Refusals ---------------------------------------------------------------------------------------


def test_a_refusal_is_told_in_the_venues_words():
    with pytest.raises(VenueError, match=r"kline: Not supported symbols \(retCode 10001\)"):
        klines(b'{"retCode":10001,"retMsg":"Not supported symbols","result":{},"time":1}')


@pytest.mark.parametrize("code", [10006, 10018])
def test_being_too_fast_is_told_apart(code):
    with pytest.raises(RateLimitedError) as caught:
        klines(b'{"retCode":%d,"retMsg":"Too many visits"}' % code)
    assert caught.value.retry_after_s == 5.0


@pytest.mark.parametrize("raw", [b"", b"<html>", b"{}", b"[]", b'{"retCode":0,"result":{}}'])
def test_a_reply_that_is_none_is_refused_and_quoted(raw):
    with pytest.raises(FrameError, match="kline"):
        klines(raw)


def test_a_page_with_one_bad_row_gives_no_rows():
    rows = RowBuffer("bybit")
    with pytest.raises(FrameError):
        parse_klines(bars(bar(NOON - FIVE), ["x"] * 7), Asked(LINEAR, 0, 2**42, 9), FIVE, rows)
    assert not len(rows)

"""MEXC's past and listings: columns side by side, pages from the last one, limits in contracts."""

from __future__ import annotations

import json

import pytest
from tests.unit.venues.mexc.mexc_frames import (
    BTC,
    MINUTE,
    NOON,
    Answers,
    frame,
    plain,
    read,
    reply,
)

from forcedflow.errors import (
    FrameError,
    NotThereError,
    RateLimitedError,
    UsageError,
    VenueError,
)
from forcedflow.instruments import parse_symbol
from forcedflow.units import DAY_MS, HOUR_MS
from forcedflow.venues.asked import asked_before, asked_now
from forcedflow.venues.mexc import MexcConnector
from forcedflow.venues.mexc.parse_history import parse_bars
from forcedflow.venues.mexc.parse_listing import parse_brackets
from forcedflow.venues.row_buffer import RowBuffer

FIVE = 5 * MINUTE
MIDNIGHT = NOON - NOON % DAY_MS


def bars(*starts_ms, **more):
    count = len(starts_ms)
    return {
        "time": [start // 1000 for start in starts_ms],
        "open": [3492.2] * count,
        "close": [3491.3] * count,
        "high": [3495.85] * count,
        "low": [3491.15] * count,
        "vol": [1740.0] * count,
        "amount": [607.9] * count,
    } | more


def fetched(table, answers, start_ms=NOON - HOUR_MS, end_ms=NOON, interval_ms=FIVE):
    pieces = MexcConnector().pieces(answers, [table], BTC, start_ms, end_ms, NOON, interval_ms)
    found = []
    for piece in pieces:
        for rows in piece.read().values():
            found += [
                row | {"event_time": round(row["event_time"].timestamp() * 1000)}
                for row in rows.to_dicts()
            ]
    return pieces, found


def test_bars_are_asked_for_in_seconds_by_their_starts_and_kept_by_their_ends():
    answers = Answers(reply(bars(NOON - 2 * FIVE, NOON - FIVE)), reply(bars()), reply(bars()))
    _, rows = fetched("klines", answers)
    grid = MIDNIGHT - MIDNIGHT % (6 * DAY_MS)
    asked = {
        "interval": "Min5",
        "start": (grid - FIVE) // 1000,
        "end": (NOON - FIVE) // 1000 - 1,
    }
    root = "https://api.mexc.com/api/v1/contract/kline/"
    assert answers.asked == [
        (root + "BTC_USDT", asked),
        (root + "fair_price/BTC_USDT", asked),
        (root + "index_price/BTC_USDT", asked),
    ]
    (row,) = rows
    assert (row["event_time"], row["price_type"]) == (NOON - FIVE, "last")
    assert [row[name] for name in ("open", "high", "low", "close")] == [
        3492.2,
        3495.85,
        3491.15,
        3491.3,
    ]
    assert row["volume"] == pytest.approx(0.174)
    assert row["quote_volume"] == 607.9


def test_fair_prices_are_marks_without_volume():
    rows = RowBuffer("mexc")
    asked = asked_before(BTC, 0, 2 * NOON, 2 * NOON)
    parse_bars(reply(bars(NOON)), asked, "mark", FIVE, rows)
    (row,) = plain(rows)["klines"]
    assert (row["price_type"], row["volume"], row["quote_volume"]) == ("mark", None, None)


def test_rows_of_a_contract_whose_size_nobody_told_are_not_taken():
    named = parse_symbol("BTC", "mexc")
    answers = Answers(reply(bars(NOON - HOUR_MS)))
    (piece, *_) = MexcConnector().pieces(answers, ["klines"], named, MIDNIGHT, NOON, NOON, FIVE)
    with pytest.raises(VenueError, match="its contract's size is not known"):
        piece.read()


@pytest.mark.parametrize("column", ["open", "time", "vol"])
def test_columns_that_are_not_of_one_length_are_refused(column):
    page = bars(NOON, NOON + FIVE)
    page[column] = page[column][:1]
    rows = RowBuffer("mexc")
    with pytest.raises(FrameError, match="not of one length"):
        parse_bars(reply(page), asked_before(BTC, 0, 2 * NOON, 2 * NOON), "last", FIVE, rows)
    assert not len(rows)


def test_bars_of_a_length_that_the_venue_does_not_have_are_refused():
    with pytest.raises(UsageError, match="mexc has no bars of 3 min"):
        fetched("klines", Answers(), interval_ms=3 * MINUTE)


def settlements(*pairs, pages=1):
    told = [{"symbol": "BTC_USDT", "settleTime": at, "fundingRate": rate} for at, rate in pairs]
    return reply({"totalPage": pages, "resultList": told})


def test_settlements_are_asked_for_from_the_last_one_back_until_the_span_is_covered():
    eight = 8 * HOUR_MS
    grid = MIDNIGHT - MIDNIGHT % (90 * DAY_MS)
    answers = Answers(
        settlements((MIDNIGHT, 0.0003), (MIDNIGHT - eight, 0.0002), pages=9),
        settlements((MIDNIGHT - 2 * eight, 0.0001), (grid - 2 * DAY_MS, 0.5), pages=9),
    )
    _, rows = fetched("funding", answers)
    assert [asked["page_num"] for _, asked in answers.asked] == [1, 2]
    assert [(row["event_time"], row["interval_hours"]) for row in rows] == [
        (MIDNIGHT - 2 * eight, None),
        (MIDNIGHT - eight, 8.0),
        (MIDNIGHT, 8.0),
    ]
    assert {row["kind"] for row in rows} == {"settled"}


def test_pages_of_settlements_that_lead_nowhere_are_an_error_and_not_without_end():
    page = settlements((MIDNIGHT, 0.0003), pages=9)
    with pytest.raises(VenueError, match="page 2 is no older than before"):
        fetched("funding", Answers(page, page))


def test_settlements_end_with_the_last_page():
    answers = Answers(settlements((MIDNIGHT, 0.0003), pages=1))
    fetched("funding", answers)
    assert answers.answers == []


def deals(*times_ms, **more):
    return reply(
        [
            {"p": 31199, "v": 18, "T": 1, "O": 3, "M": 2, "t": at, "i": str(at)} | more
            for at in times_ms
        ]
    )


def test_the_last_trades_mend_a_gap_that_they_reach_back_over():
    answers = Answers(deals(NOON - 10, NOON - 900, NOON - 5_000))
    rows = MexcConnector().trades_between(answers, BTC, NOON - 1_000, NOON)["trades"]
    assert sorted(rows["trade_id"]) == [str(NOON - 900), str(NOON - 10)]
    assert rows["amount"].to_list() == [pytest.approx(0.0018)] * 2


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        (deals(NOON - 10, NOON - 900), "do not reach back so far"),
        (deals(), "do not reach back so far"),
        (deals(NOON - 2_000, i=None), "bear no ids"),
    ],
)
def test_the_last_trades_mend_no_gap_that_they_do_not_cover(page, problem):
    with pytest.raises(NotThereError, match=problem):
        MexcConnector().trades_between(Answers(page), BTC, NOON - 1_000, NOON)


@pytest.mark.parametrize("table", ["open_interest", "trades", "long_short_ratio", "liquidations"])
def test_what_has_no_past_is_not_asked_for(table):
    assert fetched(table, Answers()) == ((), [])


@pytest.mark.parametrize(
    ("code", "error"),
    [(510, RateLimitedError), (1001, NotThereError), (600, VenueError)],
)
def test_a_refusal_with_status_200_is_what_it_says(code, error):
    body = json.dumps({"success": False, "code": code, "message": "no"}).encode()
    with pytest.raises(error, match="no"):
        MexcConnector().server_time_ms(Answers(body))


# Listing ----------------------------------------------------------------------------------------

CONTRACT = {
    "symbol": "BTC_USDT",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "settleCoin": "USDT",
    "contractSize": 0.0001,
    "priceUnit": 0.1,
    "state": 0,
    "futureType": 1,
}


def test_contracts_are_listed_with_what_one_holds():
    usdc = CONTRACT | {"symbol": "BTC_USDC", "quoteCoin": "USDC", "settleCoin": "USDC"}
    first, second = MexcConnector().instruments(Answers(reply([CONTRACT, usdc])))
    assert first == BTC
    assert (second.symbol, second.venue_symbol) == ("BTC/USDC:USDC", "BTC_USDC")


@pytest.mark.parametrize(
    "change",
    [
        {"state": 4},
        {"futureType": 2},
        {"symbol": "BTC_USD", "quoteCoin": "USD", "settleCoin": "BTC"},
        {"symbol": "BTC_USD1", "quoteCoin": "USD1", "settleCoin": "USD1"},
        {"symbol": "币安_USDT"},
    ],
)
def test_contracts_that_do_not_trade_or_are_not_ours_are_left_out(change):
    assert MexcConnector().instruments(Answers(reply([CONTRACT | change]))) == ()


def test_the_clock_is_the_venue_s():
    assert MexcConnector().server_time_ms(Answers(reply(NOON))) == NOON


LIMITS = CONTRACT | {
    "riskLimitMode": "CUSTOM",
    "riskLimitType": "BY_VOLUME",
    "riskLimitCustom": [
        {"level": 2, "maxVol": 310_000, "mmr": 0.0025, "imr": 0.005, "maxLeverage": 200},
        {"level": 1, "maxVol": 50_000, "mmr": 0.001, "imr": 0.002, "maxLeverage": 500},
    ],
}
PRICE = reply({"symbol": "BTC_USDT", "fairPrice": 80_000.0})


def brackets(limits):
    rows = RowBuffer("mexc")
    parse_brackets(b"[" + reply(limits) + b"," + PRICE + b"]", asked_now(BTC, NOON), rows)
    return plain(rows)["leverage_brackets"]


def shown(rows):
    return [
        tuple(
            pytest.approx(row[name])
            for name in (
                "notional_floor",
                "notional_cap",
                "max_leverage",
                "maintenance_margin_rate",
                "maintenance_amount",
            )
        )
        for row in rows
    ]


def test_limits_in_contracts_are_worth_what_the_mark_price_makes_of_them():
    # 50,000 contracts of 0.0001 BTC at 80,000.
    assert shown(brackets(LIMITS)) == [
        (0, 400_000, 500, 0.001, 0),
        (400_000, 2_480_000, 200, 0.0025, 600),
    ]
    assert {row["event_time"] for row in brackets([LIMITS])} == {MIDNIGHT}


def test_limits_by_value_are_dollars_already():
    rows = brackets(LIMITS | {"riskLimitType": "BY_VALUE"})
    assert [row["notional_cap"] for row in rows] == [50_000, 310_000]


def test_limits_without_a_list_rise_by_equal_steps():
    rows = brackets(
        CONTRACT
        | {
            "riskBaseVol": 150_000,
            "riskIncrVol": 150_000,
            "riskLevelLimit": 3,
            "maintenanceMarginRate": 0.004,
            "riskIncrMmr": 0.004,
            "initialMarginRate": 0.008,
            "riskIncrImr": 0.004,
        }
    )
    assert shown(rows) == [
        (0, 1.2e6, 125, 0.004, 0),
        (1.2e6, 2.4e6, 1 / 0.012, 0.008, 4_800),
        (2.4e6, 3.6e6, 1 / 0.016, 0.012, 14_400),
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"riskLimitType": "BY_MOON"}, "neither BY_VOLUME nor BY_VALUE"),
        ({"symbol": "ETH_USDT"}, "says nothing of BTC_USDT"),
        ({"riskLimitMode": "INCREASE", "riskLevelLimit": 10_000}, "10000 levels"),
        ({"riskLimitMode": "INCREASE", "riskLevelLimit": 2}, "no initial margin"),
        (
            {"riskLimitCustom": [{"level": 1, "maxVol": 5, "maxLeverage": 500}]},
            "level 1 states no maintenance margin rate",
        ),
        (
            {"riskLimitCustom": [{"level": 1, "maxVol": 5, "maxLeverage": 0.5, "mmr": 0.1}]},
            "leverage at least 1",
        ),
    ],
)
def test_brackets_that_cannot_be_true_are_refused(change, problem):
    with pytest.raises(FrameError, match=problem):
        brackets(LIMITS | change)


def test_brackets_are_asked_for_with_the_price_that_gives_them_their_worth():
    answers = Answers(reply(LIMITS), PRICE)
    pieces, rows = fetched("leverage_brackets", answers, MIDNIGHT)
    assert [piece.lasting for piece in pieces] == [False]
    assert len(rows) == 2
    assert [url.rpartition("/contract/")[2] for url, _ in answers.asked] == [
        "detail",
        "fair_price/BTC_USDT",
    ]


# Polls ------------------------------------------------------------------------------------------


def polled(endpoint, body):
    return read(frame(body, f"rest:{endpoint}:BTC_USDT", "response"))


def test_polls_are_read_and_what_is_under_way_is_left_for_later():
    told = polled("index-Min5", reply(bars(NOON - FIVE, NOON)))["klines"]
    assert [(row["event_time"], row["price_type"]) for row in told] == [(NOON, "index")]
    assert polled("funding_rate", settlements((NOON, 0.1)))["funding"][0]["kind"] == "settled"
    pair = b"[" + reply(LIMITS) + b"," + PRICE + b"]"
    assert len(polled("brackets", pair)["leverage_brackets"]) == 2
    assert polled("nothing", reply([])) == {}


def test_the_last_bar_of_a_poll_is_not_closed_whatever_our_clock_says():
    assert polled("index-Min5", reply(bars(NOON - 2 * FIVE))) == {}


def test_bars_are_polled_from_the_venue_s_own_time_on():
    _, polls = MexcConnector().feeds(["klines"], (BTC,), FIVE)
    assert [poll.request.connection for poll in polls] == [
        "rest:mark-Min5:BTC_USDT",
        "rest:index-Min5:BTC_USDT",
    ]
    answers = Answers(reply(NOON + 7), b"{}")
    assert polls[0].request.send(answers) == b"{}"
    url, asked = answers.asked[1]
    assert url.endswith("/kline/fair_price/BTC_USDT")
    assert asked == {"interval": "Min5", "start": (NOON - 2 * FIVE) // 1000}
    with pytest.raises(VenueError, match="ping"):
        polls[0].request.send(Answers(b"[]"))

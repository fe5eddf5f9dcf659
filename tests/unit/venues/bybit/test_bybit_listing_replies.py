"""What Bybit lists: contracts that trade, and brackets in one unit and one continuous margin."""

from __future__ import annotations

import pytest
from tests.unit.venues.bybit.hand_written import (
    INVERSE,
    LINEAR,
    NOON,
    Answers,
    frame,
    plain,
    read,
    reply,
    taken,
)

from forcedflow.errors import FrameError, VenueError
from forcedflow.margin.brackets import schedules_from_table
from forcedflow.venues.bybit import BybitConnector
from forcedflow.venues.bybit.parse_listing import parse_instruments, parse_risk_limits
from forcedflow.venues.connector import Endpoints
from forcedflow.venues.row_buffer import RowBuffer

DAY = 86_400_000
MIDNIGHT = NOON - DAY // 2

CONNECTOR = BybitConnector(Endpoints("http://bybit.test", "ws://bybit.test", "http://files.test"))


def contract(symbol, base, quote, settle, kind="LinearPerpetual", **more):
    return {
        "symbol": symbol,
        "contractType": kind,
        "status": "Trading",
        "baseCoin": base,
        "quoteCoin": quote,
        "settleCoin": settle,
        "priceFilter": {"tickSize": "0.10"},
    } | more


def page(*contracts, cursor=""):
    return reply({"category": "linear", "list": list(contracts), "nextPageCursor": cursor})


def limit(cap, maintenance, initial, leverage, deduction="", symbol="BTCUSDT"):
    return {
        "id": 1,
        "symbol": symbol,
        "riskLimitValue": cap,
        "maintenanceMargin": maintenance,
        "initialMargin": initial,
        "isLowestRisk": 1,
        "maxLeverage": leverage,
        "mmDeduction": deduction,
    }


def limits(*rows):
    return reply({"category": "linear", "list": list(rows)})


THREE = (
    limit("2000000", "0.005", "0.01", "100.00"),
    limit("10000000", "0.0056", "0.0111", "90.00", "1200"),
    limit("20000000", "0.01", "0.02", "50.00", "45200"),
)


def brackets(raw, instrument=LINEAR):
    rows = RowBuffer("bybit")
    parse_risk_limits(raw, instrument, 9, rows)
    return rows


def test_perpetuals_of_both_kinds_and_spot_pairs_are_listed_with_their_ticks():
    http = Answers(
        page(
            contract("BTCUSDT", "BTC", "USDT", "USDT"),
            contract("1000PEPEUSDT", "1000PEPE", "USDT", "USDT"),
            cursor="page%3D2",
        ),
        page(contract("BTCPERP", "BTC", "USDC", "USDC")),
        page(contract("BTCUSD", "BTC", "USD", "BTC", "InversePerpetual")),
        page({**contract("BTCUSDT", "BTC", "USDT", None), "contractType": ""}),
    )
    found = CONNECTOR.instruments(http)
    assert [one.symbol for one in found] == [
        "BTC/USDT:USDT",
        "1000PEPE/USDT:USDT",
        "BTC/USDC:USDC",
        "BTC/USD:BTC",
        "BTC/USDT",
    ]
    assert {(one.tick_size, one.contract_size) for one in found} == {(0.1, 1.0)}
    assert [params for _, params in http.asked] == [
        {"category": "linear", "limit": 1000},
        {"category": "linear", "limit": 1000, "cursor": "page=2"},
        {"category": "inverse", "limit": 1000},
        {"category": "spot"},
    ]


@pytest.mark.parametrize(
    "one",
    [
        contract("BTCUSDT-25DEC26", "BTC", "USDT", "USDT", "LinearFutures"),
        contract("BTCUSDT", "BTC", "USDT", "USDT", status="PreLaunch"),
        contract("BTC-PERP", "BTC", "USDT", "USDT"),
        contract("BTCUSDT", "BTC", "USDT", "BTC"),
    ],
)
def test_what_expires_does_not_trade_or_is_named_otherwise_is_not_listed(one):
    assert parse_instruments(page(one), "linear") == ()


def test_a_venue_that_turns_in_circles_is_told_so():
    http = Answers(*[page(cursor="same")] * 3)
    with pytest.raises(VenueError, match="same next page twice"):
        CONNECTOR.instruments(http)


def test_the_venues_clock_is_that_of_its_reply():
    http = Answers(reply({"timeSecond": "1", "timeNano": "2"}, NOON + 7))
    assert CONNECTOR.server_time_ms(http) == NOON + 7


def test_rates_as_fractions_are_taken_as_they_are():
    rows = taken(brackets(limits(*reversed(THREE))), "leverage_brackets")
    assert [
        (
            row["bracket"],
            row["notional_floor"],
            row["notional_cap"],
            row["max_leverage"],
            row["maintenance_margin_rate"],
        )
        for row in rows
    ] == [
        (1, 0.0, 2e6, 100.0, 0.005),
        (2, 2e6, 1e7, 90.0, 0.0056),
        (3, 1e7, 2e7, 50.0, 0.01),
    ]
    assert [row["maintenance_amount"] for row in rows] == pytest.approx([0, 1_200, 45_200])


def test_brackets_are_dated_the_day_they_were_read():
    rows = taken(brackets(limits(*THREE)), "leverage_brackets")
    assert {(row["event_time"], row["available_time"]) for row in rows} == {(MIDNIGHT, MIDNIGHT)}


def test_rates_as_percent_are_told_by_the_margin_that_goes_with_the_leverage():
    raw = limits(
        limit("150", "0.5", "1", "100.00", symbol="BTCUSD"),
        limit("300", "1", "2", "50.00", symbol="BTCUSD"),
    )
    rows = taken(brackets(raw, INVERSE), "leverage_brackets")
    assert [row["maintenance_margin_rate"] for row in rows] == [0.005, 0.01]
    assert rows[1]["maintenance_amount"] == pytest.approx(0.75)


def test_margin_is_continuous_from_bracket_to_bracket():
    (schedule,) = schedules_from_table(brackets(limits(*THREE)).take()["leverage_brackets"])
    for below, above in zip(schedule.brackets, schedule.brackets[1:], strict=False):
        edge = above.notional_floor
        assert below.maintenance_margin(edge) == pytest.approx(above.maintenance_margin(edge))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (limit("1e7", "0.01", "0.02", "50", "99"), "deducts '99' where continuous"),
        (limit("1e7", "0.01", "0.02", "50", "some"), "deducts 'some'"),
        (limit("1e7", "0.004", "0.02", "50"), "caps and rates must rise"),
        (limit("2000000", "0.01", "0.02", "50"), "caps and rates must rise"),
        (limit("1e7", "0.01", "0.3", "50"), "neither 1 nor 100"),
        (limit("nan", "0.01", "0.02", "50"), "risk-limit"),
    ],
)
def test_brackets_that_cannot_be_are_refused(row, problem):
    rows = RowBuffer("bybit")
    with pytest.raises(FrameError, match=problem):
        parse_risk_limits(limits(THREE[0], row), LINEAR, 9, rows)
    assert not len(rows)


def test_limits_of_other_contracts_are_left_out():
    raw = limits(*THREE, limit("1", "0.01", "0.02", "50", symbol="ETHUSDT"))
    assert len(brackets(raw)) == 3


def test_brackets_can_be_asked_for_today_alone():
    http = Answers(limits(*THREE))
    ask = (CONNECTOR.pieces, http, ["leverage_brackets"], LINEAR)
    assert ask[0](*ask[1:], MIDNIGHT - 9 * DAY, MIDNIGHT, NOON, 300_000) == ()
    (piece,) = ask[0](*ask[1:], MIDNIGHT - 9 * DAY, NOON, NOON, 300_000)
    assert (piece.start_ms, piece.end_ms, piece.lasting) == (MIDNIGHT, NOON, False)
    assert plain(piece.read()["leverage_brackets"])[0]["precedence"] == 9
    assert http.asked == [
        ("http://bybit.test/v5/market/risk-limit", {"category": "linear", "symbol": "BTCUSDT"})
    ]


def test_polled_brackets_are_of_the_stream():
    came = frame(limits(*THREE), "rest:risk-limit:linear:BTCUSDT", "response")
    assert {row["precedence"] for row in taken(read(came), "leverage_brackets")} == {8}

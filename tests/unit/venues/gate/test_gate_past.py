"""Gate's past: seconds asked for, ends of spans kept, contracts in coins, and a file a month."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest
from tests.unit.venues.gate.gate_frames import (
    BTC,
    ETH,
    MINUTE,
    NOON,
    Answers,
    frame,
    plain,
    read,
)

from forcedflow.errors import (
    BlockedError,
    DamagedFileError,
    FrameError,
    NotThereError,
    UsageError,
    VenueError,
)
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.units import DAY_MS, HOUR_MS
from forcedflow.venues.asked import asked_before
from forcedflow.venues.gate import GateConnector
from forcedflow.venues.gate.archive import datasets_of, parse_file
from forcedflow.venues.gate.parse_history import parse_bars
from forcedflow.venues.gate.parse_listing import parse_risk_limits
from forcedflow.venues.row_buffer import RowBuffer

FIVE = 5 * MINUTE
MIDNIGHT = NOON - NOON % DAY_MS


def fetched(table, answers, start_ms=MIDNIGHT, end_ms=NOON, now_ms=NOON, interval_ms=FIVE):
    """Return the rows of a table by piece, as dictionaries."""
    pieces = GateConnector().pieces(answers, [table], BTC, start_ms, end_ms, now_ms, interval_ms)
    found = []
    for piece in pieces:
        for name, rows in piece.read().items():
            assert name == table
            found += [
                row | {"event_time": round(row["event_time"].timestamp() * 1000)}
                for row in rows.to_dicts()
            ]
    return pieces, found


def bar(start_ms, volume=20_000, turnover="154000.5"):
    prices = {"o": "77000", "h": "77010", "l": "76990", "c": "77005"}
    return {"t": start_ms // 1000, "v": volume, "sum": turnover} | prices


def bars_asked(answers):
    return [(params["contract"], params["from"], params["to"]) for _, params in answers.asked]


def test_bars_are_asked_for_in_seconds_by_their_starts_and_kept_by_their_ends():
    answers = Answers([bar(NOON - 2 * FIVE), bar(NOON - FIVE), bar(NOON)], [], [])
    _, rows = fetched("klines", answers, NOON - HOUR_MS)
    grid = MIDNIGHT - MIDNIGHT % (6 * DAY_MS)
    span = ((grid - FIVE) // 1000, (NOON - FIVE) // 1000 - 1)
    assert bars_asked(answers) == [
        ("BTC_USDT", *span),
        ("mark_BTC_USDT", *span),
        ("index_BTC_USDT", *span),
    ]
    # The bar that ends at this very moment belongs to the next span, the one after it is open.
    assert [row["event_time"] for row in rows] == [NOON - FIVE]
    assert rows[0]["volume"] == pytest.approx(2.0)
    assert rows[0]["quote_volume"] == 154_000.5


def test_bars_of_the_mark_price_have_no_volume():
    rows = RowBuffer("gate")
    page = json.dumps([{key: one for key, one in bar(NOON).items() if key not in {"v", "sum"}}])
    asked = asked_before(BTC, 0, 2 * NOON, 2 * NOON)
    parse_bars(page.encode(), asked, "mark", FIVE, rows)
    (row,) = plain(rows)["klines"]
    assert (row["price_type"], row["volume"], row["quote_volume"]) == ("mark", None, None)


def test_bars_that_the_venue_holds_no_more_are_a_gap_and_other_refusals_are_not():
    problem = "candlesticks: status 400: Candlestick too long ago. Maximum 10000 points ago"
    answers = Answers([], VenueError("gate", problem), [])
    with pytest.raises(NotThereError, match="10000 points"):
        fetched("klines", answers)
    with pytest.raises(VenueError, match="status 400: no"):
        fetched("klines", Answers(VenueError("gate", "status 400: no")))


def test_bars_of_a_length_that_the_venue_does_not_have_are_refused():
    with pytest.raises(UsageError, match="gate has no bars of 3 min"):
        fetched("klines", Answers(), interval_ms=3 * MINUTE)


def statistics(start_ms, **more):
    return {
        "time": start_ms // 1000,
        "open_interest": "28517250",
        "open_interest_usd": 219_000_000.5,
        "lsr_account": 3.25,
        "top_lsr_account": "1.5",
        "top_lsr_size": "0",
        "lsr_taker": 9.5,
        "long_liq_size": "30",
        "long_liq_amount": 0.003,
        "long_liq_usd": 231.5,
        "short_liq_amount": 0,
        "short_liq_usd": "0",
        "mark_price": "77000",
    } | more


def test_open_interest_is_counted_once_in_coins_at_the_end_of_its_five_minutes():
    pages = [[statistics(NOON - HOUR_MS)], [statistics(NOON - FIVE - MINUTE)], [], []]
    answers = Answers(*pages)
    pieces, rows = fetched("open_interest", answers)
    assert len(pieces) == 1
    assert [row["open_interest"] for row in rows] == [pytest.approx(2851.725)] * 2
    assert rows[0]["event_time"] == NOON - HOUR_MS + FIVE
    assert rows[0]["open_interest_usd"] == 219_000_000.5
    known = [round(row["available_time"].timestamp() * 1000) - row["event_time"] for row in rows]
    assert known == [FIVE, FIVE]
    url, params = answers.asked[0]
    assert url.endswith("/futures/usdt/contract_stats")
    assert params["from"] == (MIDNIGHT - FIVE) // 1000
    assert [asked["limit"] for _, asked in answers.asked] == [100, 44]


def test_statistics_of_a_span_that_may_still_change_are_left_for_later():
    answers = Answers([statistics(NOON - FIVE - MINUTE + 1_000)], [])
    assert fetched("open_interest", answers)[1] == []


def test_ratios_name_what_they_count_and_zero_is_no_ratio():
    _, rows = fetched("long_short_ratio", Answers([statistics(NOON - HOUR_MS)], []))
    assert {row["kind"]: row["ratio"] for row in rows} == {
        "accounts": 3.25,
        "top_accounts": 1.5,
        "taker_volume": 9.5,
    }


def test_liquidation_totals_are_by_side_of_the_position_and_of_unknown_worth():
    _, rows = fetched("liquidation_totals", Answers([statistics(NOON - HOUR_MS)], []))
    told = {row["side"]: (row["notional_usd"], row["amount"]) for row in rows}
    assert told == {"long": (231.5, 0.003), "short": (0.0, 0.0)}
    assert {(row["interval_ms"], row["completeness"]) for row in rows} == {(FIVE, "unknown")}


def test_single_liquidations_have_no_past_that_could_be_told_from_what_was_recorded():
    assert "liquidations" not in GateConnector().capabilities.backfilled
    assert fetched("liquidations", Answers()) == ((), [])


def test_settlements_are_asked_for_with_an_end_and_tell_each_other_s_intervals():
    first = MIDNIGHT - 8 * HOUR_MS
    told = [{"t": first // 1000 + i * 28_800, "r": f"0.000{i}"} for i in range(3)]
    answers = Answers(told[::-1])
    _, rows = fetched("funding", answers)
    assert [row["interval_hours"] for row in rows] == [None, 8.0, 8.0][-len(rows) :]
    assert [row["funding_rate"] for row in rows if row["event_time"] == MIDNIGHT] == [0.0001]
    assert {row["kind"] for row in rows} == {"settled"}
    assert {"from", "to", "limit"} <= answers.asked[0][1].keys()


def trade(number, at_s, size="-105"):
    return {
        "id": str(number),
        "create_time": str(at_s),
        "create_time_ms": str(at_s),
        "contract": "BTC_USDT",
        "size": size,
        "price": "95594.8",
    }


def test_milliseconds_of_a_trade_over_http_are_seconds_with_decimals():
    at = NOON // 1000 - 60
    answers = Answers([trade(7, at + 0.707), trade(6, at + 0.001, "3")])
    rows = GateConnector().trades_between(answers, BTC, NOON - HOUR_MS, NOON)["trades"]
    told = [(row["trade_id"], row["taker_side"], row["amount"]) for row in rows.to_dicts()]
    assert told == [("7", "sell", pytest.approx(0.0105)), ("6", "buy", pytest.approx(0.0003))]
    moments = [round(row["event_time"].timestamp() * 1000) for row in rows.to_dicts()]
    assert moments == [NOON - MINUTE + 707, NOON - MINUTE + 1]


def test_full_pages_of_trades_lead_on_to_the_second_in_which_they_end():
    at = NOON // 1000 - 60
    crowded = [trade(3_000 - i, at) for i in range(1_000)]
    answers = Answers(
        [trade(5_000, at + 1), *crowded[:999]],
        [*crowded[999:], *(trade(2_000 - i, at) for i in range(999))],
        [trade(1_000, at), trade(999, at - 1)],
    )
    rows = GateConnector().trades_between(answers, BTC, NOON - HOUR_MS, NOON)["trades"]
    assert rows.height == 1 + 1_000 + 999 + 2
    assert [(one["to"], one["offset"]) for _, one in answers.asked] == [
        (NOON // 1000, 0),
        (at, 999),
        (at, 1_999),
    ]
    assert {one["from"] for _, one in answers.asked} == {NOON // 1000 - 3_600}


def test_pages_of_trades_that_lead_nowhere_are_an_error_and_not_without_end():
    at = NOON // 1000 - 60
    page = [trade(3_000 - i, at) for i in range(1_000)]
    with pytest.raises(VenueError, match="1000 left out: told are others"):
        GateConnector().trades_between(Answers(page, page), BTC, NOON - HOUR_MS, NOON)
    later = [trade(3_000 - i, NOON // 1000 + 5) for i in range(1_000)]
    with pytest.raises(VenueError, match="told are others"):
        GateConnector().trades_between(Answers(later), BTC, NOON - HOUR_MS, NOON)


def test_a_past_day_of_which_no_trades_are_told_is_a_gap():
    with pytest.raises(NotThereError, match="no trades told of"):
        fetched("trades", Answers([]), NOON - 3 * DAY_MS, NOON - 2 * DAY_MS)


# Listing ----------------------------------------------------------------------------------------

CONTRACT = {
    "name": "BTC_USDT",
    "type": "direct",
    "quanto_multiplier": "0.0001",
    "order_price_round": "0.1",
    "in_delisting": False,
    "status": "trading",
}


def test_contracts_are_listed_with_what_one_holds():
    answers = Answers([CONTRACT])
    assert GateConnector().instruments(answers) == (BTC,)
    assert BTC.venue_symbol == "BTC_USDT"
    assert answers.asked == [("https://api.gateio.ws/api/v4/futures/usdt/contracts", {})]


@pytest.mark.parametrize(
    "change",
    [
        {"in_delisting": True},
        {"status": "delisted"},
        {"type": "inverse", "quanto_multiplier": "0"},
        {"name": "币安人生_USDT"},
        {"name": "BTC_USDT_20261225"},
        {"name": "BTC_USD1"},
    ],
)
def test_contracts_that_do_not_trade_or_are_not_ours_are_left_out(change):
    assert GateConnector().instruments(Answers([CONTRACT | change])) == ()


def test_the_clock_is_the_venue_s():
    assert GateConnector().server_time_ms(Answers({"server_time": NOON})) == NOON


def tier(cap, rate, leverage, deduction):
    return {
        "tier": 1,
        "risk_limit": str(cap),
        "maintenance_rate": str(rate),
        "leverage_max": str(leverage),
        "deduction": str(deduction),
        "contract": "BTC_USDT",
    }


TIERS = [tier(1_000_000, 0.004, 125, 0), tier(1_500_000, 0.0045, 111, 500)]


def test_brackets_are_in_dollars_dated_today_and_make_margin_continuous():
    other = TIERS[0] | {"contract": "ETH_USDT"}
    pieces, rows = fetched("leverage_brackets", Answers([*TIERS[::-1], other]))
    assert [piece.lasting for piece in pieces] == [False]
    told = [
        (
            row["bracket"],
            row["notional_floor"],
            row["notional_cap"],
            row["max_leverage"],
            row["maintenance_margin_rate"],
            row["maintenance_amount"],
        )
        for row in rows
    ]
    assert told == [
        (1, 0.0, 1e6, 125.0, 0.004, 0.0),
        (2, 1e6, 1.5e6, 111.0, 0.0045, pytest.approx(500)),
    ]
    assert {row["event_time"] for row in rows} == {MIDNIGHT}
    at_the_edge = 1e6 * 0.0045 - rows[1]["maintenance_amount"]
    assert at_the_edge == pytest.approx(1e6 * 0.004)


@pytest.mark.parametrize(
    ("tiers", "problem"),
    [
        ([TIERS[0], tier(1_500_000, 0.0045, 111, 700)], "deducts 700 where continuous"),
        ([TIERS[0], tier(1_500_000, 0.003, 111, 0)], "must rise"),
        ([tier(1_000_000, 1.5, 1, 0)], "rates below 1"),
    ],
)
def test_brackets_that_cannot_be_true_are_refused(tiers, problem):
    rows = RowBuffer("gate")
    with pytest.raises(FrameError, match=problem):
        parse_risk_limits(json.dumps(tiers).encode(), asked_before(BTC, 0, NOON, NOON), rows)
    assert not len(rows)


# Polls ------------------------------------------------------------------------------------------


def polled(endpoint, body, received_ms=NOON):
    return read(frame(body, f"rest:{endpoint}:BTC_USDT", "response", received_ms))


def test_polled_open_interest_is_of_the_moment_of_the_answer():
    ticker = {"contract": "BTC_USDT", "total_size": "153482780", "mark_price": "23175.64"}
    (row,) = polled("tickers", [ticker, ticker | {"contract": "ETH_USDT"}])["open_interest"]
    assert row["open_interest"] == pytest.approx(15_348.278)
    assert row["open_interest_usd"] == pytest.approx(15_348.278 * 23_175.64)
    assert row["event_time"] == row["available_time"] == NOON


def test_polled_statistics_are_known_when_they_came_and_the_one_under_way_is_not():
    told = [statistics(NOON - 2 * FIVE), statistics(NOON - FIVE), statistics(NOON)]
    rows = polled("contract_stats", told, NOON + 30_000)
    assert set(rows) == {"long_short_ratio", "liquidation_totals"}
    moments = {(row["event_time"], row["available_time"]) for row in rows["liquidation_totals"]}
    assert moments == {(NOON - FIVE, NOON + 30_000)}


def test_the_last_bar_of_a_poll_is_not_closed_whatever_our_clock_says():
    told = [bar(NOON - FIVE), bar(NOON)]
    (row,) = polled("index-5m", told, NOON + 2 * FIVE)["klines"]
    assert row["event_time"] == NOON
    assert polled("index-5m", [bar(NOON)], NOON + 2 * FIVE) == {}


def test_polled_bars_settlements_and_brackets_are_read():
    assert polled("mark-5m", [bar(NOON - FIVE), bar(NOON)])["klines"][0]["price_type"] == "mark"
    settled = polled("funding_rate", [{"t": NOON // 1000, "r": "0.0001"}])["funding"]
    assert settled[0]["available_time"] == NOON
    assert len(polled("risk_limit_tiers", TIERS)["leverage_brackets"]) == 2
    assert polled("nothing", []) == {}


# Archive ----------------------------------------------------------------------------------------


def month(year, number):
    return int(datetime(year, number, 1, tzinfo=UTC).timestamp() * 1000)


def packed(*lines):
    return gzip.compress("\n".join(lines).encode() + b"\n")


def rows_of(table, *lines, instrument=BTC, interval_ms=FIVE):
    (dataset,) = datasets_of(table, interval_ms)
    parsed = parse_file("a.csv.gz", packed(*lines), instrument, dataset)
    return [
        row | {"event_time": round(row["event_time"].timestamp() * 1000)}
        for row in parsed.frames[table].to_dicts()
    ]


def test_a_month_that_is_over_is_a_file_and_the_one_under_way_is_asked_for_over_http():
    now_ms = month(2026, 3) + 5 * DAY_MS
    pieces = GateConnector().pieces(
        Answers(), ["klines", "funding"], BTC, month(2026, 2), now_ms, now_ms, FIVE
    )
    files = {piece.name: piece for piece in pieces if piece.host == "archive"}
    assert set(files) == {
        "futures_usdt/candlesticks_5m/202602/BTC_USDT-202602.csv.gz",
        "futures_usdt/funding_applies/202602/BTC_USDT-202602.csv.gz",
    }
    assert all(piece.instead for piece in files.values())
    last = [piece for piece in pieces if "candlesticks-last" in piece.name]
    assert last
    assert min(piece.end_ms for piece in last) > month(2026, 3)
    assert [piece.lasting for piece in last][-1] is False


def test_a_month_of_trades_is_a_file_only_where_all_of_it_is_wanted():
    now_ms = month(2026, 4)
    ask = GateConnector().pieces
    (whole,) = ask(Answers(), ["trades"], BTC, month(2026, 2), month(2026, 3), now_ms, FIVE)
    assert whole.name == "futures_usdt/trades/202602/BTC_USDT-202602.csv.gz"
    assert len(whole.instead) == 28
    days = ask(Answers(), ["trades"], BTC, month(2026, 2), month(2026, 2) + DAY_MS, now_ms, FIVE)
    assert [piece.name for piece in days] == ["rest/BTC_USDT/trades/2026-02-01+1d"]


def test_trades_of_a_file_have_the_ids_and_milliseconds_of_the_stream():
    at = NOON // 1000
    rows = rows_of("trades", f"{at}.706999,442288327,95594.8,-105", f"{at},9,95594.8,0.5")
    rows = {row["trade_id"]: row for row in rows}
    assert rows["442288327"]["event_time"] == NOON + 706
    assert rows["442288327"]["taker_side"] == "sell"
    assert rows["442288327"]["amount"] == pytest.approx(0.0105)
    assert rows["9"]["taker_side"] == "buy"


def test_bars_of_a_file_are_stamped_with_their_ends():
    (row,) = rows_of("klines", f"{NOON // 1000},20000,77005,77010,76990,77000", instrument=ETH)
    assert row["event_time"] == NOON + FIVE
    assert [row[name] for name in ("open", "high", "low", "close")] == [77000, 77010, 76990, 77005]
    assert row["volume"] == pytest.approx(200)


def test_settlements_of_a_file_tell_each_other_s_intervals():
    rows = rows_of("funding", f"{NOON // 1000},0.0001", f"{NOON // 1000 + 14_400},-0.0002")
    assert [row["interval_hours"] for row in rows] == [None, 4.0]
    assert [row["funding_rate"] for row in rows] == [0.0001, -0.0002]


def test_a_damaged_file_is_refused():
    (dataset,) = datasets_of("trades", FIVE)
    for data in (b"not gzip", packed("1,2")[:-4], packed(f"{NOON},1,abc,5")):
        with pytest.raises(DamagedFileError):
            parse_file("a.csv.gz", data, BTC, dataset)


def test_a_file_is_not_read_where_nobody_told_how_many_coins_a_contract_is():
    named: Instrument = parse_symbol("BTC", "gate")
    now_ms = month(2026, 4)
    (piece,) = GateConnector().pieces(
        Answers(), ["trades"], named, month(2026, 2), month(2026, 3), now_ms, FIVE
    )
    with pytest.raises(BlockedError, match="nobody told its contract's size"):
        piece.read()
    answers = Answers([bar(NOON - HOUR_MS)], [], [])
    (piece, *_) = GateConnector().pieces(answers, ["klines"], named, MIDNIGHT, NOON, NOON, FIVE)
    with pytest.raises(VenueError, match="its contract's size is not known"):
        piece.read()

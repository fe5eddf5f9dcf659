from __future__ import annotations

import math
from datetime import UTC, datetime

import polars as pl
import pytest

from forcedflow import tables
from forcedflow.margin import (
    DEFAULT_BRACKETS,
    Bracket,
    BracketSchedule,
    default_schedules,
    liquidation_price_by_brackets,
    rule_for,
    schedule_as_of,
    schedule_from_rows,
    schedules_from_table,
)

ROWS = [(50e3, 0.004, 125.0), (250e3, 0.005, 100.0), (1e6, 0.01, 50.0)]


def schedule(symbol="BTC/USDT:USDT", effective_ms=0, rows=ROWS, **more):
    return schedule_from_rows("binance", symbol, effective_ms, rows, source="test", **more)


def test_a_cap_belongs_to_the_bracket_below_it():
    whole = schedule()
    assert whole.at_notional(0).maintenance_margin_rate == 0.004
    assert whole.at_notional(50e3).maintenance_margin_rate == 0.004
    assert whole.at_notional(math.nextafter(50e3, math.inf)).maintenance_margin_rate == 0.005


def test_a_complete_schedule_keeps_its_last_bracket_above_the_cap():
    whole = schedule()
    assert whole.at_notional(5e6) is whole.at_notional(1e6)
    assert whole.at_notional(5e6).maintenance_margin_rate == 0.01


def test_a_partial_schedule_says_that_it_knows_no_more():
    partial = schedule(partial=True)
    assert partial.at_notional(1e6).max_leverage == 50
    with pytest.raises(ValueError, match="only the brackets up to 1,000,000 quote are known"):
        partial.at_notional(1_000_001)


@pytest.mark.parametrize("notional", [-1.0, math.nan])
def test_a_notional_that_is_no_size_is_refused(notional):
    with pytest.raises(ValueError, match="at least zero"):
        schedule().at_notional(notional)


def test_high_leverage_is_only_left_in_small_brackets():
    whole = schedule()
    assert [b.notional_cap for b in whole.for_leverage(100)] == [50e3, 250e3]
    assert whole.for_leverage(126) == ()
    assert whole.for_leverage(1) == whole.brackets


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no brackets"),
        ([(50e3, 0.004, 125), (50e3, 0.005, 100)], "row 2: cap 50000 is not above its floor"),
        ([(50e3, 0.01, 50), (90e3, 0.005, 100)], "row 2: maintenance rate 0.005"),
        ([(50e3, 1.0, 50)], r"row 1: maintenance rate 1 must lie in \[0, 1\)"),
        ([(50e3, math.nan, 50)], "row 1: maintenance rate nan"),
        ([(50e3, 0.004, 0.5)], "row 1: largest leverage must be at least 1"),
        ([(math.nan, 0.004, 5)], "row 1: cap nan"),
    ],
)
def test_rows_that_make_no_schedule_are_named(rows, message):
    with pytest.raises(ValueError, match=message):
        schedule(rows=rows)


def test_brackets_that_leave_a_gap_are_named():
    gap = (Bracket(0, 50e3, 125, 0.004, 0), Bracket(60e3, 90e3, 100, 0.005, 50))
    with pytest.raises(ValueError, match="row 2: floor is 60000, the cap below it is 50000"):
        BracketSchedule("binance", "BTC/USDT:USDT", 0, gap, "test")
    negative = (Bracket(0, 50e3, 125, 0.004, -1.0),)
    with pytest.raises(ValueError, match="row 1: maintenance amount must not be negative"):
        BracketSchedule("binance", "BTC/USDT:USDT", 0, negative, "test")


def test_the_newest_schedule_not_after_the_moment_holds():
    old, new = schedule(effective_ms=1_000), schedule(effective_ms=2_000)
    assert schedule_as_of([new, old], "BTC/USDT:USDT", 1_999) is old
    assert schedule_as_of([new, old], "BTC/USDT:USDT", 2_000) is new
    with pytest.raises(ValueError, match="the earliest is of 1000"):
        schedule_as_of([new, old], "BTC/USDT:USDT", 999)


def test_a_symbols_own_schedule_goes_before_the_venues_general_one():
    general, own = schedule("*", 2_000), schedule(effective_ms=1_000)
    assert schedule_as_of([general, own], "BTC/USDT:USDT", 3_000) is own
    assert schedule_as_of([general, own], "ETH/USDT:USDT", 3_000) is general
    with pytest.raises(ValueError, match="none is known at any time"):
        schedule_as_of([own], "ETH/USDT:USDT", 3_000)


def test_schedules_of_two_venues_are_not_mixed():
    other = schedule_from_rows("bybit", "BTC/USDT:USDT", 0, ROWS, source="test")
    with pytest.raises(ValueError, match="several venues"):
        schedule_as_of([schedule(), other], "BTC/USDT:USDT", 0)


def test_the_tables_rows_come_back_as_dated_schedules_with_the_venues_own_amounts():
    days = [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)]
    rows = [
        {
            "venue": "binance",
            "symbol": "BTC/USDT:USDT",
            "event_time": day,
            "available_time": day,
            "bracket": number,
            "notional_floor": floor,
            "notional_cap": cap,
            "max_leverage": leverage,
            "maintenance_margin_rate": rate,
            "maintenance_amount": amount,
            "source": "leverageBracket",
            "precedence": 1,
        }
        for day in reversed(days)
        for number, floor, cap, leverage, rate, amount in (
            (2, 50e3, 250e3, 100, 0.005, 50.01),
            (1, 0.0, 50e3, 125, 0.004, 0.0),
        )
    ]
    frame = tables.check(
        "leverage_brackets",
        pl.DataFrame(
            rows, schema_overrides={"event_time": tables.TIME, "available_time": tables.TIME}
        ),
    )
    january, february = schedules_from_table(frame)
    assert (january.effective_ms, february.effective_ms) == (1_767_225_600_000, 1_769_904_000_000)
    assert january.source == "leverageBracket"
    assert not january.partial
    assert january.brackets == (
        Bracket(0.0, 50e3, 125.0, 0.004, 0.0),
        Bracket(50e3, 250e3, 100.0, 0.005, 50.01),
    )


def test_brackets_of_an_inverse_contract_are_in_base_coins():
    time = pl.Series([1_767_225_600_000]).cast(tables.TIME)
    frame = pl.DataFrame({"event_time": time, "available_time": time}).with_columns(
        venue=pl.lit("bybit"),
        symbol=pl.lit("BTC/USD:BTC"),
        bracket=pl.lit(1),
        notional_floor=pl.lit(0.0),
        notional_cap=pl.lit(150.0),
        max_leverage=pl.lit(100.0),
        maintenance_margin_rate=pl.lit(0.005),
        maintenance_amount=pl.lit(0.0),
        source=pl.lit("bybit:risk-limit"),
        precedence=pl.lit(9),
    )
    (schedule,) = schedules_from_table(tables.check("leverage_brackets", frame))
    assert (schedule.unit, schedule.last_cap) == ("base", 150.0)
    rule = rule_for("bybit", "inverse", 1_767_225_600_000)
    # 60 000 dollars at 50 000 with a tenth of it as margin.
    price = liquidation_price_by_brackets(50e3, 60e3, 0.12, "long", schedule, rule, fee=0.0)
    assert price == pytest.approx(50e3 * 1.005 / 1.1, rel=1e-3)


def test_no_rows_make_no_schedules():
    assert schedules_from_table(tables.empty("leverage_brackets")) == ()


def test_every_shipped_schedule_states_its_source_and_whether_it_is_whole():
    assert {s.venue for s in DEFAULT_BRACKETS} == {
        "binance",
        "bitget",
        "gate",
        "kucoin",
        "hyperliquid",
    }
    assert all(s.source and s.effective_ms > 0 for s in DEFAULT_BRACKETS)
    assert [s.name for s in DEFAULT_BRACKETS if not s.partial] == ["hyperliquid BTC/USDC:USDC"]
    assert default_schedules("mexc") == ()


def test_the_shipped_binance_btc_brackets_are_those_read_in_september_2026():
    btc = schedule_as_of(default_schedules("binance"), "BTC/USDT:USDT", 1_790_726_400_000)
    assert [(b.notional_cap, b.max_leverage) for b in btc.brackets] == [
        (300e3, 150),
        (800e3, 100),
        (3e6, 75),
        (12e6, 50),
        (70e6, 25),
    ]
    amounts = [b.maintenance_amount for b in btc.brackets]
    assert amounts == pytest.approx([0, 300, 1_500, 12_000, 132_000])

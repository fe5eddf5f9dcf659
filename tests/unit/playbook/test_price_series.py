"""The price as it became known: which rows are taken, and which come too late."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.reference import markets
from tests.reference.feature_markets import frame

from forcedflow.instruments import parse_symbol
from forcedflow.liquidation_map import Market
from forcedflow.margin import rule_for, schedule_from_rows
from forcedflow.playbook.price_series import (
    STALE_MS,
    WARM_UP_MS,
    series_of_market,
)
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

FIVE = 5 * MINUTE_MS
T0 = 1_760_000_400_000 // DAY_MS * DAY_MS


def market(interest=(), mark=(), trade=(), late_ms=0):
    rows = markets.open_interest_rows(list(interest)).with_columns(
        available_time=pl.col("event_time") + pl.duration(milliseconds=late_ms)
    )
    return Market(
        instrument=parse_symbol("BTC"),
        at_ms=T0 + 9 * DAY_MS,
        open_interest=rows,
        mark_klines=markets.kline_rows(list(mark), "mark"),
        trade_klines=markets.kline_rows(list(trade), "last"),
        funding=markets.funding_rows([]),
        schedule=schedule_from_rows(
            "binance", "BTC/USDT:USDT", 0, [(1e6, 0.01, 50)], source="example"
        ),
        rule=rule_for("binance", "linear", T0),
    )


def bar(k, close, low=None, high=None, interval=FIVE):
    return (T0 + k * FIVE, interval, low or close, high or close, close, None, None)


def test_bars_carry_their_own_extremes_and_closes_reach_from_the_last():
    series = series_of_market(
        market(
            interest=[(T0 + k * FIVE, 10.0, price) for k, price in enumerate([100.0, 99.0, 98.0])],
            mark=[bar(1, 99.0, 97.5, 100.5)],
        )
    )
    assert series.ranged.tolist() == [False, True, False]
    assert series.low == pytest.approx([100.0, 97.5, 98.0])
    assert series.high == pytest.approx([100.0, 100.5, 99.0])


def test_hourly_bars_are_passed_over_and_trades_stand_in_where_there_is_no_mark():
    hourly = market(mark=[bar(12, 100.0, interval=HOUR_MS)])
    assert series_of_market(hourly).size == 0
    traded = market(trade=[bar(1, 100.0), bar(2, 101.0)])
    assert series_of_market(traded).close.tolist() == [100.0, 101.0]
    both = market(mark=[bar(1, 99.0)], trade=[bar(1, 100.0), bar(2, 101.0)])
    assert series_of_market(both).close.tolist() == [99.0]


def test_what_is_told_after_something_newer_is_left_out():
    told = market(mark=[bar(1, 99.0), bar(2, 98.0), bar(3, 97.0)])
    late = told.mark_klines.with_columns(
        available_time=pl.when(pl.col("close") == 98.0)
        .then(pl.col("event_time") + pl.duration(milliseconds=2 * FIVE))
        .otherwise(pl.col("event_time"))
    )
    series = series_of_market(replace(told, mark_klines=late))
    assert series.close.tolist() == [99.0, 97.0]
    assert series.known_ms.tolist() == series.event_ms.tolist()


def test_open_interest_is_the_newest_known_and_goes_stale():
    interest = [(T0 + k * FIVE, 10.0 + k, 100.0) for k in range(3)]
    later = [bar(k, 100.0) for k in range(12)]
    series = series_of_market(market(interest=interest, mark=later, late_ms=FIVE))
    told = series.open_interest.tolist()
    assert np.isnan(told[0])
    assert told[1:4] == [10.0, 11.0, 12.0]
    stale = (series.known_ms - (T0 + 2 * FIVE)) > STALE_MS
    assert np.isnan(series.open_interest[stale]).all()
    assert np.isfinite(series.open_interest[1:][~stale[1:]]).all()


def test_volatility_is_unknown_on_the_first_day():
    closes = 100.0 * np.exp(0.001 * np.arange(600) % 2)
    series = series_of_market(market(mark=[bar(k, p) for k, p in enumerate(closes.tolist())]))
    early = series.event_ms < T0 + WARM_UP_MS
    assert np.isnan(series.sigma_day[early]).all()
    assert (series.sigma_day[~early] > 0).all()


def test_forced_closes_are_told_by_side_since_the_bar_before_and_hourly_ones_not_at_all():
    rows = [
        {"event_time": T0 + k * FIVE, "side": side, "interval_ms": FIVE, "notional_usd": usd}
        for k, side, usd in ((1, "long", 5.0), (2, "long", 7.0), (2, "short", 1.0))
    ]
    totals = frame("liquidation_totals", rows, completeness="complete")
    shown = market(mark=[bar(k, 100.0) for k in range(20)])
    series = series_of_market(shown, totals)
    assert series.forced_usd[1:4, 0].tolist() == [5.0, 7.0, 0.0]
    assert np.isnan(series.forced_usd[0]).all()
    assert np.isnan(series.forced_usd[1, 1])
    assert np.isnan(series.forced_usd[-1, 0])  # silent for more than an hour
    hourly = totals.with_columns(interval_ms=pl.lit(HOUR_MS, pl.Int64))
    assert np.isnan(series_of_market(shown, hourly).forced_usd).all()


def test_a_cut_by_time_or_by_knowledge_keeps_the_rest_as_it_was():
    series = series_of_market(market(mark=[bar(k, 100.0 + k) for k in range(1, 9)]))
    assert series.known_by(T0 + 3 * FIVE).close.tolist() == [101.0, 102.0, 103.0]
    assert series.since(T0 + 7 * FIVE).close.tolist() == [107.0, 108.0]
    assert series.step_ms == FIVE
    assert series.known_by(0).step_ms == 0

"""Bars from a handful of rows: where each number comes from, and what it must not use."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.reference import markets

from forcedflow.errors import NoDataError
from forcedflow.positions import build_bars
from forcedflow.positions.bars import VOLUME_SOURCES
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

T0 = 1_760_000_400_000 // DAY_MS * DAY_MS
FIVE = 5 * MINUTE_MS
NO_KLINES = markets.kline_rows([], "mark")
NO_FUNDING = markets.funding_rows([])


def _interest(count, *, step=FIVE, contracts=1000.0, mark=100.0):
    return markets.open_interest_rows([(T0 + i * step, contracts, mark) for i in range(count)])


def _trade(end, interval, volume, bought=None, price=100.0):
    return (end, interval, price, price, price, volume, bought)


def _bars(interest, *, mark=(), trade=(), funding=()):
    return build_bars(
        interest,
        markets.kline_rows(list(mark), "mark"),
        markets.kline_rows(list(trade), "last"),
        markets.funding_rows(list(funding)),
    )


def _sources(bars):
    return [VOLUME_SOURCES[i] for i in bars.volume_source]


def test_the_first_observation_opens_the_first_bar():
    interest = markets.open_interest_rows(
        [(T0, 1000.0, 100.0), (T0 + FIVE, 1010.0, 101.0), (T0 + 2 * FIVE, 990.0, 99.0)]
    )
    bars = _bars(interest)
    assert bars.end_ms.tolist() == [T0 + FIVE, T0 + 2 * FIVE]
    assert bars.change == pytest.approx([10.0, -20.0])
    assert bars.close == pytest.approx([101.0, 99.0])
    assert bars.low == pytest.approx([100.0, 99.0])
    assert bars.high == pytest.approx([101.0, 101.0])
    assert not bars.mark_from_klines.any()


def test_a_gap_in_open_interest_makes_one_long_bar():
    times = [T0, T0 + FIVE, T0 + 10 * FIVE, T0 + 11 * FIVE]
    bars = _bars(markets.open_interest_rows([(t, 1000.0, 100.0) for t in times]))
    assert bars.elapsed_ms.tolist() == [FIVE, 9 * FIVE, FIVE]
    assert bars.step_ms == FIVE


def test_mark_klines_widen_the_bar_they_end_in():
    mark = [(T0 + FIVE, FIVE, 95.0, 106.0, 100.0, None, None)]
    bars = _bars(_interest(3), mark=mark)
    assert bars.low == pytest.approx([95.0, 100.0])
    assert bars.high == pytest.approx([106.0, 100.0])
    assert bars.mark_from_klines.tolist() == [True, False]


def test_a_kline_much_longer_than_the_bar_does_not_set_its_range():
    mark = [(T0 + FIVE, HOUR_MS, 50.0, 200.0, 100.0, None, None)]
    bars = _bars(_interest(3), mark=mark)
    assert bars.low == pytest.approx([100.0, 100.0])
    assert not bars.mark_from_klines.any()


def test_the_finest_klines_of_a_bar_set_its_range():
    minutes = [
        (T0 + m * MINUTE_MS, MINUTE_MS, 99.0 - m / 10, 101.0, 100.0, None, None)
        for m in range(1, 6)
    ]
    coarse = [(T0 + FIVE, FIVE, 90.0, 110.0, 100.0, None, None)]
    bars = _bars(_interest(2), mark=[*minutes, *coarse])
    assert bars.low == pytest.approx([98.5])
    assert bars.high == pytest.approx([101.0])


def test_the_mark_price_is_value_over_contracts_else_the_kline_that_closes_then():
    interest = markets.open_interest_rows(
        [(T0, 1000.0, None), (T0 + FIVE, 1000.0, 102.0), (T0 + 2 * FIVE, 1000.0, None)]
    )
    mark = [
        (T0, FIVE, 100.0, 100.0, 100.0, None, None),
        (T0 + FIVE, FIVE, 150.0, 150.0, 150.0, None, None),
    ]
    # The last moment has neither, so it is no observation; the second keeps its own value.
    bars = _bars(interest, mark=mark)
    assert bars.end_ms.tolist() == [T0 + FIVE]
    assert bars.close == pytest.approx([102.0])


def test_a_bars_own_klines_give_its_volume_and_taker_share():
    trade = [
        _trade(T0 + m * MINUTE_MS, MINUTE_MS, 10.0, 10.0 if m <= 2 else 0.0) for m in range(1, 6)
    ]
    bars = _bars(_interest(2), trade=trade)
    assert bars.volume == pytest.approx([50.0])
    assert bars.taker_buy_share == pytest.approx([0.4])
    assert _sources(bars) == ["bar"]


def test_klines_that_do_not_cover_a_bar_are_not_its_volume():
    trade = [_trade(T0 + m * MINUTE_MS, MINUTE_MS, 10.0) for m in (1, 2, 4, 5)]
    bars = _bars(_interest(2), trade=trade)
    assert np.isnan(bars.volume).all()
    assert _sources(bars) == ["missing"]


def test_a_coarser_kline_counts_only_once_it_is_finished():
    # Hours of 120 and 2400: within the second hour only the first hour's rate is known.
    trade = [_trade(T0 + HOUR_MS, HOUR_MS, 120.0, 90.0), _trade(T0 + 2 * HOUR_MS, HOUR_MS, 2400.0)]
    bars = _bars(_interest(25), trade=trade)
    assert np.isnan(bars.volume[:11]).all()
    assert bars.volume[11:23] == pytest.approx(np.full(12, 10.0))
    assert bars.taker_buy_share[11:23] == pytest.approx(np.full(12, 0.75))
    assert bars.volume[23] == pytest.approx(200.0)
    assert _sources(bars)[11:] == ["coarser bar"] * 13


def test_a_coarser_kline_becomes_stale():
    trade = [_trade(T0 + HOUR_MS, HOUR_MS, 120.0)]
    bars = _bars(_interest(12 * 7), trade=trade)
    after = (bars.end_ms - (T0 + HOUR_MS)) / HOUR_MS
    assert np.isfinite(bars.volume[(after >= 0) & (after <= 4)]).all()
    assert np.isnan(bars.volume[after > 4]).all()


def test_a_coarser_kline_that_is_exactly_a_long_bar_is_its_own_volume():
    times = [T0, T0 + FIVE, T0 + HOUR_MS, T0 + 2 * HOUR_MS, T0 + 2 * HOUR_MS + FIVE]
    interest = markets.open_interest_rows([(t, 1000.0, 100.0) for t in times])
    bars = _bars(interest, trade=[_trade(T0 + 2 * HOUR_MS, HOUR_MS, 600.0)])
    assert _sources(bars) == ["missing", "missing", "bar", "coarser bar"]
    assert bars.volume[2:] == pytest.approx([600.0, 50.0])


def test_without_klines_volume_follows_the_trailing_turnover_of_thirty_days():
    # Eight days with volume of a tenth of open interest an hour, then none.
    hours = 8 * 24
    trade = [_trade(T0 + h * HOUR_MS, HOUR_MS, 100.0) for h in range(1, hours + 1)]
    interest = _interest(hours + 30, step=HOUR_MS)
    bars = _bars(interest, trade=trade)
    last = _sources(bars)[-25:]
    assert last == ["trailing turnover"] * 25
    assert bars.volume[-1] == pytest.approx(100.0)
    few = _bars(interest, trade=trade[: 24 * 6])
    assert _sources(few)[-1] == "missing"  # six days observed are too few


def test_funding_is_summed_into_the_bar_that_holds_its_settlement():
    funding = [
        (T0 + MINUTE_MS, "settled", 0.001),
        (T0 + FIVE, "settled", 0.002),  # on the border: the bar that ends there
        (T0 + FIVE + 1, "settled", 0.004),
        (T0 + FIVE + 1, "predicted", 0.5),
        (T0 + 5 * FIVE, "settled", 0.7),
        (T0, "settled", 0.9),
    ]
    bars = _bars(_interest(3), funding=funding)
    assert bars.funding_rate == pytest.approx([0.003, 0.004])


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_observations_are_no_data(count):
    with pytest.raises(NoDataError, match=f"at least, {count} known\nhint: forcedflow fetch"):
        build_bars(_interest(count), NO_KLINES, NO_KLINES, NO_FUNDING)


def test_open_interest_of_zero_is_no_observation():
    interest = markets.open_interest_rows(
        [(T0, 1000.0, 100.0), (T0 + FIVE, 0.0, None), (T0 + 2 * FIVE, 1000.0, 100.0)]
    )
    bars = _bars(interest)
    assert bars.elapsed_ms.tolist() == [2 * FIVE]
    assert math.isnan(bars.volume[0])

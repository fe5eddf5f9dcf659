"""Ignition: each state on series made by hand, of bars and trades, with its times."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from tests.reference.price_series import MONDAY_MS, jumpy, series_of

from forcedflow import tables
from forcedflow.playbook.ignition import BARS, TICKS, find_ignitions
from forcedflow.playbook.price_series import series_of_trades
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

FIVE = 5 * MINUTE_MS
# Two percent a day are 0.204 % in fifteen minutes: an impulse takes 0.816 %.
FLAT = [100.0] * 5


def one(close, rule=BARS, **columns):
    found = find_ignitions(series_of(close, **columns), rule)
    assert len(found) == 1
    return found[0]


def at(bar):
    """End of a bar, counted from 0."""
    return MONDAY_MS + (bar + 1) * FIVE


def test_an_impulse_that_goes_on_ignites():
    found = one([*FLAT, 99.5, 99.0, 99.2, 98.9, 98.7])
    assert found.direction == "down"
    assert (found.start_ms, found.start_price) == (at(4), 100.0)
    assert found.impulse_ms == at(6)
    assert found.latency_ms == 2 * FIVE
    assert found.pause_ms == at(7)
    assert (found.outcome, found.end_ms) == ("ignited", at(8))
    assert found.size_sigma == pytest.approx(np.log(100 / 99) / (0.02 * np.sqrt(15 / 1440)))


def test_an_impulse_upwards_is_its_mirror_image():
    closes = [*FLAT, 99.5, 99.0, 99.2, 98.9, 98.7]
    down, up = one(closes), one([1e4 / price for price in closes])
    assert up.direction == "up"
    assert (up.start, up.seen, up.pause_ms, up.end_ms) == (
        *(down.start, down.seen),
        *(down.pause_ms, down.end_ms),
    )


def test_an_impulse_that_gives_back_more_than_half_fails():
    found = one([*FLAT, 99.5, 99.0, 99.6, 98.0])
    assert (found.outcome, found.end_ms) == ("failed", at(7))


def test_an_impulse_that_runs_on_without_a_pause_has_not_ignited():
    found = one([*FLAT, 99.0, 98.8, 98.6, 98.4])
    assert (found.outcome, found.pause_ms) == ("impulse", None)


def test_a_wick_beyond_the_furthest_price_does_not_ignite_but_raises_what_must_be_passed():
    closes = [*FLAT, 99.0, 99.3, 99.2, 98.9]
    found = one(closes, high=[*FLAT, 100.0, 99.4, 99.4, 99.3], low=[*FLAT, 99.0, 99.0, 98.8, 98.85])
    assert found.outcome == "impulse"


def test_an_impulse_that_does_neither_runs_out_of_time():
    found = one([*FLAT, 99.0, *[99.1] * 12])
    assert (found.outcome, found.end_ms) == ("timed_out", at(5) + HOUR_MS)


def test_an_impulse_at_the_end_is_open_and_has_no_end():
    found = one([*FLAT, 99.0])
    assert (found.outcome, found.end_ms, found.pause_ms) == ("impulse", None, None)


def test_the_same_way_taken_slowly_is_no_impulse():
    slowly = [100.0 - 0.1 * i for i in range(40)]
    assert find_ignitions(series_of([*FLAT, *slowly])) == ()


def test_in_a_calm_four_deviations_are_not_enough():
    assert find_ignitions(series_of([*FLAT, 99.75], sigma_day=0.001)) == ()
    assert one([*FLAT, 99.69], sigma_day=0.001).impulse > BARS.least


def test_nothing_is_an_impulse_while_volatility_is_unknown():
    assert find_ignitions(series_of([*FLAT, 90.0], sigma_day=np.nan)) == ()


def test_volatility_is_that_from_before_the_window():
    sigma = [0.02] * 4 + [9.0] * 6
    closes = [*FLAT, 99.5, 99.0, 99.2, 98.9, 98.7]
    assert one(closes, sigma_day=sigma).impulse_ms == at(5 + 1)


def test_a_wick_alone_is_no_impulse_but_counts_as_its_beginning():
    flat_high = [100.1] * 5
    found = one(
        [*FLAT, 99.2],
        high=[*flat_high, 100.0],
        low=[*FLAT, 99.0],
    )
    assert found.start_price == 100.1
    spike = series_of([*FLAT, 99.9], high=[*flat_high, 100.0], low=[*FLAT, 98.0])
    assert find_ignitions(spike) == ()


def test_what_is_told_late_is_known_late():
    found = one([*FLAT, 99.0], delay_ms=FIVE)
    assert found.impulse_ms == at(5) + FIVE
    assert found.latency_ms == 2 * FIVE


def test_the_fall_of_open_interest_is_dated_and_none_is_no_fall():
    closes = [*FLAT, 99.5, 99.0, 99.2, 98.9, 98.7]
    fell = one(closes, open_interest=[1000.0] * 7 + [996.0] * 3)
    assert (fell.oi_known, fell.oi_drop_ms, fell.forced) == (True, at(7), True)
    stood = one(closes, open_interest=1000.0)
    assert (stood.oi_drop_ms, stood.forced) == (None, False)
    unknown = one(closes, open_interest=np.nan)
    assert (unknown.oi_known, unknown.forced) == (False, None)


def test_a_burst_of_forced_closes_exceeds_the_history_of_its_own_side():
    days = 9 * DAY_MS // FIVE
    closes = np.concatenate([np.full(days, 100.0), [99.0, 99.1]])
    forced = np.zeros((days + 2, 2))
    forced[: days // 2 : 3] = 1e4
    forced[days, 0] = 5e6
    found = one(closes, forced=forced)
    assert found.burst_known
    assert found.burst_ms == at(days)
    other_side = forced[:, ::-1]
    assert one(closes, forced=other_side).burst_ms is None


def test_without_a_week_of_history_a_burst_is_unknown():
    found = one([*FLAT, 99.0], forced=np.zeros((6, 2)))
    assert not found.burst_known
    assert found.burst_ms is None


def test_the_needed_fall_is_the_fifth_percentile_of_the_days_before_where_that_is_more():
    days = 9 * DAY_MS // FIVE
    # Open interest that falls by 2 % and comes back, all the time.
    swinging = np.where(np.arange(days) // 12 % 2, 1000.0, 980.0)
    closes = np.concatenate([np.full(days, 100.0), [99.0]])
    small = one(closes, open_interest=np.append(swinging, swinging[-1] * 0.99))
    large = one(closes, open_interest=np.append(swinging, swinging[-1] * 0.97))
    assert (small.forced, large.forced) == (False, True)


def test_one_direction_has_one_impulse_at_a_time():
    series = jumpy(11, n=600)
    rule = replace(BARS, impulse_sigma=2.0)
    for direction in ("down", "up"):
        own = [g for g in find_ignitions(series, rule) if g.direction == direction]
        assert own
        for early, late in pairwise(own):
            assert early.end_ms is not None
            assert late.start_ms > early.end_ms


def trades(prices, start_ms, step_ms=500):
    n = len(prices)
    time = pl.Series([start_ms + step_ms * i for i in range(n)]).cast(tables.TIME)
    return tables.check(
        "trades",
        pl.DataFrame(
            {
                "venue": ["binance"] * n,
                "symbol": ["BTC/USDT:USDT"] * n,
                "trade_id": [f"{i:08}" for i in range(n)],
                "event_time": time,
                "available_time": time,
                "price": [float(price) for price in prices],
                "amount": [1.0] * n,
                "taker_side": ["sell"] * n,
                "source": ["hand"] * n,
                "precedence": pl.Series([1] * n, dtype=pl.Int8),
            }
        ),
    )


def tape(after):
    """Two hours of quiet trades, then these, one every half second."""
    rng = np.random.default_rng(5)
    quiet = 100.0 * np.exp(np.cumsum(1e-5 * rng.standard_normal(14_400)))
    return np.concatenate([quiet, quiet[-1] / 100.0 * np.asarray(after)])


def test_an_impulse_within_a_minute_of_trades_ignites_trade_by_trade():
    falling = np.linspace(99.95, 99.0, 40)
    pause = np.linspace(99.0, 99.3, 20)
    on = np.linspace(99.2, 98.6, 40)
    series = series_of_trades(trades(tape([*falling, *pause, *on]), MONDAY_MS))
    found = [g for g in find_ignitions(series, TICKS) if g.direction == "down"]
    began = MONDAY_MS + 14_400 * 500
    assert found[0].outcome == "ignited"
    # Quiet trades scatter, so the beginning is the highest of them in the minute before.
    assert began - 60_000 <= found[0].start_ms <= began
    assert began < found[0].impulse_ms < began + 20_000
    assert found[0].forced is None


def test_trades_that_come_back_at_once_fail():
    falling, back = np.linspace(99.95, 99.0, 40), np.linspace(99.1, 99.9, 20)
    series = series_of_trades(trades(tape([*falling, *back]), MONDAY_MS))
    found = [g for g in find_ignitions(series, TICKS) if g.direction == "down"]
    assert found[-1].outcome == "failed"


def test_trades_have_no_impulse_before_their_volatility_is_known():
    series = series_of_trades(trades(np.linspace(100, 90, 400), MONDAY_MS))
    assert find_ignitions(series, TICKS) == ()


def test_trades_take_volatility_and_open_interest_from_bars_known_by_then():
    background = series_of([100.0] * 3, open_interest=[10.0, 20.0, 30.0], sigma_day=[0.1, 0.2, 0.3])
    told = trades([100.0] * 4, MONDAY_MS + FIVE - 500, step_ms=FIVE)
    series = series_of_trades(told, background)
    assert np.isnan(series.sigma_day[0])
    assert series.sigma_day[1:].tolist() == [0.1, 0.2, 0.3]
    assert series.open_interest[1:].tolist() == [10.0, 20.0, 30.0]

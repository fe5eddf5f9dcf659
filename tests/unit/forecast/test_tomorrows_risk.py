"""Tomorrow's risk: large against the coin's own year, known beforehand, learned from the past."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import forecast_size as twin

from forcedflow.errors import NoDataError
from forcedflow.forecast.daily import GROUPS, SETS, DailyModel, fit_daily, fit_logistic
from forcedflow.forecast.days import (
    LEAST_D,
    QUANTILE,
    RESTART_MS,
    TRAILING_D,
    DailyCoin,
    lay_daily,
    lay_days,
)
from forcedflow.tables import TIME
from forcedflow.units import DAY_MS

FIELDS = ("end_ms", "high", "low", "close", "open_interest_usd", "liquidated_usd", "funding")


def coin_of(seed, n=500, start=RESTART_MS):
    """Days whose liquidations follow yesterday's and how far price went."""
    rng = np.random.default_rng(seed)
    heat = np.zeros(n)
    for t in range(1, n):
        heat[t] = 0.85 * heat[t - 1] + 0.5 * rng.normal()
    move = 0.02 * np.exp(0.5 * heat) * rng.normal(size=n)
    close = 100 * np.exp(np.cumsum(move))
    usd = 1e6 * np.exp(heat[:, None] + 0.5 * rng.normal(size=(n, 2)))
    return DailyCoin(
        symbol=f"C{seed}",
        end_ms=start + DAY_MS * np.arange(1, n + 1, dtype=np.int64),
        high=close * 1.01,
        low=close * 0.99,
        close=close,
        open_interest_usd=1e9 * np.exp(np.cumsum(0.01 * rng.normal(size=n))),
        liquidated_usd=usd,
        funding=1e-4 * rng.normal(size=n),
    )


def until(coin, last):
    return DailyCoin(coin.symbol, **{name: getattr(coin, name)[:last] for name in FIELDS})


COINS = [coin_of(seed) for seed in range(3)]
DAYS = lay_days(COINS)
FIT_TO = int(COINS[0].end_ms[400])


def test_a_large_day_is_one_above_the_quantile_of_the_year_before_it():
    for coin, rows in zip(COINS, DAYS, strict=True):
        told = twin.pool_days(
            coin.liquidated_usd.tolist(),
            coin.open_interest_usd.tolist(),
            TRAILING_D,
            QUANTILE,
            LEAST_D,
        )
        found = [None if np.isnan(x) else x for x in rows.columns["happened"]]
        assert found == told
    share = np.nanmean(np.concatenate([rows.columns["happened"] for rows in DAYS]))
    assert 0.03 < share < 0.25


def test_every_input_is_laid_and_weekdays_are_those_of_tomorrow():
    rows = DAYS[0]
    assert set(rows.columns) >= {name for group in GROUPS.values() for name in group}
    last = {name: float(column[-1]) for name, column in rows.columns.items()}
    assert all(np.isfinite(last[name]) for group in GROUPS.values() for name in group)
    # A day that ends as Monday begins is asked about Monday.
    monday = (rows.times_ms // DAY_MS) % 7 == 4
    assert (rows.columns["weekday_0"][monday] == 1).all()
    assert (rows.columns["weekday_0"][~monday] == 0).all()


def test_nothing_before_the_feeds_were_thinned_is_looked_at():
    early = coin_of(9, n=700, start=RESTART_MS - 200 * DAY_MS)
    cut = early.end_ms > RESTART_MS
    late = DailyCoin(early.symbol, **{name: getattr(early, name)[cut] for name in FIELDS})
    (one,), (other,) = lay_days([early]), lay_days([late])
    for name, column in one.columns.items():
        assert column.tobytes() == other.columns[name].tobytes(), name


@settings(deadline=None, max_examples=15)
@given(st.integers(200, 480))
def test_no_later_day_changes_a_byte_of_an_input(last):
    before = lay_days([until(coin, last) for coin in COINS])
    for then, now in zip(before, DAYS, strict=True):
        for name, column in then.columns.items():
            # Whether tomorrow was large is known tomorrow.
            stop = last - 1 if name == "happened" else last
            assert column[:stop].tobytes() == now.columns[name][:stop].tobytes(), name


def test_what_drives_the_days_is_found_and_read_from_the_past_alone():
    model = fit_daily(DAYS, FIT_TO)
    then = lay_days([until(coin, 401) for coin in COINS])
    assert fit_daily(then, FIT_TO).to_plain() == model.to_plain()
    later = [rows.cut(rows.times_ms >= FIT_TO) for rows in DAYS]
    said = np.concatenate([model.probability(rows) for rows in later])
    happened = np.concatenate([rows.columns["happened"] for rows in later])
    known = ~np.isnan(happened)
    likely = said[known] > np.median(said[known])
    assert happened[known][likely].mean() > 2 * happened[known][~likely].mean()
    back = DailyModel.from_plain(json.loads(json.dumps(model.to_plain())))
    assert back.probability(later[0]).tobytes() == model.probability(later[0]).tobytes()


def test_without_inputs_the_base_rate_is_said():
    model = fit_daily(DAYS, FIT_TO, SETS["climatology"])
    assert model.probability(DAYS[0])[0] == pytest.approx(model.happened / model.n)


def test_too_few_large_days_are_refused():
    with pytest.raises(NoDataError, match="large days before the end of the fit"):
        fit_daily(DAYS, int(COINS[0].end_ms[190]))


def test_the_regression_is_scikit_learns():
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(600, 3))
    happened = (rng.random(600) < 1 / (1 + np.exp(2 - inputs[:, 0]))).astype(np.float64)
    penalty = 0.02
    told = linear.LogisticRegression(C=1 / (penalty * 600), tol=1e-10, max_iter=1000)
    told.fit(inputs, happened)
    intercept, slope = fit_logistic(inputs, happened, np.full(3, penalty))
    assert intercept == pytest.approx(told.intercept_[0], rel=1e-4)
    assert slope == pytest.approx(told.coef_[0], rel=1e-4)


def _times(days):
    return pl.Series([RESTART_MS + d * DAY_MS for d in days]).cast(TIME)


def test_days_are_laid_out_of_tables_with_holes_left_unknown():
    days = [1, 2, 4]
    totals = pl.DataFrame(
        {
            "event_time": _times([d for d in days for _ in (0, 1)]),
            "interval_ms": [DAY_MS] * 6,
            "side": ["long", "short"] * 3,
            "notional_usd": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        }
    )
    hour = totals.head(2).with_columns(interval_ms=pl.lit(3_600_000, pl.Int64))
    klines = pl.DataFrame(
        {
            "event_time": _times([1, 2, 3, 4]),
            "interval_ms": [DAY_MS] * 4,
            "high": [11.0, 12.0, 13.0, 14.0],
            "low": [9.0, 8.0, 7.0, 6.0],
            "close": [10.0, 10.5, 11.0, 11.5],
        }
    )
    interest = pl.DataFrame(
        {"event_time": _times([1, 2, 3, 4]), "open_interest_usd": [1e3, 2e3, 3e3, 4e3]}
    )
    funding = pl.DataFrame({"event_time": _times([1, 4]), "funding_rate": [1e-4, 2e-4]})
    coin = lay_daily("C", pl.concat([totals, hour]), interest, klines, funding)
    assert ((coin.end_ms - RESTART_MS) // DAY_MS).tolist() == [1, 2, 3, 4]
    assert coin.liquidated_usd[[0, 1, 3]].tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    assert np.isnan(coin.liquidated_usd[2]).all()
    assert np.isnan(coin.funding).tolist() == [False, True, True, False]
    with pytest.raises(NoDataError, match="no day of C"):
        lay_daily("C", totals.clear(), interest, klines, funding)

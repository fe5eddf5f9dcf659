"""Facts of a market with known moments, and the table that sets markets side by side."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tests.unit.evaluate import evaluated_market as market

from forcedflow.errors import NoDataError
from forcedflow.evaluate import Estimate, Fact, Facts, facts_table, measure_facts
from forcedflow.evaluate import stylised_facts as sf
from forcedflow.tables import empty
from forcedflow.units import DAY_MS, HOUR_MS

DAYS = 16


@pytest.fixture(scope="module")
def tables():
    open_interest = market.open_interest(days=DAYS)
    return open_interest, market.totals(open_interest)


@pytest.fixture(scope="module")
def facts(tables):
    open_interest, totals = tables
    fit_to = market.ms(market.START) + 9 * DAY_MS
    return measure_facts(
        "a small market, simulated",
        open_interest,
        totals,
        empty("klines"),
        fit_to,
        seed=4,
        draws=60,
    )


def marks(tables):
    return (tables[0]["open_interest_usd"] / tables[0]["open_interest"]).to_numpy()


def test_every_fact_is_a_number_with_its_interval_its_count_and_its_dates(facts):
    for fact in facts.facts:
        e = fact.estimate
        assert np.isfinite([e.value, e.low, e.high]).all(), fact.label
        assert e.low <= e.high
        assert e.n > 0
        assert market.ms(market.START) < fact.first_ms < fact.last_ms
        assert fact.last_ms <= market.ms(market.START) + DAYS * DAY_MS


def test_moments_of_returns_are_the_textbook_ones(facts, tables):
    r = np.diff(np.log(marks(tables)[1:]))
    assert facts.get("standard deviation, 5 min").estimate.value == pytest.approx(r.std())
    z = (r - r.mean()) / r.std()
    assert facts.get("excess kurtosis, 5 min").estimate.value == pytest.approx((z**4).mean() - 3)
    assert facts.get("excess kurtosis, 5 min").estimate.n == r.size


def test_autocorrelations_are_pearsons_over_pairs_one_lag_apart(facts, tables):
    hourly = np.abs(np.diff(np.log(marks(tables)[12::12])))
    for lag in (1, 24):
        found = facts.get(f"autocorrelation of |r|, 1 h, lag {lag} h").estimate
        expected = np.corrcoef(hourly[lag:], hourly[:-lag])[0, 1]
        assert (found.value, found.n) == (pytest.approx(expected), hourly.size - lag)


def test_open_interest_changes_and_their_quantiles_are_relative_and_hourly(facts, tables):
    held = tables[0]["open_interest"].to_numpy()[12::12]
    change = held[1:] / held[:-1] - 1
    deviation = facts.get("standard deviation of the change").estimate.value
    low = facts.get("1 % quantile of the change").estimate.value
    assert deviation == pytest.approx(change.std())
    assert low == pytest.approx(np.quantile(change, 0.01, method="inverted_cdf"))


def test_daily_liquidations_are_over_the_days_mean_open_interest(facts, tables):
    usd = tables[0]["open_interest_usd"].to_numpy()[12::12].reshape(DAYS, 24).mean(axis=1)
    daily = tables[1]["notional_usd"].to_numpy().reshape(DAYS, 48).sum(axis=1)
    found = facts.get("mean over days").estimate
    assert (found.value, found.n) == (pytest.approx((daily / usd).mean()), DAYS)


def test_shares_of_liquidations(facts, tables):
    longs = tables[1].filter(pl.col("side") == "long")["notional_usd"].sum()
    total = tables[1]["notional_usd"].sum()
    assert facts.get("share that is long").estimate.value == pytest.approx(longs / total)
    hourly = np.sort(tables[1]["notional_usd"].to_numpy().reshape(-1, 2).sum(axis=1))[::-1]
    n = 0.01 * hourly.size
    top = hourly[: int(n)].sum() + (n - int(n)) * hourly[int(n)]
    found = facts.get("share of the top 1 % of hours").estimate.value
    assert found == pytest.approx(top / total)


def test_the_null_is_scored_after_the_fit_alone(facts):
    fact = facts.get("D², static")
    assert fact.first_ms == market.ms(market.START) + 9 * DAY_MS + HOUR_MS
    assert fact.estimate.n == (DAYS - 9) * 24 * 2


def test_a_gap_makes_fewer_pairs_not_longer_returns(tables):
    open_interest = tables[0]
    holed = pl.concat([open_interest[:100], open_interest[130:]])
    bars = sf.market_bars(holed, empty("klines"), HOUR_MS)
    end, r = sf._returns(bars, 300_000)
    assert r.size == open_interest.height - 2 - 31
    assert np.abs(r).max() <= np.abs(np.diff(np.log(marks(tables)))).max()
    assert not np.isin(bars.end_ms[99], end)


def test_too_little_data_is_said(tables):
    open_interest, totals = tables
    with pytest.raises(NoDataError):
        measure_facts("short", open_interest[:200], totals, empty("klines"), 0, seed=0, draws=3)


def fact(label, value, **more):
    return Fact(
        "group", label, Estimate(value, value - 1, value + 1, 1234), DAY_MS, 3 * DAY_MS, **more
    )


def test_the_table_sets_markets_side_by_side_with_dates_intervals_and_counts():
    one = Facts("real", (fact("|r|", 2.0), fact("share", 0.5, percent=True)))
    two = Facts("simulated", (fact("|r|", 3.0), fact("share", 0.25, percent=True)))
    assert facts_table([one, two]).splitlines() == [
        "| fact | real | simulated |",
        "| --- | --- | --- |",
        "| **group** | 1970-01-01 … 1970-01-03 | 1970-01-01 … 1970-01-03 |",
        r"| \|r\| | 2 [1, 3] n=1,234 | 3 [2, 4] n=1,234 |",
        "| share, % | 50 [-50, 150] n=1,234 | 25 [-75, 125] n=1,234 |",
    ]


def test_only_the_same_facts_stand_side_by_side():
    one, other = Facts("real", (fact("a", 1.0),)), Facts("simulated", (fact("b", 1.0),))
    for columns in ([], [one, other]):
        with pytest.raises(ValueError, match="the same facts"):
            facts_table(columns)
    with pytest.raises(KeyError):
        one.get("b")

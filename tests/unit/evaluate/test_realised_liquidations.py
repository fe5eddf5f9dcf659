"""Feeds become liquidations per hour and side, with nothing filled in that was not seen."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from tests.unit.evaluate import evaluated_market as market

from forcedflow.errors import DataError, NoDataError
from forcedflow.evaluate.realised import realised_liquidations
from forcedflow.units import DAY_MS, HOUR_MS

AT = market.START


def test_finer_totals_are_summed_and_agree_with_coarser_ones():
    open_interest = market.open_interest(days=2)
    half = market.totals(open_interest, interval=timedelta(minutes=30))
    summed = realised_liquidations(half, HOUR_MS)
    assert summed.end_ms.tolist() == [market.ms(AT) + h * HOUR_MS for h in range(1, 49)]
    assert summed.usd.sum() == pytest.approx(half["notional_usd"].sum())
    longs = half.filter(pl.col("side") == "long")["notional_usd"]
    assert summed.usd[0, 0] == pytest.approx(longs[:2].sum())


def test_the_coarsest_totals_that_fit_are_used_alone():
    open_interest = market.open_interest(days=2)
    hourly = market.totals(open_interest)
    both = pl.concat([hourly, market.totals(open_interest, interval=timedelta(minutes=30), seed=5)])
    assert realised_liquidations(both, HOUR_MS).usd.tolist() == (
        realised_liquidations(hourly, HOUR_MS).usd.tolist()
    )


def test_an_hour_with_a_missing_bar_or_side_is_left_out():
    hourly = market.totals(market.open_interest(days=2))
    gone = realised_liquidations(pl.concat([hourly[:4], hourly[5:]]), HOUR_MS)
    whole = realised_liquidations(hourly, HOUR_MS)
    assert gone.end_ms.tolist() == [e for i, e in enumerate(whole.end_ms.tolist()) if i != 2]
    half = market.totals(market.open_interest(days=2), interval=timedelta(minutes=30))
    assert realised_liquidations(half[1:], HOUR_MS).end_ms.size == 47


def test_single_prints_are_summed_and_silence_between_them_is_zero():
    rows = market.prints(
        [
            (AT + timedelta(minutes=1), "long", 5.0),
            (AT + timedelta(minutes=60), "long", 7.0),
            (AT + timedelta(minutes=61), "short", 1.0),
            (AT + timedelta(minutes=200), "short", 2.0),
        ]
    )
    found = realised_liquidations(rows, HOUR_MS)
    assert found.usd.tolist() == [[12.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 2.0]]
    assert found.end_ms.tolist() == [market.ms(AT) + h * HOUR_MS for h in range(1, 5)]


def test_what_cannot_be_summed_is_said():
    hourly = market.totals(market.open_interest(days=2))
    with pytest.raises(NoDataError, match="no liquidations"):
        realised_liquidations(hourly.clear(), HOUR_MS)
    with pytest.raises(NoDataError, match="divide"):
        realised_liquidations(hourly, HOUR_MS // 2)
    with pytest.raises(NoDataError, match="both sides"):
        realised_liquidations(hourly.filter(pl.col("side") == "long"), HOUR_MS)
    with pytest.raises(DataError, match="several markets"):
        realised_liquidations(
            pl.concat([hourly, hourly.with_columns(venue=pl.lit("other"))]), DAY_MS
        )

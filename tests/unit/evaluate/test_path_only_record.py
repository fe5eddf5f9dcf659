"""The path-only null is scored after its fit, on paths with the wicks that klines know."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from tests.unit.evaluate import evaluated_market as market

from forcedflow.errors import NoDataError
from forcedflow.evaluate import score_path_only
from forcedflow.evaluate.path_only import market_bars
from forcedflow.tables import empty
from forcedflow.units import DAY_MS, HOUR_MS

NO_KLINES = empty("klines")
DAYS = 16
FIT_TO = market.ms(market.START) + 9 * DAY_MS


@pytest.fixture(scope="module")
def open_interest():
    return market.open_interest(days=DAYS)


def record_of(open_interest, liquidations, fit_to_ms=FIT_TO):
    return score_path_only(open_interest, liquidations, NO_KLINES, fit_to_ms, seed=1, draws=100)


def test_liquidations_made_by_the_path_are_explained_by_it(open_interest):
    record = record_of(open_interest, market.totals(open_interest))
    assert record.static.d2.low > 0.3
    assert record.static.d2.low < record.static.d2.value < record.static.d2.high
    assert 0.75 < record.static.predicted_over_actual.value < 1.25
    assert record.n_fit_hours == (9 - 2) * 24
    assert record.static.first_ms == FIT_TO + HOUR_MS
    assert record.static.n_days == DAYS - 9


def test_the_level_follows_a_feed_that_is_thinned_halfway(open_interest):
    totals = market.totals(open_interest)
    thinned = totals.with_columns(
        notional_usd=pl.when(pl.col("event_time") > market.START + timedelta(days=9))
        .then(pl.col("notional_usd") * 0.2)
        .otherwise(pl.col("notional_usd"))
    )
    record = record_of(open_interest, thinned)
    assert record.level_gain.value > 0.05
    assert record.levelled.d2.value == pytest.approx(
        record.static.d2.value + record.level_gain.value
    )
    static, levelled = (s.predicted_over_actual.value for s in (record.static, record.levelled))
    assert static > levelled > 1.0


def test_later_liquidations_do_not_change_the_fit(open_interest):
    totals = market.totals(open_interest)
    later = totals.with_columns(
        notional_usd=pl.when(pl.col("event_time").dt.epoch("ms") > FIT_TO)
        .then(pl.col("notional_usd") * 9 + 1)
        .otherwise(pl.col("notional_usd"))
    )
    weights = [record_of(open_interest, rows).background.weights for rows in (totals, later)]
    assert weights[0].tobytes() == weights[1].tobytes()


def test_a_fit_needs_rows_on_both_sides_of_its_end(open_interest):
    totals = market.totals(open_interest)
    for day in (1, DAYS + 1):
        with pytest.raises(NoDataError, match="both are needed"):
            record_of(open_interest, totals, market.ms(market.START) + day * DAY_MS)


def test_a_coarse_kline_lends_its_wick_to_the_bar_that_came_nearest(open_interest):
    plain = market_bars(open_interest, NO_KLINES, HOUR_MS)
    times = [market.START + timedelta(hours=2)]
    wick = market.klines(times, [1.0], [1000.0])
    bars = market_bars(open_interest, wick, HOUR_MS)
    # The first observation opens the first bar, so the second hour is the bars 12 to 23.
    lowest, highest = 12 + np.argmin(plain.low[12:24]), 12 + np.argmax(plain.high[12:24])
    assert np.flatnonzero(bars.low != plain.low).tolist() == [lowest]
    assert np.flatnonzero(bars.high != plain.high).tolist() == [highest]
    assert (bars.low.min(), bars.high.max()) == (1.0, 1000.0)


def test_the_price_nearest_to_the_mark_lends_and_longer_klines_do_not(open_interest):
    times = [market.START + timedelta(hours=2)]
    rows = [
        market.klines(times, [2.0], [200.0]),
        market.klines(times, [3.0], [300.0], price_type="last"),
        market.klines(times, [1.0], [900.0], interval=timedelta(hours=2), price_type="mark"),
    ]
    bars = market_bars(open_interest, pl.concat(rows), HOUR_MS)
    assert (bars.low.min(), bars.high.max()) == (3.0, 300.0)


def test_bars_with_fine_mark_klines_borrow_nothing(open_interest):
    fine = timedelta(minutes=5)
    times = [market.START + (i + 1) * fine for i in range(24)]
    marks = market.klines(times, [50.0] * 24, [150.0] * 24, interval=fine, price_type="mark")
    coarse = market.klines([times[11]], [1.0], [999.0], price_type="last")
    bars = market_bars(open_interest, pl.concat([marks, coarse]), HOUR_MS)
    assert (bars.low.min(), bars.high.max()) == (50.0, 150.0)

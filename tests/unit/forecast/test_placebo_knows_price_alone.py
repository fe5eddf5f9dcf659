"""The placebo's reach rests on the price history alone; ours on open interest and volume too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.unit.features.test_map_features import wandering

from forcedflow.features.grid import lay_times
from forcedflow.forecast.reach import NAMES, PLACEBO
from forcedflow.forecast.rows import FAMILIES
from forcedflow.pipeline import build_map_features, build_placebo_features
from forcedflow.units import DAY_MS, HOUR_MS


@pytest.fixture(scope="module")
def market():
    return wandering(n=12 * 24 * 13)


def test_other_open_interest_and_volume_change_ours_and_not_the_placebo(market):
    rng = np.random.default_rng(11)
    n = market.open_interest.height
    factor = np.exp(np.concatenate([[0.0], np.cumsum(rng.normal(0, 0.01, n - 1))]))
    other = replace(
        market,
        open_interest=market.open_interest.with_columns(
            pl.col("open_interest", "open_interest_usd") * pl.Series(factor)
        ),
        trade_klines=market.trade_klines.with_columns(pl.col("volume") * 3.0),
    )
    times = lay_times(market.at_ms - DAY_MS, market.at_ms)
    hourly = times[times % HOUR_MS == 0]
    one, two = (build_placebo_features(own, hourly) for own in (market, other))
    for name, column in one.items():
        assert np.isfinite(column).all()
        assert two[name] == pytest.approx(column, rel=1e-9, abs=1e-12), name
    ours, theirs = (build_map_features(own, hourly) for own in (market, other))
    assert not np.allclose(ours["reach_long_24h"], theirs["reach_long_24h"], rtol=1e-5)


def test_the_placebo_has_a_like_for_every_figure_of_reach(market):
    times = lay_times(market.at_ms - HOUR_MS, market.at_ms)
    found = build_placebo_features(market, times)
    assert tuple(found) == tuple(f"{PLACEBO}{name}" for name in NAMES)
    assert set(FAMILIES["placebo"]) <= set(found)


def test_without_open_interest_everything_is_unknown(market):
    empty = replace(market, open_interest=market.open_interest.clear())
    times = lay_times(market.at_ms - HOUR_MS, market.at_ms)
    found = {**build_map_features(empty, times), **build_placebo_features(empty, times)}
    assert all(np.isnan(column).all() for column in found.values())
    assert set(NAMES) <= set(found)

"""The registry: every column is declared, every declaration computed."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference import feature_markets as markets

from forcedflow.errors import NoDataError
from forcedflow.features.registry import FEATURES, WARM_UP_MS, build_features, extend
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

T0, FIVE = markets.MONDAY_MS, 5 * MINUTE_MS


@pytest.fixture(scope="module")
def inputs():
    return markets.random_inputs(3, days=2)


def test_the_columns_are_the_declared_features_in_their_order(inputs):
    assert list(build_features(inputs).columns) == list(FEATURES)


def test_a_declaration_names_tables_that_readings_know_and_its_own_family(inputs):
    for name, feature in FEATURES.items():
        assert feature.name == name
        assert set(feature.tables) <= set(inputs.tables())
        assert feature.window_ms <= WARM_UP_MS
        assert feature.doc.endswith(".")
    families = {feature.family for feature in FEATURES.values()}
    assert families >= {"price", "funding", "sweeps", "calendar"}


def test_a_market_without_any_price_is_no_data():
    with pytest.raises(NoDataError, match=r"no price or open interest of binance BTC/USDT:USDT"):
        build_features(markets.inputs_of(T0))


def test_what_is_not_held_is_unknown_rather_than_zero():
    ends = T0 + HOUR_MS * np.arange(1, 30)
    table = build_features(
        markets.inputs_of(
            int(ends[-1]), trade_klines=markets.klines(ends, np.full(29, 7.0), HOUR_MS)
        )
    )
    assert table.last("price") == 7.0
    for name in ("open_interest", "basis", "funding_8h", "depth_1pct_usd", "liq_long_1h"):
        assert np.isnan(table[name]).all(), name
    assert table.input_age_ms["perpetual klines"] == 0
    assert table.input_age_ms["funding"] is None


def test_an_extra_family_is_joined_on_the_same_moments(inputs):
    def moments(_, times_ms):
        return {"own": times_ms.astype(np.float64)}

    table = build_features(inputs, [moments])
    np.testing.assert_array_equal(table["own"], table.times_ms)


def test_a_table_that_is_up_to_date_is_returned_as_it_is(inputs):
    table = build_features(inputs)
    assert extend(table, inputs) is table


def test_the_first_moment_wanted_is_the_first_returned(inputs):
    start = inputs.at_ms - HOUR_MS - 1
    assert build_features(inputs, start_ms=start).times_ms.tolist() == list(
        range(inputs.at_ms - HOUR_MS, inputs.at_ms + 1, FIVE)
    )


def test_one_simulated_row_makes_the_table_simulated():
    rows = markets.interest([T0], [5.0], [7.0])
    assert not build_features(markets.inputs_of(T0 + DAY_MS, open_interest=rows)).simulated
    simulated = rows.with_columns(source=markets.pl.lit("sandbox:x"))
    assert build_features(markets.inputs_of(T0 + DAY_MS, open_interest=simulated)).simulated

"""Features read from a lake: what was known, from the series that covers most, and no more."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tests.reference import feature_markets as markets
from tests.reference.markets import same_bytes

from forcedflow.asof import read_feature_inputs, read_features
from forcedflow.asof.features import totals_of_prints
from forcedflow.errors import NoDataError
from forcedflow.features.registry import FEATURES
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

T0, FIVE = markets.MONDAY_MS, 5 * MINUTE_MS
END = T0 + 9 * DAY_MS


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    inputs = markets.random_inputs(5, days=9)
    spot = inputs.spot_klines.with_columns(symbol=pl.lit("BTC/USDT"))
    lake = Lake(tmp_path_factory.mktemp("features") / "lake", create=True)
    lake.write(
        {
            "klines": pl.concat([inputs.trade_klines, inputs.mark_klines, spot]),
            "open_interest": inputs.open_interest,
            "funding": inputs.funding,
            "long_short_ratio": inputs.long_short_ratio,
            "liquidation_totals": inputs.liquidation_totals,
            "depth_bands": inputs.depth_bands,
            "calendar_events": inputs.calendar_events,
        }
    )
    return lake


def test_a_row_is_the_same_whichever_later_moment_it_is_asked_for_at(lake):
    early = read_features(lake, markets.BTC, END - 30 * HOUR_MS, days=3)
    late = read_features(lake, markets.BTC, END, days=6)
    shared = np.isin(late.times_ms, early.times_ms)
    assert shared.sum() == early.size
    for name in FEATURES:
        assert same_bytes(late[name][shared], early[name]), name


def test_the_table_begins_at_a_midnight_and_ends_by_the_moment(lake):
    table = read_features(lake, markets.BTC, END - 1, days=2)
    assert (int(table.times_ms[0]), table.at_ms) == (END - 3 * DAY_MS, END - FIVE)


def test_the_spot_pair_and_the_prices_are_told_apart(lake):
    inputs = read_feature_inputs(lake, markets.BTC, T0, END)
    assert inputs.spot_klines["symbol"].unique().to_list() == ["BTC/USDT"]
    assert inputs.mark_klines["price_type"].unique().to_list() == ["mark"]
    assert inputs.trade_klines["price_type"].unique().to_list() == ["last"]


def test_a_lake_without_the_market_says_so(lake):
    other = markets.BTC.__class__("binance", "XYZ", "USDT", "USDT")
    with pytest.raises(NoDataError, match="XYZ"):
        read_features(lake, other, END)


def test_of_snapshots_half_a_minute_apart_the_last_of_each_step_is_kept(tmp_path):
    def snapshot(offset_ms, usd):
        return {
            "event_time": T0 + offset_ms,
            "distance_pct": 1.0,
            "amount": 1.0,
            "notional_usd": usd,
        }

    rows = [snapshot(1, 1.0), snapshot(30_000, 2.0), snapshot(FIVE, 3.0), snapshot(FIVE + 1, 4.0)]
    lake = Lake(tmp_path / "lake", create=True)
    lake.write({"depth_bands": markets.frame("depth_bands", rows)})
    inputs = read_feature_inputs(lake, markets.BTC, T0, T0 + DAY_MS)
    assert inputs.depth_bands["notional_usd"].to_list() == [3.0, 4.0]


def _prints(rows):
    return markets.frame(
        "liquidations",
        [
            {
                "event_time": t,
                "side": side,
                "notional_usd": usd,
                "amount": usd / 10,
                "event_id": str(i),
            }
            for i, (t, side, usd) in enumerate(rows)
        ],
        price=10.0,
        price_kind="fill",
        completeness="complete",
    )


def test_prints_are_summed_per_side_and_step_and_silence_is_zero_for_six_hours():
    prints = _prints([(T0 + 1, "long", 5.0), (T0 + FIVE, "long", 7.0), (T0 + 2, "short", 1.0)])
    totals = totals_of_prints(prints, T0 + DAY_MS)
    first = totals.head(2).select("side", "notional_usd", "amount", "interval_ms").rows()
    assert first == [("long", 12.0, 1.2, FIVE), ("short", 1.0, 0.1, FIVE)]
    assert totals["notional_usd"].sum() == 13.0
    heard_until = totals["event_time"].dt.epoch("ms").max()
    assert heard_until == T0 + FIVE + 6 * HOUR_MS
    assert totals.height == 2 * 73


def test_totals_of_prints_end_by_the_moment():
    totals = totals_of_prints(_prints([(T0, "long", 5.0)]), T0 + HOUR_MS)
    assert totals["available_time"].dt.epoch("ms").max() == T0 + HOUR_MS

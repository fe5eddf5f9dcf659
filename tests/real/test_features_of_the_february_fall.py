"""Features on recorded data: Bitcoin at noon of 5 February 2026, against figures taken by hand."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from tests.reference.markets import same_bytes

from forcedflow.asof import read_features
from forcedflow.features.registry import FEATURES
from forcedflow.instruments import parse_symbol
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

pytestmark = pytest.mark.real_data

NOON_MS = int(datetime.fromisoformat("2026-02-05T12:00:00Z").timestamp() * 1000)
BTC = parse_symbol("BTC")


@pytest.fixture(scope="module")
def table(imported_lake):
    return read_features(imported_lake.lake, BTC, NOON_MS)


def _rows(lake, table, symbol, start_ms, end_ms):
    return lake.read(table, venue="binance", symbol=symbol, start_ms=start_ms, end_ms=end_ms + 1)


def test_noon_shows_the_open_interest_and_the_mark_of_five_minutes_before(table, real_lake):
    known = NOON_MS - 5 * MINUTE_MS
    row = _rows(real_lake, "open_interest", BTC.symbol, known, known).row(0, named=True)
    before = _rows(
        real_lake, "open_interest", BTC.symbol, known - 4 * HOUR_MS, known - 4 * HOUR_MS
    ).row(0, named=True)
    mark = row["open_interest_usd"] / row["open_interest"]
    assert table.last("open_interest") == row["open_interest"]
    assert table.last("price") == mark
    change = row["open_interest"] / before["open_interest"] - 1
    assert table.last("oi_change_4h") == pytest.approx(change)
    mark_before = before["open_interest_usd"] / before["open_interest"]
    assert table.last("return_4h") == pytest.approx(math.log(mark / mark_before))


def test_the_day_s_figures_are_those_of_its_hourly_bars(table, real_lake):
    bars = _rows(real_lake, "klines", BTC.symbol, NOON_MS - DAY_MS + 1, NOON_MS).filter(
        pl.col("price_type") == "last"
    )
    assert bars.height == 24
    assert table.last("range_low_24h") == bars["low"].min()
    today = bars.tail(12)
    typical = (today["high"] + today["low"] + today["close"]) / 3
    vwap = (typical * today["volume"]).sum() / today["volume"].sum()
    assert table.last("vwap_day") == pytest.approx(vwap)
    spot = _rows(real_lake, "klines", "BTC/USDT", NOON_MS - 4 * HOUR_MS + 1, NOON_MS)
    perp = bars.tail(4)["volume"].sum()
    share = perp / (perp + spot["volume"].sum())
    assert table.last("perp_volume_share_4h") == pytest.approx(share)


def test_a_falling_market_is_wild_its_funding_low_and_its_lows_are_swept(table):
    assert table.last("return_24h") < -0.05
    assert table.last("sigma_rank_30d") > 0.95
    assert 0.03 < table.last("sigma_day") < 0.06
    assert abs(table.last("funding_8h")) < 1e-5
    assert abs(table.last("basis")) < 2e-3
    assert table.last("sweeps_low_24h") > table.last("sweeps_high_24h")
    assert table.labels["next_event"] == "Bank of England MPC decision (GB)"
    assert table.last("hours_to_event") == 0.0


def test_what_is_not_recorded_is_unknown(table):
    for name in ("depth_1pct_usd", "perp_cvd_4h", "accounts_ratio", "liq_long_1h"):
        assert np.isnan(table[name]).all(), name


def test_four_days_earlier_every_shared_row_was_the_same(table, imported_lake):
    earlier = read_features(imported_lake.lake, BTC, NOON_MS - 4 * DAY_MS)
    shared = earlier.times_ms >= table.times_ms[0]
    n = int(shared.sum())
    assert n > 90 * 288
    for name in FEATURES:
        assert same_bytes(table[name][:n], earlier[name][shared]), name

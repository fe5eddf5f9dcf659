"""Rows that are told late, in any order: no figure of the past changes by one byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import markets

from forcedflow.features.grid import lay_times
from forcedflow.features.map_history import alignment_columns
from forcedflow.instruments import parse_symbol
from forcedflow.liquidation_map import Market
from forcedflow.margin import rule_for, schedule_from_rows
from forcedflow.pipeline import build_map_features
from forcedflow.tables import TIME
from forcedflow.units import DAY_MS, MINUTE_MS

FIVE = 5 * MINUTE_MS
T0 = 1_760_000_400_000 // DAY_MS * DAY_MS
FRAMES = ("open_interest", "mark_klines", "trade_klines", "funding")
# On time, within the bar's own moment, a bar or more too late.
DELAYS = st.sampled_from([0, 0, 0, 2_000, FIVE, FIVE + 1, 11 * MINUTE_MS, 40 * MINUTE_MS])


@st.composite
def told_markets(draw):
    n = draw(st.integers(8, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    price = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.004, n)))
    contracts = 1000.0 + np.cumsum(rng.normal(0, 20, n))
    times = (T0 + FIVE * np.arange(n)).tolist()
    with_value = draw(st.booleans())
    interest = [
        (t, float(c), float(p) if with_value else None)
        for t, c, p in zip(times, contracts, price, strict=True)
    ]
    klines = [
        (t, FIVE, float(p) * 0.998, float(p) * 1.002, float(p), float(rng.gamma(2, 40)), None)
        for t, p in zip(times, price, strict=True)
    ]
    frames = {
        "open_interest": markets.open_interest_rows(interest),
        "mark_klines": markets.kline_rows([(*row[:5], None, None) for row in klines], "mark"),
        "trade_klines": markets.kline_rows(klines, "last"),
        "funding": markets.funding_rows([(times[n // 2], "settled", 1e-3)]),
    }
    for name, frame in frames.items():
        delays = draw(st.lists(DELAYS, min_size=frame.height, max_size=frame.height))
        frames[name] = frame.with_columns(
            available_time=pl.col("event_time") + pl.Series(delays).cast(pl.Duration("ms"))
        )
    at_ms = times[-1] + 45 * MINUTE_MS
    return Market(
        instrument=parse_symbol("BTC"),
        at_ms=at_ms,
        **frames,
        schedule=schedule_from_rows("binance", "*", 0, [(1e9, 0.005, 100)], source="example"),
        rule=rule_for("binance", "linear", at_ms),
    )


def known_at(market, at_ms):
    moment = pl.lit(at_ms, dtype=TIME)
    return replace(
        market,
        at_ms=at_ms,
        **{
            name: getattr(market, name).filter(pl.col("available_time") <= moment)
            for name in FRAMES
        },
    )


@settings(deadline=None, max_examples=60)
@given(told_markets(), st.data())
def test_what_is_told_later_changes_no_byte_of_the_maps_columns(market, data):
    times = lay_times(T0, market.at_ms)
    until = data.draw(st.integers(1, times.size), label="moments past")
    cut = times[:until]
    before = build_map_features(known_at(market, int(cut[-1])), cut, step_ms=FIVE)
    after = build_map_features(market, times, step_ms=FIVE)
    for name, column in before.items():
        assert markets.same_bytes(column, after[name][:until]), name


@settings(deadline=None, max_examples=25)
@given(told_markets(), told_markets(), st.data())
def test_what_is_told_later_changes_no_byte_of_the_venues_alignment(one, other, data):
    at_ms = min(one.at_ms, other.at_ms)
    pair = [known_at(market, at_ms) for market in (one, other)]
    times = lay_times(T0, at_ms)
    until = data.draw(st.integers(1, times.size), label="moments past")
    cut = times[:until]
    before = alignment_columns([known_at(m, int(cut[-1])) for m in pair], cut, step_ms=FIVE)
    after = alignment_columns(pair, times, step_ms=FIVE)
    for name, column in before.items():
        assert markets.same_bytes(column, after[name][:until]), name

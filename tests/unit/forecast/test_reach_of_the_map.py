"""Reach: what the next hours' furthest moves would sweep, from horizons that were over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import forecast_size as twin

from forcedflow.forecast.reach import (
    LEAST_MS,
    NAMES,
    POINTS,
    TRAILING_MS,
    measure_excursions,
    reach_reader,
    read_reach,
)
from forcedflow.forecast.rows import HORIZONS_H
from forcedflow.positions import Bars
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.volatility import ewma_volatility
from forcedflow.zones import Zone
from forcedflow.zones.alignment import BIN, BINS, VenueLadder

T0 = 1_760_000_400_000 // DAY_MS * DAY_MS
STEP = 15 * MINUTE_MS


def bars_of(days=16, seed=5, step=STEP):
    n = days * DAY_MS // step
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.standard_t(4, n) * 0.002))
    spread = np.abs(rng.normal(0, 0.001, n))
    before = np.concatenate([close[:1], close[:-1]])
    nothing = np.zeros(n)
    return Bars(
        end_ms=T0 + step * np.arange(n, dtype=np.int64),
        elapsed_ms=np.full(n, step, dtype=np.int64),
        low=np.minimum(before, close) * np.exp(-spread),
        high=np.maximum(before, close) * np.exp(spread),
        close=close,
        open_interest=np.full(n, 1e3),
        change=nothing,
        volume=nothing,
        taker_buy_share=nothing,
        funding_rate=nothing,
        volume_source=np.zeros(n, dtype=np.int64),
        mark_from_klines=np.ones(n, dtype=np.bool_),
    )


def zone_at(side, distance_sigma):
    return Zone(
        side=side,
        low=1.0,
        high=2.0,
        peak=1.5,
        notional_usd=1.0,
        notional_usd_low=1.0,
        notional_usd_high=1.0,
        distance_pct=-1.0 if side == "long" else 1.0,
        distance_sigma=-distance_sigma if side == "long" else distance_sigma,
        age_h=1.0,
        share_of_oi=0.1,
        rank=1,
        major=True,
        prior_share=1.0,
    )


def ladder_of(share, sigma_day=0.03, zones=()):
    return VenueLadder("example", 100.0, sigma_day, 1e3, np.asarray(share), tuple(zones))


BARS = bars_of()
EVENLY = np.tile((np.arange(POINTS) + 0.5) / POINTS, (2, len(HORIZONS_H), 1))


def test_the_expected_sweep_is_the_mean_over_excursions_of_what_stands_nearer():
    share = np.random.default_rng(1).gamma(0.5, 1e-3, (2, BINS))
    found = read_reach(ladder_of(share), EVENLY)
    for s, side in enumerate(("long", "short")):
        for hours in HORIZONS_H:
            sigma = 0.03 * (hours / 24) ** 0.5
            told = twin.expected_sweep(share[s].tolist(), BIN, EVENLY[s, 0].tolist(), sigma)
            assert found[f"reach_{side}_{hours}h"] == pytest.approx(told, rel=1e-9)


def test_quantiles_of_the_sweep_rise_and_longer_horizons_sweep_no_less():
    share = np.random.default_rng(2).gamma(0.5, 1e-3, (2, BINS))
    found = read_reach(ladder_of(share), EVENLY)
    for side in ("long", "short"):
        for hours in HORIZONS_H:
            assert found[f"reach_{side}_{hours}h_p50"] <= found[f"reach_{side}_{hours}h_p90"]
        for kind in ("", "_p50", "_p90"):
            by_horizon = [found[f"reach_{side}_{hours}h{kind}"] for hours in HORIZONS_H]
            assert by_horizon == sorted(by_horizon)


def test_the_probability_of_a_touch_is_the_share_of_excursions_that_far():
    share = np.zeros((2, BINS))
    # Excursions evenly between 0 and 1 σ of their horizon; 0.25 σ of a day is that of a day.
    found = read_reach(ladder_of(share, zones=[zone_at("long", 0.25)]), EVENLY)
    assert found["touch_below_24h"] == pytest.approx(0.75)
    assert found["touch_below_4h"] == pytest.approx(1 - 0.25 * 6**0.5)
    assert found["touch_below_1h"] == 0.0
    # No cluster stands above: that is known, and none can be touched.
    assert found["touch_above_24h"] == 0.0


def test_without_volatility_or_its_past_nothing_is_known():
    share = np.full((2, BINS), 1e-3)
    zones = [zone_at("short", 0.5)]
    unknown = read_reach(ladder_of(share, zones=zones), np.full_like(EVENLY, np.nan))
    assert tuple(unknown) == NAMES
    assert np.isnan(list(unknown.values())).all()
    blind = replace(ladder_of(share), sigma_day=np.nan, zones=(zone_at("short", np.nan),))
    assert np.isnan(read_reach(blind, EVENLY)["reach_long_4h"])
    assert np.isnan(read_reach(blind, EVENLY)["touch_above_4h"])


def test_excursions_are_the_furthest_moves_in_units_of_the_volatility_before_them():
    found = measure_excursions(BARS)
    sigma = ewma_volatility(BARS.close, BARS.end_ms)
    lists = [x.tolist() for x in (BARS.end_ms, BARS.low, BARS.high, BARS.close)]
    for i in range(50, found.start_ms.size - 24, 41):
        start = int(np.searchsorted(BARS.end_ms, found.start_ms[i]))
        for h, hours in enumerate(HORIZONS_H):
            told = twin.furthest_moves(*lists, start, hours * HOUR_MS)
            unit = sigma[start] * (hours / 24) ** 0.5
            assert found.size[:, h, i] * unit == pytest.approx(np.array(told), rel=1e-9)


def test_horizons_that_are_not_over_or_not_covered_are_unknown():
    found = measure_excursions(BARS)
    last = int(BARS.end_ms[-1])
    for h, hours in enumerate(HORIZONS_H):
        is_open = found.start_ms + hours * HOUR_MS > last
        assert np.isnan(found.size[:, h, is_open]).all()
    gap = (BARS.end_ms > T0 + 6 * DAY_MS) & (BARS.end_ms <= T0 + 6 * DAY_MS + 12 * HOUR_MS)
    keep = ~gap
    fields = {name: getattr(BARS, name)[keep] for name in Bars.__slots__}
    fields["elapsed_ms"] = np.diff(fields["end_ms"], prepend=T0 - STEP)
    holed = measure_excursions(Bars(**fields))
    across = (holed.start_ms > T0 + 6 * DAY_MS - 3 * HOUR_MS) & (holed.start_ms <= T0 + 6 * DAY_MS)
    assert across.any()
    assert np.isnan(holed.size[:, HORIZONS_H.index(4), across]).all()


def test_a_distribution_needs_its_least_time_and_forgets_what_is_old():
    found = measure_excursions(BARS)
    assert np.isnan(found.known_by(T0 + LEAST_MS)).all()
    known = found.known_by(T0 + 12 * DAY_MS)
    assert np.isfinite(known).all()
    assert (np.diff(known, axis=2) >= 0).all()
    assert np.isnan(found.known_by(T0 + 20 * DAY_MS + TRAILING_MS)).all()


@settings(deadline=None, max_examples=25)
@given(st.integers(BARS.size // 2, BARS.size - 1), st.integers(0, 2**16))
def test_no_later_bar_changes_a_byte_of_what_was_read(stop, seed):
    rng = np.random.default_rng(seed)
    ladder = ladder_of(rng.gamma(0.5, 1e-3, (2, BINS)), zones=[zone_at("long", 0.3)])
    known_ms = int(BARS.end_ms[stop - 1])
    then = reach_reader(BARS.cut(0, stop))(ladder, known_ms)
    now = reach_reader(BARS)(ladder, known_ms)
    assert np.array(list(then.values())).tobytes() == np.array(list(now.values())).tobytes()

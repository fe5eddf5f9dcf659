"""The map's features: read off one moment, and along a history that is the present of its time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.reference import markets
from tests.reference.trained import trained_on

from forcedflow.cascade.criticality import assess
from forcedflow.depth.curve import DepthCurve
from forcedflow.features.grid import lay_times
from forcedflow.features.map_history import follow_maps
from forcedflow.features.map_table import (
    FEATURES,
    NAMES,
    NO_SHOCK,
    critical_shocks,
    ladder_of,
    nearest_cluster,
    read_map,
)
from forcedflow.features.punctual import punctual, taken_ms
from forcedflow.forecast import reach
from forcedflow.instruments import parse_symbol
from forcedflow.liquidation_map import Market
from forcedflow.margin import rule_for, schedule_from_rows
from forcedflow.pipeline import build_map, build_map_features, build_stage
from forcedflow.positions import build_bars
from forcedflow.tables import TIME
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS, SIDES
from forcedflow.zones import Zone

FIVE = 5 * MINUTE_MS
T0 = 1_760_000_400_000 // DAY_MS * DAY_MS
SCHEDULE = schedule_from_rows(
    "binance",
    "BTC/USDT:USDT",
    0,
    [(50e3, 0.004, 125), (250e3, 0.005, 100), (1e6, 0.01, 50)],
    source="example",
)


def wandering(n=700, seed=3, late_ms=FIVE):
    """Two and a half days of five-minute bars whose open interest is told five minutes late."""
    rng = np.random.default_rng(seed)
    price = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.002, n)))
    contracts = 1000.0 + np.cumsum(rng.normal(0, 5, n))
    times = T0 + FIVE * np.arange(n)
    interest = markets.open_interest_rows(
        list(zip(times.tolist(), contracts.tolist(), price.tolist(), strict=True))
    ).with_columns(available_time=pl.col("event_time") + pl.duration(milliseconds=late_ms))
    mark, trade = [], []
    for t in range(1, n):
        low, high = min(price[t - 1 : t + 1]) * 0.999, max(price[t - 1 : t + 1]) * 1.001
        volume = float(rng.gamma(2, 40))
        mark.append((int(times[t]), FIVE, low, high, price[t], None, None))
        trade.append((int(times[t]), FIVE, low, high, price[t], volume, volume * rng.random()))
    funding = [(int(t), "settled", 1e-4) for t in times if t % (8 * HOUR_MS) == 0]
    at_ms = int(times[-1]) + late_ms
    return Market(
        instrument=parse_symbol("BTC"),
        at_ms=at_ms,
        open_interest=interest,
        mark_klines=markets.kline_rows(mark, "mark"),
        trade_klines=markets.kline_rows(trade, "last"),
        funding=markets.funding_rows(funding),
        schedule=SCHEDULE,
        rule=rule_for("binance", "linear", at_ms),
    )


@pytest.fixture(scope="module")
def market():
    return wandering()


def same(left, right):
    return left == right or (math.isnan(left) and math.isnan(right))


def test_the_last_row_of_the_history_is_what_the_map_at_hand_says(market):
    now = read_map(ladder_of(build_map(punctual(market))))
    times = lay_times(T0, market.at_ms)
    history = build_map_features(market, times, step_ms=FIVE)
    assert tuple(history) == (*NAMES, *reach.NAMES)
    assert tuple(feature.name for feature in FEATURES) == NAMES
    assert all(same(float(history[name][-1]), now[name]) for name in NAMES)
    # Nothing came late here, so the map of all that is known is the same.
    assert read_map(ladder_of(build_map(market))) == pytest.approx(now, nan_ok=True, rel=0, abs=0)


def test_every_row_of_the_history_was_the_present_of_its_moment(market):
    times = lay_times(T0 + DAY_MS, market.at_ms)
    history = build_map_features(market, times)
    for at in range(0, times.size, 97):
        hour = int(times[at]) // HOUR_MS * HOUR_MS
        moment = pl.lit(hour, dtype=TIME)
        then = replace(
            market,
            at_ms=hour,
            **{
                name: getattr(market, name).filter(pl.col("available_time") <= moment)
                for name in ("open_interest", "mark_klines", "trade_klines", "funding")
            },
        )
        # A map of then sees klines of the bar whose open interest is not told yet; no bar does.
        figures = read_map(ladder_of(build_map(then)))
        assert all(same(float(history[name][at]), figures[name]) for name in NAMES)


def test_clusters_are_those_of_the_maps_own_zones(market):
    mapped = build_map(market)
    zones, found = mapped.zones(), ladder_of(mapped).zones
    assert len(zones) == len(found) > 0
    for ours, theirs in zip(zones, found, strict=True):
        assert (ours.side, ours.low, ours.high, ours.rank) == (
            theirs.side,
            theirs.low,
            theirs.high,
            theirs.rank,
        )
        assert ours.share_of_oi == pytest.approx(theirs.share_of_oi, rel=1e-12)


def test_mass_is_what_stands_within_the_stated_distance(market):
    mapped = build_map(market)
    figures = read_map(ladder_of(mapped))
    grid = mapped.grid()
    edges = np.log(grid.edges / mapped.mark)
    for s, (where, sign) in enumerate((("below", -1), ("above", 1))):
        contracts = mapped.ladder.profile(grid, SIDES[s]).sum(axis=0) * mapped.scale[-1, s]
        for pct in (1, 3):
            end = math.log(1 + sign * pct / 100)
            low, high = min(0.0, end), max(0.0, end)
            # The part of each bin that lies between the mark and the end.
            part = np.clip((np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)), 0, None)
            held = float(contracts @ (part / np.diff(edges)))
            share = held / float(mapped.bars.open_interest[-1])
            # The ladder by distance has bins of its own, so borders are known to a bin.
            assert figures[f"mass_{where}_{pct}pct"] == pytest.approx(share, rel=0.02, abs=1e-4)
        assert 0 <= figures[f"mass_{where}_1pct"] <= figures[f"mass_{where}_3pct"]
    below, above = figures["mass_below_3pct"], figures["mass_above_3pct"]
    assert figures["map_asymmetry"] == pytest.approx((above - below) / (above + below))


def _zone(distance_pct, share, side="long"):
    return Zone(
        side=side,
        low=1.0,
        high=2.0,
        peak=1.5,
        notional_usd=1.0,
        notional_usd_low=1.0,
        notional_usd_high=1.0,
        distance_pct=distance_pct,
        distance_sigma=distance_pct / 2,
        age_h=0.0,
        share_of_oi=share,
        rank=1,
        major=share >= 0.02,
    )


def test_the_nearest_major_cluster_counts_else_the_largest_within_five_percent():
    small, near, far = _zone(-1.0, 0.01), _zone(-3.0, 0.03), _zone(-6.0, 0.2)
    assert nearest_cluster([small, near, far], "long") is near
    assert nearest_cluster([small, far], "long") is far
    lesser, beyond = _zone(-4.0, 0.008), _zone(-7.0, 0.015)
    assert nearest_cluster([lesser, small, beyond], "long") is small
    assert nearest_cluster([beyond], "long") is None
    assert nearest_cluster([small, near, far], "short") is None


def test_a_map_without_clusters_has_mass_and_no_distance(market):
    ladder = replace(ladder_of(build_map(market)), zones=())
    figures = read_map(ladder, (0.03, None))
    assert math.isnan(figures["cluster_below_pct"])
    assert math.isnan(figures["cluster_above_share"])
    assert figures["mass_below_3pct"] > 0
    assert (figures["critical_shock_down"], figures["critical_shock_up"]) == (0.03, NO_SHOCK)
    assert math.isnan(read_map(ladder)["critical_shock_up"])


def test_critical_shocks_are_those_of_the_cascades_own_stage(market):
    mapped = build_map(market)
    depths = tuple(
        DepthCurve(direction, np.array([0.0, 0.01, 0.05]), np.array([2e3, 6e3]), 0.05, 0.1, "t", T0)
        for direction in ("down", "up")
    )
    expected = tuple(
        assess(build_stage([mapped], [depth], side)).critical_shock
        for side, depth in zip(SIDES, depths, strict=True)
    )
    assert None not in expected
    assert critical_shocks(mapped, depths) == expected
    columns = build_map_features(
        market, lay_times(market.at_ms - HOUR_MS, market.at_ms), depth_at=lambda _: depths
    )
    assert not np.isnan(columns["critical_shock_down"]).any()
    without = build_map_features(
        market, lay_times(market.at_ms - HOUR_MS, market.at_ms), depth_at=lambda _: None
    )
    assert np.isnan(without["critical_shock_down"]).all()


def test_figures_are_held_from_one_reading_to_the_next(market):
    start = T0 + DAY_MS + 7 * FIVE
    columns = build_map_features(market, lay_times(start, start + 2 * HOUR_MS))
    hourly = build_map_features(
        market, np.array([T0 + DAY_MS + h * HOUR_MS for h in range(3)], dtype=np.int64)
    )
    read = columns["mass_below_3pct"]
    # From 00:35 on: five rows of midnight's reading, twelve of the next hour's, then the third's.
    assert read.tolist() == np.repeat(hourly["mass_below_3pct"], [5, 12, 8]).tolist()


def test_nothing_is_known_before_the_first_bar_is_and_after_open_interest_fell_silent(market):
    silent = replace(market, at_ms=market.at_ms + 4 * HOUR_MS)
    times = lay_times(T0 - HOUR_MS, silent.at_ms)
    mass = build_map_features(silent, times, step_ms=FIVE)["mass_below_3pct"]
    first_known = T0 + 2 * FIVE  # the bar from T0 on ends at T0 + 5 min and is told 5 min later
    assert np.isnan(mass[times < first_known]).all()
    last_end = market.at_ms - FIVE
    aged = times - last_end > 90 * MINUTE_MS
    assert np.isnan(mass[aged]).all()
    assert not np.isnan(mass[(times >= first_known) & ~aged]).any()
    empty = replace(silent, open_interest=market.open_interest.clear())
    assert all(np.isnan(column).all() for column in build_map_features(empty, times).values())


def test_learned_weights_are_used_from_the_end_of_their_fit_on(market):
    atoms = build_map(market).ladder.atoms
    fit_to = T0 + DAY_MS
    trained = replace(trained_on(atoms), fit_to_ms=fit_to)
    times = lay_times(T0 + HOUR_MS, market.at_ms)
    learned = build_map_features(market, times, trained)["mass_below_3pct"]
    prior = build_map_features(market, times)["mass_below_3pct"]
    assert np.isnan(learned[times < fit_to]).all()
    assert not np.isnan(learned[times >= fit_to]).any()
    assert not np.isnan(prior).any()
    assert (learned[times >= fit_to] != prior[times >= fit_to]).any()


def test_a_moment_to_come_is_refused(market):
    with pytest.raises(ValueError, match="later than what is known"):
        build_map_features(market, np.array([market.at_ms + FIVE], dtype=np.int64), step_ms=FIVE)


def _told(frame, event_ms, available_ms):
    return frame.with_columns(
        available_time=pl.when(pl.col("event_time").dt.epoch("ms") == event_ms)
        .then(pl.lit(available_ms, dtype=TIME))
        .otherwise("available_time")
    )


def test_a_kline_told_after_its_bar_was_taken_is_left_out_for_ever(market):
    event = T0 + DAY_MS
    # Taken with the bar that ends then, whose open interest is told five minutes later.
    in_time = replace(market, trade_klines=_told(market.trade_klines, event, event + FIVE))
    late = replace(market, trade_klines=_told(market.trade_klines, event, event + FIVE + 1))
    assert punctual(in_time).trade_klines.height == market.trade_klines.height
    assert punctual(late).trade_klines.height == market.trade_klines.height - 1


def test_open_interest_told_after_a_newer_one_is_left_out(market):
    event = T0 + DAY_MS
    late = replace(market, open_interest=_told(market.open_interest, event, event + HOUR_MS))
    rows = punctual(late).open_interest
    assert rows.height == market.open_interest.height - 1
    assert event not in rows["event_time"].dt.epoch("ms").to_list()
    bars = build_bars(rows, late.mark_klines, late.trade_klines, late.funding)
    moments = taken_ms(rows, bars.end_ms)
    assert (np.diff(moments) >= 0).all()
    assert (moments - bars.end_ms == FIVE).all()


def test_maps_along_a_history_know_their_own_moment(market):
    moments = np.array([T0 + DAY_MS, T0 + DAY_MS, T0 + 2 * DAY_MS], dtype=np.int64)
    seen = [(m.market.at_ms, m.known_ms, m.mark) for m in follow_maps(market, moments)]
    assert [at for at, _, _ in seen] == moments.tolist()
    assert [known for _, known, _ in seen] == (moments - FIVE).tolist()
    assert seen[0] == seen[1]

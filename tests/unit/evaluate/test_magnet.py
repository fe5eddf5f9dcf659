"""Attraction to clusters: the stopping rule, its null on martingales, and its power."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import magnet as reference
from tests.reference.markets import MINUTE_MS, atoms_of, bars_of, cut_flows, flows_of, same_bytes

from forcedflow.errors import NoDataError
from forcedflow.evaluate import standing as standing_module
from forcedflow.evaluate.magnet import (
    EVERY_MS,
    Scope,
    block_sums,
    first_touch,
    magnet_rows,
    stop_at_clusters,
)
from forcedflow.evaluate.standing import (
    BAND,
    FARTHEST,
    NEAREST,
    follow_zones,
    known_times,
    snapshot_bars,
)
from forcedflow.positions import LiquidationLadder, PriceGrid, view
from forcedflow.units import DAY_MS, HOUR_MS, SIDES
from forcedflow.zones import SideProfile

WIDTH = 5e-4
SCOPE = Scope("BTC/USDT:USDT", "simulated", ("made by hand",))
ATOMS = atoms_of((10.0, 25.0, 50.0), (0.2, 0.7), weights=(3, 2, 1, 3, 2, 1))


def touched(closes, lower, upper, horizon=10, start=0, times=None):
    closes = np.asarray(closes, dtype=float)
    times = np.arange(closes.size) if times is None else np.asarray(times)
    stop, side = first_touch(
        closes, times, np.array([start]), np.array([lower]), np.array([upper]), horizon
    )
    return closes[stop[0]], side[0]


def test_the_price_is_taken_where_it_first_closed_beyond_a_level_not_at_the_level():
    assert touched([100, 101, 104, 90], 95, 103) == (104, 1)
    assert touched([100, 101, 91, 110], 95, 103) == (91, -1)


def test_a_close_on_the_level_touches_it():
    assert touched([100, 103], 95, 103) == (103, 1)
    assert touched([100, 95], 95, 103) == (95, -1)


def test_a_price_that_touches_neither_is_taken_at_the_horizon():
    assert touched([100, 101, 102, 103.5], 95, 103, horizon=2) == (102, 0)


def test_a_close_at_the_horizon_itself_still_counts():
    assert touched([100, 101, 103.5], 95, 103, horizon=2) == (103.5, 1)


def test_the_bar_that_it_starts_from_does_not_count():
    assert touched([100, 104, 99, 99], 95, 103, start=1) == (99, 0)


def test_a_gap_longer_than_the_horizon_leaves_the_price_where_it_was():
    assert touched([100, 120], 95, 103, horizon=5, times=[0, 50]) == (100, 0)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(80, 120), st.sampled_from([1, 1, 3, 40])), min_size=2, max_size=40
    ),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 60),
    st.data(),
)
def test_the_stopping_rule_equals_its_readable_twin(steps, below, above, horizon, data):
    closes = np.array([close for close, _ in steps], dtype=float)
    times = np.cumsum([gap for _, gap in steps])
    bar = np.array(data.draw(st.lists(st.integers(0, len(steps) - 1), min_size=1, max_size=5)))
    lower, upper = closes[bar] - below, closes[bar] + above
    stop, side = first_touch(closes, times, bar, lower, upper, horizon)
    expected = [
        reference.stopped(closes, times, b, lo, up, horizon)
        for b, lo, up in zip(bar, lower, upper, strict=True)
    ]
    assert list(zip(stop.tolist(), side.tolist(), strict=True)) == expected


def walk(seed, days=120, pull=0.0):
    """Five-minute bars of a martingale with clustered volatility, and the flows of its traders.

    With ``pull`` the logarithm drifts by that much a bar towards the heavier side of the ladder as
    it stands every four hours.
    """
    rng = np.random.default_rng(seed)
    n = days * 288
    log_vol = np.zeros(n)
    for i, e in enumerate(rng.standard_normal(n - 1) * 0.05):
        log_vol[i + 1] = 0.995 * log_vol[i] + e
    vol = 1.2e-3 * np.exp(0.5 * log_vol)
    steps = vol * rng.standard_normal(n) - vol**2 / 2
    opens = np.exp(0.5 * rng.standard_normal((2, n)))
    if not pull:
        close = 100 * np.exp(np.cumsum(steps))
        # Traders chase the last hour: clusters know the past, and nothing of what comes.
        chased = np.sign(np.concatenate([np.zeros(12), close[11:-1] - close[:-12]]))
        flows = flows_of(opens[0] * np.exp(0.3 * chased), opens[1] * np.exp(-0.3 * chased))
        return bars_of(close, open_interest=5000.0, volume=1.0), flows
    ladder = LiquidationLadder(ATOMS, WIDTH)
    ladder.seed(5000.0, 100.0)
    close, price = np.empty(n), 100.0
    for start in range(0, n, 48):
        part = slice(start, start + 48)
        near = view(price * (1 - FARTHEST), price * (1 + FARTHEST), WIDTH)
        below, above = (ladder.profile(near, side).sum() for side in SIDES)
        close[part] = price * np.exp(np.cumsum(steps[part] + pull * np.sign(above - below)))
        ladder.replay(bars_of(close[part]), flows_of(opens[0, part], opens[1, part]))
        price = close[part][-1]
    return bars_of(close, open_interest=5000.0, volume=1.0), flows_of(*opens)


def slope_of(seed, pull=0.0, days=120):
    bars, flows = walk(seed, days, pull)
    first, last = int(bars.end_ms[0]), int(bars.end_ms[-1])
    at = snapshot_bars(bars.end_ms, first + 3 * DAY_MS, last, 4 * HOUR_MS)
    standing = follow_zones(bars, flows, ATOMS, WIDTH, at, bars.end_ms)
    stopped = stop_at_clusters(standing, bars.close, bars.end_ms)
    slope, hit_rate = magnet_rows([stopped], SCOPE, every_ms=4 * HOUR_MS)
    assert (slope.metric, slope.baseline, slope.horizon) == ("slope", "zero", "24h")
    assert (hit_rate.metric, hit_rate.baseline) == ("hit_rate", "mirrored")
    assert 0 < (stopped.touched == 0).mean() < 1
    return slope, hit_rate


def slope_of_jumps(seed, lag_bars):
    """Slope where the price jumps to the heavier side in the first bar after each snapshot."""
    every, n = 48, 60 * 288
    rng = np.random.default_rng(seed)
    steps = 1.2e-3 * rng.standard_normal(n)
    opens = np.exp(0.5 * rng.standard_normal((2, n)))
    ladder = LiquidationLadder(ATOMS, WIDTH)
    ladder.seed(5000.0, 100.0)
    close, price = np.empty(n), 100.0
    for start in range(0, n, every):
        part = slice(start, start + every)
        near = view(price * (1 - FARTHEST), price * (1 + FARTHEST), WIDTH)
        below, above = (ladder.profile(near, side).sum() for side in SIDES)
        steps[start] += 3e-3 * np.sign(above - below)
        close[part] = price * np.exp(np.cumsum(steps[part]))
        ladder.replay(bars_of(close[part]), flows_of(opens[0, part], opens[1, part]))
        price = close[part][-1]
    bars = bars_of(close, open_interest=5000.0, volume=1.0)
    at = np.arange(3 * 288 - 1, n - every, every)
    known_ms = bars.end_ms + lag_bars * 5 * MINUTE_MS
    standing = follow_zones(bars, flows_of(*opens), ATOMS, WIDTH, at, known_ms)
    horizon = 3 * HOUR_MS
    stopped = stop_at_clusters(standing, bars.close, bars.end_ms, horizon)
    slope, _ = magnet_rows([stopped], SCOPE, horizon, 4 * HOUR_MS)
    return slope


def test_a_jump_before_a_snapshot_is_published_makes_no_slope():
    for seed in (1, 2):
        # Followed from the snapshot itself, what nobody could yet know looks like attraction.
        seen_early = slope_of_jumps(seed, lag_bars=0)
        assert seen_early.ci[0] > 0.01
        honest = slope_of_jumps(seed, lag_bars=1)
        assert honest.ci[0] < 0 < honest.ci[1]
        assert abs(honest.value) < seen_early.value / 4


def test_a_snapshot_is_followed_from_the_first_bar_that_starts_once_it_is_known():
    bars, flows = walk(10, days=3)
    at = np.arange(300, 800, 12)
    for lag_ms, bars_later in ((0, 0), (1, 1), (5 * MINUTE_MS, 1), (7 * MINUTE_MS, 2)):
        standing = follow_zones(bars, flows, ATOMS, WIDTH, at, bars.end_ms + lag_ms)
        assert standing.taken.tolist() == at.tolist()
        assert standing.bar.tolist() == (at + bars_later).tolist()
        assert standing.end_ms.tolist() == bars.end_ms[at + bars_later].tolist()
        assert standing.price.tolist() == bars.close[at + bars_later].tolist()


def test_a_snapshot_after_which_the_record_breaks_off_is_not_followed():
    bars, flows = walk(11, days=2)
    at = np.array([400, 500, bars.size - 1])
    gap = np.where(np.arange(bars.size) > 500, 3 * HOUR_MS, 0)
    broken = replace(bars, end_ms=bars.end_ms + gap)
    known_ms = broken.end_ms + 5 * MINUTE_MS
    standing = follow_zones(broken, flows, ATOMS, WIDTH, at, known_ms)
    assert standing.taken.tolist() == [400]


def test_a_cluster_passed_before_it_was_known_is_not_followed():
    bars, flows = walk(12, days=8)
    at = np.arange(600, 1900, 12)
    standing = follow_zones(bars, flows, ATOMS, WIDTH, at, bars.end_ms)
    before = stop_at_clusters(standing, bars.close, bars.end_ms)
    followed = np.flatnonzero((standing.mass > 0).all(axis=1))
    passed = followed[3]
    price = standing.price.copy()
    price[passed] = standing.level[passed, 1]
    after = stop_at_clusters(replace(standing, price=price), bars.close, bars.end_ms)
    assert standing.end_ms[passed] in before.end_ms
    assert after.end_ms.tolist() == [t for t in before.end_ms if t != standing.end_ms[passed]]


def test_what_stood_is_known_when_its_open_interest_was_available():
    minutes = [0, 5, 10, 15]
    late = [5, 9, 22, 20]

    def times(values):
        return pl.Series([m * MINUTE_MS for m in values]).cast(pl.Datetime("ms", "UTC"))

    rows = pl.DataFrame({"event_time": times(minutes), "available_time": times(late)})
    end_ms = np.array([5, 10, 15]) * MINUTE_MS
    # The third row is known before the second, on which the ladder rests as well.
    assert (known_times(rows, end_ms) / MINUTE_MS).tolist() == [9, 22, 22]
    with pytest.raises(ValueError, match="no open interest was observed"):
        known_times(rows, end_ms + 1)


@pytest.mark.slow
def test_a_martingale_shows_no_slope_and_no_more_hits_than_its_mirror():
    rows = [slope_of(seed) for seed in range(20)]
    slopes = np.array([slope.value for slope, _ in rows])
    print("mean slope", slopes.mean(), "p", sorted(slope.p for slope, _ in rows)[:5])
    assert np.mean([slope.p < 0.05 for slope, _ in rows]) <= 0.15
    assert np.mean([not low <= 0 <= high for low, high in (s.ci for s, _ in rows)]) <= 0.15
    assert abs(slopes.mean()) < 3 * slopes.std() / np.sqrt(slopes.size)
    gains = np.array([hit.gain for _, hit in rows])
    assert abs(gains.mean()) < 3 * gains.std() / np.sqrt(gains.size)
    # The naive figure alone looks like a discovery on a market that knows nothing.
    assert np.mean([hit.value for _, hit in rows]) > 0.2


def test_a_market_with_attraction_built_in_shows_a_positive_slope():
    for seed in (1, 2):
        slope, _ = slope_of(seed, pull=1e-4, days=60)
        assert slope.value > 0.02
        assert slope.ci[0] > 0
        assert slope.p < 0.05
        assert slope.pass_


def test_those_that_touch_neither_stay_and_those_without_a_whole_horizon_go():
    bars, flows = walk(5, days=8)
    at = snapshot_bars(bars.end_ms, int(bars.end_ms[0]), int(bars.end_ms[-1]) + 1, HOUR_MS)
    standing = follow_zones(bars, flows, ATOMS, WIDTH, at, bars.end_ms)
    stopped = stop_at_clusters(standing, bars.close, bars.end_ms)
    has_both = (standing.mass > 0).all(axis=1)
    whole = standing.end_ms + DAY_MS <= bars.end_ms[-1]
    assert stopped.end_ms.tolist() == standing.end_ms[has_both & whole].tolist()
    assert (stopped.touched == 0).any()
    for i in range(0, stopped.u.size, 7):
        k = int(np.flatnonzero(standing.end_ms == stopped.end_ms[i])[0])
        expected = reference.score(
            bars.close, bars.end_ms, int(standing.bar[k]), *standing.level[k], DAY_MS
        )
        assert stopped.u[i] == pytest.approx(expected, rel=1e-12)
        above_below = standing.mass[k, 1] / standing.mass[k, 0]
        assert stopped.z[i] == pytest.approx(np.clip(np.log(above_below), -3, 3))


def test_what_stood_does_not_depend_on_what_came_after():
    bars, flows = walk(6, days=6)
    cut = 4 * 288
    at = snapshot_bars(bars.end_ms, int(bars.end_ms[288]), int(bars.end_ms[cut - 1]), HOUR_MS)
    whole = follow_zones(bars, flows, ATOMS, WIDTH, at, bars.end_ms)
    past = follow_zones(
        bars.cut(0, cut), cut_flows(flows, 0, cut), ATOMS, WIDTH, at, bars.end_ms[:cut]
    )
    other = replace(bars, close=np.where(np.arange(bars.size) < cut, bars.close, 170.0))
    future = follow_zones(
        replace(other, low=other.close, high=other.close), flows, ATOMS, WIDTH, at, bars.end_ms
    )
    for name in whole.__slots__:
        assert same_bytes(getattr(whole, name), getattr(past, name)), name
        assert same_bytes(getattr(whole, name), getattr(future, name)), name


def test_what_stood_does_not_depend_on_how_many_snapshots_share_a_canvas(monkeypatch):
    bars, flows = walk(7, days=5)
    at = snapshot_bars(bars.end_ms, int(bars.end_ms[288]), int(bars.end_ms[-1]), HOUR_MS)
    together = follow_zones(bars, flows, ATOMS, WIDTH, at, bars.end_ms)
    monkeypatch.setattr(standing_module, "PER_CANVAS", 7)
    apart = follow_zones(bars, flows, ATOMS, WIDTH, at, bars.end_ms)
    for name in together.__slots__:
        np.testing.assert_allclose(
            getattr(together, name).astype(float), getattr(apart, name).astype(float), rtol=1e-12
        )


def test_the_largest_cluster_lies_on_its_side_within_reach():
    bars, flows = walk(8, days=6)
    at = snapshot_bars(bars.end_ms, int(bars.end_ms[288]), int(bars.end_ms[-1]), HOUR_MS)
    standing = follow_zones(bars, flows, ATOMS, WIDTH, at, bars.end_ms)
    for side, sign in ((0, -1), (1, 1)):
        held = standing.mass[:, side] > 0
        distance = sign * (standing.level[held, side] / standing.price[held] - 1)
        assert (distance >= NEAREST).all()
        assert (distance <= FARTHEST).all()
    zones = np.zeros((at.size, 2))
    peaks_within = np.abs(standing.border / standing.price[standing.snapshot] - 1) <= FARTHEST
    np.add.at(zones, (standing.snapshot[peaks_within], standing.side[peaks_within]), 1)
    assert standing.by_rule.any()
    assert (zones[standing.by_rule] > 0).mean() > 0.9


def test_where_no_zone_is_found_the_heaviest_half_percent_stands_in():
    grid = PriceGrid(WIDTH, int(np.log(100) / WIDTH) - 400, 800)
    usd = np.zeros(grid.size)
    usd[grid.index_of(102.0)] = 5.0
    usd[grid.index_of(102.1)] = 5.0
    usd[grid.index_of(103.5)] = 8.0
    usd[grid.index_of(110.0)] = 99.0
    usd[grid.index_of(98.0)] = 99.0
    none, unknown = np.zeros((0, grid.size)), np.full(grid.size, np.nan)
    profile = SideProfile("short", grid, usd, none, unknown, 1e3)
    level, mass = standing_module._heaviest_band(profile, 100.0)
    assert mass == 10.0
    assert abs(np.log(level / 102.05)) <= BAND / 2
    empty = replace(profile, notional_usd=np.zeros(grid.size))
    level, mass = standing_module._heaviest_band(empty, 100.0)
    assert np.isnan(level)
    assert mass == 0


def test_snapshots_lie_on_the_hours_and_leave_gaps_out():
    end_ms = np.array([1, 2, 3, 4, 20, 21, 22, 40]) * 30 * MINUTE_MS
    at = snapshot_bars(end_ms, 0, int(end_ms[-1]) + 1, HOUR_MS)
    assert (end_ms[at] / HOUR_MS).tolist() == [1.0, 2.0, 10.0, 11.0, 20.0]


def test_nothing_to_look_at_is_said():
    bars, flows = walk(9, days=1)
    with pytest.raises(NoDataError, match="no bar of open interest"):
        follow_zones(bars, flows, ATOMS, WIDTH, np.zeros(0, dtype=np.int64), bars.end_ms)


def test_moving_blocks_keep_neighbours_together_and_need_enough_of_them():
    times = np.arange(240) * EVERY_MS
    ones = np.ones((240, 1))
    assert (block_sums(ones, times, EVERY_MS, 24 * HOUR_MS) == 240).all()
    stepped = np.repeat(np.arange(10.0), 24)[:, None]
    drawn = block_sums(stepped, times, EVERY_MS, 24 * HOUR_MS)
    assert abs(drawn.mean() / stepped.sum() - 1) < 0.05
    assert drawn.std() > 0
    with pytest.raises(NoDataError, match="10 blocks of 48 h"):
        block_sums(ones, times, EVERY_MS, 48 * HOUR_MS)

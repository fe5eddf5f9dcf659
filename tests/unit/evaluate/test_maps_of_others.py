"""Maps of others beside ours: on the same hours, nothing read early, sides only where named."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from forcedflow.errors import NoDataError
from forcedflow.evaluate.lift import Hours, Zones
from forcedflow.evaluate.located import Located
from forcedflow.evaluate.map_card import Scope
from forcedflow.evaluate.peer_map import beside, peer_lift_rows, peer_maps, peer_spatial_rows
from forcedflow.evaluate.snapshots import OLDEST_MS, Snapshot
from forcedflow.evaluate.spatial import Surprise
from forcedflow.positions import PriceGrid
from forcedflow.tables import TIME, check
from forcedflow.units import DAY_MS, HOUR_MS

SCOPE = Scope("BTC/USDT:USDT", "binance", "the venue's own", ("measured",))
START = 20_000 * DAY_MS
GRID = PriceGrid(0.01, round(math.log(100) / 0.01) - 3, 6)
MARK = float(GRID.edges[3])


def snapshot(hour_ms):
    usd = np.array([[30.0, 20.0, 10.0, 0, 0, 0], [0, 0, 0, 5.0, 15.0, 20.0]])
    return Snapshot(hour_ms, 0, MARK, 0.02, 1.0, MARK, GRID, usd, usd)


def maps(*levels, venue="binance", symbol="BTC/USDT:USDT", model="model1"):
    """Levels as (known, of, side, low, high, size), times from `START`."""
    names = ("available_time", "event_time", "side", "price_low", "price_high", "size")
    frame = pl.DataFrame([dict(zip(names, level, strict=True)) for level in levels])
    times = [(START + pl.col(name)).cast(TIME).alias(name) for name in names[:2]]
    told = {"venue": venue, "symbol": symbol, "provider": "coinglass", "model": model}
    constant = [pl.lit(value).alias(name) for name, value in told.items()]
    rest = [pl.lit("coinglass:x").alias("source"), pl.lit(3, pl.Int8).alias("precedence")]
    return check("peer_maps", frame.with_columns(*times, *constant, *rest))


def bin_of(k, part=1.0):
    """Borders of one bin of the grid, or of its lower part."""
    return float(GRID.edges[k]), float(GRID.edges[k] * math.exp(part * GRID.width))


def test_levels_fall_into_our_bins_and_take_our_total():
    (peer,) = peer_maps(
        maps(
            (0, 0, "unknown", *bin_of(0), 6.0),
            (0, 0, "unknown", bin_of(3)[0], bin_of(4)[1], 4.0),
            (0, 0, "unknown", 1000.0, 1001.0, 99.0),
        ),
        "binance",
    )
    ours, theirs = beside([snapshot(START)], peer)
    assert peer.name == "coinglass model1"
    assert ours[0].usd.sum() == pytest.approx(theirs[0].usd.sum())
    expected = np.array([[60.0, 0, 0, 0, 0, 0], [0, 0, 0, 20.0, 20.0, 0]])
    assert theirs[0].usd == pytest.approx(expected)
    assert theirs[0].expected == pytest.approx(expected)


def test_a_side_is_the_named_one_and_where_none_is_named_the_side_of_the_mark():
    (peer,) = peer_maps(
        maps(
            (0, 0, "short", *bin_of(1), 1.0),
            (0, 0, "long", *bin_of(4), 1.0),
            (0, 0, "unknown", bin_of(2)[0], bin_of(3)[1], 2.0),
        ),
        "binance",
    )
    held = beside([snapshot(START)], peer)[1][0].usd / 25.0
    assert held == pytest.approx(np.array([[0, 0, 1.0, 0, 1.0, 0], [0, 1.0, 0, 1.0, 0, 0]]))


def test_a_point_stands_in_the_bin_that_holds_it():
    middle = float(GRID.prices[2])
    (peer,) = peer_maps(maps((0, 0, "unknown", middle, middle, 2.0)), "binance")
    assert beside([snapshot(START)], peer)[1][0].usd[0, 2] == pytest.approx(100.0)


def test_a_map_counts_from_when_it_was_known_until_it_is_old():
    (peer,) = peer_maps(
        maps((1, -HOUR_MS, "unknown", *bin_of(0), 1.0), (2, 0, "unknown", *bin_of(1), 1.0)),
        "binance",
    )
    hours = [START, START + 1, START + 2, START + 2 + OLDEST_MS, START + 3 + OLDEST_MS]
    ours, theirs = beside([snapshot(hour) for hour in hours], peer)
    assert [one.hour_ms for one in ours] == hours[1:4]
    assert [int(one.usd[0].argmax()) for one in theirs] == [0, 1, 1]


def test_of_maps_known_together_the_newest_stands():
    (peer,) = peer_maps(
        maps((5, 1, "unknown", *bin_of(0), 1.0), (5, 2, "unknown", *bin_of(1), 1.0)), "binance"
    )
    assert int(beside([snapshot(START + 5)], peer)[1][0].usd[0].argmax()) == 1


def test_a_map_with_nothing_on_our_grid_stays_and_says_nothing():
    (peer,) = peer_maps(maps((0, 0, "unknown", 1e6, 2e6, 1.0)), "binance")
    ours, theirs = beside([snapshot(START)], peer)
    assert len(ours) == 1
    assert not theirs[0].usd.any()


def test_every_model_and_every_sum_is_a_map_of_its_own():
    level = (0, 0, "unknown", *bin_of(0), 1.0)
    rows = pl.concat(
        [maps(level), maps(level, model="map"), maps(level, venue="all", symbol="BTC")]
    )
    names = [peer.name for peer in peer_maps(rows, "binance")]
    assert names == ["coinglass map", "coinglass model1", "coinglass model1 (all)"]


def market(n_days, seed=1):
    """Liquidations of longs fall one to two σ below each day's start and nowhere else."""
    hour_ms = START + HOUR_MS * np.arange(24 * n_days)
    rng = np.random.default_rng(seed)
    fell = rng.random(hour_ms.size) < 0.5
    usd = np.column_stack([np.where(fell, 100.0, 0.0), np.zeros(hour_ms.size)])
    mark = np.full((hour_ms.size, 2), math.log(100.0))
    low, high = mark.copy(), mark.copy()
    low[:, 0], high[:, 0] = mark[:, 0] - 0.04, mark[:, 0] - 0.02
    hours = Hours(hour_ms, np.full(hour_ms.size, 100.0), np.full(hour_ms.size, 0.02))
    return hours, Located(hour_ms + HOUR_MS, HOUR_MS, usd, low, high)


def zones(hours, distances):
    at = np.arange(hours.hour_ms.size)
    side = np.zeros(at.size, dtype=np.int64)
    return Zones(at, side, distances, np.full(at.size, 0.5))


def test_each_map_is_measured_against_zones_like_its_own():
    """Whoever always names the same distance has matches alike: no lift, wherever it lies."""
    hours, located = market(40)
    near, far = (zones(hours, np.full(hours.hour_ms.size, away)) for away in (1.0, 1.6))
    rows = {
        row.side: row for row in peer_lift_rows((hours, near), (hours, far), located, SCOPE, "p")
    }
    assert set(rows) == {"long", "pooled"}
    row = rows["pooled"]
    assert (row.metric, row.baseline, row.horizon) == ("matched_lift", "p", "1d")
    assert row.value == pytest.approx(0.0, abs=0.02)
    assert row.baseline_value == pytest.approx(0.0, abs=0.02)
    assert row.gain == pytest.approx(row.value - row.baseline_value)
    assert row.n_days >= 39


def test_too_few_days_or_no_zones_state_nothing():
    hours, located = market(20)
    some = hours, zones(hours, np.full(hours.hour_ms.size, 1.0))
    with pytest.raises(NoDataError, match="30 are needed"):
        list(peer_lift_rows(some, some, located, SCOPE, "p"))
    none = hours, Zones(*(np.zeros(0, dtype=np.int64),) * 2, *(np.zeros(0),) * 2)
    with pytest.raises(NoDataError, match="p has no zone"):
        list(peer_lift_rows(some, none, located, SCOPE, "p"))


def surprise(bits, side=(0, 0, 1)):
    n = len(bits)
    table = np.column_stack([bits, np.zeros(n), np.zeros(n)])
    end_ms = START + DAY_MS * np.arange(1, n + 1)
    return Surprise(end_ms, np.array(side[:n]), np.array([1.0, 2.0, 1.0])[:n], table)


def test_bits_of_both_maps_are_per_dollar_of_the_same_hours():
    rows = {
        row.side: row
        for row in peer_spatial_rows(
            surprise([1.0, 2.0, 0.5]), surprise([2.0, 4.0, 0.5]), SCOPE, "p"
        )
    }
    assert (rows["long"].value, rows["long"].baseline_value) == (1.0, 2.0)
    assert rows["long"].gain == pytest.approx(1.0)
    assert rows["short"].gain == pytest.approx(0.0)
    assert rows["pooled"].value == pytest.approx(3.5 / 4)


def test_other_ranges_are_no_contest():
    with pytest.raises(ValueError, match="same swept ranges"):
        list(peer_spatial_rows(surprise([1.0]), surprise([1.0, 2.0]), SCOPE, "p"))
    with pytest.raises(NoDataError, match="no print"):
        list(peer_spatial_rows(surprise([]), surprise([]), SCOPE, "p"))

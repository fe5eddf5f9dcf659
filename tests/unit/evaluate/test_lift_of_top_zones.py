"""Lift: by hand, and for maps that know everything or nothing of where liquidations fall."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.evaluate import sandbox_trial

from forcedflow.errors import NoDataError
from forcedflow.evaluate.lift import (
    APART_MS,
    FOLLOWED_MS,
    MATCHES,
    TOP,
    Hours,
    Zones,
    joined_zones,
    lift_rows,
    matched_zones,
    top_zones,
    zone_sums,
)
from forcedflow.evaluate.located import Located, locate_totals
from forcedflow.evaluate.map_card import Scope
from forcedflow.evaluate.map_trial import hold_trial
from forcedflow.evaluate.snapshots import hourly_snapshots
from forcedflow.evaluate.standing import known_times
from forcedflow.units import DAY_MS, HOUR_MS

SCOPE = Scope("SIM/USDT:USDT", "sandbox", "the venue's own", ("simulated",))
START = 20_000 * DAY_MS


def located(usd, low, high, end_ms=None):
    n = len(usd)
    end_ms = START + HOUR_MS * np.arange(1, n + 1) if end_ms is None else end_ms
    return Located(end_ms, HOUR_MS, np.array(usd), np.array(low), np.array(high))


def one_hour(sigma=0.02):
    return Hours(np.array([START]), np.array([100.0]), np.array([sigma]))


def test_shares_inside_a_zone_and_its_exposure_are_by_hand():
    """The second hour sweeps one to three percent down; the zone lies at two to four."""
    mark = math.log(100.0)
    path = located(
        [[50.0, 0.0], [80.0, 10.0]],
        [[mark, mark], [mark - 0.03, mark - 0.01]],
        [[mark, mark], [mark - 0.01, mark - 0.01]],
    )
    zone = Zones(np.array([0]), np.array([0]), np.array([1.0]), np.array([1.0]))
    inside, exposed = zone_sums(one_hour(), zone, path)
    assert inside == pytest.approx(np.array([[0.0, 0.0], [40 / 130, 0.0]]))
    width = 100 * (math.exp(-0.02) - math.exp(-0.04))
    assert exposed == pytest.approx(np.array([[50 / 130 * width, 0.0], [80 / 130 * width, 0.0]]))


def test_only_the_day_after_the_snapshot_counts():
    mark = math.log(100.0)
    end_ms = START + np.array([0, HOUR_MS, FOLLOWED_MS, FOLLOWED_MS + HOUR_MS])
    path = located(
        np.full((4, 2), 7.0),
        np.column_stack([np.full(4, mark - 0.1), np.full(4, mark)]),
        np.column_stack([np.full(4, mark), np.full(4, mark + 0.1)]),
        end_ms,
    )
    zone = Zones(np.array([0]), np.array([1]), np.array([1.0]), np.array([2.5]))
    inside, exposed = zone_sums(one_hour(), zone, path)
    assert inside[:, 1] == pytest.approx([0.0, 0.25, 0.25, 0.0])
    assert (exposed[:, 1] > 0).tolist() == [False, True, True, False]
    assert not inside[:, 0].any()


def test_matches_are_of_the_same_side_distance_and_volatility_at_other_hours():
    rng = np.random.default_rng(3)
    n = 20 * 24
    hours = Hours(START + HOUR_MS * np.arange(n), np.full(n, 100.0), rng.uniform(0.01, 0.05, n))
    zones = Zones(
        np.repeat(np.arange(n), 2), np.tile([0, 1], n), rng.random(2 * n), rng.random(2 * n)
    )
    ours, matches = matched_zones(hours, zones)
    assert ours.at.size == 2 * n
    own = np.repeat(ours.at, MATCHES)
    for name in ("side", "distance", "width"):
        assert np.array_equal(getattr(matches, name), np.repeat(getattr(ours, name), MATCHES))
    assert (np.abs(hours.hour_ms[matches.at] - hours.hour_ms[own]) >= APART_MS).all()
    third = np.argsort(np.argsort(hours.sigma_day)) * 3 // n
    assert np.mean(third[matches.at] == third[own]) > 0.99
    again = matched_zones(hours, zones)[1]
    assert np.array_equal(matches.at, again.at)
    assert not np.array_equal(matches.at, matched_zones(hours, zones, seed=1)[1].at)


def world(days=80, seed=0):
    """Hours that sweep at random; on half the days all longs' dollars fall two percent below."""
    rng = np.random.default_rng(seed)
    n = 24 * days
    hours = Hours(START + HOUR_MS * np.arange(n), np.full(n, 100.0), np.full(n, 0.02))
    mark = math.log(100.0)
    depth = np.repeat(rng.uniform(0.0, 0.04, days), 24)
    middle = mark - depth
    low = np.column_stack([middle - 0.001, np.full(n, mark)])
    high = np.column_stack([middle, np.full(n, mark + 0.001)])
    usd = np.column_stack([rng.gamma(1.0, 1e4, n), np.zeros(n)])
    path = located(usd, low, high)
    # What a map that knew the next day's prices would show at each midnight.
    at = np.arange(0, n, 24)
    truth = Zones(
        at, np.zeros(at.size, dtype=np.int64), (depth[at] - 0.001) / 0.02, np.full(at.size, 0.15)
    )
    kept = truth.distance > 0
    truth = Zones(*(getattr(truth, name)[kept] for name in ("at", "side", "distance", "width")))
    return hours, truth, path


def row_of(rows, side):
    return next(row for row in rows if row.side == side)


def test_zones_that_are_the_truth_have_a_lift():
    hours, truth, path = world()
    row = row_of(lift_rows(hours, truth, path, SCOPE), "long")
    assert (row.metric, row.baseline, row.horizon) == ("lift", "matched", "1d")
    assert row.gain == pytest.approx(row.value / row.baseline_value - 1)
    assert row.gain > 3
    assert row.ci[0] > 1
    assert row.pass_
    assert row.n == truth.at.size


@pytest.mark.parametrize("seed", range(4))
def test_the_same_zones_at_other_days_have_none(seed):
    hours, truth, path = world(seed=seed)
    dealt = replace(truth, at=np.random.default_rng(seed + 10).permutation(truth.at))
    row = row_of(lift_rows(hours, dealt, path, SCOPE), "long")
    assert not row.pass_
    assert row.ci[0] <= 0


def test_spans_are_joined_hour_by_hour():
    hours, truth, path = world()
    cut = 24 * 40
    parts = []
    for a, b in ((0, cut), (cut, hours.hour_ms.size)):
        own = (truth.at >= a) & (truth.at < b)
        parts.append(
            (
                Hours(hours.hour_ms[a:b], hours.price[a:b], hours.sigma_day[a:b]),
                Zones(truth.at[own] - a, truth.side[own], truth.distance[own], truth.width[own]),
            )
        )
    whole = list(lift_rows(hours, truth, path, SCOPE))
    assert list(lift_rows(*joined_zones(parts), path, SCOPE)) == whole


def test_a_short_span_states_nothing():
    hours, truth, path = world(days=20)
    with pytest.raises(NoDataError, match="18 days with liquidations, 30 are needed"):
        list(lift_rows(hours, truth, path, SCOPE))


@pytest.fixture(scope="module")
def snapshots():
    market = sandbox_trial.recorded()
    trial = hold_trial(sandbox_trial.prepared(), market.fit_to_ms)
    known_ms = known_times(market.rows["open_interest"], market.bars.end_ms)
    return list(
        hourly_snapshots(
            market.bars,
            market.flows,
            market.atoms,
            market.width,
            trial.mixture,
            known_ms,
            market.fit_to_ms,
            int(market.bars.end_ms[-1]),
        )
    )


def test_a_snapshot_shows_what_had_been_published_by_its_hour(snapshots):
    market = sandbox_trial.recorded()
    assert np.unique(np.diff([one.hour_ms for one in snapshots])).tolist() == [HOUR_MS]
    late = known_times(market.rows["open_interest"], market.bars.end_ms) + 5 * 60_000
    trial = hold_trial(sandbox_trial.prepared(), market.fit_to_ms)
    fit_to = market.fit_to_ms
    found = hourly_snapshots(
        market.bars,
        market.flows,
        market.atoms,
        market.width,
        trial.mixture,
        late,
        fit_to,
        fit_to + DAY_MS,
    )
    for one, same in zip(found, snapshots[:24], strict=True):
        assert one.hour_ms == same.hour_ms
        assert one.price == same.price
        bar = np.searchsorted(market.bars.end_ms, one.hour_ms - 5 * 60_000)
        assert one.seen_price == market.bars.close[bar]
        assert one.open_interest == market.bars.open_interest[bar]


def test_a_later_market_changes_no_earlier_snapshot(snapshots):
    market = sandbox_trial.recorded()
    trial = hold_trial(sandbox_trial.prepared(), market.fit_to_ms)
    stop = int(np.searchsorted(market.bars.end_ms, market.fit_to_ms + DAY_MS, side="right"))
    from_ms, to_ms = market.fit_to_ms, market.fit_to_ms + DAY_MS
    known_ms = known_times(market.rows["open_interest"], market.bars.end_ms)
    found = hourly_snapshots(
        market.bars.cut(0, stop),
        replace(
            market.flows,
            **{
                name: getattr(market.flows, name)[:stop]
                for name in ("opens_long", "opens_short", "closes_long", "closes_short")
            },
        ),
        market.atoms,
        market.width,
        trial.mixture,
        known_ms[:stop],
        from_ms,
        to_ms,
    )
    (short, zones), (whole, same) = top_zones(list(found)), top_zones(snapshots[:24])
    assert np.array_equal(short.price, whole.price)
    assert np.array_equal(short.sigma_day, whole.sigma_day)
    assert zones.at.size > 24
    assert zones.distance == pytest.approx(same.distance)
    assert zones.width == pytest.approx(same.width)


def test_the_simulated_market_has_at_most_three_zones_a_side_ahead_of_the_mark(snapshots):
    hours, zones = top_zones(snapshots)
    counts = np.bincount(zones.at * 2 + zones.side)
    assert counts.max() == TOP
    assert (zones.distance > 0).all()
    assert (zones.width > 0).all()
    path = locate_totals(
        sandbox_trial.recorded().rows["liquidation_totals"], sandbox_trial.recorded().bars
    )
    ours, _ = matched_zones(hours, zones)
    inside, exposed = zone_sums(hours, ours, path)
    assert 0 < inside.sum() <= 2 * hours.hour_ms.size
    assert ((inside > 0) <= (exposed > 0)).all()

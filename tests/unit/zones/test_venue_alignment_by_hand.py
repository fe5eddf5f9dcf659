"""Alignment of venues, on ladders small enough to count."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forcedflow.positions import view
from forcedflow.zones.alignment import BIN, align, apart, lay_ladder, overlap, tolerance

OI = 1000.0


def _ladder(levels, *, venue="a", mark=100.0, open_interest=OI, sigma=0.02):
    """A ladder from (log distance, coins): below the mark where the distance is negative."""
    grid = view(mark * 0.8, mark * 1.25, BIN)
    usd = np.zeros((2, grid.size))
    for distance, coins in levels:
        price = mark * math.exp(distance)
        bin_ = grid.index_of(price)
        usd[0 if distance < 0 else 1, bin_] += coins * grid.prices[bin_]
    return lay_ladder(venue, usd, grid, mark, sigma, open_interest, 0)


def test_levels_within_the_tolerance_are_one_and_those_beyond_are_not():
    first, second = np.zeros(100), np.zeros(100)
    first[[10, 50]] = 3.0, 1.0
    second[[14, 70]] = 2.0, 2.0
    # Half of the second's mass has a partner four bins away, the other twenty.
    assert overlap(first, second, 3 * BIN) == 0
    assert overlap(first, second, 4 * BIN) == pytest.approx(0.5)
    assert overlap(first, second, 20 * BIN) == pytest.approx(0.75)
    # 0.5 four bins, 0.25 sixty, 0.25 twenty.
    assert apart(first, second) == pytest.approx((0.5 * 4 + 0.25 * 60 + 0.25 * 20) * BIN)


def test_a_side_without_mass_has_no_figure():
    empty, some = np.zeros(10), np.ones(10)
    assert math.isnan(overlap(empty, some, 0.01))
    assert math.isnan(apart(some, empty))
    found = align([_ladder([(-0.03, 50)]), _ladder([(-0.03, 50)], venue="b")])
    assert found.below.together == pytest.approx(1.0)
    assert math.isnan(found.above.together)
    assert np.isnan(found.above.matched).all()


def test_distances_are_from_each_venues_own_mark():
    levels = [(-0.031, 60), (0.052, 30)]
    found = align([_ladder(levels), _ladder(levels, venue="b", mark=103.7)])
    assert found.below.together == pytest.approx(1.0)
    assert found.above.together == pytest.approx(1.0)
    assert found.below.matched.tolist() == found.above.matched.tolist() == [1.0, 1.0]


def test_only_clusters_that_another_venue_has_too_are_matched():
    # Wide apart in price, so that smoothing joins nothing.
    own = _ladder([(-0.03, 60), (-0.09, 20)])
    other = _ladder([(-0.0307, 40)], venue="b")
    found = align([own, other])
    assert found.below.matched.tolist() == pytest.approx([0.75, 1.0], rel=1e-6)


def test_pairs_weigh_by_the_open_interest_of_both():
    here, there = [(-0.03, 50)], [(-0.08, 50)]
    found = align(
        [
            _ladder(here, open_interest=1000),
            _ladder(here, venue="b", open_interest=2000),
            _ladder(there, venue="c", open_interest=500),
        ]
    )
    # One pair of three is alike: 1·2 over 1·2 + 1·0.5 + 2·0.5.
    assert found.below.together == pytest.approx(2 / 3.5)
    np.testing.assert_allclose(found.share_of_oi, [2 / 7, 4 / 7, 1 / 7])
    assert found.below.overlap[0].tolist() == pytest.approx([1, 1, 0])


def test_the_tolerance_is_the_wider_of_percent_and_deviation():
    assert tolerance(0.01) == 0.0025
    assert tolerance(0.06) == pytest.approx(0.006)
    assert tolerance(float("nan")) == 0.0025


def test_one_venue_alone_and_a_negative_tolerance_are_refused():
    with pytest.raises(ValueError, match="two venues"):
        align([_ladder([(-0.03, 1)])])
    with pytest.raises(ValueError, match="negative"):
        align([_ladder([]), _ladder([], venue="b")], -0.1)
    with pytest.raises(ValueError, match="positive"):
        _ladder([], open_interest=0.0)

"""Alignment: what holds of any two ladders."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.alignment import paired_units

from forcedflow.positions import view
from forcedflow.units import SIDES
from forcedflow.zones.alignment import BIN, BINS, align, apart, lay_ladder, overlap

SIZE = 9
FEW = settings(deadline=None, max_examples=80)


def _units(total):
    """Rows of whole numbers with a given sum."""
    places = st.lists(st.integers(0, SIZE - 1), min_size=total, max_size=total)
    return places.map(lambda bins: np.bincount(bins, minlength=SIZE))


profile = _units(7).map(lambda row: row.astype(float))


@settings(deadline=None, max_examples=200)
@given(_units(7), _units(7), st.integers(0, SIZE))
def test_the_overlap_is_the_largest_pairing_of_units(first, second, reach):
    found = overlap(first.astype(float), second.astype(float), reach * BIN)
    assert found == pytest.approx(paired_units(first, second, reach) / 7)


@FEW
@given(profile, profile, st.integers(0, SIZE), st.floats(0.01, 100.0))
def test_overlap_is_mutual_and_sees_shapes_alone(first, second, reach, factor):
    within = reach * BIN
    found = overlap(first, second, within)
    assert found == pytest.approx(overlap(second, first, within))
    assert found == pytest.approx(overlap(factor * first, second, within))
    assert overlap(first, first, 0.0) == pytest.approx(1.0)
    assert 0 <= found <= 1


@FEW
@given(profile, profile)
def test_a_wider_tolerance_pairs_no_less_and_the_widest_everything(first, second):
    found = [overlap(first, second, reach * BIN) for reach in range(SIZE)]
    assert all(b >= a - 1e-12 for a, b in pairwise(found))
    assert found[-1] == pytest.approx(1.0)


@FEW
@given(profile, profile, profile)
def test_distance_is_mutual_nothing_of_itself_and_never_longer_by_a_detour(a, b, c):
    assert apart(a, a) == 0
    assert apart(a, b) == pytest.approx(apart(b, a))
    assert apart(a, c) <= apart(a, b) + apart(b, c) + 1e-12


@st.composite
def ladders(draw):
    found = []
    for name in "abc":
        mark = draw(st.floats(50.0, 200.0))
        grid = view(mark * 0.8, mark * 1.25, BIN)
        rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        usd = rng.gamma(0.05, 1e6, (2, grid.size))
        found.append(lay_ladder(name, usd, grid, mark, 0.03, draw(st.floats(1e3, 1e7)), 0))
    return found


@settings(deadline=None, max_examples=25)
@given(ladders(), st.permutations(range(3)))
def test_the_order_of_venues_changes_nothing_but_the_order(venues, order):
    one = align(venues, 0.003)
    other = align([venues[i] for i in order], 0.003)
    assert other.venues == tuple(one.venues[i] for i in order)
    np.testing.assert_allclose(other.share_of_oi, one.share_of_oi[order])
    for mine, theirs in ((one.below, other.below), (one.above, other.above)):
        assert theirs.together == pytest.approx(mine.together)
        np.testing.assert_allclose(theirs.matched, mine.matched[order])
        np.testing.assert_allclose(theirs.overlap, mine.overlap[np.ix_(order, order)])


@settings(deadline=None, max_examples=25)
@given(ladders())
def test_a_ladder_by_distance_holds_what_its_grid_holds_that_far(venues):
    for ladder in venues:
        assert ladder.share.shape == (2, BINS)
        assert (ladder.share >= 0).all()
        for side in SIDES:
            assert ladder.within(side, 0.0) == 0
            assert ladder.within(side, BINS * BIN) == pytest.approx(
                ladder.share[SIDES.index(side)].sum()
            )
            assert not math.isnan(ladder.within(side, 0.01))

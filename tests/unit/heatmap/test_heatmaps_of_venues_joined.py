"""Venues' pictures as one: dollars are kept, and nothing comes from after a column's end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forcedflow.heatmap import Columns, Heatmap
from forcedflow.heatmap.joined import join_heatmaps, shares_between
from forcedflow.positions import BANDS, PriceGrid

STEP = 300_000


def picture(grid, ends, usd_of, even=1.0):
    """A picture whose every cell of a column holds the same dollars."""
    ends = np.asarray(ends, dtype=np.int64) * STEP
    usd = np.empty((ends.size, 2, len(BANDS), grid.size), dtype=np.float32)
    usd[:] = np.asarray(usd_of, dtype=np.float32)[:, None, None, None]
    of_bar = np.arange(ends.size)
    columns = Columns(STEP, ends - STEP, ends, of_bar, of_bar)
    return Heatmap(columns, grid, usd, np.ones((ends.size, 4)), np.full(ends.size, even))


@settings(deadline=None)
@given(
    first=st.integers(-50, 50),
    size=st.integers(1, 40),
    step=st.integers(1, 4),
    width=st.sampled_from([5e-4, 7e-4, 1.3e-3]),
)
def test_what_lies_inside_the_target_is_shared_out_whole(first, size, step, width):
    source = PriceGrid(width, first, size, step)
    target = PriceGrid(5e-4, -2000, 4000)
    shares = shares_between(source, target)
    assert (shares >= 0).all()
    assert shares.sum(axis=1) == pytest.approx(np.ones(size))


def test_dollars_of_venues_with_other_bins_add_up():
    lead = picture(PriceGrid(5e-4, 100, 8), [1, 2], [1.0, 2.0])
    other = picture(PriceGrid(1e-3, 50, 4), [1, 2], [10.0, 20.0], even=4.0)
    joint = join_heatmaps([lead, other])
    assert joint.usd.sum(axis=(1, 2, 3)) == pytest.approx(
        lead.usd.sum(axis=(1, 2, 3)) + other.usd.sum(axis=(1, 2, 3))
    )
    # A bin half as wide holds half as much of an even spread.
    assert joint.even.tolist() == [3.0, 3.0]
    assert joint.candles is lead.candles


def test_a_column_counts_what_another_venue_had_known_by_its_end_and_nothing_newer():
    grid = PriceGrid(5e-4, 100, 2)
    lead = picture(grid, [1, 2, 3, 9], [0.0, 0.0, 0.0, 0.0])
    other = picture(grid, [2, 4], [7.0, 100.0])
    cell = join_heatmaps([lead, other]).usd[:, 0, 0, 0]
    # Nothing before its first column; its column of 2 holds at 3; that of 4 is too old at 9.
    assert cell.tolist() == [0.0, 7.0, 7.0, 0.0]


def test_what_stands_beyond_the_first_venues_prices_is_left_out():
    lead = picture(PriceGrid(5e-4, 100, 2), [1], [1.0])
    other = picture(PriceGrid(5e-4, 101, 2), [1], [5.0])
    assert join_heatmaps([lead, other]).usd[0, 0, 0].tolist() == [1.0, 6.0]


def test_nothing_joins_to_nothing():
    with pytest.raises(ValueError, match="no picture"):
        join_heatmaps([])

"""Columns that grow in place, and those given away before, which must not change."""

from __future__ import annotations

import numpy as np

from forcedflow.features.growing_columns import GrowingColumns


def test_a_column_grows_in_place_and_what_was_given_away_stays():
    columns = GrowingColumns()
    first = columns.grown("price", np.array([1.0, 2.0]), 3.0)
    second = columns.grown("price", first, 4.0)
    cut = columns.grown("price", second[-2:], 5.0)
    assert first.tolist() == [1.0, 2.0, 3.0]
    assert second.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert cut.tolist() == [3.0, 4.0, 5.0]
    assert np.shares_memory(first, cut)


def test_an_older_column_grows_on_its_own():
    columns = GrowingColumns()
    older = columns.grown("price", np.array([1.0]), 2.0)
    newer = columns.grown("price", older, 3.0)
    other = columns.grown("price", older, 9.0)
    assert newer.tolist() == [1.0, 2.0, 3.0]
    assert other.tolist() == [1.0, 2.0, 9.0]
    assert not np.shares_memory(newer, other)


def test_a_column_outgrows_its_room():
    columns = GrowingColumns()
    column = np.zeros(0)
    for figure in range(1000):
        column = columns.grown("price", column, float(figure))
    np.testing.assert_array_equal(column, np.arange(1000.0))

"""Tracked quantiles: the compiled loop is its readable twin, to the last byte."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.forecast_size import followed_quantiles

from forcedflow.forecast._kernels import follow_quantiles

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.99)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 60), horizon_h=st.integers(1, 24))
def test_quantiles_are_moved_and_ordered_as_the_twin_says(seed, n, horizon_h):
    rng = np.random.default_rng(seed)
    hours = np.cumsum(rng.integers(1, 4, n))
    over = np.searchsorted(hours + horizon_h, hours, side="right")
    left = rng.normal(size=(n, 2))
    left[rng.random((n, 2)) < 0.2] = np.nan
    shape = np.sort(rng.normal(size=(n, 2, len(LEVELS))), axis=2)
    told = followed_quantiles(left.tolist(), over.tolist(), LEVELS, 0.3, shape.tolist())
    follow_quantiles(left, over, np.array(LEVELS), 0.3, shape)
    assert shape.tobytes() == np.array(told).reshape(shape.shape).tobytes()

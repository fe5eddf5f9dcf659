"""Alignment beside stale and mirrored ladders: it is worth what it adds to both."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forcedflow.evaluate.alignment_trial import contrast
from forcedflow.positions import view
from forcedflow.units import DAY_MS, HOUR_MS
from forcedflow.zones.alignment import BIN, lay_ladder

MARK = 100.0
GRID = view(80.0, 125.0, BIN)
EVERY = 6 * HOUR_MS
AT = np.arange(1, 41, dtype=np.int64) * EVERY


def _ladders(seed, *, empty=()):
    """Ladders of a few levels that nothing but the seed and the moment decide."""
    found = []
    for i in range(AT.size):
        rng = np.random.default_rng([seed, i])
        usd = np.zeros((2, GRID.size))
        log = np.log(GRID.prices / MARK)
        for s, sign in enumerate((-1, 1)):
            ahead = np.flatnonzero((sign * log > 0.005) & (sign * log < 0.14))
            usd[s, rng.choice(ahead, 6)] = rng.gamma(2.0, 1e5, 6)
        if i in empty:
            usd[0] = 0.0
        found.append(lay_ladder("a", usd, GRID, MARK, 0.02, 1e5, int(AT[i])))
    return found


def _by(rows, measure, side, null):
    return next(r for r in rows if (r.measure, r.side, r.null) == (measure, side, null))


def test_ladders_that_agree_stand_above_both_nulls():
    rows = contrast(_ladders(1), _ladders(1), AT, DAY_MS, 0.0025)
    assert len(rows) == 8
    for side in ("long", "short"):
        for null, n in (("stale", AT.size - 4), ("mirrored", AT.size)):
            row = _by(rows, "overlap", side, null)
            assert (row.n, row.value) == (n, pytest.approx(1.0))
            assert row.difference == pytest.approx(row.value - row.null_value)
            assert 0.3 < row.low < row.difference < row.high
            assert _by(rows, "apart", side, null).high < 0


def test_ladders_that_have_nothing_to_do_with_each_other_do_not():
    rows = contrast(_ladders(1), _ladders(2), AT, DAY_MS, 0.0025)
    held = [row.low <= 0 <= row.high for row in rows]
    assert sum(held) >= 6


def test_moments_without_a_ladder_are_left_out_and_counted_so():
    rows = contrast(_ladders(1, empty=range(10)), _ladders(1), AT, DAY_MS, 0.0025)
    assert _by(rows, "overlap", "long", "mirrored").n == AT.size - 10
    assert _by(rows, "overlap", "short", "mirrored").n == AT.size
    nothing = contrast(_ladders(1)[:2], _ladders(1)[:2], AT[:2], DAY_MS, 0.0025)
    stale = _by(nothing, "overlap", "long", "stale")
    assert (stale.n, stale.n_days) == (0, 0)
    assert math.isnan(stale.value)
    assert math.isnan(stale.low)


def test_one_ladder_per_moment_is_asked_for():
    with pytest.raises(ValueError, match="at 40 moments"):
        contrast(_ladders(1)[:-1], _ladders(1), AT, DAY_MS, 0.0025)

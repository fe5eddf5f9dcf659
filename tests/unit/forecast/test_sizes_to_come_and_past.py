"""Sizes: what is closed within a horizon, against a level that was known before it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import forecast_size as twin

from forcedflow.forecast.sizes import (
    FLOOR,
    HISTORY,
    LEAST_LEVEL_H,
    LEVEL_MS,
    Liquidated,
    lay_sizes,
    past_sizes,
)
from forcedflow.units import DAY_MS, HOUR_MS

T0 = 1_760_000_400_000 // DAY_MS * DAY_MS


def told(n=500, seed=0, missing=()):
    rng = np.random.default_rng(seed)
    kept = np.setdiff1d(np.arange(n), missing)
    usd = np.exp(rng.normal(12, 1, (n, 2)))[kept]
    return Liquidated(T0 + HOUR_MS * (kept + 1), usd)


def test_sizes_and_levels_are_those_of_plain_lists():
    liquidated = told(missing=(100, 101, 250))
    ends, usd = liquidated.end_ms.tolist(), liquidated.usd.tolist()
    times = T0 + HOUR_MS * np.arange(80, 500, 7, dtype=np.int64)
    for hours in (1, 4, 24):
        sizes = lay_sizes(times, liquidated, hours)
        for t, moment in enumerate(times.tolist()):
            ahead = twin.sizes_ahead(ends, usd, moment, hours, HOUR_MS)
            assert np.isnan(sizes.usd[t]).all() if ahead is None else True
            if ahead is not None:
                assert sizes.usd[t] == pytest.approx(ahead, rel=1e-12)
            level = twin.level_before(ends, usd, moment, LEVEL_MS, LEAST_LEVEL_H)
            assert sizes.level[t] == pytest.approx(level, rel=1e-12)


def test_a_silent_hour_has_a_size_and_dollars_come_back():
    n = 200
    usd = np.full((n, 2), 1e6)
    usd[150] = 0.0
    liquidated = Liquidated(T0 + HOUR_MS * np.arange(1, n + 1, dtype=np.int64), usd)
    times = T0 + HOUR_MS * np.array([149, 150], dtype=np.int64)
    sizes = lay_sizes(times, liquidated, 1)
    assert sizes.log[0] == pytest.approx(np.log(1 + FLOOR))
    assert sizes.log[1] == pytest.approx(np.log(FLOOR))
    assert sizes.in_usd(sizes.log[:1], 0)[0] == pytest.approx([1e6, 1e6])
    assert sizes.in_logs(0.0, 1) == pytest.approx(np.log(FLOOR))


def test_a_level_needs_three_days_and_is_not_kept_after_a_day_of_silence():
    liquidated = told(n=100)
    times = T0 + HOUR_MS * np.array([LEAST_LEVEL_H - 1, LEAST_LEVEL_H, 124, 125], dtype=np.int64)
    level = lay_sizes(times, liquidated, 1).level
    assert np.isnan(level).tolist() == [True, False, False, True]
    nothing = Liquidated(np.zeros(0, np.int64), np.zeros((0, 2)))
    assert np.isnan(lay_sizes(times, nothing, 1).usd).all()


def test_past_sizes_are_on_the_scale_of_those_to_come():
    liquidated = told()
    times = T0 + HOUR_MS * np.arange(100, 400, dtype=np.int64)
    past, sizes = past_sizes(times, liquidated), lay_sizes(times, liquidated, 1)
    assert tuple(past) == HISTORY
    # The hour to come of one moment is the hour past of the next, but for the level.
    ahead = (np.exp(sizes.log[:-1, 0]) - FLOOR) * sizes.level[:-1]
    behind = (np.exp(past["size_long_1h"][1:]) - FLOOR) * sizes.level[1:]
    assert ahead == pytest.approx(behind)


@settings(deadline=None, max_examples=40)
@given(st.integers(90, 480), st.integers(0, 50))
def test_no_later_hour_changes_a_byte_of_levels_and_past_sizes(until, seed):
    liquidated = told(seed=seed, missing=(33, 200))
    times = T0 + HOUR_MS * np.arange(until + 1, dtype=np.int64)
    known = liquidated.end_ms <= times[-1]
    then = Liquidated(liquidated.end_ms[known], liquidated.usd[known])
    for name, column in past_sizes(times, then).items():
        assert column.tobytes() == past_sizes(times, liquidated)[name].tobytes(), name
    before, after = (lay_sizes(times, series, 1).level for series in (then, liquidated))
    assert before.tobytes() == after.tobytes()


def test_hours_that_are_none_are_refused():
    with pytest.raises(ValueError, match="whole hours"):
        Liquidated(np.array([T0 + 1], dtype=np.int64), np.ones((1, 2)))
    with pytest.raises(ValueError, match="whole hours"):
        lay_sizes(np.array([T0 + 1], dtype=np.int64), told(), 1)

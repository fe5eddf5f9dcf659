"""Paths made of past moves: fat tails kept, volatility of today, no gap crossed."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference.histories import FIVE_MS, history, prices

from forcedflow.errors import NoDataError
from forcedflow.units import DAY_MS, HOUR_MS
from forcedflow.volatility import ewma_volatility
from forcedflow.volatility.filtered_history import LEGS, WARM_UP_MS, filter_history

WARM_BARS = WARM_UP_MS // FIVE_MS


def _closes(made):
    # The first move has no bar before it, the warm-up does not count.
    return made.legs[WARM_BARS - 1 :, -1]


def test_moves_that_count_have_no_drift_and_unit_size():
    closes = _closes(history())
    assert closes.mean() == pytest.approx(0.0, abs=1e-12)
    assert (closes**2).mean() == pytest.approx(1.0)


def test_each_move_is_divided_by_the_volatility_expected_before_it():
    low, high, close, end_ms = prices()
    expected = ewma_volatility(close, end_ms, horizon_ms=FIVE_MS)
    raw = np.diff(np.log(close))[WARM_BARS - 1 :] / expected[WARM_BARS - 1 : -1]
    standard = (raw - raw.mean()) / raw.std()
    np.testing.assert_allclose(_closes(filter_history(low, high, close, end_ms)), standard)


def test_no_later_bar_changes_what_an_earlier_one_is_but_for_their_common_size():
    low, high, close, end_ms = prices()
    cut = 1_500
    early = filter_history(low[:cut], high[:cut], close[:cut], end_ms[:cut])
    whole = filter_history(low, high, close, end_ms)
    a, b = early.legs[WARM_BARS - 1 :, -1], whole.legs[WARM_BARS - 1 : cut - 1, -1]
    slope, intercept = np.polyfit(a, b, 1)
    np.testing.assert_allclose(b, slope * a + intercept, atol=1e-12)


def test_a_jump_stays_a_jump():
    low, high, close, end_ms = prices()
    for values in (low, high, close):
        values[1_200:] *= 0.9
    low[1_200] = min(low[1_200], close[1_200])
    made = filter_history(low, high, close, end_ms)
    assert int(np.argmin(made.legs[:, -1])) == 1_199
    assert made.legs[1_199, -1] < -20


def test_prices_that_move_twice_as_much_make_paths_twice_as_wide():
    low, high, close, end_ms = prices()
    one = filter_history(low, high, close, end_ms)
    two = filter_history(low**2, high**2, close**2, end_ms)
    np.testing.assert_allclose(two.legs, one.legs, atol=1e-9)
    assert two.sigma == pytest.approx(2 * one.sigma)
    picked = one.pick(5, 12, np.random.default_rng(1))
    np.testing.assert_allclose(two.paths(picked), 2 * one.paths(picked), atol=1e-12)


def test_a_path_ends_where_its_moves_add_up_to():
    made = history()
    picked = made.pick(7, 30, np.random.default_rng(1))
    ends = made.paths(picked)[:, LEGS - 1 :: LEGS]
    np.testing.assert_allclose(ends, np.cumsum(made.moves(picked), axis=1), atol=1e-15)


def test_a_path_sees_the_lows_and_highs_of_its_bars():
    low, high, close, end_ms = prices()
    made = filter_history(low, high, close, end_ms)
    bar = 1_000
    path = made.paths(np.array([[bar]]))[0] / made.sigma
    assert path.min() == made.legs[bar].min() <= min(0.0, path[-1])
    assert path.max() == made.legs[bar].max() >= max(0.0, path[-1])
    assert made.ranged_share > 0.99


def test_a_bar_that_rose_was_low_first_and_one_that_fell_was_high_first():
    made = history()
    rose = made.legs[:, -1] >= 0
    assert (made.legs[rose, 0] <= 0).all()
    assert (made.legs[rose, 0] <= made.legs[rose, 1]).all()
    assert (made.legs[~rose, 0] >= made.legs[~rose, 1]).all()


def test_finer_steps_pass_through_the_same_points_and_reach_no_further():
    made = history()
    picked = made.pick(4, 10, np.random.default_rng(2))
    coarse, fine = made.paths(picked), made.paths(picked, refine=5)
    np.testing.assert_allclose(fine[:, 4::5], coarse, atol=1e-15)
    assert (fine.max(axis=1) <= np.maximum(coarse.max(axis=1), 0) + 1e-15).all()
    assert np.abs(np.diff(fine, axis=1)).max() <= np.abs(np.diff(coarse, axis=1)).max()


def test_the_same_seed_picks_the_same_bars_and_a_shorter_path_begins_a_longer_one():
    made = history()
    short = made.pick(20, 12, np.random.default_rng(5))
    long = made.pick(20, 200, np.random.default_rng(5))
    np.testing.assert_array_equal(short, long[:, :12])
    assert (short != made.pick(20, 12, np.random.default_rng(6))).any()


def test_no_block_crosses_a_gap_or_enters_the_warm_up():
    low, high, close, end_ms = prices()
    end_ms = end_ms + np.where(np.arange(end_ms.size) >= 1_300, 7 * HOUR_MS, 0)
    made = filter_history(low, high, close, end_ms)
    picked = made.pick(3_000, made.block, np.random.default_rng(1))
    assert (picked >= WARM_BARS - 1).all()
    assert (picked != 1_299).all()
    assert (np.diff(picked, axis=1) == 1).all()


@pytest.mark.parametrize("n", [0, 1, 2, WARM_BARS + 6 * 48 - 2])
def test_too_little_history_is_refused_with_what_it_takes(n):
    with pytest.raises(NoDataError, match="simulating paths takes 1 more"):
        filter_history(*prices(n))


def test_a_price_that_never_moved_is_refused():
    low, _, _, end_ms = prices()
    flat = np.full(low.size, 100.0)
    with pytest.raises(NoDataError):
        filter_history(flat, flat, flat, end_ms)


def test_a_horizon_takes_whole_bars():
    made = history()
    assert made.bars_in(HOUR_MS) == 12
    assert made.bars_in(HOUR_MS + 1) == 13
    assert made.bars_in(DAY_MS) == 288

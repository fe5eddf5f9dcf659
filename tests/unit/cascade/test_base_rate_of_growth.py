"""Base rates: counted by hand on a few bars."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference.histories import FIVE_MS, START_MS

from forcedflow.cascade.base_rate import count_growth
from forcedflow.units import DAY_MS, HOUR_MS


def _count(close, direction="down", within_ms=HOUR_MS, **kwargs):
    close = np.asarray(close, dtype=float)
    end_ms = START_MS + FIVE_MS * np.arange(close.size)
    return count_growth(close, close, close, end_ms, direction, within_ms, **kwargs)


def _day_of(price):
    return [price] * (DAY_MS // FIVE_MS)


def test_a_small_move_that_grew_large_is_counted_as_such():
    rate = _count([100, 100, 97.9, 95, 92.9, *_day_of(95)])
    assert (rate.n, rate.grew, rate.share) == (1, 1, 1.0)


def test_a_small_move_that_came_back_is_counted_as_one_that_did_not():
    rate = _count([100, 100, 97.9, *_day_of(100)])
    assert (rate.n, rate.grew, rate.share) == (1, 0, 0.0)


def test_up_is_counted_from_the_low():
    rate = _count([100, 98.5, 100.6, 105.5, *_day_of(100)], "up")
    assert (rate.n, rate.grew) == (1, 1)
    assert _count([100, 98.5, 100.6, *_day_of(100)], "up").grew == 0


def test_a_jump_is_a_small_move_that_grew():
    assert _count([100, 90, *_day_of(90)]).grew == 1


def test_a_slow_move_is_none():
    slow = np.linspace(100, 97, 60).tolist()
    assert _count([*slow, *_day_of(97)]).n == 0
    assert _count([*slow, *_day_of(97)], within_ms=6 * HOUR_MS).n == 1


def test_no_other_move_begins_while_one_is_followed():
    assert _count([100, 97.9, 100, 97.9, 100, 97.9, *_day_of(100)]).n == 1
    assert _count([100, 97.9, *_day_of(100), 97.9, *_day_of(100)]).n == 2


def test_what_happens_after_the_day_does_not_count():
    rate = _count([100, 97.9, *_day_of(98), 92.5, *_day_of(92.5)])
    assert (rate.n, rate.grew) == (2, 0)


def test_a_move_that_cannot_be_followed_to_the_end_is_left_out():
    assert _count([100, 100, 97.9, 90]).n == 0


def test_without_any_move_there_is_no_share_and_no_interval():
    rate = _count(_day_of(100))
    assert rate.share is None
    assert rate.interval() is None


def test_no_bars_count_nothing():
    assert _count([]).n == 0


def test_the_interval_holds_the_share_and_narrows_with_n():
    few = _count([100, 97.9, *_day_of(100)])
    low, high = few.interval()
    assert low == 0.0
    assert 0.5 < high < 0.7
    many = _count([100, 97.9, *_day_of(100)] * 30)
    assert many.n > 20
    assert many.interval()[1] < 0.1


@pytest.mark.parametrize("sizes", [(0.0, 0.07), (0.07, 0.02), (0.02, 1.0)])
def test_sizes_that_do_not_rise_are_refused(sizes):
    with pytest.raises(ValueError, match="sizes rise"):
        _count([100, 99], small=sizes[0], large=sizes[1])


def test_a_span_of_no_length_is_refused():
    with pytest.raises(ValueError, match="spans are positive"):
        _count([100, 99], within_ms=0)

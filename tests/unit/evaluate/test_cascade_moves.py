"""Moves that a ladder is frozen before."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from tests.reference.markets import START_MS, bars_of

from forcedflow.evaluate.cascade_moves import large_moves
from forcedflow.units import HOUR_MS

T0 = START_MS


def _bars(prices):
    return bars_of(prices, elapsed_ms=HOUR_MS)


def test_a_fall_and_a_rise_are_found_each_from_the_close_before():
    prices = [100.0] * 10 + [95.0] * 10 + [100.0] * 10
    fall, rise = sorted(large_moves(_bars(prices)))
    assert fall.at_ms < T0 + 11 * HOUR_MS <= fall.to_ms
    assert fall.size == pytest.approx(math.log(100 / 95))
    assert rise.size == pytest.approx(math.log(100 / 95))
    assert rise.at_ms < T0 + 21 * HOUR_MS <= rise.to_ms


def test_moves_share_no_bar_and_the_largest_comes_first():
    prices = [100, 100, 96, 92, 91, 91, 91, 91, 91, 95, 95, 95, 95, 95, 95]
    found = large_moves(_bars([float(price) for price in prices]))
    assert [move.size for move in found] == sorted((move.size for move in found), reverse=True)
    spans = sorted((move.at_ms, move.to_ms) for move in found)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_a_quiet_market_has_none_and_an_unfinished_span_is_not_judged():
    assert large_moves(_bars([100.0, 101.0] * 20)) == []
    assert large_moves(_bars([100.0] * 3 + [90.0])) == []


@pytest.mark.parametrize(("least", "within"), [(0.0, HOUR_MS), (1.0, HOUR_MS), (0.03, 0)])
def test_a_move_without_size_or_span_is_refused(least, within):
    with pytest.raises(ValueError, match="a move is in"):
        large_moves(_bars([100.0] * 3), least, within)

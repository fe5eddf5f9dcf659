"""Where a cascade starts: after a move, from a price, with an order."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.reference.stages import stage_of

from forcedflow.cascade.start import Start

STAGE = stage_of([0, 10, 20, 30, 40, 0], [100] * 6, width=0.01)


def test_by_default_nothing_has_happened():
    start = Start()
    assert start.direction is None
    assert start.seen_from(STAGE) is STAGE
    assert start.words(100.0) == "price stands at the mark"


def test_a_move_is_a_distance_one_way_and_a_way_back_the_other():
    start = Start.from_move(-0.02)
    assert start.direction == "down"
    assert start.along("down") == (pytest.approx(-math.log(0.98)), 0.0)
    assert start.along("up") == (pytest.approx(math.log(0.98)), 0.0)


def test_an_order_presses_one_way_only():
    assert Start.from_order(-5e6).along("down") == (0.0, 5e6)
    assert Start.from_order(-5e6).along("up") == (0.0, 0.0)
    assert Start.from_order(5e6).direction == "up"


def test_from_a_price_what_stood_between_is_gone_and_the_book_has_followed():
    seen = Start.from_price(100 * math.exp(-0.02), 100.0).seen_from(STAGE)
    np.testing.assert_allclose(seen.forced[0], [20, 30, 40, 0, 0, 0], atol=1e-9)
    np.testing.assert_array_equal(seen.depth, STAGE.depth)
    assert seen.mark == pytest.approx(100 * math.exp(-0.02))
    assert seen.price(0.01) == pytest.approx(STAGE.price(0.03))


def test_from_a_price_inside_a_bin_only_the_rest_of_the_bin_stands():
    seen = Start.from_price(100 * math.exp(-0.015), 100.0).seen_from(STAGE)
    np.testing.assert_allclose(seen.forced[0][:3], [5 + 10, 10 + 15, 15 + 20], atol=1e-9)


def test_from_a_price_behind_nothing_stands_on_the_way_back():
    seen = Start.from_price(100 * math.exp(0.02), 100.0).seen_from(STAGE)
    np.testing.assert_allclose(seen.forced[0], [0, 0, 0, 10, 20, 30], atol=1e-9)


def test_venues_keep_their_own_rows_when_price_stands_elsewhere():
    two = stage_of([[0, 10, 0], [0, 0, 7]], [[1, 1, 1], [2, 2, 2]], width=0.01)
    seen = Start.from_price(100 * math.exp(-0.01), 100.0).seen_from(two)
    np.testing.assert_allclose(seen.forced, [[10, 0, 0], [0, 7, 0]], atol=1e-9)


def test_a_price_beyond_the_stage_is_refused_with_its_end():
    with pytest.raises(ValueError, match="stage ends at"):
        Start.from_price(50.0, 100.0).seen_from(STAGE)


def test_up_is_the_mirror_of_down():
    up = replace(STAGE, direction="up")
    seen = Start.from_price(100 * math.exp(0.02), 100.0).seen_from(up)
    np.testing.assert_allclose(seen.forced[0], [20, 30, 40, 0, 0, 0], atol=1e-9)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Start(shock=math.nan),
        lambda: Start.from_move(-1.0),
        lambda: Start.from_price(0.0, 100.0),
        lambda: Start.from_order(math.inf),
    ],
)
def test_impossible_starts_are_refused(make):
    with pytest.raises(ValueError):
        make()


def test_words_say_what_happens_first():
    assert Start.from_move(-0.02).words(100.0) == "price moves -2.00 % for other reasons"
    assert "sells $5.00M" in Start.from_order(-5e6).words(100.0)
    assert "price stands at 98.000" in Start.from_price(98.0, 100.0).words(100.0)

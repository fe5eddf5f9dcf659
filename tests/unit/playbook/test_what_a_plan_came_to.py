"""Plans: entries, exits and costs on bars made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.reference.price_series import MONDAY_MS, series_of

from forcedflow.depth.curve import DepthCurve
from forcedflow.playbook.leg_outcome import TAKER_BPS, UNFILLED, cost_bps, resolve, slippage_bps
from forcedflow.playbook.second_leg import LegPlan
from forcedflow.units import MINUTE_MS

FIVE = 5 * MINUTE_MS
PLAN = LegPlan(
    direction="down",
    placed_ms=MONDAY_MS + FIVE,
    entry=99.0,
    invalidation=101.0,
    target=96.0,
    expires_ms=MONDAY_MS + 6 * FIVE,
    sigma_day=0.02,
)


def ranged(bars, plan=PLAN):
    """What a plan came to on (high, low, close) after a first bar that closes at 100."""
    high, low, close = zip((100.0, 100.0, 100.0), *bars, strict=True)
    return resolve(series_of(close, high=high, low=low), plan)


def closes(values, plan=PLAN):
    return resolve(series_of([100.0, *values]), plan)


def test_a_plan_that_is_never_reached_came_to_zero():
    assert closes([100.0] * 6) == UNFILLED
    assert UNFILLED.gross == 0.0


def test_an_order_fills_at_its_level_and_leaves_at_its_target():
    found = ranged([(100, 98.5, 98.6), (98.6, 95.5, 97.0), *[(97, 97, 97)] * 4])
    assert (found.end, found.entry, found.exit) == ("target", 99.0, pytest.approx(96.0))
    assert found.gross == pytest.approx(np.log(99 / 96))
    assert (found.entry_ms, found.exit_ms) == (MONDAY_MS + 2 * FIVE, MONDAY_MS + 3 * FIVE)


def test_a_bar_that_opens_beyond_the_entry_fills_at_its_open():
    # The plan could be stated once price had passed its entry already.
    high, low, close = [100, 98.5, 98.5], [98.5, 97.5, 97.6], [98.5, 97.8, 97.6]
    late = replace(PLAN, placed_ms=MONDAY_MS + FIVE)
    found = resolve(series_of(close, high=high, low=low), late)
    assert (found.end, found.entry) == ("open", pytest.approx(98.5))


def test_the_bar_of_the_entry_counts_and_the_worse_comes_first():
    found = ranged([(101.5, 95.0, 97.0), *[(97, 97, 97)] * 5])
    assert (found.end, found.exit) == ("invalidation", pytest.approx(101.0))
    assert found.gross == pytest.approx(np.log(99 / 101))
    assert found.entry_ms == found.exit_ms


def test_after_the_entry_the_invalidation_is_left_at_its_level():
    found = ranged([(100, 98.5, 98.6), (98.7, 98.6, 98.6), (103, 98.6, 102.0)])
    assert (found.end, found.exit) == ("invalidation", pytest.approx(101.0))
    assert found.exit_ms == MONDAY_MS + 4 * FIVE


def test_an_invalidation_before_the_entry_drops_the_plan():
    assert ranged([(101.5, 99.5, 100.5), (100.5, 95, 96), *[(97, 97, 97)] * 4]) == UNFILLED


def test_a_plan_is_dropped_where_price_is_beyond_it_before_it_can_be_placed():
    for first in (95.0, 102.0):
        series = series_of([first, 98.0, 96.0, 97.0, 97.0, 97.0, 97.0])
        assert resolve(series, PLAN) == UNFILLED


def test_the_bar_in_which_the_plan_is_stated_does_not_fill_it():
    late = replace(PLAN, placed_ms=MONDAY_MS + FIVE + 1)
    found = ranged([(100, 98.0, 99.5), *[(99.6, 99.4, 99.5)] * 5], late)
    assert found == UNFILLED


def test_where_only_closes_are_told_entry_and_exit_are_closes():
    found = closes([98.7, 97.0, 95.5, 95.5, 95.5, 95.5])
    assert (found.end, found.entry, found.exit) == (
        *("target", pytest.approx(98.7)),
        pytest.approx(95.5),
    )
    lost = closes([98.7, 101.7, 95.5, 95.5, 95.5, 95.5])
    assert (lost.end, lost.exit) == ("invalidation", pytest.approx(101.7))


def test_a_close_beyond_entry_and_target_at_once_gains_nothing():
    found = closes([95.0, 95.0, 95.0, 95.0, 95.0, 95.0])
    assert (found.end, found.gross) == ("target", 0.0)


def test_a_plan_leaves_at_the_last_close_before_it_lapses():
    found = closes([98.7, 98.5, 98.4, 98.3, 98.2, 50.0, 50.0])
    assert (found.end, found.exit) == ("expired", pytest.approx(98.2))
    assert found.exit_ms == PLAN.expires_ms


def test_a_plan_that_the_series_ends_before_is_open_filled_or_not():
    assert closes([98.7, 98.5]).end == "open"
    assert closes([99.7, 99.5]).end == "open"
    assert not closes([99.7, 99.5]).filled


def test_upwards_it_is_the_mirror_image():
    up = LegPlan("up", PLAN.placed_ms, 101.0, 99.0, 104.0, PLAN.expires_ms, 0.02)
    found = closes([101.3, 104.5, 104.5, 104.5, 104.5, 104.5], up)
    assert found.gross == pytest.approx(np.log(104.5 / 101.3))
    assert found.end == "target"


def curve(direction, usd_per_pct):
    return DepthCurve(
        direction, np.array([0.0, 0.01]), np.array([usd_per_pct]), 0.01, 0.1, "hand", 0
    )


def test_costs_are_both_fees_and_the_slippage_of_both_books():
    depths = curve("down", 1e6), curve("up", 2e6)
    # An even book: half the way that the order eats. 100 K are a tenth and a twentieth of one
    # percent: 5 and 2.5 bps on average.
    assert cost_bps(depths, 1e5) == pytest.approx(2 * TAKER_BPS + 5.0 + 2.5)
    assert cost_bps(depths, 1e5, taker_bps=0.0) == pytest.approx(7.5)
    assert slippage_bps(depths[0], 1e6) > slippage_bps(depths[0], 1e5)


def test_an_order_larger_than_the_book_has_no_price():
    empty_end = DepthCurve(
        "down", np.array([0.0, 0.01, 0.02]), np.array([1e5, 0.0]), 0.01, 0.1, "hand", 0
    )
    assert np.isnan(slippage_bps(empty_end, 1e6))


def test_a_size_is_positive():
    with pytest.raises(ValueError, match="positive size"):
        slippage_bps(curve("down", 1e6), 0.0)

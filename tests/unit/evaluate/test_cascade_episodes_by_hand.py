"""Episodes of markets made by hand: where a cascade begins, what pushed it, which push is alike."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.evaluate.cascade_pushes import OPEN_INTEREST, tape

from forcedflow.evaluate.cascade_episodes import (
    ANY,
    APART,
    CASCADE,
    LEAST_SHARE,
    LONELY,
    NO_CASCADE,
    WINDOW,
    find_cascades,
    follow,
    join_episodes,
    match_pushes,
)

ENOUGH = LEAST_SHARE * OPEN_INTEREST


def test_a_cascade_begins_with_the_shortest_run_that_holds_enough():
    # A little long before, then the run of three minutes of which the last two suffice.
    market = tape(
        200,
        lows={100: 0.01},
        forced={80: 0.1 * ENOUGH, 99: 0.2 * ENOUGH, 100: 0.5 * ENOUGH, 101: 0.6 * ENOUGH},
    )
    found = find_cascades(market, follow(market))
    assert found.first.tolist() == [100]
    assert found.side.tolist() == [0]
    assert found.forced[0] == pytest.approx(1.1 * ENOUGH)
    assert found.end[0] == pytest.approx(0.01)


def test_what_was_closed_too_slowly_is_no_cascade():
    slow = dict.fromkeys(range(50, 50 + 4 * WINDOW, WINDOW), 0.6 * ENOUGH)
    market = tape(300, lows={60: 0.01}, forced=slow)
    assert find_cascades(market, follow(market)).size == 0


def test_two_runs_close_together_are_one_cascade_and_two_far_apart_are_two():
    for gap, n in ((APART - 10, 1), (APART + 10, 2)):
        market = tape(
            500,
            lows={100: 0.01, 100 + gap: 0.01},
            forced={100: 2 * ENOUGH, 100 + gap: 2 * ENOUGH},
        )
        assert find_cascades(market, follow(market)).size == n


def test_the_shock_is_the_excursion_less_what_forced_orders_moved():
    pushed = np.zeros((200, 2))
    pushed[100, 0] = 0.003
    caused = np.zeros((200, 2))
    caused[100, 0] = ENOUGH
    market = tape(
        200,
        lows={100: 0.010, 101: 0.012},
        forced={100: 2 * ENOUGH},
        pushed=pushed,
        caused=caused,
        kept=0.5,
    )
    found = find_cascades(market, follow(market))
    assert found.end[0] == pytest.approx(0.012)
    # Half of the push has faded by the second minute, so more of that low is price's own.
    assert found.shock[0] == pytest.approx(0.012 - 0.0015)
    assert found.caused[0] == pytest.approx(0.5)


def test_without_causes_the_shock_is_the_first_minute():
    market = tape(200, lows={100: 0.004, 105: 0.02}, forced={100: 2 * ENOUGH})
    found = find_cascades(market, follow(market))
    assert found.shock[0] == pytest.approx(0.004)
    assert found.end[0] == pytest.approx(0.02)
    assert np.isnan(found.caused[0])


def test_a_cascade_that_nothing_caused_is_not_emergent():
    nothing = np.zeros((200, 2))
    market = tape(
        200, lows={100: 0.01}, forced={100: 2 * ENOUGH}, pushed=nothing, caused=nothing, kept=1.0
    )
    assert find_cascades(market, follow(market)).size == 0


def test_pushes_alike_have_the_same_shock_and_hour_and_only_one_kind_is_chosen_by_what_followed():
    # Same quarter of three days in a row: a cascade, a push that nothing followed, one too small.
    day = 1_440
    market = tape(
        3 * day + 300,
        lows={100: 0.01, day + 100: 0.0105, 2 * day + 100: 0.003},
        forced={100: 2 * ENOUGH},
    )
    followed = follow(market)
    found, pair = match_pushes(market, followed, find_cascades(market, followed))
    assert found.kind.tolist() == [CASCADE, NO_CASCADE, ANY]
    assert pair.tolist() == [0, 0, 0]
    assert found.first[0] == 100
    assert found.first[1] == day + 100
    # Whatever followed is never the cascade itself, though nothing is more alike.
    assert found.first[2] == day + 100
    assert found.shock[1] == pytest.approx(0.0105)


def test_a_push_taken_whatever_followed_may_be_another_cascade():
    # Thursday, Friday, and the Monday after.
    day = 1_440
    market = tape(
        5 * day,
        lows={100: 0.01, day + 100: 0.0105, 4 * day + 100: 0.0101},
        forced={100: 2 * ENOUGH, 4 * day + 100: 2 * ENOUGH},
    )
    followed = follow(market)
    cascades = find_cascades(market, followed)
    found, _ = match_pushes(market, followed, cascades.take(np.array([0])))
    assert found.first.tolist() == [100, day + 100, 4 * day + 100]


def test_a_cascade_without_a_push_alike_is_in_no_pair():
    market = tape(2_000, lows={100: 0.01, 1_540: 0.02}, forced={100: 2 * ENOUGH})
    followed = follow(market)
    found, pair = match_pushes(market, followed, find_cascades(market, followed))
    assert found.kind.tolist() == [LONELY]
    assert found.cascade.tolist() == [True]
    assert pair.tolist() == [-1]


def test_new_ground_is_what_lies_beyond_the_last_extreme():
    market = tape(400, lows={50: 0.006, 300: 0.01}, forced={300: 2 * ENOUGH})
    found = find_cascades(market, follow(market))
    assert found.new_ground[0] == pytest.approx(0.004)


def test_a_tape_no_longer_than_a_window_is_refused():
    with pytest.raises(ValueError, match="more than"):
        follow(tape(WINDOW))


def test_joined_episodes_keep_their_order():
    market = tape(200, lows={100: 0.01}, forced={100: 2 * ENOUGH})
    one = find_cascades(market, follow(market))
    both = join_episodes([one, one])
    assert both.first.tolist() == [100, 100]
    assert both.take(np.array([1])).size == 1

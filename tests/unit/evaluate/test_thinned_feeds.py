"""What stands behind a print where only one a second gets through."""

from __future__ import annotations

import numpy as np
import pytest

from forcedflow.evaluate.thinning import thinning_factor

SECONDS = 20_000


@pytest.mark.parametrize("rate", [0.05, 0.5, 1.5, 2.3])
def test_the_true_rate_is_recovered_from_a_thinned_feed(rate):
    events = np.random.default_rng(1).poisson(rate, SECONDS)
    print_ms = np.flatnonzero(events) * 1000
    told = thinning_factor(print_ms).sum() / SECONDS
    # Minutes are few seconds, so the correction is a little convex: within a tenth.
    assert told == pytest.approx(rate, rel=0.10)


def test_two_and_three_tenths_a_second_show_as_nine_tenths_and_the_factor_is_known():
    # 54 of 60 seconds carry a print: the share is 0.9 and the factor 2.5584.
    print_ms = np.arange(60)[np.arange(60) % 10 != 9] * 1000
    assert thinning_factor(print_ms) == pytest.approx(np.full(54, -np.log(0.1) / 0.9))


def test_a_full_minute_is_held_to_the_stated_bound_and_an_empty_feed_to_nothing():
    full = thinning_factor(np.arange(60) * 1000)
    assert full == pytest.approx(np.full(60, -np.log(0.5 / 60) * 60 / 59.5))
    assert thinning_factor(np.zeros(0, dtype=np.int64)).size == 0


def test_both_sides_of_one_second_share_its_place():
    twice = np.array([0, 0, 30_000])
    once = np.array([0, 30_000])
    assert thinning_factor(twice)[0] == thinning_factor(once)[0]
    assert (thinning_factor(twice) >= 1).all()

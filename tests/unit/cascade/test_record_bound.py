"""How far price never went in the record, and which draws that takes away."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.histories import FIVE_MS, history, prices
from tests.reference.stages import stage_of

from forcedflow.cascade.montecarlo import simulate
from forcedflow.cascade.record_bound import (
    PastPrices,
    PastWindows,
    bound_draws,
    longest_record,
    past_windows,
)
from forcedflow.cascade.start import Start
from forcedflow.cascade.waves import assumed_rules
from forcedflow.units import DAY_MS, HOUR_MS
from forcedflow.volatility import ewma_volatility

HISTORY = history()
BARS = PastPrices(*prices(), "made up")


def _windows(n, down, horizon_ms=HOUR_MS):
    return PastWindows(horizon_ms, n, down, down, 0, n * horizon_ms, "by hand")


def _unmeasured(bins=800):
    """A thick ladder before a book that is hardly known."""
    forced = np.zeros(bins)
    forced[20:] = 2e5
    stage = stage_of(forced, np.full(bins, 6e5), open_interest=1e9)
    return replace(stage, forced_log_sd=0.7, depth_log_sd=1.28)


def _simulate(stage, past, **given):
    rules = assumed_rules(stage)
    return simulate(stage, rules, HISTORY, HOUR_MS, seed=1, scenarios=2_000, past=past, **given)


def test_windows_follow_one_another_after_the_warm_up_and_the_furthest_counts():
    found = past_windows(BARS, HOUR_MS)
    low, high, close, end_ms, _ = BARS
    sigma = ewma_volatility(close, end_ms, horizon_ms=HOUR_MS)
    begin = int(np.searchsorted(end_ms, end_ms[0] + 2 * DAY_MS))
    down, up = [], []
    while begin + 12 < end_ms.size:
        inside = slice(begin + 1, begin + 13)
        down.append(math.log(close[begin] / low[inside].min()) / sigma[begin])
        up.append(math.log(high[inside].max() / close[begin]) / sigma[begin])
        begin += 12
    assert found.n == len(down)
    assert found.down == pytest.approx(max(down))
    assert found.up == pytest.approx(max(up))
    assert found.from_ms == end_ms[0] + 2 * DAY_MS
    assert found.to_ms == end_ms[begin]


def test_no_window_spans_a_gap():
    low, high, close, end_ms, source = BARS
    crash = np.where(np.arange(close.size) >= 1_000, 0.5, 1.0)
    later = end_ms + np.where(np.arange(close.size) >= 1_000, DAY_MS, 0)
    apart = past_windows(
        PastPrices(low * crash, high * crash, close * crash, later, source), HOUR_MS
    )
    together = past_windows(
        PastPrices(low * crash, high * crash, close * crash, end_ms, source), HOUR_MS
    )
    assert apart.down < together.down / 3


def test_of_so_many_windows_a_share_of_three_is_allowed():
    assert _windows(1_000, 5.0).limit == pytest.approx(3 / 1_000, rel=0.01)
    assert _windows(1, 5.0).limit == pytest.approx(0.95)
    assert PastWindows(HOUR_MS, 0, 0.0, 0.0, 0, 0, "none").limit == 1.0


def test_bars_longer_than_the_horizon_say_nothing_of_it():
    assert past_windows(BARS, FIVE_MS - 1).n == 0
    assert past_windows(PastPrices(*(values[:1] for values in BARS[:4]), "one"), HOUR_MS).n == 0


def test_the_longer_record_is_taken():
    few = PastPrices(*(values[:1_000] for values in BARS[:4]), "few")
    assert longest_record([few, BARS], HOUR_MS).source == "made up"
    assert longest_record([BARS, few], HOUR_MS).source == "made up"


@pytest.mark.parametrize("direction", ["down", "up"])
def test_with_a_book_hardly_known_the_bound_holds_and_says_what_it_took(direction):
    stage = replace(_unmeasured(), direction=direction)
    past = _windows(600, 12.0)
    free, bounded = _simulate(stage, None), _simulate(stage, past)
    bound = bounded.bound
    assert bound.before == (free.furthest > bound.distance).mean() > 2 * past.limit
    assert bounded.p_reach(bound.distance * (1 + 1e-9)).value <= bound.limit
    assert bound.held
    assert bound.after == (bounded.furthest > bound.distance).mean()
    assert bounded.size == round(bound.kept * free.size) < free.size
    # Thin draws went, paths did not: what volatility does alone is as before, up to chance.
    assert bounded.log_ratio.mean() < free.log_ratio.mean()
    alone = free.p_reach_volatility_only(0.005)
    assert bounded.p_reach_volatility_only(0.005).value == pytest.approx(
        alone.value, abs=4 * alone.standard_error
    )
    words = bound.words(direction)
    assert "of 600 past spans of 1 h (by hand)" in words
    assert f"before this bound {100 * bound.before:.2g} % did" in words
    assert json.loads(json.dumps(bound.row(direction), allow_nan=False))["past_windows"] == 600


def test_the_same_seed_takes_the_same_draws():
    one, two = (_simulate(_unmeasured(), _windows(600, 12.0)) for _ in range(2))
    np.testing.assert_array_equal(one.furthest, two.furthest)


def test_without_runaways_nothing_changes():
    stage = replace(_unmeasured(), forced_log_sd=0.0, depth_log_sd=0.0, forced=np.zeros((1, 800)))
    free, bounded = _simulate(stage, None), _simulate(stage, _windows(600, 12.0))
    np.testing.assert_array_equal(free.furthest, bounded.furthest)
    assert bounded.bound.kept == 1
    assert bounded.bound.held


def test_what_volatility_does_alone_is_not_blamed_on_the_draws():
    bounded = _simulate(_unmeasured(), _windows(10_000, 0.5))
    bound = bounded.bound
    assert bound.alone > 0.1
    assert bound.limit == bound.alone
    assert bounded.size > 0


def test_where_nothing_is_uncertain_nothing_can_be_taken_away_and_that_is_said():
    stage = replace(_unmeasured(), forced_log_sd=0.0, depth_log_sd=0.0)
    stage = replace(stage, depth=stage.depth / 20)
    bounded = _simulate(stage, _windows(10_000, 8.0))
    assert not bounded.bound.held
    assert bounded.size == 2_000
    assert bounded.bound.words("down").endswith("whichever draws are left: not bounded")


def test_a_start_meets_the_draws_that_its_absence_left():
    stage, past = _unmeasured(), _windows(600, 12.0)
    calm, pushed = _simulate(stage, past), _simulate(stage, past, start=Start.from_move(-0.02))
    assert pushed.bound == replace(
        calm.bound, knots=pushed.bound.knots, keeping=pushed.bound.keeping
    )
    np.testing.assert_array_equal(pushed.forced_factor, calm.forced_factor)
    assert pushed.p_reach(0.05).value > calm.p_reach(0.05).value


def test_a_record_that_reaches_beyond_the_stage_judges_nothing():
    assert _simulate(_unmeasured(bins=40), _windows(600, 12.0)).bound is None


def test_windows_of_another_length_are_refused():
    with pytest.raises(ValueError, match="past windows are of"):
        _simulate(_unmeasured(), _windows(600, 12.0, horizon_ms=DAY_MS))


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(1, 400),
    n=st.integers(1, 10_000),
    steep=st.floats(0.0, 5.0),
)
def test_a_bound_that_is_said_to_hold_holds_for_any_draws(seed, size, n, steep):
    rng = np.random.default_rng(seed)
    log_ratio = rng.standard_normal(size)
    alone = rng.random(size)
    furthest = alone + np.exp(steep * log_ratio)
    bound = bound_draws(_windows(n, 1.0), 2.0, log_ratio, furthest, alone, seed)
    left = bound.keep(log_ratio, seed)
    assert left.mean() == pytest.approx(bound.kept)
    assert 0 <= bound.after <= 1
    if bound.held:
        assert (furthest[left] > 2.0).mean() <= bound.limit
    else:
        assert left.all()
    assert (np.diff(bound.keeping) <= 0).all()

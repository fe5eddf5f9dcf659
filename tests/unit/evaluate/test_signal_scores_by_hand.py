"""Firings, moments alike and the difference between them, beside twins written to be read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import signals as twin
from tests.reference.feature_tables import PER_DAY, lay

from forcedflow.evaluate.map_scores import day_counts
from forcedflow.evaluate.signal_scores import (
    DECILES,
    REFRACTORY_MS,
    Fired,
    Sample,
    contrast,
    fire,
    judge_loading,
    match,
    pool,
    sample,
    shift,
    signed,
)
from forcedflow.features.table import STEP_MS
from forcedflow.signals.reading import Reading
from forcedflow.signals.score import load
from forcedflow.signals.signal import BOTH, DOWN, NONE, OFF, ON, UNKNOWN, UP, Judged
from forcedflow.units import DAY_MS

REFRACTORY = REFRACTORY_MS // STEP_MS
VERDICTS = {UNKNOWN: "unknown", OFF: "off", ON: "on"}
RISKS = {NONE: "none", DOWN: "down", UP: "up", BOTH: "both"}


def _judged(verdict, direction=None):
    verdict = np.array(verdict, dtype=np.int8)
    if direction is None:
        direction = np.where(verdict == ON, BOTH, NONE)
    value = np.where(verdict == UNKNOWN, np.nan, 1.0)
    return Judged(value, value, verdict, np.array(direction, dtype=np.int8))


def test_a_signal_fires_where_it_turns_on_and_not_while_it_stays_on():
    verdict = [OFF] * 3 + [ON] * 200 + [OFF, ON]
    assert fire(_judged(verdict)).at.tolist() == [3, 204]


def test_it_fires_again_only_after_six_hours():
    verdict = np.zeros(REFRACTORY + 20, dtype=np.int8)
    verdict[[2, 5, REFRACTORY + 1, REFRACTORY + 3]] = ON
    assert fire(_judged(verdict)).at.tolist() == [2, REFRACTORY + 3]


def test_what_comes_on_out_of_the_unknown_does_not_fire_nor_does_the_first_moment():
    assert fire(_judged([ON, UNKNOWN, ON, ON, OFF])).at.size == 0


@given(st.lists(st.sampled_from([UNKNOWN, OFF, ON]), min_size=1, max_size=400))
@settings(deadline=None)
def test_firings_are_those_of_the_twin(verdict):
    assert fire(_judged(verdict)).at.tolist() == twin.firings(verdict, REFRACTORY)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_the_loading_score_of_the_past_is_that_of_the_readings_of_every_moment(seed):
    rng = np.random.default_rng(seed)
    n, names = 40, ("large_cluster", "pressure", "funding_bias", "sweeps", "thin_liquidity")
    weights = {name: float(rng.integers(1, 4)) for name in names}
    verdicts = rng.choice([UNKNOWN, OFF, ON], size=(len(names), n), p=(0.3, 0.3, 0.4))
    risks = np.where(verdicts == ON, rng.choice([DOWN, UP, BOTH], size=verdicts.shape), NONE)
    found = judge_loading(
        {name: _judged(v, r) for name, v, r in zip(names, verdicts, risks, strict=True)}, weights
    )
    for i in range(n):
        readings = [
            Reading(name, "", 0.0, "", 0.0, "", VERDICTS[int(v)], RISKS[int(r)], "", ())
            for name, v, r in zip(names, verdicts[:, i], risks[:, i], strict=True)
        ]
        np.testing.assert_allclose(found.value[i], load(readings, weights).score)


def test_the_loading_score_fires_on_a_lot_for_this_market_and_towards_the_heavier_side():
    n = 9 * PER_DAY
    quiet, often = np.zeros(n, dtype=np.int8), np.zeros(n, dtype=np.int8)
    often[:: PER_DAY // 2] = ON
    quiet[-1] = often[-1] = ON
    found = judge_loading(
        {
            "large_cluster": _judged(often, np.where(often == ON, UP, NONE)),
            "funding_bias": _judged(quiet, np.where(quiet == ON, UP, NONE)),
            "pressure": _judged(np.zeros(n, dtype=np.int8)),
        }
    )
    assert found.verdict[-1] == ON
    assert found.direction[-1] == UP
    assert found.value[-1] == pytest.approx(200 / 3)
    assert found.verdict[0] == UNKNOWN  # a week is needed to know what is a lot
    assert found.verdict[-2] == OFF


def test_a_placebo_reads_what_was_said_so_long_before():
    late = shift(_judged([OFF, ON, OFF, ON]), 2)
    assert late.verdict.tolist() == [UNKNOWN, UNKNOWN, OFF, ON]
    assert late.direction.tolist() == [NONE, NONE, NONE, BOTH]
    assert shift(_judged([OFF, ON]), 5).verdict.tolist() == [UNKNOWN, UNKNOWN]


def _market(seed, days=60):
    rng = np.random.default_rng(seed)
    n = days * PER_DAY
    times = lay({}, n=n).times_ms
    # Volatility that stands for days, as real volatility does.
    volatility = np.repeat(np.exp(rng.normal(size=2 * days).cumsum() / 3), PER_DAY // 2)
    usable = rng.random(n) < 0.9
    return rng, times, volatility, usable


def test_moments_alike_are_those_of_the_twin():
    rng, times, volatility, usable = _market(3)
    edges = np.quantile(volatility[usable], np.linspace(0, 1, DECILES + 1)[1:-1])
    decile = np.searchsorted(edges, volatility, side="right")
    at = np.sort(rng.choice(times.size, 25, replace=False))
    matched = match(Fired(at, np.full(at.size, BOTH)), times, volatility, usable)
    own_class = twin.classes(times.tolist(), decile, usable)
    expected = [twin.moments_alike(i, times.tolist(), own_class) for i in at if usable[i]]
    assert [list(own) for own in matched.pools] == [own for _, own, _ in expected if own]
    assert matched.weight.tolist() == [share for _, own, share in expected if own]
    by_level = list(matched.by_level.values())
    assert by_level[:4] == [sum(level == i for level, *_ in expected) for i in range(4)]
    assert by_level[4] == sum(level is None for level, *_ in expected)
    assert set(matched.fired.at) <= set(at[usable[at]])


def test_firings_at_every_moment_come_out_even():
    _, times, volatility, usable = _market(13)
    rng = np.random.default_rng(2)
    # Weekends are calm, and so are hours of the night: what classes must not mix.
    hour, weekday = times // 3_600_000 % 24, (times // DAY_MS + 3) % 7
    outcome = volatility * (1 + (hour > 12)) * (2 - (weekday >= 5)) + rng.normal(size=times.size)
    at = np.flatnonzero(usable)
    matched = match(Fired(at, np.full(at.size, BOTH)), times, volatility, usable)
    gains = [
        outcome[i] - outcome[own].mean()
        for i, own in zip(matched.fired.at, matched.pools, strict=True)
    ]
    assert np.average(gains, weights=matched.weight) == pytest.approx(0.0, abs=1e-9)


def test_every_moment_alike_lies_a_day_away_and_has_the_quarter_of_the_day_in_common():
    rng, times, volatility, usable = _market(5)
    at = np.sort(rng.choice(np.flatnonzero(usable), 40, replace=False))
    matched = match(Fired(at, np.full(at.size, BOTH)), times, volatility, usable)
    assert matched.pools
    for one, own in zip(matched.fired.at, matched.pools, strict=True):
        assert (np.abs(times[own] - times[one]) >= DAY_MS).all()
        assert (times[own] // 21_600_000 % 4 == times[one] // 21_600_000 % 4).all()
        assert usable[own].all()


def test_with_enough_weeks_the_hour_of_the_week_is_kept():
    times = lay({}, n=100 * PER_DAY).times_ms
    flat = np.full(times.size, 1.0)
    at = np.array([50 * PER_DAY])
    matched = match(Fired(at, np.array([UP])), times, flat, np.ones(times.size, dtype=bool))
    assert matched.by_level["hour of the week"] == 1
    assert (np.abs(times[matched.pools[0]] - times[at[0]]) >= 6 * DAY_MS).all()


def test_without_enough_moments_alike_a_firing_is_counted_and_left_out():
    times = lay({}, n=3 * PER_DAY).times_ms
    flat = np.full(times.size, 1.0)
    matched = match(
        Fired(np.array([300]), np.array([UP])), times, flat, np.ones(times.size, dtype=bool)
    )
    assert matched.fired.at.size == 0
    assert matched.by_level["none"] == 1


def _sample(seed):
    rng, times, volatility, usable = _market(seed)
    outcome = rng.normal(size=times.size)
    at = np.sort(rng.choice(np.flatnonzero(usable), 30, replace=False))
    matched = match(Fired(at, rng.choice([DOWN, UP], at.size)), times, volatility, usable)
    calendar = np.arange(times[0] // DAY_MS, times[-1] // DAY_MS + 1)
    return matched, times, outcome, sample(matched, times, outcome, calendar)


@pytest.mark.parametrize("block_days", [1, 2])
def test_every_draw_is_the_twins_mean_of_the_days_drawn(block_days):
    matched, times, outcome, one = _sample(7)
    found = contrast(one, block_days, seed=4, draws=12)
    day = (times // DAY_MS - one.calendar[0]).tolist()
    blocks = -(-one.calendar.size // block_days)
    for drawn, counts in zip(found.drawn, day_counts(blocks, seed=4, draws=12), strict=True):
        weight = [counts[d // block_days] for d in range(one.calendar.size)]
        expected = twin.mean_gain(
            matched.fired.at, matched.pools, matched.weight, outcome, day, weight
        )
        assert drawn == pytest.approx(expected)
    everything = twin.mean_gain(
        matched.fired.at, matched.pools, matched.weight, outcome, day, np.ones(one.calendar.size)
    )
    assert found.gain == pytest.approx(everything)
    assert found.gain == pytest.approx(found.value - found.matched)


def test_draws_that_are_made_later_are_drawn_as_the_first_ones():
    matched, times, outcome, one = _sample(8)
    found = contrast(one, seed=4, draws=2_300).drawn
    day = (times // DAY_MS - one.calendar[0]).tolist()
    counts = day_counts(one.calendar.size, seed=4, draws=2_300)
    for place in (0, 999, 1_000, 2_299):
        expected = twin.mean_gain(
            matched.fired.at, matched.pools, matched.weight, outcome, day, counts[place]
        )
        assert found[place] == pytest.approx(expected)


def test_signed_outcomes_turn_firings_and_their_matches_alike():
    matched, _, outcome, one = _sample(9)
    sign = np.where(matched.fired.direction == UP, 1.0, -1.0)
    turned = contrast(signed(one, sign), draws=5)
    by_hand = [
        s * (outcome[i] - outcome[own].mean())
        for s, i, own in zip(sign, matched.fired.at, matched.pools, strict=True)
    ]
    assert turned.gain == pytest.approx(np.average(by_hand, weights=matched.weight))


def test_pooled_markets_count_by_the_weight_of_their_firings():
    *_, first = _sample(10)
    *_, second = _sample(11)
    together = contrast(pool([first, second]), draws=5)
    parts = [contrast(one, draws=5) for one in (first, second)]
    n = [one.weight.sum() for one in (first, second)]
    assert together.gain == pytest.approx(np.average([p.gain for p in parts], weights=n))


def test_an_interval_holds_the_truth_about_as_often_as_it_says():
    # Outcomes shared by the firings of a day, as storms are: rows drawn one by one would be sure.
    rng = np.random.default_rng(0)
    days, inside, trials = 60, 0, 120
    for trial in range(trials):
        of_day = rng.normal(size=days)
        day = np.repeat(np.arange(days), 3)
        outcome = of_day[day] + 0.2 * rng.normal(size=day.size)
        sums = np.tile(of_day + 0.2 * rng.normal(size=days), (day.size, 1))
        one = Sample(
            outcome,
            np.ones(day.size),
            day,
            np.zeros_like(sums),
            np.ones_like(sums),
            np.arange(days),
        )
        drawn = contrast(one, seed=trial, draws=400).drawn
        low, high = np.quantile(drawn, [0.025, 0.975])
        inside += low <= 0 <= high
    assert 0.86 <= inside / trials <= 0.995

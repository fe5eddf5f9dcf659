"""Simulated processes whose truth is known: what each reading of a feed finds of it."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from tests.reference import hawkes as twin

from forcedflow.cascade.hawkes import (
    Events,
    branching_interval,
    check,
    fit_bursts,
    fit_counts,
    fit_thinned,
    fit_times,
    flat_baseline,
    prepare,
    rescaled_waits,
    with_hours,
    with_volatility,
)
from forcedflow.cascade.hawkes.fit import refit
from forcedflow.units import DAY_MS, HOUR_MS

MEMORIES = (1.0, 30.0, 600.0)
DECAY = 1 / np.array(MEMORIES)
DAYS = 6


def as_events(made, names=("x",)):
    times, series, marks = made
    return Events(np.floor(times * 1_000).astype(np.int64), series, marks, names)


@cache
def simulated(seed, days=DAYS, rate=0.01, mass=(0.25, 0.2, 0.15)):
    rng = np.random.default_rng(seed)
    return as_events(twin.simulate(rng, days * 86_400, [rate], [[list(mass)]], DECAY))


def one_a_second(events):
    last = np.append(np.diff(events.time_ms // 1_000) > 0, True)
    return Events(events.time_ms[last], events.series[last], events.size[last], events.names)


def flat(days=DAYS):
    return flat_baseline(0, days * DAY_MS)


@pytest.mark.parametrize("fitted", [fit_times, fit_counts])
def test_the_parameters_are_recovered(fitted):
    events = simulated(1)
    fit = fitted(events, flat(), size_exponents=(0.0,))
    assert fit.converged
    assert fit.model.branching_ratio == pytest.approx(0.6, abs=0.03)
    np.testing.assert_allclose(fit.model.branching_by_memory, [0.25, 0.2, 0.15], atol=0.04)
    assert fit.model.rate[0] == pytest.approx(0.01, rel=0.1)
    assert fit.caused_share == pytest.approx(fit.model.branching_ratio, abs=0.02)


def test_most_intervals_hold_the_truth():
    inside = 0
    for seed in range(10, 20):
        events = simulated(seed, 3)
        fit = fit_times(events, flat(3), size_exponents=(0.0,))
        prepared = prepare(events, flat(3), "times", 0)
        found = branching_interval(
            prepared, fit, np.random.default_rng(seed), draws=40, block_ms=3 * HOUR_MS
        )
        assert found.blocks == 24
        assert found.high - found.low < 0.25
        inside += found.low <= 0.6 <= found.high
    # Nine of ten are meant; 24 blocks give somewhat fewer.
    assert inside >= 6


@pytest.mark.parametrize("reading", ["times", "counts", "thinned"])
def test_waits_rescaled_by_the_truth_s_family_are_exponential(reading):
    events = simulated(2)
    fitted = {"times": fit_times, "counts": fit_counts}.get(reading)
    fit = fitted(events, flat(), size_exponents=(0.0,)) if fitted else fit_thinned(events, flat())
    prepared = prepare(events, flat(), reading, fit.bin_ms)
    (waits,) = rescaled_waits(prepared, fit, np.random.default_rng(3))
    found = check(waits)
    assert found.p_value > 0.01
    assert found.mean == pytest.approx(1, abs=0.01)
    assert abs(found.lag_correlation) < 0.03


@pytest.mark.parametrize("mass", [(0.25, 0.2, 0.15), (0.5, 0.2, 0.15)])
def test_one_print_a_second_biases_a_complete_reading_down_and_not_the_thinned_one(mass):
    whole = simulated(3, mass=mass)
    kept = one_a_second(whole)
    assert kept.time_ms.size < 0.95 * whole.time_ms.size
    truth = fit_times(whole, flat(), size_exponents=(0.0,))
    naive = fit_times(kept, flat(), size_exponents=(0.0,))
    thinned = fit_thinned(kept, flat())
    n = truth.model.branching_ratio
    assert thinned.converged
    # What is thinned away most is the fastest memory.
    assert naive.model.branching_by_memory[0] < 0.6 * mass[0]
    assert naive.model.branching_ratio < n - 0.02
    assert thinned.model.branching_ratio == pytest.approx(n, abs=0.02)
    assert thinned.model.branching_by_memory[0] == pytest.approx(mass[0], abs=0.04)


def test_the_thinned_interval_holds_the_truth():
    kept = one_a_second(simulated(4))
    fit = fit_thinned(kept, flat())
    prepared = prepare(kept, flat(), "thinned", 1_000)
    found = branching_interval(
        prepared, fit, np.random.default_rng(0), draws=20, level=0.99, block_ms=6 * HOUR_MS
    )
    assert found.low < 0.6 < found.high


@pytest.mark.parametrize("n", [0.0, 0.3])
def test_seasonality_left_out_of_the_baseline_pushes_the_ratio_towards_one(n):
    def season(t):
        return math.exp(3.0 * math.sin(2 * math.pi * (t // 3_600) / 24)) / 4.9

    made = twin.simulate(
        np.random.default_rng(5), 8 * 86_400, [0.02], [[[n, 0, 0]]], DECAY, 4.2, season
    )
    events = as_events(made)
    without = fit_times(events, flat(8), size_exponents=(0.0,))
    with_it = fit_times(events, with_hours(flat(8), 24), size_exponents=(0.0,))
    assert without.model.branching_ratio > 0.85
    assert with_it.model.branching_ratio == pytest.approx(n, abs=0.08)
    assert with_it.log_likelihood > without.log_likelihood + 50


def test_volatility_in_the_baseline_does_the_same_for_busy_days():
    rng = np.random.default_rng(6)
    sigma = np.exp(rng.choice([-1.5, -0.5, 0.5, 1.5], 10 * 24))
    level = sigma / sigma.mean()

    def busy(t):
        return level[int(t // 3_600)]

    made = twin.simulate(rng, 10 * 86_400, [0.02], [[[0.3, 0, 0]]], DECAY, level.max(), busy)
    events = as_events(made)
    known = np.arange(10 * 24) * HOUR_MS
    baseline = with_volatility(flat(10), known, sigma, np.exp([-1.0, 0.0, 1.0]))
    without = fit_times(events, flat(10), size_exponents=(0.0,))
    with_it = fit_times(events, baseline, size_exponents=(0.0,))
    assert without.model.branching_ratio > 0.7
    assert with_it.model.branching_ratio == pytest.approx(0.3, abs=0.1)


def test_which_series_excites_which_is_recovered():
    mass = [[[0.3, 0, 0], [0, 0.4, 0]], [[0, 0, 0], [0.2, 0, 0]]]
    rng = np.random.default_rng(7)
    made = twin.simulate(rng, DAYS * 86_400, [0.006, 0.012], mass, DECAY)
    events = as_events(made, ("a", "b"))
    fit = fit_times(events, flat(), size_exponents=(0.0,))
    np.testing.assert_allclose(fit.model.branching_matrix, [[0.3, 0.4], [0, 0.2]], atol=0.06)
    assert fit.model.branching_ratio == pytest.approx(0.3, abs=0.06)


def test_the_size_exponent_is_recovered():
    # g has mean exp(1 / 8) where the log of size is standard normal and γ is a half.
    scale = 0.5 / math.exp(0.125)
    made = twin.simulate(
        np.random.default_rng(8),
        DAYS * 86_400,
        [0.01],
        [[[scale, 0, 0]]],
        DECAY,
        draw_mark=lambda rng: math.exp(0.5 * rng.normal()),
    )
    times, series, marks = made
    fit = fit_times(as_events((times, series, marks**2)), flat())
    assert fit.model.size_exponent == 0.5
    assert fit.model.branching_ratio == pytest.approx(0.5, abs=0.06)


def test_many_at_once_by_one_cause_are_no_family_to_bursts_alone():
    # A common cause closes a dozen within a tenth of a second; nothing causes anything after.
    rng = np.random.default_rng(9)
    causes = np.sort(rng.integers(0, 86_400 * DAYS, 4_000)) * 1_000
    times = np.sort((causes[:, None] + rng.integers(0, 100, (4_000, 12))).ravel())
    events = Events(times, np.zeros(times.size, np.int64), np.ones(times.size), ("x",))
    assert fit_counts(events, flat(), size_exponents=(0.0,)).model.branching_ratio > 0.85
    assert fit_bursts(events, flat(), size_exponents=(0.0,)).model.branching_ratio < 0.1


def test_a_day_without_weight_is_as_if_it_were_not_watched():
    events = simulated(1)
    prepared = prepare(events, flat(), "times", 0)
    weight = np.ones(prepared.baseline.steps)
    weight[24 * 3 :] = 0.0
    first = events.time_ms < 3 * DAY_MS
    alone = Events(events.time_ms[first], events.series[first], events.size[first], ("x",))
    half = fit_times(alone, flat(3), size_exponents=(0.0,))
    np.testing.assert_allclose(refit(prepared, weight).model.mass, half.model.mass, atol=1e-3)


def test_too_few_days_give_no_interval():
    events = simulated(3)
    early = events.time_ms < 4 * DAY_MS
    few = Events(events.time_ms[early], events.series[early], events.size[early], ("x",))
    prepared = prepare(few, flat(4), "times", 0)
    fit = fit_times(few, flat(4), size_exponents=(0.0,))
    with pytest.raises(ValueError, match="4 blocks are too few"):
        branching_interval(prepared, fit, np.random.default_rng(0))

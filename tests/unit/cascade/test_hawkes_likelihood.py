"""The likelihood against the independent vector, double sums and counted probabilities."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import hawkes as twin

from forcedflow.cascade.hawkes import (
    Baseline,
    Events,
    HawkesModel,
    check,
    fit_times,
    flat_baseline,
    prepare,
    rescaled_waits,
)
from forcedflow.cascade.hawkes.fit import log_likelihood, refit

FIVE = Events(np.array([500, 600, 650, 2_000, 2_100]), np.zeros(5, np.int64), np.ones(5), ("x",))


def one_kernel(rate, mass, memory_s):
    return HawkesModel(("x",), np.array([rate]), np.ones((0, 1)), np.array([[[mass]]]), (memory_s,))


def test_five_events_have_the_independent_likelihood_and_compensator():
    model = one_kernel(0.8, 0.9 / 1.5, 1 / 1.5)
    prepared = prepare(FIVE, flat_baseline(0, 3_000), "times", 0, model.memories_s)
    assert log_likelihood(prepared, model) == pytest.approx(-3.241770, abs=5e-7)
    expected = 0.8 * 3 + 0.6 * prepared.exposure(np.ones(1)).excited.sum()
    assert expected == pytest.approx(5.062402, abs=5e-7)
    assert model.branching_ratio == pytest.approx(0.6)


@pytest.mark.vectors
def test_the_five_events_are_those_of_the_independent_script(vectors):
    ran = subprocess.run(
        [sys.executable, vectors / "cascade_vectors.py"], capture_output=True, text=True, check=True
    )
    found = re.search(r"loglik (\S+) \(n=(\S+), compensator (\S+)\)", ran.stdout)
    model = one_kernel(0.8, 0.9 / 1.5, 1 / 1.5)
    prepared = prepare(FIVE, flat_baseline(0, 3_000), "times", 0, model.memories_s)
    assert f"{log_likelihood(prepared, model):.6f}" == found[1]
    assert f"{model.branching_ratio:.2f}" == found[2]


@st.composite
def markets(draw):
    n, kinds = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    time = np.sort(np.array(draw(st.lists(st.integers(0, 9_999), min_size=n, max_size=n))))
    series = np.array(draw(st.lists(st.integers(0, kinds - 1), min_size=n, max_size=n)))
    size = np.array(draw(st.lists(st.floats(0.1, 50), min_size=n, max_size=n)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    events = Events(time, series, size, tuple("abc"[:kinds]))
    # Rows of levels: one factor of three, on uneven steps.
    baseline = Baseline(np.array([0, 1_500, 4_000, 10_000]), np.array([[0, 2, 1]]), ("a factor",))
    model = HawkesModel(
        events.names,
        rng.uniform(0.1, 2, kinds),
        rng.uniform(0.5, 2, (1, 3)),
        rng.uniform(0, 0.5, (kinds, kinds, 2)),
        (0.5, 4.0),
        0.5,
    )
    return events, baseline, model


def base_of(baseline, model):
    edges = baseline.edges_ms / 1_000
    level = model.factors[0, baseline.codes[0]]

    def base(t, s):
        return model.rate[s] * level[np.searchsorted(edges, t, side="right") - 1]

    def integral(t, s):
        parts = [level[j] * max(0.0, min(t, b) - a) for j, (a, b) in enumerate(pairwise(edges))]
        return model.rate[s] * sum(parts)

    return base, integral


@settings(deadline=None, max_examples=60)
@given(markets())
def test_the_likelihood_is_the_double_sum_of_its_definition(market):
    events, baseline, model = market
    prepared = prepare(events, baseline, "times", 0, model.memories_s, model.size_exponent)
    said = twin.log_likelihood(
        10.0,
        events.time_ms / 1_000,
        events.series,
        events.marks(0.5),
        *base_of(baseline, model),
        model.mass,
        model.decay,
    )
    assert log_likelihood(prepared, model) == pytest.approx(said, rel=1e-9, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(markets())
def test_rescaled_waits_are_differences_of_the_compensator(market):
    events, baseline, model = market
    prepared = prepare(events, baseline, "times", 0, model.memories_s, model.size_exponent)
    # The figures are the drawn model's, whatever would have been fitted.
    fit = refit(prepared)
    np.copyto(fit.model.mass, model.mass)
    np.copyto(fit.model.rate, model.rate)
    np.copyto(fit.model.factors, model.factors)
    _, integral = base_of(baseline, model)
    time = events.time_ms / 1_000
    for s, waits in enumerate(rescaled_waits(prepared, fit, np.random.default_rng(0))):
        passed = [
            twin.compensator(
                t, s, time, events.series, events.marks(0.5), integral, model.mass, model.decay
            )
            for t in time[events.series == s]
        ]
        np.testing.assert_allclose(waits, np.diff(passed), rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True),
    st.floats(0.2, 3.0),
)
def test_what_a_bin_feels_is_the_mean_over_places_in_earlier_bins(place, memory_s):
    place = sorted(place)
    events = Events(
        np.array(place) * 1_000, np.zeros(len(place), np.int64), np.ones(len(place)), ("x",)
    )
    prepared = prepare(events, flat_baseline(0, 31_000), "counts", 1_000, (memory_s,))
    for i in range(len(place)):
        said = twin.felt_in_bin(i, place, np.ones(len(place)), 1.0, 1 / memory_s)
        assert prepared.rows.felt[i, 0, 0] == pytest.approx(said, rel=1e-4, abs=1e-12)


def test_a_bin_s_likelihood_is_that_of_counted_families():
    # Three events in the only bin: arrivals from outside, families within.
    events = Events(np.array([0, 10, 20]), np.zeros(3, np.int64), np.ones(3), ("x",))
    prepared = prepare(events, flat_baseline(0, 1_000), "counts", 1_000, (0.5,))
    inside = 1 - prepared.after[0]
    model = one_kernel(0.7, 0.6, 0.5)
    said = twin.borel_tanner(3, 0.7, 0.6 * inside)
    found = log_likelihood(prepared, model) - math.log(math.factorial(3))
    assert found == pytest.approx(math.log(said), rel=1e-12)
    assert sum(twin.borel_tanner(c, 0.7, 0.3) for c in range(120)) == pytest.approx(1, abs=1e-9)


def test_a_printed_second_says_at_least_one_and_a_silent_one_none():
    events = Events(np.array([0]), np.zeros(1, np.int64), np.ones(1), ("x",))
    model = one_kernel(0.7, 0.0, 1.0)
    for reading in ("thinned", "bursts"):
        prepared = prepare(events, flat_baseline(0, 3_000), reading, 1_000, (1.0,))
        said = math.log(1 - math.exp(-0.7)) - 2 * 0.7
        assert log_likelihood(prepared, model) == pytest.approx(said, rel=1e-12)


def test_simultaneous_events_do_not_cause_each_other():
    events = Events(np.array([5, 5, 5]), np.zeros(3, np.int64), np.ones(3), ("x",))
    assert not prepare(events, flat_baseline(0, 1_000), "times", 0, (1.0,)).rows.felt.any()
    assert events.tied_share == 1.0


def test_events_without_memory_are_given_to_the_baseline():
    times = np.sort(np.random.default_rng(2).integers(0, 86_400_000, 1_500))
    events = Events(times, np.zeros(1_500, np.int64), np.ones(1_500), ("x",))
    fit = fit_times(events, flat_baseline(0, 86_400_000), size_exponents=(0.0,))
    assert fit.converged
    assert fit.model.branching_ratio < 0.1
    assert fit.model.rate[0] * 86_400 + fit.caused_share * 1_500 == pytest.approx(1_500, rel=1e-3)


def test_waits_of_a_poisson_process_pass_and_regular_ones_do_not():
    assert check(np.random.default_rng(1).exponential(size=2_000)).p_value > 0.01
    regular = check(np.linspace(0.99, 1.01, 200))
    assert regular.p_value < 1e-6
    assert regular.distance == pytest.approx(1 - math.exp(-1), abs=0.01)
    assert regular.lag_correlation == pytest.approx(1)


def test_what_is_no_feed_is_refused():
    with pytest.raises(ValueError, match="order of their time"):
        Events(np.array([2, 1]), np.zeros(2, np.int64), np.ones(2), ("x",))
    with pytest.raises(ValueError, match="positive"):
        Events(np.array([1]), np.zeros(1, np.int64), np.zeros(1), ("x",))
    with pytest.raises(ValueError, match="numbered"):
        Events(np.array([1]), np.ones(1, np.int64), np.ones(1), ("x",))
    with pytest.raises(ValueError, match="outside the window"):
        prepare(FIVE, flat_baseline(0, 2_000), "times", 0)
    two = Events(FIVE.time_ms, np.array([0, 1, 0, 1, 0]), np.ones(5), ("x", "y"))
    with pytest.raises(ValueError, match="one series"):
        prepare(two, flat_baseline(0, 3_000), "counts", 1_000)
    assert two.pooled().names == ("x+y",)
    with pytest.raises(ValueError, match="whole bins"):
        prepare(FIVE, flat_baseline(0, 2_500), "counts", 1_000)
    prepared = prepare(FIVE, flat_baseline(0, 3_000), "times", 0)
    with pytest.raises(ValueError, match="weight"):
        refit(prepared, np.zeros(1))
    with pytest.raises(ValueError, match="three waits"):
        check(np.ones(2))

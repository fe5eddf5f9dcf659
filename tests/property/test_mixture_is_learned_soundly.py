"""The mixture's fit, its online form and its quantiles against their readable twins."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from tests.reference import markets
from tests.reference import mixture as twin

from forcedflow.errors import DataError
from forcedflow.positions import mixture
from forcedflow.positions.mixture import (
    BACKGROUND_EVENTS,
    PRIOR_EVENTS,
    Mixture,
    OnlineMixture,
    aggregate_design,
    fit_mixture,
    gamma_quantile,
)
from forcedflow.units import HOUR_MS

STATED = {"prior_events": PRIOR_EVENTS, "background_events": BACKGROUND_EVENTS}
USD = st.one_of(st.just(0.0), st.floats(1.0, 1e6))
HERE = "forcedflow.positions.mixture._STEPS"


@st.composite
def cases(draw):
    """Design, background, target and share; something always stood, and both sides lost."""
    n, atoms, terms = draw(st.tuples(st.integers(3, 8), st.integers(1, 4), st.integers(1, 3)))
    design = draw(st_numpy.arrays(float, (n, 2, atoms), elements=USD))
    background = draw(st_numpy.arrays(float, (n, 2, terms), elements=USD))
    background[:, :, -1] += 1e4
    target = draw(st_numpy.arrays(float, (n, 2), elements=USD))
    target[draw(st.integers(0, n - 1))] += 5e3
    share = draw(st_numpy.arrays(float, atoms, elements=st.floats(0.05, 1.0)))
    return design, background, target, share


def side_of(case, side):
    design, background, target, share = case
    return background[:, side].tolist(), design[:, side].tolist(), target[:, side].tolist(), share


@settings(deadline=None, max_examples=25)
@given(cases(), st.sampled_from([1, 4, 15]))
def test_a_fit_is_its_readable_twin(case, steps):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HERE, steps)
        fitted = fit_mixture(*case)
    n_terms = case[1].shape[2]
    for side in range(2):
        weights, events, phi, _ = twin.fit(*side_of(case, side), steps=steps, **STATED)
        found = [*fitted.background[side], *fitted.weight[side]]
        assert found == pytest.approx(weights, rel=1e-7, abs=1e-12)
        assert fitted.events[side].tolist() == pytest.approx(events[n_terms:], rel=1e-7)
        assert fitted.dispersion[side] == pytest.approx(phi, rel=1e-6)


@settings(deadline=None, max_examples=25)
@given(cases())
def test_no_step_lowers_the_penalised_likelihood(case):
    for side in range(2):
        *_, climbed = twin.fit(*side_of(case, side), steps=12, **STATED)
        for climb in climbed:
            for before, after in pairwise(climb):
                assert after >= before - 1e-9 * max(abs(before), 1.0)


@settings(deadline=None, max_examples=15)
@given(cases())
def test_weights_are_never_negative_and_more_events_never_come_from_nowhere(case):
    fitted = fit_mixture(*case)
    for values in (fitted.weight, fitted.background, fitted.dispersion, fitted.events):
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    # What data credit to atoms is at most all effective events that there were.
    prior_events = PRIOR_EVENTS * case[3].size
    assert (fitted.informed >= -1e-12).all()
    assert (fitted.informed < 1).all()
    assert (fitted.events.sum(axis=1) >= prior_events - 1e-9).all()


@settings(deadline=None, max_examples=15)
@given(cases(), st.floats(1e-2, 1e3))
def test_liquidations_in_another_unit_scale_the_weights(case, factor):
    design, background, target, share = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HERE, 40)
        ours = fit_mixture(design, background, target, share)
        scaled = fit_mixture(design, background, factor * target, share)
    for name in ("weight", "background", "dispersion"):
        expected = factor * getattr(ours, name)
        assert getattr(scaled, name) == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert scaled.events == pytest.approx(ours.events, rel=1e-6)


@settings(deadline=None, max_examples=15)
@given(cases())
def test_an_atom_that_was_never_swept_keeps_its_prior(case):
    design, background, target, share = case
    assume(design.shape[2] > 1 and (design[:, :, 1:].sum(axis=(0, 2)) > 0).all())
    design = design.copy()
    design[:, :, 0] = 0.0
    fitted = fit_mixture(design, background, target, share)
    for side in range(2):
        means, strengths = twin.prior(*side_of((design, background, target, share), side), **STATED)
        first = background.shape[2]
        assert fitted.weight[side, 0] == pytest.approx(means[first])
        assert fitted.events[side, 0] == pytest.approx(strengths[first])
        assert fitted.informed[side, 0] == pytest.approx(0.0, abs=1e-12)


def test_a_side_without_liquidations_is_refused_and_so_is_what_is_no_amount():
    design, background, target = np.ones((4, 2, 1)), np.ones((4, 2, 1)), np.ones((4, 2))
    share = np.ones(1)
    with pytest.raises(DataError, match="no short was liquidated in the 4"):
        fit_mixture(design, background, target * [1.0, 0.0], share)
    with pytest.raises(ValueError, match="design must be finite"):
        fit_mixture(-design, background, target, share)
    with pytest.raises(ValueError, match="same rows"):
        fit_mixture(design[1:], background, target, share)


def posterior(weight, events, background, dispersion):
    shape = np.asarray(weight, dtype=float).shape
    return Mixture(
        np.asarray(weight, dtype=float),
        np.asarray(events, dtype=float),
        np.asarray(background, dtype=float),
        np.asarray(dispersion, dtype=float),
        np.zeros(shape),
        1,
    )


def stream(seed, n=30, atoms=3):
    rng = np.random.default_rng(seed)
    design = rng.gamma(0.4, 1e5, (n, 2, atoms))
    background = rng.gamma(1.0, 1e5, (n, 2, 2))
    true = np.array([[0.02, 0.3, 0.1], [0.2, 0.02, 0.1]])[:, :atoms]
    rate = np.einsum("nsa,sa->ns", design, true) + 0.01 * background.sum(axis=2)
    target = 500.0 * rng.poisson(rate / 500.0)
    end_ms = np.cumsum(rng.integers(1, 4, n)) * HOUR_MS
    start = posterior(
        np.full((2, atoms), 0.1), np.full((2, atoms), 2.0), np.full((2, 2), 0.01), [500.0, 500.0]
    )
    return start, design, background, target, end_ms


@pytest.mark.parametrize("seed", range(4))
def test_the_online_filter_is_its_readable_twin(seed):
    start, design, background, target, end_ms = stream(seed)
    online = OnlineMixture(start, half_life_days=0.5)
    expected = online.replay(design, background, target, end_ms)
    for side in range(2):
        read, weights = twin.filtered(
            design[:, side], background[:, side], target[:, side], end_ms, start, side, 0.5
        )
        assert expected[:, side] == pytest.approx(read, rel=1e-9)
        assert online.weight[side] == pytest.approx(weights, rel=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1_000), st.integers(1, 29))
def test_interval_by_interval_is_the_replay_byte_for_byte(seed, cut):
    start, design, background, target, end_ms = stream(seed)
    whole = OnlineMixture(start)
    expected = whole.replay(design, background, target, end_ms)
    parts = OnlineMixture(start)
    before = parts.replay(design[:cut], background[:cut], target[:cut], end_ms[:cut])
    after = [
        parts.advance(design[t], background[t], target[t], int(end_ms[t] - end_ms[t - 1]))
        for t in range(cut, end_ms.size)
    ]
    assert markets.same_bytes(np.concatenate([before, np.stack(after)]), expected)
    assert markets.same_bytes(parts.weight, whole.weight)


def test_an_expectation_is_given_before_its_interval_is_learned():
    start, design, background, target, end_ms = stream(5)
    told = OnlineMixture(start).replay(design, background, target, end_ms)
    other = target.copy()
    other[20:] *= 9.0
    assert markets.same_bytes(
        OnlineMixture(start).replay(design, background, other, end_ms)[:21], told[:21]
    )


def test_with_endless_memory_the_filter_comes_close_to_the_batch():
    start, design, background, target, end_ms = stream(11, n=4_000)
    batch = fit_mixture(design, background, target, np.ones(3))
    prior = posterior(start.weight, start.events, batch.background, batch.dispersion)
    online = OnlineMixture(prior, half_life_days=math.inf)
    online.replay(design, background, target, end_ms)
    # What was misattributed before anything was learned is never taken back.
    assert online.weight == pytest.approx(batch.weight, abs=0.03 * batch.weight.max())


@settings(deadline=None, max_examples=40)
@given(markets.bars(least=3, most=30), st.integers(0, 999))
def test_the_design_is_the_sum_of_its_bars(bars, seed):
    rng = np.random.default_rng(seed)
    swept = rng.gamma(0.3, 10.0, (2, 3, bars.size))
    ends = np.arange(bars.end_ms[0], bars.end_ms[-1] + HOUR_MS, HOUR_MS)
    summed = aggregate_design(swept, bars.close, bars.end_ms, ends, HOUR_MS)
    largest = float((swept * bars.close).sum())
    for row, end in enumerate(ends):
        inside = (bars.end_ms > end - HOUR_MS) & (bars.end_ms <= end)
        direct = (swept * bars.close)[:, :, inside].sum(axis=2)
        assert summed[row] == pytest.approx(direct, abs=1e-12 * largest)
    assert (summed >= 0).all()


@pytest.mark.parametrize("shape", [0.2, 0.5, 1.0, 2.0, 4.9, 5.0, 12.0, 80.0])
def test_gamma_quantiles_are_those_of_draws_within_two_percent(shape):
    drawn = np.random.default_rng(3).gamma(shape, 7.0 / shape, 1_000_000)
    for p in (0.1, 0.5, 0.9):
        found = gamma_quantile(np.array([7.0]), np.array([7.0 / math.sqrt(shape)]), p)
        assert found[0] == pytest.approx(np.quantile(drawn, p), rel=0.02)


def test_what_is_certain_has_one_quantile():
    mean, nothing = np.array([0.0, 3.0]), np.zeros(2)
    assert gamma_quantile(mean, nothing, 0.1).tolist() == [0.0, 3.0]
    assert gamma_quantile(mean, nothing, 0.9).tolist() == [0.0, 3.0]


def test_the_spread_is_that_of_drawn_weights():
    fitted = posterior([[0.2, 0.05], [0.1, 0.3]], [[3.0, 0.7], [12.0, 2.0]], [[0.0], [0.0]], [1, 1])
    design = np.random.default_rng(4).gamma(0.5, 1e4, (3, 2, 2))
    rng = np.random.default_rng(5)
    drawn = rng.gamma(fitted.events, fitted.weight / fitted.events, (200_000, 2, 2))
    mapped = np.einsum("nsa,dsa->dns", design, drawn)
    assert fitted.spread(design) == pytest.approx(mapped.std(axis=0), rel=0.02)
    path = np.zeros((3, 2, 1))
    assert fitted.predict(design, path) == pytest.approx(mapped.mean(axis=0), rel=0.01)


def test_the_constants_are_what_the_twin_was_written_for():
    assert (PRIOR_EVENTS, BACKGROUND_EVENTS, mixture._STEPS) == (0.5, 0.3, 600)

"""The map's opponents are their readable twins, and no trial knows anything before its time."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import markets
from tests.reference import nulls as twin
from tests.unit.evaluate import sandbox_trial

from forcedflow.evaluate.map_trial import FLOOR_SHARE, OURS, VARIANTS, hold_trial, prepare
from forcedflow.evaluate.nulls import incumbent_rule, net_flows, shifted_flows
from forcedflow.evaluate.realised import Realised
from forcedflow.positions import infer_flows
from forcedflow.positions.background import trailing_level
from forcedflow.positions.price_history import equal_flows
from forcedflow.units import DAY_MS, HOUR_MS

FIT_DAYS = 9


def flows_of(bars):
    return markets.one_role(infer_flows(bars))


@settings(deadline=None, max_examples=60)
@given(markets.bars(least=2))
def test_the_incumbent_rule_is_a_list_of_levels(bars):
    found = incumbent_rule(bars).usd
    assert found == pytest.approx(np.array(twin.incumbent(bars)), rel=1e-9, abs=1e-6)


def test_a_price_far_from_the_first_touches_only_its_own_levels():
    bars = markets.bars_of(
        [100.0, 100.0, 2.0, 2.0, 9_000.0, 9_000.0], change=50.0, open_interest=1000.0
    )
    found = incumbent_rule(bars).usd
    assert found == pytest.approx(np.array(twin.incumbent(bars)))
    assert found[2, 0] > 0
    assert found[3].tolist() == [0.0, 0.0]


@settings(deadline=None, max_examples=60)
@given(markets.bars(least=2), st.sampled_from([1, 7]))
def test_equal_and_shifted_opens_are_those_of_plain_loops(bars, days):
    flows = flows_of(bars)
    equal, shifted, net = equal_flows(bars, flows), shifted_flows(bars, flows, days), net_flows
    assert equal.opens_long[:, 0] == pytest.approx(twin.equal_opens(bars))
    assert equal.opens_short[:, 0] == pytest.approx(twin.equal_opens(bars))
    for side in ("opens_long", "opens_short"):
        opens = getattr(flows, side)[:, 0].tolist()
        assert getattr(shifted, side)[:, 0] == pytest.approx(twin.shifted_opens(bars, opens, days))
        rises = [max(float(change), 0.0) for change in bars.change]
        assert getattr(net(bars, flows), side)[:, 0].tolist() == rises


@settings(deadline=None, max_examples=60)
@given(markets.bars(least=3), st.data())
def test_no_opponent_is_changed_by_later_bars(bars, data):
    cut = data.draw(st.integers(1, bars.size - 1))
    earlier = bars.cut(0, cut)
    flows = flows_of(bars)
    for variant in (*VARIANTS.values(), lambda b, f: shifted_flows(b, f, days=1)):
        whole = variant(bars, flows)
        part = variant(earlier, markets.cut_flows(flows, 0, cut))
        for side in ("opens_long", "opens_short"):
            assert markets.same_bytes(getattr(part, side), getattr(whole, side)[:cut])
    assert markets.same_bytes(incumbent_rule(earlier).usd, incumbent_rule(bars).usd[:cut])


@cache
def market():
    """Return two weeks of a small simulated market."""
    return sandbox_trial.recorded(days=14, n_traders=4_000, seed=2)


@cache
def fit_to_ms():
    return int(market().bars.end_ms[0]) // DAY_MS * DAY_MS + FIT_DAYS * DAY_MS


def trial_of(bars, realised, *, placebos=False):
    ready = prepare(
        bars,
        infer_flows(bars).joined(),
        realised,
        HOUR_MS,
        market().atoms,
        market().width,
        placebos=placebos,
    )
    return hold_trial(ready, fit_to_ms())


@cache
def untouched():
    return trial_of(market().bars, market().realised, placebos=True)


def other_future(from_ms):
    """Return bars and liquidations that are another market's from a moment on."""
    bars, realised = market().bars, market().realised
    rng = np.random.default_rng(8)
    later = bars.end_ms > from_ms
    factor = np.where(
        later, np.exp(np.cumsum(np.where(later, rng.normal(0, 2e-3, later.size), 0))), 1
    )
    held = bars.open_interest * np.where(later, 1.7, 1.0)
    changed = replace(
        bars,
        low=bars.low * np.where(later, 0.99 * factor, 1.0),
        high=bars.high * np.where(later, 1.02 * factor, 1.0),
        close=bars.close * factor,
        open_interest=held,
        change=np.diff(held, prepend=bars.open_interest[0] - bars.change[0]),
        volume=bars.volume * np.where(later, 3.0, 1.0),
        taker_buy_share=np.where(later, 0.9, bars.taker_buy_share),
    )
    after = realised.end_ms > from_ms
    usd = np.where(after[:, None], 5.0 * realised.usd[:, ::-1] + 1e4, realised.usd)
    return changed, Realised(realised.end_ms, usd)


def cut_off(from_ms):
    """Return bars and liquidations that end at a moment."""
    bars, realised = market().bars, market().realised
    kept = realised.end_ms <= from_ms
    return (
        bars.cut(0, int((bars.end_ms <= from_ms).sum())),
        Realised(realised.end_ms[kept], realised.usd[kept]),
    )


@pytest.mark.parametrize("future", [other_future, cut_off])
@pytest.mark.parametrize("days_after_fit", [0, 2])
def test_what_comes_later_changes_no_weight_and_no_earlier_expectation(future, days_after_fit):
    from_ms = fit_to_ms() + days_after_fit * DAY_MS
    trial, known = trial_of(*future(from_ms)), untouched()
    for name in ("weight", "events", "background", "dispersion", "informed"):
        assert markets.same_bytes(getattr(trial.mixture, name), getattr(known.mixture, name))
    assert markets.same_bytes(trial.path_only.weights, known.path_only.weights)
    earlier = int((known.prepared.end_ms <= from_ms).sum())
    for name, expected in trial.expected.items():
        assert markets.same_bytes(expected[:earlier], known.expected[name][:earlier]), name
        assert markets.same_bytes(trial.static[name][:earlier], known.static[name][:earlier]), name


def test_the_next_expectation_knows_nothing_of_its_own_liquidations():
    trial, known = untouched(), None
    realised = market().realised
    last = int(trial.prepared.end_ms[-1])
    usd = np.where((realised.end_ms == last)[:, None], 1e9, realised.usd)
    known = trial_of(market().bars, Realised(realised.end_ms, usd), placebos=True)
    assert known.prepared.target[-1].tolist() == [1e9, 1e9]
    for name, expected in known.expected.items():
        assert markets.same_bytes(expected, trial.expected[name]), name


def test_placebos_change_nothing_of_ours():
    plain = trial_of(market().bars, market().realised)
    assert set(untouched().expected) - set(plain.expected) == {
        "mirrored",
        "permuted",
        "stale",
        "shuffled",
    }
    for name, expected in plain.expected.items():
        assert markets.same_bytes(expected, untouched().expected[name])


def test_every_competitor_has_the_same_floor_and_the_same_level():
    trial = untouched()
    ready = trial.prepared
    fit = ready.end_ms <= trial.fit_to_ms
    floor = FLOOR_SHARE * ready.target[fit].mean(axis=0)
    assert OURS in trial.static
    assert set(trial.static) == set(trial.expected) == set(trial.learned)
    for name, learned in trial.learned.items():
        assert (learned >= floor).all(), name
        assert (trial.static[name] >= floor).all(), name
        level = trailing_level(ready.target.sum(axis=1), learned.sum(axis=1), ready.end_ms)
        if name == "incumbent":
            level[:] = 1.0  # it is scored as it is sold
        assert markets.same_bytes(trial.expected[name], learned * level[:, None]), name


def test_every_model_with_weights_goes_on_learning_and_none_before_its_fit_ends():
    trial = untouched()
    fit = trial.prepared.end_ms <= trial.fit_to_ms
    # Shuffled weights would find their way back if they were let.
    without_weights = {
        *("incumbent", "incumbent_scaled", "incumbent_floor", "constant"),
        "shuffled",
    }
    for name, learned in trial.learned.items():
        assert markets.same_bytes(learned[fit], trial.static[name][fit]), name
        same_after = np.array_equal(learned[~fit], trial.static[name][~fit])
        assert same_after == (name in without_weights), name


def test_the_scaled_rule_and_the_constant_expect_what_was_fitted():
    trial = untouched()
    ready = trial.prepared
    fit = ready.end_ms <= trial.fit_to_ms
    total = ready.target[fit].sum()
    # The floor only adds, and little.
    for name in ("constant", "incumbent_scaled", "incumbent_floor"):
        expected = trial.static[name][fit].sum()
        assert total * (1 - 1e-9) <= expected <= total * (1 + FLOOR_SHARE), name


def test_a_market_with_a_future_is_another_market():
    """The changes above are large enough to matter: with them inside the fit, weights move."""
    bars, realised = other_future(fit_to_ms() - 3 * DAY_MS)
    trial = trial_of(bars, realised)
    assert not np.allclose(trial.mixture.weight, untouched().mixture.weight, rtol=0.05)
    assert len(fields(trial)) == len(fields(untouched()))

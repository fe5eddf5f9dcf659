"""What holds of every wave, whatever the venues do."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.reference import cascade as twin
from tests.reference.stages import stages

from forcedflow.cascade import waves
from forcedflow.cascade.fixed_point import solve

_any = settings(deadline=None, max_examples=120)
_half_life = st.one_of(st.just(0.0), st.just(math.inf), st.floats(0.2, 1e4))
_left = st.floats(0.05, 1.0)
_factor = st.floats(0.1, 5.0)


@st.composite
def _rules(draw, stage):
    n = len(stage.venues)

    def each(values):
        return tuple(draw(st.lists(values, min_size=n, max_size=n)))

    return waves.WaveRules(
        latency_s=each(st.floats(0.0, 5.0)),
        insurance_usd=each(st.one_of(st.just(0.0), st.just(math.inf), st.floats(1.0, 1e6))),
        buffer=each(st.floats(0.0, 0.01)),
        mark_half_life_s=draw(_half_life),
        arbitrage_half_life_s=draw(_half_life),
        refill_half_life_s=draw(st.one_of(st.just(math.inf), st.floats(1.0, 1e4))),
    )


@st.composite
def _cases(draw):
    stage = draw(stages())
    rules = draw(_rules(stage))
    steps = draw(st.integers(1, 15))
    walk = st.lists(st.floats(-0.01, 0.03), min_size=steps, max_size=steps)
    left = st.lists(_left, min_size=steps, max_size=steps)
    order = draw(st.one_of(st.just(0.0), st.floats(1.0, 1e7)))
    return (
        stage,
        rules,
        np.array(draw(walk)),
        np.array(draw(left)),
        order,
        draw(_factor),
        draw(_factor),
    )


def _cumulated(usd):
    return np.concatenate([[0.0], np.cumsum(usd)])


def _twin_of(stage, rules):
    total = stage.depth.sum()
    return [
        twin.Venue(
            supply=_cumulated(stage.reaching * stage.forced[v]),
            demand=_cumulated(stage.depth[v]),
            width=stage.width,
            share=stage.depth[v].sum() / total if total > 0 else 1 / len(stage.venues),
            fund=rules.insurance_usd[v],
            delay=max(1, round(rules.latency_s[v] / rules.step_s)),
            buffer=rules.buffer[v],
        )
        for v in range(len(stage.venues))
    ]


@_any
@given(_cases())
def test_the_kernel_equals_its_readable_twin(case):
    stage, rules, path, left, order, forced_factor, depth_factor = case
    found = waves.trace(stage, rules, path, left, order, forced_factor, depth_factor)
    venues = _twin_of(stage, rules)
    index, rows = twin.waves(
        venues,
        path,
        left,
        order,
        forced_factor,
        depth_factor,
        mark_gain=rules.closed_per_step(rules.mark_half_life_s),
        coupling=rules.closed_per_step(rules.arbitrage_half_life_s),
        kept=1 - rules.closed_per_step(rules.refill_half_life_s),
    )
    usd = 1e-6 * (1.0 + forced_factor * stage.forced.sum())
    np.testing.assert_allclose(found.last, rows[:, :, 0], atol=1e-9)
    np.testing.assert_allclose(found.mark, rows[:, :, 1], atol=1e-9)
    np.testing.assert_allclose(found.sold, rows[:, :, 2], atol=usd)
    np.testing.assert_allclose(found.result.last, index[-1:], atol=1e-9)
    np.testing.assert_allclose(found.result.furthest, [max(0.0, *index)], atol=1e-9)
    for name in ("sold", "deleveraged", "lost"):
        stated = [getattr(v, name) for v in venues]
        np.testing.assert_allclose(getattr(found.result, name)[0], stated, atol=usd)
    waiting = [sum(o.usd for o in v.orders) for v in venues]
    np.testing.assert_allclose(found.result.waiting[0], waiting, atol=usd)
    assert found.result.exhausted[0].tolist() == [v.exhausted for v in venues]


@_any
@given(_cases())
def test_all_that_is_triggered_is_sold_deleveraged_or_waiting(case):
    stage, rules, path, left, order, forced_factor, depth_factor = case
    found = waves.trace(stage, rules, path, left, order, forced_factor, depth_factor)
    furthest = np.maximum(found.mark.max(axis=0), 0.0)
    for v in range(len(stage.venues)):
        supply = forced_factor * _cumulated(stage.reaching * stage.forced[v])
        triggered = np.interp(furthest[v], stage.edges, supply)
        assert math.isclose(
            found.result.triggered[0, v], triggered, rel_tol=1e-9, abs_tol=1e-6 * (1 + supply[-1])
        )
    for name in ("sold", "deleveraged", "waiting", "lost"):
        assert (getattr(found.result, name) >= -1e-6).all()
    assert (np.diff(found.sold, axis=0) >= -1e-6).all()


@_any
@given(_cases())
def test_a_venue_deleverages_only_once_its_fund_is_empty(case):
    stage, rules, path, left, order, forced_factor, depth_factor = case
    found = waves.run(stage, rules, path[None], left, order, forced_factor, depth_factor)
    funds = np.array(rules.insurance_usd)
    assert (found.lost[0] <= funds * (1 + 1e-12)).all()
    deleveraged = found.deleveraged[0] > 1e-9 * (1 + found.triggered[0])
    np.testing.assert_allclose(found.lost[0][deleveraged], funds[deleveraged], rtol=1e-9)


@_any
@given(_cases(), st.randoms(use_true_random=False))
def test_the_order_of_venues_changes_nothing(case, shuffle):
    stage, rules, path, left, order, forced_factor, depth_factor = case
    rows = list(range(len(stage.venues)))
    shuffle.shuffle(rows)
    other = replace(
        stage,
        venues=tuple(stage.venues[row] for row in rows),
        forced=stage.forced[rows],
        depth=stage.depth[rows],
    )
    mixed = replace(
        rules,
        latency_s=tuple(rules.latency_s[row] for row in rows),
        insurance_usd=tuple(rules.insurance_usd[row] for row in rows),
        buffer=tuple(rules.buffer[row] for row in rows),
    )
    a = waves.run(stage, rules, path[None], left, order, forced_factor, depth_factor)
    b = waves.run(other, mixed, path[None], left, order, forced_factor, depth_factor)
    np.testing.assert_allclose(a.last, b.last, atol=1e-9)
    np.testing.assert_allclose(a.sold[:, rows], b.sold, atol=1e-3)


@_any
@given(_cases())
def test_a_scenario_does_not_depend_on_those_beside_it(case):
    stage, rules, path, left, order, forced_factor, depth_factor = case
    beside = np.stack([path[::-1] * 2, path, np.zeros_like(path)])
    together = waves.run(stage, rules, beside, left, order, forced_factor, depth_factor)
    alone = waves.run(stage, rules, path[None], left, order, forced_factor, depth_factor)
    for name in ("last", "furthest", "sold", "deleveraged", "waiting", "lost", "exhausted"):
        np.testing.assert_array_equal(getattr(together, name)[1], getattr(alone, name)[0])


def _immediate(n=1):
    return waves.WaveRules(
        latency_s=(0.0,) * n,
        insurance_usd=(math.inf,) * n,
        buffer=(0.005,) * n,
        mark_half_life_s=0.0,
        arbitrage_half_life_s=math.inf,
        refill_half_life_s=math.inf,
    )


@_any
@given(stages(max_venues=1), st.floats(0.0, 0.02), st.one_of(st.just(0.0), st.floats(1.0, 1e7)))
def test_without_refill_or_lag_the_waves_end_at_the_fixed_point(stage, shock, order):
    found = solve(stage, np.array([shock]), order)
    # Waves near the critical point come ever smaller: many of them stand for infinitely many.
    waved = waves.run(stage, _immediate(), np.full((1, 4_000), shock), order_usd=order)
    assert waved.last[0] <= found.end[0] + 1e-9
    ended = waved.waiting[0, 0] <= 0.01
    event(f"ended: {ended}, creeps: {_creeps(stage, shock, order)}")
    if ended and not _creeps(stage, shock, order):
        assert abs(waved.last[0] - found.end[0]) <= stage.width
        assert abs(waved.sold[0, 0] - found.forced[0]) <= 0.01 * (1 + stage.supply[-1])


def _creeps(stage, shock, order):
    # Where depth and supply nearly balance, waves below a cent may still have far to go.
    ends = solve(stage, np.array([shock, shock]), order, np.array([0.999, 1.001])).end
    return bool(ends[1] - ends[0] > stage.width / 4)


@_any
@given(_cases(), st.floats(1.0, 10.0))
def test_more_depth_or_less_ladder_never_lengthens_waves_without_refill(case, factor):
    stage, _, path, left, order, _, _ = case
    stage = stage.of_venue(stage.venues[0])
    rules = _immediate()
    plain = waves.run(stage, rules, path[None], left.min(), order)
    deep = waves.run(stage, rules, path[None], left.min(), order, depth_factor=factor)
    more = waves.run(stage, rules, path[None], left.min(), order, forced_factor=factor)
    assert deep.furthest[0] <= plain.furthest[0] + 1e-9
    assert more.furthest[0] >= plain.furthest[0] - 1e-9

"""Waves where they are easy to get wrong: time, funds, other venues, what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.reference.stages import WIDTH, stage_of

from forcedflow.cascade import waves
from forcedflow.depth.resilience import MEASURED
from forcedflow.margin import bankruptcy_price, liquidation_price
from forcedflow.sandbox.parameters import VENUES, Habits

NEVER = math.inf


def _rules(n=1, **given):
    stated = {
        "latency_s": (1.0,) * n,
        "insurance_usd": (NEVER,) * n,
        "buffer": (0.005,) * n,
        "mark_half_life_s": 0.0,
        "arbitrage_half_life_s": NEVER,
        "refill_half_life_s": NEVER,
    }
    return waves.WaveRules(**{**stated, **given})


def _cluster(usd=1e6, at=4, bins=40, depth=1e6):
    forced = np.zeros(bins)
    forced[at] = usd
    return stage_of(forced, np.full(bins, depth))


@pytest.mark.parametrize(("latency", "steps"), [(0.0, 1), (1.0, 1), (1.4, 1), (3.0, 3), (30.0, 30)])
def test_an_order_reaches_the_book_a_latency_after_its_trigger(latency, steps):
    traced = waves.trace(_cluster(), _rules(latency_s=(latency,)), np.full(steps + 3, 5 * WIDTH))
    assert (traced.sold[:steps, 0] == 0).all()
    assert (traced.sold[steps:, 0] == 1e6).all()
    np.testing.assert_allclose(traced.last[steps:, 0], 6 * WIDTH, rtol=1e-12)
    assert traced.time_s[0] == 1.0


def test_what_is_not_yet_at_the_book_when_time_is_up_is_said():
    found = waves.run(_cluster(), _rules(latency_s=(9.0,)), np.full((1, 5), 5 * WIDTH))
    assert found.waiting[0, 0] == 1e6
    assert found.sold[0, 0] == 0
    assert found.triggered[0, 0] == 1e6


def test_a_book_refills_by_half_in_a_half_life():
    traced = waves.trace(_cluster(0.0), _rules(refill_half_life_s=4.0), np.zeros(9), order_usd=8e6)
    np.testing.assert_allclose(traced.last[[0, 4, 8], 0], np.array([8, 4, 2]) * WIDTH, rtol=1e-9)


def test_a_mark_price_closes_half_its_gap_in_a_half_life():
    traced = waves.trace(_cluster(0.0), _rules(mark_half_life_s=2.0), np.full(6, 0.01))
    np.testing.assert_allclose(traced.mark[[1, 3, 5], 0], [0.005, 0.0075, 0.00875], rtol=1e-9)


def test_arbitrage_spreads_a_hole_over_venues_as_one_book_would_have_it():
    stage = stage_of(np.zeros((2, 100)), np.stack([np.full(100, 3e5), np.full(100, 1e5)]))
    shocked = replace(stage, forced=np.stack([np.eye(100)[0] * 4e6, np.zeros(100)]))
    rules = _rules(2, arbitrage_half_life_s=2.0, buffer=(1.0, 1.0))
    path = np.full(80, WIDTH)
    traced = waves.trace(shocked, rules, path)
    # Alone the first would fall by 4 M over 300 k a bin; together it is over 400 k.
    assert traced.last[1, 0] == pytest.approx((1 + 4e6 / 3e5) * WIDTH)
    assert traced.last[1, 1] == pytest.approx(WIDTH)
    np.testing.assert_allclose(traced.last[-1], (1 + 10) * WIDTH, rtol=1e-9)


def test_a_move_the_other_way_triggers_nothing():
    found = waves.run(_cluster(), _rules(), np.linspace(0, -0.05, 20)[None])
    assert found.triggered[0, 0] == 0
    assert found.last[0] == pytest.approx(-0.05)
    assert found.furthest[0] == 0


def test_what_was_triggered_once_is_not_triggered_again():
    there_and_back = np.concatenate([np.full(5, 5 * WIDTH), np.zeros(5), np.full(5, 5 * WIDTH)])
    found = waves.run(_cluster(), _rules(), there_and_back[None])
    assert found.triggered[0, 0] == 1e6


def test_a_fill_within_the_buffer_costs_no_fund_anything():
    found = waves.run(_cluster(), _rules(insurance_usd=(0.0,)), np.full((1, 5), 5 * WIDTH))
    assert found.lost[0, 0] == 0
    assert found.deleveraged[0, 0] == 0


def test_a_fill_beyond_bankruptcy_costs_the_fund_its_excess():
    # The mark jumps from 0 to 2 %: bankruptcies lie evenly between 0.5 and 2.5 %, on average at
    # 1.5 %; the order fills between 2 and 4 %, at 3 % on average.
    stage = stage_of(np.full(200, 1e4), np.full(200, 1e4))
    path = np.full((1, 2), 0.02)
    found = waves.run(stage, _rules(insurance_usd=(1e9,)), path)
    assert found.sold[0, 0] == pytest.approx(40 * 1e4)
    assert found.lost[0, 0] == pytest.approx(40 * 1e4 * 0.015)
    half = waves.run(stage, _rules(insurance_usd=(40 * 1e4 * 0.015 / 2,)), path)
    assert half.deleveraged[0, 0] == pytest.approx(20 * 1e4)
    assert half.sold[0, 0] == pytest.approx(20 * 1e4)
    assert half.lost[0, 0] == pytest.approx(40 * 1e4 * 0.015 / 2)


def test_positions_not_yet_bankrupt_are_sold_even_when_the_fund_is_empty():
    # Bankruptcies lie evenly between 1 and 3 %; the order fills at 2.5 % on average.
    stage = stage_of(np.full(200, 1e4), np.full(200, 4e4))
    rules = _rules(buffer=(0.01,), insurance_usd=(0.0,))
    found = waves.run(stage, rules, np.full((1, 2), 0.02))
    assert found.deleveraged[0, 0] == pytest.approx(0.625 * 40 * 1e4)
    assert found.lost[0, 0] == 0


def test_orders_are_judged_by_where_they_were_triggered_not_by_where_the_mark_is_now():
    slow = _rules(latency_s=(5.0,), insurance_usd=(0.0,))
    # Triggered by 0.25 %, bankrupt by 0.75 %; when the order arrives price has gone 1 %.
    path = np.concatenate([np.full(1, 5 * WIDTH), np.full(9, 0.01)])
    found = waves.run(_cluster(), slow, path[None])
    assert found.deleveraged[0, 0] == pytest.approx(1e6)
    assert found.sold[0, 0] == 0


def test_makers_who_leave_do_not_widen_a_hole_that_is_there():
    left = np.concatenate([np.ones(5), np.full(5, 0.1)])
    traced = waves.trace(_cluster(0.0), _rules(), np.zeros(10), left, order_usd=2e6)
    np.testing.assert_allclose(traced.last[:, 0], 2 * WIDTH, rtol=1e-12)


def test_a_book_that_is_asked_for_more_than_it_holds_is_named():
    stage = stage_of(np.array([[1e6] * 4, [0.0] * 4]), np.array([[1e5] * 4, [1e9] * 4]))
    found = waves.run(stage, _rules(2), np.full((1, 9), WIDTH))
    assert found.exhausted.tolist() == [[True, False]]


def test_without_any_depth_one_dollar_takes_the_price_to_the_edge():
    stage = stage_of(np.ones(10), np.zeros(10))
    found = waves.run(stage, _rules(), np.full((1, 5), WIDTH))
    assert found.last[0] == pytest.approx(10 * WIDTH)
    assert found.exhausted.all()
    still = waves.run(stage_of(np.zeros(10), np.zeros(10)), _rules(), np.full((1, 5), WIDTH))
    assert still.last[0] == WIDTH
    assert not still.exhausted.any()


def test_a_path_beyond_the_stage_is_followed():
    found = waves.run(_cluster(bins=10), _rules(), np.full((1, 5), 0.5))
    assert found.last[0] == pytest.approx(0.5)
    assert found.sold[0, 0] == 1e6


def test_a_trace_is_the_run_of_its_path():
    rng = np.random.default_rng(2)
    stage = stage_of(rng.gamma(0.5, 1e5, (2, 100)), rng.gamma(2.0, 1e5, (2, 100)))
    path = rng.normal(0.001, 0.002, 30).cumsum()
    rules = waves.assumed_rules(stage)
    traced, alone = waves.trace(stage, rules, path), waves.run(stage, rules, path[None])
    np.testing.assert_array_equal(traced.result.last, alone.last)
    np.testing.assert_array_equal(traced.sold[-1], alone.sold[0])


def test_the_buffer_is_the_distance_between_liquidation_and_bankruptcy():
    for side, direction in (("long", "down"), ("short", "up")):
        stated = {"entry": 100.0, "size": 1.0, "margin": 5.0, "side": side}
        closed = liquidation_price(**stated, mmr=0.005)
        broke = bankruptcy_price(**stated)
        assert waves.bankruptcy_distance(0.005, direction) == pytest.approx(
            float(abs(np.log(closed / broke))), rel=1e-12
        )
    with pytest.raises(ValueError, match=r"lies in \[0, 1\), was 1"):
        waves.bankruptcy_distance(1.0, "down")


def test_what_is_taken_from_the_simulated_exchange_is_what_it_does():
    names = tuple(venue.name for venue in VENUES)
    stage = stage_of(np.ones((3, 2)), np.ones((3, 2)), venues=names)
    rules = waves.assumed_rules(stage)
    assert rules.latency_s == tuple(float(venue.latency_s) for venue in VENUES)
    # Its venues close half their gap a minute when calm, and the square root's share each second
    # of a burst.
    assert rules.closed_per_step(rules.arbitrage_half_life_s) == pytest.approx(
        1 - (1 - Habits().arbitrage) ** 0.5
    )
    depth_s = 60 * math.log(2) / -math.log1p(-1 / Habits().depth_refill_min)
    assert rules.refill_half_life_s == waves.SIMULATED_REFILL_HALF_LIFE_S
    assert depth_s < rules.refill_half_life_s < 60 * Habits().impact_half_life_min


def test_books_of_real_markets_refill_between_both_ends_of_what_is_known():
    stage = replace(stage_of(np.ones((1, 2)), np.ones((1, 2))), simulated=False)
    taken = waves.assumed_rules(stage).refill_half_life_s
    ends = (MEASURED.refill_half_life_s, waves.SIMULATED_REFILL_HALF_LIFE_S)
    assert taken == pytest.approx(math.sqrt(ends[0] * ends[1]), rel=0.05)


def test_assumed_rules_say_what_they_assume():
    stage = stage_of(np.ones((2, 2)), np.ones((2, 2)), venues=("sandbox", "elsewhere"))
    assumed = waves.assumed_rules(stage)
    assert "latency of elsewhere assumed" in assumed.source
    assert "never empty" in assumed.source
    known = waves.assumed_rules(stage, [0.004, 0.01], [1e6, 2e6])
    assert known.insurance_usd == (1e6, 2e6)
    assert known.buffer[1] == pytest.approx(-math.log(0.99))
    assert "maintenance" not in known.source
    assert "never empty" not in known.source


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"step_s": 0.0}, "positive length, was 0"),
        ({"step_s": math.inf}, "positive length, was inf"),
        ({"latency_s": (-1.0,)}, "latency_s is not negative, was -1"),
        ({"latency_s": (math.inf,)}, "latency_s is finite"),
        ({"insurance_usd": (math.nan,)}, "insurance_usd is not negative, was nan"),
        ({"buffer": (math.inf,)}, "buffer is finite"),
        ({"mark_half_life_s": -1.0}, "mark_half_life_s is not negative"),
        ({"refill_half_life_s": math.nan}, "refill_half_life_s is not negative"),
        ({"buffer": (0.1, 0.1)}, "one figure per venue each"),
    ],
)
def test_rules_out_of_range_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        _rules(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"path": np.zeros(3)}, "paths have shape"),
        ({"path": np.zeros((2, 0))}, "paths have shape"),
        ({"path": np.full((1, 3), math.nan)}, "a path is finite"),
        ({"left": 0.0}, "share of depth left is finite and above 0"),
        ({"depth_factor": 0.0}, "factor of depth is finite and above 0"),
        ({"order_usd": -1.0}, "order is finite and not negative"),
        ({"forced_factor": math.inf}, "factor of forced flow is finite and not negative"),
        ({"left": np.ones((5, 7))}, "broadcast"),
    ],
)
def test_scenarios_out_of_range_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        waves.run(**{"stage": _cluster(), "rules": _rules(), "path": np.zeros((1, 3)), **given})


def test_rules_of_other_venues_are_refused():
    with pytest.raises(ValueError, match="rules are of 2 venues, the stage of 1"):
        waves.run(_cluster(), _rules(2), np.zeros((1, 3)))


def test_a_trace_of_several_paths_is_refused():
    with pytest.raises(ValueError, match=r"one path, found shape \(2, 3\)"):
        waves.trace(_cluster(), _rules(), np.zeros((2, 3)))

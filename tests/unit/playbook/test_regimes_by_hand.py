"""Regimes on tables made by hand: each begins, goes on and ends by its stated rule."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from tests.reference.feature_tables import AT_MS, lay, rising, without

from forcedflow.features.table import STEP_MS
from forcedflow.playbook.regime import judge_regimes, read_regime
from forcedflow.playbook.regime_rules import (
    FLUSH_MS,
    both_sides_hunted,
    latched,
    mechanical_move,
)
from forcedflow.signals.signal import BOTH, DOWN, NONE, OFF, ON, UNKNOWN, UP
from forcedflow.units import HOUR_MS

HOUR = HOUR_MS // STEP_MS
# A day's deviation of this is 1 % an hour.
SIGMA_DAY = 0.01 * np.sqrt(24)


def calm(n=3000, **columns):
    """Nothing happens and everything is known."""
    return lay(
        {
            "sigma_day": SIGMA_DAY,
            "return_1h": 0.001,
            "return_24h": 0.01,
            "range_4h": rising(0.02, 0.01, 0.03, n),
            "range_24h": 0.05,
            "oi_change_1h": rising(0.0, -0.01, 0.01, n),
            "oi_change_4h": 0.0,
            "oi_rank_30d": 0.5,
            "funding_mean_3d": rising(1e-5, -2e-5, 4e-5, n),
            "funding_same_sign_hours": 12.0,
            "funding_flip_hours": 500.0,
            "sweeps_high_24h": 0.0,
            "sweeps_low_24h": 0.0,
            "volume_1h_rank_30d": 0.5,
            **columns,
        },
        n=n,
    )


def ends_with(*last, before=0.0, n=3000):
    """The same figure throughout, and then these."""
    column = np.full(n, before, dtype=float)
    column[-len(last) :] = last
    return column


def test_a_rule_goes_on_by_its_weaker_condition_and_begins_by_its_stronger():
    begins = np.array([0, 1, 0, 0, 0, 1, 0, 0], dtype=bool)
    goes_on = np.array([1, 1, 1, 0, 1, 1, 1, 1], dtype=bool)
    known = np.array([1, 1, 1, 1, 1, 1, 0, 1], dtype=bool)
    expected = [False, True, True, False, False, True, False, False]
    assert latched(begins, goes_on, known).tolist() == expected


def test_a_quiet_market_is_unclassified():
    reading = read_regime(calm())
    assert (reading.regime, reading.direction) == ("unclassified", "none")
    assert reading.evidence == ("every rule was judged, and none holds",)
    assert reading.ends_when == ""
    assert reading.unjudged == ()
    assert reading.at_ms == AT_MS


def test_a_large_hour_with_a_rare_fall_of_open_interest_is_mechanical():
    table = calm(
        return_1h=ends_with(-0.029, -0.031, -0.016, -0.014),
        oi_change_1h=ends_with(0.0, -0.02, 0.0, 0.0),
    )
    found = mechanical_move(table)
    # Goes on at 1.6 σ, is over at 1.4 σ.
    assert found.verdict[-4:].tolist() == [OFF, ON, ON, OFF]
    assert found.direction[-4:].tolist() == [NONE, DOWN, DOWN, NONE]


def test_a_large_hour_without_a_fall_of_open_interest_is_not_forced():
    table = calm(return_1h=ends_with(0.04), oi_change_1h=ends_with(0.0))
    assert mechanical_move(table).verdict[-1] == OFF


def test_forced_closes_of_the_losing_side_alone_make_it_mechanical():
    move = {"return_1h": ends_with(0.04), "oi_change_1h": ends_with(0.0)}
    shorts = mechanical_move(calm(**move, liq_short_rank_30d=0.995, liq_long_rank_30d=0.5))
    longs = mechanical_move(calm(**move, liq_short_rank_30d=0.5, liq_long_rank_30d=0.995))
    assert (shorts.verdict[-1], shorts.direction[-1]) == (ON, UP)
    assert longs.verdict[-1] == OFF


def test_without_open_interest_a_flush_is_told_by_volume_and_says_so():
    table = without(
        calm(return_1h=ends_with(-0.04), volume_1h_rank_30d=0.99), "oi_change_1h", "oi_change_4h"
    )
    reading = read_regime(table)
    assert (reading.regime, reading.direction) == ("mechanical_move", "down")
    assert "price and volume alone" in reading.evidence[0]
    assert "now 4.0 σ" in reading.ends_when
    low = without(calm(return_1h=ends_with(-0.04)), "oi_change_1h")
    assert mechanical_move(low).verdict[-1] == OFF


def test_where_nothing_says_whether_it_was_forced_a_large_hour_is_unknown_and_a_small_one_off():
    table = calm(return_1h=ends_with(0.001, -0.04))
    blind = without(table, "oi_change_1h", "volume_1h_rank_30d")
    assert mechanical_move(blind).verdict[-2:].tolist() == [OFF, UNKNOWN]


def test_the_volatility_of_a_move_is_that_expected_before_it():
    # Were it the present one, a tenfold deviation would hide the move.
    sigma = np.full(3000, SIGMA_DAY)
    sigma[-HOUR:] = 10 * SIGMA_DAY
    table = calm(sigma_day=sigma, return_1h=ends_with(-0.04), oi_change_1h=ends_with(-0.02))
    assert mechanical_move(table).verdict[-1] == ON


def after_a_flush(hours_ago, **columns):
    n = 3000
    move, contracts = np.full(n, 0.001), np.zeros(n)
    place = n - 1 - int(hours_ago * HOUR)
    move[place], contracts[place] = -0.05, -0.02
    quiet = np.linspace(0.02, 0.04, n)
    quiet[-1] = 0.005
    return calm(
        return_1h=move,
        oi_change_1h=contracts,
        **{"range_4h": quiet, "oi_change_4h": 0.01, **columns},
    )


def test_quiet_after_a_flush_is_a_reload():
    reading = read_regime(after_a_flush(30))
    assert (reading.regime, reading.direction) == ("reload_after_flush", "both")
    assert reading.evidence[0].startswith("flush 30 h ago, range of 4 h 0.50 %")
    assert reading.ends_when.endswith("or in 42 h")
    assert reading.since_ms == AT_MS


def test_a_flush_is_forgotten_after_three_days():
    hours = FLUSH_MS / HOUR_MS
    assert judge_regimes(after_a_flush(hours))["reload_after_flush"].verdict[-1] == ON
    assert judge_regimes(after_a_flush(hours + 0.25))["reload_after_flush"].verdict[-1] == OFF


def test_nothing_reloads_while_contracts_still_leave():
    assert (
        judge_regimes(after_a_flush(30, oi_change_4h=-0.01))["reload_after_flush"].verdict[-1]
        == OFF
    )


def test_a_reload_goes_on_until_the_range_passes_its_median():
    narrow = np.linspace(0.02, 0.04, 3000)
    narrow[-3:] = 0.005, 0.025, 0.039
    found = judge_regimes(after_a_flush(30, range_4h=narrow))["reload_after_flush"]
    assert found.verdict[-3:].tolist() == [ON, ON, OFF]


def test_before_three_days_are_seen_nobody_knows_whether_there_was_a_flush():
    table = calm(n=2 * 288)
    assert (judge_regimes(table)["reload_after_flush"].verdict == UNKNOWN).all()


def test_both_sides_swept_in_a_wide_day_that_went_nowhere_are_hunted():
    table = calm(
        sweeps_high_24h=ends_with(0.0, 1.0, 1.0, 1.0, before=0.0),
        sweeps_low_24h=1.0,
        return_24h=ends_with(0.0, -0.01, 0.02, 0.03),
    )
    found = both_sides_hunted(table)
    # 20 % and 40 % of a range of 5 % go on, 60 % is a direction.
    assert found.verdict[-4:].tolist() == [OFF, ON, ON, OFF]
    assert found.direction[-2] == BOTH


def test_a_narrow_day_is_not_a_hunt():
    table = calm(
        sweeps_high_24h=1.0,
        sweeps_low_24h=1.0,
        return_24h=0.0,
        range_24h=ends_with(0.01, before=0.05),
    )
    assert both_sides_hunted(table).verdict[-1] == ON  # began when the day was wide
    fresh = calm(
        sweeps_high_24h=ends_with(1.0),
        sweeps_low_24h=1.0,
        return_24h=0.0,
        range_24h=ends_with(0.01, before=0.05),
    )
    assert both_sides_hunted(fresh).verdict[-1] == OFF


def crowd(payer, *ranks):
    funding = payer * np.linspace(0.0, 1e-4, 3000)
    funding[-len(ranks) :] = payer * 2e-4
    return calm(
        funding_mean_3d=funding,
        funding_same_sign_hours=payer * 60.0,
        oi_rank_30d=ends_with(*ranks, before=0.2),
    )


@pytest.mark.parametrize(
    ("payer", "rule", "risk"), [(1.0, "crowded_longs", DOWN), (-1.0, "crowded_shorts", UP)]
)
def test_the_side_that_pays_with_many_contracts_open_is_a_crowd(payer, rule, risk):
    found = judge_regimes(crowd(payer, 0.6, 0.8, 0.6, 0.4))[rule]
    assert found.verdict[-4:].tolist() == [OFF, ON, ON, OFF]
    assert found.direction[-2] == risk


def test_longs_that_pay_are_no_crowd_of_shorts():
    table = crowd(1.0, 0.8)
    assert judge_regimes(table)["crowded_shorts"].verdict[-1] == OFF
    assert read_regime(table).regime == "crowded_longs"


def test_without_funding_crowds_are_unknown_and_named():
    reading = read_regime(
        lay(dict(without(calm(), "funding_mean_3d").columns), n=3000, absent=("funding",))
    )
    assert reading.regime == "unknown"
    assert reading.unjudged == (
        ("crowded_shorts", "needs funding"),
        ("crowded_longs", "needs funding"),
    )
    assert reading.evidence == ("not judged: crowded_shorts, crowded_longs; needs funding",)


def test_what_moves_now_names_the_moment_and_the_crowd_is_named_beside_it():
    table = crowd(1.0, 0.8).joined(
        {"return_1h": ends_with(-0.05), "oi_change_1h": ends_with(-0.05)}
    )
    reading = read_regime(table)
    assert reading.regime == "mechanical_move"
    assert reading.also == ("crowded_longs",)
    assert len(reading.evidence) == 2


def test_the_history_is_dated_without_gaps_and_its_last_span_is_now():
    reading = read_regime(after_a_flush(30))
    history = reading.history
    assert history[0].start_ms == AT_MS - 2999 * STEP_MS
    assert all(a.end_ms == b.start_ms for a, b in pairwise(history))
    assert all(a.regime != b.regime for a, b in pairwise(history))
    assert history[-1].end_ms is None
    moved = [span for span in history if span.regime == "mechanical_move"]
    assert [span.start_ms for span in moved] == [AT_MS - 30 * HOUR_MS]
    assert moved[0].why == "price moved -5.0 σ within the hour, open interest -2.00 %"


def test_the_row_is_plain_and_keeps_to_its_newest_spans():
    reading = read_regime(after_a_flush(30))
    row = reading.row(n_spans=2)
    assert json.loads(json.dumps(row)) == row
    assert row["regime"] == "reload_after_flush"
    assert len(row["history"]) == 2
    assert {"table": "open_interest", "age_s": STEP_MS / 1000} in row["inputs"]


def test_every_rule_is_judged_at_every_moment():
    judged = judge_regimes(calm())
    assert all(state.verdict.size == 3000 for state in judged.values())
    assert all(set(state.verdict.tolist()) <= {UNKNOWN, OFF, ON} for state in judged.values())

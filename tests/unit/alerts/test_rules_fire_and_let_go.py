"""Every kind of rule: when it fires, when it does not, and when it may fire again."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tests.reference.observations import START_MS, book, cluster, loading, reading, seen

from forcedflow.alerts.judge import is_about, judge
from forcedflow.alerts.observation import CascadeSeen, ForecastSeen
from forcedflow.alerts.rule_state import RuleState
from forcedflow.playbook.ignition import Ignition
from forcedflow.units import HOUR_MS, MINUTE_MS


def fired(rule, *observations):
    """Titles of what fired at each observation in turn."""
    state, told = RuleState(), []
    (rule,) = book(rule).rules
    for observation in observations:
        alerts, state = judge(rule, state, observation, observation.at_ms)
        told.append([alert.title for alert in alerts])
    return told


def counts(rule, *observations):
    return [len(titles) for titles in fired(rule, *observations)]


NEAR = "kind='cluster_near'\nleast_usd=50e6\nwithin_pct=1.0"


def test_a_large_cluster_fires_once_it_is_within_the_distance():
    told = fired(NEAR, seen(0, zones=(cluster(away=-1.2),)), seen(5, zones=(cluster(away=-0.9),)))
    assert told == [[], ["BTC/USDT:USDT: $60.0M of longs 0.90 % below"]]


def test_a_small_or_far_cluster_or_one_of_the_other_side_does_not_fire():
    zones = (cluster(usd=49e6, away=-0.5), cluster(peak=97.0), cluster("short", 100.5))
    assert counts(NEAR + "\nside='long'", seen(zones=zones)) == [0]


def test_a_cluster_that_hovers_at_the_distance_fires_once_and_again_after_it_was_far():
    around = [0.9, 1.1, 0.95, 1.2, 0.9, 1.3, 0.9]
    observations = [seen(5 * k, zones=(cluster(away=-away),)) for k, away in enumerate(around)]
    assert counts(NEAR, *observations) == [1, 0, 0, 0, 0, 0, 1]


def test_a_cluster_whose_densest_price_moves_a_little_is_the_same_one():
    moved = (cluster(peak=99.0, away=-0.9), cluster(peak=99.15, away=-0.8))
    assert counts(NEAR, *(seen(k, zones=(zone,)) for k, zone in enumerate(moved))) == [1, 0]


def test_another_cluster_beside_the_first_fires_too():
    first, second = cluster(peak=99.5, away=-0.4), cluster(peak=99.0, away=-0.9)
    assert counts(NEAR, seen(0, zones=(first,)), seen(5, zones=(first, second))) == [1, 1]


def test_without_a_map_a_latched_cluster_stays_latched():
    near = cluster(away=-0.9)
    told = counts(NEAR, seen(0, zones=(near,)), seen(5, zones=None), seen(10, zones=(near,)))
    assert told == [1, 0, 0]


def test_a_distance_in_sigma_is_judged_in_sigma_and_unknown_sigma_is_never_near():
    rule = "kind='cluster_near'\nleast_usd=50e6\nwithin_sigma=0.3"
    near = cluster(away=-1.1)  # 0.275 σ
    assert counts(rule, seen(zones=(near,))) == [1]
    assert counts(rule, seen(zones=(replace(near, distance_sigma=math.nan),))) == [0]


SWEPT = "kind='cluster_swept'\nleast_usd=50e6"


def test_a_cluster_is_swept_once_the_mark_reached_its_densest_price_even_if_it_came_back():
    told = fired(
        SWEPT,
        seen(0, zones=(cluster(peak=99.0),)),
        seen(5, mark=99.4, zones=(cluster(peak=99.0),)),
        seen(10, mark=99.5, low=98.9, zones=()),
        seen(15, mark=98.0, zones=()),
    )
    assert told == [[], [], ["BTC/USDT:USDT: $60.0M of longs swept at 99.0"], []]


def test_a_cluster_of_shorts_is_swept_by_a_rise():
    zones = (cluster("short", 101.0),)
    assert counts(SWEPT, seen(0, zones=zones), seen(5, 100.2, high=101.1, zones=())) == [0, 1]


def test_a_small_cluster_and_one_that_was_never_seen_before_are_not_swept():
    small = (cluster(peak=99.0, usd=1e6),)
    assert counts(SWEPT, seen(0, zones=small), seen(5, 98.0, zones=(cluster(peak=99),))) == [0, 0]


def test_a_sweep_while_the_map_is_unknown_is_told_from_what_was_last_seen():
    zones = (cluster(peak=99.0),)
    told = counts(SWEPT, seen(0, zones=zones), seen(5, zones=None), seen(9, 98.0, zones=None))
    assert told == [0, 0, 1]


def test_a_signal_that_turns_on_fires_and_one_that_stays_on_does_not():
    verdicts = ["off", "on", "on", "off", "on"]
    observations = [seen(k, readings=(reading(verdict=v),)) for k, v in enumerate(verdicts)]
    assert counts("kind='signal_change'", *observations) == [0, 1, 0, 0, 1]
    assert counts("kind='signal_change'\nto=['on', 'off']", *observations) == [0, 1, 0, 1, 1]


def test_the_first_reading_is_no_change_and_unknown_between_is_none_either():
    verdicts = ["on", "unknown", "on"]
    observations = [seen(k, readings=(reading(verdict=v),)) for k, v in enumerate(verdicts)]
    assert counts("kind='signal_change'", *observations) == [0, 0, 0]


def test_only_the_signals_that_were_named_are_told():
    observations = [
        seen(k, readings=(reading(verdict=v), reading("sweeps", v)))
        for k, v in enumerate(["off", "on"])
    ]
    told = counts("kind='signal_change'\nsignals=['sweeps']", *observations)
    assert told == [0, 1]


def test_loading_fires_when_it_crosses_and_again_only_after_it_fell_well_below():
    scores = [60, 75, 70, 76, 64, 76, math.nan, 76]
    observations = [seen(k, loading=loading(score)) for k, score in enumerate(scores)]
    assert counts("kind='loading_over'\nabove=75", *observations) == [0, 1, 0, 0, 0, 1, 0, 0]
    tight = "kind='loading_over'\nabove=75\nrearm_below=75"
    assert counts(tight, *observations) == [0, 1, 0, 1, 0, 1, 0, 0]


def test_loading_of_one_way_is_judged_by_that_way():
    told = fired("kind='loading_over'\nabove=50\nmeasure='down'", seen(loading=loading(90, 40)))
    assert told == [[]]
    told = fired("kind='loading_over'\nabove=50\nmeasure='down'", seen(loading=loading(90, 60)))
    assert told == [["BTC/USDT:USDT: loading down 60 of 100"]]


def forecast(probability, direction="down", horizon_h=4, threshold=0.1, event="C2"):
    day = None if threshold is None else threshold / 2
    return ForecastSeen(
        event, direction, horizon_h * HOUR_MS, probability, day, threshold, "base rate 2 %"
    )


def test_a_forecast_over_its_budget_fires_and_again_only_after_it_was_well_below():
    observations = [
        seen(k, forecasts=(forecast(p),)) for k, p in enumerate([0.09, 0.11, 0.09, 0.11, 0.07, 0.1])
    ]
    assert counts("kind='forecast_over'", *observations) == [0, 1, 0, 0, 0, 1]


def test_a_forecast_without_a_budget_fires_only_by_your_own_threshold():
    without = seen(forecasts=(forecast(0.5, threshold=None),))
    assert counts("kind='forecast_over'", without) == [0]
    assert counts("kind='forecast_over'\nabove=0.4", without) == [1]


def test_a_budget_of_one_alarm_a_day_speaks_at_its_own_threshold():
    made = seen(forecasts=(forecast(0.06), forecast(0.06, event="C1")))
    assert counts("kind='forecast_over'", made) == [0]
    assert counts("kind='forecast_over'\nbudget='day'", made) == [2]
    assert counts("kind='forecast_over'\nbudget='day'\nevent='C1'", made) == [1]


def test_forecasts_are_chosen_by_way_and_horizon_and_an_unknown_one_never_fires():
    made = seen(
        forecasts=(
            forecast(0.5),
            forecast(0.5, "up"),
            forecast(0.5, horizon_h=1),
            forecast(math.nan),
        )
    )
    assert counts("kind='forecast_over'\ndirection='down'\nhorizon='4h'", made) == [1]
    assert counts("kind='forecast_over'", made) == [3]


def ignition(outcome="impulse", seen_minute=3, end_minute=None):
    impulse_ms = START_MS + seen_minute * MINUTE_MS
    return Ignition(
        direction="down",
        start=0,
        seen=3,
        start_ms=START_MS,
        start_price=101.0,
        impulse_ms=impulse_ms,
        size_sigma=5.0,
        impulse=0.012,
        pause_ms=None,
        oi_drop_ms=impulse_ms,
        burst_ms=None,
        end_ms=None if end_minute is None else START_MS + end_minute * MINUTE_MS,
        outcome=outcome,
        oi_known=True,
        burst_known=False,
    )


def test_an_ignition_is_told_once_at_each_stage_asked_for():
    observations = (
        seen(0),
        seen(5, ignitions=(ignition(),)),
        seen(10, ignitions=(ignition(),)),
        seen(15, ignitions=(ignition("ignited", end_minute=12),)),
        seen(20, ignitions=(ignition("ignited", end_minute=12),)),
    )
    both = "kind='ignition'\nstages=['impulse', 'ignited']"
    assert fired(both, *observations) == [
        [],
        ["BTC/USDT:USDT: impulse down"],
        [],
        ["BTC/USDT:USDT: ignition down"],
        [],
    ]
    assert counts("kind='ignition'", *observations) == [0, 0, 0, 1, 0]
    assert counts("kind='ignition'\ndirection='up'", *observations) == [0] * 5


def test_an_ignition_that_was_over_before_anybody_looked_is_no_news():
    over = ignition("ignited", end_minute=12)
    every = "kind='ignition'\nstages=['impulse', 'ignited', 'failed']"
    assert counts(every, seen(20, ignitions=(over,)), seen(25, ignitions=(over,))) == [0, 0]
    assert counts(every, seen(20, ignitions=(ignition(),))) == [1]


def test_a_cascade_is_told_at_its_start_and_at_its_end():
    begun = CascadeSeen("down", START_MS + 4 * MINUTE_MS, None, 101.0, 2e6)
    over = replace(begun, ended_ms=START_MS + 14 * MINUTE_MS)
    observations = (
        seen(0),
        seen(5, cascades=(begun,)),
        seen(10, cascades=(begun,)),
        seen(15, cascades=(over,)),
        seen(20, cascades=(over,)),
    )
    assert fired("kind='cascade'", *observations) == [
        [],
        ["BTC/USDT:USDT: cascade down has begun"],
        [],
        ["BTC/USDT:USDT: cascade down is over"],
        [],
    ]
    assert counts("kind='cascade'\non=['end']", *observations) == [0, 0, 0, 1, 0]
    assert counts("kind='cascade'\ndirection='up'", *observations) == [0] * 5


def test_a_cascade_within_one_step_is_told_with_both_ends_and_an_old_one_not_at_all():
    quick = CascadeSeen("down", START_MS + MINUTE_MS, START_MS + 3 * MINUTE_MS, 101.0)
    assert counts("kind='cascade'", seen(0), seen(5, cascades=(quick,))) == [0, 2]
    assert counts("kind='cascade'", seen(5, cascades=(quick,)), seen(9, cascades=(quick,))) == [
        0,
        0,
    ]


def test_data_fire_once_when_they_have_grown_old_and_again_after_they_were_fresh():
    rule = "kind='data_stale'\nolder_than='10m'\ntables=['open_interest']"
    ages = [30, 601, 700, 20, None]
    observations = [seen(k, ages=(("open_interest", age),)) for k, age in enumerate(ages)]
    assert counts(rule, *observations) == [0, 1, 0, 0, 1]


def test_a_table_that_nothing_rests_on_is_said_and_not_passed_over():
    (rule,) = book("kind='data_stale'\ntables=['open_intrest']").rules
    alerts, _ = judge(rule, RuleState(), seen(), START_MS)
    assert (
        "nothing here rests on 'open_intrest'; what does: market, open_interest"
        in (alerts[0].reasons[0])
    )


def test_a_market_that_is_no_longer_observed_goes_stale_by_the_clock():
    (rule,) = book("kind='data_stale'\nolder_than='10m'").rules
    first, state = judge(rule, RuleState(), seen(), START_MS + 9 * MINUTE_MS)
    second, state = judge(rule, state, seen(), START_MS + 11 * MINUTE_MS)
    third, _ = judge(rule, state, seen(), START_MS + 12 * MINUTE_MS)
    assert [len(told) for told in (first, second, third)] == [0, 1, 0]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("", True),
        ("symbols=['BTC']", True),
        ("symbols=['btcusdt', 'ETH']", True),
        ("symbols=['BTC-USDT-SWAP']", False),
        ("symbols=['ETH']", False),
        ("venues=['bybit']", False),
        ("symbols=['BTC']\nvenues=['bybit', 'binance']", True),
    ],
)
def test_a_rule_is_about_the_markets_that_it_names(stated, expected):
    (rule,) = book(f"kind='data_stale'\n{stated}").rules
    assert is_about(rule, "binance", "BTC/USDT:USDT") is expected


def test_an_alert_carries_its_evidence():
    made = seen(
        zones=(cluster(away=-0.9),),
        readings=(reading(), reading("sweeps", "off")),
        loading=loading(88),
        simulated=True,
    )
    (rule,) = book(NEAR).rules
    (alert,), _ = judge(rule, RuleState(), made, made.at_ms)
    text = f"{alert.headline()}\n{alert.body()}"
    for told in (
        "SIMULATED: BTC/USDT:USDT: $60.0M of longs 0.90 % below",
        "BTC/USDT:USDT on binance, mark 100.0, 2026-02-06 00:00:00Z",
        "longs $60.0M ($30.0M–$120M) estimated if touched, densest at 99.0",
        "-0.23 σ of 24 h",
        "loading: 88 of 100",
        "on: Pressure without movement (0.93 1)",
        "ages: open_interest 30 s",
        "assumes: stated prior mixture, not calibrated",
        f"id: {alert.id}",
    ):
        assert told in text


def test_the_same_observation_judged_twice_is_the_same_alert():
    made = seen(zones=(cluster(away=-0.9),))
    (rule,) = book(NEAR).rules
    first, _ = judge(rule, RuleState(), made, made.at_ms)
    second, _ = judge(rule, RuleState(), made, made.at_ms)
    assert first == second


def test_of_two_swept_clusters_at_almost_the_same_price_the_larger_is_told():
    zones = (cluster(peak=99.0, usd=60e6), cluster(peak=99.01, usd=90e6))
    told = fired(SWEPT, seen(0, zones=zones), seen(5, mark=98.0, zones=()))
    assert told[1] == ["BTC/USDT:USDT: $90.0M of longs swept at 99.0"]

"""The record of second legs: what is compared with what, by hand and on a market without edge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.reference import markets
from tests.reference.price_series import MONDAY_MS, series_of

from forcedflow.depth.curve import DepthCurve
from forcedflow.errors import NoDataError
from forcedflow.evaluate import second_leg_trial
from forcedflow.evaluate.second_leg_card import Scope, second_leg_rows
from forcedflow.evaluate.second_leg_trial import LegTrial, hold_trial, lay_plan_at, taken
from forcedflow.instruments import parse_symbol
from forcedflow.liquidation_map import Market
from forcedflow.margin import rule_for, schedule_from_rows
from forcedflow.playbook.clusters import ClusterHistory
from forcedflow.playbook.ignition import BARS
from forcedflow.playbook.past_legs import PastLegs
from forcedflow.playbook.price_series import series_of_market
from forcedflow.playbook.second_leg import LegPlan
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.zones import Zone

FIVE = 5 * MINUTE_MS
SCOPE = Scope("BTC/USDT:USDT", "simulated", ("made by hand",))
PLAN = LegPlan("down", MONDAY_MS, 99.0, 101.0, 96.0, MONDAY_MS + HOUR_MS, 0.02)


def trial_of(gross, matched=0.0, cost=10.0, per_day=2):
    n = len(gross)
    gross = np.asarray(gross, dtype=float)
    placed = MONDAY_MS + DAY_MS // per_day * np.arange(n)
    costs = np.where(gross[:, None] != 0, np.broadcast_to(cost, (n, 3)), 0.0)
    return LegTrial(
        placed_ms=placed,
        over_ms=placed + 4 * HOUR_MS,
        filled=gross != 0,
        gross_bps=gross,
        cost_bps=costs,
        matched_bps=np.broadcast_to(np.asarray(matched, dtype=float), n).copy(),
        matched_cost_bps=np.zeros((n, 3)),
        past=PastLegs(
            placed + 4 * HOUR_MS, placed, np.zeros(n, np.int64), gross - costs[:, 0], 1e4
        ),
        ignitions=(),
        step_ms=FIVE,
        latency_bars=np.arange(40.0),
    )


def rows_of(*trials, scope=SCOPE):
    return {
        (row.metric, row.baseline, row.id.partition(f"{row.metric}-{row.baseline}")[2]): row
        for row in second_leg_rows(trials, scope)
    }


def test_plans_that_were_not_filled_count_as_zero_and_cost_nothing():
    rows = rows_of(trial_of([60.0, 0.0, 0.0] * 20))
    gross, net = rows["gross_bps", "zero", ""], rows["net_bps", "zero", ":$10.0K"]
    assert (gross.n, gross.value, gross.gain) == (60, pytest.approx(20.0), pytest.approx(20.0))
    assert net.value == pytest.approx(20.0 - 10.0 / 3)
    assert rows["filled_share", "none", ""].value == pytest.approx(1 / 3)
    assert gross.n_days == 30


def test_a_gain_is_told_beside_random_times_and_passes_only_with_its_whole_interval():
    noisy = 30.0 + 100.0 * np.resize([1.0, 1.0, -1.0, -1.0], 80)
    rows = rows_of(trial_of(noisy, matched=25.0))
    beside = rows["gross_bps", "matched", ""]
    assert (beside.value, beside.baseline_value) == (pytest.approx(30.0), 25.0)
    assert beside.gain == pytest.approx(5.0)
    low, high = beside.ci
    assert low < high
    planted = rows_of(trial_of(np.resize([25.0, 35.0], 80)))["gross_bps", "zero", ""]
    assert planted.pass_
    assert planted.ci[0] > 0
    null = rows_of(trial_of(np.resize([90.0, 90.0, -91.0, -91.0], 80)))["gross_bps", "zero", ""]
    assert not null.pass_
    assert null.ci[0] < 0 < null.ci[1]


def test_whole_days_are_drawn_so_plans_of_one_day_are_no_separate_evidence():
    values = np.repeat(np.resize([90.0, -70.0], 20), 4)
    apart, together = (
        rows_of(trial_of(values, per_day=k))["gross_bps", "zero", ""] for k in (1, 4)
    )
    width = [row.ci[1] - row.ci[0] for row in (apart, together)]
    assert width[1] > 1.6 * width[0]


def test_where_depth_is_unknown_a_plan_has_gross_and_no_net():
    trial = trial_of(np.full(60, 20.0))
    costs = trial.cost_bps.copy()
    costs[:20, 2] = np.nan
    rows = rows_of(replace(trial, cost_bps=costs))
    assert rows["gross_bps", "zero", ""].n == 60
    assert rows["net_bps", "zero", ":$1.00M"].n == 40
    assert rows["net_bps", "zero", ":$10.0K"].n == 60


def test_fewer_than_thirty_plans_are_not_scored():
    with pytest.raises(NoDataError, match="29 plans"):
        rows_of(trial_of(np.full(29, 20.0)))


def test_a_variant_of_the_rule_has_only_the_rows_that_are_compared():
    rows = rows_of(trial_of(np.full(60, 20.0)), scope=replace(SCOPE, part="impulse of 3 σ"))
    assert {key[0] for key in rows} == {"gross_bps", "net_bps"}
    assert all("impulse of 3 σ" in key[2] for key in rows)


def test_plans_let_pass_are_those_whose_past_had_gained_by_then():
    gained = trial_of(np.resize([25.0, 35.0], 80))
    passed = taken([gained])
    # Thirty plans must be over first; two are stated a day and the last is still open.
    assert not passed[:30].any()
    assert passed[31:].all()
    row = rows_of(gained)["net_bps", "zero", ":let pass"]
    assert row.n == passed.sum()
    assert row.value == pytest.approx(20.0, abs=0.5)


def test_where_none_was_let_pass_the_row_says_zero_plans_and_no_figure():
    row = rows_of(trial_of(np.resize([5.0, -35.0], 80)))["net_bps", "zero", ":let pass"]
    assert (row.n, row.value, row.gain, row.ci) == (0, None, None, [None, None])


def test_the_record_of_all_instruments_is_one():
    few = trial_of(np.resize([25.0, 35.0], 20))
    assert not taken([few]).any()
    assert taken([few, few]).sum() == 2 * taken([few, few])[:20].sum() > 0


def test_a_later_gain_lets_no_earlier_plan_pass():
    early = np.resize([5.0, -35.0], 60)
    with_gain = trial_of(np.concatenate([early, np.full(200, 90.0)]))
    assert not taken([with_gain])[:60].any()
    assert taken([with_gain])[-1]


def test_a_plan_laid_elsewhere_keeps_its_distances_in_deviations():
    series = series_of([200.0] * 5, sigma_day=0.04)
    laid = lay_plan_at(PLAN, 100.0, series, 2)
    for name in ("entry", "invalidation", "target"):
        way = np.log(getattr(PLAN, name) / 100.0)
        assert getattr(laid, name) == pytest.approx(200.0 * np.exp(2 * way))
    assert laid.placed_ms == int(series.event_ms[2])
    assert laid.expires_ms - laid.placed_ms == PLAN.expires_ms - PLAN.placed_ms
    assert laid.direction == "down"


# --- the whole trial, on a market whose price knows nothing ---------------------------------------


def blind_market(seed=4, days=40):
    """A martingale with a jump every eight hours or so; open interest falls in large moves."""
    rng = np.random.default_rng(seed)
    n = days * 288
    jump = (rng.random(n) < 0.01) * rng.choice([-1.0, 1.0], n) * rng.uniform(0.01, 0.03, n)
    move = 0.0015 * rng.standard_normal(n) + jump
    price = 100.0 * np.exp(np.cumsum(move))
    contracts = 1000.0 * np.exp(np.cumsum(0.002 * rng.standard_normal(n) - 0.1 * np.abs(move)))
    times = MONDAY_MS + FIVE * np.arange(1, n + 1)
    rows = markets.open_interest_rows(
        list(zip(times.tolist(), contracts.tolist(), price.tolist(), strict=True))
    ).with_columns(available_time=pl.col("event_time") + pl.duration(milliseconds=FIVE))
    at_ms = int(times[-1]) + FIVE
    return Market(
        instrument=parse_symbol("BTC"),
        at_ms=at_ms,
        open_interest=rows,
        mark_klines=markets.kline_rows([], "mark"),
        trade_klines=markets.kline_rows([], "last"),
        funding=markets.funding_rows([]),
        schedule=schedule_from_rows(
            "binance", "BTC/USDT:USDT", 0, [(50e3, 0.004, 125), (1e6, 0.01, 50)], source="example"
        ),
        rule=rule_for("binance", "linear", at_ms),
    )


def clusters_on_a_grid(market, moments, trained=None):
    """Major clusters half a percent, a percent and a half and so on from the price of each hour.

    What the map shows is no matter here, and on a made-up market it shows clusters too far to hit.
    """
    assert trained is None
    series = series_of_market(market)
    shown = []
    for at_ms in moments.tolist():
        mark = float(series.known_by(at_ms).close[-1])
        zones = []
        for side, sign in (("long", -1), ("short", 1)):
            for way in (0.005, 0.015, 0.025, 0.035, 0.045):
                low, high = sorted(mark * np.exp(sign * np.array([way, way + 0.002])))
                zones.append(
                    Zone(side, low, high, low, 1e7, 1e7, 1e7, sign * 100 * way, 1, 5, 0.03, 1, True)
                )
        shown.append(tuple(zones))
    return ClusterHistory(moments, tuple(shown))


def depth_of(at_ms):
    curve = DepthCurve("down", np.array([0.0, 0.01]), np.array([1e7]), 0.01, 0.1, "hand", at_ms)
    return curve, replace(curve, direction="up")


RULE = replace(BARS, impulse_sigma=2.5)


@pytest.fixture(scope="module", autouse=True)
def _clusters():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(second_leg_trial, "follow_clusters", clusters_on_a_grid)
        yield


@pytest.fixture(scope="module")
def blind():
    return blind_market()


@pytest.fixture(scope="module")
def trial(blind):
    series = series_of_market(blind)
    return hold_trial(blind, series, depth_of, MONDAY_MS + 3 * DAY_MS, ignition=RULE)


def test_a_market_that_knows_nothing_gives_plans_that_come_to_nothing_before_costs(trial):
    rows = rows_of(trial)
    for baseline in ("zero", "matched"):
        row = rows["gross_bps", baseline, ""]
        assert row.n >= 30
        assert row.ci[0] < 0 < row.ci[1]
    net = rows["net_bps", "zero", ":$1.00M"]
    assert net.value < rows["gross_bps", "zero", ""].value


def test_every_plan_has_matches_costs_and_an_end(trial):
    assert (trial.over_ms > trial.placed_ms).all()
    assert np.isfinite(trial.matched_bps).mean() > 0.75
    assert (trial.cost_bps[trial.filled] > 10.0).all()
    assert (trial.cost_bps[~trial.filled] == 0.0).all()
    assert (trial.gross_bps[~trial.filled] == 0.0).all()
    assert (trial.latency_bars >= 1).all()


def test_what_a_plan_came_to_is_not_changed_by_later_days(blind, trial):
    until = MONDAY_MS + 14 * DAY_MS
    known = pl.col("available_time") <= pl.lit(until).cast(pl.Datetime("ms", "UTC"))
    cut = replace(blind, at_ms=until, open_interest=blind.open_interest.filter(known))
    early = hold_trial(cut, series_of_market(cut), depth_of, MONDAY_MS + 3 * DAY_MS, ignition=RULE)
    n = early.placed_ms.size
    assert 5 < n < trial.placed_ms.size
    assert early.placed_ms.tolist() == trial.placed_ms[:n].tolist()
    assert early.gross_bps.tolist() == trial.gross_bps[:n].tolist()
    assert early.past.net_bps.size <= trial.past.net_bps.size


def test_where_no_depth_is_known_costs_are_unknown_of_unfilled_plans_too(blind):
    series = series_of_market(blind)
    bare = hold_trial(blind, series, lambda _: None, MONDAY_MS + 3 * DAY_MS, ignition=RULE)
    assert not bare.filled.all()
    assert np.isnan(bare.cost_bps).all()
    assert np.isnan(bare.past.net_bps).all()


def test_nothing_before_the_beginning_of_the_span_counts(blind, trial):
    assert (trial.placed_ms >= MONDAY_MS + 3 * DAY_MS).all()
    late = hold_trial(
        blind, series_of_market(blind), depth_of, MONDAY_MS + 60 * DAY_MS, ignition=RULE
    )
    assert late.placed_ms.size == 0
    assert late.past.known_ms.size == 0

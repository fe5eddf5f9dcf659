"""Scorecard rows of sizes and of tomorrow's risk: every rival beside ours, walked forward."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.reference.size_markets import hourly_market
from tests.unit.forecast.test_tomorrows_risk import COINS

from forcedflow.errors import NoDataError
from forcedflow.evaluate.forecast_daily import daily_rows, hold_daily_trial
from forcedflow.evaluate.forecast_size import (
    PINBALL_LEVELS,
    TREES,
    hold_size_trial,
    score_trial,
    size_rows,
)
from forcedflow.evaluate.scorecard import part_of
from forcedflow.forecast.daily import SETS as DAILY_SETS
from forcedflow.forecast.scores import average_precision, roc_auc
from forcedflow.forecast.size import OURS, SETS
from forcedflow.forecast.sizes import Liquidated
from forcedflow.units import DAY_MS

pytest.importorskip("sklearn")

ROWS, TOLD = hourly_market(days=45, with_map=0.8)
FIT_TO = int(ROWS.times_ms[0]) + 34 * DAY_MS
TO = FIT_TO + 7 * DAY_MS


@pytest.fixture(scope="module")
def trial():
    return hold_size_trial(ROWS, TOLD, 1, FIT_TO, FIT_TO, TO)


def test_every_rival_is_told_beside_ours_on_both_sides_and_together(trial):
    rows = list(score_trial(trial, "example"))
    mean = {(row.side, row.baseline): row for row in rows if row.metric == "pinball_mean"}
    rivals = {name for name in SETS if name != OURS} | {TREES}
    assert set(mean) == {(s, name) for s in ("long", "short", "pooled") for name in rivals}
    assert len({row.id for row in rows}) == len(rows)
    assert {row.product for row in rows} == {"forecast"}
    # In this market the map's inputs are worth something and its placebo's nothing.
    pooled = mean["pooled", "placebo"]
    assert pooled.gain > 0.05
    assert pooled.ci[0] > 0
    assert pooled.pass_ is True
    assert mean["pooled", "liquidations"].pass_ is True
    assert pooled.gain == pytest.approx(1 - pooled.value / pooled.baseline_value)
    assert mean["long", "placebo"].n * 2 == pooled.n == 2 * trial.times_ms.size
    covered = {
        row.metric: row.value
        for row in rows
        if row.side == "pooled" and "coverage" in row.metric and not part_of(row)
    }
    for tau in PINBALL_LEVELS:
        assert covered[f"coverage_{100 * tau:g}"] == pytest.approx(tau, abs=0.09)


def test_what_happened_after_a_moment_changes_nothing_that_was_said_at_it(trial):
    until = FIT_TO + 5 * DAY_MS
    known = TOLD.end_ms <= until
    then = Liquidated(TOLD.end_ms[known], TOLD.usd[known])
    early = ROWS.cut(ROWS.times_ms < until)
    before = hold_size_trial(early, then, 1, FIT_TO, FIT_TO, until)
    n = before.times_ms.size
    assert n > 100
    for name, said in before.quantiles.items():
        assert said.tobytes() == trial.quantiles[name][:n].tobytes(), name


def test_a_market_unseen_in_the_fit_is_forecast_by_what_others_taught():
    # It begins where the fit ends: not one of its own hours is read by the first fit.
    new = ROWS.cut(ROWS.times_ms >= FIT_TO - 4 * DAY_MS)
    late = TOLD.end_ms > FIT_TO - 4 * DAY_MS
    own = Liquidated(TOLD.end_ms[late], TOLD.usd[late])
    to_ms = FIT_TO + 5 * DAY_MS
    other = replace(ROWS, symbol="OTHER")
    with pytest.raises(NoDataError, match="hours with known liquidations"):
        hold_size_trial(new, own, 1, FIT_TO, FIT_TO, to_ms)
    held = hold_size_trial(new, own, 1, FIT_TO, FIT_TO, to_ms, [(other, TOLD)])
    assert all(np.isfinite(said).all() for said in held.quantiles.values())


def test_a_placebo_that_nobody_computed_is_no_rival_and_nothing_passes_without_it(trial):
    columns = {k: v for k, v in ROWS.columns.items() if not k.startswith("placebo_")}
    held = hold_size_trial(replace(ROWS, columns=columns), TOLD, 1, FIT_TO, FIT_TO, TO)
    assert set(trial.quantiles) - set(held.quantiles) == {"placebo"}
    rows = list(score_trial(held))
    assert "placebo" not in {row.baseline for row in rows}
    asked = [row for row in rows if (row.metric, row.baseline) == ("pinball_mean", "liquidations")]
    assert all(row.gain > 0.03 for row in asked)
    assert not any(row.pass_ for row in asked)


def test_without_liquidations_nothing_is_scored():
    nothing = Liquidated(np.zeros(0, np.int64), np.zeros((0, 2)))
    with pytest.raises(NoDataError, match="no liquidations of BTC/USDT:USDT are known"):
        size_rows(ROWS, nothing, FIT_TO, FIT_TO, TO)


def test_tomorrows_risk_is_scored_over_all_coins_and_each():
    ends = COINS[0].end_ms
    fit_to, to_ms = int(ends[400]), int(ends[490])
    rows = daily_rows(COINS, fit_to, fit_to, to_ms)
    assert len({row.id for row in rows}) == len(rows)
    pooled = {(row.metric, row.baseline): row for row in rows if row.symbol == "pooled"}
    rivals = {name for name in DAILY_SETS if name != OURS}
    for metric in ("log_loss_bits", "brier_skill", "auc", "pr_auc"):
        assert {name for kind, name in pooled if kind == metric} == rivals
    assert pooled["auc", "climatology"].value > 0.7
    trial = hold_daily_trial(COINS, fit_to, fit_to, to_ms)
    said, happened = trial.probability[OURS], trial.happened
    assert pooled["auc", "volatility"].value == pytest.approx(roc_auc(said, happened))
    precision = average_precision(said, happened)
    assert pooled["pr_auc", "volatility"].value == pytest.approx(precision)
    assert pooled["log_loss_bits", "climatology"].ci[0] > 0
    # Ninety days hold too few large ones to claim anything.
    assert not any(row.pass_ for row in rows if row.baseline in rivals)
    assert {row.symbol for row in rows} == {"pooled", *(coin.symbol for coin in COINS)}
    told = [row for row in rows if row.metric == "predicted_actual" and row.model != OURS]
    assert {row.model for row in told} == rivals


def test_a_span_without_a_year_behind_it_is_refused():
    start = int(COINS[0].end_ms[0])
    with pytest.raises(NoDataError, match="a year of daily liquidations"):
        daily_rows(COINS, start, start, start + 30 * DAY_MS)

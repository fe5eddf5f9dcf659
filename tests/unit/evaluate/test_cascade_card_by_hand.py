"""Rows of trials made by hand: whoever knew wins, whoever guessed does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.evaluate.cascade_pushes import said, trial

from forcedflow.errors import NoDataError
from forcedflow.evaluate.cascade_card import LEAST_EPISODES, Scope, cascade_rows
from forcedflow.evaluate.cascade_episodes import LONELY, join_episodes
from forcedflow.evaluate.cascade_trial import join_trials
from forcedflow.evaluate.scorecard import part_of

SCOPE = Scope("SIM/USDT:USDT", "sandbox", "emergent cascade", ("open_interest",))


def row(rows, metric, baseline, part):
    (found,) = [
        one
        for one in rows
        if (one.metric, one.baseline) == (metric, baseline) and part_of(one).endswith(part)
    ]
    return found


def test_who_knew_the_end_beats_who_expected_no_amplification():
    knew = said(end=0.012, end_low=0.011, end_high=0.013, forced=5_000.0, forced_high=9e3)
    rows = list(cascade_rows(trial(knew, said()), SCOPE))
    found = row(rows, "end_log_error", "no_amplification", "prior, cascades")
    assert found.value == pytest.approx(0.0)
    assert found.baseline_value == pytest.approx(np.log(1.2))
    assert found.gain == pytest.approx(np.log(1.2))
    assert (found.n, found.n_days) == (LEAST_EPISODES, LEAST_EPISODES)
    assert row(rows, "amplification_predicted_actual", "none", "prior, cascades").value == (
        pytest.approx(1.0)
    )
    assert row(rows, "forced_predicted_actual", "none", "prior, cascades").value == 1.0
    assert row(rows, "end_coverage_80", "none", "prior, cascades").value == 1.0
    assert row(rows, "end_log_error", "no_amplification", "no cascade").gain == 0.0


def test_a_bias_has_the_sign_of_the_error():
    rows = list(cascade_rows(trial(said(end=0.024), said()), SCOPE))
    assert row(rows, "end_bias", "none", "prior, cascades").value == pytest.approx(np.log(2))
    assert row(rows, "amplification_predicted_actual", "none", "prior, cascades").value == (
        pytest.approx(7.0)
    )


def test_a_score_that_tells_pairs_apart_has_an_area_of_one_and_a_constant_has_half():
    rows = list(cascade_rows(trial(said(swept=0.02, loading=0.1), said(loading=0.1)), SCOPE))
    assert row(rows, "matched_auc_swept", "chance", "pairs").value == 1.0
    assert row(rows, "matched_auc_swept", "loading", "pairs").gain == pytest.approx(0.5)
    for name in ("peak", "loading", "thinness", "new_ground"):
        assert row(rows, f"matched_auc_{name}", "chance", "pairs").value == 0.5
    turned = list(cascade_rows(trial(said(), said(swept=0.02)), SCOPE))
    assert row(turned, "matched_auc_swept", "chance", "pairs").value == 0.0


@pytest.mark.parametrize(
    ("second", "ours", "nearest", "plain"),
    [(0.0115, 1.0, 0.0, 0.0), (0.02, 1.0, 1.0, 1.0), (0.009, 1.0, 0.0, 1.0)],
)
def test_the_next_zone_is_hit_where_the_end_lies_on_the_right_side_of_it(
    second, ours, nearest, plain
):
    # The nearest zone is always said to be behind, so that whoever goes by it says: not ahead.
    knew = said(end=0.012, first_zone=0.005, next_zone=second)
    rows = list(cascade_rows(trial(knew, said()), SCOPE))
    by_distance = row(rows, "next_zone_hit_rate", "nearest_zone", "prior, cascades")
    assert (by_distance.value, by_distance.baseline_value) == (ours, nearest)
    alone = row(rows, "next_zone_hit_rate", "no_amplification", "prior, cascades")
    assert alone.baseline_value == plain


def test_large_cascades_have_rows_only_where_there_are_enough():
    small = [part_of(one) for one in cascade_rows(trial(said(), said(), forced=3e3), SCOPE)]
    assert not any("large" in part for part in small)
    large = [part_of(one) for one in cascade_rows(trial(said(), said(), forced=6e3), SCOPE)]
    assert any("large" in part for part in large)


def test_too_few_cascades_are_not_scored():
    with pytest.raises(NoDataError, match="9 cascades"):
        list(cascade_rows(trial(said(), said(), n=LEAST_EPISODES - 1), SCOPE))


def test_every_row_has_its_own_name():
    rows = list(cascade_rows(trial(said(), said(), forced=6e3), SCOPE))
    assert len({one.id for one in rows}) == len(rows)


def test_a_cascade_without_a_push_alike_counts_by_itself_and_in_no_pair():
    found = trial(said(), said())
    lonely = replace(found.episodes.take(np.array([0])), kind=np.array([LONELY]))
    more = replace(
        found,
        episodes=join_episodes([found.episodes, replace(lonely, day=lonely.day + 500)]),
        pair=np.append(found.pair, -1),
        market=np.append(found.market, 0),
        foresight={"prior": [*found.foresight["prior"], said()]},
    )
    rows = list(cascade_rows(more, SCOPE))
    by_itself = row(rows, "end_bias", "none", "prior, cascades")
    assert (by_itself.n, by_itself.n_days) == (LEAST_EPISODES + 1, LEAST_EPISODES + 1)
    assert row(rows, "matched_auc_swept", "chance", "pairs").n == LEAST_EPISODES
    assert join_trials([more, more]).pair.tolist().count(-1) == 2


def test_days_of_two_markets_are_different_days():
    first, second = trial(said(), said()), trial(said(), said())
    second = replace(second, market=np.ones_like(second.market))
    joined = join_trials([first, second])
    assert joined.pair.max() == 2 * LEAST_EPISODES - 1
    found = row(list(cascade_rows(joined, SCOPE)), "end_bias", "none", "prior, cascades")
    assert (found.n, found.n_days) == (2 * LEAST_EPISODES, 2 * LEAST_EPISODES)

"""What is said of a push: on even stages worked out by hand, and on a small simulated market."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from tests.reference.stages import stage_of

from forcedflow.errors import DataError, NoDataError
from forcedflow.evaluate.cascade_card import Scope, cascade_rows
from forcedflow.evaluate.cascade_episodes import ANY, CASCADE, NO_CASCADE
from forcedflow.evaluate.cascade_foresight import foresee, maps_at, zone_distances
from forcedflow.evaluate.cascade_trial import (
    Recorded,
    Trial,
    fit_mixture_of,
    hold_trial,
    join_trials,
    markets_of,
    record_market,
)
from forcedflow.liquidation_map import CALIBRATED, MODEL
from forcedflow.pipeline import build_map
from forcedflow.tables import TIME
from forcedflow.units import DAY_MS, HOUR_MS

NOWHERE = (np.zeros(0), np.zeros(0))
BINS = 400


@cache
def recorded() -> Recorded:
    return record_market("leverage-build-up", 1, 6_000, 18, 0.1)


@cache
def held() -> Trial:
    return hold_trial(recorded(), 10)


def test_without_forced_flow_every_rule_ends_where_it_was_pushed():
    said = foresee(stage_of(np.zeros(BINS), np.full(BINS, 1e6)), 0.02, 0.03, 1e9, NOWHERE)
    assert said.end == said.end_low == said.end_high == pytest.approx(0.02)
    assert said.end_waves == pytest.approx(0.02)
    assert said.end_square_root == pytest.approx(0.02)
    assert (said.forced, said.swept, said.peak, said.loading) == (0.0, 0.0, 0.0, 0.0)


def test_on_an_even_stage_the_move_is_the_shock_over_one_less_the_branching_number():
    forced = np.stack([np.full(BINS, 3e5), np.full(BINS, 2e5)])
    stage = stage_of(forced, np.full((2, BINS), 5e5))
    said = foresee(stage, 0.02, 0.03, 1e12, NOWHERE)
    # n = 5e5 / 1e6, so the move doubles.
    assert said.end == pytest.approx(0.04)
    assert said.peak == pytest.approx(0.5)
    # The first venue's own bins up to there.
    assert said.forced == pytest.approx(3e5 * 0.04 / stage.width)
    assert said.forced_unamplified == pytest.approx(3e5 * 0.02 / stage.width)
    assert said.swept == pytest.approx(5e5 * 0.04 / stage.width / stage.open_interest_usd)
    assert said.thinness == pytest.approx(1e9 / (1e6 * 0.02 / stage.width))
    assert said.loading == pytest.approx(5e5 * 0.02 / stage.width / 1e9)
    assert said.end_low < said.end < said.end_high


def test_the_square_root_law_ends_at_the_root_of_its_own_equation():
    forced, volume, sigma, shock = 1e5, 1e10, 0.03, 0.01
    stage = stage_of(np.full(BINS, forced), np.full(BINS, 1e9))
    said = foresee(stage, shock, sigma, volume, NOWHERE)
    # y = shock + c √y with c² = σ² h / V, h per unit of distance.
    c = sigma * np.sqrt(forced / stage.width / volume)
    root = ((c + np.sqrt(c**2 + 4 * shock)) / 2) ** 2
    assert said.end_square_root == pytest.approx(root, abs=stage.width)


@pytest.mark.parametrize(
    ("ahead", "behind", "is_ahead"),
    [
        ([0.01, 0.015], [0.01], True),
        ([0.01, 0.04], [0.01], False),
        ([0.01], [0.01], False),
        ([0.01, 0.02], [], True),
    ],
)
def test_the_nearest_zone_is_looked_for_on_both_sides_of_the_first(ahead, behind, is_ahead):
    stage = stage_of(np.zeros(BINS), np.full(BINS, 1e6))
    said = foresee(stage, 0.02, 0.03, 1e9, (np.array(ahead), np.array(behind)))
    assert said.first_zone == ahead[0]
    assert said.next_zone == (ahead[1] if len(ahead) > 1 else np.inf)
    assert said.nearest_is_ahead is is_ahead


def test_a_map_met_on_the_way_is_the_one_that_is_built_then():
    market = markets_of(recorded())[0]
    at_ms = recorded().tape.start_ms + 15 * DAY_MS + 7 * HOUR_MS
    alone = build_map(
        replace(
            market,
            at_ms=at_ms,
            **{
                name: getattr(market, name).filter(
                    pl.col("available_time") <= pl.lit(at_ms, dtype=TIME)
                )
                for name in ("open_interest", "mark_klines", "trade_klines", "funding")
            },
        )
    )
    moments = np.array([at_ms - 3 * DAY_MS, at_ms, at_ms])
    *_, met = maps_at(market, None, moments, np.full(3, alone.mark))
    assert met.known_ms == alone.known_ms
    assert met.sigma_day == alone.sigma_day
    assert met.open_interest_usd == pytest.approx(alone.open_interest_usd)
    grid = alone.grid()
    for side in ("long", "short"):
        np.testing.assert_allclose(met.profile_usd(grid, side), alone.profile_usd(grid, side))
    ahead, _ = zone_distances(met, "long")
    listed = [zone for zone in alone.zones() if zone.side == "long"]
    assert ahead.size == len(listed)
    assert ahead[0] == pytest.approx(-np.log1p(listed[0].distance_pct / 100))


def test_nothing_is_said_before_anything_was_published():
    market = markets_of(recorded())[0]
    with pytest.raises(NoDataError, match="known by then"):
        next(maps_at(market, None, np.array([recorded().tape.start_ms]), np.array([6e4])))


def test_a_mixture_is_refused_where_it_saw_what_came_later():
    # Episodes begin after the fit, so only a trial that cheats can ask this.
    trial = recorded()
    late = replace(held_mixture(), fit_to_ms=trial.tape.start_ms + 20 * DAY_MS)
    moment = np.array([trial.tape.start_ms + 15 * DAY_MS])
    with pytest.raises(DataError, match="fitted to data"):
        next(maps_at(markets_of(trial)[0], late, moment, np.array([6e4])))


@cache
def held_mixture():
    return fit_mixture_of(recorded(), recorded().tape.start_ms + 10 * DAY_MS)


def test_a_small_trial_has_all_three_kinds_and_both_ladders():
    found = held().episodes
    n = int((found.kind == CASCADE).sum())
    assert n >= 3
    assert [int((found.kind == kind).sum()) for kind in (CASCADE, NO_CASCADE, ANY)] == [n] * 3
    assert set(held().foresight) == {MODEL, CALIBRATED}
    assert all(len(said) == found.size for said in held().foresight.values())
    assert (found.end >= found.shock).all()
    assert (found.caused[found.cascade] >= 0.2).all()
    for said in held().foresight.values():
        assert all(one.end >= shock for one, shock in zip(said, found.shock, strict=True))
        assert all(one.end_low <= one.end <= one.end_high for one in said)


def test_what_is_said_does_not_change_with_what_comes_later():
    # Everything after the last episode's own window is cut away; all that was said stays.
    whole, last = held(), int(held().episodes.first.max())
    cut_ms = int(recorded().tape.end_ms(np.array([last - 1]))[0])
    known = pl.col("available_time") <= pl.lit(cut_ms, dtype=TIME)
    rows = {
        venue: {name: frame.filter(known) for name, frame in tables.items()}
        for venue, tables in recorded().rows.items()
    }
    again = hold_trial(replace(recorded(), rows=rows), 10)
    assert again.foresight == whole.foresight


def test_rows_come_of_it_all():
    several = join_trials([replace(held(), market=held().market + i) for i in range(4)])
    rows = list(cascade_rows(several, Scope("SIM/USDT:USDT", "sandbox", "emergent", ())))
    assert {row.model for row in rows} == {MODEL, CALIBRATED}
    swept = [row for row in rows if (row.metric, row.baseline) == ("matched_auc_swept", "chance")]
    # Where a cascade followed, more stood in the way than where none did.
    assert all(row.value > 0.8 for row in swept)

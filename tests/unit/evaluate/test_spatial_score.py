"""The conditional spatial score: by hand, for the truth, for a shuffled map, and its parts."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from tests.unit.evaluate import sandbox_trial

from forcedflow.errors import NoDataError
from forcedflow.evaluate.located import Located, locate_prints, locate_totals
from forcedflow.evaluate.map_card import Scope
from forcedflow.evaluate.map_trial import FLOOR_SHARE, hold_trial
from forcedflow.evaluate.snapshots import hourly_snapshots
from forcedflow.evaluate.spatial import (
    hourly_surprise,
    joined_surprise,
    newly_swept,
    path_mass,
    shares_within,
    spatial_rows,
    standing_mass,
)
from forcedflow.evaluate.standing import known_times
from forcedflow.positions import PriceGrid
from forcedflow.sandbox.parameters import parameters
from forcedflow.sandbox.simulate import burn_in, simulate
from forcedflow.sandbox.state import open_market
from forcedflow.sandbox.truth import true_ladder
from forcedflow.tables import empty
from forcedflow.units import HOUR_MS, MINUTE_MS

SCOPE = Scope("SIM/USDT:USDT", "sandbox", "the venue's own", ("simulated",))
NO_PATH = np.zeros((2, 5))


def test_only_minutes_that_go_farther_sweep_anything():
    distance, minute = newly_swept(4.0, np.array([3.9, 3.95, 4.0, 3.7]), 0)
    assert distance == pytest.approx([0.0, 0.1, 0.3])
    assert minute.tolist() == [0, 3]
    distance, minute = newly_swept(4.0, np.array([4.0, 4.2, 4.1]), 1)
    assert distance == pytest.approx([0.0, 0.2])
    assert minute.tolist() == [1]


def test_the_path_weighs_more_beyond_an_earlier_extreme():
    mass = path_mass(np.array([0.0, 1.0, 3.0, 4.0]), np.array([2.0]), np.array([10.0, 1.0, 8.0]))
    # Range: 1 per unit; time: 8 over a length of 4; excursion: 10 per unit past 2.
    assert mass == pytest.approx([1 + 2, 2 + 4 + 10, 1 + 2 + 10])


def test_standing_mass_is_what_lies_between_the_prices():
    grid = PriceGrid(0.1, 10, 3)
    expected = np.array([1.0, 10.0, 100.0])
    assert standing_mass(np.array([1.3, 1.15, 1.0, 0.5]), expected, grid) == pytest.approx(
        [105.0, 6.0, 0.0]
    )


def test_shares_sum_to_one_above_a_floor_and_are_even_where_nothing_stands():
    distance = np.array([0.0, 1.0, 4.0])
    shares = shares_within(np.array([0.0, 5.0]), distance)
    assert shares == pytest.approx([FLOOR_SHARE / 4, 1 - FLOOR_SHARE / 4])
    assert shares_within(np.zeros(2), distance) == pytest.approx([0.25, 0.75])


@cache
def ours():
    market = sandbox_trial.recorded()
    trial = hold_trial(sandbox_trial.prepared(), market.fit_to_ms)
    known_ms = known_times(market.rows["open_interest"], market.bars.end_ms)
    found = hourly_snapshots(
        market.bars,
        market.flows,
        market.atoms,
        market.width,
        trial.mixture,
        known_ms,
        market.fit_to_ms,
        int(market.bars.end_ms[-1]),
    )
    return list(found), trial


@cache
def prints():
    market = sandbox_trial.recorded()
    return locate_prints(market.rows["liquidations"], market.rows["mark_klines"])


def scored(snapshots, background, located=None):
    _, trial = ours()
    surprise = hourly_surprise(
        snapshots,
        located or prints(),
        sandbox_trial.recorded().bars,
        background,
        trial.path_only.weights,
    )
    return surprise, {(row.side, row.baseline): row for row in spatial_rows(surprise, SCOPE)}


def test_bits_of_one_hour_are_by_hand():
    """Two minutes sweep one bin each; three quarters of the mass and all the dollars in one."""
    one = ours()[0][40]
    start = math.log(one.price)
    end_ms = one.hour_ms + MINUTE_MS * np.arange(1, 61)
    low = np.full((60, 2), start)
    low[5:, 0], low[30:, 0] = start - 0.002, start - 0.004
    high = np.full((60, 2), start)
    usd = np.zeros((60, 2))
    usd[30, 0], usd[40, 0] = 500.0, 99.0
    grid = PriceGrid(0.002, round((start - 0.004) / 0.002), 2)
    shifted = replace(one, grid=grid, expected=np.array([[3.0, 1.0], [0.0, 0.0]]))
    offset = start - grid.stop * grid.width
    located = Located(end_ms, MINUTE_MS, usd, low - offset, high - offset)
    surprise, rows = scored([shifted], NO_PATH, located)
    q = (1 - FLOOR_SHARE) * 0.75 + FLOOR_SHARE * 0.5
    assert surprise.usd.tolist() == [500.0]
    assert rows["long", "uniform"].value == pytest.approx(-math.log2(q))
    assert rows["long", "uniform"].baseline_value == pytest.approx(1.0)
    assert rows["long", "uniform"].gain == pytest.approx(1 + math.log2(q))
    assert ("short", "uniform") not in rows


@cache
def true_snapshots():
    """Return our hours with the market's own ladder in the place of ours."""
    by_hour = {one.hour_ms: one for one in ours()[0]}
    chosen = parameters("calm")
    state = open_market(chosen, sandbox_trial.TRADERS, sandbox_trial.SEED)
    burn_in(state)
    found = []
    for block in simulate(state, sandbox_trial.DAYS * 1440, 60):
        one = by_hour.get(block.start_ms + MINUTE_MS * block.minutes)
        if one is not None:
            ladder = true_ladder(state, chosen.venues[0].name, one.grid)
            found.append(replace(one, expected=ladder))
    return found


@pytest.mark.parametrize("baseline", ["uniform", "path_only"])
def test_a_map_that_is_the_truth_says_where_liquidations_fell(baseline):
    snapshots = true_snapshots()
    assert len(snapshots) == len(ours()[0])
    row = scored(snapshots, NO_PATH)[1]["pooled", baseline]
    assert row.gain > 0.5
    assert row.ci[0] > 0
    assert row.pass_


@pytest.mark.parametrize("seed", range(3))
def test_the_truth_of_other_hours_says_nothing(seed):
    """Each hour gets the ladder of another, at the same distances from its own mark."""
    snapshots = true_snapshots()
    other = np.random.default_rng(seed).permutation(len(snapshots))
    dealt = []
    for one, i in zip(snapshots, other, strict=True):
        donor = snapshots[i]
        bins = round(math.log(one.price / donor.price) / donor.grid.width)
        moved = PriceGrid(donor.grid.width, donor.grid.first + bins, donor.grid.size)
        dealt.append(replace(one, grid=moved, expected=donor.expected))
    rows = scored(dealt, NO_PATH)[1]
    assert not rows["pooled", "uniform"].pass_
    assert rows["pooled", "path_only"].gain < 0


def test_our_map_beats_an_even_spread_on_unseen_days():
    snapshots, trial = ours()
    surprise, rows = scored(snapshots, trial.mixture.background)
    row = rows["pooled", "uniform"]
    assert row.gain > 0.1
    assert row.ci[0] > 0
    half = len(snapshots) // 2
    parts = [
        scored(part, trial.mixture.background)[0] for part in (snapshots[:half], snapshots[half:])
    ]
    joined = joined_surprise(parts)
    assert joined.bits == pytest.approx(surprise.bits)
    assert {r.id for r in spatial_rows(joined, SCOPE)} == {r.id for r in rows.values()}


def test_prints_and_totals_of_the_same_feed_agree_hour_by_hour():
    market = sandbox_trial.recorded()
    totals = locate_totals(market.rows["liquidation_totals"], market.bars)
    fine = prints()
    some = totals.usd.any(axis=1)
    for end_ms, usd in zip(totals.end_ms[some][5:50], totals.usd[some][5:50], strict=True):
        assert fine.usd[fine.between(end_ms - HOUR_MS, end_ms)].sum(axis=0) == pytest.approx(usd)
    assert (totals.low <= totals.high).all()
    assert (fine.low <= fine.high).all()


def test_prints_without_klines_of_the_mark_lie_nowhere():
    with pytest.raises(NoDataError, match="beside klines of the mark"):
        locate_prints(sandbox_trial.recorded().rows["liquidations"], empty("klines"))
    nothing = hourly_surprise([], prints(), sandbox_trial.recorded().bars, NO_PATH, NO_PATH)
    with pytest.raises(NoDataError, match="no print fell"):
        list(spatial_rows(nothing, SCOPE))

"""Ladders small enough to follow with a pencil."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.reference import markets

from forcedflow.positions import BANDS, Canvas, LiquidationLadder, PriceGrid
from forcedflow.units import DAY_MS

WIDTH = 5e-4
# One tier, no maintenance margin: a 10× long entered at 100 is liquidated at 90, a short at 110.
TEN = markets.atoms_of([10.0], [1e9], mmr=0.0)


def _grid():
    return PriceGrid(WIDTH, math.floor(math.log(80.0) / WIDTH), 1000)


def _opened_at_100(longs=8.0, shorts=4.0, atoms=TEN):
    ladder = LiquidationLadder(atoms, WIDTH)
    ladder.advance(markets.bars_of([100.0]), markets.flows_of([longs], [shorts]))
    return ladder


def _quiet(ladder, low, high, close, **more):
    bar = markets.bars_of([close], low=low, high=high, **more)
    return ladder.advance(bar, markets.flows_of([0.0], [0.0]))


def test_a_ten_times_long_entered_at_100_stands_at_90_and_a_short_at_110():
    ladder, grid = _opened_at_100(), _grid()
    for side, price, contracts in (("long", 90.0, 8.0), ("short", 110.0, 4.0)):
        profile = ladder.profile(grid, side).sum(axis=0)
        held = np.flatnonzero(profile)
        assert held.size == 2  # split between the two bins whose centres enclose the price
        assert profile.sum() == pytest.approx(contracts)
        mean_log_price = (np.log(grid.prices) * profile).sum() / profile.sum()
        assert math.exp(mean_log_price) == pytest.approx(price, rel=1e-9)


def test_a_long_is_consumed_by_the_first_low_that_reaches_it_and_by_no_earlier_one():
    ladder = _opened_at_100()
    assert _quiet(ladder, 90.2, 101.0, 95.0).swept.tolist() == [[0.0, 0.0]]
    assert _quiet(ladder, 89.9, 96.0, 96.0).swept[0] == pytest.approx([8.0, 0.0])
    assert _quiet(ladder, 50.0, 96.0, 96.0).swept[0] == pytest.approx([0.0, 0.0])


def test_a_short_is_consumed_by_the_first_high_that_reaches_it():
    ladder = _opened_at_100()
    assert _quiet(ladder, 99.0, 109.8, 105.0).swept[0] == pytest.approx([0.0, 0.0])
    assert _quiet(ladder, 104.0, 110.1, 105.0).swept[0] == pytest.approx([0.0, 4.0])


def test_a_bars_own_entries_are_not_consumed_by_its_own_range():
    # The bar falls to 80 and comes back; longs opened in it at 100 stand at 90 afterwards.
    ladder = LiquidationLadder(TEN, WIDTH)
    bar = markets.bars_of([100.0], low=80.0, high=100.0)
    seen = ladder.advance(bar, markets.flows_of([8.0], [0.0]))
    # Entries at 80, √8000 and 100 stand at 72, 80.5 and 90.
    assert seen.swept[0, 0] == 0.0
    assert seen.alive[0, 0] == pytest.approx(8.0)


def test_what_a_bars_close_has_already_passed_is_consumed_at_once():
    # Opened at up to 100 while the price fell to 80: entries at 100 and √8000 are gone at 80.
    ladder = LiquidationLadder(TEN, WIDTH)
    bar = markets.bars_of([80.0], low=80.0, high=100.0)
    seen = ladder.advance(bar, markets.flows_of([8.0], [0.0]))
    assert seen.swept[0, 0] == pytest.approx(0.75 * 8.0)
    assert seen.alive[0, 0] == pytest.approx(0.25 * 8.0)


def test_entries_spread_a_quarter_a_half_a_quarter_over_the_bars_range():
    ladder, grid = LiquidationLadder(TEN, WIDTH), _grid()
    bar = markets.bars_of([100.0], low=98.0, high=102.0)
    ladder.advance(bar, markets.flows_of([8.0], [0.0]))
    profile = ladder.profile(grid, "long").sum(axis=0)
    for price, contracts in ((88.2, 2.0), (0.9 * math.sqrt(98 * 102), 4.0), (91.8, 2.0)):
        near = np.abs(np.log(grid.prices / price)) < 2 * WIDTH
        assert profile[near].sum() == pytest.approx(contracts)


def test_half_of_the_contracts_are_closed_by_choice_after_one_half_life():
    ladder = _opened_at_100(atoms=markets.atoms_of([10.0], [2.0], mmr=0.0))
    seen = _quiet(ladder, 100.0, 100.0, 100.0, elapsed_ms=2 * DAY_MS)
    assert seen.alive[0] == pytest.approx([4.0, 2.0])
    ledger = ladder.ledger("long")
    assert (ledger.added, ledger.alive, ledger.consumed, ledger.closed) == pytest.approx(
        (8.0, 4.0, 0.0, 4.0)
    )


def test_many_half_lives_leave_nothing_and_still_balance():
    # 2^-60 crosses the point where masses are written anew; 2^-2000 underflows to zero.
    for days in (60.0, 2000.0):
        ladder = _opened_at_100(atoms=markets.atoms_of([10.0], [1.0], mmr=0.0))
        seen = _quiet(ladder, 100.0, 100.0, 100.0, elapsed_ms=int(days * DAY_MS))
        assert seen.alive[0, 0] == pytest.approx(8.0 * 2.0**-days)
        assert ladder.ledger("long").imbalance < 1e-9
        ladder.advance(markets.bars_of([100.0]), markets.flows_of([3.0], [0.0]))
        assert ladder.standing("long") == pytest.approx(3.0)


def test_funding_paid_by_longs_brings_their_liquidation_nearer_and_shorts_farther():
    ladder = _opened_at_100()
    # One percent paid: 90 → about 90.9, 110 → about 111.1.
    seen = _quiet(ladder, 90.5, 110.5, 100.0, funding=0.01)
    assert seen.swept[0] == pytest.approx([8.0, 0.0])
    assert ladder.funding_shift == pytest.approx(0.01)
    profile = ladder.profile(_grid(), "short").sum(axis=0)
    centre = (np.log(_grid().prices) * profile).sum() / profile.sum()
    assert math.exp(centre) == pytest.approx(110 * math.exp(0.01), rel=WIDTH)


def test_a_column_before_consumption_shows_the_level_and_the_next_one_does_not():
    close = [100.0, 95.0, 96.0, 97.0]
    bars = markets.bars_of(close, low=[100.0, 94.0, 89.0, 96.0], high=[100.0, 100.0, 97.0, 98.0])
    flows = markets.flows_of([8.0, 0.0, 0.0, 0.0], [0.0] * 4)
    grid = _grid()
    canvas = Canvas(np.arange(4), 4, grid)
    seen = LiquidationLadder(TEN, WIDTH).replay(bars, flows, canvas=canvas)
    near_90 = np.abs(np.log(grid.prices / 90.0)) < 2 * WIDTH
    shown = seen.image[:, 0].sum(axis=1)[:, near_90].sum(axis=1)
    assert shown == pytest.approx([8.0, 8.0, 0.0, 0.0])
    assert seen.image.shape == (4, 2, len(BANDS), grid.size)


def test_levels_are_counted_in_their_leverage_band():
    atoms = markets.atoms_of([5.0, 50.0], [1e9], weights=[3.0, 1.0])
    ladder = _opened_at_100(atoms=atoms)
    by_band = ladder.profile(ladder.extent(), "long").sum(axis=1)
    assert by_band == pytest.approx([6.0, 0.0, 0.0, 2.0, 0.0])


def test_weights_per_atom_rescale_the_profile_and_what_stands():
    atoms = markets.atoms_of([5.0, 50.0], [1e9])
    ladder = _opened_at_100(atoms=atoms)
    weight = np.array([0.5, 1.5])
    assert ladder.standing("long", weight) == pytest.approx(0.5 * 4 + 1.5 * 4)
    profile = ladder.profile(ladder.extent(), "long", weight).sum(axis=1)
    assert profile == pytest.approx([2.0, 0.0, 0.0, 6.0, 0.0])


def test_flows_of_other_roles_are_refused():
    ladder = LiquidationLadder(markets.atoms_of([10.0], [1.0], roles=("taker", "maker")), WIDTH)
    with pytest.raises(ValueError, match="roles"):
        ladder.replay(markets.bars_of([100.0]), markets.flows_of([1.0], [1.0]))


def test_advance_takes_one_bar():
    ladder = LiquidationLadder(TEN, WIDTH)
    with pytest.raises(ValueError, match="one bar"):
        ladder.advance(markets.bars_of([100.0, 101.0]), markets.flows_of([1.0, 1.0], [1.0, 1.0]))


def test_a_replay_of_no_bars_changes_nothing():
    ladder = _opened_at_100()
    before = ladder.state_hash()
    nothing = ladder.replay(markets.bars_of([]), markets.flows_of([], []))
    assert nothing.swept.shape == (0, 2)
    assert ladder.state_hash() == before


def test_one_contract_more_changes_the_state_hash():
    assert _opened_at_100().state_hash() == _opened_at_100().state_hash()
    assert _opened_at_100().state_hash() != _opened_at_100(longs=8.0000001).state_hash()

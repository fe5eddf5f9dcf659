"""The compiled ladder against its readable twin, and what must balance whatever the market does."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import ladder as readable
from tests.reference import markets

from forcedflow.positions import BANDS, Canvas, LiquidationLadder, PriceGrid
from forcedflow.units import SIDES

FEW = settings(deadline=None, max_examples=60)
WIDTH = 5e-4
SEEDS = st.one_of(st.none(), st.integers(1, 5000))
TINY = 1e-9


def _close(left, right, scale=1.0):
    np.testing.assert_allclose(left, right, rtol=TINY, atol=TINY * scale)


def _ladder(atoms, bars, contracts, width=WIDTH, share=None):
    ladder = LiquidationLadder(atoms, width, share)
    if contracts is not None:
        ladder.seed(float(contracts), float(bars.close[0]))
    return ladder


def _canvas(bars, width=WIDTH, every=3, step=2):
    column_of = np.full(bars.size, -1, dtype=np.int64)
    ends = np.arange(every - 1, bars.size, every)
    column_of[ends] = np.arange(ends.size)
    first = (math.floor(math.log(100.0) / width) - 1500) // step * step
    return Canvas(column_of, ends.size, PriceGrid(width, first, 3000 // step, step))


@FEW
@given(markets.bars(most=40), markets.atoms(), SEEDS)
def test_the_compiled_ladder_equals_its_readable_twin(bars, atoms, contracts):
    flows = markets.flows_for(bars, atoms)
    ladder = _ladder(atoms, bars, contracts)
    twin = readable.ReadableLadder(atoms, WIDTH)
    if contracts is not None:
        twin.seed(float(contracts), float(bars.close[0]))
    seen = ladder.replay(bars, flows, with_design=True)
    swept, alive = readable.replay(twin, bars, flows)
    scale = max(ladder.ledger(side).added for side in SIDES) + 1.0
    _close(seen.swept, swept.sum(axis=2), scale)
    _close(seen.alive, alive, scale)
    _close(np.moveaxis(seen.design, 2, 0), swept, scale)
    grid = ladder.extent()
    for side in SIDES:
        _close(ladder.profile(grid, side), twin.profile(grid, side, len(BANDS)), scale)
        ledger = ladder.ledger(side)
        assert ledger.added == pytest.approx(twin.added[side], rel=TINY)
        assert ledger.consumed == pytest.approx(twin.consumed[side], rel=TINY, abs=TINY * scale)
        assert ledger.closed == pytest.approx(twin.closed[side], rel=TINY, abs=TINY * scale)


@FEW
@given(markets.bars(most=40), markets.atoms(), SEEDS, st.integers(0, 2**32 - 1))
def test_a_ladder_with_shares_of_its_own_per_side_equals_its_readable_twin(
    bars, atoms, contracts, seed
):
    share = np.random.default_rng(seed).dirichlet(np.ones(atoms.size), 2)
    flows = markets.flows_for(bars, atoms)
    ladder = _ladder(atoms, bars, contracts, share=share)
    twin = readable.ReadableLadder(atoms, WIDTH, share)
    if contracts is not None:
        twin.seed(float(contracts), float(bars.close[0]))
    seen = ladder.replay(bars, flows, with_design=True)
    swept, alive = readable.replay(twin, bars, flows)
    scale = max(ladder.ledger(side).added for side in SIDES) + 1.0
    _close(np.moveaxis(seen.design, 2, 0), swept, scale)
    _close(seen.alive, alive, scale)
    grid = ladder.extent()
    for side in SIDES:
        _close(ladder.profile(grid, side), twin.profile(grid, side, len(BANDS)), scale)
        by_atom = ladder.by_atom(grid, side)
        _close(by_atom.sum(axis=1), ladder.standing_by_atom(side), scale)
        of_bands = [by_atom[atoms.band_of == band].sum(axis=0) for band in range(len(BANDS))]
        _close(of_bands, ladder.profile(grid, side), scale)


@FEW
@given(
    markets.bars(most=20),
    markets.atoms(),
    SEEDS,
    st.integers(1, 9),
    st.integers(-3000, 3000),
    st.integers(1, 400),
)
def test_a_window_of_any_place_and_step_shows_what_the_readable_twin_holds_there(
    bars, atoms, contracts, step, away, size
):
    flows = markets.flows_for(bars, atoms)
    ladder = _ladder(atoms, bars, contracts)
    twin = readable.ReadableLadder(atoms, WIDTH)
    if contracts is not None:
        twin.seed(float(contracts), float(bars.close[0]))
    ladder.replay(bars, flows)
    readable.replay(twin, bars, flows)
    middle = math.floor(math.log(100.0) / WIDTH)
    grid = PriceGrid(WIDTH, (middle + away) // step * step, size, step)
    for side in SIDES:
        held = twin.profile(grid, side, len(BANDS))
        scale = ladder.ledger(side).added + 1.0
        by_atom = ladder.by_atom(grid, side)
        of_bands = [by_atom[atoms.band_of == band].sum(axis=0) for band in range(len(BANDS))]
        _close(of_bands, held, scale)
        _close(ladder.profile(grid, side), held, scale)


@FEW
@given(markets.bars(most=30), markets.atoms(), SEEDS, st.integers(1, 7))
def test_a_picture_shows_what_the_readable_twin_holds_at_each_columns_end(
    bars, atoms, contracts, step
):
    flows = markets.flows_for(bars, atoms)
    canvas = _canvas(bars, step=step)
    seen = _ladder(atoms, bars, contracts).replay(bars, flows, canvas=canvas)
    twin = readable.ReadableLadder(atoms, WIDTH)
    if contracts is not None:
        twin.seed(float(contracts), float(bars.close[0]))
    for t in range(bars.size):
        readable.replay(twin, bars.cut(t, t + 1), markets.cut_flows(flows, t, t + 1))
        if (column := canvas.column_of[t]) >= 0:
            for s, side in enumerate(SIDES):
                expected = twin.profile(canvas.grid, side, len(BANDS))
                # Pictures are single precision.
                np.testing.assert_allclose(
                    seen.image[column, s], expected, rtol=2e-6, atol=1e-6 * (1 + expected.max())
                )


@FEW
@given(markets.bars(), markets.atoms(), SEEDS)
def test_contracts_added_are_alive_consumed_or_closed(bars, atoms, contracts):
    ladder = _ladder(atoms, bars, contracts)
    flows = markets.flows_for(bars, atoms)
    seen = ladder.replay(bars, flows)
    opened = {"long": flows.opens_long.sum(), "short": flows.opens_short.sum()}
    for s, side in enumerate(SIDES):
        ledger = ladder.ledger(side)
        assert ledger.imbalance <= TINY
        assert ledger.added == pytest.approx(opened[side] + (contracts or 0), rel=TINY, abs=TINY)
        assert ledger.consumed == pytest.approx(seen.swept[:, s].sum(), rel=TINY, abs=TINY)
        everything = ladder.profile(ladder.extent(), side).sum()
        assert everything == pytest.approx(ledger.alive, rel=TINY, abs=TINY)
        assert seen.alive[-1, s] == pytest.approx(
            ledger.alive, rel=TINY, abs=TINY * (1 + ledger.added)
        )


@FEW
@given(markets.bars(), markets.atoms())
def test_what_each_atom_lost_adds_up_to_what_was_swept(bars, atoms):
    seen = LiquidationLadder(atoms, WIDTH).replay(
        bars, markets.flows_for(bars, atoms), with_design=True
    )
    assert seen.design.shape == (2, atoms.size, bars.size)
    assert (seen.design >= 0).all()
    _close(seen.design.sum(axis=1).T, seen.swept, 1 + seen.swept.max())


@FEW
@given(markets.bars(most=30), markets.atoms(), SEEDS)
def test_nothing_that_existed_before_a_bar_survives_in_its_range(bars, atoms, contracts):
    ladder = _ladder(atoms, bars, contracts)
    nothing = markets.flows_for(bars, atoms)
    nothing = replace(
        nothing, opens_long=0 * nothing.opens_long, opens_short=0 * nothing.opens_short
    )
    flows = markets.flows_for(bars, atoms)
    for t in range(bars.size):
        bar = bars.cut(t, t + 1)
        # The same bar without its own opens leaves only what existed before it.
        before = LiquidationLadder(atoms, WIDTH)
        _copy_state(ladder, before)
        before.advance(bar, markets.cut_flows(nothing, t, t + 1))
        _assert_open(before, long_below=bar.low[0], short_above=bar.high[0])
        ladder.advance(bar, markets.cut_flows(flows, t, t + 1))
        _assert_open(ladder, long_below=bar.close[0], short_above=bar.close[0])


def _copy_state(source, target):
    for name, value in vars(source).items():
        setattr(target, name, value.copy() if isinstance(value, np.ndarray) else value)


def _assert_open(ladder, *, long_below, short_above):
    grid = ladder.extent()
    longs = ladder.profile(grid, "long").sum(axis=0)
    shorts = ladder.profile(grid, "short").sum(axis=0)
    low, high = grid.index_of(long_below), grid.index_of(short_above)
    assert longs[max(low, 0) :].sum() == 0
    assert shorts[: max(high + 1, 0)].sum() == 0


@FEW
@given(markets.bars(most=40), markets.atoms(), st.integers(0, 10**9))
def test_the_ladder_is_linear_in_its_opens(bars, atoms, entropy):
    whole = markets.flows_for(bars, atoms)
    part = np.random.default_rng(entropy).random(whole.opens_long.shape)
    one = replace(
        whole, opens_long=whole.opens_long * part, opens_short=whole.opens_short * (1 - part)
    )
    other = replace(
        whole, opens_long=whole.opens_long * (1 - part), opens_short=whole.opens_short * part
    )
    ladders = [LiquidationLadder(atoms, WIDTH) for _ in range(3)]
    seen = [
        ladder.replay(bars, flows)
        for ladder, flows in zip(ladders, (whole, one, other), strict=True)
    ]
    scale = 1 + whole.opens_long.sum() + whole.opens_short.sum()
    _close(seen[0].swept, seen[1].swept + seen[2].swept, scale)
    _close(seen[0].alive, seen[1].alive + seen[2].alive, scale)
    grid = ladders[0].extent()
    for side in SIDES:
        profiles = [ladder.profile(grid, side) for ladder in ladders]
        _close(profiles[0], profiles[1] + profiles[2], scale)


@FEW
@given(markets.bars(most=40), markets.atoms(), st.integers(-3000, 3000))
def test_scaling_prices_by_whole_bins_shifts_the_ladder_and_changes_no_contract(bars, atoms, shift):
    flows = markets.flows_for(bars, atoms)
    factor = math.exp(shift * WIDTH)
    scaled = replace(
        bars, low=bars.low * factor, high=bars.high * factor, close=bars.close * factor
    )
    here, there = LiquidationLadder(atoms, WIDTH), LiquidationLadder(atoms, WIDTH)
    seen, seen_scaled = here.replay(bars, flows), there.replay(scaled, flows)
    scale = 1 + flows.opens_long.sum() + flows.opens_short.sum()
    _close(seen.swept, seen_scaled.swept, scale)
    _close(seen.alive, seen_scaled.alive, scale)
    grid = here.extent()
    moved = PriceGrid(WIDTH, grid.first + shift, grid.size)
    for side in SIDES:
        _close(here.profile(grid, side), there.profile(moved, side), scale)


@FEW
@given(markets.bars(most=40), markets.atoms())
def test_reflecting_log_price_swaps_longs_and_shorts(bars, atoms):
    # In log price a long's way down is not as long as a short's way up; make both alike.
    even = replace(atoms, offset_short=-atoms.offset_long)
    mirrored = replace(
        bars,
        low=1 / bars.high,
        high=1 / bars.low,
        close=1 / bars.close,
        funding_rate=-bars.funding_rate,
    )
    flows = markets.flows_for(bars, even)
    swapped = replace(flows, opens_long=flows.opens_short, opens_short=flows.opens_long)
    here, there = LiquidationLadder(even, WIDTH), LiquidationLadder(even, WIDTH)
    seen, seen_mirrored = here.replay(bars, flows), there.replay(mirrored, swapped)
    scale = 1 + flows.opens_long.sum() + flows.opens_short.sum()
    _close(seen.swept, seen_mirrored.swept[:, ::-1], scale)
    _close(seen.alive, seen_mirrored.alive[:, ::-1], scale)
    grid = here.extent()
    turned = PriceGrid(WIDTH, -grid.stop, grid.size)  # bin b becomes bin -b-1
    for side, other in (("long", "short"), ("short", "long")):
        _close(here.profile(grid, side), there.profile(turned, other)[:, ::-1], scale)


@FEW
@given(
    markets.atoms(),
    st.floats(1e-3, 1e9),
    st.floats(1e-6, 1e6),
    st.sampled_from([5e-4, 2e-3, 1e-2]),
)
def test_a_seed_places_exactly_the_open_interest_and_none_beyond_the_mark(
    atoms, contracts, mark, width
):
    ladder = LiquidationLadder(atoms, width)
    ladder.seed(contracts, mark)
    grid = ladder.extent()
    for side in SIDES:
        assert ladder.standing(side) == pytest.approx(contracts, rel=TINY)
        assert ladder.profile(grid, side).sum() == pytest.approx(contracts, rel=TINY)
    _assert_open(ladder, long_below=mark, short_above=mark)


@pytest.mark.parametrize(("contracts", "mark"), [(0.0, 100.0), (-1.0, 100.0), (5.0, 0.0)])
def test_a_seed_without_contracts_or_price_is_refused(contracts, mark):
    ladder = LiquidationLadder(markets.atoms_of([10.0], [1.0]), WIDTH)
    with pytest.raises(ValueError, match="must be positive"):
        ladder.seed(contracts, mark)

"""The price lattice, the dictionary of atoms, and ladders of published positions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.reference import markets

from forcedflow.margin import rule_for, schedule_from_rows
from forcedflow.positions import (
    BANDS,
    PriceGrid,
    bin_width,
    latest_positions,
    measured_ladder,
    prior_atoms,
    view,
)
from forcedflow.positions.atoms import HALF_LIVES_DAYS, prior_leverage_share
from forcedflow.positions.bands import TILTS, tilts_of
from forcedflow.units import HOUR_MS, MINUTE_MS

WIDTH = 5e-4
SCHEDULE = schedule_from_rows(
    "binance",
    "BTC/USDT:USDT",
    0,
    [(50e3, 0.004, 125), (250e3, 0.005, 100), (1e6, 0.01, 50)],
    source="example",
)
RULE = rule_for("binance", "linear", markets.START_MS)


def test_a_bin_is_five_basis_points_or_the_tick_where_that_is_wider():
    assert bin_width(73_000.0, 0.1) == 5e-4
    assert bin_width(0.0123, 0.0001) == pytest.approx(0.0001 / 0.0123)
    assert bin_width(0.0123) == 5e-4


def test_every_price_lies_in_the_bin_that_its_edges_enclose():
    grid = view(90.0, 110.0, WIDTH)
    for price in (90.0, 97.123, 109.99):
        i = grid.index_of(price)
        assert grid.edges[i] <= price < grid.edges[i + 1]
        assert grid.edges[i] < grid.prices[i] < grid.edges[i + 1]


def test_a_view_covers_what_was_asked_for_with_few_enough_bins():
    grid = view(50.0, 200.0, WIDTH, most_bins=600)
    assert grid.size <= 601
    assert grid.edges[0] <= 50.0
    assert grid.edges[-1] >= 200.0
    assert grid.first % grid.step == 0


def test_two_views_of_the_same_step_agree_where_they_overlap():
    one, other = view(90.0, 110.0, WIDTH, 100), view(95.0, 116.0, WIDTH, 100)
    assert one.step == other.step
    assert np.isin(other.edges[other.edges <= one.edges[-1]], one.edges).all()


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (2.0, 1.0), (1.0, 1.0), (-1.0, 1.0)])
def test_a_view_without_extent_is_refused(low, high):
    with pytest.raises(ValueError, match="0 < low < high"):
        view(low, high, WIDTH)


def test_prior_shares_sum_to_one_within_each_role():
    atoms = prior_atoms(SCHEDULE, RULE, roles=("taker", "maker"))
    for role in (0, 1):
        assert atoms.share[atoms.role_of == role].sum() == pytest.approx(1.0)
    assert atoms.size == 2 * len(HALF_LIVES_DAYS) * atoms.tiers.size
    assert atoms.standing_share.sum() == pytest.approx(1.0)


def test_longs_are_liquidated_below_their_entry_and_shorts_above():
    atoms = prior_atoms(SCHEDULE, RULE)
    assert (atoms.offset_long < 0).all()
    assert (atoms.offset_short > 0).all()
    tier = np.argsort(atoms.leverage, kind="stable")
    assert (np.diff(atoms.offset_long[tier]) >= 0).all()  # more leverage is nearer


def test_no_tier_exceeds_what_the_brackets_allow_and_high_ones_use_smaller_brackets():
    atoms = prior_atoms(SCHEDULE, RULE, typical_notional=100_000.0)
    assert atoms.leverage.max() == pytest.approx(125.0)
    above_100 = atoms.leverage > 100.0
    assert (atoms.maintenance_margin_rate[above_100] == 0.004).all()
    assert (atoms.maintenance_margin_rate[~above_100] == 0.005).all()


def test_the_ten_times_tier_lies_in_its_band():
    atoms = prior_atoms(SCHEDULE, RULE)
    for leverage, band in zip(atoms.leverage, atoms.band_of, strict=True):
        cap = (5, 10, 25, 50, math.inf)
        assert leverage <= cap[band]
        assert band == 0 or leverage > cap[band - 1]
    assert atoms.band_of.max() < len(BANDS)


def test_the_stated_prior_is_recovered_at_its_own_leverages_per_log_leverage():
    share = prior_leverage_share(np.array([2.0, 5.0, 10.0, 25.0, 50.0, 100.0]))
    assert share.sum() == pytest.approx(1.0)
    fine = np.geomspace(1.8, 125.0, 2000)
    low = prior_leverage_share(fine)[fine <= 10.0].sum()
    # .20 + .25 + half of .25, less .08 that would lie below 1.8×, of all that is left: .50/.91.
    assert low == pytest.approx(0.547, abs=0.02)


def test_a_tilt_makes_a_mixture_hotter_or_longer_and_leaves_alone_what_data_informed():
    atoms = prior_atoms(SCHEDULE, RULE)
    factors = dict(zip(TILTS, tilts_of(atoms, np.zeros(atoms.size)), strict=True))
    np.testing.assert_allclose(factors[0.5, 0.0], np.sqrt(atoms.leverage))
    np.testing.assert_allclose(factors[0.0, -0.5], atoms.half_lives_days[atoms.class_of] ** -0.5)
    np.testing.assert_allclose(tilts_of(atoms, np.ones(atoms.size)), 1.0)
    half = tilts_of(atoms, np.full(atoms.size, 0.5))
    np.testing.assert_allclose(half**2, list(factors.values()))


def _positions(rows):
    return markets.rows_of(
        "positions",
        [
            {
                "event_time": when,
                "source": source,
                "account": account,
                "side": side,
                "amount": amount,
                "entry_price": 100.0,
                "notional_usd": amount * 100.0,
                "liquidation_price": price,
            }
            for when, source, account, side, amount, price in rows
        ],
        symbol="BTC/USDC:USDC",
        venue="hyperliquid",
    )


T0 = markets.START_MS
GRID = view(80.0, 120.0, WIDTH)


def test_published_positions_are_summed_at_their_liquidation_price():
    rows = _positions(
        [
            (T0, "a", "one", "long", 2.0, 90.0),
            (T0, "a", "two", "long", 3.0, 90.0),
            (T0, "a", "two", "short", 1.0, 110.0),
            (T0, "a", "three", "long", 4.0, None),
            (T0, "a", "four", "short", 5.0, 500.0),
        ]
    )
    ladder = measured_ladder(rows, GRID)
    assert ladder.notional_usd[0, GRID.index_of(90.0)] == pytest.approx(450.0)
    assert ladder.notional_usd[1, GRID.index_of(110.0)] == pytest.approx(110.0)
    assert ladder.notional_usd.sum() == pytest.approx(560.0)
    assert (ladder.n_positions, ladder.n_accounts) == (3, 2)
    assert ladder.not_liquidatable_usd == pytest.approx((400.0, 0.0))
    assert (ladder.newest_ms, ladder.oldest_ms) == (T0, T0)


def test_no_positions_make_no_measured_ladder():
    with pytest.raises(ValueError, match="at least one position"):
        measured_ladder(_positions([]), GRID)


def test_each_account_counts_once_by_its_newest_collector():
    later = T0 + 30 * MINUTE_MS
    rows = _positions(
        [
            (T0, "a", "one", "long", 2.0, 90.0),
            (T0, "a", "two", "long", 1.0, 91.0),
            (later, "b", "one", "long", 5.0, 92.0),
        ]
    )
    latest = latest_positions(rows).sort("account")
    assert latest["amount"].to_list() == [5.0, 1.0]
    ladder = measured_ladder(latest, GRID)
    assert (ladder.oldest_ms, ladder.newest_ms) == (T0, later)


def test_a_position_missing_from_a_collectors_newest_snapshot_is_gone():
    later = T0 + 5 * MINUTE_MS
    rows = _positions(
        [
            (T0, "a", "one", "long", 2.0, 90.0),
            (T0, "a", "two", "long", 1.0, 91.0),
            (later, "a", "two", "long", 1.0, 91.0),
        ]
    )
    assert latest_positions(rows)["account"].to_list() == ["two"]


def test_a_collector_that_fell_silent_is_left_out():
    rows = _positions(
        [
            (T0, "a", "one", "long", 2.0, 90.0),
            (T0 + 7 * HOUR_MS, "b", "two", "long", 1.0, 91.0),
        ]
    )
    assert latest_positions(rows)["account"].to_list() == ["two"]
    assert latest_positions(rows, within_ms=8 * HOUR_MS).height == 2


def test_a_measured_ladder_joins_bins_of_a_coarser_grid():
    fine = measured_ladder(_positions([(T0, "a", "one", "long", 2.0, 90.0)]), GRID)
    coarse_grid = view(80.0, 120.0, WIDTH, most_bins=50)
    coarse = measured_ladder(_positions([(T0, "a", "one", "long", 2.0, 90.0)]), coarse_grid)
    assert isinstance(coarse_grid, PriceGrid)
    assert coarse.notional_usd[0, coarse_grid.index_of(90.0)] == fine.notional_usd.sum()

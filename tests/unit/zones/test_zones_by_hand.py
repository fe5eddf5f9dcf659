"""Zones of profiles drawn by hand, and the rule against its readable twin."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import zones as readable

from forcedflow.positions import view
from forcedflow.units import HOUR_MS
from forcedflow.zones import SideProfile, find_zones
from forcedflow.zones.find import DENSE, REACH, SADDLE, TINY_SHARE

WIDTH = 5e-4
MARK = 100.0
GRID = view(75.0, 125.0, WIDTH)
NOW = 1_760_000_000_000


def _profile(side, blocks, *, open_interest=1e4, alternatives=(), born_h=10.0):
    """Blocks of (low price, high price, dollars per bin) on an empty side."""
    usd = np.zeros(GRID.size)
    for low, high, dollars in blocks:
        usd[GRID.index_of(low) : GRID.index_of(high) + 1] += dollars
    return SideProfile(
        side=side,
        grid=GRID,
        notional_usd=usd,
        alternatives_usd=np.array([usd * factor for factor in alternatives]).reshape(-1, GRID.size),
        birth_ms=np.full(GRID.size, NOW - born_h * HOUR_MS),
        open_interest=open_interest,
    )


def _zones(*profiles, sigma=0.02):
    return find_zones(profiles, MARK, sigma, NOW)


def test_a_block_of_longs_is_one_zone_with_its_borders_size_and_age():
    (zone,) = _zones(_profile("long", [(92.0, 94.0, 1000.0)], alternatives=(0.5, 1.25)))
    assert zone.side == "long"
    # Smoothing by fifteen basis points moves a border by less than forty.
    assert math.log(zone.low / 92.0) == pytest.approx(0.0, abs=4e-3)
    assert math.log(zone.high / 94.0) == pytest.approx(0.0, abs=4e-3)
    assert zone.low < zone.peak < zone.high
    bins = GRID.index_of(94.0) - GRID.index_of(92.0) + 1
    assert zone.notional_usd == pytest.approx(1000.0 * bins)
    assert zone.notional_usd_low == pytest.approx(0.5 * zone.notional_usd)
    assert zone.notional_usd_high == pytest.approx(1.25 * zone.notional_usd)
    # Of contracts: at 92 to 94 a dollar's worth is more of them than at the mark of 100.
    assert zone.share_of_oi * 1e4 == pytest.approx(zone.notional_usd / 93.0, rel=1e-3)
    assert zone.age_h == pytest.approx(10.0)
    assert zone.rank == 1


def test_distance_is_signed_and_measured_to_the_nearer_border():
    long, short = _zones(
        _profile("long", [(92.0, 94.0, 1000.0)]), _profile("short", [(108.0, 110.0, 1000.0)])
    )
    assert long.side == "long"  # nearest first
    assert long.distance_pct == pytest.approx(100 * (long.high / MARK - 1))
    assert -7.0 < long.distance_pct < -5.0
    assert short.distance_pct == pytest.approx(100 * (short.low / MARK - 1))
    assert 7.0 < short.distance_pct < 9.0
    assert long.distance_sigma == pytest.approx(math.log(long.high / MARK) / 0.02)


@pytest.mark.parametrize("sigma", [0.0, math.nan])
def test_without_volatility_a_zone_has_no_distance_in_sigma(sigma):
    (zone,) = _zones(_profile("long", [(92.0, 94.0, 1000.0)]), sigma=sigma)
    assert math.isnan(zone.distance_sigma)
    assert zone.distance_pct < 0


def test_the_range_of_a_zone_holds_the_estimate_even_without_alternatives():
    (zone,) = _zones(_profile("long", [(92.0, 94.0, 1000.0)]))
    assert zone.notional_usd_low == zone.notional_usd == zone.notional_usd_high


def test_rank_goes_by_size_and_major_by_share_of_open_interest():
    near, far = _zones(_profile("long", [(96.0, 96.5, 1000.0), (90.0, 92.0, 1000.0)]))
    assert (near.rank, far.rank) == (2, 1)
    assert near.share_of_oi < 0.02 <= far.share_of_oi
    assert (near.major, far.major) == (False, True)


def test_a_zone_below_half_a_percent_of_open_interest_is_dropped():
    blocks = [(96.0, 96.5, 1000.0), (90.0, 92.0, 1000.0)]
    assert len(_zones(_profile("long", blocks, open_interest=1e4))) == 2
    # Eleven bins of 1000 dollars at 96 against 0.5 % of 30,000 coins.
    (left,) = _zones(_profile("long", blocks, open_interest=3e4))
    assert left.low < 91.0 < left.high
    assert _zones(_profile("long", blocks, open_interest=1e7)) == []


def test_shares_are_of_contracts_so_that_both_sides_count_alike():
    # The same coins, ten percent below and above: unlike in dollars, alike in shares.
    below, above = GRID.index_of(90.0), GRID.index_of(110.0)
    profiles = []
    for side, first in (("long", below), ("short", above)):
        profile = _profile(side, [])
        inside = slice(first, first + 20)
        profile.notional_usd[inside] = 10.0 * GRID.prices[inside]
        profiles.append(profile)
    long, short = _zones(*profiles)
    assert {long.side, short.side} == {"long", "short"}
    assert long.share_of_oi == pytest.approx(20 * 10.0 / 1e4)
    assert short.share_of_oi == pytest.approx(20 * 10.0 / 1e4)
    dollars = {zone.side: zone.notional_usd for zone in (long, short)}
    assert dollars["short"] > 1.2 * dollars["long"]


def test_a_deep_saddle_cuts_a_run_and_a_shallow_one_does_not():
    def peaks(dip):
        return _profile("long", [(90.0, 91.0, 1000.0), (91.0, 92.0, dip), (92.0, 93.0, 1000.0)])

    assert len(_zones(peaks(600.0))) == 2
    assert len(_zones(peaks(900.0))) == 1


def test_pieces_of_a_cut_run_touch_and_hold_all_of_it():
    profile = _profile("long", [(90.0, 91.0, 1000.0), (91.0, 92.0, 600.0), (92.0, 93.0, 1000.0)])
    upper, lower = _zones(profile)
    assert lower.high == pytest.approx(upper.low)
    total = profile.notional_usd.sum()
    assert lower.notional_usd + upper.notional_usd == pytest.approx(total)


def test_what_lies_beyond_the_price_or_out_of_reach_is_no_zone():
    assert _zones(_profile("long", [(104.0, 105.0, 1000.0)])) == []
    assert _zones(_profile("short", [(95.0, 96.0, 1000.0)])) == []
    assert _zones(_profile("long", [(76.0, 80.0, 1000.0)])) == []  # over fifteen percent away
    assert _zones(_profile("long", [])) == []


def test_an_even_profile_has_no_zone():
    assert _zones(_profile("long", [(80.0, 99.9, 1000.0)], open_interest=1e3)) == []


@pytest.mark.parametrize("offset", [0.0001, 0.00025, 0.00049])
def test_a_zone_beside_the_price_never_reaches_beyond_it(offset):
    edge = GRID.edges[GRID.index_of(MARK)]
    mark = edge * math.exp(offset)
    longs = _profile("long", [(99.0, mark / 1.0005, 1000.0)])
    shorts = _profile("short", [(mark * 1.0005, 101.0, 1000.0)])
    zones = find_zones([longs, shorts], mark, 0.02, NOW)
    assert [zone.side for zone in zones if zone.side == "long"]
    assert [zone.side for zone in zones if zone.side == "short"]
    for zone in zones:
        assert zone.distance_pct <= 0 if zone.side == "long" else zone.distance_pct >= 0


def test_a_row_is_rounded_and_plain():
    (zone,) = _zones(_profile("long", [(92.0, 94.0, 1000.0)]))
    row = zone.row()
    assert set(row) == set(zone.__slots__)
    assert row["notional_usd"] == round(zone.notional_usd)
    assert row["low"] == pytest.approx(zone.low, rel=1e-6)
    assert row["major"] is zone.major


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 590), st.integers(1, 60), st.integers(0, 1000)),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(["long", "short"]),
    st.floats(1e1, 1e4),
)
def test_zones_are_those_of_the_readable_rule(blocks, side, open_interest):
    grid = view(85.0, 116.0, WIDTH)
    usd = np.zeros(grid.size)
    for begin, length, dollars in blocks:
        usd[begin : begin + length] += dollars * 1.0371
    empty = np.zeros((0, grid.size))
    profile = SideProfile(side, grid, usd, empty, np.full(grid.size, float(NOW)), open_interest)
    found = find_zones([profile], MARK, 0.02, NOW)
    edges = grid.edges
    ahead = edges[1:] <= MARK if side == "long" else edges[:-1] >= MARK
    near = ahead & (np.abs(np.log(grid.prices / MARK)) <= REACH)
    expected = readable.zones_of_side(
        usd.tolist(),
        (usd / grid.prices).tolist(),
        near.tolist(),
        15e-4 / WIDTH,
        dense=DENSE,
        saddle=SADDLE,
        least=TINY_SHARE * open_interest,
    )
    by_rank = sorted(found, key=lambda zone: zone.rank)
    sizes = [float(usd[first : last + 1].sum()) for first, last in expected]
    assert [zone.notional_usd for zone in by_rank] == pytest.approx(sizes)
    borders = sorted((zone.low, zone.high) for zone in found)
    wanted = sorted((float(edges[first]), float(edges[last + 1])) for first, last in expected)
    assert np.ravel(borders) == pytest.approx(np.ravel(wanted))

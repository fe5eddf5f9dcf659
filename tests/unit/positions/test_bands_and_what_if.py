"""Bands on sides small enough to work out, and what a move sweeps of them."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import markets

from forcedflow.positions import view
from forcedflow.positions.bands import (
    AS_TOLD,
    MODEL_ERROR,
    TILTS,
    ModelError,
    SideMass,
    envelope,
    tilts_of,
)
from forcedflow.positions.what_if import FeedUnits, bins_on_the_way, feed_band, path_terms, sweep
from forcedflow.units import HOUR_MS

MARK = 100.0
GRID = view(80.0, 125.0, 5e-4)
ATOMS = markets.atoms_of((5.0, 25.0), (1.0,))
SPANS = (2 * HOUR_MS, 12 * HOUR_MS)


def _side(side, blocks, *, events=20.0, informed=1.0, elsewhere=0.0):
    """Blocks of (low, high, dollars of the first atom, of the second), each in all.

    ``elsewhere`` is what the first atom holds outside the window.
    """
    usd = np.zeros((2, GRID.size))
    for low, high, *dollars in blocks:
        inside = slice(GRID.index_of(low), GRID.index_of(high) + 1)
        for atom, amount in enumerate(dollars):
            usd[atom, inside] += amount / (inside.stop - inside.start)
    held = usd.sum(axis=1) + np.array([elsewhere, 0.0])
    known = np.full(2, informed)
    return SideMass(
        side=side,
        grid=GRID,
        by_atom_usd=usd,
        held_share=held / held.sum(),
        events=np.full(2, events),
        informed=known,
        tilts=tilts_of(ATOMS, known),
    )


def _all(mass):
    return mass.band(np.ones(mass.grid.size))


def test_one_atom_against_another_has_the_spread_of_their_odds():
    """100 in the zone of one atom, 100 elsewhere of the other, both of 20 effective events."""
    mass = _side("long", [(90.0, 91.0, 100.0, 0.0), (85.0, 86.0, 0.0, 100.0)])
    zone = mass.band(mass.overlap(89.9, 91.1))
    assert zone.usd == pytest.approx(100.0)
    # sd² = ((100 - 50)² + (0 - 50)²) / 20; a weight's own would be 100² / 20.
    deviation = math.sqrt(2 * 50**2 / 20)
    shape = (100 / deviation) ** 2
    drawn = np.random.default_rng(1).gamma(shape, 100 / shape, 200_000)
    assert (zone.low, zone.high) == pytest.approx(np.quantile(drawn, [0.1, 0.9]), rel=0.01)


def test_everything_that_stands_is_the_open_interest_and_is_known():
    band = _all(_side("long", [(90.0, 91.0, 70.0, 30.0)]))
    assert band.usd == band.low == band.high == pytest.approx(100.0)
    assert band.prior_share == 0.0


@pytest.mark.parametrize("fewer", [1.0, 5.0, 10.0])
def test_fewer_events_make_a_wider_band(fewer):
    blocks = [(90.0, 91.0, 100.0, 20.0), (85.0, 86.0, 10.0, 100.0)]
    many = _side("long", blocks, events=40.0)
    few = _side("long", blocks, events=fewer)
    bins = many.overlap(89.9, 91.1)
    assert few.band(bins).low < many.band(bins).low <= many.band(bins).usd
    assert few.band(bins).high > many.band(bins).high >= many.band(bins).usd
    units = FeedUnits(0.1, 1.0, 1.0, 0.5)
    feed = [feed_band(mass, bins, units) for mass in (few, many)]
    assert feed[0].low < feed[1].low
    assert feed[0].high > feed[1].high


def test_a_stated_prior_has_no_spread_but_the_range_of_its_tilts():
    blocks = [(90.0, 91.0, 100.0, 20.0), (85.0, 86.0, 10.0, 100.0)]
    mass = _side("long", blocks, events=np.inf, informed=0.0)
    band = mass.band(mass.overlap(89.9, 91.1))
    tilted = []
    for leverage, holding in [(0.0, 0.0), *TILTS]:
        factor = ATOMS.leverage**leverage * ATOMS.half_lives_days[ATOMS.class_of] ** holding
        tilted.append(factor @ [100.0, 20.0] / (factor @ mass.held_share))
    assert (band.low, band.high) == pytest.approx((min(tilted), max(tilted)))
    assert band.prior_share == 1.0


def test_what_data_informed_moves_less_with_its_prior():
    blocks = [(90.0, 91.0, 100.0, 20.0), (85.0, 86.0, 10.0, 100.0)]
    bands = []
    for informed in (0.0, 0.5, 1.0):
        mass = _side("long", blocks, events=1e9, informed=informed)
        bands.append(mass.band(mass.overlap(89.9, 91.1)))
    assert bands[0].low < bands[1].low < bands[2].low == pytest.approx(bands[2].usd, rel=1e-3)
    assert bands[0].high > bands[1].high > bands[2].high
    assert [band.prior_share for band in bands] == pytest.approx([1.0, 0.5, 0.0])


def test_a_bands_end_is_never_on_the_wrong_side_of_its_estimate():
    # A Gamma of shape 0.01 has its 90 % below its mean.
    low, high = envelope(np.array([[100.0]]), np.array([[1000.0]]))
    assert low == pytest.approx([0.0], abs=1e-9)
    assert high == pytest.approx([100.0])


def test_the_model_error_moves_both_ends_by_its_factors():
    mass = _side("long", [(90.0, 91.0, 100.0, 20.0), (85.0, 86.0, 10.0, 100.0)], events=5.0)
    bins = mass.overlap(89.9, 91.1)
    told = mass.band(bins)
    wide = replace(mass, model_error=ModelError(0.5, 2.0)).band(bins)
    assert (wide.low, wide.usd, wide.high) == pytest.approx(
        (0.5 * told.low, told.usd, 2 * told.high)
    )
    # A factor may say that the estimate is too high; the end then stops at the estimate.
    shifted = replace(mass, model_error=ModelError(0.2, 0.1)).band(bins)
    assert (shifted.low, shifted.high) == pytest.approx((0.2 * told.low, told.usd))
    assert mass.model_error == AS_TOLD


@settings(deadline=None, max_examples=50)
@given(
    st.floats(0.01, 1.0),
    st.floats(0.01, 5.0),
    st.floats(0.1, 1.0),
    st.floats(1.0, 10.0),
    st.floats(0.5, 100.0),
    st.floats(0.0, 1.0),
)
def test_a_larger_model_error_never_narrows_a_band(low, high, lower, higher, events, informed):
    blocks = [(90.0, 91.0, 100.0, 20.0), (85.0, 86.0, 10.0, 100.0)]
    mass = _side("long", blocks, events=events, informed=informed)
    sets = np.stack([mass.overlap(89.9, 91.1), mass.overlap(84.0, 90.5), np.zeros(GRID.size)])
    small = replace(mass, model_error=ModelError(low, high))
    large = replace(mass, model_error=ModelError(low * lower, high * higher))
    for narrow, wide in zip(small.bands(sets), large.bands(sets), strict=True):
        assert wide.usd == narrow.usd
        assert wide.low <= narrow.low <= narrow.usd <= narrow.high <= wide.high


def test_the_shipped_model_error_says_that_the_estimate_is_too_high_rather_than_too_low():
    assert 0 < MODEL_ERROR.low < MODEL_ERROR.high < 1


@pytest.mark.parametrize(("side", "away"), [("long", 0.95), ("short", 1.05)])
def test_a_move_touches_the_side_that_it_goes_against(side, away):
    blocks = [(90.0, 110.0, 60.0, 40.0)]
    mass = _side(side, blocks)
    assert bins_on_the_way(mass, MARK, MARK).sum() == 0
    assert bins_on_the_way(mass, MARK, MARK * away).sum() > 0
    assert bins_on_the_way(mass, MARK, MARK / away).sum() == 0
    swept = mass.band(bins_on_the_way(mass, MARK, MARK * away)).usd
    share = abs(math.log(away)) / math.log(110.0 / 90.0)
    assert swept == pytest.approx(100.0 * share, rel=0.01)


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.floats(0.82, 1.22), min_size=2, max_size=6).map(sorted),
    st.floats(0.5, 100.0),
    st.floats(0.0, 1.0),
    st.booleans(),
)
def test_a_farther_price_never_sweeps_less(prices, events, informed, calibrated):
    blocks = [(82.0, 99.5, 60.0, 40.0), (90.0, 91.0, 5.0, 80.0), (100.5, 122.0, 40.0, 40.0)]
    masses = tuple(
        _side(side, blocks, events=events, informed=informed) for side in ("long", "short")
    )
    bars = markets.bars_of([99.0, 101.0, 100.0], open_interest=10.0)

    def found(price):
        units = None
        if calibrated:
            terms = path_terms(bars, price, HOUR_MS, SPANS) @ np.full(4, 1e-4)
            units = tuple(FeedUnits(0.1, float(term), 1.3, 2.0) for term in terms)
        return sweep(masses, MARK, price, units, HOUR_MS if calibrated else None)

    for s, order in ((0, prices[::-1]), (1, prices)):
        answers = [found(MARK * price) for price in order]
        swept = [answer.sides[s].standing.usd for answer in answers]
        assert all(a <= b + 1e-9 for a, b in pairwise(swept))
        for answer in answers:
            side = answer.sides[s]
            assert side.standing.low <= side.standing.usd <= side.standing.high
            assert answer.curve[-1][0] == answer.to_price
            assert answer.curve[-1][1 + s].usd == pytest.approx(side.standing.usd)
            if calibrated:
                assert side.feed.low <= side.feed.usd <= side.feed.high
                assert side.background_usd <= side.feed.usd * (1 + 1e-12)
            else:
                assert side.feed is None
        if calibrated:
            shown = [answer.sides[s].feed.usd for answer in answers]
            assert all(a <= b + 1e-9 for a, b in pairwise(shown))


def test_without_a_move_nothing_stands_on_the_way_and_the_feed_shows_a_quiet_hour():
    masses = (
        _side("long", [(90.0, 99.0, 60.0, 40.0)]),
        _side("short", [(101.0, 110.0, 60.0, 40.0)]),
    )
    units = (FeedUnits(0.1, 3.0, 2.0, 1.0), FeedUnits(0.1, 5.0, 2.0, 1.0))
    found = sweep(masses, MARK, MARK, units, HOUR_MS)
    assert found.move == 0.0
    for side, quiet in zip(found.sides, (6.0, 10.0), strict=True):
        assert (side.standing.usd, side.standing.low, side.standing.high) == (0.0, 0.0, 0.0)
        assert side.feed.usd == side.background_usd == pytest.approx(quiet)
        assert side.feed.prior_share == 0.0


def test_a_feed_shows_the_level_times_what_is_swept_and_what_the_path_alone_explains():
    mass = _side("long", [(97.0, 99.0, 60.0, 40.0)], elsewhere=100.0)
    band = feed_band(mass, bins_on_the_way(mass, MARK, 95.0), FeedUnits(0.25, 10.0, 2.0, 0.0))
    assert band.usd == pytest.approx(2.0 * (0.25 * 100.0 + 10.0))
    scattered = feed_band(mass, bins_on_the_way(mass, MARK, 95.0), FeedUnits(0.25, 10.0, 2.0, 9.0))
    assert scattered.low < band.low < band.high < scattered.high


def test_path_terms_are_the_excursions_beyond_what_is_remembered():
    hours = 3
    bars = markets.bars_of(
        [100.0, 96.0, 100.0, 101.0, 100.0],
        open_interest=2.0,
        elapsed_ms=hours * HOUR_MS,
    )
    long, short = path_terms(bars, 95.0, HOUR_MS, (2 * hours * HOUR_MS, 100 * HOUR_MS)) / 200.0
    assert long == pytest.approx([math.log(100 / 95), math.log(96 / 95), math.log(100 / 95), 1.0])
    assert short == pytest.approx([0.0, 0.0, 0.0, 1.0])
    _, short = path_terms(bars, 103.0, 2 * HOUR_MS, (HOUR_MS,)) / 200.0
    assert short == pytest.approx([math.log(103 / 100), math.log(103 / 100), 2.0])

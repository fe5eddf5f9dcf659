"""Max pain: the step of price that holds the most, found as the definition says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from tests.reference import markets

from forcedflow.positions import view
from forcedflow.positions.bands import SideMass, tilts_of
from forcedflow.positions.max_pain import HALF_WIDTH, max_pain

MARK = 100.0
GRID = view(80.0, 125.0, 5e-4)
ATOMS = markets.atoms_of((5.0,), (1.0,))


def _mass(side, blocks):
    """Blocks of (low, high, dollars), spread evenly over the bins that they touch."""
    usd = np.zeros((1, GRID.size))
    for low, high, dollars in blocks:
        inside = slice(GRID.index_of(low), GRID.index_of(high) + 1)
        usd[0, inside] += dollars / (inside.stop - inside.start)
    return SideMass(
        side=side,
        grid=GRID,
        by_atom_usd=usd,
        held_share=np.ones(1),
        events=np.full(1, np.inf),
        informed=np.ones(1),
        tilts=tilts_of(ATOMS, np.ones(1)),
    )


def test_the_dense_small_cluster_beats_the_large_thin_one():
    mass = _mass("long", [(90.2, 94.8, 900.0), (97.0, 97.2, 200.0)])
    found = max_pain(mass, MARK, 0.03)
    assert found.low <= 97.0 < 97.2 <= found.high
    assert found.notional.usd == pytest.approx(200.0)
    assert found.on_the_way.usd == pytest.approx(200.0)
    # 1100 $ over a tenth of price against 200 $ within ±0.25 %.
    assert found.concentration == pytest.approx(200 / (1100 * 0.005 / -math.log(0.9)), rel=1e-6)


def test_on_the_way_is_everything_between_the_mark_and_the_far_end():
    mass = _mass("short", [(101.0, 101.1, 50.0), (106.0, 106.2, 80.0), (108.0, 108.1, 70.0)])
    found = max_pain(mass, MARK, 0.03)
    assert found.low <= 106.0 < 106.2 <= found.high
    assert (found.notional.usd, found.on_the_way.usd) == pytest.approx((80.0, 130.0))
    assert found.distance_pct == pytest.approx(6.0, abs=0.3)


def test_what_lies_beyond_reach_is_not_looked_at():
    mass = _mass("long", [(97.0, 97.2, 10.0), (89.0, 89.2, 500.0)])
    assert max_pain(mass, MARK, 0.03).notional.usd == pytest.approx(10.0)
    assert max_pain(mass, MARK, 0.03, reach=0.15).notional.usd == pytest.approx(500.0)


def test_nothing_within_reach_is_no_price():
    assert max_pain(_mass("long", [(85.0, 86.0, 10.0)]), MARK, 0.03) is None
    assert max_pain(_mass("short", []), MARK, 0.03) is None


def test_the_null_is_twice_the_tail_of_a_driftless_walk():
    found = max_pain(_mass("long", [(97.0, 97.2, 10.0)]), MARK, 0.02)
    sigmas = math.log(found.price / MARK) / 0.02
    assert found.distance_sigma == pytest.approx(sigmas)
    assert found.touched_by_volatility == pytest.approx(2 * norm.cdf(sigmas))


def test_without_volatility_the_null_is_unknown_and_not_a_number_in_json():
    row = max_pain(_mass("long", [(97.0, 97.2, 10.0)]), MARK, math.nan).row()
    assert row["distance_sigma"] is row["touched_by_volatility"] is None
    assert row["notional_usd"]["usd"] == 10


@pytest.mark.parametrize(
    ("reach", "half_width"), [(0.0, 0.01), (1.0, 0.01), (0.1, 0.0), (0.1, 2.0)]
)
def test_a_window_that_is_none_is_refused(reach, half_width):
    with pytest.raises(ValueError, match="fractions"):
        max_pain(_mass("long", []), MARK, 0.03, reach, half_width)


blocks = st.lists(
    st.tuples(st.floats(90.5, 99.5), st.floats(0.02, 3.0), st.floats(1.0, 1e6)),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(blocks)
def test_no_step_anywhere_in_the_window_holds_more(drawn):
    mass = _mass("long", [(low, min(low + wide, 99.9), usd) for low, wide, usd in drawn])
    found = max_pain(mass, MARK, 0.03)
    held = mass.by_atom_usd[0]
    for middle in np.linspace(math.log(90.0), math.log(MARK), 500):
        low = math.exp(max(middle - HALF_WIDTH, math.log(90.0)))
        high = math.exp(min(middle + HALF_WIDTH, math.log(MARK)))
        if low < high:
            step = float(held @ mass.overlap(low, high))
            assert step <= found.notional.usd * (1 + 1e-9)
    assert found.notional.usd <= found.on_the_way.usd * (1 + 1e-9)
    assert found.low <= found.price <= found.high <= MARK * (1 + 1e-12)


@settings(deadline=None, max_examples=40)
@given(blocks, st.floats(0.1, 1e4))
def test_more_dollars_everywhere_move_no_price(drawn, factor):
    given_blocks = [(low, min(low + wide, 99.9), usd) for low, wide, usd in drawn]
    scaled = [(low, high, usd * factor) for low, high, usd in given_blocks]
    one = max_pain(_mass("long", given_blocks), MARK, 0.03)
    other = max_pain(_mass("long", scaled), MARK, 0.03)
    assert other.notional.usd == pytest.approx(factor * one.notional.usd)
    assert other.concentration == pytest.approx(one.concentration)

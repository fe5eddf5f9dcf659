"""Where a start ends at once: by hand in an even book, and only the way it pushes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.reference.stages import WIDTH, stage_of

from forcedflow.cascade.settlement import settle
from forcedflow.cascade.start import Start

DENSITY = 1e6  # per bin


def _stage(forced_usd=0.0, bins=200):
    """An even book, and one cluster in the bin from one percent on."""
    forced = np.zeros(bins)
    forced[20] = forced_usd
    return stage_of(forced, np.full(bins, DENSITY))


def _start(distance):
    return Start(shock=-distance)


def test_an_order_moves_price_by_its_size_over_the_density_of_the_book():
    found = settle(_stage(), Start.from_order(-4e6))
    assert found.price == pytest.approx(100 * math.exp(-4 * WIDTH))
    assert found.unforced_price == found.price
    assert (found.forced_usd, found.amplification, found.absorbed) == (0, 1, True)


def test_a_shock_into_a_cluster_goes_on_until_the_book_has_absorbed_the_cluster():
    found = settle(_stage(forced_usd=5e6), _start(21 * WIDTH))
    assert found.unforced_price == pytest.approx(100 * math.exp(-21 * WIDTH))
    assert found.price == pytest.approx(100 * math.exp(-26 * WIDTH))
    assert found.forced_usd == pytest.approx(5e6)
    assert found.amplification == pytest.approx(26 / 21)


def test_what_no_depth_absorbs_ends_at_the_edge_of_the_stage_and_says_so():
    found = settle(_stage(forced_usd=1e9), _start(21 * WIDTH))
    assert not found.absorbed
    assert found.price == pytest.approx(100 * math.exp(-200 * WIDTH))


@pytest.mark.parametrize(
    "start", [Start(), Start.from_move(0.02), Start.from_order(1e6), Start.from_price(99.0, 100.0)]
)
def test_a_start_that_does_not_push_this_way_settles_nothing(start):
    assert settle(_stage(), start) is None


def test_a_rise_settles_on_the_stage_of_the_way_up():
    up = replace(_stage(forced_usd=5e6), direction="up")
    found = settle(up, Start(shock=21 * WIDTH))
    assert found.price == pytest.approx(100 * math.exp(26 * WIDTH))

"""Depth from percentage bands, and the fault of a stale reference."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference.depth import band_rows, even_bands

from forcedflow.depth.beyond import SHOWN
from forcedflow.depth.from_bands import WINDOW_MS, fault_of, from_bands
from forcedflow.errors import DataError
from forcedflow.units import HOUR_MS

T0 = 1_790_000_000_000
STEP = 30_000


def quiet(n=200, mid=100.0):
    return [even_bands(T0 + i * STEP, mid, 1e6) for i in range(n)]


def after(made, n, mid=100.0, factor=None, means=None):
    """Return more snapshots, the mean prices of bids replaced where ``means`` says so."""
    start = made[-1][0] + STEP
    more = []
    for i in range(n):
        time, bands = even_bands(start + i * STEP, mid, 1e6, factor)
        for pct, price in (means or {}).items():
            bands[pct] = (bands[pct][0], price)
        more.append((time, bands))
    return made + more


def test_bands_become_slices_at_their_log_distances():
    down, up = (from_bands(band_rows(quiet(5)), way) for way in ("down", "up"))
    np.testing.assert_allclose(down.edges[:6], -np.log1p(-np.arange(6) / 100))
    np.testing.assert_allclose(up.edges[:6], np.log1p(np.arange(6) / 100))
    np.testing.assert_allclose(down.usd[:5], 1e6)
    assert down.measured_to == pytest.approx(-np.log(0.95))
    assert down.log_sd == pytest.approx(SHOWN)
    assert "median of 5 snapshots, shown to 5 %" in down.source


def test_two_tenths_of_a_percent_are_a_band_like_any_other():
    snapshots = [(T0, {-0.2: (3e5, 99.9), -1.0: (1e6, 99.5), 0.2: (3e5, 100.1), 1.0: (1e6, 100.5)})]
    curve = from_bands(band_rows(snapshots), "up")
    np.testing.assert_allclose(curve.edges[:3], np.log1p([0.0, 0.002, 0.01]))
    np.testing.assert_allclose(curve.usd[:2], [3e5, 7e5])


def test_a_wider_band_that_holds_less_is_raised_to_the_narrower_one_and_said():
    time, bands = even_bands(T0, 100.0, 1e6)
    bands[-3.0] = (1.5e6, 98.0)
    curve = from_bands(band_rows([(time, bands)]), "down")
    np.testing.assert_allclose(curve.usd[:5], [1e6, 1e6, 0.0, 2e6, 1e6])
    assert "1 that fell outwards repaired" in curve.source


def test_only_the_newest_minutes_make_the_curve():
    rows = band_rows(after(quiet(), WINDOW_MS // STEP + 1, factor={"bid": 0.9, "ask": 0.9}))
    np.testing.assert_allclose(from_bands(rows, "down").usd[:5], 0.9e6)


def test_snapshots_with_other_distances_than_the_newest_do_not_mix():
    old = (T0 - STEP, {-1.0: (9e9, 99.5), 1.0: (9e9, 100.5)})
    np.testing.assert_allclose(from_bands(band_rows([old, *quiet(3)]), "up").usd[:5], 1e6)


def test_quiet_bands_have_no_fault_either_way():
    rows = band_rows(quiet())
    assert fault_of(rows, "down") is None
    assert fault_of(rows, "up") is None


def test_bids_on_the_far_side_of_the_price_are_refused_with_and_without_a_past():
    stale = {-1.0: 102.0}
    with_past = band_rows(after(quiet(), 20, factor={"bid": 0.01}, means=stale))
    alone = band_rows(after(quiet(1), 20, factor={"bid": 0.01}, means=stale)[1:])
    for rows in (with_past, alone):
        assert "stale reference" in fault_of(rows, "down")
        assert fault_of(rows, "up") is None
        with pytest.raises(DataError, match="stale reference"):
            from_bands(rows, "down")
        assert from_bands(rows, "up").usd[0] == pytest.approx(1e6)


def test_a_fault_that_outlasts_the_past_is_still_seen():
    stale = after(quiet(1), 10 * HOUR_MS // STEP, factor={"bid": 0.01}, means={-1.0: 102.0})
    assert "stale reference" in fault_of(band_rows(stale), "down")


def test_a_collapse_that_draws_mean_prices_together_is_a_stale_reference():
    rows = band_rows(after(quiet(), 20, factor={"bid": 0.1}, means={-1.0: 99.9}))
    assert "10 % of their trailing median" in fault_of(rows, "down")


def test_bids_really_withdrawn_from_the_mid_are_used():
    rows = band_rows(after(quiet(), 20, factor={"bid": 0.1}, means={-1.0: 99.2}))
    assert fault_of(rows, "down") is None
    assert from_bands(rows, "down").usd[0] == pytest.approx(1e5)


def test_a_collapse_of_both_sides_is_a_market_and_no_fault():
    both = {"bid": 0.1, "ask": 0.1}
    rows = band_rows(after(quiet(), 20, factor=both, means={-1.0: 99.9}))
    assert fault_of(rows, "down") is None
    assert fault_of(rows, "up") is None


def test_an_empty_side_beside_one_that_stands_is_refused():
    rows = band_rows(after(quiet(), 20, factor={"ask": 0.0}))
    assert fault_of(rows, "up") == "no asks within 1 % while the other side stands"
    assert fault_of(rows, "down") is None


def test_a_side_without_bands_is_said():
    rows = band_rows([(T0, {1.0: (1e6, 100.5)})])
    with pytest.raises(DataError, match="no depth bands of bids"):
        from_bands(rows, "down")

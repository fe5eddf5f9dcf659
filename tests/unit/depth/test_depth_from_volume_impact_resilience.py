"""Depth from volume, impact and resilience, by hand and by independent vectors."""

from __future__ import annotations

import numpy as np
import pytest

from forcedflow.depth.beyond import FLAT_TO, TAIL_TO, TAPER, log_error, tail
from forcedflow.depth.curve import DepthCurve
from forcedflow.depth.from_volume import aged_log_sd, depth_within_one_percent, from_volume
from forcedflow.depth.impact import (
    LINEAR_MINUTES,
    faded,
    square_root_curve,
    square_root_impact,
)
from forcedflow.depth.resilience import MEASURED, SIMULATED, Resilience
from forcedflow.units import DAY_MS

DAY_S = 86_400.0


def test_the_tail_is_even_to_one_percent_and_a_power_past_it():
    edges, usd = tail(1e-3, 1e9)
    assert edges[-1] == TAIL_TO
    assert FLAT_TO in edges
    inside = edges <= FLAT_TO
    assert usd[inside].sum() == pytest.approx(1e9 * (FLAT_TO - 1e-3))
    x = np.linspace(FLAT_TO, TAIL_TO, 200_001)
    density = 1e9 * (x / FLAT_TO) ** -TAPER
    assert usd[~inside].sum() == pytest.approx(np.trapezoid(density, x), rel=1e-6)


def test_a_book_that_reaches_as_far_as_a_cascade_is_followed_has_no_tail():
    edges, usd = tail(TAIL_TO, 1e9)
    assert edges.size == usd.size == 0


def test_a_book_has_to_reach_somewhere_to_have_an_error():
    with pytest.raises(ValueError, match="reaches somewhere"):
        log_error(0.1, 0.0)


def test_eight_times_the_volume_holds_four_times_the_depth_and_calm_holds_more():
    one = depth_within_one_percent(1e9, 0.02)
    assert depth_within_one_percent(8e9, 0.02) == pytest.approx(4 * one)
    assert depth_within_one_percent(1e9, 0.02 / 8) == pytest.approx(16 * one)


def test_depth_from_volume_says_that_nothing_was_seen_and_errs_by_more_than_a_factor_of_three():
    curve = from_volume(1e10, 0.02, "up", at_ms=5, age_ms=10 * DAY_MS)
    within = curve.cumulative(np.array([0.01]))[0]
    assert within == pytest.approx(depth_within_one_percent(1e10, 0.02))
    assert curve.measured_to == 0.0
    assert np.exp(curve.log_sd) > 3
    assert "no book known" in curve.source
    assert "ended 10.0 d ago" in curve.source


def test_an_older_day_says_less():
    days = [aged_log_sd(int(d * DAY_MS)) for d in (0, 0.5, 1, 10, 30, 300)]
    assert days[0] == 0
    assert (np.diff(days) > 0).all()
    assert days[4] == pytest.approx(0.52)


@pytest.mark.parametrize(
    ("volume", "sigma", "age"), [(0.0, 0.02, 0), (1e9, 0.0, 0), (np.inf, 0.02, 0), (1e9, 0.02, -1)]
)
def test_depth_from_no_volume_or_volatility_is_refused(volume, sigma, age):
    with pytest.raises(ValueError, match=r"positive|negative"):
        from_volume(volume, sigma, "down", at_ms=0, age_ms=age)


def test_the_square_root_cascade_ends_where_the_independent_calculation_says():
    # Uniform forced flow of 5e9 USD per unit against the law with Y = 1, 2.5 % and 1e10 USD a day.
    y = 0.0
    for _ in range(200):
        y = float(square_root_impact(np.array([5e7 + 5e9 * y]), 1e10, 0.025, DAY_S, y=1.0)[0])
    assert y == pytest.approx(0.00193091, abs=5e-9)
    assert 5e7 + 5e9 * y == pytest.approx(59_654_544.29, rel=1e-6)


def test_without_a_shock_the_linear_part_keeps_a_cascade_from_feeding_on_itself():
    pure, cut = 1e-9, 1e-9
    for _ in range(500):
        pure = 0.025 * np.sqrt(5e9 * pure / 1e10)
        cut = float(square_root_impact(np.array([5e9 * cut]), 1e10, 0.025, DAY_S, y=1.0)[0])
    assert pure == pytest.approx(0.025**2 * 0.5)  # c² h: finite, out of nothing
    slope = 0.025 / np.sqrt(1e10 * LINEAR_MINUTES * 1e10 * 60 / DAY_S)
    assert slope * 5e9 > 1  # so dense a ladder still runs away from a point of its own
    thin = 1e-9
    for _ in range(500):
        thin = float(square_root_impact(np.array([1e9 * thin]), 1e10, 0.025, DAY_S, y=1.0)[0])
    assert slope * 1e9 < 1
    assert thin == pytest.approx(0.0, abs=1e-12)
    assert cut == pytest.approx(pure)


def test_impact_is_linear_below_a_hundredth_of_a_minute_and_joins_the_root_there():
    small = LINEAR_MINUTES * 1e10 * 60 / DAY_S
    at = square_root_impact(np.array([0.0, small / 2, small, 4 * small]), 1e10, 0.025, DAY_S)
    assert at[0] == 0
    assert at[1] == pytest.approx(at[2] / 2)
    assert at[3] == pytest.approx(2 * at[2])


def test_the_curve_of_the_law_is_its_inverse():
    curve = square_root_curve("down", 1e10, 0.025, DAY_S, at_ms=0, y=1.0)
    orders = np.array([1e5, 1e6, 1e7, 1e8])
    distance = square_root_impact(orders, 1e10, 0.025, DAY_S, y=1.0)
    np.testing.assert_allclose(curve.cumulative(distance), orders, rtol=0.02)


def test_impact_fades_with_the_root_of_time():
    left = faded(np.full(3, 0.01), np.array([0.0, 60.0, 60.0 * 99]), decay_s=60.0)
    np.testing.assert_allclose(left, [0.01, 0.01 / np.sqrt(2), 0.001])


@pytest.mark.parametrize("wrong", [{"volume_usd": 0.0}, {"sigma": -1.0}, {"horizon_s": np.nan}])
def test_impact_of_no_market_is_refused(wrong):
    stated = {"volume_usd": 1e9, "sigma": 0.02, "horizon_s": 60.0} | wrong
    with pytest.raises(ValueError, match="positive and finite"):
        square_root_impact(np.array([1.0]), **stated)


def test_negative_orders_and_ages_are_refused():
    with pytest.raises(ValueError, match="not negative"):
        square_root_impact(np.array([-1.0]), 1e9, 0.02, 60.0)
    with pytest.raises(ValueError, match="not negative"):
        faded(np.array([0.01]), np.array([-1.0]))


def curve():
    return DepthCurve("down", np.array([0.0, 0.01]), np.array([100.0]), 0.01, 0.7, "a book", 0)


def test_a_book_thins_as_volatility_exceeds_its_usual_size_and_calm_leaves_it():
    wild = MEASURED.withdrawn(curve(), volatility=0.11, usual=0.01)
    assert wild.usd[0] == pytest.approx(100 * np.exp(-0.05 * 10))
    assert "39 % withdrawn for volatility" in wild.source
    assert MEASURED.withdrawn(curve(), volatility=0.001, usual=0.01).usd[0] == 100


def test_half_of_what_was_taken_is_back_after_a_half_life():
    for book in (MEASURED, SIMULATED):
        back = book.refilled(np.array([0.0, book.refill_half_life_s, np.inf]))
        np.testing.assert_allclose(back, [0.0, 0.5, 1.0])
        low, high = book.omega_range
        assert low <= book.omega <= high


def test_the_simulated_exchanges_withdrawal_is_the_power_of_its_parameters_to_within_a_tenth():
    ratio = np.linspace(1, 5, 50)
    assert np.abs(SIMULATED.kept(ratio, 1.0) - ratio**-0.45).max() < 0.12


def test_a_resilience_that_thickens_a_stormy_book_is_refused():
    with pytest.raises(ValueError, match="omega"):
        Resilience(-0.1, (0.0, 0.1), 10.0, (1.0, 90.0), "nothing")
    with pytest.raises(ValueError, match="half-life"):
        Resilience(0.1, (0.0, 0.1), 0.0, (1.0, 90.0), "nothing")
    with pytest.raises(ValueError, match="usual"):
        MEASURED.kept(np.array([0.1]), 0.0)
    with pytest.raises(ValueError, match="not negative"):
        MEASURED.kept(np.array([-0.1]), 0.1)
    with pytest.raises(ValueError, match="not negative"):
        MEASURED.refilled(np.array([-1.0]))

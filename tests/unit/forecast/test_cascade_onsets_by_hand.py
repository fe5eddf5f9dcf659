"""Where cascades begin and what follows a moment, on tables laid by hand."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference.feature_tables import PER_DAY, head, lay

from forcedflow.features.grid import lagged
from forcedflow.forecast.events import find_onsets, outcomes
from forcedflow.units import HOUR_MS

N = 12 * PER_DAY
SIGMA_DAY = 0.048  # 1 % of an hour within a fifth of a percent
FALL_AT = 10 * PER_DAY
HOUR = 12


def _table(move=-0.05, fall=0.03, at=FALL_AT, n=N):
    """A price that stands, and one fall of price and contracts over half an hour."""
    price, contracts = np.full(n, 100.0), np.full(n, 1_000.0)
    ramp = np.clip((np.arange(n) - at) / 6, 0, 1)
    # Contracts wobble, so that a fall of theirs can be rare.
    contracts *= 1 + 0.002 * np.sin(np.arange(n) / 5)
    price = price * np.exp(move * ramp)
    contracts = contracts * (1 - fall * ramp)
    return lay(
        {
            "price": price,
            "open_interest": contracts,
            "oi_change_1h": contracts / lagged(contracts, HOUR) - 1,
            "sigma_day": SIGMA_DAY,
        },
        n=n,
    )


def test_a_large_move_with_a_rare_fall_of_contracts_is_one_onset_with_its_sign():
    onsets = find_onsets(_table())
    assert onsets.first.size == 1
    assert onsets.sign.tolist() == [-1]
    # The first moment whose coming hour holds four sigmas and ends with contracts gone.
    assert FALL_AT - HOUR < onsets.first[0] <= FALL_AT
    assert find_onsets(_table(move=0.05)).sign.tolist() == [1]


@pytest.mark.parametrize(
    ("move", "fall"), [(-0.03, 0.03), (-0.05, 0.01)], ids=["three sigmas", "one percent of OI"]
)
def test_less_of_either_is_none(move, fall):
    assert find_onsets(_table(move=move, fall=fall)).first.size == 0


def test_a_fall_of_contracts_that_is_usual_for_the_market_is_none():
    table = _table()
    usual = np.where(np.arange(N) % 40 == 0, -0.04, table["oi_change_1h"])
    assert find_onsets(table.joined({"oi_change_1h": usual})).first.size == 0


def test_onsets_within_six_hours_are_one_and_later_ones_another():
    def both(apart):
        first, second = _table(), _table(at=FALL_AT + apart)
        contracts = first["open_interest"] * second["open_interest"] / 1_000.0
        return find_onsets(
            first.joined(
                {
                    "price": first["price"] * second["price"] / 100.0,
                    "open_interest": contracts,
                    "oi_change_1h": contracts / lagged(contracts, HOUR) - 1,
                }
            )
        )

    assert both(5 * HOUR).first.size == 1
    assert both(9 * HOUR).first.size == 2


def test_nothing_is_known_before_a_week_nor_in_the_last_hour():
    onsets = find_onsets(_table())
    assert not onsets.known[: 7 * PER_DAY].any()
    assert onsets.known[8 * PER_DAY : -HOUR].all()
    assert not onsets.known[-HOUR:].any()


def test_a_cascade_follows_the_moments_of_its_horizon_and_those_within_it_are_left_out():
    table = _table()
    onsets = find_onsets(table)
    first, last = int(onsets.first[0]), int(onsets.last[0])
    followed = outcomes(table, onsets, 4 * HOUR_MS).cascade
    assert np.isnan(followed[first : last + 7 * HOUR + 1]).all()
    assert (followed[first - 4 * HOUR : first] == 1).all()
    assert (followed[8 * PER_DAY : first - 4 * HOUR] == 0).all()
    assert followed[last + 7 * HOUR + 1] == 0


def test_moves_are_in_deviations_of_the_horizon():
    table = _table()
    onsets = find_onsets(table)
    move = outcomes(table, onsets, 4 * HOUR_MS).move
    at = int(onsets.first[0]) - HOUR
    expected = -0.05 / (SIGMA_DAY * np.sqrt(4 / 24))
    assert move[at] == pytest.approx(expected)
    assert move[8 * PER_DAY] == pytest.approx(0.0, abs=1e-12)


def test_what_comes_later_changes_no_outcome_that_was_known():
    table = _table()
    whole = outcomes(table, find_onsets(table), 4 * HOUR_MS)
    for n in (N - 3, FALL_AT + 9 * HOUR, FALL_AT):
        part = head(table, n)
        seen = outcomes(part, find_onsets(part), 4 * HOUR_MS)
        for one, other in ((seen.cascade, whole.cascade[:n]), (seen.move, whole.move[:n])):
            known = ~np.isnan(one)
            # A cascade that is not over yet may still grow longer, and leave out more.
            both = known & ~np.isnan(other)
            np.testing.assert_array_equal(one[both], other[both])
            assert both[: n - 5 * HOUR].sum() >= known[: n - 5 * HOUR].sum() - 7 * HOUR


def test_a_horizon_of_which_too_little_is_known_has_no_outcome():
    table = _table()
    gap = table["open_interest"].copy()
    gap[9 * PER_DAY : 9 * PER_DAY + 3 * HOUR] = np.nan
    holed = table.joined({"open_interest": gap})
    followed = outcomes(holed, find_onsets(holed), 4 * HOUR_MS).cascade
    assert np.isnan(followed[9 * PER_DAY - HOUR])
    assert followed[9 * PER_DAY - 6 * HOUR] == 0

"""Weights find their atoms again by leverage and half-life, wherever they stand."""

from __future__ import annotations

import numpy as np
import pytest
from tests.reference import markets
from tests.reference.trained import trained_on

from forcedflow.errors import DataError
from forcedflow.positions.mixture import PRIOR_EVENTS
from forcedflow.positions.trained import shares_of

ATOMS = markets.atoms_of((5.0, 10.0, 25.0), (0.5, 4.0))
WEIGHT = np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]])


def test_the_same_atoms_get_the_same_weights():
    found = trained_on(ATOMS, weight=WEIGHT).on(ATOMS)
    np.testing.assert_array_equal(found.weight, WEIGHT)
    np.testing.assert_array_equal(found.informed, 0.9)
    np.testing.assert_allclose(shares_of(found), WEIGHT / 21.0)


def test_atoms_in_another_order_get_their_own_weights():
    turned = markets.atoms_of((25.0, 5.0, 10.0), (4.0, 0.5))
    found = trained_on(ATOMS, weight=WEIGHT).on(turned)
    for a in range(turned.size):
        same = (ATOMS.leverage == turned.leverage[a]) & (
            ATOMS.half_lives_days[ATOMS.class_of] == turned.half_lives_days[turned.class_of[a]]
        )
        np.testing.assert_array_equal(found.weight[:, a], WEIGHT[:, same][:, 0])


def test_an_atom_that_the_fit_did_not_know_takes_its_prior_share_and_is_not_informed():
    more = markets.atoms_of((5.0, 10.0, 25.0, 50.0), (0.5, 4.0))
    found = trained_on(ATOMS, weight=WEIGHT).on(more)
    new = more.leverage == 50.0
    # Equal prior shares: what the six known ones have on average.
    np.testing.assert_allclose(found.weight[:, new], 21.0 / 6)
    np.testing.assert_array_equal(found.informed[:, new], 0.0)
    np.testing.assert_array_equal(found.events[:, new], PRIOR_EVENTS)
    assert found.weight[:, ~new].sum() == pytest.approx(42.0)


def test_an_atom_that_this_market_lacks_is_left_out():
    fewer = markets.atoms_of((5.0, 10.0), (0.5, 4.0))
    found = trained_on(ATOMS, weight=WEIGHT).on(fewer)
    np.testing.assert_array_equal(found.weight, WEIGHT[:, [0, 1, 3, 4]])


def test_no_atom_in_common_is_refused():
    with pytest.raises(DataError, match="shares no leverage"):
        trained_on(ATOMS).on(markets.atoms_of((2.0, 50.0), (0.5, 4.0)))


def test_a_side_without_weight_is_refused():
    with pytest.raises(DataError, match="no weight"):
        trained_on(ATOMS, weight=WEIGHT * [[0.0], [1.0]]).on(ATOMS)


def test_a_fit_that_ends_later_is_refused_and_both_times_are_named():
    trained = trained_on(ATOMS, fit_to_ms=1_769_385_600_000)
    trained.check_known_by(1_769_385_600_000)
    with pytest.raises(DataError, match=r"2026-01-26T00:00:00Z.*2026-01-25T23:59:59Z") as caught:
        trained.check_known_by(1_769_385_599_999)
    assert "--model prior" in str(caught.value)

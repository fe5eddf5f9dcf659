"""The trader's event by hand: the named cluster reached, and the next within four hours."""

from __future__ import annotations

import numpy as np
from tests.reference.feature_tables import lay

from forcedflow.forecast.chain_event import AHEAD_MS, lay_chain_labels
from forcedflow.units import HOUR_MS

HOUR = 12
N = 6 * 24 * HOUR
HIT = 40 * HOUR + 7


def _table(second_after=30, next_named=True):
    """A price at 100 with a cluster at 98 that is swept at `HIT`, and the next at 96."""
    price = np.full(N, 100.0)
    price[HIT:] = 97.5
    price[HIT + second_after :] = 95.5
    level = np.full(N, 98.0)
    # The map is read anew on whole hours, four steps later; what was swept is no longer named.
    level[40 * HOUR + 11 :] = 96.0 if next_named else np.nan
    pct = 100 * (1 - level / price)
    return lay({"price": price, "cluster_below_pct": pct, "cluster_above_pct": np.nan}, n=N)


def _hours(table):
    first = int(np.flatnonzero(table.times_ms % HOUR_MS == 0)[0])
    return first, table.times_ms[first::HOUR]


def _labels(table):
    first, times = _hours(table)
    return lay_chain_labels(table, times), first


def test_a_chain_is_labelled_in_the_stretch_in_which_the_first_cluster_is_reached():
    table = _table()
    labels, first = _labels(table)
    for hours_before, stretch in ((0, 0), (2, 1), (6, 2), (20, 3)):
        row = (HIT - first) // HOUR - hours_before
        found = labels.hazard[0, row]
        assert found[stretch] == 1.0
        assert (found[:stretch] == 0.0).all()
        assert np.isnan(found[stretch + 1 :]).all()
    assert labels.events_ms.tolist() == [table.times_ms[HIT]]
    assert labels.sign.tolist() == [-1]
    assert labels.ahead_ms == AHEAD_MS == 29 * HOUR_MS


def test_a_chain_that_takes_longer_than_four_hours_is_none():
    labels, first = _labels(_table(second_after=49))
    row = (HIT - first) // HOUR
    assert labels.hazard[0, row].tolist() == [0.0] * 4
    assert labels.within(0)[row].tolist() == [0.0] * 4
    assert labels.events_ms.size == 0


def test_where_no_next_cluster_is_named_the_chain_does_not_go_on():
    labels, first = _labels(_table(next_named=False))
    assert labels.hazard[0, (HIT - first) // HOUR, 0] == 0.0


def test_where_no_cluster_is_named_there_is_no_label():
    labels, _ = _labels(_table())
    assert np.isnan(labels.hazard[1]).all()


def test_long_before_and_at_the_end_nothing_is_claimed():
    labels, first = _labels(_table())
    assert labels.hazard[0, 0].tolist() == [0.0] * 4
    assert labels.hazard[0, (HIT - first) // HOUR - 26].tolist() == [0.0] * 4
    assert np.isnan(labels.hazard[0, -1]).all()

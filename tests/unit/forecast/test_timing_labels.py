"""Labels of event timing beside their twin, and what a market's course may read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import forecast_timing as twin

from forcedflow.forecast.course import lay_course, lay_sample
from forcedflow.forecast.events import C1, C2, C2_ABSOLUTE, find_onsets
from forcedflow.forecast.labels import lay_labels, permuted
from forcedflow.forecast.rows import lay_rows
from forcedflow.units import DAY_MS, HOUR_MS

TABLE = twin.falling_table(3, days=30)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.integers(0, 3))
def test_labels_are_those_of_the_twin(seed, hidden):
    table = TABLE
    onsets = find_onsets(table, C2)
    generator = np.random.default_rng(seed)
    known = onsets.known.copy()
    for start in generator.integers(0, table.size, hidden).tolist():
        known[start : start + 200] = False
    onsets = replace(onsets, known=known)
    at = np.sort(generator.choice(np.flatnonzero(table.times_ms % HOUR_MS == 0), 25, replace=False))
    labels = lay_labels(table, onsets, table.times_ms[at], C2)
    for d, way in enumerate((-1, 1)):
        for row, i in enumerate(at.tolist()):
            expected = twin.hazard_labels(
                onsets.first.tolist(), onsets.sign.tolist(), onsets.running, known.tolist(), i, way
            )
            found = labels.hazard[d, row].tolist()
            assert [None if np.isnan(x) else x for x in found] == expected


def test_planted_falls_and_rises_are_found_with_their_sign():
    onsets = find_onsets(TABLE, C2)
    assert onsets.first.size >= 5
    assert set(onsets.sign.tolist()) == {-1, 1}
    labels = lay_sample(TABLE, lay_rows(TABLE, "A", "test"), C2).labels
    for began, sign in zip(labels.events_ms.tolist(), labels.sign.tolist(), strict=True):
        row = int(np.searchsorted(labels.times_ms, began)) - 1
        way = 0 if sign < 0 else 1
        assert labels.hazard[way, row, 0] == 1.0
        assert labels.within(way)[row].tolist() == [1.0] * 4


def test_moments_off_the_table_are_refused():
    with pytest.raises(ValueError, match="does not hold"):
        lay_labels(TABLE, find_onsets(TABLE, C2), TABLE.times_ms[:3] + 1, C2)


def test_permuted_labels_are_the_same_events_elsewhere():
    labels = lay_sample(TABLE, lay_rows(TABLE, "A", "test"), C2).labels
    other = permuted(labels, 2 * DAY_MS, seed=1)
    for d in (0, 1):
        assert np.nansum(other.hazard[d, :, 0]) == np.nansum(labels.hazard[d, :, 0])
    assert other.events_ms.size == labels.events_ms.size
    assert not np.array_equal(other.events_ms, labels.events_ms)


def _differs_with_the_future(table, cut):
    """Whether what a course says of the first ``cut`` moments changes when later ones are known."""
    part = replace(
        table,
        times_ms=table.times_ms[:cut],
        columns={name: column[:cut] for name, column in table.columns.items()},
    )
    before, after = (lay_course(one, lay_rows(one, "A", "test"), C2) for one in (part, table))
    n = before.times_ms.size
    same = all(
        np.array_equal(before.rows.columns[name], after.rows.columns[name][:n], equal_nan=True)
        for name in before.rows.columns
    )
    told = after.known_ms <= before.times_ms[-1]
    same &= np.isin(after.events_ms[told], before.events_ms).all()
    same &= all(
        np.array_equal(getattr(before, name), getattr(after, name)[:n], equal_nan=True)
        for name in ("price", "low", "high", "sigma", "needed")
    )
    return not same


@pytest.mark.parametrize("cut", [3_000, 5_003, 8_000])
def test_a_course_never_repaints(cut):
    assert not _differs_with_the_future(TABLE, cut)


def test_a_canary_that_reads_the_future_is_caught():
    """A family that is computed anew from what is known shows its leak at the end of the table."""

    def leaking(table):
        ahead = np.concatenate([table["price"][12:], np.full(12, np.nan)])
        return table.joined({"return_4h": np.log(ahead / table["price"])})

    cut = 5_001
    part = replace(
        TABLE,
        times_ms=TABLE.times_ms[:cut],
        columns={name: column[:cut] for name, column in TABLE.columns.items()},
    )
    before, after = (lay_rows(leaking(one), "A", "test") for one in (part, TABLE))
    n = before.times_ms.size
    known = after.columns["return_4h"][:n]
    assert not np.array_equal(before.columns["return_4h"], known, equal_nan=True)


def _with_forced(table, side):
    """Hourly shares that are small, and large on one side in the hour of every event."""
    onsets = find_onsets(table, C2)
    n = table.size
    share = {s: 0.0002 * (1 + 0.5 * np.sin(np.arange(n) / 7)) for s in ("long", "short")}
    for i in onsets.first.tolist():
        share[side][i + 8 : i + 24] = 0.01
    return table.joined({f"liq_{s}_1h": column for s, column in share.items()})


def test_c1_asks_that_the_losing_side_was_closed_by_force():
    onsets = find_onsets(TABLE, C2)
    falls = int((onsets.sign < 0).sum())
    of_longs = find_onsets(_with_forced(TABLE, "long"), C1)
    assert of_longs.sign.tolist() == [-1] * falls
    of_shorts = find_onsets(_with_forced(TABLE, "short"), C1)
    assert of_shorts.sign.tolist() == [1] * (onsets.sign.size - falls)
    assert find_onsets(TABLE, C1).known.sum() == 0


def test_a_lower_threshold_finds_no_fewer_events_and_says_its_name():
    lower, higher = C2_ABSOLUTE.variants()
    assert (lower.name, higher.name) == ("C2 absolute -25 %", "C2 absolute +25 %")
    counts = [find_onsets(TABLE, one).first.size for one in (lower, C2_ABSOLUTE, higher)]
    assert counts == sorted(counts, reverse=True)
    assert C1.variants()[0].least_liquidated == pytest.approx(0.00075)


def test_the_long_window_is_used_once_it_is_held():
    """Ninety days of large falls, then calm: thirty days forget them, ninety do not."""
    table = twin.falling_table(4, days=135, every_days=300)
    n, day = table.size, 288
    change = np.where(np.arange(n) % 50 == 0, -0.05, -0.0001)
    change[95 * day :] = -0.0001
    contracts = table["open_interest"].copy()
    at = 128 * day
    contracts[at:] *= 1 - 0.03 * np.clip((np.arange(at, n) - at) / 6, 0, 1)
    price = table["price"].copy()
    price[at:] *= np.exp(-0.05 * np.clip((np.arange(at, n) - at) / 6, 0, 1))
    table = table.joined({"oi_change_1h": change, "open_interest": contracts, "price": price})
    assert find_onsets(table, replace(C2, trailing_ms=(30 * DAY_MS,))).first.size == 1
    assert find_onsets(table, C2).first.size == 0

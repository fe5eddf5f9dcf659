"""The scorecard's figures are those of their definitions, and every row says what it is about."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from tests.reference import scorecard as by_hand
from tests.unit.evaluate import sandbox_trial

from forcedflow.errors import NoDataError
from forcedflow.evaluate.map_card import BASELINES, Scope, Scored, joined, map_rows, score_span
from forcedflow.evaluate.map_trial import OURS, hold_trial
from forcedflow.evaluate.placebos import PLACEBOS
from forcedflow.evaluate.scorecard import (
    DRAWS,
    Row,
    adjust,
    document,
    markdown,
    part_of,
    ratio_gain,
    two_sided_p,
)
from forcedflow.units import DAY_MS, HOUR_MS

START_MS = int(datetime(2026, 1, 20, tzinfo=UTC).timestamp() * 1000)
SCOPE = Scope("BTC/USDT:USDT", "binance", "the venue's own", ("open interest",))
SIDES = {"long": [0], "short": [1], "pooled": [0, 1]}


def scored_hours(days=20, seed=0):
    """Hours of a feed that is often silent, and every competitor's expectation of them."""
    rng = np.random.default_rng(seed)
    n = 24 * days
    true = rng.gamma(0.5, 2e4, (n, 2))
    target = np.where(rng.random((n, 2)) < 0.3, 0.0, true * rng.gamma(2.0, 0.5, (n, 2)))
    expected = {name: true * rng.gamma(3.0, 1 / 3.0, (n, 2)) + 100.0 for name in (OURS, *BASELINES)}
    return Scored(
        START_MS + HOUR_MS * np.arange(1, n + 1),
        target,
        expected,
        np.tile([9e3, 1.1e4], (n, 1)),
        np.array([4e3, 6e3]),
    )


@pytest.fixture(scope="module")
def scored():
    return scored_hours()


@pytest.fixture(scope="module")
def rows(scored):
    return list(map_rows(scored, SCOPE, HOUR_MS))


def chosen(rows, metric, **about):
    found = [
        row
        for row in rows
        if row.metric == metric and all(getattr(row, k) == v for k, v in about.items())
    ]
    assert found
    return found


def test_deviance_explained_is_by_its_definition(scored, rows):
    for row in chosen(rows, "d2"):
        columns = SIDES[row.side]
        ours, theirs = (
            by_hand.d2(scored.target, scored.expected[name], scored.reference, columns)
            for name in (OURS, row.baseline)
        )
        assert (row.value, row.baseline_value) == pytest.approx((ours, theirs), rel=1e-9)
        assert row.gain == pytest.approx(ours - theirs, rel=1e-6, abs=1e-12)
        assert row.ci[0] <= row.gain <= row.ci[1]
        assert row.pass_ == (row.ci[0] > 0)


def test_information_gain_is_in_bits_per_effective_event(scored, rows):
    for row in chosen(rows, "information_gain_bits"):
        expected = by_hand.information_gain_bits(
            scored.target,
            scored.expected[OURS],
            scored.expected[row.baseline],
            scored.dispersion,
            SIDES[row.side],
        )
        assert row.gain == pytest.approx(expected, rel=1e-9)


def test_allocation_is_the_surprise_at_where_in_its_day_a_dollar_fell(scored, rows):
    for row in chosen(rows, "allocation_bits", side="pooled"):
        ours, theirs = (
            by_hand.allocation_bits(scored.target, scored.expected[name], scored.end_ms, [0, 1])
            for name in (OURS, row.baseline)
        )
        assert (row.value, row.baseline_value) == pytest.approx((ours, theirs), rel=1e-9)
        assert row.gain == pytest.approx(theirs - ours, rel=1e-6)


def test_an_expectation_of_what_happened_has_no_opponent_left(scored):
    exact = {**scored.expected, OURS: scored.target + 1e-6}
    same = Scored(scored.end_ms, scored.target, exact, scored.reference, scored.dispersion)
    for row in map_rows(same, SCOPE, HOUR_MS):
        if row.metric == "d2":
            assert row.value == pytest.approx(1.0)
            assert row.pass_
        if row.metric == "predicted_actual" and not part_of(row):
            assert row.value == pytest.approx(1.0)


def test_calibration_parts_add_up_to_the_whole(scored, rows):
    for side, columns in SIDES.items():
        expected = scored.expected[OURS][:, columns].sum(axis=1)
        actual = scored.target[:, columns].sum(axis=1)
        found = chosen(rows, "predicted_actual", side=side)
        parts = {part_of(row): row for row in found}
        whole = parts.pop("")
        assert whole.value == pytest.approx(expected.sum() / actual.sum())
        assert whole.n == expected.size
        deciles = [parts[f"decile {d}"] for d in range(1, 11)]
        assert sum(row.n for row in deciles) == expected.size
        months = [parts["2026-01"], parts["2026-02"]]
        assert [row.n for row in months] == [12 * 24, 8 * 24]
        assert [row.n_days for row in months] == [12, 8]
        # Predicted over actual, weighed by the actual, is the whole's predicted.
        order = np.argsort(expected)
        by_decile = np.array_split(order, 10)
        total = sum(row.value * actual[i].sum() for row, i in zip(deciles, by_decile, strict=True))
        assert total == pytest.approx(expected.sum(), rel=1e-9)
        top = parts["top 1 %"]
        highest = order[-top.n :]
        assert top.n == math.ceil(0.01 * expected.size)
        assert top.value == pytest.approx(expected[highest].sum() / actual[highest].sum())


def test_every_row_has_an_id_of_its_own(rows):
    assert len({row.id for row in rows}) == len(rows)
    assert {row.product for row in rows} == {"map"}
    assert rows[0].inputs == ["open interest", "targets: the venue's own"]


def test_a_row_says_its_part_and_nothing_else_whatever_the_symbol(rows):
    text = markdown(rows, "map, binance", "a note")
    assert "d2 (" not in text
    assert "| predicted_actual (decile 3) |" in text
    assert "| predicted_actual |" in text
    assert {part_of(row) for row in rows if row.metric != "predicted_actual"} == {""}


def test_placebos_are_scored_only_where_they_took_part(scored, rows):
    assert not {row.baseline for row in rows} & set(PLACEBOS)
    expected = {**scored.expected, **dict.fromkeys(PLACEBOS, scored.expected["unif"])}
    more = Scored(scored.end_ms, scored.target, expected, scored.reference, scored.dispersion)
    against = {row.baseline for row in map_rows(more, SCOPE, HOUR_MS) if row.metric == "d2"}
    assert against == {*BASELINES, *PLACEBOS}


def test_daily_intervals_have_no_hours_to_allocate(scored):
    metrics = {row.metric for row in map_rows(scored, SCOPE, DAY_MS)}
    assert metrics == {"d2", "information_gain_bits", "predicted_actual"}


def test_spans_joined_are_scored_as_one(scored, rows):
    halves = [
        Scored(
            scored.end_ms[cut],
            scored.target[cut],
            {name: values[cut] for name, values in scored.expected.items()},
            scored.reference[cut],
            scored.dispersion,
        )
        for cut in (slice(0, 100), slice(100, None))
    ]
    assert list(map_rows(joined(halves), SCOPE, HOUR_MS)) == rows


def row_with(p):
    return Row(
        "id", "map", None, "BTC", "binance", "long", "1h", [], OURS, "unif", "d2", 1, 1,
        0.5, 0.4, 0.1, [0.0, math.nan], p,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_p_values_are_adjusted_as_by_hand_over_the_rows_that_have_one(seed):
    drawn = np.random.default_rng(seed).random(12).round(2).tolist()
    rows = [row_with(p) for p in [*drawn, None]]
    found = [row.p_adj for row in adjust(rows)]
    assert found[-1] is None
    assert found[:-1] == pytest.approx(by_hand.benjamini_hochberg(drawn))


def test_p_is_twice_the_rarer_sign_and_never_zero():
    assert two_sided_p(np.ones(99)) == pytest.approx(2 / 100)
    assert two_sided_p(np.array([-1.0, 1.0, 1.0, 1.0])) == pytest.approx(4 / 5)
    assert two_sided_p(np.zeros(9)) == 1.0
    assert two_sided_p(np.array([math.nan])) is None


def test_gains_of_the_same_days_pair_their_draws():
    """A loss that is always a tenth lower is a certain gain, however wild the days."""
    rng = np.random.default_rng(1)
    theirs, day = rng.pareto(1.1, 400) + 0.1, np.repeat(np.arange(40), 10)
    gain = ratio_gain(0.9 * theirs, theirs, theirs, day, rising=False)
    assert (gain.low, gain.gain, gain.high) == pytest.approx((0.1, 0.1, 0.1))
    assert gain.p == pytest.approx(2 / (DRAWS + 1))


def test_what_is_not_a_number_is_null_in_the_document():
    written = document([row_with(None)], {"hashes": {}}, "2026-02-01T00:00:00Z")
    assert written["results"][0]["ci"] == [0.0, None]
    assert written["results"][0]["pass"] is None


def test_a_span_inside_the_fit_or_without_intervals_is_refused():
    trial = hold_trial(sandbox_trial.prepared(), sandbox_trial.recorded().fit_to_ms)
    fit_to, last = trial.fit_to_ms, int(trial.prepared.end_ms[-1])
    with pytest.raises(ValueError, match="may not begin before the end of the fit"):
        score_span(trial, fit_to - 1, last)
    with pytest.raises(NoDataError, match="no interval"):
        score_span(trial, last, last + DAY_MS)
    part = score_span(trial, fit_to, fit_to + DAY_MS)
    assert part.end_ms.tolist() == [fit_to + (h + 1) * HOUR_MS for h in range(24)]
    fit = trial.prepared.end_ms <= fit_to
    assert part.reference[0] == pytest.approx(trial.prepared.target[fit].mean(axis=0))

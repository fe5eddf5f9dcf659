"""On unseen days of a simulated market no placebo does what the map does, and nothing leaks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from tests.reference import markets
from tests.unit.evaluate import sandbox_trial

from forcedflow.evaluate.map_card import Scope, map_rows, score_span
from forcedflow.evaluate.map_scores import days_of
from forcedflow.evaluate.map_trial import OURS, hold_trial
from forcedflow.evaluate.placebos import (
    PLACEBOS,
    mirrored_design,
    permuted_design,
    shuffled_weight,
    stale_sweeps,
)
from forcedflow.positions import LiquidationLadder
from forcedflow.units import DAY_MS, HOUR_MS

SCOPE = Scope("SIM/USDT:USDT", "sandbox", "the venue's own", ("simulated",))


@cache
def fit_to():
    return sandbox_trial.recorded().fit_to_ms


@cache
def trial():
    return hold_trial(sandbox_trial.prepared(), fit_to())


def rows_of(one):
    return list(map_rows(score_span(one, fit_to(), int(one.prepared.end_ms[-1])), SCOPE, HOUR_MS))


@cache
def rows():
    return rows_of(trial())


def d2_against(baseline, found=None):
    return next(
        row
        for row in (found or rows())
        if (row.metric, row.side, row.baseline) == ("d2", "pooled", baseline)
    )


@pytest.mark.parametrize("placebo", PLACEBOS)
def test_a_placebo_explains_less_of_unseen_days(placebo):
    row = d2_against(placebo)
    assert row.gain > 0.02
    assert row.ci[0] > 0


@pytest.mark.parametrize("baseline", ["path_only", "unif", "roll7", "incumbent_scaled"])
def test_the_opponents_explain_less_where_open_interest_is_known_to_matter(baseline):
    assert d2_against(baseline).ci[0] > 0


@pytest.mark.parametrize("block_days", [1, 4])
@pytest.mark.parametrize("seed", [1, 2])
def test_liquidations_dealt_to_other_days_leave_the_map_no_gain(block_days, seed):
    """Blocks of days exchange their liquidations; nothing that was learned may then help."""
    ready = sandbox_trial.prepared()
    day = days_of(ready.end_ms)
    whole = np.isin(day, np.flatnonzero(np.bincount(day - day[0]) == 24) + day[0])
    ready = replace(
        ready,
        end_ms=ready.end_ms[whole],
        target=ready.target[whole],
        background=ready.background[whole],
        designs={name: design[whole] for name, design in ready.designs.items()},
        incumbent=ready.incumbent[whole],
        placebos=False,
    )
    rng = np.random.default_rng(seed)
    target = ready.target.copy()
    for part in (ready.end_ms <= fit_to(), ready.end_ms > fit_to()):
        hours = np.flatnonzero(part)
        blocks = np.array_split(hours, max(hours.size // (24 * block_days), 1))
        dealt = np.concatenate([blocks[i] for i in rng.permutation(len(blocks))])
        target[hours] = ready.target[dealt]
    row = d2_against("path_only", rows_of(hold_trial(replace(ready, target=target), fit_to())))
    assert row.ci[0] <= 0


def test_sides_are_exchanged_and_exchanging_twice_is_nothing():
    design = sandbox_trial.prepared().designs[OURS]
    mirrored = mirrored_design(design)
    assert markets.same_bytes(mirrored[:, 0], design[:, 1])
    assert markets.same_bytes(mirrored_design(mirrored), design)


def test_days_are_exchanged_with_days_alike_and_never_across_the_fit():
    ready = sandbox_trial.prepared()
    design = ready.designs[OURS]
    permuted = permuted_design(design, ready.background, ready.end_ms, fit_to())
    day, ranges = days_of(ready.end_ms), ready.background[:, :, -2].sum(axis=1)
    by_day = {int(d): ranges[day == d].sum() for d in np.unique(day)}
    sums, found = {}, []
    for row, values in enumerate(design.sum(axis=(1, 2))):
        sums.setdefault((values, int(ready.end_ms[row]) % DAY_MS), []).append(row)
    for row in np.flatnonzero(permuted.any(axis=(1, 2))):
        key = (permuted[row].sum(), int(ready.end_ms[row]) % DAY_MS)
        donors = [r for r in sums.get(key, []) if np.array_equal(design[r], permuted[row])]
        assert donors
        if len(donors) == 1:
            found.append((int(day[row]), int(day[donors[0]])))
            assert (ready.end_ms[row] <= fit_to()) == (ready.end_ms[donors[0]] <= fit_to())
    assert len(found) > 300
    assert all(own != donor for own, donor in found)
    # Days alike: closer in range than days drawn at random.
    own, donor = (np.log([by_day[pair[i]] for pair in found]) for i in range(2))
    other = np.random.default_rng(1).permutation(donor)
    assert np.abs(own - donor).mean() < 0.7 * np.abs(own - other).mean()


def test_a_stale_map_has_heard_of_no_opens_since_the_day_before():
    """Every day by hand: opens up to the last midnight but one, then only sweeps."""
    market = sandbox_trial.recorded()
    bars, flows = market.bars.cut(0, 5 * 288), markets.cut_flows(market.flows, 0, 5 * 288)
    unit = replace(market.atoms, share=np.ones(market.atoms.size))
    found = stale_sweeps(bars, flows, unit, market.width)
    day = days_of(bars.end_ms)
    for number in np.unique(day):
        told = (day < number - 1)[:, None]
        known = replace(
            flows,
            opens_long=np.where(told, flows.opens_long, 0.0),
            opens_short=np.where(told, flows.opens_short, 0.0),
        )
        swept = LiquidationLadder(unit, market.width).replay(bars, known, with_design=True).design
        assert found[:, :, day == number] == pytest.approx(swept[:, :, day == number])
    assert found[:, :, day < day[0] + 2].sum() == 0
    assert found.sum() > 0


def test_shuffled_weights_are_the_same_weights_at_other_leverages():
    ready, mixture, atoms = (
        sandbox_trial.prepared(),
        trial().mixture,
        sandbox_trial.recorded().atoms,
    )
    design = ready.designs[OURS][ready.end_ms <= fit_to()]
    weight = shuffled_weight(mixture, atoms, design, seed=3)
    swept = design.sum(axis=0)
    assert (swept * weight).sum(axis=1) == pytest.approx((swept * mixture.weight).sum(axis=1))
    for side in range(2):
        factor = weight[side].sum() / mixture.weight[side].sum()
        for half_life in range(atoms.half_lives_days.size):
            own = atoms.class_of == half_life
            ours, dealt = mixture.weight[side, own], weight[side, own]
            assert np.sort(dealt) == pytest.approx(np.sort(ours) * factor)
            assert not np.allclose(dealt, ours * factor)

"""Regimes: what comes later changes nothing earlier, and each equals its readable twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.feature_tables import head, random_table
from tests.reference.regimes import latched as readable_latched

from forcedflow.playbook.regime import judge_regimes, read_regime
from forcedflow.playbook.regime_rules import latched
from forcedflow.signals.signal import ON

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(deadline=None, max_examples=20)
N = 2600  # thresholds need seven days

NAMES = (
    *("sigma_day", "return_1h", "return_24h", "range_4h", "range_24h"),
    *("oi_change_1h", "oi_change_4h", "oi_rank_30d", "volume_1h_rank_30d"),
    *("funding_mean_3d", "funding_same_sign_hours", "funding_flip_hours"),
    *("sweeps_high_24h", "sweeps_low_24h", "liq_long_rank_30d", "liq_short_rank_30d"),
)


def restless(seed):
    """A table in which rules begin and end: figures of the size they have in markets."""
    table = random_table(NAMES, seed, N)
    return table.joined(
        {
            "sigma_day": np.abs(table["sigma_day"]) + 1.0,
            "oi_change_1h": table["oi_change_1h"] / 100,
            "funding_same_sign_hours": 60 * table["funding_same_sign_hours"],
            "range_24h": np.abs(table["range_24h"]),
        }
    )


@FEW
@given(SEEDS, st.integers(1, N))
def test_later_moments_change_no_earlier_regime(seed, n):
    table = restless(seed)
    whole, before = judge_regimes(table), judge_regimes(head(table, n))
    for name, state in whole.items():
        assert state.verdict[:n].tobytes() == before[name].verdict.tobytes(), name
        assert state.direction[:n].tobytes() == before[name].direction.tobytes(), name
        for figure, column in state.figures.items():
            assert column[:n].tobytes() == before[name].figures[figure].tobytes(), figure


@FEW
@given(SEEDS, st.integers(2, N))
def test_a_span_that_was_over_is_told_the_same_ever_after(seed, n):
    table = restless(seed)
    before, after = read_regime(head(table, n)).history, read_regime(table).history
    assert before[:-1] == after[: len(before) - 1]
    now, later = before[-1], after[len(before) - 1]
    assert (now.start_ms, now.regime, now.why) == (later.start_ms, later.regime, later.why)


@FEW
@given(SEEDS)
def test_spans_cover_every_moment_once(seed):
    table = restless(seed)
    history = read_regime(table).history
    assert history[0].start_ms == table.times_ms[0]
    assert [span.end_ms for span in history[:-1]] == [span.start_ms for span in history[1:]]


@given(SEEDS)
@settings(deadline=None, max_examples=50)
def test_latching_equals_its_readable_twin(seed):
    rng = np.random.default_rng(seed)
    columns = [rng.random(60) < share for share in (0.1, 0.7, 0.95)]
    assert latched(*columns).tolist() == readable_latched(*(c.tolist() for c in columns))


def test_the_random_tables_know_every_regime():
    seen = set()
    for seed in range(40):
        judged = judge_regimes(restless(seed))
        seen |= {name for name, state in judged.items() if (state.verdict == ON).any()}
    assert len(seen) == 5

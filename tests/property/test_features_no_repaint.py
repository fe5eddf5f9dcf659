"""Features: what comes later changes nothing earlier, nor does what came long before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import feature_markets as markets
from tests.reference.markets import same_bytes

from forcedflow.features.registry import FEATURES, WARM_UP_MS, build_features, extend
from forcedflow.units import DAY_MS, HOUR_MS

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(deadline=None, max_examples=12)
DAYS = 9  # ranks need seven


@FEW
@given(SEEDS, st.data())
def test_later_rows_change_no_earlier_figure(seed, data):
    inputs = markets.random_inputs(seed, DAYS)
    whole = build_features(inputs)
    first = int(whole.times_ms[0])
    cut = data.draw(st.integers(first, inputs.at_ms), label="cut")
    before = build_features(markets.known_by(inputs, cut))
    assert same_bytes(before.times_ms, whole.times_ms[: before.size])
    for name in FEATURES:
        assert same_bytes(before[name], whole[name][: before.size]), name


@FEW
@given(SEEDS, st.data())
def test_a_table_extended_equals_the_table_built_anew(seed, data):
    inputs = markets.random_inputs(seed, DAYS)
    cut = data.draw(st.integers(inputs.at_ms - 2 * DAY_MS, inputs.at_ms), label="cut")
    whole = build_features(inputs)
    extended = extend(build_features(markets.known_by(inputs, cut)), inputs)
    assert same_bytes(extended.times_ms, whole.times_ms)
    assert extended.input_age_ms == whole.input_age_ms
    assert extended.labels == whole.labels
    for name in FEATURES:
        assert same_bytes(extended[name], whole[name]), name


@pytest.mark.slow
@settings(deadline=None, max_examples=3)
@given(SEEDS)
def test_rows_older_than_the_warm_up_change_nothing(seed):
    inputs = markets.random_inputs(seed, days=70)
    start = inputs.at_ms - 10 * DAY_MS - HOUR_MS
    whole = build_features(inputs)
    since = start - WARM_UP_MS - DAY_MS
    short = build_features(markets.known_by(inputs, inputs.at_ms, since), start_ms=start)
    assert short.times_ms[0] == start
    for name in FEATURES:
        assert same_bytes(short[name], whole[name][-short.size :]), name


def test_the_random_market_knows_every_feature_somewhere():
    table = build_features(markets.random_inputs(7, days=40))
    unknown = [name for name in FEATURES if np.isnan(table[name]).all()]
    assert unknown == []

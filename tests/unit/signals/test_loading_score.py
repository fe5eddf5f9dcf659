"""The loading score and the registry of signals: by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.feature_tables import lay, random_table

from forcedflow.features.registry import FEATURES
from forcedflow.signals.reading import Reading
from forcedflow.signals.registry import NEEDED, SIGNALS, read_signals
from forcedflow.signals.score import WEIGHTS, load
from forcedflow.signals.threshold import newest_quantile, trailing_quantile

ORDER = [
    "large_cluster",
    "pressure",
    "funding_bias",
    "spot_confirmation",
    "thin_liquidity",
    "venue_alignment",
    "sweeps",
    "volatility_window",
]


def _readings(**verdicts):
    """Return eight readings, off unless told: a direction for what is on, or ``unknown``."""
    off = Reading("", "", 0.0, "", 1.0, "", "off", "none", "", ())
    found = []
    for name in ORDER:
        told = verdicts.get(name, "off")
        verdict = told if told in {"off", "unknown"} else "on"
        direction = told if verdict == "on" else "none"
        found.append(replace(off, signal=name, verdict=verdict, direction=direction))
    return found


def test_the_signals_stand_in_their_order_and_each_has_a_weight():
    assert [signal.name for signal in SIGNALS] == ORDER
    assert list(WEIGHTS) == ORDER


def test_nothing_on_is_zero_and_everything_on_a_hundred():
    assert load(_readings()).score == 0
    assert load(_readings(**dict.fromkeys(ORDER, "both"))).score == 100


def test_the_score_is_split_by_direction_and_both_counts_for_either():
    loading = load(
        _readings(large_cluster="down", sweeps="up", pressure="both", funding_bias="down")
    )
    assert (loading.score, loading.down, loading.up) == (50.0, 37.5, 25.0)
    assert loading.on == ("large_cluster", "pressure", "funding_bias", "sweeps")
    assert loading.words == "4 of 8 signals on, all known"


def test_what_is_unknown_is_left_out_and_said_so():
    loading = load(_readings(large_cluster="down", venue_alignment="unknown", sweeps="unknown"))
    assert loading.score == pytest.approx(100 / 6)
    assert (loading.known_weight, loading.weight) == (6, 8)
    assert loading.words == "1 of 6 known signals on; 2 unknown and left out"
    assert loading.row()["unknown"] == ["venue_alignment", "sweeps"]


def test_with_less_than_half_known_there_is_no_score():
    loading = load(_readings(large_cluster="down", **dict.fromkeys(ORDER[3:], "unknown")))
    assert math.isnan(loading.score)
    assert math.isnan(loading.down)
    assert loading.row()["score"] is None
    assert loading.words == "no score: 3 of 8 weight known; 5 unknown and left out"


def test_weights_count():
    weights = dict.fromkeys(ORDER, 1.0) | {"large_cluster": 3.0}
    assert load(_readings(large_cluster="down"), weights).score == 30.0


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"large_cluster": 1.0}, "no weight is stated for pressure"),
        (dict.fromkeys(ORDER, 1.0) | {"sweeps": -1.0}, "must not be negative"),
        (dict.fromkeys(ORDER, 0.0), "not all zero"),
    ],
)
def test_weights_that_say_nothing_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        load(_readings(), weights)


def test_a_market_of_which_nothing_is_held_is_unknown_throughout():
    readings = read_signals(lay({}))
    assert {reading.verdict for reading in readings} == {"unknown"}
    assert {reading.direction for reading in readings} == {"none"}
    assert all(reading.why.startswith("unknown: ") for reading in readings)
    assert all(reading.row()["value"] is None for reading in readings)


def test_a_record_is_told_where_there_is_one():
    told = {reading.signal: reading.record for reading in read_signals(lay({}), {"sweeps": "none"})}
    assert (told["sweeps"], told["pressure"]) == ("none", None)


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=10)
def test_a_reading_is_the_last_of_the_history_however_long_that_is(seed):
    names = [*FEATURES, *(f"{what}_{side}_{unit}" for side in ("below", "above") for what, unit in
             (("mass", "3pct"), ("cluster", "pct"), ("cluster", "sigma"), ("cluster", "share"))),
             "alignment_below", "alignment_above"]  # fmt: skip
    table = random_table(names, seed, NEEDED + 400)
    for signal, reading in zip(SIGNALS, read_signals(table), strict=True):
        whole = signal.read(table)
        assert (reading.verdict, reading.direction) == (whole.verdict, whole.direction)
        assert reading.row() == whole.row()


@given(seed=st.integers(0, 2**32), n=st.integers(1, 9500), share=st.floats(0, 1))
@settings(deadline=None, max_examples=40)
def test_the_newest_threshold_is_the_last_of_its_history_to_the_byte(seed, n, share):
    (column,) = random_table(["any"], seed, n).columns.values()
    whole, newest = trailing_quantile(column, share), newest_quantile(column, share)
    assert whole[-1:].tobytes() == newest[-1:].tobytes()
    assert np.isnan(newest[:-1]).all()


def test_a_threshold_is_one_of_the_figures_themselves():
    column = np.arange(2016.0)
    assert np.isnan(trailing_quantile(column, 0.9)[:-1]).all()
    assert trailing_quantile(column, 0.9)[-1] == 1814  # of 0 to 2015, nearest to 1813.5

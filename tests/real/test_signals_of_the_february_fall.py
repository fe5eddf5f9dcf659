"""Signals on the recorded market of early 2026: all are read, none from what came later."""

from __future__ import annotations

import numpy as np
import pytest

from forcedflow.asof.signals import read_signal_table
from forcedflow.cli.options import parse_time
from forcedflow.instruments import parse_symbol
from forcedflow.signals.registry import SIGNALS, read_signals
from forcedflow.signals.signal import UNKNOWN
from forcedflow.units import DAY_MS

pytestmark = pytest.mark.real_data

BTC = parse_symbol("BTC", "binance")
FALL = "2026-02-05T12:00Z"
BEFORE = "2026-02-04T18:00Z"
HELD = {
    "large_cluster",
    "pressure",
    "funding_bias",
    "thin_liquidity",
    "sweeps",
    "volatility_window",
}


@pytest.fixture(scope="module")
def tables(imported_lake):
    """The market at noon of the fall, and as it was known the evening before."""
    return {at: read_signal_table(imported_lake.lake, BTC, parse_time(at)) for at in (BEFORE, FALL)}


def test_every_signal_whose_tables_are_held_is_known_and_the_others_say_why(tables):
    readings = {reading.signal: reading for reading in read_signals(tables[FALL])}
    known = {name for name, reading in readings.items() if reading.verdict != "unknown"}
    assert known >= HELD
    assert readings["venue_alignment"].verdict == "unknown"
    assert "another venue" in readings["venue_alignment"].why


def test_a_verdict_of_the_past_is_what_was_said_then(tables):
    earlier, later = tables[BEFORE], tables[FALL]
    both = np.intersect1d(earlier.times_ms, later.times_ms)
    first, second = (np.searchsorted(table.times_ms, both) for table in (earlier, later))
    for signal in SIGNALS:
        then, now = signal.judge(earlier), signal.judge(later)
        # Where both tables hold the thirty days that a verdict looks back.
        told = both >= later.times_ms[0] + 30 * DAY_MS
        assert told.sum() > 200
        assert (then.verdict[first[told]] == now.verdict[second[told]]).all()
        assert (then.direction[first[told]] == now.direction[second[told]]).all()
        known = then.verdict[first[told]] != UNKNOWN
        assert (then.value[first[told]][known] == now.value[second[told]][known]).all()


def test_a_cluster_of_a_sixth_of_open_interest_stood_just_below_at_noon(tables):
    table = tables[FALL]
    assert 0.15 < table.last("cluster_below_share") < 0.22
    assert table.last("cluster_below_pct") < 0.5
    assert table.last("cluster_above_pct") > 9

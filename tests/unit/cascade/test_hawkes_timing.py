"""What the times of recorded prints say, as the command shows it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.reference import hawkes as twin

from forcedflow.cascade.hawkes import read_timing
from forcedflow.units import DAY_MS, HOUR_MS, SECOND_MS

DECAY = (1.0, 1 / 30, 1 / 600)
AT = 1_770_000_000_000 // DAY_MS * DAY_MS


def _prints(days=4, rate=0.004, mass=(0.0, 0.3, 0.1), seed=1):
    made = twin.simulate(np.random.default_rng(seed), days * 86_400, [rate], [[list(mass)]], DECAY)
    seconds = made[0]
    return (AT - days * DAY_MS + (seconds * SECOND_MS)).astype(np.int64), np.ones(seconds.size)


def test_a_chain_in_the_times_is_found_with_its_interval():
    found = read_timing(*_prints(), AT)
    assert found.low <= found.branching_ratio <= found.high
    assert found.low < 0.4 < found.high + 0.05
    assert found.hours
    assert found.to_ms - found.from_ms == 4 * DAY_MS
    assert found == read_timing(*_prints(), AT)


def test_it_says_that_it_is_of_timing_only_and_reads_high():
    found = read_timing(*_prints(), AT)
    assert "timing only" in found.warning
    assert "above the share truly caused" in found.words()
    assert json.loads(json.dumps(found.row(), allow_nan=False))["bursts"] == found.bursts


def test_less_than_a_day_or_few_prints_say_nothing():
    time_ms, size = _prints()
    late = time_ms >= AT - DAY_MS + HOUR_MS
    assert read_timing(time_ms[late], size[late], AT) is None
    assert read_timing(time_ms[:20], size[:20], AT) is None
    assert read_timing(time_ms[:0], size[:0], AT) is None


def test_a_busy_market_is_read_over_its_newest_prints():
    time_ms = np.arange(AT - 6 * DAY_MS, AT, 40 * SECOND_MS)
    found = read_timing(time_ms, np.ones(time_ms.size), AT)
    assert found.bursts <= 2_500 + 90
    assert found.to_ms == AT
    assert found.from_ms > AT - 3 * DAY_MS


def test_no_print_after_the_moment_is_taken():
    time_ms, size = _prints()
    with pytest.raises(ValueError, match="is later than the moment"):
        read_timing(time_ms, size, int(time_ms[-2]))

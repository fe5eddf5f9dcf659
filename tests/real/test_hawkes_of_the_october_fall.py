"""Fills of Hyperliquid on 10 October 2025: what self-excitation can and cannot say of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from forcedflow.cascade.hawkes import (
    Events,
    branching_interval,
    check,
    fit_bursts,
    fit_counts,
    flat_baseline,
    prepare,
    rescaled_waits,
)
from forcedflow.units import MINUTE_MS

FIRST_FILL_MS = 1_760_130_903_000
"""2025-10-10 21:15:03 UTC."""

SHORT = (1.0, 30.0)
"""Memories that twelve minutes can tell from a baseline. [s]"""


@pytest.fixture(scope="module")
def fills(real_data):
    path = real_data / "crash_2025_10_10" / "cascade_timing_results.json"
    rows = json.loads(path.read_text())["timeline"]
    second, fills, deleveraged = (
        np.array([row[key] for row in rows]) for key in ("second", "liquidations", "adls")
    )
    return second, fills, fills - deleveraged


def as_events(second, count):
    time = FIRST_FILL_MS + 1_000 * np.repeat(second, count)
    return Events(time, np.zeros(time.size, np.int64), np.ones(time.size), ("hyperliquid",))


@pytest.mark.real_data
def test_fills_of_the_fall_bear_no_branching_ratio(fills, capsys):
    second, every, at_the_book = fills
    baseline = flat_baseline(FIRST_FILL_MS, FIRST_FILL_MS + 12 * MINUTE_MS, MINUTE_MS)
    found = {}
    for name, count in (("all fills", every), ("fills at the book", at_the_book)):
        events = as_events(second, count)
        for reading, fitted in (("counts", fit_counts), ("bursts", fit_bursts)):
            fit = fitted(events, baseline, memories_s=SHORT, size_exponents=(0.0, 0.25, 0.5))
            prepared = prepare(events, baseline, reading, 1_000, SHORT, fit.model.size_exponent)
            rng = np.random.default_rng(0)
            interval = branching_interval(prepared, fit, rng, 100, block_ms=MINUTE_MS)
            goodness = check(rescaled_waits(prepared, fit, rng)[0])
            found[name, reading] = fit.model.branching_ratio, goodness
            with capsys.disabled():
                print(
                    f"\n{name} as {reading}: {fit.events:,.0f} in 12 min, branching ratio "
                    f"{fit.model.branching_ratio:.2f} [{interval.low:.2f}, {interval.high:.2f}] "
                    f"(90 %, {interval.blocks} minutes drawn again), Kolmogorov-Smirnov "
                    f"{goodness.distance:.2f}, p {goodness.p_value:.0e}"
                )
    # Thousands of fills in one second are one sweep of the engine: as families they come to one.
    assert found["all fills", "counts"][0] > 0.95
    assert found["fills at the book", "bursts"][0] < 0.6
    # No reading fits: sweeps come every six seconds, more evenly than any self-exciting process.
    assert all(goodness.p_value < 1e-3 for _, goodness in found.values())


@pytest.mark.real_data
def test_fills_at_the_book_come_by_the_clock(fills):
    second, _, at_the_book = fills
    waits = np.diff(second[at_the_book > 0])
    assert np.median(waits) == 6
    assert ((waits == 6) | (waits == 7)).mean() > 0.5

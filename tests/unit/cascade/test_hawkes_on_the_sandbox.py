"""A market whose causes are known: what timing alone finds of them. Simulated."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from forcedflow.cascade.hawkes import (
    Events,
    check,
    fit_bursts,
    fit_counts,
    flat_baseline,
    prepare,
    rescaled_waits,
    with_hours,
)
from forcedflow.sandbox.parameters import parameters
from forcedflow.sandbox.simulate import burn_in, simulate
from forcedflow.sandbox.state import open_market
from forcedflow.sandbox.truth import liquidation_causes
from forcedflow.units import DAY_MS, SECOND_MS

DAYS = 21


@pytest.mark.slow
def test_timing_alone_takes_simultaneous_liquidations_for_families(capsys):
    state = open_market(parameters("calm"), 30_000, 1)
    burn_in(state)
    # Of a block's arrays only the causes are kept: the next block may be written over them.
    causes = [liquidation_causes(block) for block in simulate(state, DAYS * 1_440)]
    rows = pl.concat(causes).sort("event_time", maintain_order=True)
    time = rows["event_time"].dt.timestamp("ms").to_numpy()
    size, caused = rows["amount"].to_numpy(), rows["caused"].to_numpy()
    events = Events(time, np.zeros(time.size, np.int64), size, ("all venues",))
    start = int(time[0]) // DAY_MS * DAY_MS
    end = start + (DAYS + 1) * DAY_MS
    flat = flat_baseline(start, end)
    weekly = with_hours(flat)
    of_contracts = float((size * caused).sum() / size.sum())
    row = np.unique(time // SECOND_MS, return_inverse=True)[1]
    of_bursts = float((np.bincount(row, caused) / np.bincount(row)).mean())
    counts = fit_counts(events, weekly, size_exponents=(0.0,))
    without, bursts = fit_bursts(events, flat), fit_bursts(events, weekly)
    prepared = prepare(
        events, weekly, "bursts", SECOND_MS, size_exponent=bursts.model.size_exponent
    )
    found = check(rescaled_waits(prepared, bursts, np.random.default_rng(0))[0])
    second = float(bursts.model.branching_by_memory[0])
    with capsys.disabled():
        print(
            f"\nsimulated, {time.size:,} liquidations in {bursts.events:,.0f} seconds: caused by "
            f"earlier ones {of_contracts:.2f} of contracts, {caused.mean():.2f} of liquidations, "
            f"{of_bursts:.2f} of a burst; branching ratio of liquidations "
            f"{counts.model.branching_ratio:.2f}, of bursts {without.model.branching_ratio:.2f}, "
            f"with hours of the week {bursts.model.branching_ratio:.2f}, within a second "
            f"{second:.2f}; Kolmogorov-Smirnov {found.distance:.2f}, p {found.p_value:.0e}"
        )
    # One move of the mark liquidates many at once; timing alone calls that a family.
    assert counts.model.branching_ratio > of_contracts + 0.3
    assert bursts.model.branching_ratio < counts.model.branching_ratio - 0.1
    assert bursts.model.branching_ratio < without.model.branching_ratio
    # The fastest memory alone comes near to what is true; the slow ones hold volatility.
    assert abs(second - of_bursts) < 0.12
    # And the check says that the process is not the true one.
    assert found.p_value < 1e-3

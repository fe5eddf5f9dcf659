"""The signals of many markets at one moment, and of one market at every moment of a month.

In:  nothing.   Out: `Result` rows.
Tables are made up, full of known figures: what is missing costs less.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.measure import Budget, Result, measure
from forcedflow.features.registry import FEATURES
from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.signals.registry import NEEDED, SIGNALS, read_signals
from forcedflow.units import DAY_MS

SEED = 20261123
SYMBOLS = 10
VENUES = 3
DAYS = 31

READ = "eight signals, now"
JUDGED = "eight signals, a month of moments"

_MAP = tuple(
    f"{what}_{side}_{unit}"
    for side in ("below", "above")
    for what, unit in (
        ("mass", "3pct"),
        ("cluster", "pct"),
        ("cluster", "sigma"),
        ("cluster", "share"),
    )
)
_COLUMNS = (*FEATURES, *_MAP, "alignment_below", "alignment_above")


def made_up_table(seed: int, days: int = DAYS) -> FeatureTable:
    """Return a table of random walks, every figure known."""
    rng = np.random.default_rng(seed)
    n = days * DAY_MS // STEP_MS
    columns = {
        name: np.abs(rng.normal(size=n).cumsum()) if name.endswith("hours") else rng.normal(size=n)
        for name in _COLUMNS
    }
    return FeatureTable(
        times_ms=STEP_MS * np.arange(1, n + 1, dtype=np.int64),
        columns=columns,
        input_age_ms={},
        simulated=True,
        labels={},
    )


def run(budgets: dict[str, Budget], runs: int) -> Iterator[Result]:
    """Yield the newest readings of many markets, and the whole month of one."""
    tables = [made_up_table(SEED + k) for k in range(SYMBOLS * VENUES)]
    read_signals(tables[0])
    yield Result(
        group="signals",
        what=READ,
        size=f"{SYMBOLS} symbols × {VENUES} venues, {NEEDED:,} moments each",
        timing=measure(lambda: tables, lambda held: [read_signals(t) for t in held], runs),
        n_items=len(tables),
        budget=budgets[READ],
    )
    yield Result(
        group="signals",
        what=JUDGED,
        size=f"1 market × {tables[0].size:,} moments",
        timing=measure(
            lambda: tables[0], lambda table: [signal.judge(table) for signal in SIGNALS], runs
        ),
        n_items=tables[0].size,
        budget=budgets[JUDGED],
    )

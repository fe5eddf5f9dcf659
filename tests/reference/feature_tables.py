"""Feature tables made by hand, and what holds of every signal judged over one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.instruments import parse_symbol
from forcedflow.signals.signal import Judged, Signal
from forcedflow.units import DAY_MS

AT_MS = 1_770_336_000_000
PER_DAY = DAY_MS // STEP_MS
NINE_DAYS = 9 * PER_DAY

_EMPTY = FeatureInputs(parse_symbol("BTC", "binance"), AT_MS, *[pl.DataFrame()] * 9)
TABLES = tuple(_EMPTY.tables())


def lay(
    columns: dict[str, np.ndarray | float],
    *,
    n: int = NINE_DAYS,
    absent: Sequence[str] = (),
    labels: dict[str, str] | None = None,
) -> FeatureTable:
    """Return a table that ends at `AT_MS`; a number is a column that is the same throughout."""
    return FeatureTable(
        times_ms=AT_MS - STEP_MS * np.arange(n - 1, -1, -1, dtype=np.int64),
        columns={
            name: np.full(n, column, dtype=float) if np.isscalar(column) else np.array(column)
            for name, column in columns.items()
        },
        input_age_ms={name: None if name in absent else STEP_MS for name in TABLES},
        simulated=False,
        labels=labels or {},
    )


def rising(last: float, low: float = 0.0, high: float = 1.0, n: int = NINE_DAYS) -> np.ndarray:
    """Return a column that goes evenly from low to high, and says something else at the end."""
    column = np.linspace(low, high, n)
    column[-1] = last
    return column


def changed(table: FeatureTable, **last: float) -> FeatureTable:
    """Return the table with other figures at its last moment."""
    columns = {name: column.copy() for name, column in table.columns.items()}
    for name, figure in last.items():
        columns[name][-1] = figure
    return table.joined(columns)


def without(table: FeatureTable, *names: str) -> FeatureTable:
    """Return the table with columns that are unknown throughout."""
    return table.joined({name: np.full(table.size, np.nan) for name in names})


def random_table(names: Sequence[str], seed: int, n: int) -> FeatureTable:
    """Return columns of steps, spikes, ties and gaps."""
    rng = np.random.default_rng(seed)
    columns: dict[str, np.ndarray | float] = {}
    for name in names:
        column = np.round(rng.normal(size=n).cumsum() / 30 + rng.normal(size=n), 2)
        column[rng.random(n) < rng.choice([0.0, 0.02, 0.3])] = np.nan
        if rng.random() < 0.1:
            column[:] = np.nan
        # Times since are never below zero; everything else may be.
        columns[name] = 40 * np.abs(column) if name.endswith("flip_hours") else column
    return lay(columns, n=n)


def head(table: FeatureTable, n: int) -> FeatureTable:
    """Return the first ``n`` moments."""
    columns = {name: column[:n] for name, column in table.columns.items()}
    return FeatureTable(table.times_ms[:n], columns, table.input_age_ms, table.simulated, {})


def as_bytes(judged: Judged) -> tuple[bytes, ...]:
    return tuple(
        part.tobytes()
        for part in (judged.value, judged.threshold, judged.verdict, judged.direction)
    )


def assert_no_repaint(signal: Signal, names: Sequence[str], seed: int, cut: float) -> None:
    """Assert that rows appended later change nothing that was judged, to the last byte."""
    table = random_table(names, seed, 11 * PER_DAY)
    n = max(1, int(cut * table.size))
    whole = signal.judge(table)
    before = Judged(whole.value[:n], whole.threshold[:n], whole.verdict[:n], whole.direction[:n])
    assert as_bytes(signal.judge(head(table, n))) == as_bytes(before)

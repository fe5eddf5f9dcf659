"""The feature table: every feature at every moment, each from rows known by then.

In:  columns of figures on one row of times. [UTC ms]   Out: `FeatureTable`.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

A figure that could not be computed at a moment is NaN there: missing, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from forcedflow.units import F8, I8, MINUTE_MS

STEP_MS = 5 * MINUTE_MS
"""Distance between moments. [ms]"""


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Features of one instrument at ``n`` moments.

    Parameters
    ----------
    times_ms : ndarray, shape (n,)
        Moments, increasing, on multiples of the step. [UTC ms]
    columns : mapping of str to ndarray, shape (n,)
        Figures by feature; NaN where unknown.
    input_age_ms : mapping of str to int or None
        Age at the last moment of the newest row of each input table; None where there is none.
    simulated : bool
        Whether any of it is of the simulated exchange.
    labels : mapping of str to str
        Words that belong to the last moment, such as the name of the next scheduled event.

    Raises
    ------
    ValueError
        If a column has another length than the times.
    """

    times_ms: I8
    columns: Mapping[str, F8]
    input_age_ms: Mapping[str, int | None]
    simulated: bool
    labels: Mapping[str, str]

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if column.shape != self.times_ms.shape:
                raise ValueError(f"feature {name} has {column.size} rows, not {self.times_ms.size}")

    def __getitem__(self, name: str) -> F8:
        """Return a feature's column; all NaN where it was not computed at all."""
        if name in self.columns:
            return self.columns[name]
        return np.full(self.times_ms.size, np.nan)

    @property
    def size(self) -> int:
        """Return the number of moments."""
        return self.times_ms.size

    @property
    def at_ms(self) -> int:
        """Return the last moment. [UTC ms]"""
        return int(self.times_ms[-1])

    def last(self, name: str) -> float:
        """Return a feature at the last moment; NaN where unknown."""
        return float(self[name][-1])

    def joined(self, columns: Mapping[str, F8]) -> FeatureTable:
        """Return the table with more columns, on the same moments."""
        return replace(self, columns={**self.columns, **columns})

    def tail(self, n: int) -> FeatureTable:
        """Return the last ``n`` moments."""
        return self.cut(slice(-n, None))

    def cut(self, chosen: slice | I8) -> FeatureTable:
        """Return the moments at some places, their ages as they were."""
        return replace(
            self,
            times_ms=self.times_ms[chosen],
            columns={name: column[chosen] for name, column in self.columns.items()},
        )

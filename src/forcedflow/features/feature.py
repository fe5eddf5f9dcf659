"""A feature's declaration: its name, its unit, what it reads and how far back.

In:  -.   Out: `Feature`, a value.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass

from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS

KLINE_AGE_MS = 90 * MINUTE_MS
"""A price, contracts or a ratio this old is unknown: an hourly row and half an hour. [ms]"""

FUNDING_AGE_MS = 9 * HOUR_MS
"""A settled rate is in force for eight hours at most, and may come an hour late. [ms]"""

DEPTH_AGE_MS = 15 * MINUTE_MS
"""A book older than this is another book. [ms]"""

RANK_MS = 30 * DAY_MS
"""Window of every rank. [ms]"""


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the feature table.

    Parameters
    ----------
    name : str
    unit : str
    doc : str
        What it is, in one sentence.
    window_ms : int
        How far back it looks; 0 where only the newest row counts. [ms]
    tables : tuple of str
        What it reads, as `forcedflow.features.inputs.FeatureInputs.tables` names it; of several
        joined by "or" in the sentence, the first that is held.
    max_age_ms : int or None
        Age of the newest row from which on it is unknown; None where rows do not age. [ms]
    family : str
        Module that computes it.
    """

    name: str
    unit: str
    doc: str
    window_ms: int
    tables: tuple[str, ...]
    max_age_ms: int | None
    family: str

"""Prints: single forced closes of one market that were known at a moment.

In:  a lake, an instrument, a moment.   Out: times and sizes. [UTC ms, base coins]
"""

from __future__ import annotations

import numpy as np
import polars as pl

from forcedflow.instruments import Instrument
from forcedflow.store import Lake
from forcedflow.units import F8, I8


def read_prints(lake: Lake, instrument: Instrument, at_ms: int, span_ms: int) -> tuple[I8, F8]:
    """Return the prints of a span before a moment, by time; both empty where none is held.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        Rows known by then. [UTC ms]
    span_ms : int
        [ms]
    """
    rows = lake.read(
        "liquidations",
        venue=instrument.venue,
        symbol=instrument.symbol,
        start_ms=at_ms - span_ms,
        available_by_ms=at_ms,
    )
    if rows.is_empty():
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    rows = rows.filter(pl.col("amount") > 0).sort("event_time", maintain_order=True)
    return rows["event_time"].dt.epoch("ms").to_numpy(), rows["amount"].to_numpy()

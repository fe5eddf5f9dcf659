"""Maps of other providers as of a moment: those of a market, and of sums that it is part of.

In:  a lake, an instrument, a span. [UTC ms]   Out: rows of ``peer_maps``.
Reads the lake; nothing else.
"""

from __future__ import annotations

import polars as pl

from forcedflow.instruments import Instrument
from forcedflow.store import RowSource

_EVERY_VENUE = "all"


def read_peer_maps(
    lake: RowSource, instrument: Instrument, from_ms: int, to_ms: int
) -> pl.DataFrame:
    """Return maps known in a span, whoever published them.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
        Its own maps, and those of its coin over venues that include its own.
    from_ms, to_ms : int
        Maps that became known in ``[from, to]``. [UTC ms]

    Returns
    -------
    polars.DataFrame
        Without rows where none is held.
    """
    rows = lake.read(
        "peer_maps", symbol=[instrument.symbol, instrument.base], available_by_ms=to_ms
    )
    venues = pl.col("venue").str.split("+")
    is_own = (pl.col("venue") == instrument.venue) & (pl.col("symbol") == instrument.symbol)
    is_sum = (pl.col("symbol") == instrument.base) & (
        venues.list.contains(instrument.venue) | (pl.col("venue") == _EVERY_VENUE)
    )
    return rows.filter(is_own | is_sum, pl.col("available_time").dt.epoch("ms") >= from_ms)

"""Past prices: the longest record of where a coin's price went that was known at a moment.

In:  a lake, an instrument, a moment.   Out: `PastPrices`, one series of bars. [quote per base]
"""

from __future__ import annotations

import polars as pl

from forcedflow.asof.market import read_path_klines
from forcedflow.cascade.record_bound import PastPrices
from forcedflow.instruments import Instrument
from forcedflow.store import RowSource
from forcedflow.units import HOUR_MS

_SERIES = ("symbol", "price_type", "interval_ms")


def read_past_prices(lake: RowSource, instrument: Instrument, at_ms: int) -> PastPrices | None:
    """Return the series of bars up to an hour long that spans most time; None where none is held.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
        Its own series and the spot pair's are asked.
    at_ms : int
        Rows known by then. [UTC ms]
    """
    rows = read_path_klines(lake, instrument, at_ms).filter(
        pl.col("interval_ms") <= HOUR_MS, *(pl.col(name) > 0 for name in ("low", "high", "close"))
    )
    if rows.is_empty():
        return None
    # Time covered, not time spanned: two old days and today are no long record.
    held = (
        rows.group_by(_SERIES)
        .agg(covered=pl.len() * pl.col("interval_ms").first())
        .sort("covered", *_SERIES, descending=[True, False, False, False])
        .row(0, named=True)
    )
    series = rows.filter(*(pl.col(name) == held[name] for name in _SERIES)).sort("event_time")
    hours = held["interval_ms"] / HOUR_MS
    return PastPrices(
        low=series["low"].to_numpy(),
        high=series["high"].to_numpy(),
        close=series["close"].to_numpy(),
        end_ms=series["event_time"].dt.epoch("ms").to_numpy(),
        source=f"{held['symbol']} {held['price_type']} bars of {hours:g} h",
    )

"""The calendar as known at a moment: shipped facts, computed expiries, and what the lake holds.

In:  a lake or none, a moment and a span. [UTC ms]   Out: rows of ``calendar_events``.
Free of the clock; reads the lake alone.
"""

from __future__ import annotations

import polars as pl

from forcedflow import tables
from forcedflow.econ_calendar.event import to_rows
from forcedflow.econ_calendar.expiries import expiries
from forcedflow.econ_calendar.published import published_events
from forcedflow.econ_calendar.wall_time import to_day
from forcedflow.store import RowSource
from forcedflow.tables import TIME, is_simulated

_KEY = ("venue", "symbol", "event", "event_time")


def read_events(lake: RowSource | None, at_ms: int, start_ms: int, end_ms: int) -> pl.DataFrame:
    """Return every scheduled event of a span that was known by a moment.

    A row counts from its ``available_time`` until its ``withdrawn_time``. Whoever computes a figure
    of an earlier moment has to compare both with that moment.

    Parameters
    ----------
    lake : RowSource or None
        Where events were added, imported or fetched; the shipped facts alone without one. A lake
        of the simulated exchange knows its own events and no real one.
    at_ms : int
        Rows known by then. [UTC ms]
    start_ms, end_ms : int
        Events of this span, half open. [UTC ms]

    Returns
    -------
    polars.DataFrame
        Rows of ``calendar_events``, one per event and time, in order of time.
    """
    stored = tables.empty("calendar_events")
    if lake is not None:
        stored = lake.read(
            "calendar_events", start_ms=start_ms, end_ms=end_ms, available_by_ms=at_ms
        )
        sources = lake.read("calendar_events", columns=["source"])["source"].unique()
        if any(is_simulated(source) for source in sources):
            return stored
    shipped = to_rows([*published_events(), *expiries(start_ms, end_ms)]).filter(
        pl.col("event_time") >= _time(start_ms),
        pl.col("event_time") < _time(end_ms),
        pl.col("available_time") <= _time(at_ms),
    )
    return _with_days_replaced(merge(pl.concat([shipped, stored])))


def merge(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row per event and time: the best source's, known since the first knew it.

    Parameters
    ----------
    rows : polars.DataFrame
        Rows of ``calendar_events``; of equal precedence the later is kept.
    """
    others = [name for name in rows.columns if name not in (*_KEY, "available_time", "status")]
    held = (pl.col("status") == "held").any()
    return (
        rows.sort("precedence", maintain_order=True)
        .group_by(_KEY, maintain_order=True)
        .agg(
            pl.col("available_time").min(),
            # Proof that it was held is not lost to a source that only announced it.
            pl.when(held).then(pl.lit("held")).otherwise(pl.col("status").last()).alias("status"),
            pl.col(others).last(),
        )
        .select(rows.columns)
        .sort("event_time", "symbol", "event")
    )


def _with_days_replaced(rows: pl.DataFrame) -> pl.DataFrame:
    """Withdraw whole days from when a source with a time of day was known for the same day."""
    timed: dict[tuple[str, str, str, object], int] = {}
    plain = rows.with_columns(
        pl.col("event_time", "available_time", "withdrawn_time").dt.epoch("ms")
    )
    for row in plain.filter(pl.col("local_time").is_not_null()).iter_rows(named=True):
        place = _day(row)
        timed[place] = min(row["available_time"], timed.get(place, row["available_time"]))
    gone = [
        row["withdrawn_time"]
        if row["local_time"] is not None or (known := timed.get(_day(row))) is None
        else min(known, row["withdrawn_time"] or known)
        for row in plain.iter_rows(named=True)
    ]
    return rows.with_columns(withdrawn_time=pl.Series(gone, dtype=pl.Int64).cast(TIME))


def _day(row: dict[str, str | int]) -> tuple[str, str, str, object]:
    zone = str(row["timezone"] or "UTC")
    return str(row["symbol"]), str(row["event"]), zone, to_day(int(row["event_time"]), zone)


def _time(ms: int) -> pl.Expr:
    return pl.lit(ms, pl.Int64).cast(TIME)

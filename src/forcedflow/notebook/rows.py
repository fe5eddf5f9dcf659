"""The lake's rows in a notebook: one table as a frame, or all of them by SQL.

In:  a lake, a market, times as text, datetimes or UTC milliseconds.   Out: Polars frames.
Free of analysis.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import polars as pl

from forcedflow.answers.instrument import choose_instrument
from forcedflow.answers.times import parse_time
from forcedflow.store import Lake
from forcedflow.store.sql import LakeSql

LakeLike: TypeAlias = Lake | Path | str
"""A lake, or its folder."""

TimeLike: TypeAlias = int | str | datetime
"""UTC milliseconds, text as the commands read it, or a datetime; without a zone it is UTC."""


def open_lake(lake: LakeLike) -> Lake:
    """Return the lake that is meant.

    Raises
    ------
    NoDataError
        If there is none in that folder.
    """
    return lake if isinstance(lake, Lake) else Lake(Path(lake).expanduser())


def to_ms(moment: TimeLike | None) -> int:
    """Return a moment in UTC milliseconds; without one, now.

    Raises
    ------
    UsageError
        If the text is no time.
    """
    if moment is None:
        return time.time_ns() // 1_000_000
    if isinstance(moment, int):
        return moment
    if isinstance(moment, datetime):
        known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(known.timestamp() * 1000)
    return parse_time(moment)


def connect(lake: LakeLike, at: TimeLike | None = None) -> LakeSql:
    """Return a read-only SQL connection to a lake.

    Parameters
    ----------
    lake : Lake, Path or str
    at : int, str or datetime, optional
        Tables hold only rows that were available then; all rows by default.

    Raises
    ------
    NoDataError
        If there is no such lake.
    UsageError
        If DuckDB is not installed.
    """
    return LakeSql(open_lake(lake), None if at is None else to_ms(at))


def table(
    lake: LakeLike,
    name: str,
    market: str | None = None,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    *,
    venue: str = "binance",
    at: TimeLike | None = None,
) -> pl.DataFrame:
    """Return the rows of one table; ``.to_pandas()`` makes a pandas frame of them.

    Parameters
    ----------
    lake : Lake, Path or str
    name : str
        Such as ``klines``.
    market : str, optional
        BTC, BTCUSDT or BTC/USDT:USDT; every market of every venue by default.
    start, end : int, str or datetime, optional
        Rows with ``start <= event_time < end``; all by default.
    venue : str
        Of the market; not read without one.
    at : int, str or datetime, optional
        Only rows that were available then; all by default.

    Raises
    ------
    SchemaError
        If there is no such table.
    UsageError
        If a time or the market is none.
    """
    held = open_lake(lake)
    instrument = None if market is None else choose_instrument(held, market, venue)
    return held.read(
        name,
        venue=None if instrument is None else instrument.venue,
        symbol=None if instrument is None else instrument.symbol,
        start_ms=None if start is None else to_ms(start),
        end_ms=None if end is None else to_ms(end),
        available_by_ms=None if at is None else to_ms(at),
    )

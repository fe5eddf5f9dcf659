"""Columns for freqtrade strategies, merged by candle so that no candle sees what came after it.

In:  a strategy's candles (pandas, ``date`` is the open of each), a lake or a frame of columns.
Out: the candles with ``ff_`` columns.
Reads the lake; free of freqtrade itself and of the clock.

A candle of freqtrade bears the time of its *open* and is acted upon after its close. Merged is what
was known at the close, and nothing that became known later, however little.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from forcedflow.asof.market import newest_trained
from forcedflow.asof.signals import SIGNAL_DAYS, read_signal_table
from forcedflow.errors import UsageError
from forcedflow.instruments import parse_symbol
from forcedflow.integrations.known_columns import COLUMNS, known_columns
from forcedflow.store import Lake
from forcedflow.units import DAY_MS, HOUR_MS, I8, MINUTE_MS

if TYPE_CHECKING:
    import pandas as pd

PREFIX = "ff_"

OLDEST_MS = 2 * HOUR_MS
"""Figures known longer ago than this at a candle's close are not merged. [ms]"""

_UNITS_MS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}


def add_columns(
    candles: pd.DataFrame,
    lake: Lake | Path | str,
    pair: str,
    timeframe: str,
    *,
    venue: str = "binance",
) -> pd.DataFrame:
    """Return a strategy's candles with the columns of the map and the signals.

    Parameters
    ----------
    candles : pandas.DataFrame
        As freqtrade gives them to ``populate_indicators``: ``date`` is the open, in UTC.
    lake : Lake, Path or str
    pair : str
        As freqtrade names it: ``BTC/USDT:USDT``.
    timeframe : str
        Of the candles: 5m, 1h, 1d.
    venue : str

    Returns
    -------
    pandas.DataFrame
        A new frame: the candles, then `COLUMNS` behind `PREFIX`, then ``ff_known``, when the
        figures beside it were known.

    Raises
    ------
    UsageError
        If the candles are not of this timeframe, not in order, or without a time zone: then a
        merge could look ahead.
    NoDataError
        If the lake knows neither price nor open interest of the pair in that time.

    Notes
    -----
    A trained map is used where its fit ended before the first candle; else the stated prior, for a
    map fitted within the candles would know of them. Leverage brackets are those known at the
    first candle, for the same reason.
    """
    opens_ms = _opens_ms(candles, timeframe)
    if opens_ms.size == 0:
        raise UsageError("there are no candles to merge with")
    held = lake if isinstance(lake, Lake) else Lake(Path(lake).expanduser())
    instrument = parse_symbol(pair, venue)
    last_ms = int(opens_ms[-1]) + length_ms(timeframe)
    days = (last_ms - int(opens_ms[0])) // DAY_MS + SIGNAL_DAYS + 2
    first_ms = int(opens_ms[0])
    trained = newest_trained(held, instrument, first_ms)
    table = read_signal_table(held, instrument, last_ms, days, trained, brackets_ms=first_ms)
    return merge_known(candles, known_columns(table), timeframe)


def merge_known(
    candles: pd.DataFrame, known: pl.DataFrame, timeframe: str, oldest_ms: int = OLDEST_MS
) -> pd.DataFrame:
    """Return candles with, beside each, the newest row that was known at its close.

    Parameters
    ----------
    candles : pandas.DataFrame
        With ``date``, the open of each, in order and in UTC.
    known : polars.DataFrame
        With ``known_ms``, increasing: when a row became known. [UTC ms]
    timeframe : str
        Length of the candles, such as 5m.
    oldest_ms : int
        Rows known longer before a close are left out there. [ms]

    Returns
    -------
    pandas.DataFrame
        The candles and ``ff_`` columns: NaN or None where nothing was known.

    Raises
    ------
    UsageError
        If the merge would leak: candles shorter than stated, or out of order, or rows out of order;
        or if a column is there already.
    """
    import pandas as pd  # noqa: PLC0415 - of the strategy that calls, never of the package

    opens_ms = _opens_ms(candles, timeframe)
    rows_ms: I8 = known["known_ms"].to_numpy()
    if (np.diff(rows_ms) <= 0).any():
        raise UsageError("known_ms is not increasing: a merge by it could look ahead")
    if taken := sorted({PREFIX + name for name in known.columns} & set(candles.columns)):
        raise UsageError(f"the candles have {', '.join(taken)} already; merge once")
    closes_ms = opens_ms + length_ms(timeframe)
    place = np.searchsorted(rows_ms, closes_ms, side="right") - 1
    chosen = np.maximum(place, 0)
    fresh = np.zeros(closes_ms.size, dtype=bool)
    if rows_ms.size:
        fresh = (place >= 0) & (closes_ms - rows_ms[chosen] <= oldest_ms)
    merged = candles.copy()
    for name in known.columns:
        if name == "known_ms":
            continue
        merged[PREFIX + name] = _taken(known[name], chosen, fresh)
    when = np.full(closes_ms.size, np.datetime64("NaT", "ms"))
    if rows_ms.size:
        when[fresh] = rows_ms[chosen[fresh]].astype("datetime64[ms]")
    merged[PREFIX + "known"] = pd.DatetimeIndex(when).tz_localize("UTC")
    return merged


def length_ms(timeframe: str) -> int:
    """Return the length of a candle. [ms]

    Raises
    ------
    UsageError
        If it is no timeframe of freqtrade with a fixed length.

    Examples
    --------
    >>> length_ms("5m"), length_ms("1d")
    (300000, 86400000)
    """
    found = re.fullmatch(r"([1-9]\d{0,3})([mhdw])", timeframe)
    if found is None:
        raise UsageError(f"{timeframe!r} is no timeframe\nhint: 5m, 1h or 1d")
    return int(found[1]) * _UNITS_MS[found[2]]


def _opens_ms(candles: pd.DataFrame, timeframe: str) -> I8:
    if "date" not in candles.columns:
        raise UsageError("candles need a column date: the open of each, in UTC")
    dates = candles["date"]
    if getattr(dates.dtype, "tz", None) is None:
        raise UsageError("date has no time zone: nobody can tell what was known then")
    opens: I8 = dates.to_numpy(dtype="datetime64[ms]").astype(np.int64)
    apart = np.diff(opens)
    if (apart <= 0).any():
        raise UsageError("candles are not in order: a merge by them could look ahead")
    if apart.size and int(apart.min()) < length_ms(timeframe):
        raise UsageError(
            f"candles are {int(apart.min()) // MINUTE_MS} min apart, shorter than {timeframe}: "
            "what is known at such a close comes after theirs"
        )
    return opens


def _taken(column: pl.Series, chosen: I8, fresh: np.ndarray) -> np.ndarray:
    if column.dtype.is_numeric():
        found = np.full(chosen.size, np.nan)
        found[fresh] = column.cast(pl.Float64).fill_null(np.nan).to_numpy()[chosen[fresh]]
        return found
    words = np.full(chosen.size, None, dtype=object)
    words[fresh] = np.array(column.to_list(), dtype=object)[chosen[fresh]]
    return words


__all__ = ["COLUMNS", "OLDEST_MS", "PREFIX", "add_columns", "length_ms", "merge_known"]

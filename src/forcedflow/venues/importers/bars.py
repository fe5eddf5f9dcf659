"""Bars: their length, their sanity, and the end that stamps them.

In:  start times and prices as a file gives them.   Out: interval in ms, or the row at fault.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

import re

import polars as pl

from forcedflow.errors import UsageError
from forcedflow.tables import TIME
from forcedflow.venues.importers.columns import Field, refuse
from forcedflow.venues.importers.options import ImportOptions, parse_interval

PRICES = tuple(Field(name, positive=True) for name in ("open", "high", "low", "close"))
"""Open, high, low and close of anything that is traded."""


def refuse_impossible(file: str, bars: pl.DataFrame) -> None:
    """Raise for the first bar whose high or low does not enclose its other prices.

    Raises
    ------
    DamagedFileError
        If there is one.
    """
    high, low = bars["high"], bars["low"]
    refuse(file, "high", high < low, "is below the bar's low", high)
    for other in ("open", "close"):
        refuse(file, "high", high < bars[other], f"is below the bar's {other}", high)
        refuse(file, "low", low > bars[other], f"is above the bar's {other}", low)


def interval_in_name(name: str) -> int | None:
    """Return the bar length that a file's name states, or ``None``.

    Examples
    --------
    >>> interval_in_name("BTCUSDT_spot_1h.csv"), interval_in_name("candles.csv")
    (3600000, None)
    """
    found = re.findall(r"(?<![A-Za-z0-9])([1-9]\d*[smhdw])(?![A-Za-z0-9])", name)
    return parse_interval(found[-1]) if found else None


def interval_ms(file: str, name: str, options: ImportOptions, starts: pl.Series) -> int:
    """Return the length of a series' bars.

    The option decides, then the file's name, then the most common spacing of the bars: gaps are
    rarer than bars.

    Parameters
    ----------
    file, name : str
        Name for messages, and the file's own name.
    options : ImportOptions
        What was stated.
    starts : polars.Series
        Start times of one series, in any order. [UTC ms]

    Raises
    ------
    UsageError
        If none of the three tells.
    """
    stated = options.interval_ms or interval_in_name(name)
    if stated is not None:
        return stated
    spacing = starts.unique().sort().cast(pl.Int64).diff().drop_nulls()
    if spacing.is_empty():
        raise UsageError(f"{file}: one bar does not tell its length\nhint: --interval 1h")
    return int(spacing.mode().sort()[0])


def bar_end(start: str, length_ms: int | pl.Expr) -> pl.Expr:
    """Return the end of bars whose start stands in column ``start``.

    Parameters
    ----------
    start : str
        Column of start times. [UTC ms]
    length_ms : int or polars.Expr
        Length of the bar. [ms]

    Returns
    -------
    polars.Expr
        First moment at which all of the bar is known. [UTC ms]
    """
    return (pl.col(start).cast(pl.Int64) + length_ms).cast(TIME)

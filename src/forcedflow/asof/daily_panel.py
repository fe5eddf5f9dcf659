"""A coin's days as of a moment: what tomorrow's risk is learned from and told of.

In:  a lake, a coin, a moment. [UTC ms]   Out: `DailyCoin`.
Reads the lake; nothing else.
"""

from __future__ import annotations

import polars as pl

from forcedflow import tables
from forcedflow.errors import NoDataError
from forcedflow.forecast.days import DailyCoin, lay_daily
from forcedflow.store import RowSource
from forcedflow.units import DAY_MS

# Whose rows of a day are taken, the widest first: sums over venues before a single one's.
_SUMMED = ("all", "binance+bybit+okx")
_PERPETUAL = "{base}/USDT:USDT"
_VENUE = "binance"


def read_days(lake: RowSource, base: str, at_ms: int) -> DailyCoin:
    """Return a coin's days that were over and known by a moment.

    Parameters
    ----------
    lake : RowSource
    base : str
        Such as BTC.
    at_ms : int
        [UTC ms]

    Returns
    -------
    DailyCoin
        Liquidations and open interest of all venues that a vendor sums, price of Binance's
        perpetual.

    Raises
    ------
    NoDataError
        If no day has liquidations, open interest and price.
    """
    perpetual = _PERPETUAL.format(base=base)

    def summed(table: str) -> pl.DataFrame:
        for venue in _SUMMED:
            if (table, venue, base) in set(lake.series()):
                return lake.read(table, venue=venue, symbol=base, available_by_ms=at_ms)
        return tables.empty(table)

    klines = lake.read("klines", venue=_VENUE, symbol=perpetual, available_by_ms=at_ms)
    found = lay_daily(
        base,
        summed("liquidation_totals"),
        summed("open_interest"),
        klines.filter(pl.col("price_type") == "last", pl.col("interval_ms") == DAY_MS),
        summed("funding"),
    )
    if not found.end_ms.size:
        raise NoDataError(
            f"no whole day of {base} is known\nhint: forcedflow import coinglass PATH"
        )
    return found

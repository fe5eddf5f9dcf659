"""Coins' days as of a moment: what tomorrow's risk is learned from and asked about.

In:  a lake, a moment. [UTC ms]   Out: `DailyCoin` values, with no day that was not over.
Reads the lake; nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from forcedflow.errors import NoDataError
from forcedflow.forecast.days import DailyCoin, lay_daily
from forcedflow.store import Lake
from forcedflow.tables import is_simulated
from forcedflow.units import DAY_MS


def read_days(lake: Lake, at_ms: int, coins: Sequence[str] = ()) -> list[DailyCoin]:
    """Return every coin of which the lake holds daily liquidations, open interest and prices.

    Parameters
    ----------
    lake : Lake
    at_ms : int
        Rows known by then. [UTC ms]
    coins : sequence of str
        Bare names, such as ``BTC``; by default all.

    Returns
    -------
    list of DailyCoin
        By name; those of which a table is missing are left out. Liquidations are a sum over
        venues, named by their bare coin; open interest is that of all venues; the price is the
        first venue's, by name, that traded the coin's perpetual against USDT.

    Raises
    ------
    NoDataError
        If there is none.
    """
    found: dict[str, DailyCoin] = {}
    for venue, coin in _summed(lake):
        if coins and coin not in coins:
            continue
        tables = {
            "liquidation_totals": _rows(lake, "liquidation_totals", venue, coin, at_ms),
            "open_interest": _rows(lake, "open_interest", "all", coin, at_ms),
            "klines": _prices(lake, coin, at_ms),
            "funding": _rows(lake, "funding", "all", coin, at_ms),
        }
        simulated = any(
            is_simulated(source) for frame in tables.values() for source in frame["source"].unique()
        )
        try:
            laid = lay_daily(coin, **tables, simulated=simulated)
        except NoDataError:
            continue  # no day has all three
        # Of several sums over venues the one with most days.
        if coin not in found or laid.end_ms.size > found[coin].end_ms.size:
            found[coin] = laid
    if not found:
        raise NoDataError(
            "no coin has daily liquidations, open interest and prices by then\n"
            "hint: forcedflow import coinglass PATH"
        )
    return list(found.values())


def _summed(lake: Lake) -> list[tuple[str, str]]:
    """Return the sums over venues of coins' liquidations: the venues, the coin."""
    return sorted(
        (
            (venue, symbol)
            for table, venue, symbol in lake.series()
            if table == "liquidation_totals" and "+" in venue and "/" not in symbol
        ),
        key=lambda series: series[::-1],
    )


def _rows(lake: Lake, table: str, venue: str, symbol: str, at_ms: int) -> pl.DataFrame:
    return lake.read(table, venue=venue, symbol=symbol, available_by_ms=at_ms)


def _prices(lake: Lake, coin: str, at_ms: int) -> pl.DataFrame:
    """Daily bars of the first venue that has any, by name; else none."""
    symbol = f"{coin}/USDT:USDT"
    venues = sorted(
        venue for table, venue, own in lake.series() if table == "klines" and own == symbol
    )
    rows = _rows(lake, "klines", venues[0] if venues else "binance", symbol, at_ms)
    for venue in venues:
        rows = _rows(lake, "klines", venue, symbol, at_ms).filter(
            (pl.col("price_type") == "last") & (pl.col("interval_ms") == DAY_MS)
        )
        if not rows.is_empty():
            break
    return rows

"""Liquidation totals: two columns of a vendor become two rows of a bar, one per side.

In:  dollars (and coins) of longs and shorts closed by force.   Out: rows of liquidation_totals.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

import polars as pl

from forcedflow.tables import Completeness
from forcedflow.units import SIDES
from forcedflow.venues.importers.parsed import rows

AGGREGATE = "binance+bybit+okx"
"""The three venues that CoinGlass sums by default."""

ALL_VENUES = "all"
"""Every venue a vendor covers, where it does not say which."""


def completeness(venue: str) -> Completeness:
    """Return what liquidation totals of ``venue`` are worth.

    Binance and OKX print at most one forced close per symbol and second, so a total that includes
    them is a lower bound, whoever adds it up.
    """
    names = set(venue.split("+"))
    return "sampled lower bound" if names & {"binance", "okx", ALL_VENUES} else "unknown"


def liquidation_rows(
    frame: pl.DataFrame,
    *,
    venue: str,
    symbol: str | pl.Expr,
    event_time: pl.Expr,
    interval_ms: int,
    source: str,
    precedence: int,
    usd: tuple[pl.Expr, pl.Expr],
    coins: tuple[pl.Expr, pl.Expr] | None = None,
) -> list[pl.DataFrame]:
    """Return rows of ``liquidation_totals``: those of longs and those of shorts.

    Parameters
    ----------
    frame : polars.DataFrame
        Typed columns of the file.
    venue, symbol, event_time, source, precedence
        As in every table; ``event_time`` is the end of the bar.
    interval_ms : int
        Length of the bar. [ms]
    usd : tuple of polars.Expr
        Value of longs and of shorts closed. [USD]
    coins : tuple of polars.Expr, optional
        Size of longs and of shorts closed. [base coins]

    Returns
    -------
    list of polars.DataFrame
    """
    return [
        rows(
            frame,
            venue=venue,
            symbol=symbol,
            event_time=event_time,
            source=source,
            precedence=precedence,
            side=side,
            interval_ms=interval_ms,
            notional_usd=usd[index],
            amount=pl.lit(None) if coins is None else coins[index],
            completeness=completeness(venue),
        )
        for index, side in enumerate(SIDES)
    ]

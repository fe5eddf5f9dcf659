"""Realised liquidations: what a feed says was closed by force, per side and interval.

In:  rows of ``liquidation_totals`` or ``liquidations`` of one market.   Out: `Realised`. [USD]
Free of I/O and clocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from forcedflow.errors import DataError, NoDataError
from forcedflow.evaluate.thinning import thinning_factor
from forcedflow.units import I8, SIDES, F8x2


@dataclass(frozen=True, slots=True)
class Realised:
    """Liquidations per interval, ``n`` of them; intervals the feed missed are absent.

    Parameters
    ----------
    end_ms : ndarray of int, shape (n,)
        Ends of the intervals ``(end - length, end]``, increasing. [UTC ms]
    usd : ndarray, shape (n, 2)
        Closed by force, longs then shorts. [USD]
    """

    end_ms: I8
    usd: F8x2


def realised_liquidations(rows: pl.DataFrame, length_ms: int) -> Realised:
    """Return the liquidations of one market summed over equal intervals.

    Parameters
    ----------
    rows : polars.DataFrame
        Rows of ``liquidation_totals`` or of ``liquidations``, of one venue and symbol.
    length_ms : int
        Length of an interval. [ms]

    Returns
    -------
    Realised

    Raises
    ------
    NoDataError
        If no row, or no bar that divides the interval, is held.
    DataError
        If rows of several markets are mixed.

    Notes
    -----
    Prints of a feed that lets one a second through are scaled by `thinning_factor`; totals, which
    say nothing of seconds, are not. Totals come from the coarsest bars that divide the interval;
    one with a bar missing on either side is left out. Single prints say nothing where there are
    none, so every interval between the first and the last is taken as seen, and as zero where
    nothing was printed.
    """
    if rows.is_empty():
        raise NoDataError("no liquidations are held\nhint: forcedflow import coinglass PATH")
    if rows.select("venue", "symbol").unique().height > 1:
        raise DataError("liquidations of several markets are mixed; choose one venue and symbol")
    totals = "interval_ms" in rows.columns
    needed = 1
    if totals:
        fits = rows.filter(
            (pl.col("interval_ms") <= length_ms) & (length_ms % pl.col("interval_ms") == 0)
        )
        if fits.is_empty():
            raise NoDataError(f"no liquidation totals divide an interval of {length_ms} ms")
        coarsest = fits.select(pl.col("interval_ms").max()).item()
        rows, needed = fits.filter(pl.col("interval_ms") == coarsest), length_ms // coarsest
    else:
        rows = _corrected(rows)
    event = pl.col("event_time").dt.epoch("ms")
    summed = (
        rows.group_by(end=(event + length_ms - 1) // length_ms * length_ms, side="side")
        .agg(usd=pl.col("notional_usd").sum(), parts=pl.len())
        .sort("end")
    )
    if totals:
        whole = pl.col("parts").eq(needed).all() & (pl.len() == len(SIDES))
        summed = summed.filter(whole.over("end"))
        ends = summed["end"].unique().sort().to_numpy()
    else:
        printed = summed["end"].to_numpy()
        ends = np.arange(printed[0], printed[-1] + 1, length_ms, dtype=np.int64)
    if not ends.size:
        raise NoDataError("no interval has its liquidations of both sides")
    usd = np.zeros((ends.size, len(SIDES)))
    for column, side in enumerate(SIDES):
        own = summed.filter(pl.col("side") == side)
        usd[np.searchsorted(ends, own["end"].to_numpy()), column] = own["usd"].to_numpy()
    return Realised(ends, usd)


def _corrected(prints: pl.DataFrame) -> pl.DataFrame:
    """Scale prints of sampled feeds, each to the events it stands for."""
    factor = thinning_factor(prints["event_time"].dt.epoch("ms").to_numpy())
    sampled = pl.col("completeness") == "sampled lower bound"
    scaled = pl.when(sampled).then(pl.col("notional_usd") * pl.Series(factor))
    return prints.with_columns(notional_usd=scaled.otherwise(pl.col("notional_usd")))

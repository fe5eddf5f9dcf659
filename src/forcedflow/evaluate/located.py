"""Located liquidations: at which prices the mark was when positions were closed by force.

In:  liquidations of one market, and the path of its mark. [USD, quote per base]
Out: `Located`: dollars per interval and side, and the log prices swept meanwhile.
Pure: values in, values out; no I/O, no clock.

A long is liquidated while the mark falls, so a long's dollars lie between the mark at which an
interval began and its lowest; a short's between that mark and the highest. Within, they are taken
to lie evenly in log price: nothing published says more. Prints know their minute, totals their
hour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from forcedflow.errors import NoDataError
from forcedflow.evaluate.map_scores import days_of
from forcedflow.evaluate.realised import realised_liquidations
from forcedflow.positions import Bars
from forcedflow.units import F8, HOUR_MS, I8, F8x2

_POINT = 1e-12


@dataclass(frozen=True, slots=True)
class Located:
    """Liquidations of ``n`` intervals in which the path of the mark is known.

    Parameters
    ----------
    end_ms : ndarray of int, shape (n,)
        Ends of the intervals ``(end - length, end]``, increasing. [UTC ms]
    length_ms : int
        Their length. [ms]
    usd : ndarray, shape (n, 2)
        Closed by force, longs then shorts. [USD]
    low, high : ndarray, shape (n, 2)
        Log prices that the mark swept on that side; equal where it stood still. [log quote]
    """

    end_ms: I8
    length_ms: int
    usd: F8x2
    low: F8x2
    high: F8x2

    @property
    def day(self) -> I8:
        """Return each interval's UTC day."""
        return days_of(self.end_ms)

    def between(self, from_ms: int, to_ms: int) -> slice:
        """Return which rows end in ``(from, to]``."""
        first, stop = np.searchsorted(self.end_ms, [from_ms, to_ms], side="right")
        return slice(int(first), int(stop))

    def below(self, rows: I8, side: int, log_price: F8) -> F8x2:
        """Return which share of each row's dollars lies below some prices, shape ``(k, n)``. [1]

        Parameters
        ----------
        rows : ndarray of int, shape (n,)
        side : int
            0 for longs, 1 for shorts.
        log_price : ndarray, shape (k,)
            [log quote]
        """
        low, high = self.low[rows, side], self.high[rows, side]
        share: F8x2 = np.clip((log_price[:, None] - low) / np.maximum(high - low, _POINT), 0.0, 1.0)
        return share


def locate_totals(liquidations: pl.DataFrame, bars: Bars) -> Located:
    """Return hourly liquidations between the mark at each hour's start and its extremes.

    Parameters
    ----------
    liquidations : polars.DataFrame
        Rows of ``liquidation_totals`` or of ``liquidations``, of one market.
    bars : Bars
        With extremes that are true over whole hours.

    Returns
    -------
    Located
        Hours that the bars do not fill are left out.

    Raises
    ------
    NoDataError
        If no hour has both.
    """
    realised = realised_liquidations(liquidations, HOUR_MS)
    start, low, high = swept_range(bars, realised.end_ms, HOUR_MS)
    return _located(realised.end_ms, HOUR_MS, realised.usd, start, low, high)


def locate_prints(prints: pl.DataFrame, mark_klines: pl.DataFrame) -> Located:
    """Return printed liquidations where the mark was in the finest kline that holds each.

    Parameters
    ----------
    prints : polars.DataFrame
        Rows of ``liquidations`` of one market; sampled feeds are scaled as everywhere.
    mark_klines : polars.DataFrame
        Rows of ``klines`` of its mark.

    Returns
    -------
    Located

    Raises
    ------
    NoDataError
        If there are no prints, or none in a kline.
    """
    if mark_klines.is_empty():
        raise NoDataError("prints say where they fell only beside klines of the mark")
    finest = int(mark_klines.select(pl.col("interval_ms").min()).item())
    realised = realised_liquidations(prints, finest)
    rows = mark_klines.filter(pl.col("interval_ms") == finest).unique("event_time", keep="last")
    rows = rows.sort("event_time")
    kline_ms = rows["event_time"].dt.epoch("ms").to_numpy()
    held, own, row = np.intersect1d(realised.end_ms, kline_ms, return_indices=True)
    path = [rows[name].to_numpy()[row] for name in ("open", "low", "high")]
    return _located(held, finest, realised.usd[own], *path)


def swept_range(bars: Bars, end_ms: I8, length_ms: int) -> tuple[F8, F8, F8]:
    """Return where the mark was when intervals began, and its lowest and highest in them.

    Parameters
    ----------
    bars : Bars
    end_ms : ndarray of int, shape (m,)
        Ends of the intervals. [UTC ms]
    length_ms : int
        Their length. [ms]

    Returns
    -------
    start, low, high : ndarray, shape (m,)
        NaN where the bars do not fill the interval or nothing precedes it; the start lies between
        the extremes. [quote per base]
    """
    begin = bars.end_ms - bars.elapsed_ms
    first = np.searchsorted(begin, end_ms - length_ms, side="left")
    stop = np.searchsorted(bars.end_ms, end_ms, side="right")
    found = np.full((3, end_ms.size), np.nan)
    for row, (a, b) in enumerate(zip(first.tolist(), stop.tolist(), strict=True)):
        if a > 0 and int(bars.elapsed_ms[a:b].sum()) == length_ms:
            start = bars.close[a - 1]
            lowest, highest = bars.low[a:b].min(), bars.high[a:b].max()
            found[:, row] = start, min(start, lowest), max(start, highest)
    return found[0], found[1], found[2]


def _located(end_ms: I8, length_ms: int, usd: F8x2, start: F8, low: F8, high: F8) -> Located:
    kept = np.isfinite(start)
    if not usd[kept].any():
        raise NoDataError("no liquidations lie where the path of the mark is known")
    begin, lowest, highest = np.log([start[kept], low[kept], high[kept]])
    return Located(
        end_ms[kept],
        length_ms,
        usd[kept],
        np.stack([lowest, begin], axis=1),
        np.stack([begin, highest], axis=1),
    )

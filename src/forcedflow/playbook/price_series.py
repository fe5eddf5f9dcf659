"""The price as it became known, bar by bar or trade by trade, with what was known beside it.

In:  klines, open interest, liquidation totals or trades. [quote per base, base coins, USD, UTC ms]
Out: `PriceSeries`.
Pure: frames in, values out; no I/O, no clock, no global state.

A row told after a newer one is left out, then and ever after: nobody acted upon it, and a series
of the past has to be what the present was. Where only closes are told, a bar reaches from the last
close to its own, so wicks are missing, touches are seen late, and extremes are too small.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from forcedflow.features.price import implied_marks
from forcedflow.liquidation_map import Market
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, MINUTE_MS, SIDES, F8x2
from forcedflow.volatility import ewma_volatility

COARSEST_MS = 5 * MINUTE_MS
"""Bars longer than this say nothing about an impulse of minutes. [ms]"""

WARM_UP_MS = DAY_MS
"""Before so much is seen, volatility is unknown. [ms]"""

TICK_MEMORY_MS, TICK_WARM_UP_MS = 6 * HOUR_MS, HOUR_MS
"""The same for trades, whose volatility is that of their minutes: half-life and warm-up. [ms]"""

STALE_MS = 30 * MINUTE_MS
"""Open interest older than this is unknown. [ms]"""

B1 = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class PriceSeries:
    """``n`` bars or trades of one instrument, in the order in which they became known.

    Parameters
    ----------
    event_ms : ndarray of int, shape (n,)
        End of each bar, or time of each trade, not decreasing. [UTC ms]
    known_ms : ndarray of int, shape (n,)
        When it was told, not decreasing. [UTC ms]
    high, low, close : ndarray, shape (n,)
        [quote per base]
    ranged : ndarray of bool, shape (n,)
        Whether high and low are the bar's own, rather than the ends of two closes.
    open_interest : ndarray, shape (n,)
        The newest known at that time; NaN where unknown. [base coins]
    forced_usd : ndarray, shape (n, 2)
        Longs and shorts closed by force, told since the bar before; NaN where no feed of such
        bars is heard. [USD]
    sigma_day : ndarray, shape (n,)
        Standard deviation of the log return expected of 24 h; NaN where unknown. [1]
    """

    event_ms: I8
    known_ms: I8
    high: F8
    low: F8
    close: F8
    ranged: B1
    open_interest: F8
    forced_usd: F8x2
    sigma_day: F8

    @property
    def size(self) -> int:
        """Return the number of bars."""
        return int(self.event_ms.size)

    @property
    def step_ms(self) -> int:
        """Return the usual distance of two bars; 0 where there are not two. [ms]"""
        return int(np.median(np.diff(self.event_ms))) if self.size > 1 else 0

    def known_by(self, at_ms: int) -> PriceSeries:
        """Return the bars that were known by a moment."""
        stop = int(np.searchsorted(self.known_ms, at_ms, side="right"))
        return PriceSeries(*(getattr(self, name)[:stop] for name in self.__slots__))

    def since(self, start_ms: int) -> PriceSeries:
        """Return the bars that end at a moment or later."""
        first = int(np.searchsorted(self.event_ms, start_ms, side="left"))
        return PriceSeries(*(getattr(self, name)[first:] for name in self.__slots__))


def series_of_market(market: Market, liquidations: pl.DataFrame | None = None) -> PriceSeries:
    """Return the mark price of a market by the finest bars told, with open interest beside it.

    Parameters
    ----------
    market : Market
    liquidations : polars.DataFrame, optional
        Rows of ``liquidation_totals``; those of bars longer than `COARSEST_MS` are passed over.

    Returns
    -------
    PriceSeries
        Mark klines, between them the marks that open interest is valued at, which are closes only;
        last-price klines where there is no mark at all. Empty where nothing is told.
    """
    klines = market.mark_klines.filter(pl.col("interval_ms") <= COARSEST_MS)
    marks = implied_marks(market.open_interest)
    if klines.is_empty() and marks.is_empty():
        klines = market.trade_klines.filter(pl.col("interval_ms") <= COARSEST_MS)
    columns = ("event_time", "available_time", "interval_ms", "high", "low", "close")
    closes = marks.select(
        "event_time",
        "available_time",
        interval_ms=pl.lit(None, pl.Int64),
        high=pl.lit(None, pl.Float64),
        low=pl.lit(None, pl.Float64),
        close="mark",
    )
    rows = _punctual(pl.concat([klines.select(columns), closes]))
    event, known = _ms(rows, "event_time"), _ms(rows, "available_time")
    close = rows["close"].to_numpy().astype(np.float64)
    ranged = rows["high"].is_not_null().to_numpy()
    before = np.concatenate([close[:1], close[:-1]])
    high = np.where(ranged, rows["high"].to_numpy(), np.maximum(before, close))
    low = np.where(ranged, rows["low"].to_numpy(), np.minimum(before, close))
    sigma = ewma_volatility(close, event)
    if event.size:
        sigma[event < event[0] + WARM_UP_MS] = np.nan
    return PriceSeries(
        event_ms=event,
        known_ms=known,
        high=high,
        low=low,
        close=close,
        ranged=ranged,
        open_interest=_newest(market.open_interest, known),
        forced_usd=_told(liquidations, known),
        sigma_day=sigma,
    )


def series_of_trades(trades: pl.DataFrame, background: PriceSeries | None = None) -> PriceSeries:
    """Return trades as a series of their own prices.

    Parameters
    ----------
    trades : polars.DataFrame
        Rows of ``trades`` of one instrument.
    background : PriceSeries, optional
        Bars of the same instrument: their volatility and open interest are taken, as known at each
        trade. Without them volatility is that of the trades' own minutes, open interest unknown.

    Returns
    -------
    PriceSeries
    """
    rows = _in_order(trades.sort("event_time", "trade_id", maintain_order=True))
    event, known = _ms(rows, "event_time"), _ms(rows, "available_time")
    price = rows["price"].to_numpy().astype(np.float64)
    nothing = np.full(event.size, np.nan)
    series = PriceSeries(
        event_ms=event,
        known_ms=known,
        high=price,
        low=price,
        close=price,
        ranged=np.ones(event.size, dtype=np.bool_),
        open_interest=nothing,
        forced_usd=np.full((event.size, 2), np.nan),
        sigma_day=_sigma_of_minutes(price, event),
    )
    if background is None or not background.size:
        return series
    at = np.searchsorted(background.known_ms, known, side="right") - 1
    seen = at >= 0
    return replace(
        series,
        open_interest=np.where(seen, background.open_interest[at], np.nan),
        sigma_day=np.where(seen, background.sigma_day[at], np.nan),
    )


def _punctual(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per time, the first told, of those told together the finest; none told too late."""
    once = rows.sort("event_time", "available_time", "interval_ms", nulls_last=True).unique(
        "event_time", keep="first", maintain_order=True
    )
    return _in_order(once)


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Drop what was told after something newer."""
    if rows.is_empty():
        return rows
    known = _ms(rows, "available_time")
    newer = np.append(np.minimum.accumulate(known[::-1])[::-1][1:], np.iinfo(np.int64).max)
    return rows.filter(pl.Series(known <= newer))


def _newest(open_interest: pl.DataFrame, known_ms: I8) -> F8:
    told = open_interest.filter(pl.col("open_interest") > 0)
    rows = _in_order(
        told.sort("event_time", "available_time").unique(
            "event_time", keep="first", maintain_order=True
        )
    )
    if rows.is_empty():
        return np.full(known_ms.size, np.nan)
    at = np.searchsorted(_ms(rows, "available_time"), known_ms, side="right") - 1
    fresh = (at >= 0) & (known_ms - _ms(rows, "event_time")[at] <= STALE_MS)
    return np.where(fresh, rows["open_interest"].to_numpy()[at], np.nan)


def _told(liquidations: pl.DataFrame | None, known_ms: I8) -> F8x2:
    told = np.full((known_ms.size, 2), np.nan)
    if liquidations is None or not known_ms.size:
        return told
    rows = liquidations.filter(pl.col("interval_ms") <= COARSEST_MS)
    for s, side in enumerate(SIDES):
        own = rows.filter(pl.col("side") == side).sort("available_time")
        if own.is_empty():
            continue
        at = _ms(own, "available_time")
        total = np.concatenate([[0.0], np.cumsum(own["notional_usd"].to_numpy())])
        so_far = total[np.searchsorted(at, known_ms, side="right")]
        # A feed that has not begun, or has been silent for an hour, says nothing.
        newest = np.searchsorted(at, known_ms, side="right") - 1
        heard = (newest >= 0) & (known_ms - at[newest] <= HOUR_MS)
        told[:, s] = np.where(heard, np.diff(so_far, prepend=0.0), np.nan)
    return told


def _sigma_of_minutes(price: F8, event_ms: I8) -> F8:
    minute = event_ms // MINUTE_MS
    # The last trade of every minute that is over, known from the first trade of a later one.
    last = np.flatnonzero(np.diff(minute) > 0)
    if last.size < 2:
        return np.full(event_ms.size, np.nan)
    end = (minute[last] + 1) * MINUTE_MS
    sigma = ewma_volatility(price[last], end, half_life_ms=TICK_MEMORY_MS)
    sigma[end < end[0] + TICK_WARM_UP_MS] = np.nan
    at = np.searchsorted(last, np.arange(event_ms.size), side="left") - 1
    return np.where(at >= 0, sigma[np.maximum(at, 0)], np.nan)


def _ms(rows: pl.DataFrame, column: str) -> I8:
    times: I8 = rows[column].dt.epoch("ms").to_numpy().astype(np.int64)
    return times

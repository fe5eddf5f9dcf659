"""Price: where it is, where it came from, and the marks that traders measure it by.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns. [quote per base, 1]
Pure: frames in, NumPy out; no I/O, no clock, no global state.

The price is the mark: of mark klines, else the value of open interest divided by its contracts;
where neither is live, whichever of these and the last trade is newer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from forcedflow.features.feature import KLINE_AGE_MS, Feature
from forcedflow.features.grid import (
    COVERED,
    Newest,
    News,
    lagged,
    newest_known,
    periods,
    since_period_began,
    steps,
    totals,
    trailing_extreme,
    trailing_sum,
)
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.rows import Rows
from forcedflow.features.table import STEP_MS
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, MINUTE_MS

WEEK_MS = 7 * DAY_MS
MONDAY_MS = 4 * DAY_MS
"""The epoch was a Thursday; weeks begin four days later. [ms]"""

# A price of the better source counts as live for so long.
_LIVE_MS = 15 * MINUTE_MS

# Hours in which each region's desks are at work, UTC without summer time.
_EUROPE_FROM, _US_FROM, _ASIA_FROM = 7, 13, 21
ASIA, EUROPE, US = 0.0, 1.0, 2.0

_PRICES = ("mark klines", "open_interest", "perpetual klines")


def _feature(name: str, unit: str, doc: str, window_ms: int, *tables: str) -> Feature:
    return Feature(name, unit, doc, window_ms, tables or _PRICES, KLINE_AGE_MS, "price")


FEATURES = (
    _feature("price", "quote per base", "Mark price, or the last trade's.", 0),
    _feature("return_1h", "1", "Log return of the price.", HOUR_MS),
    _feature("return_4h", "1", "Log return of the price.", 4 * HOUR_MS),
    _feature("return_24h", "1", "Log return of the price.", DAY_MS),
    _feature(
        "vwap_day",
        "quote per base",
        "Mean price by volume of the UTC day so far, from finished bars.",
        DAY_MS,
        "perpetual klines",
    ),
    _feature(
        "vwap_week",
        "quote per base",
        "The same since Monday 00:00 UTC.",
        WEEK_MS,
        "perpetual klines",
    ),
    _feature(
        "prior_day_high", "quote per base", "Highest price of the UTC day before.", 2 * DAY_MS
    ),
    _feature("prior_day_low", "quote per base", "Lowest price of the UTC day before.", 2 * DAY_MS),
    _feature("range_high_24h", "quote per base", "Highest price of the last 24 h.", DAY_MS),
    _feature("range_low_24h", "quote per base", "Lowest price of the last 24 h.", DAY_MS),
    Feature(
        "session",
        "0, 1, 2",
        "Desks at work: 0 Asia (21–07 UTC), 1 Europe (07–13), 2 United States (13–21).",
        0,
        (),
        None,
        "price",
    ),
    Feature("hour_of_week", "h", "Hours since Monday 00:00 UTC, whole.", 0, (), None, "price"),
)


@dataclass(frozen=True, slots=True)
class PricePath:
    """The price as it became known, ``n`` moments.

    Parameters
    ----------
    price : ndarray, shape (n,)
        [quote per base]
    high, low : ndarray, shape (n,)
        Extremes that became known in the step: of the bars that ended in it, and the price.
    updates_1h, updates_24h, updates_7d : ndarray, shape (n,)
        How often the price was told anew in the last hour, day and week.
    """

    price: F8
    high: F8
    low: F8
    updates_1h: F8
    updates_24h: F8
    updates_7d: F8

    def tail(self, n: int) -> PricePath:
        """Return the last ``n`` moments."""
        return PricePath(*(getattr(self, name)[-n:] for name in self.__slots__))


def observe(inputs: FeatureInputs, times_ms: I8) -> Newest:
    """Return the price at every moment, and when it was the market's.

    Parameters
    ----------
    inputs : FeatureInputs
    times_ms : ndarray, shape (n,)
        Moments. [UTC ms]

    Returns
    -------
    Newest
        Shape (n,) each. [quote per base, UTC ms]
    """
    since_ms = int(times_ms[0]) - KLINE_AGE_MS
    marks, open_interest, trades = (
        inputs.rows(name).since(since_ms)
        for name in ("mark_klines", "open_interest", "trade_klines")
    )
    held = ((marks.fine(), "close"), (valued(open_interest), "mark"), (trades.fine(), "close"))
    price = np.full(times_ms.size, np.nan)
    event = np.full(times_ms.size, -1, dtype=np.int64)
    for rows, column in held:
        # A source that is live gives way to none; one that is not, to any that is newer.
        settled = (event >= 0) & (times_ms - event <= _LIVE_MS)
        if settled.all():
            break
        newest = newest_known(rows, column, times_ms, KLINE_AGE_MS)
        fill = ~settled & (newest.event_ms > event)
        price[fill], event[fill] = newest.value[fill], newest.event_ms[fill]
    return Newest(price, event)


def valued(open_interest: Rows) -> Rows:
    """Return rows of open interest with the ``mark`` that values them. [quote per base]"""
    mark = _mark(open_interest["open_interest"], open_interest["open_interest_usd"])
    return open_interest.joined("mark", mark).told("mark")


def implied_marks(open_interest: pl.DataFrame) -> pl.DataFrame:
    """Return what `valued` does, as a frame."""
    held, value = (
        open_interest[name].to_numpy().astype(np.float64)
        for name in ("open_interest", "open_interest_usd")
    )
    mark = pl.Series("mark", _mark(held, value))
    return open_interest.hstack([mark]).filter(mark.is_not_nan())


def _mark(held: F8, value: F8) -> F8:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((held > 0) & (value > 0), value / held, np.nan)


def follow(inputs: FeatureInputs, times_ms: I8) -> PricePath:
    """Return the price with its extremes and how often it was told anew."""
    price, event = observe(inputs, times_ms)
    is_new = ((np.diff(event, prepend=-1) != 0) & (event >= 0)).astype(np.float64)
    marks, trades = (
        News(inputs.rows(name).fine(), times_ms) for name in ("mark_klines", "trade_klines")
    )
    sides = []
    for column, pick in (("high", np.fmax), ("low", np.fmin)):
        mark, last = (news.extreme(column, pick) for news in (marks, trades))
        # Trades reach further than the mark that liquidates; they count where no mark is told.
        told = trailing_sum(~np.isnan(mark) * 1.0, steps(HOUR_MS)) > 0
        sides.append(np.where(np.isnan(price), np.nan, pick(np.where(told, mark, last), price)))
    return PricePath(
        price,
        *sides,
        *(trailing_sum(is_new, steps(span)) for span in (HOUR_MS, DAY_MS, WEEK_MS)),
    )


def log_return(price: F8, window_ms: int) -> F8:
    """Return the log return over a window, at every moment. [1]"""
    return np.log(price / lagged(price, steps(window_ms)))


def compute(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the family's columns, shape (n,) each."""
    return told_of(inputs, follow(inputs, times_ms), times_ms)


def told_of(inputs: FeatureInputs, path: PricePath, times_ms: I8) -> dict[str, F8]:
    """Return the columns of a price that was followed already, shape (n,) each."""
    day, week = periods(times_ms, DAY_MS), periods(times_ms, WEEK_MS, MONDAY_MS)
    hour = times_ms // HOUR_MS
    one_day = steps(DAY_MS)
    traded = _with_value(inputs.rows("trade_klines"))
    unheard = np.isnan(newest_known(traded.fine(), "value", times_ms, KLINE_AGE_MS).value)
    vwap_day = _vwap(traded, times_ms, day, day * DAY_MS)
    vwap_week = _vwap(traded, times_ms, week, week * WEEK_MS + MONDAY_MS)
    unknown = np.isnan(path.price)
    return {
        "price": path.price,
        "return_1h": log_return(path.price, HOUR_MS),
        "return_4h": log_return(path.price, 4 * HOUR_MS),
        "return_24h": log_return(path.price, DAY_MS),
        "vwap_day": np.where(unheard, np.nan, vwap_day),
        "vwap_week": np.where(unheard, np.nan, vwap_week),
        "prior_day_high": np.where(unknown, np.nan, _of_day_before(path.high, day, np.fmax)),
        "prior_day_low": np.where(unknown, np.nan, _of_day_before(path.low, day, np.fmin)),
        "range_high_24h": trailing_extreme(path.high, one_day, np.fmax),
        "range_low_24h": trailing_extreme(path.low, one_day, np.fmin),
        "session": _session(hour % 24),
        "hour_of_week": ((hour - MONDAY_MS // HOUR_MS) % 168).astype(np.float64),
    }


def _with_value(klines: Rows) -> Rows:
    """Bars whose volume is told, with their ``value``: as it is told, else at their mean price."""
    traded = klines.told("volume")
    mean = (traded["high"] + traded["low"] + traded["close"]) / 3
    quoted = traded["quote_volume"]
    return traded.joined("value", np.where(np.isnan(quoted), mean * traded["volume"], quoted))


def _session(hour: I8) -> F8:
    asia, us = (hour < _EUROPE_FROM) | (hour >= _ASIA_FROM), hour >= _US_FROM
    return np.where(asia, ASIA, np.where(us, US, EUROPE))


def _vwap(traded: Rows, times_ms: I8, period: I8, began_ms: I8) -> F8:
    # The bar that is not finished yet is not missing.
    span = np.maximum(times_ms - began_ms - HOUR_MS, STEP_MS).astype(np.float64)

    def so_far(cells: F8) -> F8:
        return since_period_began(cells, period)

    value, volume = totals(traded, ("value", "volume"), times_ms, so_far, span)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(volume > 0, value / volume, np.nan)


def _of_day_before(figure: F8, day: I8, pick: np.ufunc) -> F8:
    """Extreme of the whole day before, where enough of that day was known."""
    starts = np.flatnonzero(np.diff(day, prepend=day[0] - 1))
    extremes = pick.reduceat(figure, starts)
    known = np.add.reduceat(~np.isnan(figure) * 1.0, starts)
    extremes = np.where(known >= COVERED * steps(DAY_MS), extremes, np.nan)
    return lagged(extremes, 1)[np.searchsorted(starts, np.arange(day.size), side="right") - 1]

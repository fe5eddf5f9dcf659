"""Bars: what each interval of open interest saw, in the only order that is causal.

In:  tables of open interest, mark and trade klines and funding, already cut to what was known.
Out: `Bars`, arrays over time, and the `BarSources` that name where each part came from.
Pure: frames in, arrays out; no I/O, no clock, no global state.

The clock is the open interest's own: a bar runs from one observation to the next, so a gap makes
one long bar rather than invented short ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from forcedflow.errors import NoDataError
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8

VolumeSource: TypeAlias = Literal["bar", "coarser bar", "trailing turnover", "missing"]
VOLUME_SOURCES: tuple[VolumeSource, ...] = ("bar", "coarser bar", "trailing turnover", "missing")

_STALE_KLINE_MS = 3 * HOUR_MS
_TURNOVER_DAYS = 30
_LEAST_TURNOVER_DAYS = 7


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of one instrument, ``n`` of them, each known in full at its end.

    Parameters
    ----------
    end_ms : ndarray of int, shape (n,)
        End of each bar. [UTC ms]
    elapsed_ms : ndarray of int, shape (n,)
        Length of each bar. [ms]
    low, high, close : ndarray, shape (n,)
        Mark price over the bar. [quote per base]
    open_interest : ndarray, shape (n,)
        One-sided open interest at the end. [base coins]
    change : ndarray, shape (n,)
        Its change over the bar. [base coins]
    volume : ndarray, shape (n,)
        Traded volume; NaN where nothing is known of it. [base coins]
    taker_buy_share : ndarray, shape (n,)
        Share of the volume bought by takers; NaN where unknown. [1]
    funding_rate : ndarray, shape (n,)
        Funding settled inside the bar; positive means longs paid. [1]
    volume_source : ndarray of int, shape (n,)
        Index into `VOLUME_SOURCES`.
    mark_from_klines : ndarray of bool, shape (n,)
        Whether low and high come from mark klines rather than from two closes.
    """

    end_ms: I8
    elapsed_ms: I8
    low: F8
    high: F8
    close: F8
    open_interest: F8
    change: F8
    volume: F8
    taker_buy_share: F8
    funding_rate: F8
    volume_source: I8
    mark_from_klines: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @property
    def size(self) -> int:
        """Return the number of bars."""
        return int(self.end_ms.size)

    @property
    def step_ms(self) -> int:
        """Return the usual length of a bar. [ms]"""
        return int(np.median(self.elapsed_ms))

    def cut(self, start: int, stop: int) -> Bars:
        """Return the bars ``[start, stop)``."""
        return Bars(*(getattr(self, name)[start:stop] for name in self.__slots__))


def build_bars(
    open_interest: pl.DataFrame,
    mark_klines: pl.DataFrame,
    trade_klines: pl.DataFrame,
    funding: pl.DataFrame,
) -> Bars:
    """Return the bars between successive observations of open interest.

    Parameters
    ----------
    open_interest : polars.DataFrame
        Rows of the table of that name, of one instrument.
    mark_klines, trade_klines : polars.DataFrame
        Rows of ``klines`` with price type mark and last; either may be empty.
    funding : polars.DataFrame
        Rows of ``funding``; only settled rates are used. May be empty.

    Returns
    -------
    Bars
        The first observation opens the first bar, so there is one bar fewer than observations.

    Raises
    ------
    NoDataError
        If fewer than two observations have both an open interest and a mark price.

    Notes
    -----
    Volume degrades in stated steps: the bar's own klines; the rate of the last finished coarser
    kline; open interest times the mean turnover of the trailing thirty days (at least seven
    observed); nothing. Each is known by the end of the bar.
    """
    end, oi, mark = _observations(open_interest, mark_klines)
    if end.size < 2:
        raise NoDataError(
            "open interest with a mark price is needed at two moments at least, "
            f"{end.size} known\n"
            "hint: forcedflow fetch VENUE SYMBOL --from DAY, or forcedflow import KIND PATH"
        )
    low, high, from_klines = _mark_range(end, mark, mark_klines)
    elapsed = np.diff(end)
    volume, share, source = _volume(end, oi, trade_klines)
    return Bars(
        end_ms=end[1:],
        elapsed_ms=elapsed,
        low=low,
        high=high,
        close=mark[1:],
        open_interest=oi[1:],
        change=np.diff(oi),
        volume=volume,
        taker_buy_share=share,
        funding_rate=_funding_per_bar(end, funding),
        volume_source=source,
        mark_from_klines=from_klines,
    )


def _observations(open_interest: pl.DataFrame, mark_klines: pl.DataFrame) -> tuple[I8, F8, F8]:
    """Open interest with a mark price: value ÷ contracts, else the mark kline closing then."""
    event = _event_ms(open_interest)
    held, value = (
        open_interest[name].to_numpy().astype(np.float64)
        for name in ("open_interest", "open_interest_usd")
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        mark = value / held
    untold = np.isnan(mark)
    if untold.any() and mark_klines.height:
        closed, close = _closes(mark_klines)
        place = np.minimum(np.searchsorted(closed, event[untold]), closed.size - 1)
        mark[untold] = np.where(closed[place] == event[untold], close[place], np.nan)
    kept = np.flatnonzero((held > 0) & (mark > 0))
    kept = kept[np.argsort(event[kept], kind="stable")]
    # Of observations of one time the last row counts.
    last = kept[np.diff(event[kept], append=np.iinfo(np.int64).max) != 0]
    return event[last], held[last], mark[last]


def _closes(mark_klines: pl.DataFrame) -> tuple[I8, F8]:
    """When mark klines close and where, the finest of those that close together."""
    event = _event_ms(mark_klines)
    order = np.lexsort((mark_klines["interval_ms"].to_numpy(), event))
    closed, first = np.unique(event[order], return_index=True)
    return closed, mark_klines["close"].to_numpy()[order[first]]


def _mark_range(
    end: I8, mark: F8, mark_klines: pl.DataFrame
) -> tuple[F8, F8, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Lowest and highest mark of each bar; two closes bound it where no klines are held."""
    low, high = np.minimum(mark[:-1], mark[1:]), np.maximum(mark[:-1], mark[1:])
    covered = np.zeros(low.size, dtype=np.bool_)
    bar, inside = _bar_of(end, _event_ms(mark_klines))
    length, lowest, highest = (
        mark_klines[name].to_numpy()[inside] for name in ("interval_ms", "low", "high")
    )
    short = length < 2 * np.diff(end)[bar]
    # The finest klines that end inside a bar, bar by bar: what later data hold in other intervals
    # must not change an earlier bar.
    for interval in np.unique(length):
        fits = (length == interval) & short & ~covered[bar]
        np.minimum.at(low, bar[fits], lowest[fits])
        np.maximum.at(high, bar[fits], highest[fits])
        covered[bar[fits]] = True
    return low, high, covered


def _bar_of(end: I8, event: I8) -> tuple[I8, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Bar whose interval ``(previous end, end]`` holds each event, for those inside any bar."""
    position = np.searchsorted(end, event, side="left")
    inside = (position > 0) & (position < end.size)
    return position[inside] - 1, inside


def _event_ms(rows: pl.DataFrame) -> I8:
    # Straight from the column: frames of a few rows are many, and an expression costs more.
    times: I8 = rows["event_time"].to_numpy().astype("datetime64[ms]", copy=False).view(np.int64)
    return times


@dataclass(frozen=True, slots=True)
class _Traded:
    """Klines of one length that know their volume, in the order of their ends."""

    end_ms: I8
    volume: F8
    bought: F8


def _traded(trade_klines: pl.DataFrame) -> Iterator[tuple[int, _Traded]]:
    """Klines that know their volume, by length, the finest first."""
    event, length = _event_ms(trade_klines), trade_klines["interval_ms"].to_numpy()
    volume, bought = (
        trade_klines[name].to_numpy().astype(np.float64) for name in ("volume", "taker_buy_volume")
    )
    known = trade_klines["volume"].is_not_null().to_numpy()
    for interval in np.unique(length[known]).tolist():
        rows = np.flatnonzero(known & (length == interval))
        rows = rows[np.argsort(event[rows], kind="stable")]
        yield interval, _Traded(event[rows], volume[rows], bought[rows])


def _volume(end: I8, oi: F8, trade_klines: pl.DataFrame) -> tuple[F8, F8, I8]:
    n = end.size - 1
    elapsed = np.diff(end)
    volume = np.full(n, np.nan)
    share = np.full(n, np.nan)
    source = np.full(n, VOLUME_SOURCES.index("missing"))
    for interval, rows in _traded(trade_klines):
        # Bar by bar, never by the usual bar: later bars of another length change no earlier one.
        holds = elapsed >= interval
        for fits, told_by, name in (
            (holds, _own_volume, "bar"),
            (~holds, _coarse_volume, "coarser bar"),
        ):
            untold = fits & np.isnan(volume)
            if untold.any():
                found, bought = told_by(end, rows, interval)
                fill = untold & ~np.isnan(found)
                volume[fill], share[fill] = found[fill], bought[fill]
                source[fill] = VOLUME_SOURCES.index(name)
    unknown = np.isnan(volume)
    if unknown.any():
        turnover = _trailing_turnover(end, oi, volume)
        fill = unknown & ~np.isnan(turnover)
        volume[fill] = turnover[fill] * oi[1:][fill] * elapsed[fill] / DAY_MS
        source[fill] = VOLUME_SOURCES.index("trailing turnover")
    return volume, share, source


def _own_volume(end: I8, rows: _Traded, interval: int) -> tuple[F8, F8]:
    """Sum of klines that end inside each bar; only where they cover all of it."""
    n = end.size - 1
    bar, inside = _bar_of(end, rows.end_ms)
    total: F8 = np.bincount(bar, rows.volume[inside], n).astype(np.float64)
    taker: F8 = np.bincount(bar, rows.bought[inside], n).astype(np.float64)
    whole = np.bincount(bar, minlength=n) * interval >= np.diff(end)
    total[~whole] = np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(total > 0, taker / total, np.nan)
    return total, share


def _coarse_volume(end: I8, rows: _Traded, interval: int) -> tuple[F8, F8]:
    """Rate of the last kline finished by the end of each bar, unless it is stale."""
    closed = rows.end_ms
    last = np.searchsorted(closed, end[1:], side="right") - 1
    fresh = (last >= 0) & (end[1:] - closed[np.maximum(last, 0)] <= interval + _STALE_KLINE_MS)
    last = np.maximum(last, 0)
    amount, bought = rows.volume[last], rows.bought[last]
    volume = np.where(fresh, amount * np.diff(end) / interval, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(fresh & (amount > 0), bought / amount, np.nan)
    return volume, share


def _trailing_turnover(end: I8, oi: F8, volume: F8) -> F8:
    """Mean daily volume over open interest of the thirty days before each bar. [1/d]"""
    elapsed = np.diff(end)
    seen = ~np.isnan(volume)
    traded = np.concatenate([[0.0], np.cumsum(np.where(seen, volume, 0.0))])
    held = np.concatenate([[0.0], np.cumsum(np.where(seen, oi[1:] * elapsed / DAY_MS, 0.0))])
    observed = np.concatenate([[0], np.cumsum(np.where(seen, elapsed, 0))])
    here = np.arange(volume.size)
    back = np.searchsorted(end[1:], end[1:] - _TURNOVER_DAYS * DAY_MS, side="right")
    enough = observed[here] - observed[back] >= _LEAST_TURNOVER_DAYS * DAY_MS
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = (traded[here] - traded[back]) / (held[here] - held[back])
    return np.where(enough, rate, np.nan)


def _funding_per_bar(end: I8, funding: pl.DataFrame) -> F8:
    settled = (funding["kind"] == "settled").to_numpy()
    bar, inside = _bar_of(end, _event_ms(funding)[settled])
    rates = funding["funding_rate"].to_numpy()[settled][inside]
    summed: F8 = np.bincount(bar, rates, end.size - 1).astype(np.float64)
    return summed

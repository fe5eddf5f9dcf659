"""The record of the path-only null on one market: the opponent of every map.

In:  tables of open interest, liquidations and klines of one market, the end of the fit. [UTC ms]
Out: `PathOnlyRecord`: D² and predicted over actual after the fit, static and level-tracked.
Free of I/O and clocks; randomness is a seed.

The question is conditional: given how far the mark moved in an hour, how much was liquidated? The
path of the scored hour is therefore known to the null, as it is to any map scored beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from forcedflow.errors import NoDataError
from forcedflow.evaluate.map_scores import DRAWS, Estimate, MapScore, score_gain, score_map
from forcedflow.evaluate.realised import Realised, realised_liquidations
from forcedflow.positions.background import (
    EXCURSION_SPANS_MS,
    Background,
    background_features,
    fit_background,
    sum_features,
    trailing_level,
)
from forcedflow.positions.bars import Bars, build_bars
from forcedflow.tables import empty
from forcedflow.units import DAY_MS, HOUR_MS, F8x2

_TRUEST_FIRST = ("mark", "last", "index", "spot")


@dataclass(frozen=True, slots=True)
class PathOnlyRecord:
    """What the path-only null was worth on rows after its fit.

    Parameters
    ----------
    static, levelled : MapScore
        With the fitted level throughout; times the causal trailing level.
    level_gain : Estimate
        D² that the level adds. [1]
    fitted : MapScore
        On the rows fitted, without intervals: for choosing, never for claiming.
    background : Background
        The fit.
    n_fit_hours : int
        Intervals fitted.
    """

    static: MapScore
    levelled: MapScore
    level_gain: Estimate
    fitted: MapScore
    background: Background
    n_fit_hours: int


def score_path_only(
    open_interest: pl.DataFrame,
    liquidations: pl.DataFrame,
    klines: pl.DataFrame,
    fit_to_ms: int,
    *,
    seed: int,
    length_ms: int = HOUR_MS,
    draws: int = DRAWS,
) -> PathOnlyRecord:
    """Return the record of the path-only null, fitted before a moment and scored after it.

    Parameters
    ----------
    open_interest : polars.DataFrame
        Rows of that table, of one instrument.
    liquidations : polars.DataFrame
        Rows of ``liquidation_totals`` or ``liquidations``, of one market; it may sum more venues
        than the open interest, since the weights carry the level.
    klines : polars.DataFrame
        Rows of ``klines`` of the same coin, as `market_bars` takes them. May be empty.
    fit_to_ms : int
        End of the fit, exclusive of later hours. [UTC ms]
    seed : int
        Seed of the intervals.
    length_ms : int
        Length of a scored interval. [ms]
    draws : int
        Sets of days drawn for each interval.

    Returns
    -------
    PathOnlyRecord

    Raises
    ------
    NoDataError
        If no interval with a path and liquidations lies before the end of the fit, or none after.
    """
    bars = market_bars(open_interest, klines, length_ms)
    realised = realised_liquidations(liquidations, length_ms)
    features = sum_features(background_features(bars), bars, realised.end_ms, length_ms)
    known = np.isfinite(features).all(axis=(1, 2))
    realised = Realised(realised.end_ms[known], realised.usd[known])
    features = features[known]
    end_ms, target = realised.end_ms, realised.usd
    before = end_ms <= fit_to_ms
    if not before.any() or before.all():
        raise NoDataError(
            f"{before.sum()} intervals with a path and liquidations before the end of the fit, "
            f"{(~before).sum()} after it; both are needed, past the first "
            f"{max(EXCURSION_SPANS_MS) // DAY_MS} days of open interest"
        )
    background = fit_background(features[before], target[before])
    expected = background.predict(features)
    level = trailing_level(target.sum(axis=1), expected.sum(axis=1), end_ms)
    reference = target[before].mean(axis=0)
    after = ~before
    levelled = expected * level[:, None]

    def score(
        predicted: F8x2, rows: np.ndarray[tuple[int], np.dtype[np.bool_]], n: int
    ) -> MapScore:
        return score_map(target[rows], predicted[rows], reference, end_ms[rows], seed=seed, draws=n)

    return PathOnlyRecord(
        static=score(expected, after, draws),
        levelled=score(levelled, after, draws),
        level_gain=score_gain(
            target[after],
            levelled[after],
            expected[after],
            reference,
            end_ms[after],
            seed=seed,
            draws=draws,
        ),
        fitted=score(expected, before, 0),
        background=background,
        n_fit_hours=int(before.sum()),
    )


def market_bars(open_interest: pl.DataFrame, klines: pl.DataFrame, length_ms: int) -> Bars:
    """Return the bars of a market with the best highs and lows that its klines allow.

    Parameters
    ----------
    open_interest : polars.DataFrame
        Rows of that table, of one instrument.
    klines : polars.DataFrame
        Rows of ``klines``. Fine mark klines bound each bar; coarser ones, mark before last before
        index before spot, lend their extremes to the bar that came nearest to them.
    length_ms : int
        Longest kline that may lend. [ms]

    Returns
    -------
    Bars

    Notes
    -----
    A lent extreme is known at the end of its kline, which may be later than its bar: sums over
    whole intervals of `length_ms` are true to their time, the bars inside are not. Without it a
    path of five-minute closes misses the wicks, and three points of D² with them.
    """
    mark = klines.filter(pl.col("price_type") == "mark")
    bars = build_bars(open_interest, mark, empty("klines"), empty("funding"))
    coarse = klines.filter(
        (pl.col("interval_ms") <= length_ms) & (length_ms % pl.col("interval_ms") == 0)
    ).with_columns(end=pl.col("event_time").dt.epoch("ms"))
    low, high = bars.low.copy(), bars.high.copy()
    begin = bars.end_ms - bars.elapsed_ms
    lent_to = bars.mark_from_klines.copy()
    for price_type in _TRUEST_FIRST:
        rows = coarse.filter(pl.col("price_type") == price_type).sort("interval_ms", "end")
        for end, interval, lowest, highest in rows.select(
            "end", "interval_ms", "low", "high"
        ).iter_rows():
            start = int(np.searchsorted(begin, end - interval, side="left"))
            stop = int(np.searchsorted(bars.end_ms, end, side="right"))
            if stop <= start or lent_to[start:stop].any():
                continue
            at = start + int(np.argmin(low[start:stop]))
            low[at] = min(low[at], lowest)
            at = start + int(np.argmax(high[start:stop]))
            high[at] = max(high[at], highest)
            lent_to[start:stop] = True
    return replace(bars, low=low, high=high)


def scored_bars(
    open_interest: pl.DataFrame,
    path_klines: pl.DataFrame,
    trade_klines: pl.DataFrame,
    funding: pl.DataFrame,
    length_ms: int,
) -> Bars:
    """Return bars with the best path the klines allow and with volume, taker flow and funding.

    Parameters
    ----------
    open_interest, funding : polars.DataFrame
        Rows of those tables, of one instrument.
    path_klines : polars.DataFrame
        Klines of any price type that bound the path.
    trade_klines : polars.DataFrame
        Klines of the instrument's own trades.
    length_ms : int
        Longest kline that may lend its extremes. [ms]

    Returns
    -------
    Bars
        Their volume is what the ladder knew bar by bar; their extremes are true to time only when
        summed over whole intervals of `length_ms`.
    """
    path = market_bars(open_interest, path_klines, length_ms)
    known = build_bars(
        open_interest,
        path_klines.filter(pl.col("price_type") == "mark"),
        trade_klines,
        funding,
    )
    return replace(known, low=path.low, high=path.high)

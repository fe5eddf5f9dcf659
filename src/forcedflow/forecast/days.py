"""Days: a coin's daily liquidations beside its open interest, and whether tomorrow's were large.

In:  tables of some coins with a row a day.   Out: `DailyCoin`; inputs and outcomes as `Rows`. [1]
Pure: frames in, values out; no I/O, no clock, no global state.

A day is large where its liquidations over the open interest it began with exceed the 90 % quantile
of the 365 days before it, of the same coin and feed: what is much is known beforehand. Feeds were
thinned in 2021, each venue's at its own time, so levels before and after are not compared: ranks
and quantiles begin anew at `RESTART_MS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from forcedflow.errors import NoDataError
from forcedflow.forecast.rows import Rows
from forcedflow.units import DAY_MS, F8, I8, SIDES, F8x2

RESTART_MS = 1_633_046_400_000
"""2021-10-01: by then the feeds that are held were thinned; nothing before counts. [UTC ms]"""

TRAILING_D = 365
LEAST_D = 180
"""Days that a trailing quantile or rank needs. [d]"""

QUANTILE = 0.9
WEEKDAYS: tuple[str, ...] = tuple(f"weekday_{day}" for day in range(6))

_SPAN_D = 7
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class DailyCoin:
    """A coin's days, ``n`` of them, without gaps.

    Parameters
    ----------
    symbol : str
    end_ms : ndarray of int, shape (n,)
        Ends of UTC days; everything of a day is known at its end. [UTC ms]
    high, low, close : ndarray, shape (n,)
        [quote per base]
    open_interest_usd : ndarray, shape (n,)
        At the end of the day. [USD]
    liquidated_usd : ndarray, shape (n, 2)
        Longs, then shorts. [USD]
    funding : ndarray, shape (n,)
        Rate at the end of the day. [1]
    simulated : bool
    """

    symbol: str
    end_ms: I8
    high: F8
    low: F8
    close: F8
    open_interest_usd: F8
    liquidated_usd: F8x2
    funding: F8
    simulated: bool = False


def lay_daily(
    symbol: str,
    liquidation_totals: pl.DataFrame,
    open_interest: pl.DataFrame,
    klines: pl.DataFrame,
    funding: pl.DataFrame,
    simulated: bool = False,
) -> DailyCoin:
    """Return a coin's days out of its tables.

    Parameters
    ----------
    symbol : str
    liquidation_totals, open_interest, klines, funding : polars.DataFrame
        Rows of those tables of one coin, possibly of several intervals: bars of a day are used,
        and of open interest and funding the newest row of the day.
    simulated : bool

    Returns
    -------
    DailyCoin
        Days between the first and the last on which liquidations, open interest and price are all
        known; NaN where one is missing between.

    Raises
    ------
    NoDataError
        If there is no such day.
    """
    day = (pl.col("event_time").dt.epoch("ms") + DAY_MS - 1) // DAY_MS * DAY_MS
    whole = (pl.col("interval_ms") == DAY_MS) & (pl.col("event_time").dt.epoch("ms") % DAY_MS == 0)
    sums = (
        liquidation_totals.filter(whole)
        .group_by(end=day)
        .agg(
            *(
                pl.col("notional_usd").filter(pl.col("side") == side).sum().alias(side)
                for side in SIDES
            ),
            sides=pl.col("side").n_unique(),
        )
        .filter(pl.col("sides") == len(SIDES))
    )
    prices = klines.filter(whole).group_by(end=day).agg(pl.col("high", "low", "close").last())
    newest = [
        frame.sort("event_time").group_by(end=day).agg(pl.col(name).drop_nulls().last())
        for frame, name in ((open_interest, "open_interest_usd"), (funding, "funding_rate"))
    ]
    joined = sums.join(prices, on="end").join(newest[0].drop_nulls(), on="end").sort("end")
    if joined.is_empty():
        raise NoDataError(
            f"no day of {symbol} has liquidations, open interest and price\n"
            "hint: forcedflow import coinglass PATH"
        )
    first, last = int(joined["end"][0]), int(joined["end"][-1])
    days = pl.DataFrame({"end": np.arange(first, last + 1, DAY_MS, dtype=np.int64)})
    laid = days.join(joined, on="end", how="left").join(newest[1], on="end", how="left").sort("end")

    def column(name: str) -> F8:
        return laid[name].cast(pl.Float64).fill_null(np.nan).to_numpy()

    return DailyCoin(
        symbol=symbol,
        end_ms=laid["end"].to_numpy(),
        high=column("high"),
        low=column("low"),
        close=column("close"),
        open_interest_usd=column("open_interest_usd"),
        liquidated_usd=np.stack([column("long"), column("short")], axis=1),
        funding=column("funding_rate"),
        simulated=simulated,
    )


def lay_days(coins: Sequence[DailyCoin], restart_ms: int = RESTART_MS) -> list[Rows]:
    """Return the inputs of every coin's days, and whether tomorrow was large.

    Parameters
    ----------
    coins : sequence of DailyCoin
        All coins of the panel: what happens to all of them is an input.
    restart_ms : int
        Nothing before is looked at. [UTC ms]

    Returns
    -------
    list of Rows
        One per coin, columns by `forcedflow.forecast.daily.GROUPS`, and ``happened``: 1 where the
        day after was large, 0 where not, NaN where unknown; known a day later. ``threshold``:
        liquidations over open interest from which on it is. [1]
    """
    laid = [_of_coin(coin, restart_ms) for coin in coins]
    ends = np.unique(np.concatenate([rows.times_ms for rows in laid]))
    for name in ("sigma_2d", "size_1d", "size_3d"):
        panel = np.full((len(laid), ends.size), np.nan)
        for own, rows in zip(panel, laid, strict=True):
            own[np.searchsorted(ends, rows.times_ms)] = rows.columns[name]
        known = ~np.isnan(panel)
        count = known.sum(axis=0)
        total = np.where(known, panel, 0.0).sum(axis=0)
        mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        laid = [
            Rows(
                rows.symbol,
                rows.venue,
                rows.times_ms,
                {**rows.columns, f"coins_{name}": mean[np.searchsorted(ends, rows.times_ms)]},
                rows.simulated,
            )
            for rows in laid
        ]
    return laid


def _of_coin(coin: DailyCoin, restart_ms: int) -> Rows:
    late = coin.end_ms > restart_ms
    close, high, low = coin.close[late], coin.high[late], coin.low[late]
    interest, usd = coin.open_interest_usd[late], coin.liquidated_usd[late]
    end_ms, funding = coin.end_ms[late], coin.funding[late]
    with np.errstate(invalid="ignore", divide="ignore"):
        before = np.concatenate([[np.nan], np.where(interest > 0, interest, np.nan)[:-1]])
        size = usd.sum(axis=1) / before
        # Over the days before tomorrow, today included.
        much = _quantile(size, QUANTILE)
        tomorrow = np.concatenate([size[1:], [np.nan]])[: size.size]
        unknown = np.isnan(tomorrow) | np.isnan(much)
        happened = np.where(unknown, np.nan, (tomorrow > much).astype(np.float64))
        move = np.log(close / np.concatenate([[np.nan], close[:-1]]))
        usual = np.sqrt(_mean(move**2, 90))
        faded = {days: np.sqrt(_faded(move**2, days)) for days in (2, 7, 30)}
        long_run = _quantile(faded[7], 0.5)
        change = np.log(interest / np.concatenate([np.full(_SPAN_D, np.nan), interest[:-_SPAN_D]]))
        weekday = (end_ms // DAY_MS + 3) % 7  # of the day that begins: the epoch was a Thursday
        columns = {
            **{name: (weekday == d).astype(np.float64) for d, name in enumerate(WEEKDAYS)},
            **{f"sigma_{days}d": np.log(own / long_run) for days, own in faded.items()},
            "move_1d": np.clip(move / usual, -6, 6),
            "range_1d": np.log(np.maximum(np.log(high / low), _TINY) / usual),
            "sigma_2d_rank": _rank(faded[2]),
            **{
                f"size_{days}d": np.log((_mean(size, days) + _TINY) / (much + _TINY))
                for days in (1, 3, 7, 30)
            },
            "long_share": usd[:, 0] / np.maximum(usd.sum(axis=1), _TINY) - 0.5,
            "oi_rank": _rank(interest),
            "oi_change_7d_rank": _rank(change),
            "funding_rank": _rank(funding),
            "funding_7d_rank": _rank(_mean(funding, _SPAN_D)),
            "happened": happened,
            "threshold": much,
        }
    return Rows(coin.symbol, "", end_ms, columns, coin.simulated)


def _mean(column: F8, days: int) -> F8:
    least = max(1, round(0.75 * days))
    series = pl.Series(column).fill_nan(None).rolling_mean(days, min_samples=least)
    return series.fill_null(np.nan).to_numpy()


def _quantile(column: F8, level: float) -> F8:
    series = (
        pl.Series(column)
        .fill_nan(None)
        .rolling_quantile(level, "linear", window_size=TRAILING_D, min_samples=LEAST_D)
    )
    return series.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _rank(column: F8) -> F8:
    """Share of the trailing days that lie below, less a half; NaN where unknown."""
    values = pl.Series(column).fill_nan(None)
    place = values.rolling_rank(TRAILING_D, method="average", min_samples=LEAST_D)
    count = values.is_not_null().cast(pl.Float64).rolling_sum(TRAILING_D, min_samples=1)
    return ((place.cast(pl.Float64) - 0.5) / count - 0.5).fill_null(np.nan).to_numpy()


def _faded(column: F8, half_life_days: float) -> F8:
    """Mean with an exponential memory; unknown days are passed over, ten known ones needed."""
    series = (
        pl.Series(column)
        .fill_nan(None)
        .ewm_mean(half_life=half_life_days, adjust=True, ignore_nulls=False, min_samples=10)
    )
    return series.fill_null(np.nan).to_numpy()

"""Which source depth is taken from: a fresh book, else bands, else the volume of a day.

In:  rows of ``order_book``, ``depth_bands``, ``klines`` known by a moment. [UTC ms]
Out: `DepthCurve` down and up, each saying its source and age.
Pure: frames in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from forcedflow.depth.beyond import STATED_AT
from forcedflow.depth.curve import DepthCurve, Direction
from forcedflow.depth.from_bands import fault_of, from_bands
from forcedflow.depth.from_book import WINDOW_MS, from_book
from forcedflow.depth.from_volume import from_volume
from forcedflow.errors import NoDataError
from forcedflow.tables import TIME, is_simulated
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS, format_age

BOOK_FRESH_MS = 2 * MINUTE_MS
"""Age up to which an order book stands for now. [ms]"""

BANDS_FRESH_MS = 10 * MINUTE_MS
"""Age up to which bands do: they come every 30 s to 5 min. [ms]"""

VOLUME_FRESH_MS = 30 * DAY_MS
"""Age up to which a day's volume does; its drift over that time is in the error. [ms]"""

MIRRORED_LOG_SD = 0.34
"""Log error of one side taken for the other: root mean square of the log of bids over asks within
one percent, Binance BTC, 2025-10-10 until 15:00. A market in disorder is more lopsided. [1]"""

_COARSEST_MS = HOUR_MS
_OPPOSITE: dict[Direction, Direction] = {"down": "up", "up": "down"}
_COMPLETE = 0.9  # of a day's bars


@dataclass(frozen=True, slots=True)
class _Day:
    """A day's turnover: value traded, volatility, when it ended. [USD, 1, UTC ms]"""

    volume_usd: float
    sigma: float
    end_ms: int
    simulated: bool


def choose_depth(
    order_book: pl.DataFrame, depth_bands: pl.DataFrame, klines: pl.DataFrame, at_ms: int
) -> tuple[DepthCurve, DepthCurve]:
    """Return depth down and up from the best of what is known.

    Parameters
    ----------
    order_book, depth_bands, klines : polars.DataFrame
        Rows of those tables, one venue and symbol, known by the moment; any may be empty. Bands of
        a day, so that faults are seen; klines of `VOLUME_FRESH_MS`.
    at_ms : int
        The moment. [UTC ms]

    Returns
    -------
    down, up : DepthCurve
        From a book no older than `BOOK_FRESH_MS`; past its reach from bands no older than
        `BANDS_FRESH_MS`, where they reach further. Without a book from bands alone; where those of
        one side are at fault, from the other side's, which says more of the moment than a day's
        volume does. Without any, from the newest whole day of volume.

    Raises
    ------
    NoDataError
        If not even a day's volume is known.
    """
    book = _fresh(order_book, at_ms, BOOK_FRESH_MS, BOOK_FRESH_MS + WINDOW_MS)
    bands = _two_sided(_fresh(depth_bands, at_ms, BANDS_FRESH_MS, DAY_MS))
    return (
        _one_way("down", book, bands, klines, at_ms),
        _one_way("up", book, bands, klines, at_ms),
    )


def joined(near: DepthCurve, far: DepthCurve) -> DepthCurve:
    """Return one curve that follows ``near`` as far as it was measured, and ``far`` past that.

    Raises
    ------
    ValueError
        If directions differ.
    """
    if near.direction != far.direction:
        raise ValueError("joining needs curves of one direction")
    reach = near.measured_to
    edges = np.concatenate([near.edges[near.edges < reach], [reach], far.edges[far.edges > reach]])
    inner = int(np.searchsorted(edges, reach))
    return DepthCurve(
        direction=near.direction,
        edges=edges,
        usd=np.concatenate([near.on(edges[: inner + 1]), far.on(edges[inner:])]),
        measured_to=max(reach, far.measured_to),
        # The error is stated at one percent, where one of the two is what counts.
        log_sd=near.log_sd if reach >= STATED_AT else far.log_sd,
        source=f"{near.source}; past that {far.source}",
        at_ms=min(near.at_ms, far.at_ms),
    )


def mirrored(curve: DepthCurve, why: str) -> DepthCurve:
    """Return one side's curve taken for the other's, its error wider and its source saying why."""
    return replace(
        curve,
        direction=_OPPOSITE[curve.direction],
        log_sd=float(np.hypot(curve.log_sd, MIRRORED_LOG_SD)),
        source=f"the other side's {curve.source}, taken for this one ({why})",
    )


def _one_way(
    direction: Direction,
    book: pl.DataFrame,
    bands: pl.DataFrame,
    klines: pl.DataFrame,
    at_ms: int,
) -> DepthCurve:
    fault = None if bands.is_empty() else fault_of(bands, direction)
    far = None
    if not bands.is_empty() and fault is None:
        far = _aged(from_bands(bands, direction), at_ms)
    elif fault is not None and fault_of(bands, _OPPOSITE[direction]) is None:
        other = _aged(from_bands(bands, _OPPOSITE[direction]), at_ms)
        far = mirrored(other, f"depth bands refused: {fault}")
    if not book.is_empty():
        near = _aged(from_book(book, direction), at_ms)
        if far is not None:
            return joined(near, far) if far.measured_to > near.measured_to else near
        return near if fault is None else _noted(near, f"depth bands refused: {fault}")
    if far is not None:
        return far
    day = _newest_day(klines, at_ms)
    if day is None:
        refused = f"; depth bands refused: {fault}" if fault else ""
        raise NoDataError(
            "no depth is known at that time: no fresh order book, no fresh depth bands, and no "
            f"whole day of volume in the {VOLUME_FRESH_MS // DAY_MS} days before{refused}\n"
            "hint: forcedflow fetch, or forcedflow import candles PATH"
        )
    curve = from_volume(
        day.volume_usd,
        day.sigma,
        direction,
        day.end_ms,
        age_ms=max(0, at_ms - day.end_ms),
        simulated=day.simulated,
    )
    return curve if fault is None else _noted(curve, f"depth bands refused: {fault}")


def _fresh(rows: pl.DataFrame, at_ms: int, age_ms: int, past_ms: int = 0) -> pl.DataFrame:
    """Rows up to the moment; none where the newest is too old, else with ``past_ms`` before it."""
    event = rows["event_time"].dt.epoch("ms").to_numpy()
    known = event <= at_ms
    if not (known & (event >= at_ms - age_ms)).any():
        return rows.clear()
    return rows[np.flatnonzero(known & (event >= at_ms - max(past_ms, age_ms)))]


def _two_sided(bands: pl.DataFrame) -> pl.DataFrame:
    """Bands, unless a side of them is missing altogether: then nothing can vouch for the other."""
    distance = bands["distance_pct"].to_numpy()
    return bands if (distance < 0).any() and (distance > 0).any() else bands.clear()


def _newest_day(klines: pl.DataFrame, at_ms: int) -> _Day | None:
    """Turnover of the newest day that one series of bars covers, the finest among equals."""
    traded = klines.filter(
        pl.col("price_type") == "last",
        pl.col("interval_ms") <= _COARSEST_MS,
        pl.col("volume").is_not_null() | pl.col("quote_volume").is_not_null(),
        pl.col("event_time") <= _time(at_ms),
    ).sort("event_time")
    found: _Day | None = None
    for interval in traded["interval_ms"].unique().sort().to_list():
        day = _turnover(traded.filter(pl.col("interval_ms") == interval), int(interval))
        if day is None or day.end_ms < at_ms - VOLUME_FRESH_MS:
            continue
        if found is None or day.end_ms > found.end_ms + HOUR_MS:
            found = day
    return found


def _turnover(bars: pl.DataFrame, interval_ms: int) -> _Day | None:
    end = int(bars.select(pl.col("event_time").dt.epoch("ms").max()).item())
    day = bars.filter(pl.col("event_time") > _time(end - DAY_MS))
    if day.height * interval_ms < _COMPLETE * DAY_MS:
        return None
    value = day.select(pl.coalesce("quote_volume", pl.col("volume") * pl.col("close"))).to_series()
    # Each bar's own move, so that a gap between bars is not taken for a move within one.
    moves = np.log(day["close"].to_numpy() / day["open"].to_numpy())
    whole = DAY_MS / (day.height * interval_ms)
    volume, sigma = float(value.sum()) * whole, float(np.sqrt((moves**2).sum() * whole))
    if not (volume > 0 and sigma > 0):
        return None
    return _Day(volume, sigma, end, any(map(is_simulated, day["source"].unique())))


def _aged(curve: DepthCurve, at_ms: int) -> DepthCurve:
    return _noted(curve, f"{format_age(at_ms - curve.at_ms)} old")


def _noted(curve: DepthCurve, words: str) -> DepthCurve:
    return replace(curve, source=f"{curve.source}, {words}")


def _time(ms: int) -> pl.Expr:
    return pl.lit(ms, dtype=TIME)

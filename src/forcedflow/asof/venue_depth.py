"""Depth of one venue as of a moment: near the price, on the nearest levels, and to an order.

In:  a lake, an instrument, an order. [USD, UTC ms]   Out: `Depth`, saying what it rests on.
Reads the lake; nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from forcedflow import tables
from forcedflow.depth.curve import DepthCurve
from forcedflow.depth.from_book import WINDOW_MS as BOOK_WINDOW_MS
from forcedflow.depth.source import BOOK_FRESH_MS, VOLUME_FRESH_MS, choose_depth
from forcedflow.errors import NoDataError
from forcedflow.instruments import Instrument
from forcedflow.store import Lake
from forcedflow.units import DAY_MS

BOOK_LEVELS = 20
"""Levels of a book whose depth is told: what most venues stream for everybody."""

_NEAR_PCT = 1.0
_ONE_PCT: tuple[float, float] = (-math.log1p(-_NEAR_PCT / 100), math.log1p(_NEAR_PCT / 100))


@dataclass(frozen=True, slots=True)
class BothWays:
    """A figure each way: of selling, which eats bids, and of buying, which eats asks."""

    sell: float
    buy: float


@dataclass(frozen=True, slots=True)
class Depth:
    """What a venue's book holds.

    Parameters
    ----------
    near_usd : BothWays
        Within one percent of the mid price. [USD]
    levels_usd : BothWays or None
        On `BOOK_LEVELS` levels of the newest book; None without a fresh one. [USD]
    slippage_bps : BothWays or None
        Mean distance that the order pays; None where it is larger than all that is known. [bps]
    measured : bool
        Whether books or bands show one percent both ways; else ``near_usd`` is estimated from what
        they show, or from a day's volume.
    source : str
        Down and up, in words.
    at_ms : int
        Event time of the newest row behind it. [UTC ms]
    """

    near_usd: BothWays
    levels_usd: BothWays | None
    slippage_bps: BothWays | None
    measured: bool
    source: str
    at_ms: int

    @property
    def book_is_fresh(self) -> bool:
        """Return whether slippage is of a book, spread included, and not of coarser figures."""
        return self.levels_usd is not None


def read_venue_depth(
    lake: Lake, instrument: Instrument, order_usd: float, at_ms: int
) -> Depth | None:
    """Return what a venue's book holds and what an order pays in it, by the best source known.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    order_usd : float
        Above zero. [USD]
    at_ms : int
        Rows known by then. [UTC ms]

    Returns
    -------
    Depth or None
        From a fresh book, else depth bands, else a day's volume; None without any.
    """

    def rows(table: str, span_ms: int) -> pl.DataFrame:
        return lake.read(
            table,
            venue=instrument.venue,
            symbol=instrument.symbol,
            start_ms=at_ms - span_ms,
            available_by_ms=at_ms,
        )

    book = rows("order_book", BOOK_FRESH_MS + BOOK_WINDOW_MS)
    bands = rows("depth_bands", DAY_MS)
    shown = True
    try:
        curves = choose_depth(book, bands, tables.empty("klines"), at_ms)
    except NoDataError:
        shown = False
        try:
            curves = choose_depth(book, bands, rows("klines", VOLUME_FRESH_MS + DAY_MS), at_ms)
        except NoDataError:
            return None
    reaches = all(
        curve.measured_to >= reach * 0.999 for curve, reach in zip(curves, _ONE_PCT, strict=True)
    )
    down, up = curves
    near = [
        float(curve.cumulative(np.array([reach]))[0])
        for curve, reach in zip(curves, _ONE_PCT, strict=True)
    ]
    return Depth(
        near_usd=BothWays(*near),
        levels_usd=_levels(book, at_ms),
        slippage_bps=_slippage(down, up, order_usd),
        measured=shown and reaches,
        source=down.source if down.source == up.source else f"{down.source}; up {up.source}",
        at_ms=max(down.at_ms, up.at_ms),
    )


def _levels(book: pl.DataFrame, at_ms: int) -> BothWays | None:
    """Value of the nearest levels of the newest book, where that is fresh."""
    if book.is_empty() or event_ms(book) < at_ms - BOOK_FRESH_MS:
        return None
    newest = book.filter(
        pl.col("event_time") == pl.col("event_time").max(), pl.col("level") < BOOK_LEVELS
    )
    value = {
        side: float((rows["price"] * rows["amount"]).sum())
        for side in ("bid", "ask")
        if not (rows := newest.filter(pl.col("side") == side)).is_empty()
    }
    return BothWays(value["bid"], value["ask"]) if len(value) == 2 else None


def _slippage(down: DepthCurve, up: DepthCurve, order_usd: float) -> BothWays | None:
    try:
        return BothWays(1e4 * down.slippage(order_usd), 1e4 * up.slippage(order_usd))
    except ValueError:
        return None  # larger than the book, and nothing is known beyond it


def event_ms(rows: pl.DataFrame) -> int:
    """Return the newest event time of rows, at least one. [UTC ms]"""
    return int(rows.select(pl.col("event_time").dt.epoch("ms").max()).item())

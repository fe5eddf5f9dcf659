"""Depth from order books: the levels of several snapshots, made one curve each way.

In:  rows of ``order_book`` of one venue and symbol.   Out: `DepthCurve`. [USD, 1]
Pure: frames in, values out; no I/O, no clock, no global state.

Several snapshots, because one book is one moment's: the curve is the median over a trailing window,
at each distance, and their dispersion is part of its error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from forcedflow.depth.beyond import log_error, tail
from forcedflow.depth.curve import DepthCurve, Direction
from forcedflow.errors import DataError
from forcedflow.tables import is_simulated
from forcedflow.units import F8, I8, MINUTE_MS, format_age

WINDOW_MS = 5 * MINUTE_MS
"""Snapshots that count: up to so much older than the newest. [ms]"""

ENOUGH = 5
"""Snapshots from which a dispersion is taken."""

LONE_SPREAD = 0.53
"""Log dispersion of a curve with fewer snapshots: the tape's within five minutes, one side up to
the shortest reach of those minutes, mean of three coins' medians 0.41 to 0.71. [1]"""

_SLICES = 40
_NEAREST = 0.01  # of the reach: where the geometric slices begin


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """One side of one book: how far its levels are from the mid, and what they hold up to each."""

    at_ms: int
    distance: F8
    total: F8


def from_book(rows: pl.DataFrame, direction: Direction, hidden_share: float = 0.0) -> DepthCurve:
    """Return depth one way from the newest order books.

    Parameters
    ----------
    rows : polars.DataFrame
        Of ``order_book``, one venue and symbol, both sides. Rows older than `WINDOW_MS` before the
        newest are left out.
    direction : {"down", "up"}
        Down eats bids, up eats asks.
    hidden_share : float
        Share of executable depth that books do not show, in [0, 1): icebergs, and what refills
        while an order is worked. None is assumed: the tape's orders moved price further than a
        walk through the book, not less. [1]

    Returns
    -------
    DepthCurve
        Measured as far as the shortest book of the window; see `forcedflow.depth.beyond` for what
        is assumed past it, and for the error.

    Raises
    ------
    DataError
        If no snapshot has two sides that do not cross.
    ValueError
        If the hidden share is outside [0, 1).

    Notes
    -----
    Distances are from the mid, so half the spread is part of the way. One error is stated for the
    whole curve, at one percent; it is larger further out.
    """
    if not 0 <= hidden_share < 1:
        raise ValueError(f"a hidden share lies in [0, 1), was {hidden_share}")
    newest = rows["event_time"].max()
    recent = rows.filter(pl.col("event_time") > newest - pl.duration(milliseconds=WINDOW_MS))
    books, refused = _snapshots(recent, direction)
    if not books:
        raise DataError(f"none of {refused} order books has two sides that do not cross")
    # The shortest reach, because books that reach further are the thinner ones: to keep those
    # alone at the far end would understate it.
    reach = min(float(book.distance[-1]) for book in books)
    edges = np.concatenate([[0.0], np.geomspace(_NEAREST * reach, reach, _SLICES)])
    held = np.stack([_at(book, edges) for book in books])
    # A median of curves that rise, taken distance by distance, rises too.
    total = np.median(held, axis=0) / (1.0 - hidden_share)
    outer = total[-1] - float(np.interp(reach / 2, edges, total))
    beyond, beyond_usd = tail(reach, outer / (reach / 2))
    return DepthCurve(
        direction=direction,
        edges=np.concatenate([edges, beyond]),
        usd=np.concatenate([np.diff(total), beyond_usd]),
        measured_to=reach,
        log_sd=log_error(_spread(held[:, -1]), reach),
        source=_words(rows, books, reach, refused, hidden_share),
        at_ms=books[-1].at_ms,
    )


def _snapshots(rows: pl.DataFrame, direction: Direction) -> tuple[list[_Snapshot], int]:
    """One side of every sound book, oldest first, and how many were refused."""
    books: list[_Snapshot] = []
    refused = 0
    ordered = rows.sort("event_time", "side", "level")
    time = ordered["event_time"].dt.epoch("ms").to_numpy()
    is_ask = (ordered["side"] == "ask").to_numpy()
    price, amount = ordered["price"].to_numpy(), ordered["amount"].to_numpy()
    for start, end in _runs(time):
        ask, here = is_ask[start:end], price[start:end]
        if ask.all() or not ask.any() or here[~ask].max() >= here[ask].min():
            refused += 1
            continue
        mid = (here[~ask].max() + here[ask].min()) / 2
        own = ask if direction == "up" else ~ask
        distance = np.abs(np.log(here[own] / mid))
        order = np.argsort(distance, kind="stable")
        usd = (here * amount[start:end])[own][order]
        books.append(_Snapshot(int(time[start]), distance[order], np.cumsum(usd)))
    return books, refused


def _runs(time: I8) -> list[tuple[int, int]]:
    """Where each moment's rows begin and end."""
    starts = np.flatnonzero(np.diff(time, prepend=-1))
    return list(zip(starts.tolist(), [*starts[1:].tolist(), time.size], strict=True))


def _at(book: _Snapshot, edges: F8) -> F8:
    """Sum a book up to each distance: levels are steps."""
    # The outermost edge is a level's own distance; rounding must not lose that level.
    below = np.searchsorted(book.distance, edges * (1 + 1e-12), side="right")
    return np.concatenate([[0.0], book.total])[below]


def _spread(totals: F8) -> float:
    held = totals[totals > 0]
    return float(np.log(held).std(ddof=1)) if held.size >= ENOUGH else LONE_SPREAD


def _words(
    rows: pl.DataFrame, books: list[_Snapshot], reach: float, refused: int, hidden_share: float
) -> str:
    simulated = "simulated " if any(map(is_simulated, rows["source"].unique())) else ""
    levels = int(np.median([book.distance.size for book in books]))
    span = format_age(books[-1].at_ms - books[0].at_ms)
    of = "one snapshot" if len(books) == 1 else f"median of {len(books)} snapshots over {span}"
    words = f"{simulated}order book of {levels} levels, {of}, shown to {100 * reach:.2g} %"
    if refused:
        words += f", {refused} crossed or one-sided ones left out"
    if hidden_share:
        words += f", {100 * hidden_share:.0f} % taken to be hidden"
    return words

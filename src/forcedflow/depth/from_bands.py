"""Depth from percentage bands: cumulative depth at stated distances, made one curve each way.

In:  rows of ``depth_bands`` of one venue and symbol.   Out: `DepthCurve`, or why they are refused.
Pure: frames in, values out; no I/O, no clock, no global state.

A known fault: on 2025-10-10 from about 15:00 Binance measured its bids from a stale price, and a
book that stood was published as empty. `fault_of` recognises that kind from the bands alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from forcedflow.depth.beyond import log_error, tail
from forcedflow.depth.curve import DepthCurve, Direction
from forcedflow.depth.from_book import ENOUGH, LONE_SPREAD
from forcedflow.errors import DataError
from forcedflow.tables import is_simulated
from forcedflow.units import F8, I8, MINUTE_MS, F8x2

WINDOW_MS = 5 * MINUTE_MS
"""Snapshots that count: up to so much older than the newest. [ms]"""

COLLAPSED = 0.5
"""A side has collapsed when its depth is below so much of its trailing median, and the other
side's above so much of its own. [1]"""

NARROWED = 0.8
"""Bids and asks contradict each other when the distance of their mean prices is below so much of
its trailing median. Sound ten-minute medians of 2025-10-10 stayed above 0.88. [1]"""

_COMPARED_AT_PCT = 1.0


@dataclass(frozen=True, slots=True)
class _Side:
    """Snapshots of one side, oldest first: n times, k distances from near to far."""

    at_ms: I8
    distance_pct: F8
    usd: F8x2
    coins: F8x2


def from_bands(rows: pl.DataFrame, direction: Direction, hidden_share: float = 0.0) -> DepthCurve:
    """Return depth one way from the newest bands.

    Parameters
    ----------
    rows : polars.DataFrame
        Of ``depth_bands``, one venue and symbol, both sides; a day of them, so that faults are
        seen. The curve is of those up to `WINDOW_MS` before the newest.
    direction : {"down", "up"}
        Down eats bids, up eats asks.
    hidden_share : float
        Share of executable depth that bands do not show, in [0, 1). [1]

    Returns
    -------
    DepthCurve
        Median over snapshots at each distance, measured to the outermost band; see
        `forcedflow.depth.beyond` for what is assumed past it, and for the error. Within a band
        depth is even. Where a wider band holds less than a narrower one, it is raised to it.

    Raises
    ------
    DataError
        If there are no bands of that side, or they show the fault of `fault_of`.
    ValueError
        If the hidden share is outside [0, 1).
    """
    if not 0 <= hidden_share < 1:
        raise ValueError(f"a hidden share lies in [0, 1), was {hidden_share}")
    if fault := fault_of(rows, direction):
        raise DataError(fault)
    side = _recent(_read(rows, direction))
    raised = np.maximum.accumulate(side.usd, axis=1)
    repaired = int((raised != side.usd).any(axis=1).sum())
    total = np.median(raised, axis=0) / (1.0 - hidden_share)
    sign = -1.0 if direction == "down" else 1.0
    edges = np.concatenate([[0.0], np.abs(np.log1p(sign * side.distance_pct / 100.0))])
    usd = np.diff(total, prepend=0.0)
    reach = float(edges[-1])
    beyond, beyond_usd = tail(reach, float(usd[-1]) / (reach - float(edges[-2])))
    at_one = raised[:, _compared(side.distance_pct)]
    held = at_one[at_one > 0]
    spread = float(np.log(held).std(ddof=1)) if held.size >= ENOUGH else LONE_SPREAD
    simulated = "simulated " if any(map(is_simulated, rows["source"].unique())) else ""
    words = (
        f"{simulated}depth bands, median of {side.at_ms.size} snapshots, "
        f"shown to {side.distance_pct[-1]:g} %"
    )
    if repaired:
        words += f", {repaired} that fell outwards repaired"
    if hidden_share:
        words += f", {100 * hidden_share:.0f} % taken to be hidden"
    return DepthCurve(
        direction=direction,
        edges=np.concatenate([edges, beyond]),
        usd=np.concatenate([usd, beyond_usd]),
        measured_to=reach,
        log_sd=log_error(spread, reach),
        source=words,
        at_ms=int(side.at_ms[-1]),
    )


def fault_of(rows: pl.DataFrame, direction: Direction) -> str | None:
    """Return why the newest bands of one side cannot be used, or None.

    Parameters
    ----------
    rows : polars.DataFrame
        Of ``depth_bands``, as for `from_bands`.
    direction : {"down", "up"}

    Returns
    -------
    str or None
        In words. Bands are refused where

        - theirs is the side that holds less, and it holds nothing, or the mean price of bids is not
          below that of asks, which no uncrossed book can show; or
        - their side has collapsed while the other stands (`COLLAPSED`), and the mean prices have
          drawn together (`NARROWED`). Bids that are really withdrawn are withdrawn near the mid
          first, and their mean price moves *away* from the asks'.

    Raises
    ------
    DataError
        If a side has no bands at all.

    Notes
    -----
    A stale price is seen once price has moved on by about half a percent; before that it halves
    a side without a contradiction, and nothing here tells it from a real withdrawal.
    """
    own, other = _read(rows, direction), _read(rows, "up" if direction == "down" else "down")
    shared = np.intersect1d(own.distance_pct, other.distance_pct)
    both, i, j = np.intersect1d(own.at_ms, other.at_ms, return_indices=True)
    if not shared.size or not both.size:
        return None
    at = shared[_compared(shared)]
    usd = [s.usd[k, int(np.argmax(s.distance_pct == at))] for s, k in ((own, i), (other, j))]
    coins = [s.coins[k, int(np.argmax(s.distance_pct == at))] for s, k in ((own, i), (other, j))]
    now = both > both[-1] - WINDOW_MS
    name = "bids" if direction == "down" else "asks"
    is_less = np.median(usd[0][now]) < np.median(usd[1][now])
    filled = (coins[0] > 0) & (coins[1] > 0)
    if not (filled & now).any():
        return f"no {name} within {at:g} % while the other side stands" if is_less else None
    sign = 1.0 if direction == "down" else -1.0
    mean = [held[filled] / number[filled] for held, number in zip(usd, coins, strict=True)]
    gap = sign * np.log(mean[1] / mean[0])
    gap_now, gap_usual = float(np.median(gap[now[filled]])), float(np.median(gap))
    if is_less and gap_now <= 0:
        return f"{name} within {at:g} % stand on the other side of the price: a stale reference"
    # A median of nothing is no measure; then no share is taken to have fallen.
    share_own, share_other = (
        float(np.median(held[now]) / np.median(held)) if np.median(held) > 0 else 1.0
        for held in usd
    )
    if share_own < COLLAPSED < share_other and gap_now < NARROWED * gap_usual:
        return (
            f"{name} within {at:g} % fell to {100 * share_own:.0f} % of their trailing median "
            "while the other side stood, and mean prices drew together: a stale reference"
        )
    return None


def _read(rows: pl.DataFrame, direction: Direction) -> _Side:
    """Snapshots of one side that have every distance of the newest one."""
    sign = -1.0 if direction == "down" else 1.0
    # By hand rather than by the table engine: it is asked at every hour of years.
    distance = sign * rows["distance_pct"].to_numpy()
    own = np.flatnonzero(distance > 0)
    if not own.size:
        raise DataError(f"there are no depth bands of {'bids' if direction == 'down' else 'asks'}")
    event = rows["event_time"].dt.epoch("ms").to_numpy()
    own = own[np.lexsort((distance[own], event[own]))]
    wanted = distance[own[event[own] == event[own[-1]]]]
    own = own[np.isin(distance[own], wanted)]
    at_ms, first, count = np.unique(event[own], return_index=True, return_counts=True)
    whole = count == wanted.size
    own = own[(first[whole][:, None] + np.arange(wanted.size)).ravel()]
    shape = (-1, wanted.size)
    return _Side(
        at_ms=at_ms[whole],
        distance_pct=wanted,
        usd=rows["notional_usd"].to_numpy()[own].reshape(shape),
        coins=rows["amount"].to_numpy()[own].reshape(shape),
    )


def _recent(side: _Side) -> _Side:
    kept = side.at_ms > side.at_ms[-1] - WINDOW_MS
    return _Side(side.at_ms[kept], side.distance_pct, side.usd[kept], side.coins[kept])


def _compared(distance_pct: F8) -> int:
    """Which band stands for the side: the one nearest to one percent."""
    return int(np.argmin(np.abs(np.log(distance_pct / _COMPARED_AT_PCT))))

r"""The conditional spatial score: given that a range was swept, where in it liquidations fell.

In:  hourly `Snapshot`s of the map, `Located` prints, the path, the fitted weights. [USD]
Out: surprise per hour and side [USD × bit], and `Row` values of the metric ``spatial_bits``.
Pure: values in, values out; no I/O, no clock.

.. math:: \frac{1}{\sum Y} \sum_{b \in S} - Y_b \log_2 q_b , \qquad \sum_{b \in S} q_b = 1

over the range :math:`S` that the mark newly swept in the hour after a snapshot. How far it went is
given, so only *where* is scored. A print knows its mark to the minute, so the bins are what each
minute newly swept: finer ones would score a guess. Uniform puts :math:`q` evenly over :math:`S` in
log price. The path-only null knows more: what lies beyond an earlier extreme weighs more. Ours is
what stood in each bin times its weights, and its own background.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.evaluate.located import Located
from forcedflow.evaluate.map_card import Scope, map_row
from forcedflow.evaluate.map_scores import days_of
from forcedflow.evaluate.map_trial import FLOOR_SHARE
from forcedflow.evaluate.scorecard import Row, ratio_gain
from forcedflow.evaluate.snapshots import Snapshot
from forcedflow.positions import Bars, PriceGrid
from forcedflow.positions.background import EXCURSION_SPANS_MS
from forcedflow.units import F8, HOUR_MS, I8, SIDES, F8x2

COMPETITORS = ("forcedflow", "uniform", "path_only")


@dataclass(frozen=True, slots=True)
class Surprise:
    """What hours and sides with liquidations in a swept range said, ``n`` of them.

    Parameters
    ----------
    end_ms : ndarray of int, shape (n,)
        Ends of the hours. [UTC ms]
    side : ndarray of int, shape (n,)
        0 for longs, 1 for shorts.
    usd : ndarray, shape (n,)
        Liquidated inside the range. [USD]
    bits : ndarray, shape (n, 3)
        Surprise of each of `COMPETITORS`, over all of those dollars. [USD × bit]
    """

    end_ms: I8
    side: I8
    usd: F8
    bits: F8x2


def newly_swept(start: float, reached: F8, side: int) -> tuple[F8, I8]:
    """Return how far a sweep had come when each minute that took it farther ended.

    Parameters
    ----------
    start : float
        Mark at the beginning. [log quote]
    reached : ndarray, shape (n,)
        Lowest mark of each minute for longs, highest for shorts. [log quote]
    side : int
        0 for longs, 1 for shorts.

    Returns
    -------
    distance : ndarray, shape (k + 1,)
        Increasing from 0: borders of the bins. [1]
    minute : ndarray of int, shape (k,)
        The minute that swept each bin.
    """
    away = (start - reached) if side == 0 else (reached - start)
    farthest = np.maximum.accumulate(np.concatenate([[0.0], away]))
    minute = np.flatnonzero(np.diff(farthest) > 0)
    return np.concatenate([[0.0], farthest[1:][minute]]), minute


def path_mass(distance: F8, extremes: F8, weights: F8) -> F8:
    r"""Return what the path alone expects in each bin, per dollar of open interest.

    .. math:: F(x) = w_r x + \sum_k w_k [x - e_k]^+ + w_0 \, x / X

    at distance ``x`` from the start of a sweep of length ``X``, one hour long.

    Parameters
    ----------
    distance : ndarray, shape (k + 1,)
        Of `newly_swept`. [1]
    extremes : ndarray, shape (j,)
        Distance from the start to the earlier extreme of each span, 0 where it lies behind. [1]
    weights : ndarray, shape (j + 2,)
        Of the spans, the range and the time, as the path-only null has them.

    Returns
    -------
    ndarray, shape (k,)
        [USD per USD]
    """
    beyond = np.maximum(distance[:, None] - extremes, 0.0) @ weights[:-2]
    total = weights[-2] * distance + beyond + weights[-1] * distance / distance[-1]
    mass: F8 = np.diff(total)
    return mass


def standing_mass(log_price: F8, expected: F8, grid: PriceGrid) -> F8:
    """Return what a profile holds between prices.

    Parameters
    ----------
    log_price : ndarray, shape (k + 1,)
        Borders, in either order. [log quote]
    expected : ndarray, shape (p,)
        By bin of the grid, evenly within one; nothing is known outside. [USD]
    grid : PriceGrid

    Returns
    -------
    ndarray, shape (k,)
        [USD]
    """
    below = np.concatenate([[0.0], np.cumsum(expected)])
    held: F8 = np.abs(np.diff(np.interp(log_price, np.log(grid.edges), below)))
    return held


def shares_within(mass: F8, distance: F8) -> F8:
    """Return a mass as shares of its sum, with the floor under every competitor. [1]"""
    evenly = np.diff(distance) / distance[-1]
    total = float(mass.sum())
    shares: F8 = FLOOR_SHARE * evenly
    shares += (1 - FLOOR_SHARE) * (mass / total if total > 0 else evenly)
    return shares


def hourly_surprise(
    snapshots: Sequence[Snapshot],
    located: Located,
    bars: Bars,
    ours: F8x2,
    path_only: F8x2,
) -> Surprise:
    """Return each competitor's surprise at where the liquidations of each swept range fell.

    Parameters
    ----------
    snapshots : sequence of Snapshot
    located : Located
        Of prints.
    bars : Bars
        The bars that the snapshots count.
    ours, path_only : ndarray, shape (2, j + 2)
        Weights of the path's terms: our background's, and the path-only null's.

    Returns
    -------
    Surprise
        Ranges that one minute swept say nothing of where and are left out, like dollars of minutes
        that swept nothing new.
    """
    rows: list[tuple[int, int, float, list[float]]] = []
    for snapshot in snapshots:
        end_ms = snapshot.hour_ms + HOUR_MS
        here = located.between(snapshot.hour_ms, end_ms)
        if (here.stop - here.start) * located.length_ms != HOUR_MS or not located.usd[here].any():
            continue
        extremes = _extremes(bars, snapshot.bar)
        held_usd = snapshot.open_interest * snapshot.price
        for s, away in enumerate((-1.0, 1.0)):
            # A long's minute runs from its low up to its open, a short's from its open to its high.
            reached = located.low[here, s] if s == 0 else located.high[here, s]
            start = float((located.high if s == 0 else located.low)[here.start, s])
            distance, minute = newly_swept(start, reached, s)
            fell = located.usd[here, s][minute]
            if minute.size < 2 or not fell.any():
                continue
            past = np.maximum(away * (extremes[s] - start), 0.0)
            stood = standing_mass(start + away * distance, snapshot.expected[s], snapshot.grid)
            masses = (
                stood + held_usd * path_mass(distance, past, ours[s]),
                np.diff(distance),
                path_mass(distance, past, path_only[s]),
            )
            bits = [float(-(fell * np.log2(shares_within(m, distance))).sum()) for m in masses]
            rows.append((end_ms, s, float(fell.sum()), bits))
    return Surprise(
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.int64),
        np.array([row[2] for row in rows], dtype=np.float64),
        np.array([row[3] for row in rows], dtype=np.float64).reshape(-1, len(COMPETITORS)),
    )


def joined_surprise(parts: Sequence[Surprise]) -> Surprise:
    """Return consecutive spans as one."""
    return Surprise(
        np.concatenate([part.end_ms for part in parts]),
        np.concatenate([part.side for part in parts]),
        np.concatenate([part.usd for part in parts]),
        np.concatenate([part.bits for part in parts]),
    )


def spatial_rows(surprise: Surprise, scope: Scope) -> Iterator[Row]:
    """Yield bits per dollar against uniform and against the path alone, per side and pooled.

    Raises
    ------
    NoDataError
        If no print fell inside a swept range.
    """
    if not surprise.usd.size:
        raise NoDataError("spatial_bits: no print fell in a minute that swept anything new")
    day = days_of(surprise.end_ms)
    for side, columns in (*((side, [s]) for s, side in enumerate(SIDES)), ("pooled", [0, 1])):
        own = np.isin(surprise.side, columns)
        if not own.any():
            continue
        for c, baseline in enumerate(COMPETITORS[1:], start=1):
            bits, usd = surprise.bits[own], surprise.usd[own]
            gain = ratio_gain(bits[:, 0], bits[:, c], usd, day[own], rising=False)
            yield map_row(
                scope,
                side,
                "1h",
                "spatial_bits",
                baseline,
                gain,
                n=int(own.sum()),
                n_days=int(np.unique(day[own]).size),
            )


def _extremes(bars: Bars, bar: int) -> F8x2:
    """Lowest and highest mark of each span before the end of a bar, (2, spans). [log quote]"""
    first = np.searchsorted(
        bars.end_ms, bars.end_ms[bar] - np.array(EXCURSION_SPANS_MS), side="right"
    )
    spans = [slice(min(int(a), bar), bar + 1) for a in first]
    return np.log(
        [[bars.low[span].min() for span in spans], [bars.high[span].max() for span in spans]]
    )

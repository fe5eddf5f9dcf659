r"""The magnet test: whether the price drifts towards the larger of the two clusters around it.

In:  zones as they stood and the mark's closes after them. [quote per base, USD]
Out: `Stopped`, the slope and the naive hit rate, each with an interval, as `Row` values.
Pure: values in, values out; randomness is a seed; no I/O, no clock.

At each snapshot the price P lies a below one cluster and b above the other. It is followed to the
first close at or beyond either, or to the horizon, whichever is first. For every martingale, with
whatever volatility, optional stopping gives

.. math:: E[\, u \,] = 0, \qquad u = (P_{stop} - P) / (a + b)

so u regressed on z, the log ratio of the masses, has slope zero. Nothing is ever left out because
neither cluster was touched: that choice depends on the outcome, and alone makes a slope. (Where the
price is beyond a cluster already when the snapshot becomes known there is nothing to follow; that
is known at the start.) Nor is there an intercept, which would compare z with a mean that knows the
future; z less its mean over earlier snapshots is known at its time, so the sum of z u is zero on
average, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.evaluate.map_scores import days_of, interval
from forcedflow.evaluate.scorecard import DRAWS, LEVEL, SEED, Gain, Row, two_sided_p
from forcedflow.evaluate.standing import Standing
from forcedflow.units import F8, HOUR_MS, I8, F8x2

HORIZON_MS = 24 * HOUR_MS
"""How long a price is followed. [ms]"""

EVERY_MS = HOUR_MS
"""Time between snapshots. Windows overlap and blocks know it; hourly ones waste no hour. [ms]"""

CLIP = 3.0
"""Log ratios of masses beyond this say no more than this."""

MODEL = "prior"
"""The mixture that is followed: stated shares, so that no fit can have seen what came after."""

LEAST_BLOCKS = 10
"""Blocks of two horizons below which no interval is stated."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a set of rows is about.

    Parameters
    ----------
    symbol, venue : str
    inputs : tuple of str
        What the ladder rests on.
    """

    symbol: str
    venue: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stopped:
    """What became of ``n`` snapshots.

    Parameters
    ----------
    end_ms : ndarray of int, shape (n,)
        When each could be known and its price is followed from. [UTC ms]
    u : ndarray, shape (n,)
        Move to the stopped price over the distance between the clusters. [1]
    z : ndarray, shape (n,)
        Log of mass above over mass below, clipped. [1]
    touched : ndarray of int, shape (n,)
        -1 the lower first, 1 the upper first, 0 neither within the horizon.
    hit, mirrored : ndarray of bool, shape (n,)
        Whether the larger cluster was touched within the horizon; whether its mirror image was.
    """

    end_ms: I8
    u: F8
    z: F8
    touched: I8
    hit: np.ndarray[tuple[int], np.dtype[np.bool_]]
    mirrored: np.ndarray[tuple[int], np.dtype[np.bool_]]


def first_touch(
    close: F8, end_ms: I8, bar: I8, lower: F8, upper: F8, horizon_ms: int
) -> tuple[I8, I8]:
    """Return the bar of the first close at or beyond either level, else the horizon's last bar.

    Parameters
    ----------
    close : ndarray, shape (t,)
        Closes. [quote per base]
    end_ms : ndarray of int, shape (t,)
        Their times, increasing. [UTC ms]
    bar : ndarray of int, shape (n,)
        Bar from whose end each price is followed; that bar itself does not count.
    lower, upper : ndarray, shape (n,)
        Levels; 0 and infinity are never touched. [quote per base]
    horizon_ms : int
        Longest time. [ms]

    Returns
    -------
    stop : ndarray of int, shape (n,)
        Bar at which the price is taken, by its close, however far beyond the level that is: the
        level's own price would be a bet that nobody could close there. The starting bar where no
        other ends within the horizon.
    touched : ndarray of int, shape (n,)
        -1 the lower, 1 the upper, 0 neither.
    """
    last = np.searchsorted(end_ms, end_ms[bar] + horizon_ms, side="right") - 1
    stop, touched = last.astype(np.int64), np.zeros(bar.size, dtype=np.int64)
    for i in range(bar.size):
        path = close[bar[i] + 1 : last[i] + 1]
        beyond = (path <= lower[i]) | (path >= upper[i])
        if beyond.any():
            first = int(np.argmax(beyond))
            stop[i] = bar[i] + 1 + first
            touched[i] = 1 if path[first] >= upper[i] else -1
    return stop, touched


def stop_at_clusters(
    standing: Standing, close: F8, end_ms: I8, horizon_ms: int = HORIZON_MS
) -> Stopped:
    """Return what became of every snapshot with a cluster on both sides and a whole horizon ahead.

    The clusters are on both sides of the price from which it is followed: one that the price has
    passed before the snapshot could be known is none.

    Parameters
    ----------
    standing : Standing
    close : ndarray, shape (t,)
        Closes of the bars that ``standing`` counts. [quote per base]
    end_ms : ndarray of int, shape (t,)
        Their times. [UTC ms]
    horizon_ms : int
        [ms]

    Returns
    -------
    Stopped
    """
    whole = standing.end_ms + horizon_ms <= end_ms[-1]
    kept = whole & (standing.mass > 0).all(axis=1)
    kept &= (standing.level[:, 0] < standing.price) & (standing.price < standing.level[:, 1])
    bar, price = standing.bar[kept], standing.price[kept]
    (lower, upper), (below, above) = standing.level[kept].T, standing.mass[kept].T
    stop, touched = first_touch(close, end_ms, bar, lower, upper, horizon_ms)
    larger = np.where(above >= below, upper, lower)
    return Stopped(
        end_ms=standing.end_ms[kept],
        u=(close[stop] - price) / (upper - lower),
        z=np.clip(np.log(above / below), -CLIP, CLIP),
        touched=touched,
        hit=_reached(close, end_ms, bar, larger, horizon_ms),
        mirrored=_reached(close, end_ms, bar, price**2 / larger, horizon_ms),
    )


def _reached(
    close: F8, end_ms: I8, bar: I8, level: F8, horizon_ms: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether a close lies at or beyond a level within the horizon."""
    lower, upper = one_sided(level, close[bar])
    _, touched = first_touch(close, end_ms, bar, lower, upper, horizon_ms)
    reached: np.ndarray[tuple[int], np.dtype[np.bool_]] = touched != 0
    return reached


def one_sided(level: F8, price: F8) -> tuple[F8, F8]:
    """Return each level as (lower, upper) of which the other can never be touched."""
    above = level > price
    return np.where(above, 0.0, level), np.where(above, level, np.inf)


def magnet_rows(
    parts: Sequence[Stopped],
    scope: Scope,
    horizon_ms: int = HORIZON_MS,
    every_ms: int = EVERY_MS,
) -> Iterator[Row]:
    """Yield the slope and the naive hit rate of one symbol, or of several on the same clock.

    Parameters
    ----------
    parts : sequence of Stopped
        One per symbol; blocks of time are drawn for all of them together.
    scope : Scope
    horizon_ms, every_ms : int
        Horizon, and time between snapshots. [ms]

    Raises
    ------
    NoDataError
        If the snapshots span fewer than `LEAST_BLOCKS` blocks of two horizons.
    """
    end_ms = np.concatenate([part.end_ms for part in parts])
    u = np.concatenate([part.u for part in parts])
    z = np.concatenate([_less_earlier_mean(part.z) for part in parts])
    hit, mirrored = (
        np.concatenate([getattr(part, name) for part in parts]).astype(np.float64)
        for name in ("hit", "mirrored")
    )
    moments = np.stack([z * u, z * z, hit - mirrored, np.ones(u.size)], axis=1)
    drawn = block_sums(moments, end_ms, every_ms, 2 * horizon_ms)
    slope = float((z * u).sum() / (z * z).sum()) if z.any() else float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes, rates = drawn[:, 0] / drawn[:, 1], drawn[:, 2] / drawn[:, 3]
    rate, beside = float(hit.mean()), float(mirrored.mean())
    for metric, baseline, gain in (
        ("slope", "zero", drawn_gain(slope, 0.0, slopes)),
        ("hit_rate", "mirrored", drawn_gain(rate, beside, rates)),
    ):
        yield gain_row(
            scope,
            metric=metric,
            baseline=baseline,
            horizon_ms=horizon_ms,
            end_ms=end_ms,
            gain=gain,
        )


def _less_earlier_mean(z: F8) -> F8:
    """Each value less the mean of those before it; the first less the ratio of equal masses, 0."""
    earlier = np.concatenate([[0.0], np.cumsum(z)[:-1] / np.arange(1, z.size)])
    less: F8 = z - earlier[: z.size]
    return less


def block_sums(columns: F8x2, end_ms: I8, every_ms: int, block_ms: int) -> F8x2:
    """Return sums over rows of moving blocks of time drawn again.

    Parameters
    ----------
    columns : ndarray, shape (n, k)
        What is summed.
    end_ms : ndarray of int, shape (n,)
        Time of each row; rows of one moment stay together. [UTC ms]
    every_ms, block_ms : int
        Raster of time, and length of a block. [ms]

    Returns
    -------
    ndarray, shape (draws, k)

    Raises
    ------
    NoDataError
        If time spans fewer than `LEAST_BLOCKS` blocks.

    References
    ----------
    .. [1] Künsch, The jackknife and the bootstrap for general stationary observations, Annals of
       Statistics 17 (1989) 1217.
    """
    n_slots = int((end_ms.max() - end_ms.min()) // every_ms) + 1 if end_ms.size else 0
    length = block_ms // every_ms
    if n_slots < LEAST_BLOCKS * length:
        raise NoDataError(
            f"snapshots with a whole horizon ahead span {n_slots * every_ms / HOUR_MS:.0f} h; "
            f"{LEAST_BLOCKS} blocks of {block_ms / HOUR_MS:.0f} h are needed\n"
            "hint: score a longer span with --from and --to, or a shorter --horizon"
        )
    slots = np.zeros((n_slots + 1, columns.shape[1]))
    np.add.at(slots, (end_ms - end_ms.min()) // every_ms + 1, columns)
    running = np.cumsum(slots, axis=0)
    blocks = running[length:] - running[:-length]
    starts = np.random.default_rng(SEED).integers(
        0, blocks.shape[0], size=(DRAWS, -(-n_slots // length))
    )
    sums: F8x2 = np.stack([blocks[row].sum(axis=0) for row in starts])
    return sums


def drawn_gain(value: float, baseline_value: float, drawn: F8) -> Gain:
    """Return the difference of two figures with the interval and p of its draws."""
    low, high = interval(drawn, LEVEL)
    return Gain(value, baseline_value, value - baseline_value, low, high, two_sided_p(drawn))


def gain_row(
    scope: Scope,
    *,
    metric: str,
    baseline: str,
    horizon_ms: int,
    end_ms: I8,
    gain: Gain,
    event: str | None = None,
    suffix: str = "",
) -> Row:
    """Return one row of the product ``magnet``; it passes where its interval lies above zero."""
    horizon = f"{horizon_ms / HOUR_MS:g}h"
    return Row(
        id=f"magnet-{scope.symbol}-{horizon}-{metric}-{baseline}{suffix}",
        product="magnet",
        event=event,
        symbol=scope.symbol,
        venue=scope.venue,
        side="pooled",
        horizon=horizon,
        inputs=list(scope.inputs),
        model=MODEL,
        baseline=baseline,
        metric=metric,
        n=int(end_ms.size),
        n_days=int(np.unique(days_of(end_ms)).size),
        value=gain.value,
        baseline_value=gain.baseline_value,
        gain=gain.gain,
        ci=[gain.low, gain.high],
        p=gain.p,
        pass_=bool(gain.low > 0),
    )

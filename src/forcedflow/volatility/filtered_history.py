r"""Filtered historical simulation: paths made of past moves, sized to today's volatility.

In:  lows, highs, closes at increasing times. [quote per base, UTC ms]   Out: paths. [1]
Pure: NumPy in, NumPy out; no I/O, no clock; randomness is a generator passed in.

Each past bar's return, low and high are divided by the volatility expected before it. What is left
keeps its fat tails and its jumps. A path strings blocks of such bars together, so that calm follows
calm and a storm lasts as long as storms did, and multiplies them by today's volatility.

Within a bar only low and high are known, not their order; a bar that closed higher is taken to have
been low first, one that closed lower to have been high first: the shorter way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, F8x2
from forcedflow.volatility.ewma import ewma_volatility

BLOCK_MS = 4 * HOUR_MS
"""Length of a block, assumed: storms last hours; longer blocks would repeat a few days. [ms]"""

WARM_UP_MS = 2 * DAY_MS
"""What the volatility needs before its first figure counts: its half-life. [ms]"""

LEGS = 3
"""Legs of a bar: to its first extreme, to its second, to its close."""

_LEAST_BLOCKS = 6

I8x2: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class FilteredHistory:
    """Past bars in units of the volatility expected before them, ``n`` of them.

    Parameters
    ----------
    legs : ndarray, shape (n, LEGS)
        Log distance of first extreme, second extreme and close from the close before. Closes have
        mean 0 and mean square 1 over the bars that count. [σ]
    starts : ndarray of int
        Where a block may begin: no gap within it.
    block : int
        Bars per block.
    sigma : float
        Standard deviation of the log return of the coming bar. [1]
    step_ms : int
        Length of a bar. [ms]
    ranged_share : float
        Share of the bars whose low or high lies beyond both closes; elsewhere paths know closes
        only. [1]
    """

    legs: F8x2
    starts: I8
    block: int
    sigma: float
    step_ms: int
    ranged_share: float

    def bars_in(self, horizon_ms: int) -> int:
        """Return how many bars a horizon takes, rounded up."""
        return -(-horizon_ms // self.step_ms)

    def pick(self, scenarios: int, bars: int, generator: np.random.Generator) -> I8x2:
        """Return which past bar each bar of each path repeats, shape (scenarios, bars).

        Blocks are drawn one after the other, so that a shorter path is the start of a longer one.
        """
        within = np.arange(self.block)
        drawn = [
            generator.choice(self.starts, scenarios)[:, None] + within
            for _ in range(-(-bars // self.block))
        ]
        return np.concatenate(drawn, axis=1)[:, :bars]

    def moves(self, picked: I8x2) -> F8x2:
        """Return the log returns of picked bars, same shape. [1]"""
        return np.asarray(self.sigma * self.legs[picked, -1])

    def paths(self, picked: I8x2, refine: int = 1) -> F8x2:
        """Return log distances from the start at the ends of the legs of picked bars.

        Parameters
        ----------
        picked : ndarray of int, shape (s, b)
        refine : int
            Even steps per leg.

        Returns
        -------
        ndarray, shape (s, b * LEGS * refine)
            Positive is up. [1]
        """
        legs = self.legs[picked]
        ends = np.cumsum(legs[:, :, -1], axis=1)
        legs[:, 1:] += ends[:, :-1, None]
        legs *= self.sigma
        ends = legs.reshape(picked.shape[0], -1)
        if refine == 1:
            return ends
        begins = np.concatenate([np.zeros((ends.shape[0], 1)), ends[:, :-1]], axis=1)
        inside = np.arange(1, refine + 1) / refine
        steps = begins[:, :, None] + (ends - begins)[:, :, None] * inside
        return np.asarray(steps.reshape(ends.shape[0], -1))


def filter_history(
    low: F8, high: F8, close: F8, end_ms: I8, block_ms: int = BLOCK_MS
) -> FilteredHistory:
    r"""Return past bars in units of the volatility expected before each.

    .. math:: z_t = r_t / \sigma_{t-1}, \qquad r^* = \sigma_{now} \, z_t

    Parameters
    ----------
    low, high, close : ndarray, shape (n,)
        Prices of bars, all of them known. [quote per base]
    end_ms : ndarray of int, shape (n,)
        Ends of the bars, increasing. [UTC ms]
    block_ms : int
        Length of a block. [ms]

    Returns
    -------
    FilteredHistory

    Raises
    ------
    NoDataError
        If price never moved, or too few bars without gaps follow the warm-up of the volatility.

    Notes
    -----
    Past drift is taken out. Ignores the hour of the week, and that volatility will itself have
    changed by the end of a path.

    References
    ----------
    .. [1] J. Hull, A. White, "Incorporating volatility updating into the historical simulation
       method for value-at-risk", Journal of Risk 1 (1998), 5-19.
    .. [2] H. Künsch, "The jackknife and the bootstrap for general stationary observations",
       Annals of Statistics 17 (1989), 1217-1241: blocks.
    """
    if close.size < 2:
        raise NoDataError(_too_short(0.0))
    elapsed = np.diff(end_ms)
    step_ms = int(np.median(elapsed))
    sigma = ewma_volatility(close, end_ms, horizon_ms=step_ms)
    expected, before = sigma[:-1], close[:-1]
    # The lows and highs of a bar that lasted longer are no bar's of this length.
    regular = (elapsed > 0.5 * step_ms) & (elapsed < 1.5 * step_ms)
    usable = regular & (expected > 0) & (end_ms[1:] - end_ms[0] >= WARM_UP_MS)
    block = max(1, round(block_ms / step_ms))
    covered = np.concatenate([[0], np.cumsum(usable)])
    starts = np.flatnonzero(covered[block:] - covered[:-block] == block)
    if starts.size < _LEAST_BLOCKS * block:
        raise NoDataError(_too_short(float(usable.sum()) * step_ms / DAY_MS))
    scale = np.where(usable, expected, 1.0)
    move, below, above = (
        np.where(usable, np.log(prices[1:] / before) / scale, 0.0) for prices in (close, low, high)
    )
    ranged = (below < np.minimum(move, 0.0)) | (above > np.maximum(move, 0.0))
    mean = float(move[usable].mean())
    size = math.sqrt(float(((move[usable] - mean) ** 2).mean()))
    if not (size > 0 and sigma[-1] > 0):
        raise NoDataError("price never moved in the history held: nothing to simulate from")
    move, below, above = ((values - mean) / size for values in (move, below, above))
    below = np.minimum(below, np.minimum(move, 0.0))
    above = np.maximum(above, np.maximum(move, 0.0))
    rose = move >= 0
    return FilteredHistory(
        legs=np.stack([np.where(rose, below, above), np.where(rose, above, below), move], axis=1),
        starts=np.asarray(starts, dtype=np.int64),
        block=block,
        sigma=float(sigma[-1]),
        step_ms=step_ms,
        ranged_share=float(ranged[usable].mean()),
    )


def _too_short(days: float) -> str:
    return (
        f"{days:.1f} days of bars without gaps follow the two that volatility needs to settle; "
        f"simulating paths takes {_LEAST_BLOCKS * BLOCK_MS / DAY_MS:g} more\n"
        "hint: forcedflow fetch VENUE SYMBOL --from an earlier day"
    )

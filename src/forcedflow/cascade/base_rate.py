"""Base rates: of past moves of a size, how many grew large.

In:  lows, highs, closes of past bars. [quote per base, UTC ms]   Out: `BaseRate`.
Pure: NumPy in, values out; no I/O, no clock, no global state.

A simulated share means little without the plain record beside it: after price had moved two percent
within the hour, how often did it go on to seven?
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forcedflow.depth.curve import Direction
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8

SMALL = 0.02
"""Move that an episode begins with, as a fraction of the price it began from. [1]"""

LARGE = 0.07
"""Move that it may grow to, from the same price. [1]"""

WITHIN_MS = (HOUR_MS, 4 * HOUR_MS)
"""Spans within which the small move is made. [ms]"""

FOLLOWED_MS = DAY_MS
"""How long it is followed; no other episode begins meanwhile. [ms]"""

_Z = 1.2816


@dataclass(frozen=True, slots=True)
class BaseRate:
    """How many of past small moves grew large.

    Parameters
    ----------
    direction : {"down", "up"}
    small, large : float
        Sizes, as fractions of the price before. [1]
    within_ms : int
        Span within which the small move was made. [ms]
    followed_ms : int
        How long it was followed. [ms]
    n, grew : int
        Small moves, and those of them that grew large.
    from_ms, to_ms : int
        Span of the bars. [UTC ms]
    """

    direction: Direction
    small: float
    large: float
    within_ms: int
    followed_ms: int
    n: int
    grew: int
    from_ms: int
    to_ms: int

    @property
    def share(self) -> float | None:
        """Return the share that grew large, where there was any small move. [1]"""
        return self.grew / self.n if self.n else None

    def interval(self) -> tuple[float, float] | None:
        """Return the share's 80 % interval after Wilson (1927). [1]"""
        if not self.n:
            return None
        p, n = self.grew / self.n, self.n
        spread = _Z * math.sqrt(p * (1 - p) / n + (_Z / (2 * n)) ** 2)
        middle, scale = p + _Z**2 / (2 * n), 1 + _Z**2 / n
        return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def count_growth(
    low: F8,
    high: F8,
    close: F8,
    end_ms: I8,
    direction: Direction,
    within_ms: int,
    small: float = SMALL,
    large: float = LARGE,
    followed_ms: int = FOLLOWED_MS,
) -> BaseRate:
    """Return how many past moves of a size grew large.

    Parameters
    ----------
    low, high, close : ndarray, shape (n,)
        Prices of bars. [quote per base]
    end_ms : ndarray of int, shape (n,)
        Ends of the bars, increasing. [UTC ms]
    direction : {"down", "up"}
    within_ms : int
        Span within which the small move is made. [ms]
    small, large : float
        Sizes, as fractions of the price before. [1]
    followed_ms : int
        How long a move is followed; no other begins meanwhile. [ms]

    Returns
    -------
    BaseRate

    Raises
    ------
    ValueError
        If sizes do not rise from above 0 to below 1, or a span is not positive.

    Notes
    -----
    A move is measured from the extreme of the earlier bars whose end lies within the span, and
    counted from the first bar that reaches the small size, however far that bar went: a jump is
    a small move that grew. Moves followed beyond the last bar are not counted.
    """
    if not 0 < small < large < 1:
        raise ValueError(f"sizes rise from above 0 to below 1, were {small} and {large}")
    if not (within_ms > 0 and followed_ms > 0):
        raise ValueError("spans are positive")
    down = direction == "down"
    # From here on a move is a rise: of the reciprocal price where it is down.
    ahead = -np.log(low) if down else np.log(high)
    behind = -np.log(np.maximum(high, close)) if down else np.log(np.minimum(low, close))
    small_log, large_log = (
        -math.log1p(-size) if down else math.log1p(size) for size in (small, large)
    )
    first = np.searchsorted(end_ms, end_ms - within_ms, side="left")
    last = np.searchsorted(end_ms, end_ms + followed_ms, side="right")
    n = grew = 0
    t = 1
    while t < end_ms.size:
        if first[t] == t:
            t += 1
            continue
        origin = float(behind[first[t] : t].min())
        if ahead[t] - origin < small_log:
            t += 1
            continue
        if end_ms[-1] - end_ms[t] < followed_ms:
            break
        n += 1
        grew += bool(ahead[t : last[t]].max() - origin >= large_log)
        t = int(last[t])
    return BaseRate(
        direction=direction,
        small=small,
        large=large,
        within_ms=within_ms,
        followed_ms=followed_ms,
        n=n,
        grew=grew,
        from_ms=int(end_ms[0]) if end_ms.size else 0,
        to_ms=int(end_ms[-1]) if end_ms.size else 0,
    )

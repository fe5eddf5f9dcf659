"""Moves to freeze a ladder before: where price went far within hours, either way.

In:  bars of a market.   Out: `Move`: the close before each, and the end of its span. [UTC ms, 1]
Pure: NumPy in, values out; no I/O, no clock. Moves are chosen by what followed: for scoring only.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from forcedflow.positions import Bars
from forcedflow.units import F8, HOUR_MS

LEAST_MOVE = 0.03
"""Least move, as a fraction of the close before. [1]"""

WITHIN_MS = 4 * HOUR_MS
"""Span within which it is made. [ms]"""


class Move(NamedTuple):
    """A move: the close ``at_ms`` before it, ``to_ms`` the end of its span, its ``size`` in log."""

    at_ms: int
    to_ms: int
    size: float


def large_moves(bars: Bars, least: float = LEAST_MOVE, within_ms: int = WITHIN_MS) -> list[Move]:
    """Return moves that share no bar, the largest first.

    Parameters
    ----------
    bars : Bars
        Of an hour or less.
    least : float
        Fall or rise as a fraction of the close before. [1]
    within_ms : int
        [ms]

    Raises
    ------
    ValueError
        If a size or a span is not positive.

    Notes
    -----
    Only closes on the hour begin one. Of neighbouring ones the one with the largest move after it
    is taken, so that the ladder is frozen where the move begins. A span that a gap interrupts
    counts with the bars it has.
    """
    if not (0 < least < 1 and within_ms > 0):
        raise ValueError(f"a move is in (0, 1) and its span positive, were {least}, {within_ms}")
    end_ms = bars.end_ms
    last = np.searchsorted(end_ms, end_ms + within_ms, side="right")
    down: F8 = np.zeros(end_ms.size)
    up: F8 = np.zeros(end_ms.size)
    # Totals of liquidations are of whole hours: one that began before would count what was past.
    # A span beyond the last bar is not over yet.
    begins = (end_ms % HOUR_MS == 0) & (end_ms + within_ms <= end_ms[-1:])
    for bar in np.flatnonzero(begins).tolist():
        after = slice(bar + 1, int(last[bar]))
        if after.stop > after.start:
            down[bar] = math.log(bars.close[bar] / bars.low[after].min())
            up[bar] = math.log(bars.high[after].max() / bars.close[bar])
    far = (down >= -math.log1p(-least)) | (up >= math.log1p(least))
    size = np.maximum(down, up)
    taken: list[Move] = []
    for bar in sorted(np.flatnonzero(far).tolist(), key=lambda b: (-size[b], b)):
        at_ms = int(end_ms[bar])
        to_ms = at_ms + within_ms
        if all(to_ms <= other.at_ms or at_ms >= other.to_ms for other in taken):
            taken.append(Move(at_ms, to_ms, float(size[bar])))
    return taken

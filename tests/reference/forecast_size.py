"""Readable twins of the size forecast's arithmetic: plain loops over lists."""

from __future__ import annotations

import math


def expected_sweep(share, bin_width, excursions, sigma):
    """Mean over excursions of what stands nearer than each, straight within a bin."""
    total = 0.0
    for excursion in excursions:
        left = excursion * sigma / bin_width
        for held in share:
            if left <= 0:
                break
            total += held * min(left, 1.0)
            left -= 1.0
    return total / len(excursions)


def furthest_moves(end_ms, low, high, close, start, horizon_ms):
    """Furthest fall and rise in log price over the bars that end within a horizon of a bar."""
    within = [t for t in range(start + 1, len(end_ms)) if end_ms[t] - end_ms[start] <= horizon_ms]
    here = close[start]
    fall = max(0.0, *(math.log(here / low[t]) for t in within))
    rise = max(0.0, *(math.log(high[t] / here) for t in within))
    return fall, rise

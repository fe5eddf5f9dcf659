"""The stopping rule of the test of attraction, one close at a time."""

from __future__ import annotations


def stopped(closes, times, start, lower, upper, horizon):
    """Return the bar at which a price followed from ``start`` is taken, and what it touched."""
    bar = start
    for later in range(start + 1, len(closes)):
        if times[later] > times[start] + horizon:
            break
        bar = later
        if closes[later] >= upper:
            return bar, 1
        if closes[later] <= lower:
            return bar, -1
    return bar, 0


def score(closes, times, start, lower, upper, horizon):
    """Return the move to the stopped price over the distance between the levels."""
    bar, _ = stopped(closes, times, start, lower, upper, horizon)
    below, above = closes[start] - lower, upper - closes[start]
    return (closes[bar] - closes[start]) / (above + below)

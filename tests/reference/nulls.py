"""The map's opponents in plain loops: a list of levels, and flows one bar at a time."""

from __future__ import annotations

import math

DAY_MS = 86_400_000
TIERS = ((5.0, 0.15), (10.0, 0.30), (25.0, 0.25), (50.0, 0.20), (100.0, 0.10))
BIN = 5e-4


def incumbent(bars):
    """USD per bar and side: every level of the public rule is an entry of a list."""
    levels = []  # [side, bin, contracts]
    before = float(bars.close[0])
    held = float(bars.open_interest[0] - bars.change[0])
    seen = []

    def bin_of(price):
        return math.floor(math.log(price) / BIN)

    for t in range(bars.size):
        close, change = float(bars.close[t]), float(bars.change[t])
        low, high = bin_of(bars.low[t]), bin_of(bars.high[t])
        touched = [
            level for level in levels if (level[1] >= low if level[0] == 0 else level[1] <= high)
        ]
        seen.append([close * sum(x[2] for x in touched if x[0] == side) for side in range(2)])
        levels = [level for level in levels if level not in touched]
        if change > 0:
            side = 0 if close >= before else 1
            for tier, share in TIERS:
                distance = 1 / tier - 0.005 / tier
                price = close * (1 - distance if side == 0 else 1 + distance)
                levels.append([side, bin_of(price), change * share])
        elif held > 0:
            levels = [[s, b, c * max(0.0, 1 + change / held)] for s, b, c in levels]
        held, before = float(bars.open_interest[t]), close
    return seen


def equal_opens(bars):
    """Contracts per bar: what stood at first, opened anew every day."""
    first = float(bars.open_interest[0] - bars.change[0])
    return [first * float(elapsed) / DAY_MS for elapsed in bars.elapsed_ms]


def shifted_opens(bars, opens, days):
    """Contracts per bar: of the last bar that ended so many days ago, else the mean so far."""
    shifted = []
    for t in range(bars.size):
        old = [u for u in range(bars.size) if bars.end_ms[u] <= bars.end_ms[t] - days * DAY_MS]
        shifted.append(opens[old[-1]] if old else sum(opens[: t + 1]) / (t + 1))
    return shifted

"""The cascade as anyone would write it down: one scenario, one venue, one order at a time.

No compiled code, no ring buffers, no in-place arrays. Cumulatives are read with ``np.interp``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

CENT = 0.01


def fixed_point(supply, demand, width, shock, order=0.0, supply_factor=1.0, demand_factor=1.0):
    """First distance at or after the shock at which depth has absorbed what was forced."""
    edges = np.arange(supply.size) * width
    reach = edges[-1]

    def forced(y):
        return supply_factor * np.interp(y, edges, supply)

    def excess(y):
        absorbed = demand_factor * (
            np.interp(y, edges, demand) - np.interp(min(shock, reach), edges, demand)
        )
        return order + forced(y) - absorbed

    points = [min(shock, reach), *edges[edges > shock]]
    if excess(points[0]) <= CENT:
        return max(points[0], shock), forced(points[0])
    for a, b in pairwise(points):
        if excess(b) <= 0:
            end = a + (b - a) * excess(a) / (excess(a) - excess(b))
            return end, forced(end)
    return max(reach, shock), forced(reach)


def least_reaching(cumulative, width, level):
    """Least distance at which a cumulative reaches a level; its last edge where it never does."""
    edges = np.arange(cumulative.size) * width
    for b in range(cumulative.size - 1):
        if cumulative[b] >= level:
            return edges[b]
        if cumulative[b + 1] >= level:
            inside = (level - cumulative[b]) / (cumulative[b + 1] - cumulative[b])
            return edges[b] + inside * width
    return edges[-1]


@dataclass
class Order:
    due: int
    usd: float
    nearest: float
    farthest: float


@dataclass
class Venue:
    supply: np.ndarray
    demand: np.ndarray
    width: float
    share: float
    fund: float
    delay: int
    buffer: float
    taken: float = 0.0
    mark: float = 0.0
    high_mark: float = 0.0
    pull: float = 0.0
    last: float = 0.0
    triggered: float = 0.0
    sold: float = 0.0
    deleveraged: float = 0.0
    lost: float = 0.0
    exhausted: bool = False
    orders: list[Order] = field(default_factory=list)

    def cumulative(self, usd, distance):
        return np.interp(distance, np.arange(usd.size) * self.width, usd)

    def price_after(self, base, taken):
        """Where the last price stands when so much is missing from a book that begins at base."""
        if taken <= CENT:
            return base
        start = max(base, 0.0)
        reached = least_reaching(
            self.demand, self.width, self.cumulative(self.demand, start) + taken
        )
        return base + max(reached - start, 0.0)

    def fill(self, order, base, depth):
        before = self.price_after(base, self.taken)
        after = self.price_after(base, self.taken + order.usd / depth)
        fill = (before + after) / 2
        # Excess of the fill over bankruptcy, averaged over positions spread along the stretch; it
        # is straight on each side of the last bankrupt one, so trapezoids are exact.
        low, high = order.nearest + self.buffer, order.farthest + self.buffer
        if high > low:
            along = np.array([low, min(max(fill, low), high), high])
            loss = order.usd * np.trapezoid(np.maximum(fill - along, 0.0), along) / (high - low)
            bankrupt = order.usd * (along[1] - low) / (high - low)
        else:
            loss = order.usd * max(fill - low, 0.0)
            bankrupt = order.usd if fill > low else 0.0
        paid = min(loss, self.fund)
        unpaid = 0.0 if loss == 0 else 1 - paid / loss
        self.fund -= paid
        self.lost += paid
        self.deleveraged += bankrupt * unpaid
        self.sold += order.usd - bankrupt * unpaid
        self.taken += (order.usd - bankrupt * unpaid) / depth


def waves(venues, path, left, order, forced_factor, depth_factor, mark_gain, coupling, kept):
    """Play one scenario; venues are changed. Returns the index and, per step, last, mark, sold."""
    index, rows = [], []
    for v in venues:
        v.taken = order * v.share / (depth_factor * left[0])
    for t, moved in enumerate(path):
        depth = depth_factor * left[t]
        for v in venues:
            base = moved + v.pull
            for waiting in [o for o in v.orders if o.due == t]:
                v.fill(waiting, base, depth)
            v.orders = [o for o in v.orders if o.due != t]
            v.last = v.price_after(base, v.taken)
            v.exhausted |= bool(v.cumulative(v.demand, max(base, 0.0)) + v.taken > v.demand[-1])
            v.taken *= kept
        index.append(sum(v.share * v.last for v in venues))
        for v in venues:
            v.pull += coupling * (index[-1] - v.last)
            v.mark += mark_gain * ((v.last + index[-1]) / 2 - v.mark)
            if v.mark > v.high_mark:
                due = forced_factor * v.cumulative(v.supply, v.mark) - v.triggered
                if due > 0:
                    v.orders.append(Order(t + v.delay, due, v.high_mark, v.mark))
                    v.triggered += due
                v.high_mark = v.mark
        rows.append([(v.last, v.mark, v.sold) for v in venues])
    return np.array(index), np.array(rows)

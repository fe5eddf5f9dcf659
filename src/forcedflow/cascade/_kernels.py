"""The cascade's loops: least fixed points of many scenarios, and waves through time.

In:  cumulative supply and depth by bin, scenarios, paths. [USD, 1]   Out: where each ends.
Free of everything but arrays. Its readable twin is ``tests/reference/cascade.py``.

Numba's cache does not see changes in other files and freezes globals, so the loops stand here
whole and constants are arguments.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit

from forcedflow.units import F8, I8, F8x2

B1x2: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.bool_]]
F8x3: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]


class Venues(NamedTuple):
    """What a wave knows of its ``v`` venues and of time; one step is one time unit.

    ``supply``, ``demand``: cumulative forced flow and depth, shape (v, p + 1). [USD]
    ``share``: of all depth, shape (v,). [1]
    ``fund``: insurance fund, shape (v,). [USD]
    ``delay``: steps from trigger to order, at least 1, shape (v,).
    ``buffer``: distance from a trigger to bankruptcy, shape (v,). [1]
    ``width``: of a bin. [1]
    ``mark_gain``: share of the gap to last price and index that the mark price closes a step. [1]
    ``coupling``: share of the gap to the index that arbitrage closes a step. [1]
    ``kept``: share of consumed depth that is still missing a step later. [1]
    """

    supply: F8x2
    demand: F8x2
    share: F8
    fund: F8
    delay: I8
    buffer: F8
    width: float
    mark_gain: float
    coupling: float
    kept: float


class Scenarios(NamedTuple):
    """What differs between ``s`` scenarios of ``t`` steps.

    ``path``: distance that price has moved for other reasons, shape (s, t). [1]
    ``left``: share of depth that makers leave in the book, above 0, shape (s, t). [1]
    ``order``: extra market flow at the first step, split by depth, shape (s,). [USD]
    ``forced_factor``, ``depth_factor``: shape (s,). [1]
    """

    path: F8x2
    left: F8x2
    order: F8
    forced_factor: F8
    depth_factor: F8


class Ends(NamedTuple):
    """What became of each scenario.

    ``last``: final distance of the depth-weighted last price, shape (s,). [1]
    ``furthest``: its largest, never below 0, shape (s,). [1]
    ``sold``, ``deleveraged``, ``waiting``: forced flow executed, closed against winners, and not
    yet at the book when time was up; together all that was triggered, shape (s, v). [USD]
    ``lost``: what the funds paid, shape (s, v). [USD]
    ``exhausted``: whether a book was ever asked for more than it held, shape (s, v).
    ``trace``: (t, v, 3) of the first scenario: last, mark [1], sold [USD]; or no steps at all.
    """

    last: F8
    furthest: F8
    sold: F8x2
    deleveraged: F8x2
    waiting: F8x2
    lost: F8x2
    exhausted: B1x2
    trace: F8x3


@njit(cache=True, nogil=True)
def fixed_points(
    supply: F8,
    demand: F8,
    width: float,
    shock: F8,
    order: F8,
    supply_factor: F8,
    demand_factor: F8,
    end: F8,
    forced: F8,
) -> None:
    """Least fixed points: the first distance at which depth has absorbed what was forced.

    ``supply``, ``demand``: cumulative, shape (p + 1,). [USD]
    ``shock``: distance that price has moved for other reasons, shape (s,). [1]
    ``order``: extra market flow at that distance, shape (s,). [USD]
    ``supply_factor``, ``demand_factor``: shape (s,). [1]
    Writes ``end`` [1] and ``forced`` [USD], shape (s,). Where depth runs out, ``end`` is the edge
    of the stage, or the shock where that is beyond, and ``forced`` all of it.
    """
    bins = supply.size - 1
    for s in range(shock.size):
        fs, fd = supply_factor[s], demand_factor[s]
        here = min(shock[s], bins * width)
        position = here / width
        b = min(int(position), bins - 1)
        inside = position - b
        taken = fd * (demand[b] + (demand[b + 1] - demand[b]) * inside)
        need = order[s] + fs * (supply[b] + (supply[b + 1] - supply[b]) * inside)
        # Less than a cent moves nothing, not even across a hole in the book.
        if need > 0.01:
            # The move stops where depth less supply has risen to this.
            level = order[s] + taken
            excess = need
            while b < bins:
                edge_excess = level - (fd * demand[b + 1] - fs * supply[b + 1])
                edge = (b + 1) * width
                if edge_excess <= 0.0:
                    # Both cumulatives are straight within a bin, so their difference is.
                    here = min(here + (edge - here) * excess / (excess - edge_excess), edge)
                    break
                here, excess = edge, edge_excess
                b += 1
        position = here / width
        b = min(int(position), bins - 1)
        end[s] = max(here, shock[s])
        forced[s] = fs * (supply[b] + (supply[b + 1] - supply[b]) * (position - b))


@njit(cache=True, nogil=True)
def _at(cumulative: F8, position: float) -> float:
    # Value of a cumulative at a position in bins; its ends beyond them.
    bins = cumulative.size - 1
    if position <= 0.0:
        return float(cumulative[0])
    if position >= bins:
        return float(cumulative[bins])
    b = int(position)
    return float(cumulative[b] + (cumulative[b + 1] - cumulative[b]) * (position - b))


@njit(cache=True, nogil=True)
def _reached(cumulative: F8, level: float) -> float:
    # Least position in bins at which a cumulative reaches a level; the last where it never does.
    bins = cumulative.size - 1
    if level <= cumulative[0]:
        return 0.0
    if level > cumulative[bins]:
        return float(bins)
    low, high = 0, bins
    while high - low > 1:
        middle = (low + high) // 2
        if cumulative[middle] >= level:
            high = middle
        else:
            low = middle
    step = cumulative[high] - cumulative[low]
    return low + (level - cumulative[low]) / step if step > 0.0 else float(high)


@njit(cache=True, nogil=True)
def _hit(demand: F8, width: float, base: float, taken: float) -> float:
    # Distance at which a book whose best price stands at ``base`` has given ``taken``. [1]
    # Less than a cent moves nothing: what refills never quite comes back.
    if taken <= 0.01:
        return base
    start = max(base, 0.0)
    reached = _reached(demand, _at(demand, start / width) + taken) * width
    return base + max(reached - start, 0.0)


@njit(cache=True, nogil=True)
def _overdrawn(fill: float, low: float, high: float) -> tuple[float, float]:
    # Of positions bankrupt evenly between two distances: the share that a fill is beyond, and its
    # mean excess over all of them. [1, 1]
    if fill <= low:
        return 0.0, 0.0
    if fill >= high:
        return 1.0, fill - 0.5 * (low + high)
    share = (fill - low) / (high - low)
    return share, 0.5 * share * (fill - low)


@njit(cache=True, nogil=True)
def waves(venues: Venues, scenarios: Scenarios, ends: Ends) -> None:
    """Step every scenario through time: triggers, latency, book, refill, coupling, insurance."""
    n, steps = venues.supply.shape[0], scenarios.path.shape[1]
    width, slots = venues.width, venues.delay.max() + 1
    # Each slot holds one step's triggers of one venue: what is due, and from where to where the
    # mark price moved when they fell.
    queue, nearest, farthest = (
        np.zeros((n, slots)),
        np.zeros((n, slots)),
        np.zeros((n, slots)),
    )
    taken, mark, high_mark = np.zeros(n), np.zeros(n), np.zeros(n)
    triggered, last, pull = np.zeros(n), np.zeros(n), np.zeros(n)
    fund = np.zeros(n)
    for s in range(scenarios.path.shape[0]):
        queue[:] = 0.0
        taken[:] = 0.0
        mark[:] = 0.0
        high_mark[:] = 0.0
        triggered[:] = 0.0
        pull[:] = 0.0
        fund[:] = venues.fund
        ends.sold[s] = 0.0
        ends.deleveraged[s] = 0.0
        ends.lost[s] = 0.0
        ends.exhausted[s] = False
        far = index = 0.0
        for t in range(steps):
            # What is taken is kept in dollars of the whole book: makers who leave take orders from
            # beyond the hole and do not make it wider.
            depth = scenarios.depth_factor[s] * scenarios.left[s, t]
            slot = t % slots
            index = 0.0
            for v in range(n):
                base = scenarios.path[s, t] + pull[v]
                demand = venues.demand[v]
                if t == 0:
                    taken[v] += scenarios.order[s] * venues.share[v] / depth
                arriving = queue[v, slot]
                queue[v, slot] = 0.0
                if arriving > 0.0:
                    before = _hit(demand, width, base, taken[v])
                    after = _hit(demand, width, base, taken[v] + arriving / depth)
                    share, excess = _overdrawn(
                        0.5 * (before + after),
                        nearest[v, slot] + venues.buffer[v],
                        farthest[v, slot] + venues.buffer[v],
                    )
                    sold, loss = arriving, arriving * excess
                    if loss > fund[v]:
                        # The fund bears what it can; the rest of those beyond bankruptcy is closed
                        # against winners instead of sold.
                        sold -= arriving * share * (1.0 - fund[v] / loss)
                        loss = fund[v]
                    fund[v] -= loss
                    ends.lost[s, v] += loss
                    ends.sold[s, v] += sold
                    ends.deleveraged[s, v] += arriving - sold
                    taken[v] += sold / depth
                last[v] = _hit(demand, width, base, taken[v])
                if _at(demand, base / width) + taken[v] > demand[demand.size - 1]:
                    ends.exhausted[s, v] = True
                taken[v] *= venues.kept
                index += last[v] * venues.share[v]
            far = max(far, index)
            for v in range(n):
                pull[v] += venues.coupling * (index - last[v])
                # Half its own last price, half the index of all: what venues' marks come to.
                mark[v] += venues.mark_gain * (0.5 * (last[v] + index) - mark[v])
                if mark[v] > high_mark[v]:
                    due = scenarios.forced_factor[s] * _at(venues.supply[v], mark[v] / width)
                    if due > triggered[v]:
                        ahead = (t + venues.delay[v]) % slots
                        queue[v, ahead] = due - triggered[v]
                        nearest[v, ahead] = high_mark[v]
                        farthest[v, ahead] = mark[v]
                        triggered[v] = due
                    high_mark[v] = mark[v]
                if s == 0 and ends.trace.shape[0] == steps:
                    ends.trace[t, v, 0] = last[v]
                    ends.trace[t, v, 1] = mark[v]
                    ends.trace[t, v, 2] = ends.sold[s, v]
        ends.last[s] = index
        ends.furthest[s] = far
        for v in range(n):
            ends.waiting[s, v] = queue[v].sum()

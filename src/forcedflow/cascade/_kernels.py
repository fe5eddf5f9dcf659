"""The cascade's loops: least fixed points of many scenarios, and waves through time.

In:  cumulative supply and depth by bin, scenarios, paths. [USD, 1]   Out: where each ends.
Free of everything but arrays. Its readable twin is ``tests/reference/cascade.py``.

Numba's cache does not see changes in other files and freezes globals, so the loops stand here
whole and constants are arguments.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from forcedflow.units import F8, I8, F8x2

F8x3 = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]


class Venues(NamedTuple):
    """What a wave knows of its ``v`` venues and of time; one step is one time unit.

    ``supply``, ``demand``: cumulative forced flow and depth, shape (v, p + 1). [USD]
    ``share``: of all depth, shape (v,). [1]
    ``fund``: insurance fund, shape (v,). [USD]
    ``delay``: steps from trigger to order, at least 1, shape (v,).
    ``width``: of a bin. [1]
    ``buffer``: distance from a trigger to bankruptcy. [1]
    ``mark_gain``: share of the gap to last price and index that the mark price closes a step. [1]
    ``coupling``: share of the gap to the index that arbitrage closes a step. [1]
    ``kept``: share of consumed depth that is still missing a step later. [1]
    """

    supply: F8x2
    demand: F8x2
    share: F8
    fund: F8
    delay: I8
    width: float
    buffer: float
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

    ``last``, ``furthest``: final and furthest distance of the depth-weighted last price, (s,). [1]
    ``sold``, ``deleveraged``, ``lost``: forced flow executed, forced flow closed against winners,
    and what the funds paid, shape (s, v). [USD]
    ``trace``: (t, v, 3) of the first scenario: last, mark [1], sold [USD]; or no steps at all.
    """

    last: F8
    furthest: F8
    sold: F8x2
    deleveraged: F8x2
    lost: F8x2
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
    of the stage and ``forced`` all of it.
    """
    bins = supply.size - 1
    for s in range(shock.size):
        fs, fd = supply_factor[s], demand_factor[s]
        start = min(shock[s], bins * width)
        position = start / width
        b = min(int(position), bins - 1)
        inside = position - b
        taken = fd * (demand[b] + (demand[b + 1] - demand[b]) * inside)
        need = order[s] + fs * (supply[b] + (supply[b + 1] - supply[b]) * inside)
        here = start
        found = need <= 0.0
        while not found and b < bins:
            edge = (b + 1) * width
            # Excess of what must be absorbed over what was, at this bin's far edge.
            need_edge = order[s] + fs * supply[b + 1]
            had_edge = fd * demand[b + 1] - taken
            if had_edge >= need_edge:
                need_here = order[s] + fs * (supply[b] + (supply[b + 1] - supply[b]) * inside)
                had_here = fd * (demand[b] + (demand[b + 1] - demand[b]) * inside) - taken
                gap_here, gap_edge = need_here - had_here, need_edge - had_edge
                if gap_here > 0.0:
                    here = here + (edge - here) * gap_here / (gap_here - gap_edge)
                found = True
            else:
                b += 1
                here = edge
                inside = 0.0
        position = here / width
        b = min(int(position), bins - 1)
        end[s] = here
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
    start = max(base, 0.0)
    reached = _reached(demand, _at(demand, start / width) + taken) * width
    return base + max(reached - start, 0.0)


@njit(cache=True, nogil=True)
def _executed(arriving: float, mean: float, worst: float, fund: F8, v: int) -> float:
    # What of an arriving order is sold. Filling beyond bankruptcy costs the fund; once that is
    # empty, the venue closes the rest against winners instead of selling it.
    beyond = mean - worst
    if beyond <= 0.0:
        return arriving
    loss = arriving * beyond
    if loss <= fund[v]:
        fund[v] -= loss
        return arriving
    paid = fund[v] / loss
    fund[v] = 0.0
    return arriving * paid


@njit(cache=True, nogil=True)
def waves(venues: Venues, scenarios: Scenarios, ends: Ends) -> None:
    """Step every scenario through time: triggers, latency, book, refill, coupling, insurance."""
    n, steps = venues.supply.shape[0], scenarios.path.shape[1]
    width, slots = venues.width, venues.delay.max() + 1
    queue = np.zeros((n, slots))
    consumed, mark, high_mark = np.zeros(n), np.zeros(n), np.zeros(n)
    triggered, last, pull = np.zeros(n), np.zeros(n), np.zeros(n)
    fund = np.zeros(n)
    for s in range(scenarios.path.shape[0]):
        queue[:] = 0.0
        consumed[:] = 0.0
        mark[:] = 0.0
        high_mark[:] = 0.0
        triggered[:] = 0.0
        pull[:] = 0.0
        fund[:] = venues.fund
        ends.sold[s] = 0.0
        ends.deleveraged[s] = 0.0
        far = index = 0.0
        for t in range(steps):
            depth = scenarios.depth_factor[s] * scenarios.left[s, t]
            slot = t % slots
            index = 0.0
            for v in range(n):
                base = scenarios.path[s, t] + pull[v]
                if t == 0:
                    consumed[v] += scenarios.order[s] * venues.share[v]
                arriving = queue[v, slot]
                queue[v, slot] = 0.0
                demand = venues.demand[v]
                if arriving > 0.0:
                    before = _hit(demand, width, base, consumed[v] / depth)
                    after = _hit(demand, width, base, (consumed[v] + arriving) / depth)
                    worst = high_mark[v] + venues.buffer
                    sold = _executed(arriving, 0.5 * (before + after), worst, fund, v)
                    ends.sold[s, v] += sold
                    ends.deleveraged[s, v] += arriving - sold
                    consumed[v] += sold
                last[v] = _hit(demand, width, base, consumed[v] / depth)
                consumed[v] *= venues.kept
                index += last[v] * venues.share[v]
            far = max(far, index)
            for v in range(n):
                pull[v] += venues.coupling * (index - last[v])
                # Half its own last price, half the index of all: what venues' marks come to.
                mark[v] += venues.mark_gain * (0.5 * (last[v] + index) - mark[v])
                if mark[v] > high_mark[v]:
                    high_mark[v] = mark[v]
                    due = scenarios.forced_factor[s] * _at(venues.supply[v], mark[v] / width)
                    if due > triggered[v]:
                        queue[v, (t + venues.delay[v]) % slots] += due - triggered[v]
                        triggered[v] = due
                if s == 0 and ends.trace.shape[0] == steps:
                    ends.trace[t, v, 0] = last[v]
                    ends.trace[t, v, 1] = mark[v]
                    ends.trace[t, v, 2] = ends.sold[s, v]
        ends.last[s] = index
        ends.furthest[s] = far
        for v in range(n):
            ends.lost[s, v] = venues.fund[v] - fund[v]

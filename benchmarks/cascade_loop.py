"""The cascade in NumPy: vectorised over scenarios, a loop over time, nothing compiled.

In:  a stage, scenarios.   Out: the same ends as the compiled loops.
Depth has to be positive in every bin: the inverse of a cumulative is by interpolation.
"""

from __future__ import annotations

import numpy as np

from forcedflow.cascade.stage import Stage
from forcedflow.cascade.waves import WaveResult, WaveRules


def fixed_points(
    stage: Stage, shock: np.ndarray, forced: np.ndarray, depth: np.ndarray, chunk: int
) -> np.ndarray:
    """Return where scenarios end, by the first bin at whose far edge depth has absorbed all."""
    edges, supply, demand = stage.edges, stage.supply, stage.demand
    ends = np.empty(shock.size)
    for start in range(0, shock.size, chunk):
        part = slice(start, start + chunk)
        y, fs, fd = shock[part, None], forced[part, None], depth[part, None]
        taken = fd * np.interp(y, edges, demand)
        excess = fs * supply - (fd * demand - taken)
        here = fs * np.interp(y, edges, supply)
        ended = (excess <= 0) & (edges > y)
        far = np.where(ended.any(axis=1), ended.argmax(axis=1), edges.size - 1)
        row = np.arange(far.size)
        near_edge = np.maximum(edges[far - 1], y[:, 0])
        near = np.where(edges[far - 1] > y[:, 0], excess[row, far - 1], here[:, 0])
        gap = near - excess[row, far]
        along = np.where(gap > 0, near / np.where(gap > 0, gap, 1.0), 1.0)
        crossing = near_edge + (edges[far] - near_edge) * np.minimum(along, 1.0)
        ends[part] = np.where(here[:, 0] <= 0.01, y[:, 0], crossing)
        ends[part][~ended.any(axis=1)] = edges[-1]
    return ends


def waves(stage: Stage, rules: WaveRules, path: np.ndarray) -> WaveResult:
    """Play all paths at once, one step after the other."""
    s, steps = path.shape
    n = len(stage.venues)
    edges = stage.edges
    supply = np.concatenate([np.zeros((n, 1)), (stage.reaching * stage.forced).cumsum(axis=1)], 1)
    demand = np.concatenate([np.zeros((n, 1)), stage.depth.cumsum(axis=1)], 1)
    share = stage.depth.sum(axis=1) / stage.depth.sum()
    delay = [max(1, round(wait / rules.step_s)) for wait in rules.latency_s]
    gain = rules.closed_per_step(rules.mark_half_life_s)
    coupling = rules.closed_per_step(rules.arbitrage_half_life_s)
    kept = 1 - rules.closed_per_step(rules.refill_half_life_s)

    def zeros() -> np.ndarray:
        return np.zeros((n, s))

    taken, mark, high, triggered, last, pull = (zeros() for _ in range(6))
    sold, deleveraged, lost = zeros(), zeros(), zeros()
    fund = np.repeat(np.array(rules.insurance_usd)[:, None], s, axis=1)
    exhausted = np.zeros((n, s), dtype=np.bool_)
    queue: list[dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]] = [{} for _ in range(n)]
    far = np.zeros(s)

    def hit(v: int, base: np.ndarray, gone: np.ndarray) -> np.ndarray:
        start = np.maximum(base, 0.0)
        reached = np.interp(np.interp(start, edges, demand[v]) + gone, demand[v], edges)
        return np.where(gone > 0.01, base + np.maximum(reached - start, 0.0), base)

    index = np.zeros(s)
    for t in range(steps):
        for v in range(n):
            base = path[:, t] + pull[v]
            if t in queue[v]:
                due, low, highest = queue[v].pop(t)
                low, highest = low + rules.buffer[v], highest + rules.buffer[v]
                fill = 0.5 * (hit(v, base, taken[v]) + hit(v, base, taken[v] + due))
                bankrupt = np.clip((fill - low) / np.where(due > 0, highest - low, 1.0), 0.0, 1.0)
                beyond = np.where(
                    bankrupt >= 1, fill - 0.5 * (low + highest), 0.5 * bankrupt * (fill - low)
                )
                loss = due * np.where(bankrupt > 0, beyond, 0.0)
                paid = np.minimum(loss, fund[v])
                unpaid = np.where(loss > 0, 1 - paid / np.where(loss > 0, loss, 1.0), 0.0)
                away = due * bankrupt * unpaid
                fund[v] -= paid
                lost[v] += paid
                deleveraged[v] += away
                sold[v] += due - away
                taken[v] += due - away
            last[v] = hit(v, base, taken[v])
            asked = np.interp(np.maximum(base, 0.0), edges, demand[v]) + taken[v]
            exhausted[v] |= asked > demand[v, -1]
            taken[v] *= kept
        index = share @ last
        far = np.maximum(far, index)
        for v in range(n):
            pull[v] += coupling * (index - last[v])
            mark[v] += gain * (0.5 * (last[v] + index) - mark[v])
            due = np.maximum(np.interp(mark[v], edges, supply[v]) - triggered[v], 0.0)
            queue[v][t + delay[v]] = (due, high[v].copy(), np.maximum(mark[v], high[v]))
            triggered[v] += due
            high[v] = np.maximum(high[v], mark[v])
    waiting = np.stack([sum(due for due, _, _ in venue.values()) for venue in queue])
    return WaveResult(index, far, sold.T, deleveraged.T, waiting.T, lost.T, exhausted.T)

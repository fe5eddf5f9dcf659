"""A self-exciting process as its definition reads: double sums, and Ogata's thinning to make one.

Times in seconds from the window's start, one mark per event, mass and decay per kernel.
"""

from __future__ import annotations

import math

import numpy as np


def intensity(t, s, times, series, marks, base, mass, decay):
    """Rate of series ``s`` at ``t``: its baseline and what every strictly earlier event adds."""
    rate = base(t, s)
    for ti, si, gi in zip(times, series, marks, strict=True):
        if ti < t:
            for k, b in enumerate(decay):
                rate += mass[s][si][k] * gi * b * math.exp(-b * (t - ti))
    return rate


def compensator(end, s, times, series, marks, base_integral, mass, decay):
    """Expected events of series ``s`` up to ``end``."""
    total = base_integral(end, s)
    for ti, si, gi in zip(times, series, marks, strict=True):
        if ti < end:
            for k, b in enumerate(decay):
                total += mass[s][si][k] * gi * (1 - math.exp(-b * (end - ti)))
    return total


def log_likelihood(end, times, series, marks, base, base_integral, mass, decay):
    kinds = range(len(mass))
    logs = sum(
        math.log(intensity(t, s, times, series, marks, base, mass, decay))
        for t, s in zip(times, series, strict=True)
    )
    return logs - sum(
        compensator(end, s, times, series, marks, base_integral, mass, decay) for s in kinds
    )


def felt_in_bin(i, place, marks, width, b, pieces=4000):
    """Share of earlier bins' kernels that falls into bin ``i``: events anywhere in their bins."""
    where = (np.arange(pieces) + 0.5) / pieces * width
    total = 0.0
    for j in range(i):
        lag = (place[i] - place[j]) * width - where
        total += marks[j] * np.mean(np.exp(-b * lag) - np.exp(-b * (lag + width)))
    return total


def borel_tanner(c, outside, each):
    """P(c events in a bin): arrivals at ``outside``, each event with ``each`` more inside it."""
    if c == 0:
        return math.exp(-outside)
    total = outside + c * each
    return outside * total ** (c - 1) * math.exp(-total) / math.factorial(c)


def simulate(rng, end, rate, mass, decay, top=1.0, season=None, draw_mark=None):
    """Ogata's thinning: propose at a bound of the rate, keep in proportion to the rate.

    ``rate`` (s,) is multiplied by ``season(t)``, at most ``top``. Returns times, series, marks.
    """
    kinds, decay = range(len(rate)), [float(b) for b in decay]
    # What each series' events still excite, by the series excited and the kernel.
    kernels = [
        (s, p, k, mass[s][p][k] * decay[k])
        for s in kinds
        for p in kinds
        for k in range(len(decay))
        if mass[s][p][k] > 0
    ]
    state = [[0.0] * len(decay) for _ in kinds]
    t, out, excited, most = 0.0, [], 0.0, sum(rate) * top
    while True:
        bound = most + excited
        step = rng.exponential(1 / bound)
        t += step
        if t >= end:
            break
        for k, b in enumerate(decay):
            kept = math.exp(-b * step)
            for p in kinds:
                state[p][k] *= kept
        level = 1.0 if season is None else season(t)
        now = [r * level for r in rate]
        for s, p, k, jump in kernels:
            now[s] += jump * state[p][k]
        left = rng.random() * bound
        for s in kinds:
            left -= now[s]
            if left < 0:
                mark = 1.0 if draw_mark is None else draw_mark(rng)
                state[s] = [held + mark for held in state[s]]
                out.append((t, s, mark))
                break
        excited = sum(jump * state[p][k] for _, p, k, jump in kernels)
    times, series, marks = (np.array(column) for column in zip(*out, strict=True))
    return times, series.astype(np.int64), marks.astype(float)

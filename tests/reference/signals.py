"""Scores of signals, written to be read: one firing, one match and one day at a time."""

from __future__ import annotations

import numpy as np

from forcedflow.units import DAY_MS, HOUR_MS


def firings(verdict, refractory):
    """Return where a signal turned on, at least so many moments after the last time."""
    found = []
    for i in range(1, len(verdict)):
        if verdict[i] == 1 and verdict[i - 1] == 0 and (not found or i - found[-1] >= refractory):
            found.append(i)
    return found


def classes(times_ms, decile, usable):
    """Return each moment's class, by the strictest level whose class holds eight days."""

    def hour(t):
        return t // HOUR_MS % 24

    def weekday(t):
        return (t // DAY_MS + 3) % 7

    levels = (
        lambda t: (weekday(t), hour(t)),
        lambda t: (weekday(t) >= 5, hour(t)),
        hour,
        lambda t: hour(t) // 6,
    )
    found = {}
    for level, key in enumerate(levels):
        days = {}
        rest = [i for i in range(len(times_ms)) if usable[i] and i not in found]
        for i in rest:
            days.setdefault((key(times_ms[i]), decile[i]), set()).add(times_ms[i] // DAY_MS)
        for i in rest:
            own = (key(times_ms[i]), decile[i])
            if len(days[own]) >= 8:
                found[i] = (level, own)
    return found


def moments_alike(at, times_ms, own_class):
    """Return the level of a firing's class, those of it a day away and their share of it."""
    if at not in own_class:
        return None, [], 0.0
    alike = [i for i, own in own_class.items() if own == own_class[at]]
    apart = sorted(i for i in alike if abs(times_ms[i] - times_ms[at]) >= DAY_MS)
    if len(apart) < 20 or len({times_ms[i] // DAY_MS for i in apart}) < 5:
        return None, [], 0.0
    return own_class[at][0], apart, len(apart) / len(alike)


def mean_gain(at, pools, share, outcome, day, weight):
    """Return the mean difference, given how often each day counts."""
    total = count = 0.0
    for i, pool, own in zip(at, pools, share, strict=True):
        of_pool = sum(weight[day[j]] for j in pool)
        if of_pool == 0:
            continue
        theirs = sum(weight[day[j]] * outcome[j] for j in pool) / of_pool
        total += own * weight[day[i]] * (outcome[i] - theirs)
        count += own * weight[day[i]]
    return total / count if count else np.nan

"""Impulses, legs and plans, written to be read: every bar looks at all of its past again."""

from __future__ import annotations

import math

from forcedflow.units import DAY_MS


def impulses(series, rule, direction):
    """(start, seen, outcome, last place) of every impulse one way."""
    sign = -1 if direction == "down" else 1
    near, far = (series.high, series.low) if sign < 0 else (series.low, series.high)
    # Where only closes are told, a move begins at a close.
    near = [near[j] if series.ranged[j] else series.close[j] for j in range(series.size)]
    found, free, i = [], 0, 0
    while i < series.size:
        start = _start(series, rule, sign, near, free, i)
        if start is None:
            i += 1
            continue

        def way(price, origin=near[start]):
            return sign * math.log(price / origin)

        def given_back(j, start=start, way=way):
            furthest = max(way(price) for price in far[start + 1 : j + 1])
            return (furthest - way(series.close[j])) / furthest

        outcome, end = "impulse", series.size - 1
        for j in range(i + 1, series.size):
            paused = any(given_back(k) >= rule.pause for k in range(i, j))
            before = max(way(price) for price in far[start + 1 : j])
            if given_back(j) > rule.retrace:
                outcome = "failed"
            elif paused and way(series.close[j]) > before:
                outcome = "ignited"
            elif series.event_ms[j] - series.event_ms[i] >= rule.life_ms:
                outcome = "timed_out"
            if outcome != "impulse":
                end = j
                break
        found.append((start, i, outcome, end))
        free = i = end + 1
    return found


def _start(series, rule, sign, near, free, i):
    """Place of the window's furthest opposite price, if bar ``i`` closes far enough from it."""
    begins = series.event_ms[i] - rule.window_ms
    window = [j for j in range(free, i) if series.event_ms[j] >= begins]
    known = [j for j in range(series.size) if series.event_ms[j] <= begins]
    if not window or not known:
        return None
    sigma = series.sigma_day[known[-1]] * math.sqrt(rule.window_ms / DAY_MS)
    # Of equal prices the latest: the move cannot have begun before it.
    start = max(window, key=lambda j: (-sign * near[j], j))
    is_far = sign * math.log(series.close[i] / near[start]) >= max(
        rule.impulse_sigma * sigma, rule.least
    )
    return start if is_far else None


def states(series, ignition, clusters, rule):
    """(state, place) of every state of a leg, and (entry, invalidation, target) of its plan."""
    sign = -1 if ignition.direction == "down" else 1
    near, far = (series.high, series.low) if sign < 0 else (series.low, series.high)
    standing = clusters.ahead(ignition.start_ms, ignition.direction, ignition.start_price)
    if not standing:
        return [], None

    def border(zone):
        return zone.high if sign < 0 else zone.low

    def way(price):
        return sign * math.log(price / ignition.start_price)

    first, told, plan, hit_ms, frozen = way(border(standing[0])), [], None, None, None
    for i in range(ignition.seen, series.size):
        state = told[-1][0] if told else "idle"
        close, event = way(series.close[i]), series.event_ms[i]
        furthest = max(way(price) for price in far[ignition.start + 1 : i + 1])
        given_back = 1 - close / furthest
        if state == "idle":
            if furthest >= first:
                hit_ms = event
                told.append(("first_cluster_hit", i))
                state = "first_cluster_hit"
            elif given_back >= rule.fail or (
                event - series.event_ms[ignition.seen] >= rule.wait_ms
            ):
                break
            else:
                continue
        elif event - hit_ms > rule.life_ms:
            told.append(("timed_out", i))
            break
        if state == "first_cluster_hit":
            if given_back >= rule.fail:
                told.append(("failed", i))
                break
            if given_back < rule.pause:
                continue
            frozen = furthest
            extreme = ignition.start_price * math.exp(sign * frozen)
            beyond = clusters.ahead(int(series.known_ms[i]), ignition.direction, extreme)
            if beyond and series.known_ms[i] < hit_ms + rule.life_ms:
                invalid = ignition.start_price * math.exp(sign * frozen * (1 - rule.fail))
                plan = extreme, invalid, border(beyond[0])
            told.append(("bounce" if close < first else "rejection", i))
            continue
        if way(near[i]) <= frozen * (1 - rule.fail):
            told.append(("failed", i))
            break
        if way(far[i]) > frozen:
            if state != "continuation":
                told.append(("continuation", i))
            if plan is not None and way(far[i]) >= way(plan[2]):
                told.append(("next_cluster", i))
                break
        elif state == "rejection" and close < first:
            told.append(("bounce", i))
    return told, plan


def came_to(series, plan):
    """(end, entry, exit) of a plan, bar by bar."""
    sign = -1 if plan.direction == "down" else 1
    bars = [i for i in range(series.size) if series.event_ms[i] >= plan.placed_ms]
    bars = [i for i in bars if series.event_ms[i] <= plan.expires_ms]
    over = series.size > 0 and series.event_ms[-1] >= plan.expires_ms

    def beyond(price, level):
        return sign * (price - level) >= 0

    def lost(price):
        return sign * (price - plan.invalidation) <= 0

    if not bars:
        return ("unfilled" if over else "open"), None, None
    market = series.close[bars[0]]
    if lost(market) or beyond(market, plan.target):
        return "unfilled", None, None
    entry = None
    for i in bars[1:]:
        opened, close, ranged = series.close[i - 1], series.close[i], series.ranged[i]
        far, near = (series.low[i], series.high[i]) if sign < 0 else (series.high[i], series.low[i])
        if entry is None:
            if not beyond(far, plan.entry):
                if lost(near):
                    return "unfilled", None, None
                continue
            if beyond(opened, plan.entry):
                entry = opened
            else:
                entry = plan.entry if ranged else close
                if not ranged and not beyond(close, plan.target):
                    continue
        if ranged:
            if lost(near):
                worse = min if sign > 0 else max
                return "invalidation", entry, worse(opened, plan.invalidation)
            if beyond(far, plan.target):
                return "target", entry, plan.target
        elif lost(close):
            return "invalidation", entry, close
        elif beyond(close, plan.target):
            return "target", entry, close
    if entry is None:
        return ("unfilled" if over else "open"), None, None
    return ("expired", entry, series.close[bars[-1]]) if over else ("open", entry, None)

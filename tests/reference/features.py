"""Features written to be read: one moment at a time, one row at a time."""

from __future__ import annotations

import math

MINUTE_MS = 60_000
FIVE_MS = 5 * MINUTE_MS
HOUR_MS = 60 * MINUTE_MS


def newest_known(rows, at, max_age):
    """The value of the newest (event, available, value) known at a moment."""
    known = [row for row in rows if row[1] <= at and row[2] is not None]
    if not known:
        return math.nan
    newest = max(event for event, _, _ in known)
    # Of two rows of one moment the one that came last corrects the other.
    value = [row for row in sorted(known, key=lambda row: row[1]) if row[0] == newest][-1][2]
    return value if at - newest <= max_age else math.nan


def trailing_sum(column, i, window):
    inside = column[max(0, i - window + 1) : i + 1]
    return math.fsum(x for x in inside if not math.isnan(x))


def trailing_extreme(column, i, window, pick):
    inside = [x for x in column[max(0, i - window + 1) : i + 1] if not math.isnan(x)]
    known = len(inside) >= 0.9 * window and not math.isnan(column[i])
    return pick(inside) if known else math.nan


def trailing_rank(column, i, window, least):
    inside = [x for x in column[max(0, i - window + 1) : i + 1] if not math.isnan(x)]
    here = column[i]
    if math.isnan(here) or len(inside) < least:
        return math.nan
    below = sum(x < here for x in inside)
    equal = sum(x == here for x in inside)
    return (below + equal / 2) / len(inside)


def total(rows, at, window):
    """Sum of the finest (event, interval, value) bars that ended in ``(at - window, at]``."""
    for interval in sorted({interval for _, interval, _ in rows if interval <= HOUR_MS}):
        inside = [row for row in rows if row[1] == interval and at - window < row[0] <= at]
        if inside and len(inside) * interval >= 0.9 * window:
            return math.fsum(value for _, _, value in inside)
    return math.nan


def same_sign_hours(rates, i):
    """Hours for which the rate has had its sign, times the sign."""
    if math.isnan(rates[i]):
        return math.nan
    sign = (rates[i] > 0) - (rates[i] < 0)
    began = i
    while began > 0 and (rates[began - 1] > 0) - (rates[began - 1] < 0) == sign:
        if math.isnan(rates[began - 1]):
            break
        began -= 1
    return sign * min((i - began) / 12, 720.0)


def flip_hours(rates, i, stayed=288, longest=8640):
    """Hours since the newest change of sign after which the new sign stayed."""

    def sign(j):
        return math.nan if math.isnan(rates[j]) else (rates[j] > 0) - (rates[j] < 0)

    if math.isnan(rates[i]):
        return math.nan
    for began in range(i - stayed, 0, -1):
        if i - began >= longest:
            break
        changed = sign(began) != sign(began - 1) and not math.isnan(sign(began - 1))
        if changed and all(sign(j) == sign(began) for j in range(began, began + stayed + 1)):
            return (i - began) / 12
    whole = i + 1 >= longest and not any(map(math.isnan, rates[i + 1 - longest : i + 1]))
    return 720.0 if whole else math.nan


def swept_lows(low, price, wait, swing=48, lives=2016):
    """Places at which price stood back above a swing low it had poked."""
    n = len(low)
    back = {}
    for born in range(1, n - swing):
        before, after = low[max(0, born - swing) : born], low[born + 1 : born + swing + 1]
        known = sum(not math.isnan(x) for x in [*before, low[born], *after])
        if math.isnan(low[born]) or known < 0.9 * (2 * swing + 1):
            continue
        if any(x <= low[born] for x in before) or any(x < low[born] for x in after):
            continue
        for poke in range(born + swing + 1, min(n, born + lives + 1)):
            if low[poke] < low[born]:
                for at in range(poke, min(n, poke + wait[poke] + 1)):
                    if price[at] > low[born]:
                        back[poke] = min(back.get(poke, at), at)
                        break
                break
    return sorted(back.values())


def slippage_bps(bands, order):
    """Mean distance of a fill from (distance in percent, cumulative dollars), depth being even."""
    paid, left, near, before = 0.0, order, 0.0, 0.0
    for far, held in bands:
        inside = max(held - before, 0.0)
        taken = min(left, inside)
        if taken > 0:
            paid += taken * (near + (far - near) * taken / inside / 2)
        left -= taken
        near, before = far, max(held, before)
    return 100 * paid / order if left == 0 else math.nan

"""Readable twins of the size forecast's arithmetic: plain loops over lists."""

from __future__ import annotations

import math


def expected_sweep(share, bin_width, excursions, sigma):
    """Mean over excursions of what stands nearer than each, straight within a bin."""
    total = 0.0
    for excursion in excursions:
        left = excursion * sigma / bin_width
        for held in share:
            if left <= 0:
                break
            total += held * min(left, 1.0)
            left -= 1.0
    return total / len(excursions)


def furthest_moves(end_ms, low, high, close, start, horizon_ms):
    """Furthest fall and rise in log price over the bars that end within a horizon of a bar."""
    within = [t for t in range(start + 1, len(end_ms)) if end_ms[t] - end_ms[start] <= horizon_ms]
    here = close[start]
    fall = max(0.0, *(math.log(here / low[t]) for t in within))
    rise = max(0.0, *(math.log(high[t] / here) for t in within))
    return fall, rise


def sizes_ahead(end_ms, usd, moment, hours, hour_ms):
    """Dollars per side within so many hours, or None where an hour is missing."""
    told = dict(zip(end_ms, usd, strict=True))
    ends = [moment + hour_ms * (h + 1) for h in range(hours)]
    if any(end not in told for end in ends):
        return None
    return [sum(told[end][s] for end in ends) for s in (0, 1)]


def level_before(end_ms, usd, moment, window_ms, least):
    """Median over the known hours before a moment of the mean of both sides."""
    past = sorted(
        (long + short) / 2
        for end, (long, short) in zip(end_ms, usd, strict=True)
        if moment - window_ms < end <= moment
    )
    if len(past) < least:
        return None
    half = len(past) // 2
    return past[half] if len(past) % 2 else (past[half - 1] + past[half]) / 2


def level_lift(hours, errors, horizon_h, half_life_h, doubt_h):
    """Fading mean of the errors whose horizon was over, shrunk by hours of doubt, per moment."""
    lifts = []
    for now in hours:
        total, weight = 0.0, doubt_h * horizon_h**0.5
        for then, error in zip(hours, errors, strict=True):
            if then + horizon_h <= now and error == error:
                # An error counts from the moment it was known at.
                fade = 2.0 ** (-(now - _known(hours, then + horizon_h)) / half_life_h)
                total += fade * error
                weight += fade
        lifts.append(total / weight)
    return lifts


def followed_quantiles(left, over, levels, step, shape):
    """Quantiles per moment and side, moved by every outcome that was over by the moment."""
    moved = [[0.0] * len(levels) for _side in ("long", "short")]
    found, learned = [], 0
    for own, stop in zip(shape, over, strict=True):
        for outcome, told in zip(left[learned:stop], found[learned:stop], strict=True):
            for side, value in enumerate(outcome):
                if value == value:
                    moved[side] = [
                        move + step * (level - (value <= quantile))
                        for move, level, quantile in zip(
                            moved[side], levels, told[side], strict=True
                        )
                    ]
        learned = stop
        found.append(
            [
                sorted(q + move for q, move in zip(quantiles, moves, strict=True))
                for quantiles, moves in zip(own, moved, strict=True)
            ]
        )
    return found


def _known(hours, over):
    return next(hour for hour in hours if hour >= over)


def pool_days(liquidated, interest, days, level, least):
    """Whether tomorrow is large, per day: None where unknown."""
    size = [None] + [sum(liquidated[d]) / interest[d - 1] for d in range(1, len(liquidated))]
    found = []
    for d in range(len(size)):
        past = sorted(x for x in size[max(0, d - days + 1) : d + 1] if x is not None)
        if len(past) < least or d + 1 == len(size):
            found.append(None)
            continue
        place = level * (len(past) - 1)
        low = int(place)
        high = min(low + 1, len(past) - 1)
        much = past[low] + (place - low) * (past[high] - past[low])
        found.append(1.0 if size[d + 1] > much else 0.0)
    return found

"""Weights of every return at every time, summed in full."""

from __future__ import annotations

import math


def ewma_volatility(close, end_ms, horizon_ms, half_life_ms):
    sigma = [math.nan]
    for t in range(1, len(close)):
        squares = time = 0.0
        for s in range(1, t + 1):
            weight = 0.5 ** ((end_ms[t] - end_ms[s]) / half_life_ms)
            squares += weight * math.log(close[s] / close[s - 1]) ** 2
            time += weight * (end_ms[s] - end_ms[s - 1])
        sigma.append(math.sqrt(horizon_ms * squares / time))
    return sigma[: len(close)]

"""The path-only null in plain loops: one bar, one side, one weight at a time."""

from __future__ import annotations

import math

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def features_of_bar(bars, t, side, spans_ms):
    """Features of bar ``t`` from the bars up to it, or None without enough history."""
    begin = int(bars.end_ms[t] - bars.elapsed_ms[t])
    first_begin = int(bars.end_ms[0] - bars.elapsed_ms[0])
    if begin - max(spans_ms) < first_begin:
        return None
    usd = float(bars.open_interest[t - 1] * bars.close[t - 1])
    found = []
    for span in spans_ms:
        seen = [u for u in range(t) if bars.end_ms[u] > begin - span or u == t - 1]
        if side == "long":
            beyond = math.log(min(bars.low[u] for u in seen)) - math.log(bars.low[t])
        else:
            beyond = math.log(bars.high[t]) - math.log(max(bars.high[u] for u in seen))
        found.append(usd * max(beyond, 0.0))
    if side == "long":
        moved = math.log(bars.close[t - 1]) - math.log(bars.low[t])
    else:
        moved = math.log(bars.high[t]) - math.log(bars.close[t - 1])
    return [*found, usd * max(moved, 0.0), usd * float(bars.elapsed_ms[t]) / HOUR_MS]


def deviance(target, rate):
    total = 0.0
    for y, expected in zip(target, rate, strict=True):
        total += 2.0 * ((y * math.log(y / expected) if y > 0 else 0.0) - (y - expected))
    return total


def step(weights, features, target, mean, alpha, phi):
    """One expectation and maximisation: who caused each dollar, then how much each causes."""
    caused = [0.0] * len(weights)
    exposure = [0.0] * len(weights)
    for row, y in zip(features, target, strict=True):
        rate = sum(w * b for w, b in zip(weights, row, strict=True))
        for j, b in enumerate(row):
            caused[j] += y * weights[j] * b / rate / phi if rate > 0 else 0.0
            exposure[j] += b / phi
    return [(alpha + c) / (alpha / m + e) for c, e, m in zip(caused, exposure, mean, strict=True)]


def penalised(weights, features, target, mean, alpha, phi):
    rates = [sum(w * b for w, b in zip(weights, row, strict=True)) for row in features]
    prior = sum(w / m - math.log(w / m) for w, m in zip(weights, mean, strict=True))
    return deviance(target, rates) / phi + 2.0 * alpha * prior


def trailing_level(target, predicted, end_ms, half_life_days):
    levels = []
    for t in range(len(target)):
        weights = [
            0.5 ** ((float(end_ms[t]) - float(end_ms[u])) / (half_life_days * DAY_MS))
            for u in range(t)
        ]
        realised = sum(w * y for w, y in zip(weights, target, strict=False))
        expected = sum(w * p for w, p in zip(weights, predicted, strict=False))
        enough = t > 0 and end_ms[t] - end_ms[0] >= half_life_days * DAY_MS / 2
        levels.append(realised / expected if enough and expected > 0 else 1.0)
    return levels

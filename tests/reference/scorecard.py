"""A scorecard's figures from their definitions, one row and one day at a time."""

from __future__ import annotations

import math

from tests.reference.map_scores import deviance

DAY_MS = 86_400_000


def total_deviance(target, expected, columns):
    return sum(deviance(y[c], e[c]) for y, e in zip(target, expected, strict=True) for c in columns)


def d2(target, expected, reference, columns):
    return 1 - total_deviance(target, expected, columns) / total_deviance(
        target, reference, columns
    )


def information_gain_bits(target, ours, theirs, dispersion, columns):
    """How many bits per effective event the log-likelihood is higher."""
    bits = events = 0.0
    for c in columns:
        better = total_deviance(target, theirs, [c]) - total_deviance(target, ours, [c])
        bits += better / 2 / dispersion[c] / math.log(2)
        events += sum(y[c] for y in target) / dispersion[c]
    return bits / events


def allocation_bits(target, expected, end_ms, columns):
    """Mean surprise, per dollar, at where in its day a dollar was liquidated."""
    bits = dollars = 0.0
    days = [(int(end) - 1) // DAY_MS for end in end_ms]
    for row, day in enumerate(days):
        own = sum(expected[row][c] for c in columns)
        whole = sum(expected[other][c] for other, d in enumerate(days) if d == day for c in columns)
        usd = sum(target[row][c] for c in columns)
        bits -= usd * math.log2(own / whole)
        dollars += usd
    return bits / dollars


def benjamini_hochberg(p_values):
    """Least false discovery rate at which each is a discovery, by trying every rank."""
    n = len(p_values)
    ordered = sorted(p_values)
    adjusted = []
    for p in p_values:
        rates = [ordered[rank] * n / (rank + 1) for rank in range(n) if ordered[rank] >= p]
        adjusted.append(min(rates))
    return adjusted

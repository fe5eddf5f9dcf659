"""D² and its day-block interval, one row and one draw at a time."""

from __future__ import annotations

import math

import numpy as np

DAY_MS = 86_400_000


def deviance(y, expected):
    if expected == 0:
        return math.inf if y > 0 else 0.0
    return 2.0 * ((y * math.log(y / expected) if y > 0 else 0.0) - (y - expected))


def d2(target, predicted, reference):
    ours = theirs = 0.0
    for row in range(len(target)):
        for side in range(2):
            ours += deviance(target[row][side], predicted[row][side])
            theirs += deviance(target[row][side], reference[side])
    return 1.0 - ours / theirs


def drawn_d2(target, predicted, reference, end_ms, *, seed, draws):
    """Rows of each drawn day, laid end to end and scored afresh."""
    rows_of: dict[int, list[int]] = {}
    for row, end in enumerate(end_ms):
        rows_of.setdefault((int(end) - 1) // DAY_MS, []).append(row)
    days = sorted(rows_of)
    rng = np.random.default_rng(seed)
    scores = []
    for counts in rng.multinomial(len(days), [1 / len(days)] * len(days), draws):
        rows = [
            row
            for day, count in zip(days, counts, strict=True)
            for _ in range(count)
            for row in rows_of[day]
        ]
        scores.append(d2([target[r] for r in rows], [predicted[r] for r in rows], reference))
    return scores

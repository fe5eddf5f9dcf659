"""The rule that makes zones, bin by bin with plain loops, on the near bins of one side."""

from __future__ import annotations

import math


def smoothed(values, deviation_bins):
    reach = math.ceil(4 * deviation_bins)
    kernel = [math.exp(-0.5 * (i / deviation_bins) ** 2) for i in range(-reach, reach + 1)]
    out = []
    for b in range(len(values)):
        total = 0.0
        for i, weight in enumerate(kernel):
            neighbour = b + i - reach
            if 0 <= neighbour < len(values):
                total += weight * values[neighbour]
        out.append(total / sum(kernel))
    return out


def zones_of_side(values, contracts, near, deviation_bins, *, dense, saddle, least):
    """Return (first, last) of every zone, largest first.

    ``least`` is in contracts. ``near`` says which bins are ahead of the price and within reach.
    """
    kept = [value if ahead else 0.0 for value, ahead in zip(values, near, strict=True)]
    smooth = smoothed(kept, deviation_bins)
    threshold = dense * sum(kept) / max(1, sum(near))
    runs, run = [], []
    for b, ahead in enumerate(near):
        if ahead and smooth[b] >= threshold and threshold > 0:
            run.append(b)
        elif run:
            runs.append(run)
            run = []
    if run:
        runs.append(run)
    pieces = [piece for run in runs for piece in cut(run, smooth, saddle)]
    mass = {tuple(piece): sum(kept[b] for b in piece) for piece in pieces}
    large = [piece for piece in mass if sum(contracts[b] for b in piece) >= least]
    return [(p[0], p[-1]) for p in sorted(large, key=lambda piece: -mass[piece])]


def cut(run, smooth, saddle):
    """Cut where the density dips below ``saddle`` of the lower of the two peaks beside the dip."""
    depths = []
    for i in range(len(run)):
        left = max(smooth[b] for b in run[: i + 1])
        right = max(smooth[b] for b in run[i:])
        depths.append(smooth[run[i]] / min(left, right))
    deepest = min(range(len(run)), key=lambda i: depths[i])
    if depths[deepest] >= saddle:
        return [run]
    return cut(run[: deepest + 1], smooth, saddle) + cut(run[deepest + 1 :], smooth, saddle)

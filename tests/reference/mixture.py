"""The mixture in plain loops: one interval, one atom, one dollar's cause at a time."""

from __future__ import annotations

import math

DAY_MS = 86_400_000


def prior(background, design, target, share, prior_events, background_events):
    """Prior mean and strength of each term, background terms first."""
    share = [s / sum(share) for s in share]
    half = sum(target) / 2
    n_terms = len(background[0])
    means, strengths = [], []
    for j in range(n_terms):
        swept = sum(row[j] for row in background)
        means.append(half / swept / n_terms if swept > 0 else 0.0)
        strengths.append(background_events)
    whole = sum(s * x for row in design for s, x in zip(share, row, strict=True))
    average = sum(share) / len(share)
    for s in share:
        means.append(s * half / whole if whole > 0 else 0.0)
        strengths.append(prior_events * s / average)
    return means, strengths


def step(weights, terms, target, means, strengths, phi):
    """Share every interval out by the weights, then weigh what was credited against exposure."""
    credited, exposed = [0.0] * len(weights), [0.0] * len(weights)
    for row, y in zip(terms, target, strict=True):
        rate = sum(w * x for w, x in zip(weights, row, strict=True))
        for j, x in enumerate(row):
            credited[j] += weights[j] * x / max(rate, 1e-9) * y / phi
            exposed[j] += x / phi
    events = [a + c for a, c in zip(strengths, credited, strict=True)]
    stepped = [
        shape / (a / m + e) if m > 0 else 0.0
        for shape, a, m, e in zip(events, strengths, means, exposed, strict=True)
    ]
    return stepped, events


def fit(background, design, target, share, *, prior_events, background_events, steps, rounds=2):
    """Weights, events, dispersion and every penalised log-likelihood on the way, by round."""
    terms = [[*b, *x] for b, x in zip(background, design, strict=True)]
    means, strengths = prior(background, design, target, share, prior_events, background_events)
    weights, events, phi = list(means), list(strengths), sum(target) / len(target)
    climbed = []
    for _ in range(rounds):
        climb = [likelihood(weights, terms, target, means, strengths, phi)]
        for _ in range(steps):
            weights, events = step(weights, terms, target, means, strengths, phi)
            climb.append(likelihood(weights, terms, target, means, strengths, phi))
        climbed.append(climb)
        rates = [max(sum(w * x for w, x in zip(weights, row, strict=True)), 1e-9) for row in terms]
        residuals = [(y - r) ** 2 / r for y, r in zip(target, rates, strict=True)]
        phi = max(sum(residuals) / len(target), 1e-9 * sum(target) / len(target))
    return weights, events, phi, climbed


def likelihood(weights, terms, target, means, strengths, phi):
    """Quasi-Poisson log-likelihood plus the prior's, up to what no weight changes."""
    total = 0.0
    for row, y in zip(terms, target, strict=True):
        rate = sum(w * x for w, x in zip(weights, row, strict=True))
        total += ((y * math.log(rate) if y > 0 else 0.0) - rate) / phi
    for w, m, a in zip(weights, means, strengths, strict=True):
        total += a * (math.log(w / m) - w / m) if m > 0 else 0.0
    return total


def filtered(design, background, target, end_ms, start, side, half_life_days):
    """One side's expectations, each from the whole history before it weighed anew."""
    weights = [float(w) for w in start.weight[side]]
    events = [float(e) for e in start.events[side]]
    phi, means = float(start.dispersion[side]), list(weights)
    shares, expected = [], []
    for t in range(len(target)):
        mapped = [w * float(x) for w, x in zip(weights, design[t], strict=True)]
        rest = sum(
            float(b) * float(w) for b, w in zip(background[t], start.background[side], strict=True)
        )
        rate = sum(mapped) + rest
        expected.append(rate)
        shares.append([m / rate if rate > 0 else 0.0 for m in mapped])
        kept = [
            0.5 ** (float(end_ms[t] - end_ms[u]) / (half_life_days * DAY_MS)) for u in range(t + 1)
        ]
        for a in range(len(weights)):
            credited = sum(k * shares[u][a] * target[u] / phi for u, k in enumerate(kept))
            exposed = sum(k * float(design[u][a]) / phi for u, k in enumerate(kept))
            if means[a] > 0:
                weights[a] = (events[a] + credited) / (events[a] / means[a] + exposed)
    return expected, weights

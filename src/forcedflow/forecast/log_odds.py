"""Log odds, and the straight line on them that events ask for.

In:  probabilities or scores, and what happened. [1]   Out: log odds; intercept and slope.
Pure: NumPy in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import math

import numpy as np

from forcedflow.units import F8, F8x2

LEAST = 1e-4
"""No forecast is surer than this either way, so that one surprise cannot cost without limit."""

_STEPS, _HALVINGS = 60, 30
_FAR = 35.0


def log_odds(probability: F8) -> F8:
    """Return log odds, as sure as `LEAST` allows."""
    p = np.clip(probability, LEAST, 1 - LEAST)
    odds: F8 = np.log(p / (1 - p))
    return odds


def probability_of(odds: F8) -> F8:
    """Return the probability that log odds mean."""
    return 1 / (1 + np.exp(-np.clip(odds, -_FAR, _FAR)))


def fit_line(
    score: F8,
    happened: F8,
    weight: float = 1.0,
    pull: tuple[float, float] = (1e-9, 1e-3),
) -> tuple[float, float]:
    """Return intercept and slope of the log odds on a score.

    Parameters
    ----------
    score, happened : ndarray, shape (n,)
    weight : float
        What one moment counts. [1]
    pull : tuple of float
        How firmly intercept and slope are held to 0 and 1, as second derivatives.

    Returns
    -------
    tuple of float
        (nan, nan) where it never or always happened.

    Notes
    -----
    Newton's method; a step that would make the fit worse is halved until it does not.
    """
    if not 0 < happened.sum() < happened.size:
        return math.nan, math.nan
    design = np.stack([np.ones(score.size), score], axis=1)
    start, held = np.array([0.0, 1.0]), np.array(pull)
    beta = start.copy()
    cost = _cost(design, happened, weight, held, beta - start, beta)
    for _ in range(_STEPS):
        p = probability_of(design @ beta)
        slope = weight * design.T @ (happened - p) - held * (beta - start)
        curve = weight * (design * (p * (1 - p))[:, None]).T @ design + np.diag(held + 1e-12)
        step = np.linalg.solve(curve, slope)
        for _ in range(_HALVINGS):
            tried = beta + step
            worth = _cost(design, happened, weight, held, tried - start, tried)
            if worth <= cost:
                break
            step = 0.5 * step
        else:
            break
        gained, beta, cost = cost - worth, tried, worth
        if gained <= 1e-12 * max(abs(cost), 1.0):
            break
    return float(beta[0]), float(beta[1])


def _cost(design: F8x2, happened: F8, weight: float, held: F8, off: F8, beta: F8) -> float:
    odds = np.clip(design @ beta, -1e3, 1e3)
    loss = np.logaddexp(0.0, odds) - happened * odds
    return float(weight * loss.sum() + 0.5 * (held * off**2).sum())

"""Made-up histories of price: calm and stormy days, a jump, a gap."""

from __future__ import annotations

import numpy as np

from forcedflow.volatility.filtered_history import filter_history

FIVE_MS = 300_000
START_MS = 1_760_000_400_000


def prices(n=2_000, seed=3, sigma=0.002, origin=100.0):
    """Return low, high, close and ends of five-minute bars with waves of volatility."""
    rng = np.random.default_rng(seed)
    swell = 1.0 + 0.5 * np.sin(np.arange(n) / 150)
    close = origin * np.exp(np.cumsum(sigma * swell * rng.standard_normal(n)))
    before = np.concatenate([[origin], close[:-1]])
    low = np.minimum(before, close) * np.exp(-0.3 * sigma * rng.random(n))
    high = np.maximum(before, close) * np.exp(0.3 * sigma * rng.random(n))
    return low, high, close, START_MS + FIVE_MS * np.arange(1, n + 1)


def history(n=2_000, seed=3, sigma=0.002):
    return filter_history(*prices(n, seed, sigma))

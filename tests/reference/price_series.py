"""Series of prices to test with: by hand from a few numbers, or random walks with jumps."""

from __future__ import annotations

import numpy as np

from forcedflow.playbook.price_series import PriceSeries
from forcedflow.units import MINUTE_MS

MONDAY_MS = 1_769_990_400_000  # 2026-02-02 00:00 UTC


def series_of(
    close,
    *,
    low=None,
    high=None,
    step_ms=5 * MINUTE_MS,
    delay_ms=0,
    sigma_day=0.02,
    open_interest=1000.0,
    forced=None,
    start_ms=MONDAY_MS,
    event_ms=None,
):
    """A series of these closes; without lows and highs it is told by closes alone."""
    close = np.asarray(close, dtype=float)
    n = close.size
    before = np.concatenate([close[:1], close[:-1]])
    event = start_ms + step_ms * np.arange(1, n + 1) if event_ms is None else np.asarray(event_ms)
    ranged = low is not None

    def column(values):
        return np.broadcast_to(np.asarray(values, dtype=float), n).copy()

    return PriceSeries(
        event_ms=event.astype(np.int64),
        known_ms=(event + delay_ms).astype(np.int64),
        high=column(high) if ranged else np.maximum(before, close),
        low=column(low) if ranged else np.minimum(before, close),
        close=close,
        ranged=np.full(n, ranged),
        open_interest=column(open_interest),
        forced_usd=np.full((n, 2), np.nan) if forced is None else np.asarray(forced, dtype=float),
        sigma_day=column(sigma_day),
    )


def jumpy(seed, n=400, *, ranged=True, delay_ms=0, step_ms=5 * MINUTE_MS):
    """A walk with fat tails, open interest that falls in falls, and wicks where wanted."""
    rng = np.random.default_rng(seed)
    move = 0.001 * rng.standard_t(2.2, n).clip(-25, 25)
    log = np.log(100.0) + np.cumsum(move)
    close = np.exp(log)
    opened = np.concatenate([close[:1], close[:-1]])
    wick = 0.0006 * rng.random((2, n))
    oi = 1000 * np.exp(np.cumsum(0.001 * rng.standard_normal(n) - 0.2 * np.abs(move)))
    oi[rng.random(n) < 0.03] = np.nan
    forced = np.where(rng.random((n, 1)) < 0.9, rng.exponential(1e5, (n, 2)), np.nan)
    return series_of(
        close,
        low=np.minimum(opened, close) * (1 - wick[0]) if ranged else None,
        high=np.maximum(opened, close) * (1 + wick[1]) if ranged else None,
        sigma_day=np.where(np.arange(n) < 20, np.nan, 0.015 + 0.01 * rng.random()),
        open_interest=oi,
        forced=forced,
        delay_ms=delay_ms,
        step_ms=step_ms,
    )

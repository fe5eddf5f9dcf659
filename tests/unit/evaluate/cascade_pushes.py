"""Markets of a few minutes, and what was said of pushes, all made by hand."""

from __future__ import annotations

import numpy as np

from forcedflow.evaluate.cascade_card import LEAST_EPISODES
from forcedflow.evaluate.cascade_episodes import ANY, CASCADE, NO_CASCADE, Episodes, Tape
from forcedflow.evaluate.cascade_foresight import Foresight
from forcedflow.evaluate.cascade_trial import Trial
from forcedflow.units import DAY_MS

# A Thursday.
START_MS = 0
OPEN_INTEREST = 1e6


def tape(n, lows=None, forced=None, **more) -> Tape:
    """A flat market at 100 but for the minutes named: lows as distances, longs closed in USD."""
    low, closed = np.full(n, 100.0), np.zeros((n, 2))
    for minute, distance in (lows or {}).items():
        low[minute] = 100.0 * np.exp(-distance)
    for minute, usd in (forced or {}).items():
        closed[minute, 0] = usd
    return Tape(
        start_ms=START_MS,
        close=np.full(n, 100.0),
        low=low,
        high=np.full(n, 100.0),
        forced=closed,
        open_interest=np.full(n, OPEN_INTEREST),
        sigma_day=np.full(n, 0.03),
        **more,
    )


def said(**figures) -> Foresight:
    """What a forecast says that sees nothing but the shock of one percent."""
    plain = {
        "end": 0.01,
        "end_low": 0.01,
        "end_high": 0.01,
        "forced": 0.0,
        "forced_low": 0.0,
        "forced_high": 0.0,
        "end_waves": 0.01,
        "end_square_root": 0.01,
        "forced_unamplified": 0.0,
        "swept": 0.0,
        "peak": 0.0,
        "over_critical": 0.0,
        "thinness": 1.0,
        "loading": 0.0,
        "first_zone": np.inf,
        "next_zone": np.inf,
        "nearest_is_ahead": False,
    }
    return Foresight(**{**plain, **figures})


def trial(cascade, calm, *, end=0.012, forced=5_000.0, n=LEAST_EPISODES) -> Trial:
    """``n`` cascades that went further than their shock, on as many days, each beside two pushes.

    ``cascade`` and ``calm`` are what was said of the cascades and of the pushes alike.
    """
    kinds = np.repeat([CASCADE, NO_CASCADE, ANY], n)
    is_cascade = kinds == CASCADE
    episodes = Episodes(
        first=np.arange(3 * n) * 1_000 + 1,
        side=np.zeros(3 * n, dtype=np.int64),
        shock=np.full(3 * n, 0.01),
        end=np.where(is_cascade, end, 0.01),
        forced=np.where(is_cascade, forced, 100.0),
        caused=np.where(is_cascade, 0.5, 0.0),
        open_interest=np.full(3 * n, OPEN_INTEREST),
        new_ground=np.zeros(3 * n),
        kind=kinds,
        day=np.arange(3 * n) + START_MS // DAY_MS,
    )
    told = [cascade if one else calm for one in is_cascade]
    return Trial(episodes, np.tile(np.arange(n), 3), np.zeros(3 * n, np.int64), {"prior": told})

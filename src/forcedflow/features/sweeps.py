"""Sweeps: pokes beyond an old high or low that came back inside at once.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns. [1, h]
Pure: frames in, NumPy out; no I/O, no clock, no global state.

A swing is an extreme with nothing beyond it for four hours on either side; it is known four hours
later. The first price beyond it within seven days pokes it, once and for all; it was swept if
price then stood inside again within thirty minutes, and it is counted when price does. Where
price is told by the hour, the next bar's close has to do.
"""

from __future__ import annotations

import numpy as np

from forcedflow.features.feature import KLINE_AGE_MS, Feature
from forcedflow.features.grid import (
    COVERED,
    lagged,
    steps,
    trailing,
    trailing_count,
    trailing_sum,
)
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.price import PricePath, follow
from forcedflow.features.table import STEP_MS
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, MINUTE_MS

SWING_MS = 4 * HOUR_MS
"""Least time on either side of a swing without a further extreme. [ms]"""

BACK_MS = 30 * MINUTE_MS
"""Time in which price has to be back inside. [ms]"""

LIVES_MS = 7 * DAY_MS
"""A swing older than this is forgotten. [ms]"""

# Of a price told less often than this in an hour, the next hour's is waited for.
_LEAST_UPDATES_1H = 6

_TABLES = ("mark klines", "open_interest", "perpetual klines")
_WINDOW_MS = LIVES_MS + 2 * SWING_MS + DAY_MS


def _feature(name: str, unit: str, doc: str, window_ms: int) -> Feature:
    return Feature(name, unit, doc, window_ms, _TABLES, KLINE_AGE_MS, "sweeps")


REACH_MS = _WINDOW_MS + LIVES_MS
"""How far back any of these figures looks. [ms]"""

FEATURES = (
    _feature("sweeps_high_24h", "1", "Highs swept in the last 24 h.", _WINDOW_MS),
    _feature("sweeps_low_24h", "1", "Lows swept in the last 24 h.", _WINDOW_MS),
    _feature(
        "hours_since_sweep",
        "h",
        "Hours since the newest sweep of either side; at most 168.",
        _WINDOW_MS + LIVES_MS,
    ),
)


def sweeps(beyond: F8, price: F8, wait: I8) -> I8:
    """Return when swings were swept, as places in the grid, in order.

    Parameters
    ----------
    beyond : ndarray, shape (n,)
        How far price reached in each step, larger being further: highs, or negated lows.
    price : ndarray, shape (n,)
        Where it stood at the end, in the same direction.
    wait : ndarray of int, shape (n,)
        Steps that a poke has to come back in.

    Returns
    -------
    ndarray of int
        One place for every poke that came back, however many swings it poked.
    """
    swing, lives = steps(SWING_MS), steps(LIVES_MS)
    furthest = trailing(beyond, swing, np.fmax, np.nan)
    after = np.concatenate([furthest[swing:], np.full(min(swing, beyond.size), np.nan)])
    known = trailing_count(beyond, 2 * swing + 1)
    enough = np.concatenate([known[swing:], np.zeros(min(swing, beyond.size))])
    # Of equal extremes the first is the swing.
    is_swing = (beyond > lagged(furthest, 1)) & (beyond >= after)
    back: dict[int, int] = {}
    for born in np.flatnonzero(is_swing & (enough >= COVERED * (2 * swing + 1))).tolist():
        level = beyond[born]
        poked = beyond[born + swing + 1 : born + lives + 1] > level
        if not poked.any():
            continue
        poke = born + swing + 1 + int(poked.argmax())
        inside = price[poke : poke + wait[poke] + 1] < level
        if inside.any():
            at = poke + int(inside.argmax())
            back[poke] = min(back.get(poke, at), at)
    return np.array(sorted(back.values()), dtype=np.int64)


def compute(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the family's columns, shape (n,) each."""
    return swept_of(follow(inputs, times_ms), times_ms)


def swept_of(path: PricePath, times_ms: I8) -> dict[str, F8]:
    """Return the columns of a price that was followed already, shape (n,) each."""
    wait = np.where(path.updates_1h >= _LEAST_UPDATES_1H, steps(BACK_MS), steps(HOUR_MS))
    day, week = steps(DAY_MS), steps(LIVES_MS)
    swept = [sweeps(path.high, path.price, wait), sweeps(-path.low, -path.price, wait)]
    is_known = (trailing_count(path.price, day) >= COVERED * day) & ~np.isnan(path.price)
    counts = [
        np.where(
            is_known,
            trailing_sum(np.bincount(at, minlength=times_ms.size).astype(np.float64), day),
            np.nan,
        )
        for at in swept
    ]
    here = np.arange(times_ms.size)
    newest = np.full(times_ms.size, -1)
    newest[np.concatenate(swept)] = np.concatenate(swept)
    newest = np.maximum.accumulate(newest)
    hours = np.where(newest >= 0, (here - newest) * (STEP_MS / HOUR_MS), np.inf)
    longest = LIVES_MS / HOUR_MS
    whole_week = trailing_count(path.price, week) >= COVERED * week
    hours = np.where(hours < longest, hours, np.where(whole_week, longest, np.nan))
    return {
        "sweeps_high_24h": counts[0],
        "sweeps_low_24h": counts[1],
        "hours_since_sweep": np.where(np.isnan(path.price), np.nan, hours),
    }

"""Volatility: how far price has moved, and how far it usually does.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns. [1]
Pure: frames in, NumPy out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import numpy as np

from forcedflow.features.feature import KLINE_AGE_MS, RANK_MS, Feature
from forcedflow.features.grid import (
    COVERED,
    lagged,
    steps,
    trailing_count,
    trailing_extreme,
    trailing_rank,
    trailing_sum,
)
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.price import PricePath, follow
from forcedflow.features.table import STEP_MS
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8
from forcedflow.volatility import ewma_volatility

_TABLES = ("mark klines", "open_interest", "perpetual klines")

# Prices told anew that a realised deviation needs: of fewer, chance makes most of it.
_LEAST_UPDATES_1H, _LEAST_UPDATES_24H, _LEAST_UPDATES_7D = 6, 20, 140

# The exponential memory starts at fixed dates, 15 half-lives or more before: what is older weighs
# 3e-5, and a figure does not depend on where the table begins.
_EPOCH_MS, _MEMORY_MS = 15 * DAY_MS, 30 * DAY_MS

EXPECTED_FROM_MS = _EPOCH_MS + _MEMORY_MS
"""How far back the expected deviation looks at most. [ms]"""


def _feature(name: str, doc: str, window_ms: int) -> Feature:
    return Feature(name, "1", doc, window_ms, _TABLES, KLINE_AGE_MS, "volatility")


FEATURES = (
    _feature("sigma_1h", "Realised deviation of the last hour, scaled to a day.", HOUR_MS),
    _feature("sigma_24h", "The same of the last 24 h.", DAY_MS),
    _feature("sigma_7d", "The same of the last 7 days.", 7 * DAY_MS),
    _feature(
        "sigma_day",
        "Deviation expected of the coming 24 h: exponential memory, half-life 2 days.",
        EXPECTED_FROM_MS,
    ),
    _feature("range_4h", "Log of highest over lowest price of the last 4 h.", 4 * HOUR_MS),
    _feature("range_24h", "The same of the last 24 h.", DAY_MS),
    _feature("sigma_rank_30d", "Rank of sigma_24h among the last 30 days.", RANK_MS + DAY_MS),
)


def expected(price: F8, times_ms: I8) -> F8:
    """Return the deviation expected of the coming day, at every moment.

    Parameters
    ----------
    price : ndarray, shape (n,)
        [quote per base]
    times_ms : ndarray, shape (n,)
        [UTC ms]

    Returns
    -------
    ndarray, shape (n,)
        Standard deviation of the log return; NaN where the price is unknown or was known for less
        than a day of the last two. [1]
    """
    known = ~np.isnan(price)
    at, prices = times_ms[known], price[known]
    sigma = np.full(at.size, np.nan)
    for epoch in np.unique(at // _EPOCH_MS):
        begin, first, stop = np.searchsorted(
            at, [epoch * _EPOCH_MS - _MEMORY_MS, epoch * _EPOCH_MS, (epoch + 1) * _EPOCH_MS]
        )
        sigma[first:stop] = ewma_volatility(prices[begin:stop], at[begin:stop])[first - begin :]
    found = np.full(price.size, np.nan)
    found[known] = sigma
    enough = trailing_count(price, 2 * steps(DAY_MS)) >= steps(DAY_MS)
    return np.where(enough, found, np.nan)


def epoch_of(at_ms: int) -> tuple[int, int]:
    """Return which fixed span a moment lies in, and from when on its memory takes prices in."""
    epoch = at_ms // _EPOCH_MS
    return epoch, epoch * _EPOCH_MS - _MEMORY_MS


def realised(price: F8, updates: F8, window_ms: int, least_updates: int) -> F8:
    """Return the root of the squared returns of a window, scaled to a day. [1]"""
    window = steps(window_ms)
    square = np.log(price / lagged(price, 1)) ** 2
    count = trailing_count(square, window)
    with np.errstate(invalid="ignore", divide="ignore"):
        sigma = np.sqrt(trailing_sum(square, window) / count * (DAY_MS / STEP_MS))
    known = (count >= COVERED * window) & (updates >= least_updates) & ~np.isnan(price)
    return np.where(known, sigma, np.nan)


def log_range(path: PricePath, window_ms: int) -> F8:
    """Return the log of the highest over the lowest price of a window. [1]"""
    window = steps(window_ms)
    high = trailing_extreme(path.high, window, np.fmax)
    return np.log(high / trailing_extreme(path.low, window, np.fmin))


def compute(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the family's columns, shape (n,) each."""
    path = follow(inputs, times_ms)
    columns = measured(path)
    columns |= {
        "sigma_day": expected(path.price, times_ms),
        "sigma_rank_30d": trailing_rank(columns["sigma_24h"]),
    }
    return {feature.name: columns[feature.name] for feature in FEATURES}


def measured(path: PricePath) -> dict[str, F8]:
    """Return the columns that look back no further than a week, shape (n,) each."""
    return {
        "sigma_1h": realised(path.price, path.updates_1h, HOUR_MS, _LEAST_UPDATES_1H),
        "sigma_24h": realised(path.price, path.updates_24h, DAY_MS, _LEAST_UPDATES_24H),
        "sigma_7d": realised(path.price, path.updates_7d, 7 * DAY_MS, _LEAST_UPDATES_7D),
        "range_4h": log_range(path, 4 * HOUR_MS),
        "range_24h": log_range(path, DAY_MS),
    }

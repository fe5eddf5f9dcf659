"""Open interest: how many contracts stand open, and how that number changed.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns. [base coins, 1]
Pure: frames in, NumPy out; no I/O, no clock, no global state.

Changes are of contracts, not of their value: a value also changes with the price alone.
"""

from __future__ import annotations

import numpy as np

from forcedflow.features.feature import KLINE_AGE_MS, RANK_MS, Feature
from forcedflow.features.grid import lagged, newest_known, steps, trailing_rank
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.price import log_return, observe
from forcedflow.features.volatility import EXPECTED_FROM_MS, expected
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8


def _feature(name: str, unit: str, doc: str, window_ms: int, *tables: str) -> Feature:
    named = ("open_interest", *tables)
    return Feature(name, unit, doc, window_ms, named, KLINE_AGE_MS, "open_interest")


FEATURES = (
    _feature("open_interest", "base coins", "Open contracts, one-sided.", 0),
    _feature("oi_change_1h", "1", "Relative change of contracts.", HOUR_MS),
    _feature("oi_change_4h", "1", "Relative change of contracts.", 4 * HOUR_MS),
    _feature("oi_change_24h", "1", "Relative change of contracts.", DAY_MS),
    _feature(
        "oi_change_4h_rank_30d",
        "1",
        "Rank of oi_change_4h among the last 30 days.",
        RANK_MS + 4 * HOUR_MS,
    ),
    _feature("oi_rank_30d", "1", "Rank of contracts among the last 30 days.", RANK_MS),
    _feature(
        "sideways_4h",
        "σ",
        "Size of return_4h in deviations of 4 h: near 0 the price stands still.",
        EXPECTED_FROM_MS,
        "mark klines",
        "perpetual klines",
    ),
)


def contracts(inputs: FeatureInputs, times_ms: I8) -> F8:
    """Return open interest at every moment. [base coins]"""
    return newest_known(inputs.rows("open_interest"), "open_interest", times_ms, KLINE_AGE_MS).value


def compute(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the family's columns, shape (n,) each."""
    columns = changes(inputs, times_ms)
    price = observe(inputs, times_ms).value
    four_hours = expected(price, times_ms) * np.sqrt(4 / 24)
    with np.errstate(invalid="ignore", divide="ignore"):
        sideways = np.abs(log_return(price, 4 * HOUR_MS)) / four_hours
    columns |= {
        "oi_change_4h_rank_30d": trailing_rank(columns["oi_change_4h"]),
        "oi_rank_30d": trailing_rank(columns["open_interest"]),
        "sideways_4h": np.where(four_hours > 0, sideways, np.nan),
    }
    return {feature.name: columns[feature.name] for feature in FEATURES}


def changes(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the columns that look back no further than a day, shape (n,) each."""
    held = contracts(inputs, times_ms)
    return {
        "open_interest": held,
        "oi_change_1h": _change(held, HOUR_MS),
        "oi_change_4h": _change(held, 4 * HOUR_MS),
        "oi_change_24h": _change(held, DAY_MS),
    }


def _change(held: F8, window_ms: int) -> F8:
    before = lagged(held, steps(window_ms))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(before > 0, held / before - 1.0, np.nan)

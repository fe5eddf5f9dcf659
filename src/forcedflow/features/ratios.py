"""Ratios of longs to shorts as venues publish them: of accounts, of the largest, of takers.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns. [1]
Pure: frames in, NumPy out; no I/O, no clock, no global state.

Money is always even: every long has a short. Ratios count heads, or the money of some.
"""

from __future__ import annotations

import numpy as np

from forcedflow.features.feature import KLINE_AGE_MS, RANK_MS, Feature
from forcedflow.features.grid import (
    newest_known,
    steps,
    trailing_mean,
    trailing_rank,
)
from forcedflow.features.inputs import FeatureInputs
from forcedflow.units import F8, HOUR_MS, I8


def _feature(name: str, doc: str, window_ms: int) -> Feature:
    return Feature(name, "1", doc, window_ms, ("long_short_ratio",), KLINE_AGE_MS, "ratios")


FEATURES = (
    _feature("accounts_ratio", "Accounts that are long over accounts that are short.", 0),
    _feature("accounts_ratio_rank_30d", "Its rank among the last 30 days.", RANK_MS),
    _feature("top_positions_ratio", "Longs over shorts of the largest accounts, by size.", 0),
    _feature(
        "taker_ratio_4h", "Taker buys over taker sells, geometric mean over 4 h.", 4 * HOUR_MS
    ),
)


def compute(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the family's columns, shape (n,) each."""
    rows = inputs.rows("long_short_ratio").fine()
    rows = rows.chosen(rows["ratio"] > 0)
    accounts, top, taker = (
        newest_known(rows.chosen(rows.says("kind", kind)), "ratio", times_ms, KLINE_AGE_MS).value
        for kind in ("accounts", "top_positions", "taker_volume")
    )
    return {
        "accounts_ratio": accounts,
        "accounts_ratio_rank_30d": trailing_rank(accounts),
        "top_positions_ratio": top,
        "taker_ratio_4h": np.exp(trailing_mean(np.log(taker), steps(4 * HOUR_MS))),
    }

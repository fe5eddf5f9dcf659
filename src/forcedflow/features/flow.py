"""Flow: who takes, in the perpetual and in spot, and which of the two leads.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns. [1, σ]
Pure: frames in, NumPy out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import numpy as np

from forcedflow.features.basis import ratio
from forcedflow.features.feature import KLINE_AGE_MS, RANK_MS, Feature
from forcedflow.features.grid import lagged, steps, trailing_rank, trailing_total, trailing_totals
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.price import observe
from forcedflow.features.rows import Rows
from forcedflow.features.volatility import EXPECTED_FROM_MS, expected
from forcedflow.units import F8, HOUR_MS, I8

WINDOW_MS = 4 * HOUR_MS
"""Window of every flow. [ms]"""

_BOTH = ("perpetual klines", "spot klines")


def _feature(name: str, unit: str, doc: str, tables: tuple[str, ...], window_ms: int) -> Feature:
    return Feature(name, unit, doc, window_ms, tables, KLINE_AGE_MS, "flow")


FEATURES = (
    _feature(
        "perp_cvd_4h",
        "1",
        "Taker buys minus taker sells of the perpetual over 4 h, share of its volume.",
        ("perpetual klines",),
        WINDOW_MS,
    ),
    _feature("spot_cvd_4h", "1", "The same of spot.", ("spot klines",), WINDOW_MS),
    _feature("cvd_divergence_4h", "1", "perp_cvd_4h minus spot_cvd_4h.", _BOTH, WINDOW_MS),
    _feature(
        "perp_lead_4h",
        "σ",
        "Return of the perpetual minus return of spot over 4 h, in deviations of 4 h.",
        ("spot klines", "mark klines", "open_interest", "perpetual klines"),
        EXPECTED_FROM_MS,
    ),
    _feature(
        "perp_volume_share_4h",
        "1",
        "Volume of the perpetual over that of the perpetual and spot, in coins, over 4 h.",
        _BOTH,
        WINDOW_MS,
    ),
    _feature(
        "perp_volume_share_rank_30d",
        "1",
        "Rank of perp_volume_share_4h among the last 30 days.",
        _BOTH,
        RANK_MS + WINDOW_MS,
    ),
    _feature(
        "volume_1h_rank_30d",
        "1",
        "Rank of the perpetual's volume of the last hour among the last 30 days.",
        ("perpetual klines",),
        RANK_MS + HOUR_MS,
    ),
)


def compute(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the family's columns, shape (n,) each."""
    columns = flows(inputs, times_ms)
    columns |= {
        "perp_lead_4h": _lead(inputs, times_ms),
        "perp_volume_share_rank_30d": trailing_rank(columns["perp_volume_share_4h"]),
        "volume_1h_rank_30d": trailing_rank(
            trailing_total(inputs.rows("trade_klines"), "volume", times_ms, HOUR_MS)
        ),
    }
    return {feature.name: columns[feature.name] for feature in FEATURES}


def flows(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the columns that look back no further than `WINDOW_MS`, shape (n,) each."""
    both_klines = [inputs.rows(name) for name in ("trade_klines", "spot_klines")]
    perp, spot = (_cvd(rows, times_ms) for rows in both_klines)
    perp_volume, spot_volume = (
        trailing_total(rows, "volume", times_ms, WINDOW_MS) for rows in both_klines
    )
    both = perp_volume + spot_volume
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(both > 0, perp_volume / both, np.nan)
    return {
        "perp_cvd_4h": perp,
        "spot_cvd_4h": spot,
        "cvd_divergence_4h": perp - spot,
        "perp_volume_share_4h": share,
    }


def _cvd(klines: Rows, times_ms: I8) -> F8:
    told = klines.told("taker_buy_volume").told("volume")
    told = told.joined("delta", 2.0 * told["taker_buy_volume"] - told["volume"])
    delta, volume = trailing_totals(told, ("delta", "volume"), times_ms, WINDOW_MS)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(volume > 0, delta / volume, np.nan)


def _lead(inputs: FeatureInputs, times_ms: I8) -> F8:
    # Returns of two prices differ by the change of the log of their ratio, and the ratio is of
    # prices of one moment.
    log_ratio = np.log1p(ratio(inputs, times_ms))
    lead = log_ratio - lagged(log_ratio, steps(WINDOW_MS))
    four_hours = expected(observe(inputs, times_ms).value, times_ms) * np.sqrt(4 / 24)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(four_hours > 0, lead / four_hours, np.nan)

"""Liquidations: how much was closed by force of late, per side.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns. [1]
Pure: frames in, NumPy out; no I/O, no clock, no global state.

Feeds are often a lower bound, and some are of several venues together while the open interest is
of one: shares serve ranks and comparisons of one market with itself, nothing else.
"""

from __future__ import annotations

import numpy as np

from forcedflow.features.feature import KLINE_AGE_MS, RANK_MS, Feature
from forcedflow.features.grid import trailing_rank, trailing_total
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.open_interest import contracts
from forcedflow.features.price import observe
from forcedflow.units import F8, HOUR_MS, I8

_TABLES = ("liquidation_totals", "open_interest")


def _feature(name: str, doc: str, window_ms: int, tables: tuple[str, ...] = _TABLES) -> Feature:
    return Feature(name, "1", doc, window_ms, tables, KLINE_AGE_MS, "liquidations")


FEATURES = (
    _feature("liq_long_1h", "Longs closed by force in the last hour, over open interest.", HOUR_MS),
    _feature("liq_short_1h", "Shorts closed by force in the last hour, likewise.", HOUR_MS),
    _feature("liq_long_rank_30d", "Rank of liq_long_1h among the last 30 days.", RANK_MS + HOUR_MS),
    _feature("liq_short_rank_30d", "Rank of liq_short_1h, likewise.", RANK_MS + HOUR_MS),
    _feature(
        "liq_imbalance_4h",
        "Longs minus shorts over both, closed by force in 4 h; 0 where nothing was.",
        4 * HOUR_MS,
        ("liquidation_totals",),
    ),
)


def compute(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the family's columns, shape (n,) each."""
    value = contracts(inputs, times_ms) * observe(inputs, times_ms).value
    rows = inputs.rows("liquidation_totals")
    longs, shorts = (rows.chosen(rows.says("side", side)) for side in ("long", "short"))
    (long_1h, long_4h), (short_1h, short_4h) = (
        [trailing_total(own, "notional_usd", times_ms, hours * HOUR_MS) for hours in (1, 4)]
        for own in (longs, shorts)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        share_long, share_short = (
            np.where(value > 0, closed / value, np.nan) for closed in (long_1h, short_1h)
        )
        both = long_4h + short_4h
        imbalance = np.where(both == 0, 0.0, (long_4h - short_4h) / both)
    return {
        "liq_long_1h": share_long,
        "liq_short_1h": share_short,
        "liq_long_rank_30d": trailing_rank(share_long),
        "liq_short_rank_30d": trailing_rank(share_short),
        "liq_imbalance_4h": imbalance,
    }

"""Signal 3: funding is one-sided for long, or turned and stayed turned.

In:  a `FeatureTable`.   Out: `Judged`, `SIGNAL`, how crowded a market is.
Pure: NumPy in, values out; no I/O, no clock, no global state.

Whoever pays is the side with too many: positive funding means crowded longs, whose forced closing
runs down.
"""

from __future__ import annotations

import math

import numpy as np

from forcedflow.features.rows import Bools
from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.signals.missing import missing_words
from forcedflow.signals.signal import DOWN, ON, UNKNOWN, UP, Judged, Signal, judged
from forcedflow.signals.threshold import (
    EXTREME,
    EXTREME_WORDS,
    WINDOW_WORDS,
    Quantile,
    rank_now,
    trailing_quantile,
)
from forcedflow.units import HOUR_MS

LONG_HOURS = 48.0
"""Funding that had one sign for so long is one-sided for long. [h]"""

FRESH_HOURS = 72.0
"""A change of sign is news for so long: a day to be believed, and two more. [h]"""

# Venues cap and floor their rates, so many moments share one; sums of the same rates in another
# order differ by less than this. [1 per 8 h]
_SAME = 1e-9


def judge(table: FeatureTable, quantile: Quantile = trailing_quantile) -> Judged:
    """Return at every moment whether one side paid much for long, or had begun to and kept on."""
    mean, hours = table["funding_mean_3d"], table["funding_same_sign_hours"]
    high, low = (quantile(mean, share) for share in (EXTREME, 1.0 - EXTREME))
    longs_pay = mean >= 0
    much = np.where(longs_pay, mean > high + _SAME, mean < low - _SAME)
    for_long = np.where(longs_pay, hours, -hours) >= LONG_HOURS
    one_sided = much & for_long
    turned = _turned(table)
    # What turned says by its sign now; the mean of three days may still have the old one.
    risk = np.where(np.where(one_sided, longs_pay, hours > 0), DOWN, UP)
    return judged(
        mean,
        np.where(longs_pay, high, low),
        ~np.isnan(mean) & ~np.isnan(high) & ~np.isnan(hours),
        one_sided | turned,
        risk,
    )


def crowding(table: FeatureTable) -> float:
    """Return who pays at the last moment, and how much that is for this market.

    Returns
    -------
    float
        Rank of the size of the three-day mean among the trailing thirty days, below zero where
        shorts pay: from -1 to 1; NaN where unknown. [1]
    """
    mean = table["funding_mean_3d"]
    return float(np.sign(mean[-1])) * rank_now(np.abs(mean))


def _turned(table: FeatureTable) -> Bools:
    """Whether the sign changed within `FRESH_HOURS`, stayed, and was another for long before."""
    since, hours = table["funding_flip_hours"], table["funding_same_sign_hours"]
    with np.errstate(invalid="ignore"):
        is_fresh = (since <= FRESH_HOURS) & (np.abs(hours) >= since)
    steps_back = np.where(is_fresh, np.nan_to_num(since) * (HOUR_MS / STEP_MS), 0.0)
    before = np.arange(table.size) - np.rint(steps_back).astype(np.int64) - 1
    length = np.where(before >= 0, np.abs(hours[np.maximum(before, 0)]), np.nan)
    turned: Bools = is_fresh & (length >= LONG_HOURS)
    return turned


def why(table: FeatureTable, found: Judged) -> str:
    """Return who pays how much and for how long, at the last moment."""
    if found.verdict[-1] == UNKNOWN:
        return missing_words(table, "funding")
    hours, mean = table.last("funding_same_sign_hours"), float(found.value[-1])
    payer = "longs" if hours > 0 else "shorts" if hours < 0 else "nobody"
    words = (
        f"mean of 3 days {_rate(mean)} per 8 h, {'high' if mean >= 0 else 'low'} beyond "
        f"{_rate(float(found.threshold[-1]))}; {payer} paid for the last {abs(hours):.0f} h"
    )
    if found.verdict[-1] == ON and _turned(table)[-1]:
        turned = table.last("funding_flip_hours")
        return f"{words}; funding turned {turned:.0f} h ago and stayed"
    return words


def _rate(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:+.4f} %"


SIGNAL = Signal(
    name="funding_bias",
    title="Funding is one-sided for long, or turned and stayed",
    unit="1 per 8 h",
    tables=("funding",),
    threshold_words=(
        f"beyond {EXTREME_WORDS} of the {WINDOW_WORDS} with one sign for {LONG_HOURS:g} h; or "
        f"turned within {FRESH_HOURS:g} h, after {LONG_HOURS:g} h of the other sign"
    ),
    judge=judge,
    why=why,
)

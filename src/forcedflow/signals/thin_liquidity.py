"""Signal 5: the book is thin, for any hour or for this one.

In:  a `FeatureTable`.   Out: `Judged`, `SIGNAL`.
Pure: NumPy in, values out; no I/O, no clock, no global state.

Two questions, and either is enough. Is there little, compared with all hours? A normal Sunday night
is thin, and what is usual absorbs no more for being usual. Is there less than this hour of the week
has? Then somebody left. Where no book is held, the hour's usual volume stands in and is said to.
"""

from __future__ import annotations

import math

import numpy as np

from forcedflow.features.table import FeatureTable
from forcedflow.signals.missing import missing_words
from forcedflow.signals.signal import BOTH, UNKNOWN, Judged, Signal, judged
from forcedflow.signals.threshold import (
    EXTREME,
    EXTREME_WORDS,
    WINDOW_WORDS,
    Quantile,
    ordinal,
    trailing_quantile,
)
from forcedflow.units import F8, format_usd


def judge(table: FeatureTable, quantile: Quantile = trailing_quantile) -> Judged:
    """Return at every moment whether the book was thin; by the hour's volume where none was held.

    The value is the rank of thinness: of little depth or much slippage, whichever is higher. Where
    only volume is held it is the usual volume of the hour over that of any, and low is thin.
    """
    rank, surprise = _thinness(table), table["depth_surprise"]
    less_than_usual = quantile(surprise, 1.0 - EXTREME)
    profile = table["volume_profile"]
    quiet = quantile(profile, 1.0 - EXTREME)
    by_book, by_volume = ~np.isnan(rank), ~np.isnan(profile) & ~np.isnan(quiet)
    thin_book = (rank >= EXTREME) | (surprise <= np.minimum(less_than_usual, 0.0))
    return judged(
        np.where(by_book, rank, profile),
        np.where(by_book, EXTREME, quiet),
        by_book | by_volume,
        np.where(by_book, thin_book, profile <= quiet),
        BOTH,
    )


def _thinness(table: FeatureTable) -> F8:
    return np.fmax(1.0 - table["depth_rank_30d"], table["slippage_rank_30d"])


def why(table: FeatureTable, found: Judged) -> str:
    """Return how thin the book is against all hours and against this one, or the hour's volume."""
    if found.verdict[-1] == UNKNOWN:
        return missing_words(table, ("depth_bands", "perpetual klines"))
    profile = table.last("volume_profile")
    hour = f"this hour of the week usually trades {profile:.2f}× the mean"
    hour = "" if math.isnan(profile) else hour
    if math.isnan(table.last("depth_rank_30d")) and math.isnan(table.last("slippage_rank_30d")):
        return f"no depth of the {WINDOW_WORDS} to compare with; by the hour's usual volume: {hour}"
    surprise = table.last("depth_surprise")
    usual = "" if math.isnan(surprise) else f", {math.exp(surprise):.2f}× what this hour holds"
    slippage = table.last("slippage_100k_bps")
    costs = "" if math.isnan(slippage) else f"; $100K cost {slippage:.1f} bps"
    words = (
        f"{format_usd(table.last('depth_1pct_usd'))} within 1 % on the thinner side, thinness "
        f"{ordinal(float(found.value[-1]))}{usual}{costs}"
    )
    return f"{words}; {hour}" if hour else words


SIGNAL = Signal(
    name="thin_liquidity",
    title="Liquidity is thin",
    unit="rank, or × mean volume",
    tables=("depth_bands", "perpetual klines"),
    threshold_words=(
        f"thinner than {EXTREME_WORDS} of the {WINDOW_WORDS}, or less for this hour of the week "
        f"than in {EXTREME_WORDS} of them; without depth, hours of the least usual volume"
    ),
    judge=judge,
    why=why,
)

"""Signal 2: open interest rises while the price stands still.

In:  a `FeatureTable`.   Out: `Judged`, `SIGNAL`, the pressure gauge.
Pure: NumPy in, values out; no I/O, no clock, no global state.

Contracts that are added without the price going anywhere were opened by both sides at one price, so
that a move either way takes many of them at once.
"""

from __future__ import annotations

import numpy as np

from forcedflow.features.grid import trailing_rank
from forcedflow.features.table import FeatureTable
from forcedflow.signals.missing import missing_words
from forcedflow.signals.signal import BOTH, UNKNOWN, Judged, Signal, judged
from forcedflow.signals.threshold import (
    EXTREME,
    EXTREME_WORDS,
    WINDOW_WORDS,
    Quantile,
    ordinal,
    rank_now,
    trailing_quantile,
)
from forcedflow.units import F8, format_pct

STILL_SIGMA = 0.5
"""A move of four hours that is smaller is none. [σ of 4 h]"""


def judge(
    table: FeatureTable,
    quantile: Quantile = trailing_quantile,  # noqa: ARG001 - the form of every rule
) -> Judged:
    """Return at every moment whether contracts were added while the price stood still."""
    rank, moved = table["oi_change_4h_rank_30d"], table["sideways_4h"]
    return judged(
        rank,
        np.where(np.isnan(rank), np.nan, EXTREME),
        ~np.isnan(rank) & ~np.isnan(moved),
        (rank >= EXTREME) & (table["oi_change_4h"] > 0) & (moved < STILL_SIGMA),
        BOTH,
    )


def pressure(table: FeatureTable) -> F8:
    """Return contracts added for every deviation that the price went, over four hours.

    Parameters
    ----------
    table : FeatureTable

    Returns
    -------
    ndarray, shape (n,)
        Relative change of open interest per σ of 4 h; a smaller move than `STILL_SIGMA` counts as
        that. Negative where contracts were closed. [1 per σ]
    """
    return table["oi_change_4h"] / np.maximum(table["sideways_4h"], STILL_SIGMA)


def gauge(table: FeatureTable) -> F8:
    """Return the pressure's rank among its trailing thirty days, 0–100, at every moment."""
    return 100.0 * trailing_rank(pressure(table))


def gauge_now(table: FeatureTable) -> float:
    """Return `gauge` at the last moment alone; NaN where unknown."""
    return 100.0 * rank_now(pressure(table))


def why(table: FeatureTable, found: Judged) -> str:
    """Return what contracts and price did in the last four hours."""
    if found.verdict[-1] == UNKNOWN:
        return missing_words(
            table, "open_interest", ("mark klines", "open_interest", "perpetual klines")
        )
    return (
        f"open interest {format_pct(table.last('oi_change_4h'))} in 4 h, "
        f"{ordinal(float(found.value[-1]))}; the price moved "
        f"{table.last('sideways_4h'):.1f} σ of 4 h; below {STILL_SIGMA:g} is standing still"
    )


SIGNAL = Signal(
    name="pressure",
    title="Open interest rises while the price stands still",
    unit="rank",
    tables=("open_interest", "mark klines", "perpetual klines"),
    threshold_words=(
        f"{EXTREME_WORDS} of the {WINDOW_WORDS}, rising, and a move of less than "
        f"{STILL_SIGMA:g} σ of 4 h"
    ),
    judge=judge,
    why=why,
)

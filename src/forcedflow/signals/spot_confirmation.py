"""Signal 4: a move is led by the perpetual, and spot does not confirm it.

In:  a `FeatureTable`.   Out: `Judged`, `SIGNAL`.
Pure: NumPy in, values out; no I/O, no clock, no global state.

Told by takers where both markets tell who took; else by how much further the perpetual went than
spot; else by how much of the trading is the perpetual's. Each is measured against its own past, in
the direction of the move. A rise that spot does not confirm was bought on credit: its forced
closing runs down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcedflow.features.rows import Bools
from forcedflow.features.table import FeatureTable
from forcedflow.signals.missing import missing_words
from forcedflow.signals.signal import DOWN, ON, UNKNOWN, UP, Judged, Signal, judged
from forcedflow.signals.threshold import (
    EXTREME,
    EXTREME_WORDS,
    WINDOW_WORDS,
    Quantile,
    newest_quantile,
    trailing_quantile,
)
from forcedflow.units import F8, I8, format_pct

MOVED_SIGMA = 1.0
"""A smaller move of four hours needs no confirmation. [σ of 4 h]"""

_FLOW, _LEAD, _VOLUME = range(3)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What tells of a lead at ``n`` moments: its size towards the move, and which kind it is."""

    value: F8
    threshold: F8
    agrees: Bools
    kind: I8

    def or_else(self, other: _Evidence) -> _Evidence:
        """Return the other where this is unknown."""
        own = ~np.isnan(self.value) & ~np.isnan(self.threshold)
        return _Evidence(
            np.where(own, self.value, other.value),
            np.where(own, self.threshold, other.threshold),
            np.where(own, self.agrees, other.agrees),
            np.where(own, self.kind, other.kind),
        )


def judge(table: FeatureTable, quantile: Quantile = trailing_quantile) -> Judged:
    """Return at every moment whether a move was the perpetual's alone, by the best evidence."""
    found = _evidence(table, quantile)
    moved, way = table["sideways_4h"], np.sign(table["return_4h"])
    is_known = ~np.isnan(found.value) & ~np.isnan(found.threshold) & ~np.isnan(moved)
    return judged(
        found.value,
        found.threshold,
        is_known,
        (moved >= MOVED_SIGMA) & found.agrees & (found.value > found.threshold),
        np.where(way > 0, DOWN, UP),
    )


def _evidence(table: FeatureTable, quantile: Quantile) -> _Evidence:
    way = np.sign(table["return_4h"])
    perp, spot = way * table["perp_cvd_4h"], way * table["spot_cvd_4h"]
    # Takers of the perpetual went with the move, and those of spot did not.
    flow = _towards(table["cvd_divergence_4h"], way, (perp > 0) & (spot <= 0), _FLOW, quantile)
    everywhere = np.ones(table.size, dtype=np.bool_)
    lead = _towards(table["perp_lead_4h"], way, everywhere, _LEAD, quantile)
    share = table["perp_volume_share_4h"]
    volume = _Evidence(
        share,
        quantile(share, EXTREME),
        everywhere,
        np.full(table.size, _VOLUME, dtype=np.int64),
    )
    return flow.or_else(lead).or_else(volume)


def _towards(column: F8, way: F8, agrees: Bools, kind: int, quantile: Quantile) -> _Evidence:
    high, low = (quantile(column, share) for share in (EXTREME, 1.0 - EXTREME))
    return _Evidence(
        way * column,
        np.where(way > 0, high, -low),
        agrees,
        np.full(column.size, kind, dtype=np.int64),
    )


def why(table: FeatureTable, found: Judged) -> str:
    """Return how far the price went, and what the two markets did."""
    if found.verdict[-1] == UNKNOWN:
        return missing_words(
            table, "spot klines", ("perpetual klines", "mark klines", "open_interest")
        )
    move = (
        f"{format_pct(float(np.expm1(table.last('return_4h'))))} in 4 h "
        f"({table.last('sideways_4h'):.1f} σ)"
    )
    if table.last("sideways_4h") < MOVED_SIGMA:
        return f"{move}: no move that would need confirming"
    kind = int(_evidence(table, newest_quantile).kind[-1])
    words = {
        _FLOW: (
            f"takers' net share {format_pct(table.last('perp_cvd_4h'))} in the perpetual, "
            f"{format_pct(table.last('spot_cvd_4h'))} in spot"
        ),
        _LEAD: (
            "no taker flow of both markets; by returns the perpetual went "
            f"{table.last('perp_lead_4h'):+.3f} σ further than spot"
        ),
        _VOLUME: (
            "no taker flow and no spot price of one moment; the perpetual had "
            f"{100 * table.last('perp_volume_share_4h'):.0f} % of the volume"
        ),
    }[kind]
    verdict = "spot does not confirm" if found.verdict[-1] == ON else "no lead out of the ordinary"
    return f"{move}: {words}; {verdict}"


SIGNAL = Signal(
    name="spot_confirmation",
    title="Spot does not confirm the perpetual's move",
    unit="share of volume, or σ",
    tables=("spot klines", "perpetual klines", "mark klines", "open_interest"),
    threshold_words=(
        f"{EXTREME_WORDS} of the {WINDOW_WORDS} towards the move, which is of "
        f"{MOVED_SIGMA:g} σ of 4 h or more"
    ),
    judge=judge,
    why=why,
)

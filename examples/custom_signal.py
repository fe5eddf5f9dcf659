"""A signal of your own: a rule over the feature table, read beside the eight that ship.

A rule sees the whole table and says, at every moment, what it knows by then: anything computed
from a column's own past is causal, since a column at a moment holds only what was available. Run
it: ``python examples/custom_signal.py [FOLDER]``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from simulated import simulated_lake

from forcedflow.asof.signals import read_signal_table
from forcedflow.features.table import FeatureTable
from forcedflow.signals.registry import read_signals
from forcedflow.signals.signal import DOWN, UNKNOWN, UP, Judged, Signal, judged
from forcedflow.signals.threshold import Quantile, trailing_quantile

NEAR_SIGMA = 0.5
"""A cluster nearer than this is near. [σ of 24 h]"""


def judge(table: FeatureTable, quantile: Quantile = trailing_quantile) -> Judged:  # noqa: ARG001 - of the protocol
    """Return where a cluster is near on the side that price has just moved towards."""
    below, above = table["cluster_below_sigma"], table["cluster_above_sigma"]
    moved = table["return_1h"]
    down, up = (moved < 0) & (below < NEAR_SIGMA), (moved > 0) & (above < NEAR_SIGMA)
    nearest = np.fmin(below, above)
    return judged(
        nearest,
        np.full(nearest.shape, NEAR_SIGMA),
        ~np.isnan(nearest) & ~np.isnan(moved),
        down | up,
        np.where(down, DOWN, UP),
    )


def why(table: FeatureTable, found: Judged) -> str:
    """Return one sentence for the last moment."""
    if found.verdict[-1] == UNKNOWN:
        return "no cluster, or no price an hour ago"
    return (
        f"nearest cluster {found.value[-1]:.2f} σ, last hour {100 * table.last('return_1h'):+.2f} %"
    )


APPROACH = Signal(
    name="approach",
    title="Price moves towards a near cluster",
    unit="σ",
    tables=("open_interest", "mark klines"),
    threshold_words=f"stated: {NEAR_SIGMA} σ",
    judge=judge,
    why=why,
)


def main(folder: Path) -> None:
    """Read it at the end of a simulated market, and how often it held."""
    lake, instrument, end_ms = simulated_lake(folder / "signal-lake")
    table = read_signal_table(lake, instrument, end_ms)
    print(f"SIMULATED {instrument.symbol}")
    for reading in (*read_signals(table), APPROACH.read(table)):
        print(f"{reading.verdict:>8}  {reading.title}: {reading.why}")
    found = APPROACH.judge(table)
    known = found.verdict != UNKNOWN
    print(f"held {100 * (found.direction[known] > 0).mean():.0f} % of {known.sum()} moments")


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    place.mkdir(parents=True, exist_ok=True)
    main(place)

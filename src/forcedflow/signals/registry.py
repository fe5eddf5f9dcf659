"""The eight signals, and their readings at the last moment of a table.

In:  a `FeatureTable`.   Out: `Reading`s.
Pure: NumPy in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Mapping

from forcedflow.features.feature import RANK_MS
from forcedflow.features.grid import steps
from forcedflow.features.table import FeatureTable
from forcedflow.signals import (
    funding_bias,
    large_cluster,
    pressure,
    spot_confirmation,
    sweeps,
    thin_liquidity,
    venue_alignment,
    volatility_window,
)
from forcedflow.signals.reading import Reading
from forcedflow.signals.signal import Signal

SIGNALS: tuple[Signal, ...] = (
    large_cluster.SIGNAL,
    pressure.SIGNAL,
    funding_bias.SIGNAL,
    spot_confirmation.SIGNAL,
    thin_liquidity.SIGNAL,
    venue_alignment.SIGNAL,
    sweeps.SIGNAL,
    volatility_window.SIGNAL,
)
"""Every signal, in the order in which they are read."""

NEEDED = steps(RANK_MS)
"""Moments that the newest reading of any signal rests on; what is older changes nothing."""


def read_signals(
    table: FeatureTable, records: Mapping[str, str] | None = None
) -> tuple[Reading, ...]:
    """Return every signal at the last moment of a table.

    Parameters
    ----------
    table : FeatureTable
        At least `NEEDED` moments of it, where the past is held.
    records : mapping of str to str, optional
        What readings like these were worth before, by signal.

    Returns
    -------
    tuple of Reading
        In the order of `SIGNALS`.
    """
    window = table.tail(NEEDED)
    told = records or {}
    return tuple(signal.read(window, told.get(signal.name)) for signal in SIGNALS)

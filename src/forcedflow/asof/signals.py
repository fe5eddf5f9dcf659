"""Signals as of a moment: the feature table that they are read from, map and venues included.

In:  a lake, an instrument, a moment. [UTC ms]   Out: `FeatureTable`.
Reads the lake; nothing else.
"""

from __future__ import annotations

from dataclasses import replace

from forcedflow.asof.features import read_feature_inputs
from forcedflow.asof.map_features import alignment_family, map_family, other_venues
from forcedflow.errors import NoDataError
from forcedflow.features.registry import Compute, build_features
from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.instruments import Instrument
from forcedflow.positions.trained import TrainedMixture
from forcedflow.signals.registry import NEEDED
from forcedflow.store import RowSource
from forcedflow.units import DAY_MS

SIGNAL_DAYS = NEEDED * STEP_MS // DAY_MS + 1
"""Length of the table that the newest reading needs, from a midnight."""


def read_signal_table(
    lake: RowSource,
    instrument: Instrument,
    at_ms: int,
    days: int = SIGNAL_DAYS,
    trained: TrainedMixture | None = None,
    brackets_ms: int | None = None,
) -> FeatureTable:
    """Return every feature that signals are judged by, up to a moment.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
    at_ms : int
        Rows known by then. [UTC ms]
    days : int
        Length of the table, from a midnight.
    trained : TrainedMixture, optional
        Learned weights of the map; before the end of their fit the map's columns are unknown.
    brackets_ms : int, optional
        Leverage brackets as they were known then, for a table that is read as a past; as of the
        moment by default. [UTC ms]

    Returns
    -------
    FeatureTable
        Without open interest the map's columns are unknown; without that of another venue those of
        alignment are. The venues that were compared are its label ``alignment_of``.

    Raises
    ------
    NoDataError
        If neither a price nor open interest was known in that time.
    """
    start = (at_ms // DAY_MS - days) * DAY_MS
    inputs = read_feature_inputs(lake, instrument, start, at_ms)
    table = build_features(inputs, start_ms=start)
    # Joined here and not computed with the rest: a map needs no warm-up on the grid, and one per
    # hour of it would take most of the time.
    for family in _families(lake, instrument, at_ms, trained, brackets_ms):
        table = table.joined(family(inputs, table.times_ms))
    others = other_venues(lake, instrument)
    if others:
        venues = ", ".join(dict.fromkeys([instrument.venue, *(other.venue for other in others)]))
        table = replace(table, labels={**table.labels, "alignment_of": venues})
    return table


def _families(
    lake: RowSource,
    instrument: Instrument,
    at_ms: int,
    trained: TrainedMixture | None,
    brackets_ms: int | None,
) -> list[Compute]:
    try:
        families = [map_family(lake, instrument, at_ms, trained, brackets_ms=brackets_ms)]
        if other_venues(lake, instrument):
            families.append(alignment_family(lake, instrument, at_ms, brackets_ms=brackets_ms))
    except NoDataError:
        return []  # no open interest, so no map: those signals say that they are unknown
    return families

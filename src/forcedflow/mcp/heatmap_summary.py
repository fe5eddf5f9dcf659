"""The heatmap in few numbers: what a model can read instead of a picture.

In:  a lake, an instrument, a moment. [UTC ms]   Out: plain values for JSON. [USD, %]
Reads the lake; free of any clock.
"""

from __future__ import annotations

from typing import Any

from forcedflow.answers import zones as zones_answer
from forcedflow.answers.model import read_map
from forcedflow.instruments import Instrument
from forcedflow.store import Lake

WITHIN_PCT = (1, 2, 3, 5, 10)
"""Distances from the mark that are summed. [%]"""


def ask(lake: Lake, instrument: Instrument, at_ms: int, model: str | None = None) -> dict[str, Any]:
    """Return the largest clusters, and what stands within distances of the mark on either side.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        The moment. [UTC ms]
    model : str, optional
        ``prior`` or ``calibrated``.

    Raises
    ------
    NoDataError
        If no open interest was known by then.
    """
    mapped = read_map(lake, instrument, at_ms, model)
    zones = mapped.zones()
    told = zones_answer.answer(mapped, zones)
    largest = sorted(told.pop("zones"), key=lambda row: (row["side"], row["rank"]))
    within = []
    for pct in WITHIN_PCT:
        below = mapped.what_if(mapped.mark * (1 - pct / 100))
        above = mapped.what_if(mapped.mark * (1 + pct / 100))
        within.append(
            {
                "within_pct": pct,
                "longs_below": next(s for s in below.sides if s.side == "long").standing.row(),
                "shorts_above": next(s for s in above.sides if s.side == "short").standing.row(),
            }
        )
    return told | {
        "standing_if_touched": within,
        "largest_clusters": [row for row in largest if row["rank"] <= 3],
    }

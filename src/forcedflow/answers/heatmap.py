"""What ``heatmap --json`` answers: the picture, one byte a cell, beside its zones.

In:  a lake, an instrument, a moment, a span [ms].   Out: plain values for JSON.
Free of any clock.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from forcedflow.answers import zones as zones_answer
from forcedflow.answers.model import read_map
from forcedflow.heatmap import encode
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.store import Lake
from forcedflow.zones import Zone


def ask(
    lake: Lake, instrument: Instrument, at_ms: int, span_ms: int, model: str | None = None
) -> dict[str, Any]:
    """Return the picture of a span before a moment.

    Raises
    ------
    NoDataError
        If no open interest was known by then.
    """
    mapped = read_map(lake, instrument, at_ms, model, picture_span_ms=span_ms)
    return answer(mapped, mapped.zones())


def answer(mapped: LiquidationMap, zones: list[Zone]) -> dict[str, Any]:
    """Return the picture and the zones with everything needed to judge them.

    Raises
    ------
    ValueError
        If the map was built without a picture.
    """
    if mapped.heatmap is None:
        raise ValueError("the map was built without a picture")
    header, cells = encode(mapped.heatmap)
    return {
        **zones_answer.answer(mapped, zones),
        "heatmap": {
            "header": header,
            "cells_base64": b64encode(cells).decode(),
            "candles": mapped.heatmap.candles.tolist(),
        },
    }

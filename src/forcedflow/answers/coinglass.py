"""The heatmap and the map in the JSON shapes of CoinGlass, with what they rest on beside.

In:  a lake, an instrument, a moment.   Out: plain values for JSON. [USD]
Free of any clock.
"""

from __future__ import annotations

from typing import Any

from forcedflow.answers.model import read_map
from forcedflow.answers.times import iso_time
from forcedflow.instruments import Instrument
from forcedflow.integrations.coinglass_shape import coinglass_heatmap, coinglass_map
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.store import Lake


def ask_heatmap(
    lake: Lake, instrument: Instrument, at_ms: int, span_ms: int, model: str | None = None
) -> dict[str, Any]:
    """Return the heatmap of a span before a moment.

    Raises
    ------
    NoDataError
        If no open interest was known by then.
    """
    mapped = read_map(lake, instrument, at_ms, model, picture_span_ms=span_ms)
    return {**coinglass_heatmap(mapped), **_basis(mapped)}


def ask_map(
    lake: Lake, instrument: Instrument, at_ms: int, reach: float, model: str | None = None
) -> dict[str, Any]:
    """Return what stands at every price at a moment.

    Raises
    ------
    NoDataError
        If no open interest was known by then.
    """
    mapped = read_map(lake, instrument, at_ms, model)
    return {**coinglass_map(mapped, reach), **_basis(mapped)}


def _basis(mapped: LiquidationMap) -> dict[str, Any]:
    return {
        "at": iso_time(mapped.market.at_ms),
        "assumptions": mapped.assumptions(),
        "freshness": mapped.freshness(),
    }

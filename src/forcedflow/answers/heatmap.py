"""What ``heatmap --json`` answers: the picture, one byte a cell, beside its zones.

In:  a lake, an instrument, a moment, a span [ms].   Out: plain values for JSON.
Free of any clock.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from forcedflow.answers import zones as zones_answer
from forcedflow.answers.model import read_map
from forcedflow.answers.times import iso_time
from forcedflow.errors import UsageError
from forcedflow.heatmap import encode, header_of
from forcedflow.heatmap.scale import to_bytes
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.positions import BANDS
from forcedflow.store import Lake
from forcedflow.units import SIDES
from forcedflow.zones import Zone

Shown: TypeAlias = Literal["both", "long", "short", "each"]
"""Sides of a tile: their sum, one, or a plane for each."""


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


def tile(
    mapped: LiquidationMap, shown: Shown = "both", tiers: Sequence[int] = ()
) -> tuple[dict[str, Any], bytes]:
    """Return the picture as a header and one byte a cell, plane after plane.

    Parameters
    ----------
    mapped : LiquidationMap
        With its picture.
    shown : {"both", "long", "short", "each"}
        Sides together, one of them, or first longs and then shorts.
    tiers : sequence of int
        Leverage tiers counted, by their place in ``BANDS``; all by default.

    Raises
    ------
    ValueError
        If the map was built without a picture.
    UsageError
        If there is no such tier.
    """
    if mapped.heatmap is None:
        raise ValueError("the map was built without a picture")
    picture = mapped.heatmap
    counted = sorted(set(tiers)) or list(range(len(BANDS)))
    if not all(0 <= tier < len(BANDS) for tier in counted):
        raise UsageError(f"tiers are from 0 to {len(BANDS) - 1}: {', '.join(BANDS)}")
    sides = {"both": [[0, 1]], "long": [[0]], "short": [[1]], "each": [[0], [1]]}[shown]
    planes = [to_bytes(picture.summed(which, counted), picture.even).tobytes() for which in sides]
    header = header_of(picture)
    instrument, columns = mapped.market.instrument, ("open", "high", "low", "close")
    return {
        "symbol": instrument.symbol,
        "venue": instrument.venue,
        "simulated": mapped.simulated,
        "model": mapped.model,
        "model_words": mapped.model_words,
        "at": iso_time(mapped.market.at_ms),
        "known_to": iso_time(mapped.known_ms),
        "mark_price": mapped.mark,
        "sigma_24h": round(mapped.sigma_day, 5),
        "planes": list(SIDES) if shown == "each" else [shown],
        "tiers": [BANDS[tier] for tier in counted],
        **msgspec.to_builtins(header),
        "end_ms": picture.columns.end_ms.tolist(),
        "candles": dict(zip(columns, picture.candles.T.tolist(), strict=True)),
        "assumptions": mapped.assumptions(),
        "freshness": mapped.freshness(),
    }, b"".join(planes)


def pack(header: dict[str, Any], cells: bytes) -> bytes:
    """Return a tile as one message: length of the header (uint32, little-endian), header, cells."""
    words = msgspec.json.encode(header)
    return len(words).to_bytes(4, "little") + words + cells

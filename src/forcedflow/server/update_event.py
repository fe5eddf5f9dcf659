"""An update of the live loop as an event: what every listener is told of a market at a bar close.

In:  a `MarketUpdate`.   Out: plain values for JSON, and the event itself.
Free of HTTP and of any clock. Shapes are those of the answers of the same names.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import numpy as np

from forcedflow.answers import cascade, forecast
from forcedflow.answers.times import iso_time
from forcedflow.cascade.cascade import Cascade
from forcedflow.forecast.forecast import Forecast
from forcedflow.heatmap.scale import to_bytes
from forcedflow.live.heat_column import HeatColumn
from forcedflow.live.market_update import MarketUpdate, StageOutcome
from forcedflow.server.event_stream import EventStream, Market
from forcedflow.units import SECOND_MS, SIDES


def publish_update(stream: EventStream, update: MarketUpdate) -> str:
    """Publish an update as an event of the kind ``update``; return its id.

    Parameters
    ----------
    stream : EventStream
    update : MarketUpdate
    """
    market = Market(update.instrument.venue, update.instrument.symbol)
    return stream.publish("update", market, update_payload(update))


def publisher(stream: EventStream) -> Callable[[MarketUpdate], None]:
    """Return what the live loop calls with every update."""

    def publish(update: MarketUpdate) -> None:
        publish_update(stream, update)

    return publish


def update_payload(update: MarketUpdate) -> dict[str, Any]:
    """Return what listeners are told of a market at a bar close.

    Parameters
    ----------
    update : MarketUpdate

    Returns
    -------
    dict
        ``problem`` says why the rest is missing; a stage that has not run yet is null.
    """
    closed = update.closed
    ages = {
        source.table: None if source.age_ms is None else source.age_ms / SECOND_MS
        for source in update.sources
    }
    heard = [age for age in ages.values() if age is not None]
    return {
        "symbol": update.instrument.symbol,
        "venue": update.instrument.venue,
        "simulated": update.simulated,
        "at": iso_time(update.at_ms),
        "badge": update.badge,
        "mark_price": update.mark,
        "problem": update.problem,
        "freshness": {
            "age_s": min(heard, default=None),
            "sources": ages,
            "late": [source.table for source in update.sources if source.is_late],
        },
        "column": None if update.column is None else column_payload(update.column),
        "zones": None if closed is None else [zone.row() for zone in update.zones],
        "loading": None if update.loading is None else update.loading.row(),
        "signals": None if closed is None else [reading.row() for reading in update.readings],
        "cascade": _stage(update.stages.get("cascade")),
        "forecast": _stage(update.stages.get("forecast")),
    }


def column_payload(column: HeatColumn) -> dict[str, Any]:
    """Return the heatmap's newest column: a byte a cell, sides together and apart.

    Parameters
    ----------
    column : HeatColumn
    """
    even = np.array([column.even_usd])
    apart = [side.sum(axis=0, dtype=np.float64)[None] for side in column.usd]

    def cells(usd: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> str:
        return b64encode(to_bytes(usd, even).tobytes()).decode()

    return {
        "start_ms": column.start_ms,
        "end_ms": column.end_ms,
        "candle": list(column.candle),
        "bins": column.grid.size,
        "lowest_price": float(column.grid.edges[0]),
        "bin_log_width": column.grid.width * column.grid.step,
        "even_usd": column.even_usd,
        "cells_base64": cells(apart[0] + apart[1]),
        "sides_base64": {side: cells(usd) for side, usd in zip(SIDES, apart, strict=True)},
    }


def _stage(outcome: StageOutcome | None) -> dict[str, Any] | None:
    """Return what a stage found when it last ran, in the shape of its own answer."""
    if outcome is None:
        return None
    told: dict[str, Any] | None = None
    match outcome.value:
        case Cascade():
            told = cascade.answer(outcome.value)
        case Forecast():
            told = forecast.answer(outcome.value)
    return {"at": iso_time(outcome.at_ms), "problem": outcome.problem, "answer": told}

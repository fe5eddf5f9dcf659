"""What ``zones`` answers: the clusters of estimated liquidations around the price.

In:  a lake, an instrument, a moment.   Out: plain values for JSON. [USD, quote per base, %]
Free of any clock.
"""

from __future__ import annotations

from typing import Any

from forcedflow.answers.model import read_map
from forcedflow.answers.times import iso_time
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.store import Lake
from forcedflow.zones import Zone


def ask(lake: Lake, instrument: Instrument, at_ms: int, model: str | None = None) -> dict[str, Any]:
    """Return the zones of an instrument at a moment.

    Raises
    ------
    NoDataError
        If no open interest was known by then.
    """
    mapped = read_map(lake, instrument, at_ms, model)
    return answer(mapped, mapped.zones())


def answer(mapped: LiquidationMap, zones: list[Zone]) -> dict[str, Any]:
    """Return the zones with everything needed to judge them."""
    instrument = mapped.market.instrument
    return {
        "symbol": instrument.symbol,
        "venue": instrument.venue,
        "simulated": mapped.simulated,
        "at": iso_time(mapped.market.at_ms),
        "known_to": iso_time(mapped.known_ms),
        "mark_price": mapped.mark,
        "open_interest_usd": round(mapped.open_interest_usd),
        "sigma_24h": round(mapped.sigma_day, 5),
        "zones": [zone.row() for zone in zones],
        "assumptions": mapped.assumptions(),
        "freshness": mapped.freshness(),
    }

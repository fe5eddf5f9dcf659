"""What ``maxpain`` answers: around which prices the most would be closed per step of price.

In:  a lake, an instrument, a moment, a reach.   Out: plain values for JSON. [USD]
Free of any clock.
"""

from __future__ import annotations

from typing import Any

from forcedflow.answers.model import read_map
from forcedflow.answers.times import iso_time
from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.positions.max_pain import HALF_WIDTH, REACH, MaxPain, max_pain
from forcedflow.store import Lake
from forcedflow.units import SIDES

LEAST_REACH, MOST_REACH = 0.01, 0.25


def ask(
    lake: Lake,
    instrument: Instrument,
    at_ms: int,
    *,
    reach: float = REACH,
    model: str | None = None,
) -> dict[str, Any]:
    """Return the prices of an instrument at a moment; parameters as of `read`.

    Raises
    ------
    NoDataError
        If no open interest was known by then.
    UsageError
        If the reach is out of its range.
    """
    check(reach)
    mapped = read_map(lake, instrument, at_ms, model)
    return answer(mapped, read(mapped, reach), reach)


def check(reach: float) -> None:
    """Refuse a window that is out of its range.

    Raises
    ------
    UsageError
        If it is.
    """
    if not LEAST_REACH <= reach <= MOST_REACH:
        raise UsageError(f"reach is from {LEAST_REACH:.0%} to {MOST_REACH:.0%}, was {reach:.3g}")


def read(mapped: LiquidationMap, reach: float = REACH) -> list[MaxPain]:
    """Return the price of each side that holds anything within reach, longs first.

    Parameters
    ----------
    mapped : LiquidationMap
    reach : float
        Window on either side of the mark, as a fraction of it. [1]
    """
    grid = mapped.grid(min(reach * 1.2, 0.5))
    found = (
        max_pain(mapped.mass(grid, side), mapped.mark, mapped.sigma_day, reach) for side in SIDES
    )
    return [one for one in found if one is not None]


def answer(mapped: LiquidationMap, found: list[MaxPain], reach: float) -> dict[str, Any]:
    """Return the prices with everything needed to judge them."""
    instrument = mapped.market.instrument
    most = max(found, key=lambda one: one.notional.usd, default=None)
    return {
        "symbol": instrument.symbol,
        "venue": instrument.venue,
        "simulated": mapped.simulated,
        "model": mapped.model,
        "at": iso_time(mapped.market.at_ms),
        "known_to": iso_time(mapped.known_ms),
        "mark_price": mapped.mark,
        "open_interest_usd": round(mapped.open_interest_usd),
        "sigma_24h": round(mapped.sigma_day, 5),
        "reach": reach,
        "step_log": 2 * HALF_WIDTH,
        "larger_side": None if most is None else most.side,
        "sides": [one.row() for one in found],
        "assumptions": mapped.assumptions()
        | {
            "max_pain": "the step of price, ±0.25 %, that holds the most of one side's notional "
            "within reach; derived from the ladder alone, no forecast that price goes there",
            "touched_by_volatility": "driftless walk of this σ within 24 h, blind to the ladder",
        },
        "freshness": mapped.freshness(),
    }

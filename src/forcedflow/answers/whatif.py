"""What ``whatif`` answers: what would be liquidated if the price went there.

In:  a lake, an instrument, a price or a move, a moment.   Out: plain values for JSON. [USD]
Free of any clock.
"""

from __future__ import annotations

from typing import Any

from forcedflow.answers.model import read_map
from forcedflow.answers.move import FARTHEST
from forcedflow.answers.times import iso_time
from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.positions.what_if import WhatIf
from forcedflow.store import Lake


def ask(
    lake: Lake,
    instrument: Instrument,
    at_ms: int,
    *,
    to: float | None = None,
    move: float | None = None,
    model: str | None = None,
) -> dict[str, Any]:
    """Return what a move from the mark would liquidate; parameters as in `read`."""
    return answer(*read(lake, instrument, at_ms, to=to, move=move, model=model))


def read(
    lake: Lake,
    instrument: Instrument,
    at_ms: int,
    *,
    to: float | None = None,
    move: float | None = None,
    model: str | None = None,
) -> tuple[LiquidationMap, WhatIf]:
    """Return the map and what it says of a move.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        The moment. [UTC ms]
    to : float, optional
        Price that the mark goes to; or state ``move``. [quote per base]
    move : float, optional
        Signed fraction of the mark. [1]
    model : str, optional

    Raises
    ------
    UsageError
        If not exactly one of price and move is stated, or it is no price near the mark.
    NoDataError
        If no open interest was known by then.
    """
    check(to, move)
    mapped = read_map(lake, instrument, at_ms, model, follow=True)
    to_price = mapped.mark * (1 + move) if move is not None else to
    if to_price is None:
        raise AssertionError("one of the two was stated")
    if abs(to_price / mapped.mark - 1) > FARTHEST:
        raise UsageError(
            f"{to_price:g} is more than {FARTHEST:.0%} away from the mark price {mapped.mark:g}; "
            "no move of an hour is"
        )
    return mapped, mapped.what_if(to_price)


def check(to: float | None, move: float | None) -> None:
    """Refuse what cannot be answered before anything is read.

    Raises
    ------
    UsageError
        If not exactly one of the two is stated, or the price is none.
    """
    if (to is None) == (move is None):
        raise UsageError("state either a price or a move\nhint: --to 70000, or --move -3%")
    if to is not None and not 0 < to < float("inf"):
        raise UsageError(f"{to:g} is no price\nhint: --to 70000")


def answer(mapped: LiquidationMap, found: WhatIf) -> dict[str, Any]:
    """Return the answer with everything needed to judge it."""
    instrument = mapped.market.instrument
    return {
        "symbol": instrument.symbol,
        "venue": instrument.venue,
        "simulated": mapped.simulated,
        "model": mapped.model,
        "at": iso_time(mapped.market.at_ms),
        "known_to": iso_time(mapped.known_ms),
        "mark_price": mapped.mark,
        "to_price": found.to_price,
        "move_pct": round(100 * found.move, 4),
        "open_interest_usd": round(mapped.open_interest_usd),
        "within_ms": found.length_ms,
        "standing_notional_if_touched": {side.side: side.standing.row() for side in found.sides},
        "liquidations_a_feed_would_show": None
        if found.length_ms is None
        else {
            side.side: {
                **side.feed.row(),
                "background_usd": round(side.background_usd or 0.0),
            }
            for side in found.sides
            if side.feed is not None
        },
        "curve": [
            {
                "price": float(f"{price:.7g}"),
                "move_pct": round(100 * (price / found.from_price - 1), 4),
                "long": long.row(),
                "short": short.row(),
            }
            for price, long, short in found.curve
        ],
        "assumptions": mapped.assumptions() | {"what_if": _rules(mapped)},
        "freshness": mapped.freshness(),
    }


def _rules(mapped: LiquidationMap) -> dict[str, str]:
    standing = "the map between the mark and the price, scaled to open interest; no new positions"
    if mapped.trained is not None:
        standing += "; 10–90 %, widened by the model error measured on the simulated exchange"
    rules = {"standing_notional_if_touched": standing}
    if mapped.trained is not None:
        rules["liquidations_a_feed_would_show"] = (
            f"what {mapped.trained.targets} would hold of one interval in which the mark goes "
            "straight there: level × (weights × swept + path terms); the band is of what would be "
            "realised, scatter included"
        )
    return rules

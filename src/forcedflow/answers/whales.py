"""What ``whales`` answers: the largest published positions, and what share of the market they are.

In:  a lake, an instrument, a moment.   Out: plain values for JSON. [USD, quote per base]
Free of any clock.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from forcedflow.answers.times import iso_time
from forcedflow.errors import NoDataError, UsageError
from forcedflow.instruments import Instrument
from forcedflow.positions import latest_positions
from forcedflow.positions.whales import MOST, Whales, find_whales
from forcedflow.store import Lake
from forcedflow.tables import is_simulated
from forcedflow.units import DAY_MS, HOUR_MS, SECOND_MS

MOST_LISTED = 1_000

# Positions and open interest farther apart than this are not of one market.
_APART_MS = HOUR_MS


def ask(lake: Lake, instrument: Instrument, at_ms: int, most: int = MOST) -> dict[str, Any]:
    """Return the largest positions of an instrument as known at a moment.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        The moment. [UTC ms]
    most : int
        At most so many positions.

    Raises
    ------
    NoDataError
        If no positions were known in the day before.
    UsageError
        If ``most`` is out of its range.
    """
    check(most)
    rows = lake.read(
        "positions",
        venue=instrument.venue,
        symbol=instrument.symbol,
        start_ms=at_ms - DAY_MS,
        available_by_ms=at_ms,
    )
    if rows.is_empty():
        raise NoDataError(_nothing_held(lake, instrument))
    newest = latest_positions(rows)
    taken_ms = int(newest.select(pl.col("event_time").dt.epoch("ms").max()).item())
    whales = find_whales(newest, _open_interest(lake, instrument, taken_ms), most)
    simulated = any(is_simulated(source) for source in newest["source"].unique())
    return answer(whales, instrument, at_ms, simulated=simulated)


def check(most: int) -> None:
    """Refuse a list of none or too many.

    Raises
    ------
    UsageError
        If it is.
    """
    if not 1 <= most <= MOST_LISTED:
        raise UsageError(f"from 1 to {MOST_LISTED} positions are listed, not {most}")


def answer(
    whales: Whales, instrument: Instrument, at_ms: int, *, simulated: bool
) -> dict[str, Any]:
    """Return the positions with everything needed to judge them."""
    return {
        "symbol": instrument.symbol,
        "venue": instrument.venue,
        "simulated": simulated,
        "at": iso_time(at_ms),
        "known_to": iso_time(whales.newest_ms),
        "mark_price": float(f"{whales.mark_price:.7g}"),
        "followed": {
            held.side: {
                "notional_usd": round(held.notional_usd),
                "accounts": held.n_accounts,
                "share_of_open_interest": None
                if held.share_of_oi is None
                else round(held.share_of_oi, 4),
                "listed_share": round(held.largest_share, 4),
                "not_liquidatable_usd": round(held.not_liquidatable_usd),
            }
            for held in whales.sides
        },
        "whales": whales.rows(),
        "assumptions": {
            "positions": "published by the venue, of the accounts that somebody followed; the rest "
            "of the market is unknown, and how large it is says share_of_open_interest",
            "liquidation_price": "the venue's own at the snapshot; a cross-margined account's "
            "moves with its other positions and its collateral",
            "simulated": simulated,
        },
        "freshness": {
            "at_ms": at_ms,
            "age_s": (at_ms - whales.newest_ms) / SECOND_MS,
            "oldest_row_age_s": (at_ms - whales.oldest_ms) / SECOND_MS,
        },
    }


def _open_interest(lake: Lake, instrument: Instrument, taken_ms: int) -> float | None:
    """Return the newest open interest not after the snapshot; None where none is near it."""
    rows = lake.read(
        "open_interest",
        venue=instrument.venue,
        symbol=instrument.symbol,
        start_ms=taken_ms - _APART_MS,
        end_ms=taken_ms + 1,
        columns=["event_time", "open_interest"],
    ).drop_nulls()
    return float(rows["open_interest"][-1]) if rows.height else None


def _nothing_held(lake: Lake, instrument: Instrument) -> str:
    venue, symbol = instrument.venue, instrument.symbol
    spans = [span for span in lake.spans() if span[0] == "positions"]
    own = next((span for span in spans if span[1:3] == (venue, symbol)), None)
    if own is not None:
        known = f"they are held from {iso_time(own[3])} to {iso_time(own[4])}"
    else:
        others = ", ".join(sorted({span[1] for span in spans})) or "no venue"
        known = f"the lake has positions of {others}, none of this market"
    return (
        f"no positions of {venue} {symbol} were known in the day before; {known}\n"
        f"hint: --at, or forcedflow record hyperliquid {instrument.base}"
    )

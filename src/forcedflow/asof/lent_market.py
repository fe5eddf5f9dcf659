"""The market that a map is built on: a venue's own, or one whose entries are borrowed.

In:  a lake, an instrument, a moment. [UTC ms]   Out: a `Market`, which says whom it borrowed from.
Free of the clock; the lake is read as of the moment.

A venue that publishes what is open and nothing of before has no history of entries. Every map of
it, on whatever surface, is then built on the same borrowed ladder, so that they agree.
"""

from __future__ import annotations

from forcedflow.asof.map_features import other_venues
from forcedflow.asof.market import read_market
from forcedflow.errors import NoDataError
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import Market
from forcedflow.playbook.borrowed import LEAST_HISTORY_MS, history_ms, lend
from forcedflow.store import Lake


def read_market_or_lent(lake: Lake, instrument: Instrument, at_ms: int) -> Market:
    """Return an instrument's market; where its history is too short, one that is borrowed.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
    at_ms : int
        [UTC ms]

    Returns
    -------
    Market
        Its own where it has a day of open interest, or where nobody can lend; else with `lent_by`
        and a note that says what was assumed.

    Raises
    ------
    NoDataError
        If no open interest was known by then.
    """
    market = read_market(lake, instrument, at_ms)
    if history_ms(market) >= LEAST_HISTORY_MS:
        return market
    lender = find_lender(lake, instrument, at_ms)
    return market if lender is None else lend(lender, market)


def find_lender(lake: Lake, instrument: Instrument, at_ms: int) -> Market | None:
    """Return the market of the same coin with the longest history, if any has one.

    Parameters
    ----------
    lake : Lake
    instrument : Instrument
        Who borrows.
    at_ms : int
        [UTC ms]
    """
    candidates: list[Market] = []
    for other in other_venues(lake, instrument):
        try:
            candidates.append(read_market(lake, other, at_ms))
        except NoDataError:
            continue  # its rows all became known later
    longest = max(candidates, key=history_ms, default=None)
    return longest if longest is not None and history_ms(longest) >= LEAST_HISTORY_MS else None

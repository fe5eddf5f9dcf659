"""Punctual rows: what a bar could be made of when it was first looked at, and nothing later.

In:  a `Market` with everything known by now.   Out: the rows that were told in time; moments.
Pure: frames in, values out; no I/O, no clock, no global state.

A bar is taken at the first moment of the feature grid at which its open interest was known, with
the rows known then. A kline that came later would change a bar that was already acted on, so it is
left out, then and ever after; so is open interest told after a newer one. That makes a figure of
the past the same to the last byte whenever it is asked for.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from forcedflow.features.grid import event_ms, known_ms
from forcedflow.features.rows import picked
from forcedflow.features.table import STEP_MS
from forcedflow.liquidation_map import Market
from forcedflow.units import I8


def punctual(market: Market) -> Market:
    """Return a market without the rows that came too late to be part of their bar.

    Parameters
    ----------
    market : Market

    Returns
    -------
    Market
        The same in all else. Of observations of one time the first told counts.
    """
    rows = market.open_interest
    event, taken = event_ms(rows), _moments(rows)
    order = np.lexsort((known_ms(rows), event))
    first_told = order[np.append(True, np.diff(event[order]) > 0)[: order.size]]
    # The earliest moment at which anything newer was taken.
    newer = np.minimum.accumulate(taken[first_told][::-1])[::-1]
    kept = first_told[taken[first_told] <= np.append(newer[1:], np.iinfo(np.int64).max)]
    event, taken = event[kept], taken[kept]

    def in_time(frame: pl.DataFrame) -> pl.DataFrame:
        bar = np.searchsorted(event, event_ms(frame), side="left")
        # What no bar holds yet is left as it is.
        until = np.append(taken, np.iinfo(np.int64).max)[bar]
        return picked(frame, known_ms(frame) <= until)

    return replace(
        market,
        open_interest=rows if _is_all(kept, rows.height) else rows[kept],
        mark_klines=in_time(market.mark_klines),
        trade_klines=in_time(market.trade_klines),
        funding=in_time(market.funding),
    )


def taken_ms(open_interest: pl.DataFrame, end_ms: I8) -> I8:
    """Return the moment of the grid at which each bar was first known.

    Parameters
    ----------
    open_interest : polars.DataFrame
        Of a punctual market.
    end_ms : ndarray of int, shape (t,)
        Ends of its bars. [UTC ms]

    Returns
    -------
    ndarray of int, shape (t,)
        Not decreasing. [UTC ms]
    """
    moments: I8 = _moments(open_interest)[np.searchsorted(event_ms(open_interest), end_ms)]
    return moments


def _is_all(kept: I8, height: int) -> bool:
    return kept.size == height and bool((np.diff(kept) == 1).all())


def _moments(rows: pl.DataFrame) -> I8:
    return -(-known_ms(rows) // STEP_MS) * STEP_MS

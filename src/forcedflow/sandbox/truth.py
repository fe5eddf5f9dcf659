"""Truth: what the simulated market knows and nobody outside it may read.

In:  the market's `State` and its `Block`s.   Out: positions, ladders, depth and causes.
Pure: arrays in, frames out; no I/O, no clock. For tests and scores; no stage reads it.

No frame of this module passes the check of a declared table, so none can enter a lake by mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from forcedflow.errors import DataError
from forcedflow.margin import liquidation_price_by_brackets, rule_for, schedule_from_rows
from forcedflow.positions.grid import PriceGrid
from forcedflow.sandbox.parameters import CONTRACT_COINS, VENUES
from forcedflow.sandbox.published import PERPETUAL, coins, exact_price, traded_price, usd
from forcedflow.sandbox.simulate import START_MS, Block
from forcedflow.sandbox.state import State, Venues
from forcedflow.tables import TIME
from forcedflow.units import F8, I8, MINUTE_MS, SIDES, F8x2

AGREEMENT = 1e-9
"""Largest difference between the market's own liquidation price and the formula's, in entries."""

VENUE_IDS = tuple(rules.name for rules in VENUES)


def positions_of(state: State) -> pl.DataFrame:
    """Return every open position, the market makers' apart.

    Parameters
    ----------
    state : State

    Returns
    -------
    polars.DataFrame
        ``venue``; ``account`` (index of the trader); ``side``; ``amount`` [base coins]; ``entry``
        [USD]; ``margin_usd``, with funding paid taken off [USD]; ``leverage``, notional over equity
        at the mark, null where equity is gone [×]; ``cross``; ``true_liquidation_price``, null
        where no positive price liquidates [USD].

    Raises
    ------
    DataError
        If the liquidation price from the market's integers is not the one that
        `forcedflow.margin` gives for the same position; names the position.

    Notes
    -----
    Makers hold the other side of every trade and are never liquidated: they are part of open
    interest and not of this. The price is of the first liquidation; a position above the first
    bracket is then only reduced.
    """
    traders, venues = state.traders, state.venues
    account = np.flatnonzero(traders.position)
    v, q = traders.venue[account], traders.position[account]
    entry = traders.entry[account]
    margin = traders.margin[account] - q * (venues.funding_paid[v] - traders.funding_at[account])
    ticks = _liquidation_ticks(venues, v, q, entry, margin)
    price = exact_price(np.where(ticks > 0, ticks, np.nan))
    _agree(state, account, price, margin)
    equity = margin + q * (venues.mark[v] - entry)
    with np.errstate(divide="ignore"):
        leverage = np.where(equity > 0, np.abs(q) * venues.mark[v] / equity, np.nan)
    names = np.array([rules.name for rules in state.parameters.venues])
    return pl.DataFrame(
        {
            "venue": pl.Series(names[v], dtype=pl.String),
            "account": account,
            "side": pl.Series(np.asarray(SIDES)[(q < 0).astype(int)], dtype=pl.String),
            "amount": coins(np.abs(q)),
            "entry": traded_price(entry),
            "margin_usd": usd(margin),
            "leverage": pl.Series(leverage).fill_nan(None),
            "cross": traders.cross[account],
            "true_liquidation_price": pl.Series(price).fill_nan(None),
        }
    )


def true_ladder(state: State, venue: str, grid: PriceGrid) -> F8x2:
    """Return what would be force-closed at every price, as it is.

    Parameters
    ----------
    state : State
    venue : str
    grid : PriceGrid

    Returns
    -------
    ndarray, shape (2, grid.size)
        Notional at the liquidation price, longs then shorts; what lies outside the grid is left
        out. [USD]

    Raises
    ------
    ValueError
        If the market has no such venue.
    """
    known = [rules.name for rules in state.parameters.venues]
    if venue not in known:
        raise ValueError(f"no venue {venue!r} in this market; it has {', '.join(known)}")
    rows = positions_of(state).filter(
        pl.col("venue") == venue, pl.col("true_liquidation_price").is_not_null()
    )
    ladder = np.zeros((2, grid.size))
    for s, side in enumerate(SIDES):
        own = rows.filter(pl.col("side") == side)
        price = own["true_liquidation_price"].to_numpy()
        lattice = np.floor(np.log(price) / grid.width).astype(np.int64)
        target = (lattice - grid.first) // grid.step
        inside = (target >= 0) & (target < grid.size)
        notional = own["amount"].to_numpy() * price
        ladder[s] = np.bincount(target[inside], notional[inside], grid.size)
    return ladder


def true_depth(block: Block) -> F8x2:
    """Return coins that move price by one percent, by minute and venue. [base coins]"""
    depth: F8x2 = block.out.depth[: block.minutes] * (0.01 * CONTRACT_COINS)
    return depth


def liquidation_causes(block: Block, venues: Sequence[str] = VENUE_IDS) -> pl.DataFrame:
    """Return every liquidation of a block with what only the market knows of it.

    Parameters
    ----------
    block : Block
    venues : sequence of str
        Ids of the market's venues, in order.

    Returns
    -------
    polars.DataFrame
        ``event_time``; ``venue``; ``side``; ``amount`` [base coins]; ``account``;
        ``caused``, whether the mark without the impact of earlier liquidations would have left the
        position alone; ``deleveraged``, whether winners of the other side took it over.

    Notes
    -----
    The cause is asked of the price impact that is still in the mark, not of a counterfactual run.
    """
    out, n = block.out, int(block.out.n_events[0])
    q = out.event_amount[:n]
    time_ms: I8 = START_MS + out.event_ms[:n]
    return pl.DataFrame(
        {
            "event_time": pl.Series(time_ms).cast(TIME),
            "venue": pl.Series(np.asarray(venues)[out.event_venue[:n]], dtype=pl.String),
            "side": pl.Series(np.asarray(SIDES)[(q < 0).astype(int)], dtype=pl.String),
            "amount": coins(np.abs(q)),
            "account": out.event_trader[:n],
            "caused": out.event_caused[:n],
            "deleveraged": _deleveraged(block, time_ms),
        }
    )


def branching_ratio(blocks: Iterable[Block]) -> float:
    """Return the share of liquidated contracts whose liquidation earlier ones caused. [1]

    Raises
    ------
    ValueError
        If nothing was liquidated.
    """
    caused, liquidated = 0, 0
    for block in blocks:
        n = int(block.out.n_events[0])
        size = np.abs(block.out.event_amount[:n])
        caused += int(size[block.out.event_caused[:n]].sum())
        liquidated += int(size.sum())
    if liquidated == 0:
        raise ValueError("nothing was liquidated, so there is no branching ratio")
    return caused / liquidated


def _liquidation_ticks(venues: Venues, v: I8, q: I8, entry: I8, margin: I8) -> F8:
    # Equity meets maintenance where margin + amount + q (price - entry) = |q| price rate. The
    # bracket is that of the notional there: Newton on a convex line, one step per bracket at most.
    size, sign = np.abs(q), np.sign(q)
    price: F8 = entry.astype(np.float64)
    for _ in range(venues.bracket_cap.shape[1] + 1):
        notional = size * np.maximum(price, 0.0)
        b = (notional[:, None] > venues.bracket_cap[v]).sum(axis=1)
        rate, amount = venues.bracket_rate[v, b], venues.bracket_amount[v, b]
        price = (margin + amount - q * entry) / (size * (rate - sign))
    return price


def _agree(state: State, account: I8, price: F8, margin: I8) -> None:
    traders = state.traders
    q, entry = traders.position[account], traders.entry[account]
    for v, rules in enumerate(state.parameters.venues):
        own = np.flatnonzero(traders.venue[account] == v)
        if own.size == 0:
            continue
        opened_at = traded_price(entry[own])
        formula = liquidation_price_by_brackets(
            opened_at,
            coins(np.abs(q[own])),
            usd(margin[own]),
            np.asarray(SIDES)[(q[own] < 0).astype(int)],
            schedule_from_rows(rules.name, PERPETUAL, START_MS, rules.brackets, source="sandbox"),
            rule_for(rules.name, "linear", START_MS),
        )
        same = np.abs(price[own] - formula) <= AGREEMENT * opened_at
        apart = ~same & ~(np.isnan(price[own]) & np.isnan(formula))
        if apart.any():
            first = int(np.argmax(apart))
            raise DataError(
                f"{rules.name}, account {account[own[first]]}: the market liquidates at "
                f"{price[own[first]]!r}, the formula says {formula[first]!r}"
            )


def _deleveraged(block: Block, time_ms: I8) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    # Deleveraging fills exactly at the bankruptcy price; a book does so by coincidence only, and
    # the minutes of deleveraging are known.
    out, n = block.out, time_ms.size
    row = (time_ms - block.start_ms) // MINUTE_MS
    in_such_minute = out.deleveraged[row, out.event_venue[:n]] > 0
    at_bankruptcy = out.event_tick[:n] == out.event_bankruptcy[:n]
    chosen: np.ndarray[tuple[int], np.dtype[np.bool_]] = in_such_minute & at_bankruptcy
    return chosen

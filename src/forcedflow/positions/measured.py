"""Measured ladders: positions that a venue publishes, by the venue's own liquidation price.

In:  rows of the ``positions`` table.   Out: notional by price bin and side. [USD]
Pure: frames in, arrays out; no I/O, no clock, no global state.

Accounts are what somebody collected, not the whole book: the sum is a lower bound of unknown
share, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from forcedflow.positions.grid import PriceGrid
from forcedflow.units import HOUR_MS, SIDES, F8x2


@dataclass(frozen=True, slots=True)
class MeasuredLadder:
    """Published positions at one moment.

    Parameters
    ----------
    grid : PriceGrid
    notional_usd : ndarray, shape (2, grid.size)
        Notional that would be closed in each bin, longs then shorts. [USD]
    n_positions, n_accounts : int
        Positions with a liquidation price inside the grid, and accounts among them.
    not_liquidatable_usd : tuple of float
        Notional without a positive liquidation price, per side. [USD]
    newest_ms, oldest_ms : int
        Times of the newest and the oldest snapshot used. [UTC ms]
    """

    grid: PriceGrid
    notional_usd: F8x2
    n_positions: int
    n_accounts: int
    not_liquidatable_usd: tuple[float, float]
    newest_ms: int
    oldest_ms: int


def latest_positions(positions: pl.DataFrame, within_ms: int = 6 * HOUR_MS) -> pl.DataFrame:
    """Return each account's newest position among each collector's newest snapshot.

    Parameters
    ----------
    positions : polars.DataFrame
        Rows of ``positions`` of one symbol, already cut to what was known.
    within_ms : int
        Snapshots older than this before the newest one are left out. [ms]

    Returns
    -------
    polars.DataFrame
        At most one row per account and side.
    """
    if positions.is_empty():
        return positions
    newest = pl.col("event_time").max().over("source")
    recent = positions.filter(pl.col("event_time") == newest)
    horizon = pl.col("event_time").max() - pl.duration(milliseconds=within_ms)
    return (
        recent.filter(pl.col("event_time") >= horizon)
        .sort("event_time", "source")
        .unique(["account", "side"], keep="last", maintain_order=True)
    )


def measured_ladder(positions: pl.DataFrame, grid: PriceGrid) -> MeasuredLadder:
    """Return published positions summed by liquidation price.

    Parameters
    ----------
    positions : polars.DataFrame
        One row per account and side, as `latest_positions` returns them.
    grid : PriceGrid
        Window of prices.

    Returns
    -------
    MeasuredLadder

    Raises
    ------
    ValueError
        If there are no positions.
    """
    if positions.is_empty():
        raise ValueError("a measured ladder needs at least one position")
    notional = np.zeros((2, grid.size))
    without = [0.0, 0.0]
    inside_rows = []
    for s, side in enumerate(SIDES):
        rows = positions.filter(pl.col("side") == side)
        priced = rows.filter(pl.col("liquidation_price").is_not_null())
        without[s] = float(rows.filter(pl.col("liquidation_price").is_null())["notional_usd"].sum())
        lattice = np.floor(np.log(priced["liquidation_price"].to_numpy()) / grid.width)
        target = (lattice.astype(np.int64) - grid.first) // grid.step
        inside = (target >= 0) & (target < grid.size)
        weight = priced["amount"].to_numpy() * priced["liquidation_price"].to_numpy()
        notional[s] = np.bincount(target[inside], weight[inside], grid.size)
        inside_rows.append(priced.filter(pl.Series(inside)))
    counted = pl.concat(inside_rows)
    times = positions["event_time"].dt.epoch("ms")
    return MeasuredLadder(
        grid=grid,
        notional_usd=notional,
        n_positions=counted.height,
        n_accounts=counted["account"].n_unique(),
        not_liquidatable_usd=(without[0], without[1]),
        newest_ms=int(times.max()),  # type: ignore[arg-type]
        oldest_ms=int(times.min()),  # type: ignore[arg-type]
    )

"""The largest published positions: how large, how far from being closed, and what they cover.

In:  rows of ``positions``, one per account and side; one-sided open interest. [base coins]
Out: `Whales`. [USD, quote per base]
Pure: frames in, values out; no I/O, no clock, no global state.

Measured, not estimated: the liquidation prices are the venue's own. They are those of the accounts
that somebody followed, and a cross-margined account's price moves with its other positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from forcedflow.units import SIDES, Side

MOST = 20
"""Positions that are listed unless told otherwise."""


@dataclass(frozen=True, slots=True)
class SideHeld:
    """What the followed accounts hold on one side.

    Parameters
    ----------
    side : {"long", "short"}
    notional_usd : float
        At the mark price. [USD]
    n_accounts : int
    share_of_oi : float or None
        Their contracts over one side's open interest; None where that is unknown. Above one it
        was not read together with the positions. [1]
    largest_share : float
        Of the listed positions in all followed ones. [1]
    not_liquidatable_usd : float
        Without a positive liquidation price. [USD]
    """

    side: Side
    notional_usd: float
    n_accounts: int
    share_of_oi: float | None
    largest_share: float
    not_liquidatable_usd: float


@dataclass(frozen=True, slots=True)
class Whales:
    """The largest followed positions of one symbol.

    Parameters
    ----------
    positions : polars.DataFrame
        Largest first: ``account``, ``side``, ``amount``, ``notional_usd``, ``entry_price``,
        ``leverage``, ``margin_mode``, ``liquidation_price``, ``distance_pct`` from the mark to it,
        ``unrealized_pnl_usd``, ``share_of_oi``; null where unknown.
    sides : tuple of SideHeld
        Longs, then shorts.
    mark_price : float
        Of the snapshot: value over size of its positions. [quote per base]
    newest_ms, oldest_ms : int
        Times of the rows used. [UTC ms]
    """

    positions: pl.DataFrame
    sides: tuple[SideHeld, SideHeld]
    mark_price: float
    newest_ms: int
    oldest_ms: int

    def rows(self) -> list[dict[str, Any]]:
        """Return the positions as plain rows, rounded to what they can bear."""
        digits = {"notional_usd": 0, "unrealized_pnl_usd": 0, "distance_pct": 3, "share_of_oi": 6}
        rounded = self.positions.with_columns(
            pl.col(name).round(places) for name, places in digits.items()
        )
        return rounded.with_row_index("rank", offset=1).to_dicts()


def find_whales(positions: pl.DataFrame, open_interest: float | None, most: int = MOST) -> Whales:
    """Return the largest positions of a snapshot.

    Parameters
    ----------
    positions : polars.DataFrame
        At most one row per account and side, as `latest_positions` returns them.
    open_interest : float or None
        One-sided, of the same time; None where unknown. [base coins]
    most : int
        At most so many.

    Raises
    ------
    ValueError
        If there are no positions, or ``most`` is below 1.
    """
    if positions.is_empty() or most < 1:
        raise ValueError("whales are of at least one position, and at least one is listed")
    # Each position is valued at the venue's mark of its own snapshot; of several, the newest.
    newest = positions.filter(pl.col("event_time") == pl.col("event_time").max())
    mark = float(newest["notional_usd"].sum()) / float(newest["amount"].sum())
    share = pl.lit(None, pl.Float64) if not open_interest else pl.col("amount") / open_interest
    listed = (
        positions.sort(["notional_usd", "account"], descending=[True, False])
        .head(most)
        .select(
            *("account", "side", "amount", "notional_usd", "entry_price", "leverage"),
            *("margin_mode", "liquidation_price"),
            distance_pct=100 * (pl.col("liquidation_price") / mark - 1),
            unrealized_pnl_usd="unrealized_pnl_usd",
            share_of_oi=share,
        )
    )
    times = positions["event_time"].dt.epoch("ms")
    long, short = (_held(positions, listed, side, open_interest) for side in SIDES)
    return Whales(
        positions=listed,
        sides=(long, short),
        mark_price=mark,
        newest_ms=int(times.max()),  # type: ignore[arg-type]
        oldest_ms=int(times.min()),  # type: ignore[arg-type]
    )


def _held(
    positions: pl.DataFrame, listed: pl.DataFrame, side: Side, open_interest: float | None
) -> SideHeld:
    rows = positions.filter(pl.col("side") == side)
    usd = float(rows["notional_usd"].sum())
    large = float(listed.filter(pl.col("side") == side)["notional_usd"].sum())
    safe = rows.filter(pl.col("liquidation_price").is_null())
    return SideHeld(
        side=side,
        notional_usd=usd,
        n_accounts=rows["account"].n_unique(),
        share_of_oi=float(rows["amount"].sum()) / open_interest if open_interest else None,
        largest_share=large / usd if usd > 0 else 0.0,
        not_liquidatable_usd=float(safe["notional_usd"].sum()),
    )

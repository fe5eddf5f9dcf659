"""How much of Hyperliquid's open interest the followed accounts hold.

In:  rows of ``positions`` and of ``open_interest``, of one symbol.   Out: shares per side.
Pure: frames in, a value out; no I/O, no clock, no global state.

Followed accounts are those that somebody named or that traded while we watched: the map drawn from
their positions is exact where it speaks and silent about the rest. These shares say how large the
rest is.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class OpenInterestShare:
    """What followed accounts hold of one symbol's open interest.

    Parameters
    ----------
    long, short : float
        Their longs, and their shorts, divided by the open interest. [1]
    open_interest : float
        One-sided: all longs, which are as many as all shorts. [base coins]
    n_accounts : int
        Accounts with a position.
    positions_ms, open_interest_ms : int
        When each was read. [UTC ms]
    """

    long: float
    short: float
    open_interest: float
    n_accounts: int
    positions_ms: int
    open_interest_ms: int

    def __str__(self) -> str:
        return (
            f"{self.n_accounts} followed accounts hold {self.long:.1%} of the longs "
            f"and {self.short:.1%} of the shorts"
        )


def share_of_open_interest(
    positions: pl.DataFrame, open_interest: pl.DataFrame
) -> OpenInterestShare:
    """Return what share of all longs and of all shorts the newest snapshot of positions covers.

    Parameters
    ----------
    positions : polars.DataFrame
        Rows of ``positions`` of one symbol; those of the newest event time are counted.
    open_interest : polars.DataFrame
        Rows of ``open_interest`` of the same symbol; the newest not after that snapshot is used.

    Returns
    -------
    OpenInterestShare
        Nothing is clipped: a share above one means that the two were not read together.

    Raises
    ------
    ValueError
        If there are no positions, several symbols, or no open interest by then.
    """
    if positions.is_empty():
        raise ValueError("a share needs at least one position")
    snapshot = positions.filter(pl.col("event_time") == pl.col("event_time").max())
    read = snapshot["event_time"][0]
    symbols = {*positions["symbol"].unique(), *open_interest["symbol"].unique()}
    if len(symbols) != 1:
        raise ValueError(f"a share is of one symbol, not of {', '.join(sorted(symbols))}")
    known = open_interest.filter(
        (pl.col("event_time") <= read) & (pl.col("open_interest") > 0)
    ).sort("event_time")
    if known.is_empty():
        raise ValueError("no open interest is known by the time the positions were read")
    total = float(known["open_interest"][-1])
    held = {
        side: float(snapshot.filter(pl.col("side") == side)["amount"].sum())
        for side in ("long", "short")
    }
    return OpenInterestShare(
        long=held["long"] / total,
        short=held["short"] / total,
        open_interest=total,
        n_accounts=snapshot["account"].n_unique(),
        positions_ms=int(snapshot["event_time"].dt.epoch("ms")[0]),
        open_interest_ms=int(known["event_time"].dt.epoch("ms")[-1]),
    )

"""Defects: what goes wrong between a market and whoever records it.

In:  rows as published, a seed.   Out: rows as received.
Pure: frames in, frames out; no I/O, no clock, no global state.

A message is all rows of one table, venue and time: it is lost, sent twice or late as a whole.
Chance is keyed by the message, so that the same messages suffer however a run is cut.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import polars as pl

from forcedflow.sandbox.keyed_chance import keyed_uniform


@dataclass(frozen=True, slots=True)
class Defects:
    """What is wrong with the feeds; nothing by default.

    Parameters
    ----------
    open_interest_delay_ms : int
        Open interest becomes known so much later than the venue says. [ms]
    missing_open_interest : float
        Share of open interest messages that never arrive. [1]
    out_of_order : float
        Share of messages that arrive after all others of their batch. [1]
    duplicated : float
        Share of messages that arrive twice. [1]
    throttled : bool
        The full liquidation feed, too, prints only the last of each second, and still calls itself
        complete.

    Raises
    ------
    ValueError
        If a share is outside [0, 1] or the delay is negative.
    """

    open_interest_delay_ms: int = 0
    missing_open_interest: float = 0.0
    out_of_order: float = 0.0
    duplicated: float = 0.0
    throttled: bool = False

    def __post_init__(self) -> None:
        for name in ("missing_open_interest", "out_of_order", "duplicated"):
            if not 0.0 <= (share := getattr(self, name)) <= 1.0:
                raise ValueError(f"{name} must be a share in [0, 1], found {share}")
        if self.open_interest_delay_ms < 0:
            raise ValueError(
                f"open_interest_delay_ms must not be negative, found {self.open_interest_delay_ms}"
            )


def received(table: str, rows: pl.DataFrame, defects: Defects, seed: int) -> pl.DataFrame:
    """Return rows of one table as they arrive.

    Parameters
    ----------
    table : str
    rows : polars.DataFrame
        Rows as `forcedflow.tables.check` returns them.
    defects : Defects
    seed : int

    Returns
    -------
    polars.DataFrame
        In the order of their arrival.
    """
    if table == "open_interest":
        if defects.missing_open_interest:
            rows = rows.filter(
                ~_struck("missing", table, rows, defects.missing_open_interest, seed)
            )
        if defects.open_interest_delay_ms:
            delay = pl.duration(milliseconds=defects.open_interest_delay_ms, time_unit="ms")
            rows = rows.with_columns(pl.col("available_time") + delay)
    if defects.duplicated:
        again = _struck("duplicated", table, rows, defects.duplicated, seed)
        rows = pl.concat([rows, rows.filter(again)]).sort("event_time", maintain_order=True)
    if defects.out_of_order:
        late = _struck("out of order", table, rows, defects.out_of_order, seed)
        rows = pl.concat([rows.filter(~late), rows.filter(late)])
    return rows


def _struck(what: str, table: str, rows: pl.DataFrame, share: float, seed: int) -> pl.Series:
    venue = rows["venue"].to_list()
    names = {name: zlib.crc32(name.encode()) for name in set(venue)}
    time_ms = rows["event_time"].dt.epoch("ms").to_numpy()
    venue_key = np.array([names[name] for name in venue], dtype=np.int64)
    return pl.Series(keyed_uniform(seed, f"{what} {table}", time_ms, venue_key) < share)

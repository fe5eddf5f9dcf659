"""Liquidation feed: what of the forced closes a venue prints, and its hourly totals.

In:  the market's liquidations. [contracts, ticks]   Out: rows of liquidations and their totals.
Pure: arrays in, frames out; no I/O, no clock; an unfinished hour is carried as a value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from forcedflow.sandbox.parameters import VenueRules
from forcedflow.sandbox.published import coins, rows_of, traded_price, usd
from forcedflow.sandbox.simulate import START_MS, Block
from forcedflow.tables import TIME
from forcedflow.units import HOUR_MS, I8, SECOND_MS, SIDES


class Liquidations(NamedTuple):
    """Forced closes in the order in which they happened; no account and no cause."""

    time_ms: I8
    venue: I8
    contracts: I8
    fill_tick: I8
    bankruptcy_tick: I8

    def where(self, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Liquidations:
        """Return the chosen ones."""
        return Liquidations(*(column[chosen] for column in self))


def no_liquidations() -> Liquidations:
    """Return none."""
    return Liquidations(*(np.zeros(0, dtype=np.int64) for _ in Liquidations._fields))


def happened(held: Liquidations, block: Block) -> Liquidations:
    """Return ``held`` and the block's, by time; what is simultaneous stays as the venue did it."""
    out, n = block.out, int(block.out.n_events[0])
    columns = (
        START_MS + out.event_ms[:n],
        out.event_venue[:n],
        out.event_amount[:n],
        out.event_tick[:n],
        out.event_bankruptcy[:n].astype(np.int64),
    )
    joined = [np.concatenate(pair) for pair in zip(held, columns, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return Liquidations(*(column[order] for column in joined))


def printed(
    known: Liquidations, venue: int, rules: VenueRules, *, throttled: bool
) -> tuple[Liquidations, pl.DataFrame]:
    """Return what one venue prints of its liquidations, and the rows it prints.

    Parameters
    ----------
    known : Liquidations
        Of whole seconds, by time.
    venue : int
        Its index.
    rules : VenueRules
    throttled : bool
        Whether even a full feed keeps one print a second.

    Returns
    -------
    Liquidations
        The printed ones.
    polars.DataFrame
        The same as rows: the full feed at the bankruptcy price, the sampled one at the fill and
        without an id, as venues of either kind do.
    """
    own = known.where(known.venue == venue)
    sampled = rules.feed == "sampled lower bound"
    if sampled or throttled:
        own = own.where(_last_of_second(own.time_ms))
    ticks = own.fill_tick if sampled else own.bankruptcy_tick
    size = np.abs(own.contracts)
    ids = [""] * size.size if sampled else _ids(own.time_ms)
    frame = pl.DataFrame(
        {
            "venue": pl.Series([rules.name] * size.size, dtype=pl.String),
            "event_time": pl.Series(own.time_ms).cast(TIME),
            "available_time": pl.Series(own.time_ms).cast(TIME),
            "side": pl.Series(np.asarray(SIDES)[(own.contracts < 0).astype(int)], dtype=pl.String),
            "price": traded_price(ticks),
            "price_kind": pl.Series(
                ["fill" if sampled else "bankruptcy"] * size.size, dtype=pl.String
            ),
            "amount": coins(size),
            "notional_usd": usd(size * ticks),
            "event_id": pl.Series(ids, dtype=pl.String),
            "completeness": pl.Series([rules.feed] * size.size, dtype=pl.String),
        }
    )
    return own, frame


def hourly_totals(
    prints: Liquidations, rules: VenueRules, first_ms: int, end_ms: int
) -> pl.DataFrame:
    """Return the sums of prints over whole hours, quiet hours included.

    Parameters
    ----------
    prints : Liquidations
        What one venue printed.
    rules : VenueRules
    first_ms, end_ms : int
        Hours inside ``[first_ms, end_ms)``; both on the hour. [UTC ms]

    Returns
    -------
    polars.DataFrame
        Two rows per hour, stamped with its end.
    """
    n_hours = max(end_ms - first_ms, 0) // HOUR_MS
    chosen = prints.where((prints.time_ms >= first_ms) & (prints.time_ms < end_ms))
    ticks = chosen.fill_tick if rules.feed == "sampled lower bound" else chosen.bankruptcy_tick
    # Whole numbers, so that a sum does not depend on the order of its terms.
    contracts = np.zeros(2 * n_hours, dtype=np.int64)
    money = np.zeros(2 * n_hours, dtype=np.int64)
    place = 2 * ((chosen.time_ms - first_ms) // HOUR_MS) + (chosen.contracts < 0)
    np.add.at(contracts, place, np.abs(chosen.contracts))
    np.add.at(money, place, np.abs(chosen.contracts) * ticks)
    shape = (n_hours, 1, 2)
    ends = first_ms + HOUR_MS * (1 + np.arange(n_hours, dtype=np.int64))
    frame = rows_of(
        ends,
        [rules.name],
        {"notional_usd": usd(money.reshape(shape)), "amount": coins(contracts.reshape(shape))},
        {"side": SIDES},
    )
    return frame.with_columns(
        interval_ms=pl.lit(HOUR_MS, pl.Int64), completeness=pl.lit(rules.feed)
    )


def _last_of_second(time_ms: I8) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    second = time_ms // SECOND_MS
    last = np.ones(second.size, dtype=np.bool_)
    last[:-1] = second[1:] != second[:-1]
    return last


def _ids(time_ms: I8) -> list[str]:
    # Second and place within it: the same however the run is cut, and nothing about the account.
    second = time_ms // SECOND_MS
    here = np.arange(second.size)
    new = np.ones(second.size, dtype=np.bool_)
    new[1:] = second[1:] != second[:-1]
    place = here - np.maximum.accumulate(np.where(new, here, 0))
    return [f"{s}-{p}" for s, p in zip(second.tolist(), place.tolist(), strict=True)]

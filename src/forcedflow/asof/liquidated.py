"""Hourly liquidations as of a moment: what sizes are learned from and followed by.

In:  a lake, an instrument, a moment. [UTC ms]   Out: `Liquidated`. [USD]
Reads the lake; nothing else.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from forcedflow.asof.features import totals_of_prints
from forcedflow.asof.market import read_liquidations
from forcedflow.errors import NoDataError
from forcedflow.forecast.sizes import Liquidated
from forcedflow.instruments import Instrument
from forcedflow.store import RowSource
from forcedflow.tables import is_simulated
from forcedflow.units import HOUR_MS, SIDES

_COVERED = 0.9


def read_liquidated(
    lake: RowSource, instrument: Instrument, start_ms: int, at_ms: int
) -> tuple[Liquidated, str]:
    """Return the hours of liquidations that were known by a moment, and whose they are.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
    start_ms : int
        Hours from then on. [UTC ms]
    at_ms : int
        Rows known by then. [UTC ms]

    Raises
    ------
    NoDataError
        If none of an hour or less are held.
    """
    rows, name = read_liquidations(lake, instrument, start_ms, at_ms)
    totals = totals_of_prints(rows, at_ms) if "price_kind" in rows.columns else rows
    found = hourly(totals)
    if not found.end_ms.size:
        raise NoDataError(
            f"the liquidations held of {instrument.venue} {instrument.symbol} ({name}) are of no "
            "whole hours\nhint: forcedflow record VENUE SYMBOL, or forcedflow import coinglass PATH"
        )
    return found, name


def hourly(totals: pl.DataFrame) -> Liquidated:
    """Return the whole hours in rows of ``liquidation_totals`` of one series.

    Parameters
    ----------
    totals : polars.DataFrame
        Rows longer than an hour say nothing of an hour, and a row that became known after its
        hour was over was no news of that hour: both are passed over.

    Returns
    -------
    Liquidated
        An hour counts where both sides are known for nine tenths of it.
    """
    end = (pl.col("event_time").dt.epoch("ms") + HOUR_MS - 1) // HOUR_MS * HOUR_MS
    by_hour = (
        totals.filter(pl.col("interval_ms") <= HOUR_MS, pl.col("notional_usd").is_not_null())
        .with_columns(end=end)
        .filter(pl.col("available_time").dt.epoch("ms") <= pl.col("end"))
        .group_by("end", "side")
        .agg(
            # In one order, so that the sum is the same to the last byte.
            pl.col("notional_usd").sort_by("event_time").sum(),
            covered=pl.col("interval_ms").sum(),
        )
        .filter(pl.col("covered") >= _COVERED * HOUR_MS)
        .pivot("side", index="end", values="notional_usd")
    )
    if not set(SIDES) <= set(by_hour.columns):
        return Liquidated(np.zeros(0, dtype=np.int64), np.zeros((0, len(SIDES))))
    whole = by_hour.drop_nulls(SIDES).sort("end")
    simulated = any(is_simulated(source) for source in totals["source"].unique())
    return Liquidated(whole["end"].to_numpy(), whole.select(SIDES).to_numpy(), simulated)

"""Binance's modelled ladder beside the measured ladder of Hyperliquid, as alignment sees them.

In:  a lake with positions of Hyperliquid and open interest of Binance.
Out: both venues' `VenueLadder` at every snapshot with enough accounts.
Free of conclusions: the accounts are whales and daily winners of one venue, not its whole book.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from tests.real.measured_ladders import LEAST_ACCOUNTS

from forcedflow.asof import read_market
from forcedflow.features.grid import lay_times
from forcedflow.features.map_history import follow_maps
from forcedflow.features.map_table import ladder_of
from forcedflow.instruments import parse_symbol
from forcedflow.positions import latest_positions, measured_ladder, view
from forcedflow.positions.grid import FIVE_BPS
from forcedflow.units import DAY_MS, HOUR_MS
from forcedflow.zones.alignment import lay_ladder

_REACH = 0.25


def read_pairs(lake, coin, start_ms, end_ms):
    """Moments, Binance's ladders, Hyperliquid's, and the sample behind the latter."""
    positions = lake.read("positions", venue="hyperliquid", symbol=f"{coin}/USDC:USDC")
    known_ms = positions["available_time"].dt.epoch("ms")
    snapshots = (
        positions.with_columns(ms=known_ms)
        .filter(pl.col("ms").is_between(start_ms, end_ms, closed="left"))
        .group_by("ms")
        .agg(accounts=pl.col("account").n_unique())
        .filter(pl.col("accounts") >= LEAST_ACCOUNTS)
    )
    moments = np.unique([lay_times(ms, ms + HOUR_MS)[0] for ms in snapshots["ms"]])
    market = read_market(lake, parse_symbol(coin), end_ms + DAY_MS)
    at_ms, own, other, sample = [], [], [], []
    for moment, mapped in zip(moments.tolist(), follow_maps(market, moments), strict=True):
        if mapped is None:
            continue
        known = latest_positions(positions.filter(known_ms <= moment))
        mark = float((known["notional_usd"] / known["amount"]).median())
        grid = view(mark * (1 - _REACH), mark * (1 + _REACH), FIVE_BPS)
        ladder = measured_ladder(known, grid)
        held = float(known.group_by("side").agg(pl.sum("amount"))["amount"].max())
        at_ms.append(moment)
        own.append(ladder_of(mapped))
        other.append(
            lay_ladder(
                "hyperliquid", ladder.notional_usd, grid, mark, mapped.sigma_day, held, moment
            )
        )
        sample.append(known.select("account", "side"))
    return np.array(at_ms), own, other, sample

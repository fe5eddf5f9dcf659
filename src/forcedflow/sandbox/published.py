"""Published numbers: how the market's integers look to somebody outside.

In:  ticks, contracts, arrays by time and venue.   Out: prices [USD], coins, rows of tables.
Pure: NumPy in, frames out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from forcedflow import tables
from forcedflow.sandbox.parameters import COIN, CONTRACT_COINS, MONEY_USD, TICK_USD
from forcedflow.sandbox.state import I8x2
from forcedflow.units import I8

PERPETUAL = f"{COIN}/USDT:USDT"
SPOT = f"{COIN}/USDT"

# Divisors: an integer over a whole number is the nearest decimal, a product with 0.1 is not.
_CONTRACTS_PER_COIN = round(1 / CONTRACT_COINS)
_TICKS_PER_USD = round(1 / TICK_USD)
_MONEY_PER_USD = round(1 / MONEY_USD)


def coins(contracts: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return contracts in base coins."""
    return np.asarray(contracts / _CONTRACTS_PER_COIN)


def traded_price(ticks: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return ticks in USD, rounded to whole ticks: what an order can fill at."""
    return np.asarray(np.rint(ticks) / _TICKS_PER_USD)


def exact_price(ticks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return ticks in USD as they are: mark and index are averages and know no tick."""
    return np.asarray(ticks / _TICKS_PER_USD)


def usd(money: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return contracts times ticks in USD."""
    return np.asarray(money / _MONEY_PER_USD)


def rows_of(
    event_ms: I8,
    venues: Sequence[str],
    values: Mapping[str, npt.NDArray[Any]],
    labels: Mapping[str, Sequence[Any]] | None = None,
    available_ms: I8x2 | None = None,
) -> pl.DataFrame:
    """Return one row per time, venue and label.

    Parameters
    ----------
    event_ms : ndarray, shape (n,)
        Event times. [UTC ms]
    venues : sequence of str, length v
    values : mapping of str to ndarray, shape (n, v, …)
        Columns; one more axis per label.
    labels : mapping of str to sequence, optional
        Columns that name the further axes, in order.
    available_ms : ndarray, shape (n, v), optional
        When each became known; the event time by default. [UTC ms]

    Returns
    -------
    polars.DataFrame
        Sorted by time, then venue, then labels as given.
    """
    axes = labels or {}
    shape = (event_ms.size, len(venues), *(len(names) for names in axes.values()))

    def along(axis: int, names: Sequence[Any] | npt.NDArray[Any]) -> npt.NDArray[Any]:
        place = [1] * len(shape)
        place[axis] = shape[axis]
        return np.broadcast_to(np.asarray(names).reshape(place), shape).ravel()

    known = event_ms[:, None] if available_ms is None else available_ms
    known = known.reshape(*known.shape, *(1 for _ in axes))
    return pl.DataFrame(
        {
            "venue": along(1, venues),
            "event_time": along(0, event_ms),
            "available_time": np.broadcast_to(known, shape).ravel(),
            **{name: along(axis, names) for axis, (name, names) in enumerate(axes.items(), 2)},
            **{name: np.broadcast_to(value, shape).ravel() for name, value in values.items()},
        },
        schema_overrides={"venue": pl.String},
    )


def stamped(
    table: str, frame: pl.DataFrame, scenario: str, symbol: str = PERPETUAL
) -> pl.DataFrame:
    """Return rows as the table declares them, with their symbol and where they are from.

    Raises
    ------
    SchemaError
        If they are no rows of that table.
    """
    marked = frame.with_columns(
        symbol=pl.lit(symbol), source=pl.lit(f"sandbox:{scenario}"), precedence=pl.lit(1, pl.Int8)
    )
    return tables.check(table, marked)

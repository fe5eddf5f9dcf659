"""Basis: how far the perpetual stands from spot.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns. [1]
Pure: frames in, NumPy out; no I/O, no clock, no global state.

Both prices are of the same moment: a spot bar's close beside the perpetual's price at its end. A
fresh price beside one of an hour ago would be a return, not a basis.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from forcedflow.features.feature import KLINE_AGE_MS, RANK_MS, Feature
from forcedflow.features.grid import event_ms, fine, known_ms, newest_of, trailing_rank
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.price import implied_marks
from forcedflow.units import F8, I8

_TABLES = ("spot klines", "mark klines", "open_interest", "perpetual klines")

FEATURES = (
    Feature(
        "basis",
        "1",
        "Perpetual over spot minus one: mark or, where none is held, last price.",
        0,
        _TABLES,
        KLINE_AGE_MS,
        "basis",
    ),
    Feature(
        "basis_rank_30d",
        "1",
        "Rank of basis among the last 30 days.",
        RANK_MS,
        _TABLES,
        KLINE_AGE_MS,
        "basis",
    ),
)


def ratio(inputs: FeatureInputs, times_ms: I8) -> F8:
    """Return the basis at every moment.

    Parameters
    ----------
    inputs : FeatureInputs
    times_ms : ndarray, shape (n,)
        [UTC ms]

    Returns
    -------
    ndarray, shape (n,)
        NaN where no spot bar and price of one moment are known. [1]
    """
    spot_event, spot_known, spot = _closes(inputs.spot_klines, "close")
    found = np.full(times_ms.size, np.nan)
    for rows, column in (
        (fine(inputs.mark_klines), "close"),
        (implied_marks(inputs.open_interest), "mark"),
        (fine(inputs.trade_klines), "close"),
    ):
        event, known, price = _closes(rows, column)
        event, own, other = np.intersect1d(
            event, spot_event, assume_unique=True, return_indices=True
        )
        basis = price[own] / spot[other] - 1.0
        known = np.maximum(known[own], spot_known[other])
        is_told = ~np.isnan(basis)
        newest = newest_of(
            event[is_told], known[is_told], basis[is_told], times_ms, KLINE_AGE_MS
        ).value
        found = np.where(np.isnan(found), newest, found)
    return found


def compute(inputs: FeatureInputs, times_ms: I8) -> dict[str, F8]:
    """Return the family's columns, shape (n,) each."""
    basis = ratio(inputs, times_ms)
    return {"basis": basis, "basis_rank_30d": trailing_rank(basis)}


def _closes(rows: pl.DataFrame, column: str) -> tuple[I8, I8, F8]:
    """Event and known time and one price per moment: of bars that end together the first known."""
    keys: list[I8] = []
    if "interval_ms" in rows.columns:
        rows = fine(rows)
        keys = [rows["interval_ms"].to_numpy(), known_ms(rows)]
    event = event_ms(rows)
    order = np.lexsort([*keys, event])
    first = order[np.unique(event[order], return_index=True)[1]]
    return event[first], known_ms(rows)[first], rows[column].to_numpy().astype(np.float64)[first]

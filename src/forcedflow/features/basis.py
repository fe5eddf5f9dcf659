"""Basis: how far the perpetual stands from spot.

In:  `FeatureInputs`, moments. [UTC ms]   Out: columns. [1]
Pure: frames in, NumPy out; no I/O, no clock, no global state.

Both prices are of the same moment: a spot bar's close beside the perpetual's price at its end. A
fresh price beside one of an hour ago would be a return, not a basis.
"""

from __future__ import annotations

import numpy as np

from forcedflow.features.feature import KLINE_AGE_MS, RANK_MS, Feature
from forcedflow.features.grid import newest_of, trailing_rank
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.price import valued
from forcedflow.features.rows import Rows
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
    since_ms = int(times_ms[0]) - KLINE_AGE_MS
    spot_event, spot_known, spot = _closes(inputs.rows("spot_klines"), "close", since_ms)
    found = np.full(times_ms.size, np.nan)
    for rows, column in (
        (inputs.rows("mark_klines"), "close"),
        (valued(inputs.rows("open_interest")), "mark"),
        (inputs.rows("trade_klines"), "close"),
    ):
        event, known, price = _closes(rows, column, since_ms)
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


def _closes(rows: Rows, column: str, since_ms: int) -> tuple[I8, I8, F8]:
    """Event and known time and one price per moment: of bars that end together the first known."""
    rows = rows.since(since_ms)
    keys: list[I8] = []
    if rows.has("interval_ms"):
        rows = rows.fine()
        keys = [rows["interval_ms"], rows.known_ms]
    event = rows.event_ms
    order = np.lexsort([*keys, event])
    first = order[np.unique(event[order], return_index=True)[1]]
    return event[first], rows.known_ms[first], rows[column][first]

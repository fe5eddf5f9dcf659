"""The registry of features, and the table of them all.

In:  `FeatureInputs`.   Out: `FeatureTable`.
Pure: frames in, values out; no I/O, no clock, no global state.

Every figure looks back `WARM_UP_MS` at most. A row of the table is therefore the same to the last
byte whether it was computed with years before it or with its warm-up alone, and with what came
after it or without: `extend` rests on that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import polars as pl

from forcedflow.errors import NoDataError
from forcedflow.features import (
    basis,
    calendar,
    depth,
    flow,
    funding,
    liquidations,
    open_interest,
    price,
    ratios,
    sweeps,
    volatility,
)
from forcedflow.features.feature import Feature
from forcedflow.features.grid import event_ms, known_ms, lay_times
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.table import STEP_MS, FeatureTable
from forcedflow.units import DAY_MS, F8, I8

WARM_UP_MS = 46 * DAY_MS
"""Rows needed before a moment for every figure at it: the longest look back is that of the
expected deviation, up to 45 days. [ms]"""

Compute: TypeAlias = Callable[[FeatureInputs, I8], Mapping[str, F8]]

_FAMILIES: tuple[tuple[tuple[Feature, ...], Compute], ...] = (
    (price.FEATURES, price.compute),
    (volatility.FEATURES, volatility.compute),
    (open_interest.FEATURES, open_interest.compute),
    (funding.FEATURES, funding.compute),
    (basis.FEATURES, basis.compute),
    (flow.FEATURES, flow.compute),
    (depth.FEATURES, depth.compute),
    (liquidations.FEATURES, liquidations.compute),
    (ratios.FEATURES, ratios.compute),
    (sweeps.FEATURES, sweeps.compute),
    (calendar.FEATURES, calendar.compute),
)

FEATURES: dict[str, Feature] = {
    feature.name: feature for features, _ in _FAMILIES for feature in features
}
"""Every feature that is computed from rows alone, by name, in the order of the table's columns."""


def build_features(
    inputs: FeatureInputs, extra: Sequence[Compute] = (), start_ms: int | None = None
) -> FeatureTable:
    """Return every feature at every moment up to the inputs' own.

    Parameters
    ----------
    inputs : FeatureInputs
    extra : sequence of callable
        Further families, such as those of the liquidation map: from inputs and moments to columns.
    start_ms : int, optional
        First moment wanted; by default the first at which a price or open interest was known.
        Rows up to `WARM_UP_MS` before it are used. [UTC ms]

    Returns
    -------
    FeatureTable

    Raises
    ------
    NoDataError
        If neither a price nor open interest was known by the last moment.
    """
    first = first_known_ms(inputs)
    if start_ms is not None:
        first = max(first, start_ms - WARM_UP_MS)
    times = lay_times(first, inputs.at_ms)
    if times.size == 0:
        raise NoDataError("no price was known before the moment asked about")
    columns: dict[str, F8] = {}
    for compute in (*(compute for _, compute in _FAMILIES), *extra):
        columns.update(compute(inputs, times))
    table = FeatureTable(
        times_ms=times,
        columns=columns,
        input_age_ms=ages_at(inputs, int(times[-1])),
        simulated=inputs.simulated,
        labels=labels_at(inputs, int(times[-1])),
    )
    wanted = times.size if start_ms is None else int((times >= start_ms).sum())
    return table.tail(max(wanted, 1))


def extend(
    table: FeatureTable, inputs: FeatureInputs, extra: Sequence[Compute] = ()
) -> FeatureTable:
    """Return a table with the moments after its last one.

    Parameters
    ----------
    table : FeatureTable
        As `build_features` returned it.
    inputs : FeatureInputs
        Of a later moment; rows from `WARM_UP_MS` before the table's last moment on are enough.
    extra : sequence of callable
        The same further families as before.

    Returns
    -------
    FeatureTable
        The same bytes as if it had been built anew, the first moment being the old one.
    """
    if inputs.at_ms - table.at_ms < STEP_MS:
        return table
    newer = build_features(inputs, extra, table.at_ms + STEP_MS)
    return FeatureTable(
        times_ms=np.concatenate([table.times_ms, newer.times_ms]),
        columns={
            name: np.concatenate([table[name], newer[name]])
            for name in {**table.columns, **newer.columns}
        },
        input_age_ms=newer.input_age_ms,
        simulated=table.simulated or newer.simulated,
        labels=newer.labels,
    )


def first_known_ms(inputs: FeatureInputs) -> int:
    """Return when a price or open interest was first known. [UTC ms]

    Raises
    ------
    NoDataError
        If none is.
    """
    frames = (inputs.open_interest, inputs.mark_klines, inputs.trade_klines)
    known = [int(known_ms(frame).min()) for frame in frames if not frame.is_empty()]
    if not known:
        instrument = inputs.instrument
        raise NoDataError(
            f"no price or open interest of {instrument.venue} {instrument.symbol} was known by "
            "then\nhint: forcedflow fetch VENUE SYMBOL, or forcedflow import KIND PATH"
        )
    return min(known)


def ages_at(inputs: FeatureInputs, at_ms: int) -> dict[str, int | None]:
    """Return the age of each table's newest row; events to come are as old as their date. [ms]"""
    ages: dict[str, int | None] = {}
    for name, frame in inputs.tables().items():
        known = known_ms(frame)
        by_then = known <= at_ms
        newest = np.minimum(event_ms(frame), known)[by_then]
        ages[name] = at_ms - int(newest.max()) if newest.size else None
    return ages


def labels_at(inputs: FeatureInputs, at_ms: int) -> dict[str, str]:
    """Return the words that belong to a moment, such as the name of the next scheduled event."""
    labels: dict[str, str] = {}
    if event := calendar.next_event(inputs, at_ms):
        labels["next_event"] = event
    if series := _series_of(inputs.liquidation_totals):
        labels["liquidations_of"] = ", ".join(f"{venue} {symbol}" for venue, symbol in series)
    return labels


def _series_of(rows: pl.DataFrame) -> list[tuple[str, str]]:
    """Venues and symbols of rows, in order."""
    if rows.is_empty():
        return []
    columns = [rows["venue"], rows["symbol"]]
    # Nearly always of one, which is told at a tenth of what sorting them takes.
    if all((column == column[0]).all() for column in columns):
        return [(columns[0][0], columns[1][0])]
    return rows.select("venue", "symbol").unique().sort("venue", "symbol").rows()

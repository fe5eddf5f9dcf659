"""Map features as of a moment: the two families of columns that need ladders.

In:  a lake, an instrument, a moment. [UTC ms]   Out: families for the feature table.
Reads the lake; nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from forcedflow import tables
from forcedflow.asof.market import read_market, read_schedule
from forcedflow.depth.curve import DepthCurve
from forcedflow.depth.source import choose_depth
from forcedflow.errors import NoDataError, UsageError
from forcedflow.features.grid import known_ms
from forcedflow.features.inputs import FeatureInputs
from forcedflow.features.map_history import alignment_columns
from forcedflow.features.registry import Compute
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.liquidation_map import Market
from forcedflow.pipeline import DepthAt, build_map_features
from forcedflow.positions.trained import TrainedMixture
from forcedflow.store import RowSource
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8


def map_family(
    lake: RowSource,
    instrument: Instrument,
    at_ms: int,
    trained: TrainedMixture | None = None,
    step_ms: int = HOUR_MS,
    brackets_ms: int | None = None,
) -> Compute:
    """Return the family of the map's columns, for the feature table of an instrument.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
    at_ms : int
        Rows known by then. [UTC ms]
    trained : TrainedMixture, optional
        Before the end of its fit every figure is unknown; the stated prior has no such end.
    step_ms : int
        The map is read at multiples of this, and held between. [ms]
    brackets_ms : int, optional
        Leverage brackets as they were known then, for every moment; as of ``at_ms`` by default,
        which earlier moments could not know. [UTC ms]

    Returns
    -------
    callable
        From feature inputs and moments to columns. Critical shocks are known where depth bands
        are; neither a book, which reaches some basis points, nor a day's volume stands in, so that
        one column never mixes two kinds of depth.

    Raises
    ------
    NoDataError
        If no open interest of the instrument was known by then.
    """
    market = _market(lake, instrument, at_ms, brackets_ms)

    def compute(inputs: FeatureInputs, times_ms: I8) -> Mapping[str, F8]:
        bands = inputs.depth_bands
        depth_at = None if bands.is_empty() else depth_of(bands)
        return build_map_features(market, times_ms, trained, step_ms, depth_at)

    return compute


def alignment_family(
    lake: RowSource,
    instrument: Instrument,
    at_ms: int,
    step_ms: int = HOUR_MS,
    brackets_ms: int | None = None,
) -> Compute:
    """Return the family of the venues' alignment, as seen from an instrument.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument
    at_ms : int
        Rows known by then. [UTC ms]
    step_ms : int
        Ladders are read at multiples of this, and held between. [ms]
    brackets_ms : int, optional
        As of `map_family`. [UTC ms]

    Returns
    -------
    callable
        From feature inputs and moments to columns; all NaN where the lake holds the open interest
        of no other venue.

    Raises
    ------
    NoDataError
        If no open interest of the instrument was known by then.
    """
    markets = [_market(lake, instrument, at_ms, brackets_ms)]
    for other in other_venues(lake, instrument):
        try:
            markets.append(_market(lake, other, at_ms, brackets_ms))
        except NoDataError:
            continue  # its rows all became known later

    def compute(_: FeatureInputs, times_ms: I8) -> Mapping[str, F8]:
        return alignment_columns(markets, times_ms, step_ms)

    return compute


def _market(lake: RowSource, instrument: Instrument, at_ms: int, brackets_ms: int | None) -> Market:
    market = read_market(lake, instrument, at_ms)
    if brackets_ms is None:
        return market
    schedule, _ = read_schedule(lake, instrument, brackets_ms)
    return replace(market, schedule=schedule)


def other_venues(lake: RowSource, instrument: Instrument) -> list[Instrument]:
    """Return the linear perpetuals of the same coin on other venues that open interest is held of.

    Parameters
    ----------
    lake : RowSource
    instrument : Instrument

    Returns
    -------
    list of Instrument
        By venue and symbol; sums over venues are none.
    """
    found = []
    for table, venue, symbol in sorted(lake.series()):
        if table != "open_interest" or venue == instrument.venue or "/" not in symbol:
            continue
        try:
            other = parse_symbol(symbol, venue)
        except UsageError:
            continue  # no contract of its own, such as a basket
        if other.base == instrument.base and other.kind == "linear":
            found.append(other)
    return found


def depth_of(bands: pl.DataFrame) -> DepthAt:
    """Return depth at a moment out of depth bands.

    Parameters
    ----------
    bands : polars.DataFrame
        Rows of ``depth_bands`` of one instrument.

    Returns
    -------
    callable
        From a moment to depth down and up, None where no sound bands were fresh then.
    """
    bands = bands.sort("available_time", "event_time", "distance_pct")
    known = known_ms(bands)
    book, klines = tables.empty("order_book"), tables.empty("klines")

    def depth_at(moment_ms: int) -> tuple[DepthCurve, DepthCurve] | None:
        first, stop = np.searchsorted(known, [moment_ms - DAY_MS, moment_ms], side="right")
        try:
            return choose_depth(book, bands[int(first) : int(stop)], klines, moment_ms)
        except NoDataError:
            return None

    return depth_at

"""The map along its history: what it said at many moments, from one replay.

In:  `Market`: everything known by now; moments of the feature grid. [UTC ms]
Out: maps as they were known then, and the columns read off them.
Pure: frames in, values out; no I/O, no clock, no global state.

A moment sees the bars taken by then (see `forcedflow.features.punctual`), so a column of the past
is what the present was, to the last byte, as long as the history begins at the same row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from forcedflow.errors import NoDataError
from forcedflow.features import map_table, venue_alignment
from forcedflow.features.feature import KLINE_AGE_MS
from forcedflow.features.map_table import Shocks, ladder_of, read_map
from forcedflow.features.punctual import punctual, taken_ms
from forcedflow.features.venue_alignment import Marks, read_alignment, venue_lead
from forcedflow.liquidation_map import LiquidationMap, Market, scale_to_open_interest
from forcedflow.positions import (
    Bars,
    Flows,
    LiquidationLadder,
    bin_width,
    build_bars,
    infer_flows,
    prior_atoms,
)
from forcedflow.positions.trained import TrainedMixture, shares_of
from forcedflow.units import F8, HOUR_MS, I8
from forcedflow.volatility import ewma_volatility
from forcedflow.zones.alignment import VenueLadder, align

ShocksOf: TypeAlias = Callable[[LiquidationMap], Shocks | None]
"""Critical shocks of a map at its moment; None where no depth was known."""

FlowsOf: TypeAlias = Callable[[Bars, Flows], Flows]
"""Other flows in the place of the inferred ones, such as a placebo's."""

ReaderOf: TypeAlias = Callable[[Bars], Callable[[VenueLadder, int], Mapping[str, float]]]
"""From a market's bars to what reads further figures off a map and the end of its newest bar."""


def follow_maps(
    market: Market,
    moments: I8,
    trained: TrainedMixture | None = None,
    flows_of: FlowsOf | None = None,
) -> Iterator[LiquidationMap | None]:
    """Yield the map as it was known at moments, from one replay.

    Parameters
    ----------
    market : Market
    moments : ndarray of int, shape (n,)
        Not decreasing, on the feature grid, none later than the market's own. [UTC ms]
    trained : TrainedMixture, optional
        Weights for the moments from the end of its fit on.
    flows_of : callable, optional
        Flows to follow instead of the inferred ones.

    Yields
    ------
    LiquidationMap or None
        None where the newest bar was older than `KLINE_AGE_MS`, or weights were not learned yet.
        Each map shares its ladder with the next: use it before going on.

    Raises
    ------
    NoDataError
        If there is too little open interest to begin.
    ValueError
        If a moment is later than the market's.
    """
    if moments.size and int(moments[-1]) > market.at_ms:
        raise ValueError(f"a moment, {moments[-1]}, is later than what is known, {market.at_ms}")
    market = punctual(market)
    bars = _bars_of(market)
    flows = infer_flows(bars).joined()
    if flows_of is not None:
        flows = flows_of(bars, flows)
    atoms = prior_atoms(market.schedule, market.rule, roles=flows.roles)
    weights = None if trained is None else trained.on(atoms)
    width = bin_width(float(bars.close[0]), market.instrument.tick_size)
    ladder = LiquidationLadder(atoms, width, None if weights is None else shares_of(weights))
    ladder.seed(float(bars.open_interest[0] - bars.change[0]), float(bars.close[0]))
    sigma = ewma_volatility(bars.close, bars.end_ms)
    newest = np.searchsorted(taken_ms(market.open_interest, bars.end_ms), moments, "right") - 1
    learned_ms = 0 if trained is None else trained.fit_to_ms
    stop, replay = 0, None
    for moment, bar in zip(moments.tolist(), newest.tolist(), strict=True):
        if bar >= stop:
            replay = ladder.replay(bars.cut(stop, bar + 1), flows.cut(stop, bar + 1))
            stop = bar + 1
        is_fresh = bar >= 0 and moment - int(bars.end_ms[bar]) <= KLINE_AGE_MS
        if replay is None or not is_fresh or moment < learned_ms:
            yield None
            continue
        yield LiquidationMap(
            market=replace(market, at_ms=moment),
            bars=bars.cut(0, stop),
            flows=flows.cut(0, stop),
            ladder=ladder,
            replay=replay,
            scale=scale_to_open_interest(replay.alive[-1:], bars.open_interest[bar:stop, None]),
            sigma_day=float(sigma[bar]),
            trained=trained,
            weights=weights,
        )


def map_columns(
    market: Market,
    times_ms: I8,
    trained: TrainedMixture | None = None,
    step_ms: int = HOUR_MS,
    shocks_of: ShocksOf | None = None,
    reader_of: ReaderOf | None = None,
    flows_of: FlowsOf | None = None,
) -> dict[str, F8]:
    """Return the map's features at moments of the feature grid.

    Parameters
    ----------
    market : Market
    times_ms : ndarray of int, shape (n,)
        Moments, increasing, on the feature grid. [UTC ms]
    trained : TrainedMixture, optional
        Before the end of its fit every figure is unknown.
    step_ms : int
        The map is read at multiples of this, and held between. [ms]
    shocks_of : callable, optional
        Critical shocks where depth is known.
    reader_of : callable, optional
        Reads further figures off each map, from the same replay.
    flows_of : callable, optional
        Flows to follow instead of the inferred ones.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        By `forcedflow.features.map_table.NAMES`, and by the reader's; all NaN where there is too
        little open interest, the reader's left out where no map was known at all.

    Raises
    ------
    ValueError
        If a moment is later than the market's.
    """
    moments = np.unique(times_ms // step_ms * step_ms)
    read = None if reader_of is None else _reader(market, reader_of)
    rows: list[Mapping[str, float] | None] = []
    names: dict[str, None] = dict.fromkeys(map_table.NAMES)
    for mapped in _known_maps(market, moments, trained, flows_of):
        if mapped is None:
            rows.append(None)
            continue
        ladder = ladder_of(mapped)
        row = read_map(ladder, None if shocks_of is None else shocks_of(mapped))
        if read is not None:
            row |= read(ladder, mapped.known_ms)
        names |= dict.fromkeys(row)
        rows.append(row)
    return _held(tuple(names), rows, moments, times_ms)


def alignment_columns(
    markets: Sequence[Market], times_ms: I8, step_ms: int = HOUR_MS
) -> dict[str, F8]:
    """Return how venues' ladders agreed at moments of the feature grid, under the stated prior.

    Parameters
    ----------
    markets : sequence of Market
        Of one coin, one per venue, at least one; the first is the one that figures are told of.
    times_ms : ndarray of int, shape (n,)
        Moments, increasing, on the feature grid. [UTC ms]
    step_ms : int
        Ladders are read at multiples of this, and held between. [ms]

    Returns
    -------
    dict of str to ndarray, shape (n,)
        By the names of `forcedflow.features.venue_alignment.FEATURES`; NaN where the first venue
        or all others are unknown.

    Raises
    ------
    ValueError
        If a moment is later than a market's.
    """
    moments = np.unique(times_ms // step_ms * step_ms)
    rows: list[Mapping[str, float] | None] = []
    for maps in zip(*(_known_maps(market, moments) for market in markets), strict=True):
        ladders = [ladder_of(mapped) for mapped in maps if mapped is not None]
        is_known = maps[0] is not None and len(ladders) > 1
        rows.append(read_alignment(align(ladders)) if is_known else None)
    return {
        **_held(venue_alignment.READ_NAMES, rows, moments, times_ms),
        "venue_lead": venue_lead([_marks_of(market) for market in markets], times_ms),
    }


def _known_maps(
    market: Market,
    moments: I8,
    trained: TrainedMixture | None = None,
    flows_of: FlowsOf | None = None,
) -> Iterator[LiquidationMap | None]:
    """As `follow_maps`; where there is no history at all, every moment is unknown."""
    try:
        yield from follow_maps(market, moments, trained, flows_of)
    except NoDataError:
        yield from [None] * moments.size


def _held(
    names: Sequence[str], rows: Sequence[Mapping[str, float] | None], moments: I8, times_ms: I8
) -> dict[str, F8]:
    """Columns on the times, each figure held from its moment until the next."""
    last = np.searchsorted(moments, times_ms, side="right") - 1
    return {
        name: np.array([np.nan if row is None else row[name] for row in rows])[last]
        for name in names
    }


def _reader(
    market: Market, reader_of: ReaderOf
) -> Callable[[VenueLadder, int], Mapping[str, float]] | None:
    try:
        return reader_of(_bars_of(punctual(market)))
    except NoDataError:
        return None  # no map is known either


def _bars_of(market: Market) -> Bars:
    return build_bars(market.open_interest, market.mark_klines, market.trade_klines, market.funding)


def _marks_of(market: Market) -> Marks:
    market = punctual(market)
    try:
        bars = _bars_of(market)
    except NoDataError:
        none = np.zeros(0, dtype=np.int64)
        return Marks(none, np.zeros(0), none)
    return Marks(bars.end_ms, bars.close, taken_ms(market.open_interest, bars.end_ms))

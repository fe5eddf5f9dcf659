r"""Reach: what the coming hours' furthest moves would sweep off the map, and touch.

In:  bars with volatility, a map by distance from its mark.   Out: figures by name. [1]
Pure: NumPy in, values out; no I/O, no clock, no global state.

A map says what would be closed if price went there; volatility says how far price goes. Together:

.. math:: E[N_h] = \sum_k \tfrac1K \, C(\sigma_h z_k), \qquad
   P(\text{touch at } d) = P(z \ge d / \sigma_h)

with :math:`C(x)` the share of open interest within log distance :math:`x` of the mark and
:math:`z_k` the furthest excursions of past horizons of the same length in units of the volatility
expected before each (filtered history). Only horizons that were over count, so nothing of the
present reads the future.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from forcedflow.features.feature import KLINE_AGE_MS, Feature
from forcedflow.features.map_table import nearest_cluster
from forcedflow.forecast.rows import HORIZONS_H
from forcedflow.positions import Bars
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, SIDES
from forcedflow.volatility import ewma_volatility
from forcedflow.volatility.filtered_history import WARM_UP_MS
from forcedflow.zones.alignment import BIN, BINS, VenueLadder

TRAILING_MS = 90 * DAY_MS
"""How far back excursions count. [ms]"""

LEAST_MS = 7 * DAY_MS
"""Excursions of less time than this are no distribution. [ms]"""

POINTS = 100
"""Equally likely points that stand for the distribution of an excursion."""

_COVERED = 0.9
_WAYS = ("below", "above")
_QUANTILES = (50, 90)
_TABLES = ("open_interest", "mark klines", "perpetual klines", "funding")

F8x3: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]
ReadLadder: TypeAlias = Callable[[VenueLadder], Mapping[str, float]]


def _feature(name: str, doc: str) -> Feature:
    return Feature(name, "1", doc, TRAILING_MS, _TABLES, KLINE_AGE_MS, "reach")


FEATURES: tuple[Feature, ...] = (
    *(
        feature
        for side, way in zip(SIDES, ("fall", "rise"), strict=True)
        for hours in HORIZONS_H
        for feature in (
            _feature(
                f"reach_{side}_{hours}h",
                f"Share of open interest that the furthest {way} of the next {hours} h is expected "
                f"to sweep off the map's {side}s.",
            ),
            *(
                _feature(
                    f"reach_{side}_{hours}h_p{percent}",
                    f"The same: what is swept in {percent} of 100 such times at most.",
                )
                for percent in _QUANTILES
            ),
        )
    ),
    *(
        _feature(
            f"touch_{where}_{hours}h",
            f"Probability that price touches the nearest cluster {where} within {hours} h; 0 where "
            "there is none.",
        )
        for where in _WAYS
        for hours in HORIZONS_H
    ),
)

NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
"""Columns, in the order of a row."""

PLACEBO = "placebo_"
"""Before a column's name: the same figure of the map that knows the price history alone."""


@dataclass(frozen=True, slots=True)
class Excursions:
    """Furthest moves of past horizons, each in units of the volatility expected before it.

    Parameters
    ----------
    start_ms : ndarray of int, shape (n,)
        When each began, increasing. [UTC ms]
    size : ndarray, shape (2, horizons, n)
        Furthest fall, furthest rise; NaN where the horizon was not covered by bars. [σ]
    """

    start_ms: I8
    size: F8x3

    def known_by(self, known_ms: int) -> F8x3:
        """Return equally likely excursions, from those that were over by a moment.

        Parameters
        ----------
        known_ms : int
            End of the newest bar. [UTC ms]

        Returns
        -------
        ndarray, shape (2, horizons, POINTS)
            Increasing; NaN where less than `LEAST_MS` of them were over. [σ]
        """
        found = np.full((len(_WAYS), len(HORIZONS_H), POINTS), np.nan)
        levels = (np.arange(POINTS) + 0.5) / POINTS
        for h, hours in enumerate(HORIZONS_H):
            over_ms = known_ms - hours * HOUR_MS
            first, stop = np.searchsorted(self.start_ms, [over_ms - TRAILING_MS, over_ms], "right")
            past = self.size[:, h, first:stop]
            past = past[:, ~np.isnan(past[0])]
            if past.shape[1] * HOUR_MS >= LEAST_MS:
                found[:, h] = np.quantile(past, levels, axis=1).T
        return found


def measure_excursions(bars: Bars) -> Excursions:
    """Return the furthest moves after each hour's first bar, over every horizon.

    Parameters
    ----------
    bars : Bars
        ``t`` bars.

    Returns
    -------
    Excursions
        One that is not over yet by the last bar is NaN, as are those during the warm-up of the
        volatility.
    """
    end = bars.end_ms
    hour = end // HOUR_MS
    starts = np.flatnonzero(np.diff(hour, prepend=hour[:1] - 1))
    size = np.full((len(_WAYS), len(HORIZONS_H), starts.size), np.nan)
    if end.size < 2:
        return Excursions(end[starts], size)
    sigma = ewma_volatility(bars.close, end)[starts]
    usable = (sigma > 0) & (end[starts] - end[0] >= WARM_UP_MS)
    # The low and high of a bar after a gap are no hour's.
    told = np.where(bars.elapsed_ms <= HOUR_MS, bars.elapsed_ms, 0)
    covered = np.concatenate([[0], np.cumsum(told)])
    # A bar beyond the last, so that a horizon may end with the last one.
    low, high = np.append(bars.low, np.inf), np.append(bars.high, -np.inf)
    for h, hours in enumerate(HORIZONS_H):
        stop = np.searchsorted(end, end[starts] + hours * HOUR_MS, side="right")
        over = end[starts] + hours * HOUR_MS <= end[-1]
        held = covered[stop] - covered[starts + 1] >= _COVERED * hours * HOUR_MS
        chosen = np.flatnonzero(usable & over & held)
        if not chosen.size:
            continue
        cuts = np.stack([starts[chosen] + 1, stop[chosen]], axis=1).ravel()
        here = np.log(bars.close[starts[chosen]])
        unit = sigma[chosen] * np.sqrt(hours * HOUR_MS / DAY_MS)
        fall = here - np.log(np.minimum.reduceat(low, cuts)[::2])
        rise = np.log(np.maximum.reduceat(high, cuts)[::2]) - here
        size[0, h, chosen] = np.maximum(fall, 0.0) / unit
        size[1, h, chosen] = np.maximum(rise, 0.0) / unit
    return Excursions(end[starts], size)


def reach_reader(bars: Bars) -> Callable[[VenueLadder, int], Mapping[str, float]]:
    """Return what reads a map's reach at any of the bars.

    Parameters
    ----------
    bars : Bars
        Of the market; a later bar changes nothing that is read before it.

    Returns
    -------
    callable
        From a map by distance and the end of its newest bar to every name of `NAMES`. The
        distribution of excursions is taken anew once a day.
    """
    excursions = measure_excursions(bars)
    by_day: dict[int, F8x3] = {}

    def read(ladder: VenueLadder, known_ms: int) -> Mapping[str, float]:
        midnight = known_ms // DAY_MS * DAY_MS
        if midnight not in by_day:
            by_day.clear()
            by_day[midnight] = excursions.known_by(midnight)
        return read_reach(ladder, by_day[midnight])

    return read


def read_reach(ladder: VenueLadder, excursions: F8x3) -> dict[str, float]:
    """Return what the coming hours are expected to sweep and touch.

    Parameters
    ----------
    ladder : VenueLadder
    excursions : ndarray, shape (2, horizons, k)
        Equally likely, increasing: falls, then rises. [σ]

    Returns
    -------
    dict of str to float
        Every name of `NAMES`; NaN where volatility or its past is unknown. [1]
    """
    found = {}
    hours = np.asarray(HORIZONS_H, dtype=np.float64)
    unit = ladder.sigma_day * np.sqrt(hours / 24)
    edges = np.arange(BINS + 1) * BIN
    for s, (side, where) in enumerate(zip(SIDES, _WAYS, strict=True)):
        distance = excursions[s] * unit[:, None]
        held = np.concatenate([[0.0], np.cumsum(ladder.share[s])])
        swept = np.interp(distance, edges, held)
        cluster = nearest_cluster(ladder.zones, side)
        for h, horizon in enumerate(HORIZONS_H):
            found[f"reach_{side}_{horizon}h"] = float(swept[h].mean())
            for percent in _QUANTILES:
                # What is swept rises with the excursion, so its quantile is the excursion's.
                found[f"reach_{side}_{horizon}h_p{percent}"] = float(
                    swept[h, max(percent * swept.shape[1] // 100 - 1, 0)]
                )
            way = np.nan if cluster is None else abs(cluster.distance_sigma)
            found[f"touch_{where}_{horizon}h"] = _exceedance(
                excursions[s, h], way / np.sqrt(horizon / 24), cluster is not None
            )
    return {name: found[name] for name in NAMES}


def _exceedance(points: F8, at_least: float, stands: bool) -> float:
    """Probability that an excursion is at least so far; between points it falls evenly."""
    if np.isnan(points).any():
        return float("nan")
    if not stands:
        return 0.0
    below = (np.arange(points.size) + 0.5) / points.size
    return float(1.0 - np.interp(at_least, points, below, left=0.0, right=1.0))

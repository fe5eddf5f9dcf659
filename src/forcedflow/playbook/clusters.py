"""Clusters as they stood: what the map showed at past moments, for rules that need its past.

In:  `Market`, moments of the feature grid; zones. [UTC ms]   Out: `ClusterHistory`.
Pure: values in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from forcedflow.depth.curve import DIRECTION_OF, Direction
from forcedflow.errors import NoDataError
from forcedflow.features.map_history import follow_maps
from forcedflow.features.map_table import NEAR_PCT, ladder_of
from forcedflow.features.table import STEP_MS
from forcedflow.liquidation_map import Market
from forcedflow.positions.trained import TrainedMixture
from forcedflow.units import HOUR_MS, I8
from forcedflow.zones import Zone

FRESH_MS = 2 * HOUR_MS
"""A map older than this is not looked at. [ms]"""

CLEAR = 0.002
"""Least way from a price to a cluster that still lies ahead of it, as a log return. [1]"""


@dataclass(frozen=True, slots=True)
class ClusterHistory:
    """What the map showed at ``n`` moments.

    Parameters
    ----------
    known_ms : ndarray of int, shape (n,)
        When each was known, increasing. [UTC ms]
    zones : tuple of tuple of Zone, length n
    """

    known_ms: I8
    zones: tuple[tuple[Zone, ...], ...]

    def at(self, at_ms: int) -> tuple[Zone, ...]:
        """Return the zones of the newest map known by a moment; none where it is too old."""
        place = int(np.searchsorted(self.known_ms, at_ms, side="right")) - 1
        if place < 0 or at_ms - int(self.known_ms[place]) > FRESH_MS:
            return ()
        return self.zones[place]

    def ahead(self, at_ms: int, direction: Direction, price: float) -> tuple[Zone, ...]:
        """Return the clusters ahead of a price, nearest first.

        Parameters
        ----------
        at_ms : int
            Maps known by then. [UTC ms]
        direction : {"down", "up"}
        price : float
            [quote per base]

        Returns
        -------
        tuple of Zone
            Major ones at least `CLEAR` away; where none is, the largest within `NEAR_PCT`.
        """
        own = [
            (way, zone)
            for zone in self.at(at_ms)
            if DIRECTION_OF[zone.side] == direction
            and (way := way_to(zone, direction, price)) >= CLEAR
        ]
        major = [found for found in own if found[1].major]
        if major:
            return tuple(zone for _, zone in sorted(major, key=lambda found: found[0]))
        near = [zone for way, zone in own if 100 * way <= NEAR_PCT]
        return (max(near, key=lambda zone: zone.share_of_oi),) if near else ()


def near_border(zone: Zone, direction: Direction) -> float:
    """Return the border that a price moving in a direction meets first. [quote per base]"""
    return zone.high if direction == "down" else zone.low


def way_to(zone: Zone, direction: Direction, price: float) -> float:
    """Return the log way from a price to the nearer border, negative where it lies behind. [1]"""
    way = float(np.log(near_border(zone, direction) / price))
    return -way if direction == "down" else way


def follow_clusters(
    market: Market, moments: I8, trained: TrainedMixture | None = None
) -> ClusterHistory:
    """Return what the map showed at moments, from one replay.

    Parameters
    ----------
    market : Market
    moments : ndarray of int, shape (n,)
        On the feature grid, none later than the market's. [UTC ms]
    trained : TrainedMixture, optional
        Weights for the moments from the end of its fit on; before that there is no map.

    Returns
    -------
    ClusterHistory
        Moments at which there was no map are left out.
    """
    moments = np.unique(moments)
    shown: list[tuple[int, tuple[Zone, ...]]] = []
    # Too little open interest for any map is no error: no cluster is known then.
    with suppress(NoDataError):
        shown.extend(
            (mapped.market.at_ms, tuple(ladder_of(mapped).zones))
            for mapped in follow_maps(market, moments, trained)
            if mapped is not None
        )
    return ClusterHistory(
        np.array([at for at, _ in shown], dtype=np.int64), tuple(zones for _, zones in shown)
    )


def map_moments(start_ms: int, at_ms: int, every_ms: int = HOUR_MS) -> I8:
    """Return the moments of the feature grid at which a history is read. [UTC ms]"""
    first = -(-start_ms // every_ms) * every_ms
    return np.arange(first, at_ms // STEP_MS * STEP_MS + 1, every_ms, dtype=np.int64)

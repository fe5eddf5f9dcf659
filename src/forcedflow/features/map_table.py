"""The map's features: how near the next clusters stand, how large, how much is close by.

In:  a `LiquidationMap`, critical shocks where depth is known.   Out: figures by name. [%, σ, 1]
Pure: values in, values out; no I/O, no clock, no global state.

Below are longs, closed by a fall; above are shorts, closed by a rise. Shares are of contracts over
one side's open interest. Where the map is known and has no cluster, the cluster's figures are NaN
and those of mass are not: none is a finding, unknown is not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from forcedflow.cascade.criticality import assess
from forcedflow.cascade.forced_flow import forced_usd
from forcedflow.cascade.stage import BIN, REACHING, Stage, lay_edges
from forcedflow.depth.curve import DepthCurve
from forcedflow.features.feature import KLINE_AGE_MS, Feature
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.units import SIDES, Side
from forcedflow.zones import Zone
from forcedflow.zones.alignment import VenueLadder, lay_ladder

NEAR_PCT = 5.0
"""Where no cluster is major, the largest within this distance stands for it. [%]"""

NO_SHOCK = 0.2
"""What a critical shock is said to be where no shock up to this one becomes a cascade. [1]"""

Shocks: TypeAlias = tuple[float | None, float | None]
"""Critical shocks down and up; None where none within reach becomes a cascade. [1]"""

_FAMILY = "map_table"
_TABLES = ("open_interest", "mark klines", "perpetual klines", "funding")
_WAYS: tuple[tuple[Side, str, str, float], ...] = (
    ("long", "below", "down", -1.0),
    ("short", "above", "up", 1.0),
)


def _feature(name: str, unit: str, doc: str, tables: tuple[str, ...] = _TABLES) -> Feature:
    return Feature(name, unit, doc, 0, tables, KLINE_AGE_MS, _FAMILY)


FEATURES: tuple[Feature, ...] = (
    *(
        feature
        for _, where, way, _ in _WAYS
        for feature in (
            _feature(
                f"cluster_{where}_pct",
                "%",
                f"Distance to the nearest major cluster {where}, else to the largest within "
                f"{NEAR_PCT:g} %; NaN where there is neither.",
            ),
            _feature(
                f"cluster_{where}_sigma", "σ", "The same in deviations of log price over a day."
            ),
            _feature(f"cluster_{where}_share", "1", "Its contracts over one side's open interest."),
            _feature(
                f"mass_{where}_1pct", "1", f"Share of open interest within 1 % {where} the price."
            ),
            _feature(f"mass_{where}_3pct", "1", "The same within 3 %."),
            _feature(
                f"critical_shock_{way}",
                "1",
                f"Least move {way} for other reasons that becomes a cascade, in log price; "
                f"{NO_SHOCK:g} where none up to that does.",
                (*_TABLES, "depth_bands"),
            ),
        )
    ),
    _feature(
        "map_asymmetry",
        "1",
        "Mass above less mass below over both, within 3 %: above zero more shorts stand near.",
    ),
)

NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
"""Columns, in the order of a row."""


def ladder_of(mapped: LiquidationMap) -> VenueLadder:
    """Return a map by distance from its mark, with its clusters but without their ages.

    Parameters
    ----------
    mapped : LiquidationMap

    Returns
    -------
    VenueLadder
    """
    grid = mapped.grid()
    # The same arithmetic in the same order as the map's own zones, so that borders agree.
    usd = np.stack(
        [
            mapped.ladder.profile(grid, side).sum(axis=0) * mapped.scale[-1, s] * grid.prices
            for s, side in enumerate(SIDES)
        ]
    )
    return lay_ladder(
        mapped.market.instrument.venue,
        usd,
        grid,
        mapped.mark,
        mapped.sigma_day,
        float(mapped.bars.open_interest[-1]),
        mapped.known_ms,
    )


def read_map(ladder: VenueLadder, shocks: Shocks | None = None) -> dict[str, float]:
    """Return the map's features at its moment.

    Parameters
    ----------
    ladder : VenueLadder
        As `ladder_of` returns it.
    shocks : pair of float or None, optional
        Critical shocks down and up, None for one beyond reach; without a pair depth is unknown.

    Returns
    -------
    dict of str to float
        Every name of `NAMES`; NaN where there is no such cluster or nothing is known.
    """
    found = dict.fromkeys(NAMES, math.nan)
    for (side, where, way, sign), place in zip(_WAYS, range(2), strict=True):
        for pct in (1, 3):
            reach = abs(math.log1p(sign * pct / 100))
            found[f"mass_{where}_{pct}pct"] = ladder.within(side, reach)
        if cluster := nearest_cluster(ladder.zones, side):
            found[f"cluster_{where}_pct"] = abs(cluster.distance_pct)
            found[f"cluster_{where}_sigma"] = abs(cluster.distance_sigma)
            found[f"cluster_{where}_share"] = cluster.share_of_oi
        if shocks is not None:
            shock = shocks[place]
            found[f"critical_shock_{way}"] = NO_SHOCK if shock is None else shock
    below, above = found["mass_below_3pct"], found["mass_above_3pct"]
    if below + above > 0:
        found["map_asymmetry"] = (above - below) / (above + below)
    return found


def critical_shocks(mapped: LiquidationMap, depths: tuple[DepthCurve, DepthCurve]) -> Shocks:
    """Return the least moves down and up that become cascades on one venue alone.

    Parameters
    ----------
    mapped : LiquidationMap
    depths : pair of DepthCurve
        Down, up.

    Returns
    -------
    tuple of float or None
        None where no shock within reach does. [1]
    """
    edges = lay_edges()
    down, up = (
        assess(
            Stage(
                direction=depth.direction,
                mark=mapped.mark,
                width=BIN,
                venues=(mapped.market.instrument.venue,),
                forced=forced_usd(mapped, side, edges)[None, :],
                depth=depth.on(edges)[None, :],
                reaching=REACHING,
                # Middle figures alone are asked for; their errors play no part.
                forced_log_sd=math.nan,
                depth_log_sd=depth.log_sd,
                open_interest_usd=mapped.open_interest_usd,
                simulated=mapped.simulated,
            )
        ).critical_shock
        for side, depth in zip(SIDES, depths, strict=True)
    )
    return down, up


def nearest_cluster(zones: Sequence[Zone], side: Side) -> Zone | None:
    """Return the nearest major cluster of a side, else its largest within `NEAR_PCT`, if any."""
    own = [zone for zone in zones if zone.side == side]
    major = [zone for zone in own if zone.major]
    if major:
        return min(major, key=lambda zone: abs(zone.distance_pct))
    near = [zone for zone in own if abs(zone.distance_pct) <= NEAR_PCT]
    return max(near, key=lambda zone: zone.share_of_oi, default=None)

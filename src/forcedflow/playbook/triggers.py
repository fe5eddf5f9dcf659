"""Trigger levels: prices whose loss or gain is watched, and the path each of them opens.

In:  `Situation`.   Out: `Trigger` values. [quote per base, %, USD]
Pure: values in, values out; no I/O, no clock, no global state.

A trigger is a place to look, not a forecast: beyond it lies so much way to the next cluster, and so
much book. Whether price goes on once a level is lost was measured for no level here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from forcedflow.depth.curve import DIRECTION_OF, DepthCurve, Direction
from forcedflow.features.table import FeatureTable
from forcedflow.playbook.clusters import near_border, way_to
from forcedflow.playbook.situation import Situation
from forcedflow.zones import Zone

Kind: TypeAlias = Literal[
    "range_low_24h",
    "range_high_24h",
    "vwap_day",
    "vwap_week",
    "prior_day_low",
    "prior_day_high",
]

_WAYS: dict[Kind, Direction | None] = {
    "range_low_24h": "down",
    "range_high_24h": "up",
    "vwap_day": None,  # lost from above, regained from below
    "vwap_week": None,
    "prior_day_low": "down",
    "prior_day_high": "up",
}

EVEN = 0.005
"""Way over which depth is compared with the path's, from the mark. [1]"""


@dataclass(frozen=True, slots=True)
class Trigger:
    """One level and the path it opens.

    Parameters
    ----------
    kind : str
        Name of the feature the level is.
    direction : {"down", "up"}
        Way that price takes through it.
    level : float
        [quote per base]
    distance_pct : float
        From the mark, signed. [%]
    passed : bool
        Whether the mark lies beyond it in that direction already.
    since_ms : int, optional
        First moment since when, without a break, the mark has been on the side it is on now; None
        where the table does not reach back so far. [UTC ms]
    at_ms : int
        Moment the level is of. [UTC ms]
    next_zone : Zone, optional
        Cluster that comes next beyond the level, None where none is known.
    path_pct : float, optional
        Way from the level to it, not negative. [%]
    between_usd : float, optional
        What the book holds on that way; None where depth or a cluster is unknown. [USD]
    thinness : float, optional
        Depth per percent next to the mark over depth per percent on the way: above 1 the way is
        thinner. [1]
    forced_usd : float, optional
        What that cluster would have closed. [USD]
    """

    kind: Kind
    direction: Direction
    level: float
    distance_pct: float
    passed: bool
    since_ms: int | None
    at_ms: int
    next_zone: Zone | None
    path_pct: float | None
    between_usd: float | None
    thinness: float | None
    forced_usd: float | None


def find_triggers(situation: Situation) -> tuple[Trigger, ...]:
    """Return the levels that are known, nearest first.

    Parameters
    ----------
    situation : Situation

    Returns
    -------
    tuple of Trigger
        A mean price by volume is lost downwards where the mark lies above it and regained upwards
        where it lies below. A level that is not known is left out; `missing_triggers` names it.
    """
    found = [
        _trigger(situation, kind, level)
        for kind in _WAYS
        if np.isfinite(level := situation.features.last(kind))
    ]
    return tuple(sorted(found, key=lambda trigger: abs(trigger.distance_pct)))


def missing_triggers(features: FeatureTable) -> tuple[Kind, ...]:
    """Return the levels that are not known at the last moment."""
    return tuple(kind for kind in _WAYS if not np.isfinite(features.last(kind)))


def _trigger(situation: Situation, kind: Kind, level: float) -> Trigger:
    mark = situation.mark
    direction = _WAYS[kind] or ("down" if mark > level else "up")
    beyond = [
        zone
        for zone in situation.zones
        if DIRECTION_OF[zone.side] == direction and way_to(zone, direction, level) > 0
    ]
    # Where some are major, the others are passed over, as everywhere in the playbook.
    major = [zone for zone in beyond if zone.major] or beyond
    zone = min(major, key=lambda zone: way_to(zone, direction, level), default=None)
    held, thinness = _between(situation, direction, level, zone)
    way = None if zone is None else way_to(zone, direction, level)
    return Trigger(
        kind=kind,
        direction=direction,
        level=level,
        distance_pct=100 * (level / mark - 1),
        passed=mark < level if direction == "down" else mark > level,
        since_ms=_since(situation.features, kind),
        at_ms=situation.features.at_ms,
        next_zone=zone,
        path_pct=None if way is None else 100 * float(np.expm1(way)),
        between_usd=held,
        thinness=thinness,
        forced_usd=None if zone is None else zone.notional_usd,
    )


def _since(features: FeatureTable, kind: Kind) -> int | None:
    """When the price last came to the side of the level that it is on."""
    level, price = features[kind], features["price"]
    above = np.sign(price - level)
    known = np.isfinite(above)
    now = above[-1]
    other = np.flatnonzero(~known | (above != now))
    if not np.isfinite(now) or other.size == 0:
        return None
    first = int(other[-1]) + 1
    # What is not known is no crossing.
    return int(features.times_ms[first]) if known[first - 1] else None


def _between(
    situation: Situation, direction: Direction, level: float, zone: Zone | None
) -> tuple[float | None, float | None]:
    """Depth from the level, or from the mark where it is passed, to the next cluster."""
    if situation.depth is None or zone is None:
        return None, None
    curve: DepthCurve = situation.depth[0 if direction == "down" else 1]
    sign = -1.0 if direction == "down" else 1.0
    ways = sign * np.log(np.array([level, near_border(zone, direction)]) / situation.mark)
    start, end = np.maximum(ways, 0.0).tolist()
    if not end > start:
        return 0.0, None
    held = np.diff(curve.cumulative(np.array([start, end])))[0]
    beside = curve.cumulative(np.array([EVEN]))[0] / EVEN
    per_way = held / (end - start)
    return float(held), float(beside / per_way) if per_way > 0 else None

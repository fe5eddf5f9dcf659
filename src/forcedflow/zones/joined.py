"""Zones of several venues of one coin: found where all of them together are dense.

In:  profiles of each venue.   Out: `Zone` values of their sum, with the venues' ranges added up.
Pure: values in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forcedflow.heatmap.joined import shares_between
from forcedflow.units import SIDES
from forcedflow.zones.find import SideProfile, find_zones
from forcedflow.zones.zone import Zone


def find_joint_zones(
    venues: Sequence[Sequence[SideProfile]], mark: float, sigma_day: float, at_ms: int
) -> list[Zone]:
    """Return the zones of all venues together, nearest to the mark first.

    Parameters
    ----------
    venues : sequence of sequence of SideProfile
        Of each venue both sides, longs first, with their mass by atom; the first venue's grid is
        taken.
    mark : float
        Mark price of the first venue. [quote per base]
    sigma_day : float
        As `find_zones` takes it. [1]
    at_ms : int
        [UTC ms]

    Returns
    -------
    list of Zone
        Ranges are the venues' own added up: as if all were off the same way, the widest they can
        be.

    Raises
    ------
    ValueError
        If a profile lacks its mass by atom.
    """
    by_side = dict(zip(SIDES, zip(*venues, strict=True), strict=True))
    joint = [_sum(profiles) for profiles in by_side.values()]
    return [
        _with_range(zone, by_side[zone.side]) for zone in find_zones(joint, mark, sigma_day, at_ms)
    ]


def _sum(profiles: Sequence[SideProfile]) -> SideProfile:
    lead = profiles[0]
    usd, born = np.zeros(lead.grid.size), np.zeros(lead.grid.size)
    for one in profiles:
        shares = shares_between(one.grid, lead.grid)
        usd += one.notional_usd @ shares
        born += (one.notional_usd * one.birth_ms) @ shares
    return SideProfile(
        side=lead.side,
        grid=lead.grid,
        notional_usd=usd,
        alternatives_usd=np.zeros((0, lead.grid.size)),
        birth_ms=np.where(usd > 0, born / np.where(usd > 0, usd, 1.0), lead.birth_ms),
        open_interest=sum(one.open_interest for one in profiles),
    )


def _with_range(zone: Zone, profiles: Sequence[SideProfile]) -> Zone:
    """Return a zone with what each venue says of its prices, added up."""
    bands = []
    for one in profiles:
        if one.mass is None:
            raise ValueError(f"a {one.side} profile without its mass knows no range")
        bands.append(one.mass.band(one.mass.overlap(zone.low, zone.high)))
    held = sum(band.usd for band in bands)
    return replace(
        zone,
        notional_usd_low=min(zone.notional_usd, sum(band.low for band in bands)),
        notional_usd_high=max(zone.notional_usd, sum(band.high for band in bands)),
        prior_share=sum(band.usd * band.prior_share for band in bands) / held if held > 0 else 1.0,
    )

"""What ``heatmap``, ``ladder`` and ``zones`` answer of several venues of one coin together.

In:  a lake, instruments, the first of which leads, a moment.   Out: plain values for JSON. [USD]
Free of any clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forcedflow.answers import heatmap as heatmap_answer
from forcedflow.answers import ladder as ladder_answer
from forcedflow.answers import zones as zones_answer
from forcedflow.answers.instrument import choose_instrument
from forcedflow.answers.model import read_map
from forcedflow.errors import NoDataError, UsageError
from forcedflow.heatmap.joined import join_heatmaps, shares_between
from forcedflow.instruments import Instrument
from forcedflow.liquidation_map import LiquidationMap
from forcedflow.positions import view
from forcedflow.store import Lake
from forcedflow.units import SIDES
from forcedflow.zones.joined import find_joint_zones

_ADDED_UP = (
    "dollars of every venue at its own prices, added up; candles, mark and σ are of the first "
    "venue, ranges as if all venues were off the same way"
)


@dataclass(frozen=True, slots=True)
class JointMaps:
    """Maps of one coin, the leading venue's first.

    Parameters
    ----------
    maps : tuple of LiquidationMap
    left_out : dict of str to str
        Venues of which nothing was known by the moment, and why.
    """

    maps: tuple[LiquidationMap, ...]
    left_out: dict[str, str]

    @property
    def lead(self) -> LiquidationMap:
        """Return the map whose axes and mark count."""
        return self.maps[0]


def choose_instruments(lake: Lake, symbol: str, venues: str) -> list[Instrument]:
    """Return the contracts of a coin that a symbol and venues by commas mean.

    On the first venue the symbol is taken as written, on others as the coin: they may quote it in
    another currency.

    Raises
    ------
    UsageError
        If a venue is none, or named twice.
    """
    first, *others = venues.split(",")
    if len({first, *others}) <= len(others):
        raise UsageError(f"{venues!r} names a venue twice")
    lead = choose_instrument(lake, symbol, first)
    return [lead, *(choose_instrument(lake, lead.base, name) for name in others)]


def read_maps(
    lake: Lake,
    instruments: Sequence[Instrument],
    at_ms: int,
    model: str | None = None,
    *,
    picture_span_ms: int | None = None,
) -> JointMaps:
    """Return the maps of a coin's venues; parameters as of `forcedflow.answers.model.read_map`.

    Raises
    ------
    NoDataError
        If nothing was known of the first by then; another venue is left out instead, by name.
    """
    first, *others = instruments
    maps = [read_map(lake, first, at_ms, model, picture_span_ms=picture_span_ms)]
    left_out = {}
    for one in others:
        try:
            maps.append(read_map(lake, one, at_ms, model, picture_span_ms=picture_span_ms))
        except NoDataError as error:
            left_out[one.venue] = str(error).split("\n", maxsplit=1)[0]
    return JointMaps(tuple(maps), left_out)


def tile(
    joint: JointMaps, shown: heatmap_answer.Shown = "both", tiers: Sequence[int] = ()
) -> tuple[dict[str, Any], bytes]:
    """Return the picture of all venues; parameters as of `forcedflow.answers.heatmap.tile`."""
    pictures = [one.heatmap for one in joint.maps if one.heatmap is not None]
    if len(pictures) < len(joint.maps):
        raise ValueError("a map was built without a picture")
    header, cells = heatmap_answer.tile(
        replace(joint.lead, heatmap=join_heatmaps(pictures)), shown, tiers
    )
    return _told(joint, header), cells


def ladder(joint: JointMaps, *, reach: float = 0.10, bins: int = 120) -> dict[str, Any]:
    """Return the profile of all venues; parameters as of `forcedflow.answers.ladder.answer`."""
    answer = ladder_answer.answer(joint.lead, reach=reach, bins=bins)
    lead = joint.lead
    low, high = lead.mark * (1 - reach), lead.mark * (1 + reach)
    grid = view(low, high, lead.ladder.width, bins)
    for side in SIDES:
        usd, least, most, prior = (np.zeros(grid.size) for _ in range(4))
        tiers = np.zeros((len(answer["tiers"]), grid.size))
        for one in joint.maps:
            own = view(low, high, one.ladder.width)
            shares = shares_between(own, grid)
            mass = one.mass(own, side)
            bands = mass.bands(np.ascontiguousarray(shares.T))
            part = np.array([band.usd for band in bands])
            usd += part
            least += [band.low for band in bands]
            most += [band.high for band in bands]
            prior += part * [band.prior_share for band in bands]
            tiers += one.profile_usd(own, side) @ shares
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(usd > 0, prior / usd, 0.0)
        answer["sides"][side] = ladder_answer.side_answer(
            tiers, least, most, share.tolist(), grid.prices, lead.mark
        )
    return _told(joint, answer)


def zones(joint: JointMaps) -> dict[str, Any]:
    """Return the clusters of all venues together; as `forcedflow.answers.zones.answer`."""
    lead = joint.lead
    found = find_joint_zones(
        [one.profiles() for one in joint.maps], lead.mark, lead.sigma_day, lead.known_ms
    )
    return _told(joint, zones_answer.answer(lead, found))


def _told(joint: JointMaps, answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that says which venues it adds up, and what each gave."""
    total = sum(one.open_interest_usd for one in joint.maps)
    if "open_interest_usd" in answer:
        answer["open_interest_usd"] = round(total)
    answer["simulated"] = any(one.simulated for one in joint.maps)
    answer["venues"] = [
        {
            "venue": one.market.instrument.venue,
            "symbol": one.market.instrument.symbol,
            "open_interest_usd": round(one.open_interest_usd),
            "share": round(one.open_interest_usd / total, 4) if total > 0 else None,
            "model": one.model,
            "age_s": one.freshness()["age_s"],
        }
        for one in joint.maps
    ]
    answer["assumptions"] = answer["assumptions"] | {
        "added_up": _ADDED_UP,
        "left_out": joint.left_out,
    }
    return answer

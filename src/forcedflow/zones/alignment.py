r"""Venue alignment: whether the ladders of several venues stand at the same distances.

In:  one `VenueLadder` per venue, of one coin at one moment.   Out: `Alignment`.
Pure: NumPy in, values out; no I/O, no clock, no global state.

Each venue's levels are taken by log distance from its own mark price, because each venue's engine
looks at its own. Two ladders *overlap* by the largest share of their mass that can be paired so
that no pair is further apart than a tolerance :math:`\delta`:

.. math:: \max_{m \ge 0} \sum_{ij} m_{ij} \quad \text{s.t.} \quad \sum_j m_{ij} \le a_i, \;
   \sum_i m_{ij} \le b_j, \; m_{ij} = 0 \text{ where } |x_i - x_j| > \delta.

Ladders of one model over one price path overlap by construction: what an overlap is worth is how
far it exceeds that with the other venue's ladder of another time, or of the other side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.positions import PriceGrid
from forcedflow.units import F8, SIDES, F8x2, Side
from forcedflow.zones._kernels import pair
from forcedflow.zones.find import REACH, SideProfile, find_zones
from forcedflow.zones.zone import Zone

BIN = 5e-4
"""Width of a bin in log distance: liquidation prices are not known more finely. [1]"""

BINS = round(REACH / BIN)
"""Bins of a ladder: as far as clusters are looked for."""

TOLERANCE = 0.0025
"""Distance within which two levels are one, in log price. [1]"""

TOLERANCE_SIGMA = 0.1
"""The same in standard deviations of the coming day. [σ]"""


@dataclass(frozen=True, slots=True)
class VenueLadder:
    """What stands on one venue by distance from its own mark.

    Parameters
    ----------
    venue : str
    mark : float
        [quote per base]
    sigma_day : float
        Standard deviation of the log return over the coming 24 h; NaN where unknown. [1]
    open_interest : float
        One-sided. [base coins]
    share : ndarray, shape (2, BINS)
        Contracts by log distance over one side's open interest, longs below the mark, then shorts
        above it; nearest bin first. [1]
    zones : tuple of Zone
        Its clusters, nearest first.
    """

    venue: str
    mark: float
    sigma_day: float
    open_interest: float
    share: F8x2
    zones: tuple[Zone, ...]

    def within(self, side: Side, distance: float) -> float:
        """Return the share of open interest that stands nearer than a log distance. [1]"""
        held = np.concatenate([[0.0], np.cumsum(self.share[SIDES.index(side)])])
        return float(np.interp(distance, np.arange(BINS + 1) * BIN, held))


@dataclass(frozen=True, slots=True)
class SideAlignment:
    """How the ladders of ``v`` venues agree on one side.

    Parameters
    ----------
    side : {"long", "short"}
    overlap : ndarray, shape (v, v)
        Share of mass that can be paired within the tolerance; NaN where a venue holds none. [1]
    apart : ndarray, shape (v, v)
        Disagreement: how far mass must move on average to turn one ladder's shape into the other's
        (Wasserstein's first distance), in log price. [1]
    matched : ndarray, shape (v,)
        Share of the mass of a venue's clusters that lies in clusters which some other venue has
        within the tolerance; NaN where it has no cluster. [1]
    together : float
        Overlap over all pairs of venues, weighted by the product of their open interests; NaN
        where no two hold anything. [1]
    """

    side: Side
    overlap: F8x2
    apart: F8x2
    matched: F8
    together: float


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the ladders of ``v`` venues agree at one moment.

    Parameters
    ----------
    venues : tuple of str
    tolerance : float
        In log price. [1]
    share_of_oi : ndarray, shape (v,)
        Each venue's share of all their open interest in contracts. [1]
    below, above : SideAlignment
        Longs below the price, shorts above it.
    """

    venues: tuple[str, ...]
    tolerance: float
    share_of_oi: F8
    below: SideAlignment
    above: SideAlignment


def lay_ladder(
    venue: str,
    usd: F8x2,
    grid: PriceGrid,
    mark: float,
    sigma_day: float,
    open_interest: float,
    at_ms: int,
) -> VenueLadder:
    """Return a venue's ladder by distance from its mark, with its clusters.

    Parameters
    ----------
    venue : str
    usd : ndarray, shape (2, p)
        Notional at the liquidation prices, longs then shorts. [USD]
    grid : PriceGrid
        ``p`` bins, to `REACH` on both sides of the mark.
    mark : float
        [quote per base]
    sigma_day : float
        Standard deviation of the log return over the coming 24 h. [1]
    open_interest : float
        One-sided. [base coins]
    at_ms : int
        The moment. [UTC ms]

    Returns
    -------
    VenueLadder
        Its zones know no age.

    Raises
    ------
    ValueError
        If mark or open interest is not positive.
    """
    if not (mark > 0 and open_interest > 0):
        raise ValueError(f"mark and open interest must be positive, were {mark}, {open_interest}")
    edges, here = np.log(grid.edges), np.log(mark)
    away = np.arange(BINS + 1) * BIN
    share = np.zeros((len(SIDES), BINS))
    for s, sign in enumerate((-1.0, 1.0)):
        held = np.concatenate([[0.0], np.cumsum(usd[s] / grid.prices)])
        share[s] = np.maximum(sign * np.diff(np.interp(here + sign * away, edges, held)), 0.0)
    none, unknown = np.zeros((0, grid.size)), np.full(grid.size, np.nan)
    profiles = [
        SideProfile(side, grid, usd[s], none, unknown, open_interest)
        for s, side in enumerate(SIDES)
    ]
    zones = find_zones(profiles, mark, sigma_day, at_ms)
    return VenueLadder(venue, mark, sigma_day, open_interest, share / open_interest, tuple(zones))


def tolerance(sigma_day: float) -> float:
    """Return within which log distance two levels count as one: the wider of the two rules. [1]"""
    return max(TOLERANCE, TOLERANCE_SIGMA * sigma_day) if sigma_day > 0 else TOLERANCE


def align(ladders: Sequence[VenueLadder], within: float | None = None) -> Alignment:
    """Return how several venues' ladders of one coin agree.

    Parameters
    ----------
    ladders : sequence of VenueLadder
        Of one moment, one per venue.
    within : float, optional
        Tolerance in log price; by default `tolerance` of the first venue's deviation. [1]

    Returns
    -------
    Alignment

    Raises
    ------
    ValueError
        If there are fewer than two, or the tolerance is negative.
    """
    if len(ladders) < 2:
        raise ValueError(f"alignment needs two venues, found {len(ladders)}")
    tolerated = tolerance(ladders[0].sigma_day) if within is None else within
    if not tolerated >= 0:
        raise ValueError(f"a tolerance is not negative, was {tolerated}")
    held = np.array([ladder.open_interest for ladder in ladders])
    below, above = (_of_side(ladders, s, tolerated, held) for s in range(len(SIDES)))
    return Alignment(
        venues=tuple(ladder.venue for ladder in ladders),
        tolerance=tolerated,
        share_of_oi=np.asarray(held / held.sum()),
        below=below,
        above=above,
    )


def overlap(first: F8, second: F8, within: float) -> float:
    """Return the largest share of two profiles' mass that can be paired within a tolerance.

    Parameters
    ----------
    first, second : ndarray, shape (p,)
        Mass by bin of `BIN`; only their shapes count.
    within : float
        Tolerance in log price, taken down to whole bins. [1]

    Returns
    -------
    float
        1 for equal shapes; NaN where one holds nothing. [1]

    Notes
    -----
    Pairing in order from one end is the largest pairing, because every level's window has the same
    width (Glover 1967, matching in a convex bipartite graph).
    """
    if not (first.sum() > 0 and second.sum() > 0):
        return float("nan")
    reach = int(within / BIN + 1e-9)
    return min(float(pair(first / first.sum(), second / second.sum(), reach)), 1.0)


def apart(first: F8, second: F8) -> float:
    """Return how far mass must move on average to make two profiles' shapes equal, in log price.

    Parameters
    ----------
    first, second : ndarray, shape (p,)
        Mass by bin of `BIN`.

    Returns
    -------
    float
        NaN where one holds nothing. [1]
    """
    if not (first.sum() > 0 and second.sum() > 0):
        return float("nan")
    return float(np.abs(np.cumsum(first / first.sum() - second / second.sum())).sum() * BIN)


def _of_side(ladders: Sequence[VenueLadder], s: int, within: float, held: F8) -> SideAlignment:
    n = len(ladders)
    overlaps, distances = np.full((n, n), np.nan), np.full((n, n), np.nan)
    for i, ladder in enumerate(ladders):
        for j, other in enumerate(ladders[: i + 1]):
            pair = ladder.share[s], other.share[s]
            overlaps[i, j] = overlaps[j, i] = overlap(*pair, within)
            distances[i, j] = distances[j, i] = apart(*pair)
    weight = np.triu(np.outer(held, held), 1) * ~np.isnan(overlaps)
    total = float(weight.sum())
    return SideAlignment(
        side=SIDES[s],
        overlap=overlaps,
        apart=distances,
        matched=np.array([_matched(ladders, i, SIDES[s], within) for i in range(n)]),
        together=float((weight * np.nan_to_num(overlaps)).sum()) / total if total > 0 else np.nan,
    )


def _matched(ladders: Sequence[VenueLadder], i: int, side: Side, within: float) -> float:
    """Share of one venue's cluster mass near a cluster of any other venue."""
    others = [
        span
        for j, other in enumerate(ladders)
        if j != i
        for span in (_span(zone, other.mark) for zone in other.zones if zone.side == side)
    ]
    own = [zone for zone in ladders[i].zones if zone.side == side]
    total = sum(zone.share_of_oi for zone in own)
    if not total > 0:
        return float("nan")
    shared = 0.0
    for zone in own:
        low, high = _span(zone, ladders[i].mark)
        if any(low <= end + within and start <= high + within for start, end in others):
            shared += zone.share_of_oi
    return shared / total


def _span(zone: Zone, mark: float) -> tuple[float, float]:
    return float(np.log(zone.low / mark)), float(np.log(zone.high / mark))

"""Zones from a profile: where the ladder is dense, by one stated rule.

In:  one side's notional by price bin [USD], its open interest [base coins], the mark price, σ.
Out: `Zone` values.
Pure: NumPy in, values out; no I/O, no clock, no global state.

The rule. Smooth the profile with a Gaussian of fifteen basis points. A zone is a run of bins at
least `DENSE` times as dense as the side's mean within `REACH` of the price, cut where the density
dips below `SADDLE` of the lower of the two peaks beside the dip. Runs that hold less than
`TINY_SHARE` of the side's open interest are dropped; those with `MAJOR_SHARE` or more are major.
Shares are of contracts: notional at a liquidation price and open interest at the mark differ by the
way between the two prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forcedflow.positions import PriceGrid
from forcedflow.positions.bands import Band, SideMass
from forcedflow.units import F8, HOUR_MS, F8x2, Side
from forcedflow.zones.zone import Zone

REACH = 0.15
DENSE = 1.2
SADDLE = 0.75
TINY_SHARE = 0.005
MAJOR_SHARE = 0.02
_SMOOTHING = 15e-4


@dataclass(frozen=True, slots=True)
class SideProfile:
    """One side of a ladder at one moment.

    Parameters
    ----------
    side : {"long", "short"}
    grid : PriceGrid
    notional_usd : ndarray, shape (p,)
        Estimated notional per bin. [USD]
    alternatives_usd : ndarray, shape (k, p)
        The same under ``k`` alternative priors. [USD]
    birth_ms : ndarray, shape (p,)
        Mean time of entry of the contracts in each bin, weighted by size. [UTC ms]
    open_interest : float
        One-sided open interest. [base coins]
    mass : SideMass, optional
        The same by atom, where it is known how firmly each atom's weight is; its bands then take
        the place of `alternatives_usd`.
    """

    side: Side
    grid: PriceGrid
    notional_usd: F8
    alternatives_usd: F8x2
    birth_ms: F8
    open_interest: float
    mass: SideMass | None = None

    def share_of_oi(self, first: int, last: int) -> float:
        """Return which share of the open interest stands in the bins ``[first, last]``. [1]"""
        inside = slice(first, last + 1)
        contracts = float((self.notional_usd[inside] / self.grid.prices[inside]).sum())
        return contracts / self.open_interest

    def band(self, first: int, last: int) -> Band:
        """Return what stands in the bins ``[first, last]`` and how far that may be off."""
        inside = slice(first, last + 1)
        total = float(self.notional_usd[inside].sum())
        if self.mass is not None:
            bins = np.zeros(self.grid.size)
            bins[inside] = 1.0
            band = self.mass.band(bins)
            return Band(total, min(total, band.low), max(total, band.high), band.prior_share)
        alternatives = self.alternatives_usd[:, inside].sum(axis=1)
        low, high = alternatives.min(initial=total), alternatives.max(initial=total)
        return Band(total, float(low), float(high), 1.0)


def find_zones(
    profiles: Sequence[SideProfile], mark: float, sigma_day: float, at_ms: int
) -> list[Zone]:
    """Return the zones of every side, nearest to the mark first.

    Parameters
    ----------
    profiles : sequence of SideProfile
        Usually the long and the short side.
    mark : float
        Mark price. [quote per base]
    sigma_day : float
        Standard deviation of the log return over the coming 24 h; distances in σ are NaN where it
        is zero or NaN. [1]
    at_ms : int
        The moment, for ages. [UTC ms]

    Returns
    -------
    list of Zone
    """
    zones = [zone for profile in profiles for zone in _of_side(profile, mark, sigma_day, at_ms)]
    return sorted(zones, key=lambda zone: abs(zone.distance_pct))


def _of_side(profile: SideProfile, mark: float, sigma_day: float, at_ms: int) -> list[Zone]:
    grid, usd = profile.grid, profile.notional_usd
    log_distance = np.log(grid.prices / mark)
    # The bin that holds the mark belongs to neither side: no border lies beyond the price.
    edges = grid.edges
    ahead = edges[1:] <= mark if profile.side == "long" else edges[:-1] >= mark
    near = ahead & (np.abs(log_distance) <= REACH)
    if not near.any() or not usd[near].sum() > 0:
        return []
    smooth = _smoothed(np.where(near, usd, 0.0), _SMOOTHING / (grid.width * grid.step))
    runs = _runs(near & (smooth >= DENSE * usd[near].mean()))
    pieces = [piece for run in runs for piece in _cut(smooth, *run)]
    contracts = usd / grid.prices
    kept = [
        (first, last)
        for first, last in pieces
        if float(contracts[first : last + 1].sum()) / profile.open_interest >= TINY_SHARE
    ]
    by_size = sorted(kept, key=lambda piece: -usd[piece[0] : piece[1] + 1].sum())
    return [
        _zone(profile, first, last, mark, sigma_day, at_ms, rank)
        for rank, (first, last) in enumerate(by_size, start=1)
    ]


def _zone(
    profile: SideProfile,
    first: int,
    last: int,
    mark: float,
    sigma_day: float,
    at_ms: int,
    rank: int,
) -> Zone:
    inside = slice(first, last + 1)
    edges = profile.grid.edges
    low, high = float(edges[first]), float(edges[last + 1])
    usd = profile.notional_usd[inside]
    band = profile.band(first, last)
    total = band.usd
    border = high if profile.side == "long" else low
    share = profile.share_of_oi(first, last)
    born = float((profile.birth_ms[inside] * usd).sum() / total)
    return Zone(
        side=profile.side,
        low=low,
        high=high,
        peak=float(profile.grid.prices[first + int(np.argmax(usd))]),
        notional_usd=total,
        notional_usd_low=band.low,
        notional_usd_high=band.high,
        distance_pct=100 * (border / mark - 1),
        distance_sigma=float(np.log(border / mark)) / sigma_day if sigma_day > 0 else float("nan"),
        age_h=(at_ms - born) / HOUR_MS,
        share_of_oi=share,
        rank=rank,
        major=share >= MAJOR_SHARE,
        prior_share=band.prior_share,
    )


def _smoothed(values: F8, deviation_bins: float) -> F8:
    reach = int(np.ceil(4 * deviation_bins))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation_bins) ** 2)
    return np.convolve(values, kernel / kernel.sum(), mode="full")[reach : reach + values.size]


def _runs(dense: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """First and last bin of every run of dense bins."""
    border = np.flatnonzero(np.diff(np.concatenate([[False], dense, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(border[::2], border[1::2], strict=True)]


def _cut(smooth: F8, first: int, last: int) -> list[tuple[int, int]]:
    """Cut a run at its deepest dip, again and again, while the dip is deep enough."""
    run = smooth[first : last + 1]
    lower_peak = np.minimum(np.maximum.accumulate(run), np.maximum.accumulate(run[::-1])[::-1])
    depth = run / lower_peak
    dip = int(np.argmin(depth))
    if depth[dip] >= SADDLE:
        return [(first, last)]
    return [*_cut(smooth, first, first + dip), *_cut(smooth, first + dip + 1, last)]

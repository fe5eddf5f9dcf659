r"""What if the price went there: forced notional on the way from the mark to a price.

In:  what stands by atom and bin, the bars so far, a price, a trained mixture where there is one.
Out: `WhatIf`: per side, standing notional [USD] and liquidations a feed would show. [USD]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

Two quantities that are easily mixed up. *Standing notional* is the map: scaled to the open
interest, it says what would be closed if all of it is as the map has it. *What a feed would show*
is the same sweep in the units of the feed that the mixture was fitted to, plus what liquidates
without a cluster, :math:`f (\sum_a w_a X_a + \sum_j \beta_j B_j)` with the level :math:`f`; feeds
are thinned and sum other venues, so the two need not agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcedflow.positions.bands import Band, SideMass, envelope
from forcedflow.positions.bars import Bars
from forcedflow.units import F8, HOUR_MS, SIDES, F8x2, Side

STEPS = 10
"""Points of the curve from the mark to the price."""


@dataclass(frozen=True, slots=True)
class FeedUnits:
    """What turns one side's map into liquidations of a feed.

    Parameters
    ----------
    per_usd : float
        Fitted liquidations per dollar standing on the map. [1]
    background_usd : float
        What the path alone would liquidate. [USD]
    level : float
        Factor between realised and expected. [1]
    dispersion : float
        Variance over mean of an interval's liquidations. [USD]
    """

    per_usd: float
    background_usd: float
    level: float
    dispersion: float


@dataclass(frozen=True, slots=True)
class SideWhatIf:
    """One side of the answer.

    Parameters
    ----------
    side : {"long", "short"}
    standing : Band
        Notional standing between the mark and the price.
    feed : Band, optional
        Liquidations a feed would show in one interval that ends at the price; none without a
        fitted mixture.
    background_usd : float, optional
        The part of `feed` that the path alone explains. [USD]
    """

    side: Side
    standing: Band
    feed: Band | None
    background_usd: float | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer.

    Parameters
    ----------
    from_price, to_price : float
        The mark and where it goes. [quote per base]
    length_ms : int, optional
        Within how long, for what a feed would show; none without a fitted mixture. [ms]
    sides : tuple of SideWhatIf
        Longs, then shorts.
    curve : tuple of tuple
        Prices on the way, each with both sides' standing notional up to there.
    """

    from_price: float
    to_price: float
    length_ms: int | None
    sides: tuple[SideWhatIf, SideWhatIf]
    curve: tuple[tuple[float, Band, Band], ...]

    @property
    def move(self) -> float:
        """Return the signed move. [1]"""
        return self.to_price / self.from_price - 1.0


def sweep(
    masses: tuple[SideMass, SideMass],
    mark: float,
    to_price: float,
    units: tuple[FeedUnits, FeedUnits] | None,
    length_ms: int | None,
) -> WhatIf:
    """Return what a move from the mark to a price would liquidate.

    Parameters
    ----------
    masses : tuple of SideMass
        Longs, then shorts, on a window that holds both prices.
    mark, to_price : float
        [quote per base]
    units : tuple of FeedUnits, optional
        The feed's of the same sides; none under a stated prior.
    length_ms : int, optional
        Length of the feed's intervals. [ms]

    Returns
    -------
    WhatIf
    """
    prices = way_points(mark, to_price).tolist()
    sides, standing = [], []
    for s, mass in enumerate(masses):
        sets = np.stack([bins_on_the_way(mass, mark, price) for price in prices])
        bands = mass.bands(sets)
        standing.append(bands)
        if units is None:
            sides.append(SideWhatIf(mass.side, bands[-1], None, None))
            continue
        feed = feed_band(mass, sets[-1], units[s])
        path = units[s].level * units[s].background_usd
        sides.append(SideWhatIf(mass.side, bands[-1], feed, path))
    curve = tuple(zip(prices, *standing, strict=True))
    return WhatIf(mark, to_price, length_ms, (sides[0], sides[1]), curve)


def bins_on_the_way(mass: SideMass, mark: float, to_price: float) -> F8:
    """Return the bins of one side that a move touches, shape (p,): longs below, shorts above.

    Parameters
    ----------
    mass : SideMass
    mark, to_price : float
        [quote per base]
    """
    touched = to_price < mark if mass.side == "long" else to_price > mark
    if not touched:
        return np.zeros(mass.grid.size)
    return mass.overlap(min(mark, to_price), max(mark, to_price))


def feed_band(mass: SideMass, bins: F8, units: FeedUnits) -> Band:
    """Return the liquidations that a feed would show of a sweep.

    Parameters
    ----------
    mass : SideMass
    bins : ndarray, shape (p,)
        What is swept.
    units : FeedUnits

    Returns
    -------
    Band
        Of what would be realised in one interval: the weights' posterior, the tilts of what they
        were not told, and the scatter of liquidations around their mean.
    """
    held = mass.by_atom_usd @ bins
    mapped = units.level * units.per_usd * mass.tilted(held[None])
    mean = mapped + units.level * units.background_usd
    total = float(held.sum())
    relative = float(np.sqrt((held**2 / mass.events).sum())) / total if total > 0 else 0.0
    deviation = np.sqrt((mapped * relative) ** 2 + units.dispersion * mean)
    low, high = envelope(mean, deviation)
    usd = float(mean[0, 0])
    of_map = float(mapped[0, 0]) / usd if usd > 0 else 0.0
    return Band(usd, float(low[0]), float(high[0]), mass.prior_share(held) * of_map)


def path_terms(bars: Bars, to_price: float, length_ms: int, spans_ms: tuple[int, ...]) -> F8x2:
    r"""Return the path-only terms of a straight move from the last close to a price.

    Parameters
    ----------
    bars : Bars
        What has happened; extremes are remembered from them.
    to_price : float
        [quote per base]
    length_ms : int
        How long the move takes. [ms]
    spans_ms : tuple of int
        Memories of the extremes. [ms]

    Returns
    -------
    ndarray, shape (2, len(spans_ms) + 2)
        As `forcedflow.positions.background.background_features` has them. [USD]

    Notes
    -----
    A real interval goes back and forth, and its range counts both ways; a straight one does not. On
    the side that the move spares, only the open interest's own term is left.
    """
    held = float(bars.open_interest[-1] * bars.close[-1])
    close = float(np.log(bars.close[-1]))
    target, end = float(np.log(to_price)), int(bars.end_ms[-1])
    terms = np.zeros((len(SIDES), len(spans_ms) + 2))
    for side, (worst, sign) in enumerate(((np.log(bars.low), 1.0), (-np.log(bars.high), -1.0))):
        reached = sign * target
        for column, span in enumerate(spans_ms):
            remembered = bars.end_ms > end - span
            terms[side, column] = max(float(worst[remembered].min()) - reached, 0.0)
        terms[side, -2] = max(sign * close - reached, 0.0)
        terms[side, -1] = length_ms / HOUR_MS
    return terms * held


def way_points(mark: float, to_price: float, steps: int = STEPS) -> F8:
    """Return prices from the mark to a price, evenly spaced in log price, the end included."""
    points: F8 = np.exp(np.linspace(np.log(mark), np.log(to_price), steps + 1)[1:])
    points[-1] = to_price
    return points

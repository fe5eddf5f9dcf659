"""The stage of a cascade: what stands in the way of a move, one way, venue by venue.

In:  forced flow and executable depth by log distance from the mark price. [USD, 1]
Out: `Stage`, on which fixed point, waves, criticality and Monte Carlo all work.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forcedflow.depth.curve import Direction
from forcedflow.units import F8, F8x2

BIN = 5e-4
"""Width of a bin in log price: liquidation prices are not known more finely."""

REACH = 0.40
"""How far a stage reaches in log price: a third of the price."""

REACHING = 0.9
"""Share of forced flow that reaches the book, assumed: some is absorbed by insurance funds and
backstop vaults, closed against winners, or reduced by its owners first. [1]"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Forced flow against depth, in one direction, on ``v`` venues and ``p`` bins.

    Parameters
    ----------
    direction : {"down", "up"}
    mark : float
        Mark price at distance 0. [quote per base]
    width : float
        Width of a bin in log price. [1]
    venues : tuple of str
        Ids, one per row.
    forced : ndarray, shape (v, p)
        What would be force-closed once the mark price has moved through a bin. [USD]
    depth : ndarray, shape (v, p)
        What the book executes within a bin. [USD]
    reaching : float
        Share of forced flow that reaches the book; the rest is taken over beside it. [1]
    forced_log_sd, depth_log_sd : float
        Standard deviation of the log of truth over what is stated here. [1]
    open_interest_usd : float
        One-sided, all venues. [USD]
    simulated : bool
        Whether any of it is of the simulated exchange.
    notes : tuple of str
        What had to be assumed, in words.

    Raises
    ------
    ValueError
        If shapes disagree, there is no venue or no bin, or a figure is negative or not finite.
    """

    direction: Direction
    mark: float
    width: float
    venues: tuple[str, ...]
    forced: F8x2
    depth: F8x2
    reaching: float
    forced_log_sd: float
    depth_log_sd: float
    open_interest_usd: float
    simulated: bool
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.forced.shape != self.depth.shape or self.forced.shape[0] != len(self.venues):
            raise ValueError("forced flow and depth have one row per venue and the same bins")
        if not self.forced.size:
            raise ValueError("a stage has at least one venue and one bin")
        for name, usd in (("forced flow", self.forced), ("depth", self.depth)):
            if not (np.isfinite(usd).all() and (usd >= 0).all()):
                raise ValueError(f"{name} is finite and not negative")
        if not self.width > 0:
            raise ValueError(f"a bin has a positive width, was {self.width}")
        if not 0 <= self.reaching <= 1:
            raise ValueError(f"a share lies in [0, 1], was {self.reaching}")

    @property
    def size(self) -> int:
        """Return the number of bins."""
        return int(self.forced.shape[1])

    @property
    def edges(self) -> F8:
        """Return the bins' borders in log distance, shape (p + 1,). [1]"""
        return np.asarray(np.arange(self.size + 1) * self.width)

    @property
    def supply(self) -> F8:
        """Return cumulative forced flow that reaches the book, all venues, shape (p + 1,). [USD]"""
        return _cumulated(self.reaching * self.forced.sum(axis=0))

    @property
    def demand(self) -> F8:
        """Return cumulative executable depth, all venues, shape (p + 1,). [USD]"""
        return _cumulated(self.depth.sum(axis=0))

    def price(self, distance: float) -> float:
        """Return the price at a log distance. [quote per base]"""
        sign = -1.0 if self.direction == "down" else 1.0
        return float(self.mark * np.exp(sign * distance))

    def distance(self, price: float) -> float:
        """Return the log distance of a price, negative on the other side of the mark. [1]"""
        sign = -1.0 if self.direction == "down" else 1.0
        return float(sign * np.log(price / self.mark))

    def of_venue(self, venue: str) -> Stage:
        """Return the same stage with one venue alone.

        Raises
        ------
        ValueError
            If it has no such venue.
        """
        if venue not in self.venues:
            raise ValueError(f"no venue {venue!r}; there are {', '.join(self.venues)}")
        row = self.venues.index(venue)
        return replace(
            self,
            venues=(venue,),
            forced=self.forced[row : row + 1],
            depth=self.depth[row : row + 1],
        )


def lay_edges(width: float = BIN, reach: float = REACH) -> F8:
    """Return the borders of a stage's bins in log distance. [1]"""
    return np.asarray(np.arange(round(reach / width) + 1) * width)


def _cumulated(usd: F8) -> F8:
    return np.concatenate([[0.0], np.cumsum(usd)])

"""The price axis: logarithmic bins on an absolute lattice.

In:  prices [quote per base].   Out: bin indices and bin edges.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

The lattice is absolute: bin ``b`` holds the prices ``[exp(b·width), exp((b+1)·width))`` whatever
the data. That is what lets later data extend a window without moving anything earlier.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcedflow.units import F8

FIVE_BPS = 5e-4
"""Default bin width in log price. Liquidation prices are not known more finely than this."""


@dataclass(frozen=True, slots=True)
class PriceGrid:
    """A window of the lattice.

    Parameters
    ----------
    width : float
        Width of one lattice bin in log price. [1]
    first : int
        Lattice index of the window's lowest bin.
    size : int
        Number of bins in the window.
    step : int
        Lattice bins that one bin of this window joins, for coarser pictures.
    """

    width: float
    first: int
    size: int
    step: int = 1

    @property
    def edges(self) -> F8:
        """Return the bins' edges, shape ``(size + 1,)``. [quote per base]"""
        edges: F8 = np.exp((self.first + self.step * np.arange(self.size + 1)) * self.width)
        return edges

    @property
    def prices(self) -> F8:
        """Return the bins' geometric centres, shape ``(size,)``. [quote per base]"""
        middle = self.first + self.step * (np.arange(self.size) + 0.5)
        prices: F8 = np.exp(middle * self.width)
        return prices

    @property
    def stop(self) -> int:
        """Return the lattice index just above the window."""
        return self.first + self.size * self.step

    def index_of(self, price: float) -> int:
        """Return the window's bin that holds ``price``; it may lie outside ``[0, size)``."""
        return (lattice_bin(price, self.width) - self.first) // self.step


def lattice_bin(price: float, width: float) -> int:
    """Return the lattice bin that holds ``price``.

    Examples
    --------
    >>> lattice_bin(1.0, 5e-4), lattice_bin(73_000.0, 5e-4)
    (0, 22396)
    """
    return int(np.floor(np.log(price) / width))


def bin_width(price: float, tick_size: float | None = None) -> float:
    """Return the bin width in log price: five basis points, or the tick where that is wider.

    Parameters
    ----------
    price : float
        A price of the instrument. [quote per base]
    tick_size : float, optional
        Smallest price step. [quote per base]

    Returns
    -------
    float
        Width. [1]
    """
    if tick_size is None:
        return FIVE_BPS
    return max(FIVE_BPS, tick_size / price)


def view(low: float, high: float, width: float, most_bins: int | None = None) -> PriceGrid:
    """Return the window from ``low`` to ``high``, coarse enough to have at most ``most_bins`` bins.

    Coarse bins join whole lattice bins at multiples of the step, so that two views of the same step
    agree wherever they overlap.

    Raises
    ------
    ValueError
        If ``low`` is not below ``high`` or not positive.
    """
    if not 0 < low < high:
        raise ValueError(f"a view needs 0 < low < high, was [{low}, {high}]")
    bottom, top = lattice_bin(low, width), lattice_bin(high, width) + 1
    step = 1 if most_bins is None else max(1, -(-(top - bottom) // most_bins))
    first = (bottom // step) * step
    return PriceGrid(width, first, -(-(top - first) // step), step)

"""Pictures of one coin's venues as one: dollars of all at the same price and time.

In:  heatmaps of several venues.   Out: a `Heatmap` on the axes of the first. [USD per bin]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

Prices are each venue's own: venues lie basis points apart, which is less than a bin is wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forcedflow.heatmap.build import Heatmap
from forcedflow.positions import PriceGrid
from forcedflow.units import F8, F8x2

_MOST_STEPS_OLD = 2
"""A venue's column counts for so many steps; after that nothing is known of it."""


def shares_between(source: PriceGrid, target: PriceGrid) -> F8x2:
    """Return which share of each source bin lies in each target bin, in log price, shape (s, t).

    Parameters
    ----------
    source, target : PriceGrid

    Returns
    -------
    ndarray, shape (s, t)
        Rows of bins that lie wholly inside the target add up to one. [1]

    Examples
    --------
    >>> fine, coarse = PriceGrid(5e-4, 0, 4), PriceGrid(5e-4, 0, 2, 2)
    >>> shares_between(fine, coarse).tolist()
    [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    """
    at, to = _log_edges(source), _log_edges(target)
    upper = np.minimum(at[1:, None], to[None, 1:])
    lower = np.maximum(at[:-1, None], to[None, :-1])
    shares: F8x2 = np.clip((upper - lower) / np.diff(at)[:, None], 0.0, 1.0)
    return np.round(shares, 12)


def join_heatmaps(pictures: Sequence[Heatmap]) -> Heatmap:
    """Return what stands on all venues together, on the time and price axes of the first.

    Parameters
    ----------
    pictures : sequence of Heatmap
        One per venue; candles are of the first. What stands beyond the first one's prices is left
        out, and so are columns that a venue has none for.

    Returns
    -------
    Heatmap

    Raises
    ------
    ValueError
        If there is none.
    """
    if not pictures:
        raise ValueError("nothing to join: no picture")
    lead, *others = pictures
    usd, even = lead.usd.astype(np.float64), lead.even.copy()
    wide = lead.grid.width * lead.grid.step
    for other in others:
        # A column shows what stood at its end: the newest that had ended by then is what was known.
        place = np.searchsorted(other.columns.end_ms, lead.columns.end_ms, side="right") - 1
        age = lead.columns.end_ms - other.columns.end_ms[np.maximum(place, 0)]
        longest = _MOST_STEPS_OLD * max(lead.columns.step_ms, other.columns.step_ms)
        known = (place >= 0) & (age <= longest)
        shares = shares_between(other.grid, lead.grid)
        usd[known] += other.usd[place[known]] @ shares
        even[known] += other.even[place[known]] * wide / (other.grid.width * other.grid.step)
    return replace(lead, usd=usd.astype(np.float32), even=even)


def _log_edges(grid: PriceGrid) -> F8:
    places = np.arange(grid.size + 1, dtype=np.float64)
    edges: F8 = (grid.first + grid.step * places) * grid.width
    return edges

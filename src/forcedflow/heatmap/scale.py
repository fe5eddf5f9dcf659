"""Colour without looking ahead: brightness as a multiple of an even spread.

In:  notional per bin and the open interest of the same moment. [USD]   Out: 0 … 255.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

The unit is what a bin would hold if one side's open interest lay evenly over ten percent of price.
It depends on that moment alone: no column's colour can change when later ones arrive, and colours
mean the same on every coin and range.
"""

from __future__ import annotations

import numpy as np

from forcedflow.units import F8, F8x2

EVEN_RANGE = 0.10
DARKEST, BRIGHTEST = 0.12, 1.2
"""Multiples of the even spread where colour begins and where it is full."""

Bytes = np.ndarray[tuple[int, int], np.dtype[np.uint8]]


def even_spread(open_interest_usd: F8, bin_log_width: float) -> F8:
    """Return what one bin holds if one side's open interest lies evenly over ten percent. [USD]"""
    return open_interest_usd * bin_log_width / EVEN_RANGE


def to_bytes(usd: F8x2, even: F8) -> Bytes:
    """Return the brightness of every cell on a logarithmic scale.

    Parameters
    ----------
    usd : ndarray, shape (c, p)
        Notional per cell. [USD]
    even : ndarray, shape (c,)
        Even spread of each column. [USD]

    Returns
    -------
    ndarray of uint8, shape (c, p)
        0 below `DARKEST` even spreads, 255 at `BRIGHTEST` or above.
    """
    with np.errstate(divide="ignore"):
        depth = np.log(usd / even[:, None] / DARKEST) / np.log(BRIGHTEST / DARKEST)
    visible = depth > 0
    return np.where(visible, np.clip(np.ceil(depth * 255), 1, 255), 0).astype(np.uint8)


def to_usd(level: int, even: float) -> float:
    """Return the most that a cell of brightness ``level`` holds; 255 is that or more. [USD]"""
    return float(even * DARKEST * (BRIGHTEST / DARKEST) ** (level / 255))

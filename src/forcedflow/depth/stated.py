"""Depth as someone states it: so much within one percent, nothing else known.

In:  USD within one percent.   Out: `DepthCurve`. [USD, 1]
Pure: numbers in, values out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import math

import numpy as np

from forcedflow.depth.beyond import FLAT_TO, tail
from forcedflow.depth.curve import DepthCurve, Direction
from forcedflow.units import format_usd


def stated_depth(within_usd: float, direction: Direction, at_ms: int) -> DepthCurve:
    """Return the curve of a stated depth, even within one percent and thinning out beyond.

    Parameters
    ----------
    within_usd : float
        Executable within one percent of the mid, on this side. [USD]
    direction : {"down", "up"}
    at_ms : int
        The moment it is stated for. [UTC ms]

    Returns
    -------
    DepthCurve
        Taken as exact: its log error is 0, and whoever states it bears what it is worth.

    Raises
    ------
    ValueError
        If the depth is not positive and finite.
    """
    if not 0 < within_usd < math.inf:
        raise ValueError(f"a stated depth is positive and finite, was {within_usd}")
    beyond, beyond_usd = tail(FLAT_TO, within_usd / FLAT_TO)
    return DepthCurve(
        direction=direction,
        edges=np.concatenate([[0.0, FLAT_TO], beyond]),
        usd=np.concatenate([[within_usd], beyond_usd]),
        measured_to=0.0,
        log_sd=0.0,
        source=f"{format_usd(within_usd)} within 1 %, stated by whoever asked and taken as exact",
        at_ms=at_ms,
    )

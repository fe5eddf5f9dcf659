"""The settlement: where a move or an order ends at once, if nothing happened meanwhile.

In:  a `Stage`, a `Start`.   Out: `Settlement`. [quote per base, USD]
Pure: values in, values out; no I/O, no clock, no global state.

Scenarios let price wander for hours after the start. This is the same start alone: its own fixed
point, with the ladder and the depth that are stated and no luck either way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcedflow.cascade.fixed_point import solve
from forcedflow.cascade.stage import Stage
from forcedflow.cascade.start import Start


@dataclass(frozen=True, slots=True)
class Settlement:
    """Where a start ends at once.

    Parameters
    ----------
    price : float
        Where the move stops. [quote per base]
    unforced_price : float
        Where it would with nothing forced. [quote per base]
    forced_usd : float
        Forced flow that reached the book. [USD]
    amplification : float
        The whole move over the same with nothing forced. [1]
    absorbed : bool
        Whether depth absorbed it before the stage ended.
    """

    price: float
    unforced_price: float
    forced_usd: float
    amplification: float
    absorbed: bool


def settle(stage: Stage, start: Start) -> Settlement | None:
    """Return where a start ends at once; None where it does not push the stage's way.

    Parameters
    ----------
    stage : Stage
        Seen from the start.
    start : Start
    """
    shock, order = start.along(stage.direction)
    if not (shock > 0 or order > 0):
        return None
    found = solve(stage, np.array([max(shock, 0.0)]), order)
    return Settlement(
        price=stage.price(float(found.end[0])),
        unforced_price=stage.price(float(found.unforced[0])),
        forced_usd=float(found.forced[0]),
        amplification=float(found.amplification[0]),
        absorbed=not bool(found.exhausted[0]),
    )

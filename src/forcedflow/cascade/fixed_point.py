r"""The fixed point: where depth has absorbed everything that the way there has forced.

In:  a `Stage`, shocks [1], orders [USD].   Out: where the move ends, what was forced. [1, USD]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

With :math:`H` the cumulative forced flow, :math:`D` cumulative depth, :math:`\psi` the share that
reaches the book, :math:`y_0` the distance price has moved for other reasons and :math:`Q_0` an
order on top, the move ends at

.. math:: y^* = \min\{y \ge y_0 : D(y) - D(y_0) \ge Q_0 + \psi H(y)\}.

Both sides rise with :math:`y`, so the least such point exists (Tarski) and does not depend on the
order in which venues or clusters are visited. Time, latency and refill are left out: what they add
is `forcedflow.cascade.waves`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forcedflow.cascade._kernels import fixed_points
from forcedflow.cascade.stage import Stage
from forcedflow.units import F8


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """Where scenarios end, each array of shape (s,).

    Parameters
    ----------
    shock : ndarray
        Distance that price had moved for other reasons. [1]
    end : ndarray
        Distance at which the move stops; where depth never absorbs it, the edge of the stage, or
        the shock where that is beyond. [1]
    forced : ndarray
        Forced flow that reached the book. [USD]
    exhausted : ndarray of bool
        Whether the stage ended before the move did.
    unforced : ndarray
        Distance at which the same shock and order would stop if nothing were forced. [1]
    """

    shock: F8
    end: F8
    forced: F8
    exhausted: np.ndarray[tuple[int], np.dtype[np.bool_]]
    unforced: F8

    @property
    def amplification(self) -> F8:
        """Return the whole move over the same one with nothing forced; 1 where none was. [1]"""
        moved = self.unforced > 0
        return np.where(moved, self.end / np.where(moved, self.unforced, 1.0), 1.0)


def solve(
    stage: Stage,
    shock: F8,
    order_usd: F8 | float = 0.0,
    forced_factor: F8 | float = 1.0,
    depth_factor: F8 | float = 1.0,
) -> FixedPoint:
    """Return where each scenario ends.

    Parameters
    ----------
    stage : Stage
        ``p`` bins; all its venues are taken together.
    shock : ndarray, shape (s,)
        Distances that price has moved for other reasons, in the stage's direction. [1]
    order_usd : ndarray, shape (s,), or float
        Extra market flow there. [USD]
    forced_factor, depth_factor : ndarray, shape (s,), or float
        Factors on forced flow and on depth. [1]

    Returns
    -------
    FixedPoint

    Raises
    ------
    ValueError
        If a shock, an order or a factor is negative or not finite.

    Notes
    -----
    One pass over the bins per scenario, ended where it stops.
    """
    # Copies, because the kernel is compiled for arrays that may be written to.
    shock = np.array(shock, dtype=np.float64, order="C")
    if shock.ndim != 1:
        raise ValueError(f"shocks have one dimension, found shape {shock.shape}")
    order, supply_factor, demand_factor = (
        np.array(np.broadcast_to(values, shock.shape), dtype=np.float64, order="C")
        for values in (order_usd, forced_factor, depth_factor)
    )
    for name, values in (
        ("shock", shock),
        ("order", order),
        ("factor of forced flow", supply_factor),
        ("factor of depth", demand_factor),
    ):
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise ValueError(f"a {name} is finite and not negative")
    supply, demand, width = stage.supply, stage.demand, stage.width
    end, forced = np.empty_like(shock), np.empty_like(shock)
    fixed_points(supply, demand, width, shock, order, supply_factor, demand_factor, end, forced)
    unforced = shock
    if order.any():
        unforced, none = np.empty_like(shock), np.zeros_like(shock)
        fixed_points(
            supply, demand, width, shock, order, none, demand_factor, unforced, np.empty_like(shock)
        )
    return FixedPoint(shock, end, forced, end >= stage.edges[-1], unforced)

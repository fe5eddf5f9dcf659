r"""Max pain: around which price the most would be force-closed per step of price.

In:  what stands by atom and bin on either side, the mark, σ.   Out: `MaxPain` per side. [USD]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

Of a side with notional :math:`N(p)` standing at price :math:`p` within the reach :math:`R` of the
mark :math:`m`, and a half width :math:`h` in log price,

.. math:: x^* = \arg\max_x \int_{x e^{-h}}^{x e^{h}} N(p) \, dp .

The total on the way to a price, :math:`\int_x^m N`, only grows with distance: its largest value is
at the window's edge whatever the ladder is, and names no price. It is told beside, not maximised.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forcedflow.positions.bands import Band, SideMass
from forcedflow.units import F8, Side

REACH = 0.10
"""Window on either side of the mark. [1]"""

HALF_WIDTH = 0.0025
"""Half the step of price, in log price. [1]"""


@dataclass(frozen=True, slots=True)
class MaxPain:
    """The price of one side around which the most would be closed.

    Parameters
    ----------
    side : {"long", "short"}
        Side of the positions; longs are closed below the mark, shorts above.
    price, low, high : float
        The price and the step around it, cut off at the mark. [quote per base]
    notional : Band
        Notional inside the step, if touched.
    on_the_way : Band
        Notional between the mark and the far end of the step, which a move there closes in all.
    distance_pct : float
        From the mark to the price, signed. [%]
    distance_sigma : float
        The same in standard deviations of the coming 24 h; NaN where σ is unknown. [σ]
    concentration : float
        Notional inside over what an even spread of the side's window would hold there. [1]
    touched_by_volatility : float
        Chance that a driftless walk of this σ touches the price within 24 h; NaN where σ is
        unknown. It knows nothing of the ladder. [1]
    """

    side: Side
    price: float
    low: float
    high: float
    notional: Band
    on_the_way: Band
    distance_pct: float
    distance_sigma: float
    concentration: float
    touched_by_volatility: float

    def row(self) -> dict[str, object]:
        """Return it as plain values, what is unknown as None."""
        return {
            "side": self.side,
            "price": float(f"{self.price:.7g}"),
            "low": float(f"{self.low:.7g}"),
            "high": float(f"{self.high:.7g}"),
            "notional_usd": self.notional.row(),
            "on_the_way_usd": self.on_the_way.row(),
            "distance_pct": round(self.distance_pct, 3),
            "distance_sigma": _known(self.distance_sigma, 3),
            "concentration": round(self.concentration, 3),
            "touched_by_volatility": _known(self.touched_by_volatility, 4),
        }


def max_pain(
    mass: SideMass,
    mark: float,
    sigma_day: float,
    reach: float = REACH,
    half_width: float = HALF_WIDTH,
) -> MaxPain | None:
    """Return the price of a side around which the most would be closed; None where nothing stands.

    Parameters
    ----------
    mass : SideMass
        On a window that holds the reach.
    mark : float
        [quote per base]
    sigma_day : float
        Standard deviation of the log return over the coming 24 h; NaN where unknown. [1]
    reach : float
        Window on the side's own way from the mark, as a fraction of it. [1]
    half_width : float
        Half the step, in log price. [1]

    Raises
    ------
    ValueError
        If reach or half width are not between 0 and 1.
    """
    if not (0 < reach < 1 and 0 < half_width < 1):
        raise ValueError(f"reach and half width are fractions, were {reach}, {half_width}")
    near = math.log(mark)
    far = math.log(mark * (1 - reach if mass.side == "long" else 1 + reach))
    bottom, top = min(near, far), max(near, far)
    edges = np.log(mass.grid.edges)
    usd = mass.by_atom_usd.sum(axis=0) * mass.overlap(math.exp(bottom), math.exp(top))
    running = np.concatenate([[0.0], np.cumsum(usd)])
    total = float(running[-1])
    if not total > 0:
        return None
    # Every step that ends at an edge of a bin: its content is linear between those.
    ends = np.unique(np.concatenate([edges, edges - half_width, edges + half_width]))
    middles = ends[(ends >= bottom) & (ends <= top)]
    lows: F8 = np.maximum(middles - half_width, bottom)
    highs: F8 = np.minimum(middles + half_width, top)
    inside = np.interp(highs, edges, running) - np.interp(lows, edges, running)
    # Of equals the nearest to the mark; sums of the same bins differ by rounding alone.
    best = np.flatnonzero(inside >= inside.max() * (1 - 1e-12))
    place = int(best[np.argmin(np.abs(middles[best] - near))])
    low, high, middle = (math.exp(float(x[place])) for x in (lows, highs, middles))
    step, way = mass.bands(
        np.stack(
            [
                mass.overlap(low, high),
                mass.overlap(min(low, mark), max(high, mark)),
            ]
        )
    )
    distance = float(middles[place]) - near
    sigmas = distance / sigma_day if sigma_day > 0 else math.nan
    even = total * float(highs[place] - lows[place]) / (top - bottom)
    return MaxPain(
        side=mass.side,
        price=middle,
        low=low,
        high=high,
        notional=step,
        on_the_way=way,
        distance_pct=100 * math.expm1(distance),
        distance_sigma=sigmas,
        concentration=float(inside[place]) / even if even > 0 else math.nan,
        # Reflection: a driftless walk touches a level twice as often as it ends beyond it.
        touched_by_volatility=math.erfc(abs(sigmas) / math.sqrt(2)),
    )


def _known(value: float, digits: int) -> float | None:
    return None if math.isnan(value) else round(value, digits)

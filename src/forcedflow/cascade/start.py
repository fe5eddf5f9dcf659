"""The start of a cascade: what has happened to price before anything is forced.

In:  a move, a price or an order.   Out: `Start`, and the `Stage` seen from it. [1, USD]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from forcedflow.cascade.stage import Stage
from forcedflow.depth.curve import Direction
from forcedflow.units import F8x2, format_pct, format_price, format_usd


@dataclass(frozen=True, slots=True)
class Start:
    """How it begins; by default price stands at the mark and moves as it pleases.

    Parameters
    ----------
    shock : float
        Log return at once, for other reasons; what stands on the way is forced. [1]
    stands : float
        Log return to where price is taken to stand already: what stood on the way has been closed
        and absorbed, and the book has followed. [1]
    order_usd : float
        Market order at the first step; buying is positive, selling negative. [USD]

    Raises
    ------
    ValueError
        If a figure is not finite.
    """

    shock: float = 0.0
    stands: float = 0.0
    order_usd: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.shock, self.stands, self.order_usd))):
            raise ValueError("a cascade starts from finite figures")

    @classmethod
    def from_move(cls, fraction: float) -> Start:
        """Return the start after a move for other reasons, as a fraction of the mark price.

        Raises
        ------
        ValueError
            If nothing would be left of the price.
        """
        if not fraction > -1:
            raise ValueError(f"a move leaves a price above 0, was {fraction}")
        return cls(shock=math.log1p(fraction))

    @classmethod
    def from_price(cls, price: float, mark: float) -> Start:
        """Return the start with price standing elsewhere than the mark. [quote per base]

        Raises
        ------
        ValueError
            If a price is not positive.
        """
        if not (price > 0 and mark > 0):
            raise ValueError(f"prices are positive, were {price} and {mark}")
        return cls(stands=math.log(price / mark))

    @classmethod
    def from_order(cls, usd: float) -> Start:
        """Return the start with a market order; buying is positive, selling negative. [USD]"""
        return cls(order_usd=usd)

    @property
    def direction(self) -> Direction | None:
        """Return the way it pushes price, where it does."""
        push = self.shock or self.stands or self.order_usd
        if push == 0:
            return None
        return "down" if push < 0 else "up"

    def along(self, direction: Direction) -> tuple[float, float]:
        """Return shock [1] and order [USD] as a direction sees them.

        A shock the other way is a distance to come back first; an order the other way is left out.
        """
        sign = -1.0 if direction == "down" else 1.0
        return sign * self.shock, max(0.0, sign * self.order_usd)

    def seen_from(self, stage: Stage) -> Stage:
        """Return a stage as it is where price is taken to stand.

        Its book stands as far from the new price as it did from the old one.

        Raises
        ------
        ValueError
            If that is beyond the stage.
        """
        if self.stands == 0:
            return stage
        sign = -1.0 if stage.direction == "down" else 1.0
        gone = sign * self.stands
        if gone >= stage.edges[-1]:
            raise ValueError(
                f"nothing is known at {format_price(stage.price(gone))}: the stage ends at "
                f"{format_price(stage.price(float(stage.edges[-1])))}"
            )
        return replace(stage, mark=stage.price(gone), forced=_shifted(stage, gone))

    def words(self, mark: float) -> str:
        """Return what happens first, in words."""
        said = []
        if self.stands:
            price = mark * math.exp(self.stands)
            said.append(f"price stands at {format_price(price)}, what stood between is gone")
        if self.shock:
            said.append(f"price moves {format_pct(math.expm1(self.shock))} for other reasons")
        if self.order_usd:
            verb = "sells" if self.order_usd < 0 else "buys"
            said.append(f"a market order {verb} {format_usd(abs(self.order_usd))}")
        return "; ".join(said) or "price stands at the mark"


def _shifted(stage: Stage, gone: float) -> F8x2:
    # Cumulative flow seen from further on; nothing stands on the way back.
    at = np.maximum(stage.edges + gone, 0.0)
    rows = [
        np.diff(np.interp(at, stage.edges, np.concatenate([[0.0], np.cumsum(row)])))
        for row in stage.forced
    ]
    return np.stack(rows)

"""A position as the margin formulas see it: its value in margin coins and which way it loses.

In:  entry prices, sizes, sides.   Out: `Position`, broadcast arrays.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

Linear and inverse contracts obey one equation when written in the *notional* n: the value of the
position in the coin that margin is in, n = q·P (linear, quote) or n = Q/P (inverse, base). Profit
is d·(n - n_entry), where d = +1 for positions that lose as n falls (linear longs, inverse shorts)
and -1 for those that lose as n grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from forcedflow.margin.rules import PerpetualKind
from forcedflow.units import Side

FloatArray: TypeAlias = npt.NDArray[np.float64]
SideLike: TypeAlias = Side | npt.NDArray[np.str_] | list[Side]


@dataclass(frozen=True, slots=True)
class Position:
    """Broadcast arrays of one shape.

    Parameters
    ----------
    size : ndarray
        Base coins (linear) or quote contracts (inverse).
    notional_at_entry : ndarray
        Value at the entry price. [quote if linear, base if inverse]
    direction : ndarray
        +1 where the position loses as its notional falls, -1 where as it grows.
    kind : {"linear", "inverse"}
        Kind of contract.
    """

    size: FloatArray
    notional_at_entry: FloatArray
    direction: FloatArray
    kind: PerpetualKind

    def price_at(
        self, notional: FloatArray, solvable: npt.NDArray[np.bool_] | np.bool_
    ) -> FloatArray:
        """Return the price at which the position has this notional; NaN where there is none."""
        solvable = solvable & (notional > 0) & np.isfinite(notional)
        positive = np.where(solvable, notional, 1.0)
        price = positive / self.size if self.kind == "linear" else self.size / positive
        return np.asarray(np.where(solvable, price, np.nan), dtype=np.float64)


def side_sign(side: SideLike) -> FloatArray:
    """Return +1 for longs and -1 for shorts.

    Raises
    ------
    ValueError
        If a side is neither ``long`` nor ``short``.
    """
    names = np.asarray(side)
    if not np.isin(names, ("long", "short")).all():
        raise ValueError(f"side must be 'long' or 'short', found {side!r}")
    return np.asarray(np.where(names == "long", 1.0, -1.0), dtype=np.float64)


def position_of(
    entry: npt.ArrayLike, size: npt.ArrayLike, side: SideLike, kind: PerpetualKind
) -> Position:
    """Return positions in the formulas' own terms.

    Raises
    ------
    ValueError
        If an entry price or a size is not a positive number, or a side or kind is unknown.
    """
    if kind not in ("linear", "inverse"):
        raise ValueError(f"kind must be 'linear' or 'inverse', found {kind!r}")
    price = require("entry", entry, above=0.0)
    coins = require("size", size, above=0.0)
    price, coins, sign = np.broadcast_arrays(price, coins, side_sign(side))
    if kind == "linear":
        return Position(coins, coins * price, sign, kind)
    return Position(coins, coins / price, -sign, kind)


def require(name: str, value: npt.ArrayLike, *, above: float) -> FloatArray:
    """Return ``value`` as floats, or say which bound it breaks."""
    numbers = np.asarray(value, dtype=np.float64)
    if not (np.isfinite(numbers) & (numbers > above)).all():
        raise ValueError(f"{name} must be finite and above {above:g}, found {value!r}")
    return numbers


def require_rate(name: str, value: npt.ArrayLike) -> FloatArray:
    """Return a rate in [0, 1), or say that it is none."""
    numbers = np.asarray(value, dtype=np.float64)
    if not ((numbers >= 0) & (numbers < 1)).all():
        raise ValueError(f"{name} must be a fraction in [0, 1), found {value!r}")
    return numbers


def require_finite(name: str, value: npt.ArrayLike) -> FloatArray:
    """Return ``value`` as floats, or say that one is not finite."""
    numbers = np.asarray(value, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} must be finite, found {value!r}")
    return numbers

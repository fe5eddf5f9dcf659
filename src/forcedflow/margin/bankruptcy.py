"""Bankruptcy prices: where the margin of a position is used up.

In:  entry prices, sizes, margins.   Out: prices.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from forcedflow.margin.position import (
    FloatArray,
    Position,
    SideLike,
    position_of,
    require_finite,
    require_rate,
)
from forcedflow.margin.rules import PerpetualKind


def bankruptcy_price(
    entry: npt.ArrayLike,
    size: npt.ArrayLike,
    margin: npt.ArrayLike,
    side: SideLike,
    *,
    fee: npt.ArrayLike = 0.0,
    kind: PerpetualKind = "linear",
) -> FloatArray:
    r"""Return the price at which equity, after the closing fee, is zero.

    .. math:: P_{linear} = \frac{s q E - m}{q (s - f)}, \qquad
              P_{inverse} = \frac{Q (s + f)}{m + s Q / E}

    Parameters
    ----------
    entry : array_like
        Average entry price ``E``. [quote per base]
    size : array_like
        Base coins ``q`` (linear) or quote contracts ``Q`` (inverse).
    margin : array_like
        Margin behind the position ``m``. [quote if linear, base if inverse]
    side : {"long", "short"} or array of these
        Side of the position.
    fee : array_like
        Closing fee rate ``f`` on the value at that price. [1]
    kind : {"linear", "inverse"}
        Kind of contract.

    Returns
    -------
    ndarray, broadcast shape
        Price; NaN where margin is not used up at any positive price. [quote per base]

    Raises
    ------
    ValueError
        If an entry price or size is not positive, or a rate is not in [0, 1).

    References
    ----------
    .. [1] Bybit, "Bankruptcy Price"; "Liquidation Price (Inverse Contract)" (2020) for the fee.

    Examples
    --------
    >>> bankruptcy_price([10_000.0], size=1.0, margin=200.0, side="long")
    array([9800.])
    """
    position = position_of(entry, size, side, kind)
    rate = require_rate("fee", fee)
    notional = bankruptcy_notional(position, require_finite("margin", margin), rate)
    return position.price_at(notional, rate < 1)


def bankruptcy_notional(position: Position, margin: FloatArray, fee: FloatArray) -> FloatArray:
    """Return the notional n that solves margin + d·(n - n_entry) = fee·n."""
    d = position.direction
    return np.asarray((d * position.notional_at_entry - margin) / (d - fee), dtype=np.float64)

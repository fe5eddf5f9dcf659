r"""Impact: how far an order moves the price, from seconds to hours, and how that fades.

In:  order sizes, volume and volatility of one horizon, ages.   Out: log distance. [USD, s, 1]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

Below a minute an order walks the book, `DepthCurve.slippage`; from minutes to hours the
square-root law holds, :math:`I = Y \sigma \sqrt{Q / V}`. The law's slope at zero is infinite, so
that without any shock it would feed on itself: it is cut by a straight line below a stated size.
"""

from __future__ import annotations

import math

import numpy as np

from forcedflow.depth.beyond import TAIL_TO
from forcedflow.depth.curve import DepthCurve, Direction
from forcedflow.units import F8

Y = 0.64
"""Constant of the square-root law: net taker flow of 300 s against the move of the mid, three
coin-days of the Hyperliquid tape, least squares. [1]"""

Y_RANGE = (0.55, 0.73)
"""95 %, half hours drawn again. [1]

By coin 0.77 (BTC), 0.57 (DOGE), 0.60 (AVAX); over 60 s 0.44, 0.38 to 0.50, so it grows with the
horizon, and Donier and Bonart's metaorders on Bitcoin give about 1."""

Y_LOG_SD = 0.4
"""Log error of `Y` for another coin, day or horizon: half the way from 0.44 to 1. [1]"""

LINEAR_MINUTES = 0.01
"""Size below which impact is linear, in minutes of volume. [min]"""

DECAY_S = 60.0
"""Time after which impact has faded to :math:`1/\\sqrt 2`, assumed: on the tape what followed large
orders went the same way for minutes and hides any decay. [s]"""

_SLICES = 60


def square_root_impact(
    order_usd: F8, volume_usd: float, sigma: float, horizon_s: float, y: float = Y
) -> F8:
    r"""Return how far orders worked over a horizon move the price.

    .. math:: I(Q) = Y \sigma \sqrt{Q / V} \quad (Q \ge q), \qquad I(q) \, Q / q \quad (Q < q)

    Parameters
    ----------
    order_usd : ndarray, shape (n,)
        Sizes ``Q``, not negative. [USD]
    volume_usd : float
        Value ``V`` traded over the horizon, before the orders. [USD]
    sigma : float
        Standard deviation of the log return over the same horizon. [1]
    horizon_s : float
        The horizon; says what a minute's volume is, for ``q`` is `LINEAR_MINUTES` of it. [s]
    y : float
        Constant ``Y``. [1]

    Returns
    -------
    ndarray, shape (n,)
        Log distance. [1]

    Raises
    ------
    ValueError
        If a size is negative, or volume, volatility, horizon or ``y`` is not positive.

    References
    ----------
    .. [1] Donier and Bonart, A Million Metaorder Analysis of Market Impact on the Bitcoin, Market
       Microstructure and Liquidity 1 (2015).

    Examples
    --------
    >>> square_root_impact(np.array([5e7]), 1e10, 0.025, 86_400, y=1.0).round(6)
    array([0.001768])
    """
    if (order_usd < 0).any():
        raise ValueError("an order has a size that is not negative")
    linear = _linear_below(volume_usd, sigma, horizon_s, y)
    root = y * sigma * np.sqrt(order_usd / volume_usd)
    line = y * sigma * math.sqrt(linear / volume_usd) * order_usd / linear
    return np.asarray(np.minimum(root, line))


def square_root_curve(
    direction: Direction,
    volume_usd: float,
    sigma: float,
    horizon_s: float,
    at_ms: int,
    y: float = Y,
) -> DepthCurve:
    """Return the depth that `square_root_impact` amounts to, for flow worked over a horizon.

    Parameters
    ----------
    direction : {"down", "up"}
    volume_usd, sigma, horizon_s, y
        As in `square_root_impact`.
    at_ms : int
        Time of the newest row behind volume and volatility. [UTC ms]

    Returns
    -------
    DepthCurve
        Inverse of the law at the borders of slices, even within each. Its error is that of ``Y``
        alone, twice in logs because depth goes with its square.

    Raises
    ------
    ValueError
        As `square_root_impact`.
    """
    linear = _linear_below(volume_usd, sigma, horizon_s, y)
    bend = y * sigma * math.sqrt(linear / volume_usd)
    edges = np.concatenate([[0.0], np.geomspace(bend, max(TAIL_TO, 2 * bend), _SLICES)])
    total = volume_usd * (edges / (y * sigma)) ** 2
    return DepthCurve(
        direction=direction,
        edges=edges,
        usd=np.diff(total),
        measured_to=0.0,
        log_sd=2 * Y_LOG_SD,
        source=f"square-root law over {horizon_s:g} s, Y = {y:g}",
        at_ms=at_ms,
    )


def faded(impact: F8, age_s: F8, decay_s: float = DECAY_S) -> F8:
    r"""Return what is left of impacts some time after.

    .. math:: I(t) = I_0 \, (1 + t / \tau)^{-1/2}

    Parameters
    ----------
    impact : ndarray, shape (n,)
        Impact of each child order when it was done. [1]
    age_s : ndarray, shape (n,)
        Time since then, not negative. [s]
    decay_s : float
        Time ``tau``. [s]

    Returns
    -------
    ndarray, shape (n,)
        Summed over children this is the propagator model. [1]

    Raises
    ------
    ValueError
        If an age is negative or ``decay_s`` is not positive.

    References
    ----------
    .. [1] Maitrier, Loeper and Bouchaud, The "double" square-root law, 2025: each child's impact
       goes with the root of its size and decays with the root of time.
    """
    if (age_s < 0).any() or not decay_s > 0:
        raise ValueError("ages are not negative and a decay takes time")
    return np.asarray(impact / np.sqrt(1.0 + age_s / decay_s))


def _linear_below(volume_usd: float, sigma: float, horizon_s: float, y: float) -> float:
    """Size up to which impact is linear, once the inputs are what they claim to be. [USD]"""
    for name, value in (
        ("volume", volume_usd),
        ("volatility", sigma),
        ("horizon", horizon_s),
        ("Y", y),
    ):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} is positive and finite, was {value}")
    return LINEAR_MINUTES * volume_usd * 60.0 / horizon_s

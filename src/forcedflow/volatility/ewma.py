"""Volatility from squared returns with an exponential memory.

In:  prices at increasing times. [quote per base, UTC ms]   Out: volatility over a horizon. [1]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.
"""

from __future__ import annotations

import numpy as np

from forcedflow.units import DAY_MS, F8, I8


def ewma_volatility(
    close: F8, end_ms: I8, horizon_ms: int = DAY_MS, half_life_ms: int = 2 * DAY_MS
) -> F8:
    r"""Return the volatility expected over the coming horizon, known at each time.

    .. math:: \sigma_t^2 = h \; \sum_{s \le t} w_{ts} r_s^2 \, / \, \sum_{s \le t} w_{ts} \Delta_s,
       \qquad w_{ts} = 2^{-(t-s)/\tau}

    Parameters
    ----------
    close : ndarray, shape (n,)
        Prices. [quote per base]
    end_ms : ndarray of int, shape (n,)
        Their times, increasing. [UTC ms]
    horizon_ms : int
        Horizon ``h``. [ms]
    half_life_ms : int
        Half-life ``tau`` of the memory. [ms]

    Returns
    -------
    ndarray, shape (n,)
        Standard deviation of the log return over the horizon; NaN before the first return. [1]

    Notes
    -----
    Ignores the hour of the week and jumps ahead. The mean return is taken to be zero.

    References
    ----------
    .. [1] J.P. Morgan/Reuters, RiskMetrics Technical Document, 4th ed. 1996, section 5.2.
    """
    if close.size < 2:
        return np.full(close.size, np.nan)
    elapsed = np.diff(end_ms)
    squared = np.diff(np.log(close)) ** 2
    memory = np.exp2(-elapsed / half_life_ms)
    # Squares and time fade alike, so the first days are not biased towards the first return.
    rate, squares, time = [float("nan")], 0.0, 0.0
    for square, span, kept in zip(squared.tolist(), elapsed.tolist(), memory.tolist(), strict=True):
        squares = squares * kept + square
        time = time * kept + span
        rate.append(squares / time)
    sigma: F8 = np.sqrt(np.asarray(rate) * horizon_ms)
    return sigma

"""Volatility from squared returns with an exponential memory.

In:  prices at increasing times. [quote per base, UTC ms]   Out: volatility over a horizon. [1]
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    rate = EwmaMemory().extend(close, end_ms, half_life_ms)
    sigma: F8 = np.sqrt(rate * horizon_ms)
    return sigma


@dataclass(slots=True)
class EwmaMemory:
    """What the exponential memory holds after some prices, so that the next ones can be added.

    Price by price or all at once, the rates are the same to the last byte.

    Parameters
    ----------
    squares, time : float
        Faded sums of squared log returns and of the time they took. [1, ms]
    last_close : float
        Newest price; NaN before the first. [quote per base]
    last_ms : int
        Its time. [UTC ms]
    """

    squares: float = 0.0
    time: float = 0.0
    last_close: float = float("nan")
    last_ms: int = 0

    def extend(self, close: F8, end_ms: I8, half_life_ms: int = 2 * DAY_MS) -> F8:
        """Take further prices in, and return the rate of variance after each. [1 per ms]

        Parameters
        ----------
        close : ndarray, shape (n,)
            Prices after those taken in before. [quote per base]
        end_ms : ndarray of int, shape (n,)
            Their times, increasing. [UTC ms]
        half_life_ms : int
            Half-life of the memory, the same every time. [ms]

        Returns
        -------
        ndarray, shape (n,)
            NaN before the first return.
        """
        if close.size == 0:
            return np.zeros(0)
        is_first = bool(np.isnan(self.last_close))
        prices = close if is_first else np.concatenate([[self.last_close], close])
        times = end_ms if is_first else np.concatenate([[self.last_ms], end_ms])
        elapsed = np.diff(times)
        squared = np.diff(np.log(prices)) ** 2
        memory = np.exp2(-elapsed / half_life_ms)
        # Squares and time fade alike, so the first days are not biased towards the first return.
        rate = [float("nan")] if is_first else []
        squares, time = self.squares, self.time
        for square, span, kept in zip(
            squared.tolist(), elapsed.tolist(), memory.tolist(), strict=True
        ):
            squares = squares * kept + square
            time = time * kept + span
            rate.append(squares / time)
        self.squares, self.time = squares, time
        self.last_close, self.last_ms = float(close[-1]), int(end_ms[-1])
        return np.asarray(rate)

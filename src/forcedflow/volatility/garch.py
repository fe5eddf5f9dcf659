r"""GARCH(1,1) with Student's t: volatility that returns to its mean, and tails that are fat.

In:  returns of equal bars. [1]   Out: `Garch`; variances known before each bar. [1]
Pure: NumPy in, NumPy out; no I/O, no clock; randomness is a generator passed in.

.. math:: h_{t+1} = (1 - \alpha - \beta) \, v + \alpha \, r_t^2 + \beta \, h_t, \qquad
   r_t = \sqrt{h_t} \, z_t, \quad z_t \sim t_\nu \text{ of unit variance}

The long-run variance ``v`` is the returns' own mean square, so that three numbers are fitted.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from forcedflow.errors import NoDataError
from forcedflow.units import F8, F8x2

LEAST_RETURNS = 100
"""Returns without which three parameters are not fitted."""

# Where the search begins, and how fine it ends; in the coordinates of `_unbounded`.
_PERSISTENCE = (0.80, 0.90, 0.95, 0.98, 0.995)
_REACTION = (0.03, 0.08, 0.15, 0.30)
_TAIL = (3.0, 5.0, 10.0, 40.0)
_FIRST_STEP, _LAST_STEP = 0.5, 0.004
_LEAST_TAIL, _MOST_TAIL = 2.1, 200.0


@dataclass(frozen=True, slots=True)
class Garch:
    """A fitted model.

    Parameters
    ----------
    alpha, beta : float
        Weight of the last squared return, and of the last variance; together below 1. [1]
    tail : float
        Degrees of freedom, above 2.
    variance : float
        Long-run variance of a bar. [1]
    """

    alpha: float
    beta: float
    tail: float
    variance: float

    def variances(self, returns: F8, mean: F8 | None = None) -> F8:
        """Return the variance expected of each bar and of the one after the last, shape (n + 1,).

        Parameters
        ----------
        returns : ndarray, shape (n,)
            [1]
        mean : ndarray, shape (n + 1,), optional
            Long-run variance to return to, where it is not the fit's. [1]

        Notes
        -----
        Value ``t`` reads returns before ``t`` alone, and the first is the long-run variance.
        """
        level: F8 = np.full(returns.size + 1, self.variance) if mean is None else mean
        # y' = b y + (1 - b) r² is an exponential mean, which polars runs without a Python loop.
        squares = np.concatenate([level[:1], returns**2])
        memory = pl.Series(squares).ewm_mean(alpha=1 - self.beta, adjust=False).to_numpy()
        left = (1 - self.alpha - self.beta) * level
        expected: F8 = (left + self.alpha * memory) / (1 - self.beta)
        return expected

    def paths(self, ratio: float, bars: int, paths: int, generator: np.random.Generator) -> F8x2:
        """Return simulated returns in units of the long-run deviation, shape (paths, bars).

        Parameters
        ----------
        ratio : float
            Variance of the first bar over the long-run variance. [1]
        bars, paths : int
        generator : numpy.random.Generator
        """
        drawn = generator.standard_t(self.tail, (paths, bars)) * math.sqrt(1 - 2 / self.tail)
        now = np.full(paths, ratio)
        found = np.empty((paths, bars))
        for bar in range(bars):
            found[:, bar] = np.sqrt(now) * drawn[:, bar]
            now = 1 - self.alpha - self.beta + self.alpha * found[:, bar] ** 2 + self.beta * now
        return found

    def to_plain(self) -> dict[str, Any]:
        """Return it as numbers."""
        return {
            "alpha": self.alpha,
            "beta": self.beta,
            "tail": self.tail,
            "variance": self.variance,
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Garch:
        """Return what `to_plain` wrote."""
        return Garch(*(float(plain[name]) for name in ("alpha", "beta", "tail", "variance")))


def log_likelihood(model: Garch, returns: F8) -> float:
    """Return the log-likelihood of returns, the first bar at the long-run variance. [nats]"""
    expected = model.variances(returns)[:-1]
    tail = model.tail
    constant = (
        math.lgamma((tail + 1) / 2) - math.lgamma(tail / 2) - 0.5 * math.log(math.pi * (tail - 2))
    )
    surprise = np.log1p(returns**2 / (expected * (tail - 2)))
    each = constant - 0.5 * np.log(expected) - 0.5 * (tail + 1) * surprise
    return float(each.sum())


def fit_garch(returns: F8) -> Garch:
    """Return the model under which returns are likeliest.

    Parameters
    ----------
    returns : ndarray, shape (n,)
        Of equal bars, all known; their mean is taken to be zero. [1]

    Returns
    -------
    Garch

    Raises
    ------
    NoDataError
        If there are fewer than `LEAST_RETURNS`, or price never moved.

    Notes
    -----
    A grid, then steps along each coordinate that are halved where none helps: no derivative, the
    same bytes every time.

    References
    ----------
    .. [1] T. Bollerslev, "A conditionally heteroskedastic time series model for speculative prices
       and rates of return", Review of Economics and Statistics 69 (1987), 542-547.
    .. [2] C. Francq, L. Horváth, J.-M. Zakoian, "Merits and drawbacks of variance targeting in
       GARCH models", Journal of Financial Econometrics 9 (2011), 619-656.
    """
    variance = float((returns**2).mean()) if returns.size else 0.0
    if returns.size < LEAST_RETURNS or not variance > 0:
        raise NoDataError(
            f"{returns.size} returns held; a GARCH model takes {LEAST_RETURNS} that are not all 0\n"
            "hint: forcedflow fetch VENUE SYMBOL --from an earlier day"
        )

    def cost(point: F8) -> float:
        return -log_likelihood(_bounded(point, variance), returns)

    starts = [
        _unbounded(persistence, reaction, tail)
        for persistence, reaction, tail in itertools.product(_PERSISTENCE, _REACTION, _TAIL)
    ]
    costs = [cost(start) for start in starts]
    best = int(np.argmin(costs))
    point, least, step = starts[best], costs[best], _FIRST_STEP
    while step > _LAST_STEP:
        moved = [point + step * sign * axis for axis in np.eye(3) for sign in (1.0, -1.0)]
        tried = [cost(one) for one in moved]
        nearest = int(np.argmin(tried))
        if tried[nearest] < least:
            point, least = moved[nearest], tried[nearest]
        else:
            step /= 2
    return _bounded(point, variance)


def _unbounded(persistence: float, reaction: float, tail: float) -> F8:
    """Return log odds of a + b and of a / (a + b), and the log of the tail above 2."""
    return np.array(
        [
            math.log(persistence / (1 - persistence)),
            math.log(reaction / (1 - reaction)),
            math.log(tail - 2),
        ]
    )


def _bounded(point: F8, variance: float) -> Garch:
    persistence, reaction = (1 / (1 + np.exp(-np.clip(point[:2], -7, 7)))).tolist()
    tail = float(np.clip(2 + math.exp(min(float(point[2]), 6.0)), _LEAST_TAIL, _MOST_TAIL))
    return Garch(persistence * reaction, persistence * (1 - reaction), tail, variance)

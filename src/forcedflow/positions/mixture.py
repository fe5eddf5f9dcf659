r"""The mixture: how much of each atom is real, learned from realised liquidations.

In:  what each atom would have lost per interval (the design) and what the path alone says (the
     background), both in USD; realised liquidations. [USD]
Out: `Mixture`: a weight per side and atom with its posterior, the background's weights, and the
     size of an effective event; predictions and bands from them.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

The mean is linear, :math:`\lambda_t = \sum_a w_a X_{at} + \sum_j \beta_j B_{jt}`, the variance
:math:`\phi \lambda_t`. Each weight has a Gamma prior worth `PRIOR_EVENTS` effective events at the
stated mixture; expectation–maximisation keeps every weight positive and never lowers the penalised
quasi-likelihood. Liquidations are counted in other units than open interest when a feed is thinned
or sums venues, so the mixture's overall level is free; its shape is what is learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma

import numpy as np

from forcedflow.errors import DataError
from forcedflow.positions.background import Features
from forcedflow.units import DAY_MS, F8, I8, SIDES, F8x2

PRIOR_EVENTS = 0.5
"""Effective events that an average atom's prior is worth; chosen on inner folds alone."""

BACKGROUND_EVENTS = 0.3
"""The same for each background term."""

_BACKGROUND_SHARE = 0.5
_STEPS = 600
_TINY = 1e-9
_CUBE_ROOT_FROM = 5.0

Design = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]
"""Shape ``(n, 2, terms)``: longs then shorts. [USD]"""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Posterior of the weights.

    Parameters
    ----------
    weight : ndarray, shape (2, a)
        Posterior mean per side and atom. [USD liquidated per USD swept]
    events : ndarray, shape (2, a)
        Shape of each Gamma posterior: effective events behind the weight, the prior's included.
    background : ndarray, shape (2, j)
        Weights of the path-only terms.
    dispersion : ndarray, shape (2,)
        Variance over mean, the size of an effective event. [USD]
    informed : ndarray, shape (2, a)
        Share of `events` that came from data rather than from the prior. [1]
    n : int
        Intervals fitted.
    """

    weight: F8x2
    events: F8x2
    background: F8x2
    dispersion: F8
    informed: F8x2
    n: int

    def predict(self, design: Design, background: Features) -> F8x2:
        """Return expected liquidations, shape ``(n, 2)``. [USD]"""
        expected: F8x2 = np.einsum("nsa,sa->ns", design, self.weight) + np.einsum(
            "nsj,sj->ns", background, self.background
        )
        return expected

    def spread(self, design: Design) -> F8x2:
        """Return the posterior standard deviation of the map's part, shape ``(n, 2)``. [USD]

        Weights are taken as independent, which understates the spread where atoms are swept
        together.
        """
        variance = np.einsum("nsa,sa->ns", design**2, self.weight**2 / self.events)
        spread: F8x2 = np.sqrt(variance)
        return spread


def aggregate_design(
    swept: np.ndarray[tuple[int, int, int], np.dtype[np.float64]],
    price: F8,
    bar_end_ms: I8,
    end_ms: I8,
    length_ms: int,
) -> Design:
    """Return what each atom lost in each interval ``(end - length, end]``.

    Parameters
    ----------
    swept : ndarray, shape (2, a, n)
        Contracts per side, atom and bar, as a replay with its design records them. [base coins]
    price : ndarray, shape (n,)
        Price that turns contracts into dollars. [quote per base]
    bar_end_ms : ndarray of int, shape (n,)
        Ends of the bars. [UTC ms]
    end_ms : ndarray of int, shape (m,)
        Ends of the intervals. [UTC ms]
    length_ms : int
        Their length. [ms]

    Returns
    -------
    ndarray, shape (m, 2, a)
        [USD]
    """
    running = np.cumsum(swept * price, axis=2)
    running = np.concatenate([np.zeros((*running.shape[:2], 1)), running], axis=2)
    first = np.searchsorted(bar_end_ms, end_ms - length_ms, side="right")
    stop = np.searchsorted(bar_end_ms, end_ms, side="right")
    summed: Design = np.ascontiguousarray(
        np.transpose(running[:, :, stop] - running[:, :, first], (2, 0, 1))
    )
    # Differences of running sums leave rounding dust below zero.
    return np.maximum(summed, 0.0)


def fit_mixture(
    design: Design,
    background: Features,
    target: F8x2,
    prior_share: F8,
    *,
    prior_events: float = PRIOR_EVENTS,
) -> Mixture:
    """Return the posterior of the weights given realised liquidations.

    Parameters
    ----------
    design : ndarray, shape (n, 2, a)
        What each atom would have lost at unit weight. [USD]
    background : ndarray, shape (n, 2, j)
        Path-only terms. [USD]
    target : ndarray, shape (n, 2)
        Realised liquidations. [USD]
    prior_share : ndarray, shape (a,)
        The stated mixture; atoms with a larger share have a firmer prior. [1]
    prior_events : float
        Strength of the prior of an average atom. [effective events]

    Returns
    -------
    Mixture

    Raises
    ------
    ValueError
        If shapes differ or a value is negative or not finite.
    DataError
        If a side was never liquidated in the rows given.
    """
    n, n_sides, n_atoms = design.shape
    if n_sides != len(SIDES) or target.shape != (n, 2) or background.shape[:2] != (n, 2):
        raise ValueError("design, background and target must have the same rows and two sides")
    for name, values in (("design", design), ("background", background), ("target", target)):
        if not np.isfinite(values).all() or (values < 0).any():
            raise ValueError(f"{name} must be finite and not negative")
    n_terms = background.shape[2]
    weight, events = np.zeros((2, n_atoms)), np.zeros((2, n_atoms))
    informed, path = np.zeros((2, n_atoms)), np.zeros((2, n_terms))
    dispersion = np.zeros(2)
    share = prior_share / prior_share.sum()
    for side, name in enumerate(SIDES):
        y = target[:, side]
        if not y.any():
            raise DataError(f"no {name} was liquidated in the {n} intervals given")
        terms = np.concatenate([background[:, side], design[:, side]], axis=1)
        mean, strength = _prior(terms, n_terms, y, share, prior_events)
        fitted, shape, phi = _settle(terms, y, mean, strength)
        path[side], weight[side] = fitted[:n_terms], fitted[n_terms:]
        events[side] = shape[n_terms:]
        informed[side] = 1 - strength[n_terms:] / np.maximum(events[side], _TINY)
        dispersion[side] = phi
    return Mixture(weight, events, path, dispersion, informed, n)


def _prior(terms: F8x2, n_terms: int, y: F8, share: F8, prior_events: float) -> tuple[F8, F8]:
    """Prior mean and strength: half of what happened to the path, half to the stated mixture."""
    swept = terms.sum(axis=0)
    mean, strength = np.zeros(terms.shape[1]), np.zeros(terms.shape[1])
    with np.errstate(divide="ignore"):
        mean[:n_terms] = np.where(
            swept[:n_terms] > 0, _BACKGROUND_SHARE * y.sum() / swept[:n_terms] / n_terms, 0.0
        )
    whole = float(swept[n_terms:] @ share)
    mean[n_terms:] = share * (1 - _BACKGROUND_SHARE) * y.sum() / whole if whole > 0 else 0.0
    strength[:n_terms] = BACKGROUND_EVENTS
    strength[n_terms:] = prior_events * share / share.mean()
    return mean, strength


def _settle(terms: F8x2, y: F8, mean: F8, strength: F8) -> tuple[F8, F8, float]:
    """Expectation–maximisation at a dispersion taken from a first round's residuals."""
    weight = mean.copy()
    swept = terms.sum(axis=0)
    live = mean > 0
    phi = float(y.mean())
    shape = strength.copy()
    for _ in range(2):
        for _ in range(_STEPS):
            rate = np.maximum(terms @ weight, _TINY)
            shape = strength + weight * (terms.T @ (y / rate)) / phi
            weight = np.where(live, shape / (strength / np.where(live, mean, 1) + swept / phi), 0)
        rate = np.maximum(terms @ weight, _TINY)
        # A fit without residuals has no dispersion, and nothing could be divided by it.
        phi = max(float(((y - rate) ** 2 / rate).sum() / y.size), _TINY * float(y.mean()))
    return weight, shape, phi


class OnlineMixture:
    """The same posterior updated interval by interval, older ones fading.

    Parameters
    ----------
    start : Mixture
        Posterior of a batch fit; its weights are the prior mean of what follows.
    half_life_days : float
        Memory. [d]
    carried : float
        Share of the batch posterior's effective events that its weights keep as a prior: below
        one, what is new weighs more. [1]
    background_events : ndarray, shape (2, j), optional
        Effective events behind the path-only weights; where left out, they stay as fitted.

    Notes
    -----
    Gamma–Poisson discount filter: credited events and exposure fade alike and every interval is
    shared out by the weights from before it. `advance` row by row and `replay` are one loop.
    """

    def __init__(
        self,
        start: Mixture,
        half_life_days: float = 30.0,
        *,
        carried: float = 1.0,
        background_events: F8x2 | None = None,
    ) -> None:
        self.start = start
        self.half_life_days = half_life_days
        fixed = np.full_like(start.background, np.inf)
        behind = fixed if background_events is None else background_events
        self._mean = np.concatenate([start.weight, start.background], axis=1)
        self._prior = carried * np.concatenate([start.events, behind], axis=1)
        self._terms = self._mean.copy()
        self._credited = np.zeros_like(self._mean)
        self._exposed = np.zeros_like(self._mean)

    @property
    def weight(self) -> F8x2:
        """Return the weights as they stand, shape ``(2, a)``."""
        return self._terms[:, : self.start.weight.shape[1]]

    def advance(self, design: F8x2, background: F8x2, target: F8, elapsed_ms: int) -> F8:
        """Predict one interval, then learn from it.

        Parameters
        ----------
        design : ndarray, shape (2, a)
            [USD]
        background : ndarray, shape (2, j)
            [USD]
        target : ndarray, shape (2,)
            Realised liquidations, known only after the prediction. [USD]
        elapsed_ms : int
            Time since the interval before. [ms]

        Returns
        -------
        ndarray, shape (2,)
            Expected liquidations. [USD]
        """
        kept = 2.0 ** (-elapsed_ms / (self.half_life_days * DAY_MS))
        terms = np.concatenate([design, background], axis=1)
        mapped = self._terms * terms
        expected: F8 = mapped.sum(axis=1)
        phi = self.start.dispersion[:, None]
        share = mapped / np.where(expected > 0, expected, 1.0)[:, None]
        self._credited = kept * self._credited + share * target[:, None] / phi
        self._exposed = kept * self._exposed + terms / phi
        # An infinite prior stays where it is; a weight of zero has nothing to grow from.
        learns = (self._mean > 0) & np.isfinite(self._prior)
        mean = np.where(learns, self._mean, 1.0)
        prior = np.where(learns, self._prior, 0.0)
        learned = (prior + self._credited) / (prior / mean + self._exposed + ~learns)
        self._terms = np.where(learns, learned, self._mean)
        return expected

    def replay(self, design: Design, background: Features, target: F8x2, end_ms: I8) -> F8x2:
        """Predict and learn many intervals in time order, shape ``(n, 2)``. [USD]"""
        elapsed = np.diff(end_ms, prepend=end_ms[:1])
        expected = np.zeros((end_ms.size, 2))
        for t in range(end_ms.size):
            expected[t] = self.advance(design[t], background[t], target[t], int(elapsed[t]))
        return expected


def gamma_quantile(mean: F8, deviation: F8, probability: float) -> F8:
    """Return quantiles of Gamma distributions.

    Parameters
    ----------
    mean, deviation : ndarray, shape (n,)
        Mean and standard deviation.
    probability : float
        In (0, 1).

    Returns
    -------
    ndarray, shape (n,)

    Notes
    -----
    The cube-root normal approximation [1]_ is good to 0.3 % from a shape of five on; below, where
    its lower tail is wrong by any factor, the distribution itself is inverted by bisection.

    References
    ----------
    .. [1] Wilson and Hilferty, The distribution of chi-square, PNAS 17 (1931) 684.
    """
    spread = deviation > 0
    if not spread.any():  # nothing to invert where nothing was learned
        return mean.copy()
    shape = np.full(mean.shape, np.inf)
    shape[spread] = (mean[spread] / deviation[spread]) ** 2
    scaled = np.ones(mean.shape)
    wide = shape >= _CUBE_ROOT_FROM
    z = _normal_quantile(probability)
    scaled[wide] = (1 - 1 / (9 * shape[wide]) + z / (3 * np.sqrt(shape[wide]))) ** 3
    narrow = ~wide & (mean > 0)
    scaled[narrow] = _small_shape_quantile(shape[narrow], probability)
    quantile: F8 = mean * scaled
    return quantile


def _small_shape_quantile(shape: F8, probability: float) -> F8:
    """Invert the incomplete gamma series by bisection in the logarithm; in units of the mean."""
    if shape.size == 0:
        return shape
    log_gamma = np.array([lgamma(a + 1) for a in shape.tolist()])
    # P(a, x) is at most x^a / Γ(a + 1), which bounds the quantile from below.
    low = (np.log(probability) + log_gamma) / shape
    high = np.log(shape + 40.0)
    for _ in range(60):
        middle = (low + high) / 2
        x = np.exp(middle)
        term = np.exp(shape * middle - x - log_gamma)
        below = term.copy()
        for n in range(1, 200):
            term = term * x / (shape + n)
            below += term
            # What no longer changes the last digit never will: from here on terms shrink.
            if (term < 1e-17 * below).all():
                break
        under = below < probability
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    quantile: F8 = np.exp((low + high) / 2) / shape
    return quantile


def _normal_quantile(p: float) -> float:
    """Rational approximation, good to 4.5e-4 (Abramowitz and Stegun 26.2.23)."""
    tail = min(p, 1 - p)
    t = float(np.sqrt(-2 * np.log(tail)))
    z = t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (
        1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t**3
    )
    return -z if p < 0.5 else z

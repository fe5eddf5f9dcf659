"""The path-only null: liquidations explained by open interest and the price path alone.

In:  `Bars`; realised liquidations per side. [USD]   Out: features [USD], weights, expected USD.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

It knows no entries, no leverage and no volume, so whatever a map of positions adds must show as a
gain over it. The same features are the map's background: what liquidates without a cluster.
Sides are in the order of `SIDES`: column 0 longs, which falls liquidate; column 1 shorts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from forcedflow.errors import DataError
from forcedflow.positions.bars import Bars
from forcedflow.units import DAY_MS, F8, HOUR_MS, I8, SIDES, F8x2

Features: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]
"""Shape ``(n, sides, features)``: one column per span, then the range, then the open interest."""

EXCURSION_SPANS_MS: tuple[int, ...] = (2 * HOUR_MS, 12 * HOUR_MS, 48 * HOUR_MS)
"""How far back an extreme is remembered. One span saturates: a move through the day's low takes
more than one through the hour's, so each has a weight. Chosen by five-fold cross-validation in
blocks of time on BTC, December 2025 to 25 January 2026 (D² 0.846; best single span 0.790)."""

_SETTLED = 1e-8  # twice a log-likelihood: nothing that any score can see
_MOST_STEPS = 200_000


@dataclass(frozen=True, slots=True)
class Background:
    """A fitted path-only null.

    Parameters
    ----------
    weights : ndarray, shape (2, features)
        Liquidated share of each feature, not negative. [USD per USD of the feature]
    dispersion : ndarray, shape (2,)
        Variance over mean, the size of an effective event. [USD]
    deviance : ndarray, shape (2,)
        Quasi-Poisson deviance on the rows fitted. [USD]
    n : int
        Rows fitted.
    """

    weights: F8x2
    dispersion: F8
    deviance: F8
    n: int

    def predict(self, features: Features) -> F8x2:
        """Return the liquidations expected per row and side, shape ``(n, 2)``. [USD]"""
        expected: F8x2 = np.einsum("nsj,sj->ns", features, self.weights)
        return expected


def background_features(bars: Bars, spans_ms: tuple[int, ...] = EXCURSION_SPANS_MS) -> Features:
    r"""Return what the path alone says about liquidations, per bar and side.

    .. math:: b_k = O \, [\min_{t-k \le u < t} \ell_u - \ell_t]^+ , \quad
       b_r = O \, [c_{t-1} - \ell_t]^+ , \quad b_0 = O \, \Delta_t

    for longs, with :math:`\ell` and :math:`c` the logarithms of low and close, :math:`O` the open
    interest in dollars before the bar and :math:`\Delta` the bar's length in hours; mirrored for
    shorts.

    Parameters
    ----------
    bars : Bars
    spans_ms : tuple of int
        Memories ``k`` of the extremes, increasing. [ms]

    Returns
    -------
    ndarray, shape (n, 2, len(spans_ms) + 2)
        One excursion per span, the range on that side, the open interest times hours. NaN until
        the longest span has been seen. A sum over bars is the feature of the longer bar. [USD]

    Raises
    ------
    ValueError
        If there is no span, or one is not positive.

    Notes
    -----
    Row ``t`` reads bars up to ``t`` and nothing later. Extremes are of bars that ended within the
    span before the bar began, and always of the bar just before, so a gap longer than the span
    measures from the last known price.
    """
    if not spans_ms or min(spans_ms) <= 0:
        raise ValueError(f"spans must be positive, found {spans_ms}")
    n = bars.size
    features = np.full((n, len(SIDES), len(spans_ms) + 2), np.nan)
    if n < 2:
        return features
    begin = bars.end_ms - bars.elapsed_ms
    before = bars.open_interest[:-1] * bars.close[:-1]
    last = np.log(bars.close[:-1])
    # Shorts are longs of the mirrored path: one rule, two sides.
    for side, worst in enumerate((np.log(bars.low), -np.log(bars.high))):
        for column, span in enumerate(spans_ms):
            first = np.searchsorted(bars.end_ms, begin[1:] - span, side="right")
            extreme = _range_minimum(worst, np.minimum(first, np.arange(n - 1)))
            features[1:, side, column] = np.maximum(extreme - worst[1:], 0.0)
        close = last if side == 0 else -last
        features[1:, side, -2] = np.maximum(close - worst[1:], 0.0)
        features[1:, side, -1] = bars.elapsed_ms[1:] / HOUR_MS
    features[1:] *= before[:, None, None]
    features[begin - max(spans_ms) < begin[0]] = np.nan
    return features


def sum_features(features: Features, bars: Bars, end_ms: I8, length_ms: int) -> Features:
    """Return features summed over the intervals ``(end - length, end]``.

    Parameters
    ----------
    features : ndarray, shape (n, 2, j)
        Of `background_features`. [USD]
    bars : Bars
        The bars they are of.
    end_ms : ndarray of int, shape (m,)
        Ends of the intervals, increasing. [UTC ms]
    length_ms : int
        Their length. [ms]

    Returns
    -------
    ndarray, shape (m, 2, j)
        NaN where the bars do not fill the interval exactly, or one of them is NaN. [USD]
    """
    begin = bars.end_ms - bars.elapsed_ms
    first = np.searchsorted(begin, end_ms - length_ms, side="left")
    stop = np.searchsorted(bars.end_ms, end_ms, side="right")
    summed = np.full((end_ms.size, *features.shape[1:]), np.nan)
    for row, (start, end) in enumerate(zip(first.tolist(), stop.tolist(), strict=True)):
        if int(bars.elapsed_ms[start:end].sum()) == length_ms:
            summed[row] = features[start:end].sum(axis=0)
    return summed


def fit_background(features: Features, target: F8x2, prior_events: float = 1.0) -> Background:
    r"""Return non-negative weights per side that explain realised liquidations best.

    Over-dispersed Poisson, :math:`E[Y] = \lambda = \sum_j w_j b_j` and
    :math:`Var[Y] = \phi \lambda`, with a Gamma prior of ``alpha`` effective events per weight:

    .. math:: w_j \leftarrow \frac{\alpha + w_j \sum_t b_{jt} Y_t / (\phi \lambda_t)}
       {\alpha / w_{0j} + \sum_t b_{jt} / \phi}

    Parameters
    ----------
    features : ndarray, shape (n, 2, j)
        Not negative, finite. [USD]
    target : ndarray, shape (n, 2)
        Realised liquidations. [USD]
    prior_events : float
        Weight ``alpha`` of the prior, in effective events. 0 is no prior. [1]

    Returns
    -------
    Background

    Raises
    ------
    ValueError
        If shapes differ, a value is negative or not finite, or rows are no more than features.
    DataError
        If a side was never liquidated, or was where every feature is zero.

    Notes
    -----
    No step raises the penalised deviance. The prior mean spreads the whole amount evenly over the
    features that ever moved; the others keep weight 0. The dispersion is Pearson's, from a first
    fit without a prior.

    References
    ----------
    .. [1] Richardson, Bayesian-based iterative method of image restoration, JOSA 62 (1972) 55.
    .. [2] Shepp and Vardi, Maximum likelihood reconstruction for emission tomography, IEEE Trans.
       Med. Imaging 1 (1982) 113.
    .. [3] McCullagh and Nelder, Generalized linear models, 2nd ed. 1989, chapter 9: dispersion.
    """
    n, n_sides, n_features = features.shape
    if target.shape != (n, n_sides) or n_sides != len(SIDES):
        raise ValueError(f"target must have shape {(n, len(SIDES))}, found {target.shape}")
    if n <= n_features:
        raise ValueError(f"more rows than features are needed, found {n} and {n_features}")
    if not (np.isfinite(features).all() and (features >= 0).all()):
        raise ValueError("features must be finite and not negative: drop the rows without history")
    if not (np.isfinite(target).all() and (target >= 0).all()) or prior_events < 0:
        raise ValueError("liquidations and the prior must be finite and not negative")
    weights = np.zeros((n_sides, n_features))
    dispersion, deviance = np.zeros(n_sides), np.zeros(n_sides)
    for side, name in enumerate(SIDES):
        b, y = np.ascontiguousarray(features[:, side]), np.ascontiguousarray(target[:, side])
        if not y.any() or (y[~b.any(axis=1)] > 0).any():
            raise DataError(
                f"the path cannot explain the {name} liquidations: none at all, or some where "
                "open interest is zero"
            )
        moved = b.any(axis=0)
        b = b[:, moved]
        mean = y.sum() / b.sum(axis=0) / b.shape[1]
        free = _settle(mean, b, y, mean, 0.0, float(y.mean()))
        rate = b @ free
        seen = rate > 0
        phi = float(((y - rate)[seen] ** 2 / rate[seen]).sum() / (n - b.shape[1]))
        # A fit without residuals has no dispersion and leaves the prior nothing to weigh against.
        # The start is the prior's own mean, since a free weight may have vanished altogether.
        settled = _settle(mean, b, y, mean, prior_events, phi) if phi > 0 else free
        weights[side, moved], dispersion[side] = settled, phi
        deviance[side] = _deviance(y, b @ settled)
    return Background(weights, dispersion, deviance, n)


def trailing_level(target: F8, predicted: F8, end_ms: I8, half_life_days: float = 14.0) -> F8:
    r"""Return the factor between realised and expected, known before each row.

    .. math:: f_t = \sum_{u < t} 2^{-(t-u)/\tau} Y_u \, / \, \sum_{u < t} 2^{-(t-u)/\tau} \lambda_u

    Parameters
    ----------
    target, predicted : ndarray, shape (n,)
        Realised and expected liquidations; sum the sides first. [USD]
    end_ms : ndarray of int, shape (n,)
        Times at which the rows were known, increasing. [UTC ms]
    half_life_days : float
        Half-life ``tau`` of the memory. [d]

    Returns
    -------
    ndarray, shape (n,)
        1 until half a half-life of rows lies behind: a few hours say nothing of a level. [1]

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite, or the half-life is not positive.

    Notes
    -----
    Feeds are thinned by an unknown and drifting share, and traders' leverage drifts: a static
    level decays within weeks. Both sides share one factor, which varies less than one per side.
    """
    if not target.shape == predicted.shape == end_ms.shape or half_life_days <= 0:
        raise ValueError("one realised, one expected and one time per row, and a half-life above 0")
    if not (np.isfinite(target).all() and np.isfinite(predicted).all()):
        raise ValueError("realised and expected must be finite: drop the rows without history")
    half_life_ms = half_life_days * DAY_MS
    level = np.ones(target.size)
    realised = expected = 0.0
    for t in range(1, target.size):
        kept = 2.0 ** (-float(end_ms[t] - end_ms[t - 1]) / half_life_ms)
        realised = (realised + float(target[t - 1])) * kept
        expected = (expected + float(predicted[t - 1])) * kept
        if expected > 0 and end_ms[t] - end_ms[0] >= half_life_ms / 2:
            level[t] = realised / expected
    return level


def _range_minimum(values: F8, first: I8) -> F8:
    """Minimum of ``values[first[i] : i + 1]`` for each ``i`` of `first`, by doubling windows."""
    stop = np.arange(first.size) + 1
    depth = np.frexp((stop - first).astype(np.float64))[1] - 1
    windows, found = values, np.empty(first.size)
    for level in range(int(depth.max()) + 1):
        here = np.flatnonzero(depth == level)
        found[here] = np.minimum(windows[first[here]], windows[stop[here] - (1 << level)])
        if windows.size > 1 << level:
            windows = np.minimum(windows[: -(1 << level)], windows[1 << level :])
    return found


def _settle(start: F8, b: F8x2, y: F8, mean: F8, alpha: float, phi: float) -> F8:
    """Repeat the step until the penalised deviance stands still."""
    weights, last = start, _penalised(start, b, y, mean, alpha, phi)
    for _ in range(_MOST_STEPS):
        weights = _step(weights, b, y, mean, alpha, phi)
        now = _penalised(weights, b, y, mean, alpha, phi)
        if last - now < _SETTLED:
            return weights
        last = now
    raise DataError(f"the weights did not settle in {_MOST_STEPS:,} steps")


def _step(weights: F8, b: F8x2, y: F8, mean: F8, alpha: float, phi: float) -> F8:
    rate = b @ weights
    # Where nothing is expected nothing happened, which fit_background has made sure of.
    ratio = np.divide(y, rate, out=np.zeros_like(y), where=rate > 0)
    stepped: F8 = (alpha + weights * (ratio @ b) / phi) / (alpha / mean + b.sum(axis=0) / phi)
    return stepped


def _penalised(weights: F8, b: F8x2, y: F8, mean: F8, alpha: float, phi: float) -> float:
    prior = 0.0
    if alpha > 0:
        relative = weights / mean
        prior = 2.0 * alpha * float((relative - np.log(relative)).sum())
    return _deviance(y, b @ weights) / phi + prior


def _deviance(y: F8, rate: F8) -> float:
    some = y > 0
    logs = float((y[some] * np.log(y[some] / rate[some])).sum())
    return 2.0 * (logs - float((y - rate).sum()))

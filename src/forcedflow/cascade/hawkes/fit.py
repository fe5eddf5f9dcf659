"""Fit a self-exciting process: to times, to counts of a coarse clock, or to a thinned feed.

In:  `Events`, `Baseline`.   Out: `HawkesFit`.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

What a feed can be, and what is fitted to each, stands in `forcedflow.cascade.hawkes.prepared`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from forcedflow.cascade.hawkes import _kernels
from forcedflow.cascade.hawkes.baseline import Baseline
from forcedflow.cascade.hawkes.model import MEMORIES_S, Events, HawkesModel
from forcedflow.cascade.hawkes.prepared import PRIOR_EVENTS, Prepared, Reading, prepare
from forcedflow.units import F8, SECOND_MS

SIZE_EXPONENTS: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Candidates for γ; the likeliest is kept. [1]"""

TOLERANCE = 1e-4
"""Change of the log-likelihood at which the updates stop; a memory without mass is then within a
few ten-thousandths of 0. [nat]"""

ITERATIONS = 20_000
ROUNDS = 500
"""Rounds of a thinned fit: expected counts, then a few updates."""


@dataclass(frozen=True, slots=True)
class HawkesFit:
    """A fitted process and what it was fitted to.

    Parameters
    ----------
    model : HawkesModel
    reading : {"times", "counts", "thinned", "bursts"}
    bin_ms : int
        Width of a bin; 0 for times. [ms]
    events : float
        Events in the likelihood; prints of a thinned feed, or bursts.
    span_s : float
        Length of the window watched. [s]
    log_likelihood : float
        Constants of the data left out: comparable for one feed and one reading alone. [nat]
    caused_share : float
        Share of events that earlier ones caused, by timing alone. [1]
    tied_share : float
        Share of events at the same millisecond as the one before. [1]
    converged : bool
        Whether the updates came to rest.
    """

    model: HawkesModel
    reading: Reading
    bin_ms: int
    events: float
    span_s: float
    log_likelihood: float
    caused_share: float
    tied_share: float
    converged: bool


def fit_times(
    events: Events,
    baseline: Baseline,
    memories_s: tuple[float, ...] = MEMORIES_S,
    size_exponents: tuple[float, ...] = SIZE_EXPONENTS,
) -> HawkesFit:
    """Return the likeliest process of a complete feed with exact times, any number of series.

    Parameters
    ----------
    events : Events
    baseline : Baseline
        Covers the events.
    memories_s : tuple of float
        Memories of the kernel. [s]
    size_exponents : tuple of float
        Candidates for γ. [1]

    Returns
    -------
    HawkesFit

    Raises
    ------
    ValueError
        If there is no event, or one lies outside the window.

    References
    ----------
    .. [1] E. Lewis, G. Mohler, A nonparametric EM algorithm for multiscale Hawkes processes, 2011.
    .. [2] Y. Ogata, The asymptotic behaviour of maximum likelihood estimators for stationary point
       processes, 1978.
    """
    return _likeliest(prepare(events, baseline, "times", 0, memories_s, e) for e in size_exponents)


def fit_counts(
    events: Events,
    baseline: Baseline,
    bin_ms: int = SECOND_MS,
    memories_s: tuple[float, ...] = MEMORIES_S,
    size_exponents: tuple[float, ...] = SIZE_EXPONENTS,
) -> HawkesFit:
    """Return the likeliest process of one complete series whose clock ticks every ``bin_ms``.

    Parameters and errors as `fit_times`; also `ValueError` for several series (pool them) or a
    baseline whose borders are not borders of bins.
    """
    return _likeliest(
        prepare(events, baseline, "counts", bin_ms, memories_s, e) for e in size_exponents
    )


def fit_thinned(
    events: Events,
    baseline: Baseline,
    bin_ms: int = SECOND_MS,
    memories_s: tuple[float, ...] = MEMORIES_S,
    size_exponent: float = 0.0,
) -> HawkesFit:
    """Return the process of one series of which at most one event per bin was printed.

    Parameters and errors as `fit_counts`; further prints of a bin are ignored. The size exponent is
    given: of the events left out no size is known.

    Notes
    -----
    What an unseen event excites is replaced by its expectation given the past. Where most bins of
    a burst hold a print, their number is hardly known, and neither is the ratio: see the interval.
    """
    return refit(prepare(events, baseline, "thinned", bin_ms, memories_s, size_exponent))


def fit_bursts(
    events: Events,
    baseline: Baseline,
    bin_ms: int = SECOND_MS,
    memories_s: tuple[float, ...] = MEMORIES_S,
    size_exponents: tuple[float, ...] = SIZE_EXPONENTS,
) -> HawkesFit:
    """Return the likeliest process of one series where each bin is one event of its joint size.

    Parameters and errors as `fit_counts`. The branching ratio is of bursts: how many bursts one
    burst is followed by, within the memories and beyond the bin.
    """
    return _likeliest(
        prepare(events, baseline, "bursts", bin_ms, memories_s, e) for e in size_exponents
    )


def refit(
    prepared: Prepared,
    weight: F8 | None = None,
    start: HawkesModel | None = None,
    prior_events: float = PRIOR_EVENTS,
) -> HawkesFit:
    """Return the likeliest process where the baseline's steps have weights.

    Parameters
    ----------
    prepared : Prepared
    weight : ndarray, shape (m,), optional
        How often each step counts: 0 where the feed was down or the past only warms the memory up;
        days drawn again have their number of draws. 1 without it. [1]
    start : HawkesModel, optional
        Where the updates begin.
    prior_events : float
        Pseudo-events that draw each level of a factor to 1.

    Raises
    ------
    ValueError
        If no event has weight.
    """
    weight = np.ones(prepared.baseline.steps) if weight is None else weight
    rows = prepared.rows._replace(weight=weight[prepared.rows.step])
    seen = float((rows.weight * rows.held).sum())
    if not seen > 0:
        raise ValueError("no event has weight")
    parameters = _begin(prepared, weight, rows) if start is None else _copied(start)
    if prepared.reading == "thinned":
        return _refit_thinned(prepared, weight, rows, parameters, prior_events)
    exposure = prepared.exposure(weight, prior_events)
    likelihood, change, _ = _kernels.maximise(
        rows, exposure, parameters, prepared.reading == "bursts", ITERATIONS, TOLERANCE
    )
    caused = float((parameters.mass * exposure.excited[None]).sum())
    return _fitted(prepared, parameters, seen, likelihood, caused / seen, change <= TOLERANCE)


def log_likelihood(prepared: Prepared, model: HawkesModel) -> float:
    """Return the log-likelihood of a model, constants of the data left out. [nat]"""
    exposure = prepared.exposure(np.ones(prepared.baseline.steps))
    censored = prepared.reading in {"thinned", "bursts"}
    # One update from a copy: the kernel returns the likelihood of where it began.
    found = _kernels.maximise(prepared.rows, exposure, _copied(model), censored, 1, 0.0)
    return float(found[0])


def _likeliest(candidates: Iterable[Prepared]) -> HawkesFit:
    fits = [refit(prepared) for prepared in candidates]
    return max(fits, key=lambda fit: fit.log_likelihood)


def _refit_thinned(
    prepared: Prepared,
    weight: F8,
    rows: _kernels.Rows,
    parameters: _kernels.Parameters,
    prior_events: float,
) -> HawkesFit:
    n = rows.held.size
    felt, mark, count = np.zeros_like(rows.felt), np.zeros(n), np.zeros(n)
    shape = np.zeros(prepared.baseline.steps)
    likelihood, at_rest, filled = 0.0, False, prepared
    for _ in range(ROUNDS):
        _kernels.baseline_by_step(parameters.factors, prepared.baseline.codes, shape)
        _kernels.unseen_counts(
            prepared.place,
            parameters.rate[0] * shape[rows.step] * rows.unit,
            prepared.mark,
            float(prepared.mean_mark[0]),
            rows.unit,
            prepared.decay,
            parameters.mass[0, 0].copy(),
            felt,
            mark,
            count,
        )
        filled = replace(prepared, mark=mark)
        exposure = filled.exposure(weight, prior_events)
        before = parameters.mass.copy()
        likelihood, _, _ = _kernels.maximise(
            rows._replace(felt=felt), exposure, parameters, True, 5, 0.0
        )
        at_rest = bool(np.abs(parameters.mass - before).sum() < 1e-5)
        if at_rest:
            break
    held = float((rows.weight * count).sum())
    watched = replace(filled, reading="counts").exposure(weight)
    caused = float((parameters.mass * watched.excited[None]).sum())
    seen = float(rows.weight.sum())
    return _fitted(prepared, parameters, seen, likelihood, caused / held, at_rest)


def _fitted(
    prepared: Prepared,
    parameters: _kernels.Parameters,
    seen: float,
    likelihood: float,
    caused_share: float,
    converged: bool,
) -> HawkesFit:
    model = HawkesModel(
        names=prepared.names,
        rate=parameters.rate,
        factors=parameters.factors,
        mass=parameters.mass,
        memories_s=prepared.memories_s,
        size_exponent=prepared.size_exponent,
        mean_mark=prepared.mean_mark,
    )
    return HawkesFit(
        model=model,
        reading=prepared.reading,
        bin_ms=prepared.bin_ms,
        events=seen,
        span_s=prepared.baseline.span_s,
        log_likelihood=likelihood,
        caused_share=caused_share,
        tied_share=prepared.tied_share,
        converged=bool(converged),
    )


def _begin(prepared: Prepared, weight: F8, rows: _kernels.Rows) -> _kernels.Parameters:
    # Half of what was seen is given to the baseline, half to excitation, evenly.
    kinds, decays = len(prepared.names), len(prepared.memories_s)
    watched_s = float((weight * np.diff(prepared.edges_s)).sum())
    seen = np.bincount(rows.series, rows.weight * rows.held, minlength=kinds)
    codes = prepared.baseline.codes
    levels = int(codes.max(initial=0)) + 1
    mass = np.full((kinds, kinds, decays), 0.5 / (kinds * decays))
    return _kernels.Parameters(
        np.asarray(0.5 * np.maximum(seen, 0.5) / watched_s),
        np.ones((codes.shape[0], levels)),
        np.asarray(mass / prepared.mean_mark[None, :, None]),
    )


def _copied(model: HawkesModel) -> _kernels.Parameters:
    return _kernels.Parameters(model.rate.copy(), model.factors.copy(), model.mass.copy())

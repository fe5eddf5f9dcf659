"""Self-excitation's loops: what earlier events still do, and expectation-maximisation over it.

In:  event times or bins, decays. [s, 1/s]   Out: excitation at each row, fitted parameters.
Free of everything but arrays. Its readable twin is ``tests/reference/hawkes.py``.

A kernel is A b exp(-b t): mass A, the mean number of direct offspring of an event of unit mark, and
decay b. Given decays and marks, the excitation at each row does not depend on what is fitted, so it
is computed once and the fit is a mixture of fixed parts: closed-form updates, a concave likelihood.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit

from forcedflow.units import F8, I8, F8x2

F8x3: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]
I8x2: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.int64]]


class Rows(NamedTuple):
    """What is fitted: ``n`` rows (events or non-empty bins), ``s`` series, ``k`` decays.

    ``series``, ``step``: of each row, shape (n,).
    ``held``: events of the row, at least 1, shape (n,).
    ``weight``: of the row in the likelihood, shape (n,). [1]
    ``felt``: excitation per unit of mass, shape (n, s, k). [1/s for events, 1 for bins]
    ``inside``: the same from the row's own events, shape (n, k). [1]
    ``unit``: what a rate is multiplied by: 1 for events, the bin's width for bins. [1 or s]
    """

    series: I8
    step: I8
    held: F8
    weight: F8
    felt: F8x3
    inside: F8x2
    unit: float


class Exposure(NamedTuple):
    """What the rows are compared with, ``m`` steps of the baseline, ``f`` factors.

    ``excited``: mark times the share of its kernel that was watched, summed, shape (s, k). [1]
    ``step``: seconds watched, shape (m,). [s]
    ``codes``: level of each factor in each step, shape (f, m).
    ``prior_events``: pseudo-events that draw each level of a factor to 1.
    """

    excited: F8x2
    step: F8
    codes: I8x2
    prior_events: float


class Parameters(NamedTuple):
    """What is fitted, in place: ``rate`` (s,) [1/s], ``factors`` (f, c) [1], ``mass`` (s, s, k)."""

    rate: F8
    factors: F8x2
    mass: F8x3


@njit(cache=True, nogil=True)
def felt_at_events(time: F8, series: I8, mark: F8, decay: F8, felt: F8x3) -> None:
    """Write sum of g b exp(-b (t - t_j)) over strictly earlier events, shape (n, s, k). [1/s]"""
    n, kinds, decays = felt.shape
    state = np.zeros((kinds, decays))
    i = 0
    while i < n:
        if i > 0:
            for k in range(decays):
                kept = np.exp(-decay[k] * (time[i] - time[i - 1]))
                for p in range(kinds):
                    state[p, k] *= kept
        # What is simultaneous does not cause each other: the clock does not tell which was first.
        j = i
        while j < n and time[j] == time[i]:
            for p in range(kinds):
                for k in range(decays):
                    felt[j, p, k] = decay[k] * state[p, k]
            j += 1
        for e in range(i, j):
            for k in range(decays):
                state[series[e], k] += mark[e]
        i = j


@njit(cache=True, nogil=True)
def felt_in_bins(place: I8, mark: F8, width: float, decay: F8, after: F8, felt: F8x3) -> None:
    """Write the share of earlier bins' kernels that falls into each bin, shape (n, 1, k). [1]

    Of an event's kernel the share ``after`` outlasts its bin, shape (k,).
    """
    for k in range(decay.size):
        gone = -np.expm1(-decay[k] * width)
        state = 0.0
        for i in range(place.size):
            if i > 0:
                state = (state * (1.0 - gone) + after[k] * mark[i - 1]) * np.exp(
                    -decay[k] * width * (place[i] - place[i - 1] - 1)
                )
            felt[i, 0, k] = gone * state


@njit(cache=True, nogil=True)
def watched(
    time: F8, step: I8, series: I8, mark: F8, edges: F8, weight: F8, decay: F8, out: F8x2
) -> None:
    """Add to ``out`` (s, k) each mark times the weighted share of its kernel before the end."""
    for i in range(time.size):
        for k in range(decay.size):
            alive, share, j = 1.0, 0.0, step[i]
            while j < weight.size and alive > 1e-12:
                left = np.exp(-decay[k] * (edges[j + 1] - time[i]))
                share += weight[j] * (alive - left)
                alive = left
                j += 1
            out[series[i], k] += mark[i] * share


@njit(cache=True, nogil=True)
def unseen_counts(
    place: I8,
    base: F8,
    printed_mark: F8,
    mean_mark: float,
    width: float,
    decay: F8,
    mass: F8,
    felt: F8x3,
    mark: F8,
    count: F8,
) -> None:
    """Write what a bin with one print is expected to hold, and the excitation that follows.

    ``base``: expected events of the baseline in each printed bin, shape (n,).
    Given the rate L of a bin from outside it, a print says that there was at least one:
    L / (1 - exp(-L)) arrivals, each with offspring inside the bin.
    """
    state = np.zeros(decay.size)
    gone = -np.expm1(-decay * width)
    after = gone / (decay * width)
    within = 0.0
    for k in range(decay.size):
        within += mass[k] * (1.0 - after[k]) * mean_mark
    family = 1.0 / (1.0 - min(within, 0.95))
    for i in range(place.size):
        rate = base[i]
        for k in range(decay.size):
            if i > 0:
                state[k] = (state[k] * (1.0 - gone[k]) + after[k] * mark[i - 1]) * np.exp(
                    -decay[k] * width * (place[i] - place[i - 1] - 1)
                )
            felt[i, 0, k] = gone[k] * state[k]
            rate += mass[k] * felt[i, 0, k]
        count[i] = family * rate / -np.expm1(-rate)
        mark[i] = printed_mark[i] + (count[i] - 1.0) * mean_mark


@njit(cache=True, nogil=True)
def baseline_by_step(factors: F8x2, codes: I8x2, out: F8) -> None:
    """Write the product of a step's factors, shape (m,). [1]"""
    for j in range(out.size):
        out[j] = 1.0
        for f in range(codes.shape[0]):
            out[j] *= factors[f, codes[f, j]]


@njit(cache=True, nogil=True)
def maximise(
    rows: Rows,
    exposure: Exposure,
    parameters: Parameters,
    censored: bool,
    iterations: int,
    tolerance: float,
) -> tuple[float, float, int]:
    """Fit in place; return log-likelihood before the last update, its last change, iterations.

    A row of ``c`` events has the probability of a bin whose ``c`` events came from outside at
    expectation L and from each other at expectation I (Borel–Tanner):
    L (L + I)^(c - 1) exp(-L - I) / c!; events alone have c = 1 and I = 0. Where ``censored``, it
    has that of at least one event, 1 - exp(-L). Constants of the data are left out.
    """
    rate, factors, mass = parameters.rate, parameters.factors, parameters.mass
    n, kinds, decays = rows.felt.shape
    steps = exposure.step.size
    shape = np.empty(steps)
    own = np.empty((kinds, steps))
    caused = np.empty(mass.shape)
    old, change, done = -np.inf, np.inf, 0
    likelihood = 0.0
    while done < iterations and abs(change) > tolerance:
        baseline_by_step(factors, exposure.codes, shape)
        own[:] = 0.0
        caused[:] = 0.0
        likelihood = 0.0
        for p in range(kinds):
            for j in range(steps):
                likelihood -= rate[p] * shape[j] * exposure.step[j]
            for q in range(kinds):
                for k in range(decays):
                    likelihood -= mass[p, q, k] * exposure.excited[q, k]
        for i in range(n):
            p, w = rows.series[i], rows.weight[i]
            if w == 0.0:
                continue
            base = rate[p] * shape[rows.step[i]] * rows.unit
            outside = base
            for q in range(kinds):
                for k in range(decays):
                    outside += mass[p, q, k] * rows.felt[i, q, k]
            inside = 0.0
            for k in range(decays):
                inside += mass[p, p, k] * rows.inside[i, k]
            if censored:
                came = outside / -np.expm1(-outside)
                likelihood += w * (np.log(-np.expm1(-outside)) + outside)
            else:
                more = rows.held[i] - 1.0
                came = 1.0 + more * outside / (outside + inside)
                likelihood += w * (np.log(outside) + more * np.log(outside + inside))
            part = w * came / outside
            own[p, rows.step[i]] += part * base
            for q in range(kinds):
                for k in range(decays):
                    caused[p, q, k] += part * mass[p, q, k] * rows.felt[i, q, k]
            if not censored and inside > 0.0:
                part = w * (rows.held[i] - came) / inside
                for k in range(decays):
                    caused[p, p, k] += part * mass[p, p, k] * rows.inside[i, k]
        for p in range(kinds):
            for q in range(kinds):
                for k in range(decays):
                    if exposure.excited[q, k] > 0.0:
                        mass[p, q, k] = caused[p, q, k] / exposure.excited[q, k]
        # Rates, then each factor given all else: every one of them in closed form.
        for p in range(kinds):
            rate[p] = own[p].sum() / (shape * exposure.step).sum()
        for f in range(exposure.codes.shape[0]):
            levels = factors.shape[1]
            seen = np.full(levels, exposure.prior_events)
            expected = np.full(levels, exposure.prior_events)
            watched_s = np.zeros(levels)
            for j in range(steps):
                c = exposure.codes[f, j]
                seen[c] += own[:, j].sum()
                expected[c] += rate.sum() * exposure.step[j] * shape[j] / factors[f, c]
                watched_s[c] += exposure.step[j]
            for c in range(levels):
                factors[f, c] = seen[c] / expected[c] if expected[c] > 0.0 else 1.0
            # A factor averages 1 over what was watched; the rates carry the level.
            mean = (factors[f] * watched_s).sum() / watched_s.sum()
            factors[f] /= mean
            rate *= mean
            baseline_by_step(factors, exposure.codes, shape)
        change = likelihood - old
        old = likelihood
        done += 1
    return likelihood, change, done

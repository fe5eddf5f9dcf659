r"""Does the process fit? Time rescaled by it ticks like a Poisson process.

In:  a fitted process and its events.   Out: waits that are exponential if the model is true.
Pure: NumPy in, NumPy out; no I/O, no clock; chance comes from the caller's generator.

Measured in expected events, the waits between events are independent and exponential with mean 1
if the model is true. With bins, waits are taken between bins that hold something, and the place
within the last bin is drawn: exact for counts and for thinned feeds, and silent about how many
events a bin holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forcedflow.cascade.hawkes import _kernels
from forcedflow.cascade.hawkes.fit import HawkesFit
from forcedflow.cascade.hawkes.prepared import Prepared
from forcedflow.units import F8


@dataclass(frozen=True, slots=True)
class Goodness:
    """How far rescaled waits are from exponential.

    Parameters
    ----------
    waits : int
        How many there were.
    distance : float
        Largest difference of the distribution functions (Kolmogorov–Smirnov). [1]
    p_value : float
        Chance of one as large if the model is true and its parameters were known; fitted
        parameters make it too large. [1]
    mean : float
        Mean wait; 1 by construction of the fit, nearly. [1]
    lag_correlation : float
        Correlation of a wait with the next: 0 if they are independent. [1]
    """

    waits: int
    distance: float
    p_value: float
    mean: float
    lag_correlation: float


def rescaled_waits(prepared: Prepared, fit: HawkesFit, rng: np.random.Generator) -> tuple[F8, ...]:
    """Return the waits between events, in events expected, one array per series.

    Parameters
    ----------
    prepared : Prepared
        Of the same reading as the fit.
    fit : HawkesFit
    rng : numpy.random.Generator
        Draws places within bins; unused for times.

    Raises
    ------
    ValueError
        If the two are not of the same reading.
    """
    if (fit.reading, fit.bin_ms) != (prepared.reading, prepared.bin_ms):
        raise ValueError("a fit is checked on the reading that it was made of")
    model, rows = fit.model, prepared.rows
    shape = np.zeros(prepared.baseline.steps)
    _kernels.baseline_by_step(model.factors, prepared.baseline.codes, shape)
    edges = prepared.edges_s
    base = np.concatenate([[0.0], np.cumsum(shape * np.diff(edges))])
    if prepared.reading == "times":
        came = np.zeros((rows.step.size, len(model.names)))
        np.put_along_axis(came, rows.series[:, None], prepared.mark[:, None], axis=1)
        # Strictly earlier marks: what is simultaneous has released nothing yet either way.
        before = np.cumsum(came, axis=0) - came
        tied = np.searchsorted(prepared.ends_s, prepared.ends_s, side="left")
        released = before[tied][:, :, None] - rows.felt / prepared.decay
        waits = []
        for s in range(len(model.names)):
            expected = model.rate[s] * np.interp(prepared.ends_s, edges, base)
            expected += (model.mass[s][None] * released).sum(axis=(1, 2))
            waits.append(np.diff(expected[rows.series == s]))
        return tuple(waits)
    felt, mark = rows.felt[:, 0], prepared.mark
    if prepared.reading == "thinned":
        felt, mark = _filled(prepared, fit, shape)
    gone = -np.expm1(-prepared.decay * rows.unit)
    total = np.cumsum(mark)
    at_start = (total - mark)[:, None] - felt / gone
    at_end = total[:, None] - (prepared.after * mark[:, None] + felt / gone * (1.0 - gone))
    mass = model.mass[0, 0]
    starts = prepared.ends_s - rows.unit
    open_ = model.rate[0] * np.interp(starts, edges, base) + at_start @ mass
    closed = model.rate[0] * np.interp(prepared.ends_s, edges, base) + at_end @ mass
    inside = model.rate[0] * shape[rows.step] * rows.unit + felt @ mass
    drawn = -np.log1p(rng.random(inside.size) * np.expm1(-inside))
    return (np.asarray(open_[1:] - closed[:-1] + drawn[1:]),)


def check(waits: F8) -> Goodness:
    """Return how far waits are from exponential with mean 1.

    Parameters
    ----------
    waits : ndarray, shape (n,)
        At least 3. [1]

    Raises
    ------
    ValueError
        If there are fewer.
    """
    n = waits.size
    if n < 3:
        raise ValueError("three waits or more are needed")
    share = -np.expm1(-np.sort(waits))
    place = np.arange(n)
    distance = float(max((share - place / n).max(), ((place + 1) / n - share).max()))
    uniform = -np.expm1(-waits)
    pair = np.corrcoef(uniform[:-1], uniform[1:])[0, 1]
    return Goodness(n, distance, _kolmogorov(distance, n), float(waits.mean()), float(pair))


def _filled(prepared: Prepared, fit: HawkesFit, shape: F8) -> tuple[F8, F8]:
    rows, n = prepared.rows, prepared.mark.size
    felt, mark, count = np.zeros_like(rows.felt), np.zeros(n), np.zeros(n)
    _kernels.unseen_counts(
        prepared.place,
        fit.model.rate[0] * shape[rows.step] * rows.unit,
        prepared.mark,
        float(prepared.mean_mark[0]),
        rows.unit,
        prepared.decay,
        fit.model.mass[0, 0].copy(),
        felt,
        mark,
        count,
    )
    return felt[:, 0], mark


def _kolmogorov(distance: float, n: int) -> float:
    # Asymptotic distribution with Stephens' correction for few.
    x = distance * (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n))
    if x < 0.2:
        return 1.0
    terms = [(-1.0) ** (j - 1) * math.exp(-2.0 * (j * x) ** 2) for j in range(1, 101)]
    return min(1.0, max(0.0, 2.0 * math.fsum(terms)))

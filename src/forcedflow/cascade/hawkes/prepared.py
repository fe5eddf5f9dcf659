r"""Read a feed: rows of a likelihood, and what each still feels of the events before it.

In:  `Events`, `Baseline`.   Out: `Prepared`, from which fits with any weights are made.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

Readings of a feed, one for each thing that a feed can be:

- **times**: every event with its millisecond. The likelihood of a point process.
- **counts**: every event, but the clock is coarse. A bin's events came from outside it at
  expectation :math:`L`, or from each other at :math:`I`; their number is Borel–Tanner,
  :math:`L (L+I)^{c-1} e^{-L-I} / c!`.
- **thinned**: at most one print per bin, as several venues do per second and symbol. A print says
  "at least one", :math:`1 - e^{-L}`, exactly; what is missing is how many there were, and so how
  much they excite. Expectations given the past stand in for them:
  :math:`L / (1 - e^{-L}) / (1 - n_{bin})`.
- **bursts**: what a bin holds is one event of their joint size. One move of the mark price
  liquidates many positions at once; none of them caused the others, though the first three
  readings take them for a family.

Read as if it were complete, a thinned feed biases the branching ratio down: bursts are where it
leaves most out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from forcedflow.cascade.hawkes import _kernels
from forcedflow.cascade.hawkes.baseline import Baseline
from forcedflow.cascade.hawkes.model import MEMORIES_S, Events
from forcedflow.units import F8, I8, SECOND_MS

Reading: TypeAlias = Literal["times", "counts", "thinned", "bursts"]

PRIOR_EVENTS = 5.0
"""Pseudo-events that draw each level of a factor to 1: an hour of the week is seen seldom."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What of a fit does not depend on weights: excitation at each row, computed once.

    Parameters
    ----------
    baseline : Baseline
    names : tuple of str
        The ``s`` series.
    reading : {"times", "counts", "thinned", "bursts"}
    bin_ms : int
        0 for times. [ms]
    memories_s : tuple of float
    size_exponent : float
    rows : Rows
        With weight 1.
    place : ndarray of int, shape (n,)
        Bin of each row, from the window's start; empty for times.
    mark : ndarray, shape (n,)
        Sum of g over each row's events. [1]
    ends_s : ndarray, shape (n,)
        When each row's events are all past, from the window's start. [s]
    mean_mark : ndarray, shape (s,)
    tied_share : float
    """

    baseline: Baseline
    names: tuple[str, ...]
    reading: Reading
    bin_ms: int
    memories_s: tuple[float, ...]
    size_exponent: float
    rows: _kernels.Rows
    place: I8
    mark: F8
    ends_s: F8
    mean_mark: F8
    tied_share: float

    @property
    def edges_s(self) -> F8:
        """Return the baseline's borders from the window's start, shape (m + 1,). [s]"""
        edges = self.baseline.edges_ms
        return np.asarray((edges - edges[0]) / SECOND_MS)

    @property
    def decay(self) -> F8:
        """Return β, shape (k,). [1/s]"""
        return np.asarray(1.0 / np.array(self.memories_s))

    @property
    def after(self) -> F8:
        """Return the share of a kernel that outlasts its event's bin, shape (k,). [1]"""
        return _outlasting(self.decay, self.bin_ms, self.reading)

    def exposure(self, weight: F8, prior_events: float = PRIOR_EVENTS) -> _kernels.Exposure:
        """Return what rows are compared with, where steps weigh ``weight``, shape (m,)."""
        edges = self.edges_s
        excited = np.zeros((len(self.names), len(self.memories_s)))
        step = np.searchsorted(edges, self.ends_s, side="right") - 1
        _kernels.watched(
            self.ends_s, step, self.rows.series, self.mark, edges, weight, self.decay, excited
        )
        if self.bin_ms:
            own = float((self.mark * weight[self.rows.step]).sum())
            # A thinned bin says nothing of what its events did inside it.
            seen = 0.0 if self.reading == "thinned" else own
            excited = excited * self.after + (1.0 - self.after) * seen
        return _kernels.Exposure(
            excited, np.asarray(weight * np.diff(edges)), self.baseline.codes, prior_events
        )


def prepare(
    events: Events,
    baseline: Baseline,
    reading: Reading,
    bin_ms: int,
    memories_s: tuple[float, ...] = MEMORIES_S,
    size_exponent: float = 0.0,
) -> Prepared:
    """Return what of a fit does not depend on weights; errors as `fit_times`, `fit_counts`."""
    events.inside(baseline)
    decay: F8 = 1.0 / np.array(memories_s)
    mark: F8 = events.marks(size_exponent)
    kinds = len(events.names)
    mean_mark = np.ones(kinds)
    for s in range(kinds):
        if (events.series == s).any():
            mean_mark[s] = mark[events.series == s].mean()
    start = int(baseline.edges_ms[0])
    since = events.time_ms - start
    if reading == "times":
        ends: F8 = since / SECOND_MS
        felt = np.zeros((ends.size, kinds, decay.size))
        _kernels.felt_at_events(ends, events.series, mark, decay, felt)
        step = np.searchsorted(baseline.edges_ms, events.time_ms, side="right") - 1
        one = np.ones(ends.size)
        none = np.zeros((ends.size, decay.size))
        rows = _kernels.Rows(events.series, step, one, one, felt, none, 1.0)
        place = np.zeros(0, dtype=np.int64)
    else:
        if kinds != 1:
            raise ValueError("bins are fitted for one series: pool them, or fit each alone")
        if ((baseline.edges_ms - start) % bin_ms).any():
            raise ValueError(f"the baseline's steps are no whole bins of {bin_ms} ms")
        place, row = np.unique(since // bin_ms, return_inverse=True)
        if reading == "bursts":
            total = np.bincount(row, events.size)
            mark = np.asarray((total / np.median(total)) ** size_exponent)
            held = np.ones(place.size)
            mean_mark = np.array([mark.mean()])
        elif reading == "thinned":
            last = np.searchsorted(row, np.arange(place.size), side="right") - 1
            mark, held = mark[last], np.ones(place.size)
            mean_mark = np.array([mark.mean()])
        else:
            mark = np.asarray(np.bincount(row, mark))
            held = np.asarray(np.bincount(row), dtype=np.float64)
        width = bin_ms / SECOND_MS
        felt = np.zeros((place.size, 1, decay.size))
        after = _outlasting(decay, bin_ms, reading)
        _kernels.felt_in_bins(place, mark, width, decay, after, felt)
        inside = mark[:, None] * (1.0 - after)
        step = np.searchsorted(baseline.edges_ms, start + place * bin_ms, side="right") - 1
        series, one = np.zeros(place.size, dtype=np.int64), np.ones(place.size)
        rows = _kernels.Rows(series, step, held, one, felt, inside, width)
        ends = np.asarray((place + 1) * width)
    return Prepared(
        baseline=baseline,
        names=events.names,
        reading=reading,
        bin_ms=bin_ms,
        memories_s=memories_s,
        size_exponent=size_exponent,
        rows=rows,
        place=place,
        mark=np.asarray(mark),
        ends_s=ends,
        mean_mark=mean_mark,
        tied_share=events.tied_share,
    )


def _outlasting(decay: F8, bin_ms: int, reading: Reading) -> F8:
    # An event lies anywhere in its bin; a burst is over when its bin is.
    if reading == "bursts" or not bin_ms:
        return np.ones(decay.size)
    span = decay * (bin_ms / SECOND_MS)
    return np.asarray(-np.expm1(-span) / span)

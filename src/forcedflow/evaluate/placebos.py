"""Placebos of the map: our own design put out of order, so that a gain that survives is not ours.

In:  designs, a fitted mixture, or the bars and flows they come from. [USD, base coins]
Out: designs and weights that hold the same amounts in the wrong place.
Pure: values in, values out; randomness is a seed; no I/O, no clock.

- ``mirrored``: each side is told what the other one would have lost.
- ``permuted``: each day gets the design of another day whose range was alike.
- ``stale``: the map of one to two days ago, less what the mark has touched since.
- ``shuffled``: our own weights dealt to the wrong leverages.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import numpy as np

from forcedflow.evaluate.map_scores import days_of
from forcedflow.positions import Atoms, Bars, Flows, LiquidationLadder
from forcedflow.positions.background import Features
from forcedflow.positions.mixture import Design, Mixture
from forcedflow.units import DAY_MS, F8, I8, F8x2

PLACEBOS = ("mirrored", "permuted", "stale", "shuffled")

SHUFFLE_SEED = 7

_ALIKE = 4
"""Days whose designs are exchanged: so few that their ranges are alike."""


def mirrored_design(design: Design) -> Design:
    """Return the design with its sides exchanged, shape ``(n, 2, a)``. [USD]"""
    return np.ascontiguousarray(design[:, ::-1])


def permuted_design(design: Design, background: Features, end_ms: I8, fit_to_ms: int) -> Design:
    """Return the design with whole days exchanged among days whose ranges were alike.

    Parameters
    ----------
    design : ndarray, shape (n, 2, a)
        [USD]
    background : ndarray, shape (n, 2, j)
        Path-only terms, the range last but one. [USD]
    end_ms : ndarray of int, shape (n,)
        Ends of the intervals. [UTC ms]
    fit_to_ms : int
        Days are exchanged on either side of this moment, never across it. [UTC ms]

    Returns
    -------
    ndarray, shape (n, 2, a)
        An interval whose partner's day lacks that time of day gets nothing, as does a day alone on
        its side. [USD]

    Notes
    -----
    After the fit a day may get the design of a later one. That is a placebo's privilege: it can
    only flatter the placebo.
    """
    day = days_of(end_ms)
    row_of = {int(end): row for row, end in enumerate(end_ms)}
    ranges = background[:, :, -2].sum(axis=1)
    permuted = np.zeros_like(design)
    for part in (end_ms <= fit_to_ms, end_ms > fit_to_ms):
        days, which = np.unique(day[part], return_inverse=True)
        if days.size < 2:
            continue
        order = days[np.argsort(np.bincount(which, ranges[part]), kind="stable")]
        partner = {
            int(group[i]): int(group[i - 1])
            for group in np.array_split(order, max(days.size // _ALIKE, 1))
            for i in range(group.size)
        }
        for row in np.flatnonzero(part):
            moved = partner[int(day[row])] - int(day[row])
            donor = row_of.get(int(end_ms[row]) + moved * DAY_MS)
            if donor is not None and part[donor]:
                permuted[row] = design[donor]
    return permuted


def stale_sweeps(
    bars: Bars, flows: Flows, atoms: Atoms, width: float
) -> np.ndarray[tuple[int, int, int], np.dtype[np.float64]]:
    """Return what each atom loses of a ladder that has heard of no opens for a day or two.

    Parameters
    ----------
    bars : Bars
        ``n`` bars.
    flows : Flows
    atoms : Atoms
    width : float
        Lattice bin width in log price. [1]

    Returns
    -------
    ndarray, shape (2, a, n)
        Contracts; in the bars of a UTC day, of positions opened before the day before it.
        [base coins]
    """
    swept = np.zeros((2, atoms.size, bars.size))
    known = LiquidationLadder(atoms, width)
    edges = np.flatnonzero(np.diff(days_of(bars.end_ms), prepend=-1)).tolist()
    spans = list(zip(edges, [*edges[1:], bars.size], strict=True))
    for (start, stop), (next_start, next_stop) in pairwise(spans):
        stale = deepcopy(known)
        stale.replay(bars.cut(start, stop), _without_opens(flows, start, stop))
        seen = stale.replay(
            bars.cut(next_start, next_stop),
            _without_opens(flows, next_start, next_stop),
            with_design=True,
        )
        if seen.design is None:
            raise AssertionError("a replay with its design records it")
        swept[:, :, next_start:next_stop] = seen.design
        known.replay(bars.cut(start, stop), _cut(flows, start, stop))
    return swept


def shuffled_weight(mixture: Mixture, atoms: Atoms, design: Design, seed: int) -> F8x2:
    """Return a mixture's weights with the leverages dealt anew, at the same expectation in all.

    Parameters
    ----------
    mixture : Mixture
    atoms : Atoms
        Every role and half-life holds every leverage.
    design : ndarray, shape (n, 2, a)
        Rows over which the expectation per side is kept. [USD]
    seed : int

    Returns
    -------
    ndarray, shape (2, a)
        [USD liquidated per USD swept]
    """
    n_tiers = atoms.tiers.size
    order = np.lexsort((atoms.leverage, atoms.class_of, atoms.role_of)).reshape(-1, n_tiers)
    dealt = np.random.default_rng(seed).permutation(n_tiers)
    weight = np.zeros_like(mixture.weight)
    weight[:, order] = mixture.weight[:, order[:, dealt]]
    swept: F8x2 = design.sum(axis=0)
    ours: F8 = (swept * mixture.weight).sum(axis=1)
    theirs: F8 = (swept * weight).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(theirs > 0, ours / theirs, 1.0)
    return weight * factor[:, None]


def _cut(flows: Flows, start: int, stop: int) -> Flows:
    return replace(
        flows,
        opens_long=flows.opens_long[start:stop],
        opens_short=flows.opens_short[start:stop],
        closes_long=flows.closes_long[start:stop],
        closes_short=flows.closes_short[start:stop],
    )


def _without_opens(flows: Flows, start: int, stop: int) -> Flows:
    part = _cut(flows, start, stop)
    return replace(
        part,
        opens_long=np.zeros_like(part.opens_long),
        opens_short=np.zeros_like(part.opens_short),
    )

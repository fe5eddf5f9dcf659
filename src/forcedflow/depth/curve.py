"""Depth curves: how much can be traded before the price has moved so far, one way.

In:  slices of log distance from the mid price, what the book holds in each. [1, USD]
Out: `DepthCurve`: cumulative depth at any distance, its reach, its uncertainty, its source.
Pure: NumPy in, NumPy out; no I/O, no clock, no global state.

Distances are in log price and never negative: 0.01 is one percent *in the direction of the move*.
Selling moves price down through the bids, buying up through the asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from forcedflow.units import F8, Side

Direction: TypeAlias = Literal["down", "up"]
"""Which way price moves: longs are closed on the way down, shorts on the way up."""

DIRECTION_OF: dict[Side, Direction] = {"long": "down", "short": "up"}
"""Direction in which closing a side moves the price."""


@dataclass(frozen=True, slots=True)
class DepthCurve:
    """Executable depth on one side of a book.

    Parameters
    ----------
    direction : {"down", "up"}
    edges : ndarray, shape (k + 1,)
        Borders of the slices, from 0 up, in log price. [1]
    usd : ndarray, shape (k,)
        What can be executed within each slice. [USD]
    measured_to : float
        Distance up to which the source showed the book; beyond it the outermost density goes on,
        and that is an assumption. [1]
    log_sd : float
        Standard deviation of the log of true over stated depth. [1]
    source : str
        What it was taken from, in words.
    at_ms : int
        Event time of the newest row behind it. [UTC ms]

    Raises
    ------
    ValueError
        If the edges do not rise from 0, or a slice is negative or not finite.
    """

    direction: Direction
    edges: F8
    usd: F8
    measured_to: float
    log_sd: float
    source: str
    at_ms: int

    def __post_init__(self) -> None:
        if self.edges.size != self.usd.size + 1 or self.usd.size == 0:
            raise ValueError("a depth curve needs one more edge than it has slices, and one slice")
        if self.edges[0] != 0 or not (np.diff(self.edges) > 0).all():
            raise ValueError("edges of a depth curve rise from 0")
        if not (np.isfinite(self.usd).all() and (self.usd >= 0).all()):
            raise ValueError("depth is finite and not negative")

    def cumulative(self, distance: F8) -> F8:
        """Return what can be executed before price has moved ``distance``, same shape. [USD]

        Inside a slice depth is even; beyond the last one its density goes on.
        """
        total = np.concatenate([[0.0], np.cumsum(self.usd)])
        inside = np.interp(distance, self.edges, total)
        tail = self.usd[-1] / (self.edges[-1] - self.edges[-2])
        beyond: F8 = np.maximum(distance - self.edges[-1], 0.0) * tail
        return np.asarray(inside + beyond)

    def on(self, edges: F8) -> F8:
        """Return depth within other slices, shape ``(edges.size - 1,)``. [USD]"""
        return np.diff(self.cumulative(edges))

    def scaled(self, factor: float, why: str) -> DepthCurve:
        """Return the curve with all depth times ``factor``, its source saying why."""
        return replace(self, usd=self.usd * factor, source=f"{self.source}; {why}")

    def slippage(self, order_usd: float) -> float:
        """Return the mean distance paid by a market order of a size, in log price. [1]

        Raises
        ------
        ValueError
            If there is no depth at all, or the size is not positive.
        """
        if not order_usd > 0:
            raise ValueError(f"an order has a positive size, was {order_usd}")
        if not self.usd.sum() > 0:
            raise ValueError("no depth at all")
        left, paid = order_usd, 0.0
        edges = self.edges.tolist()
        for start, end, held in zip(edges, edges[1:], self.usd.tolist(), strict=False):
            take = min(left, held)
            if take > 0:
                # Within the slice the fill runs from its start as far as the size takes it.
                reached = start + (end - start) * take / held
                paid += take * (start + reached) / 2
                left -= take
            if left <= 0:
                return paid / order_usd
        tail = float(self.usd[-1] / (self.edges[-1] - self.edges[-2]))
        if not tail > 0:
            raise ValueError("the order is larger than the book, and nothing is known beyond it")
        return (paid + left * (edges[-1] + left / tail / 2)) / order_usd


def merge(curves: Sequence[DepthCurve]) -> DepthCurve:
    """Return the joint depth of several venues, as if arbitrage were immediate.

    Parameters
    ----------
    curves : sequence of DepthCurve
        Of one direction; at least one.

    Returns
    -------
    DepthCurve
        Measured as far as the shortest reach; its error is theirs weighted by depth, taken as one
        error, because what empties one book empties the others.

    Raises
    ------
    ValueError
        If there is none, or directions differ.
    """
    if not curves or len({curve.direction for curve in curves}) != 1:
        raise ValueError("merging needs curves of one direction")
    edges = np.unique(np.concatenate([curve.edges for curve in curves]))
    held = np.array([curve.usd.sum() for curve in curves])
    weight = held / held.sum() if held.sum() > 0 else np.full(held.size, 1.0 / held.size)
    return DepthCurve(
        direction=curves[0].direction,
        edges=edges,
        usd=np.sum([curve.on(edges) for curve in curves], axis=0),
        measured_to=min(curve.measured_to for curve in curves),
        log_sd=float(weight @ [curve.log_sd for curve in curves]),
        source=" + ".join(curve.source for curve in curves),
        at_ms=min(curve.at_ms for curve in curves),
    )

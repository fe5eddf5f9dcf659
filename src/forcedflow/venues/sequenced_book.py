"""One book whose changes are numbered: kept in step with them, and healed over HTTP after a gap.

In:  changes and snapshots with their numbers, in base coins.
Out: rows of order_book and depth_bands; whether a snapshot must be asked for.
Free of sockets, of the clock, and of how any venue writes its levels.

The rule is that of venues whose every change says which numbers it spans, from ``first`` to
``last``: a change follows the one before where ``first`` is at most one more than what was reached
and ``last`` is beyond it. Sizes are absolute, so one that begins before a snapshot and ends after
it is applied whole. What does not follow clears the book; it is empty, never false, until a
snapshot from which the changes that came meanwhile go on.

Where a snapshot is cut off at some depth and changes reach deeper, what lies beyond the cut is
known in part only. It is left out, and once the price comes near the cut, a new snapshot is asked
for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

from forcedflow.venues.order_book import SNAPSHOT_EVERY_MS, OrderBook
from forcedflow.venues.row_buffer import RowBuffer

Levels: TypeAlias = tuple[tuple[float, float], ...]
"""Prices and sizes. [quote per base, base coins]"""

PATIENCE_MS: Final = 10_000
"""A snapshot that has not come after so long is asked for again. [ms]"""

_NEAR_THE_CUT: Final = 0.2
"""Share of the distance from mid to cut, when the snapshot was taken, that must be left."""

_KEPT_CHANGES: Final = 1_000
"""Changes kept while a snapshot is awaited: at one every 20 ms, twice our patience. So many that
come late in a row are no stragglers: the venue counts anew."""


@dataclass(frozen=True, slots=True)
class BookStep:
    """What became of the levels between two numbers.

    Parameters
    ----------
    first, last : int
        The venue's numbers that it spans; of a snapshot, ``last`` alone says where it stands.
    bids, asks : tuple of (float, float)
        Price and size; of a change, zero removes the level.
    """

    first: int
    last: int
    bids: Levels
    asks: Levels


class SequencedBook:
    """One symbol's book and where its sequence stands.

    Parameters
    ----------
    symbol : str
        Unified symbol.
    source : str
        Source of its rows.
    cut_at : int, optional
        Levels of each side after which a snapshot is cut off, where changes reach deeper.

    Attributes
    ----------
    gaps : int
        Breaks of the sequence so far.
    """

    def __init__(self, symbol: str, source: str, cut_at: int | None = None) -> None:
        self.gaps = 0
        self._cut_at: Final = cut_at
        self._known = _WHOLE
        self._looked_at = -1
        self._book: Final = OrderBook(symbol, source)
        self._reached = self._passed_over = 0
        self._waiting: list[BookStep] = []
        self._asked_ms = 0

    @property
    def is_ready(self) -> bool:
        """Whether the book is whole."""
        return self._book.ready

    def clear(self) -> None:
        """Forget it: the connection that would have sent the changes is gone."""
        self._book.clear()
        self._waiting.clear()
        self._reached = self._passed_over = self._asked_ms = 0

    def replace(self, snapshot: BookStep, at_ms: int, rows: RowBuffer) -> None:
        """Take a snapshot in that the stream itself sent, and add the rows that are due.

        It is taken whatever its number: a venue that starts anew may count anew.
        """
        self._start_from(snapshot)
        self._book.keep(at_ms, rows)

    def change(self, step: BookStep, at_ms: int, rows: RowBuffer) -> bool:
        """Take a change in, and add the rows that are due.

        Parameters
        ----------
        step : BookStep
        at_ms : int
            The venue's time of the change. [UTC ms]
        rows : RowBuffer

        Returns
        -------
        bool
            Whether a snapshot must be asked for over HTTP.
        """
        if not self._book.ready:
            return self._await_snapshot(step, at_ms)
        if step.last <= self._reached and self._passed_over < _KEPT_CHANGES:
            # Delivered twice, or held by the snapshot already.
            self._passed_over += 1
            return False
        if step.last <= self._reached or step.first > self._reached + 1:
            self.gaps += 1
            self._book.clear()
            return self._await_snapshot(step, at_ms)
        self._apply(step)
        if self._is_near_the_cut(at_ms):
            self._book.clear()
            return self._await_snapshot(step, at_ms)
        self._book.keep(at_ms, rows)
        return False

    def heal(self, snapshot: BookStep) -> bool:
        """Take a snapshot in that came over HTTP, and the changes that came meanwhile.

        A whole book is left alone: the stream healed it first. Rows follow with the next change.

        Returns
        -------
        bool
            Whether another must be asked for: it was older than the first change we hold.
        """
        if self._book.ready:
            return False
        newer = [step for step in self._waiting if step.last > snapshot.last]
        if newer and newer[0].first > snapshot.last + 1:
            return True
        self._start_from(snapshot)
        for step in newer:
            self._apply(step)
        return False

    def _start_from(self, snapshot: BookStep) -> None:
        self._book.replace(snapshot.bids, snapshot.asks)
        self._known = _known_of(snapshot, self._cut_at)
        self._reached = snapshot.last
        self._waiting.clear()
        self._passed_over = self._asked_ms = 0

    def _apply(self, step: BookStep) -> None:
        if self._known is _WHOLE:
            self._book.change(step.bids, step.asks)
        else:
            self._book.change(self._known.part(step.bids), self._known.part(step.asks))
        self._reached, self._passed_over = step.last, 0

    def _is_near_the_cut(self, at_ms: int) -> bool:
        # Once a second, as often as a book is kept: to find the best price costs a look at all.
        if self._known is _WHOLE or at_ms // SNAPSHOT_EVERY_MS == self._looked_at:
            return False
        self._looked_at = at_ms // SNAPSHOT_EVERY_MS
        best = self._book.best()
        return best is None or not self._known.holds(sum(best) / 2)

    def _await_snapshot(self, step: BookStep, at_ms: int) -> bool:
        if self._waiting and step.last < self._waiting[0].first:
            self._waiting.clear()  # the venue counts anew, or tells all again from before
        elif self._waiting and step.last <= self._waiting[-1].last:
            return False
        elif self._waiting and step.first > self._waiting[-1].last + 1:
            self._waiting.clear()  # no snapshot bridges a second gap
        self._waiting.append(step)
        del self._waiting[:-_KEPT_CHANGES]
        if self._asked_ms and abs(at_ms - self._asked_ms) < PATIENCE_MS:
            return False
        self._asked_ms = at_ms
        return True


@dataclass(frozen=True, slots=True)
class _Known:
    """Prices between which a book is known whole, and between which its mid may move."""

    lowest: float
    highest: float
    least_mid: float
    most_mid: float

    def part(self, levels: Levels) -> Levels:
        return tuple(level for level in levels if self.lowest <= level[0] <= self.highest)

    def holds(self, mid: float) -> bool:
        return self.least_mid <= mid <= self.most_mid


_WHOLE: Final = _Known(-math.inf, math.inf, -math.inf, math.inf)


def _known_of(snapshot: BookStep, cut_at: int | None) -> _Known:
    bids, asks = ([price for price, _ in side] for side in (snapshot.bids, snapshot.asks))
    if cut_at is None or not bids or not asks or max(len(bids), len(asks)) < cut_at:
        return _WHOLE
    mid = (max(bids) + min(asks)) / 2
    lowest = min(bids) if len(bids) >= cut_at else -math.inf
    highest = max(asks) if len(asks) >= cut_at else math.inf
    return _Known(
        lowest,
        highest,
        lowest + _NEAR_THE_CUT * (mid - lowest) if math.isfinite(lowest) else lowest,
        highest - _NEAR_THE_CUT * (highest - mid) if math.isfinite(highest) else highest,
    )

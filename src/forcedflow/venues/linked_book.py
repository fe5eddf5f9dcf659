"""A book whose changes each name the one before, and that a snapshot of known time heals.

In:  snapshots and changes: sequence numbers, times [UTC ms], levels [quote per base; base coins].
Out: rows of order_book and depth_bands; whether a snapshot must be asked for over HTTP.
Free of sockets, of the clock and of any venue's wording.

A stream sends a snapshot, then changes that carry their own number and that of the one before, so
that a lost one shows. A snapshot over HTTP has no number that these venues document, only a time.
Levels are absolute, so every change held since the gap may be applied on top of a snapshot: where
the first of them was well before it nothing is missing, and once a change as late as the snapshot
was applied nothing is older than it. Until then the book is not kept.

A snapshot that is not as deep as the stream's book says nothing of what lies beyond it. Changes out
there are then passed over, so that the book ends where it is known and has no holes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from forcedflow.venues.order_book import OrderBook
from forcedflow.venues.row_buffer import RowBuffer

Levels: TypeAlias = Sequence[tuple[float, float]]
"""Prices and sizes. [quote per base, base coins]"""

HELD_MS: Final = 1_000
"""A snapshot is trusted where changes are held from so long before it. [ms]"""

PATIENCE_MS: Final = 10_000
"""A snapshot that has not come after so long is asked for again. [ms]"""

# At one per 100 ms, three times our patience.
_KEPT_CHANGES: Final = 300


class Change(NamedTuple):
    """New sizes at some prices; zero removes a level.

    Parameters
    ----------
    before, number : int
        Sequence numbers of the change before and of this one.
    at_ms : int
        The venue's time of the change. [UTC ms]
    bids, asks : sequence of (float, float)
        Prices and sizes. [quote per base, base coins]
    """

    before: int
    number: int
    at_ms: int
    bids: Levels
    asks: Levels


class LinkedBook:
    """One symbol's book and where its sequence stands.

    Parameters
    ----------
    symbol : str
        Unified symbol.
    source : str
        Source of its rows, such as ``okx:books``.

    Attributes
    ----------
    gaps : int
        Breaks of the sequence so far.
    """

    def __init__(self, symbol: str, source: str) -> None:
        self.gaps = 0
        self._book: Final = OrderBook(symbol, source)
        self._last: Change | None = None
        # Whether no change followed the stream's snapshot yet.
        self._is_fresh = False
        self._waiting: list[Change] = []
        self._asked_ms = 0
        # The snapshot that healed the book is not reached by changes yet before this. [UTC ms]
        self._whole_from_ms = 0
        # Prices between which a shallow snapshot told everything.
        self._known: tuple[float, float] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the book is whole."""
        return self._last is not None

    def clear(self) -> None:
        """Forget it: the connection that would have sent the changes is gone."""
        self._book.clear()
        self._waiting.clear()
        self._last = self._known = None
        self._is_fresh = False
        self._asked_ms = self._whole_from_ms = 0

    def replace(self, whole: Change, rows: RowBuffer) -> None:
        """Take a whole book in that the stream sent, and add the rows that are due."""
        self.clear()
        self._book.replace(whole.bids, whole.asks)
        self._last, self._is_fresh = whole, True
        self._book.keep(whole.at_ms, rows)

    def change(self, change: Change, rows: RowBuffer) -> bool:
        """Take a change in, and add the rows that are due.

        Parameters
        ----------
        change : Change
        rows : RowBuffer

        Returns
        -------
        bool
            Whether a snapshot must be asked for over HTTP.
        """
        last = self._last
        if last is None:
            return self._await_snapshot(change)
        # The first change after a snapshot of the stream may begin before it and end after it.
        spans = self._is_fresh and 0 < change.before <= last.number <= change.number
        if change.before == last.number or spans:
            self._is_fresh = False
            self._apply(change)
            if change.at_ms >= self._whole_from_ms:
                self._whole_from_ms = 0
                self._book.keep(change.at_ms, rows)
            return False
        # Numbers begin anew after maintenance, so a low one of later time is no repetition.
        if change.number <= last.number and change.at_ms <= last.at_ms:
            return False
        self.gaps += 1
        self.clear()
        return self._await_snapshot(change)

    def heal(self, at_ms: int, bids: Levels, asks: Levels, *, is_shallow: bool = False) -> bool:
        """Take a snapshot in that came over HTTP, and every change held since the gap.

        A whole book is left alone: the stream healed it first. Rows follow with a change that is
        no older than the snapshot.

        Parameters
        ----------
        at_ms : int
            The venue's time of the snapshot. [UTC ms]
        bids, asks : sequence of (float, float)
            Whole sides. [quote per base, base coins]
        is_shallow : bool
            Whether the stream's own book is deeper than this.

        Returns
        -------
        bool
            Whether another must be asked for: it is older than the changes held.
        """
        if self._last is not None or not self._waiting:
            return False
        if self._waiting[0].at_ms > at_ms - HELD_MS:
            self._asked_ms = self._waiting[-1].at_ms
            return True
        waiting = self._waiting
        self._waiting = []
        self._book.replace(bids, asks)
        if is_shallow:
            lowest = min((price for price, _ in bids), default=float("inf"))
            highest = max((price for price, _ in asks), default=0.0)
            self._known = (lowest, highest)
        for change in waiting:
            self._apply(change)
        self._asked_ms, self._whole_from_ms = 0, at_ms
        return False

    def _apply(self, change: Change) -> None:
        bids, asks = change.bids, change.asks
        if self._known is not None:
            lowest, highest = self._known
            bids = [(price, size) for price, size in bids if price >= lowest]
            asks = [(price, size) for price, size in asks if price <= highest]
        self._book.change(bids, asks)
        self._last = change

    def _await_snapshot(self, change: Change) -> bool:
        if self._waiting:
            last = self._waiting[-1]
            if change.before != last.number:
                if change.number <= last.number and change.at_ms <= last.at_ms:
                    return False  # delivered twice
                self._waiting.clear()
                self._asked_ms = 0
        self._waiting.append(change)
        del self._waiting[:-_KEPT_CHANGES]
        if change.at_ms - self._waiting[0].at_ms < HELD_MS:
            return False
        if self._asked_ms and 0 <= change.at_ms - self._asked_ms < PATIENCE_MS:
            return False
        self._asked_ms = change.at_ms
        return True

"""One book of Binance, kept in step: updates wait for a snapshot, and a gap asks for a new one.

In:  `DepthUpdate` events in order, and snapshots.   Out: an `OrderBook` that is never half wrong.
Free of sockets and of the clock.

The venue's rules for futures: buffer updates; take a snapshot; drop updates that end before it;
the first one applied must straddle it (``U <= lastUpdateId <= u``); from then on each ``pu`` must
be the ``u`` before. Whatever breaks them forgets the book and starts over.

References
----------
.. [1] Binance, "How to manage a local order book correctly", USDⓈ-M and COIN-M futures.
"""

from __future__ import annotations

from typing import Final

from forcedflow.venues.binance.contract import Contract
from forcedflow.venues.binance.parse_current import BookSnapshot
from forcedflow.venues.binance.parse_stream import DepthUpdate
from forcedflow.venues.binance.spec import NAME
from forcedflow.venues.order_book import OrderBook
from forcedflow.venues.row_buffer import RowBuffer

PATIENCE: Final = 300
"""Updates that wait for a snapshot until it counts as lost: half a minute of them."""


class DepthSync:
    """The book of one contract. ``gaps`` counts how often its sequence broke.

    Parameters
    ----------
    contract : Contract
    """

    def __init__(self, contract: Contract) -> None:
        self.gaps = 0
        self._contract: Final = contract
        self._book: Final = OrderBook(contract.symbol, f"{NAME}:depth")
        self._waiting: list[DepthUpdate] = []
        # The update applied last; or the snapshot's, until an update has straddled it.
        self._last: int | None = None
        self._snapshot: int | None = None

    def forget(self) -> None:
        """Start over: what comes next is not known to follow what came last."""
        self._book.clear()
        self._waiting.clear()
        self._last = self._snapshot = None

    def update(self, update: DepthUpdate, rows: RowBuffer) -> bool:
        """Apply an update, and return whether a snapshot must be asked for."""
        if self._book.ready:
            if not self._follow(update):
                return self._start_over(update)
            self._book.keep(update.time, rows)
            return False
        self._waiting.append(update)
        if len(self._waiting) > PATIENCE:
            return self._start_over(update)
        # Whoever waits first has asked.
        return len(self._waiting) == 1

    def replace(self, snapshot: BookSnapshot, rows: RowBuffer) -> bool:
        """Take a snapshot, and return whether another one must be asked for."""
        if self._book.ready:
            return False  # late: updates run on from an earlier one
        waiting, self._waiting = self._waiting, []
        levels = self._contract.levels
        self._book.replace(levels(snapshot.bids), levels(snapshot.asks))
        self._last, self._snapshot = None, snapshot.last_update
        event_ms = snapshot.time_ms
        for place, update in enumerate(waiting):
            if not self._follow(update):
                self._start_over(update)
                self._waiting += waiting[place + 1 :]
                return True
            event_ms = update.time
        if event_ms is not None:
            self._book.keep(event_ms, rows)
        return False

    def _follow(self, update: DepthUpdate) -> bool:
        """Apply an update if it is the next one; one that the snapshot holds already is passed."""
        if self._snapshot is not None:
            if update.last < self._snapshot:
                return True
            if update.first > self._snapshot:
                return False
        elif update.before != self._last:
            self.gaps += 1
            return False
        self._snapshot, self._last = None, update.last
        levels = self._contract.levels
        self._book.change(levels(update.bids), levels(update.asks))
        return True

    def _start_over(self, update: DepthUpdate) -> bool:
        self.forget()
        self._waiting.append(update)
        return True

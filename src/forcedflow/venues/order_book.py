"""A venue's order book, rebuilt from snapshots and changes, and what the lake keeps of it.

In:  price levels and their sizes [quote per base; base coins], times [UTC ms].
Out: rows of ``order_book`` (best levels) and ``depth_bands`` (cumulative depth by distance).
Free of sockets, of the clock, and of any venue's sequence rules: those stand in its own reader.
"""

from __future__ import annotations

from collections.abc import Iterable

from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.row_buffer import RowBuffer

LEVELS = 20
"""Levels of each side that a kept snapshot holds."""

SNAPSHOT_EVERY_MS = 1_000
"""Shortest time between kept snapshots. [ms]"""

BANDS_EVERY_MS = 30_000
"""Shortest time between kept bands, as Binance's own archive spaces them. [ms]"""

BAND_PCT = (0.2, 1.0, 2.0, 3.0, 4.0, 5.0)
"""Distances from the mid price of the bands, as Binance's own archive has them. [%]"""


STRAY_MS = 60_000
"""A time that is so far before the one awaited says that an earlier one was wrong. [ms]"""


def is_due(event_ms: int, next_ms: int) -> bool:
    """Return whether something is to be kept at ``event_ms`` that is due at ``next_ms``.

    One time far ahead of all others, once sent, must not be the last at which anything is kept.

    Examples
    --------
    >>> [is_due(event_ms, 100_000) for event_ms in (99_999, 100_000, 30_000)]
    [False, True, True]
    """
    return event_ms >= next_ms or next_ms - event_ms > STRAY_MS


class OrderBook:
    """Both sides of one symbol's book.

    Until the first `replace` it is not `ready` and keeps nothing.

    Parameters
    ----------
    symbol : str
        Unified symbol.
    source : str
        Source of its rows, such as ``bybit:orderbook``.
    """

    def __init__(self, symbol: str, source: str) -> None:
        self.symbol, self.source = symbol, source
        self.ready = False
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        self._next_snapshot_ms = self._next_bands_ms = 0

    def clear(self) -> None:
        """Forget the levels: what follows is not known to belong to them."""
        self.ready = False
        self._bids.clear()
        self._asks.clear()

    def replace(
        self, bids: Iterable[tuple[float, float]], asks: Iterable[tuple[float, float]]
    ) -> None:
        """Set both sides anew from a whole snapshot of (price, size)."""
        self._bids = {price: amount for price, amount in bids if amount > 0}
        self._asks = {price: amount for price, amount in asks if amount > 0}
        self.ready = True

    def change(
        self, bids: Iterable[tuple[float, float]], asks: Iterable[tuple[float, float]]
    ) -> None:
        """Set the sizes at some prices; a size of zero removes the level."""
        for side, levels in ((self._bids, bids), (self._asks, asks)):
            for price, amount in levels:
                if amount > 0:
                    side[price] = amount
                else:
                    side.pop(price, None)

    def best(self) -> tuple[float, float] | None:
        """Return the best bid and ask, or None where a side is empty or they have crossed."""
        if not (self._bids and self._asks):
            return None
        bid, ask = max(self._bids), min(self._asks)
        return (bid, ask) if bid < ask else None

    def reach_pct(self) -> tuple[float, float]:
        """Return how far from the mid bids and asks are known, zero where there is no mid. [%]"""
        best = self.best()
        if best is None:
            return 0.0, 0.0
        mid = sum(best) / 2
        return (1 - min(self._bids) / mid) * 100, (max(self._asks) / mid - 1) * 100

    def keep(self, event_ms: int, rows: RowBuffer) -> None:
        """Add what is due at ``event_ms``: a snapshot each second, bands each half minute.

        A band is kept only where the book reaches as far: a book of few levels says nothing of the
        depth beyond them. A crossed or one-sided book is kept back until it is whole again.

        Parameters
        ----------
        event_ms : int
            Time of the change that was applied last. [UTC ms]
        rows : RowBuffer
            Where rows go.
        """
        if not self.ready or not is_due(event_ms, self._next_snapshot_ms):
            return
        best = self.best()
        if best is None:
            return
        self._next_snapshot_ms = event_ms - event_ms % SNAPSHOT_EVERY_MS + SNAPSHOT_EVERY_MS
        bids = sorted(self._bids.items(), reverse=True)
        asks = sorted(self._asks.items())
        for side, levels in (("bid", bids), ("ask", asks)):
            for level, (price, amount) in enumerate(levels[:LEVELS]):
                rows.add(
                    "order_book",
                    self.symbol,
                    event_ms,
                    event_ms,
                    side,
                    level,
                    price,
                    amount,
                    source=self.source,
                    precedence=PRECEDENCE_STREAM,
                )
        if is_due(event_ms, self._next_bands_ms):
            self._next_bands_ms = event_ms - event_ms % BANDS_EVERY_MS + BANDS_EVERY_MS
            mid = sum(best) / 2
            self._keep_bands(event_ms, mid, -1, bids, rows)
            self._keep_bands(event_ms, mid, +1, asks, rows)

    def _keep_bands(
        self,
        event_ms: int,
        mid: float,
        sign: int,
        levels: list[tuple[float, float]],
        rows: RowBuffer,
    ) -> None:
        furthest_pct = abs(levels[-1][0] / mid - 1) * 100
        for distance_pct in BAND_PCT:
            if distance_pct > furthest_pct:
                return
            within = [
                (price, amount)
                for price, amount in levels
                if abs(price / mid - 1) * 100 <= distance_pct
            ]
            rows.add(
                "depth_bands",
                self.symbol,
                event_ms,
                event_ms,
                sign * distance_pct,
                sum(amount for _, amount in within),
                sum(price * amount for price, amount in within),
                source=self.source,
                precedence=PRECEDENCE_STREAM,
            )

"""Bybit's order book: the venue's sequence rules around an `OrderBook`.

In:  messages of ``orderbook.1000.{symbol}`` and replies of ``/v5/market/orderbook``.
Out: rows of order_book and depth_bands; whether a snapshot must be asked for.
Free of sockets and of the clock.

The stream sends a snapshot, then changes whose ``u`` counts up by one. ``u = 1`` is a snapshot
again, after a restart of the service. After a gap the book is empty until it is healed: by the
stream's own next snapshot, or by one over HTTP, whose ``u`` is that of the 1000-level stream.

References
----------
.. [1] Bybit v5, "Orderbook" (websocket, public) and "Get Orderbook": levels, ``u``, ``seq``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.venues.bybit.parse import (
    Millis,
    Price,
    Reply,
    Size,
    coins_and_usd,
    decode,
    decode_reply,
)
from forcedflow.venues.order_book import OrderBook
from forcedflow.venues.row_buffer import RowBuffer

# A snapshot over HTTP that has not come after so long is asked for again.
_PATIENCE_MS: Final = 10_000

# Changes kept while a snapshot is awaited: at one per 200 ms, three times our patience.
_KEPT_CHANGES: Final = 150

_Levels: TypeAlias = list[tuple[Price, Size]]


class _Book(msgspec.Struct, gc=False):
    update: Annotated[int, msgspec.Meta(ge=1)] = msgspec.field(name="u")
    bids: _Levels = msgspec.field(name="b", default_factory=list)
    asks: _Levels = msgspec.field(name="a", default_factory=list)


class _Snapshot(_Book, gc=False):
    at: Millis = msgspec.field(name="ts", default=0)


_BOOK: Final = msgspec.json.Decoder(_Book, strict=False)
_SNAPSHOT: Final = msgspec.json.Decoder(Reply[_Snapshot], strict=False)


class BookFeed:
    """One symbol's book and where its sequence stands.

    Parameters
    ----------
    instrument : Instrument

    Attributes
    ----------
    gaps : int
        Breaks of the sequence so far.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument: Final = instrument
        self.gaps = 0
        self._book: Final = OrderBook(instrument.symbol, "bybit:orderbook")
        self._last_update = 0
        self._waiting: list[_Book] = []
        self._asked_ms = 0

    @property
    def is_ready(self) -> bool:
        """Whether the book is whole."""
        return self._book.ready

    def clear(self) -> None:
        """Forget it: the connection that would have sent the changes is gone."""
        self._book.clear()
        self._waiting.clear()
        self._last_update = self._asked_ms = 0

    def read(
        self, data: msgspec.Raw, kind: Literal["snapshot", "delta"], at_ms: int, rows: RowBuffer
    ) -> bool:
        """Take a message of the stream in, and add the rows that are due.

        Parameters
        ----------
        data : msgspec.Raw
            Of topic ``orderbook.1000.{symbol}``.
        kind : {"snapshot", "delta"}
            What it is.
        at_ms : int
            The matching engine's time of the change. [UTC ms]
        rows : RowBuffer

        Returns
        -------
        bool
            Whether a snapshot must be asked for over HTTP.

        Raises
        ------
        FrameError
            If it is not what it should be; the book stays as it was.
        """
        book = decode(_BOOK, "orderbook", data)
        if kind == "snapshot" or book.update == 1:
            self._replace(book)
        elif self._book.ready and book.update == self._last_update + 1:
            self._change(book)
        elif self._book.ready and book.update <= self._last_update:
            return False  # delivered twice, or older than the snapshot that healed the book
        else:
            return self._await_snapshot(book, at_ms)
        self._book.keep(at_ms, rows)
        return False

    def heal(self, raw: bytes) -> bool:
        """Take a snapshot in that came over HTTP, and the changes that came meanwhile.

        A whole book is left alone: the stream healed it first. Rows follow with the next change.

        Parameters
        ----------
        raw : bytes
            Reply of ``/v5/market/orderbook``.

        Returns
        -------
        bool
            Whether another must be asked for: it was older than the first change we hold.

        Raises
        ------
        VenueError
            If the venue refuses.
        FrameError
            If the reply is not what it should be.
        """
        snapshot = decode_reply(_SNAPSHOT, "orderbook", raw).result
        if self._book.ready:
            return False
        newer = [book for book in self._waiting if book.update > snapshot.update]
        if newer and newer[0].update != snapshot.update + 1:
            return True
        self._replace(snapshot)
        for book in newer:
            self._change(book)
        return False

    def _replace(self, book: _Book) -> None:
        self._book.replace(self._coins(book.bids), self._coins(book.asks))
        self._last_update = book.update
        self._waiting.clear()
        self._asked_ms = 0

    def _change(self, book: _Book) -> None:
        self._book.change(self._coins(book.bids), self._coins(book.asks))
        self._last_update = book.update

    def _await_snapshot(self, book: _Book, at_ms: int) -> bool:
        if self._book.ready:
            self.gaps += 1
            self._book.clear()
        if self._waiting and book.update != self._waiting[-1].update + 1:
            self._waiting.clear()
        self._waiting.append(book)
        del self._waiting[:-_KEPT_CHANGES]
        if self._asked_ms and 0 <= at_ms - self._asked_ms < _PATIENCE_MS:
            return False
        self._asked_ms = at_ms
        return True

    def _coins(self, levels: _Levels) -> Iterator[tuple[float, float]]:
        if self.instrument.kind != "inverse":
            return iter(levels)
        return ((price, coins_and_usd(self.instrument, size, price)[0]) for price, size in levels)

"""Bitget's order book: its messages around a `LinkedBook`.

In:  messages of topic ``books`` and replies of ``/api/v3/market/orderbook``.
Out: rows of order_book and depth_bands; whether a snapshot must be asked for.
Free of sockets and of the clock.

The topic sends a snapshot, then changes with ``pseq`` and ``seq``; the first of them may begin
before the snapshot. Sizes are base coins. The snapshot over HTTP is less deep than the stream's
book, so after a gap the book reaches only as far as that until the next connection.

References
----------
.. [1] Bitget, "Depth Channel" (UTA): ``seq``, ``pseq``; a ``pseq`` of 0 begins anew.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.venues.bitget.parse import Millis, Price, Reply, Size, decode, decode_reply
from forcedflow.venues.linked_book import Change, LinkedBook
from forcedflow.venues.row_buffer import RowBuffer

_Level = tuple[Price, Size]


class _Book(msgspec.Struct, gc=False):
    at: Millis = msgspec.field(name="ts")
    number: int = msgspec.field(name="seq")
    before: int = msgspec.field(name="pseq")
    bids: list[_Level] = msgspec.field(name="b")
    asks: list[_Level] = msgspec.field(name="a")


class _Snapshot(msgspec.Struct):
    at: Millis = msgspec.field(name="ts")
    bids: list[_Level] = msgspec.field(name="b")
    asks: list[_Level] = msgspec.field(name="a")


_BOOKS: Final = msgspec.json.Decoder(list[_Book], strict=False)
_SNAPSHOT: Final = msgspec.json.Decoder(Reply[_Snapshot], strict=False)


class BookFeed:
    """One symbol's book.

    Parameters
    ----------
    instrument : Instrument
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument: Final = instrument
        self._book: Final = LinkedBook(instrument.symbol, "bitget:books")

    @property
    def gaps(self) -> int:
        """Breaks of the sequence so far."""
        return self._book.gaps

    def clear(self) -> None:
        """Forget it: the connection that would have sent the changes is gone."""
        self._book.clear()

    def read(self, data: msgspec.Raw, kind: Literal["snapshot", "update"], rows: RowBuffer) -> bool:
        """Take a message of the topic in, and add the rows that are due.

        Parameters
        ----------
        data : msgspec.Raw
            Of topic ``books``.
        kind : {"snapshot", "update"}
            What it is.
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
        is_asked = False
        for book in decode(_BOOKS, "books", data):
            change = Change(book.before, book.number, book.at, book.bids, book.asks)
            if kind == "snapshot":
                self._book.replace(change, rows)
                is_asked = False
            else:
                is_asked |= self._book.change(change, rows)
        return is_asked

    def heal(self, raw: bytes) -> bool:
        """Take a snapshot in that came over HTTP.

        Parameters
        ----------
        raw : bytes
            Reply of ``/api/v3/market/orderbook``.

        Returns
        -------
        bool
            Whether another must be asked for.

        Raises
        ------
        VenueError
            If the venue refuses.
        FrameError
            If the reply is not what it should be.
        """
        book = decode_reply(_SNAPSHOT, "orderbook", raw).data
        return self._book.heal(book.at, book.bids, book.asks, is_shallow=True)

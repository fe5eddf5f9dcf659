"""OKX's order book: its messages around a `LinkedBook`.

In:  messages of channel ``books`` and replies of ``/api/v5/market/books``.
Out: rows of order_book and depth_bands; whether a snapshot must be asked for.
Free of sockets and of the clock.

The channel sends a snapshot, then changes every 100 ms with ``prevSeqId`` and ``seqId``; where
nothing changed for a minute both are the same. Sizes are contracts. A checksum comes with them; the
sequence says the same at less cost, and the venue is retiring it.

References
----------
.. [1] OKX v5, "Order book channel": 400 levels, ``prevSeqId``, ``seqId``, maintenance resets.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.venues.linked_book import Change, Levels, LinkedBook
from forcedflow.venues.okx.parse import (
    Millis,
    Price,
    Reply,
    Size,
    coins_and_usd,
    decode,
    decode_reply,
)
from forcedflow.venues.okx.spec import VENUE
from forcedflow.venues.row_buffer import RowBuffer

# Price, size, a field no longer used, number of orders.
_Level = tuple[Price, Size, msgspec.Raw, msgspec.Raw]


class _Book(msgspec.Struct, gc=False):
    at: Millis = msgspec.field(name="ts")
    number: int = msgspec.field(name="seqId")
    before: int = msgspec.field(name="prevSeqId")
    bids: list[_Level]
    asks: list[_Level]


class _Snapshot(msgspec.Struct):
    at: Millis = msgspec.field(name="ts")
    bids: list[_Level]
    asks: list[_Level]


_BOOKS: Final = msgspec.json.Decoder(list[_Book], strict=False)
_SNAPSHOT: Final = msgspec.json.Decoder(Reply[list[_Snapshot]], strict=False)


class BookFeed:
    """One symbol's book.

    Parameters
    ----------
    instrument : Instrument
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument: Final = instrument
        self._book: Final = LinkedBook(instrument.symbol, "okx:books")

    @property
    def gaps(self) -> int:
        """Breaks of the sequence so far."""
        return self._book.gaps

    def clear(self) -> None:
        """Forget it: the connection that would have sent the changes is gone."""
        self._book.clear()

    def read(self, data: msgspec.Raw, kind: Literal["snapshot", "update"], rows: RowBuffer) -> bool:
        """Take a message of the channel in, and add the rows that are due.

        Parameters
        ----------
        data : msgspec.Raw
            Of channel ``books``.
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
            bids, asks = self._coins(book.bids), self._coins(book.asks)
            change = Change(book.before, book.number, book.at, bids, asks)
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
            Reply of ``/api/v5/market/books``.

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
        books = decode_reply(_SNAPSHOT, "books", raw)
        if len(books) != 1:
            raise FrameError(VENUE, "books", f"holds {len(books)} books, expected one", raw)
        return self._book.heal(books[0].at, self._coins(books[0].bids), self._coins(books[0].asks))

    def _coins(self, levels: list[_Level]) -> Levels:
        if self.instrument.kind == "inverse":
            return [
                (price, coins_and_usd(self.instrument, size, price)[0])
                for price, size, *_ in levels
            ]
        contract_size = self.instrument.contract_size
        return [(price, size * contract_size) for price, size, _, _ in levels]

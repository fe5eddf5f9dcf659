"""Frames of a bridged exchange as rows: one parser per kind of answer.

In:  frames of ccxt's trades and of polls.   Out: rows.
Free of sockets and of the clock; nothing of ccxt is imported, so that a recording is read again
without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.venues.asked import asked_now
from forcedflow.venues.ccxt_bridge.parse import (
    TradeNames,
    parse_bars,
    parse_funding,
    parse_interest,
    parse_settlements,
    parse_trades,
)
from forcedflow.venues.ccxt_bridge.spec import BAR_NAMES, PRICE_METHODS
from forcedflow.venues.ccxt_bridge.stream import TRADES_FEED
from forcedflow.venues.connector import Request
from forcedflow.venues.row_buffer import RowBuffer

_BARS: Final = {
    f"ohlcv-{price_type}-{name}": (price_type, length_ms)
    for price_type in PRICE_METHODS
    for length_ms, name in BAR_NAMES.items()
}


class CcxtReader:
    """Implements `forcedflow.venues.connector.Reader`. It holds the names of trades.

    Parameters
    ----------
    venue : str
    instruments : sequence of Instrument
        Those that are followed.
    """

    def __init__(self, venue: str, instruments: Sequence[Instrument]) -> None:
        self._venue: Final = venue
        self._by_symbol: Final = {one.symbol: one for one in instruments}
        self._by_name: Final = {one.venue_symbol: one for one in instruments}
        self._names: Final = TradeNames()

    def read(self, frame: Frame, rows: RowBuffer) -> Sequence[Request]:
        """Add a frame's rows; nothing has to be asked for because of one.

        Raises
        ------
        FrameError
            If it cannot be read.
        """
        if frame.kind == "message" and frame.connection == TRADES_FEED:
            parse_trades(frame.raw, self._by_symbol, self._names, rows)
        elif frame.kind == "response":
            self._read_answer(frame, rows)
        elif frame.kind == "opened":
            self._names.clear()
        return ()

    def _read_answer(self, frame: Frame, rows: RowBuffer) -> None:
        _, what, name = frame.connection.split(":", 2)
        instrument = self._by_name.get(name)
        if instrument is None:
            raise FrameError(self._venue, what, f"{name} was not asked for", frame.raw)
        asked = asked_now(instrument, frame.received_ms)
        if what in _BARS:
            parse_bars(frame.raw, asked, *_BARS[what], rows)
        elif what == "open-interest":
            parse_interest(frame.raw, asked, rows)
        elif what == "funding":
            parse_funding(frame.raw, asked, rows)
        elif what == "settlements":
            parse_settlements(frame.raw, asked, rows)
        else:
            raise FrameError(self._venue, what, "no such question is asked", frame.raw)

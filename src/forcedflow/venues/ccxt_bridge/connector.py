"""A bridged exchange, described: ``ccxt:bingx`` and its like.

In:  ccxt's id of an exchange, endpoints.   Out: a `forcedflow.venues.connector.Connector`.
Imports ccxt when it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from forcedflow.errors import FrameError, VenueError
from forcedflow.instruments import Instrument
from forcedflow.venues.base import UNDECODABLE
from forcedflow.venues.ccxt_bridge import stream
from forcedflow.venues.ccxt_bridge.exchange import CcxtExchange
from forcedflow.venues.ccxt_bridge.history import History
from forcedflow.venues.ccxt_bridge.reader import CcxtReader
from forcedflow.venues.ccxt_bridge.spec import capabilities
from forcedflow.venues.connector import Endpoints, Feed, Http, Piece, Poll
from forcedflow.venues.connector_base import ConnectorBase


class CcxtConnector(ConnectorBase):
    """An exchange's linear perpetuals by way of ccxt.

    Parameters
    ----------
    exchange : str
        ccxt's id, such as ``bingx``; the venue is called ``ccxt:bingx``.
    endpoints : Endpoints, optional
        Where it answers, if elsewhere than ccxt says. The root takes the place of every host.

    Raises
    ------
    UsageError
        If ccxt is not installed, does not know the exchange, or it has a connector of its own.
    """

    def __init__(self, exchange: str, endpoints: Endpoints | None = None) -> None:
        self._exchange: Final = CcxtExchange(exchange, endpoints)
        super().__init__(
            self._exchange.venue,
            capabilities(self._exchange.has, self._exchange.streams),
            self._exchange.endpoints,
            self._exchange.rate_limit,
        )

    def instruments(self, http: Http) -> tuple[Instrument, ...]:
        """Ask for the contracts listed, and return them with tick and contract sizes.

        Raises
        ------
        VenueError
            If the exchange refuses.
        FrameError
            If its reply is not what ccxt expects.
        """
        return self._exchange.instruments(http)

    def server_time_ms(self, http: Http) -> int:
        """Ask for the exchange's clock. [UTC ms]

        Raises
        ------
        VenueError
            If it refuses, or tells no time.
        FrameError
            If its reply is not what ccxt expects.
        """
        if not self._exchange.has.get("fetchTime"):
            raise VenueError(self.name, "ccxt does not know where it tells the time")
        raw = self._exchange.ask(http, "fetch_time")
        try:
            return msgspec.json.decode(raw, type=int)
        except UNDECODABLE as error:
            raise FrameError(self.name, "fetchTime", str(error), raw) from error

    def pieces(
        self,
        http: Http,
        tables: Sequence[str],
        instrument: Instrument,
        start_ms: int,
        end_ms: int,
        now_ms: int,
        interval_ms: int,
    ) -> tuple[Piece, ...]:
        """Return what to ask for to hold event times ``[start_ms, end_ms)``; asks for nothing yet.

        Parameters
        ----------
        http : Http
            Who will ask.
        tables : sequence of str
            Those that the exchange does not have give no pieces.
        instrument : Instrument
        start_ms, end_ms : int
            [UTC ms]
        now_ms : int
            Local clock. [UTC ms]
        interval_ms : int
            Length of price bars. [ms]

        Raises
        ------
        UsageError
            If bars of a length are wanted that the exchange does not have.
        """
        history = History(http, self._exchange, instrument, now_ms)
        return tuple(
            piece
            for table in dict.fromkeys(tables)
            for piece in history.pieces(table, start_ms, end_ms, interval_ms)
        )

    def feeds(
        self, tables: Sequence[str], instruments: Sequence[Instrument], interval_ms: int
    ) -> tuple[tuple[Feed, ...], tuple[Poll, ...]]:
        """Return the connections and polls that carry these tables of these instruments.

        Raises
        ------
        UsageError
            If bars of a length are wanted that the exchange does not have.
        """
        return (
            stream.feeds(self._exchange, tables, instruments),
            stream.polls(self._exchange, tables, instruments, interval_ms),
        )

    def reader(self, instruments: Sequence[Instrument]) -> CcxtReader:
        """Return a fresh reader for what `feeds` brings."""
        return CcxtReader(self.name, instruments)

"""Bitget, described: where each question and each stream is answered in this package.

In:  endpoints.   Out: a `forcedflow.venues.connector.Connector`.
Free of sockets and state.
"""

from __future__ import annotations

from collections.abc import Sequence

from forcedflow.instruments import Instrument
from forcedflow.venues.base import Rows
from forcedflow.venues.bitget import rest, stream
from forcedflow.venues.bitget.history import History
from forcedflow.venues.bitget.parse_listing import parse_instruments, parse_time
from forcedflow.venues.bitget.reader import BitgetReader
from forcedflow.venues.bitget.spec import CAPABILITIES, ENDPOINTS, PRODUCTS, RATE_LIMIT, VENUE
from forcedflow.venues.connector import Endpoints, Feed, Http, Piece, Poll
from forcedflow.venues.connector_base import ConnectorBase


class BitgetConnector(ConnectorBase):
    """Bitget's linear perpetuals and spot pairs.

    Parameters
    ----------
    endpoints : Endpoints, optional
        Where it answers, if elsewhere than the venue says.
    """

    def __init__(self, endpoints: Endpoints | None = None) -> None:
        super().__init__(VENUE, CAPABILITIES, endpoints or ENDPOINTS, RATE_LIMIT)

    def instruments(self, http: Http) -> tuple[Instrument, ...]:
        """Ask for the contracts listed, and return them with tick and contract sizes.

        Raises
        ------
        VenueError
            If the venue refuses.
        FrameError
            If its reply is not what it should be.
        """
        return tuple(
            instrument
            for sort in PRODUCTS
            for instrument in parse_instruments(
                rest.get_instruments(http, self.endpoints.rest, sort), sort
            )
        )

    def server_time_ms(self, http: Http) -> int:
        """Ask for the venue's clock. [UTC ms]

        Raises
        ------
        VenueError
            If the venue refuses.
        FrameError
            If its reply is not what it should be.
        """
        return parse_time(rest.get_time(http, self.endpoints.rest))

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

        Everything is asked for over HTTP. The public files are left out: those of bars and books
        are spreadsheets, and trades are told for three months without them.

        Parameters
        ----------
        http : Http
            Who will ask.
        tables : sequence of str
            Those that the instrument does not have give no pieces.
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
            If bars of a length are wanted that the venue does not have.
        """
        history = History(http, self.endpoints.rest, instrument, now_ms)
        return tuple(
            piece
            for table in dict.fromkeys(tables)
            for piece in history.pieces(table, start_ms, end_ms, interval_ms)
        )

    def trades_between(
        self, http: Http, instrument: Instrument, start_ms: int, end_ms: int
    ) -> Rows:
        """Ask for the trades of ``[start_ms, end_ms)``. [UTC ms]

        Raises
        ------
        VenueError
            If the venue refuses.
        FrameError
            If its reply is not what it should be.
        """
        return History(http, self.endpoints.rest, instrument, end_ms).trades_between(
            start_ms, end_ms
        )

    def feeds(
        self, tables: Sequence[str], instruments: Sequence[Instrument], interval_ms: int
    ) -> tuple[tuple[Feed, ...], tuple[Poll, ...]]:
        """Return the connections and polls that carry these tables of these instruments.

        Raises
        ------
        UsageError
            If bars of a length are wanted that the venue does not have.
        """
        return (
            stream.feeds(self.endpoints.stream, tables, instruments, interval_ms),
            stream.polls(self.endpoints.rest, tables, instruments, interval_ms),
        )

    def reader(self, instruments: Sequence[Instrument]) -> BitgetReader:
        """Return a fresh reader for what `feeds` brings."""
        return BitgetReader(instruments, self.endpoints.rest)

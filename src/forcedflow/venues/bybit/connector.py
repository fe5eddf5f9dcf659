"""Bybit, described: where each question and each stream is answered in this package.

In:  endpoints.   Out: a `forcedflow.venues.connector.Connector`.
Free of sockets and state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from forcedflow.errors import NotThereError
from forcedflow.instruments import ContractKind, Instrument
from forcedflow.venues.base import PRECEDENCE_REST, Rows
from forcedflow.venues.bybit import rest, stream
from forcedflow.venues.bybit.archive import archive_pieces
from forcedflow.venues.bybit.history import History
from forcedflow.venues.bybit.parse_history import Asked, parse_recent_trades
from forcedflow.venues.bybit.parse_listing import parse_cursor, parse_instruments, parse_time
from forcedflow.venues.bybit.reader import BybitReader
from forcedflow.venues.bybit.spec import CAPABILITIES, ENDPOINTS, RATE_LIMIT, VENUE
from forcedflow.venues.connector import Endpoints, Feed, Http, Piece, Poll
from forcedflow.venues.connector_base import ConnectorBase
from forcedflow.venues.row_buffer import RowBuffer

_KINDS: Final[tuple[ContractKind, ...]] = ("linear", "inverse", "spot")


class BybitConnector(ConnectorBase):
    """Bybit's linear and inverse perpetuals and spot pairs.

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
            for kind in _KINDS
            for page in rest.get_instruments(http, self._endpoints.rest, kind, parse_cursor)
            for instrument in parse_instruments(page, kind)
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
        return parse_time(rest.get_time(http, self._endpoints.rest))

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

        Trades are in the public archive, a file a day; everything else is asked for over HTTP.

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
        history = History(http, self._endpoints.rest, instrument, now_ms)

        def over_http(table: str, first_ms: int, last_ms: int) -> tuple[Piece, ...]:
            return history.pieces(table, first_ms, last_ms, interval_ms)

        asked = [table for table in dict.fromkeys(tables) if table != "trades"]
        found = [piece for table in asked for piece in over_http(table, start_ms, end_ms)]
        if "trades" in tables:
            found += archive_pieces(
                http,
                ("trades",),
                instrument,
                start_ms,
                end_ms,
                now_ms,
                interval_ms,
                over_http,
                root=self._endpoints.archive,
            )
        return tuple(found)

    def trades_between(
        self, http: Http, instrument: Instrument, start_ms: int, end_ms: int
    ) -> Rows:
        """Ask for the trades of ``[start_ms, end_ms)``. [UTC ms]

        Raises
        ------
        NotThereError
            If the last thousand, all that the venue tells, do not reach back to ``start_ms``.
        VenueError
            If the venue refuses.
        FrameError
            If its reply is not what it should be.
        """
        rows = RowBuffer(VENUE)
        asked = Asked(instrument, start_ms, end_ms, PRECEDENCE_REST)
        page = rest.get_recent_trades(http, self._endpoints.rest, instrument)
        first_ms = parse_recent_trades(page, asked, rows)
        if first_ms is None or first_ms > start_ms:
            raise NotThereError(
                VENUE,
                f"{instrument.symbol}: its last trades do not reach back so far"
                "\nhint: its archive has the whole day once that is over",
            )
        return rows.take()

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
            stream.feeds(self._endpoints.stream, tables, instruments, interval_ms),
            stream.polls(self._endpoints.rest, tables, instruments, interval_ms),
        )

    def reader(self, instruments: Sequence[Instrument]) -> BybitReader:
        """Return a fresh reader for what `feeds` brings."""
        return BybitReader(instruments, self._endpoints.rest)

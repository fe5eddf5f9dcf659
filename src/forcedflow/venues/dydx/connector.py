"""dYdX, described: where each question and each stream is answered in this package.

In:  endpoints, and accounts to follow by name.   Out: a `forcedflow.venues.connector.Connector`.
Free of sockets and state.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from forcedflow.instruments import Instrument
from forcedflow.venues.base import PRECEDENCE_REST, Rows
from forcedflow.venues.connector import Endpoints, Feed, Http, Piece, Poll
from forcedflow.venues.connector_base import ConnectorBase
from forcedflow.venues.dydx import rest, spec, stream
from forcedflow.venues.dydx.accounts import check_accounts, read_accounts
from forcedflow.venues.dydx.history import History
from forcedflow.venues.dydx.parse import Asked, parse_instruments, parse_time
from forcedflow.venues.dydx.reader import DydxReader
from forcedflow.venues.row_buffer import RowBuffer


class DydxConnector(ConnectorBase):
    """dYdX's perpetuals.

    Parameters
    ----------
    endpoints : Endpoints, optional
        Where it answers, if elsewhere than the venue says.
    accounts : sequence of str
        Addresses whose positions are followed.

    Raises
    ------
    UsageError
        If one of ``accounts`` is no address, or there are too many.
    """

    def __init__(self, endpoints: Endpoints | None = None, accounts: Sequence[str] = ()) -> None:
        self._accounts: Final = check_accounts(tuple(accounts))
        super().__init__(
            spec.VENUE,
            spec.capabilities(follows_accounts=bool(self._accounts)),
            endpoints or spec.ENDPOINTS,
            spec.RATE_LIMIT,
        )

    def with_accounts(self, path: Path) -> DydxConnector:
        """Return a connector like this one that follows the accounts that a file names.

        Raises
        ------
        UsageError
            If the file cannot be read, a line is no address, or there are too many.
        """
        return DydxConnector(self._endpoints, read_accounts(path))

    def instruments(self, http: Http) -> tuple[Instrument, ...]:
        """Ask for the markets that trade now.

        Raises
        ------
        VenueError
            If the venue refuses.
        FrameError
            If its reply is not what it should be.
        """
        return parse_instruments(rest.get_markets(http, self._endpoints.rest))

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

        Raises
        ------
        UsageError
            If bars of a length are wanted that the venue does not have.
        """
        history = History(http, self._endpoints.rest, instrument, now_ms)
        return history.pieces(tables, start_ms, end_ms, interval_ms)

    def trades_between(
        self, http: Http, instrument: Instrument, start_ms: int, end_ms: int
    ) -> Rows:
        """Ask for the trades of ``[start_ms, end_ms)``, all of which the venue keeps. [UTC ms]

        Raises
        ------
        VenueError
            If the venue refuses.
        FrameError
            If its reply is not what it should be.
        """
        rows = RowBuffer(spec.VENUE)
        asked = Asked(instrument, PRECEDENCE_REST, start_ms, end_ms)
        History(http, self._endpoints.rest, instrument, end_ms).read_trades(asked, rows)
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
            stream.polls(self._endpoints.rest, tables, instruments, self._accounts),
        )

    def reader(self, instruments: Sequence[Instrument]) -> DydxReader:
        """Return a fresh reader for what `feeds` brings."""
        return DydxReader(instruments)

"""OKX, described: where each question and each stream is answered in this package.

In:  endpoints.   Out: a `forcedflow.venues.connector.Connector`.
Free of sockets and state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from forcedflow.errors import LeftAloneError, NotThereError, UsageError
from forcedflow.instruments import Instrument
from forcedflow.venues.base import PRECEDENCE_REST, Rows
from forcedflow.venues.connector import Endpoints, Feed, Http, Piece, Poll
from forcedflow.venues.connector_base import ConnectorBase
from forcedflow.venues.okx import rest, stream
from forcedflow.venues.okx.archive import archive_pieces
from forcedflow.venues.okx.history import History, LatestTrades
from forcedflow.venues.okx.parse import Asked
from forcedflow.venues.okx.parse_listing import parse_instruments, parse_time
from forcedflow.venues.okx.reader import OkxReader
from forcedflow.venues.okx.spec import CAPABILITIES, ENDPOINTS, RATE_LIMIT, VENUE, is_sized

_IN_CONTRACTS: Final = frozenset({"trades", "leverage_brackets"})
"""Tables of the past whose amounts are written in contracts alone."""


class OkxConnector(ConnectorBase):
    """OKX's linear and inverse perpetual swaps and spot pairs.

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
        root = self.endpoints.rest
        swaps = parse_instruments(rest.get_instruments(http, root, "SWAP"))
        return swaps + parse_instruments(rest.get_instruments(http, root, "SPOT"))

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

        Trades are in the public files, one a day, and so are settlements older than three months;
        everything else is asked for over HTTP. Where the size of a contract was not fetched, what
        is counted in contracts is left alone: its amounts would be off by as much.

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

        def over_http(table: str, first_ms: int, last_ms: int) -> tuple[Piece, ...]:
            return history.pieces(table, first_ms, last_ms, interval_ms)

        found: list[Piece] = []
        for table in dict.fromkeys(tables):
            if table in _IN_CONTRACTS and not is_sized(instrument):
                found.append(_unsized(table, instrument, start_ms, end_ms))
                continue
            if table == "trades" or (table == "funding" and instrument.kind != "spot"):
                found += archive_pieces(
                    http,
                    table,
                    instrument,
                    start_ms,
                    end_ms,
                    now_ms,
                    over_http,
                    self.endpoints.archive,
                )
            else:
                found += over_http(table, start_ms, end_ms)
        return tuple(found)

    def trades_between(
        self, http: Http, instrument: Instrument, start_ms: int, end_ms: int
    ) -> Rows:
        """Ask for the trades of ``[start_ms, end_ms)``. [UTC ms]

        Raises
        ------
        NotThereError
            If the last few thousand, all that are asked for, do not reach back to ``start_ms``.
        VenueError
            If the venue refuses.
        FrameError
            If its reply is not what it should be.
        """
        asked = Asked(instrument, start_ms, end_ms, PRECEDENCE_REST)
        latest = LatestTrades(http, self.endpoints.rest, asked)
        found = latest.read()
        if not latest.is_whole:
            raise NotThereError(
                VENUE,
                f"{instrument.symbol}: its last trades do not reach back so far"
                "\nhint: its files have the whole day once that is over",
            )
        return found

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

    def reader(self, instruments: Sequence[Instrument]) -> OkxReader:
        """Return a fresh reader for what `feeds` brings.

        Raises
        ------
        UsageError
            If a contract's size was not fetched.
        """
        for instrument in instruments:
            if not is_sized(instrument):
                raise UsageError(
                    f"the contract size of {instrument.symbol} on {VENUE} is not known\n"
                    "hint: take the instrument from the venue's own list"
                )
        return OkxReader(instruments, self.endpoints.rest)


def _unsized(table: str, instrument: Instrument, start_ms: int, end_ms: int) -> Piece:
    """Return a piece that says why nothing is asked for."""

    def refuse() -> Rows:
        raise LeftAloneError(VENUE, "nobody told how much a contract is")

    name = f"unsized/{instrument.venue_symbol}/{table}"
    return Piece(name, frozenset({table}), start_ms, end_ms, refuse, lasting=False)

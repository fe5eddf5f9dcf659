"""KuCoin, described: where each question and each stream is answered in this package.

In:  endpoints.   Out: a `forcedflow.venues.connector.Connector`.
Free of sockets and state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from forcedflow.errors import NotThereError, VenueError
from forcedflow.instruments import Instrument
from forcedflow.venues.base import PRECEDENCE_REST, Rows
from forcedflow.venues.connector import Endpoints, Feed, Http, Piece, Poll
from forcedflow.venues.connector_base import ConnectorBase
from forcedflow.venues.kucoin import rest, stream
from forcedflow.venues.kucoin.archive import archive_pieces
from forcedflow.venues.kucoin.history import History
from forcedflow.venues.kucoin.parse_history import Asked, parse_recent_trades
from forcedflow.venues.kucoin.parse_listing import parse_instruments, parse_time
from forcedflow.venues.kucoin.reader import KucoinReader
from forcedflow.venues.kucoin.spec import CAPABILITIES, ENDPOINTS, RATE_LIMIT, VENUE
from forcedflow.venues.row_buffer import RowBuffer


class KucoinConnector(ConnectorBase):
    """KuCoin's linear perpetuals.

    Parameters
    ----------
    endpoints : Endpoints, optional
        Where it answers, if elsewhere than the venue says. ``others`` holds ``unified``.
    """

    def __init__(self, endpoints: Endpoints | None = None) -> None:
        stated = endpoints or ENDPOINTS
        stated = replace(stated, others={**ENDPOINTS.others, **stated.others})
        super().__init__(VENUE, CAPABILITIES, stated, RATE_LIMIT)

    def instruments(self, http: Http) -> tuple[Instrument, ...]:
        """Ask for the contracts listed, and return them with tick and contract sizes.

        Raises
        ------
        VenueError
            If the venue refuses.
        FrameError
            If its reply is not what it should be.
        """
        return parse_instruments(rest.get_contracts(http, self._endpoints.rest))

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

        Bars, trades and settlements are in the public archive, a file a day; open interest and
        brackets are asked for over HTTP, and so is a day that the archive does not have.

        Parameters
        ----------
        http : Http
            Who will ask.
        tables : sequence of str
            Those that the venue does not have give no pieces.
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
        history = History(http, self._endpoints, instrument, now_ms)
        root = self._endpoints.archive
        span = (start_ms, end_ms, now_ms, interval_ms)
        found = archive_pieces(http, tables, instrument, *span, history, root=root)
        over_http = (
            piece
            for table in ("open_interest", "leverage_brackets")
            if table in tables
            for piece in history.pieces(table, start_ms, end_ms, interval_ms)
        )
        pieces = (*found, *over_http)
        if instrument.tick_size is not None:
            return pieces
        # Known by its name alone: how many coins a contract is would be a guess.
        refuse = partial(_refuse_unknown_size, instrument)
        return tuple(
            replace(piece, read=refuse, instead=()) if _counts_contracts(piece) else piece
            for piece in pieces
        )

    def trades_between(
        self, http: Http, instrument: Instrument, start_ms: int, end_ms: int
    ) -> Rows:
        """Ask for the trades of ``[start_ms, end_ms)``. [UTC ms]

        Raises
        ------
        NotThereError
            If the last hundred, all that the venue tells, do not reach back to ``start_ms``.
        VenueError
            If the venue refuses.
        FrameError
            If its reply is not what it should be.
        """
        rows = RowBuffer(VENUE)
        asked = Asked(instrument, start_ms, end_ms, end_ms, PRECEDENCE_REST)
        page = rest.get_recent_trades(http, self._endpoints.rest, instrument)
        first_ms = parse_recent_trades(page, asked, rows)
        if first_ms is None or first_ms > start_ms:
            raise NotThereError(
                VENUE,
                f"{instrument.symbol}: its last hundred trades do not reach back so far"
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
            stream.feeds(self._endpoints, tables, instruments, interval_ms),
            stream.polls(self._endpoints, tables, instruments),
        )

    def reader(self, instruments: Sequence[Instrument]) -> KucoinReader:
        """Return a fresh reader for what `feeds` brings."""
        return KucoinReader(instruments, self._endpoints.rest)


def _counts_contracts(piece: Piece) -> bool:
    if piece.tables & {"trades", "open_interest"}:
        return True
    return "/klines/" in piece.name or "/kline-" in piece.name


def _refuse_unknown_size(instrument: Instrument) -> Rows:
    raise VenueError(
        VENUE,
        f"{instrument.symbol}: how many coins a contract is only the venue's listing says, and "
        "that was not read\nhint: try from an address that it answers",
    )

"""Binance, described: implements `forcedflow.venues.connector.Connector`.

In:  tables, instruments and a span of time. [UTC ms]
Out: pieces of the past, feeds and polls of the present, and their reader.
Free of sockets: it asks through the `Http` it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from forcedflow.instruments import Instrument
from forcedflow.units import MINUTE_MS
from forcedflow.venues.base import Rows
from forcedflow.venues.binance import parse_current, parse_listing, rest, stream
from forcedflow.venues.binance.archive import archive_pieces
from forcedflow.venues.binance.contract import contract_of
from forcedflow.venues.binance.history import History
from forcedflow.venues.binance.reader import BinanceReader
from forcedflow.venues.binance.spec import CAPABILITIES, ENDPOINTS, NAME, RATE_LIMIT, Market
from forcedflow.venues.connector import Endpoints, Feed, Http, Piece, Poll
from forcedflow.venues.connector_base import ConnectorBase

_MARKETS: Final[tuple[Market, ...]] = ("um", "cm", "spot")


class BinanceConnector(ConnectorBase):
    """USD-M and COIN-M perpetuals and spot pairs of Binance.

    Parameters
    ----------
    endpoints : Endpoints, optional
        Where it answers, the venue's own addresses by default. ``others`` holds ``coin_m``,
        ``spot``, ``spot_stream`` and ``web``.
    """

    def __init__(self, endpoints: Endpoints | None = None) -> None:
        super().__init__(NAME, CAPABILITIES, endpoints or ENDPOINTS, RATE_LIMIT)

    def instruments(self, http: Http) -> tuple[Instrument, ...]:
        """Ask for the perpetuals and spot pairs that trade now."""
        return tuple(
            instrument
            for market in _MARKETS
            for instrument in parse_listing.parse_instruments(
                rest.get_exchange_info(http, self._endpoints, market), market
            )
        )

    def server_time_ms(self, http: Http) -> int:
        """Ask for the venue's clock. [UTC ms]"""
        return parse_current.parse_time(rest.get_time(http, self._endpoints))

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
        """Return what to ask for to hold event times ``[start_ms, end_ms)``: archive first.

        Leverage brackets are in no archive and have no past: they come as today's reading.

        Raises
        ------
        UsageError
            If the venue has no bars of that length.
        """
        history = History(http, self._endpoints, contract_of(instrument), now_ms, interval_ms)
        archived = archive_pieces(
            http,
            tables,
            instrument,
            start_ms,
            end_ms,
            now_ms,
            interval_ms,
            history.pieces,
            root=self._endpoints.archive,
        )
        if "leverage_brackets" in tables:
            return (*archived, *history.pieces("leverage_brackets", start_ms, end_ms))
        return archived

    def trades_between(
        self, http: Http, instrument: Instrument, start_ms: int, end_ms: int
    ) -> Rows:
        """Ask for the trades of ``[start_ms, end_ms)``, of the last two days at most. [UTC ms]"""
        contract = contract_of(instrument)
        return History(http, self._endpoints, contract, end_ms, MINUTE_MS).trades(start_ms, end_ms)

    def feeds(
        self, tables: Sequence[str], instruments: Sequence[Instrument], interval_ms: int
    ) -> tuple[tuple[Feed, ...], tuple[Poll, ...]]:
        """Return the connections and polls that carry these tables of these instruments.

        Raises
        ------
        UsageError
            If the venue has no bars of that length.
        """
        wanted = frozenset(tables)
        contracts = [contract_of(instrument) for instrument in instruments]
        asked = (self._endpoints, wanted, contracts, interval_ms)
        return stream.feeds_of(*asked), stream.polls_of(*asked)

    def reader(self, instruments: Sequence[Instrument]) -> BinanceReader:
        """Return a fresh reader for what `feeds` brings."""
        return BinanceReader(instruments, self._endpoints)

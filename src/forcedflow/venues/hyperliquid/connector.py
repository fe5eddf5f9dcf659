"""Hyperliquid, described: what can be asked of it, where, how fast, and who reads the answers.

In:  addresses, and accounts to follow by name.   Out: the parts that `Connector` promises.
Free of sockets: every question goes through the `Http` that it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from forcedflow.instruments import Instrument
from forcedflow.venues.connector import Endpoints, Feed, Http, Piece, Poll
from forcedflow.venues.connector_base import ConnectorBase
from forcedflow.venues.hyperliquid import history, parse, rest, spec, stream
from forcedflow.venues.hyperliquid.reader import HyperliquidReader
from forcedflow.venues.hyperliquid.wallets import WalletBook, check_accounts, read_accounts


class HyperliquidConnector(ConnectorBase):
    """Implements `forcedflow.venues.connector.Connector`.

    Parameters
    ----------
    endpoints : Endpoints, optional
        Where to ask instead of the venue's own addresses.
    accounts : sequence of str
        Accounts whose positions are asked for first, and whose fills show the liquidations they
        took part in. Without them there are no liquidations: the venue has no market-wide feed.

    Raises
    ------
    UsageError
        If one of ``accounts`` is no address.
    """

    def __init__(self, endpoints: Endpoints | None = None, accounts: Sequence[str] = ()) -> None:
        self._accounts: Final = check_accounts(accounts)
        super().__init__(
            spec.VENUE,
            spec.capabilities(follows_fills=bool(self._accounts)),
            endpoints or spec.ENDPOINTS,
            spec.RATE_LIMIT,
        )

    def with_accounts(self, path: Path) -> HyperliquidConnector:
        """Return a connector like this one that follows the accounts that a file names.

        Raises
        ------
        UsageError
            If the file cannot be read, or a line is no address.
        """
        return HyperliquidConnector(self._endpoints, read_accounts(path))

    def instruments(self, http: Http) -> tuple[Instrument, ...]:
        """Ask for the perpetuals listed on the venue's own exchange.

        Raises
        ------
        FrameError
            If the answer cannot be read.
        """
        return parse.parse_instruments(rest.get_meta(http, self._endpoints.rest))

    def server_time_ms(self, http: Http) -> int:
        """Ask for the venue's clock: the time of its newest book. [UTC ms]

        Raises
        ------
        FrameError
            If the answer cannot be read.
        """
        return parse.parse_book(rest.get_book(http, self._endpoints.rest, "BTC")).time

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
        """Return what to ask for to hold event times ``[start_ms, end_ms)``.

        Raises
        ------
        UsageError
            If the venue has no bars of ``interval_ms``.
        """
        return history.pieces(
            http,
            self._endpoints.rest,
            tables,
            instrument,
            start_ms,
            end_ms,
            now_ms,
            interval_ms,
            self._accounts,
        )

    def feeds(
        self, tables: Sequence[str], instruments: Sequence[Instrument], interval_ms: int
    ) -> tuple[tuple[Feed, ...], tuple[Poll, ...]]:
        """Return the connections and polls that carry these tables of these instruments.

        Raises
        ------
        UsageError
            If the venue has no bars of ``interval_ms``, or too few subscriptions for so many.
        """
        connections = stream.feeds(
            self._endpoints.stream, tables, instruments, interval_ms, self._accounts
        )
        return connections, stream.polls(self._endpoints.rest, tables)

    def reader(self, instruments: Sequence[Instrument]) -> HyperliquidReader:
        """Return a fresh reader for what `feeds` brings."""
        return HyperliquidReader(self._endpoints.rest, instruments, WalletBook(self._accounts))

"""Any connector, talking: the past as pieces, the present as a stream, both as rows.

In:  a connector, an HTTP client, a span of time. [UTC ms]   Out: rows of the declared tables.
Free of what any single venue says: that is its connector's.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from forcedflow.errors import BlockedError, FrameError, NotThereError, UsageError
from forcedflow.instruments import Instrument, parse_symbol
from forcedflow.log import get_logger, report_retries_here
from forcedflow.settings import Settings, VenueSettings
from forcedflow.venues.base import Capabilities, Rows, refuse_tables, refuse_unknown
from forcedflow.venues.bridged import PREFIX, is_bridged
from forcedflow.venues.connector import Connector, FollowsAccounts, Http, Piece
from forcedflow.venues.follow import Follower
from forcedflow.venues.http import HttpClient
from forcedflow.venues.registry import VenueRegistry
from forcedflow.venues.row_buffer import RowBuffer

BACKFILL_INTERVAL_MS: Final = 300_000
"""Length of the price bars of a back-fill: the map's own step."""

CONNECTORS: Final = {
    "binance": ("forcedflow.venues.binance", "BinanceConnector"),
    "bitget": ("forcedflow.venues.bitget", "BitgetConnector"),
    "bybit": ("forcedflow.venues.bybit", "BybitConnector"),
    "gate": ("forcedflow.venues.gate", "GateConnector"),
    "dydx": ("forcedflow.venues.dydx", "DydxConnector"),
    "hyperliquid": ("forcedflow.venues.hyperliquid", "HyperliquidConnector"),
    "kucoin": ("forcedflow.venues.kucoin", "KucoinConnector"),
    "mexc": ("forcedflow.venues.mexc", "MexcConnector"),
    "okx": ("forcedflow.venues.okx", "OkxConnector"),
}
"""Where each venue's connector is, imported when it is first asked for."""

BRIDGE: Final = ("forcedflow.venues.ccxt_bridge", "CcxtConnector")
"""Where the connector of venues by way of ccxt is."""

# Rows may become known after they happen; none of a back-fill's tables later than this.
_LONGEST_LAG_MS: Final = 3_600_000


_log = get_logger("venues")


class NetworkVenue:
    """Implements `forcedflow.venues.base.Venue` for a connector. Thread-safe.

    Parameters
    ----------
    connector : Connector
        The venue, described.
    http : Http
        Who asks on its behalf.
    proxy : str, optional
        Address of an HTTP proxy for its websockets.
    now_ms : callable, optional
        Local clock. [UTC ms]
    """

    def __init__(
        self,
        connector: Connector,
        http: Http,
        proxy: str | None = None,
        now_ms: Callable[[], int] | None = None,
    ) -> None:
        self.connector: Final = connector
        self.http: Final = http
        self.proxy: Final = proxy
        self._now_ms: Final = now_ms or (lambda: time.time_ns() // 1_000_000)
        self._listed: tuple[Instrument, ...] | None = None
        self._lock: Final = threading.Lock()

    @property
    def name(self) -> str:
        """Return the lower-case venue id."""
        return self.connector.name

    @property
    def capabilities(self) -> Capabilities:
        """Return what can be asked of it."""
        return self.connector.capabilities

    def instruments(self) -> tuple[Instrument, ...]:
        """Return the contracts it lists, asked for once."""
        with self._lock:
            if self._listed is None:
                self._listed = self.connector.instruments(self.http)
            return self._listed

    def instrument(self, symbol: str) -> Instrument:
        """Return one of its contracts by unified symbol.

        Raises
        ------
        UsageError
            If it is not listed.
        """
        for listed in self.instruments():
            if listed.symbol == symbol:
                return listed
        raise UsageError(f"{self.name} does not list {symbol!r}")

    def pieces(
        self,
        tables: Sequence[str],
        symbol: str,
        start_ms: int,
        end_ms: int,
        interval_ms: int = BACKFILL_INTERVAL_MS,
    ) -> tuple[Piece, ...]:
        """Return what to ask for to hold event times ``[start_ms, end_ms)``, in the order of time.

        Where the venue refuses this address, its name alone says what the contract is: an archive
        may answer all the same.

        Raises
        ------
        UsageError
            If a table cannot be asked for or the symbol is not listed.
        """
        refuse_tables(self, tables, self.capabilities.backfilled)
        try:
            instrument = self.instrument(symbol)
        except BlockedError:
            instrument = parse_symbol(symbol, self.name)
        found = self.connector.pieces(
            self.http,
            tables,
            instrument,
            start_ms,
            min(end_ms, self._now_ms()),
            self._now_ms(),
            interval_ms,
        )
        return tuple(sorted(found, key=lambda piece: (piece.start_ms, piece.name)))

    def backfill(
        self, tables: Sequence[str], symbol: str, start_ms: int, end_ms: int
    ) -> Iterator[Rows]:
        """Yield the rows that became known in ``[start_ms, end_ms)``, a piece at a time.

        What the venue does not hold is left out: it is a gap, which the lake's coverage shows. So
        is what a host would have that refuses this address, as long as another one answers.

        Raises
        ------
        UsageError
            If a table cannot be asked for or the symbol is not listed.
        VenueError
            If the venue or the network does not answer.
        """
        planned = self.pieces(tables, symbol, start_ms - _LONGEST_LAG_MS, end_ms)
        known = pl.col("available_time").is_between(
            _moment(start_ms), _moment(end_ms), closed="left"
        )
        read = self._read(planned)
        return (own for rows in read if (own := _select(rows, tables, symbol, known)))

    def _read(self, planned: Sequence[Piece]) -> Iterator[Rows]:
        refused: BlockedError | None = None
        answered = False
        for piece in planned:
            try:
                for rows in read_piece(piece):
                    answered = True
                    yield rows
            except BlockedError as error:
                _log.warning("left out", venue=self.name, piece=piece.name, reason=error.problem)
                refused = error
        if refused is not None and not answered:
            raise refused

    def stream(self, tables: Sequence[str], symbol: str) -> AsyncGenerator[Rows, None]:
        """Yield rows as they become known, until closed.

        A message that cannot be read is logged and passed over: the next one may be whole.

        Raises
        ------
        UsageError
            If a table cannot be followed or the symbol is not listed.
        BlockedError
            If the venue refuses this address.
        """
        refuse_unknown(self, tables, symbol, self.capabilities.streamed)
        return self._follow(tables, self.instrument(symbol))

    async def _follow(
        self, tables: Sequence[str], instrument: Instrument
    ) -> AsyncGenerator[Rows, None]:
        reader, buffer = self.connector.reader((instrument,)), RowBuffer(self.name)
        asked = pl.lit(True)
        async with (
            Follower(
                self.connector, tables, (instrument,), self.http, proxy=self.proxy
            ) as follower,
            aclosing(follower.batches()) as batches,
        ):
            async for batch in batches:
                for frame in batch:
                    try:
                        requests = reader.read(frame, buffer)
                    except FrameError as error:
                        _log.warning("unreadable", connection=frame.connection, reason=str(error))
                        continue
                    for request in requests:
                        follower.ask(request)
                if rows := _select(buffer.take(), tables, instrument.symbol, asked):
                    yield rows


def read_piece(piece: Piece) -> Iterator[Rows]:
    """Yield the rows of a piece or, where it cannot be had, of what stands in for it.

    Nothing is yielded where the venue holds neither.

    Raises
    ------
    BlockedError
        If this address is refused and nothing stands in for it.
    VenueError
        If the venue or the network does not answer.
    """
    try:
        rows = piece.read()
    except (NotThereError, BlockedError) as error:
        if isinstance(error, BlockedError) and not piece.instead:
            raise
        for other in piece.instead:
            yield from read_piece(other)
    else:
        yield rows


def connect_venue(name: str, settings: Settings) -> NetworkVenue:
    """Return a venue that answers over the network; requests that are repeated go to our log.

    Parameters
    ----------
    name : str
        Lower-case venue id, among `CONNECTORS`, or one by way of ccxt, such as ``ccxt:bingx``.
    settings : Settings
        May name other addresses, a proxy and accounts to follow.

    Raises
    ------
    UsageError
        If there is no connector of that name, the proxy cannot be used, or accounts are named that
        cannot be followed.
    """
    build = _connector_of(name)
    connector = build()
    own = settings.venues.get(name, VenueSettings())
    endpoints = connector.endpoints
    stated = replace(
        endpoints,
        rest=own.rest or endpoints.rest,
        stream=own.stream or endpoints.stream,
        archive=own.archive or endpoints.archive,
        others={**endpoints.others, **own.others},
    )
    if stated != endpoints:
        connector = build(stated)
    if own.accounts is not None:
        if not isinstance(connector, FollowsAccounts):
            raise UsageError(f"{name} publishes no positions by account: leave its accounts out")
        connector = connector.with_accounts(Path(own.accounts).expanduser())
    report_retries_here()
    proxy = own.proxy or settings.proxy
    http = HttpClient(name, connector.rate_limit, proxy, headers=stated.headers)
    return NetworkVenue(connector, http, proxy)


def is_connected(name: str) -> bool:
    """Return whether there is a connector for a venue of this name; imports none of them.

    Examples
    --------
    >>> is_connected("bybit"), is_connected("ccxt:bingx"), is_connected("BTC")
    (True, True, False)
    """
    return name in CONNECTORS or is_bridged(name)


def _connector_of(name: str) -> Callable[..., Connector]:
    if not is_connected(name):
        known = ", ".join(sorted(CONNECTORS))
        raise UsageError(
            f"no connector for {name!r}\nhint: one of {known}, or ccxt:NAME for any other exchange"
        )
    module, class_name = CONNECTORS.get(name, BRIDGE)
    build: Callable[..., Connector] = getattr(importlib.import_module(module), class_name)
    return partial(build, name.removeprefix(PREFIX)) if is_bridged(name) else build


def register_venues(registry: VenueRegistry, settings: Settings) -> None:
    """Add every venue that has a connector; each connects when it is first asked for."""
    for name in CONNECTORS:
        registry.register(name, partial(connect_venue, name, settings))


def _select(rows: Rows, tables: Sequence[str], symbol: str, rule: pl.Expr) -> Rows:
    # An archive file may hold more than was asked for.
    own = rule & (pl.col("symbol") == symbol)
    kept = {name: frame.filter(own) for name, frame in rows.items() if name in tables}
    return {name: frame for name, frame in kept.items() if frame.height}


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, tz=UTC)

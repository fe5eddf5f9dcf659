"""Turning Bybit's frames into rows, in the order in which they came.

In:  frames of the feeds, polls and requests of `forcedflow.venues.bybit.stream`.
Out: rows; requests for the snapshots that broken books need.
Free of sockets and of the clock: the same frames give the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal, TypeAlias

import msgspec

from forcedflow.errors import FrameError, VenueError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.bybit.book import BookFeed
from forcedflow.venues.bybit.parse import Millis, decode
from forcedflow.venues.bybit.parse_history import (
    Asked,
    parse_account_ratio,
    parse_funding,
    parse_reference_klines,
)
from forcedflow.venues.bybit.parse_listing import parse_risk_limits
from forcedflow.venues.bybit.parse_stream import parse_bars, parse_liquidations, parse_trades
from forcedflow.venues.bybit.spec import (
    BAR_LENGTHS,
    BOOK_LEVELS,
    REFERENCE_ENDPOINTS,
    VENUE,
    category,
)
from forcedflow.venues.bybit.stream import order_book_request
from forcedflow.venues.bybit.ticker import TickerState
from forcedflow.venues.connector import Request
from forcedflow.venues.row_buffer import RowBuffer

_ALWAYS: Final = 1 << 42


class _Message(msgspec.Struct, gc=False):
    topic: str = ""
    type: str = ""
    ts: Millis = 0
    # The matching engine's time, which books carry.
    cts: Millis = 0
    data: msgspec.Raw = msgspec.Raw()
    # Of answers to what we said: subscriptions and pings.
    op: str = ""
    success: bool | None = None
    ret_msg: str = ""


_MESSAGE: Final = msgspec.json.Decoder(_Message)

_Asks: TypeAlias = tuple[Request, ...]
_Route: TypeAlias = Callable[[_Message, Frame, RowBuffer], _Asks]

_NOTHING: Final[_Asks] = ()


class BybitReader:
    """Reads the frames of one connector.

    Parameters
    ----------
    instruments : sequence of Instrument
        Contracts whose frames are read; what is said of others gives no rows.
    root : str
        Where the venue answers over HTTP, for the snapshots that are asked for.
    """

    def __init__(self, instruments: Sequence[Instrument], root: str) -> None:
        self._root: Final = root
        self._listed: Final[dict[tuple[str, str], Instrument]] = {
            (category(instrument), instrument.venue_symbol): instrument
            for instrument in instruments
        }
        self._books: Final = {key: BookFeed(one) for key, one in self._listed.items()}
        self._tickers: Final = {key: TickerState(one) for key, one in self._listed.items()}
        # By connection and topic; a topic that is not ours is known as such.
        self._routes: Final[dict[tuple[str, str], _Route | None]] = {}
        # What a connection has built up, to be forgotten with it.
        self._fed: Final[dict[str, list[BookFeed | TickerState]]] = {}

    @property
    def gaps(self) -> int:
        """Breaks in the sequences of all books so far."""
        return sum(book.gaps for book in self._books.values())

    def read(self, frame: Frame, rows: RowBuffer) -> Sequence[Request]:
        """Add a frame's rows, and return what must be asked for because of it.

        Parameters
        ----------
        frame : Frame
        rows : RowBuffer

        Returns
        -------
        sequence of Request
            Snapshots of books whose sequence broke.

        Raises
        ------
        FrameError
            If it cannot be read, or is the venue's own complaint; ``rows`` has nothing of it.
        """
        if frame.kind == "message":
            return self._read_message(frame, rows)
        if frame.kind == "response":
            return self._read_response(frame, rows)
        self._forget(frame.connection)
        return _NOTHING

    def _read_message(self, frame: Frame, rows: RowBuffer) -> _Asks:
        message = decode(_MESSAGE, "message", frame.raw)
        if not message.topic:
            return _check_answer(message, frame)
        key = (frame.connection, message.topic)
        if key not in self._routes:
            self._routes[key] = self._route(*key)
        route = self._routes[key]
        if route is None:
            return _NOTHING
        try:
            return route(message, frame, rows)
        except FrameError as error:
            # Quote the message, not only its data.
            raise FrameError(VENUE, error.what, error.problem, frame.raw) from error

    def _route(self, connection: str, topic: str) -> _Route | None:
        parts = topic.split(".")
        name, middle, symbol = parts[0], parts[1:-1], parts[-1]
        # Spot and linear call their pairs alike; the connection tells them apart.
        key = (connection.split(":", 1)[0].removesuffix("-book"), symbol)
        instrument = self._listed.get(key)
        if instrument is None:
            return None
        route: _Route | None = None
        match name, middle:
            case "allLiquidation", []:
                route = partial(_read_liquidations, instrument)
            case "publicTrade", []:
                route = partial(_read_trades, instrument)
            case "kline", [bar] if bar in BAR_LENGTHS:
                route = partial(_read_bars, instrument, BAR_LENGTHS[bar])
            case "tickers", [] if instrument.kind != "spot":
                ticker = self._tickers[key]
                self._fed.setdefault(connection, []).append(ticker)
                route = partial(_read_ticker, ticker)
            case "orderbook", [levels] if levels == str(BOOK_LEVELS):
                book = self._books[key]
                self._fed.setdefault(connection, []).append(book)
                route = partial(self._read_book, book)
        return route

    def _forget(self, connection: str) -> None:
        for state in self._fed.get(connection, ()):
            state.clear()

    def _read_book(self, book: BookFeed, message: _Message, frame: Frame, rows: RowBuffer) -> _Asks:
        kind = _kind(message, frame)
        if book.read(message.data, kind, message.cts or message.ts, rows):
            return (order_book_request(self._root, book.instrument),)
        return _NOTHING

    def _read_response(self, frame: Frame, rows: RowBuffer) -> _Asks:
        parts = frame.connection.split(":")
        if len(parts) != 4 or (key := (parts[2], parts[3])) not in self._listed:
            return _NOTHING
        endpoint = parts[1]
        try:
            if endpoint == "orderbook":
                if not self._books[key].heal(frame.raw):
                    return _NOTHING
                return (order_book_request(self._root, self._listed[key]),)
            _read_poll(endpoint, self._listed[key], frame, rows)
        except VenueError as error:
            raise FrameError(VENUE, endpoint, error.problem, frame.raw) from error
        return _NOTHING


def _read_liquidations(
    instrument: Instrument, message: _Message, _: Frame, rows: RowBuffer
) -> _Asks:
    parse_liquidations(message.data, instrument, rows)
    return _NOTHING


def _read_trades(instrument: Instrument, message: _Message, _: Frame, rows: RowBuffer) -> _Asks:
    parse_trades(message.data, instrument, rows)
    return _NOTHING


def _read_bars(
    instrument: Instrument, interval_ms: int, message: _Message, _: Frame, rows: RowBuffer
) -> _Asks:
    parse_bars(message.data, instrument, interval_ms, rows)
    return _NOTHING


def _read_ticker(ticker: TickerState, message: _Message, frame: Frame, rows: RowBuffer) -> _Asks:
    ticker.read(
        message.data,
        is_snapshot=_kind(message, frame) == "snapshot",
        at_ms=message.ts,
        received_ms=frame.received_ms,
        rows=rows,
    )
    return _NOTHING


def _read_poll(endpoint: str, instrument: Instrument, frame: Frame, rows: RowBuffer) -> None:
    asked = Asked(instrument, 0, _ALWAYS, PRECEDENCE_STREAM, frame.received_ms)
    match endpoint:
        case "account-ratio":
            parse_account_ratio(frame.raw, asked, rows)
        case "funding":
            parse_funding(frame.raw, asked, rows)
        case "risk-limit":
            parse_risk_limits(frame.raw, instrument, PRECEDENCE_STREAM, rows)
        case _:
            for price_type, name in REFERENCE_ENDPOINTS.items():
                bar = endpoint.removeprefix(f"{name}-")
                if bar != endpoint and bar in BAR_LENGTHS:
                    parse_reference_klines(frame.raw, asked, price_type, BAR_LENGTHS[bar], rows)


def _kind(message: _Message, frame: Frame) -> Literal["snapshot", "delta"]:
    if not message.ts:
        raise FrameError(VENUE, message.topic, "has no ts", frame.raw)
    if message.type == "snapshot":
        return "snapshot"
    if message.type == "delta":
        return "delta"
    raise FrameError(VENUE, message.topic, "type is neither snapshot nor delta", frame.raw)


def _check_answer(message: _Message, frame: Frame) -> _Asks:
    if message.success is False:
        what = message.op or "request"
        raise FrameError(VENUE, what, f"refused: {message.ret_msg}", frame.raw)
    if not message.op and message.success is None:
        raise FrameError(VENUE, "message", "has neither a topic nor an answer", frame.raw)
    return _NOTHING

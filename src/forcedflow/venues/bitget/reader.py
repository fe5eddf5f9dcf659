"""Turning Bitget's frames into rows, in the order in which they came.

In:  frames of the feeds, polls and requests of `forcedflow.venues.bitget.stream`.
Out: rows; requests for the snapshots that broken books need.
Free of sockets and of the clock: the same frames give the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Literal, TypeAlias

import msgspec

from forcedflow.errors import FrameError, VenueError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.venues.asked import asked_now
from forcedflow.venues.base import PRECEDENCE_REST, PRECEDENCE_STREAM
from forcedflow.venues.bitget.book import BookFeed
from forcedflow.venues.bitget.parse import Millis, decode
from forcedflow.venues.bitget.parse_history import (
    parse_account_ratio,
    parse_funding,
    parse_klines,
)
from forcedflow.venues.bitget.parse_listing import parse_position_tiers
from forcedflow.venues.bitget.parse_stream import (
    OpenBars,
    TickerMinutes,
    parse_bars,
    parse_liquidations,
    parse_trades,
)
from forcedflow.venues.bitget.spec import BAR_LENGTHS, VENUE, BarPrice, product
from forcedflow.venues.bitget.stream import LIQUIDATIONS, order_book_request
from forcedflow.venues.connector import Request
from forcedflow.venues.open_bar import OpenBar
from forcedflow.venues.row_buffer import RowBuffer


class _Topic(msgspec.Struct, frozen=True, gc=False):
    product: str = msgspec.field(name="instType", default="")
    topic: str = ""
    symbol: str = ""
    interval: str = ""


class _Message(msgspec.Struct, gc=False):
    arg: _Topic | None = None
    action: str = ""
    ts: Millis = 0
    data: msgspec.Raw = msgspec.Raw()
    # Of answers to what we said. A code is a number here and text elsewhere.
    event: str = ""
    code: int | str = ""
    msg: str = ""


_MESSAGE: Final = msgspec.json.Decoder(_Message)

_Asks: TypeAlias = tuple[Request, ...]
_Route: TypeAlias = Callable[[_Message, Frame, RowBuffer], _Asks]

_NOTHING: Final[_Asks] = ()
_PONG: Final = b"pong"
_BAR_PRICES: Final[tuple[BarPrice, ...]] = ("last", "mark", "index")


class BitgetReader:
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
        # Contracts and spot pairs are called alike; the product tells them apart.
        self._listed: Final[dict[tuple[str, str], Instrument]] = {
            (product(one).lower(), one.venue_symbol): one for one in instruments
        }
        self._books: Final = {key: BookFeed(one) for key, one in self._listed.items()}
        # By connection and topic; one that is not ours is known as such.
        self._routes: Final[dict[tuple[str, _Topic], _Route | None]] = {}
        # What a connection has built up, to be forgotten with it.
        self._fed: Final[dict[str, list[BookFeed | TickerMinutes | OpenBars]]] = {}

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
        for state in self._fed.get(frame.connection, ()):
            state.clear()
        return _NOTHING

    def _read_message(self, frame: Frame, rows: RowBuffer) -> _Asks:
        if frame.raw == _PONG:
            return _NOTHING
        message = decode(_MESSAGE, "message", frame.raw)
        if message.event or message.arg is None or not message.arg.topic:
            return _check_answer(message, frame)
        key = (frame.connection, message.arg)
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

    def _route(self, connection: str, arg: _Topic) -> _Route | None:
        if arg.topic == LIQUIDATIONS:
            own = {name: one for (sort, name), one in self._listed.items() if sort == arg.product}
            return partial(_read_liquidations, own) if own else None
        key = (arg.product, arg.symbol)
        instrument = self._listed.get(key)
        if instrument is None:
            return None
        fed = self._fed.setdefault(connection, [])
        route: _Route | None = None
        match arg.topic:
            case "publicTrade":
                route = partial(_read_trades, instrument)
            case "kline" if arg.interval in BAR_LENGTHS:
                length = BAR_LENGTHS[arg.interval]
                bars: OpenBars = OpenBar(length)
                fed.append(bars)
                route = partial(_read_bars, instrument, length, bars)
            case "ticker" if instrument.kind != "spot":
                minutes = TickerMinutes(instrument)
                fed.append(minutes)
                route = partial(_read_ticker, minutes)
            case "books":
                book = self._books[key]
                fed.append(book)
                route = partial(self._read_book, book)
        return route

    def _read_book(self, book: BookFeed, message: _Message, frame: Frame, rows: RowBuffer) -> _Asks:
        if book.read(message.data, _kind(message, frame), rows):
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
    listed: dict[str, Instrument], message: _Message, _: Frame, rows: RowBuffer
) -> _Asks:
    parse_liquidations(message.data, listed, message.ts, rows)
    return _NOTHING


def _read_trades(instrument: Instrument, message: _Message, _: Frame, rows: RowBuffer) -> _Asks:
    parse_trades(message.data, instrument, rows)
    return _NOTHING


def _read_bars(
    instrument: Instrument,
    interval_ms: int,
    bars: OpenBars,
    message: _Message,
    _: Frame,
    rows: RowBuffer,
) -> _Asks:
    parse_bars(message.data, instrument, interval_ms, bars, rows)
    return _NOTHING


def _read_ticker(minutes: TickerMinutes, message: _Message, frame: Frame, rows: RowBuffer) -> _Asks:
    if not message.ts:
        raise FrameError(VENUE, "ticker", "has no ts", frame.raw)
    minutes.read(message.data, message.ts, frame.received_ms, rows)
    return _NOTHING


def _read_poll(endpoint: str, instrument: Instrument, frame: Frame, rows: RowBuffer) -> None:
    asked = asked_now(instrument, frame.received_ms)
    match endpoint:
        case "account-long-short":
            parse_account_ratio(frame.raw, asked, rows)
        case "history-fund-rate":
            parse_funding(frame.raw, asked, rows)
        case "query-position-lever":
            parse_position_tiers(frame.raw, instrument, PRECEDENCE_STREAM, rows)
        case _:
            # A bar that is polled once it is closed is worth more than the streamed one.
            asked = replace(asked, precedence=PRECEDENCE_REST)
            for price in _BAR_PRICES:
                bar = endpoint.removeprefix(f"{price}-candles-")
                if bar != endpoint and bar in BAR_LENGTHS:
                    parse_klines(frame.raw, asked, price, BAR_LENGTHS[bar], rows)


def _kind(message: _Message, frame: Frame) -> Literal["snapshot", "update"]:
    if message.action == "snapshot":
        return "snapshot"
    if message.action == "update":
        return "update"
    raise FrameError(VENUE, "books", "action is neither snapshot nor update", frame.raw)


def _check_answer(message: _Message, frame: Frame) -> _Asks:
    if message.event == "error":
        problem = f"refused: {message.msg} (code {message.code})"
        raise FrameError(VENUE, "subscribe", problem, frame.raw)
    if not message.event:
        raise FrameError(VENUE, "message", "has neither a topic nor an answer", frame.raw)
    return _NOTHING

"""Turning OKX's frames into rows, in the order in which they came.

In:  frames of the feeds, polls and requests of `forcedflow.venues.okx.stream`.
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
from forcedflow.venues.connector import Request
from forcedflow.venues.okx.book import BookFeed
from forcedflow.venues.okx.parse import Asked, decode
from forcedflow.venues.okx.parse_history import (
    parse_account_ratio,
    parse_funding,
    parse_reference_klines,
)
from forcedflow.venues.okx.parse_listing import parse_position_tiers
from forcedflow.venues.okx.parse_stream import (
    ALWAYS,
    ByTheMinute,
    parse_bars,
    parse_liquidations,
    parse_trades,
)
from forcedflow.venues.okx.spec import BAR_LENGTHS, REFERENCE_ENDPOINTS, VENUE
from forcedflow.venues.okx.stream import LIQUIDATIONS, order_book_request
from forcedflow.venues.row_buffer import RowBuffer


class _Channel(msgspec.Struct, frozen=True, gc=False):
    channel: str = ""
    id: str = msgspec.field(name="instId", default="")


class _Message(msgspec.Struct, gc=False):
    arg: _Channel | None = None
    action: str = ""
    data: msgspec.Raw = msgspec.Raw()
    # Of answers to what we said, and of notices.
    event: str = ""
    code: str = ""
    msg: str = ""


_MESSAGE: Final = msgspec.json.Decoder(_Message)

_Asks: TypeAlias = tuple[Request, ...]
_Route: TypeAlias = Callable[[_Message, Frame, RowBuffer], _Asks]

_NOTHING: Final[_Asks] = ()
_PONG: Final = b"pong"


class OkxReader:
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
        self._listed: Final = {one.venue_symbol: one for one in instruments}
        self._swaps: Final = {name: one for name, one in self._listed.items() if one.kind != "spot"}
        self._books: Final = {name: BookFeed(one) for name, one in self._listed.items()}
        # By connection and channel; one that is not ours is known as such.
        self._routes: Final[dict[tuple[str, _Channel], _Route | None]] = {}
        # What a connection has built up, to be forgotten with it.
        self._fed: Final[dict[str, list[BookFeed | ByTheMinute]]] = {}

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
        if message.event or message.arg is None:
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

    def _route(self, connection: str, arg: _Channel) -> _Route | None:
        if arg.channel == LIQUIDATIONS:
            return partial(_read_liquidations, self._swaps)
        instrument = self._listed.get(arg.id)
        if instrument is None:
            return None
        route: _Route | None = None
        match arg.channel:
            case "trades-all":
                route = partial(_read_trades, instrument)
            case "open-interest" if instrument.kind != "spot":
                route = partial(_read_open_interest, self._minutes(connection, instrument))
            case "funding-rate" if instrument.kind != "spot":
                route = partial(_read_funding, self._minutes(connection, instrument))
            case "books":
                book = self._books[arg.id]
                self._fed.setdefault(connection, []).append(book)
                route = partial(self._read_book, book)
            case channel if (bar := channel.removeprefix("candle")) in BAR_LENGTHS:
                route = partial(_read_bars, instrument, BAR_LENGTHS[bar])
        return route

    def _minutes(self, connection: str, instrument: Instrument) -> ByTheMinute:
        minutes = ByTheMinute(instrument)
        self._fed.setdefault(connection, []).append(minutes)
        return minutes

    def _read_book(self, book: BookFeed, message: _Message, frame: Frame, rows: RowBuffer) -> _Asks:
        if book.read(message.data, _kind(message, frame), rows):
            return (order_book_request(self._root, book.instrument),)
        return _NOTHING

    def _read_response(self, frame: Frame, rows: RowBuffer) -> _Asks:
        parts = frame.connection.split(":")
        if len(parts) != 3 or parts[2] not in self._listed:
            return _NOTHING
        endpoint, name = parts[1], parts[2]
        try:
            if endpoint == "books":
                if not self._books[name].heal(frame.raw):
                    return _NOTHING
                return (order_book_request(self._root, self._listed[name]),)
            _read_poll(endpoint, self._listed[name], frame, rows)
        except VenueError as error:
            raise FrameError(VENUE, endpoint, error.problem, frame.raw) from error
        return _NOTHING


def _read_liquidations(
    swaps: dict[str, Instrument], message: _Message, _: Frame, rows: RowBuffer
) -> _Asks:
    parse_liquidations(message.data, swaps, rows)
    return _NOTHING


def _read_trades(instrument: Instrument, message: _Message, _: Frame, rows: RowBuffer) -> _Asks:
    parse_trades(message.data, instrument, rows)
    return _NOTHING


def _read_bars(
    instrument: Instrument, interval_ms: int, message: _Message, _: Frame, rows: RowBuffer
) -> _Asks:
    parse_bars(message.data, instrument, interval_ms, rows)
    return _NOTHING


def _read_open_interest(
    minutes: ByTheMinute, message: _Message, frame: Frame, rows: RowBuffer
) -> _Asks:
    minutes.read_open_interest(message.data, frame.received_ms, rows)
    return _NOTHING


def _read_funding(minutes: ByTheMinute, message: _Message, _: Frame, rows: RowBuffer) -> _Asks:
    minutes.read_funding(message.data, rows)
    return _NOTHING


def _read_poll(endpoint: str, instrument: Instrument, frame: Frame, rows: RowBuffer) -> None:
    asked = Asked(instrument, 0, ALWAYS, PRECEDENCE_STREAM, frame.received_ms)
    match endpoint:
        case "account-ratio":
            parse_account_ratio(frame.raw, asked, rows)
        case "funding":
            parse_funding(frame.raw, asked, rows)
        case "position-tiers":
            parse_position_tiers(frame.raw, instrument, PRECEDENCE_STREAM, rows)
        case _:
            for price_type, name in REFERENCE_ENDPOINTS.items():
                bar = endpoint.removeprefix(f"{name}-")
                if bar != endpoint and bar in BAR_LENGTHS:
                    parse_reference_klines(frame.raw, asked, price_type, BAR_LENGTHS[bar], rows)


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
        raise FrameError(VENUE, "message", "has neither a channel nor an answer", frame.raw)
    return _NOTHING

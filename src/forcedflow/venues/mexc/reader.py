"""Turning MEXC's frames into rows, in the order in which they came.

In:  frames of the feeds, polls and requests of `forcedflow.venues.mexc.stream`.
Out: rows; requests for the snapshots that books begin with.
Free of sockets and of the clock: the same frames give the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from forcedflow.errors import FrameError, VenueError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.units import MINUTE_MS, SECOND_MS
from forcedflow.venues.asked import asked_now
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.connector import Request
from forcedflow.venues.mexc.parse import Millis, decode
from forcedflow.venues.mexc.parse_history import parse_bars, parse_funding
from forcedflow.venues.mexc.parse_listing import parse_brackets
from forcedflow.venues.mexc.parse_stream import (
    StreamBar,
    add_bar,
    book_step,
    parse_bar,
    parse_deals,
    parse_depth,
    parse_snapshot,
    parse_ticker,
)
from forcedflow.venues.mexc.spec import BAR_LENGTHS, BOOK_LEVELS, PRICE_PATHS, VENUE
from forcedflow.venues.mexc.stream import order_book_request
from forcedflow.venues.open_bar import OpenBar
from forcedflow.venues.row_buffer import RowBuffer
from forcedflow.venues.sequenced_book import SequencedBook


class _Message(msgspec.Struct, gc=False):
    channel: str
    symbol: str = ""
    ts: Millis | None = None
    data: msgspec.Raw = msgspec.Raw()


# Answers to what we said write their time as text.
_MESSAGE: Final = msgspec.json.Decoder(_Message, strict=False)

_Asks: TypeAlias = tuple[Request, ...]
_NOTHING: Final[_Asks] = ()

_ANSWER: Final = "rs."
_SUCCESS: Final = b'"success"'


class MexcReader:
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
        self._books: Final = {
            one: SequencedBook(one.symbol, "mexc:depth", cut_at=BOOK_LEVELS) for one in instruments
        }
        # By connection, contract and what the venue calls the bars.
        self._bars: Final[dict[tuple[str, str, str], OpenBar[StreamBar]]] = {}
        self._told_minute: Final[dict[str, int]] = {}
        self._book_feeds: Final[dict[str, set[Instrument]]] = {}

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
            Snapshots of books that have none, or whose sequence broke.

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
        if message.channel.startswith(_ANSWER):
            return _check_answer(message, frame)
        instrument = self._listed.get(message.symbol)
        if instrument is None:
            return _NOTHING
        try:
            match message.channel:
                case "push.depth":
                    return self._read_depth(message, instrument, frame, rows)
                case "push.deal":
                    parse_deals(message.data, instrument, rows)
                case "push.ticker":
                    self._read_ticker(message, instrument, frame, rows)
                case "push.kline":
                    self._read_bar(message, instrument, frame, rows)
        except FrameError as error:
            # Quote the message, not only its data.
            raise FrameError(VENUE, error.what, error.problem, frame.raw) from error
        return _NOTHING

    def _read_depth(
        self, message: _Message, instrument: Instrument, frame: Frame, rows: RowBuffer
    ) -> _Asks:
        depth = parse_depth(message.data)
        at_ms = message.ts if depth.at is None else depth.at
        if at_ms is None:
            raise FrameError(VENUE, "push.depth", "has neither cts nor ts", frame.raw)
        self._book_feeds.setdefault(frame.connection, set()).add(instrument)
        if self._books[instrument].change(book_step(depth, instrument), at_ms, rows):
            return (order_book_request(self._root, instrument),)
        return _NOTHING

    def _read_bar(
        self, message: _Message, instrument: Instrument, frame: Frame, rows: RowBuffer
    ) -> None:
        told = parse_bar(message.data)
        interval_ms = BAR_LENGTHS.get(told.interval)
        if interval_ms is None:
            return
        key = (frame.connection, message.symbol, told.interval)
        bars = self._bars.setdefault(key, OpenBar(interval_ms))
        for start_ms, bar in bars.see(told.start * SECOND_MS, told):
            add_bar(bar, start_ms, instrument, interval_ms, rows)

    def _read_ticker(
        self, message: _Message, instrument: Instrument, frame: Frame, rows: RowBuffer
    ) -> None:
        told = parse_ticker(message.data)
        # A ticker's own time is that of the last trade, which may be long ago.
        at_ms = told.at if message.ts is None else message.ts
        minute = at_ms // MINUTE_MS
        # The first of each minute: a ticker comes every few seconds.
        if self._told_minute.get(message.symbol) == minute:
            return
        self._told_minute[message.symbol] = minute
        known_ms = max(at_ms, frame.received_ms)
        coins = told.open_contracts * instrument.contract_size
        for table, columns in (
            ("open_interest", (coins, coins * told.mark_price)),
            ("funding", ("predicted", told.funding_rate, None)),
        ):
            rows.add(
                table,
                instrument.symbol,
                at_ms,
                known_ms,
                *columns,
                source="mexc:ticker",
                precedence=PRECEDENCE_STREAM,
            )

    def _read_response(self, frame: Frame, rows: RowBuffer) -> _Asks:
        parts = frame.connection.split(":")
        if len(parts) != 3 or (instrument := self._listed.get(parts[2])) is None:
            return _NOTHING
        endpoint = parts[1]
        try:
            if endpoint == "depth":
                if self._books[instrument].heal(book_step(parse_snapshot(frame.raw), instrument)):
                    return (order_book_request(self._root, instrument),)
                return _NOTHING
            _read_poll(endpoint, instrument, frame, rows)
        except VenueError as error:
            raise FrameError(VENUE, endpoint, error.problem, frame.raw) from error
        return _NOTHING

    def _forget(self, connection: str) -> None:
        for instrument in self._book_feeds.get(connection, ()):
            self._books[instrument].clear()
        for (fed_by, _, _), bars in self._bars.items():
            if fed_by == connection:
                bars.clear()


def _read_poll(endpoint: str, instrument: Instrument, frame: Frame, rows: RowBuffer) -> None:
    asked = asked_now(instrument, frame.received_ms)
    match endpoint:
        case "funding_rate":
            parse_funding([frame.raw], asked, rows)
        case "brackets":
            parse_brackets(frame.raw, asked, rows)
        case _:
            for price_type in PRICE_PATHS:
                bar = endpoint.removeprefix(f"{price_type}-")
                if bar != endpoint and bar in BAR_LENGTHS:
                    parse_bars(frame.raw, asked, price_type, BAR_LENGTHS[bar], rows)


def _check_answer(message: _Message, frame: Frame) -> _Asks:
    if message.channel == "rs.error" or bytes(message.data) != _SUCCESS:
        said = bytes(message.data).decode("utf-8", errors="replace")
        raise FrameError(VENUE, message.channel, f"refused: {said}", frame.raw)
    return _NOTHING

"""Turning KuCoin's frames into rows, in the order in which they came.

In:  frames of the feeds, polls and requests of `forcedflow.venues.kucoin.stream`.
Out: rows; requests for the snapshots that broken books need.
Free of sockets and of the clock: the same frames give the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

import msgspec

from forcedflow.errors import FrameError, VenueError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.units import MINUTE_MS
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.connector import Request
from forcedflow.venues.kucoin import parse_listing, parse_stream
from forcedflow.venues.kucoin.parse import decode
from forcedflow.venues.kucoin.spec import BAR_LENGTHS, VENUE
from forcedflow.venues.kucoin.stream import order_book_request
from forcedflow.venues.row_buffer import RowBuffer
from forcedflow.venues.sampled_bars import SampledBars
from forcedflow.venues.sequenced_book import SequencedBook


class _Message(msgspec.Struct, gc=False):
    topic: str = ""
    type: str = ""
    subject: str = ""
    # Of an error it is text.
    data: msgspec.Raw = msgspec.Raw()
    code: int | str | None = None


_MESSAGE: Final = msgspec.json.Decoder(_Message)

_Asks: TypeAlias = tuple[Request, ...]
_Route: TypeAlias = Callable[[_Message, RowBuffer], _Asks]

_NOTHING: Final[_Asks] = ()
# Mark and index price come every second, and bars of them cannot be asked for without a time.
_FEWEST_SECONDS: Final = 30

_NOT_MARKET: Final = frozenset({"welcome", "ack", "pong", "ping"})


class KucoinReader:
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
            name: SequencedBook(one.symbol, f"{VENUE}:level2") for name, one in self._listed.items()
        }
        # By connection and topic; a topic that is not ours is known as such.
        self._routes: Final[dict[tuple[str, str], _Route | None]] = {}
        # What a connection has built up, to be forgotten with it.
        self._fed: Final[dict[str, list[Callable[[], None]]]] = {}

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
        for forget in self._fed.get(frame.connection, ()):
            forget()
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
            return route(message, rows)
        except FrameError as error:
            # Quote the message, not only its data.
            raise FrameError(VENUE, error.what, error.problem, frame.raw) from error

    def _route(self, connection: str, topic: str) -> _Route | None:
        kind, _, name = topic.partition(":")
        if kind == "/contract/announcement":
            return self._read_announcement
        symbol, _, bar = name.partition("_")
        instrument = self._listed.get(symbol)
        if instrument is None:
            return None
        fed = self._fed.setdefault(connection, [])
        route: _Route | None = None
        match kind:
            case "/contractMarket/execution":
                route = partial(_read_trade, instrument)
            case "/contractMarket/limitCandle" if bar in BAR_LENGTHS:
                held = _HeldBar(instrument, BAR_LENGTHS[bar])
                fed.append(held.clear)
                route = held.read
            case "/contract/instrument":
                state = _State(instrument)
                fed.append(state.clear)
                route = state.read
            case "/contractMarket/level2":
                fed.append(self._books[symbol].clear)
                route = partial(self._read_change, instrument, self._books[symbol])
        return route

    def _read_change(
        self, instrument: Instrument, book: SequencedBook, message: _Message, rows: RowBuffer
    ) -> _Asks:
        step, at_ms = parse_stream.parse_change(message.data, instrument.contract_size)
        if book.change(step, at_ms, rows):
            return (order_book_request(self._root, instrument),)
        return _NOTHING

    def _read_announcement(self, message: _Message, rows: RowBuffer) -> _Asks:
        if message.subject in {"funding.begin", "funding.end"}:
            parse_stream.parse_settlement(message.data, self._listed, rows)
        return _NOTHING

    def _read_response(self, frame: Frame, rows: RowBuffer) -> _Asks:
        parts = frame.connection.split(":")
        if len(parts) != 3 or (instrument := self._listed.get(parts[2])) is None:
            return _NOTHING
        endpoint = parts[1]
        try:
            match endpoint:
                case "level2":
                    book = self._books[parts[2]]
                    if book.heal(parse_stream.parse_snapshot(frame.raw, instrument)):
                        return (order_book_request(self._root, instrument),)
                case "contract":
                    parse_listing.parse_open_interest_now(
                        frame.raw, instrument, frame.received_ms, rows
                    )
                case "risk-limit":
                    parse_listing.parse_risk_limits(
                        frame.raw, instrument, frame.received_ms, PRECEDENCE_STREAM, rows
                    )
        except VenueError as error:
            raise FrameError(VENUE, endpoint, error.problem, frame.raw) from error
        return _NOTHING


class _HeldBar:
    """A bar that grows. Nothing says that it is closed: it is once a later one has begun."""

    def __init__(self, instrument: Instrument, interval_ms: int) -> None:
        self._instrument, self._interval_ms = instrument, interval_ms
        self._held: parse_stream.Candle | None = None

    def clear(self) -> None:
        # What was traded of it while nobody listened is missing.
        self._held = None

    def read(self, message: _Message, rows: RowBuffer) -> _Asks:
        candle, held = parse_stream.parse_candle(message.data), self._held
        if held is not None and candle.start_s < held.start_s:
            return _NOTHING
        if held is not None and candle.start_s > held.start_s:
            parse_stream.add_candle(held, self._instrument, self._interval_ms, rows)
        self._held = candle
        return _NOTHING


class _State:
    """Prices and funding of one contract, thinned to minutes."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        source = f"{VENUE}:instrument"
        self._mark = SampledBars(instrument.symbol, "mark", source, _FEWEST_SECONDS)
        self._index = SampledBars(instrument.symbol, "index", source, _FEWEST_SECONDS)
        self._estimate_minute = -1

    def clear(self) -> None:
        self._mark.clear()
        self._index.clear()
        self._estimate_minute = -1

    def read(self, message: _Message, rows: RowBuffer) -> _Asks:
        if message.subject == "mark.index.price":
            prices = parse_stream.parse_prices(message.data)
            self._mark.take(prices.at, prices.mark, rows)
            self._index.take(prices.at, prices.index, rows)
        elif message.subject == "funding.rate":
            estimate = parse_stream.parse_estimate(message.data)
            minute = estimate.at // MINUTE_MS
            if estimate.is_running and minute != self._estimate_minute:
                self._estimate_minute = minute
                parse_stream.add_estimate(estimate, self._instrument, rows)
        return _NOTHING


def _read_trade(instrument: Instrument, message: _Message, rows: RowBuffer) -> _Asks:
    parse_stream.parse_trade(message.data, instrument, rows)
    return _NOTHING


def _check_answer(message: _Message, frame: Frame) -> _Asks:
    if message.type == "error":
        said = bytes(message.data).decode("utf-8", "replace")
        raise FrameError(VENUE, "request", f"refused: {said} (code {message.code})", frame.raw)
    if message.type not in _NOT_MARKET:
        raise FrameError(VENUE, "message", "has neither a topic nor an answer", frame.raw)
    return _NOTHING

"""Turning Gate's frames into rows, in the order in which they came.

In:  frames of the feeds, polls and requests of `forcedflow.venues.gate.stream`.
Out: rows; requests for the snapshots that broken books need.
Free of sockets and of the clock: the same frames give the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.units import MINUTE_MS, SECOND_MS
from forcedflow.venues.asked import asked_now
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.connector import Request
from forcedflow.venues.gate.parse import Moment, decode, moment_ms
from forcedflow.venues.gate.parse_history import (
    parse_bars as parse_bars_page,
)
from forcedflow.venues.gate.parse_history import parse_funding, parse_statistics
from forcedflow.venues.gate.parse_listing import parse_open_interest, parse_risk_limits
from forcedflow.venues.gate.parse_stream import (
    StreamBar,
    add_bar,
    book_step,
    parse_bars,
    parse_book,
    parse_estimates,
    parse_liquidations,
    parse_snapshot,
    parse_trades,
)
from forcedflow.venues.gate.spec import BAR_LENGTHS, REFERENCE_PRICES, VENUE
from forcedflow.venues.gate.stream import book_stream, order_book_request
from forcedflow.venues.open_bar import OpenBar
from forcedflow.venues.row_buffer import RowBuffer
from forcedflow.venues.sequenced_book import SequencedBook


class _Error(msgspec.Struct):
    message: str = ""


class _Message(msgspec.Struct, gc=False):
    channel: str
    event: str = ""
    time: Moment = 0
    time_ms: Moment = 0
    error: _Error | None = None
    result: msgspec.Raw = msgspec.Raw()


_MESSAGE: Final = msgspec.json.Decoder(_Message)

_Asks: TypeAlias = tuple[Request, ...]
_NOTHING: Final[_Asks] = ()

# "all" is what a channel calls a message that holds everything.
_TOLD: Final = frozenset({"update", "all"})


class GateReader:
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
        self._books: Final = {one: SequencedBook(one.symbol, "gate:obu") for one in instruments}
        self._streams: Final = {book_stream(one): one for one in instruments}
        # By connection and by what the venue calls the bars.
        self._bars: Final[dict[tuple[str, str], _Bars | None]] = {}
        self._estimated: Final[dict[str, int]] = {}
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
        if message.error is not None:
            what = f"{message.channel} {message.event}".strip()
            raise FrameError(VENUE, what, f"refused: {message.error.message}", frame.raw)
        if message.event not in _TOLD:
            return _NOTHING
        try:
            match message.channel:
                case "futures.obu":
                    return self._read_book(message, frame, rows)
                case "futures.trades":
                    parse_trades(message.result, self._listed, rows)
                case "futures.public_liquidates":
                    parse_liquidations(message.result, self._listed, rows)
                case "futures.tickers":
                    self._read_estimates(message, frame, rows)
                case "futures.candlesticks":
                    self._read_bars(message, frame, rows)
        except FrameError as error:
            # Quote the message, not only its result.
            raise FrameError(VENUE, error.what, error.problem, frame.raw) from error
        return _NOTHING

    def _read_book(self, message: _Message, frame: Frame, rows: RowBuffer) -> _Asks:
        told = parse_book(message.result)
        instrument = self._streams.get(told.stream)
        if instrument is None:
            return _NOTHING
        self._book_feeds.setdefault(frame.connection, set()).add(instrument)
        book, step, at_ms = self._books[instrument], book_step(told, instrument), moment_ms(told.at)
        if told.is_whole:
            book.replace(step, at_ms, rows)
        elif book.change(step, at_ms, rows):
            return (order_book_request(self._root, instrument),)
        return _NOTHING

    def _read_bars(self, message: _Message, frame: Frame, rows: RowBuffer) -> None:
        for told in parse_bars(message.result):
            key = (frame.connection, told.name)
            if key not in self._bars:
                self._bars[key] = self._bars_called(told.name)
            bars = self._bars[key]
            if bars is None:
                continue
            closed = bars.open.see(told.start * SECOND_MS, told, is_closed=told.is_closed)
            for start_ms, bar in closed:
                add_bar(bar, start_ms, bars.instrument, bars.interval_ms, rows)

    def _bars_called(self, name: str) -> _Bars | None:
        bar, _, contract = name.partition("_")
        instrument, interval_ms = self._listed.get(contract), BAR_LENGTHS.get(bar)
        if instrument is None or interval_ms is None:
            return None
        return _Bars(instrument, interval_ms)

    def _read_estimates(self, message: _Message, frame: Frame, rows: RowBuffer) -> None:
        told_ms = moment_ms(message.time_ms or message.time)
        for name, at_ms, rate, hours in parse_estimates(message.result, told_ms):
            instrument, minute = self._listed.get(name), at_ms // MINUTE_MS
            # The first of each minute: a ticker comes several times a second.
            if instrument is None or self._estimated.get(name) == minute:
                continue
            self._estimated[name] = minute
            rows.add(
                "funding",
                instrument.symbol,
                at_ms,
                max(at_ms, frame.received_ms),
                "predicted",
                rate,
                hours,
                source="gate:tickers",
                precedence=PRECEDENCE_STREAM,
            )

    def _read_response(self, frame: Frame, rows: RowBuffer) -> _Asks:
        parts = frame.connection.split(":")
        if len(parts) != 3 or (instrument := self._listed.get(parts[2])) is None:
            return _NOTHING
        endpoint = parts[1]
        if endpoint == "order_book":
            if self._books[instrument].heal(parse_snapshot(frame.raw, instrument)):
                return (order_book_request(self._root, instrument),)
            return _NOTHING
        _read_poll(endpoint, instrument, frame, rows)
        return _NOTHING

    def _forget(self, connection: str) -> None:
        for instrument in self._book_feeds.get(connection, ()):
            self._books[instrument].clear()
        for (fed_by, _), bars in self._bars.items():
            if fed_by == connection and bars is not None:
                bars.open.clear()


class _Bars:
    """Bars of one contract and length, and the one under way."""

    def __init__(self, instrument: Instrument, interval_ms: int) -> None:
        self.instrument, self.interval_ms = instrument, interval_ms
        self.open: OpenBar[StreamBar] = OpenBar(interval_ms)


def _read_poll(endpoint: str, instrument: Instrument, frame: Frame, rows: RowBuffer) -> None:
    asked = asked_now(instrument, frame.received_ms)
    match endpoint:
        case "tickers":
            parse_open_interest(frame.raw, asked, rows)
        case "contract_stats":
            for table in ("long_short_ratio", "liquidation_totals"):
                parse_statistics(frame.raw, asked, table, rows)
        case "funding_rate":
            parse_funding(frame.raw, asked, rows)
        case "risk_limit_tiers":
            parse_risk_limits(frame.raw, asked, rows)
        case _:
            for price_type in REFERENCE_PRICES:
                bar = endpoint.removeprefix(f"{price_type}-")
                if bar != endpoint and bar in BAR_LENGTHS:
                    parse_bars_page(frame.raw, asked, price_type, BAR_LENGTHS[bar], rows)

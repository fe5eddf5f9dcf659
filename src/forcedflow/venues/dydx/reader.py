"""Turning dYdX's frames into rows, in the order in which they came.

In:  frames of the feeds and polls of `forcedflow.venues.dydx.stream`.   Out: rows.
Free of sockets and of the clock: the same frames give the same rows.

The first message of a channel tells what was before; of markets that is the state from which
changes go on, of matches and bars it is the past, which is asked for over HTTP where it is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.units import MINUTE_MS
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.connector import Request
from forcedflow.venues.dydx import messages, parse
from forcedflow.venues.dydx.accounts import parse_positions
from forcedflow.venues.dydx.messages import Market, by_ticker, decode, millis
from forcedflow.venues.dydx.parse import Asked
from forcedflow.venues.dydx.spec import FUNDING_HOURS, VENUE
from forcedflow.venues.row_buffer import RowBuffer
from forcedflow.venues.sampled_bars import SampledBars


class _Message(msgspec.Struct, gc=False):
    type: str
    channel: str = ""
    id: str = ""
    message: str = ""
    contents: msgspec.Raw = msgspec.Raw()


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_ALL_MARKETS: Final = msgspec.json.Decoder(messages.Markets, strict=False)
_MARKET: Final = msgspec.json.Decoder(Market, strict=False)
_ORACLE: Final = msgspec.json.Decoder(messages.Oracle, strict=False)
_CHANGES: Final = msgspec.json.Decoder(messages.MarketChanges, strict=False)

_NOTHING: Final[tuple[Request, ...]] = ()
_KNOWN: Final = frozenset({"connected", "subscribed", "unsubscribed", "channel_data", "pong"})

# A block, and with it a change of the oracle price, comes about every second.
_FEWEST_SAMPLES: Final = 15


class DydxReader:
    """Reads the frames of one connector.

    Parameters
    ----------
    instruments : sequence of Instrument
        Contracts whose frames are read; what is said of others gives no rows.
    """

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._listed: Final = {one.venue_symbol: one for one in instruments}
        self._asked: Final = {
            name: Asked(one, PRECEDENCE_STREAM) for name, one in self._listed.items()
        }
        # Bars that grow, by connection and by market and length.
        self._bars: Final[dict[str, dict[str, messages.Candle]]] = {}
        # Of every market, as accounts hold any.
        self._markets: dict[str, Market] = {}
        self._minutes: dict[str, int] = {}
        # What accounts hold, where it came before what its markets are worth; by connection.
        self._early: Final[dict[str, bytes]] = {}
        self._oracles: Final = {
            name: SampledBars(one.symbol, "mark", f"{VENUE}:v4_markets", _FEWEST_SAMPLES)
            for name, one in self._listed.items()
        }

    def read(self, frame: Frame, rows: RowBuffer) -> Sequence[Request]:
        """Add a frame's rows; nothing ever has to be asked for because of it.

        Parameters
        ----------
        frame : Frame
        rows : RowBuffer

        Raises
        ------
        FrameError
            If it cannot be read, or is the venue's own complaint; ``rows`` has nothing of it.
        """
        if frame.kind == "message":
            self._read_message(frame, rows)
        elif frame.kind == "response":
            self._read_response(frame, rows)
        elif frame.connection in self._bars:
            # What was traded of a bar while nobody listened is missing.
            del self._bars[frame.connection]
        elif frame.connection == "markets":
            self._markets = {}
            self._minutes.clear()
            for bars in self._oracles.values():
                bars.clear()
        return _NOTHING

    def _read_message(self, frame: Frame, rows: RowBuffer) -> None:
        message = decode(_MESSAGE, "message", frame.raw)
        if message.type == "error":
            raise FrameError(VENUE, "request", f"refused: {message.message}", frame.raw)
        if message.type not in _KNOWN:
            raise FrameError(VENUE, "message", f"is of unknown type {message.type!r}", frame.raw)
        try:
            if message.type == "channel_data":
                self._read_data(message, frame, rows)
            elif message.type == "subscribed" and message.channel == "v4_markets":
                named = decode(_ALL_MARKETS, "v4_markets", message.contents).markets
                self._markets = by_ticker(_MARKET, "v4_markets", named)
                self._read_early(frame.received_ms, rows)
        except FrameError as error:
            # Quote the message, not only its contents.
            raise FrameError(VENUE, error.what, error.problem, frame.raw) from error

    def _read_early(self, received_ms: int, rows: RowBuffer) -> None:
        # Each was read once when it came, so that none of them can be damaged.
        for raw in self._early.values():
            parse_positions(raw, self._listed, self._markets, received_ms, rows)
        self._early.clear()

    def _read_data(self, message: _Message, frame: Frame, rows: RowBuffer) -> None:
        if message.channel == "v4_markets":
            self._read_changes(message, frame, rows)
            return
        ticker = message.id.partition("/")[0]
        asked = self._asked.get(ticker)
        if asked is None:
            return
        if message.channel == "v4_trades":
            parse.parse_trades(message.contents, asked, "v4_trades", rows)
        elif message.channel == "v4_candles":
            candle = parse.parse_candle(message.contents)
            self._hold_bar(frame.connection, message.id, candle, asked, rows)

    def _hold_bar(
        self,
        connection: str,
        name: str,
        candle: messages.Candle,
        asked: Asked,
        rows: RowBuffer,
    ) -> None:
        # A bar is not said to be closed: it is once a later one has begun.
        bars = self._bars.setdefault(connection, {})
        held = bars.get(name)
        if held is not None and candle.started < held.started:
            return
        if held is not None and candle.started > held.started:
            only = Asked(asked.instrument, asked.precedence, tables=frozenset({"klines"}))
            parse.add_candle(held, only, "v4_candles", rows)
        bars[name] = candle

    def _read_changes(self, message: _Message, frame: Frame, rows: RowBuffer) -> None:
        changes = decode(_CHANGES, "v4_markets", message.contents)
        trading = by_ticker(_MARKET, "v4_markets", changes.trading)
        oracles = by_ticker(_ORACLE, "v4_markets", changes.oracle_prices)
        prices = {
            ticker: (oracle.price, millis(oracle.at, "v4_markets", frame.raw))
            for ticker, oracle in oracles.items()
        }
        for ticker, (price, at_ms) in prices.items():
            if ticker in self._listed:
                self._pass_minute(ticker, at_ms, frame.received_ms, rows)
                self._oracles[ticker].take(at_ms, price, rows)
            self._change(ticker, Market(oracle_price=price))
        for ticker, market in trading.items():
            self._change(ticker, market)

    def _change(self, ticker: str, change: Market) -> None:
        market = self._markets.get(ticker)
        # A change before the first state is left out: what it does not name is unknown.
        if market is None:
            return
        for name in ("oracle_price", "next_rate", "maintenance", "open_interest"):
            if (value := getattr(change, name)) is not None:
                setattr(market, name, value)

    def _pass_minute(self, ticker: str, at_ms: int, received_ms: int, rows: RowBuffer) -> None:
        # The row of a minute is what held when it began, so that two listeners write the same.
        minute_ms = at_ms - at_ms % MINUTE_MS
        before = self._minutes.get(ticker)
        if before is not None and minute_ms <= before:
            return
        self._minutes[ticker] = minute_ms
        market = self._markets.get(ticker)
        # What held at the beginning of a minute that was joined half way through is not known.
        if before is None or market is None:
            return
        symbol, known_ms = self._listed[ticker].symbol, max(minute_ms, received_ms)
        source = f"{VENUE}:v4_markets"
        if market.open_interest is not None and market.oracle_price is not None:
            rows.add(
                "open_interest",
                symbol,
                minute_ms,
                known_ms,
                market.open_interest,
                market.open_interest * market.oracle_price,
                source=source,
                precedence=PRECEDENCE_STREAM,
            )
        if market.next_rate is not None:
            rows.add(
                "funding",
                symbol,
                minute_ms,
                known_ms,
                "predicted",
                market.next_rate,
                FUNDING_HOURS,
                source=source,
                precedence=PRECEDENCE_STREAM,
            )

    def _read_response(self, frame: Frame, rows: RowBuffer) -> None:
        _, _, rest_of = frame.connection.partition(":")
        endpoint, _, name = rest_of.partition(":")
        if endpoint == "funding" and name in self._asked:
            parse.parse_funding(frame.raw, self._asked[name], rows)
        elif endpoint == "address":
            received_ms = frame.received_ms
            parse_positions(frame.raw, self._listed, self._markets, received_ms, rows)
            if not self._markets:
                self._early[frame.connection] = frame.raw
        elif endpoint == "markets":
            listed = parse.parse_markets(frame.raw)
            own = [(listed[name], asked) for name, asked in self._asked.items() if name in listed]
            for market, _ in own:
                parse.check_bracket(market, frame.raw)
            for market, asked in own:
                parse.add_bracket(market, asked, frame.received_ms, frame.raw, rows)

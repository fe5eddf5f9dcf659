"""A venue that says what a test tells it to, in a language of its own: no socket, no clock.

A message is JSON: ``{"trade": [id, time_ms, price]}``, ``{"liquidation": [time_ms, side, price]}``
or ``{"book": n}``, which asks for a snapshot; anything else cannot be read.
"""

# ruff: noqa: ARG002 - a connector's methods take what every connector may need

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.store.raw_log import Frame
from forcedflow.venues.base import PRECEDENCE_REST, PRECEDENCE_STREAM, Capabilities
from forcedflow.venues.connector import Endpoints, Feed, Piece, Poll, RateLimit, Request
from forcedflow.venues.follow import ConnectionHealth
from forcedflow.venues.network import NetworkVenue
from forcedflow.venues.row_buffer import RowBuffer

BTC = Instrument("spoken", "BTC", "USDT", "USDT", 0.1, 1.0)
START_MS = 1_770_336_000_000  # 2026-02-06T00:00Z


def add_trade(rows, symbol, number, time_ms, price, precedence=PRECEDENCE_STREAM):
    columns = (str(number), float(price), 1.0, "buy")
    rows.add(
        "trades", symbol, time_ms, time_ms, *columns, source="spoken:trade", precedence=precedence
    )


class SpokenReader:
    def __init__(self, instruments):
        (self._instrument,) = instruments
        self.opened = 0

    def read(self, frame, rows):
        if frame.kind in {"opened", "closed"}:
            self.opened += frame.kind == "opened"
            return ()
        try:
            said = json.loads(frame.raw)
            ((what, values),) = said.items()
        except (ValueError, AttributeError) as error:
            raise FrameError(rows.venue, "message", str(error), frame.raw) from error
        symbol = self._instrument.symbol
        if what == "trade":
            add_trade(rows, symbol, *values)
        elif what == "liquidation":
            time_ms, side, price = values
            columns = (side, price, "fill", 1.0, price, "", "complete")
            rows.add(
                "liquidations",
                symbol,
                time_ms,
                time_ms,
                *columns,
                source="spoken:liquidation",
                precedence=PRECEDENCE_STREAM,
            )
        elif what == "book":
            return (Request(f"rest:book:{values}", lambda _: b"{}"),)
        elif what != "pong":
            raise FrameError(rows.venue, what, "nobody says so", frame.raw)
        return ()


@dataclass
class SpokenConnector:
    """A connector; `kept` are the trades that it can be asked for: (id, time_ms, price)."""

    name: str = "spoken"
    kept: list = field(default_factory=list)
    failure: Exception | None = None
    asked: list = field(default_factory=list)
    endpoints = Endpoints("https://spoken.invalid", "wss://spoken.invalid")
    rate_limit = RateLimit(100, 60.0)
    capabilities = Capabilities(
        kinds=("linear",),
        backfilled=frozenset({"trades", "klines"}),
        streamed=frozenset({"trades", "liquidations"}),
        liquidations="complete",
        public_positions=False,
    )

    def instruments(self, http):
        if self.failure is not None:
            raise self.failure
        return (BTC,)

    def server_time_ms(self, http):
        return START_MS

    def pieces(self, http, tables, instrument, start_ms, end_ms, now_ms, interval_ms):
        def read():
            self.asked.append((start_ms, end_ms))
            return {}

        return (Piece("day", frozenset(tables), start_ms, end_ms, read),)

    def trades_between(self, http, instrument, start_ms, end_ms):
        self.asked.append((start_ms, end_ms))
        if self.failure is not None:
            raise self.failure
        rows = RowBuffer(self.name)
        for number, time_ms, price in self.kept:
            add_trade(rows, instrument.symbol, number, time_ms, price, PRECEDENCE_REST)
        return rows.take()

    def feeds(self, tables, instruments, interval_ms):
        feed = Feed("market", "wss://spoken.invalid", (), frozenset(tables))
        poll = Poll(Request("rest:interest", lambda _: b"{}"), 60.0, frozenset())
        return (feed,), (poll,)

    def reader(self, instruments):
        return SpokenReader(instruments)


class ToldFollower:
    """Says the batches that it was told, then waits to be stopped; or fails."""

    def __init__(self, batches, drops=None, failure=None, after_stop=()):
        self._batches, self._drops, self._failure = batches, drops or {}, failure
        self._after_stop = after_stop
        self._stopped = asyncio.Event()
        self.said = asyncio.Event()
        self.asked = []
        self.left = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return None

    async def batches(self):
        for batch in self._batches:
            yield batch
            await asyncio.sleep(0)
        self.said.set()
        if self._failure is not None:
            raise self._failure
        await self._stopped.wait()
        for batch in self._after_stop:
            yield batch

    def rest(self):
        rest, self.left = self.left, []
        return rest

    def ask(self, request):
        self.asked.append(request.connection)

    def stop(self):
        self._stopped.set()

    def health(self):
        return {
            name: ConnectionHealth(name, True, 0, 0, drops, 0, None, 0, "")
            for name, drops in self._drops.items()
        }


def venue(connector=None):
    return NetworkVenue(connector or SpokenConnector(), http=None, now_ms=lambda: START_MS)


def at(ms, kind="message", said=None, connection="market"):
    """Return a frame heard so many milliseconds after the start."""
    raw = said if isinstance(said, bytes) else json.dumps(said).encode() if said else b""
    return Frame((START_MS + ms) * 1_000_000, connection, kind, raw)


def trade(ms, number, price=100.0, delay_ms=20):
    """Return the frame of a trade, heard ``delay_ms`` after it happened."""
    return at(ms + delay_ms, said={"trade": [number, START_MS + ms, price]})


def liquidation(ms, side="long", price=100.0):
    return at(ms + 20, said={"liquidation": [START_MS + ms, side, price]})

"""Which of Gate's streams and polls carry which tables.

In:  tables, instruments, the length of price bars. [ms]   Out: `Feed` and `Poll` values.
Free of sockets and parsing.

Books have connections of their own, whose messages may be given up when memory runs out; a
liquidation never waits behind them. What is not streamed is polled: open interest, bars of the
mark and index price, statistics, settlements and brackets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.units import SECOND_MS
from forcedflow.venues.connector import Feed, Http, Poll, Request
from forcedflow.venues.gate import rest
from forcedflow.venues.gate.spec import (
    BOOK_LEVELS,
    HEADERS,
    REFERENCE_PRICES,
    SETTLE,
    PriceType,
    bar_name,
)
from forcedflow.venues.repeated import Repeated, polls_of

CONTRACTS_A_CONNECTION: Final = 100
"""Contracts followed on one connection; the venue names no limit, and 150 were seen to work."""

# One request is refused whole for one bad contract.
_CONTRACTS_A_REQUEST: Final = 10

# The venue wants a time in what it is told; this is the one of its own examples.
_SAID_AT: Final = 123_456

_PING: Final = f'{{"time":{_SAID_AT},"channel":"futures.ping"}}'
_PING_EVERY_S: Final = 15.0
_SILENCE_S: Final = 45.0

_OPEN_INTEREST_EVERY_S: Final = 60.0
_STATISTICS_EVERY_S: Final = 60.0
_SETTLEMENTS_EVERY_S: Final = 300.0
_BRACKETS_EVERY_S: Final = 3600.0

_CHANNELS: Final = {
    "liquidations": "futures.public_liquidates",
    "trades": "futures.trades",
    "funding": "futures.tickers",
}
"""Channels that take a list of contracts, by the table they carry."""

_BOOK_TABLES: Final = frozenset({"order_book", "depth_bands"})
_STATISTICS_TABLES: Final = frozenset({"long_short_ratio", "liquidation_totals"})

_REPEATED: Final = (
    Repeated("open_interest", "tickers", rest.get_ticker, _OPEN_INTEREST_EVERY_S),
    Repeated(_STATISTICS_TABLES, "contract_stats", rest.get_latest_statistics, _STATISTICS_EVERY_S),
    Repeated("funding", "funding_rate", rest.get_latest_funding, _SETTLEMENTS_EVERY_S),
    Repeated(
        frozenset({"leverage_brackets"}),
        "risk_limit_tiers",
        rest.get_risk_limits,
        _BRACKETS_EVERY_S,
    ),
)


def feeds(
    root: str, tables: Sequence[str], instruments: Sequence[Instrument], interval_ms: int
) -> tuple[Feed, ...]:
    """Return the connections that carry these tables.

    Parameters
    ----------
    root : str
        Root of the venue's websockets.
    tables : sequence of str
    instruments : sequence of Instrument
    interval_ms : int
        Length of price bars. [ms]

    Raises
    ------
    UsageError
        If bars of a length are wanted that the venue does not have.
    """
    url = f"{root}/v4/ws/{SETTLE}"
    found: list[Feed] = []
    for number, part in enumerate(_parts(instruments, CONTRACTS_A_CONNECTION), start=1):
        for name, subscribe, carries in (
            (SETTLE, tuple(_prints(tables, part, interval_ms)), _carried(tables)),
            (f"{SETTLE}-book", tuple(_books(tables, part)), _BOOK_TABLES & set(tables)),
        ):
            if subscribe:
                found.append(
                    Feed(
                        name=f"{name}:{number}",
                        url=url,
                        subscribe=subscribe,
                        carries=frozenset(carries),
                        ping=_PING,
                        ping_every_s=_PING_EVERY_S,
                        silence_s=_SILENCE_S,
                        droppable=name != SETTLE,
                        headers=HEADERS,
                    )
                )
    return tuple(found)


def polls(
    root: str, tables: Sequence[str], instruments: Sequence[Instrument], interval_ms: int
) -> tuple[Poll, ...]:
    """Return the requests to repeat for what is not streamed.

    Parameters
    ----------
    root : str
        Where the venue answers over HTTP.
    tables : sequence of str
    instruments : sequence of Instrument
    interval_ms : int
        Length of price bars. [ms]

    Raises
    ------
    UsageError
        If bars of a length are wanted that the venue does not have.
    """
    wanted = frozenset(tables)
    return tuple(
        poll for instrument in instruments for poll in _polls(root, wanted, instrument, interval_ms)
    )


def order_book_request(root: str, instrument: Instrument) -> Request:
    """Return the request for a snapshot that heals a book."""
    return Request(
        _request_name("order_book", instrument),
        lambda http: rest.get_order_book(http, root, instrument),
    )


def book_stream(instrument: Instrument) -> str:
    """Return what the venue calls the stream of a contract's book."""
    return f"ob.{instrument.venue_symbol}.{BOOK_LEVELS}"


def _prints(
    tables: Sequence[str], instruments: Sequence[Instrument], interval_ms: int
) -> Iterator[str]:
    for table, channel in _CHANNELS.items():
        if table in tables:
            for part in _parts(instruments, _CONTRACTS_A_REQUEST):
                yield _subscription(channel, [one.venue_symbol for one in part])
    if "klines" in tables:
        for instrument in instruments:
            bars = [bar_name(interval_ms), instrument.venue_symbol]
            yield _subscription("futures.candlesticks", bars)


def _books(tables: Sequence[str], instruments: Sequence[Instrument]) -> Iterator[str]:
    if _BOOK_TABLES & set(tables):
        for part in _parts(instruments, _CONTRACTS_A_REQUEST):
            yield _subscription("futures.obu", [book_stream(one) for one in part])


def _carried(tables: Sequence[str]) -> set[str]:
    return set(tables) & {*_CHANNELS, "klines"}


def _polls(
    root: str, tables: frozenset[str], instrument: Instrument, interval_ms: int
) -> Iterator[Poll]:
    if "klines" in tables:
        for price_type in REFERENCE_PRICES:
            name = _request_name(f"{price_type}-{bar_name(interval_ms)}", instrument)
            send = partial(_latest_bars, root, price_type, instrument, interval_ms)
            yield Poll(Request(name, send), interval_ms / SECOND_MS, frozenset({"klines"}))
    yield from polls_of(_REPEATED, root, tables, instrument, _request_name)


def _latest_bars(
    root: str, price_type: PriceType, instrument: Instrument, interval_ms: int, http: Http
) -> bytes:
    return rest.get_latest_bars(http, root, price_type, instrument, interval_ms)


def _request_name(endpoint: str, instrument: Instrument) -> str:
    return f"rest:{endpoint}:{instrument.venue_symbol}"


def _subscription(channel: str, payload: Sequence[str]) -> str:
    asked = {"time": _SAID_AT, "channel": channel, "event": "subscribe", "payload": payload}
    return msgspec.json.encode(asked).decode()


def _parts(instruments: Sequence[Instrument], size: int) -> Iterator[Sequence[Instrument]]:
    for first in range(0, len(instruments), size):
        yield instruments[first : first + size]

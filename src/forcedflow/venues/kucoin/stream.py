"""Which of KuCoin's topics and polls carry which tables.

In:  tables, instruments, the length of price bars. [ms]   Out: `Feed` and `Poll` values.
Free of sockets and parsing.

A connection is opened by a token that is asked for each time, and the reply names the host. Books
have connections of their own, whose messages may be given up when memory runs out. What is not
streamed is polled: open interest and brackets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.venues.connector import Endpoints, Feed, Http, Poll, Request
from forcedflow.venues.kucoin import rest
from forcedflow.venues.kucoin.parse_listing import parse_address
from forcedflow.venues.kucoin.spec import bar_name

# Limits: 400 topics a connection, 100 a message; both are kept well below.
_TOPICS_A_CONNECTION: Final = 300
_SYMBOLS_A_MESSAGE: Final = 50

_PING: Final = '{"id":"1","type":"ping"}'
# The venue closes after 18 s and 10 s more without one.
_PING_EVERY_S: Final = 15.0
# A token opens connections for 24 h.
_LIFETIME_S: Final = 23 * 3600.0

_INTEREST_EVERY_S: Final = 60.0
_BRACKETS_EVERY_S: Final = 3600.0

_TOPICS: Final = {
    "trades": "/contractMarket/execution:{symbol}",
    "klines": "/contractMarket/limitCandle:{symbol}_{bar}",
    "funding": "/contract/instrument:{symbol}",
}
# Mark and index price, of which bars are made.
_PRICES_TOPIC: Final = "/contract/instrument:{symbol}"
# Settlements of every contract, as they begin and end.
_SETTLEMENTS_TOPIC: Final = "/contract/announcement"
_BOOK_TOPIC: Final = "/contractMarket/level2:{symbol}"
_BOOK_TABLES: Final = ("order_book", "depth_bands")


def feeds(
    endpoints: Endpoints, tables: Sequence[str], instruments: Sequence[Instrument], interval_ms: int
) -> tuple[Feed, ...]:
    """Return the connections that carry these tables.

    Parameters
    ----------
    endpoints : Endpoints
    tables : sequence of str
    instruments : sequence of Instrument
    interval_ms : int
        Length of price bars. [ms]

    Raises
    ------
    UsageError
        If bars of a length are wanted that the venue does not have.
    """
    prints = _carried(tables, instruments, interval_ms)
    books = {
        _BOOK_TOPIC.format(symbol=instrument.venue_symbol): [
            table for table in _BOOK_TABLES if table in tables
        ]
        for instrument in instruments
        if set(_BOOK_TABLES) & set(tables)
    }
    return (
        *_connections("prints", prints, endpoints, droppable=False),
        *_connections("book", books, endpoints, droppable=True),
    )


def polls(
    endpoints: Endpoints, tables: Sequence[str], instruments: Sequence[Instrument]
) -> tuple[Poll, ...]:
    """Return the requests to repeat for what is not streamed."""
    found = {
        "open_interest": ("contract", _INTEREST_EVERY_S, rest.get_contract),
        "leverage_brackets": ("risk-limit", _BRACKETS_EVERY_S, rest.get_risk_limits),
    }
    return tuple(
        Poll(
            Request(
                _request_name(name, instrument),
                partial(get, root=endpoints.rest, instrument=instrument),
            ),
            every_s,
            frozenset({table}),
        )
        for instrument in instruments
        for table, (name, every_s, get) in found.items()
        if table in tables
    )


def order_book_request(root: str, instrument: Instrument) -> Request:
    """Return the request for a snapshot that heals a book."""
    name = _request_name("level2", instrument)
    return Request(name, lambda http: rest.get_order_book(http, root, instrument))


def _request_name(endpoint: str, instrument: Instrument) -> str:
    return f"rest:{endpoint}:{instrument.venue_symbol}"


def _carried(
    tables: Sequence[str], instruments: Sequence[Instrument], interval_ms: int
) -> dict[str, list[str]]:
    """Return the tables that each topic carries, the topics of one instrument side by side."""
    carried: dict[str, list[str]] = {}
    wanted = [(table, topic) for table, topic in _TOPICS.items() if table in tables]
    bar = bar_name(interval_ms) if "klines" in tables else ""
    if "klines" in tables:
        wanted.append(("klines", _PRICES_TOPIC))
    for instrument in instruments:
        for table, topic in wanted:
            name = topic.format(symbol=instrument.venue_symbol, bar=bar)
            carried.setdefault(name, []).append(table)
    if "funding" in tables and instruments:
        carried[_SETTLEMENTS_TOPIC] = ["funding"]
    return carried


def _connections(
    name: str, carried: Mapping[str, Sequence[str]], endpoints: Endpoints, *, droppable: bool
) -> Iterator[Feed]:
    topics = list(carried)
    for number, first in enumerate(range(0, len(topics), _TOPICS_A_CONNECTION), start=1):
        part = topics[first : first + _TOPICS_A_CONNECTION]
        yield Feed(
            name=f"{name}:{number}",
            url=endpoints.stream,
            subscribe=tuple(_subscriptions(part)),
            carries=frozenset(table for topic in part for table in carried[topic]),
            ping=_PING,
            ping_every_s=_PING_EVERY_S,
            lifetime_s=_LIFETIME_S,
            droppable=droppable,
            address=partial(_address, endpoints),
        )


def _address(endpoints: Endpoints, http: Http) -> str:
    return parse_address(rest.get_token(http, endpoints.rest), endpoints.stream)


def _subscriptions(topics: Sequence[str]) -> Iterator[str]:
    """Yield a message for each kind of topic, with as many symbols as one may name."""
    by_kind: dict[tuple[str, str], list[str]] = {}
    for topic in topics:
        kind, colon, rest_of = topic.partition(":")
        symbol, underscore, bar = rest_of.partition("_")
        by_kind.setdefault((f"{kind}{colon}", f"{underscore}{bar}"), []).append(symbol)
    number = 0
    for (kind, end), symbols in by_kind.items():
        for first in range(0, len(symbols), _SYMBOLS_A_MESSAGE):
            number += 1
            some = ",".join(
                f"{symbol}{end}" for symbol in symbols[first : first + _SYMBOLS_A_MESSAGE]
            )
            message = {
                "id": str(number),
                "type": "subscribe",
                "topic": f"{kind}{some}",
                "response": True,
            }
            yield msgspec.json.encode(message).decode()

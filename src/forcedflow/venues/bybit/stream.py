"""Which of Bybit's streams and polls carry which tables.

In:  tables, instruments, the length of price bars. [ms]   Out: `Feed` and `Poll` values.
Free of sockets and parsing.

Books have connections of their own, whose messages may be given up when memory runs out; a
liquidation never waits behind them. What is not streamed is polled: bars of the mark and index
price, account ratios, settlements and brackets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from forcedflow.instruments import ContractKind, Instrument
from forcedflow.units import SECOND_MS
from forcedflow.venues.bybit import rest
from forcedflow.venues.bybit.spec import (
    BOOK_LEVELS,
    REFERENCE_ENDPOINTS,
    SPOT_TABLES,
    BarEndpoint,
    bar_name,
    category,
    has_account_ratio,
)
from forcedflow.venues.connector import Feed, Http, Poll, Request
from forcedflow.venues.repeated import Repeated, polls_of

# One request is refused whole for one bad topic, and spot takes no more than ten of them.
_TOPICS_A_REQUEST: Final = 10

# The topics of one public connection may be 21,000 characters long together.
_CHARACTERS_A_CONNECTION: Final = 20_000

_PING: Final = '{"op":"ping"}'
_PING_EVERY_S: Final = 20.0

_RATIOS_EVERY_S: Final = 60.0
_SETTLEMENTS_EVERY_S: Final = 300.0
_BRACKETS_EVERY_S: Final = 3600.0

_TOPICS: Final = {
    "liquidations": "allLiquidation.{symbol}",
    "trades": "publicTrade.{symbol}",
    "klines": "kline.{bar}.{symbol}",
    "open_interest": "tickers.{symbol}",
    "funding": "tickers.{symbol}",
}
_BOOK_TOPIC: Final = f"orderbook.{BOOK_LEVELS}.{{symbol}}"
_BOOK_TOPICS: Final = {"order_book": _BOOK_TOPIC, "depth_bands": _BOOK_TOPIC}

_KINDS: Final[tuple[ContractKind, ...]] = ("linear", "inverse", "spot")

_REPEATED: Final = (
    Repeated(
        frozenset({"long_short_ratio"}),
        "account-ratio",
        rest.get_latest_account_ratio,
        _RATIOS_EVERY_S,
    ),
    Repeated("funding", "funding", rest.get_latest_funding, _SETTLEMENTS_EVERY_S),
    Repeated(
        frozenset({"leverage_brackets"}), "risk-limit", rest.get_risk_limits, _BRACKETS_EVERY_S
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
    found: list[Feed] = []
    for kind in _KINDS:
        listed = [instrument for instrument in instruments if category(instrument) == kind]
        for name, topics in ((kind, _TOPICS), (f"{kind}-book", _BOOK_TOPICS)):
            wanted = {table: topic for table, topic in topics.items() if table in tables}
            if kind == "spot":
                wanted = {table: wanted[table] for table in wanted if table in SPOT_TABLES}
            carried = _carried(wanted, listed, interval_ms)
            for number, part in enumerate(_connections(list(carried)), start=1):
                found.append(
                    Feed(
                        name=f"{name}:{number}",
                        url=f"{root}/v5/public/{kind}",
                        subscribe=tuple(_subscriptions(part)),
                        carries=frozenset(table for topic in part for table in carried[topic]),
                        ping=_PING,
                        ping_every_s=_PING_EVERY_S,
                        droppable=topics is _BOOK_TOPICS,
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
    perpetuals = [instrument for instrument in instruments if instrument.kind != "spot"]
    return tuple(
        poll
        for instrument in perpetuals
        for poll in _polls(root, frozenset(tables), instrument, interval_ms)
    )


def order_book_request(root: str, instrument: Instrument) -> Request:
    """Return the request for a snapshot that heals a book."""
    return Request(
        _request_name("orderbook", instrument),
        lambda http: rest.get_order_book(http, root, instrument),
    )


def _polls(
    root: str, tables: frozenset[str], instrument: Instrument, interval_ms: int
) -> Iterator[Poll]:
    if "klines" in tables:
        for endpoint in REFERENCE_ENDPOINTS.values():
            name = _request_name(f"{endpoint}-{bar_name(interval_ms)}", instrument)
            send = partial(_latest_klines, root, endpoint, instrument, interval_ms)
            yield Poll(Request(name, send), interval_ms / SECOND_MS, frozenset({"klines"}))
    if not has_account_ratio(instrument):
        tables -= {"long_short_ratio"}
    yield from polls_of(_REPEATED, root, tables, instrument, _request_name)


def _latest_klines(
    root: str, endpoint: BarEndpoint, instrument: Instrument, interval_ms: int, http: Http
) -> bytes:
    return rest.get_latest_klines(http, root, endpoint, instrument, interval_ms)


def _request_name(endpoint: str, instrument: Instrument) -> str:
    return f"rest:{endpoint}:{category(instrument)}:{instrument.venue_symbol}"


def _carried(
    topics: Mapping[str, str], instruments: Sequence[Instrument], interval_ms: int
) -> dict[str, list[str]]:
    """Return the tables that each topic carries, the topics of one instrument side by side."""
    carried: dict[str, list[str]] = {}
    bar = bar_name(interval_ms) if "klines" in topics else ""
    for instrument in instruments:
        for table, topic in topics.items():
            name = topic.format(symbol=instrument.venue_symbol, bar=bar)
            carried.setdefault(name, []).append(table)
    return carried


def _connections(topics: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    characters = 0
    for topic in topics:
        length = len(topic) + 3  # its quotes and its comma
        if part and characters + length > _CHARACTERS_A_CONNECTION:
            yield part
            part, characters = [], 0
        part.append(topic)
        characters += length
    if part:
        yield part


def _subscriptions(topics: Sequence[str]) -> Iterator[str]:
    for first in range(0, len(topics), _TOPICS_A_REQUEST):
        args = topics[first : first + _TOPICS_A_REQUEST]
        yield msgspec.json.encode({"op": "subscribe", "args": args}).decode()

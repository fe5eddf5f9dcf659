"""Which of Bitget's topics and polls carry which tables.

In:  tables, instruments, the length of price bars. [ms]   Out: `Feed` and `Poll` values.
Free of sockets and parsing.

One address carries all topics. Books have connections of their own, whose messages may be given up
when memory runs out; a liquidation never waits behind them. Liquidations of a product are one
topic. Bars are streamed and polled: only the poll says that a bar is closed, and what it held to
its end. Account ratios, settlements and tiers are polled alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.units import HOUR_MS, SECOND_MS
from forcedflow.venues.bitget import rest
from forcedflow.venues.bitget.spec import PRODUCTS, SPOT_TABLES, BarPrice, bar_name, product
from forcedflow.venues.connector import Feed, Http, Poll, Request
from forcedflow.venues.repeated import Repeated, polls_of

# More than fifty topics make a connection unsteady, the venue says.
_TOPICS_A_CONNECTION: Final = 50

# Answered by a text message ``pong``.
_PING: Final = "ping"
_PING_EVERY_S: Final = 25.0
# The venue cuts every connection after a day.
_LIFETIME_S: Final = 23 * HOUR_MS / SECOND_MS

# A request may be made once a second, for all contracts together.
_RATIOS_EVERY_S: Final = 300.0
_SETTLEMENTS_EVERY_S: Final = 300.0
_TIERS_EVERY_S: Final = 3600.0

LIQUIDATIONS: Final = "liquidation"

_TOPICS: Final = {
    "liquidations": LIQUIDATIONS,
    "open_interest": "ticker",
    "funding": "ticker",
    "trades": "publicTrade",
    "klines": "kline",
}
_BOOK_TOPICS: Final = {"order_book": "books", "depth_bands": "books"}

Topic: TypeAlias = tuple[tuple[str, str], ...]
"""The members of one argument of a subscription."""

_REPEATED: Final = (
    Repeated(
        frozenset({"long_short_ratio"}),
        "account-long-short",
        rest.get_latest_account_ratio,
        _RATIOS_EVERY_S,
    ),
    Repeated(
        frozenset({"funding"}), "history-fund-rate", rest.get_latest_funding, _SETTLEMENTS_EVERY_S
    ),
    Repeated(
        frozenset({"leverage_brackets"}),
        "query-position-lever",
        rest.get_position_tiers,
        _TIERS_EVERY_S,
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
    bar = bar_name(interval_ms) if "klines" in tables else ""
    found: list[Feed] = []
    for name, topics in (("public", _TOPICS), ("book", _BOOK_TOPICS)):
        carried: dict[Topic, set[str]] = {}
        for table, topic in topics.items():
            if table in tables:
                for one in _topics(table, topic, instruments, bar):
                    carried.setdefault(one, set()).add(table)
        listed = list(carried)
        for first in range(0, len(listed), _TOPICS_A_CONNECTION):
            part = listed[first : first + _TOPICS_A_CONNECTION]
            args = [dict(topic) for topic in part]
            found.append(
                Feed(
                    name=f"{name}:{first // _TOPICS_A_CONNECTION + 1}",
                    url=f"{root}/v3/ws/public",
                    subscribe=(msgspec.json.encode({"op": "subscribe", "args": args}).decode(),),
                    carries=frozenset(table for topic in part for table in carried[topic]),
                    ping=_PING,
                    ping_every_s=_PING_EVERY_S,
                    lifetime_s=_LIFETIME_S,
                    droppable=topics is _BOOK_TOPICS,
                )
            )
    return tuple(found)


def polls(
    root: str, tables: Sequence[str], instruments: Sequence[Instrument], interval_ms: int
) -> tuple[Poll, ...]:
    """Return the requests to repeat for what is not streamed, or not to its end.

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
    return tuple(
        poll
        for instrument in instruments
        for poll in _polls(root, frozenset(tables), instrument, interval_ms)
    )


def order_book_request(root: str, instrument: Instrument) -> Request:
    """Return the request for a snapshot that heals a book."""
    return Request(
        _request_name("orderbook", instrument),
        lambda http: rest.get_order_book(http, root, instrument),
    )


def _topics(table: str, topic: str, instruments: Sequence[Instrument], bar: str) -> Iterator[Topic]:
    own = [one for one in instruments if one.kind != "spot" or table in SPOT_TABLES]
    for sort in PRODUCTS:
        named = (("instType", sort.lower()), ("topic", topic))
        listed = [one for one in own if product(one) == sort]
        if topic == LIQUIDATIONS:
            yield from [named] if listed else []
            continue
        for instrument in listed:
            one = (*named, ("symbol", instrument.venue_symbol))
            yield (*one, ("interval", bar)) if topic == "kline" else one


def _polls(
    root: str, tables: frozenset[str], instrument: Instrument, interval_ms: int
) -> Iterator[Poll]:
    is_spot = instrument.kind == "spot"
    if "klines" in tables:
        prices: tuple[BarPrice, ...] = ("last",) if is_spot else ("last", "mark", "index")
        for price in prices:
            name = _request_name(f"{price}-candles-{bar_name(interval_ms)}", instrument)
            send = partial(_latest_klines, root, price, instrument, interval_ms)
            yield Poll(Request(name, send), interval_ms / SECOND_MS, frozenset({"klines"}))
    if is_spot:
        return
    yield from polls_of(_REPEATED, root, tables, instrument, _request_name)


def _latest_klines(
    root: str, price: BarPrice, instrument: Instrument, interval_ms: int, http: Http
) -> bytes:
    return rest.get_latest_klines(http, root, price, instrument, interval_ms)


def _request_name(endpoint: str, instrument: Instrument) -> str:
    return f"rest:{endpoint}:{product(instrument).lower()}:{instrument.venue_symbol}"

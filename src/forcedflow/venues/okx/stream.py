"""Which of OKX's channels and polls carry which tables.

In:  tables, instruments, the length of price bars. [ms]   Out: `Feed` and `Poll` values.
Free of sockets and parsing.

Two addresses carry the channels: ``public``, and ``business`` for bars and single trades. Books
have connections of their own, whose messages may be given up when memory runs out; a liquidation
never waits behind them. Liquidations of all swaps are one channel. What is not streamed is polled:
bars of the mark and index price, account ratios, settlements and tiers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.units import SECOND_MS
from forcedflow.venues.connector import Feed, Http, Poll, Request
from forcedflow.venues.okx import rest
from forcedflow.venues.okx.spec import REFERENCE_ENDPOINTS, SPOT_TABLES, BarEndpoint, bar_name
from forcedflow.venues.repeated import Repeated, polls_of

# 480 requests an hour may be made on a connection, of 64 KB at most: far above what these need.
_CHANNELS_A_REQUEST: Final = 50
_CHANNELS_A_CONNECTION: Final = 100

# Answered by a text message ``pong``; a connection that says nothing for 30 s is cut.
_PING: Final = "ping"
_PING_EVERY_S: Final = 20.0

_RATIOS_EVERY_S: Final = 60.0
_SETTLEMENTS_EVERY_S: Final = 300.0
_TIERS_EVERY_S: Final = 3600.0

LIQUIDATIONS: Final = "liquidation-orders"


@dataclass(frozen=True, slots=True)
class _Line:
    """Connections of one sort: their name and address, and the channel of each table."""

    name: str
    path: str
    channels: tuple[tuple[str, str], ...]
    droppable: bool = False


_LINES: Final = (
    _Line(
        "public",
        "/ws/v5/public",
        (
            ("liquidations", LIQUIDATIONS),
            ("open_interest", "open-interest"),
            ("funding", "funding-rate"),
        ),
    ),
    _Line(
        "business",
        "/ws/v5/business",
        (("trades", "trades-all"), ("klines", "candle{bar}")),
    ),
    _Line(
        "book",
        "/ws/v5/public",
        (("order_book", "books"), ("depth_bands", "books")),
        droppable=True,
    ),
)

_REPEATED: Final = (
    Repeated(
        frozenset({"long_short_ratio"}),
        "account-ratio",
        rest.get_latest_account_ratio,
        _RATIOS_EVERY_S,
    ),
    Repeated("funding", "funding", rest.get_latest_funding, _SETTLEMENTS_EVERY_S),
    Repeated(
        frozenset({"leverage_brackets"}), "position-tiers", rest.get_position_tiers, _TIERS_EVERY_S
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
    for line in _LINES:
        carried: dict[tuple[str, str], set[str]] = {}
        for table, channel in line.channels:
            if table in tables:
                for topic in _topics(table, channel.format(bar=bar), instruments):
                    carried.setdefault(topic, set()).add(table)
        topics = list(carried)
        for first in range(0, len(topics), _CHANNELS_A_CONNECTION):
            part = topics[first : first + _CHANNELS_A_CONNECTION]
            found.append(
                Feed(
                    name=f"{line.name}:{first // _CHANNELS_A_CONNECTION + 1}",
                    url=f"{root}{line.path}",
                    subscribe=tuple(_subscriptions(part)),
                    carries=frozenset(table for topic in part for table in carried[topic]),
                    ping=_PING,
                    ping_every_s=_PING_EVERY_S,
                    droppable=line.droppable,
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
    return tuple(
        poll
        for instrument in instruments
        if instrument.kind != "spot"
        for poll in _polls(root, frozenset(tables), instrument, interval_ms)
    )


def order_book_request(root: str, instrument: Instrument) -> Request:
    """Return the request for a snapshot that heals a book."""
    return Request(
        _request_name("books", instrument),
        lambda http: rest.get_order_book(http, root, instrument),
    )


def _topics(
    table: str, channel: str, instruments: Sequence[Instrument]
) -> Iterator[tuple[str, str]]:
    own = [one for one in instruments if one.kind != "spot" or table in SPOT_TABLES]
    if channel == LIQUIDATIONS:
        if own:
            yield channel, ""
        return
    for instrument in own:
        yield channel, instrument.venue_symbol


def _subscriptions(topics: Sequence[tuple[str, str]]) -> Iterator[str]:
    for first in range(0, len(topics), _CHANNELS_A_REQUEST):
        args = [
            {"channel": channel, "instId": name}
            if name
            else {"channel": channel, "instType": "SWAP"}
            for channel, name in topics[first : first + _CHANNELS_A_REQUEST]
        ]
        yield msgspec.json.encode({"op": "subscribe", "args": args}).decode()


def _polls(
    root: str, tables: frozenset[str], instrument: Instrument, interval_ms: int
) -> Iterator[Poll]:
    if "klines" in tables:
        for endpoint in REFERENCE_ENDPOINTS.values():
            name = _request_name(f"{endpoint}-{bar_name(interval_ms)}", instrument)
            send = partial(_latest_klines, root, endpoint, instrument, interval_ms)
            yield Poll(Request(name, send), interval_ms / SECOND_MS, frozenset({"klines"}))
    yield from polls_of(_REPEATED, root, tables, instrument, _request_name)


def _latest_klines(
    root: str, endpoint: BarEndpoint, instrument: Instrument, interval_ms: int, http: Http
) -> bytes:
    return rest.get_latest_klines(http, root, endpoint, instrument, interval_ms)


def _request_name(endpoint: str, instrument: Instrument) -> str:
    return f"rest:{endpoint}:{instrument.venue_symbol}"

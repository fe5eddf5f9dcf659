"""Which of MEXC's streams and polls carry which tables.

In:  tables, instruments, the length of price bars. [ms]   Out: `Feed` and `Poll` values.
Free of sockets and parsing.

Books have connections of their own, whose messages may be given up when memory runs out. What is
not streamed is polled: bars of the mark and index price, settlements and brackets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

import msgspec

from forcedflow.errors import FrameError, VenueError
from forcedflow.instruments import Instrument
from forcedflow.units import SECOND_MS
from forcedflow.venues.connector import Feed, Http, Poll, Request
from forcedflow.venues.mexc import rest
from forcedflow.venues.mexc.parse_listing import parse_time
from forcedflow.venues.mexc.spec import VENUE, PriceType, bar_name
from forcedflow.venues.repeated import Repeated, polls_of

CONTRACTS_A_CONNECTION: Final = 50
"""Contracts followed on one connection; the venue names no limit, and 150 were seen to work."""

# Without one in a minute the venue hangs up, whatever else is said.
_PING: Final = '{"method":"ping"}'
_PING_EVERY_S: Final = 15.0
_SILENCE_S: Final = 45.0

_SETTLEMENTS_EVERY_S: Final = 300.0
_BRACKETS_EVERY_S: Final = 3600.0

_REFERENCE_PRICES: Final[tuple[PriceType, ...]] = ("mark", "index")
_BOOK_TABLES: Final = frozenset({"order_book", "depth_bands"})
_TICKER_TABLES: Final = frozenset({"open_interest", "funding"})

# The bar under way and the two before it: one more than is needed, if we are late.
_LATEST_BARS: Final = 2

_REPEATED: Final = (
    Repeated("funding", "funding_rate", rest.get_latest_funding, _SETTLEMENTS_EVERY_S),
    Repeated("leverage_brackets", "brackets", rest.get_brackets, _BRACKETS_EVERY_S),
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
    wanted = frozenset(tables)
    found: list[Feed] = []
    for first in range(0, len(instruments), CONTRACTS_A_CONNECTION):
        part = instruments[first : first + CONTRACTS_A_CONNECTION]
        number = first // CONTRACTS_A_CONNECTION + 1
        prints = tuple(said for one in part for said in _prints(wanted, one, interval_ms))
        carried = wanted & (_TICKER_TABLES | {"trades", "klines"})
        books = tuple(_subscription("depth", one) for one in part) if wanted & _BOOK_TABLES else ()
        for name, subscribe, carries in (
            ("edge", prints, carried),
            ("edge-book", books, wanted & _BOOK_TABLES),
        ):
            if subscribe:
                found.append(
                    Feed(
                        name=f"{name}:{number}",
                        url=f"{root}/edge",
                        subscribe=subscribe,
                        carries=carries,
                        ping=_PING,
                        ping_every_s=_PING_EVERY_S,
                        silence_s=_SILENCE_S,
                        droppable=subscribe is books,
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
    """Return the request for a snapshot that a book begins with, or that heals it."""
    return Request(
        _request_name("depth", instrument),
        lambda http: rest.get_order_book(http, root, instrument),
    )


def _prints(tables: frozenset[str], instrument: Instrument, interval_ms: int) -> Iterator[str]:
    if "trades" in tables:
        # Merged trades would bear no ids of their own.
        yield _subscription("deal", instrument, compress=False)
    if "klines" in tables:
        yield _subscription("kline", instrument, interval=bar_name(interval_ms))
    if _TICKER_TABLES & tables:
        yield _subscription("ticker", instrument)


def _polls(
    root: str, tables: frozenset[str], instrument: Instrument, interval_ms: int
) -> Iterator[Poll]:
    if "klines" in tables:
        for price_type in _REFERENCE_PRICES:
            name = _request_name(f"{price_type}-{bar_name(interval_ms)}", instrument)
            send = partial(_latest_bars, root, price_type, instrument, interval_ms)
            yield Poll(Request(name, send), interval_ms / SECOND_MS, frozenset({"klines"}))
    yield from polls_of(_REPEATED, root, tables, instrument, _request_name)


def _latest_bars(
    root: str, price_type: PriceType, instrument: Instrument, interval_ms: int, http: Http
) -> bytes:
    # Without a start the venue tells two thousand bars; it knows best what time it is.
    try:
        now_ms = parse_time(rest.get_time(http, root))
    except FrameError as error:
        raise VenueError(VENUE, f"{error.what}: {error.problem}") from error
    start_ms = now_ms - now_ms % interval_ms - _LATEST_BARS * interval_ms
    return rest.get_bars_since(http, root, price_type, instrument, interval_ms, start_ms)


def _request_name(endpoint: str, instrument: Instrument) -> str:
    return f"rest:{endpoint}:{instrument.venue_symbol}"


def _subscription(channel: str, instrument: Instrument, **more: str | bool) -> str:
    param = {"symbol": instrument.venue_symbol} | more
    return msgspec.json.encode({"method": f"sub.{channel}", "param": param}).decode()

"""Asking MEXC over HTTP. Nothing is parsed here.

In:  an HTTP client, an instrument, a span of time [UTC ms].   Out: bodies of replies.
Free of limits and retries, which are the client's, and of the meaning of a body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from forcedflow.errors import VenueError
from forcedflow.instruments import Instrument
from forcedflow.units import SECOND_MS
from forcedflow.venues.connector import Http
from forcedflow.venues.mexc.spec import BOOK_LEVELS, PRICE_PATHS, VENUE, PriceType, bar_name

BARS_A_PAGE: Final = 2_000
SETTLEMENTS_A_PAGE: Final = 100
TRADES_A_PAGE: Final = 100
"""Largest number of each endpoint."""

_CONTRACT: Final = "/api/v1/contract"


def get_time(http: Http, root: str) -> bytes:
    """Return the reply that holds the venue's clock."""
    return http.get(f"{root}{_CONTRACT}/ping")


def get_contracts(http: Http, root: str) -> bytes:
    """Return every contract."""
    return http.get(f"{root}{_CONTRACT}/detail")


def get_brackets(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return a contract with its risk limits, and its mark price, as a list of both replies.

    Limits may be numbers of contracts, whose value is known with a price alone.
    """
    name = instrument.venue_symbol
    detail = http.get(f"{root}{_CONTRACT}/detail", {"symbol": name})
    price = http.get(f"{root}{_CONTRACT}/fair_price/{name}")
    return b"[" + detail + b"," + price + b"]"


def get_order_book(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return a snapshot of the book, with its number."""
    path = f"{root}{_CONTRACT}/depth/{instrument.venue_symbol}"
    return http.get(path, {"limit": BOOK_LEVELS})


def get_recent_trades(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the last trades, `TRADES_A_PAGE` at most."""
    path = f"{root}{_CONTRACT}/deals/{instrument.venue_symbol}"
    return http.get(path, {"limit": TRADES_A_PAGE})


def get_bars(
    http: Http,
    root: str,
    price_type: PriceType,
    instrument: Instrument,
    interval_ms: int,
    start_ms: int,
    end_ms: int,
) -> Iterator[bytes]:
    """Yield the bars that end in ``[start_ms, end_ms)``, a page per request.

    Parameters
    ----------
    http : Http
    root : str
        Where the venue answers.
    price_type : {"last", "mark", "index"}
    instrument : Instrument
    interval_ms : int
        Length of the bars. [ms]
    start_ms, end_ms : int
        [UTC ms]

    Raises
    ------
    UsageError
        If the venue has no such bars.
    """
    path = f"{root}{_CONTRACT}/kline/{PRICE_PATHS[price_type]}{instrument.venue_symbol}"
    first_ms, last_ms = start_ms - interval_ms, end_ms - interval_ms  # counted by their starts
    length_ms = BARS_A_PAGE * interval_ms
    for page_ms in range(first_ms, last_ms, length_ms):
        # Whole seconds, both ends included.
        span: dict[str, str | int] = {
            "interval": bar_name(interval_ms),
            "start": page_ms // SECOND_MS,
            "end": max(page_ms, min(page_ms + length_ms, last_ms) - SECOND_MS) // SECOND_MS,
        }
        yield http.get(path, span)


def get_bars_since(
    http: Http,
    root: str,
    price_type: PriceType,
    instrument: Instrument,
    interval_ms: int,
    start_ms: int,
) -> bytes:
    """Return the bars that begin at ``start_ms`` or later, the one under way among them.

    Raises
    ------
    UsageError
        If the venue has no such bars.
    """
    path = f"{root}{_CONTRACT}/kline/{PRICE_PATHS[price_type]}{instrument.venue_symbol}"
    return http.get(path, {"interval": bar_name(interval_ms), "start": start_ms // SECOND_MS})


def get_funding(
    http: Http,
    root: str,
    instrument: Instrument,
    start_ms: int,
    page_of: Callable[[bytes], tuple[int, int | None]],
) -> Iterator[bytes]:
    """Yield the settlements from the present back to ``start_ms``, a page per request.

    Parameters
    ----------
    http : Http
    root : str
        Where the venue answers.
    instrument : Instrument
    start_ms : int
        [UTC ms]
    page_of : callable
        Returns how many pages there are, and when the oldest settlement of a page was. [UTC ms]

    Raises
    ------
    VenueError
        If a page is no older than the one before, so that there would be no end.
    """
    number, pages = 1, 1
    before: int | None = None
    while number <= pages:
        page = get_latest_funding(http, root, instrument, number, SETTLEMENTS_A_PAGE)
        yield page
        pages, oldest_ms = page_of(page)
        if oldest_ms is None or oldest_ms < start_ms:
            return
        if before is not None and oldest_ms >= before:
            raise VenueError(VENUE, f"funding_rate/history: page {number} is no older than before")
        before = oldest_ms
        number += 1


def get_latest_funding(
    http: Http, root: str, instrument: Instrument, number: int = 1, size: int = 3
) -> bytes:
    """Return a page of settlements, counted from the last."""
    params: dict[str, str | int] = {
        "symbol": instrument.venue_symbol,
        "page_num": number,
        "page_size": size,
    }
    return http.get(f"{root}{_CONTRACT}/funding_rate/history", params)

"""Asking Bybit over HTTP. Nothing is parsed here.

In:  an HTTP client, an instrument, a span of time [UTC ms].   Out: bodies of replies.
Free of limits and retries, which are the client's, and of the meaning of a body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote

from forcedflow.errors import VenueError
from forcedflow.instruments import ContractKind, Instrument
from forcedflow.venues.bybit.spec import (
    BOOK_LEVELS,
    STATISTICS_MS,
    VENUE,
    BarEndpoint,
    bar_name,
    category,
)
from forcedflow.venues.connector import Http

BARS_A_PAGE: Final = 1000
INTERESTS_A_PAGE: Final = 200
SETTLEMENTS_A_PAGE: Final = 200
RATIOS_A_PAGE: Final = 500
"""Largest ``limit`` of each endpoint."""

_TRADES_A_PAGE: Final = 1000
_SPOT_TRADES_A_PAGE: Final = 60
_MARKET: Final = "/v5/market"


def get_time(http: Http, root: str) -> bytes:
    """Return the reply that holds the venue's clock."""
    return http.get(f"{root}{_MARKET}/time")


def get_instruments(
    http: Http, root: str, kind: ContractKind, next_cursor: Callable[[bytes], str]
) -> Iterator[bytes]:
    """Yield the pages of a category's contracts.

    Parameters
    ----------
    http : Http
    root : str
        Where the venue answers.
    kind : {"linear", "inverse", "spot"}
        Category.
    next_cursor : callable
        Returns where the page after a page begins, empty where there is none.

    Raises
    ------
    VenueError
        If a page names itself as the next.
    """
    params: dict[str, str | int] = {"category": kind}
    if kind != "spot":  # spot comes whole, and refuses to be paged
        params["limit"] = 1000
    yield from _pages(http, f"{root}{_MARKET}/instruments-info", params, next_cursor)


def get_risk_limits(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the risk limits of one contract, which come on one page."""
    return http.get(f"{root}{_MARKET}/risk-limit", _named(instrument))


def get_klines(
    http: Http,
    root: str,
    endpoint: BarEndpoint,
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
    endpoint : {"kline", "mark-price-kline", "index-price-kline"}
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
    params = _named(instrument) | {"interval": bar_name(interval_ms), "limit": BARS_A_PAGE}
    span = (start_ms - interval_ms, end_ms - interval_ms)  # the venue counts by their starts
    for first, last in _windows(*span, BARS_A_PAGE * interval_ms):
        yield http.get(f"{root}{_MARKET}/{endpoint}", params | {"start": first, "end": last})


def get_latest_klines(
    http: Http, root: str, endpoint: BarEndpoint, instrument: Instrument, interval_ms: int
) -> bytes:
    """Return the bar under way and the two before it: one more than is needed, if we are late.

    Raises
    ------
    UsageError
        If the venue has no such bars.
    """
    params = _named(instrument) | {"interval": bar_name(interval_ms), "limit": 3}
    return http.get(f"{root}{_MARKET}/{endpoint}", params)


def get_open_interest(
    http: Http, root: str, instrument: Instrument, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    """Yield open interest every five minutes of ``[start_ms, end_ms)``, a page per request."""
    params = _named(instrument) | {"intervalTime": "5min", "limit": INTERESTS_A_PAGE}
    for first, last in _windows(start_ms, end_ms, INTERESTS_A_PAGE * STATISTICS_MS):
        span = {"startTime": first, "endTime": last}
        yield http.get(f"{root}{_MARKET}/open-interest", params | span)


def get_account_ratio(
    http: Http, root: str, instrument: Instrument, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    """Yield account ratios every five minutes of ``[start_ms, end_ms)``, a page per request."""
    params = _named(instrument) | {"period": "5min", "limit": RATIOS_A_PAGE}
    for first, last in _windows(start_ms, end_ms, RATIOS_A_PAGE * STATISTICS_MS):
        span = {"startTime": first, "endTime": last}
        yield http.get(f"{root}{_MARKET}/account-ratio", params | span)


def get_latest_account_ratio(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the last account ratios."""
    return http.get(
        f"{root}{_MARKET}/account-ratio", _named(instrument) | {"period": "5min", "limit": 3}
    )


def get_funding(http: Http, root: str, instrument: Instrument, start_ms: int, end_ms: int) -> bytes:
    """Return the settlements in ``[start_ms, end_ms)``, `SETTLEMENTS_A_PAGE` at most."""
    span = {"startTime": start_ms, "endTime": end_ms - 1, "limit": SETTLEMENTS_A_PAGE}
    return http.get(f"{root}{_MARKET}/funding/history", _named(instrument) | span)


def get_latest_funding(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the last settlements."""
    return http.get(f"{root}{_MARKET}/funding/history", _named(instrument) | {"limit": 3})


def get_recent_trades(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the last trades: a thousand of a perpetual, sixty of a spot pair."""
    limit = _SPOT_TRADES_A_PAGE if instrument.kind == "spot" else _TRADES_A_PAGE
    return http.get(f"{root}{_MARKET}/recent-trade", _named(instrument) | {"limit": limit})


def get_order_book(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return a snapshot as deep as the stream's book."""
    return http.get(f"{root}{_MARKET}/orderbook", _named(instrument) | {"limit": BOOK_LEVELS})


def _named(instrument: Instrument) -> dict[str, str | int]:
    return {"category": category(instrument), "symbol": instrument.venue_symbol}


def _windows(start_ms: int, end_ms: int, length_ms: int) -> Iterator[tuple[int, int]]:
    # Both ends are included by the venue, so a window ends a millisecond before the next.
    for first in range(start_ms, end_ms, length_ms):
        yield first, min(first + length_ms, end_ms) - 1


def _pages(
    http: Http, url: str, params: dict[str, str | int], next_cursor: Callable[[bytes], str]
) -> Iterator[bytes]:
    cursor = ""
    while True:
        # A cursor comes percent-encoded; the client encodes it again.
        page = http.get(url, params | {"cursor": unquote(cursor)} if cursor else params)
        yield page
        before, cursor = cursor, next_cursor(page)
        if not cursor:
            return
        if cursor == before:
            raise VenueError(VENUE, f"{url} names the same next page twice: {cursor}")

"""Asking Gate over HTTP. Nothing is parsed here.

In:  an HTTP client, an instrument, a span of time [UTC ms].   Out: bodies of replies.
Free of limits and retries, which are the client's, and of the meaning of a body.

The venue counts in whole seconds, both ends of a span included. What a page holds beyond the span
that was asked for is left to whoever reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from forcedflow.errors import VenueError
from forcedflow.instruments import Instrument
from forcedflow.units import SECOND_MS
from forcedflow.venues.connector import Http
from forcedflow.venues.gate.spec import (
    BOOK_LEVELS,
    PRICE_PREFIXES,
    SETTLE,
    STATISTICS_MS,
    VENUE,
    PriceType,
    bar_name,
)

BARS_A_PAGE: Final = 1_999
STATISTICS_A_PAGE: Final = 100
SETTLEMENTS_A_PAGE: Final = 1_000
TRADES_A_PAGE: Final = 1_000
"""Largest ``limit`` of each endpoint."""

_FUTURES: Final = f"/api/v4/futures/{SETTLE}"


def get_time(http: Http, root: str) -> bytes:
    """Return the reply that holds the venue's clock."""
    return http.get(f"{root}/api/v4/spot/time")


def get_contracts(http: Http, root: str) -> bytes:
    """Return every contract."""
    return http.get(f"{root}{_FUTURES}/contracts")


def get_risk_limits(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the risk limits of one contract."""
    return http.get(f"{root}{_FUTURES}/risk_limit_tiers", _named(instrument))


def get_ticker(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the ticker of one contract, with its open interest."""
    return http.get(f"{root}{_FUTURES}/tickers", _named(instrument))


def get_order_book(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return a snapshot as deep as the stream's book, with its number."""
    params = _named(instrument) | {"limit": BOOK_LEVELS, "with_id": "true"}
    return http.get(f"{root}{_FUTURES}/order_book", params)


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
    params = _bars_of(price_type, instrument, interval_ms)
    first_ms, last_ms = start_ms - interval_ms, end_ms - interval_ms  # counted by their starts
    length_ms = BARS_A_PAGE * interval_ms
    for page_ms in range(first_ms, last_ms, length_ms):
        span = _seconds(page_ms, max(page_ms, min(page_ms + length_ms, last_ms) - SECOND_MS))
        yield http.get(f"{root}{_FUTURES}/candlesticks", params | span)


def get_latest_bars(
    http: Http, root: str, price_type: PriceType, instrument: Instrument, interval_ms: int
) -> bytes:
    """Return the bar under way and the two before it: one more than is needed, if we are late.

    Raises
    ------
    UsageError
        If the venue has no such bars.
    """
    params = _bars_of(price_type, instrument, interval_ms) | {"limit": 3}
    return http.get(f"{root}{_FUTURES}/candlesticks", params)


def get_statistics(
    http: Http, root: str, instrument: Instrument, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    """Yield the statistics whose five minutes begin in ``[start_ms, end_ms)``.

    The endpoint knows where to begin and how many to tell, but no end.
    """
    params = _named(instrument) | {"interval": bar_name(STATISTICS_MS)}
    length_ms = STATISTICS_A_PAGE * STATISTICS_MS
    for first_ms in range(start_ms, end_ms, length_ms):
        count = -(-(min(first_ms + length_ms, end_ms) - first_ms) // STATISTICS_MS)
        page = {"from": first_ms // SECOND_MS, "limit": count}
        yield http.get(f"{root}{_FUTURES}/contract_stats", params | page)


def get_latest_statistics(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the statistics under way and the two before."""
    params = _named(instrument) | {"interval": bar_name(STATISTICS_MS), "limit": 3}
    return http.get(f"{root}{_FUTURES}/contract_stats", params)


def get_funding(http: Http, root: str, instrument: Instrument, start_ms: int, end_ms: int) -> bytes:
    """Return the settlements in ``[start_ms, end_ms)``, `SETTLEMENTS_A_PAGE` at most.

    An end is always named: without one the venue shortens the span to thirty days.
    """
    params = _named(instrument) | _seconds(start_ms, end_ms) | {"limit": SETTLEMENTS_A_PAGE}
    return http.get(f"{root}{_FUTURES}/funding_rate", params)


def get_latest_funding(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the last settlements."""
    return http.get(f"{root}{_FUTURES}/funding_rate", _named(instrument) | {"limit": 3})


def get_trades(
    http: Http,
    root: str,
    instrument: Instrument,
    start_ms: int,
    end_ms: int,
    seconds_of: Callable[[bytes], tuple[int, ...]],
) -> Iterator[bytes]:
    """Yield the trades of ``[start_ms, end_ms)``, the last ones first.

    A page ends in the midst of a second. The next one ends with that second, and leaves out as
    many of it as were told.

    Parameters
    ----------
    http : Http
    root : str
        Where the venue answers.
    instrument : Instrument
    start_ms, end_ms : int
        [UTC ms]
    seconds_of : callable
        Returns the second of each trade of a page.

    Raises
    ------
    VenueError
        If a page is not the one asked for, so that there would be no end.
    """
    params = _named(instrument) | {"limit": TRADES_A_PAGE}
    first, last, told = start_ms // SECOND_MS, -(-end_ms // SECOND_MS), 0
    before = b""
    while True:
        span = {"from": first, "to": last, "offset": told}
        page = http.get(f"{root}{_FUTURES}/trades", params | span)
        yield page
        seconds = seconds_of(page)
        if len(seconds) < TRADES_A_PAGE:
            return
        oldest = min(seconds)
        if page == before or oldest > last:
            raise VenueError(VENUE, f"trades up to {last}, {told} left out: told are others")
        before = page
        of_oldest = seconds.count(oldest)
        told = told + of_oldest if oldest == last else of_oldest
        last = oldest


def _named(instrument: Instrument) -> dict[str, str | int]:
    return {"contract": instrument.venue_symbol}


def _bars_of(
    price_type: PriceType, instrument: Instrument, interval_ms: int
) -> dict[str, str | int]:
    name = PRICE_PREFIXES[price_type] + instrument.venue_symbol
    return {"contract": name, "interval": bar_name(interval_ms)}


def _seconds(start_ms: int, end_ms: int) -> dict[str, str | int]:
    return {"from": start_ms // SECOND_MS, "to": end_ms // SECOND_MS}

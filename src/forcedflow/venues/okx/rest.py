"""Asking OKX over HTTP. Nothing is parsed here.

In:  an HTTP client, an instrument, a span of time [UTC ms].   Out: bodies of replies.
Free of limits and retries, which are the client's, and of the meaning of a body.

``before`` and ``after`` are meant in the order of the list, which begins with the newest: asked are
records later than ``before`` and earlier than ``after``, both ends excluded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal

from forcedflow.instruments import Instrument
from forcedflow.venues.connector import Http
from forcedflow.venues.okx.spec import (
    BOOK_LEVELS,
    STATISTICS_MS,
    BarEndpoint,
    bar_name,
    family,
)

STATISTICS_A_PAGE: Final = 100
SETTLEMENTS_A_PAGE: Final = 100
_TRADES_A_PAGE: Final = 100
_LATEST_TRADES: Final = 500

BARS_A_PAGE: Final[dict[BarEndpoint, int]] = {
    "candles": 300,
    "mark-price-candles": 100,
    "index-candles": 100,
}
"""Largest ``limit`` of each endpoint."""

# What a request weighs of 40 in 2 s: 40 over the limit of its endpoint.
_HISTORY_WEIGHT: Final[dict[BarEndpoint, int]] = {
    "candles": 2,
    "mark-price-candles": 4,
    "index-candles": 4,
}
_LATEST_WEIGHT: Final = 2
_STATISTICS_WEIGHT: Final = 8
_FUNDING_WEIGHT: Final = 4
_TIERS_WEIGHT: Final = 4


def get_time(http: Http, root: str) -> bytes:
    """Return the reply that holds the venue's clock."""
    return http.get(f"{root}/api/v5/public/time", weight=4)


def get_instruments(http: Http, root: str, sort: Literal["SWAP", "SPOT"]) -> bytes:
    """Return all contracts of a sort, which come on one page."""
    return http.get(f"{root}/api/v5/public/instruments", {"instType": sort}, weight=2)


def get_position_tiers(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return a contract's tiers and its mark price, two replies as the members of one object.

    The tiers are written in contracts and mean nothing in money without a price; asked for
    together they stay together in the raw log.
    """
    tiers = http.get(
        f"{root}/api/v5/public/position-tiers",
        {"instType": "SWAP", "tdMode": "isolated", "instFamily": family(instrument)},
        weight=_TIERS_WEIGHT,
    )
    mark = http.get(
        f"{root}/api/v5/public/mark-price",
        {"instType": "SWAP", "instId": instrument.venue_symbol},
        weight=4,
    )
    return b'{"tiers":' + tiers + b',"mark":' + mark + b"}"


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
    endpoint : {"candles", "mark-price-candles", "index-candles"}
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
    page = BARS_A_PAGE[endpoint]
    params = _named(endpoint, instrument) | {"bar": bar_name(interval_ms), "limit": page}
    # The venue counts bars by their starts.
    span = (start_ms - interval_ms, end_ms - interval_ms)
    for first, last in _windows(*span, page * interval_ms):
        yield http.get(
            f"{root}/api/v5/market/history-{endpoint}",
            params | {"before": first - 1, "after": last},
            weight=_HISTORY_WEIGHT[endpoint],
        )


def get_latest_klines(
    http: Http, root: str, endpoint: BarEndpoint, instrument: Instrument, interval_ms: int
) -> bytes:
    """Return the bar under way and the two before it: one more than is needed, if we are late.

    Raises
    ------
    UsageError
        If the venue has no such bars.
    """
    params = _named(endpoint, instrument) | {"bar": bar_name(interval_ms), "limit": 3}
    return http.get(f"{root}/api/v5/market/{endpoint}", params, weight=_LATEST_WEIGHT)


def get_open_interest(
    http: Http, root: str, instrument: Instrument, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    """Yield open interest every five minutes of ``[start_ms, end_ms)``, a page per request."""
    yield from _statistics(http, root, "open-interest-history", instrument, start_ms, end_ms)


def get_account_ratio(
    http: Http, root: str, instrument: Instrument, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    """Yield account ratios every five minutes of ``[start_ms, end_ms)``, a page per request."""
    name = "long-short-account-ratio-contract"
    yield from _statistics(http, root, name, instrument, start_ms, end_ms)


def get_latest_account_ratio(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the last account ratios."""
    return http.get(
        f"{root}/api/v5/rubik/stat/contracts/long-short-account-ratio-contract",
        {"instId": instrument.venue_symbol, "period": "5m", "limit": 3},
        weight=_STATISTICS_WEIGHT,
    )


def get_funding(http: Http, root: str, instrument: Instrument, start_ms: int, end_ms: int) -> bytes:
    """Return the settlements in ``[start_ms, end_ms)``, `SETTLEMENTS_A_PAGE` at most."""
    return http.get(
        f"{root}/api/v5/public/funding-rate-history",
        {
            "instId": instrument.venue_symbol,
            "before": start_ms - 1,
            "after": end_ms,
            "limit": SETTLEMENTS_A_PAGE,
        },
        weight=_FUNDING_WEIGHT,
    )


def get_latest_funding(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the last settlements."""
    return http.get(
        f"{root}/api/v5/public/funding-rate-history",
        {"instId": instrument.venue_symbol, "limit": 3},
        weight=_FUNDING_WEIGHT,
    )


def get_trades(
    http: Http, root: str, instrument: Instrument, oldest: Callable[[bytes], str], pages: int
) -> Iterator[bytes]:
    """Yield the last trades, the latest five hundred first, then older ones by their ids.

    Parameters
    ----------
    http : Http
    root : str
        Where the venue answers.
    instrument : Instrument
    oldest : callable
        Returns the id of the oldest trade of a page, empty where the page is.
    pages : int
        Pages to ask for at most, the first not counted.
    """
    name: dict[str, str | int] = {"instId": instrument.venue_symbol}
    page = http.get(f"{root}/api/v5/market/trades", name | {"limit": _LATEST_TRADES}, weight=1)
    yield page
    for _ in range(pages):
        after = oldest(page)
        if not after:
            return
        page = http.get(
            f"{root}/api/v5/market/history-trades",
            name | {"after": after, "limit": _TRADES_A_PAGE},
            weight=2,
        )
        yield page


def get_order_book(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return a snapshot as deep as the stream's book."""
    params: dict[str, str | int] = {"instId": instrument.venue_symbol, "sz": BOOK_LEVELS}
    return http.get(f"{root}/api/v5/market/books", params, weight=1)


def _statistics(
    http: Http, root: str, name: str, instrument: Instrument, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    params: dict[str, str | int] = {
        "instId": instrument.venue_symbol,
        "period": "5m",
        "limit": STATISTICS_A_PAGE,
    }
    for first, last in _windows(start_ms, end_ms, STATISTICS_A_PAGE * STATISTICS_MS):
        # Whether the ends are included is not said; no value lies on these.
        yield http.get(
            f"{root}/api/v5/rubik/stat/contracts/{name}",
            params | {"begin": first - 1, "end": last - 1},
            weight=_STATISTICS_WEIGHT,
        )


def _named(endpoint: BarEndpoint, instrument: Instrument) -> dict[str, str | int]:
    is_index = endpoint == "index-candles"
    return {"instId": family(instrument) if is_index else instrument.venue_symbol}


def _windows(start_ms: int, end_ms: int, length_ms: int) -> Iterator[tuple[int, int]]:
    for first in range(start_ms, end_ms, length_ms):
        yield first, min(first + length_ms, end_ms)

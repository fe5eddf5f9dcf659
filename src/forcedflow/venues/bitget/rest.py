"""Asking Bitget over HTTP. Nothing is parsed here.

In:  an HTTP client, an instrument, a span of time [UTC ms].   Out: bodies of replies.
Free of limits and retries, which are the client's, and of the meaning of a body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from forcedflow.instruments import Instrument
from forcedflow.venues.bitget.spec import (
    BarPrice,
    Product,
    bar_name,
    product,
    spot_bar_name,
)
from forcedflow.venues.connector import Http

BARS_A_PAGE: Final = 200
SETTLEMENTS_A_PAGE: Final = 100
BOOK_LEVELS: Final = 200
"""Levels of each side of a snapshot over HTTP; the stream's book is deeper."""

_TRADES_A_PAGE: Final = 1000

# What a request weighs of 20 a second: 20 over the limit of its endpoint.
_TRADES_WEIGHT: Final = 2
_TIERS_WEIGHT: Final = 2
_RATIO_WEIGHT: Final = 20

_HISTORY: Final[dict[BarPrice, str]] = {
    "last": "history-candles",
    "mark": "history-mark-candles",
    "index": "history-index-candles",
}
_SORTS: Final[dict[BarPrice, str]] = {"last": "MARKET", "mark": "MARK", "index": "INDEX"}


def get_time(http: Http, root: str) -> bytes:
    """Return the reply that holds the venue's clock."""
    return http.get(f"{root}/api/v2/public/time")


def get_instruments(http: Http, root: str, sort: Product) -> bytes:
    """Return all contracts or pairs of a product, which come on one page."""
    if sort == "SPOT":
        return http.get(f"{root}/api/v2/spot/public/symbols")
    return http.get(f"{root}/api/v2/mix/market/contracts", {"productType": sort})


def get_position_tiers(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return a contract's tiers."""
    url = f"{root}/api/v2/mix/market/query-position-lever"
    return http.get(url, _named(instrument), weight=_TIERS_WEIGHT)


def get_klines(
    http: Http,
    root: str,
    price: BarPrice,
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
    price : {"last", "mark", "index"}
        Which price; of a spot pair the last alone.
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
    url = f"{root}{_market(instrument)}/{_HISTORY[price]}"
    params = _named(instrument) | {"granularity": _bar(instrument, interval_ms)}
    params["limit"] = BARS_A_PAGE
    # The venue counts bars by their starts; whether the ends are included is not said, and no bar
    # starts at these.
    length = BARS_A_PAGE * interval_ms
    for first in range(start_ms - interval_ms, end_ms - interval_ms, length):
        last = min(first + length, end_ms - interval_ms)
        yield http.get(url, params | {"startTime": first - 1, "endTime": last - 1})


def get_latest_klines(
    http: Http, root: str, price: BarPrice, instrument: Instrument, interval_ms: int
) -> bytes:
    """Return the bar under way and the two before it: one more than is needed, if we are late.

    Raises
    ------
    UsageError
        If the venue has no such bars.
    """
    params = _named(instrument) | {"granularity": _bar(instrument, interval_ms), "limit": 3}
    if instrument.kind != "spot":
        params["kLineType"] = _SORTS[price]
    return http.get(f"{root}{_market(instrument)}/candles", params)


def get_funding(
    http: Http, root: str, instrument: Instrument, is_enough: Callable[[bytes], bool], pages: int
) -> Iterator[bytes]:
    """Yield settlements from the newest back, a page per request.

    Parameters
    ----------
    http : Http
    root : str
        Where the venue answers.
    instrument : Instrument
    is_enough : callable
        Whether a page is the last that is wanted.
    pages : int
        Pages to ask for at most.
    """
    url = f"{root}/api/v2/mix/market/history-fund-rate"
    params = _named(instrument) | {"pageSize": SETTLEMENTS_A_PAGE}
    for number in range(1, pages + 1):
        page = http.get(url, params | {"pageNo": number})
        yield page
        if is_enough(page):
            return


def get_latest_funding(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the last settlements."""
    url = f"{root}/api/v2/mix/market/history-fund-rate"
    return http.get(url, _named(instrument) | {"pageSize": 3, "pageNo": 1})


def get_latest_account_ratio(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the last account ratios."""
    url = f"{root}/api/v2/mix/market/account-long-short"
    params: dict[str, str | int] = {"symbol": instrument.venue_symbol, "period": "5m"}
    return http.get(url, params, weight=_RATIO_WEIGHT)


def get_trades(
    http: Http,
    root: str,
    instrument: Instrument,
    start_ms: int,
    end_ms: int,
    oldest: Callable[[bytes], str],
) -> Iterator[bytes]:
    """Yield the trades of ``[start_ms, end_ms)`` from the newest back, a page per request.

    Parameters
    ----------
    http : Http
    root : str
        Where the venue answers.
    instrument : Instrument
    start_ms, end_ms : int
        [UTC ms]
    oldest : callable
        Returns the id of the oldest trade of a page, empty where no more are wanted.
    """
    url = f"{root}{_market(instrument)}/fills-history"
    params = _named(instrument) | {"limit": _TRADES_A_PAGE}
    params |= {"startTime": start_ms, "endTime": end_ms}
    page = http.get(url, params, weight=_TRADES_WEIGHT)
    yield page
    while before := oldest(page):
        page = http.get(url, params | {"idLessThan": before}, weight=_TRADES_WEIGHT)
        yield page


def get_order_book(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return a snapshot of the best levels."""
    params: dict[str, str | int] = {
        "category": product(instrument),
        "symbol": instrument.venue_symbol,
        "limit": BOOK_LEVELS,
    }
    return http.get(f"{root}/api/v3/market/orderbook", params)


def _market(instrument: Instrument) -> str:
    return "/api/v2/spot/market" if instrument.kind == "spot" else "/api/v2/mix/market"


def _named(instrument: Instrument) -> dict[str, str | int]:
    name: dict[str, str | int] = {"symbol": instrument.venue_symbol}
    return name if instrument.kind == "spot" else name | {"productType": product(instrument)}


def _bar(instrument: Instrument, interval_ms: int) -> str:
    return spot_bar_name(interval_ms) if instrument.kind == "spot" else bar_name(interval_ms)

"""Asking KuCoin over HTTP. Nothing is parsed here.

In:  an HTTP client, an instrument, a span of time [UTC ms].   Out: bodies of replies.
Free of limits and retries, which are the client's, and of the meaning of a body.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from forcedflow.instruments import Instrument
from forcedflow.units import MINUTE_MS, SECOND_MS
from forcedflow.venues.connector import Http
from forcedflow.venues.kucoin.spec import STATISTICS_MS, WEIGHTS, ReferencePrice, bar_name

BARS_A_PAGE: Final = 200
REFERENCE_BARS_A_PAGE: Final = 1500
INTERESTS_A_PAGE: Final = 200
SETTLEMENTS_A_PAGE: Final = 100
"""Most that one reply of each endpoint holds."""

_FUTURES: Final = "/api/v1"
_UNIFIED: Final = "/api/ua/v1/market"


def get_time(http: Http, root: str) -> bytes:
    """Return the reply that holds the venue's clock."""
    return http.get(f"{root}{_FUTURES}/timestamp", weight=WEIGHTS["time"])


def get_contracts(http: Http, root: str) -> bytes:
    """Return every contract that is listed."""
    return http.get(f"{root}{_FUTURES}/contracts/active", weight=WEIGHTS["contracts"])


def get_contract(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return one contract, with its open interest and mark price of now."""
    url = f"{root}{_FUTURES}/contracts/{instrument.venue_symbol}"
    return http.get(url, weight=WEIGHTS["contracts"])


def get_risk_limits(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the risk limits of isolated margin of one contract."""
    url = f"{root}{_FUTURES}/contracts/risk-limit/{instrument.venue_symbol}"
    return http.get(url, weight=WEIGHTS["risk-limit"])


def get_token(http: Http, root: str) -> bytes:
    """Ask for the address of a websocket and the token that opens it."""
    return http.post(f"{root}{_FUTURES}/bullet-public", {}, weight=WEIGHTS["token"])


def get_klines(
    http: Http, root: str, instrument: Instrument, interval_ms: int, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    """Yield the bars of the last price that end in ``[start_ms, end_ms)``, a page per request.

    Raises
    ------
    UsageError
        If the venue has no such bars.
    """
    bar_name(interval_ms)
    for first, last in _windows(start_ms, end_ms, interval_ms, BARS_A_PAGE):
        params: dict[str, str | int] = {
            "symbol": instrument.venue_symbol,
            "granularity": interval_ms // MINUTE_MS,
            "from": first,
            "to": last,
        }
        yield http.get(f"{root}{_FUTURES}/kline/query", params, weight=WEIGHTS["bars"])


def get_reference_klines(
    http: Http,
    root: str,
    price_type: ReferencePrice,
    instrument: Instrument,
    interval_ms: int,
    start_ms: int,
    end_ms: int,
) -> Iterator[bytes]:
    """Yield the bars of the mark or index price that end in ``[start_ms, end_ms)``.

    ``root`` is that of the unified interface, which counts in seconds.

    Raises
    ------
    UsageError
        If the venue has no such bars.
    """
    name = bar_name(interval_ms)
    for first, last in _windows(start_ms, end_ms, interval_ms, REFERENCE_BARS_A_PAGE):
        params: dict[str, str | int] = {
            "symbol": f"{instrument.venue_symbol}-{price_type}-price",
            "tradeType": "FUTURES",
            "interval": name,
            "startAt": first // SECOND_MS,
            "endAt": last // SECOND_MS,
        }
        yield http.get(f"{root}{_UNIFIED}/kline", params, weight=WEIGHTS["reference-bars"])


def get_open_interest(
    http: Http, root: str, instrument: Instrument, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    """Yield open interest every five minutes of ``[start_ms, end_ms)``, a page per request.

    ``root`` is that of the unified interface.
    """
    length = INTERESTS_A_PAGE * STATISTICS_MS
    for first in range(start_ms, end_ms, length):
        params: dict[str, str | int] = {
            "symbol": instrument.venue_symbol,
            "interval": "5min",
            "startAt": first,
            "endAt": min(first + length, end_ms) - 1,
            "pageSize": INTERESTS_A_PAGE,
        }
        yield http.get(f"{root}{_UNIFIED}/open-interest", params, weight=WEIGHTS["open-interest"])


def get_funding(http: Http, root: str, instrument: Instrument, start_ms: int, end_ms: int) -> bytes:
    """Return the settlements in ``[start_ms, end_ms)``, `SETTLEMENTS_A_PAGE` at most."""
    params: dict[str, str | int] = {
        "symbol": instrument.venue_symbol,
        "from": start_ms,
        "to": end_ms - 1,
    }
    url = f"{root}{_FUTURES}/contract/funding-rates"
    return http.get(url, params, weight=WEIGHTS["funding"])


def get_recent_trades(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return the last hundred trades, which is all that the venue tells."""
    url = f"{root}{_FUTURES}/trade/history"
    return http.get(url, {"symbol": instrument.venue_symbol}, weight=WEIGHTS["trades"])


def get_order_book(http: Http, root: str, instrument: Instrument) -> bytes:
    """Return a snapshot of the whole book."""
    url = f"{root}{_FUTURES}/level2/snapshot"
    return http.get(url, {"symbol": instrument.venue_symbol}, weight=WEIGHTS["order-book"])


def _windows(start_ms: int, end_ms: int, interval_ms: int, bars: int) -> Iterator[tuple[int, int]]:
    # The venue counts bars by their starts, and includes both ends.
    first_ms, last_ms = start_ms - interval_ms, end_ms - interval_ms
    length = bars * interval_ms
    for first in range(first_ms, last_ms, length):
        yield first, min(first + length, last_ms) - 1

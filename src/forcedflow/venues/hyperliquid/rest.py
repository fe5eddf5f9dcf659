"""Questions to Hyperliquid over HTTP: every one is a POST to ``/info``, answered with bytes.

In:  `Http`, the root address, what is asked.   Out: bodies as they came.
Free of parsing: `forcedflow.venues.hyperliquid.parse` reads them.

Weights are the venue's own: 2 or 20 for a question, and one more for every 60 candles or every 20
other rows of the answer; what the longest answer would cost is booked ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from forcedflow.venues.connector import Http
from forcedflow.venues.hyperliquid import parse
from forcedflow.venues.hyperliquid.spec import FILLS_PAGE, FUNDING_PAGE, INTERVALS

_LIGHT, _HEAVY = 2, 20
_RECENT_TRADES = 10


def get_meta(http: Http, root: str) -> bytes:
    """Return the listed coins and their margin tables."""
    return http.post(f"{root}/info", {"type": "meta"}, weight=_HEAVY)


def get_contexts(http: Http, root: str) -> bytes:
    """Return what `get_meta` does, and every coin's open interest, funding and prices."""
    return http.post(f"{root}/info", {"type": "metaAndAssetCtxs"}, weight=_HEAVY)


def get_book(http: Http, root: str, coin: str) -> bytes:
    """Return the best 20 levels of both sides, with the venue's time."""
    return http.post(f"{root}/info", {"type": "l2Book", "coin": coin}, weight=_LIGHT)


def get_candles(
    http: Http, root: str, coin: str, interval_ms: int, start_ms: int, end_ms: int
) -> bytes:
    """Return the bars that overlap ``[start_ms, end_ms)``. [UTC ms]"""
    asked = {
        "coin": coin,
        "interval": INTERVALS[interval_ms],
        "startTime": start_ms,
        # The venue's end is inclusive.
        "endTime": end_ms - 1,
    }
    bars = ceil((end_ms - start_ms) / interval_ms) + 1
    weight = _HEAVY + ceil(bars / 60)
    return http.post(f"{root}/info", {"type": "candleSnapshot", "req": asked}, weight=weight)


def get_recent_trades(http: Http, root: str, coin: str) -> bytes:
    """Return the last few trades."""
    weight = _HEAVY + ceil(_RECENT_TRADES / 20)
    return http.post(f"{root}/info", {"type": "recentTrades", "coin": coin}, weight=weight)


def get_clearinghouse_state(http: Http, root: str, account: str) -> bytes:
    """Return an account's equity and positions."""
    asked = {"type": "clearinghouseState", "user": account}
    return http.post(f"{root}/info", asked, weight=_LIGHT)


def get_funding_pages(
    http: Http, root: str, coin: str, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    """Yield the settlements in ``[start_ms, end_ms)``, 500 to a page, oldest first. [UTC ms]"""
    while start_ms < end_ms:
        asked = {
            "type": "fundingHistory",
            "coin": coin,
            "startTime": start_ms,
            "endTime": end_ms - 1,
        }
        page = http.post(f"{root}/info", asked, weight=_HEAVY + FUNDING_PAGE // 20)
        yield page
        times = parse.times_of(page, "fundingHistory")
        if len(times) < FUNDING_PAGE or max(times) < start_ms:
            return
        start_ms = max(times) + 1


def get_fill_pages(
    http: Http, root: str, account: str, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    """Yield an account's fills in ``[start_ms, end_ms)``, 2000 to a page, oldest first. [UTC ms]

    The venue holds an account's newest ten thousand.
    """
    while start_ms < end_ms:
        asked = {
            "type": "userFillsByTime",
            "user": account,
            "startTime": start_ms,
            "endTime": end_ms - 1,
        }
        page = http.post(f"{root}/info", asked, weight=_HEAVY + FILLS_PAGE // 20)
        yield page
        times = parse.times_of(page, "userFillsByTime")
        if len(times) < FILLS_PAGE or max(times) <= start_ms:
            return
        # Fills of one order share a millisecond, and the page may have ended among them.
        start_ms = max(times)

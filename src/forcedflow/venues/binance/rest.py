"""Requests of Binance over HTTP: one function per endpoint, bytes out, nothing parsed.

In:  `Http`, addresses, a contract, a span. [UTC ms]   Out: bodies, or pages of bodies.
Free of parsing; the one thing that paging must know of a page comes in as a function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal, TypeAlias

from forcedflow.units import HOUR_MS
from forcedflow.venues.binance.bars import PriceType
from forcedflow.venues.binance.contract import Contract
from forcedflow.venues.binance.spec import (
    STATISTICS_PERIOD_MS,
    WEIGHT_DEPTH,
    WEIGHT_FUNDING,
    WEIGHT_LISTING,
    WEIGHT_STATISTICS,
    WEIGHT_TRADES,
    Market,
    interval_name,
)
from forcedflow.venues.connector import Endpoints, Http

RatioKind: TypeAlias = Literal["accounts", "top_accounts", "top_positions", "taker_volume"]

RATIO_ENDPOINTS: Final[dict[Market, dict[RatioKind, str]]] = {
    "um": {
        "accounts": "globalLongShortAccountRatio",
        "top_accounts": "topLongShortAccountRatio",
        "top_positions": "topLongShortPositionRatio",
        "taker_volume": "takerlongshortRatio",
    },
    "cm": {
        "accounts": "globalLongShortAccountRatio",
        "top_accounts": "topLongShortAccountRatio",
        "top_positions": "topLongShortPositionRatio",
        "taker_volume": "takerBuySellVol",
    },
    "spot": {},
}
"""Endpoints of ``long_short_ratio`` under ``/futures/data``, by market."""

KLINE_ENDPOINTS: Final[dict[PriceType, str]] = {
    "last": "klines",
    "mark": "markPriceKlines",
    "index": "indexPriceKlines",
    "spot": "klines",
}

_PREFIX: Final[dict[Market, str]] = {"um": "/fapi/v1", "cm": "/dapi/v1", "spot": "/api/v3"}
_KLINES_LIMIT: Final[dict[Market, int]] = {"um": 1500, "cm": 1500, "spot": 1000}
_FUNDING_LIMIT: Final = 1000
_STATISTICS_LIMIT: Final = 500
_TRADES_LIMIT: Final = 1000
DEPTH_LIMIT: Final = 1000
"""Levels of a side in a snapshot: the most that the venue gives."""


def root(endpoints: Endpoints, market: Market) -> str:
    """Return the address under which a market answers, without its version."""
    match market:
        case "um":
            return endpoints.rest
        case "cm":
            return endpoints.others["coin_m"]
        case "spot":
            return endpoints.others["spot"]


def get_time(http: Http, endpoints: Endpoints) -> bytes:
    """Ask for the venue's clock."""
    return http.get(_url(endpoints, "um", "time"))


def get_exchange_info(http: Http, endpoints: Endpoints, market: Market) -> bytes:
    """Ask for what a market lists."""
    # Spot's list is ten times as long with the permissions of every pair.
    wanted = {"symbolStatus": "TRADING", "showPermissionSets": "false"} if market == "spot" else {}
    return http.get(_url(endpoints, market, "exchangeInfo"), wanted, weight=WEIGHT_LISTING)


def get_klines(
    http: Http,
    endpoints: Endpoints,
    contract: Contract,
    price_type: PriceType,
    interval_ms: int,
    start_ms: int,
    end_ms: int,
) -> Iterator[bytes]:
    """Ask for bars that open in ``[start_ms, end_ms)``, oldest page first."""
    endpoint = KLINE_ENDPOINTS[price_type]
    url = _url(endpoints, contract.market, endpoint)
    page_ms = _KLINES_LIMIT[contract.market] * interval_ms
    for first_ms in range(start_ms, end_ms, page_ms):
        last_ms = min(first_ms + page_ms, end_ms) - 1
        limit = -(-(last_ms + 1 - first_ms) // interval_ms)
        wanted = {
            **_named(contract, price_type),
            "interval": interval_name(interval_ms),
            "startTime": first_ms,
            "endTime": last_ms,
            "limit": limit,
        }
        yield http.get(url, wanted, weight=_klines_weight(contract.market, limit))


def get_recent_klines(
    http: Http, endpoints: Endpoints, contract: Contract, price_type: PriceType, interval_ms: int
) -> bytes:
    """Ask for the last two closed bars and the one under way."""
    url = _url(endpoints, contract.market, KLINE_ENDPOINTS[price_type])
    named = _named(contract, price_type)
    return http.get(url, {**named, "interval": interval_name(interval_ms), "limit": 3})


def get_funding_rates(
    http: Http, endpoints: Endpoints, contract: Contract, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    """Ask for settlements in ``[start_ms, end_ms)``, oldest page first."""
    url = _url(endpoints, contract.market, "fundingRate")
    # No contract settles more than once an hour.
    page_ms = _FUNDING_LIMIT * HOUR_MS
    for first_ms in range(start_ms, end_ms, page_ms):
        last_ms = min(first_ms + page_ms, end_ms) - 1
        wanted: dict[str, str | int] = {"symbol": contract.name, "startTime": first_ms}
        wanted |= {"endTime": last_ms, "limit": _FUNDING_LIMIT}
        yield http.get(url, wanted, weight=WEIGHT_FUNDING)


def get_funding_info(http: Http, endpoints: Endpoints, market: Market) -> bytes:
    """Ask for the funding intervals that differ from the usual one."""
    return http.get(_url(endpoints, market, "fundingInfo"), weight=WEIGHT_FUNDING)


def get_open_interest_history(
    http: Http, endpoints: Endpoints, contract: Contract, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    """Ask for open interest stamped in ``[start_ms, end_ms)`` every five minutes."""
    return _get_statistics(http, endpoints, contract, "openInterestHist", start_ms, end_ms)


def get_ratios(
    http: Http,
    endpoints: Endpoints,
    contract: Contract,
    kind: RatioKind,
    start_ms: int,
    end_ms: int,
) -> Iterator[bytes]:
    """Ask for a long/short ratio stamped in ``[start_ms, end_ms)`` every five minutes."""
    endpoint = RATIO_ENDPOINTS[contract.market][kind]
    return _get_statistics(http, endpoints, contract, endpoint, start_ms, end_ms)


def get_recent_ratios(
    http: Http, endpoints: Endpoints, contract: Contract, kind: RatioKind
) -> bytes:
    """Ask for the last values of a long/short ratio."""
    endpoint = RATIO_ENDPOINTS[contract.market][kind]
    wanted = {**_statistics_of(contract, endpoint), "period": "5m", "limit": 3}
    url = f"{root(endpoints, contract.market)}/futures/data/{endpoint}"
    return http.get(url, wanted, weight=WEIGHT_STATISTICS)


def get_agg_trades(
    http: Http,
    endpoints: Endpoints,
    contract: Contract,
    start_ms: int,
    end_ms: int,
    last_of: Callable[[bytes], tuple[int, int] | None],
) -> Iterator[bytes]:
    """Ask for aggregated trades from ``start_ms`` until a page reaches ``end_ms``.

    Parameters
    ----------
    http, endpoints, contract
    start_ms, end_ms : int
        Span. [UTC ms]
    last_of : callable
        Returns id and time of a page's last trade, None of an empty page.
    """
    url = _url(endpoints, contract.market, "aggTrades")
    base: dict[str, str | int] = {"symbol": contract.name, "limit": _TRADES_LIMIT}
    # By time the venue answers an hour at most; from the first trade on, ids lead without gaps.
    for first_ms in range(start_ms, end_ms, HOUR_MS):
        until_ms = min(first_ms + HOUR_MS, end_ms) - 1
        wanted = {**base, "startTime": first_ms, "endTime": until_ms}
        page = http.get(url, wanted, weight=WEIGHT_TRADES)
        if last := last_of(page):
            break
    else:
        return
    while last is not None:
        yield page
        trade_id, time_ms = last
        if time_ms >= end_ms:
            return
        page = http.get(url, {**base, "fromId": trade_id + 1}, weight=WEIGHT_TRADES)
        last = last_of(page)


def get_open_interest(http: Http, endpoints: Endpoints, contract: Contract) -> bytes:
    """Ask for the current open interest."""
    return http.get(_url(endpoints, contract.market, "openInterest"), {"symbol": contract.name})


def get_premium_index(http: Http, endpoints: Endpoints, contract: Contract) -> bytes:
    """Ask for the current mark price and predicted funding rate."""
    return http.get(_url(endpoints, contract.market, "premiumIndex"), {"symbol": contract.name})


def get_depth(http: Http, endpoints: Endpoints, contract: Contract) -> bytes:
    """Ask for the book, `DEPTH_LIMIT` levels of each side."""
    wanted: dict[str, str | int] = {"symbol": contract.name, "limit": DEPTH_LIMIT}
    return http.get(_url(endpoints, contract.market, "depth"), wanted, weight=WEIGHT_DEPTH)


def get_brackets(http: Http, endpoints: Endpoints) -> bytes:
    """Ask for the leverage brackets of every USD-M contract.

    The documented endpoint wants a signature; this is what the venue's own web page asks.
    """
    return http.get(
        f"{endpoints.others['web']}/bapi/futures/v1/friendly/future/common/brackets",
        weight=WEIGHT_LISTING,
    )


def _get_statistics(
    http: Http, endpoints: Endpoints, contract: Contract, endpoint: str, start_ms: int, end_ms: int
) -> Iterator[bytes]:
    url = f"{root(endpoints, contract.market)}/futures/data/{endpoint}"
    page_ms = _STATISTICS_LIMIT * STATISTICS_PERIOD_MS
    for first_ms in range(start_ms, end_ms, page_ms):
        wanted = {
            **_statistics_of(contract, endpoint),
            "period": "5m",
            "startTime": first_ms,
            "endTime": min(first_ms + page_ms, end_ms) - 1,
            "limit": _STATISTICS_LIMIT,
        }
        yield http.get(url, wanted, weight=WEIGHT_STATISTICS)


def _statistics_of(contract: Contract, endpoint: str) -> dict[str, str | int]:
    if contract.market == "um":
        return {"symbol": contract.name}
    if endpoint in {"openInterestHist", "takerBuySellVol"}:
        return {"pair": contract.pair, "contractType": "PERPETUAL"}
    return {"pair": contract.pair}


def _named(contract: Contract, price_type: PriceType) -> dict[str, str | int]:
    # An index belongs to a pair, not to one of its contracts.
    return {"pair": contract.pair} if price_type == "index" else {"symbol": contract.name}


def _klines_weight(market: Market, limit: int) -> int:
    if market == "spot":
        return 2
    for below, weight in ((100, 1), (500, 2), (1001, 5)):
        if limit < below:
            return weight
    return 10


def _url(endpoints: Endpoints, market: Market, endpoint: str) -> str:
    return f"{root(endpoints, market)}{_PREFIX[market]}/{endpoint}"

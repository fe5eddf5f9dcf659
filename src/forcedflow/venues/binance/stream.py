"""Connections of Binance: which streams and polls carry which tables of which contracts.

In:  tables, contracts, a bar length.   Out: feeds, polls, and requests that readers hand back.
Free of I/O: addresses and names only.

Names of requests are ``rest:<market>:<endpoint>[:<symbol>[:<interval>]]`` and names of feeds
``market:<n>``, ``public:<n>`` and ``spot:<n>``; the reader goes by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from forcedflow.units import DAY_MS, HOUR_MS, SECOND_MS
from forcedflow.venues.binance import rest
from forcedflow.venues.binance.bars import PriceType
from forcedflow.venues.binance.contract import Contract
from forcedflow.venues.binance.spec import STATISTICS_PERIOD_MS, Market, interval_name
from forcedflow.venues.connector import Endpoints, Feed, Poll, Request

_CONTRACTS_PER_FEED: Final = 40
"""So that an address with all its streams stays below the 8 kB that servers take."""

# The venue cuts every connection after 24 hours; ours is made anew an hour earlier.
_LIFETIME_S: Final = 23 * 3600.0
# Mark prices come every second and depth ten times as often: half a minute without is no quiet.
_SILENCE_S: Final = 30.0
# Spot pairs can be quiet for minutes.
_SPOT_SILENCE_S: Final = 300.0

_OPEN_INTEREST_EVERY_S: Final = 60.0
_PRICE_TYPES: Final[tuple[PriceType, ...]] = ("mark", "index")
_BOOK: Final = frozenset({"order_book", "depth_bands"})


def feeds_of(
    endpoints: Endpoints, tables: frozenset[str], contracts: Sequence[Contract], interval_ms: int
) -> tuple[Feed, ...]:
    """Return the websocket connections for these tables and contracts.

    A liquidation stream is silent for hours and would look like a dead connection, so every futures
    connection also carries mark prices, which come each second.
    """
    spot = [each for each in contracts if each.market == "spot"]
    futures = [each for each in contracts if each.market != "spot"]
    bar = f"kline_{interval_name(interval_ms)}"
    found: list[Feed] = []
    on_market = [
        (table, stream)
        for table, stream in (
            ("liquidations", "forceOrder"),
            ("trades", "aggTrade"),
            ("klines", bar),
            ("funding", "markPrice@1s"),
            ("open_interest", "markPrice@1s"),  # its price: the reply holds none
        )
        if table in tables
    ]
    carried = frozenset(table for table, _ in on_market) | (tables & {"leverage_brackets"})
    streams = dict.fromkeys((*(stream for _, stream in on_market), "markPrice@1s"))
    if carried:
        for number, chunk in enumerate(_chunks(futures)):
            names = [f"{each.name.lower()}@{stream}" for each in chunk for stream in streams]
            if number == 0 and "leverage_brackets" in tables:
                names.append("!contractInfo")
            url = f"{endpoints.stream}/market/stream?streams={'/'.join(names)}"
            found.append(_feed(f"market:{number}", url, carried))
    if tables & _BOOK:
        for number, chunk in enumerate(_chunks(futures)):
            names = [f"{each.name.lower()}@depth@100ms" for each in chunk]
            url = f"{endpoints.stream}/public/stream?streams={'/'.join(names)}"
            found.append(_feed(f"public:{number}", url, tables & _BOOK, droppable=True))
    on_spot = {"trades": "aggTrade", "klines": bar}
    if carried := tables & on_spot.keys():
        for number, chunk in enumerate(_chunks(spot)):
            wanted = [stream for table, stream in on_spot.items() if table in carried]
            names = [f"{each.name.lower()}@{stream}" for each in chunk for stream in wanted]
            url = f"{endpoints.others['spot_stream']}/stream?streams={'/'.join(names)}"
            found.append(_feed(f"spot:{number}", url, carried, silence_s=_SPOT_SILENCE_S))
    return tuple(found)


def polls_of(
    endpoints: Endpoints, tables: frozenset[str], contracts: Sequence[Contract], interval_ms: int
) -> tuple[Poll, ...]:
    """Return the requests to repeat for what no stream carries."""
    futures = [each for each in contracts if each.market != "spot"]
    return tuple(
        Poll(request, every_s, frozenset({table}))
        for table, every_s, request in _polls(endpoints, futures, interval_ms)
        if table in tables
    )


def depth_request(endpoints: Endpoints, contract: Contract) -> Request:
    """Return the request for a book's snapshot."""
    send = partial(rest.get_depth, endpoints=endpoints, contract=contract)
    return Request(f"rest:{contract.market}:depth:{contract.name}", send)


def premium_request(endpoints: Endpoints, contract: Contract) -> Request:
    """Return the request for a contract's mark price and predicted funding rate."""
    send = partial(rest.get_premium_index, endpoints=endpoints, contract=contract)
    return Request(f"rest:{contract.market}:premiumIndex:{contract.name}", send)


def funding_request(endpoints: Endpoints, market: Market) -> Request:
    """Return the request for a market's funding intervals."""
    send = partial(rest.get_funding_info, endpoints=endpoints, market=market)
    return Request(f"rest:{market}:fundingInfo", send)


def _polls(
    endpoints: Endpoints, futures: Sequence[Contract], interval_ms: int
) -> Iterator[tuple[str, float, Request]]:
    markets: list[Market] = sorted({each.market for each in futures})
    for market in markets:
        yield "funding", HOUR_MS / SECOND_MS, funding_request(endpoints, market)
    if "um" in markets:
        brackets = partial(rest.get_brackets, endpoints=endpoints)
        yield "leverage_brackets", DAY_MS / SECOND_MS, Request("rest:um:brackets", brackets)
    # A bar counts as closed once the next has begun, so each is asked for twice.
    bars_every_s = min(interval_ms / SECOND_MS / 2, 60.0)
    for each in futures:
        prefix = f"rest:{each.market}"
        current = partial(rest.get_open_interest, endpoints=endpoints, contract=each)
        request = Request(f"{prefix}:openInterest:{each.name}", current)
        yield "open_interest", _OPEN_INTEREST_EVERY_S, request
        for kind, endpoint in rest.RATIO_ENDPOINTS[each.market].items():
            ratios = partial(rest.get_recent_ratios, endpoints=endpoints, contract=each, kind=kind)
            request = Request(f"{prefix}:{endpoint}:{each.name}", ratios)
            yield "long_short_ratio", STATISTICS_PERIOD_MS / SECOND_MS, request
        for price_type in _PRICE_TYPES:
            endpoint = rest.KLINE_ENDPOINTS[price_type]
            bars = partial(
                rest.get_recent_klines,
                endpoints=endpoints,
                contract=each,
                price_type=price_type,
                interval_ms=interval_ms,
            )
            name = f"{prefix}:{endpoint}:{each.name}:{interval_name(interval_ms)}"
            yield "klines", bars_every_s, Request(name, bars)


def _feed(
    name: str,
    url: str,
    carries: frozenset[str],
    *,
    silence_s: float = _SILENCE_S,
    droppable: bool = False,
) -> Feed:
    # The streams stand in the address, so a new connection needs no message to be complete.
    return Feed(
        name,
        url,
        (),
        carries,
        silence_s=silence_s,
        lifetime_s=_LIFETIME_S,
        droppable=droppable,
    )


def _chunks(contracts: Sequence[Contract]) -> Iterator[Sequence[Contract]]:
    for first in range(0, len(contracts), _CONTRACTS_PER_FEED):
        yield contracts[first : first + _CONTRACTS_PER_FEED]

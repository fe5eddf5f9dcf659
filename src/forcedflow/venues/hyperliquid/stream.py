"""What Hyperliquid streams, and the connections to make for it.

In:  tables and instruments.   Out: feeds and polls.
Free of sockets and of the clock.

One connection carries bars and market state, one trades, one books, one the fills of named
accounts: a flood of trades delays no book, and books may be dropped without losing a trade. Merged
books reach as far as depth bands do; they have connections of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Final

import msgspec

from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument
from forcedflow.venues.connector import Feed, Poll, Request
from forcedflow.venues.hyperliquid import rest
from forcedflow.venues.hyperliquid.coarse_book import DIGITS
from forcedflow.venues.hyperliquid.spec import (
    INTERVALS,
    SUBSCRIPTIONS_PER_ADDRESS,
    USERS_PER_ADDRESS,
    VENUE,
)

MARKET: Final = "market"
TRADES: Final = "trades"
TRADES_FOR_POSITIONS: Final = "trades+positions"
BOOKS: Final = "books"
FILLS: Final = "fills"
COARSE: Final = {f"{BOOKS}:{digits}": digits for digits in DIGITS}
"""Feeds of merged books by name, and the significant digits of each."""

FEEDS: Final = frozenset({MARKET, TRADES, TRADES_FOR_POSITIONS, BOOKS, *COARSE, FILLS})
"""Names of the feeds. Trades bear another name where their parties are to be asked about."""

CONTEXTS: Final = "rest:metaAndAssetCtxs"
"""Name of the one poll."""

CONTEXTS_EVERY_S: Final = 300.0
"""How often every coin's state is asked for, should a stream of it be silent. [s]"""

_BARS, _STATES = frozenset({"klines"}), frozenset({"open_interest", "funding"})
_DEPTH = frozenset({"order_book", "depth_bands"})


def feeds(
    root: str,
    tables: Sequence[str],
    instruments: Sequence[Instrument],
    interval_ms: int,
    accounts: Sequence[str],
) -> tuple[Feed, ...]:
    """Return the connections that carry ``tables``.

    Parameters
    ----------
    root : str
        Root of the venue's websockets.
    tables : sequence of str
        Tables wanted.
    instruments : sequence of Instrument
        Perpetuals wanted.
    interval_ms : int
        Length of price bars. [ms]
    accounts : sequence of str
        Accounts whose fills show liquidations; the first ten are followed.

    Raises
    ------
    UsageError
        If the venue has no bars of that length, or gives no address as many subscriptions.
    """
    coins = [instrument.venue_symbol for instrument in instruments]
    wanted = set(tables)
    if "klines" in wanted and interval_ms not in INTERVALS:
        known = ", ".join(INTERVALS.values())
        raise UsageError(f"{VENUE} has no bars of {interval_ms} ms\nhint: it has {known}")
    found: list[Feed] = []

    def add(name: str, carries: Iterable[str], said: Iterable[Mapping[str, object]]) -> None:
        messages = tuple(
            msgspec.json.encode({"method": "subscribe", "subscription": one}).decode()
            for one in said
        )
        found.append(
            Feed(
                name=name,
                url=f"{root}/ws",
                subscribe=messages,
                carries=frozenset(carries) & wanted,
                ping='{"method":"ping"}',
                # The venue cuts a connection on which it had nothing to send for a minute.
                ping_every_s=30.0,
                droppable=name == BOOKS or name in COARSE,
            )
        )

    bars = (
        {"type": "candle", "coin": coin, "interval": INTERVALS[interval_ms]}
        for coin in coins
        if "klines" in wanted
    )
    states = ({"type": "activeAssetCtx", "coin": coin} for coin in coins)
    if wanted & (_BARS | _STATES):
        # The state comes with bars as well: bars of the mark price are made of it.
        add(MARKET, _BARS | _STATES, chain(bars, states))
    if wanted & {"trades", "positions"}:
        name = TRADES_FOR_POSITIONS if "positions" in wanted else TRADES
        add(name, ("trades", "positions"), ({"type": "trades", "coin": coin} for coin in coins))
    if wanted & _DEPTH:
        add(BOOKS, _DEPTH, ({"type": "l2Book", "coin": coin} for coin in coins))
    if "depth_bands" in wanted:
        for name, digits in COARSE.items():
            merged = ({"type": "l2Book", "coin": coin, "nSigFigs": digits} for coin in coins)
            add(name, ("depth_bands",), merged)
    if "liquidations" in wanted and accounts:
        followed = accounts[:USERS_PER_ADDRESS]
        add(FILLS, ("liquidations",), ({"type": "userFills", "user": user} for user in followed))
    if (count := sum(len(feed.subscribe) for feed in found)) > SUBSCRIPTIONS_PER_ADDRESS:
        raise UsageError(
            f"{VENUE} allows {SUBSCRIPTIONS_PER_ADDRESS} subscriptions per address, "
            f"this would take {count}\nhint: ask for fewer symbols"
        )
    return tuple(found)


def polls(root: str, tables: Sequence[str]) -> tuple[Poll, ...]:
    """Return what is asked for at fixed times."""
    carried = (_STATES | {"leverage_brackets"}).intersection(tables)
    if not carried:
        return ()
    request = Request(CONTEXTS, partial(rest.get_contexts, root=root))
    return (Poll(request, CONTEXTS_EVERY_S, carried),)

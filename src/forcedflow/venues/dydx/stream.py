"""Which of dYdX's channels and polls carry which tables.

In:  tables, instruments, accounts, the length of price bars. [ms]   Out: `Feed` and `Poll` values.
Free of sockets and parsing.

Markets come for all at once, with oracle prices, open interest and the funding to come; matches
and bars by market. What is not streamed is polled: settlements, brackets, and named accounts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

import msgspec

from forcedflow.instruments import Instrument
from forcedflow.venues.connector import Feed, Poll, Request
from forcedflow.venues.dydx import rest
from forcedflow.venues.dydx.spec import bar_name

# The venue cuts who subscribes to more than 32 markets of one channel on one connection.
_MARKETS_A_CONNECTION: Final = 30

_SETTLEMENTS_EVERY_S: Final = 300.0
_BRACKETS_EVERY_S: Final = 3600.0
_ACCOUNTS_EVERY_S: Final = 60.0

_OF_MARKETS: Final = frozenset({"klines", "open_interest", "funding", "positions"})


def feeds(
    url: str, tables: Sequence[str], instruments: Sequence[Instrument], interval_ms: int
) -> tuple[Feed, ...]:
    """Return the connections that carry these tables.

    Parameters
    ----------
    url : str
        Address of the venue's websocket.
    tables : sequence of str
    instruments : sequence of Instrument
    interval_ms : int
        Length of price bars. [ms]

    Raises
    ------
    UsageError
        If bars of a length are wanted that the venue does not have.
    """
    wanted = frozenset(tables)
    found: list[Feed] = []
    if of_markets := wanted & _OF_MARKETS:
        found.append(Feed("markets", url, (_subscription("v4_markets"),), of_markets))
    bar = bar_name(interval_ms) if "klines" in wanted else ""
    channels = (
        ("trades", "v4_trades", "", wanted & {"trades", "liquidations"}),
        ("candles", "v4_candles", f"/{bar}", wanted & {"klines"}),
    )
    for name, channel, end, carries in channels:
        if not carries:
            continue
        for number, part in enumerate(_parts(instruments), start=1):
            subscribe = tuple(_subscription(channel, f"{one.venue_symbol}{end}") for one in part)
            found.append(Feed(f"{name}:{number}", url, subscribe, carries))
    return tuple(found)


def polls(
    root: str, tables: Sequence[str], instruments: Sequence[Instrument], accounts: Sequence[str]
) -> tuple[Poll, ...]:
    """Return the requests to repeat for what is not streamed."""
    found: list[Poll] = []
    if "funding" in tables:
        for instrument in instruments:
            send = partial(rest.get_latest_funding, root=root, instrument=instrument)
            request = Request(f"rest:funding:{instrument.venue_symbol}", send)
            found.append(Poll(request, _SETTLEMENTS_EVERY_S, frozenset({"funding"})))
    if "leverage_brackets" in tables:
        request = Request("rest:markets", partial(rest.get_markets, root=root))
        found.append(Poll(request, _BRACKETS_EVERY_S, frozenset({"leverage_brackets"})))
    if "positions" in tables:
        for address in accounts:
            send = partial(rest.get_account, root=root, address=address)
            request = Request(f"rest:address:{address}", send)
            found.append(Poll(request, _ACCOUNTS_EVERY_S, frozenset({"positions"})))
    return tuple(found)


def _parts(instruments: Sequence[Instrument]) -> Iterator[Sequence[Instrument]]:
    for first in range(0, len(instruments), _MARKETS_A_CONNECTION):
        yield instruments[first : first + _MARKETS_A_CONNECTION]


def _subscription(channel: str, name: str | None = None) -> str:
    message = {"type": "subscribe", "channel": channel, "batched": False}
    if name is not None:
        message["id"] = name
    return msgspec.json.encode(message).decode()

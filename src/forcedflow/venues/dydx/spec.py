"""What dYdX is: where its indexer answers, how fast it may be asked, what it can give.

In:  nothing.   Out: endpoints, limits, capabilities, names of bar lengths.
Free of sockets and parsing.

Sizes are base coins and prices USDC. Liquidations are fills, flagged on the trade itself, so the
feed is whole by construction, and the past of it is kept. Positions are called at the *oracle*
price. Whoever is named can be asked for; trades name nobody. There is no one book on a chain of
validators: its streamed levels cross, and bear neither a time nor a number of their own, so books
are not read.

References
----------
.. [1] dYdX v4 documentation, docs.dydx.exchange, "Indexer HTTP API", "Indexer Websocket" and
       "How to uncross the orderbook", read by 23 November 2026.
"""

from __future__ import annotations

from typing import Final

from forcedflow.errors import UsageError
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.base import Capabilities
from forcedflow.venues.connector import Endpoints, RateLimit

VENUE: Final = "dydx"

ENDPOINTS: Final = Endpoints(
    rest="https://indexer.dydx.trade/v4", stream="wss://indexer.dydx.trade/v4/ws"
)

RATE_LIMIT: Final = RateLimit(weight=100, window_s=10.0)
"""100 requests in 10 s from one address."""

COLLATERAL: Final = "USDC"

_BACKFILLED: Final = frozenset(
    {"klines", "trades", "liquidations", "open_interest", "funding", "leverage_brackets"}
)

BAR_NAMES: Final = {
    MINUTE_MS: "1MIN",
    5 * MINUTE_MS: "5MINS",
    15 * MINUTE_MS: "15MINS",
    30 * MINUTE_MS: "30MINS",
    HOUR_MS: "1HOUR",
    4 * HOUR_MS: "4HOURS",
    DAY_MS: "1DAY",
}
"""Length of a price bar [ms] and what the venue calls it."""

BAR_LENGTHS: Final = {name: length for length, name in BAR_NAMES.items()}
"""What the venue calls a bar, and its length. [ms]"""

FUNDING_HOURS: Final = 1.0
"""Funding is paid every hour. [h]"""

NO_CAP_USD: Final = 1e12
"""Where a market's only bracket ends: margin grows with the position, its rate does not. [USD]"""


def capabilities(*, follows_accounts: bool) -> Capabilities:
    """Return what can be asked of it; positions only where accounts are named to follow."""
    positions = frozenset({"positions"}) if follows_accounts else frozenset[str]()
    return Capabilities(
        kinds=("linear",),
        backfilled=_BACKFILLED,
        streamed=_BACKFILLED | positions,
        liquidations="complete",
        public_positions=True,
    )


def bar_name(interval_ms: int) -> str:
    """Return what the venue calls a bar of this length.

    Raises
    ------
    UsageError
        If it has no such bars.
    """
    if interval_ms not in BAR_NAMES:
        known = ", ".join(str(length // MINUTE_MS) for length in BAR_NAMES)
        raise UsageError(
            f"{VENUE} has no bars of {interval_ms / MINUTE_MS:g} min\nhint: one of {known} min"
        )
    return BAR_NAMES[interval_ms]

"""What KuCoin Futures is: where it answers, how fast it may be asked, what it can give.

In:  nothing.   Out: endpoints, limits, capabilities, weights, names of bar lengths.
Free of sockets and parsing.

Every size is a number of contracts (lots); a contract is `Instrument.contract_size` coins, the
listing's ``multiplier``. There is no feed of liquidations, no ratio of accounts, and the limits of
isolated margin are the only brackets that are published: cross margin follows a smooth formula.

References
----------
.. [1] KuCoin API documentation, kucoin.com/docs-new, "Futures Trading" and "UA", and the examples
       of its own SDK, read by 23 November 2026.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from forcedflow.errors import UsageError
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.base import Capabilities
from forcedflow.venues.connector import Endpoints, RateLimit

VENUE: Final = "kucoin"

ReferencePrice: TypeAlias = Literal["mark", "index"]

ENDPOINTS: Final = Endpoints(
    rest="https://api-futures.kucoin.com",
    stream="wss://ws-api-futures.kucoin.com",
    archive="https://historical-data.kucoin.com",
    others={"unified": "https://api.kucoin.com"},
)
"""``unified`` is the host of the interface for unified accounts, which has the history of open
interest and the bars of mark and index prices."""

RATE_LIMIT: Final = RateLimit(weight=2000, window_s=30.0)
"""The public pool of an address without an account: 2000 in 30 s."""

WEIGHTS: Final = {
    "contracts": 3,
    "order-book": 3,
    "trades": 5,
    "bars": 3,
    "funding": 5,
    "risk-limit": 5,
    "time": 2,
    "token": 10,
    "open-interest": 10,
    "reference-bars": 3,
}
"""What a request costs, by what it asks for."""

CAPABILITIES: Final = Capabilities(
    kinds=("linear",),
    backfilled=frozenset({"klines", "trades", "open_interest", "funding", "leverage_brackets"}),
    streamed=frozenset(
        {
            "klines",
            "trades",
            "open_interest",
            "funding",
            "leverage_brackets",
            "order_book",
            "depth_bands",
        }
    ),
    liquidations="none",
    public_positions=False,
)

STATISTICS_MS: Final = 5 * MINUTE_MS
"""Spacing of the history of open interest, and the delay after which we count on a value: the
venue does not say when it publishes one. [ms]"""

BAR_NAMES: Final = {
    MINUTE_MS: "1min",
    3 * MINUTE_MS: "3min",
    5 * MINUTE_MS: "5min",
    15 * MINUTE_MS: "15min",
    30 * MINUTE_MS: "30min",
    HOUR_MS: "1hour",
    2 * HOUR_MS: "2hour",
    4 * HOUR_MS: "4hour",
    8 * HOUR_MS: "8hour",
    12 * HOUR_MS: "12hour",
    DAY_MS: "1day",
}
"""Length of a price bar [ms] and what the venue calls it; over HTTP also minutes alone."""

BAR_LENGTHS: Final = {name: length for length, name in BAR_NAMES.items()}
"""What the venue calls a bar, and its length. [ms]"""

ARCHIVE_BARS: Final = {
    MINUTE_MS: "1m",
    5 * MINUTE_MS: "5m",
    15 * MINUTE_MS: "15m",
    HOUR_MS: "1h",
}
"""Bars in the archive. Its daily ones lack the volume, and its longer ones are not needed."""


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

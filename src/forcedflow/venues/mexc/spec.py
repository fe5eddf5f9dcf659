"""What MEXC is: where it answers, how fast it may be asked, and what it can give.

In:  nothing.   Out: endpoints, limits, capabilities, names of bar lengths, pages and reaches.
Free of sockets and parsing.

Read are the perpetuals settled in USDT and USDC; coin-margined ones, those in USD1 and spot are
not. The venue publishes no liquidations, no history of open interest, no account ratios and no
files.

References
----------
.. [1] MEXC Futures API documentation, mexc.com/api-docs/futures, as of September 2026.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from forcedflow.errors import UsageError
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.base import Capabilities
from forcedflow.venues.connector import Endpoints, RateLimit

VENUE: Final = "mexc"

PriceType: TypeAlias = Literal["last", "mark", "index"]

QUOTES: Final = frozenset({"USDT", "USDC"})
"""Coins that the contracts which are read are quoted and settled in."""

ENDPOINTS: Final = Endpoints(rest="https://api.mexc.com", stream="wss://contract.mexc.com")

RATE_LIMIT: Final = RateLimit(weight=10, window_s=2.0)
"""10 requests in 2 s to the slowest of the endpoints asked; we count all of them together."""

CAPABILITIES: Final = Capabilities(
    kinds=("linear",),
    backfilled=frozenset({"klines", "funding", "leverage_brackets"}),
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

BOOK_LEVELS: Final = 1000
"""Levels of each side of the snapshot that a book begins with. Changes reach deeper, where the
book is not known whole."""

BAR_NAMES: Final = {
    MINUTE_MS: "Min1",
    5 * MINUTE_MS: "Min5",
    15 * MINUTE_MS: "Min15",
    30 * MINUTE_MS: "Min30",
    HOUR_MS: "Min60",
    4 * HOUR_MS: "Hour4",
    8 * HOUR_MS: "Hour8",
    DAY_MS: "Day1",
}
"""Length of a price bar [ms] and what the venue calls it."""

BAR_LENGTHS: Final = {name: length for length, name in BAR_NAMES.items()}
"""What the venue calls a bar, and its length. [ms]"""

PRICE_PATHS: Final[dict[PriceType, str]] = {
    "last": "",
    "mark": "fair_price/",
    "index": "index_price/",
}
"""Where bars of a price are asked for, below ``/contract/kline``; its mark price is called fair."""


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

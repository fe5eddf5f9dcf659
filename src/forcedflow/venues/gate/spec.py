"""What Gate is: where it answers, how fast it may be asked, and what it can give.

In:  nothing.   Out: endpoints, limits, capabilities, names of bar lengths, pages and reaches.
Free of sockets and parsing.

Read are the perpetuals settled in USDT. The one inverse contract (``BTC_USD``), those settled in
USD1, dated futures and spot are not.

References
----------
.. [1] Gate API v4 and Futures WebSocket v4 documentation, gate.com/docs/developers, as of 2026.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from forcedflow.errors import UsageError
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.base import Capabilities
from forcedflow.venues.connector import Endpoints, RateLimit

VENUE: Final = "gate"

PriceType: TypeAlias = Literal["last", "mark", "index"]

SETTLE: Final = "usdt"
"""The settlement coin that paths and files name."""

HEADERS: Final = {"X-Gate-Size-Decimal": "1"}
"""Without it, sizes of contracts that trade in fractions are cut off to whole ones: a trade of half
a contract has none."""

ARCHIVE: Final = "https://download.gatedata.org"
"""Where the public files are."""

ENDPOINTS: Final = Endpoints(
    rest="https://api.gateio.ws",
    stream="wss://fx-ws.gateio.ws",
    archive=ARCHIVE,
    headers=HEADERS,
)

RATE_LIMIT: Final = RateLimit(weight=200, window_s=10.0)
"""200 requests in 10 s to each public endpoint from one address; we count them together."""

CAPABILITIES: Final = Capabilities(
    kinds=("linear",),
    backfilled=frozenset(
        {
            "klines",
            "trades",
            "open_interest",
            "funding",
            "long_short_ratio",
            "liquidation_totals",
            "leverage_brackets",
        }
    ),
    streamed=frozenset(
        {
            "klines",
            "trades",
            "liquidations",
            "open_interest",
            "funding",
            "long_short_ratio",
            "liquidation_totals",
            "leverage_brackets",
            "order_book",
            "depth_bands",
        }
    ),
    liquidations="complete",
    public_positions=False,
)

COMPLETE_SINCE_MS: Final = 1_787_184_000_000
"""20 August 2026: before it the stream told at most one liquidation per contract and second."""

BOOK_LEVELS: Final = 50
"""Levels of each side of the stream's book, and of the snapshot over HTTP that heals it."""

STATISTICS_MS: Final = 5 * MINUTE_MS
"""Length of the venue's statistics, and the delay after which we count on one: the venue does not
say when it publishes them. [ms]"""

STATISTICS_SETTLE_MS: Final = MINUTE_MS
"""Statistics of a span are read so long after its end: before, they may still change. [ms]"""

BAR_NAMES: Final = {
    MINUTE_MS: "1m",
    5 * MINUTE_MS: "5m",
    15 * MINUTE_MS: "15m",
    30 * MINUTE_MS: "30m",
    HOUR_MS: "1h",
    4 * HOUR_MS: "4h",
    8 * HOUR_MS: "8h",
    DAY_MS: "1d",
}
"""Length of a price bar [ms] and what the venue calls it."""

BAR_LENGTHS: Final = {name: length for length, name in BAR_NAMES.items()}
"""What the venue calls a bar, and its length. [ms]"""

ARCHIVED_BARS: Final = frozenset({MINUTE_MS, 5 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS, DAY_MS})
"""Lengths of which the archive has bars of the last price. [ms]"""

PRICE_PREFIXES: Final[dict[PriceType, str]] = {"last": "", "mark": "mark_", "index": "index_"}
"""What stands before a contract's name to ask for bars of a price."""

REFERENCE_PRICES: Final[tuple[PriceType, ...]] = ("mark", "index")
"""Prices whose bars are not streamed and have no volume."""


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

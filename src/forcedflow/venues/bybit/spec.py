"""What Bybit is: where it answers, how fast it may be asked, and what it can give.

In:  nothing.   Out: endpoints, limits, capabilities, names of categories and bar lengths.
Free of sockets and parsing.

References
----------
.. [1] Bybit v5 API documentation, bybit-exchange.github.io/docs/v5, read by 23 November 2026.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from forcedflow.errors import UsageError
from forcedflow.instruments import ContractKind, Instrument
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.base import Capabilities
from forcedflow.venues.connector import Endpoints, RateLimit

VENUE: Final = "bybit"

ReferencePrice: TypeAlias = Literal["mark", "index"]
BarEndpoint: TypeAlias = Literal["kline", "mark-price-kline", "index-price-kline"]

REFERENCE_ENDPOINTS: Final[dict[ReferencePrice, BarEndpoint]] = {
    "mark": "mark-price-kline",
    "index": "index-price-kline",
}
"""Prices that have bars without volume, and where."""

ENDPOINTS: Final = Endpoints(
    rest="https://api.bybit.com",
    stream="wss://stream.bybit.com",
    archive="https://public.bybit.com",
)

RATE_LIMIT: Final = RateLimit(weight=600, window_s=5.0)
"""600 requests of any kind in 5 s from one address; beyond it 403 for at least ten minutes."""

SPOT_TABLES: Final = frozenset({"klines", "trades", "order_book", "depth_bands"})
"""Tables that a spot pair has."""

CAPABILITIES: Final = Capabilities(
    kinds=("linear", "inverse", "spot"),
    backfilled=frozenset(
        {"klines", "trades", "open_interest", "funding", "long_short_ratio", "leverage_brackets"}
    ),
    streamed=SPOT_TABLES
    | {"liquidations", "open_interest", "funding", "long_short_ratio", "leverage_brackets"},
    liquidations="complete",
    public_positions=False,
)

BOOK_LEVELS: Final = 1000
"""Levels of each side, of the stream's deepest book and of its snapshot over HTTP alike."""

STATISTICS_MS: Final = 5 * MINUTE_MS
"""Spacing of the history of open interest and of account ratios, and the delay after which we
count on a value: the venue does not say when it publishes one. [ms]"""

BAR_NAMES: Final = {
    MINUTE_MS: "1",
    3 * MINUTE_MS: "3",
    5 * MINUTE_MS: "5",
    15 * MINUTE_MS: "15",
    30 * MINUTE_MS: "30",
    HOUR_MS: "60",
    2 * HOUR_MS: "120",
    4 * HOUR_MS: "240",
    6 * HOUR_MS: "360",
    12 * HOUR_MS: "720",
    DAY_MS: "D",
}
"""Length of a price bar [ms] and what the venue calls it; weeks and months have no place here."""

BAR_LENGTHS: Final = {name: length for length, name in BAR_NAMES.items()}
"""What the venue calls a bar, and its length. [ms]"""


def category(instrument: Instrument) -> ContractKind:
    """Return the venue's word for the kind of contract, which every request and path names."""
    return instrument.kind


def has_account_ratio(instrument: Instrument) -> bool:
    """Return whether account ratios of it are published: not of spot, nor of USDC contracts."""
    return instrument.kind == "inverse" or instrument.settle == "USDT"


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

"""What OKX is: where it answers, how fast it may be asked, and what it can give.

In:  nothing.   Out: endpoints, limits, capabilities, names of channels and bar lengths.
Free of sockets and parsing.

References
----------
.. [1] OKX v5 API documentation, www.okx.com/docs-v5/en, as carried by client libraries of 2026.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.base import Capabilities
from forcedflow.venues.connector import Endpoints, RateLimit

VENUE: Final = "okx"

ReferencePrice: TypeAlias = Literal["mark", "index"]
BarEndpoint: TypeAlias = Literal["candles", "mark-price-candles", "index-candles"]

REFERENCE_ENDPOINTS: Final[dict[ReferencePrice, BarEndpoint]] = {
    "mark": "mark-price-candles",
    "index": "index-candles",
}
"""Prices that have bars without volume, and where."""

ENDPOINTS: Final = Endpoints(
    rest="https://www.okx.com",
    stream="wss://ws.okx.com:8443",
    archive="https://static.okx.com/cdn/okex/traderecords",
)

RATE_LIMIT: Final = RateLimit(weight=40, window_s=2.0)
"""Each endpoint has a limit of its own, 5 to 40 requests in 2 s. A request weighs 40 over the limit
of its endpoint, so that the sum keeps all of them."""

SPOT_TABLES: Final = frozenset({"klines", "trades", "order_book", "depth_bands"})
"""Tables that a spot pair has."""

CAPABILITIES: Final = Capabilities(
    kinds=("linear", "inverse", "spot"),
    backfilled=frozenset(
        {"klines", "trades", "open_interest", "funding", "long_short_ratio", "leverage_brackets"}
    ),
    streamed=SPOT_TABLES
    | {"liquidations", "open_interest", "funding", "long_short_ratio", "leverage_brackets"},
    # One order a second and contract at most: "doesn't represent the total".
    liquidations="sampled lower bound",
    public_positions=False,
)

BOOK_LEVELS: Final = 400
"""Levels of each side, of the stream's book and of its snapshot over HTTP alike."""

STATISTICS_MS: Final = 5 * MINUTE_MS
"""Spacing of the history of open interest and of account ratios, and the delay after which we
count on a value: the venue does not say when it publishes one. [ms]"""

STATISTICS_REACH_MS: Final = 1440 * STATISTICS_MS
"""How far back that history goes: five days. [ms]"""

FUNDING_REACH_MS: Final = 90 * DAY_MS
"""How far back settlements are told over HTTP: three months; older ones are in the files. [ms]"""

BAR_NAMES: Final = {
    MINUTE_MS: "1m",
    3 * MINUTE_MS: "3m",
    5 * MINUTE_MS: "5m",
    15 * MINUTE_MS: "15m",
    30 * MINUTE_MS: "30m",
    HOUR_MS: "1H",
    2 * HOUR_MS: "2H",
    4 * HOUR_MS: "4H",
    6 * HOUR_MS: "6Hutc",
    12 * HOUR_MS: "12Hutc",
    DAY_MS: "1Dutc",
}
"""Length of a price bar [ms] and what the venue calls it. Without ``utc`` a long bar begins at
Hong Kong's midnight."""

BAR_LENGTHS: Final = {name: length for length, name in BAR_NAMES.items()}
"""What the venue calls a bar, and its length. [ms]"""


def family(instrument: Instrument) -> str:
    """Return the name under which a contract's tiers and its index are kept: ``BTC-USDT``."""
    return f"{instrument.base}-{instrument.quote}"


def is_sized(instrument: Instrument) -> bool:
    """Return whether the size of a contract was fetched; a spot pair has none.

    Contracts of one coin exist, so a size of 1 does not tell; a tick size that is missing does.
    """
    return instrument.kind == "spot" or instrument.tick_size is not None


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

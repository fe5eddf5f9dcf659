"""Binance in constants: addresses, limits, what it gives, and how it names bar lengths.

In:  nothing.   Out: `ENDPOINTS`, `RATE_LIMIT`, `CAPABILITIES` and the weights of requests.
Free of I/O.

Three markets stand behind one name: USD-M (``um``, linear), COIN-M (``cm``, inverse) and spot.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from forcedflow.errors import UsageError
from forcedflow.tables import Completeness
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.base import Capabilities
from forcedflow.venues.connector import Endpoints, RateLimit

NAME: Final = "binance"

Market: TypeAlias = Literal["um", "cm", "spot"]

ENDPOINTS: Final = Endpoints(
    rest="https://fapi.binance.com",
    stream="wss://fstream.binance.com",
    archive="https://data.binance.vision",
    others={
        "coin_m": "https://dapi.binance.com",
        "spot": "https://api.binance.com",
        "spot_stream": "wss://stream.binance.com:9443",
        "web": "https://www.binance.com",
    },
)

RATE_LIMIT: Final = RateLimit(weight=2400, window_s=60.0)
"""The tightest of the three hosts' limits (USD-M and COIN-M alike; spot allows more)."""

COMPLETENESS: Final[Completeness] = "sampled lower bound"
"""By the venue's own words only the latest order per symbol is pushed in each 1000 ms."""

CAPABILITIES: Final = Capabilities(
    kinds=("linear", "inverse", "spot"),
    backfilled=frozenset(
        {
            "klines",
            "trades",
            "open_interest",
            "funding",
            "long_short_ratio",
            "depth_bands",
            "leverage_brackets",
        }
    ),
    streamed=frozenset(
        {
            "klines",
            "trades",
            "open_interest",
            "funding",
            "long_short_ratio",
            "liquidations",
            "order_book",
            "depth_bands",
            "leverage_brackets",
        }
    ),
    liquidations=COMPLETENESS,
    public_positions=False,
)

STATISTICS_PERIOD_MS: Final = 5 * MINUTE_MS
"""Finest period of open interest and ratios, and how long after its end they count as known."""

STATISTICS_REACH_MS: Final = 30 * DAY_MS
"""How far back ``/futures/data`` answers."""

TRADES_REACH_MS: Final = 48 * HOUR_MS
"""How far back ``aggTrades`` of futures answers."""

DEFAULT_FUNDING_HOURS: Final = 8.0
"""Interval of every contract that ``fundingInfo`` does not list: it lists adjusted ones only."""

# Requests under limits of their own are weighed so that the common limit keeps those too.
WEIGHT_STATISTICS: Final = 12  # 1000 in five minutes
WEIGHT_FUNDING: Final = 24  # 500 in five minutes, settlements and intervals together
WEIGHT_TRADES: Final = 20
WEIGHT_DEPTH: Final = 20
WEIGHT_LISTING: Final = 20

_INTERVALS: Final[dict[int, str]] = {
    MINUTE_MS: "1m",
    3 * MINUTE_MS: "3m",
    5 * MINUTE_MS: "5m",
    15 * MINUTE_MS: "15m",
    30 * MINUTE_MS: "30m",
    HOUR_MS: "1h",
    2 * HOUR_MS: "2h",
    4 * HOUR_MS: "4h",
    6 * HOUR_MS: "6h",
    8 * HOUR_MS: "8h",
    12 * HOUR_MS: "12h",
    DAY_MS: "1d",
}
INTERVAL_MS: Final = {name: length for length, name in _INTERVALS.items()}
"""Length of a bar by the venue's name for it. [ms]"""


def interval_name(interval_ms: int) -> str:
    """Return the venue's name for bars of this length.

    Raises
    ------
    UsageError
        If it has none.

    Examples
    --------
    >>> interval_name(300_000)
    '5m'
    """
    if interval_ms not in _INTERVALS:
        raise UsageError(
            f"binance has no bars of {interval_ms} ms\nhint: one of {', '.join(INTERVAL_MS)}"
        )
    return _INTERVALS[interval_ms]

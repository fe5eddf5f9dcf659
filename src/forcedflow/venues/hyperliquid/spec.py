"""What Hyperliquid is: its addresses, limits, names and what can be asked of it.

In:  nothing.   Out: constants, and coins as instruments and back.
Free of sockets, files and the clock.
"""

from __future__ import annotations

from typing import Final

from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.base import Capabilities
from forcedflow.venues.connector import Endpoints, RateLimit

VENUE: Final = "hyperliquid"

ENDPOINTS: Final = Endpoints(rest="https://api.hyperliquid.xyz", stream="wss://api.hyperliquid.xyz")

RATE_LIMIT: Final = RateLimit(weight=1200, window_s=60.0, concurrent=4)
"""Per address and minute, by the venue's page on rate limits."""

COLLATERAL: Final = "USDC"

BACKFILLED: Final = frozenset({"klines", "funding", "leverage_brackets"})
STREAMED: Final = frozenset(
    {
        "klines",
        "trades",
        "open_interest",
        "funding",
        "leverage_brackets",
        "order_book",
        "depth_bands",
        "positions",
    }
)

INTERVALS: Final = {
    MINUTE_MS: "1m",
    3 * MINUTE_MS: "3m",
    5 * MINUTE_MS: "5m",
    15 * MINUTE_MS: "15m",
    30 * MINUTE_MS: "30m",
    HOUR_MS: "1h",
    2 * HOUR_MS: "2h",
    4 * HOUR_MS: "4h",
    8 * HOUR_MS: "8h",
    12 * HOUR_MS: "12h",
    DAY_MS: "1d",
}
"""The venue's names of bar lengths. [ms]"""

INTERVAL_MS: Final = {name: length for length, name in INTERVALS.items()}

CANDLES_HELD: Final = 5_000
"""Newest bars of each length that the venue still gives; older ones are gone."""

FUNDING_PAGE: Final = 500
FILLS_PAGE: Final = 2_000
"""Most rows that one answer holds."""

HOURLY_FUNDING_SINCE_MS: Final = 1_686_182_400_000
"""8 June 2023: until then funding was settled every eight hours, since then every hour. [UTC ms]"""

USERS_PER_ADDRESS: Final = 10
SUBSCRIPTIONS_PER_ADDRESS: Final = 1_000
"""What one address may follow over websockets, by the venue's page on rate limits."""

OPEN_INTEREST_SIDES: Final = 2.0
"""The venue counts both sides: two accounts opening one coin against each other add two.

Seen in recordings of June 2026: of the minutes with a single trade, open interest moved by zero or
by twice the trade's size, never by its size.
"""


def capabilities(*, follows_fills: bool) -> Capabilities:
    """Return what can be asked.

    Parameters
    ----------
    follows_fills : bool
        Whether accounts were named, whose fills show the liquidations they took part in. The
        market as a whole has no liquidation feed.
    """
    forced = frozenset({"liquidations"}) if follows_fills else frozenset[str]()
    return Capabilities(
        kinds=("linear",),
        backfilled=BACKFILLED | forced,
        streamed=STREAMED | forced,
        liquidations="sampled lower bound" if follows_fills else "none",
        public_positions=True,
    )


def instrument(coin: str, size_decimals: int | None = None) -> Instrument:
    """Return the perpetual of a coin. Case counts: kPEPE is a thousand PEPE.

    A price has at most five significant digits and ``6 - size_decimals`` decimals; whole numbers
    are always allowed. The tick kept is the finest step that these decimals allow.

    Examples
    --------
    >>> instrument("kPEPE", 0).symbol, instrument("BTC", 5).tick_size
    ('kPEPE/USDC:USDC', 0.1)
    """
    tick_size = None if size_decimals is None else float(f"1e-{max(6 - size_decimals, 0)}")
    return Instrument(VENUE, coin, COLLATERAL, COLLATERAL, tick_size)


def is_own(coin: str) -> bool:
    """Return whether a coin is a perpetual of the venue's own exchange.

    Spot pairs (``PURR/USDC``, ``@107``) are not, and perpetuals that others deployed there
    (``xyz:TSLA``) have other oracles, other collateral and margin rules of their own.

    Examples
    --------
    >>> [is_own(coin) for coin in ("BTC", "kPEPE", "xyz:TSLA", "@107", "PURR/USDC")]
    [True, True, False, False, False]
    """
    return coin.isalnum()

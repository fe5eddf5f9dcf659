"""What Bitget is: where it answers, how fast it may be asked, and what it can give.

In:  nothing.   Out: endpoints, limits, capabilities, names of products and bar lengths.
Free of sockets and parsing.

Contracts margined in coins are left out: their units differ between the two interfaces, those of
their tiers are not documented, and no rule for their margin is known.

References
----------
.. [1] Bitget API documentation, www.bitget.com/api-doc (v2 and UTA), as carried by client
       libraries of 2026.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from forcedflow.errors import UsageError
from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.base import Capabilities
from forcedflow.venues.connector import Endpoints, RateLimit

VENUE: Final = "bitget"

Product: TypeAlias = Literal["USDT-FUTURES", "USDC-FUTURES", "SPOT"]
BarPrice: TypeAlias = Literal["last", "mark", "index"]

PRODUCTS: Final[tuple[Product, ...]] = ("USDT-FUTURES", "USDC-FUTURES", "SPOT")
"""The venue's words for what it lists, in requests; streams write them small."""

FUTURES: Final[tuple[Product, ...]] = ("USDT-FUTURES", "USDC-FUTURES")
"""Those of them that are contracts."""

ENDPOINTS: Final = Endpoints(rest="https://api.bitget.com", stream="wss://ws.bitget.com")

RATE_LIMIT: Final = RateLimit(weight=20, window_s=1.0)
"""20 requests a second to most endpoints; a request to one that allows fewer weighs more."""

SPOT_TABLES: Final = frozenset({"klines", "trades", "order_book", "depth_bands"})
"""Tables that a spot pair has."""

CAPABILITIES: Final = Capabilities(
    kinds=("linear", "spot"),
    # Of open interest and account ratios only the present is told.
    backfilled=frozenset({"klines", "trades", "funding", "leverage_brackets"}),
    streamed=SPOT_TABLES
    | {"liquidations", "open_interest", "funding", "long_short_ratio", "leverage_brackets"},
    # Of a second only the largest of each contract and side.
    liquidations="sampled lower bound",
    public_positions=False,
)

STATISTICS_MS: Final = 5 * MINUTE_MS
"""Period of account ratios. [ms]"""

TRADES_REACH_MS: Final = 90 * DAY_MS
"""How far back trades are told. [ms]"""

BAR_NAMES: Final = {
    MINUTE_MS: "1m",
    3 * MINUTE_MS: "3m",
    5 * MINUTE_MS: "5m",
    15 * MINUTE_MS: "15m",
    30 * MINUTE_MS: "30m",
    HOUR_MS: "1H",
    4 * HOUR_MS: "4H",
}
"""Length of a price bar [ms] and what the venue calls it. Longer ones may begin at Hong Kong's
midnight, and are left out."""

BAR_LENGTHS: Final = {name: length for length, name in BAR_NAMES.items()}
"""What the venue calls a bar, and its length. [ms]"""

_SPOT_BAR_NAMES: Final = {"1H": "1h", "4H": "4h"}


def product(instrument: Instrument) -> Product:
    """Return the venue's word for what an instrument is, which every request names."""
    if instrument.kind == "spot":
        return "SPOT"
    return "USDC-FUTURES" if instrument.settle == "USDC" else "USDT-FUTURES"


def bar_name(interval_ms: int) -> str:
    """Return what streams and requests of contracts call a bar of this length.

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


def spot_bar_name(interval_ms: int) -> str:
    """Return what requests of spot pairs call it.

    Examples
    --------
    >>> spot_bar_name(300_000), spot_bar_name(3_600_000)
    ('5min', '1h')

    Raises
    ------
    UsageError
        If it has no such bars.
    """
    name = bar_name(interval_ms)
    return _SPOT_BAR_NAMES.get(name) or f"{name}in"

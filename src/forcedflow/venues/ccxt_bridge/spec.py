"""What the bridge takes from ccxt, and what it does not believe without being told.

In:  what ccxt says that an exchange has.   Out: capabilities, lengths of bars, units of sizes.
Free of sockets, of parsing, and of ccxt itself.

ccxt brings the messages of a hundred exchanges into one shape, but not into one unit: the same
field holds coins at one exchange and contracts at another. Sizes are taken where the unit is
stated here, and where a contract is one coin, so that both are the same; else they are left out.

References
----------
.. [1] The source of ccxt 4.5.90, read in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from forcedflow.errors import UsageError
from forcedflow.units import DAY_MS, HOUR_MS, MINUTE_MS
from forcedflow.venues.base import Capabilities
from forcedflow.venues.bridged import PREFIX

PriceType: TypeAlias = Literal["last", "mark", "index"]
SizeUnit: TypeAlias = Literal["coins", "contracts"]

PRICE_METHODS: Final[dict[PriceType, tuple[str, str]]] = {
    "last": ("fetchOHLCV", "fetch_ohlcv"),
    "mark": ("fetchMarkOHLCV", "fetch_mark_ohlcv"),
    "index": ("fetchIndexOHLCV", "fetch_index_ohlcv"),
}
"""What ccxt calls bars of a price: in its list of abilities, and in Python."""

BAR_NAMES: Final = {
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
"""Length of a price bar [ms] and what ccxt calls it."""

INTEREST_BAR_MS: Final = HOUR_MS
"""Spacing at which the past of open interest is asked for: the finest that all have. [ms]"""


@dataclass(frozen=True, slots=True)
class Units:
    """What an exchange's sizes are counted in, in the shape that ccxt gives them.

    Parameters
    ----------
    volume : {"coins", "contracts"}, optional
        Volume of price bars.
    interest : {"coins", "contracts"}, optional
        ``openInterestAmount`` of the present.
    past_interest : {"coins", "contracts"}, optional
        ``openInterestAmount`` of the past.
    """

    volume: SizeUnit | None = None
    interest: SizeUnit | None = None
    past_interest: SizeUnit | None = None


_UNITS: Final = {
    # ccxt takes `volume` of the present, which is contracts, and asks for the past with
    # `amount_type=2`, which is coins. Whether its bars count both sides was not to be found out.
    "htx": Units(interest="contracts", past_interest="coins"),
    "blofin": Units(volume="contracts"),
}

OWN: Final = {
    "binance": "binance",
    "binancecoinm": "binance",
    "binanceusdm": "binance",
    "bitget": "bitget",
    "bybit": "bybit",
    "dydx": "dydx",
    "gate": "gate",
    "gateio": "gate",
    "huobi": "ccxt:htx",
    "hyperliquid": "hyperliquid",
    "kucoin": "kucoin",
    "kucoinfutures": "kucoin",
    "mexc": "mexc",
    "okx": "okx",
}
"""Exchanges that ccxt knows and that have a better name here."""


def venue_name(exchange: str) -> str:
    """Return the name of an exchange among venues.

    Examples
    --------
    >>> venue_name("bingx")
    'ccxt:bingx'
    """
    return f"{PREFIX}{exchange}"


def units_of(exchange: str) -> Units:
    """Return what is known of an exchange's units."""
    return _UNITS.get(exchange, Units())


def coins_per_unit(unit: SizeUnit | None, contract_size: float) -> float | None:
    """Return how many coins one unit of a size is, or None where nobody stated it.

    Examples
    --------
    >>> coins_per_unit("contracts", 0.001), coins_per_unit("coins", 0.001)
    (0.001, 1.0)
    >>> coins_per_unit(None, 1.0), coins_per_unit(None, 0.001)
    (1.0, None)
    """
    if unit == "coins" or contract_size == 1.0:
        return 1.0
    return contract_size if unit == "contracts" else None


def capabilities(has: Mapping[str, object], streams: Mapping[str, object]) -> Capabilities:
    """Return what the bridge can give of an exchange.

    Parameters
    ----------
    has : mapping of str to object
        ccxt's list of abilities over HTTP: True, "emulated", False or None.
    streams : mapping of str to object
        Its list of abilities over websockets.
    """
    backfilled, streamed = set(), set()
    if has.get("fetchOHLCV"):
        backfilled.add("klines")
        streamed.add("klines")
    if has.get("fetchFundingRateHistory"):
        backfilled.add("funding")
    if has.get("fetchFundingRateHistory") or has.get("fetchFundingRate"):
        streamed.add("funding")
    if has.get("fetchOpenInterestHistory"):
        backfilled.add("open_interest")
    if has.get("fetchOpenInterest"):
        streamed.add("open_interest")
    if streams.get("watchTrades"):
        streamed.add("trades")
    return Capabilities(
        kinds=("linear",),
        backfilled=frozenset(backfilled),
        streamed=frozenset(streamed),
        # ccxt loses liquidations that come together and does not unify their side: none are taken.
        liquidations="unknown",
        public_positions=False,
    )


def bar_name(venue: str, interval_ms: int, offered: Mapping[str, object]) -> str:
    """Return what ccxt calls a bar of this length.

    Parameters
    ----------
    venue : str
        For the message.
    interval_ms : int
        [ms]
    offered : mapping of str to object
        The exchange's bars by ccxt's names.

    Raises
    ------
    UsageError
        If the exchange has no such bars.
    """
    name = BAR_NAMES.get(interval_ms)
    if name is None or name not in offered:
        known = ", ".join(name for name in BAR_NAMES.values() if name in offered)
        raise UsageError(
            f"{venue} has no bars of {interval_ms / MINUTE_MS:g} min\nhint: one of {known}"
        )
    return name

"""The shapes of dYdX's messages, over HTTP and over the socket alike.

In:  bytes.   Out: typed values, or an error that quotes the message.
Pure: no I/O, no clock, no global state.

The venue writes numbers as text and moments as ISO 8601 in UTC. Numbers are decoded with bounds,
so that a NaN, an infinity or a price of zero is refused with its message.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec

from forcedflow.errors import FrameError
from forcedflow.venues.base import UNDECODABLE
from forcedflow.venues.dydx.spec import VENUE

T = TypeVar("T")

Price: TypeAlias = Annotated[float, msgspec.Meta(gt=1e-18, lt=1e18)]
"""A price. [USDC per base]"""

Amount: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e30)]
"""A size. [base coins, or USD]"""

Signed: TypeAlias = Annotated[float, msgspec.Meta(gt=-1e30, lt=1e30)]
"""A size or value with a sign; below zero is short, or owed."""

Rate: TypeAlias = Annotated[float, msgspec.Meta(gt=-1e6, lt=1e6)]
"""A rate. [1]"""

Fraction: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=1)]
"""A fraction of margin, above zero. [1]"""

_MARKET: Final = "-USD"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Trade(msgspec.Struct, gc=False):
    """A match. ``side`` is the taker's; of a liquidation the taker is who is liquidated."""

    id: str
    side: Literal["BUY", "SELL"]
    size: Amount
    price: Price
    type: str
    at: datetime = msgspec.field(name="createdAt")
    height: str | None = msgspec.field(name="createdAtHeight", default=None)

    @property
    def is_liquidation(self) -> bool:
        """Whether it closed a position by force; deleveraging and offsetting are not it."""
        return self.type == "LIQUIDATED"


class Trades(msgspec.Struct, gc=False):
    """Matches of one market."""

    trades: list[Trade]


class Candle(msgspec.Struct, gc=False):
    """A bar, which may still grow; the open interest is that of its start."""

    started: datetime = msgspec.field(name="startedAt")
    ticker: str
    resolution: str
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Amount = msgspec.field(name="baseTokenVolume")
    turnover: Amount = msgspec.field(name="usdVolume")
    trades: int
    open_interest: Amount = msgspec.field(name="startingOpenInterest")


class Candles(msgspec.Struct):
    """Bars of one market, newest first."""

    candles: list[Candle]


class Market(msgspec.Struct, gc=False):
    """One market as it is listed, or what changed of it."""

    status: str | None = None
    ticker: str | None = None
    tick_size: Price | None = msgspec.field(name="tickSize", default=None)
    oracle_price: Price | None = msgspec.field(name="oraclePrice", default=None)
    next_rate: Rate | None = msgspec.field(name="nextFundingRate", default=None)
    initial: Fraction | None = msgspec.field(name="initialMarginFraction", default=None)
    maintenance: Fraction | None = msgspec.field(name="maintenanceMarginFraction", default=None)
    open_interest: Amount | None = msgspec.field(name="openInterest", default=None)


class Markets(msgspec.Struct):
    """Every market, by ticker; `by_ticker` reads them."""

    markets: dict[str, msgspec.Raw]


class Oracle(msgspec.Struct, gc=False):
    """A price of the oracle and the block from which it holds."""

    price: Price = msgspec.field(name="oraclePrice")
    at: datetime = msgspec.field(name="effectiveAt")


class MarketChanges(msgspec.Struct, gc=False):
    """What changed of some markets, by ticker; either part may be absent."""

    trading: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)
    oracle_prices: dict[str, msgspec.Raw] = msgspec.field(name="oraclePrices", default_factory=dict)


class Settlement(msgspec.Struct):
    """A payment of funding."""

    ticker: str
    rate: Rate
    at: datetime = msgspec.field(name="effectiveAt")


class Settlements(msgspec.Struct):
    """Payments of one market, newest first."""

    settlements: list[Settlement] = msgspec.field(name="historicalFunding")


class Time(msgspec.Struct):
    """The venue's clock."""

    epoch_s: Annotated[float, msgspec.Meta(ge=0, lt=1 << 32)] = msgspec.field(name="epoch")


class Position(msgspec.Struct):
    """An open position of a subaccount; the size of a short is below zero."""

    market: str
    side: Literal["LONG", "SHORT"]
    size: Signed
    entry_price: Price = msgspec.field(name="entryPrice")
    unrealized: Signed = msgspec.field(name="unrealizedPnl")


class Subaccount(msgspec.Struct):
    """One account of an address, with its own margin."""

    address: str
    number: int = msgspec.field(name="subaccountNumber")
    equity: Signed
    positions: dict[str, msgspec.Raw] = msgspec.field(name="openPerpetualPositions")


class Subaccounts(msgspec.Struct):
    """All accounts of an address."""

    subaccounts: list[Subaccount]


def decode(decoder: msgspec.json.Decoder[T], what: str, raw: bytes | msgspec.Raw) -> T:
    """Return the message as its decoder types it.

    Parameters
    ----------
    decoder : msgspec.json.Decoder
    what : str
        What the message is, for the error.
    raw : bytes
        The message.

    Raises
    ------
    FrameError
        If it is something else.
    """
    try:
        return decoder.decode(raw)
    except UNDECODABLE as error:
        raise FrameError(VENUE, what, str(error), bytes(raw)) from error


def by_ticker(
    decoder: msgspec.json.Decoder[T], what: str, named: Mapping[str, msgspec.Raw]
) -> dict[str, T]:
    """Return what stands under the names of markets; what else stands beside them is not ours.

    Raises
    ------
    FrameError
        If what stands under a market's name is something else.
    """
    return {
        name: decode(decoder, what, raw) for name, raw in named.items() if name.endswith(_MARKET)
    }


def millis(moment: datetime, what: str, raw: bytes | msgspec.Raw) -> int:
    """Return a moment as the venue wrote it. [UTC ms]

    Raises
    ------
    FrameError
        If it names no time zone, or is not of this century.
    """
    if moment.tzinfo is None or not _FIRST <= moment < _LAST:
        raise FrameError(VENUE, what, f"{moment.isoformat()} is no moment in UTC", bytes(raw))
    since = moment - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000

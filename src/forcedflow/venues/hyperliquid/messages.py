"""The shapes of Hyperliquid's messages, as the venue sends them.

In:  bytes.   Out: typed messages in the venue's own words and units.
Free of sockets, of the clock and of rows: what they mean for the lake, `parse` says.

Numbers come as strings. Fields that nobody here reads are left out, and ones not known are let by.
"""

# ruff: noqa: N815 - fields carry the venue's names

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec

from forcedflow.errors import FrameError
from forcedflow.venues.base import UNDECODABLE
from forcedflow.venues.hyperliquid.spec import VENUE

# Bounds keep what is no price or time out, NaN and infinity included.
Price: TypeAlias = Annotated[float, msgspec.Meta(gt=0, lt=1e12)]
Amount: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e18)]
Signed: TypeAlias = Annotated[float, msgspec.Meta(gt=-1e18, lt=1e18)]
TimeMs: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=100_000_000_000_000)]
OrderSide: TypeAlias = Literal["A", "B"]

_T = TypeVar("_T")


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One public trade."""

    coin: str
    side: OrderSide
    px: Price
    sz: Amount
    time: TimeMs
    tid: int
    users: tuple[str, str] | None = None


class Level(msgspec.Struct, frozen=True, gc=False):
    """One price level of a book."""

    px: Price
    sz: Amount


class Book(msgspec.Struct, frozen=True):
    """A whole book: bids and asks, the best first."""

    coin: str
    levels: tuple[list[Level], list[Level]]
    time: TimeMs


class Candle(msgspec.Struct, frozen=True, gc=False):
    """A price bar, closed or still running."""

    t: TimeMs
    T: TimeMs
    s: str
    i: str
    o: Price
    c: Price
    h: Price
    l: Price
    v: Amount
    n: Annotated[int, msgspec.Meta(ge=0, lt=10**15)]

    @property
    def end_ms(self) -> int:
        """Return the first moment after the bar. [UTC ms]"""
        return self.T + 1


class Context(msgspec.Struct, frozen=True, gc=False):
    """The state of one coin's market."""

    funding: Signed
    openInterest: Amount
    markPx: Price


class CoinContext(msgspec.Struct, frozen=True, gc=False):
    """The state of one coin's market, with its name."""

    coin: str
    ctx: Context


class Liquidation(msgspec.Struct, frozen=True, gc=False):
    """Whose position a fill closed by force."""

    liquidatedUser: str
    markPx: Price
    method: str


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One fill of an account."""

    coin: str
    px: Price
    sz: Amount
    side: OrderSide
    time: TimeMs
    tid: int | None = None
    liquidation: Liquidation | None = None


class UserFills(msgspec.Struct, frozen=True):
    """Fills of one account: those of the past first, then new ones."""

    user: str
    fills: list[Fill]


class Asset(msgspec.Struct, frozen=True):
    """One listed perpetual."""

    name: str
    szDecimals: Annotated[int, msgspec.Meta(ge=0, le=18)]
    maxLeverage: Annotated[float, msgspec.Meta(ge=1, le=1000)]
    marginTableId: int | None = None
    isDelisted: bool | None = None


class Tier(msgspec.Struct, frozen=True):
    """One tier of a margin table: positions from ``lowerBound`` on. [USD]"""

    lowerBound: Amount
    maxLeverage: Annotated[float, msgspec.Meta(ge=1, le=1000)]


class MarginTable(msgspec.Struct, frozen=True):
    """The tiers of a margin table, ascending."""

    marginTiers: Annotated[list[Tier], msgspec.Meta(min_length=1)]


class Meta(msgspec.Struct, frozen=True):
    """The listed coins and their margin tables."""

    universe: list[Asset]
    marginTables: list[tuple[int, MarginTable]] = []


class FundingSettlement(msgspec.Struct, frozen=True, gc=False):
    """One settlement of funding."""

    coin: str
    fundingRate: Signed
    time: TimeMs


class Timed(msgspec.Struct, frozen=True, gc=False):
    """Any row with a time."""

    time: TimeMs


class Leverage(msgspec.Struct, frozen=True, gc=False):
    """Leverage that an account set, and how its margin is held."""

    type: Literal["cross", "isolated"]
    value: Annotated[float, msgspec.Meta(gt=0, le=1000)]


class OpenPosition(msgspec.Struct, frozen=True, gc=False):
    """One position of an account."""

    coin: str
    szi: Signed
    entryPx: Price
    positionValue: Amount
    unrealizedPnl: Signed
    leverage: Leverage
    liquidationPx: Signed | None = None


class AssetPosition(msgspec.Struct, frozen=True, gc=False):
    """Its wrapper."""

    position: OpenPosition


class MarginSummary(msgspec.Struct, frozen=True, gc=False):
    """Equity of an account, cross and isolated together."""

    accountValue: Signed


class ClearinghouseState(msgspec.Struct, frozen=True):
    """Positions and equity of an account."""

    assetPositions: list[AssetPosition]
    marginSummary: MarginSummary | None = None
    time: TimeMs | None = None


class TradesMessage(msgspec.Struct, frozen=True, tag_field="channel", tag="trades"):
    """Streamed trades."""

    data: list[Trade]


class BookMessage(msgspec.Struct, frozen=True, tag_field="channel", tag="l2Book"):
    """A streamed book."""

    data: Book


class CandleMessage(msgspec.Struct, frozen=True, tag_field="channel", tag="candle"):
    """A streamed bar; the venue's page says several, the stream sends one."""

    data: Candle | list[Candle]


class ContextMessage(msgspec.Struct, frozen=True, tag_field="channel", tag="activeAssetCtx"):
    """A streamed market state."""

    data: CoinContext


class FillsMessage(msgspec.Struct, frozen=True, tag_field="channel", tag="userFills"):
    """Streamed fills of an account."""

    data: UserFills


class ErrorMessage(msgspec.Struct, frozen=True, tag_field="channel", tag="error"):
    """What the venue says of a request that it refuses."""

    data: str


StreamMessage: TypeAlias = (
    TradesMessage | BookMessage | CandleMessage | ContextMessage | FillsMessage | ErrorMessage
)


class _Envelope(msgspec.Struct, frozen=True):
    channel: str


_STREAM: Final = msgspec.json.Decoder(StreamMessage, strict=False)
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_CHANNELS: Final = {"trades", "l2Book", "candle", "activeAssetCtx", "userFills", "error"}

_GREETING: Final = b"Websocket connection established."
"""Sent once by some of the venue's servers; the only message that is no JSON."""


def decode_stream(raw: bytes) -> StreamMessage | None:
    """Return a streamed message, or None for a channel that carries nothing of ours.

    Raises
    ------
    FrameError
        If it is of one of our channels and cannot be read, or is no message of a channel at all.
    """
    try:
        # Annotated because a decoder of a union of types does not say what it returns.
        message: StreamMessage = _STREAM.decode(raw)
    except msgspec.ValidationError as error:
        channel = decode(_ENVELOPE, raw, "stream").channel
        if channel in _CHANNELS:
            raise FrameError(VENUE, channel, str(error), raw) from error
        return None
    except UNDECODABLE as error:
        if raw == _GREETING:
            return None
        raise FrameError(VENUE, "stream", str(error), raw) from error
    else:
        return message


def decode(decoder: msgspec.json.Decoder[_T], raw: bytes, what: str) -> _T:
    """Return a message read as what it claims to be.

    Raises
    ------
    FrameError
        If it is not.
    """
    try:
        return decoder.decode(raw)
    except UNDECODABLE as error:
        raise FrameError(VENUE, what, str(error), raw) from error

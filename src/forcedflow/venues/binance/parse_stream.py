"""Messages of Binance's market streams, by their kind.

In:  one message.   Out: an event, or None for what is not ours.
Pure: no I/O, no clock, no global state.

A message of a combined stream wraps its event: ``{"stream": "btcusdt@aggTrade", "data": {"e":
"aggTrade", …}}``. ``e`` names the kind. Since 30 June 2026 USD-M and COIN-M share one pipe, and
``st`` says which of the two a message belongs to (1 and 2).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from forcedflow.errors import FrameError
from forcedflow.venues.base import UNDECODABLE
from forcedflow.venues.binance.decoding import Level, Price, Quantity, Sequence, Time, decode
from forcedflow.venues.binance.parse_brackets import PushedBracket
from forcedflow.venues.binance.spec import NAME

_ST_COIN_MARGINED: Final = 2


class AggTrade(msgspec.Struct, tag_field="e", tag="aggTrade"):
    """Trades of one taker order at one price."""

    name: str = msgspec.field(name="s")
    trade_id: Sequence = msgspec.field(name="a")
    price: Price = msgspec.field(name="p")
    quantity: Quantity = msgspec.field(name="q")
    time: Time = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")
    st: int = 0


class Bar(msgspec.Struct):
    """The bar of a `Kline`; ``closed`` once nothing will be added to it."""

    open_time: Time = msgspec.field(name="t")
    interval: str = msgspec.field(name="i")
    open: Price = msgspec.field(name="o")
    high: Price = msgspec.field(name="h")
    low: Price = msgspec.field(name="l")
    close: Price = msgspec.field(name="c")
    volume: Quantity = msgspec.field(name="v")
    count: Annotated[int, Meta(ge=0, lt=2**62)] = msgspec.field(name="n")
    closed: bool = msgspec.field(name="x")
    quote_volume: Quantity = msgspec.field(name="q")
    taker_buy: Quantity = msgspec.field(name="V")
    taker_buy_quote: Quantity = msgspec.field(name="Q")


class Kline(msgspec.Struct, tag_field="e", tag="kline"):
    """A bar, pushed while it grows and once when it closes."""

    name: str = msgspec.field(name="s")
    bar: Bar = msgspec.field(name="k")
    st: int = 0


class MarkPrice(msgspec.Struct, tag_field="e", tag="markPriceUpdate"):
    """Mark price and the running estimate of the funding rate; a dated future has no rate."""

    name: str = msgspec.field(name="s")
    time: Time = msgspec.field(name="E")
    price: Price = msgspec.field(name="p")
    # Read once a minute, so it stays text until then.
    funding_rate: str = msgspec.field(default="", name="r")
    st: int = 0


class Order(msgspec.Struct):
    """The order of a `ForceOrder`: what it closed is ``filled`` at ``average_price``."""

    name: str = msgspec.field(name="s")
    side: Literal["BUY", "SELL"] = msgspec.field(name="S")
    average_price: Quantity = msgspec.field(name="ap")
    filled: Quantity = msgspec.field(name="z")
    time: Time = msgspec.field(name="T")
    st: int = 0


class ForceOrder(msgspec.Struct, tag_field="e", tag="forceOrder"):
    """A liquidation order. Its ``st`` stands in the order live, and beside it in the documents."""

    order: Order = msgspec.field(name="o")
    st: int = 0


class DepthUpdate(msgspec.Struct, tag_field="e", tag="depthUpdate"):
    """New sizes at some prices, from update ``first`` to ``last``; ``before`` is the one before."""

    name: str = msgspec.field(name="s")
    time: Time = msgspec.field(name="T")
    first: Sequence = msgspec.field(name="U")
    last: Sequence = msgspec.field(name="u")
    before: Sequence = msgspec.field(name="pu")
    bids: list[Level] = msgspec.field(name="b")
    asks: list[Level] = msgspec.field(name="a")
    st: int = 0


class ContractInfo(msgspec.Struct, tag_field="e", tag="contractInfo"):
    """A contract changed; without ``bks`` its brackets did not."""

    name: str = msgspec.field(name="s")
    time: Time = msgspec.field(name="E")
    brackets: list[PushedBracket] = msgspec.field(default=[], name="bks")
    st: int = 0


Event: TypeAlias = AggTrade | Kline | MarkPrice | ForceOrder | DepthUpdate | ContractInfo


class _Combined(msgspec.Struct):
    data: Event


class _Kind(msgspec.Struct):
    e: str = ""


class _Problem(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _Envelope(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw()
    error: _Problem | None = None
    code: int = 0
    msg: str = ""


_COMBINED: Final = msgspec.json.Decoder(_Combined, strict=False)
_EVENT: Final = msgspec.json.Decoder(Event, strict=False)
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope | list[_Kind], strict=False)
_KIND: Final = msgspec.json.Decoder(_Kind | list[_Kind], strict=False)
_OURS: Final = frozenset(
    {"aggTrade", "kline", "markPriceUpdate", "forceOrder", "depthUpdate", "contractInfo"}
)


def parse_event(raw: bytes) -> Event | None:
    """Return the event of a message.

    Parameters
    ----------
    raw : bytes
        A message of a combined stream, or an event by itself.

    Returns
    -------
    Event or None
        None for acknowledgements, kinds that nobody asked for, and arrays over all symbols.

    Raises
    ------
    FrameError
        If it cannot be read, or says that a subscription failed.
    """
    try:
        return _COMBINED.decode(raw).data
    except UNDECODABLE:
        return _parse_uncommon(raw)


def belongs_to(event_st: int, *, coin_margined: bool) -> bool:
    """Return whether a message's ``st`` fits the market of its symbol; 0 is an absent one."""
    return event_st == 0 or (event_st == _ST_COIN_MARGINED) == coin_margined


def _parse_uncommon(raw: bytes) -> Event | None:
    envelope = decode(_ENVELOPE, "stream message", raw)
    if isinstance(envelope, list):
        return None
    problem = envelope.error or _Problem(envelope.code, envelope.msg)
    if problem.code or problem.msg:
        said = f"the venue says {problem.msg!r} (code {problem.code})"
        raise FrameError(NAME, "subscription", said, raw)
    body = bytes(envelope.data) or raw
    kind = decode(_KIND, "stream message", body, within=raw)
    if isinstance(kind, list) or kind.e not in _OURS:
        return None
    event: Event = decode(_EVENT, kind.e, body, within=raw)
    return event

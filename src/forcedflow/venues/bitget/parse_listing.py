"""What Bitget lists: its clock, its contracts and pairs, and the tiers of each contract.

In:  bodies of replies.   Out: the time [UTC ms], instruments, rows of leverage_brackets.
Pure: no I/O, no clock but the venue's own in its reply, no global state.

Tiers are bounded in the quote coin, and follow each other without a gap.
"""

from __future__ import annotations

from typing import Annotated, Final, NoReturn, TypeAlias

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS
from forcedflow.venues.bitget.parse import Millis, Price, Rate, Reply, Size, decode_reply
from forcedflow.venues.bitget.spec import VENUE, Product
from forcedflow.venues.row_buffer import RowBuffer

_Decimals: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=30)]


class _Time(msgspec.Struct):
    at: Millis = msgspec.field(name="serverTime")


class _Contract(msgspec.Struct):
    symbol: str
    base: str = msgspec.field(name="baseCoin")
    quote: str = msgspec.field(name="quoteCoin")
    sort: str = msgspec.field(name="symbolType")
    status: str = msgspec.field(name="symbolStatus")
    decimals: _Decimals = msgspec.field(name="pricePlace")
    # Steps of the last decimal.
    step: Price = msgspec.field(name="priceEndStep")


class _Pair(msgspec.Struct):
    symbol: str
    base: str = msgspec.field(name="baseCoin")
    quote: str = msgspec.field(name="quoteCoin")
    status: str
    decimals: _Decimals = msgspec.field(name="pricePrecision")


class _Tier(msgspec.Struct):
    symbol: str
    floor: Size = msgspec.field(name="startUnit")
    cap: Price = msgspec.field(name="endUnit")
    max_leverage: Price = msgspec.field(name="leverage")
    maintenance: Rate = msgspec.field(name="keepMarginRate")


_TIME: Final = msgspec.json.Decoder(Reply[_Time], strict=False)
_CONTRACTS: Final = msgspec.json.Decoder(Reply[list[_Contract]], strict=False)
_PAIRS: Final = msgspec.json.Decoder(Reply[list[_Pair]], strict=False)
_TIERS: Final = msgspec.json.Decoder(Reply[list[_Tier]], strict=False)


def parse_time(raw: bytes) -> int:
    """Return the venue's clock from a reply of ``/api/v2/public/time``. [UTC ms]

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    return decode_reply(_TIME, "time", raw).data.at


def parse_instruments(raw: bytes, sort: Product) -> tuple[Instrument, ...]:
    """Return the perpetuals or spot pairs of a reply that trade now.

    Contracts with an expiry are left out, and so is a name that does not follow the venue's own
    grammar of base and quote: asking for it by that grammar would ask for another contract. A
    contract counts coins, one each.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v2/mix/market/contracts`` or ``/api/v2/spot/public/symbols``.
    sort : {"USDT-FUTURES", "USDC-FUTURES", "SPOT"}
        What was asked for.

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    listed: list[tuple[str, Instrument]] = []
    if sort == "SPOT":
        for pair in decode_reply(_PAIRS, "symbols", raw).data:
            if pair.status == "online":
                tick_size = 10.0**-pair.decimals
                instrument = Instrument(VENUE, pair.base, pair.quote, None, tick_size)
                listed.append((pair.symbol, instrument))
    else:
        for contract in decode_reply(_CONTRACTS, "contracts", raw).data:
            if contract.status == "normal" and contract.sort == "perpetual":
                tick_size = contract.step * 10.0**-contract.decimals
                settle = sort.removesuffix("-FUTURES")
                instrument = Instrument(VENUE, contract.base, contract.quote, settle, tick_size)
                listed.append((contract.symbol, instrument))
    return tuple(
        instrument
        for name, instrument in listed
        if instrument.venue_symbol == name and instrument.settle in (None, instrument.quote)
    )


def parse_position_tiers(
    raw: bytes, instrument: Instrument, precedence: int, rows: RowBuffer
) -> None:
    """Add the brackets of one contract, dated the day of the reply.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v2/mix/market/query-position-lever``.
    instrument : Instrument
    precedence : int
        Precedence of the rows.
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be: a gap between tiers, or a rate that falls with size.
    """
    reply = decode_reply(_TIERS, "query-position-lever", raw)
    read_ms = reply.time - reply.time % DAY_MS
    own = [tier for tier in reply.data if tier.symbol == instrument.venue_symbol]
    floor = rate = amount = 0.0
    brackets: list[tuple[float, ...]] = []
    for tier in sorted(own, key=lambda tier: tier.cap):
        # Some tiers begin one unit above the end of the one before.
        if not floor <= tier.floor <= floor + 1:
            _refuse(tier, f"begins at {tier.floor:g}, expected {floor:g}", raw)
        rate_below, rate = rate, tier.maintenance
        if not rate_below <= rate < 1 or tier.cap <= floor or tier.max_leverage < 1:
            _refuse(tier, "caps and rates must rise, rates below 1, leverage at least 1", raw)
        if brackets:
            amount += floor * (rate - rate_below)
        brackets.append((floor, tier.cap, tier.max_leverage, rate, amount))
        floor = tier.cap
    for bracket, columns in enumerate(brackets, start=1):
        rows.add(
            "leverage_brackets",
            instrument.symbol,
            read_ms,
            read_ms,
            bracket,
            *columns,
            source="bitget:query-position-lever",
            precedence=precedence,
        )


def _refuse(tier: _Tier, problem: str, raw: bytes) -> NoReturn:
    what = "query-position-lever"
    raise FrameError(VENUE, what, f"{tier.symbol} up to {tier.cap:g}: {problem}", raw)

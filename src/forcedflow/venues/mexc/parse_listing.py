"""What MEXC lists: its clock, its contracts, and the brackets of each.

In:  bodies of replies.   Out: the time [UTC ms], instruments, rows of leverage_brackets.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS
from forcedflow.venues.asked import Asked
from forcedflow.venues.mexc.parse import (
    Millis,
    Price,
    Rate,
    Reply,
    Size,
    decode,
    decode_reply,
)
from forcedflow.venues.mexc.spec import QUOTES, VENUE
from forcedflow.venues.row_buffer import RowBuffer

_ENABLED: Final = 0
_PERPETUAL: Final = 1

Level = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class _Contract(msgspec.Struct):
    symbol: str
    base: str = msgspec.field(name="baseCoin")
    quote: str = msgspec.field(name="quoteCoin")
    settle: str = msgspec.field(name="settleCoin")
    size: Size = msgspec.field(name="contractSize")
    tick_size: Price = msgspec.field(name="priceUnit")
    state: int = _ENABLED
    kind: int = msgspec.field(name="futureType", default=_PERPETUAL)


class _Tier(msgspec.Struct):
    level: Level
    cap: Price = msgspec.field(name="maxVol")
    max_leverage: Price = msgspec.field(name="maxLeverage")
    maintenance: Rate | None = msgspec.field(name="mmr", default=None)


class _Limits(msgspec.Struct):
    symbol: str
    mode: str = msgspec.field(name="riskLimitMode", default="INCREASE")
    # BY_VOLUME: contracts; BY_VALUE: quote coins.
    unit: str = msgspec.field(name="riskLimitType", default="BY_VOLUME")
    tiers: list[_Tier] | None = msgspec.field(name="riskLimitCustom", default=None)
    # Where there is no list, limits and rates rise by equal steps.
    first_cap: Size = msgspec.field(name="riskBaseVol", default=0)
    cap_step: Size = msgspec.field(name="riskIncrVol", default=0)
    levels: int = msgspec.field(name="riskLevelLimit", default=0)
    first_maintenance: Rate = msgspec.field(name="maintenanceMarginRate", default=0)
    maintenance_step: Rate = msgspec.field(name="riskIncrMmr", default=0)
    first_initial: Rate = msgspec.field(name="initialMarginRate", default=0)
    initial_step: Rate = msgspec.field(name="riskIncrImr", default=0)


class _MarkPrice(msgspec.Struct):
    price: Price = msgspec.field(name="fairPrice")


_TIME: Final = msgspec.json.Decoder(Reply[Millis], strict=False)
_CONTRACTS: Final = msgspec.json.Decoder(Reply[list[_Contract]])
_PAIR: Final = msgspec.json.Decoder(tuple[msgspec.Raw, msgspec.Raw])
_LIMITS: Final = msgspec.json.Decoder(Reply[list[_Limits] | _Limits])
_MARK_PRICE: Final = msgspec.json.Decoder(Reply[_MarkPrice])

_MOST_LEVELS: Final = 1000


def parse_time(raw: bytes) -> int:
    """Return the venue's clock from a reply of ``/contract/ping``. [UTC ms]

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    return decode_reply(_TIME, "ping", raw)


def parse_contracts(raw: bytes) -> tuple[Instrument, ...]:
    """Return the perpetuals settled in USDT and USDC that trade now.

    A contract whose name does not follow the venue's own grammar of base and quote is left out:
    asking for it by that grammar would ask for another.

    Parameters
    ----------
    raw : bytes
        Reply of ``/contract/detail``.

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    listed: list[Instrument] = []
    for contract in decode_reply(_CONTRACTS, "detail", raw):
        trades = contract.state == _ENABLED and contract.kind == _PERPETUAL and contract.size > 0
        base, _, quote = contract.symbol.partition("_")
        is_named = base.isascii() and base.isalnum() and quote == contract.quote == contract.settle
        if trades and is_named and quote in QUOTES:
            listed.append(Instrument(VENUE, base, quote, quote, contract.tick_size, contract.size))
    return tuple(listed)


def parse_brackets(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add the brackets of one contract, dated the day of the reply.

    Limits in contracts are worth what the mark price of the moment makes of them, so the same
    limits read on two days differ in dollars. Deductions follow from caps and rates.

    Parameters
    ----------
    raw : bytes
        Replies of ``/contract/detail`` and ``/contract/fair_price``, as
        `forcedflow.venues.mexc.rest.get_brackets` puts them together.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the replies are not what they should be: no rate, caps or rates that fall, a unit that
        is neither contracts nor value.
    """
    detail, price = decode(_PAIR, "brackets", raw)
    told = decode_reply(_LIMITS, "detail", bytes(detail))
    mark = decode_reply(_MARK_PRICE, "fair_price", bytes(price)).price
    name = asked.instrument.venue_symbol
    limits = next(
        (one for one in (told if isinstance(told, list) else [told]) if one.symbol == name), None
    )
    if limits is None:
        raise FrameError(VENUE, "detail", f"says nothing of {name}", raw)
    if limits.unit not in {"BY_VOLUME", "BY_VALUE"}:
        problem = f"counts its limits {limits.unit!r}, neither BY_VOLUME nor BY_VALUE"
        raise FrameError(VENUE, "detail", f"{name} {problem}", raw)
    unit = asked.instrument.contract_size * mark if limits.unit == "BY_VOLUME" else 1.0
    read_ms = asked.now_ms - asked.now_ms % DAY_MS
    for bracket, columns in enumerate(_brackets(limits, unit, raw), start=1):
        rows.add(
            "leverage_brackets",
            asked.instrument.symbol,
            read_ms,
            read_ms,
            bracket,
            *columns,
            source="mexc:detail",
            precedence=asked.precedence,
        )


def _brackets(limits: _Limits, unit: float, raw: bytes) -> list[tuple[float, ...]]:
    floor = rate = amount = 0.0
    brackets: list[tuple[float, ...]] = []
    for tier in sorted(_tiers(limits, raw), key=lambda tier: tier.level):
        cap = tier.cap * unit
        where = f"{limits.symbol} level {tier.level}"
        if tier.maintenance is None:
            raise FrameError(VENUE, "detail", f"{where} states no maintenance margin rate", raw)
        rate_below, rate = rate, tier.maintenance
        if not rate_below <= rate < 1 or cap <= floor or tier.max_leverage < 1:
            problem = "caps and rates must rise, rates below 1, leverage at least 1"
            raise FrameError(VENUE, "detail", f"{where}: {problem}", raw)
        if brackets:
            amount += floor * (rate - rate_below)
        brackets.append((floor, cap, tier.max_leverage, rate, amount))
        floor = cap
    return brackets


def _tiers(limits: _Limits, raw: bytes) -> list[_Tier]:
    if limits.mode == "CUSTOM":
        return limits.tiers or []
    if not 0 <= limits.levels <= _MOST_LEVELS:
        raise FrameError(VENUE, "detail", f"{limits.symbol} has {limits.levels} levels", raw)
    tiers: list[_Tier] = []
    for step in range(limits.levels):
        initial = limits.first_initial + step * limits.initial_step
        if initial <= 0:
            raise FrameError(VENUE, "detail", f"{limits.symbol} asks for no initial margin", raw)
        tiers.append(
            _Tier(
                step + 1,
                limits.first_cap + step * limits.cap_step,
                1 / initial,
                limits.first_maintenance + step * limits.maintenance_step,
            )
        )
    return tiers

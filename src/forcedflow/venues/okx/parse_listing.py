"""What OKX lists: its clock, its contracts, and the tiers of each.

In:  bodies of replies.   Out: the time [UTC ms], instruments, rows of leverage_brackets.
Pure: no I/O, no clock but the venue's own in its reply, no global state.

Tiers are bounded in contracts, a fixed number of coins (linear) or of dollars (inverse). A bracket
is bounded in quote coins (linear) or base coins (inverse), so each bound is taken at the mark price
that was asked for with the tiers.
"""

from __future__ import annotations

from typing import Final, Literal, NoReturn

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS
from forcedflow.venues.okx.parse import (
    Millis,
    Price,
    Rate,
    Reply,
    coins_and_usd,
    decode,
    decode_reply,
)
from forcedflow.venues.okx.spec import VENUE, family
from forcedflow.venues.row_buffer import RowBuffer


class _Time(msgspec.Struct):
    at: Millis = msgspec.field(name="ts")


class _Contract(msgspec.Struct):
    id: str = msgspec.field(name="instId")
    sort: str = msgspec.field(name="instType")
    state: str
    # Text: a contract that is not ours may leave them empty.
    tick_size: str = msgspec.field(name="tickSz", default="")
    base: str = msgspec.field(name="baseCcy", default="")
    quote: str = msgspec.field(name="quoteCcy", default="")
    settle: str = msgspec.field(name="settleCcy", default="")
    family: str = msgspec.field(name="instFamily", default="")
    kind: str = msgspec.field(name="ctType", default="")
    value: str = msgspec.field(name="ctVal", default="")
    multiplier: str = msgspec.field(name="ctMult", default="")
    value_coin: str = msgspec.field(name="ctValCcy", default="")


class _Tier(msgspec.Struct):
    cap: Price = msgspec.field(name="maxSz")
    max_leverage: Price = msgspec.field(name="maxLever")
    maintenance: Rate = msgspec.field(name="mmr")
    # Of a contract the first, of a loan against a spot pair the second.
    family: str = msgspec.field(name="instFamily", default="")
    id: str = msgspec.field(name="instId", default="")


class _Mark(msgspec.Struct):
    id: str = msgspec.field(name="instId")
    price: Price = msgspec.field(name="markPx")
    at: Millis = msgspec.field(name="ts")


class _TiersAtMark(msgspec.Struct):
    tiers: msgspec.Raw
    mark: msgspec.Raw


_TIME: Final = msgspec.json.Decoder(Reply[list[_Time]], strict=False)
_CONTRACTS: Final = msgspec.json.Decoder(Reply[list[_Contract]], strict=False)
_TIERS_AT_MARK: Final = msgspec.json.Decoder(_TiersAtMark)
_TIERS: Final = msgspec.json.Decoder(Reply[list[_Tier]], strict=False)
_MARKS: Final = msgspec.json.Decoder(Reply[list[_Mark]], strict=False)


def parse_time(raw: bytes) -> int:
    """Return the venue's clock from a reply of ``/api/v5/public/time``. [UTC ms]

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    times = decode_reply(_TIME, "time", raw)
    if len(times) != 1:
        raise FrameError(VENUE, "time", f"holds {len(times)} times, expected one", raw)
    return times[0].at


def parse_instruments(raw: bytes) -> tuple[Instrument, ...]:
    """Return the perpetual swaps and spot pairs of a reply that trade now.

    Contracts with an expiry are left out, and so is a name that does not follow the venue's own
    grammar of base and quote: asking for it by that grammar would ask for another contract.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v5/public/instruments``.

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    listed: list[Instrument] = []
    for contract in decode_reply(_CONTRACTS, "instruments", raw):
        if contract.state != "live":
            continue
        try:
            instrument = _swap(contract) if contract.sort == "SWAP" else _spot(contract)
        except ValueError as error:
            raise FrameError(VENUE, "instruments", f"{contract.id}: {error}", raw) from error
        if instrument is not None and instrument.venue_symbol == contract.id:
            listed.append(instrument)
    return tuple(listed)


def parse_position_tiers(
    raw: bytes, instrument: Instrument, precedence: int, rows: RowBuffer
) -> None:
    """Add the brackets of one contract, dated the day of the mark price they are taken at.

    Parameters
    ----------
    raw : bytes
        ``{"tiers": …, "mark": …}``: replies of ``/api/v5/public/position-tiers`` and
        ``/api/v5/public/mark-price``.
    instrument : Instrument
    precedence : int
        Precedence of the rows.
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If a reply is not what it should be: no mark price of this contract, or a rate that falls
        with size.
    """
    both = decode(_TIERS_AT_MARK, "position-tiers", raw)
    tiers = decode_reply(_TIERS, "position-tiers", both.tiers)
    marks = decode_reply(_MARKS, "mark-price", both.mark)
    mark = next((one for one in marks if one.id == instrument.venue_symbol), None)
    if mark is None:
        problem = f"no mark price of {instrument.venue_symbol} came with it"
        raise FrameError(VENUE, "position-tiers", problem, raw)
    read_ms = mark.at - mark.at % DAY_MS
    floor = rate = amount = 0.0
    brackets: list[tuple[float, ...]] = []
    own = [tier for tier in tiers if tier.family == family(instrument)]
    for tier in sorted(own, key=lambda tier: tier.cap):
        coins, usd = coins_and_usd(instrument, tier.cap, mark.price)
        cap = coins if instrument.kind == "inverse" else usd
        rate_below, rate = rate, tier.maintenance
        if not rate_below <= rate < 1 or cap <= floor or tier.max_leverage < 1:
            _refuse(tier, "caps and rates must rise, rates below 1, leverage at least 1", raw)
        if brackets:
            amount += floor * (rate - rate_below)
        brackets.append((floor, cap, tier.max_leverage, rate, amount))
        floor = cap
    for bracket, columns in enumerate(brackets, start=1):
        rows.add(
            "leverage_brackets",
            instrument.symbol,
            read_ms,
            read_ms,
            bracket,
            *columns,
            source="okx:position-tiers",
            precedence=precedence,
        )


def _swap(contract: _Contract) -> Instrument | None:
    base, _, quote = contract.family.partition("-")
    unit: Literal["linear", "inverse"] = "inverse" if contract.settle == base else "linear"
    # A size in any other coin than these would be read as one of them.
    coin = quote if unit == "inverse" else base
    if contract.kind != unit or contract.value_coin != coin or not quote.isalnum():
        return None
    size = _positive(contract.value) * _positive(contract.multiplier or "1")
    tick_size = _positive(contract.tick_size)
    return Instrument(VENUE, base, quote, contract.settle, tick_size, size)


def _spot(contract: _Contract) -> Instrument | None:
    if contract.sort != "SPOT":
        return None
    tick_size = _positive(contract.tick_size)
    return Instrument(VENUE, contract.base, contract.quote, None, tick_size, 1.0)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e18:
        raise ValueError(f"{text!r} is not above zero")
    return value


def _refuse(tier: _Tier, problem: str, raw: bytes) -> NoReturn:
    raise FrameError(VENUE, "position-tiers", f"up to {tier.cap:g} contracts: {problem}", raw)

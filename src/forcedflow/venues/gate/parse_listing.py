"""What Gate lists: its clock, its contracts, their tickers, and the brackets of each.

In:  bodies of replies.   Out: the time [UTC ms], instruments, rows of open_interest and
leverage_brackets.
Pure: no I/O, no clock, no global state.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS
from forcedflow.venues.asked import Asked
from forcedflow.venues.gate.parse import Price, Rate, Size, decode
from forcedflow.venues.gate.spec import VENUE
from forcedflow.venues.row_buffer import RowBuffer

# How far a stated deduction may be from the one that makes margin continuous, of the margin.
_CONTINUITY: Final = 1e-3

_QUOTE: Final = "USDT"


class _Time(msgspec.Struct):
    server_time: Annotated[int, msgspec.Meta(ge=0, lt=1 << 42)]


class _Contract(msgspec.Struct):
    name: str
    multiplier: Size = msgspec.field(name="quanto_multiplier")
    tick_size: Price = msgspec.field(name="order_price_round")
    type: str = ""
    is_leaving: bool = msgspec.field(name="in_delisting", default=False)
    status: str = "trading"


class _Ticker(msgspec.Struct):
    contract: str
    # Size of all longs. [contracts]
    total_size: Size
    mark_price: Price


class _RiskLimit(msgspec.Struct):
    cap: Price = msgspec.field(name="risk_limit")
    maintenance: Rate = msgspec.field(name="maintenance_rate")
    max_leverage: Price = msgspec.field(name="leverage_max")
    deduction: Size | None = None
    contract: str | None = None


_TIME: Final = msgspec.json.Decoder(_Time, strict=False)
_CONTRACTS: Final = msgspec.json.Decoder(list[_Contract], strict=False)
_TICKERS: Final = msgspec.json.Decoder(list[_Ticker], strict=False)
_RISK_LIMITS: Final = msgspec.json.Decoder(list[_RiskLimit], strict=False)


def parse_time(raw: bytes) -> int:
    """Return the venue's clock from a reply of ``/spot/time``. [UTC ms]

    Raises
    ------
    FrameError
        If the reply is not what it should be.
    """
    return decode(_TIME, "time", raw).server_time


def parse_contracts(raw: bytes) -> tuple[Instrument, ...]:
    """Return the perpetuals settled in USDT that trade now.

    A contract whose name does not follow the venue's own grammar of base and quote is left out:
    asking for it by that grammar would ask for another. So is one that leaves the venue.

    Parameters
    ----------
    raw : bytes
        Reply of ``/futures/usdt/contracts``.

    Raises
    ------
    FrameError
        If the reply is not what it should be.
    """
    listed: list[Instrument] = []
    for contract in decode(_CONTRACTS, "contracts", raw):
        base, _, quote = contract.name.partition("_")
        trades = contract.status == "trading" and not contract.is_leaving
        is_named = base.isascii() and base.isalnum() and quote == _QUOTE
        if trades and is_named and contract.type == "direct" and contract.multiplier > 0:
            listed.append(
                Instrument(VENUE, base, quote, quote, contract.tick_size, contract.multiplier)
            )
    return tuple(listed)


def parse_open_interest(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add the open interest of this moment, counted once.

    Parameters
    ----------
    raw : bytes
        Reply of ``/futures/usdt/tickers``; it bears no time, so the answer's own is taken.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    FrameError
        If the reply is not what it should be.
    """
    for ticker in decode(_TICKERS, "tickers", raw):
        if ticker.contract != asked.instrument.venue_symbol:
            continue
        coins = ticker.total_size * asked.instrument.contract_size
        rows.add(
            "open_interest",
            asked.instrument.symbol,
            asked.now_ms,
            asked.now_ms,
            coins,
            coins * ticker.mark_price,
            source="gate:tickers",
            precedence=asked.precedence,
        )


def parse_risk_limits(raw: bytes, asked: Asked, rows: RowBuffer) -> None:
    """Add the brackets of one contract, dated the day of the reply. Limits are in USDT.

    Deductions are computed from caps and rates; one that is stated must agree.

    Parameters
    ----------
    raw : bytes
        Reply of ``/futures/usdt/risk_limit_tiers``.
    asked : Asked
    rows : RowBuffer

    Raises
    ------
    FrameError
        If the reply is not what it should be: caps or rates that fall, or a deduction that would
        make margin jump.
    """
    read_ms = asked.now_ms - asked.now_ms % DAY_MS
    name = asked.instrument.venue_symbol
    limits = decode(_RISK_LIMITS, "risk_limit_tiers", raw)
    own = [limit for limit in limits if limit.contract in {None, name}]
    floor = rate = amount = 0.0
    brackets: list[tuple[float, ...]] = []
    for limit in sorted(own, key=lambda limit: limit.cap):
        rate_below, rate = rate, limit.maintenance
        where = f"{name} up to {limit.cap:g}"
        if not rate_below <= rate < 1 or limit.cap <= floor or limit.max_leverage < 1:
            problem = "caps and rates must rise, rates below 1, leverage at least 1"
            raise FrameError(VENUE, "risk_limit_tiers", f"{where}: {problem}", raw)
        if brackets:
            amount += floor * (rate - rate_below)
        stated = amount if limit.deduction is None else limit.deduction
        if abs(stated - amount) > _CONTINUITY * floor * rate + 1e-6:
            problem = f"deducts {stated:g} where continuous margin asks for {amount:g}"
            raise FrameError(VENUE, "risk_limit_tiers", f"{where}: {problem}", raw)
        brackets.append((floor, limit.cap, limit.max_leverage, rate, amount))
        floor = limit.cap
    for bracket, columns in enumerate(brackets, start=1):
        rows.add(
            "leverage_brackets",
            asked.instrument.symbol,
            read_ms,
            read_ms,
            bracket,
            *columns,
            source="gate:risk_limit_tiers",
            precedence=asked.precedence,
        )

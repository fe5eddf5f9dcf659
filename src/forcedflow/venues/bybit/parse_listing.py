"""What Bybit lists: its clock, its contracts, and the brackets of each.

In:  bodies of replies.   Out: the time [UTC ms], instruments, rows of leverage_brackets.
Pure: no I/O, no clock but the venue's own in its reply, no global state.

Risk limits are written as fractions for linear contracts (0.005) and as percent for inverse ones
(0.5). A row tells which: the initial margin rate times the largest leverage is 1 or 100.
"""

from __future__ import annotations

import math
from typing import Final, NoReturn

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import ContractKind, Instrument
from forcedflow.units import DAY_MS
from forcedflow.venues.bybit.parse import Price, Rate, Reply, decode_reply
from forcedflow.venues.bybit.spec import VENUE
from forcedflow.venues.row_buffer import RowBuffer

# How far an initial margin rate may be from 1 / largest leverage: both are rounded.
_ROUNDING: Final = 0.2
# How far a stated deduction may be from the one that makes margin continuous, of the margin.
_CONTINUITY: Final = 1e-3

_PERPETUAL: Final = {"linear": "LinearPerpetual", "inverse": "InversePerpetual"}


class _Anything(msgspec.Struct):
    pass


class _Cursor(msgspec.Struct):
    next: str | None = msgspec.field(name="nextPageCursor", default=None)


class _PriceFilter(msgspec.Struct):
    tick_size: Price = msgspec.field(name="tickSize")


class _Contract(msgspec.Struct):
    symbol: str
    status: str
    base: str = msgspec.field(name="baseCoin")
    quote: str = msgspec.field(name="quoteCoin")
    prices: _PriceFilter = msgspec.field(name="priceFilter")
    type: str = msgspec.field(name="contractType", default="")
    settle: str | None = msgspec.field(name="settleCoin", default=None)


class _ContractList(msgspec.Struct):
    contracts: list[_Contract] = msgspec.field(name="list")


class _RiskLimit(msgspec.Struct):
    symbol: str
    cap: Price = msgspec.field(name="riskLimitValue")
    maintenance: Rate = msgspec.field(name="maintenanceMargin")
    initial: Rate = msgspec.field(name="initialMargin")
    max_leverage: Price = msgspec.field(name="maxLeverage")
    # Text, and empty in the lowest bracket.
    deduction: str = msgspec.field(name="mmDeduction", default="")


class _RiskLimitList(msgspec.Struct):
    limits: list[_RiskLimit] = msgspec.field(name="list")


_TIME: Final = msgspec.json.Decoder(Reply[_Anything], strict=False)
_CURSOR: Final = msgspec.json.Decoder(Reply[_Cursor], strict=False)
_CONTRACTS: Final = msgspec.json.Decoder(Reply[_ContractList], strict=False)
_RISK_LIMITS: Final = msgspec.json.Decoder(Reply[_RiskLimitList], strict=False)


def parse_time(raw: bytes) -> int:
    """Return the venue's clock from a reply of ``/v5/market/time``. [UTC ms]

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    return decode_reply(_TIME, "time", raw).time


def parse_cursor(raw: bytes) -> str:
    """Return where the next page of a reply begins, empty on the last.

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    return decode_reply(_CURSOR, "nextPageCursor", raw).result.next or ""


def parse_instruments(raw: bytes, kind: ContractKind) -> tuple[Instrument, ...]:
    """Return the perpetuals or spot pairs of a page that trade now.

    Contracts with an expiry are left out, and so is a name that does not follow the venue's own
    grammar of base and quote: asking for it by that grammar would ask for another contract.

    Parameters
    ----------
    raw : bytes
        Reply of ``/v5/market/instruments-info``.
    kind : {"linear", "inverse", "spot"}
        Category asked for.

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    listed: list[Instrument] = []
    for contract in decode_reply(_CONTRACTS, "instruments-info", raw).result.contracts:
        if contract.status != "Trading" or contract.type != _PERPETUAL.get(kind, ""):
            continue
        # A linear contract counts coins, an inverse one dollars: one each.
        instrument = Instrument(
            VENUE,
            contract.base,
            contract.quote,
            None if kind == "spot" else contract.settle,
            contract.prices.tick_size,
            1.0,
        )
        if instrument.venue_symbol == contract.symbol and instrument.kind == kind:
            listed.append(instrument)
    return tuple(listed)


def parse_risk_limits(raw: bytes, instrument: Instrument, precedence: int, rows: RowBuffer) -> None:
    """Add the brackets of one contract, dated the day of the reply.

    The limits of an inverse contract are in base coins, which is what its margin is paid in.
    Deductions are computed from caps and rates; one that is stated must agree.

    Parameters
    ----------
    raw : bytes
        Reply of ``/v5/market/risk-limit``.
    instrument : Instrument
    precedence : int
        Precedence of the rows.
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be: rates neither fractions nor percent, a rate that
        falls with size, or a deduction that would make margin jump.
    """
    reply = decode_reply(_RISK_LIMITS, "risk-limit", raw)
    read_ms = reply.time - reply.time % DAY_MS
    own = [limit for limit in reply.result.limits if limit.symbol == instrument.venue_symbol]
    floor = rate = amount = 0.0
    brackets: list[tuple[float, ...]] = []
    for limit in sorted(own, key=lambda limit: limit.cap):
        scale = _scale(limit)
        if scale is None:
            _refuse(limit, "initial margin is neither 1 nor 100 over the largest leverage", raw)
        rate_below, rate = rate, limit.maintenance * scale
        if not rate_below <= rate < 1 or limit.cap <= floor or limit.max_leverage < 1:
            _refuse(limit, "caps and rates must rise, rates below 1, leverage at least 1", raw)
        if brackets:
            amount += floor * (rate - rate_below)
        if not _is_deducted(limit, amount, _CONTINUITY * floor * rate + 1e-6):
            problem = f"deducts {limit.deduction!r} where continuous margin asks for {amount:g}"
            _refuse(limit, problem, raw)
        brackets.append((floor, limit.cap, limit.max_leverage, rate, amount))
        floor = limit.cap
    for bracket, columns in enumerate(brackets, start=1):
        rows.add(
            "leverage_brackets",
            instrument.symbol,
            read_ms,
            read_ms,
            bracket,
            *columns,
            source="bybit:risk-limit",
            precedence=precedence,
        )


def _scale(limit: _RiskLimit) -> float | None:
    product = limit.initial * limit.max_leverage
    for unit, scale in ((1.0, 1.0), (100.0, 0.01)):
        if math.isclose(product, unit, rel_tol=_ROUNDING):
            return scale
    return None


def _is_deducted(limit: _RiskLimit, amount: float, tolerance: float) -> bool:
    if not limit.deduction:
        return True
    try:
        return abs(float(limit.deduction) - amount) <= tolerance
    except ValueError:
        return False


def _refuse(limit: _RiskLimit, problem: str, raw: bytes) -> NoReturn:
    raise FrameError(VENUE, "risk-limit", f"{limit.symbol} up to {limit.cap:g}: {problem}", raw)

"""Leverage brackets of Binance in the three shapes in which it publishes them.

In:  a body or a message.   Out: rows of leverage_brackets, dated by the day they were read.
Pure: no I/O, no clock, no global state.

The web page's own endpoint needs no key, the documented ``leverageBracket`` needs one, and the
stream ``!contractInfo`` pushes what changes. All three state the same six figures. Those of COIN-M
are left out: the page does not show them, and of what is pushed nobody says in which coin it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from forcedflow.units import DAY_MS
from forcedflow.venues.base import PRECEDENCE_REST
from forcedflow.venues.binance.contract import Contract
from forcedflow.venues.binance.decoding import Quantity, decode, refuse
from forcedflow.venues.binance.spec import NAME
from forcedflow.venues.row_buffer import RowBuffer

_Share: TypeAlias = Annotated[float, Meta(ge=0, lt=1)]
_Leverage: TypeAlias = Annotated[float, Meta(ge=1, le=10_000)]
_Number: TypeAlias = Annotated[int, Meta(ge=1, le=10_000)]

Bracket: TypeAlias = tuple[int, float, float, float, float, float]
"""Number, floor and cap [quote], leverage [×], maintenance rate [1], maintenance amount [quote]."""


class _Web(msgspec.Struct):
    number: _Number = msgspec.field(name="bracketSeq")
    floor: Quantity = msgspec.field(name="bracketNotionalFloor")
    cap: Quantity = msgspec.field(name="bracketNotionalCap")
    leverage: _Leverage = msgspec.field(name="maxOpenPosLeverage")
    rate: _Share = msgspec.field(name="bracketMaintenanceMarginRate")
    amount: Quantity = msgspec.field(name="cumFastMaintenanceAmount")


class _WebContract(msgspec.Struct):
    symbol: str
    brackets: list[_Web] = msgspec.field(name="riskBrackets")


class _WebData(msgspec.Struct):
    brackets: list[_WebContract]


class _WebReply(msgspec.Struct):
    data: _WebData


class _Signed(msgspec.Struct):
    number: _Number = msgspec.field(name="bracket")
    floor: Quantity = msgspec.field(name="notionalFloor")
    cap: Quantity = msgspec.field(name="notionalCap")
    leverage: _Leverage = msgspec.field(name="initialLeverage")
    rate: _Share = msgspec.field(name="maintMarginRatio")
    amount: Quantity = msgspec.field(name="cum")


class _SignedContract(msgspec.Struct):
    symbol: str
    brackets: list[_Signed]


class PushedBracket(msgspec.Struct):
    """One bracket of ``!contractInfo``."""

    number: _Number = msgspec.field(name="bs")
    floor: Quantity = msgspec.field(name="bnf")
    cap: Quantity = msgspec.field(name="bnc")
    rate: _Share = msgspec.field(name="mmr")
    amount: Quantity = msgspec.field(name="cf")
    leverage: _Leverage = msgspec.field(name="ma")


_WEB: Final = msgspec.json.Decoder(_WebReply, strict=False)
_SIGNED: Final = msgspec.json.Decoder(list[_SignedContract], strict=False)


def parse_web_brackets(
    raw: bytes, rows: RowBuffer, contracts: Mapping[str, Contract], read_ms: int
) -> None:
    """Add the brackets of USD-M ``contracts`` (by the venue's name) as of the day of ``read_ms``.

    Raises
    ------
    FrameError
        If it cannot be read, or brackets leave a gap or make margin jump.
    """
    what = "brackets"
    listed = decode(_WEB, what, raw).data.brackets
    _add(rows, contracts, ((each.symbol, each.brackets) for each in listed), what, raw, read_ms)


def parse_signed_brackets(
    raw: bytes, rows: RowBuffer, contracts: Mapping[str, Contract], read_ms: int
) -> None:
    """Add the brackets of a saved ``leverageBracket`` reply as of the day of ``read_ms``.

    Raises
    ------
    FrameError
        If it cannot be read, or brackets leave a gap or make margin jump.
    """
    what = "leverageBracket"
    listed = decode(_SIGNED, what, raw)
    _add(rows, contracts, ((each.symbol, each.brackets) for each in listed), what, raw, read_ms)


def add_pushed_brackets(
    brackets: Sequence[PushedBracket], rows: RowBuffer, contract: Contract, raw: bytes, read_ms: int
) -> None:
    """Add the brackets of one ``contractInfo`` message as of the day of ``read_ms``.

    Raises
    ------
    FrameError
        If brackets leave a gap or make margin jump.
    """
    contracts = {contract.name: contract}
    _add(rows, contracts, ((contract.name, brackets),), "contractInfo", raw, read_ms)


def _add(
    rows: RowBuffer,
    contracts: Mapping[str, Contract],
    listed: Iterable[tuple[str, Sequence[_Web | _Signed | PushedBracket]]],
    what: str,
    raw: bytes,
    read_ms: int,
) -> None:
    day_ms = read_ms - read_ms % DAY_MS
    found: list[tuple[Contract, Bracket]] = []
    for name, brackets in listed:
        contract = contracts.get(name)
        if contract is None or contract.market != "um":
            continue
        ordered = sorted((b.number, b.floor, b.cap, b.leverage, b.rate, b.amount) for b in brackets)
        if problem := _problem(ordered):
            refuse(what, f"{name}: {problem}", raw)
        found += [(contract, bracket) for bracket in ordered]
    for contract, bracket in found:
        rows.add(
            "leverage_brackets",
            contract.symbol,
            day_ms,
            day_ms,
            *bracket,
            source=f"{NAME}:{what}",
            precedence=PRECEDENCE_REST,
        )


def _problem(brackets: Sequence[Bracket]) -> str | None:
    """Return why brackets are no schedule, or None.

    They adjoin from zero, and ``notional · mmr - cum`` is the same on both sides of each border.
    """
    last_cap = last_rate = last_amount = 0.0
    for expected, (number, floor, cap, _, rate, amount) in enumerate(brackets, start=1):
        if number != expected:
            return f"bracket {expected} is missing or stated twice"
        if floor != last_cap:
            return f"bracket {number} begins at {floor:g}, the one below ends at {last_cap:g}"
        if cap <= floor:
            return f"bracket {number} ends at {cap:g}, which is not above {floor:g}"
        if rate < last_rate:
            return f"bracket {number} asks for a smaller rate than the one below"
        below, above = floor * last_rate - last_amount, floor * rate - amount
        if not math.isclose(below, above, rel_tol=1e-6, abs_tol=1e-2):
            return f"margin jumps from {below:g} to {above:g} where bracket {number} begins"
        last_cap, last_rate, last_amount = cap, rate, amount
    return None

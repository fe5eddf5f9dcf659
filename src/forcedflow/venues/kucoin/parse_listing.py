"""What KuCoin lists: its clock, its contracts, their brackets, and where its socket is.

In:  bodies of replies.   Out: the time [UTC ms], instruments, rows of leverage_brackets and
open_interest, the address of a websocket.
Pure: no I/O, no clock, no global state.

Only perpetuals of fixed coins are ours: ``isInverse`` ones count dollars, and those with an expiry
or with a name that does not follow base and quote are left out.
"""

from __future__ import annotations

from typing import Final, NoReturn
from urllib.parse import urlencode, urlsplit

import msgspec

from forcedflow.errors import FrameError
from forcedflow.instruments import Instrument
from forcedflow.units import DAY_MS, MINUTE_MS
from forcedflow.venues.base import PRECEDENCE_STREAM
from forcedflow.venues.kucoin.parse import Lots, Millis, Price, Rate, Reply, decode_reply
from forcedflow.venues.kucoin.spec import VENUE
from forcedflow.venues.row_buffer import RowBuffer

_PERPETUAL: Final = "FFWCSX"
_OPEN: Final = "Open"
_BITCOIN: Final = {"XBT": "BTC"}


class _Contract(msgspec.Struct):
    symbol: str
    type: str
    base: str = msgspec.field(name="baseCurrency")
    quote: str = msgspec.field(name="quoteCurrency")
    settle: str = msgspec.field(name="settleCurrency")
    tick_size: Price = msgspec.field(name="tickSize")
    # Negative for inverse contracts.
    multiplier: Rate
    is_inverse: bool = msgspec.field(name="isInverse")
    status: str


class _State(msgspec.Struct):
    symbol: str
    lots: Lots = msgspec.field(name="openInterest")
    mark_price: Price | None = msgspec.field(name="markPrice", default=None)


class _RiskLimit(msgspec.Struct):
    symbol: str
    cap: Price = msgspec.field(name="maxRiskLimit")
    floor: Lots = msgspec.field(name="minRiskLimit")
    max_leverage: Price = msgspec.field(name="maxLeverage")
    maintenance: Rate = msgspec.field(name="maintainMargin")


class _Server(msgspec.Struct):
    endpoint: str


class _Token(msgspec.Struct):
    token: str
    servers: list[_Server] = msgspec.field(name="instanceServers")


_TIME: Final = msgspec.json.Decoder(Reply[Millis], strict=False)
_CONTRACTS: Final = msgspec.json.Decoder(Reply[list[_Contract]], strict=False)
_STATE: Final = msgspec.json.Decoder(Reply[_State], strict=False)
_RISK_LIMITS: Final = msgspec.json.Decoder(Reply[list[_RiskLimit]], strict=False)
_TOKEN: Final = msgspec.json.Decoder(Reply[_Token], strict=False)


def parse_time(raw: bytes) -> int:
    """Return the venue's clock from a reply of ``/api/v1/timestamp``. [UTC ms]

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    return decode_reply(_TIME, "timestamp", raw)


def parse_instruments(raw: bytes) -> tuple[Instrument, ...]:
    """Return the linear perpetuals that trade now, a contract's size in coins.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v1/contracts/active``.

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    listed: list[Instrument] = []
    for contract in decode_reply(_CONTRACTS, "contracts/active", raw):
        if (contract.type, contract.status) != (_PERPETUAL, _OPEN):
            continue
        if contract.is_inverse or contract.multiplier <= 0:
            continue
        instrument = Instrument(
            VENUE,
            _BITCOIN.get(contract.base, contract.base),
            contract.quote,
            contract.settle,
            contract.tick_size,
            contract.multiplier,
        )
        if instrument.venue_symbol == contract.symbol and instrument.kind == "linear":
            listed.append(instrument)
    return tuple(listed)


def parse_open_interest_now(
    raw: bytes, instrument: Instrument, received_ms: int, rows: RowBuffer
) -> None:
    """Add the open interest of now, one-sided, at the whole minute in which it was received.

    The reply bears no time.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v1/contracts/{symbol}``; open interest is in contracts.
    instrument : Instrument
    received_ms : int
        When the reply came: no row is available before. [UTC ms]
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be.
    """
    state = decode_reply(_STATE, "contracts", raw)
    if state.symbol != instrument.venue_symbol:
        problem = f"is of {state.symbol}, not of {instrument.venue_symbol}"
        raise FrameError(VENUE, "contracts", problem, raw)
    coins = state.lots * instrument.contract_size
    rows.add(
        "open_interest",
        instrument.symbol,
        received_ms - received_ms % MINUTE_MS,
        received_ms,
        coins,
        None if state.mark_price is None else coins * state.mark_price,
        source=f"{VENUE}:contracts",
        precedence=PRECEDENCE_STREAM,
    )


def parse_risk_limits(
    raw: bytes, instrument: Instrument, read_ms: int, precedence: int, rows: RowBuffer
) -> None:
    """Add the brackets of isolated margin of one contract, dated the day of the reply.

    Limits are values in the quote coin. The amount to deduct is not published; it is the one that
    makes margin continuous.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v1/contracts/risk-limit/{symbol}``.
    instrument : Instrument
    read_ms : int
        When it was read, by our clock: the reply bears no time. [UTC ms]
    precedence : int
        Precedence of the rows.
    rows : RowBuffer

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be: levels that leave a gap or overlap, or a rate that
        falls with size.
    """
    day_ms = read_ms - read_ms % DAY_MS
    own = [
        limit
        for limit in decode_reply(_RISK_LIMITS, "risk-limit", raw)
        if limit.symbol == instrument.venue_symbol
    ]
    floor = rate = amount = 0.0
    brackets: list[tuple[float, ...]] = []
    for limit in sorted(own, key=lambda limit: limit.cap):
        rate_below, rate = rate, limit.maintenance
        if limit.floor != floor or limit.cap <= floor:
            _refuse(limit, f"begins at {limit.floor:g}, where the one below ends at {floor:g}", raw)
        if not rate_below <= rate < 1 or limit.max_leverage < 1:
            _refuse(limit, "rates must rise and be below 1, leverage at least 1", raw)
        if brackets:
            amount += floor * (rate - rate_below)
        brackets.append((floor, limit.cap, limit.max_leverage, rate, amount))
        floor = limit.cap
    for bracket, columns in enumerate(brackets, start=1):
        rows.add(
            "leverage_brackets",
            instrument.symbol,
            day_ms,
            day_ms,
            bracket,
            *columns,
            source=f"{VENUE}:risk-limit",
            precedence=precedence,
        )


def parse_address(raw: bytes, stream: str) -> str:
    """Return the address of a websocket with the token that opens it.

    Parameters
    ----------
    raw : bytes
        Reply of ``/api/v1/bullet-public``.
    stream : str
        Root of the venue's websockets: only hosts beside it are trusted.

    Raises
    ------
    VenueError
        If the venue refuses.
    FrameError
        If the reply is not what it should be, or names a host of somebody else.
    """
    answer = decode_reply(_TOKEN, "bullet-public", raw)
    if not answer.servers:
        raise FrameError(VENUE, "bullet-public", "names no server", raw)
    endpoint = answer.servers[0].endpoint
    known, named = urlsplit(stream), urlsplit(endpoint)
    if named.scheme != known.scheme or not _is_beside(known.hostname or "", named.hostname or ""):
        raise FrameError(VENUE, "bullet-public", f"names a stranger, {endpoint}", raw)
    return f"{endpoint}?{urlencode({'token': answer.token})}"


def _is_beside(known: str, named: str) -> bool:
    """Return whether a host is the one that is known, or another of the same domain."""
    _, dot, domain = known.partition(".")
    has_domain = dot and "." in domain and not known.rpartition(".")[2].isdigit()
    return named == known or (bool(has_domain) and named.endswith(f".{domain}"))


def _refuse(limit: _RiskLimit, problem: str, raw: bytes) -> NoReturn:
    raise FrameError(VENUE, "risk-limit", f"{limit.symbol} up to {limit.cap:g}: {problem}", raw)
